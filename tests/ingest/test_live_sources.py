"""A broker's topic, and several receivers as one feed with one watermark."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import paho.mqtt.publish as publish
import pytest

from ingest.live import LiveDecoder
from ingest.sources.line import Line
from ingest.sources.mqtt import Broker, mqtt_lines
from ingest.sources.network import tcp_lines
from ingest.sources.several import merged
from layers.errors import OnemapError
from tests.brokers import free_port
from tests.ingest.conftest import HARBOUR, T0, report, voyage
from tests.ingest.test_live import LOG, Clock, serve

LON, LAT = HARBOUR
CONNECT, SUBSCRIBE = 1, 8


class TinyBroker:
    """Speaks as much of MQTT 3.1.1 as a subscriber hears, and hangs up after each round."""

    def __init__(self, rounds: list[list[bytes]], answer: int = 0, granted: int = 0) -> None:
        self.rounds, self.answer, self.granted = iter(rounds), answer, granted
        self.topics: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                kind = (await reader.readexactly(1))[0] >> 4
                body = await reader.readexactly((await reader.readexactly(1))[0])
                if kind == CONNECT:
                    writer.write(bytes([0x20, 2, 0, self.answer]))
                elif kind == SUBSCRIBE:
                    self.topics.append(body[4:-1])
                    writer.write(bytes([0x90, 3, *body[:2], self.granted]))
                    for payload in next(self.rounds, []):
                        content = b"\0\1a" + payload
                        size = bytes([len(content) % 128 | 128, len(content) // 128])
                        writer.write(b"\x30" + size + content)
                    await writer.drain()
                    return
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


async def heard(broker: TinyBroker, wanted: int, *, once: bool = False) -> list[Line]:
    server = await asyncio.start_server(broker, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    source = mqtt_lines(Broker("127.0.0.1", port, "ais/#"), now_ms=Clock(), once=once)
    found: list[Line] = []
    async with server, asyncio.timeout(20):
        async for line in source:
            found.append(line)
            if len(found) == wanted:
                break
        await source.aclose()  # type: ignore[attr-defined]
    return found


def test_a_topic_is_read_and_read_on_after_a_hang_up() -> None:
    broker = TinyBroker([[LOG[0] + b"\r\n" + LOG[1]], [LOG[2]]])
    lines = asyncio.run(heard(broker, 3))
    assert [line.data for line in lines] == LOG[:3]
    assert [line.number for line in lines] == [1, 2, 3]
    assert broker.topics == [b"ais/#", b"ais/#"]


def test_once_ends_with_the_connection() -> None:
    assert [line.data for line in asyncio.run(heard(TinyBroker([[LOG[0]]]), 9, once=True))] == [
        LOG[0]
    ]


@pytest.mark.parametrize(("answer", "granted"), [(5, 0), (0, 0x80)])
def test_a_broker_that_refuses_is_an_error(answer: int, granted: int) -> None:
    with pytest.raises(OnemapError, match="broker"):
        asyncio.run(heard(TinyBroker([], answer, granted), 1))


def test_no_broker_is_an_error_where_one_attempt_was_asked_for() -> None:
    async def run() -> None:
        async for _ in mqtt_lines(Broker("127.0.0.1", free_port(), "a"), now_ms=Clock(), once=True):
            pass

    with pytest.raises(OSError, match="refused"):
        asyncio.run(run())


def test_a_real_broker(mosquitto: int) -> None:
    async def run() -> list[bytes]:
        source = mqtt_lines(Broker("127.0.0.1", mosquitto, "ais/+"), now_ms=Clock())
        async with asyncio.timeout(20):
            first = asyncio.ensure_future(anext(source))  # type: ignore[arg-type]
            while not first.done():
                try:
                    await asyncio.to_thread(
                        publish.single, "ais/x", LOG[0] + b"\n" + LOG[1], 1, False,
                        "127.0.0.1", mosquitto,
                    )  # fmt: skip
                except OSError:
                    await asyncio.sleep(0.01)
            found = [first.result().data, (await anext(source)).data]
        await source.aclose()  # type: ignore[attr-defined]
        return found

    assert asyncio.run(run()) == LOG[:2]


def test_several_sources_each_connect_again_on_their_own() -> None:
    async def run() -> list[Line]:
        first, one = await serve([[LOG[0] + b"\n"], [LOG[1] + b"\n"], [LOG[2] + b"\n"]])
        second, two = await serve([[LOG[0] + b"\n" + LOG[3] + b"\n"]])
        async with first, second:
            ports = {"A": (one, 3), "B": (two, 1)}
            sources = {
                name: tcp_lines("127.0.0.1", port, now_ms=Clock(), attempts=n, pause_s=0)
                for name, (port, n) in ports.items()
            }
            return [line async for line in merged(sources)]

    lines = asyncio.run(run())
    assert [line.number for line in lines] == [1, 2, 3, 4, 5]
    assert [line.data for line in lines if line.source == "A"] == LOG[:3]
    assert [line.data for line in lines if line.source == "B"] == [LOG[0], LOG[3]]
    tally = LiveDecoder(sources=("A", "B")).feed(lines).tally
    assert tally.accepted["duplicate"] == 1


def test_a_source_that_fails_ends_the_feed() -> None:
    async def broken() -> AsyncIterator[Line]:
        yield Line("x", 1, b"#")
        raise OnemapError("no")

    async def silent() -> AsyncIterator[Line]:
        await asyncio.Event().wait()
        yield Line("y", 1, b"#")

    async def run() -> None:
        async for _ in merged({"A": broken(), "B": silent()}):
            pass

    with pytest.raises(OnemapError, match="no"):
        asyncio.run(run())


def heard_by(source: str, *log: bytes) -> list[Line]:
    return [Line("f", n, data, source=source) for n, data in enumerate(log, 1)]


def test_the_watermark_waits_for_the_slowest_source_and_then_drops_it() -> None:
    live = LiveDecoder(lateness_ms=10_000, sources=("A", "B"), lag_ms=60_000)

    def mark(source: str, late: int) -> int:
        fed = live.feed(heard_by(source, report(701_000_001 + late, T0 + late, LON, LAT)))
        assert fed.watermark_ms is not None
        return fed.watermark_ms // 1000 - T0

    assert mark("A", 0) == -10
    assert mark("A", 50) == -10, "B was never heard, and is waited for"
    assert mark("B", 20) == 10
    assert mark("A", 80) == 10
    assert mark("A", 81) == 71, "B is more than a minute behind"
    assert mark("B", 40) == 71
    assert mark("B", 76) == 71 and mark("B", 90) == 71, "caught up: A is the slowest"
    assert mark("A", 95) == 80


def test_what_the_slow_source_says_is_not_late() -> None:
    live = LiveDecoder(sources=("A", "B"))
    live.feed(heard_by("A", report(701_000_001, T0, LON, LAT)))
    live.feed(heard_by("B", report(701_000_002, T0, LON, LAT)))
    live.feed(heard_by("A", report(701_000_001, T0 + 45, LON, LAT)))
    other = LiveDecoder(sources=("A", "B"))
    other.restore(live.state())
    batches = [other.feed(heard_by("B", report(701_000_002, T0 + 5, LON, LAT))), other.finish()]
    assert [batch.late for batch in batches] == [0, 0]
    t = [value for batch in batches for value in batch.fixes["t"].to_pylist()]
    assert t == [(T0 + late) * 1000 for late in (0, 0, 5, 45)]


def test_parts_heard_by_different_receivers_are_not_joined() -> None:
    first, second = (part.split(b"\\")[2] for part in voyage(701_000_001, T0, "PEARL"))
    live = LiveDecoder()
    live.feed(heard_by("A", first))
    assert live.feed(heard_by("B", second)).tally.read == 0
    assert live.feed(heard_by("A", second)).tally.accepted["part"] == 1
