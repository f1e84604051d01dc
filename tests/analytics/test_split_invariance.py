"""One code path for history and live: any cut of the same rows gives the same bytes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.detect import END_OF_TIME_MS, distinct, run_batch, run_step
from analytics.feeds import take, weighing_columns
from analytics.rule import Columns, Rule
from tests.analytics.columns import (
    OVERLOAD,
    PRESENCE,
    SHOP,
    UNREGISTERED,
    Cut,
    ais,
    at,
    cut_by_row,
    cut_by_time,
    detections,
    fix,
    found,
    frame,
    references,
    register,
    rule,
    said,
    seen,
    shop,
    stations,
    weighing,
    written,
    zone,
)

START = at("2020-06-30T12:00:00Z")
BAN = zone("fishing_ban", shapely.box(121.9, 30.9, 122.1, 31.1))
WATCH = zone("watch", shapely.box(121.8, 30.8, 122.0, 31.0))
SPOKEN = ["", "HUPUYU00358", "HU PU YU 00359", "HUPUYU0O360", "XIN HAI 1", "HUPUYU00358-80%"]
VESSELS = references(register=register("HUPUYU00359", "HUPUYU00360"), marine_zones=(BAN, WATCH))
MANY = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@lru_cache
def vessels(seed: int, movers: int = 6, n: int = 60) -> Columns:
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for number in range(movers):
        mover = f"{412000000 + number}"
        t = START + np.cumsum(rng.choice([0, 1000, 60_000, 300_000, 2_000_000, 4_000_000], n))
        lon = 121.93 + np.cumsum(rng.normal(0, 0.01, n))
        lat = 30.93 + np.cumsum(rng.normal(0, 0.01, n))
        sog = np.where(rng.random(n) < 0.2, np.nan, rng.uniform(0, 9, n))
        points = zip(t.tolist(), lon.tolist(), lat.tolist(), sog.tolist(), strict=True)
        rows += [fix(mover, *point) for point in points]
        names = rng.choice(SPOKEN, 2)
        for when in rng.choice(t, 8):
            name = str(rng.choice(names))
            kind = int(rng.choice([0, 0, 30, 30, 70]))
            rows.append(said(mover, int(when), name, kind, destination=str(rng.integers(3))))
    return ais(*rows)


@lru_cache
def shops(seed: int, n: int = 300) -> Columns:
    rng = np.random.default_rng(seed)
    rows, seconds = [], 0.0
    for _ in range(n):
        seconds += float(rng.choice([0, 5, 15, 30, 80]))
        rows.append(
            seen(
                seconds,
                float(rng.choice([-0.2, 0.4, 0.7, 1.3], p=[0.1, 0.4, 0.3, 0.2])),
                camera=str(rng.choice(["C1", "C2"])),
                track=f"k{rng.integers(9)}",
                confidence=float(rng.uniform(0.45, 1)),
                label=str(rng.choice(["goods", "person"], p=[0.9, 0.1])),
                x=float(rng.choice([2.0, 12.0])),
            )
        )
    unique = {(r["camera"], r["t"], r["track"]): r for r in rows}
    return detections(*unique.values())


@lru_cache
def trucks(seed: int, n: int = 120) -> Columns:
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        seconds = int(rng.integers(0, 3600))
        rows.append(
            weighing(
                f"r{number:03d}",
                float(rng.uniform(30_000, 70_000)),
                plate=f"沪A{rng.integers(9)}",
                time=f"2020-07-01T{seconds // 600:02d}:00:{seconds % 60:02d}+08:00",
            )
        )
    return weighing_columns(frame(rows))


def shop_rule() -> Rule:
    refs = references(shopfronts=(shop("S1"), shop("S2", x=10.0)))
    return rule("shopfront_encroachment", SHOP, refs)


CASES = {
    "unregistered_vessel": (
        lambda: rule("unregistered_vessel", UNREGISTERED, VESSELS),
        vessels,
        cut_by_row,
    ),
    "unregistered_vessel by time": (
        lambda: rule("unregistered_vessel", UNREGISTERED, VESSELS),
        vessels,
        cut_by_time,
    ),
    "unregistered_vessel, names forgotten, by time": (
        lambda: rule("unregistered_vessel", UNREGISTERED | {"silence_s": 3600}, VESSELS),
        vessels,
        cut_by_time,
    ),
    "closed_zone_presence, names forgotten, by time": (
        lambda: rule("closed_zone_presence", PRESENCE | {"silence_s": 3600}, VESSELS),
        vessels,
        cut_by_time,
    ),
    "closed_zone_presence": (
        lambda: rule("closed_zone_presence", PRESENCE, VESSELS),
        vessels,
        cut_by_row,
    ),
    "closed_zone_presence by time": (
        lambda: rule("closed_zone_presence", PRESENCE, VESSELS),
        vessels,
        cut_by_time,
    ),
    "overload": (
        lambda: rule("overload", OVERLOAD, references(stations=stations(W1=0.03))),
        trucks,
        cut_by_row,
    ),
    "overload by time": (
        lambda: rule("overload", OVERLOAD, references(stations=stations(W1=0.03))),
        trucks,
        cut_by_time,
    ),
    "shopfront_encroachment by time": (shop_rule, shops, cut_by_time),
}


@pytest.mark.parametrize("case", CASES)
@MANY
@given(data=st.data())
def test_any_cut_gives_the_same_bytes(case: str, data: st.DataObject) -> None:
    make, feed, cut = CASES[case]
    columns = feed(data.draw(st.integers(0, 30), "seed"))
    batches = cut(columns, data.draw(cuts(columns, cut), "cuts"))
    whole = written(found(make(), columns))
    assert written(found(make(), *batches)) == whole


@pytest.mark.parametrize("case", [name for name in CASES if name.endswith("by time")])
@MANY
@given(data=st.data())
def test_closing_behind_a_watermark_changes_nothing(case: str, data: st.DataObject) -> None:
    make, feed, cut = CASES[case]
    columns = feed(data.draw(st.integers(0, 30), "seed"))
    marks = sorted(data.draw(cuts(columns, cut), "cuts"))
    batches = cut(columns, marks)
    edges = [*np.unique(np.array(marks, np.int64)).tolist(), END_OF_TIME_MS]
    live, state, events = make(), None, []
    for batch, mark in zip(batches, edges, strict=True):
        more, state = run_step(live, state, batch, int(mark))
        events += more
    assert written(events) == written(found(make(), columns))


def cuts(columns: Columns, cut: Cut) -> st.SearchStrategy[list[int]]:
    """Places to cut: numbers of rows, or times between the first row and the last."""
    if cut is cut_by_row:
        return st.lists(st.integers(0, 10_000), max_size=5)
    times = columns["t"]
    return st.lists(st.integers(int(times.min()), int(times.max()) + 1), max_size=5)


@pytest.mark.parametrize("case", CASES)
def test_there_is_something_to_find(case: str) -> None:
    make, feed, _ = CASES[case]
    assert sum(len(found(make(), feed(seed))) for seed in range(10)) >= 10


@pytest.mark.parametrize("case", CASES)
def test_a_replay_adds_nothing(case: str) -> None:
    make, feed, _ = CASES[case]
    columns = feed(3)
    once = run_batch([make()], {make().feed: columns})
    assert written(distinct([*once, *run_batch([make()], {make().feed: columns})])) == written(once)
    assert len({event.id for event in once}) == len(once)


def test_a_batch_without_rows_is_harmless() -> None:
    for make, feed, _ in CASES.values():
        columns = feed(1)
        nothing = take(columns, slice(0, 0))
        assert written(found(make(), nothing, columns, nothing)) == written(found(make(), columns))
