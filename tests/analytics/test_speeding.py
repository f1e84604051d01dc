"""Speeding: two clocks, limits of the roads passed, and what stays silent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from analytics.rule import Rule
from analytics.truck_references import TruckEntry
from tests.analytics.columns import rule
from tests.analytics.truck_fixes import CITED, LAW
from tests.analytics.trucks_on_roads import (
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

NET = roads(
    *street("slow", [(0, 0), (500, 0), (1000, 0), (1500, 0)], speed_limit_kmh=60),
    *street("fast", [(0, 200), (1000, 200), (2000, 200)], speed_limit_kmh=80),
    *street("link", [(1500, 0), (2000, 200)], speed_limit_kmh=60),
    *street("open", [(2000, 200), (3000, 200)]),
)  # fmt: skip


def checked(network: Roads | None = NET, **parameters: Any) -> Rule:
    return rule("speeding", {"law": LAW} | parameters, city(network))


def drive(kmh: float, *, told: float | None = None, every: float = 30) -> Truck:
    reported = None if told is None else told / 3.6
    return Truck(NET, "+slow0").go("+slow1", "+slow2", mps=kmh / 3.6, told=reported, every=every)


# The first fix is of a truck that stands: the run begins at the second.
@pytest.mark.parametrize(("kmh", "events"), [(60, 0), (63, 0), (66, 0), (66.1, 1), (90, 1)])
def test_more_than_the_limit_and_its_tolerance(kmh: float, events: int) -> None:
    assert len(found(checked(), gps(drive(kmh)))) == events


def test_what_it_says() -> None:
    (event,) = found(checked(), gps(drive(90)))
    assert (event.subject, event.start_ms) == (PLATE, START + 30 * SECOND)
    assert event.end_ms == START + 60 * SECOND
    measures = {m.name: m for m in event.evidence.measures}
    assert measures["reported_speed"].value == measures["route_speed"].value == 25
    assert measures["reported_speed"].limit == 16.667 and measures["share_over_limit"].value == 50
    assert [r["id"] for r in event.evidence.references] == ["slow1", CITED]
    assert event.evidence.quality["worst_gap_s"] == 30 and len(event.evidence.points) == 2
    assert PLATE in event.sentence.zh and "90.0 km/h" in event.sentence.en
    assert "slow Road" in event.sentence.en and "slow路" in event.sentence.zh


def test_the_register_of_that_day_is_cited() -> None:
    trucks = {PLATE: (TruckEntry("T1", PLATE, firm_name="运输公司"),)}
    (event,) = found(rule("speeding", {"law": LAW}, city(NET, trucks=trucks)), gps(drive(90)))
    assert event.evidence.references[-2]["firm_name"] == "运输公司"


def test_one_clock_alone_is_silent() -> None:
    assert found(checked(), gps(drive(55, told=90))) == []
    assert found(checked(), gps(drive(90, told=55))) == []
    assert found(checked(), gps(drive(90, told=float("nan")))) == []


def test_one_spike_of_reported_speed_is_silent() -> None:
    truck = drive(60, every=10)
    truck.rows[4]["sog_mps"] = 40.0
    assert found(checked(), gps(truck)) == []


def test_the_highest_limit_of_all_roads_passed_counts() -> None:
    # From the slow road by the link to the faster one between two fixes, at 75 km/h.
    def through(**limits: float) -> list[Any]:
        network = roads(
            *street("a", [(0, 0), (600, 0)], speed_limit_kmh=60),
            *street("b", [(600, 0), (800, 0)], speed_limit_kmh=limits.get("between", 60)),
            *street("c", [(800, 0), (1400, 0)], speed_limit_kmh=limits.get("end", 60)),
        )
        truck = Truck(network, "+a0").go(to=400, mps=75 / 3.6, every=10)
        truck.go("+b0", "+c0", to=300, mps=75 / 3.6, every=1000)
        events = found(checked(network), gps(truck.rows[-2:]))
        return [r["id"] for e in events for r in e.evidence.references if r["layer"]]

    assert through() == ["a0"]
    assert through(between=80) == []
    assert through(end=80) == []
    assert through(between=float("nan")) == []


def test_fast_on_the_fast_road_beside_the_slow_one_is_silent() -> None:
    truck = Truck(NET, "+fast0").go("+fast1", mps=80 / 3.6)
    assert found(checked(), gps(truck)) == []


def test_without_a_known_limit_nothing_is_judged() -> None:
    assert found(checked(), gps(Truck(NET, "+open0").go(mps=40))) == []


def test_a_run_is_told_once_and_another_run_again() -> None:
    truck = Truck(NET, "+slow0")
    truck.go("+slow1", "+slow2", mps=25, every=10)
    truck.go("-slow2", "-slow1", mps=12, every=10).go("-slow0", mps=20, every=5)
    events = found(checked(), gps(truck))
    assert len(events) == 2 and len({e.id for e in events}) == 2


def test_it_must_last() -> None:
    short = Truck(NET, "+slow0").go(to=150, mps=25, every=3).go(to=500, mps=10, every=3)
    assert found(checked(min_duration_s=5), gps(short)) == []
    assert len(found(checked(min_duration_s=2), gps(short))) == 1


def test_off_the_road_after_a_silence_or_in_another_chain_is_not_judged() -> None:
    off = drive(90)
    for row in off.rows:
        row["off_m"] = 21.0
    assert found(checked(), gps(off)) == []
    assert found(checked(max_step_s=20), gps(drive(90))) == []
    apart = drive(90)
    for k, row in enumerate(apart.rows):
        row["chain"] = k
    assert found(checked(), gps(apart)) == []


def test_rows_that_are_no_use_do_no_harm() -> None:
    truck = drive(90, every=5)
    for changes in ({"arc": -1}, {"along_m": float("nan")}, {"arc": 10_000}, {"aside": 1}):
        rows = [dict(row) for row in truck.rows]
        rows[1].update(changes)
        assert len(found(checked(), gps(rows))) == 1
    strange = [row | {"via": (10_000,)} for row in truck.rows]
    assert found(checked(), gps(strange)) == []
    unknown = [row | {"route_m": float("nan")} for row in truck.rows]
    assert found(checked(), gps(unknown)) == []
    assert found(checked(), gps([truck.rows[0]])) == []
    assert found(checked(), gps()) == []


def test_without_roads_nothing_is_found() -> None:
    assert found(checked(None), gps(drive(90))) == []


def test_the_worst_step_before_completion_is_told() -> None:
    truck = Truck(NET, "+slow0").go(to=100, mps=10, every=10)
    truck.go(to=400, mps=20, every=5).go("+slow1", to=200, mps=30, every=5)
    (event,) = found(checked(), gps(truck))
    measures = {m.name: m.value for m in event.evidence.measures}
    assert measures["route_speed"] == pytest.approx(30) and np.isclose(measures["duration"], 20)


def recorded(kmh: float, *speeds: float) -> Truck:
    """A truck at a speed whose recorder tells others, the last one ever after; NaN for none."""
    truck = drive(kmh)
    for number, one in enumerate(truck.rows):
        one["recorder_mps"] = speeds[min(number, len(speeds) - 1)] / 3.6
    return truck


def test_a_recorder_is_the_second_clock_where_there_is_one() -> None:
    assert found(checked(), gps(recorded(90, 60))) == []
    (event,) = found(checked(), gps(recorded(90, 81)))
    measures = {m.name: m for m in event.evidence.measures}
    assert measures["recorder_speed"].value == 22.5 and "route_speed" not in measures
    assert "81.0 km/h by its driving recorder" in event.sentence.en
    assert "行驶记录仪车速81.0" in event.sentence.zh


@pytest.mark.parametrize("nothing", [0.0, np.nan])
def test_a_recorder_that_tells_nothing_is_no_clock(nothing: float) -> None:
    for truck in (recorded(90, nothing), recorded(90, 90, nothing, 90)):
        (event,) = found(checked(), gps(truck))
        assert event.evidence.measures[1].name == "route_speed"
