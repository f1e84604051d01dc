"""Truck positions that come as JSON lines over the network, on their way in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa

from ingest.decoders.gps_csv import FEED, OPTIONAL, REQUIRED, GpsDecoder
from ingest.decoders.table import Chunk
from ingest.decoders.table_json import JsonLinesReader
from ingest.rejects import Input, RejectStore
from ingest.sources.line import Line
from ingest.take_in.recent import RecentFixes
from layers.city import Source
from layers.feeds import Tally

_NAME = "json"


class LineIntake:
    """Keeps what one sender of JSON lines says; the lines are those of files.

    Parameters
    ----------
    home : folder of ``rejects/``.
    sender : its address, for the rejects.
    on_batch : keeps a table of `layers.positions.FIXES` for good, each fix once.
    source : datum, zone and names of columns; without it EPSG:4326, and times need a zone.
    now : the clock.

    Attributes
    ----------
    tally : account of everything so far.
    """

    def __init__(
        self,
        home: Path,
        sender: str,
        on_batch: Callable[[pa.Table], object],
        *,
        source: Source | None,
        now: Callable[[], datetime],
    ) -> None:
        self.tally = Tally()
        self._on_batch, self._now = on_batch, now
        self._renamed = source.columns if source else None
        self._decoder = GpsDecoder(
            sender,
            source.crs if source else "EPSG:4326",
            ZoneInfo(source.zone) if source else None,
        )
        self._rejects = RejectStore(home / "rejects")
        self._recent = RecentFixes()

    def keep(self, lines: Sequence[Line]) -> None:
        """Keep a batch: when this returns, all of it is kept."""
        names = (*REQUIRED, *OPTIONAL)
        reader = JsonLinesReader(lines, feed=FEED, names=names, renamed=self._renamed)
        for chunk in reader.chunks():
            self._chunk(chunk)

    def _chunk(self, chunk: Chunk) -> None:
        batch = self._decoder.decode(chunk)
        if batch.rejects:
            about = Input(FEED, f"{_NAME}-{self._now():%Y-%m-%d}", "0" * 16)
            self._rejects.append(about, batch.rejects)
        again = batch.fixes.num_rows - self._recent.keep(batch.fixes, self._on_batch)
        told = batch.tally.accepted + Counter(duplicate=again)
        told["position"] -= again
        self.tally.add(Tally(told, batch.tally.rejected))
