"""Speed of the rules in batch, on synthetic tracks from a fixed seed, beside MovingPandas.

The peer computes one thing only, the speed between fixes, on the tracks of a few of the vessels;
ours is the whole of a rule on all of them. The ratio compares the rates of two different jobs, and
says nothing about what MovingPandas is made for.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import geopandas as gpd
import movingpandas
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely

import analytics.rules  # noqa: F401 - the rules register themselves
from analytics.detect import run_batch
from analytics.feeds import FIX, ais_columns, take, weighing_columns
from analytics.references import References, RegisterEntry, VesselRegister, marine_zone
from analytics.rule import RULES, Columns, Rule, rows
from layers.city import RuleDeclaration
from layers.positions import FIXES, IDENTITIES
from layers.text import Text

SEED = 1
FIXES_IN_ALL, VESSELS = 1_000_000, 2_000
PEER_FIXES = 20_000
WEIGHINGS = 200_000
ZONE, CRS = "Asia/Shanghai", "EPSG:32651"
DAY_MS = 86_400_000
START_MS = int(datetime(2020, 6, 30, 16, tzinfo=UTC).timestamp() * 1000)
NAMES = {"fishing": ["FISHER[0-9]{5}"], "confusables": {"O": "0", "I": "1"}}
RULE_PARAMETERS: dict[str, dict[str, Any]] = {
    "unregistered_vessel": {"names": NAMES, "ship_types": [30], "identity_window_s": 86_400},
    "closed_zone_presence": {
        "names": NAMES,
        "ship_types": [30],
        "min_duration_s": 600,
        "max_gap_s": 1800,
    },
}
OVERLOAD: dict[str, Any] = {
    "tables": [
        {
            "in_force_from": "2016-09-21",
            "source": {"en": "a law", "zh": "法规"},
            "limits": [{"vehicle_kind": "combination", "axles": 6, "limit_kg": 49_000}],
        }
    ],
    "default_error_share": 0.05,
}


def make_tables(share: float) -> tuple[pa.Table, pa.Table]:
    """Positions and names of vessels on random walks for a day; a share of them fishing boats."""
    rng = np.random.default_rng(SEED)
    each, count = FIXES_IN_ALL // VESSELS, FIXES_IN_ALL
    t = START_MS + np.sort(rng.integers(0, DAY_MS, (VESSELS, each)), axis=1)
    first = rng.uniform([121.5, 30.5], [122.5, 31.5], (VESSELS, 2))
    walk = rng.normal(0, 0.0005, (VESSELS, each, 2)).cumsum(axis=1) + first[:, None]
    fixes = {
        "mover": np.repeat([_mmsi(n) for n in range(VESSELS)], each),
        "t": t.ravel(),
        "lon": walk[..., 0].ravel(),
        "lat": walk[..., 1].ravel(),
        "sog_mps": rng.uniform(0, 8, count).astype(np.float32),
        "cog_deg": rng.uniform(0, 360, count).astype(np.float32),
        "heading_deg": np.full(count, np.nan, np.float32),
        "nav": np.full(count, 15, np.uint8),
        "acc": np.full(count, 255, np.uint8),
        "receiver": np.full(count, "r"),
        "quality": np.zeros(count, np.uint16),
        "h3": np.zeros(count, np.int64),
        "pid": [f"{n:016x}" for n in range(count)],
    }
    return pa.table(fixes, schema=FIXES), _said(t, round(share * VESSELS))


def _mmsi(number: int) -> str:
    return f"{412_000_000 + number}"


def _said(t: Any, fishing: int) -> pa.Table:
    """A name behind every tenth fix; the first vessels are fishing boats."""
    said = [
        {
            "mover": _mmsi(n),
            "t": int(when),
            "name": f"FISHER{n:05d}" if n < fishing else f"CARGO {n}",
            "callsign": "",
            "imo": 0,
            "ship_type": 30 if n < fishing else 70,
            "destination": "",
            "receiver": "r",
            "pid": f"i{n:08x}{k:07x}",
        }
        for n in range(VESSELS)
        for k, when in enumerate(t[n, ::10])
    ]
    return pa.Table.from_pylist(said, schema=IDENTITIES)


def make_weighings() -> gpd.GeoDataFrame:
    """Weighing records of six-axle trucks, about one in twenty too heavy."""
    rng = np.random.default_rng(SEED)
    n = WEIGHINGS
    return gpd.GeoDataFrame(
        {
            "record_id": [f"W{i:08d}" for i in range(n)],
            "station_id": rng.choice(["S1", "S2"], n),
            "time": pd.to_datetime(START_MS + rng.integers(0, DAY_MS, n), unit="ms", utc=True),
            "plate": [f"P{i:06d}" for i in rng.integers(0, n // 4, n)],
            "vehicle_kind": np.full(n, "combination"),
            "axles": np.full(n, 6),
            "axle_masses_kg": ["[7000, 7000, 7000, 7000, 7000, 7000]"] * n,
            "gross_kg": rng.normal(40_000, 7_000, n).clip(10_000),
            "error_share": np.full(n, 0.05),
            "single_drive_axle": np.zeros(n, bool),
            "image_ref": np.full(n, ""),
        },
        geometry=gpd.points_from_xy(np.full(n, 121.6), np.full(n, 31.2)),
        crs="EPSG:4326",
    )


def references() -> References:
    """A watch area, a closed zone, and a register that knows every second fishing boat."""
    words: dict[str, Any] = {"name_zh": "区", "name_en": "the zone", "legal_basis": "none"}
    always = {"in_force_from": None, "in_force_to": None}
    boxes = {"watch": (121.7, 30.7, 122.3, 31.3), "fishing_ban": (121.8, 30.8, 122.2, 31.2)}
    zones = [
        marine_zone(shapely.box(*box), CRS, zone_id=kind, kind=kind, **words, **always)
        for kind, box in boxes.items()
    ]
    entries = [RegisterEntry(f"R{n}", name_pinyin=f"FISHER{n:05d}") for n in range(0, 5_000, 2)]
    register = VesselRegister(tuple(entries))
    return References(zone=ZONE, crs=CRS, register=register, marine_zones=tuple(zones))


def rule(kind: str, parameters: dict[str, Any], known: References) -> Rule:
    """A rule declared for the measurement."""
    words = Text(en=kind, zh=kind)
    declared = RuleDeclaration(
        id=kind, kind=kind, title=words, version="1", event_type="T", parameters=parameters
    )
    return RULES[kind](declared, known)


def seconds(work: Callable[[], Any], times: int = 3) -> tuple[float, Any]:
    """Shortest time of some runs, and what the last one gave."""
    best, result = float("inf"), None
    for _ in range(times):
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
    return best, result


def peer_rate(columns: Columns) -> float:
    """Fixes a second of MovingPandas' ``add_speed`` on the tracks of the first vessels."""
    part = take(columns, np.flatnonzero(columns["kind"] == FIX)[:PEER_FIXES])
    frame = gpd.GeoDataFrame(
        {"mover": part["mover"], "t": pd.to_datetime(part["t"], unit="ms")},
        geometry=gpd.points_from_xy(part["lon"], part["lat"]),
        crs="EPSG:4326",
    )
    tracks = movingpandas.TrajectoryCollection(frame, "mover", t="t")
    spent, _ = seconds(partial(tracks.add_speed, overwrite=True), 1)
    return PEER_FIXES / spent


def row(what: str, data: str, value: float, unit: str, peer: float | None = None) -> dict[str, Any]:
    """One row of the table of results."""
    unit_of_peak = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit_of_peak
    said = f"MovingPandas add_speed alone, on {PEER_FIXES:,} of the fixes"
    return {
        "what": what,
        "data": data,
        "value": round(value),
        "unit": unit,
        "peer": None if peer is None else said,
        "peer_value": None if peer is None else round(peer),
        "ratio": None if peer is None else round(value / peer, 1),
        "peak_mb": round(peak / 1e6),
    }


def run_vessels(known: References, shares: Sequence[float]) -> list[dict[str, Any]]:
    """Columns and both rules on vessels, for each share of fishing boats."""
    measured, peer = [], 0.0
    for share in shares:
        fixes, said = make_tables(share)
        spent, columns = seconds(partial(ais_columns, fixes, said, CRS), 2)
        peer = peer or peer_rate(columns)
        data = f"{fixes.num_rows:,} fixes, {VESSELS:,} vessels, {share:.0%} fishing"
        measured.append(row("building AIS columns", data, rows(columns) / spent, "rows/s"))
        for kind, parameters in RULE_PARAMETERS.items():
            checked = rule(kind, parameters, known)
            spent, found = seconds(partial(run_batch, [checked], {"ais": columns}))
            told = f"{data}, {len(found):,} events"
            measured.append(row(f"rule {kind}", told, fixes.num_rows / spent, "fixes/s", peer))
    return measured


def run() -> list[dict[str, Any]]:
    """Measure; a row for each feed and rule."""
    known = references()
    measured = run_vessels(known, (0.02, 0.30))
    frame = make_weighings()
    spent, columns = seconds(partial(weighing_columns, frame), 2)
    data = f"{WEIGHINGS:,} weighings"
    measured.append(row("building weighing columns", data, WEIGHINGS / spent, "rows/s"))
    checked = rule("overload", OVERLOAD, known)
    spent, found = seconds(partial(run_batch, [checked], {"weighing": columns}))
    told = f"{data}, {len(found):,} events"
    return [*measured, row("rule overload", told, WEIGHINGS / spent, "rows/s")]


if __name__ == "__main__":
    for result in run():
        print("  ".join(f"{key}: {value}" for key, value in result.items()))
