"""Positions on their way in: to the position store, to last positions and to tracks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa

from ingest.tracks import TOLERANCE_M, tracks_of, within
from layers.city import City
from layers.movers import TRUCKS, VESSELS, Kind
from layers.positions import PositionStore
from layers.query import Query, TimeInterval
from layers.store import Store
from layers.store.base import Transaction
from layers.trajectory import GAP_MS

__all__ = ["TRUCKS", "VESSELS", "Kind", "Spool", "Touched", "write_last_positions", "write_tracks"]

_BATCH_ROWS = 200_000
_SCAN_ROWS = 500_000
_ASKED_AT_ONCE = 500
Span = tuple[int, int]


@dataclass
class Spool:
    """Gathers tables and writes them to the position store in large batches.

    Parameters
    ----------
    store : where to.
    feed : such as ``ais``.
    name : start of the batches' names; the same input gives the same names.
    """

    store: PositionStore
    feed: str
    name: str
    written: int = 0
    _waiting: list[pa.Table] = field(default_factory=list)
    _rows: int = 0
    _batches: int = 0

    def add(self, table: pa.Table) -> None:
        """Take some rows."""
        if table.num_rows:
            self._waiting.append(table)
            self._rows += table.num_rows
        if self._rows >= _BATCH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            table = pa.concat_tables(self._waiting)
            self.store.write(self.feed, table, f"{self.name}-{self._batches:05d}")
            self.written += table.num_rows
            self._batches += 1
            self._waiting, self._rows = [], 0


@dataclass
class Touched:
    """Which movers an input tells of: how often, from when to when, and where they were last.

    Attributes
    ----------
    counts, spans : by mover: positions, and first and last time in ms.
    last : by mover: its latest position.
    """

    counts: dict[str, int] = field(default_factory=dict)
    spans: dict[str, Span] = field(default_factory=dict)
    last: dict[str, dict[str, object]] = field(default_factory=dict)

    def add(self, fixes: pa.Table) -> None:
        """Note some positions."""
        if not fixes.num_rows:
            return
        frame = fixes.drop_columns(["h3", "pid", "receiver"]).to_pandas()
        spans = frame.groupby("mover")["t"].agg(["min", "max", "count"])
        for mover, first, last, count in spans.itertuples():
            low, high = self.spans.get(mover, (first, last))
            self.spans[mover] = (min(low, int(first)), max(high, int(last)))
            self.counts[mover] = self.counts.get(mover, 0) + int(count)
        latest = frame.sort_values("t", kind="stable").drop_duplicates("mover", keep="last")
        for row in latest.to_dict("records"):
            mover = str(row["mover"])
            if mover not in self.last or row["t"] >= self.last[mover]["t"]:
                self.last[mover] = {str(k): v for k, v in row.items()}

    def groups(self) -> Iterator[list[str]]:
        """Movers in groups of so many positions that one fits in memory."""
        group: list[str] = []
        rows = 0
        for mover in sorted(self.counts):
            group.append(mover)
            rows += self.counts[mover]
            if rows >= _SCAN_ROWS or len(group) >= _ASKED_AT_ONCE:
                yield group
                group, rows = [], 0
        if group:
            yield group


def write_last_positions(
    unit: Transaction,
    store: Store,
    city: City,
    kind: Kind,
    rows: list[dict[str, object]],
    *,
    at: datetime,
    source: str,
) -> int:
    """Write movers' last positions where they are newer than what stands; return how many were.

    Parameters
    ----------
    rows : properties of the layer, with ``lon`` and ``lat``.
    """
    newer: list[dict[str, object]] = []
    for part in range(0, len(rows), _ASKED_AT_ONCE):
        chosen = rows[part : part + _ASKED_AT_ONCE]
        fids = tuple(str(row[kind.key]) for row in chosen)
        known = store.frame(Query(kind.positions, fids=fids))
        standing = {row[kind.key]: row for row in known.to_dict("records")}
        newer += [
            _merged(row, standing.get(row[kind.key]))
            for row in chosen
            if row[kind.key] not in standing or row["time"] >= standing[row[kind.key]]["time"]
        ]
    if newer:
        frame = pd.DataFrame(newer)
        points = gpd.points_from_xy(frame.pop("lon"), frame.pop("lat"))
        shaped = gpd.GeoDataFrame(frame.astype(object), geometry=points, crs="EPSG:4326")
        unit.upsert(city.layer(kind.positions), shaped, at=at, source=source)
    return len(newer)


def _merged(row: dict[str, object], standing: dict[object, object] | None) -> dict[str, object]:
    """Keep what the newer row does not know, such as a name heard on another day."""
    if standing is None:
        return row
    return {k: standing.get(k) if v is None or v != v else v for k, v in row.items()}


def write_tracks(
    unit: Transaction,
    store: Store,
    positions: PositionStore,
    city: City,
    kind: Kind,
    touched: Touched,
    *,
    at: datetime,
    source: str,
    gap_ms: int = GAP_MS,
    tolerance_m: float = TOLERANCE_M,
) -> int:
    """Build again the tracks that new positions belong to; return how many there are.

    Tracks that new positions join or lengthen at their start have other ids from then on; their old
    ones go to history.
    """
    spec, written = city.layer(kind.tracks), 0
    for movers in touched.groups():
        spans = {mover: touched.spans[mover] for mover in movers}
        old = _near(store, kind, spans, gap_ms)
        scanned = positions.scan(
            kind.feed,
            start_ms=min(first for first, _ in spans.values()),
            end_ms=max(last for _, last in spans.values()) + 1,
            movers=movers,
            columns=["lon", "lat"],
        )
        fresh = tracks_of(
            within(scanned, spans), city.crs, key=kind.key, gap_ms=gap_ms, tolerance_m=tolerance_m
        )
        unit.delete(spec, sorted(old - set(fresh["track_id"])), at=at)
        if len(fresh):
            unit.upsert(spec, fresh, at=at, source=source)
        written += len(fresh)
    return written


def _near(store: Store, kind: Kind, spans: dict[str, Span], gap_ms: int) -> set[str]:
    """Ids of tracks within a gap of the spans; the spans are widened to hold them."""
    low = min(first for first, _ in spans.values()) - gap_ms
    high = max(last for _, last in spans.values()) + gap_ms
    where = {"op": "in", "args": [{"property": kind.key}, sorted(spans)]}
    begun = TimeInterval(None, datetime.fromtimestamp(high / 1000, UTC))
    found = store.frame(Query(kind.tracks, where=where, time=begun, skip_geometry=True))
    ids: set[str] = set()
    if not len(found):
        return ids
    starts = _ms(found["start_time"])
    ends = _ms(found["end_time"])
    for mover, start, end, track in zip(
        found[kind.key], starts, ends, found["track_id"], strict=True
    ):
        first, last = spans[mover]
        if end >= low and start - gap_ms <= last and end + gap_ms >= first:
            spans[mover] = (min(first, start), max(last, end))
            ids.add(str(track))
    return ids


def _ms(times: pd.Series) -> list[int]:
    stamps = pd.to_datetime(times, utc=True).dt.as_unit("ms")
    return [int(value) for value in stamps.astype(np.int64)]
