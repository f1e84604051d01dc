"""Dumping: load before and after a stop, permitted places, and trucks that tell no load."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import shapely

from analytics.event import Event
from analytics.feeds import EMPTY, FULL, HALF, UNKNOWN_LOAD
from analytics.truck_references import Haulage
from tests.analytics.columns import at, references, rule
from tests.analytics.truck_fixes import (
    LAW,
    PLATE,
    START,
    TOWN,
    Row,
    box,
    drive,
    found,
    gps,
    permit,
    row,
    site,
    stand,
    truck,
)

PARAMETERS: dict[str, Any] = {
    "min_stop_s": 300, "max_stop_s": 3600, "site_tolerance_m": 50, "off_road_m": 30, "law": LAW,
}  # fmt: skip
# The truck drives 9 km east from TOWN and stops there.
PLACE = 9000.0
FAR_SITE = site("S9", box(-5000, 0))


def haulage(*sites: Any, **more: Any) -> Haulage:
    trucks = {PLATE: (truck(use="muck"),)}
    return Haulage(**({"trucks": trucks, "sites": sites or (FAR_SITE,)} | more))


def told(known: Haulage, *rows: Row, **changes: Any) -> list[Event]:
    checked = rule("dump_stop", PARAMETERS | changes, references(haulage=known))
    return found(checked, gps(*rows))


def trip(before: int, after: int, stop_s: float = 600, north: float = 0, **more: Any) -> list[Row]:
    """Drive to the place, stop, drive on."""
    end = 630 + stop_s
    return [
        *drive(PLATE, 0, 570, load=before),
        *stand(PLATE, 600, 600 + stop_s, east=PLACE, north=north, load=before, **more),
        *drive(PLATE, end, end + 600, east=PLACE + 450, load=after),
    ]


def test_full_there_and_empty_back_is_told() -> None:
    (event,) = told(haulage(), *trip(FULL, EMPTY))
    assert (event.start_ms, event.end_ms) == (START + 600_000, START + 1_230_000)
    stop, far = event.evidence.measures
    assert (stop.name, stop.value, stop.limit, stop.margin) == ("stop", 600, 300, 300)
    assert (far.limit, far.value) == (50, pytest.approx(13_950))
    assert event.evidence.points == ("001-T1-570", "001-T1-900", "001-T1-1230")
    assert [r["layer"] for r in event.evidence.references] == [
        "truck_registry", "construction_site", "",
    ]  # fmt: skip
    quality = event.evidence.quality
    assert (quality["load_before"], quality["load_after"]) == ("full", "empty")
    assert quality["fixes_at_place"] == 11
    assert "came full and left empty" in event.sentence.en and "疑似偷倒渣土" in event.sentence.zh
    assert event.confidence == 0.8


@pytest.mark.parametrize(
    ("before", "after", "events"),
    [
        (FULL, EMPTY, 1), (HALF, EMPTY, 1), (FULL, FULL, 0), (EMPTY, EMPTY, 0), (EMPTY, FULL, 0),
        (FULL, HALF, 0), (FULL, UNKNOWN_LOAD, 0),
    ],
)  # fmt: skip
def test_only_a_load_that_is_left_behind_is_told(before: int, after: int, events: int) -> None:
    assert len(told(haulage(), *trip(before, after))) == events


@pytest.mark.parametrize(("stop_s", "events"), [(240, 0), (300, 1), (5 * 3600, 1)])
def test_five_minutes(stop_s: float, events: int) -> None:
    assert len(told(haulage(), *trip(FULL, EMPTY, stop_s))) == events


@pytest.mark.parametrize(("half", "events"), [(50, 1), (250, 0)])
def test_sites_and_a_tolerance(half: float, events: int) -> None:
    # The edge of a site is 50 m beyond its box's.
    near = box(PLACE, 299, half)
    for layer in ("construction_site", "dump_site"):
        assert len(told(haulage(site("S1", near, layer=layer)), *trip(FULL, EMPTY))) == events
    permits = {PLATE: (permit(dump=near),)}
    assert len(told(haulage(permits=permits), *trip(FULL, EMPTY))) == events


def test_sites_of_that_day_of_the_city() -> None:
    over = site("S1", box(PLACE, 0), end=date(2020, 6, 30))
    assert len(told(haulage(over), *trip(FULL, EMPTY))) == 0, "no place is permitted that day"
    assert len(told(haulage(over, FAR_SITE), *trip(FULL, EMPTY))) == 1
    # 23:58 to 00:08: what is permitted on one of both days counts.
    shift = (at("2020-07-01T23:48:00+08:00") - START) / 1000
    late = [r | {"t": r["t"] + round(shift * 1000)} for r in trip(FULL, EMPTY)]
    begins = site("S1", box(PLACE, 0), start=date(2020, 7, 2))
    assert told(haulage(begins, FAR_SITE), *late) == []
    later = site("S1", box(PLACE, 0), start=date(2020, 7, 3))
    assert len(told(haulage(later, FAR_SITE), *late)) == 1


def test_the_site_that_a_permit_names_counts_while_the_permit_does() -> None:
    closed = site("S1", box(PLACE, 0), end=date(2020, 6, 1))
    own = {PLATE: (permit(site_id="S1"),)}
    assert told(haulage(closed, FAR_SITE, permits=own), *trip(FULL, EMPTY)) == []
    ended = {PLATE: (permit(site_id="S1", permitted_to=date(2020, 6, 30)),)}
    (event,) = told(haulage(closed, FAR_SITE, permits=ended), *trip(FULL, EMPTY))
    assert event.evidence.quality["permits"] == 0


def test_permits_are_cited() -> None:
    own = {PLATE: (permit(dump=box(-9000, 0), site_id="S9"),)}
    (event,) = told(haulage(permits=own), *trip(FULL, EMPTY))
    assert [r["id"] for r in event.evidence.references][1:3] == ["P1", "S9"]
    nothing_else = haulage(trucks={}, sites=(), permits=own)
    (event,) = told(nothing_else, *trip(FULL, EMPTY))
    assert [r["id"] for r in event.evidence.references] == ["P1", "the law, art. 62"]
    assert event.evidence.measures[1].value == pytest.approx(17_950)


def test_only_muck_trucks() -> None:
    assert told(haulage(trucks={PLATE: (truck(use="general"),)}), *trip(FULL, EMPTY)) == []
    assert told(haulage(trucks={}), *trip(FULL, EMPTY)) == []
    over = truck(use="muck", registered_to=date(2020, 6, 30))
    assert told(haulage(trucks={PLATE: (over,)}), *trip(FULL, EMPTY)) == []


def test_without_any_permitted_place_nothing_is_said() -> None:
    trucks = {PLATE: (truck(use="muck"),)}
    assert told(Haulage(trucks=trucks), *trip(FULL, EMPTY)) == []


def test_a_load_told_too_long_ago_says_nothing() -> None:
    before = drive(PLATE, -9000, -30, mps=3, load=UNKNOWN_LOAD, east=-27_000)
    rows = [row(PLATE, -9030, -27_090, load=FULL), *before, *trip(UNKNOWN_LOAD, EMPTY)]
    assert told(haulage(), *rows) == []
    assert len(told(haulage(), *rows, load_valid_s=20_000)) == 1


def test_the_load_may_be_told_some_time_after() -> None:
    rows = trip(FULL, UNKNOWN_LOAD)
    later = drive(PLATE, 2000, 2300, east=30_000, load=EMPTY)
    (event,) = told(haulage(), *rows, *later)
    assert event.end_ms == START + 2_000_000
    assert told(haulage(), *rows, *drive(PLATE, 4900, 5200, east=30_000, load=EMPTY)) == []
    # At another stop in between it may have been left just as well.
    second = stand(PLATE, 1900, 2500, east=25_000, load=UNKNOWN_LOAD)
    empty = drive(PLATE, 2600, 2900, east=30_000, load=EMPTY)
    assert told(haulage(), *rows, *second, *empty) == []
    # With the load told in between it is sure.
    third = [r | {"load": FULL} for r in second]
    (event,) = told(haulage(), *rows, *third, *empty)
    assert event.start_ms == START + 1_900_000


def test_two_stops_are_judged_apart() -> None:
    again = [r | {"t": r["t"] + 3_600_000, "pid": r["pid"] + "b"} for r in trip(FULL, EMPTY)]
    assert len(told(haulage(), *trip(FULL, EMPTY), *again)) == 2


def roads(north: float) -> Any:
    """A road that passes the place so far to the north."""
    y = TOWN[1] + north
    line = shapely.LineString([(TOWN[0] - 20_000, y), (TOWN[0] + 40_000, y)])
    return SimpleNamespace(line=np.array([line], object))


@pytest.mark.parametrize(
    ("off_m", "stop_s", "events"),
    [(31, 600, 1), (30, 600, 1), (29, 600, 0), (200, 240, 0), (200, 3600, 1), (200, 3660, 0)],
)
def test_without_a_load_a_stop_off_every_road_is_told(
    off_m: float, stop_s: float, events: int
) -> None:
    known = haulage(roads=roads(off_m))
    rows = trip(UNKNOWN_LOAD, UNKNOWN_LOAD, stop_s)
    told_of = told(known, *rows)
    assert len(told_of) == events
    for event in told_of:
        assert event.confidence == 0.4 and "not told" in event.sentence.en
        assert event.evidence.measures[2].limit == 30
        assert len(event.evidence.doubts) == 3


def test_without_a_load_and_without_roads_nothing_is_said() -> None:
    assert told(haulage(), *trip(UNKNOWN_LOAD, UNKNOWN_LOAD)) == []
    assert told(haulage(roads=roads(200)), *trip(UNKNOWN_LOAD, FULL)) == []


def test_garbage_is_harmless() -> None:
    assert told(haulage(), row(PLATE, 0, 0)) == []
    assert told(haulage(), *stand(PLATE, 0, 9000, load=FULL)) == []
    assert len(told(haulage(), *trip(FULL, EMPTY, sog_mps=np.nan, acc=255))) == 1
    wild = [row(PLATE, s, 500_000, aside=1, load=FULL) for s in range(605, 1200, 60)]
    assert len(told(haulage(), *trip(FULL, EMPTY), *wild)) == 1
    twice = [r | {"pid": r["pid"] + "b"} for r in trip(FULL, EMPTY)]
    assert len(told(haulage(), *trip(FULL, EMPTY), *twice)) == 1
    assert told(haulage(), *trip(FULL, EMPTY, north=np.nan)) == []


def test_a_truck_that_was_silent_for_days_begins_anew() -> None:
    arrived = [*drive(PLATE, 0, 570, load=FULL), row(PLATE, 600, PLACE, load=FULL)]
    later = 3 * 86_400
    left = [row(PLATE, later, PLACE, load=EMPTY), *drive(PLATE, later + 60, later + 600, east=PLACE
            + 900, load=EMPTY)]  # fmt: skip
    assert told(haulage(), *arrived, *left) == []
    assert len(told(haulage(), *arrived, *left, max_gap_s=4 * 86_400, load_valid_s=1e6)) == 1
