"""The account of one input: its checksum, its rejects, its row in the lineage layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import geopandas as gpd
import pandas as pd

from ingest.rejects import Input, RejectLog, RejectStore
from ingest.sources.file import SourceError, sha256_of
from layers.city import City
from layers.feeds import Reject, Tally
from layers.store.base import Transaction

LINEAGE = "lineage"


@dataclass
class Receipt:
    """What is noted of one input while it is taken in.

    Attributes
    ----------
    feed, file, sha256 : the input.
    tally : its account so far.
    log : where its rejects go.
    whole : whether it was read to its end.
    rejects : those of all inputs.
    mended : ids that were refused before and are accepted now.
    """

    feed: str
    file: str
    sha256: str
    log: RejectLog
    rejects: RejectStore
    tally: Tally = field(default_factory=Tally)
    whole: bool = True
    mended: set[str] = field(default_factory=set)
    _pending: set[str] | None = None

    @property
    def id(self) -> str:
        """Id of the lineage row: the same input taken in again is the same row."""
        return f"{self.feed}/{self.sha256[:16]}"

    def add(self, tally: Tally, rejects: list[Reject]) -> None:
        """Note what became of some rows."""
        self.tally.add(tally)
        self.log.write(rejects)

    def accept(self, ids: Iterable[object]) -> None:
        """Note ids of rows that were accepted."""
        if self._pending is None:
            self._pending = self.rejects.keys(self.feed)
        if self._pending:
            self.mended.update(self._pending & set(map(str, ids)))

    def add_unread(self, rejects: list[Reject], blank: int = 0) -> None:
        """Note lines that never became rows: refused ones, and blank ones, which are accepted."""
        accepted = Counter({"blank": blank} if blank else {})
        self.add(Tally(accepted, Counter(reject.reason for reject in rejects)), rejects)

    def refuse_rest(self, line: int, failure: Exception) -> None:
        """Note that the input can't be read from a line on; what came before stands."""
        self.refuse(line, "unreadable", str(failure))

    def refuse(self, line: int, reason: str, detail: str, raw: str = "") -> None:
        """Note that the input, or its rest from a line on, is refused."""
        self.whole = False
        self.log.write([Reject(self.feed, self.file, line, "", reason, detail[:2000], raw)])
        self.tally.rejected[reason] += 1

    def write_lineage(self, unit: Transaction, city: City, at: datetime) -> None:
        """Keep the account as a row of the lineage layer."""
        row = {
            "lineage_id": self.id,
            "feed": self.feed,
            "file": self.file,
            "sha256": self.sha256,
            "ingested_at": at,
            "read_rows": self.tally.read,
            "accepted_rows": self.tally.accepted.total(),
            "rejected_rows": self.tally.rejected.total(),
            "counts": self.tally.as_dict(),
        }
        frame = gpd.GeoDataFrame(pd.DataFrame({key: [value] for key, value in row.items()}))
        unit.upsert(city.layer(LINEAGE), frame, at=at, source=self.id)


@contextmanager
def receipt(home: Path, feed: str, path: Path, total: Tally) -> Iterator[Receipt]:
    """Open the account of one file; at the end it is added to the total.

    A file that can't be opened is refused as ``unreadable``, and the block is given a receipt whose
    checksum is "". An exported file of rejects that was read to its end closes those,
    and accepted rows close the refused ones of their ids.
    """
    rejects = RejectStore(home / "rejects")
    try:
        sha256, failure = sha256_of(path), None
    except SourceError as error:
        sha256, failure = "", error
    with rejects.log(Input(feed, path.name, sha256)) as log:
        note = Receipt(feed, path.name, sha256, log, rejects)
        if failure is not None:
            note.refuse_rest(0, failure)
        yield note
    if note.whole:
        rejects.supersede(feed, path, log)
    rejects.accept(feed, note.mended, log)
    total.add(note.tally)
