"""Last positions of a live feed, written some at a time.

Thousands of vessels change theirs every second, and alerts must not wait for that: every few
seconds a round begins over the vessels heard since the last one, and each commit writes a few.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa

from ingest.take_in.ais import Names, last_positions
from ingest.take_in.movers import VESSELS, Touched, write_last_positions
from layers.city import City
from layers.store import Store, Transaction

EVERY, AT_ONCE = timedelta(seconds=5), 200


class LastPositions:
    """What is still to be written.

    Parameters
    ----------
    source : of the rows' lineage.

    Attributes
    ----------
    written_ms : everything that came while the watermark was older is written; None before the
        first position.
    """

    def __init__(self, city: City, store: Store, source: str, written_ms: int | None) -> None:
        self._city, self._store, self._source = city, store, source
        self.written_ms = written_ms
        self._touched, self._names = Touched(), Names()
        self._waiting: list[dict[str, object]] = []
        self._begun_at: datetime | None = None
        self._begun_ms: int | None = None

    def add(self, fixes: pa.Table, identities: pa.Table) -> None:
        """Note what was heard."""
        if self.written_ms is None and fixes.num_rows:
            self.written_ms = int(fixes["t"].to_numpy().min())
        self._touched.add(fixes)
        self._names.add(identities)

    def write(self, unit: Transaction, watermark_ms: int | None, *, at: datetime) -> int | None:
        """Write the next few; return what `written_ms` is once the unit is committed."""
        due = self._begun_at is None or at - self._begun_at >= EVERY
        if not self._waiting and due:
            self._waiting = last_positions(self._touched, self._names)
            self._touched, self._names = Touched(), Names()
            self._begun_at, self._begun_ms = at, watermark_ms
        if not self._waiting:
            return self.written_ms
        self._put(unit, self._waiting[:AT_ONCE], at)
        return self._begun_ms if len(self._waiting) <= AT_ONCE else self.written_ms

    def settle(self, written_ms: int | None) -> None:
        """The unit of `write` was committed."""
        del self._waiting[:AT_ONCE]
        self.written_ms = written_ms

    def write_all(self, unit: Transaction, *, at: datetime) -> None:
        """Write everything, at the end of a source."""
        self._put(unit, self._waiting, at)
        self._put(unit, last_positions(self._touched, self._names), at)

    def _put(self, unit: Transaction, rows: list[dict[str, object]], at: datetime) -> None:
        write_last_positions(
            unit, self._store, self._city, VESSELS, rows, at=at, source=self._source
        )
