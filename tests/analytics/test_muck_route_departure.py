"""Muck trucks: routes, hours, loads, and what stays silent."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
import shapely

from analytics.event import Event
from analytics.hours import parse_hours
from analytics.rule import Rule
from analytics.truck_references import MuckPermit, Site
from tests.analytics.columns import rule
from tests.analytics.truck_fixes import CITED, LAW
from tests.analytics.trucks_on_roads import (
    CORNER,
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

EMPTY, HALF, FULL, UNKNOWN = 0, 1, 3, 15
# The route leads east; a way round leads over the north, a road runs beside, another far south.
NET = roads(
    *street("route", [(0, 0), (600, 0), (1200, 0), (1800, 0)]),
    *street("up", [(600, 0), (600, 400)]),
    *street("north", [(600, 400), (1200, 400)]),
    *street("down", [(1200, 400), (1200, 0)]),
    *street("beside", [(0, 40), (1800, 40)]),
    *street("cut", [(600, 0), (900, 90), (1200, 0)]),
    *street("south", [(0, -900), (9000, -900)]),
)
AROUND = ("+up0", "+north0", "+down0")


def area(x: float, y: float, x2: float, y2: float) -> shapely.Polygon:
    return shapely.transform(shapely.box(x, y, x2, y2), lambda places: places + CORNER)


def permit(**changes: Any) -> MuckPermit:
    line = shapely.transform(shapely.LineString([(0, 0), (1800, 0)]), lambda p: p + CORNER)
    hours = changes.pop("hours", "")
    told: dict[str, Any] = {
        "permit_id": "P1",
        "plate": PLATE,
        "route": line,
        "dump": area(1700, -100, 1900, 100),
        "site_id": "S1",
        "permitted_from": date(2020, 6, 1),
        "permitted_to": date(2020, 7, 31),
        "version": "v",
    }
    return MuckPermit(hours=parse_hours(hours), hours_text=hours, **(told | changes))


SITE = Site("construction_site", "S1", "工地", area(-100, -100, 100, 100), None, None, "v")


def checked(*permits: MuckPermit, network: Roads | None = NET, **parameters: Any) -> Rule:
    own = permits or (permit(),)
    known = city(network, permits={PLATE: own}, sites=(SITE,))
    return rule("muck_route_departure", {"law": LAW} | parameters, known)


def told(truck: Truck, *permits: MuckPermit, **parameters: Any) -> list[Event]:
    return found(checked(*permits, **parameters), gps(truck))


def away(load: int = FULL, every: float = 10, **more: Any) -> Truck:
    return Truck(NET, "+route0", load=load, **more).go(*AROUND, "+route2", mps=10, every=every)


def test_what_it_says_of_a_route() -> None:
    (event,) = told(away())
    assert (event.subject, event.apart) == (PLATE, "route")
    # Fixes every 100 m; the first more than 50 m from the line is 100 m up the side road.
    assert event.start_ms == START + 70_000 and event.end_ms == START + 100_000
    measures = {m.name: m for m in event.evidence.measures}
    assert measures["length_outside"].value == 300 and measures["length_outside"].limit == 300
    assert measures["distance_from_route"].value == 400
    assert measures["distance_from_route"].margin == 350
    assert [r["id"] for r in event.evidence.references] == ["P1", "up0", CITED]
    assert event.evidence.quality["load_told"] is True and event.confidence == 0.75
    assert "P1" in event.sentence.zh and "400 m" in event.sentence.en
    assert len(event.evidence.points) == 4


def test_on_the_route_beside_it_or_within_the_corridor() -> None:
    on = Truck(NET, "+route0", load=FULL).go("+route1", "+route2", mps=10)
    assert told(on) == []
    beside = Truck(NET, "+beside0", load=FULL).go(mps=10)
    assert told(beside) == [] and len(told(beside, corridor_m=39)) == 1
    # A fix that lies far off says nothing where its road lies within the corridor.
    for row in beside.rows:
        row["y"] += 60
    assert told(beside) == []


@pytest.mark.parametrize(("load", "events"), [(EMPTY, 0), (HALF, 1), (FULL, 1), (UNKNOWN, 1)])
def test_only_loaded_trucks(load: int, events: int) -> None:
    assert len(told(away(load))) == events


def test_an_unknown_load_follows_from_site_and_dump() -> None:
    (event,) = told(away(UNKNOWN))
    assert event.confidence == 0.5 and event.evidence.quality["load_told"] is False
    assert "did not say" in event.evidence.doubts[0].en
    # Not from the site, or from the dump on its way back.
    assert told(Truck(NET, "+route0", 150, load=UNKNOWN).go(*AROUND, mps=10, every=10)) == []
    back = Truck(NET, "+route0", load=UNKNOWN).go("+route1", "+route2", "-route2", mps=10)
    assert told(back.go("-down0", "-north0", "-up0", mps=10, every=10)) == []
    # Fixes in the site count though no road was found for them.
    truck = Truck(NET, "+route0", load=UNKNOWN)
    truck.rows[0].update(arc=-1, along_m=np.nan)
    assert len(told(truck.go(*AROUND, mps=10, every=10))) == 1


def test_what_the_terminal_says_goes_before_what_is_inferred() -> None:
    truck = Truck(NET, "+route0", load=UNKNOWN).go(to=300, mps=10)
    truck.load = EMPTY
    assert told(truck.go(*AROUND, mps=10, every=10)) == []


def test_a_short_cut_is_silent() -> None:
    # 626 m of road, of which fixes more than 50 m away span about 200 m.
    short = Truck(NET, "+route0", load=FULL).go("+cut0", "+cut1", mps=10, every=5)
    assert told(short) == [] and len(told(short, min_outside_m=100)) == 1


def test_one_wild_fix_is_silent() -> None:
    truck = Truck(NET, "+route0", load=FULL).go("+route1", "+route2", mps=10, every=60)
    truck.rows[1].update(arc=NET.arc("+north0"), y=truck.rows[1]["y"] + 400)
    assert told(truck) == []


def test_only_permits_in_force_that_day_and_any_of_them_is_enough() -> None:
    over = permit(permitted_to=date(2020, 6, 30))
    assert told(away(), over) == []
    north = shapely.LineString([(600, 0), (600, 400), (1200, 400), (1200, 0)])
    other = permit(permit_id="P2", route=shapely.transform(north, lambda p: p + CORNER), site_id="")
    assert told(away(), permit(), other) == []
    assert len(told(away(), permit(), permit(permit_id="P3"))) == 1
    assert found(checked(), gps(away(plate="沪B1"))) == []


def test_site_and_dump_are_never_outside() -> None:
    wide = permit(dump=area(500, 100, 1300, 500))
    assert told(away(), wide) == []


def test_a_run_is_told_once_and_ends_on_the_route() -> None:
    long = Truck(NET, "+south0", load=FULL).go(mps=10, every=10)
    assert len(told(long)) == 1
    twice = away().go("-route2", "-down0", "-north0", "-up0", mps=10, every=10)
    events = told(twice)
    assert len(events) == 2 and len({e.id for e in events}) == 2


def test_broken_chains_fixes_off_the_road_and_silences_begin_anew() -> None:
    broken = away()
    for k, row in enumerate(broken.rows):
        row["chain"] = k // 3
    assert told(broken) == []
    off = away()
    for row in off.rows:
        row["off_m"] = 20.5
    assert told(off) == []
    assert told(away(), max_step_s=9) == []


def late(minutes: float, seconds: float, **more: Any) -> Truck:
    truck = Truck(NET, "+route0", minutes=minutes, load=more.get("load", FULL))
    for _ in range(20):
        truck.go("-route0", mps=10, every=30)
        truck.go("+route0", mps=10, every=30)
        if (truck.t - START) / 1000 - minutes * 60 >= seconds:
            break
    return truck


@pytest.mark.parametrize(
    ("hours", "events"),
    [("", 0), ("20:00-06:00", 1), ("07:00-09:00", 0), ("20:00-06:00,08:00-08:30", 0),
     ("20:00-08:05", 0), ("20:00-08:03", 1)],
)  # fmt: skip
def test_driving_outside_of_the_hours(hours: str, events: int) -> None:
    # From 08:00 to 08:15.
    assert len(told(late(0, 900), permit(hours=hours))) == events


def test_what_it_says_of_hours() -> None:
    (event,) = told(late(0, 720), permit(hours="20:00-06:00"))
    assert (event.apart, event.start_ms) == ("hours", START)
    (measure,) = event.evidence.measures
    assert measure.name == "driving_outside_hours" and measure.value == 630
    assert measure.limit == 600 and event.end_ms == START + 630_000
    assert "20:00-06:00" in event.sentence.zh and "10 min 30 s" in event.sentence.en


def test_hours_do_not_matter_to_an_empty_truck_or_to_one_that_stands() -> None:
    night = permit(hours="20:00-06:00")
    assert told(late(0, 720, load=EMPTY), night) == []
    parked = Truck(NET, "+route0", load=FULL).go(mps=10).stand(3600).go("+route1", mps=10)
    assert told(parked, night) == []


def test_route_and_hours_are_two_events() -> None:
    truck = Truck(NET, "+south0", load=FULL).go(mps=10, every=10)
    events = told(truck, permit(hours="20:00-06:00"))
    assert sorted(e.apart for e in events) == ["hours", "route"]
    assert len({e.id for e in events}) == 2 and len({e.start_ms for e in events}) == 1


def test_rows_of_no_use_do_no_harm() -> None:
    truck = away()
    assert found(checked(), gps(truck.rows[:1])) == [] and found(checked(), gps()) == []
    lost = [row | {"x": np.nan, "y": np.nan} for row in truck.rows]
    assert found(checked(), gps(lost)) == []
    unmatched = [row | {"arc": -1} for row in truck.rows]
    assert found(checked(), gps(unmatched)) == []
    aside = [row | {"aside": 1} for row in truck.rows]
    assert found(checked(), gps(aside)) == []
    unknown = [row | {"route_m": np.nan} for row in truck.rows]
    assert found(checked(), gps(unknown)) == []


def test_without_roads_permits_or_outlines() -> None:
    assert found(checked(network=None), gps(away())) == []
    assert found(rule("muck_route_departure", {"law": LAW}, city(NET)), gps(away())) == []
    assert len(told(away(), permit(dump=None, site_id=""))) == 1
