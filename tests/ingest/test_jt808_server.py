"""The terminals' server on a socket: answered is stored, and what was not stored comes again."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pyarrow as pa
import pytest

from ingest.decoders.jt808_fixes import FixDecoder, Report
from ingest.decoders.jt808_frame import Frame, FrameCutter
from ingest.sources.terminal_codes import Codes
from ingest.sources.terminal_session import Entrance, Heard, Limits
from ingest.sources.terminals import TerminalServer
from ingest.take_in.terminals import FixKeeper, TerminalIntake
from ingest.take_in.truck_register import TruckRegister
from layers.positions import PositionStore
from tests.ingest.conftest import AT, HARBOUR, Office
from tests.ingest.jt808_frames import NOON, Terminal, location, locations

CODES = Codes(b"secret")
LON, LAT = HARBOUR
NOON_MS = round(NOON.timestamp() * 1000)


def fix(second: int, **more: float) -> bytes:
    return location(NOON + timedelta(seconds=second), LON, LAT, **more)  # type: ignore[arg-type]


@dataclass
class Truck:
    """A terminal with a socket."""

    terminal: Terminal
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    cutter: FrameCutter = field(default_factory=lambda: FrameCutter("us"))
    waiting: list[Frame] = field(default_factory=list)

    async def send(self, *frames: bytes) -> None:
        self.writer.write(b"".join(frames))
        await self.writer.drain()

    async def answer(self) -> Frame:
        while not self.waiting:
            data = await self.reader.read(4096)
            if not data:
                raise EOFError
            self.waiting += self.cutter.feed(data)[0]
        return self.waiting.pop(0)

    async def login(self) -> None:
        await self.send(self.terminal.register())
        code = (await self.answer()).body[3:].decode()
        await self.send(self.terminal.authenticate(code))
        assert (await self.answer()).body[4] == 0

    async def ended(self) -> bool:
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(4096):
                pass
        return True


@dataclass
class Running:
    """A server that runs."""

    server: TerminalServer
    port: int
    stop: asyncio.Event
    done: asyncio.Task[None]

    async def truck(self, phone: str = "013800000001", plate: str = "苏A12345") -> Truck:
        streams = await asyncio.open_connection("127.0.0.1", self.port)
        return Truck(Terminal(phone, plate), *streams)

    async def end(self) -> None:
        self.stop.set()
        await self.done


@contextlib.asynccontextmanager
async def serving(
    keep: Callable[[Heard], None],
    entrance: Entrance | None = None,
    limits: Limits | None = None,
    steady_s: Callable[[], float] | None = None,
    rows: int = 20_000,
) -> AsyncIterator[Running]:
    server = TerminalServer(
        entrance or Entrance(CODES), keep, now_ms=lambda: NOON_MS, limits=limits,
        steady_s=steady_s, rows=rows, wait_s=0,
    )  # fmt: skip
    stop, started = asyncio.Event(), asyncio.get_running_loop().create_future()
    done = asyncio.create_task(server.run("127.0.0.1", 0, stop, started.set_result))
    running = Running(server, await started, stop, done)
    try:
        yield running
    finally:
        stop.set()
        await asyncio.gather(done, return_exceptions=True)


def intake_of(office: Office, name: str = "t") -> tuple[TerminalIntake, FixKeeper]:
    keeper = FixKeeper(office.city, office.store, office.home, lambda: AT, name)
    intake = TerminalIntake(office.store, office.home, keeper, decoder=FixDecoder(), now=lambda: AT)
    return intake, keeper


def test_what_is_answered_is_stored(office: Office) -> None:
    intake, keeper = intake_of(office)

    async def play() -> None:
        async with serving(intake.keep, Entrance(CODES, intake.plates)) as running:
            truck = await running.truck()
            await truck.login()
            for second in range(3):
                await truck.send(truck.terminal.locate(fix(second, speed_kmh=36)))
                assert (await truck.answer()).body[2:] == b"\2\0\0"
                assert len(office.positions("gps")) == second + 1
            await truck.send(truck.terminal.frame(0x0704, locations(fix(3), fix(4), fix(1))))
            assert (await truck.answer()).body[2:] == b"\7\4\0"
            await running.end()

    asyncio.run(play())
    keeper.finish()
    rows = office.positions("gps")
    assert [row["t"] - NOON_MS for row in rows] == [0, 1000, 2000, 3000, 4000]
    assert {row["mover"] for row in rows} == {"苏A12345"}
    last = office.frame("truck_position")
    assert list(last.index) == ["苏A12345"] and last["speed_mps"].iloc[0] == 10.0
    assert intake.tally.accepted == {
        "register": 1, "authenticate": 1, "position": 5, "duplicate": 1,
    }  # fmt: skip


def test_positions_of_terminals_are_the_same_when_they_are_merged(office: Office) -> None:
    found = []
    for every in (3, 1000):
        home = office.home / str(every)
        store = PositionStore(home / "positions")
        for start in (0, 10):
            # The second one goes on in the place of the first.
            name = f"terminals-{start}"
            keeper = FixKeeper(office.city, office.store, home, lambda: AT, name, every)
            intake = TerminalIntake(
                office.store, home, keeper, decoder=FixDecoder(), now=lambda: AT
            )
            for second in range(start, start + 10):
                report = Report(fix(second), f"苏A{second % 2}", "1", "test", 0, NOON_MS)
                intake.keep(Heard([report]))
                keeper.merger.wait()
            keeper.finish()
        many = len(store.batches("gps"))
        assert many < 12 if every == 3 else many == 20
        assert store.rows("gps") == store.scan("gps").num_rows == 20
        found.append((store.scan("gps").to_pandas(), office.frame("truck_position")["time"]))
    assert all(one.equals(other) for one, other in zip(*found, strict=True))


def test_refused_locations_are_kept_before_they_are_answered(office: Office) -> None:
    intake, _ = intake_of(office)

    async def play() -> None:
        async with serving(intake.keep, Entrance(CODES, open=True)) as running:
            truck = await running.truck()
            await truck.send(truck.terminal.locate(fix(0, state=1)), b"junk\x7e")
            assert (await truck.answer()).body[4] == 0
            assert "not_located" in {r.reason for r in office.rejects("jt808")}
            await truck.send(truck.terminal.locate(fix(1)))
            await truck.answer()

    asyncio.run(play())
    kept = office.rejects("jt808")
    assert sorted(r.reason for r in kept) == ["not_located", "too_short"]
    assert all(r.file.startswith("tcp://127.0.0.1:") for r in kept)
    assert intake.tally.rejected == {"not_located": 1, "too_short": 1}
    assert intake.tally.accepted["position"] == 1 == len(office.positions("gps"))


def test_killed_between_receiving_and_storing_nothing_is_lost(office: Office) -> None:
    """The first server dies with the batch in hand; the terminal sends again to the second."""
    first, _ = intake_of(office, "first")
    dying = threading.Event()

    def keep_or_die(heard: Heard) -> None:
        if heard.reports and not dying.is_set():
            dying.set()
            raise OSError("no space left on device")
        first.keep(heard)

    async def play() -> None:
        unanswered: list[bytes] = []
        async with serving(keep_or_die, Entrance(CODES, first.plates)) as running:
            truck = await running.truck()
            await truck.login()
            for second in range(3):
                unanswered.append(truck.terminal.locate(fix(second)))
            await truck.send(*unanswered)
            with pytest.raises((EOFError, ConnectionError)):
                await truck.answer()
            with pytest.raises(OSError, match="no space left"):
                await running.done
        assert office.positions("gps") == []
        second, _ = intake_of(office, "second")
        assert second.plates == {"13800000001": "苏A12345"}
        async with serving(second.keep, Entrance(CODES, second.plates)) as running:
            truck = await running.truck()
            await truck.send(truck.terminal.authenticate(CODES.of("13800000001")))
            assert (await truck.answer()).body[4] == 0
            await truck.send(*unanswered)
            for _ in unanswered:
                assert (await truck.answer()).body[4] == 0

    asyncio.run(play())
    rows = office.positions("gps")
    assert [row["t"] - NOON_MS for row in rows] == [0, 1000, 2000]
    assert {row["mover"] for row in rows} == {"苏A12345"}


def test_killed_between_storing_and_answering_nothing_is_doubled(office: Office) -> None:
    first, _ = intake_of(office, "first")

    def keep_and_die(heard: Heard) -> None:
        first.keep(heard)
        if heard.reports:
            raise OSError("killed")

    async def play() -> None:
        async with serving(keep_and_die, Entrance(CODES, open=True)) as running:
            truck = await running.truck()
            await truck.send(truck.terminal.locate(fix(0)))
            with pytest.raises((EOFError, ConnectionError)):
                await truck.answer()
        second, keeper = intake_of(office, "second")
        async with serving(second.keep, Entrance(CODES, open=True)) as running:
            truck = await running.truck()
            await truck.send(truck.terminal.locate(fix(0)), truck.terminal.locate(fix(1)))
            await truck.answer()
            await truck.answer()
        keeper.finish()

    asyncio.run(play())
    assert [row["t"] - NOON_MS for row in office.positions("gps")] == [0, 1000]
    assert len(office.frame("truck_position")) == 1


def test_a_resend_after_reconnecting_counts_once(office: Office) -> None:
    batches: list[pa.Table] = []
    intake = TerminalIntake(
        office.store, office.home, batches.append, decoder=FixDecoder(), now=lambda: AT
    )

    async def play() -> None:
        async with serving(intake.keep, Entrance(CODES, open=True)) as running:
            for _ in range(3):
                truck = await running.truck()
                await truck.send(truck.terminal.locate(fix(0)), truck.terminal.locate(fix(0)))
                await truck.answer()
                await truck.answer()
                truck.writer.close()

    asyncio.run(play())
    assert sum(batch.num_rows for batch in batches) == 1
    assert intake.tally.accepted == {"position": 1, "duplicate": 5}


def test_a_full_queue_stops_reading_and_loses_nothing() -> None:
    gate, kept = threading.Event(), Heard()

    def keep(heard: Heard) -> None:
        gate.wait(60)
        kept.add(heard)

    async def play() -> None:
        limits = Limits(waiting_rows=20)
        async with serving(keep, Entrance(CODES, open=True), limits, rows=10) as running:
            truck = await running.truck()
            frames = [truck.terminal.locate(fix(second)) for second in range(2000)]
            sending = asyncio.create_task(truck.send(*frames))
            # The first piece is in hand, the second waits.
            while running.server.received < 100:
                await asyncio.sleep(0)
            for _ in range(100):
                await asyncio.sleep(0)
            held = running.server.waiting_rows
            gate.set()
            for _ in frames:
                await truck.answer()
            await sending
            # One piece of reading more than the bound.
            assert 20 <= held < 20 + 4096 // 43

    asyncio.run(play())
    assert len(kept.reports) == 2000


def test_dead_and_slow_connections_are_ended() -> None:
    now = [0.0]

    async def play() -> None:
        limits = Limits(idle_s=100, login_s=30)
        async with serving(lambda heard: None, limits=limits, steady_s=lambda: now[0]) as running:
            dead, slow, good = [await running.truck(f"01380000000{k}") for k in range(3)]
            for truck in (dead, good):
                await truck.login()
            await slow.send(slow.terminal.register()[:10])
            now[0] = 30.0
            running.server.sweep()
            assert await slow.ended()
            await good.send(good.terminal.frame(0x0002))
            await good.answer()
            now[0] = 100.0
            running.server.sweep()
            assert await dead.ended()
            await good.send(good.terminal.frame(0x0002))
            assert (await good.answer()).body[4] == 0

    asyncio.run(play())


def test_there_are_so_many_connections_only() -> None:
    async def play() -> None:
        for limits in (Limits(connections=2), Limits(per_address=2)):
            async with serving(lambda heard: None, limits=limits) as running:
                first, second = await running.truck(), await running.truck()
                await first.login()
                await second.login()
                third = await running.truck()
                assert await third.ended()
                first.writer.close()
                while len(running.server.connections) > 1:
                    await asyncio.sleep(0)
                await (await running.truck()).login()

    asyncio.run(play())


def test_told_to_stop_it_answers_what_it_read(office: Office) -> None:
    intake, _ = intake_of(office)
    gate = threading.Event()

    def keep(heard: Heard) -> None:
        gate.wait(60)
        intake.keep(heard)

    async def play() -> None:
        async with serving(keep, Entrance(CODES, open=True)) as running:
            truck = await running.truck()
            await truck.send(*(truck.terminal.locate(fix(second)) for second in range(50)))
            while running.server.received < 50:
                await asyncio.sleep(0)
            running.stop.set()
            gate.set()
            for _ in range(50):
                assert (await truck.answer()).body[4] == 0
            await running.done

    asyncio.run(play())
    assert len(office.positions("gps")) == 50


def test_a_city_without_a_register_admits_all(office: Office) -> None:
    register = TruckRegister(office.city, office.store, {})
    register.refresh(AT)
    assert not register.binding and register.serves("1")
