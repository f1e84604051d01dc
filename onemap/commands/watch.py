"""``onemap watch``: AIS live."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from ingest.live import live_batches
from ingest.sources.line import Line
from ingest.sources.network import tcp_lines, udp_lines, udp_listen
from layers.errors import OnemapError
from layers.feeds import Tally
from onemap.commands.options import CityOption, StoreOption, now, opened
from onemap.live import LivePipeline
from onemap.terminal import out


def watch(
    address: Annotated[
        str, typer.Argument(help="tcp://host:port to read from, or udp://host:port to listen on.")
    ],
    rule: Annotated[
        list[str] | None, typer.Option("--rule", help="Only this rule; may be given several times.")
    ] = None,
    once: Annotated[bool, typer.Option(help="End when the sender hangs up.")] = False,
    city: CityOption = None,
    store: StoreOption = None,
) -> None:
    """Read AIS from the network and run the rules on it, at most a second behind.

    Alerts, cases, the rules' state and how far the feed came are committed together; stopped or
    killed, it goes on where it was. The rules are the ones of `onemap detect` and find the same.
    """
    asyncio.run(_watch(address, rule, once, city, store))


async def _watch(
    address: str, rules: list[str] | None, once: bool, city: Path | None, store: str | None
) -> None:
    total = Tally()
    with opened(city, store) as at:
        for spec in at.city.layers.values():
            at.store.create(spec)
        live = LivePipeline(at.city, at.store, at.home, address, rules)
        lines = await _lines(address, once)
        batches = live_batches(lines, live.decoder, now_ms=_now_ms)
        async for batch in batches:
            done = live.commit(batch, at=now())
            total.add(done.tally)
            for event in done.events:
                out.print(f"{event.rule}  {event.sentence.en}\n  {event.sentence.zh}")
            if done.late:
                out.print(f"{done.late} positions came too late for the rules; they are kept")
        if once:
            live.finish(at=now())
    out.print(total.sentence())


async def _lines(address: str, once: bool) -> AsyncIterator[Line]:
    parts = urlsplit(address)
    try:
        host, port = parts.hostname, parts.port
    except ValueError as failure:
        raise OnemapError(f"'{address}': {failure}") from failure
    if not host or not port or parts.scheme not in ("tcp", "udp"):
        raise OnemapError(f"expected tcp://host:port or udp://host:port, found '{address}'")
    if parts.scheme == "udp":
        listener, _ = await udp_listen(host, port, now_ms=_now_ms)
        return udp_lines(listener)
    return tcp_lines(host, port, now_ms=_now_ms, attempts=1 if once else None)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
