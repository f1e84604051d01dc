"""Rules on prepared rows: any cut, with or without closing behind a watermark, gives the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from analytics.reception import Learner
from analytics.rule import Columns, Rule
from tests.analytics.columns import (
    NAMES,
    PRESENCE,
    UNREGISTERED,
    ais,
    cut_by_row,
    cut_by_time,
    references,
    register,
    rule,
    said,
    written,
    zone,
)
from tests.analytics.vessels_at_sea import MINUTE, SEA, START, found, path, prepared

WATERS = shapely.box(122.2, 30.6, 122.7, 31.0)
ZONES = (zone("watch", WATERS), zone("fishing_ban", shapely.box(122.35, 30.7, 122.5, 30.9)))
SPOKEN = ["", "HUPUYU00358", "HU PU YU 00359", "XIN HAI 1", "HUPUYU00358-80%"]


def rows_of(seed: int) -> list[dict[str, Any]]:
    """Vessels that drift, meet, jump, go round, share numbers and call signs, and fall silent."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for number in range(8):
        mover = f"{412000000 + number}"
        n = 70
        t = rng.uniform(0, 100) + np.cumsum(
            rng.choice([0.5, 2, 5, 20, 80], n, p=[0.2, 0.3, 0.3, 0.15, 0.05])
        )
        pace = float(rng.choice([15, 40, 400]))
        east, north = (rng.uniform(-600, 600) + np.cumsum(rng.normal(0, pace, n)) for _ in range(2))
        if number % 4 == 1:
            east, north = 500 * np.cos(t / 3), 500 * np.sin(t / 3)
        if number % 4 == 2:
            east = east + np.where(np.arange(n) > 40, 30_000, 0)
        if number % 4 == 3:
            north = north + np.where(np.arange(n) % 2 == 0, 40_000, 0)
        rows += path(mover, zip(t.tolist(), east.tolist(), north.tolist(), strict=True))
        for when in rng.uniform(0, t[-1], 5).tolist():
            name, kind = str(rng.choice(SPOKEN)), int(rng.choice([0, 30, 70]))
            sign = str(rng.choice(["", "BX12", f"BX{number}3"]))
            rows.append(said(mover, START + round(when * MINUTE), name, kind, callsign=sign))
    return list({row["pid"]: row for row in rows}.values())


@lru_cache
def feed(seed: int) -> Columns:
    return ais(*rows_of(seed))


@lru_cache
def refs() -> Any:
    quick = [row for row in rows_of(99) if row.get("sog_mps", 0) == row.get("sog_mps", 0)]
    reception = Learner().learn([prepared(*quick)])
    land = shapely.box(SEA[0] - 300, SEA[1] - 300, SEA[0] + 300, SEA[1] + 300)
    return references(
        register=register("HUPUYU00359", "HUPUYU00358"),
        marine_zones=ZONES,
        reception=reception,
        land=land,
    )


RULES: dict[str, Callable[[], Rule]] = {
    "loitering": lambda: rule("loitering", {"min_duration_s": 3600, "min_extent_m": 100}, refs()),
    "encounter": lambda: rule("encounter", {"min_duration_s": 1200}, refs()),
    "dark_gap": lambda: rule("dark_gap", {"max_per_day": 100}, refs()),
    "shared_mmsi": lambda: rule("shared_mmsi", {"min_fixes": 2}, refs()),
    "multi_mmsi": lambda: rule("multi_mmsi", {}, refs()),
    "name_mmsi_mismatch": lambda: rule("name_mmsi_mismatch", {"names": NAMES}, refs()),
    "kinematic_spoof": lambda: rule(
        "kinematic_spoof",
        {
            "confirm_s": 60,
            "land_tolerance_m": 50,
            "circle_fixes": 8,
            "min_turns": 2,
            "max_spread": 0.5,
        },
        refs(),
    ),
    "closed_zone_fishing": lambda: rule(
        "closed_zone_fishing",
        {
            "names": NAMES,
            "ship_types": [30],
            "min_score": 0.05,
            "min_duration_s": 300,
            "min_fixes": 3,
        },
        refs(),
    ),
    "closed_zone_presence": lambda: rule("closed_zone_presence", PRESENCE, refs()),
    "unregistered_vessel": lambda: rule("unregistered_vessel", UNREGISTERED, refs()),
}


# Rules that compare vessels need batches that follow each other in time.
COMPARING = {"multi_mmsi"}


@pytest.mark.parametrize("kind", RULES)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    seed=st.integers(0, 15),
    cuts=st.lists(st.integers(0, 900), max_size=5),
    by_time=st.booleans(),
    closing=st.booleans(),
)
# Of what two that share a number were heard long ago, a watermark leaves nothing.
@example(seed=12, cuts=[369], by_time=True, closing=True)
def test_any_cut_gives_the_same_bytes(
    kind: str, seed: int, cuts: list[int], by_time: bool, closing: bool
) -> None:
    whole = written(sorted(found(RULES[kind](), feed(seed)), key=lambda e: e.id))
    if by_time or kind in COMPARING:
        newest = int(feed(seed)["t"].max())
        # Nothing tells that the feed was heard beyond its last row.
        edges = sorted({min(START + cut * MINUTE, newest) for cut in cuts})
        batches, marks = cut_by_time(feed(seed), edges), edges if closing else []
    else:
        batches, marks = cut_by_row(feed(seed), cuts), []
    events = found(RULES[kind](), *batches, watermarks=marks)
    assert written(sorted(events, key=lambda e: e.id)) == whole


@pytest.mark.parametrize("kind", RULES)
def test_there_is_something_to_find_and_a_replay_adds_nothing(kind: str) -> None:
    told = [found(RULES[kind](), feed(seed)) for seed in range(10)]
    assert sum(len(events) for events in told) >= 5
    for seed, events in enumerate(told):
        assert len({event.id for event in events}) == len(events)
        assert written(found(RULES[kind](), feed(seed))) == written(events)
