"""Going round a weigh station: what makes it one, and every reason to stay silent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely

from analytics.detect import run_step
from analytics.references import WimStation
from analytics.road_walks import Walks
from analytics.rule import Rule
from tests.analytics.columns import rule
from tests.analytics.truck_fixes import CITED, LAW
from tests.analytics.trucks_on_roads import (
    CORNER,
    MINUTE,
    PLATE,
    SECOND,
    START,
    Roads,
    Truck,
    city,
    found,
    gps,
    roads,
    street,
)

# The main road leads east; the station stands at 2250 m. Side roads lead south to a way round.
NET = roads(
    *street("main", [(0, 0), (1000, 0), (2000, 0), (2500, 0), (3500, 0), (4500, 0)]),
    *street("exit", [(2000, 0), (2000, -300)]),
    *street("round", [(2000, -300), (3500, -300)]),
    *street("back", [(3500, -300), (3500, 0)]),
    *street("early", [(1000, 0), (1000, -300), (2000, -300)]),
    *street("short", [(2000, 0), (2500, 0)]),
)
DETOUR = ("+exit0", "+round0", "+back0", "+main4")


def station(direction: str = "both", **more: Any) -> dict[str, WimStation]:
    line = shapely.transform(shapely.LineString([(2250, -9), (2250, 9)]), lambda p: p + CORNER)
    told: dict[str, Any] = {"road_id": "main2", "line": line, "direction": direction}
    return {"W1": WimStation("W1", 0.05, **(told | more))}


def checked(network: Roads | None = NET, **parameters: Any) -> Rule:
    known = city(network, parameters.pop("stations", station()))
    return rule("weigh_station_bypass", {"law": LAW} | parameters, known)


def detour(*more: str, every: float = 30, **changes: Any) -> Truck:
    truck = Truck(NET, "+main0", **changes)
    return truck.go("+main1", *DETOUR, *more, mps=10, every=every)


def test_what_it_says() -> None:
    (event,) = found(checked(), gps(detour()))
    # 2000 m to the turn; 300 + 1500 + 300 m round instead of 1500 m past the station.
    assert event.start_ms == START + 200 * SECOND and event.subject == PLATE
    measures = {m.name: m.value for m in event.evidence.measures}
    assert measures["extra_way"] == 600 and measures["way_taken"] == 2100
    assert measures["way_past_the_station"] == 1500 and measures["duration"] == 210
    assert [r["id"] for r in event.evidence.references] == ["W1", "main2", CITED]
    assert len(event.evidence.points) == 3
    assert "main Road" in event.sentence.en and "2,100 m" in event.sentence.en
    assert "W1" in event.sentence.zh and "600米" in event.sentence.zh


def test_past_the_station_weighed_or_not_is_no_bypass() -> None:
    for truck in (
        Truck(NET, "+main0").go("+main1", "+main2", "+main3", "+main4", mps=10),
        Truck(NET, "+main0").go("+main1", "+main2", mps=10).weigh("W1", 1e4).go("+main3", mps=10),
    ):
        assert found(checked(), gps(truck)) == []


@pytest.mark.parametrize(
    ("when", "station_id", "events"),
    [(-16, "W1", 1), (-14, "W1", 0), (2, "W1", 0), (14, "W1", 0), (16, "W1", 1), (2, "W2", 1)],
)
def test_a_weighing_there_around_that_time_silences_it(
    when: float, station_id: str, events: int
) -> None:
    # It leaves at 200 s and is back at 410 s.
    truck = detour()
    base = 200 if when < 5 else 410
    record = Truck(NET, "+main0").weigh(station_id, 2e4, after_s=base + when * 60).rows[-1]
    assert len(found(checked(), gps([*truck.rows, record]))) == events


def test_it_waits_for_late_records() -> None:
    rows = gps(detour())
    events, state = run_step(checked(), None, rows, START + (410 + 900) * SECOND)
    assert events == []
    later, _ = run_step(checked(), state, {}, START + (410 + 901) * SECOND)
    assert len(later) == 1
    record = Truck(NET, "+main0").weigh("W1", 2e4, after_s=410 + 600)
    events, _ = run_step(checked(), state, gps(record.rows[1:]), START + 2000 * SECOND)
    assert events == []


def test_a_delivery_on_the_way_is_none() -> None:
    def call(seconds: float, every: float = 60) -> int:
        truck = Truck(NET, "+main0").go("+main1", "+exit0", mps=10)
        truck.stand(seconds, every=every).go("+round0", "+back0", "+main4", mps=10)
        return len(found(checked(), gps(truck)))

    assert call(300) == 1 and call(900) == 0
    # A silence may hide one.
    assert call(599, every=1e6) == 1 and call(660, every=1e6) == 0


def test_a_delivery_off_all_roads_is_none() -> None:
    truck = Truck(NET, "+main0").go("+main1", "+exit0", mps=10).stand(900)
    for row in truck.rows:
        if row["still_since"] < row["t"]:
            row.update(arc=-1, along_m=np.nan)
    truck.go("+round0", "+back0", "+main4", mps=10)
    assert found(checked(max_stop_s=890), gps(truck)) == []


def test_who_does_not_come_back_or_comes_back_before_the_station() -> None:
    away = Truck(NET, "+main0").go("+main1", "+exit0", "+round0", mps=10).stand(300)
    assert found(checked(), gps(away)) == []
    before = Truck(NET, "+main0").go("+early0", "+early1", "-exit0", "+main2", "+main3", mps=10)
    assert found(checked(), gps(before)) == []


def test_coming_back_before_and_then_going_round_counts_from_there() -> None:
    truck = Truck(NET, "+main0").go("+main1", "+exit0", "-early1", "-early0", "+main1", mps=10)
    (event,) = found(checked(), gps(truck.go(*DETOUR, mps=10)))
    assert {m.name: m.value for m in event.evidence.measures}["way_taken"] == 2100


def test_a_way_that_is_no_longer_is_an_equal_choice() -> None:
    other = Truck(NET, "+main0").go("+main1", "+short0", "+main3", mps=10, every=20)
    assert found(checked(), gps(other)) == []
    assert len(found(checked(min_extra_m=0), gps(other))) == 1
    assert found(checked(min_extra_m=601), gps(detour())) == []
    assert len(found(checked(min_extra_m=600), gps(detour()))) == 1


def test_only_directions_that_the_station_weighs() -> None:
    assert len(found(checked(stations=station("forward")), gps(detour()))) == 1
    assert found(checked(stations=station("backward")), gps(detour())) == []
    west = Truck(NET, "-main4").go("-back0", "-round0", "-exit0", "-main1", mps=10)
    assert len(found(checked(stations=station("backward")), gps(west))) == 1
    assert found(checked(stations=station("forward")), gps(west)) == []


def test_near_enough_and_soon_enough() -> None:
    # It leaves 250 m before the station and is back 1250 m behind it.
    assert found(checked(approach_m=249), gps(detour())) == []
    assert len(found(checked(approach_m=250), gps(detour()))) == 1
    assert found(checked(return_m=1249), gps(detour())) == []
    assert len(found(checked(return_m=1250), gps(detour()))) == 1
    assert found(checked(max_detour_s=209), gps(detour())) == []


def test_ways_between_fixes_only_are_no_proof() -> None:
    # All of the way round between two fixes, or no fix on the road before or behind.
    assert found(checked(), gps(detour(every=1000))) == []
    joined = Truck(NET, "-early0", 200).go("+main1", "+exit0", "+round0", mps=10, every=1000)
    joined.go("+back0", "+main4", mps=10)
    assert found(checked(), gps(joined)) == []


def test_broken_chains_and_fixes_off_the_road_are_not_followed() -> None:
    broken = Truck(NET, "+main0").go("+main1", "+exit0", mps=10)
    broken.part()
    assert found(checked(), gps(broken.go("+round0", "+back0", "+main4", mps=10))) == []
    off = detour()
    for row in off.rows:
        row["off_m"] = 21.0
    assert found(checked(), gps(off)) == []


def test_a_way_back_past_the_station_far_from_the_road_counts_as_one() -> None:
    truck = Truck(NET, "+main0").go("+main1", "+exit0", mps=10)
    truck.off_m = 30.0
    truck.go("-exit0", "+main2", "+main3", mps=10)
    truck.off_m = 3.0
    truck.go("-back0", "+back0", "+main4", mps=10)
    assert found(checked(), gps(truck)) == []


def test_the_same_again_later_is_told_again() -> None:
    truck = detour().stand(1200)
    truck.go("-main4", "-main3", "-main2", "-main1", "+main1", *DETOUR, mps=10)
    events = found(checked(), gps(truck))
    assert len(events) == 2 and len({e.id for e in events}) == 2
    assert events[1].start_ms - events[0].start_ms > 20 * MINUTE


def test_stations_without_place_and_cities_without_roads() -> None:
    assert found(checked(stations=station(line=None)), gps(detour())) == []
    assert found(checked(stations=station(road_id="gone")), gps(detour())) == []
    assert found(checked(stations={}), gps(detour())) == []
    assert found(checked(None), gps(detour())) == []


def test_rows_of_no_use_do_no_harm() -> None:
    truck = detour()
    assert found(checked(), gps(truck.rows[:1])) == [] and found(checked(), gps()) == []
    assert found(checked(), gps([row | {"via": (999,)} for row in truck.rows])) == []
    aside = [row | {"aside": 1} for row in truck.rows]
    assert found(checked(), gps(aside)) == []


def test_walks_follow_the_name_else_the_class_and_the_straightest() -> None:
    network = roads(
        *street("a", [(0, 0), (500, 0), (500, 500)]),
        *street("", [(500, 0), (1000, 50)], name_zh="", name_en=""),
        {"id": "x", "at": [(1000, 50), (1500, 60)]},
        {"id": "y", "at": [(1000, 50), (1400, 400)]},
        {"id": "z", "at": [(1500, 60), (1500, 500)]},
        {"id": "w", "at": [(1500, 60), (2000, 60)], "road_class": "expressway"},
    )
    walks = Walks(network, 45)

    def names(stretch: Any) -> list[str]:
        return [str(network.road_id[arc // 2]) for arc in stretch.arcs]

    assert names(walks.downstream(network.arc("+a0"), 100, 5000)) == ["a1"]
    assert names(walks.downstream(network.arc("+0"), 0, 5000)) == ["x"]
    back = walks.upstream(network.arc("+x"), 100, 5000)
    assert names(back) == ["0", "a0"]
    assert back.far_m[0] == 100 and back.far_m[1] == pytest.approx(602.5, abs=0.1)
    assert names(walks.upstream(network.arc("+x"), 100, 99)) == []
