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

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from analytics import registry
from analytics.content import content_version
from analytics.detect import END_OF_TIME_MS
from analytics.event import Event
from analytics.feeds import ais_columns
from analytics.reference_rows import load_references, state_of_layers
from analytics.rule import Columns
from ingest.live import LiveBatch, LiveDecoder
from ingest.rejects import Input, RejectStore
from layers.city import City
from layers.errors import OnemapError
from layers.feeds import Tally
from layers.positions import FIXES, IDENTITIES, PositionStore
from layers.store import Store
from onemap.home import Home
from onemap.live_last import LastPositions
from onemap.pipeline import write_findings
from onemap.rule_states import RuleStates

FEED = "ais"
# Positions may be this much older than the watermark at which last positions were written.
_OVERLAP_MS = 600_000
_FLUSH_MS = 2_000
_NOBODY, _FISHING = "200000000", 30


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

    def __post_init__(self) -> None:
        self._stage = registry.preparation(self.city)
        self._read_rules()
        others = [rule.declaration.id for rule in self._built if rule.feed != FEED]
        if self.rules is not None and others:
            raise OnemapError(f"{', '.join(others)}: not a rule on AIS; onemap detect runs it")
        self._positions = PositionStore(self.home.positions)
        self._states = RuleStates(self.store)
        self._read: dict[str, bytes] = {}
        self._watermark_ms: int | None = None
        self._flushed_ms: int | None = None
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
        if state_of_layers(self.city, self.store, haulage=False) != self._references_state:
            self._read_rules()
        self._keep_positions(batch)
        self._keep_rejects(batch)
        fixes = _not_before(batch.fixes, self._watermark_ms)
        said = _not_before(batch.identities, self._watermark_ms)
        columns = ais_columns(fixes, said, self.city.crs)
        self._last.add(batch.fixes, batch.identities)
        try:
            return self._write(batch, columns, batch.fixes.num_rows - fixes.num_rows, at)
        except BaseException:
            # What the rules hold in memory is ahead of what is stored.
            self._forget()
            raise

    def _write(self, batch: LiveBatch, columns: Columns, late: int, at: datetime) -> Committed:
        """Find, and write all of a batch in one transaction."""
        events = self._detect(columns, batch.watermark_ms)
        with self.store.transaction() as unit:
            alerts, cases = write_findings(unit, self.city, events, at=at)
            last_ms = self._last.write(unit, batch.watermark_ms, at=at)
            self._states.put(unit)
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
        return Committed(batch.fixes.num_rows, late, alerts, cases, tuple(events), batch.tally)

    def finish(self, *, at: datetime) -> list[Event]:
        """Tell what the rules hold open at the end of a source; should it go on, it stays open."""
        nothing = ais_columns(FIXES.empty_table(), IDENTITIES.empty_table(), self.city.crs)
        self._flushed_ms = None
        events = self._detect(nothing, self._watermark_ms)
        events += self._detect(nothing, END_OF_TIME_MS)
        # That was a look ahead: should the source go on, the rules go on from what is stored.
        self._forget()
        with self.store.transaction() as unit:
            write_findings(unit, self.city, events, at=at)
            self._last.write_all(unit, at=at)
        return events

    @property
    def _decoder(self) -> str:
        """Name of the decoder's state."""
        return self._name("decoder")

    @property
    def _prepared(self) -> str:
        """Name of the preparation's state; other parameters begin a new one."""
        content = self._stage.parameters.model_dump(mode="json")
        return self._name("preparation", content_version(content))

    def _read_rules(self) -> None:
        # The number first: a change while reading is then seen at the next commit.
        self._references_state = state_of_layers(self.city, self.store, haulage=False)
        references = load_references(self.city, self.store, haulage=False)
        self._built = registry.build(self.city, references, only=self.rules)
        self._rules = [rule for rule in self._built if rule.feed == FEED]

    def _detect(self, columns: Columns, watermark_ms: int | None) -> list[Event]:
        closing = self._closing(watermark_ms)
        held = self._states.get(self._prepared, self._stage.start)
        if closing is not None:
            self._stage.flush(held, closing)
        columns = self._stage.update(held, columns)
        events: list[Event] = []
        for rule in self._rules:
            name = self._name(rule.declaration.id, rule.declaration.version)
            state = self._states.get(name, rule.start)
            events += rule.update(state, columns)
            if closing is not None:
                events += rule.flush(state, closing)
        return events

    def _closing(self, watermark_ms: int | None) -> int | None:
        """A watermark to close behind; not each one, since that goes over all vessels."""
        passed = self._flushed_ms
        if watermark_ms is None or (passed is not None and watermark_ms - passed < _FLUSH_MS):
            return None
        self._flushed_ms = watermark_ms
        return watermark_ms

    def _forget(self) -> None:
        self._states.forget()
        self._flushed_ms = None

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
            self._positions.write("ais_identity", batch.identities, name)

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
            self._last.add(fixes, self._positions.scan("ais_identity", start_ms=start))

    def warm_up(self) -> None:
        """Load what the first batch would have to wait for, such as the rules' compiled loops."""
        lon, lat = np.reshape(self.city.declaration.bounds, (2, 2)).mean(axis=0).tolist()
        fixes = [_made_up(number, lon, lat) for number in range(3)]
        said = {"mover": _NOBODY, "t": 0, "name": "", "ship_type": _FISHING, "pid": ""}
        columns = ais_columns(
            pa.Table.from_pylist(fixes, schema=FIXES),
            pa.Table.from_pylist([said], schema=IDENTITIES),
            self.city.crs,
        )
        columns = self._stage.update(self._stage.start(), columns)
        for rule in self._rules:
            # Of what is found nothing is kept.
            rule.update(rule.start(), columns)


def _made_up(number: int, lon: float, lat: float) -> dict[str, object]:
    plain = dict.fromkeys(("sog_mps", "cog_deg", "heading_deg"), 1.0)
    coded = {"nav": 0, "acc": 255, "quality": 0, "h3": 0, "receiver": "", "pid": str(number)}
    return {"mover": _NOBODY, "t": 60_000 * number, "lon": lon, "lat": lat, **plain, **coded}


def _not_before(table: pa.Table, t_ms: int | None) -> pa.Table:
    return table if t_ms is None else table.filter(pc.greater_equal(table["t"], t_ms))
