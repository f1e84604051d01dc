"""Latency of the live feed: from a sentence's arrival to its event in the store.

Sentences come over TCP at a steady rate, from ships that keep their course and say their names; of
every hundred, one is of a fishing boat that no register knows, so that events go on being found.
The watch runs in this process as `onemap watch` runs it, all rules of the city on a GeoPackage,
with the feed's clock; positions wait ten seconds to be put in order, unless the feed is told
otherwise (`--late`), and are in the figure with that wait and without it. Nothing is known of
reception there, so that silences are followed and none is told. What the process does before it
reads the first line is a figure of its own, and the boats of the first seconds, in which memory of
the store is filled, are left out. The sender is a process of its own; what a second of the feed
takes of a core says how much room there is.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import numpy.typing as npt

from analytics.collector import settle
from benchmarks import sentences
from ingest.live import LATENESS_MS, LiveDecoder, live_batches
from ingest.sources.network import tcp_lines
from ingest.take_in import layer as layer_input
from layers.city import City
from layers.store import Store, open_store
from onemap.home import Home
from onemap.live import LivePipeline

CITY = Path(__file__).parents[1] / "tests" / "cities" / "tiny"
RATE, SECONDS, WARM_S = 5_000, 60, 10
RULE = "unregistered_vessel"
_SHIPS, _BOATS = 4_000, 3_000
_TICK_S = 0.02
_FIRST_SHIP, _FIRST_BOAT = 701_000_000, 725_000_000
_LON, _LAT, _WIDE = -75.1, -42.6, 0.18
_METRES_PER_DEGREE = 111_195.0
_CARGO, _FISHING = 70, 30
_BOAT_EVERY, _SAID_EVERY = 100, 75
_DRAIN_S = 30
_SEND = "--send"


class Played(NamedTuple):
    """When each boat was sent and its event stored (s), lines read, late rows, core used (s)."""

    sent: dict[str, float]
    stored: dict[str, float]
    lines: int
    late: int
    cpu_s: float


def run() -> list[dict[str, Any]]:
    """Measure; rows for the table of results."""
    return [row for lateness in (LATENESS_MS, 0) for row in _measure(lateness)]


def _measure(lateness_ms: int) -> Iterable[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        city = City(CITY)
        store = open_store(str(folder / "onemap.gpkg"), city)
        try:
            _prepare(city, store, folder)
            home = Home(city.folder, str(folder / "onemap.gpkg"), folder)
            decoder = LiveDecoder(lateness_ms=lateness_ms)
            begun = time.perf_counter()
            live = LivePipeline(city, store, home, "bench", decoder=decoder)
            live.warm_up()
            settle()
            ready_s = time.perf_counter() - begun
            played = asyncio.run(_play(live))
        finally:
            store.close()
    first = min(played.sent.values()) + WARM_S
    boats = [boat for boat, at in played.sent.items() if at >= first]
    late = np.array([played.stored[b] - played.sent[b] for b in boats if b in played.stored])
    if len(late) < 0.9 * len(boats):
        raise RuntimeError(f"of {len(boats)} events only {len(late)} were stored")
    wait = f"{lateness_ms / 1000:g} s to put in order included"
    data = (
        f"synthetic NMEA over TCP, {RATE:,} messages/s for {SECONDS} s, {played.lines:,} lines,"
        f" {_SHIPS:,} ships, {played.late} positions late, GeoPackage"
    )
    warm = f"{data}; {len(late):,} events after {WARM_S} s of warming up"
    yield _row(f"ready to read, {wait}", "rules, references and compiled loops", ready_s, "s")
    share = played.cpu_s * RATE / played.lines
    yield _row(f"core used by {RATE:,} messages, {wait}", data, share, "s")
    for percent in (50, 99):
        what = f"sentence in to event stored, p{percent}, {wait}"
        yield _row(what, warm, float(np.percentile(late, percent)), "s")


def _row(what: str, data: str, value: float, unit: str) -> dict[str, Any]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    values = {"what": what, "data": data, "value": round(value, 2), "unit": unit}
    return values | {"peak_mb": round(peak)}


def _prepare(city: City, store: Store, folder: Path) -> None:
    store.create(*city.layers.values())
    at = datetime.now(UTC)
    zones = city.path("content/marine_zone.geojson")
    layer_input.take_in(city, store, folder, "marine_zone", [zones], crs="EPSG:4326", at=at)
    rows = gpd.GeoDataFrame({"registry_id": ["R-1"], "name_pinyin": ["NOBODY"]}, geometry=[None])
    with store.transaction() as unit:
        unit.upsert(city.layer("vessel_registry"), rows, at=at, source="bench")


async def _play(live: LivePipeline) -> Played:
    """Read what another process sends, until each boat's event is stored."""
    stored: dict[str, float] = {}
    sender = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bench_live", _SEND],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert sender.stdout is not None
    port = int(await asyncio.to_thread(sender.stdout.readline))
    source = tcp_lines("127.0.0.1", port, now_ms=_now_ms, attempts=1)
    read, late, before = 0, 0, time.process_time()
    batches = live_batches(source, live.decoder, now_ms=_now_ms)
    async with contextlib.aclosing(batches):
        async for batch in batches:
            done = await asyncio.to_thread(live.commit, batch, at=datetime.now(UTC))
            read, late = read + done.tally.read, late + done.late
            for event in done.events:
                if event.rule == RULE:
                    stored.setdefault(event.subject, time.monotonic())
            if len(stored) >= _BOATS:
                break
    spent = time.process_time() - before
    # The rest is read and dropped, so that the sender comes to its end.
    told, _ = await asyncio.to_thread(sender.communicate)
    return Played(json.loads(told), stored, read, late, spent)


async def _send() -> None:
    """Serve the feed to one reader until it hangs up; print the port, and when boats were sent."""
    sent: dict[str, float] = {}
    over = asyncio.Event()
    traffic = Traffic()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                await _feed(writer, traffic, sent)
        finally:
            writer.close()
            over.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await over.wait()
    print(json.dumps(sent))


async def _feed(writer: asyncio.StreamWriter, traffic: Traffic, sent: dict[str, float]) -> None:
    start, count, boat = time.monotonic(), 0, 0
    # Ships go on after the last boat: a feed that falls silent waits longer.
    while (passed := time.monotonic() - start) < SECONDS + _DRAIN_S:
        numbers = np.arange(count, int(passed * RATE))
        out = traffic.ships(numbers[numbers % _BOAT_EVERY != 0], passed)
        for _ in range(int((numbers % _BOAT_EVERY == 0).sum())):
            if boat < _BOATS:
                out += traffic.boats[boat]
                sent[f"{_FIRST_BOAT + boat:09d}"] = time.monotonic()
                boat += 1
        count += len(numbers)
        if out:
            writer.write(b"\n".join(out) + b"\n")
            await writer.drain()
        await asyncio.sleep(_TICK_S)


class Traffic:
    """Ships that keep their course and say their names, and boats that are heard once."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        self._middles = np.array([_LON, _LAT]) + rng.uniform(-_WIDE, _WIDE, (_SHIPS, 2))
        self._course = rng.uniform(0, 360, _SHIPS)
        self._speed = rng.uniform(2, 9, _SHIPS)
        self._names = [
            sentences.static(_FIRST_SHIP + k, f"CARGO {k}", _CARGO) for k in range(_SHIPS)
        ]
        self.boats: list[list[bytes]] = []
        for k, (lon, lat) in enumerate(rng.uniform(-_WIDE, _WIDE, (_BOATS, 2)).tolist()):
            mmsi = _FIRST_BOAT + k
            here = _one(mmsi), _one(_LON + lon), _one(_LAT + lat), _one(0.0), _one(0.0)
            self.boats.append(
                sentences.static(mmsi, f"SERENA{k:04d}", _FISHING) + sentences.positions(*here)
            )

    def ships(self, numbers: npt.NDArray[np.int64], passed_s: float) -> list[bytes]:
        """Sentences of these numbers of the feed, sent so many seconds after its start."""
        ship = numbers % _SHIPS
        course = np.radians(self._course[ship])
        gone = self._speed[ship] * passed_s / _METRES_PER_DEGREE
        out = sentences.positions(
            _FIRST_SHIP + ship,
            self._middles[ship, 0] + gone * np.sin(course) / np.cos(np.radians(_LAT)),
            self._middles[ship, 1] + gone * np.cos(course),
            self._speed[ship],
            self._course[ship],
        )
        for own in ship[(numbers // _SHIPS + ship) % _SAID_EVERY == 0].tolist():
            out += self._names[own]
        return out


def _one(value: float) -> npt.NDArray[Any]:
    return np.array([value])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__" and sys.argv[1:2] == [_SEND]:
    asyncio.run(_send())
