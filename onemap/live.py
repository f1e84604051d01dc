"""The same rules, live: what is read, what is found and how far the feed came are one commit.

A process killed at any point goes on behind its last commit: positions are files numbered by
the commit they belong to, so that writing them again replaces them; alerts and cases have
deterministic ids; state and offset stand in the same transaction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from analytics.event import Event
from ingest.live import LiveBatch, LiveDecoder
from ingest.rejects import Input, RejectStore
from layers.city import City
from layers.feeds import Tally
from layers.position_merge import EVERY, Merger
from layers.positions import PositionStore
from layers.store import Store
from onemap.home import Home
from onemap.live_journal import Ripe
from onemap.live_last import LastPositions
from onemap.live_rules import FEED, LiveRules
from onemap.pipeline import write_findings

# Positions may be this much older than the watermark at which last positions were written.
_OVERLAP_MS = 600_000
_IDENTITIES = "ais_identity"


@dataclass(frozen=True)
class Committed:
    """What one micro-batch left behind.

    Attributes
    ----------
    fixes : positions released; ``late`` of them came too late for the rules and are only kept.
    alerts, cases : new ones.
    events : findings of the rules, old ones included.
    tally : what became of the lines.
    """

    fixes: int
    late: int
    alerts: int
    cases: int
    events: tuple[Event, ...]
    tally: Tally


@dataclass
class LivePipeline:
    """One AIS feed on its way through decoder, rules and store.

    Parameters
    ----------
    feed : name under which the feed's state is kept; the same name goes on where it stopped.
    rules : ids of declared rules; all enabled ones that read AIS by default.
    merge_every : commits after which their positions are merged into larger files.

    Raises
    ------
    OnemapError
        for a rule that is not declared, or reads another feed.
    """

    city: City
    store: Store
    home: Home
    feed: str
    rules: Sequence[str] | None = None
    decoder: LiveDecoder = field(default_factory=LiveDecoder)
    merge_every: int = EVERY

    def __post_init__(self) -> None:
        self._rules = LiveRules(self.city, self.store, self._name(), self.rules)
        self._positions = PositionStore(self.home.positions)
        self.merger = Merger(self.home.positions, (FEED, _IDENTITIES), self.merge_every)
        self._read: dict[str, bytes] = {}
        self._watermark_ms: int | None = None
        self._commits, self._begun_ms = 0, 0
        last_ms: int | None = None
        stored = self.store.state(self._name())
        if stored is not None:
            kept = orjson.loads(stored)
            self._read = self.store.parts(self._decoder)
            self.decoder.restore(self._read)
            self._watermark_ms, self._commits = kept["watermark_ms"], kept["commits"]
            self._begun_ms = kept["begun_ms"]
            last_ms = kept["last_ms"]
        self._last = LastPositions(self.city, self.store, f"live/{self.feed}", last_ms)
        self._note_unwritten()

    @property
    def offset(self) -> int:
        """Bytes of the source up to the last committed line, for one that can be read again."""
        return self.decoder.offset

    def commit(self, batch: LiveBatch, *, at: datetime) -> Committed:
        """Take one micro-batch through the rules and commit all that follows from it.

        Registers, zones and whatever else the rules refer to are read again once they changed.
        """
        self._begun_ms = self._begun_ms or round(at.timestamp() * 1000)
        self._keep_positions(batch)
        self._keep_rejects(batch)
        fixes = _not_before(batch.fixes, self._watermark_ms)
        said = _not_before(batch.identities, self._watermark_ms)
        self._last.add(batch.fixes, batch.identities)
        try:
            ripe = Ripe(fixes, said, batch.watermark_ms)
            done = self._write(batch, ripe, at)
        except BaseException:
            # What the rules hold in memory is ahead of what is stored.
            self._rules.forget()
            raise
        self.merger.note(at)
        return done

    def _write(self, batch: LiveBatch, ripe: Ripe, at: datetime) -> Committed:
        """Find, and write all of a batch in one transaction."""
        events = self._rules.take(ripe)
        with self.store.transaction() as unit:
            alerts, cases = write_findings(unit, self.city, events, at=at)
            last_ms = self._last.write(unit, batch.watermark_ms, at=at)
            self._rules.put(unit, at=at)
            read = {part: own for part, own in batch.state.items() if self._read.get(part) != own}
            unit.put_parts(self._decoder, read, self._read.keys() - batch.state.keys())
            kept = {
                "watermark_ms": batch.watermark_ms,
                "commits": self._commits + 1,
                "begun_ms": self._begun_ms,
                "last_ms": last_ms,
            }
            unit.put_state(self._name(), orjson.dumps(kept))
        self._read = batch.state
        self._watermark_ms, self._commits = batch.watermark_ms, self._commits + 1
        self._last.settle(last_ms)
        late = batch.fixes.num_rows - ripe.fixes.num_rows
        return Committed(batch.fixes.num_rows, late, alerts, cases, tuple(events), batch.tally)

    def finish(self, *, at: datetime) -> list[Event]:
        """Tell what the rules hold open at the end of a source; should it go on, it stays open."""
        events = self._rules.look_ahead(self._watermark_ms)
        with self.store.transaction() as unit:
            write_findings(unit, self.city, events, at=at)
            self._last.write_all(unit, at=at)
        return events

    def rest(self) -> None:
        """Leave the feed so that another process, with these rules or others, can go on."""
        with self.store.transaction() as unit:
            self._rules.rest(unit)

    def warm_up(self) -> None:
        """Load what the first batch would have to wait for."""
        self._rules.warm_up()

    @property
    def _decoder(self) -> str:
        """Name of the decoder's state."""
        return self._name("decoder")

    def _name(self, *parts: str) -> str:
        return ":".join(("live", self.feed, *parts))

    def _file_name(self) -> str:
        """Start of this feed's files: no other feed has it, nor this one begun in a new store."""
        words = re.sub(r"[^A-Za-z0-9]+", "-", self.feed).strip("-")[:40]
        return f"{words}-{sha256(self.feed.encode()).hexdigest()[:8]}-{self._begun_ms}"

    def _keep_positions(self, batch: LiveBatch) -> None:
        name = f"live-{self._file_name()}-{self._commits:09d}"
        if batch.fixes.num_rows:
            self._positions.write(FEED, batch.fixes, name)
        if batch.identities.num_rows:
            self._positions.write(_IDENTITIES, batch.identities, name)

    def _keep_rejects(self, batch: LiveBatch) -> None:
        if batch.rejects:
            about = Input(FEED, self._file_name(), f"{self._commits:016d}")
            with RejectStore(self.home.rejects).log(about) as log:
                log.write(batch.rejects)

    def _note_unwritten(self) -> None:
        """Take up again the positions that were kept after last positions were written."""
        if self._last.written_ms is not None:
            start = self._last.written_ms - _OVERLAP_MS
            fixes = self._positions.scan(FEED, start_ms=start)
            self._last.add(fixes, self._positions.scan(_IDENTITIES, start_ms=start))


def _not_before(table: pa.Table, t_ms: int | None) -> pa.Table:
    return table if t_ms is None else table.filter(pc.greater_equal(table["t"], t_ms))
