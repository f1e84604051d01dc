"""Speed of asking for movers: 600 vessels for a day, through the server's own application.

Fixes are made up: random walks on the water around a place, one fix each 60 to 120 s, written as
three batches in order of time, as ingest writes them. The application is asked in this process, so
that a figure holds everything but the network.
"""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h3.api.basic_int as h3
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from starlette.testclient import TestClient

from layers.city import City
from layers.positions import FIXES, PositionStore, fix_ids
from layers.store import open_store
from ogc_server import create_app

CITY = Path(__file__).parents[1] / "data" / "pudong"
SEED, VESSELS, DAY_MS, START_MS = 1, 600, 86_400_000, 1_593_561_600_000
_TIMES = 15
_BASE = "http://127.0.0.1"
_HOUR = "2020-07-01T06:00:00Z/2020-07-01T07:00:00Z"


def run() -> list[dict[str, Any]]:
    """Measure; rows for the table of results."""
    city = City(CITY)
    with tempfile.TemporaryDirectory() as folder:
        positions, count = PositionStore(Path(folder) / "positions"), 0
        for number, table in enumerate(_batches()):
            positions.write("ais", table, f"batch-{number}")
            count += table.num_rows
        store = open_store(str(Path(folder) / "city.gpkg"), city)
        store.create(*city.layers.values())
        client = TestClient(create_app(city, store, folder=Path(folder)), base_url=_BASE)
        rows = _measure(positions, client, f"{count:,} fixes, {VESSELS} vessels, seed {SEED}")
        store.close()
    return rows


def _measure(positions: PositionStore, client: TestClient, data: str) -> list[dict[str, Any]]:
    mover, minx, miny = "412000300", 121.95, 31.15
    box = f"bbox={minx},{miny},{minx + 0.1},{miny + 0.1}"
    home = f"/collections/vessels/items/{mover}"
    span = f"datetime={_HOUR}&subTrajectory=true"
    everything = _milliseconds(lambda: _filtered(positions, mover))
    one = _milliseconds(lambda: positions.scan("ais", movers=[mover]))
    first = _once(lambda: _ok(client, "/collections/vessels/items"))
    asked = (
        ("a mover's whole day, as MF-JSON", f"{home}/tgsequence"),
        ("an hour of a mover, as MF-JSON", f"{home}/tgsequence?{span}"),
        ("speed of a mover over its day", f"{home}/tproperties/sog"),
        ("a mover's day as CoverageJSON", f"/collections/vessels/locations/{mover}"),
        ("an hour of 100 movers, as MF-JSON", f"/collections/vessels/items?{span}&limit=100"),
    )
    rows = [
        _row("a mover's day out of the files", data, one, "all read, then filtered", everything),
        _row("movers listed, none remembered", data, first),
        _row("movers listed again", data, _get(client, "/collections/vessels/items")),
    ]
    rows += [_row(what, data, _get(client, url)) for what, url in asked]
    # Boxes are fresh for each request, so that no remembered list helps.
    boxes = iter(range(1, 10_000))
    fresh = _milliseconds(
        lambda: _ok(client, f"/collections/vessels/items?{box}{next(boxes)}&datetime={_HOUR}")
    )
    return [*rows, _row("movers in a fresh box within an hour", data, fresh)]


def _get(client: TestClient, url: str) -> float:
    return _milliseconds(lambda: _ok(client, url))


def _ok(client: TestClient, url: str) -> None:
    answer = client.get(url)
    if answer.status_code != 200:
        raise RuntimeError(answer.text)


def _filtered(positions: PositionStore, mover: str) -> pa.Table:
    files = [str(path) for path in positions.root.rglob("*.parquet")]
    table = ds.dataset(files, format="parquet").to_table()
    return table.filter(pc.equal(table["mover"], mover))


def _milliseconds(ask: Callable[[], object]) -> float:
    return statistics.median(_once(ask) for _ in range(_TIMES))


def _once(ask: Callable[[], object]) -> float:
    start = time.perf_counter()
    ask()
    return (time.perf_counter() - start) * 1000


def in_time() -> pa.Table:
    """All fixes of the day in order of time, as `layers.positions.FIXES`."""
    random = np.random.default_rng(SEED)
    parts = [_walk(random, f"{412_000_000 + number}") for number in range(VESSELS)]
    table = pa.concat_tables(parts)
    return table.take(pa.array(np.argsort(table["t"].to_numpy(), kind="stable")))


def _batches() -> list[pa.Table]:
    day = in_time()
    third = -(-day.num_rows // 3)
    return [day.slice(at, third) for at in range(0, day.num_rows, third)]


def _walk(random: np.random.Generator, mover: str) -> pa.Table:
    t = START_MS + np.cumsum(random.integers(60_000, 120_000, 1440))
    t = t[t < START_MS + DAY_MS]
    n = len(t)
    course = np.cumsum(random.normal(0, 0.4, n)) + random.uniform(0, 2 * np.pi)
    speed = np.full(n, random.uniform(0, 8))
    step = speed * np.diff(t, prepend=t[0]) / 1000
    lon = random.uniform(121.6, 122.4) + np.cumsum(step * np.sin(course)) / 95_000
    lat = random.uniform(30.9, 31.5) + np.cumsum(step * np.cos(course)) / 111_000
    degrees = np.degrees(course) % 360
    single = (speed.astype(np.float32), degrees.astype(np.float32))
    names = pa.array([mover] * n)
    columns = {
        "mover": names,
        "t": t,
        "lon": lon,
        "lat": lat,
        "sog_mps": single[0],
        "cog_deg": single[1],
        "heading_deg": single[1],
        "nav": np.zeros(n, np.uint8),
        "acc": np.full(n, 255, np.uint8),
        "receiver": [""] * n,
        "quality": np.zeros(n, np.uint16),
        "h3": [h3.latlng_to_cell(y, x, 8) for x, y in zip(lon, lat, strict=True)],
        "pid": fix_ids(names, t, lon, lat, *single),
    }
    return pa.table(columns, schema=FIXES)


def _row(
    what: str, data: str, value: float, peer: str = "", peer_value: float | None = None
) -> dict[str, Any]:
    return {
        "what": f"movers: {what}",
        "data": data,
        "value": round(value, 1),
        "unit": "ms",
        "peer": peer,
        "peer_value": None if peer_value is None else round(peer_value, 1),
        "ratio": None if peer_value is None else round(peer_value / value, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
