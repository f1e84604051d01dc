"""``onemap watch``: AIS live."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import orjson
import typer

from analytics.event import Event
from ingest.live import MOST_ROWS, LiveDecoder, live_batches
from ingest.sources.file import read_lines
from ingest.sources.line import Line
from ingest.sources.mqtt import PORT, TLS_PORT, Broker, mqtt_lines
from ingest.sources.network import UdpListener, tcp_lines, udp_lines, udp_listen
from ingest.sources.several import merged
from layers.errors import OnemapError
from layers.feeds import Tally
from onemap.commands.options import CityOption, JsonOption, StoreOption, now, opened
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
    city: CityOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read AIS from the network and run the rules on it.

    Positions wait some ten seconds to be put in order of time; some times a second what is ripe is
    judged.
    Alerts, cases, the rules' state and how far the feed came are committed together; stopped with
    Ctrl-C or SIGTERM, or killed, it goes on where it was. The rules are the ones of `onemap
    detect` and find the same. With --json each event is a line of JSON.

    Several addresses are one feed: what two receivers heard counts once, each is connected to again
    on its own, and positions wait for the slowest receiver, up to a minute. A broker's account is
    taken from ONEMAP_MQTT_USER and ONEMAP_MQTT_PASSWORD.
    """
    chosen = list(dict.fromkeys(addresses))
    try:
        asyncio.run(_watch(chosen, rule, once, rows, city, store, as_json))
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
    city: Path | None,
    store: str | None,
    as_json: bool,
) -> None:
    total = Tally()
    with opened(city, store, make=True) as at:
        create_layers(at.city, at.store)
        several = len(addresses) > 1
        decoder = LiveDecoder(sources=addresses if several else ())
        feed = " ".join(sorted(addresses))
        live = LivePipeline(at.city, at.store, at.home, feed, rules, decoder)
        live.warm_up()
        listeners: list[UdpListener] = []
        played = not several and "://" not in feed
        if played:
            lines = _Stoppable(_replayed(Path(feed), live.decoder))
        else:
            sources = {one: await _source(one, once, listeners) for one in addresses}
            lines = _Stoppable(merged(sources) if several else sources[feed])
        clock = None if played else _now_ms
        if not as_json:
            out.print(f"watching {' '.join(addresses)}; stop with Ctrl-C", markup=False)
        async for batch in live_batches(aiter(lines), live.decoder, now_ms=clock, rows=rows):
            # Beside the loop: datagrams that nobody takes meanwhile would be lost.
            done = await asyncio.to_thread(live.commit, batch, at=now())
            total.add(done.tally)
            _tell(done.events, as_json)
            if done.late:
                err.print(f"{done.late} positions came too late for the rules; they are kept")
            if lines.done_with(batch.line):
                # What still waits to be put in order was committed with the state.
                break
        else:
            _tell(live.finish(at=now()), as_json)
    if dropped := sum(listener.dropped for listener in listeners):
        err.print(f"{dropped} lines came faster than they could be read and are lost")
    (err if as_json else out).print(total.sentence(), markup=False)


def _tell(events: Iterable[Event], as_json: bool) -> None:
    for event in events:
        if as_json:
            typer.echo(orjson.dumps(_plain(event)).decode())
        else:
            # Names come from the air, brackets included.
            said = f"{event.rule}  {event.sentence.en}\n  {event.sentence.zh}"
            out.print(said, markup=False)


def _plain(event: Event) -> dict[str, object]:
    return {
        "alert_id": event.id,
        "rule": event.rule,
        "rule_version": event.rule_version,
        "event_type": event.event_type,
        "subject": event.subject,
        "start_ms": event.start_ms,
        "end_ms": event.end_ms,
        "confidence": event.confidence,
        "sentence": {"en": event.sentence.en, "zh": event.sentence.zh},
        "evidence": event.evidence.as_dict(),
    }


async def _replayed(path: Path, decoder: LiveDecoder) -> AsyncIterator[Line]:
    """Lines of a file behind the last one that was committed."""
    for line in read_lines(path, offset=decoder.offset, number=decoder.line):
        yield line


async def _source(address: str, once: bool, listeners: list[UdpListener]) -> AsyncIterator[Line]:
    if address.startswith(("mqtt://", "mqtts://")):
        return mqtt_lines(_broker(address), now_ms=_now_ms, once=once)
    parts = urlsplit(address)
    try:
        host, port = parts.hostname, parts.port
    except ValueError as failure:
        raise OnemapError(f"'{address}': {failure}") from failure
    if not host or not port or parts.scheme not in ("tcp", "udp"):
        raise OnemapError(
            "expected tcp://host:port, udp://host:port or mqtt://host:port/topic, "
            f"found '{address}'"
        )
    if parts.scheme == "udp":
        listener, _ = await udp_listen(host, port, now_ms=_now_ms)
        listeners.append(listener)
        return udp_lines(listener)
    return tcp_lines(host, port, now_ms=_now_ms, attempts=1 if once else None)


def _broker(address: str) -> Broker:
    # The wildcard of topics would begin a fragment.
    parts = urlsplit(address, allow_fragments=False)
    try:
        host, port = parts.hostname, parts.port
    except ValueError as failure:
        raise OnemapError(f"'{address}': {failure}") from failure
    topic, tls = parts.path.removeprefix("/"), parts.scheme == "mqtts"
    if not host or not topic or "@" in parts.netloc:
        raise OnemapError(f"expected mqtt://host:port/topic, found 'mqtt://{host or ''}/{topic}'")
    user, password = (os.environ.get(f"ONEMAP_MQTT_{name}") for name in ("USER", "PASSWORD"))
    return Broker(host, port or (TLS_PORT if tls else PORT), topic, tls, user, password)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
