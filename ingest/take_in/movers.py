"""Positions on their way in: to the position store, to last positions and to tracks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import geopandas as gpd
import numpy as np
import numpy.typing as npt
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
_LATEST_ROWS = 200_000
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
    """

    counts: dict[str, int] = field(default_factory=dict)
    spans: dict[str, Span] = field(default_factory=dict)
    _latest: list[pa.Table] = field(default_factory=list)
    _held: int = 0

    def add(self, fixes: pa.Table) -> None:
        """Note some positions."""
        if not fixes.num_rows:
            return
        names, order, bounds = _by_mover(fixes)
        t = fixes["t"].to_numpy()[order]
        firsts, lasts = t[bounds[:-1]].tolist(), t[bounds[1:] - 1].tolist()
        for mover, first, last, count in zip(
            names, firsts, lasts, np.diff(bounds).tolist(), strict=True
        ):
            low, high = self.spans.get(mover, (first, last))
            self.spans[mover] = (min(low, first), max(high, last))
            self.counts[mover] = self.counts.get(mover, 0) + count
        self._latest.append(_last_of(fixes.drop_columns(["h3", "pid", "receiver"])))
        self._held += self._latest[-1].num_rows
        if self._held > _LATEST_ROWS:
            self._fold()

    @property
    def last(self) -> dict[str, dict[str, object]]:
        """By mover its latest position; of two at one time the one noted later."""
        if not self._latest:
            return {}
        self._fold()
        rows = self._latest[0].to_pandas().to_dict("records")
        return {str(row["mover"]): {str(k): v for k, v in row.items()} for row in rows}

    def _fold(self) -> None:
        self._latest = [_last_of(pa.concat_tables(self._latest))]
        self._held = self._latest[0].num_rows

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


def _by_mover(fixes: pa.Table) -> tuple[list[str], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Movers, the order of rows by mover and time, and the bounds of each mover's in that."""
    encoded = fixes["mover"].combine_chunks().dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    order = np.lexsort((fixes["t"].to_numpy(), codes))
    names = encoded.dictionary.to_pylist()
    return names, order, np.searchsorted(codes[order], np.arange(len(names) + 1))


def _last_of(fixes: pa.Table) -> pa.Table:
    """Each mover's latest row, in the order in which movers were first met."""
    _, order, bounds = _by_mover(fixes)
    return fixes.take(pa.array(order[bounds[1:] - 1]))


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
        known = store.page(Query(kind.positions, fids=fids, skip_geometry=True))
        standing = {
            fid: dict(zip(known.names, row, strict=True))
            for fid, row in zip(known.fids, known.rows, strict=True)
        }
        for fid, row in zip(fids, chosen, strict=True):
            before = standing.get(fid)
            if before is None or row["time"] >= before["time"]:
                newer.append(_merged(row, before))
    if newer:
        frame = pd.DataFrame(newer)
        points = gpd.points_from_xy(frame.pop("lon"), frame.pop("lat"))
        shaped = gpd.GeoDataFrame(frame.astype(object), geometry=points, crs="EPSG:4326")
        unit.upsert(city.layer(kind.positions), shaped, at=at, source=source)
    return len(newer)


def _merged(row: dict[str, object], standing: dict[str, object] | None) -> dict[str, object]:
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
