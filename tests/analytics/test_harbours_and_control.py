"""Calls at other harbours than told, and entries that avoid control."""

from __future__ import annotations

from typing import Any

import pytest
import shapely

from analytics.references import MarineZone
from analytics.rule import Rule
from layers.crs import transformer
from tests.analytics.columns import CRS, NAMES, ais, references, rule, said, zone
from tests.analytics.vessels_at_sea import MINUTE, SEA, START, found, path

M = "412000001"


def box(kind: str, east: float, north: float, size: float = 2000, **more: Any) -> MarineZone:
    """A zone about a place in metres from `SEA`."""
    back = transformer(CRS, "EPSG:4326")
    corners = [
        back.transform(SEA[0] + east + dx, SEA[1] + north + dy)
        for dx, dy in ((-size, -size), (size, -size), (size, size), (-size, size))
    ]
    return zone(kind, shapely.Polygon(corners), **more)


HERE = box("port", 0, 0, zone_id="here")
THERE = box("port", 30_000, 0, zone_id="there")
HARBOURS = {
    "here": {"zones": ["here"], "said": ["(CN )?HERE", "BOTH"]},
    "there": {"zones": ["there"], "said": ["THERE", "BOTH"]},
}


def call(minutes: float, way: float = 60) -> list[dict[str, Any]]:
    coming = [(m, -180.0 * (way - m), 0.0) for m in range(0, int(way), 3)]
    return path(M, coming + [(way + m, m % 2 * 4.0, 0.0) for m in range(0, int(minutes) + 1, 5)])


def bound_for(destination: str, minute: float = 0) -> dict[str, Any]:
    return said(M, START + round(minute * MINUTE), "XIN HAI 1", 70, destination=destination)


def destinations(**parameters: Any) -> Rule:
    refs = references(marine_zones=(HERE, THERE))
    return rule("destination_mismatch", {"harbours": HARBOURS} | parameters, refs)


@pytest.mark.parametrize(
    ("destination", "events"),
    [("THERE", 1), ("there ", 1), ("HERE", 0), ("CN HERE", 0), ("BOTH", 0), ("BUSAN", 0), ("", 0)],
)
def test_a_call_at_another_harbour(destination: str, events: int) -> None:
    told = found(destinations(), ais(*call(120), bound_for(destination)))
    assert len(told) == events
    if told:
        assert told[0].evidence.references[0]["id"] == "here"
        assert told[0].start_ms >= START + 60 * MINUTE


def test_short_calls_departures_and_first_heard_in_port_are_silent() -> None:
    assert found(destinations(), ais(*call(55), bound_for("THERE"))) == []
    assert found(destinations(), ais(*call(120), bound_for("HERE"), bound_for("THERE", 70))) == []
    assert found(destinations(), ais(*call(120, way=3), bound_for("THERE"))) == []


GATE = box("control", -6000, 0, 1500)
INNER = box("controlled", 0, 0)


def entry(*points: tuple[float, float, float], name: str = "HUPUYU00358") -> list[dict[str, Any]]:
    return [*path(M, points), said(M, START, name, 30 if name.startswith("HU") else 70)]


def controls(**parameters: Any) -> Rule:
    refs = references(marine_zones=(GATE, INNER))
    return rule("control_avoidance", {"names": NAMES, "ship_types": [30]} | parameters, refs)


PAST = [(float(m), 0.0, 8000.0 - 200 * m) for m in range(0, 40, 2)]
BY_GATE = [(float(m), -8000.0 + 200 * m, 0.0) for m in range(0, 40, 2)]


def test_an_entry_past_the_gate_is_told_once_and_one_by_it_is_not() -> None:
    (event,) = found(controls(), ais(*entry(*PAST)))
    assert event.end_ms - event.start_ms == 6 * MINUTE
    assert {r["id"] for r in event.evidence.references} == {"z-control", "z-controlled"}
    assert found(controls(), ais(*entry(*BY_GATE))) == []


def test_control_long_ago_does_not_count() -> None:
    late = [(m if k < 8 else m + 25, x, y) for k, (m, x, y) in enumerate(BY_GATE)]
    assert found(controls(), ais(*entry(*late))) == []
    assert len(found(controls(window_s=600), ais(*entry(*late)))) == 1


def test_others_passers_and_who_is_first_heard_inside_are_silent() -> None:
    assert found(controls(), ais(*entry(*PAST, name="XIN HAI 1"))) == []
    wild = [(m, x, 8000.0 if k != 5 else 0.0) for k, (m, x, _) in enumerate(PAST)]
    assert found(controls(), ais(*entry(*wild))) == []
    assert found(controls(), ais(*entry(*((m, 0.0, 10 * m) for m in range(30))))) == []
