"""Speed of the analysis of vessels: kernels, preparation, each rule of the demo city, all at once.

The peer is MovingPandas on the tracks of the first vessels, in the same run: what it does is held
against our kernel for the same, and against nothing else. All rules in one pass run in a process
of their own, from Parquet files to events, so that its peak memory is theirs; compiled code is
on disk by then, and loading it is not counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa

from analytics import registry
from analytics.detect import run_batches
from analytics.feeds import FIX, ais_columns, segments
from analytics.history import vessel_batches
from analytics.kernels import circle, loiter, motion, segmenter
from analytics.preparation.stage import _vectors
from analytics.reception import Learner
from analytics.references import References, RegisterEntry, VesselRegister, marine_zone
from analytics.rule import Columns, rows
from analytics.tracks import Tracks, tracks_of
from benchmarks.passes import peak_mb, timed
from benchmarks.traffic import FIXES_IN_ALL, START_MS, VESSELS, make_traffic
from layers.city import City
from layers.positions import PositionStore

CITY = Path(__file__).parents[1] / "data" / "pudong"
PEER_VESSELS = 20
DATA = f"{FIXES_IN_ALL:,} fixes, {FIXES_IN_ALL // 10:,} static messages, {VESSELS:,} vessels"
_WARM_MS = 30 * 60_000
_PASS = "--pass"


def references(city: City, prepared: Columns) -> References:
    """What the demo city's rules know: its zones and land, half of the boats, reception learned."""
    content = city.folder / "content"
    zones = [
        marine_zone(
            row.geometry,
            city.crs,
            **{name: getattr(row, name) for name in ("zone_id", "kind", "name_zh", "legal_basis")},
            name_en=row.zone_id,
            **{name: _date(getattr(row, name)) for name in ("in_force_from", "in_force_to")},
        )
        for row in gpd.read_file(content / "marine_zone.geojson").itertuples()
    ]
    entries = [
        RegisterEntry(f"R{n}", name_pinyin=f"HUPUYU{n:05d}", mmsi=f"{412_000_000 + n + n % 7 // 6}")
        for n in range(0, VESSELS, 2)
    ]
    land = gpd.read_file(content / "outline.geojson").to_crs(city.crs).union_all()
    return References(
        zone=city.declaration.zone,
        crs=city.crs,
        register=VesselRegister(tuple(entries)),
        marine_zones=tuple(zones),
        reception=Learner().learn([prepared]),
        land=land,
    )


def _date(value: Any) -> Any:
    return None if pd.isna(value) else pd.Timestamp(value).date()


def one_pass(city: City, known: References, batches: Iterator[Columns]) -> int:
    """Run all rules on vessels once, the preparation included; the number of events."""
    rules = [rule for rule in registry.build(city, known) if rule.feed == "ais"]
    events, _ = run_batches(rules, batches, registry.preparation(city))
    return sum(len(found) for found in events.values())


def seconds(work: Callable[[], Any], times: int = 3) -> tuple[float, Any]:
    """Shortest time of some runs, and what the last one gave."""
    best, result = float("inf"), None
    for _ in range(times):
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
    return best, result


def row(
    what: str, value: float, unit: str, peer: tuple[str, float] | None = None, more: str = ""
) -> dict[str, Any]:
    """One row of the table of results."""
    return {
        "what": what,
        "data": DATA + more,
        "value": round(value, 2) if value < 100 else round(value),
        "unit": unit,
        "peer": None if peer is None else f"MovingPandas {peer[0]}, {PEER_VESSELS} of the vessels",
        "peer_value": None if peer is None else round(peer[1]),
        "ratio": None if peer is None else round(value / peer[1], 1),
        "peak_mb": peak_mb(),
    }


def peers(tracks: Tracks, city: City) -> dict[str, tuple[str, float]]:
    """Positions a second of MovingPandas' speed, gap splitter and stop detector."""
    import movingpandas  # not by all rules in one pass, whose memory is measured

    last = int(tracks.bounds[min(PEER_VESSELS, len(tracks.bounds) - 1)])
    key = np.repeat(np.arange(len(tracks.keys)), np.diff(tracks.bounds))[:last]
    frame = gpd.GeoDataFrame(
        {"track": key.astype(str), "t": pd.to_datetime(tracks.take("t")[:last], unit="ms")},
        geometry=gpd.points_from_xy(tracks.take("x")[:last], tracks.take("y")[:last]),
        crs=city.crs,
    ).drop_duplicates(["track", "t"])
    warnings.filterwarnings("ignore", category=Warning)
    flat = movingpandas.TrajectoryCollection(frame, "track", t="t")
    round_ = movingpandas.TrajectoryCollection(frame.to_crs("EPSG:4326"), "track", t="t")
    gap, wait = timedelta(seconds=1800), timedelta(seconds=1800)
    works: dict[str, tuple[str, Callable[[], Any]]] = {
        "speed": ("add_speed", partial(round_.add_speed, overwrite=True)),
        "gap": (
            "ObservationGapSplitter",
            lambda: movingpandas.ObservationGapSplitter(flat).split(gap=gap),
        ),
        "stop": (
            "TrajectoryStopDetector",
            lambda: movingpandas.TrajectoryStopDetector(flat).get_stop_time_ranges(500, wait),
        ),
    }
    return {name: (said, len(frame) / seconds(work, 1)[0]) for name, (said, work) in works.items()}


def run_kernels(city: City, columns: Columns, prepared: Columns) -> list[dict[str, Any]]:
    """Positions a second of each compiled loop, on one core."""
    tracks = tracks_of(prepared)
    bounds, n = tracks.bounds, len(tracks.rows)
    t, lon, lat, x, y, sog = (tracks.take(c) for c in ("t", "lon", "lat", "x", "y", "sog_mps"))
    by_peer = peers(tracks, city)
    slow = loiter.LoiterLimits(1.03, 14_400, 10, 400, 3600, 3)
    round_ = circle.CircleLimits(3, 24, 150, 5000, 0.1, 900)
    barred = np.zeros(n, bool)
    works: dict[str, Callable[[], Any]] = {
        "speed": partial(motion.speeds, bounds, t, lon, lat),
        "gap": partial(motion.gaps, bounds, t, 1800.0),
        "stop": partial(motion.stops, bounds, t, x, y, 500.0, 1800.0),
        "loiter": lambda: loiter.loiter(
            slow, bounds, t, x, y, sog, barred, np.zeros((len(bounds) - 1, loiter.WIDTH))
        ),
        "circle": lambda: circle.circles(
            round_, bounds, t, x, y, np.zeros((len(bounds) - 1, circle.WIDTH))
        ),
    }
    measured = []
    for name, work in works.items():
        work()
        spent, _ = seconds(work, 5)
        measured.append(row(f"kernel {name}", n / spent, "positions/s", by_peer.get(name)))
    return [*measured, _segmenter(columns)]


def _segmenter(columns: Columns) -> dict[str, Any]:
    places = np.flatnonzero(columns["kind"] == FIX)
    own = np.searchsorted(places, segments(columns)).astype(np.int64)
    vectors, coarse = _vectors(columns, places), np.zeros(len(places), bool)
    nothing, none = np.zeros((0, segmenter.WIDTH)), np.zeros(len(own), np.int64)

    def work() -> Any:
        newest = np.full(len(own) - 1, -np.inf)
        limits = segmenter.SegmenterLimits()
        return segmenter.segment(limits, own, vectors, coarse, nothing, none, newest)

    work()
    return row("kernel segmenter", len(places) / seconds(work)[0], "positions/s")


def run_rules(city: City, known: References, prepared: Columns) -> list[dict[str, Any]]:
    """Positions a second of each rule, on prepared rows."""
    measured = []
    for one in registry.build(city, known):
        if one.feed == "ais":
            spent, (events, _) = seconds(partial(run_batches, [one], [prepared]), 2)
            count = len(events[one.declaration.id])
            what = f"rule {one.declaration.id}"
            measured.append(row(what, FIXES_IN_ALL / spent, "fixes/s", more=f", {count:,} events"))
    return measured


def run() -> list[dict[str, Any]]:
    """Measure; a row for each."""
    city = City(CITY)
    fixes, said = make_traffic()
    spent, columns = seconds(partial(ais_columns, fixes, said, city.crs), 2)
    measured = [row("building AIS columns", rows(columns) / spent, "rows/s")]
    stage = registry.preparation(city)
    stage.update(stage.start(), columns)
    spent, prepared = seconds(lambda: stage.update(stage.start(), columns))
    measured.append(row("preparation", rows(columns) / spent, "rows/s"))
    known = references(city, prepared)
    measured += run_kernels(city, columns, prepared)
    measured += run_rules(city, known, prepared)
    return [*measured, *_apart(fixes, said)]


def _apart(fixes: pa.Table, said: pa.Table) -> list[dict[str, Any]]:
    """All rules in one pass, in another process."""
    with tempfile.TemporaryDirectory() as folder:
        positions = PositionStore(Path(folder))
        positions.write("ais", fixes, "made")
        positions.write("ais_identity", said, "made")
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.bench_vessels", _PASS, folder],
            stdout=subprocess.PIPE,
            check=True,
        )
    told: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return told


def run_pass(folder: Path) -> list[dict[str, Any]]:
    """Everything from files to events, once; some minutes are read first, to load the code.

    Reception is learned from those minutes alone, so `dark_gap` tells of silences that a day's
    learning would not.
    """
    city = City(CITY)
    positions = PositionStore(folder)
    few = next(vessel_batches(positions, city.crs, START_MS, START_MS + _WARM_MS))
    stage = registry.preparation(city)
    known = references(city, stage.update(stage.start(), few))
    one_pass(city, known, iter([few]))
    before, built = peak_mb(), [0.0]
    start = time.perf_counter()
    count = one_pass(city, known, timed(vessel_batches(positions, city.crs), built))
    spent = time.perf_counter() - start - sum(built)
    more = f", {count:,} events; {before} MB before"
    return [
        row("columns of the pass, six hours at a time", sum(built), "s"),
        row("preparation and all rules in one pass", spent, "s", more=more),
    ]


if __name__ == "__main__":
    if sys.argv[1:2] == [_PASS]:
        print(json.dumps(run_pass(Path(sys.argv[2]))))
    else:
        for result in run():
            print("  ".join(f"{key}: {value}" for key, value in result.items()), flush=True)
