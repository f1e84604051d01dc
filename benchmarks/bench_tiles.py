"""Vector tiles: time of a tile that must be made, and rates of those that need not be.

Run ``python -m benchmarks.bench_tiles`` from the root; needs PostgreSQL with PostGIS for two of the
three servers, and Martin for the comparison: ``cargo install martin --no-default-features
--features postgres``, found on the path or named by ``ONEMAP_BENCH_MARTIN``. The same tiles (seed
7) are asked of all, one after the other over 4 kept connections, without compression: 100,000
synthetic points and 20,000 polygons. Tiles of levels at which ours hold counts of cells instead of
all rows are told apart, for they are another answer. Martin's cache is off.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from benchmarks.load import CONNECTIONS
from benchmarks.servers import CITY, ROOT
from layers.city import City
from layers.query import Query
from layers.store import Store, open_store
from layers.tiles.matrix import WEB_MERCATOR, Tile
from tests.ogc_server.rows import AT, rows
from tests.postgis import NoServer, fresh_database, running_server

POINTS, POLYGONS = "navigation_mark", "marine_zone"
SIZES = {
    POINTS: int(os.environ.get("ONEMAP_BENCH_POINTS", "100000")),
    POLYGONS: int(os.environ.get("ONEMAP_BENCH_POLYGONS", "20000")),
}
MANY = int(os.environ.get("ONEMAP_BENCH_MANY", "1000000"))
SECONDS = float(os.environ.get("ONEMAP_BENCH_SECONDS", "3"))
LEVELS = range(6, 15)
_TILES_A_LEVEL = 30
_REPEATS = 3
SERVERS = ("onemap, GeoPackage", "onemap, PostGIS", "Martin, PostGIS")
_METRES = 40


def _tiles() -> dict[int, list[tuple[int, int]]]:
    """Rows and columns of tiles by level, where the rows lie."""
    draw = random.Random(7)
    minx, miny, maxx, maxy = City(CITY).bounds
    found = {}
    for level in LEVELS:
        places = set()
        for _ in range(_TILES_A_LEVEL):
            x, y = draw.uniform(minx + 0.05, maxx - 0.05), draw.uniform(miny + 0.05, maxy - 0.05)
            row, _, column, _ = WEB_MERCATOR.limits(level, (x, y, x, y))
            places.add((row, column))
        found[level] = sorted(places)
    return found


def fill(url: str, sizes: dict[str, int]) -> None:
    """Make a store with so many rows in each layer; polygons are about 80 m wide."""
    city = City(CITY)
    store = open_store(url, city)
    store.create(*city.layers.values())
    for layer, size in sizes.items():
        spec = city.layer(layer)
        frame = rows(spec, city, size)
        if layer == POLYGONS:
            places = shapely.centroid(np.asarray(frame.geometry))
            areas = shapely.buffer(places, _METRES / 111_000, quad_segs=3)
            frame = gpd.GeoDataFrame(
                frame.drop(columns="geometry"), geometry=areas, crs="EPSG:4326"
            )
        with store.transaction() as writing:
            writing.upsert(spec, frame, at=AT, source="bench")
    store.close()


async def _get(
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], path: str, more: str = ""
) -> tuple[int, int, dict[str, str]]:
    reader, writer = streams
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}\r\n".encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    lines = answer.decode().split("\r\n")
    fields = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:-2])}
    size = int(fields.get("content-length", "0"))
    status = int(lines[0].split()[1])
    if size and status not in (204, 304):
        await reader.readexactly(size)
    if status not in (200, 204, 304):
        raise RuntimeError(answer.decode())
    return status, size, fields


async def _all_once(port: int, paths: list[str]) -> float:
    """Seconds for all paths, shared by the connections."""
    waiting = list(paths)

    async def work() -> None:
        streams = await asyncio.open_connection("127.0.0.1", port)
        while waiting:
            await _get(streams, waiting.pop())
        streams[1].close()

    start = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return time.perf_counter() - start


async def _rate(port: int, path: str, conditional: bool) -> float:
    first = await asyncio.open_connection("127.0.0.1", port)
    gzip = "Accept-Encoding: gzip\r\n"
    _, _, fields = await _get(first, path, gzip)
    more = gzip + (f"If-None-Match: {fields['etag']}\r\n" if conditional else "")
    end = time.perf_counter() + SECONDS

    async def work() -> int:
        streams, answered = await asyncio.open_connection("127.0.0.1", port), 0
        while time.perf_counter() < end:
            status, _, _ = await _get(streams, path, more)
            assert status == (304 if conditional else 200)
            answered += 1
        streams[1].close()
        return answered

    start = time.perf_counter()
    counts = await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return sum(counts) / (time.perf_counter() - start)


def _path(server: str, layer: str, level: int, row: int, column: int) -> str:
    if server == SERVERS[2]:
        return f"/{layer}/{level}/{column}/{row}"
    return f"/collections/{layer}/tiles/WebMercatorQuad/{level}/{row}/{column}?f=mvt"


def _measure(server: str, port: int) -> list[dict[str, Any]]:
    """Milliseconds for a tile by layer and level, the least of some rounds."""
    found = []
    for layer in SIZES:
        for level, places in _tiles().items():
            paths = [_path(server, layer, level, *place) for place in places]
            asyncio.run(_all_once(port, paths[:2]))
            best = min(asyncio.run(_all_once(port, paths)) for _ in range(_REPEATS))
            found.append(
                {"server": server, "layer": layer, "level": level, "ms": 1000 * best / len(paths)}
            )
    return found


def _rates(server: str, port: int) -> list[dict[str, Any]]:
    row, column = _tiles()[13][0]
    path = _path(server, POINTS, 13, row, column)
    return [
        {"server": server, "request": name, "rate": asyncio.run(_rate(port, path, conditional))}
        for name, conditional in (("remembered", False), ("conditional", True))
    ]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def _process(command: list[str], port: int) -> Iterator[int]:
    """Run a server until the end of the block; give its port when it answers."""
    server = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, env={**os.environ, "RUST_LOG": "error"}
    )
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and server.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=20)


def _ours(kind: str, url: str) -> AbstractContextManager[int]:
    port = _free_port()
    return _process([sys.executable, "-m", "benchmarks.bench_tiles", kind, url, str(port)], port)


def _martin(url: str) -> AbstractContextManager[int]:
    program = os.environ.get("ONEMAP_BENCH_MARTIN") or shutil.which("martin")
    if program is None:
        words = "cargo install martin --no-default-features --features postgres"
        raise NoServer(f"Martin is not installed: {words}")
    port = _free_port()
    given = ["--listen-addresses", f"127.0.0.1:{port}", "--cache-size", "0"]
    return _process([program, url, *given], port)


def _counted(url: str) -> dict[tuple[str, int], bool]:
    """Whether tiles of a layer and level hold counts of cells; told by the store itself."""
    city = City(CITY)
    store = open_store(url, city)
    found = {}
    for layer in SIZES:
        for level, places in _tiles().items():
            tiles = [Tile(WEB_MERCATOR, level, *place) for place in places[:5]]
            held = [store.tile(Query(layer), tile) for tile in tiles]
            found[layer, level] = any(f"{layer}_cells".encode() in body for body in held)
    store.close()
    return found


def compare() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Measure all servers; those that can't run here are left out.

    Returns
    -------
    Rows of milliseconds by server, layer and level with ``counted``; rows of rates.
    """
    times: list[dict[str, Any]] = []
    rates: list[dict[str, Any]] = []

    def ours(server: str, url: str) -> None:
        with _ours("forgetful", url) as port:
            times.extend(_measure(server, port))
        with _ours("ours", url) as port:
            rates.extend(_rates(server, port))

    with tempfile.TemporaryDirectory() as name:
        file = str(Path(name) / "city.gpkg")
        fill(file, SIZES)
        counted = _counted(file)
        ours(SERVERS[0], file)
        try:
            with running_server() as server, fresh_database(server) as url:
                fill(url, SIZES)
                ours(SERVERS[1], url)
                with _martin(url) as port:
                    times += _measure(SERVERS[2], port)
        except NoServer as reason:
            print(f"without it: {reason}", file=sys.stderr)
    for row in times:
        row["counted"] = counted[row["layer"], row["level"]]
    return times, rates


def many() -> list[dict[str, Any]]:
    """Milliseconds of one tile that must be made, of a layer of a million points, by level."""
    found = []

    def measure(kind: str, store: Store) -> None:
        for level in range(15):
            row, column = _tiles()[level][0] if level in LEVELS else _middle(level)
            tile = Tile(WEB_MERCATOR, level, row, column)
            start = time.perf_counter()
            body = store.tile(Query(POINTS), tile)
            spent = 1000 * (time.perf_counter() - start)
            found.append({"server": kind, "level": level, "ms": spent, "bytes": len(body)})
        store.close()

    with tempfile.TemporaryDirectory() as name:
        file = str(Path(name) / "city.gpkg")
        fill(file, {POINTS: MANY})
        measure(SERVERS[0], open_store(file, City(CITY)))
    try:
        with running_server() as server, fresh_database(server) as url:
            fill(url, {POINTS: MANY})
            measure(SERVERS[1], open_store(url, City(CITY)))
    except NoServer as reason:
        print(f"without PostGIS: {reason}", file=sys.stderr)
    return found


def _middle(level: int) -> tuple[int, int]:
    minx, miny, maxx, maxy = City(CITY).bounds
    x, y = (minx + maxx) / 2, (miny + maxy) / 2
    row, _, column, _ = WEB_MERCATOR.limits(level, (x, y, x, y))
    return row, column


def _mean(times: list[dict[str, Any]], server: str, layer: str, counted: bool) -> float | None:
    """Geometric mean over the levels, so that each counts alike."""
    found = [
        row["ms"]
        for row in times
        if (row["server"], row["layer"], row["counted"]) == (server, layer, counted)
    ]
    return float(np.exp(np.mean(np.log(found)))) if found else None


def run() -> list[dict[str, Any]]:
    """Measure; rows for the table of results."""
    times, rates = compare()
    found = []
    for layer, size in SIZES.items():
        for counted in (False, True):
            peer = _mean(times, SERVERS[2], layer, counted)
            kind = "ours hold counts of cells, Martin's all rows" if counted else "all rows in both"
            for server in SERVERS:
                value = _mean(times, server, layer, counted)
                if value is not None:
                    what = f"a tile that must be made, {layer}: {server}"
                    data = f"{size:,} synthetic rows, {kind}, mean over levels"
                    ratio = peer / value if peer else None
                    found.append(_row(what, data, value, "ms", peer, ratio))
    for row in rates:
        what = f"a tile that is {row['request']}: {row['server']}"
        data = f"{SIZES[POINTS]:,} synthetic points, {CONNECTIONS} connections, one process"
        found.append(_row(what, data, row["rate"], "requests/s"))
    slowest: dict[str, dict[str, Any]] = {}
    for row in many():
        if row["ms"] > slowest.get(row["server"], {"ms": 0})["ms"]:
            slowest[row["server"]] = row
    for server, row in slowest.items():
        what = f"slowest level, {row['level']}, of a tile that must be made: {server}"
        found.append(_row(what, f"{MANY:,} synthetic points, levels 0–14", row["ms"], "ms"))
    return found


def _row(
    what: str,
    data: str,
    value: float,
    unit: str,
    peer: float | None = None,
    ratio: float | None = None,
) -> dict[str, Any]:
    return {
        "what": what,
        "data": data,
        "value": round(value, 1),
        "unit": unit,
        "peer": "Martin, cache off" if peer else None,
        "peer_value": peer,
        "ratio": ratio,
        "peak_mb": None,
    }


def _serve(kind: str, url: str, port: int) -> None:
    import uvicorn

    from ogc_server import create_app
    from ogc_server.tiling.tiles import TileMemory

    city = City(CITY)
    app = create_app(city, open_store(url, city))
    if kind == "forgetful":
        app.state.tiles = TileMemory(size=0)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


def _print() -> None:
    print(f"{SIZES}, seed 7, {CONNECTIONS} connections, {os.cpu_count()} cores")
    print(f"load {os.getloadavg()}")
    times, rates = compare()
    peers = {(r["layer"], r["level"]): r["ms"] for r in times if r["server"] == SERVERS[2]}
    for row in times:
        peer = peers.get((row["layer"], row["level"]))
        ratio = f"{peer / row['ms']:.2f}" if peer else ""
        kind = "cells" if row["counted"] else "rows"
        print(
            f"{row['server']:<20}{row['layer']:<17}{row['level']:>3} {kind:<6}"
            f"{row['ms']:>9.1f} ms  {ratio:>6}"
        )
    for row in rates:
        print(f"{row['server']:<20}{row['request']:<12}{row['rate']:>9.0f} requests/s")
    print(f"load {os.getloadavg()}")


if __name__ == "__main__":
    if len(sys.argv) == 4:
        _serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    elif sys.argv[1:] == ["many"]:
        for entry in many():
            print("{server:<20}{level:>3}{ms:>9.1f} ms {bytes:>9} bytes".format(**entry))
    else:
        _print()
