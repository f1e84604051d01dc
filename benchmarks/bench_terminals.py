"""Truck terminals over TCP: from a location sent to its answer, which says that it is stored.

The fleet is a process of its own; each terminal has a connection, registers, shows its code and
sends a location a second. The server runs in this process as `onemap terminals` runs it, with
positions in Parquet and last positions in a GeoPackage. Every location must be answered and stored.
"""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
import uvloop

from benchmarks.fleet import open_files
from ingest.decoders.jt808_fixes import FixDecoder
from ingest.sources.terminal_codes import Codes
from ingest.sources.terminal_session import Entrance, Limits
from ingest.sources.terminals import TerminalServer
from ingest.take_in.terminals import FixKeeper, TerminalIntake
from layers.city import City
from layers.positions import PositionStore
from layers.store import open_store

CITY = Path(__file__).parents[1] / "tests" / "cities" / "tiny"
TERMINALS, SECONDS = 5_000, 60


def run() -> list[dict[str, Any]]:
    """Measure; rows for the table of results."""
    open_files()
    # As the command does; a line for each registration would be in the figures.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        city = City(CITY)
        store = open_store(str(folder / "onemap.gpkg"), city)
        try:
            store.create(*city.layers.values())
            keeper = FixKeeper(city, store, folder, _now, "bench")
            intake = TerminalIntake(store, folder, keeper, decoder=FixDecoder(), now=_now)
            busy = time.process_time()
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                told = runner.run(serve(intake))
            busy = time.process_time() - busy
            keeper.finish()
            peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        finally:
            store.close()
        stored = PositionStore(folder / "positions").scan("gps").num_rows
    sent = TERMINALS * SECONDS
    if not told["sent"] == told["answered"] == stored == sent or told["refused"]:
        raise RuntimeError(f"of {sent} locations {stored} were stored: {told}")
    return list(_rows(told, stored, busy, peak))


def _rows(told: dict[str, Any], stored: int, busy_s: float, peak: int) -> list[dict[str, Any]]:
    data = f"synthetic JT/T 808 over TCP, {TERMINALS:,} terminals, a location a second each for "
    data += f"{SECONDS} s, {stored:,} stored, GeoPackage"
    shares = {"p50": "p50_s", "p99": "p99_s", "longest": "p100_s"}
    rows: list[dict[str, Any]] = [
        {
            "what": f"location sent to answered as stored, {share}",
            "data": data,
            "value": round(told[key], 2),
            "unit": "s",
            "peak_mb": peak,
        }
        for share, key in shares.items()
    ]
    work = round(busy_s / stored * 1e6, 1)
    rows.append({"what": "work of the server", "data": data, "value": work, "unit": "us/location"})
    return rows


async def serve(intake: TerminalIntake) -> dict[str, Any]:
    """Serve the fleet until it is done; what it says."""
    limits = Limits(per_address=TERMINALS)
    entrance = Entrance(Codes(b"bench"), intake.plates)
    server = TerminalServer(entrance, intake.keep, now_ms=_now_ms, limits=limits)
    stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(server.run("127.0.0.1", 0, stop, port.set_result))
    command = [sys.executable, "-m", "benchmarks.fleet", str(await port)]
    fleet = await asyncio.create_subprocess_exec(
        *command, str(TERMINALS), str(SECONDS), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await fleet.communicate()
    stop.set()
    await serving
    return dict(json.loads(said))


def _now() -> datetime:
    return datetime.now(UTC)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    for row in run():
        print(row)
