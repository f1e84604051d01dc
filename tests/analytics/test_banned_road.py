"""Closed roads: what is driven on them, when, and what stays silent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely

from analytics.calendar import local_time
from analytics.hours import parse_hours, time_within
from analytics.rule import Rule
from tests.analytics.columns import at, rule
from tests.analytics.truck_fixes import CITED, LAW
from tests.analytics.trucks_on_roads import (
    PLATE,
    START,
    Roads,
    Truck,
    city,
    found,
    gps,
    roads,
    street,
)

# Roads before, closed, after, crossing and beside it. The drives begin at 08:00.
NET = roads(
    *street("in", [(-600, 0), (0, 0)]),
    *street("shut", [(0, 0), (150, 0), (600, 0)], truck_ban=True),
    *street("out", [(600, 0), (1200, 0)]),
    *street("cross", [(150, -600), (150, 0), (150, 600)]),
    *street("beside", [(0, 30), (600, 30)]),
    *street("am", [(0, 900), (600, 900), (1200, 900)], truck_ban_hours="08:01-09:00,16:00-19:00"),
    *street("bad", [(0, 1200), (600, 1200)], truck_ban_hours="in the morning"),
    *street("short", [(1200, 0), (1350, 0)], truck_ban=True),
    *street("far", [(1350, 0), (2000, 0)]),
)


def checked(network: Roads | None = NET, **parameters: Any) -> Rule:
    return rule("banned_road", {"law": LAW} | parameters, city(network))


def count(truck: Truck, **parameters: Any) -> int:
    return len(found(checked(**parameters), gps(truck)))


def test_what_it_says() -> None:
    truck = Truck(NET, "+in0").go("+shut0", "+shut1", "+out0", mps=10, every=15)
    (event,) = found(checked(), gps(truck))
    assert event.subject == PLATE
    # The road begins 600 m from the start; the fix at 900 m completes 200 m.
    assert (event.start_ms, event.end_ms) == (START + 60_000, START + 90_000)
    (measure,) = event.evidence.measures
    assert (measure.value, measure.limit, measure.margin) == (300, 200, 100)
    assert [r["id"] for r in event.evidence.references] == ["shut0", "shut1", CITED]
    assert "shut Road (at all hours)" in event.sentence.en and "shut路（全天）" in event.sentence.zh
    assert "08:01:00" in event.sentence.en
    x, _ = event.geometry.xy
    assert event.geometry.geom_type == "LineString" and x[-1] > x[0]


def test_the_way_between_two_fixes_counts() -> None:
    truck = Truck(NET, "+in0").go("+shut0", "+shut1", "+out0", mps=10, every=100)
    (event,) = found(checked(), gps(truck))
    assert event.evidence.measures[0].value == 400
    assert event.start_ms == START + 60_000


def test_a_way_that_no_fix_confirms_is_silent() -> None:
    truck = Truck(NET, "+in0").go("+shut0", "+shut1", "+out0", mps=10, every=1000)
    assert len(truck.rows) == 2
    assert count(truck) == 0


def test_a_shorter_way_and_a_crossing_are_silent() -> None:
    turned = Truck(NET, "+in0").go("+shut0", "+cross1", mps=10, every=5)
    assert count(turned) == 0 and count(turned, min_inside_m=150) == 1
    assert count(turned, min_inside_m=150.1) == 0
    assert count(Truck(NET, "+cross0").go("+cross1", mps=10, every=5)) == 0
    assert count(Truck(NET, "+beside0").go(mps=10)) == 0


def test_lengths_on_either_side_of_an_open_road_are_two() -> None:
    truck = Truck(NET, "+shut0").go("-shut0", "-in0", mps=10, every=5)
    assert count(truck) == 1
    apart = Truck(NET, "+shut1", 300).go("+out0", "+short0", mps=10, every=1000)
    assert count(apart) == 0 and count(apart, min_inside_m=140) == 2


@pytest.mark.parametrize(
    ("minutes", "events"),
    [(-2, 0), (-0.5, 1), (5, 1), (58, 1), (60, 0), (8 * 60, 1), (11 * 60, 0)],
)
def test_only_within_the_hours(minutes: float, events: int) -> None:
    truck = Truck(NET, "+am0", minutes=minutes).go("+am1", mps=10, every=20)
    assert count(truck) == events


def test_only_the_part_within_the_hours_counts_and_begins_it() -> None:
    truck = Truck(NET, "+am0").go(to=500, mps=10, every=1000).go("+am1", mps=10, every=30)
    (event,) = found(checked(), gps(truck))
    # 08:00 to 08:02 at 10 m/s; the ban begins at 08:01, 600 m from the start.
    assert local_time(event.start_ms, "Asia/Shanghai").endswith("08:01:00")
    assert event.evidence.measures[0].value == 200
    assert "am Road (08:01-09:00,16:00-19:00)" in event.sentence.en


def test_standing_on_the_road_until_the_hours_begin_and_driving_on() -> None:
    truck = Truck(NET, "+am0").go(to=100, mps=10, every=5).stand(120).go(to=250, mps=10, every=5)
    assert count(truck) == 0 and count(truck, min_inside_m=100) == 1


def test_a_passage_is_told_once() -> None:
    truck = Truck(NET, "+shut0").go("+shut1", "-shut1", "-shut0", mps=10, every=5).stand(300)
    assert count(truck.go("+shut0", "+shut1", mps=10, every=5)) == 1


def test_another_passage_is_told_again() -> None:
    truck = Truck(NET, "+shut0").go("+shut1", "+out0", "-out0", "-shut1", mps=10, every=5)
    events = found(checked(), gps(truck))
    assert len(events) == 2 and len({e.id for e in events}) == 2


def test_off_the_road_in_other_chains_or_after_silence_nothing_counts() -> None:
    def drive() -> Truck:
        return Truck(NET, "+shut1").go(mps=10, every=10)

    off = drive()
    for row in off.rows:
        row["off_m"] = 20.5
    assert count(off) == 0
    broken = drive()
    for k, row in enumerate(broken.rows):
        row["chain"] = k // 2
    assert count(broken) == 0
    assert count(drive(), max_step_s=9) == 0 and count(drive()) == 1


def test_rows_of_no_use_do_no_harm() -> None:
    truck = Truck(NET, "+shut1").go(mps=10, every=5)
    for changes in ({"arc": -1}, {"along_m": np.nan}, {"aside": 1}, {"arc": 999}):
        rows = [dict(row) for row in truck.rows]
        rows[3].update(changes)
        assert len(found(checked(), gps(rows))) == 1
    assert found(checked(), gps([row | {"via": (999,)} for row in truck.rows])) == []
    assert found(checked(), gps(truck.rows[:1])) == []
    assert found(checked(), gps()) == []


def test_hours_that_cannot_be_read_close_nothing_and_no_roads_are_no_ban() -> None:
    assert count(Truck(NET, "+bad0").go(mps=10)) == 0
    assert found(checked(None), gps(Truck(NET, "+shut0").go("+shut1"))) == []


def test_time_within_hours() -> None:
    hours = parse_hours("22:00-06:00,12:00-12:30")

    def held(start: str, end: str) -> tuple[int, int]:
        first, last = (np.array([at(f"2020-07-0{t}+08:00")]) for t in (start, end))
        inside, begins = time_within(first, last, hours, "Asia/Shanghai")
        return int(inside[0]) // 60_000, int(begins[0] - first[0]) // 60_000

    assert held("1T11:50:00", "1T12:10:00") == (10, 10)
    assert held("1T12:10:00", "1T12:50:00") == (20, 0)
    assert held("1T21:00:00", "2T07:00:00") == (480, 60)
    assert held("1T23:00:00", "3T12:10:00") == (420 + 30 + 480 + 10, 0)
    assert held("1T08:00:00", "1T11:00:00") == (0, 180)
    nothing = np.zeros(0, np.int64)
    assert [len(part) for part in time_within(nothing, nothing, hours, "Asia/Shanghai")] == [0, 0]


def test_turning_round_before_a_junction_counts_what_was_driven() -> None:
    """Matched ways turn at junctions: 150 m of street, of which 97 were driven, and back."""
    truck = Truck(NET, "+in0").go("+shut0", to=97, mps=10, every=15)
    truck.go("-shut0", "-in0", mps=10, every=60)
    assert count(truck, min_inside_m=195) == 0
    (event,) = found(checked(min_inside_m=190), gps(truck))
    assert event.evidence.measures[0].value == 194
    assert shapely.length(event.geometry) > 0


def test_a_street_gone_into_between_two_fixes_counts_nothing_of_it() -> None:
    truck = Truck(NET, "+in0", 590)
    truck.go("+shut0", "+shut1", "-shut1", "-shut0", "-in0", mps=10, every=1000)
    assert count(truck, min_inside_m=1) == 0
