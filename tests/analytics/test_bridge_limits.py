"""Limits of mass and height: which roads they belong to, who passes them, and who stays silent."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
import shapely

from analytics.rule import Rule
from analytics.truck_references import Bridge, TruckEntry
from tests.analytics.columns import rule, stations
from tests.analytics.truck_fixes import LAW
from tests.analytics.trucks_on_roads import (
    CORNER,
    HOUR,
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

NET = roads(
    *street("over", [(0, 0), (1000, 0)]),
    *street("on", [(1000, 0), (1500, 0)]),
    *street("under", [(500, -400), (500, 400)]),
    *street("beside", [(0, 60), (1000, 60)]),
    *street("weak", [(0, 900), (300, 900), (600, 900)], limit_t=10.0),
    *street("low", [(0, 1200), (400, 1200)], limit_h_m=3.5),
)


def outline(x: float, y: float, x2: float, y2: float) -> shapely.Polygon:
    return shapely.transform(shapely.box(x, y, x2, y2), lambda places: places + CORNER)


def bridge(limit_t: float | None = 20.0, limit_h_m: float | None = None, **more: Any) -> Bridge:
    """A bridge of 200 m that carries ``over`` across ``under``."""
    told: dict[str, Any] = {"code": "B1", "kind": "bridge", "name_zh": "一号桥", "version": "v"}
    shape = more.pop("shape", outline(400, -10, 600, 10))
    return Bridge(limit_t=limit_t, limit_h_m=limit_h_m, shape=shape, **(told | more))


def entry(height: float | None, **more: Any) -> dict[str, tuple[TruckEntry, ...]]:
    return {PLATE: (TruckEntry("T1", PLATE, height_m=height, **more),)}


def checked(*bridges: Bridge, network: Roads | None = NET, **parameters: Any) -> Rule:
    trucks = parameters.pop("trucks", {})
    known = city(network, stations(W1=0.05), bridges=bridges or (bridge(),), trucks=trucks)
    return rule("bridge_limits", {"default_error_share": 0.1, "law": LAW} | parameters, known)


def heavy(gross: float = 30_000, arc: str = "+over0", **more: Any) -> Truck:
    return Truck(NET, arc, **more).weigh("W1", gross, after_s=0.5).go(mps=10, every=30)


def test_what_it_says() -> None:
    (event,) = found(checked(), gps(heavy()))
    assert event.subject == PLATE
    # The middle lies 500 m from the start; fixes are 300 m apart.
    assert (event.start_ms, event.end_ms) == (START + 50_000, START + 60_000)
    measures = {m.name: m for m in event.evidence.measures}
    assert measures["gross_mass"].value == 30_000
    assert measures["gross_mass_less_error"].value == 28_571.4
    assert measures["gross_mass_less_error"].limit == 20_000
    assert [r["layer"] for r in event.evidence.references] == [
        "bridge_tunnel",
        "road",
        "wim_station",
        "",
    ]
    assert len(event.evidence.points) == 3 and event.evidence.points[-1].startswith("w")
    assert event.geometry.geom_type == "Point"
    assert "一号桥" in event.sentence.zh and "limit 20 t" in event.sentence.en
    assert "08:00:50" in event.sentence.en


@pytest.mark.parametrize(("gross", "events"), [(20_000, 0), (21_000, 0), (21_001, 1)])
def test_mass_less_the_error_of_the_instrument(gross: float, events: int) -> None:
    assert len(found(checked(), gps(heavy(gross)))) == events


@pytest.mark.parametrize(
    ("station", "error", "gross", "events"),
    [
        ("W1", 0.2, 23_900, 0),
        ("W1", 0.01, 21_001, 1),
        ("W9", np.nan, 21_900, 0),
        ("W9", 0.01, 21_900, 1),
    ],
)
def test_which_error_counts(station: str, error: float, gross: float, events: int) -> None:
    truck = Truck(NET, "+over0").weigh(station, gross, error, after_s=1).go(mps=10)
    assert len(found(checked(), gps(truck))) == events


def test_roads_across_and_beside_a_bridge_do_not_lead_over_it() -> None:
    for arc in ("+under0", "-under0", "+beside0"):
        assert found(checked(), gps(heavy(arc=arc))) == []
    assert len(found(checked(), gps(heavy(arc="-over0")))) == 1


@pytest.mark.parametrize(
    ("name", "ramp", "events"), [("一号桥", False, 1), ("over路", True, 1), ("一号桥", True, 0)]
)
def test_a_bridge_wider_than_long_is_its_only_road_s_or_its_namesake_s(
    name: str, ramp: bool, events: int
) -> None:
    wide = bridge(shape=outline(495, -20, 505, 20), name_zh=name)
    beside = street("ramp", [(500, 15), (900, 300)]) if ramp else []
    network = roads(*street("over", [(0, 0), (1000, 0)]), *beside)
    truck = Truck(network, "+over0").weigh("W1", 30_000, after_s=0.5).go(mps=10, every=30)
    assert len(found(checked(wide, network=network), gps(truck))) == events


def test_who_turns_before_the_middle_has_not_passed() -> None:
    truck = Truck(NET, "+over0").weigh("W1", 30_000, after_s=1).go(to=499, mps=10)
    assert found(checked(), gps(truck)) == []
    assert len(found(checked(), gps(truck.go(to=501, mps=10)))) == 1


def test_a_weighing_is_valid_for_hours_and_the_last_before_counts() -> None:
    def drive(wait_h: float, *more: float) -> list[Any]:
        truck = Truck(NET, "+over0").weigh("W1", 30_000)
        for gross in more:
            truck.stand(60).weigh("W1", gross)
        truck.stand(wait_h * 3600, every=600).go(mps=10)
        return found(checked(), gps(truck))

    assert len(drive(3.9)) == 1 and drive(4.1) == []
    assert drive(0.5, 15_000) == [] and len(drive(0.5, 15_000, 40_000)) == 1


def test_a_weighing_after_the_passing_does_not_count() -> None:
    truck = Truck(NET, "+over0").go(to=450, mps=10, every=45)
    truck.weigh("W1", 30_000, after_s=6).go(to=900, mps=10, every=45)
    assert found(checked(), gps(truck)) == []
    earlier = Truck(NET, "+over0").go(to=450, mps=10, every=45)
    earlier.weigh("W1", 30_000, after_s=4).go(to=900, mps=10, every=45)
    assert len(found(checked(), gps(earlier))) == 1


def test_unloaded_since() -> None:
    def drive(first: int, then: int) -> list[Any]:
        truck = Truck(NET, "+over0", load=first).weigh("W1", 30_000, after_s=0.5)
        truck.load = then
        return found(checked(), gps(truck.go(mps=10)))

    assert drive(3, 0) == [] and drive(1, 0) == []
    # A terminal that always says "empty" says nothing.
    assert len(drive(0, 0)) == 1 and len(drive(3, 3)) == 1 and len(drive(15, 0)) == 1


@pytest.mark.parametrize(("height", "events"), [(3.5, 0), (3.55, 0), (3.56, 1), (None, 0)])
def test_height_by_the_register(height: float | None, events: int) -> None:
    high = checked(bridge(None, 3.5), trucks=entry(height))
    assert len(found(high, gps(Truck(NET, "+over0").go(mps=10)))) == events


def test_the_register_of_that_day() -> None:
    old = entry(4.0, registered_to=date(2020, 6, 30))
    high = checked(bridge(None, 3.5), trucks=old)
    assert found(high, gps(Truck(NET, "+over0").go(mps=10))) == []


def test_too_heavy_and_too_high_are_one_event() -> None:
    (event,) = found(checked(bridge(20.0, 3.5), trucks=entry(4.0)), gps(heavy()))
    assert [m.name for m in event.evidence.measures][-1] == "height"
    assert len(event.evidence.measures) == 3
    assert "4 m high, limit 3.5 m" in event.sentence.en and "限高3.5米" in event.sentence.zh


def test_limits_of_roads_themselves_are_told_once_a_drive() -> None:
    truck = Truck(NET, "+weak0").weigh("W1", 12_000, after_s=1).go("+weak1", mps=10)
    (event,) = found(checked(), gps(truck))
    assert event.evidence.references[0]["id"] == "weak0" and "weak Road" in event.sentence.en
    (low,) = found(checked(trucks=entry(3.9)), gps(Truck(NET, "+low0").go(mps=10)))
    assert low.evidence.references[0]["id"] == "low0"


def test_a_limit_of_the_road_that_is_the_bridge_s_is_told_once() -> None:
    network = roads(*street("over", [(0, 0), (1000, 0)], limit_t=20.0))
    truck = Truck(network, "+over0").weigh("W1", 30_000, after_s=1).go(mps=10)
    assert len(found(checked(network=network), gps(truck))) == 1


def test_passing_again_later_is_told_again() -> None:
    truck = heavy().go("-over0", mps=10).stand(1200).go("+over0", mps=10)
    events = found(checked(), gps(truck))
    assert len(events) == 2 and len({e.id for e in events}) == 2
    assert events[1].start_ms - events[0].start_ms > HOUR / 6


def test_off_the_road_in_other_chains_or_after_silence_nothing_is_passed() -> None:
    off = heavy()
    for row in off.rows:
        row["off_m"] = 20.5
    assert found(checked(), gps(off)) == []
    broken = heavy()
    for k, row in enumerate(broken.rows):
        row["chain"] = k
    assert found(checked(), gps(broken)) == []
    assert found(checked(max_step_s=20), gps(heavy())) == []


def test_rows_of_no_use_do_no_harm() -> None:
    truck = heavy()
    assert found(checked(), gps(truck.rows[:1])) == [] and found(checked(), gps()) == []
    only = [row for row in truck.rows if row["kind"] == 1]
    assert found(checked(), gps(only)) == []
    strange = [row | {"via": (999,)} for row in truck.rows]
    assert found(checked(), gps(strange)) == []
    nothing = [row | ({"gross_kg": np.nan} if row["kind"] else {}) for row in truck.rows]
    assert found(checked(), gps(nothing)) == []


def test_without_roads_nothing_is_found() -> None:
    assert found(checked(network=None), gps(heavy())) == []
