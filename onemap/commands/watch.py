"""``onemap watch``: AIS live."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Annotated

import typer

from analytics.collector import settle
from ingest.live import LATENESS_MS, MOST_ROWS, LiveDecoder, live_batches
from ingest.sources.file import read_lines
from ingest.sources.line import Line
from ingest.sources.network import UdpListener
from ingest.sources.several import merged
from layers.errors import OnemapError
from layers.feeds import Tally
from onemap.commands.addresses import source_at
from onemap.commands.options import CityOption, JsonOption, StoreOption, now, opened
from onemap.commands.telling import tell
from onemap.live import LivePipeline
from onemap.setup import create_layers
from onemap.terminal import err, out


def watch(
    addresses: Annotated[
        list[str],
        typer.Argument(
            help="tcp://host:port to read from, udp://host:port to listen on, or "
            "mqtt://host:port/topic (mqtts:// encrypted); several are one feed. "
            "Or one file, played back."
        ),
    ],
    rule: Annotated[
        list[str] | None, typer.Option("--rule", help="Only this rule; may be given several times.")
    ] = None,
    once: Annotated[bool, typer.Option(help="End when the sender hangs up.")] = False,
    rows: Annotated[
        int, typer.Option(min=1, help="Lines that are judged and committed together, at most.")
    ] = MOST_ROWS,
    late: Annotated[
        float,
        typer.Option(
            min=0,
            max=3600,
            help="Seconds that positions wait to be put in order. One receiver that stamps nothing "
            "needs none; of one that stamps whole seconds, less than 1 makes most too late.",
        ),
    ] = LATENESS_MS / 1000,
    city: CityOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read AIS from the network and run the rules on it.

    Positions wait ten seconds to be put in order of time, or as --late says; some times a second
    what is ripe is judged. What comes later still is kept, counted and not judged.
    Alerts, cases, the rules' state and how far the feed came are committed together; stopped with
    Ctrl-C or SIGTERM, or killed, it goes on where it was. The rules are the ones of `onemap
    detect` and find the same. With --json each event is a line of JSON.

    Several addresses are one feed: what two receivers heard counts once, each is connected to again
    on its own, and positions wait for the slowest receiver, up to a minute. A broker's account is
    taken from ONEMAP_MQTT_USER and ONEMAP_MQTT_PASSWORD.
    """
    chosen = list(dict.fromkeys(addresses))
    try:
        asyncio.run(_watch(chosen, rule, once, rows, late, city, store, as_json))
    except OSError as failure:
        raise OnemapError(f"{' '.join(chosen)}: {failure.strerror or failure}") from failure


class _Stoppable:
    """Lines of a source until it ends or the process is told to stop.

    Attributes
    ----------
    last : number of the last line handed on, None before the first.
    """

    def __init__(self, lines: AsyncIterator[Line]) -> None:
        self._lines, self._stop = lines, asyncio.Event()
        self.last: int | None = None
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)

    def done_with(self, line: int) -> bool:
        """Whether the process was told to stop and everything up to that moment was read."""
        return self._stop.is_set() and self.last in (None, line)

    async def __aiter__(self) -> AsyncIterator[Line]:
        async for line in self._lines:
            self.last = line.number
            yield line
            if self._stop.is_set():
                return


async def _watch(
    addresses: list[str],
    rules: list[str] | None,
    once: bool,
    rows: int,
    late_s: float,
    city: Path | None,
    store: str | None,
    as_json: bool,
) -> None:
    total = Tally()
    with opened(city, store, make=True) as at:
        create_layers(at.city, at.store)
        several = len(addresses) > 1
        decoder = LiveDecoder(
            lateness_ms=round(late_s * 1000), sources=addresses if several else ()
        )
        feed = " ".join(sorted(addresses))
        live = LivePipeline(at.city, at.store, at.home, feed, rules, decoder)
        live.warm_up()
        settle()
        listeners: list[UdpListener] = []
        played = not several and "://" not in feed
        if played:
            lines = _Stoppable(_replayed(Path(feed), live.decoder))
        else:
            sources = {one: await source_at(one, once, listeners) for one in addresses}
            lines = _Stoppable(merged(sources) if several else sources[feed])
        clock = None if played else _now_ms
        if not as_json:
            out.print(f"watching {' '.join(addresses)}; stop with Ctrl-C", markup=False)
        batches = live_batches(aiter(lines), live.decoder, now_ms=clock, rows=rows)
        async with aclosing(batches):
            async for batch in batches:
                # Beside the loop: datagrams that nobody takes meanwhile would be lost.
                done = await asyncio.to_thread(live.commit, batch, at=now())
                total.add(done.tally)
                tell(done.events, as_json)
                if done.late:
                    err.print(f"{done.late} positions came too late for the rules; they are kept")
                if lines.done_with(batch.line):
                    # What still waits to be put in order was committed with the state.
                    live.rest()
                    break
            else:
                tell(live.finish(at=now()), as_json)
    if dropped := sum(listener.dropped for listener in listeners):
        err.print(f"{dropped} lines came faster than they could be read and are lost")
    (err if as_json else out).print(total.sentence(), markup=False)


async def _replayed(path: Path, decoder: LiveDecoder) -> AsyncIterator[Line]:
    """Lines of a file behind the last one that was committed."""
    for line in read_lines(path, offset=decoder.offset, number=decoder.line):
        yield line


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
