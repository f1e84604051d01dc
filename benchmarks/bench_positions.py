"""What a live feed leaves on disk, and how long a day of it is read, with merging and without.

A day of the 600 vessels of `bench_movers` is committed in 1,440 batches, one a minute: a 300th of
the commits of a feed that commits five times a second. Time is processor time of the process.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.bench_movers import SEED, START_MS, VESSELS, in_time
from benchmarks.passes import peak_mb
from layers.position_merge import KEPT, Merger, sweep, tidy
from layers.positions import PositionStore

COMMITS, EVERY = 1_440, timedelta(minutes=1)
_TIMES = 3
_BEGUN = datetime.fromtimestamp(START_MS / 1000, UTC)


def run() -> list[dict[str, Any]]:
    """Measure; rows for the table of results."""
    whole = in_time()
    data = f"{whole.num_rows:,} fixes in {COMMITS:,} commits, {VESSELS} vessels, seed {SEED}"
    with tempfile.TemporaryDirectory() as folder:
        apart, merged = PositionStore(Path(folder) / "a"), PositionStore(Path(folder) / "b")
        writing = _spent(lambda: _commit(whole, apart, None))
        merging = _spent(lambda: _commit(whole, merged, Merger(merged.root, ["ais"])))
        end = _BEGUN + COMMITS * EVERY + KEPT
        sweep(merged, "ais", at=end)
        if not apart.scan("ais").equals(merged.scan("ais")):
            raise RuntimeError("what is merged reads otherwise")
        asked: dict[str, Callable[[PositionStore], object]] = {
            "a day is read": lambda store: store.scan("ais"),
            "a mover's day is read": lambda store: store.scan("ais", movers=["412000300"]),
        }
        rows = [
            _row("files of the day", data, _files(merged), "files", _files(apart)),
            _row("the day's commits", data, merging, "s", writing),
        ]
        for what, ask in asked.items():
            rows.append(_row(what, data, _median(ask, merged), "s", _median(ask, apart)))
        tidied = _spent(lambda: tidy(apart, "ais", at=end, report=lambda *_: None))
        rows.append(_row("all of it merged afterwards", data, tidied, "s"))
    return rows


def _commit(whole: pa.Table, store: PositionStore, merger: Merger | None) -> None:
    size = -(-whole.num_rows // COMMITS)
    for number in range(COMMITS):
        store.write("ais", whole.slice(number * size, size), f"live-bench-{number:09d}")
        if merger is not None:
            merger.note(_BEGUN + number * EVERY)
            merger.wait()


def _files(store: PositionStore) -> int:
    return sum(path.is_file() for path in store.root.rglob("*"))


def _median(ask: Callable[[PositionStore], object], store: PositionStore) -> float:
    # A process that begins remembers nothing.
    return statistics.median(_spent(lambda: ask(PositionStore(store.root))) for _ in range(_TIMES))


def _spent(ask: Callable[[], object]) -> float:
    start = time.process_time()
    ask()
    return time.process_time() - start


def _row(
    what: str, data: str, value: float, unit: str, apart: float | None = None
) -> dict[str, Any]:
    return {
        "what": f"live positions: {what}",
        "data": data,
        "value": round(value, 3),
        "unit": unit,
        "peer": "" if apart is None else "not merged",
        "peer_value": None if apart is None else round(apart, 3),
        "ratio": None if apart is None else round(apart / value, 2),
        "peak_mb": peak_mb(),
    }
