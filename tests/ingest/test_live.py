"""The live feed: any split of lines, any kill, and lines late or torn give the same positions."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.live import LiveBatch, LiveDecoder, live_batches
from ingest.sources.line import Line, LineCutter
from ingest.sources.network import tcp_lines, udp_lines, udp_listen
from tests.ingest.conftest import HARBOUR, T0, report, voyage

LON, LAT = HARBOUR
SHIPS = range(701_000_001, 701_000_005)
LOG = [
    sentence
    for minute in range(8)
    for ship in SHIPS
    for sentence in (
        report(ship, T0 + 20 * minute - 3 * (ship % 4), LON + 0.001 * minute, LAT),
        *(voyage(ship, T0 + 20 * minute, f"S{ship % 10}") if minute % 3 == 0 else ()),
    )
]


def numbered(log: list[bytes]) -> list[Line]:
    return list(LineCutter("f").feed(b"".join(line + b"\n" for line in log)))


LINES = numbered(LOG)


def released(batches: list[LiveBatch]) -> tuple[list[str], list[str]]:
    fixes = pa.concat_tables([batch.fixes for batch in batches])["pid"].to_pylist()
    return fixes, pa.concat_tables([batch.identities for batch in batches])["pid"].to_pylist()


def play(cuts: list[int]) -> list[LiveBatch]:
    live, bounds = LiveDecoder(), [0, *sorted(cuts), len(LINES)]
    parts = [LINES[a:b] for a, b in pairwise(bounds)]
    return [*(live.feed(part) for part in parts), live.finish()]


WHOLE = released(play([]))


def test_everything_is_released_in_order() -> None:
    batches = play(list(range(0, len(LINES), 5)))
    table = pa.concat_tables([batch.fixes for batch in batches])
    assert table.num_rows == 32 and len(WHOLE[1]) == 12
    t = table["t"].to_pylist()
    assert t == sorted(t)
    assert sum(batch.tally.read for batch in batches) == len(LINES)


@given(st.lists(st.integers(0, len(LINES)), max_size=12))
@settings(max_examples=60, deadline=None)
def test_any_split_gives_the_same_rows_in_the_same_order(cuts: list[int]) -> None:
    assert released(play(cuts)) == WHOLE


@pytest.mark.parametrize("killed", range(len(LINES) + 1))
def test_a_killed_reader_goes_on_and_loses_and_doubles_nothing(killed: int) -> None:
    first = LiveDecoder()
    before = [first.feed(LINES[: killed // 2]), first.feed(LINES[killed // 2 : killed])]
    first.feed(LINES[killed : killed + 3])  # read, but never committed
    second = LiveDecoder()
    second.restore(before[-1].state)
    assert second.line == killed
    rest = [line for line in LINES if line.offset > second.offset]
    after = [second.feed(rest), second.finish()]
    assert released(before + after) == WHOLE


def test_what_arrived_is_written_once_and_dropped_when_it_is_not_needed() -> None:
    live, states = LiveDecoder(lateness_ms=10_000), []
    for second in range(0, 120, 2):
        told = report(SHIPS[0], T0 + second, LON + 1e-4 * second, LAT)
        states.append(live.feed(numbered([told])).state)
    for before, after in pairwise(states):
        new = [part for part in after if after[part] != before.get(part)]
        assert sorted(part.partition("/")[0] for part in new) == ["fixes", "heard", "plain"]
    kept = [part.partition("/")[0] for part in states[-1]]
    assert kept.count("fixes") == 6
    assert kept.count("heard") == live.decoder.options.duplicate_ms // 2000 + 1


def test_a_clock_that_stands_still_leaves_few_parts() -> None:
    live, rng = LiveDecoder(lateness_ms=10_000), np.random.default_rng(1)
    for number in range(200):
        place = LON + float(rng.uniform(0, 0.1)), LAT + number * 1e-4
        state = live.feed(numbered([report(SHIPS[number % 2], T0, *place)])).state
    assert len(state) < 140
    other = LiveDecoder(lateness_ms=10_000)
    other.restore(state)
    assert other.finish().fixes.equals(live.finish().fixes)
    again = numbered([report(SHIPS[1], T0, *place)])
    assert other.feed(again).tally.accepted == live.feed(again).tally.accepted


def test_late_positions_are_released_and_counted() -> None:
    live = LiveDecoder(lateness_ms=10_000)
    live.feed(numbered([report(SHIPS[0], T0 + 100, LON, LAT)]))
    batch = live.feed(numbered([report(SHIPS[1], T0, LON, LAT)]))
    assert (batch.late, batch.fixes.num_rows) == (1, 1)
    assert batch.watermark_ms == (T0 + 90) * 1000


def test_a_receiver_whose_clock_runs_ahead_makes_nobody_late() -> None:
    live = LiveDecoder(lateness_ms=10_000)
    now = T0 * 1000
    live.feed(numbered([report(SHIPS[0], T0 + 86_400, LON, LAT)]), now)
    batch = live.feed(numbered([report(SHIPS[1], T0 - 5, LON, LAT)]), now)
    assert batch.late == 0 and batch.watermark_ms == now - 10_000


class Clock:
    def __call__(self) -> int:
        return T0 * 1000


async def serve(packets: list[list[bytes]]) -> tuple[asyncio.Server, int]:
    """A server that sends the next packets to each caller, then hangs up."""
    left = iter(packets)

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for packet in next(left, []):
            writer.write(packet)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


def received(packets: list[list[bytes]]) -> list[bytes]:
    async def run() -> list[bytes]:
        server, port = await serve(packets)
        async with server:
            source = tcp_lines("127.0.0.1", port, now_ms=Clock(), attempts=len(packets), pause_s=0)
            return [line.data async for line in source]

    return asyncio.run(run())


def test_sentences_of_one_packet_and_halves_of_two_are_whole_lines() -> None:
    stream = b"".join(line + b"\r\n" for line in LOG[:6])
    assert received([[stream]]) == LOG[:6]
    assert received([[stream[:30], stream[30:200], stream[200:]]]) == LOG[:6]


def test_a_client_connects_again_and_reads_on() -> None:
    calls = [[line + b"\n"] for line in LOG[:4]]
    assert received(calls) == LOG[:4]


def test_a_line_torn_by_a_hang_up_costs_only_itself() -> None:
    torn = [[LOG[0] + b"\n" + LOG[1][:40]], [LOG[2] + b"\n"]]
    lines = received(torn)
    assert lines == [LOG[0], LOG[1][:40], LOG[2]]
    batch = LiveDecoder().feed(numbered(lines))
    assert batch.tally.rejected.total() == 1


def test_nobody_there_is_an_error_at_the_last_attempt() -> None:
    async def run() -> None:
        server, port = await serve([])
        server.close()
        await server.wait_closed()
        async for _ in tcp_lines("127.0.0.1", port, now_ms=Clock(), attempts=2, pause_s=0):
            pass

    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        asyncio.run(run())


def test_datagrams_are_lines() -> None:
    async def run() -> list[bytes]:
        listener, port = await udp_listen("127.0.0.1", 0, now_ms=Clock())
        loop = asyncio.get_running_loop()
        sender, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=("127.0.0.1", port)
        )
        sender.sendto(LOG[0] + b"\r\n" + LOG[1])
        sender.sendto(LOG[2] + b"\n")
        source, found = udp_lines(listener), []
        async for line in source:
            found.append(line.data)
            if len(found) == 3:
                break
        sender.close()
        return found

    assert asyncio.run(run()) == LOG[:3]


def test_micro_batches_hold_everything() -> None:
    async def source() -> AsyncIterator[Line]:
        for line in LINES:
            yield line

    async def run() -> list[LiveBatch]:
        return [batch async for batch in live_batches(source(), LiveDecoder(), rows=7)]

    batches = asyncio.run(run())
    assert released(batches) == WHOLE
    assert max(batch.tally.read for batch in batches) <= 8


def test_who_stops_early_leaves_nothing_running_even_where_lines_wait() -> None:
    async def source() -> AsyncIterator[Line]:
        for line in itertools.cycle(LINES):
            yield line

    async def run() -> int:
        batches = live_batches(source(), LiveDecoder(), rows=7)
        async with asyncio.timeout(30), aclosing(batches):
            async for batch in batches:
                assert batch.tally.read == 7
                await asyncio.sleep(0.05)
                break
        return len(asyncio.all_tasks())

    assert asyncio.run(run()) == 1


def test_what_a_source_fails_of_reaches_who_reads() -> None:
    async def source() -> AsyncIterator[Line]:
        yield LINES[0]
        raise OSError("cable cut")

    async def run() -> list[LiveBatch]:
        return [batch async for batch in live_batches(source(), LiveDecoder(), rows=7)]

    with pytest.raises(OSError, match="cable cut"):
        asyncio.run(run())
