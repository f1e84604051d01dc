"""From declarations to rules: what there is, and what a mistake says."""

from __future__ import annotations

from pathlib import Path

import pytest

from analytics import registry
from analytics.references import References
from layers.city import City
from layers.errors import DeclarationError

RULES = [
    "closed_zone_fishing",
    "closed_zone_presence",
    "dark_gap",
    "encounter",
    "kinematic_spoof",
    "loitering",
    "multi_mmsi",
    "name_mmsi_mismatch",
    "overload",
    "shared_mmsi",
    "shopfront_encroachment",
    "unregistered_vessel",
]


@pytest.mark.parametrize("folder", ["pudong_folder", "tiny_folder"])
def test_all_rules_of_a_city_can_be_built_and_described(
    folder: str, request: pytest.FixtureRequest
) -> None:
    city = City(request.getfixturevalue(folder))
    registry.check(city)
    listed = registry.describe(city)
    assert {a.kind for a in listed} >= {*RULES}
    assert [a.id for a in listed] == sorted({*RULES, *(a.id for a in listed)})
    for algorithm in listed:
        assert algorithm.schema["properties"].keys() == algorithm.parameters.keys()
        assert algorithm.event_type in city.event_types
        assert algorithm.title.zh and algorithm.version and algorithm.feed


def test_every_threshold_of_the_demo_city_has_a_source(pudong_folder: Path) -> None:
    city = City(pudong_folder)
    for declared in city.rules.values():
        told = {key.split(".")[0] for key in declared.sources}
        assert set(declared.parameters) <= told, declared.id


def test_only_the_wanted_rules(tiny_folder: Path) -> None:
    city = City(tiny_folder)
    nothing = References(zone="UTC", crs=city.crs)
    assert [r.kind for r in registry.build(city, nothing, ["overload"])] == ["overload"]
    with pytest.raises(registry.UnknownRuleError, match="no rule 'x' is declared; declared are"):
        registry.build(city, nothing, ["x"])


BAD = """id: overload
kind: {kind}
title: {{en: a, zh: 甲}}
version: "1"
event_type: ROAD-1
enabled: {enabled}
parameters:
  default_error_share: {share}
  tables:
    - in_force_from: "2015-01-01"
      source: {{en: a, zh: 甲}}
      limits:
        - {{vehicle_kind: rigid, axles: {axles}, limit_kg: 16000}}
"""
GOOD = {"kind": "overload", "share": "0.05", "axles": "2", "enabled": "true"}


@pytest.mark.parametrize(
    ("change", "line", "field"),
    [
        ({"kind": "overlord"}, 2, "kind"),
        ({"share": "much"}, 8, "parameters.default_error_share"),
        ({"axles": "1"}, 13, "parameters.tables.0.limits.0.axles"),
    ],
)
def test_a_mistake_names_file_line_and_field(
    tiny_copy: Path, change: dict[str, str], line: int, field: str
) -> None:
    file = tiny_copy / "rules" / "overload.yaml"
    file.write_text(BAD.format(**{**GOOD, **change}), encoding="utf-8")
    city = City(tiny_copy)
    with pytest.raises(DeclarationError) as caught:
        registry.check(city)
    assert (caught.value.file, caught.value.line, caught.value.field) == (file, line, field)


def test_a_rule_that_is_off_runs_only_when_it_is_asked_for(tiny_copy: Path) -> None:
    file = tiny_copy / "rules" / "overload.yaml"
    file.write_text(BAD.format(**{**GOOD, "enabled": "false"}), encoding="utf-8")
    city = City(tiny_copy)
    nothing = References(zone="UTC", crs=city.crs)
    assert registry.build(city, nothing) == []
    assert len(registry.build(city, nothing, ["overload"])) == 1
