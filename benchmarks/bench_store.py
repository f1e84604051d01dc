"""Speed of the stores: bulk write, rewrite, pages, boxes and filters, on synthetic points.

The rows are made from a fixed seed; the figures say nothing about real data.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from layers.city import City
from layers.query import Query, SortKey
from layers.store import Store, open_store
from tests.postgis import NoServer, fresh_database, running_server

SEED = 1
LAYER = "vessel_position"
AT = datetime(2020, 7, 1, tzinfo=UTC)


def make_rows(n: int) -> gpd.GeoDataFrame:
    """Last positions of n vessels within one degree."""
    random = np.random.default_rng(SEED)
    seconds = random.integers(1_593_000_000, 1_594_000_000, n)
    return gpd.GeoDataFrame(
        {
            "mmsi": [f"{i:09d}" for i in range(n)],
            "time": pd.to_datetime(seconds, unit="s", utc=True),
            "name": [f"VESSEL {i}" for i in range(n)],
            "ship_type": random.integers(20, 90, n),
            "sog_mps": random.random(n) * 10,
        },
        geometry=gpd.points_from_xy(121 + random.random(n), 30 + random.random(n)),
        crs="EPSG:4326",
    )


def rate(work: Callable[[], Any], seconds: float = 2) -> float:
    """Calls a second."""
    calls, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        work()
        calls += 1
    return round(calls / (time.perf_counter() - start), 1)


def write(store: Store, rows: gpd.GeoDataFrame, at: datetime) -> dict[str, float]:
    """Rows a second of one transaction, by the clock and by this process's own time."""
    spec = store.city.layer(LAYER)  # type: ignore[attr-defined]
    wall, own = time.perf_counter(), time.process_time()
    with store.transaction() as transaction:
        transaction.upsert(spec, rows, at=at, source="benchmark")
    return {
        "rows_per_s": round(len(rows) / (time.perf_counter() - wall)),
        "rows_per_cpu_s": round(len(rows) / (time.process_time() - own)),
    }


def measure(store: Store, n: int) -> dict[str, Any]:
    """All figures of one store."""
    rows = make_rows(n)
    store.create(store.city.layer(LAYER))  # type: ignore[attr-defined]
    box = (121.4, 30.4, 121.45, 30.45)
    moved = rows.set_geometry(shapely.transform(rows.geometry.to_numpy(), lambda xy: xy + 1e-4))
    where = {"op": ">", "args": [{"property": "sog_mps"}, 9.9]}
    newest = (SortKey("time", descending=True),)
    return {
        "write": write(store, rows, AT),
        "write_equal": write(store, rows, AT),
        "write_changed": write(store, moved.set_crs("EPSG:4326", allow_override=True),
                               AT + timedelta(hours=1)),
        "pages_100_per_s": rate(lambda: store.page(Query(LAYER, limit=100))),
        "pages_1000_per_s": rate(lambda: store.page(Query(LAYER, limit=1000))),
        "pages_100_box_per_s": rate(lambda: store.page(Query(LAYER, limit=100, bbox=box))),
        "pages_100_where_per_s": rate(lambda: store.page(Query(LAYER, limit=100, where=where))),
        "pages_100_newest_per_s": rate(lambda: store.page(Query(LAYER, limit=100, sort=newest))),
        "counts_box_per_s": rate(lambda: store.count(Query(LAYER, bbox=box))),
        "frame_rows_per_s": round(n * rate(lambda: store.frame(Query(LAYER)))),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip


def run(rows: int = 200_000) -> list[dict[str, Any]]:
    """Measure both stores; rows for the table of results. PostGIS is left out where it is not."""
    city = City(Path(__file__).parents[1] / "data" / "pudong")
    with tempfile.TemporaryDirectory() as folder:
        found = _rows("GeoPackage", open_store(f"{folder}/bench.gpkg", city), rows)
    try:
        with running_server() as server, fresh_database(server) as url:
            found += _rows("PostGIS", open_store(url, city), rows)
    except NoServer as reason:
        print(f"without PostGIS: {reason}", file=sys.stderr)
    return found


def _rows(name: str, store: Store, rows: int) -> list[dict[str, Any]]:
    try:
        figures = measure(store, rows)
    finally:
        store.close()
    data = f"{rows:,} synthetic points, seed {SEED}"
    peak = figures["peak_memory_mb"]
    writes = {
        "new points": figures["write"],
        "equal points again": figures["write_equal"],
        "changed points, history kept": figures["write_changed"],
    }
    found = [
        {"what": f"{name}: write {what}", "data": data, "value": speed["rows_per_s"],
         "unit": "rows/s", "peak_mb": peak}
        for what, speed in writes.items()
    ]  # fmt: skip
    reads = {
        "pages_100_per_s": ("pages of 100", "pages/s"),
        "pages_1000_per_s": ("pages of 1,000", "pages/s"),
        "pages_100_box_per_s": ("pages of 100 in a box", "pages/s"),
        "counts_box_per_s": ("counts in a box", "counts/s"),
        "frame_rows_per_s": ("all rows as a frame", "rows/s"),
    }
    return found + [
        {"what": f"{name}: {what}", "data": data, "value": figures[key], "unit": unit,
         "peak_mb": peak}
        for key, (what, unit) in reads.items()
    ]  # fmt: skip
