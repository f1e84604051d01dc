"""AIS live: lines from the network in micro-batches, put in order, ready to be committed.

The decoder is the one of files. Positions wait in a buffer until nothing older is to be expected,
so that kernels get them in order of time; the buffer, the parts of unfinished messages and the
offset are one state (see `ingest.live_state`), to be committed with the events that were found: a
process killed at any point goes on there, and loses and doubles nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from ingest.decoders.ais import AisOptions
from ingest.decoders.ais_batch import AisBatch
from ingest.live_state import (
    Chunks,
    NotingDecoder,
    pack_heard,
    pack_table,
    unpack_heard,
    unpack_table,
)
from ingest.sources.line import Line
from layers.feeds import Reject, Tally
from layers.positions import FIXES, IDENTITIES

MOST_ROWS, LONGEST_WAIT_S = 20_000, 0.2
LATENESS_MS = 10_000
LAG_MS = 60_000
Clock = Callable[[], int]
_PLAIN = "plain"


@dataclass(frozen=True)
class LiveBatch:
    """One micro-batch.

    Attributes
    ----------
    fixes, identities : released rows in order of (t, mover, pid).
    watermark_ms : nothing older than this is expected any more; None before the first row.
    late : released positions that are older than an earlier watermark all the same.
    offset : bytes of the source behind the last line read; ``line`` the number of that line.
    tally, rejects : what became of the lines.
    state : parts to be kept with the offset and given to `LiveDecoder.restore`.
    """

    fixes: pa.Table
    identities: pa.Table
    watermark_ms: int | None
    late: int
    offset: int
    line: int
    tally: Tally
    rejects: list[Reject]
    state: dict[str, bytes]


class LiveDecoder:
    """Decoder and reorder buffer of one live feed.

    Parameters
    ----------
    options : of the AIS decoder.
    lateness_ms : how much later than the newest time a sentence may come and still be put in order.
    sources : names of the sources of a feed that has several. The watermark waits for the slowest.
    lag_ms : a source that is further behind the newest time, or silent for as long, is not waited
        for until it has caught up.
    """

    def __init__(
        self,
        options: AisOptions | None = None,
        lateness_ms: int = LATENESS_MS,
        *,
        sources: Sequence[str] = (),
        lag_ms: int = LAG_MS,
    ) -> None:
        self.decoder, self.lateness_ms = NotingDecoder(options), lateness_ms
        self.sources, self.lag_ms = tuple(sources), lag_ms
        self.watermark_ms: int | None = None
        self.offset = self.line = 0
        self._fixes, self._identities = FIXES.empty_table(), IDENTITIES.empty_table()
        self._heard = Chunks("heard", pack_heard, unpack_heard)
        self._held = {
            name: Chunks(name, pack_table, unpack_table) for name in ("fixes", "identities")
        }

    def feed(self, lines: Iterable[Line], now_ms: int | None = None) -> LiveBatch:
        """Decode lines and release what is old enough.

        Parameters
        ----------
        lines : may be none, to release after a silence.
        now_ms : the clock of a live feed; None for a replay.
        """
        taken = list(lines)
        if taken:
            self.offset, self.line = taken[-1].offset, taken[-1].number
        batch = self.decoder.decode(taken)
        newest = batch.newest_ms
        if now_ms is not None:
            # A receiver whose clock runs ahead must not make everyone else late.
            newest = now_ms if newest is None or newest > now_ms else newest
            newest = max(newest, now_ms - self.lateness_ms) if not taken else newest
        until = None if newest is None else self._slowest(newest) - self.lateness_ms
        return self._release(batch, until)

    def finish(self) -> LiveBatch:
        """Release everything at the end of a source."""
        newest = self.decoder.newest_ms
        return self._release(self.decoder.finish(), None if newest is None else newest + 1)

    def _slowest(self, newest: int) -> int:
        """Newest time of the source furthest behind, of those that are waited for."""
        known = self.decoder.newest_of
        for name in self.sources:
            known.setdefault(name, newest)  # one that was never heard is waited for from now on
        times = [min(known[name], newest) for name in self.sources]
        return min((t for t in times if newest - t <= self.lag_ms), default=newest)

    def _release(self, batch: AisBatch, until: int | None) -> LiveBatch:
        before = self.watermark_ms
        if until is not None and (before is None or until > before):
            self.watermark_ms = until
        fixes, self._fixes = self._split("fixes", self._fixes, batch.fixes)
        identities, self._identities = self._split("identities", self._identities, batch.identities)
        if noted := self.decoder.noted:
            self._heard.add(noted, max(noted.values()), self._all_heard)
            self.decoder.noted = {}
        self._heard.drop(self.decoder.heard_since_ms)
        late = 0 if before is None else int((fixes["t"].to_numpy() < before).sum())
        return LiveBatch(
            fixes, identities, self.watermark_ms, late, self.offset, self.line,
            batch.tally, batch.rejects, self.state(),
        )  # fmt: skip

    def _split(self, name: str, held: pa.Table, fresh: pa.Table) -> tuple[pa.Table, pa.Table]:
        table, chunks = pa.concat_tables([held, fresh]), self._held[name]
        if self.watermark_ms is None:
            ripe, waiting, new = table.slice(0, 0), table, fresh
        else:
            older = pc.less(table["t"], self.watermark_ms)
            order = [("t", "ascending"), ("mover", "ascending"), ("pid", "ascending")]
            ripe = table.filter(older).sort_by(order)
            waiting = table.filter(pc.invert(older))
            new = _from(fresh, self.watermark_ms)
            chunks.drop(self.watermark_ms)
        if new.num_rows:
            chunks.add(new, _newest(new), lambda: (waiting, _newest(waiting)))
        return ripe, waiting

    def _all_heard(self) -> tuple[dict[bytes, int], int]:
        heard = self.decoder.heard()
        return heard, max(heard.values(), default=0)

    def state(self) -> dict[str, bytes]:
        """Everything needed to go on behind the last line, in parts."""
        plain = {
            "decoder": self.decoder.small_state(),
            "watermark_ms": self.watermark_ms,
            "offset": self.offset,
            "line": self.line,
        }
        parts = {_PLAIN: orjson.dumps(plain)} | self._heard.parts()
        return parts | self._held["fixes"].parts() | self._held["identities"].parts()

    def restore(self, state: Mapping[str, bytes]) -> None:
        """Go on from a `state`."""
        values: dict[str, Any] = orjson.loads(state[_PLAIN])
        self.decoder.restore(values["decoder"])
        for heard in self._heard.restore(state, lambda own: max(own.values())):
            self.decoder.hear(heard)
        self.watermark_ms = values["watermark_ms"]
        self.offset, self.line = values["offset"], values["line"]
        self._fixes, self._identities = (
            _from(pa.concat_tables([empty, *chunks.restore(state, _newest)]), self.watermark_ms)
            for empty, chunks in zip(
                (FIXES.empty_table(), IDENTITIES.empty_table()), self._held.values(), strict=True
            )
        )


async def live_batches(
    lines: AsyncIterator[Line],
    live: LiveDecoder,
    *,
    now_ms: Clock | None = None,
    rows: int = MOST_ROWS,
    wait_s: float = LONGEST_WAIT_S,
) -> AsyncGenerator[LiveBatch, None]:
    """Decode a live source in micro-batches of at most so many lines and seconds.

    Parameters
    ----------
    lines : of a TCP or UDP source, or of a file replayed.
    live : decoder, restored from its state where the feed goes on.
    now_ms : clock of a live feed, ms since 1970 UTC; None for a replay.
    rows, wait_s : a batch ends with whichever comes first.
    """
    async with aclosing(gathered(lines, rows=rows, wait_s=wait_s)) as lists:
        async for taken in lists:
            yield live.feed(taken, now_ms() if now_ms else None)
    yield live.finish()


async def gathered(
    lines: AsyncIterator[Line], *, rows: int, wait_s: float
) -> AsyncGenerator[list[Line], None]:
    """Gather lines of a live source in lists of at most so many lines and seconds; some are empty.

    Parameters
    ----------
    rows, wait_s : a list ends with whichever comes first.
    """
    queue: asyncio.Queue[Line | None] = asyncio.Queue(2 * rows)
    pump = asyncio.create_task(_pump(lines, queue))
    try:
        more, loop = True, asyncio.get_running_loop()
        until = loop.time() + wait_s
        while more:
            taken, more = await _gather(queue, rows, until)
            # What comes while a list is worked on has waited when the next one begins.
            until = loop.time() + wait_s
            yield taken
        await pump
    finally:
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)


async def _pump(lines: AsyncIterator[Line], queue: asyncio.Queue[Line | None]) -> None:
    try:
        async for line in lines:
            await queue.put(line)
    except Exception:
        await queue.put(None)
        raise
    # Cancelled, it tells nobody: who reads is gone, and a full queue would never take an end.
    await queue.put(None)


async def _gather(
    queue: asyncio.Queue[Line | None], rows: int, until: float
) -> tuple[list[Line], bool]:
    """Lines of one batch, those that are there and those that come in time; may there be more."""
    taken: list[Line] = []
    try:
        async with asyncio.timeout_at(until):
            while len(taken) < rows:
                line = await queue.get()
                if line is None:
                    return taken, False
                taken.append(line)
    except TimeoutError:
        pass
    return taken, True


def _from(table: pa.Table, t_ms: int | None) -> pa.Table:
    return table if t_ms is None else table.filter(pc.greater_equal(table["t"], t_ms))


def _newest(table: pa.Table) -> int:
    return int(table["t"].to_numpy().max())
