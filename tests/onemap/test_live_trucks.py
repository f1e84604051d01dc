"""A truck day that terminals send is judged live as it is judged in history."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from socket import create_connection
from threading import Thread

import orjson
import pyarrow as pa
import pytest

from analytics.event import to_frame
from analytics.rule import RULES
from ingest.decoders.jt808_fixes import FixDecoder
from ingest.sources.terminal_codes import Codes
from ingest.sources.terminal_session import Entrance
from ingest.sources.terminals import TerminalServer
from ingest.take_in.terminals import FixKeeper, TerminalIntake
from layers.city import City
from layers.errors import OnemapError
from layers.query import Query
from layers.store import open_store
from onemap.home import Home
from onemap.live_trucks import Judged, TruckWatch
from tests.analytics.columns import written
from tests.onemap.test_live_killed import forking
from tests.onemap.truck_day import (
    LATE_S,
    TruckDay,
    answered,
    in_history,
    read_day,
    told,
    without_trucks,
)
from tests.running import DemoCity, environment

pytestmark = pytest.mark.xdist_group("demo")
AT = datetime(2026, 1, 1, tzinfo=UTC)
NOW_MS = round(AT.timestamp() * 1000)
CONNECTIONS, TWICE = 3, 10
KILLS, SEED = 3, 11
COMMAND = [
    "terminals", "--open", "--port", "0", "--wait", "0", "--late", str(LATE_S), "--every", "0",
    "--json",
]  # fmt: skip


@pytest.fixture(scope="module")
def city(pudong_folder: Path) -> City:
    return City(pudong_folder)


@pytest.fixture(scope="module")
def references(demo: DemoCity, city: City, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that has seen no truck yet."""
    file = tmp_path_factory.mktemp("trucks") / "onemap.gpkg"
    without_trucks(demo, file, city)
    return file


@pytest.fixture
def home(references: Path, city: City, tmp_path: Path) -> Home:
    shutil.copy(references, tmp_path / "onemap.gpkg")
    return Home(city.folder, str(tmp_path / "onemap.gpkg"), tmp_path)


def planted(city: City) -> set[str]:
    """Rules on trucks that are declared; something is planted for each."""
    return {rule for rule, own in city.rules.items() if RULES[own.kind].feed == "gps"}


async def send(day: TruckDay, server: TerminalServer) -> set[int]:
    """Send a day through several connections; the results of all answers."""
    stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(server.run("127.0.0.1", 0, stop, port.set_result))
    address, results = ("127.0.0.1", await port), set[int]()
    wires = [await asyncio.to_thread(create_connection, address) for _ in range(CONNECTIONS)]
    for number in range(len(day.rounds)):
        sent = [day.frames(number, connection, CONNECTIONS) for connection in range(CONNECTIONS)]
        for wire, frames in zip(wires, sent, strict=True):
            frames += frames[:1] if number % TWICE == 0 else []
            await asyncio.to_thread(wire.sendall, b"".join(frames))
        for wire, frames in zip(wires, sent, strict=True):
            results |= await asyncio.to_thread(set, answered(wire, len(frames)))
    for wire in wires:
        wire.close()
    stop.set()
    await serving
    return results


def test_a_day_from_terminals_is_judged_as_it_is_in_history(
    demo: DemoCity, city: City, home: Home
) -> None:
    day = read_day(demo)
    store, found = open_store(home.store_url, city), list[Judged]()
    live = TruckWatch(
        city, store, home, lambda: AT, lateness_s=LATE_S, every_s=0, report=found.append
    )
    with pytest.raises(OnemapError, match="another process runs the rules on trucks"):
        TruckWatch(city, store, home, lambda: AT)
    keeper = FixKeeper(city, store, home.folder, lambda: AT, "test")

    def door(fixes: pa.Table) -> None:
        keeper(fixes)
        live.take(fixes)

    intake = TerminalIntake(store, home.folder, door, decoder=FixDecoder(), now=lambda: AT)
    entrance = Entrance(Codes(b"test"), dict(day.plates), open=True)
    server = TerminalServer(entrance, intake.keep, now_ms=lambda: NOW_MS, wait_s=0)
    assert asyncio.run(send(day, server)) == {0}
    live.stop()
    expected = in_history(city, store, home)
    events = [event for judged in found for event in judged.events]
    assert written(events) == written(expected)
    assert {event.rule for event in events} == planted(city) and len(events) > 50
    assert intake.tally.accepted["duplicate"] > 0 == sum(judged.late for judged in found)
    assert set(told(store.frame(Query("alert")))) == {event.id for event in events}
    assert sum(judged.alerts for judged in found) == len(events)
    assert store.count(Query("case_event")) == sum(judged.cases for judged in found) > 0
    store.close()


@pytest.mark.timeout(900)
def test_a_day_with_kills_is_judged_as_it_is_in_history(
    demo: DemoCity, city: City, home: Home, tmp_path: Path
) -> None:
    day = read_day(demo)
    moments = random.Random(SEED)
    kills = sorted(moments.sample(range(5, len(day.rounds) - 5), KILLS))
    store = open_store(home.store_url, city)
    with store.transaction() as unit:
        unit.put_state("terminals:plates", orjson.dumps(day.plates))
    with forking(environment(city.folder, home.store_url, home.folder)) as start:
        for first, end in pairwise([0, *kills, len(day.rounds)]):
            said = tmp_path / f"said-{first}"
            os.mkfifo(said)
            pid = start(said, COMMAND)
            with said.open(encoding="utf-8") as words:
                wire = create_connection(("127.0.0.1", orjson.loads(words.readline())["port"]))
                # Nobody may wait for its words to be read.
                rest = Thread(target=words.read)
                rest.start()
                for number in range(first, end):
                    frames = day.frames(number, 0, 1)
                    wire.sendall(b"".join(frames))
                    assert set(answered(wire, len(frames))) <= {0}
                last = end == len(day.rounds)
                if not last:
                    frames = day.frames(end, 0, 1)
                    wire.sendall(b"".join(frames))
                    list(answered(wire, moments.randrange(len(frames))))
                os.kill(pid, signal.SIGTERM if last else signal.SIGKILL)
                rest.join()
                wire.close()
    expected = in_history(city, store, home)
    assert len(expected) > 50
    assert told(store.frame(Query("alert"))) == told(to_frame(expected))
    store.close()
