"""Rules on trucks: any cut, with or without closing behind a watermark, gives the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.feeds import EMPTY, FULL, HALF, UNKNOWN_LOAD
from analytics.rule import Columns, Prepared, Rule
from analytics.truck_references import Haulage
from layers.positions import Quality
from tests.analytics.columns import cut_by_row, cut_by_time, references, rule, stations, written
from tests.analytics.truck_fixes import (
    LAW,
    START,
    TOWN,
    Row,
    box,
    found,
    gps,
    permit,
    row,
    site,
    truck,
    weighed,
)

PLATES = [f"沪A{number:05d}" for number in range(6)]
BITS = [0, 0, 0, int(Quality.POWER_CUT), int(Quality.ANTENNA_CUT), int(Quality.CLOCK_OFF)]


@lru_cache
def feed(seed: int) -> Columns:
    """Trucks that drive, stand, fall silent, load and dump, and some that share a plate."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for number, plate in enumerate(PLATES):
        s, east = float(rng.uniform(0, 300)), float(rng.uniform(-3000, 3000))
        load = int(rng.choice([EMPTY, FULL, UNKNOWN_LOAD]))
        for leg in range(16):
            stands = leg % 2
            every = float(rng.choice([15, 30, 60]))
            mps = 0.0 if stands else float(rng.choice([3, 12, 20])) * float(rng.choice([-1, 1]))
            for _ in range(int(rng.integers(3, 16))):
                rows.append(
                    row(
                        plate,
                        s,
                        east,
                        sog_mps=abs(mps) if rng.random() < 0.9 else np.nan,
                        load=load if rng.random() < 0.8 else UNKNOWN_LOAD,
                        quality=int(rng.choice(BITS)),
                        aside=int(rng.random() < 0.03),
                    )
                )
                s += every
                east += mps * every + float(rng.normal(0, 3))
                if rng.random() < 0.1:
                    rows.append(weighed(plate, s - 1, f"R{seed}-{len(rows)}"))
                if number >= 4 and rng.random() < 0.5:
                    rows.append(row(plate, s - 2, east + 9000, terminal="T2", aside=1))
            if stands:
                load = int(rng.choice([EMPTY, HALF, FULL, UNKNOWN_LOAD]))
            if rng.random() < 0.4:
                wait = float(rng.choice([200, 400, 900]))
                s, east = s + wait, east + mps * wait
    unique = {(r["mover"], r["t"], r["kind"], r["pid"]): r for r in rows}
    return gps(*unique.values())


@lru_cache
def known() -> Any:
    far = shapely.LineString([(TOWN[0], TOWN[1] + 400), (TOWN[0] + 1000, TOWN[1] + 400)])
    haulage = Haulage(
        roads=SimpleNamespace(line=np.array([far], object)),  # type: ignore[arg-type]
        trucks={plate: (truck(plate, use="muck"),) for plate in PLATES[1:4]},
        permits={PLATES[0]: (permit(PLATES[0], dump=box(0, 0, 300)),)},
        sites=(site("S1", box(1500, 0, 200)), site("S2", box(-1500, 0, 200))),
    )
    return references(haulage=haulage, stations=stations(W1=0.05))


RULES: dict[str, dict[str, Any]] = {
    "fatigue": {"max_drive_s": 600, "min_rest_s": 300, "pause_s": 60},
    "terminal_off": {
        "min_gap_s": 300, "min_gap_alarm_s": 120, "min_moved_m": 300, "min_mps": 3,
        "max_gap_s": 900,
    },
    "plate_two_terminals": {
        "within_s": 60, "apart_m": 2000, "max_mps": 45, "times": 3, "window_s": 1800,
    },
    "dump_stop": {
        "min_stop_s": 120, "max_stop_s": 1200, "site_tolerance_m": 50, "off_road_m": 30,
        "load_valid_s": 300, "max_gap_s": 800,
    },
    "track_weighing_mismatch": {"max_gap_s": 120, "apart_m": 1000, "max_mps": 20},
}  # fmt: skip


def made(kind: str) -> Callable[[], Rule]:
    return lambda: rule(kind, RULES[kind] | {"law": LAW}, known())


@pytest.mark.parametrize("kind", RULES)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    seed=st.integers(0, 15),
    cuts=st.lists(st.integers(0, 1500), max_size=6),
    by_time=st.booleans(),
    closing=st.booleans(),
)
def test_any_cut_gives_the_same_bytes(
    kind: str, seed: int, cuts: list[int], by_time: bool, closing: bool
) -> None:
    make = made(kind)
    whole = written(sorted(found(make(), feed(seed)), key=lambda e: e.id))
    if by_time:
        edges = sorted({START + cut * 15_000 for cut in cuts})
        batches, marks = cut_by_time(feed(seed), edges), edges if closing else []
    else:
        batches, marks = cut_by_row(feed(seed), cuts), []
    events = found(make(), *batches, watermarks=marks)
    assert written(sorted(events, key=lambda e: e.id)) == whole


@pytest.mark.parametrize("kind", RULES)
def test_row_by_row_of_time_gives_the_same_bytes(kind: str) -> None:
    columns = feed(3)
    edges = np.unique(columns["t"])[::5].tolist()
    batches = cut_by_time(columns, edges)
    events = found(made(kind)(), *batches, watermarks=edges)
    whole = found(made(kind)(), columns)
    assert written(sorted(events, key=lambda e: e.id)) == written(sorted(whole, key=lambda e: e.id))


@pytest.mark.parametrize("kind", RULES)
def test_there_is_something_to_find_and_a_replay_adds_nothing(kind: str) -> None:
    told = [found(made(kind)(), feed(seed)) for seed in range(10)]
    assert sum(len(events) for events in told) >= 10
    for seed, events in enumerate(told):
        assert len({event.id for event in events}) == len(events)
        assert written(found(made(kind)(), feed(seed))) == written(events)


@pytest.mark.parametrize("kind", RULES)
def test_a_batch_that_the_stage_holds_back_is_harmless(kind: str) -> None:
    events = found(made(kind)(), Prepared({}), feed(3), Prepared({}))
    assert written(events) == written(found(made(kind)(), feed(3)))
