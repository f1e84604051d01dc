"""Items a second, beside pygeoapi's stock PostgreSQL provider and tipg.

Run ``python -m benchmarks.bench_items`` from the root; needs PostgreSQL with PostGIS for all but
the first server, psycopg2 for pygeoapi's provider, and tipg.

All servers hold the same synthetic points and polygons (seed 7) and are asked the same questions in
turn, several rounds of each, so that whatever else the machine does meets all of them. Pages begin
anywhere in the layer, by number, which all understand; boxes are fresh, so that a remembered count
helps nobody. Ours remembers rows as text (within 256 MB): the first reading of a layer, where no
row has been read before, is measured for itself.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.load import CONNECTIONS, once, rate, rate_of_all, request
from benchmarks.servers import (
    CITY,
    OURS_GEOPACKAGE,
    OURS_POSTGIS,
    STOCK,
    TIPG,
    Server,
    described,
    missing,
    running,
)
from layers.city import City
from layers.store import open_store
from tests.ogc_server.rows import AT, rows
from tests.postgis import NoServer, fresh_database, running_server

LAYERS = {"navigation_mark": ("points", 100_000), "marine_zone": ("polygons", 20_000)}
SECONDS = float(os.environ.get("ONEMAP_BENCH_SECONDS", "2"))
ROUNDS = int(os.environ.get("ONEMAP_BENCH_ROUNDS", "3"))
_REQUESTS = 2000
_WARM_S = 0.5
FIRST, HELD = "limit=1000, first reading", "If-None-Match"
SIZES = (100, 1000)


def _questions(layer: str) -> dict[str, list[str]]:
    """Query strings by name; the same for every server."""
    draw, size = random.Random(7), LAYERS[layer][1]
    minx, miny, maxx, maxy = City(CITY).bounds

    def box() -> str:
        width, height = (maxx - minx) / 10, (maxy - miny) / 10
        x, y = draw.uniform(minx, maxx - width), draw.uniform(miny, maxy - height)
        return f"limit=100&bbox={x:.5f},{y:.5f},{x + width:.5f},{y + height:.5f}"

    pages = {
        f"limit={limit}": [
            f"limit={limit}&offset={draw.randrange(size // limit) * limit}"
            for _ in range(_REQUESTS)
        ]
        for limit in SIZES
    }
    return {**pages, "bbox, limit=100": [box() for _ in range(_REQUESTS)]}


def _texts(server: Server, layer: str, questions: list[str]) -> list[bytes]:
    path = server.collections[layer]
    return [request(server.port, f"{path}?{text}") for text in questions]


def _check(servers: list[Server]) -> None:
    """All give as many rows, so that all do the same work; RuntimeError where one doesn't."""
    for layer in LAYERS:
        for name, questions in _questions(layer).items():
            numbers = {}
            for server in servers:
                _, body = once(server.port, _texts(server, layer, questions[:1])[0])
                found = json.loads(body)
                numbers[server.name] = (found["numberMatched"], len(found["features"]))
            if len(set(numbers.values())) > 1:
                raise RuntimeError(f"{layer}, {name}: {numbers}")


def _first_reading(server: Server, layer: str) -> float:
    size = LAYERS[layer][1]
    pages = [f"limit=1000&offset={start}" for start in range(0, size, 1000)]
    return rate_of_all(server.port, _texts(server, layer, pages))


def _held(server: Server, layer: str) -> float:
    """Answers a second to a client that holds the page already."""
    path = f"{server.collections[layer]}?limit=100"
    head, _ = once(server.port, request(server.port, path))
    tag = next(
        line.split(": ", 1)[1]
        for line in head.decode().split("\r\n")
        if line.lower().startswith("etag")
    )
    again = request(server.port, path, If_None_Match=tag)
    return rate(server.port, [again], SECONDS, 304)


def _measure(servers: list[Server]) -> Iterator[dict[str, Any]]:
    for layer in LAYERS:
        yield from _row(layer, FIRST, {s.name: [_first_reading(s, layer)] for s in servers})
    _check(servers)
    for layer in LAYERS:
        for name, questions in _questions(layer).items():
            texts = {s.name: _texts(s, layer, questions) for s in servers}
            found: dict[str, list[float]] = {s.name: [] for s in servers}
            for server in servers:
                rate(server.port, texts[server.name], _WARM_S)
            for _ in range(ROUNDS):
                for server in servers:
                    found[server.name].append(rate(server.port, texts[server.name], SECONDS))
            yield from _row(layer, name, found)
    # The peers give no validators.
    ours = [s for s in servers if s.name in (OURS_GEOPACKAGE, OURS_POSTGIS)]
    layer = next(iter(LAYERS))
    yield from _row(layer, HELD, {s.name: [_held(s, layer) for _ in range(ROUNDS)] for s in ours})


def _row(layer: str, name: str, found: dict[str, list[float]]) -> Iterator[dict[str, Any]]:
    middle = {server: median(rates) for server, rates in found.items()}
    for server, rates in found.items():
        yield {
            "layer": layer,
            "request": name,
            "server": server,
            "requests_per_s": middle[server],
            "least": min(rates),
            "most": max(rates),
            "peers": {peer: middle[peer] for peer in (STOCK, TIPG) if peer in middle},
        }


def _fill(url: str) -> None:
    city = City(CITY)
    store = open_store(url, city)
    store.create(*city.layers.values())
    with store.transaction() as writing:
        for layer, (_, size) in LAYERS.items():
            spec = city.layer(layer)
            writing.upsert(spec, rows(spec, city, size), at=AT, source="bench")
    store.close()


def compare() -> list[dict[str, Any]]:
    """Measure all servers in one run; those that can't run here are left out.

    Returns
    -------
    One dict for each layer, request and server: ``requests_per_s`` (median of the rounds, with
    ``least`` and ``most``), ``peers`` with their medians, ``peak_mb`` of the server process.
    """
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        places = {OURS_GEOPACKAGE: str(folder / "city.gpkg")}
        _fill(places[OURS_GEOPACKAGE])
        try:
            url = stack.enter_context(fresh_database(stack.enter_context(running_server())))
            _fill(url)
            places |= dict.fromkeys((OURS_POSTGIS, STOCK, TIPG), url)
        except NoServer as reason:
            print(f"without PostGIS: {reason}", file=sys.stderr)
        servers = []
        for server, url in places.items():
            reason = missing(server)
            if reason is None:
                servers.append(stack.enter_context(running(server, url, tuple(LAYERS), folder)))
            else:
                print(f"without {server}: {reason}", file=sys.stderr)
        found = list(_measure(servers))
        peaks = {server.name: server.peak_mb for server in servers}
    return [{**row, "peak_mb": peaks[row["server"]]} for row in found]


def run() -> list[dict[str, Any]]:
    """Measure; rows for the table of results, one for each of ours and each peer."""
    made = []
    for row in compare():
        kind, size = LAYERS[row["layer"]]
        line = {
            "what": f"items, {row['request']}: {row['server']}",
            "data": f"{size:,} synthetic {kind}, {CONNECTIONS} connections, one process",
            "value": round(row["requests_per_s"], 1),
            "unit": "requests/s",
            "peak_mb": round(row["peak_mb"]),
        }
        ours = row["server"] in (OURS_GEOPACKAGE, OURS_POSTGIS)
        if not ours or not row["peers"]:
            made.append(line)
            continue
        made += [
            {
                **line,
                "peer": described(peer),
                "peer_value": round(value, 1),
                "ratio": row["requests_per_s"] / value,
            }
            for peer, value in row["peers"].items()
        ]
    return made


def _print(found: list[dict[str, Any]]) -> None:
    print(
        f"synthetic, seed 7, {CONNECTIONS} connections, one process each, median of {ROUNDS} "
        f"rounds, {os.cpu_count()} cores, Python {sys.version.split()[0]}"
    )
    heads = f"{'request':<28}{'server':<26}{'requests/s':>11}{'least':>8}{'most':>8}"
    print(f"{'layer':<18}{heads}{'/ stock':>9}{'/ tipg':>8}{'peak MB':>9}")
    for row in found:
        ratios = "".join(
            f"{row['requests_per_s'] / row['peers'][peer]:>{width}.1f}"
            if peer in row["peers"]
            else " " * width
            for peer, width in ((STOCK, 9), (TIPG, 8))
        )
        print(
            f"{row['layer']:<18}{row['request']:<28}{row['server']:<26}"
            f"{row['requests_per_s']:>11.0f}{row['least']:>8.0f}{row['most']:>8.0f}{ratios}"
            f"{row['peak_mb']:>9.0f}"
        )


if __name__ == "__main__":
    _print(compare())
