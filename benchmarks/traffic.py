"""Made-up AIS of a day off a coast: vessels of four kinds from a fixed seed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from layers.positions import FIXES, IDENTITIES

SEED = 1
FIXES_IN_ALL, VESSELS = 1_000_000, 2_000
DAY_MS = 86_400_000
START_MS = int(datetime(2020, 6, 30, 16, tzinfo=UTC).timestamp() * 1000)
_SILENT = 0.1
Floats = npt.NDArray[np.float64]


def make_traffic() -> tuple[pa.Table, pa.Table]:
    """Positions of vessels for a day, and a static message behind every tenth of them.

    A third goes straight, a quarter lies within 40 m, a quarter works to and fro at 2 to 4 kn, the
    rest drifts; every tenth vessel is silent for some hours, every fiftieth MMSI is sent by two
    vessels that take turns.
    """
    rng = np.random.default_rng(SEED)
    each = FIXES_IN_ALL // VESSELS
    t = START_MS + np.sort(rng.integers(0, DAY_MS, (VESSELS, each)), axis=1)
    silent = np.flatnonzero(rng.random(VESSELS) < _SILENT)
    t[silent, each // 2 :] += 3 * 3_600_000
    t = np.minimum(t, START_MS + DAY_MS + 6 * 3_600_000)
    kind = rng.choice(4, VESSELS, p=[0.34, 0.25, 0.25, 0.16])
    east, north = _ways(rng, (t - t[:, :1]) / 1000, kind)
    middle = rng.uniform([121.95, 30.5], [122.95, 31.6], (VESSELS, 2))
    lon = middle[:, :1] + east / 95_600 + rng.normal(0, 3e-5, t.shape)
    lat = middle[:, 1:] + north / 111_200 + rng.normal(0, 3e-5, t.shape)
    lon[::50, 1::2] += 0.3
    wait = np.maximum(np.diff(t, axis=1, prepend=t[:, :1]), 1) / 1000
    way = [np.diff(one, axis=1, prepend=one[:, :1]) / wait for one in (east, north)]
    count = t.size
    fixes = {
        "mover": np.repeat([_mmsi(n) for n in range(VESSELS)], each),
        "t": t.ravel(),
        "lon": lon.ravel(),
        "lat": lat.ravel(),
        "sog_mps": np.hypot(*way).ravel().astype(np.float32),
        "cog_deg": (np.degrees(np.arctan2(*way)) % 360).ravel().astype(np.float32),
        "heading_deg": np.full(count, np.nan, np.float32),
        "nav": np.repeat(np.where(kind == 0, 0, 15), each).astype(np.uint8),
        "acc": np.full(count, 255, np.uint8),
        "receiver": np.full(count, "r"),
        "quality": np.zeros(count, np.uint16),
        "h3": np.zeros(count, np.int64),
        "pid": [f"{n:016x}" for n in range(count)],
    }
    return pa.table(fixes, schema=FIXES), _said(t[:, ::10], kind)


def _ways(
    rng: np.random.Generator, seconds: Floats, kind: npt.NDArray[Any]
) -> tuple[Floats, Floats]:
    """Metres east and north of where each vessel began; shape (vessels, fixes)."""
    n = len(kind)
    speed = np.array([6.0, 0.0, 1.4, 0.0])[kind] * rng.uniform(0.7, 1.4, n)
    turns = np.array([40_000.0, 1.0, 2_500.0, 1.0])[kind] * rng.uniform(0.6, 1.6, n)
    # To and fro on a line: what a triangular wave of the way gone gives.
    gone = speed[:, None] * seconds
    to_and_fro = np.abs((gone + turns[:, None]) % (2 * turns[:, None]) - turns[:, None])
    heading = rng.uniform(0, 2 * np.pi, n)[:, None]
    creep = np.where(kind == 2, 0.05, 0.0)[:, None] * seconds
    east = to_and_fro * np.sin(heading) + creep * np.cos(heading)
    north = to_and_fro * np.cos(heading) - creep * np.sin(heading)
    wander = np.array([0.0, 0.0, 3.0, 25.0])[kind][:, None, None]
    more = (wander * rng.normal(0, 1, (n, seconds.shape[1], 2))).cumsum(axis=1)
    swing = 40 * (kind == 1)[:, None] * np.sin(seconds / 4000)
    return east + more[..., 0] + swing, north + more[..., 1]


def _mmsi(number: int) -> str:
    return f"{412_000_000 + number}"


def _said(t: npt.NDArray[np.int64], kind: npt.NDArray[Any]) -> pa.Table:
    n, each = t.shape
    fishing = kind >= 2
    names = [f"HUPUYU{k:05d}" if own else f"CARGO {k}" for k, own in enumerate(fishing.tolist())]
    # Now and then one call sign for two.
    signs = [f"BX{k - k % 100 // 99:05d}" for k in range(n)]
    count = n * each
    columns: dict[str, Any] = {name: np.full(count, "") for name in ("destination",)}
    columns |= {
        "mover": np.repeat([_mmsi(k) for k in range(n)], each),
        "t": t.ravel(),
        "name": np.repeat(names, each),
        "callsign": np.repeat(signs, each),
        "imo": np.zeros(count, np.int64),
        "ship_type": np.repeat(np.where(fishing, 30, 70), each),
        "receiver": np.full(count, "r"),
        "pid": [f"i{k:015x}" for k in range(count)],
    }
    arrays = []
    for field in IDENTITIES:
        if field.name in columns:
            arrays.append(pa.array(columns[field.name]).cast(field.type))
        else:
            arrays.append(pa.nulls(count, field.type))
    return pa.Table.from_arrays(arrays, schema=IDENTITIES)
