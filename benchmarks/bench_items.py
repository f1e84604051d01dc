"""Items requests a second, beside pygeoapi's stock PostgreSQL provider.

Run ``python -m benchmarks.bench_items`` from the root; needs PostgreSQL with PostGIS for two of the
three servers, and psycopg2 for pygeoapi's provider. All run in turn on the same 100,000 synthetic
points (seed 7), each as one uvicorn process, asked over 4 kept connections by this process on the
same machine. Boxes are fresh for each request, so that no remembered count helps.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from layers.city import City
from layers.store import open_store
from tests.ogc_server.rows import AT, rows
from tests.postgis import NoServer, fresh_database, running_server

ROOT = Path(__file__).parents[1]
CITY = ROOT / "tests" / "cities" / "tiny"
LAYER = "navigation_mark"
ROWS = 100_000
CONNECTIONS = 4
SECONDS = float(os.environ.get("ONEMAP_BENCH_SECONDS", "4"))
SERVERS = ("onemap, GeoPackage", "onemap, PostGIS", "pygeoapi stock, PostGIS")


def _questions(base: str) -> dict[str, Callable[[], str]]:
    draw = random.Random(7)
    minx, miny, maxx, maxy = City(CITY).bounds

    def box() -> str:
        width, height = (maxx - minx) / 10, (maxy - miny) / 10
        x, y = draw.uniform(minx, maxx - width), draw.uniform(miny, maxy - height)
        return f"{base}?f=json&limit=100&bbox={x:.5f},{y:.5f},{x + width:.5f},{y + height:.5f}"

    return {
        "limit=100": lambda: f"{base}?f=json&limit=100",
        "limit=1000": lambda: f"{base}?f=json&limit=1000",
        "bbox, limit=100": box,
    }


async def _ask(port: int, question: Callable[[], str], until: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = 0
    while time.perf_counter() < until:
        head = f"GET {question()} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: */*\r\n\r\n"
        writer.write(head.encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in answer.decode().lower().split("\r\n")[1:-2])
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer.decode())
        body = await reader.readexactly(int(fields["content-length"]))
        assert b"numberReturned" in body
        answered += 1
    writer.close()
    return answered


async def _rate(port: int, question: Callable[[], str]) -> float:
    await _ask(port, question, time.perf_counter() + 0.5)
    start = time.perf_counter()
    until = start + SECONDS
    counts = await asyncio.gather(*(_ask(port, question, until) for _ in range(CONNECTIONS)))
    return sum(counts) / (time.perf_counter() - start)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def process(environment: dict[str, str], *arguments: str) -> Iterator[tuple[int, int]]:
    port = _free_port()
    command = [sys.executable, *arguments, str(port)]
    process = subprocess.Popen(command, env={**os.environ, **environment}, cwd=ROOT)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(timeout=20)


def peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def _measure(server: str, environment: dict[str, str], *arguments: str) -> list[dict[str, Any]]:
    found = []
    with process(environment, *arguments) as (port, pid):
        for name, question in _questions(f"/collections/{LAYER}/items").items():
            rate = asyncio.run(_rate(port, question))
            found.append(
                {"benchmark": "items", "server": server, "request": name, "requests_per_s": rate}
            )
        for row in found:
            row["peak_mb"] = peak_mb(pid)
    return found


def _fill(url: str) -> None:
    city = City(CITY)
    store = open_store(url, city)
    for spec in city.layers.values():
        store.create(spec)
    with store.transaction() as writing:
        spec = city.layer(LAYER)
        writing.upsert(spec, rows(spec, city, ROWS), at=AT, source="bench")
    store.close()


def _stock(url: str, folder: Path) -> dict[str, str]:
    """Configuration of pygeoapi with its own PostgreSQL provider on our table."""
    from ogc_server.engine import configuration

    place, database = url.removeprefix("postgresql://").rsplit("/", 1)
    user, address = place.split("@")
    host, port = address.split(":")
    city = City(CITY)
    resource = {
        "type": "collection",
        "title": LAYER,
        "description": LAYER,
        "keywords": [],
        "links": [],
        "extents": {"spatial": {"bbox": list(city.bounds)}},
        "providers": [
            {
                "type": "feature",
                "name": "PostgreSQL",
                "data": {"host": host, "port": int(port), "dbname": database, "user": user,
                         "password": "", "search_path": ["public"]},
                "id_field": "fid",
                "table": LAYER,
                "geom_field": "geometry",
                "properties": [p.name for p in city.layer(LAYER).properties],
                "storage_crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
            }
        ],
    }  # fmt: skip
    config = configuration({"en": "stock"}, "http://127.0.0.1", {LAYER: resource})
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "openapi.json").write_text("{}")
    return {
        "PYGEOAPI_CONFIG": str(folder / "config.json"),
        "PYGEOAPI_OPENAPI": str(folder / "openapi.json"),
    }


def compare() -> list[dict[str, Any]]:
    """Measure all servers; those that can't run here are left out.

    Returns
    -------
    One dict for each server and request: ``requests_per_s``, ``ratio`` to pygeoapi's stock provider
    (None where it did not run), ``peak_mb`` of the server process.
    """
    here = ("-m", "benchmarks.bench_items")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _fill(str(folder / "city.gpkg"))
        found = _measure(SERVERS[0], {}, *here, "ours", str(folder / "city.gpkg"))
        try:
            with running_server() as server, fresh_database(server) as url:
                _fill(url)
                found += _measure(SERVERS[1], {}, *here, "ours", url)
                if find_spec("psycopg2") is None:
                    print("without the stock provider: it needs psycopg2", file=sys.stderr)
                else:
                    found += _measure(SERVERS[2], _stock(url, folder), *here, "stock", "-")
        except NoServer as reason:
            print(f"without PostGIS: {reason}", file=sys.stderr)
    stock = {r["request"]: r["requests_per_s"] for r in found if r["server"] == SERVERS[2]}
    for row in found:
        base = stock.get(row["request"])
        row["ratio"] = row["requests_per_s"] / base if base else None
    return found


def run() -> list[dict[str, Any]]:
    """Measure; rows for the table of results."""
    found = compare()
    stock = {r["request"]: r["requests_per_s"] for r in found if r["server"] == SERVERS[2]}
    return [
        {
            "what": f"items, {row['request']}: {row['server']}",
            "data": f"{ROWS:,} synthetic points, {CONNECTIONS} connections, one process",
            "value": round(row["requests_per_s"], 1),
            "unit": "requests/s",
            "peer": f"pygeoapi {version('pygeoapi')}, stock PostgreSQL provider",
            "peer_value": stock.get(row["request"]),
            "ratio": row["ratio"],
            "peak_mb": round(row["peak_mb"]),
        }
        for row in found
    ]


def _serve(kind: str, url: str, port: int) -> None:
    import uvicorn

    if kind == "stock":
        from pygeoapi import starlette_app

        app = starlette_app.APP
    else:
        from ogc_server import create_app

        city = City(CITY)
        app = create_app(city, open_store(url, city))
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


def _print(found: list[dict[str, Any]]) -> None:
    print(
        f"{ROWS:,} synthetic points, seed 7, {CONNECTIONS} connections, one process each, "
        f"{os.cpu_count()} cores, Python {sys.version.split()[0]}"
    )
    print(f"{'server':<26}{'request':<18}{'requests/s':>11}{'ratio':>8}{'peak MB':>9}")
    for row in found:
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.1f}"
        print(
            f"{row['server']:<26}{row['request']:<18}{row['requests_per_s']:>11.0f}{ratio:>8}"
            f"{row['peak_mb']:>9.0f}"
        )


if __name__ == "__main__":
    if len(sys.argv) == 4:
        _serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    else:
        _print(compare())
