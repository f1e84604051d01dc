"""What terminals say on its way in: positions, last positions, plates, rejects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

import orjson
import pyarrow as pa

from ingest.decoders.jt808_fixes import FixDecoder
from ingest.decoders.jt808_frame import FEED
from ingest.rejects import Input, RejectStore
from ingest.sources.terminal_session import Heard
from ingest.take_in.gps import last_position
from ingest.take_in.movers import TRUCKS, write_last_positions
from ingest.take_in.recent import RecentFixes
from layers.city import City
from layers.feeds import Tally
from layers.position_merge import EVERY, Merger
from layers.positions import PositionStore
from layers.store import Store

SOURCE = "terminals"
# Last positions are written so often at most: every truck changes its own every few seconds.
LAST_EVERY = timedelta(seconds=5)
# Positions may be this much older than the moment at which last positions were written.
_OVERLAP_MS = 600_000
_PLATES, _WRITTEN = "terminals:plates", "terminals:last_ms"
# Writing last positions is followed by so many times its own length without.
_SHARE = 8
Last = dict[str, Any]
Clock = Callable[[], datetime]


@dataclass
class FixKeeper:
    """Keeps batches of fixes as positions; last positions follow in a thread of their own.

    Last positions are made of positions that are kept already: terminals are answered before these
    are written, and a process that is killed in between writes them when it begins again.

    Parameters
    ----------
    home : folder of ``positions/``.
    now : the clock.
    name : start of the batches' names; no other keeper has it, so that what a killed one wrote
        stands.
    merge_every : batches after which they are merged into larger files.
    """

    city: City
    store: Store
    home: Path
    now: Clock
    name: str
    merge_every: int = EVERY

    def __post_init__(self) -> None:
        self._positions = PositionStore(self.home / "positions")
        self.merger = Merger(self.home / "positions", (TRUCKS.feed,), self.merge_every)
        self._last: dict[str, Last] = {}
        self._lock = Lock()
        self._batches = 0
        self._writer = ThreadPoolExecutor(1, "last-positions")
        self._writing: Future[None] | None = None
        self._due: datetime | None = None
        written = self.store.state(_WRITTEN)
        if written is not None:
            start = int(written) - _OVERLAP_MS
            self._note(self._positions.scan(TRUCKS.feed, start_ms=start))

    def __call__(self, fixes: pa.Table) -> None:
        """Keep a batch in the columns of `layers.positions.FIXES`.

        Raises
        ------
        Exception
            what went wrong with the last positions before.
        """
        self._positions.write(TRUCKS.feed, fixes, f"{self.name}-{self._batches:09d}")
        self._batches += 1
        self.merger.note(self.now())
        self._note(fixes)
        if self._writing is not None and self._writing.done():
            self._writing.result()
            self._writing = None
        if self._writing is None and (self._due is None or self.now() >= self._due):
            self._writing = self._writer.submit(self._write_last)

    def finish(self) -> None:
        """Write the last positions that wait."""
        if self._writing is not None:
            self._writing.result()
            self._writing = None
        self._write_last()

    def _write_last(self) -> None:
        at = self.now()
        with self._lock:
            last, self._last = self._last, {}
        rows = [last_position(mover, row) for mover, row in last.items()]
        with self.store.transaction() as unit:
            write_last_positions(
                unit, self.store, self.city, TRUCKS, rows, at=at, source=f"live/{SOURCE}"
            )
            unit.put_state(_WRITTEN, b"%d" % round(at.timestamp() * 1000))
        # A large fleet's may take long: most of the time belongs to what terminals wait for.
        self._due = at + max(LAST_EVERY, _SHARE * (self.now() - at))

    def _note(self, fixes: pa.Table) -> None:
        names = ("t", "lon", "lat", "sog_mps", "cog_deg", "acc")
        columns = [fixes[name].to_pylist() for name in ("mover", *names)]
        with self._lock:
            last = self._last
            for mover, *values in zip(*columns, strict=True):
                before = last.get(mover)
                if before is None or values[0] >= before["t"]:
                    last[mover] = dict(zip(names, values, strict=True))


class TerminalIntake:
    """Keeps what a `ingest.sources.terminals.TerminalServer` hears.

    Parameters
    ----------
    home : folder of ``rejects/``.
    on_batch : keeps a table of `layers.positions.FIXES` for good, each fix once; what it raises
        ends the server, and terminals send the batch again.
    decoder : with the datum that the source declares.
    now : the clock.

    Attributes
    ----------
    plates : plate by number of terminal, as it was last told.
    tally : account of everything so far.
    """

    def __init__(
        self,
        store: Store,
        home: Path,
        on_batch: Callable[[pa.Table], object],
        *,
        decoder: FixDecoder,
        now: Clock,
    ) -> None:
        self.tally = Tally()
        self._store, self._on_batch, self._decoder, self._now = store, on_batch, decoder, now
        self._rejects = RejectStore(home / "rejects")
        stored = store.state(_PLATES)
        self.plates: dict[str, str] = {} if stored is None else orjson.loads(stored)
        self._kept = dict(self.plates)
        self._recent = RecentFixes()

    def keep(self, heard: Heard) -> None:
        """Keep a batch: when this returns, all of it is kept."""
        batch = self._decoder.decode(heard.reports)
        rejects = heard.rejects + batch.rejects
        if rejects:
            about = Input(FEED, f"{SOURCE}-{self._now():%Y-%m-%d}", "0" * 16)
            self._rejects.append(about, rejects)
        if heard.plates:
            self._kept |= heard.plates
            with self._store.transaction() as unit:
                unit.put_state(_PLATES, orjson.dumps(self._kept))
        fresh = self._recent.keep(batch.fixes, self._on_batch)
        again = batch.fixes.num_rows - fresh
        accepted = heard.accepted + Counter(position=fresh, duplicate=again)
        self.tally.add(Tally(accepted, Counter(reject.reason for reject in rejects)))
