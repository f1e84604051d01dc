"""Rules on matched roads: any cut, with or without closing behind a watermark, gives the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.feeds import take
from analytics.hours import parse_hours
from analytics.references import WimStation
from analytics.rule import Columns, Rule
from analytics.truck_references import Bridge, MuckPermit, Site, TruckEntry
from tests.analytics.columns import cut_by_row, cut_by_time, rule, written
from tests.analytics.truck_fixes import LAW
from tests.analytics.trucks_on_roads import (
    CORNER,
    MINUTE,
    START,
    Roads,
    Truck,
    city,
    found,
    gps,
    roads,
)

SIDE, STEP_M = 4, 300.0
TRUCKS, LEGS = 6, 40
LOADS = (0, 1, 3, 15)


@lru_cache
def grid() -> Roads:
    """Streets of four crossings each, with limits and bans here and there."""
    rng = np.random.default_rng(7)
    rows = []
    for k in range(SIDE):
        for n in range(SIDE - 1):
            for name, a, b in (
                ("h", (n, k), (n + 1, k)),
                ("v", (k, n), (k, n + 1)),
            ):
                rows.append(
                    {
                        "id": f"{name}{k}-{n}",
                        "at": [tuple(STEP_M * v for v in a), tuple(STEP_M * v for v in b)],
                        "name_zh": f"{name}{k}路",
                        "speed_limit_kmh": float(rng.choice([40, 60, np.nan])),
                        "truck_ban": bool(rng.random() < 0.15),
                        "truck_ban_hours": str(rng.choice(["", "", "08:20-09:10,22:00-06:00"])),
                        "limit_t": float(rng.choice([np.nan, 10])),
                    }
                )
    return roads(*rows)


def driven(seed: int, number: int) -> Truck:
    """A truck that wanders about, stands, is weighed, and is lost now and then."""
    rng = np.random.default_rng([seed, number])
    net = grid()
    names = [
        f"{'-' if arc % 2 else '+'}{net.road_id[arc // 2]}" for arc in range(len(net.arc_road))
    ]
    truck = Truck(
        net,
        str(rng.choice(names)),
        plate=f"沪B0000{number}",
        minutes=float(rng.uniform(0, 20)),
        load=int(rng.choice(LOADS)),
    )
    for _ in range(LEGS):
        ahead = np.flatnonzero(net.arc_start == net.arc_end[truck.arc])
        straight = [arc for arc in ahead.tolist() if arc // 2 != truck.arc // 2]
        truck.off_m = float(rng.choice([3, 3, 3, 30]))
        truck.go(
            names[int(rng.choice(straight))],
            mps=float(rng.uniform(5, 25)),
            every=float(rng.choice([5, 30, 50])),
            to=float(rng.uniform(50, STEP_M)),
        )
        what = rng.random()
        if what < 0.2:
            truck.stand(float(rng.choice([30, 400])))
        elif what < 0.3:
            truck.weigh(str(rng.choice(["W1", "W2"])), float(rng.uniform(5e3, 4e4)), after_s=0.5)
        elif what < 0.35:
            truck.part()
        elif what < 0.5:
            truck.load = int(rng.choice(LOADS))
    for row in truck.rows:
        if rng.random() < 0.02:
            row.update(arc=-1, along_m=np.nan, via=())
    return truck


@lru_cache
def feed(seed: int) -> Columns:
    return gps(*(driven(seed, number) for number in range(TRUCKS)))


@lru_cache
def refs() -> Any:
    trucks = {
        f"沪B0000{k}": (TruckEntry(f"T{k}", f"沪B0000{k}", height_m=3.0 + k / 5),)
        for k in range(TRUCKS)
    }
    outline = shapely.buffer(grid().line[4], 10, cap_style="square")
    bridge = Bridge("B1", "bridge", "桥", 15.0, 3.5, outline, "v")
    here, there = (
        shapely.box(*(np.tile(CORNER, 2) + box))
        for box in ((-50.0, -50.0, 350.0, 350.0), (550.0, 550.0, 950.0, 950.0))
    )
    permits = {
        f"沪B0000{k}": (
            MuckPermit(
                f"P{k}", f"沪B0000{k}", grid().line[3 * k], there, "S1",
                parse_hours("08:10-08:40"), "08:10-08:40", None, None, "v",
            ),
        )
        for k in range(0, TRUCKS, 2)
    }  # fmt: skip
    sites = (Site("construction_site", "S1", "", here, None, None, "v"),)
    return city(grid(), stood(), trucks=trucks, bridges=(bridge,), permits=permits, sites=sites)


def stood() -> dict[str, WimStation]:
    """Stations in the middle of streets."""
    net, places = grid(), {"W1": "h1-1", "W2": "v2-1", "W3": "v1-1", "W4": "h0-1", "W5": "v3-1"}
    lines = {road: net.line[net.road_id.tolist().index(road)] for road in places.values()}
    return {
        name: WimStation(name, 0.05, line=lines[road].centroid, road_id=road)
        for name, road in places.items()
    }


BYPASS = {"approach_m": 1000, "return_m": 1000, "min_extra_m": 0, "record_s": 60, "max_stop_s": 900}
MUCK = {"min_outside_m": 200, "grace_s": 60, "max_off_m": 40}
BRIDGES = {"default_error_share": 0.1, "law": LAW}
RULES: dict[str, Callable[[], Rule]] = {
    "speeding": lambda: rule("speeding", {"min_duration_s": 30, "law": LAW}, refs()),
    "bridge_limits": lambda: rule(
        "bridge_limits", {"default_error_share": 0.1, "law": LAW}, refs()
    ),
    "weigh_station_bypass": lambda: rule("weigh_station_bypass", BYPASS | {"law": LAW}, refs()),
    "muck_route_departure": lambda: rule("muck_route_departure", MUCK | {"law": LAW}, refs()),
    "banned_road": lambda: rule("banned_road", {"min_inside_m": 120, "law": LAW}, refs()),
}


@pytest.mark.parametrize("kind", RULES)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    seed=st.integers(0, 7),
    cuts=st.lists(st.floats(0, 60), max_size=6),
    by_time=st.booleans(),
    closing=st.booleans(),
)
def test_any_cut_gives_the_same_bytes(
    kind: str, seed: int, cuts: list[float], by_time: bool, closing: bool
) -> None:
    whole = written(sorted(found(RULES[kind](), feed(seed)), key=lambda e: e.id))
    marks: list[int | None] = []
    if by_time:
        edges = sorted({START + round(cut * MINUTE) for cut in cuts})
        batches = cut_by_time(feed(seed), edges)
        marks = [*edges] if closing else []
    else:
        batches = cut_by_row(feed(seed), [round(cut * 100) for cut in cuts])
    events = found(RULES[kind](), *batches, watermarks=marks)
    assert written(sorted(events, key=lambda e: e.id)) == whole


@pytest.mark.parametrize("kind", RULES)
def test_there_is_something_to_find_and_a_replay_adds_nothing(kind: str) -> None:
    told = [found(RULES[kind](), feed(seed)) for seed in range(8)]
    assert sum(len(events) for events in told) >= 5
    for seed, events in enumerate(told):
        assert len({event.id for event in events}) == len(events)
        assert written(found(RULES[kind](), feed(seed))) == written(events)


@pytest.mark.parametrize("kind", RULES)
def test_without_roads_or_rows_nothing_is_found(kind: str) -> None:
    nothing = take(feed(0), slice(0, 0))
    assert found(RULES[kind](), nothing) == [] and found(RULES[kind](), {}) == []
    declared = RULES[kind]().declaration
    assert found(rule(kind, declared.parameters, city(None)), feed(0)) == []
