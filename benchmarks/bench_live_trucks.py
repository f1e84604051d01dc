"""Truck terminals over TCP with the rules on trucks behind them, and a grid of roads below them.

As `benchmarks.bench_terminals`, with all rules of the tiny city. Positions are judged once they are
ten seconds old, so that most of a minute's are. Every location must be answered, stored and, where
it is old enough, judged.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import tempfile
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyarrow as pa
import shapely
import structlog
import uvloop

from benchmarks.bench_terminals import CITY, SECONDS, TERMINALS, serve
from benchmarks.fleet import LAT, LON, SPREAD_DEG, open_files
from ingest.decoders.jt808_fixes import FixDecoder
from ingest.take_in.terminals import FixKeeper, TerminalIntake
from layers.city import City
from layers.positions import PositionStore
from layers.store import Store, open_store
from onemap.home import Home
from onemap.live_trucks import Judged, TruckWatch

LATE_S, EVERY_S = 10, 5
_STREETS = 101


def run() -> list[dict[str, Any]]:
    """Measure; rows for the table of results."""
    open_files()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as name:
        folder, city = Path(name), City(CITY)
        store = open_store(str(folder / "onemap.gpkg"), city)
        try:
            store.create(*city.layers.values())
            roads = _grid(city, store)
            home = Home(city.folder, str(folder / "onemap.gpkg"), folder)
            told = _judged(city, store, home)
        finally:
            store.close()
        stored = PositionStore(folder / "positions").scan("gps").num_rows
    if not told["answered"] == stored == TERMINALS * SECONDS or told["refused"]:
        raise RuntimeError(f"{stored} locations were stored: {told}")
    data = f"synthetic JT/T 808 over TCP, {TERMINALS:,} terminals, a location a second each for "
    data += f"{SECONDS} s, {roads:,} roads, all rules on trucks, GeoPackage"
    peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    rows = [
        ("location sent to answered as stored, p50", round(told["p50_s"], 2), "s"),
        ("location sent to answered as stored, p99", round(told["p99_s"], 2), "s"),
        ("locations answered", round(stored / told["lasted_s"]), "1/s"),
        ("work of server and rules", round(told["busy_s"] / stored * 1e6, 1), "us/location"),
        ("rules behind when the last was sent", round(told["behind_s"], 1), "s"),
        ("longest time between two commits of the rules", round(told["pause_s"], 1), "s"),
    ]
    return [
        {"what": what, "data": data, "value": value, "unit": unit, "peak_mb": peak}
        for what, value, unit in rows
    ]


def _judged(city: City, store: Store, home: Home) -> dict[str, float]:
    """Serve the fleet with the rules on; what it says, and how far the rules were behind."""
    commits: list[float] = []

    def report(judged: Judged) -> None:
        commits.append(time.perf_counter())
        if judged.late:
            raise RuntimeError(f"{judged.late} locations were not judged")

    watch = TruckWatch(city, store, home, _now, lateness_s=LATE_S, every_s=EVERY_S, report=report)
    keeper = FixKeeper(city, store, home.folder, _now, "bench")

    def door(fixes: pa.Table) -> None:
        keeper(fixes)
        watch.take(fixes)

    intake = TerminalIntake(store, home.folder, door, decoder=FixDecoder(), now=_now)
    busy = time.process_time()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        told = runner.run(serve(intake))
    ended = time.perf_counter()
    watch.stop()
    behind = time.perf_counter() - ended
    busy = time.process_time() - busy
    keeper.finish()
    pauses = [after - before for before, after in pairwise(commits)]
    return told | {"behind_s": behind, "pause_s": max(pauses, default=0.0), "busy_s": busy}


def _grid(city: City, store: Store) -> int:
    """Lay streets below the fleet, some 200 m apart; how many pieces of road that makes."""
    east, north = (
        edge + np.linspace(-SPREAD_DEG / _STREETS, SPREAD_DEG, _STREETS) for edge in (LON, LAT)
    )
    lines = []
    for k in range(_STREETS):
        for a, b in pairwise(range(_STREETS)):
            lines.append(shapely.LineString([(east[a], north[k]), (east[b], north[k])]))
            lines.append(shapely.LineString([(east[k], north[a]), (east[k], north[b])]))
    rows = {
        "road_id": [f"R{number}" for number in range(len(lines))],
        "road_class": ["local"] * len(lines),
        "speed_limit_kmh": [60.0] * len(lines),
    }
    with store.transaction() as unit:
        frame = gpd.GeoDataFrame(rows, geometry=lines, crs="EPSG:4326")
        unit.upsert(city.layer("road"), frame, at=_now(), source="bench")
    return len(lines)


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    for row in run():
        print(row)
