"""Each kind of mistake in a city folder is named with its file, its line and its field."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from layers.city import City
from layers.errors import DeclarationError

RULE = """\
id: closed
title: {en: Closed, zh: 封闭}
version: "1"
event_type: SEA-2
departments: [harbour_master]
in_force_from: 2020-01-01
parameters: {minutes: 5}
"""


@dataclass(frozen=True)
class Mistake:
    """An edit of one file and what the message must say.

    ``at`` is a text that stands in the line that the message must name; None means line 0.
    """

    file: str
    old: str
    new: str
    at: str | None
    field: str
    reason: str


def mistake(file: str, old: str, new: str, at: str | None, field: str, reason: str) -> Mistake:
    return Mistake(file, old, new, at, field, reason)


CITY, UNITS, EVENTS, SOURCES = "city.yaml", "jurisdictions.yaml", "event_types.yaml", "sources.yaml"
MARK, CAMERA, SHOP, RULES = (
    "layers/navigation_mark.yaml",
    "layers/camera.yaml",
    "layers/shopfront.yaml",
    "rules/closed.yaml",
)
HEIGHT = "{name: height_m, type: number, "
KIND = "{name: kind, type: string, "
OUTLINE = "content/outline.geojson"

MISTAKES = {
    # what a file may hold
    "unknown key": mistake(CITY, "zone:", "climate: mild\nzone:", "climate", "climate", "no such"),
    "missing key": mistake(
        MARK, "id_field: mark_id\n", "", "id: nav", "id_field", "required, but not given"
    ),
    "nested key unknown": mistake(
        MARK, "max_age_days: 365", "max_age: 365", "quality", "quality.max_age", "no such field"
    ),
    "missing translation": mistake(
        UNITS, "en: Old Harbour, ", "", "旧港", "jurisdictions.1.title.en", "not given"
    ),
    "wrong type": mistake(
        CITY, "[-75.35, -42.80, -74.85, -42.40]", "wide", "wide", "bounds", "tuple"
    ),
    "text where a number belongs": mistake(
        MARK, "minimum: 0", "minimum: low", "low", "properties.2.minimum", "found 'low'"
    ),
    "code without quotes": mistake(
        EVENTS, "code: ROAD-1", "code: 0101", "0101", "event_types.2.code", "write it in quotes"
    ),
    "row that is no mapping": mistake(
        EVENTS, "event_types:\n", "event_types:\n  - 5\n", "- 5", "event_types.0", "a mapping"
    ),
    "table that is no list": mistake(
        SOURCES, "sources:\n", "sources: {}\nx:\n", "x:", "x", "expected 'sources' only"
    ),
    "key misspelt in a table": mistake(
        SOURCES, "sources:\n", "source:\n", "source:", "source", "expected 'sources' only"
    ),
    "duplicate key": mistake(
        CITY, "id: tiny", "id: tiny\nid: big", "big", "", "'id' is given twice"
    ),
    "key that is a list": mistake(
        CITY, "id: tiny", "id: tiny\n? [a]\n: b", "? [a]", "", "plain word"
    ),
    "alias": mistake(
        CITY, "id: tiny", "id: &a tiny\nzone: *a", "*a", "", "aliases are not allowed"
    ),
    "alias bomb": mistake(
        CITY,
        "id: tiny",
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nid: tiny",
        "b: &b",
        "",
        "aliases are not allowed",
    ),
    "tab for indentation": mistake(
        CITY, "  en: An invented", "\ten: An invented", "An invented city", "", "not valid YAML"
    ),
    "control character": mistake(
        CITY, "id: tiny", "id: ti\x07ny", "id: ti", "", "0x7 is not allowed"
    ),
    "python object": mistake(
        CITY, "id: tiny", "id: !!python/name:os.system", "os.system", "", "not valid YAML"
    ),
    "two documents": mistake(CITY, "id: tiny", "id: tiny\n---\na: 1", "---", "", "not valid YAML"),
    "open bracket": mistake(CITY, "bounds: [", "bounds: [[", "outline", "", "not valid YAML"),
    "number of thousands of digits": mistake(
        CITY, "bounds: [-75.35", f"bounds: [{'9' * 5000}", "bounds", "", "not valid YAML"
    ),
    # city.yaml
    "id in capitals": mistake(CITY, "id: tiny", "id: Tiny", "Tiny", "id", "match pattern"),
    "wrong zone": mistake(CITY, "America/Santiago", "Mars/Olympus", "Olympus", "zone", "IANA"),
    "zone that is a path": mistake(CITY, "America/Santiago", "../zone", "../zone", "zone", "IANA"),
    "unknown system": mistake(
        CITY, "32718\nb", "99999\nb", "99999", "crs", "not a reference system"
    ),
    "system in degrees": mistake(CITY, "32718\nb", "4326\nb", "4326", "crs", "projected"),
    "system in feet": mistake(CITY, "32718\nb", "2263\nb", "2263", "crs", "in metres"),
    "bounds with lat first": mistake(
        CITY, "[-75.35, -42.80, -74.85, -42.40]", "[-42.8, -75.35, -42.4, -95]", "-95", "bounds",
        "lon"
    ),
    "bounds not finite": mistake(CITY, "-42.80,", ".nan,", ".nan", "bounds.1", "finite number"),
    "domain twice": mistake(
        CITY, "{id: town, title", "{id: harbour, title", "{en: Town, ", "domains.1", "'harbour' is"
    ),
    "file outside": mistake(CITY, OUTLINE, "../city.yaml", "../city", "outline", "leaves the city"),
    "file from the root": mistake(
        CITY, "content/marine_zone.geojson", "/etc/hosts", "hosts", "contents.0.file", "leaves the"
    ),
    "file that isn't there": mistake(
        CITY, OUTLINE, "shore.json", "shore", "outline", "there is no"
    ),
    "content of no layer": mistake(
        CITY, "layer: marine_zone", "layer: reef", "reef", "contents.0.layer", "no layer 'reef'"
    ),
    # jurisdictions.yaml
    "parent not declared": mistake(
        UNITS, "Sands, zh: 南沙}, level: town, kind: quarter, parent: PS", "Sands, zh: 南沙}, "
        "level: town, parent: PT", "PT", "jurisdictions.3.parent", "'PT' is not declared"
    ),
    "parent of the same level": mistake(
        UNITS, "Sands, zh: 南沙}, level: town, kind: quarter, parent: PS", "Sands, zh: 南沙}, "
        "level: town, parent: PS-OH", "PS-SS", "jurisdictions.3.parent", "can't lie in"
    ),
    "code outside of its parent's": mistake(
        UNITS, "PS-SS", "QS-SS", "QS-SS", "jurisdictions.3.code", "start with its parent's 'PS'"
    ),
    "code twice": mistake(UNITS, "PS-SS", "PS-LP", "South", "jurisdictions.3", "given twice"),
    "unknown level": mistake(
        UNITS, "level: district", "level: realm", "realm", "jurisdictions.0.level", "'district'"
    ),
    "centre with lat first": mistake(
        UNITS, "[-75.085, -42.622]", "[31.2, 121.5]", "121.5", "jurisdictions.3.centre", "swapped"
    ),
    "centre far away": mistake(
        UNITS, "[-75.085, -42.622]", "[10, 50]", "[10, 50]", "jurisdictions.3.centre", "outside"
    ),
    # event_types.yaml and sources.yaml
    "no time to handle": mistake(
        EVENTS, "handle_hours: 24", "handle_hours: 0", "hours: 0", "event_types.2.handle_hours",
        "than 0"
    ),
    "unknown feed": mistake(SOURCES, "feed: wim", "feed: fax", "fax", "sources.2.feed", "'ais'"),
    "unknown datum": mistake(
        SOURCES, "feed: wim", "feed: wim, crs: XY-99", "XY-99", "sources.2.crs", "GCJ-02"
    ),
    "source in no zone": mistake(
        SOURCES, "feed: ais, zone: UTC", "feed: ais, zone: UTX", "UTX", "sources.0.zone", "IANA"
    ),
    "source of nobody": mistake(
        SOURCES, "owner: police", "owner: pirate", "pirate", "sources.3.owner", "no department"
    ),
    # layers
    "id unlike the file's name": mistake(
        MARK, "id: navigation_mark", "id: buoy", "buoy", "id", "file is named 'navigation_mark'"
    ),
    "unknown domain": mistake(
        MARK, "domain: harbour", "domain: moon", "moon", "domain", "no domain"
    ),
    "unknown owner": mistake(
        MARK, "owner: harb", "owner: wharb", "wharb", "owner", "no department"
    ),
    "unknown geometry": mistake(
        MARK, "geometry: Point", "geometry: Dot", "Dot", "geometry", "'Point'"
    ),
    "unknown kind": mistake(MARK, "kind: thing", "kind: ghost", "ghost", "kind", "'person'"),
    "cell too fine": mistake(MARK, "resolution: 11", "resolution: 16", "16", "h3_resolution", "15"),
    "cell without place": mistake(
        MARK, "geometry: Point", "geometry: None", "id: n", "", "h3_resol"
    ),
    "place without cell": mistake(MARK, "h3_resolution: 11\n", "", "id: n", "", "needed there"),
    "id that is no property": mistake(
        MARK, "id_field: mark_id", "id_field: nr", "id: n", "", "'nr' is not a property"
    ),
    "id that may be missing": mistake(
        MARK, "required: true, title: {en: Mark id", "title: {en: Mark id",
        "id_field", "id_field", "isn't required",
    ),
    "id of fractions": mistake(
        MARK, "name: mark_id, type: string", "name: mark_id, type: number", "id: n", "",
        "neither string"
    ),
    "time that is no time": mistake(
        MARK, "time_field: checked_on", "time_field: lit", "id: n", "", "neither date nor datetime"
    ),
    "property twice": mistake(MARK, "name: lit,", "name: kind,", "id: n", "", "given twice: kind"),
    "reserved name": mistake(
        MARK, "name: lit,", "name: h3,", "name: h3", "properties.3", "every layer"
    ),
    "name with a quote": mistake(
        MARK, "name: lit,", "name: 'a\"b',", "a\"b", "properties.3.name", "match pattern"
    ),
    "unknown type": mistake(
        MARK, "type: boolean", "type: maybe", "maybe", "properties.3.type", "'str"
    ),
    "pattern on a number": mistake(
        MARK, HEIGHT, HEIGHT + "pattern: x, ", "pattern: x", "properties.2",
        "pattern is for strings"
    ),
    "pattern that is none": mistake(
        MARK, KIND, KIND + "pattern: '(', ", "'('", "properties.1", "no regular expression"
    ),
    "bounds on a text": mistake(
        MARK, KIND, KIND + "maximum: 9, ", "maximum: 9", "properties.1", "are for numbers"
    ),
    "bounds crossed": mistake(
        MARK, "minimum: 0", "minimum: 200", "minimum: 200", "properties.2", "above maximum 100"
    ),
    "bound that is no number": mistake(
        MARK, "minimum: 0", "minimum: .nan", ".nan", "properties.2.minimum", "finite number"
    ),
    "allowed value of another type": mistake(
        MARK, "[buoy,", "[1,", "[1,", "properties.1", "value 1 is not a string"
    ),
    "allowed values of a switch": mistake(
        MARK, "type: boolean", "type: boolean, values: [1]", "[1]", "properties.3",
        "texts and numbers"
    ),
    "no value allowed": mistake(
        MARK, "[buoy, beacon, lighthouse]", "[]", "[]", "properties.1", "no value would be allowed"
    ),
    "colour by name": mistake(MARK, '"#2a9d8f"', "teal", "teal", "style.colour", "match pattern"),
    "colour by a missing property": mistake(
        MARK, "size_px: 5", "size_px: 5, by: mood", "id: n", "", "'mood' is not a property"
    ),
    "colour of a value by name": mistake(
        MARK, "size_px: 5", "by: kind, colours: {buoy: red}", "red", "style.colours", "'buoy'"
    ),
    # rules
    "unknown event type": mistake(RULES, "SEA-2", "SEA-9", "SEA-9", "event_type", "no event type"),
    "rule of nobody": mistake(RULES, "[harb", "[wharb", "wharb", "departments.0", "no department"),
    "rule id unlike the file's": mistake(
        RULES, "id: closed", "id: shut", "shut", "id", "file is named"
    ),
    "unknown severity": mistake(
        RULES, 'version: "1"', 'version: "1"\nseverity: dire', "dire", "severity", "'minor'"
    ),
    "version without quotes": mistake(
        RULES, 'version: "1"', "version: 1.10", "1.10", "version", "write it in quotes"
    ),
    "dates crossed": mistake(
        RULES, "in_force_from: 2020-01-01", "in_force_from: 2020-01-01\nin_force_to: 2019-01-01",
        "id: closed", "", "is after in_force_to"
    ),
    "no date": mistake(
        RULES, "2020-01-01", "2020-02-30", "2020-02-30", "in_force_from", "valid date"
    ),
}  # fmt: skip


@pytest.fixture
def folder(tiny_copy: Path) -> Path:
    """A city that may be spoilt, with one rule."""
    (tiny_copy / "rules" / "closed.yaml").write_text(RULE, encoding="utf-8")
    return tiny_copy


def test_the_city_before_any_mistake_is_read(folder: Path) -> None:
    assert City(folder).rules["closed"].kind == "closed"


@pytest.mark.parametrize("case", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named_with_file_line_and_field(folder: Path, case: Mistake) -> None:
    path = folder / case.file
    before = path.read_text(encoding="utf-8")
    assert case.old in before, "the test looks for a text that the file doesn't have"
    after = before.replace(case.old, case.new, 1)
    path.write_text(after, encoding="utf-8")
    lines = [n for n, line in enumerate(after.splitlines(), 1) if case.at and case.at in line]
    with pytest.raises(DeclarationError) as caught:
        City(folder)
    error = caught.value
    assert error.file == path
    assert error.line == (lines[0] if lines else 0)
    assert error.field == case.field
    assert case.reason in error.reason
    assert str(error).startswith(f"{path}:{error.line}: {case.field or '(file)'}: ")
    assert len(error.reason) < 600
