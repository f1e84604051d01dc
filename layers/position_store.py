"""The folder of Parquet files that holds positions.

::

    <root>/feed=ais/day=2020-07-01/cell=832836fffffffff/<batch>.<digest>.parquet
    <root>/feed=ais/_movers/<batch>.<digest>.json     where and when each file's movers were
    <root>/feed=ais/_batches/<batch>.json     written last: from then on the batch is there

A crash before the last step leaves whole files that nobody reads, and the next write of the batch
replaces them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import h3.api.basic_int as h3
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import shapely

from layers import h3cover, h3grid
from layers.errors import OnemapError
from layers.movers import TRUCKS
from layers.position_columns import FIXES, IDENTITIES, TRUCK_FIXES, distinct, in_order

PARTITION_RESOLUTION = 3
# First and last ms, then minx, miny, maxx, maxy in degrees.
Where = tuple[int, int, float, float, float, float]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
_FEED = re.compile(r"[a-z][a-z0-9_]{0,40}")
_DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1)
_EVERYWHERE = "none"
# Rows are sorted by mover, so that one mover's are in few groups and the others are passed over.
_ROW_GROUP = 16_384
_INDEXES_KEPT = 2000


class PositionStore:
    """Positions on disk, by feed, UTC day and coarse cell.

    Parameters
    ----------
    root : folder of the feeds; made at the first write.

    Raises
    ------
    OnemapError
        for names of feeds or batches that can't be file names.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._markers: dict[Path, tuple[int, dict[str, Any]]] = {}
        self._indexes: dict[Path, dict[str, Any]] = {}

    def write(self, feed: str, table: pa.Table, batch: str) -> int:
        """Keep a batch; a batch of the same name is replaced, an equal one left alone.

        Parameters
        ----------
        feed : such as ``ais``, ``ais_identity`` or ``gps``.
        table : rows with at least ``mover``, ``t`` and ``pid``; by coarse cell if they have ``h3``.
        batch : name of the batch: letters, digits, ``.``, ``_`` and ``-``.

        Returns
        -------
        Rows that were new or replaced: 0 where the batch stood there already.
        """
        folder = self._feed(feed)
        if not _NAME.fullmatch(batch):
            raise OnemapError(
                f"'{batch}' can't name a batch; use letters, digits, '.', '_' and '-'"
            )
        table = in_order(table)
        digest = _digest(table)
        marker = folder / "_batches" / f"{batch}.json"
        before = self._read_marker(marker) if marker.exists() else None
        if before is not None and before["digest"] == digest:
            return 0
        stem = f"{batch}.{digest}"
        parts = list(_parts(table))
        files = [self._write_part(folder, *part, stem) for part in parts]
        if "lon" in table.column_names:
            told = {name: summary(rows) for name, (*_, rows) in zip(files, parts, strict=True)}
            _replace(folder / "_movers" / f"{stem}.json", json.dumps(told).encode())
        content = {"digest": digest, "rows": table.num_rows, "files": files}
        _replace(marker, json.dumps(content).encode())
        if before is not None:
            (folder / "_movers" / f"{batch}.{before['digest']}.json").unlink(missing_ok=True)
            for old in before["files"]:
                (folder / old).unlink(missing_ok=True)
        return int(table.num_rows)

    def scan(
        self,
        feed: str,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        movers: Iterable[str] | None = None,
        bbox: tuple[float, float, float, float] | None = None,
        columns: list[str] | None = None,
    ) -> pa.Table:
        """Read positions sorted by (mover, t, pid), each id once.

        Parameters
        ----------
        feed : such as ``ais``; one that was never written is empty.
        start_ms, end_ms : half-open interval [start, end) of UTC ms.
        movers : only these.
        bbox : lon/lat box (EPSG:4326), inclusive.
        columns : only these; ``mover``, ``t`` and ``pid`` are always there.
        """
        only = None if movers is None else frozenset(movers)
        return distinct(in_order(self._read(feed, start_ms, end_ms, only, bbox, columns)))

    def spans(
        self, feed: str, start_ms: int, end_ms: int, rows: int, columns: list[str] | None = None
    ) -> Iterator[tuple[int, int, pa.Table]]:
        """Read an interval as spans of time that follow each other without a gap.

        Files are read once, and sorted a span at a time: unsorted an interval takes least memory.

        Parameters
        ----------
        feed, columns : see `scan`.
        start_ms, end_ms : half-open interval [start, end) of UTC ms.
        rows : a span has about so many; what is of one ms is never parted.

        Yields
        ------
        start and end of each span, half-open, and what `scan` gives of it.
        """
        table = self._read(feed, start_ms, end_ms, None, None, columns)
        t = table["t"].to_numpy()
        edges = np.unique([start_ms, *np.sort(t)[rows::rows], end_ms]).tolist()
        for start, end in pairwise(edges):
            own = table.filter(pa.array((t >= start) & (t < end)))
            yield start, end, distinct(in_order(own))

    def _read(
        self,
        feed: str,
        start_ms: int | None,
        end_ms: int | None,
        movers: frozenset[str] | None,
        bbox: tuple[float, float, float, float] | None,
        columns: list[str] | None,
    ) -> pa.Table:
        """Rows as they lie in the files: one that came in two batches is there twice."""
        paths = list(self._paths(feed, start_ms, end_ms, bbox, movers))
        if not paths:
            return self._empty(feed, columns)
        wanted = None if columns is None else _wanted(columns)
        chosen = _filter(start_ms, end_ms, movers, bbox)
        # Named for trucks, since older files lack columns that newer ones have.
        schema = TRUCK_FIXES if feed == TRUCKS.feed else None
        files = ds.dataset(paths, format="parquet", schema=schema)
        return files.to_table(columns=wanted, filter=chosen)

    def batches(self, feed: str) -> list[str]:
        """Names of the batches that are there, sorted."""
        folder = self._feed(feed) / "_batches"
        return sorted(path.stem for path in folder.glob("*.json")) if folder.is_dir() else []

    def state(
        self, feed: str, start_ms: int | None = None, end_ms: int | None = None
    ) -> tuple[str, ...]:
        """Names of the files that hold a half-open interval: what equal names hold is equal."""
        paths = self._paths(feed, start_ms, end_ms, None)
        return tuple(path.removeprefix(f"{self._feed(feed)}{os.sep}") for path in paths)

    def movers(self, feed: str, name: str) -> dict[str, Where]:
        """Where and when the movers of one file were, the file named by `state`."""
        told = self._told(feed, name)
        if told is None:
            # Written before there was such a file.
            return summary(self.part(feed, name, ["mover", "t", "lon", "lat"]))
        return {mover: (int(a), int(b), *box) for mover, (a, b, *box) in told.items()}

    def _told(self, feed: str, name: str) -> dict[str, Any] | None:
        """What is told of the movers of a file, None where nothing is."""
        stem = name.rsplit("/", 1)[1].removesuffix(".parquet")
        path = self._feed(feed) / "_movers" / f"{stem}.json"
        if path not in self._indexes:
            if len(self._indexes) >= _INDEXES_KEPT:
                self._indexes.clear()
            try:
                self._indexes[path] = json.loads(path.read_bytes())
            except FileNotFoundError:
                return None
        told: dict[str, Any] | None = self._indexes[path].get(name)
        return told

    def _holds(self, feed: str, name: str, movers: frozenset[str]) -> bool:
        told = self._told(feed, name)
        return told is None or not movers.isdisjoint(told)

    def part(self, feed: str, name: str, columns: list[str]) -> pa.Table:
        """Rows of one file named by `state`, sorted by (mover, t, pid)."""
        return pq.read_table(self._feed(feed) / name, columns=columns, partitioning=None)

    def days(self, feed: str) -> list[date]:
        """UTC days that hold positions, sorted."""
        return sorted({_day_of(name) for name in self._files(feed)})

    def rows(self, feed: str) -> int:
        """Rows of all batches; one that came in two batches counts twice."""
        return sum(int(content["rows"]) for content in self._contents(feed))

    def _feed(self, feed: str) -> Path:
        if not _FEED.fullmatch(feed):
            raise OnemapError(f"'{feed}' can't name a feed; use small letters, digits and '_'")
        return self.root / f"feed={feed}"

    def _read_marker(self, path: Path) -> dict[str, Any]:
        stamp = path.stat().st_mtime_ns
        known = self._markers.get(path)
        if known is None or known[0] != stamp:
            known = self._markers[path] = (stamp, json.loads(path.read_bytes()))
        return known[1]

    def _contents(self, feed: str) -> Iterator[dict[str, Any]]:
        folder = self._feed(feed) / "_batches"
        for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
            yield self._read_marker(path)

    def _files(self, feed: str) -> Iterator[str]:
        for content in self._contents(feed):
            yield from content["files"]

    def _paths(
        self,
        feed: str,
        start_ms: int | None,
        end_ms: int | None,
        bbox: tuple[float, float, float, float] | None,
        movers: frozenset[str] | None = None,
    ) -> Iterator[str]:
        first = _EPOCH if start_ms is None else _day(start_ms)
        last = date.max if end_ms is None else _day(end_ms - 1)
        cells = None if bbox is None else _cells(bbox)
        folder = self._feed(feed)
        for name in self._files(feed):
            cell = name.split("/")[1].removeprefix("cell=")
            inside = cells is None or cell == _EVERYWHERE or cell in cells
            if not inside or not first <= _day_of(name) <= last:
                continue
            if movers is None or self._holds(feed, name, movers):
                yield str(folder / name)

    def _empty(self, feed: str, columns: list[str] | None) -> pa.Table:
        schema = IDENTITIES if feed.endswith("_identity") else FIXES
        schema = TRUCK_FIXES if feed == TRUCKS.feed else schema
        table = schema.empty_table()
        return table if columns is None else table.select(_wanted(columns))

    def _write_part(self, folder: Path, day: str, cell: str, rows: pa.Table, stem: str) -> str:
        name = f"day={day}/cell={cell}/{stem}.parquet"
        sink = pa.BufferOutputStream()
        pq.write_table(rows, sink, compression="zstd", row_group_size=_ROW_GROUP)
        _replace(folder / name, sink.getvalue())
        return name


def summary(fixes: pa.Table) -> dict[str, Where]:
    """Where and when each mover was, of fixes sorted by mover."""
    if not fixes.num_rows:
        return {}
    mover = fixes["mover"].combine_chunks().dictionary_encode()
    codes, names = mover.indices.to_numpy(zero_copy_only=False), mover.dictionary.to_pylist()
    first = np.concatenate([[0], np.flatnonzero(np.diff(codes)) + 1])
    t, lon, lat = (fixes[column].to_numpy() for column in ("t", "lon", "lat"))
    ends = (np.minimum.reduceat(t, first), np.maximum.reduceat(t, first))
    low = (np.minimum.reduceat(values, first) for values in (lon, lat))
    high = (np.maximum.reduceat(values, first) for values in (lon, lat))
    rows = zip(*(column.tolist() for column in (*ends, *low, *high)), strict=True)
    return {names[code]: row for code, row in zip(codes[first].tolist(), rows, strict=True)}


def _wanted(columns: list[str]) -> list[str]:
    return [*dict.fromkeys(["mover", "t", "pid", *columns])]


def _day(ms: int) -> date:
    return _EPOCH + timedelta(days=ms // _DAY_MS)


def _day_of(name: str) -> date:
    return date.fromisoformat(name.split("/")[0].removeprefix("day="))


def _cells(bbox: tuple[float, float, float, float]) -> set[str]:
    # A cell's children stick out of it a little, so the neighbours are looked at too.
    cover = h3cover.cover(np.array([shapely.box(*bbox)], object), PARTITION_RESOLUTION)[0]
    near = {near for cell in cover for near in h3.grid_disk(int(cell), 1)}
    return {h3grid.format_cell(cell) for cell in near}


def _filter(
    start_ms: int | None,
    end_ms: int | None,
    movers: Iterable[str] | None,
    bbox: tuple[float, float, float, float] | None,
) -> Any:
    terms = []
    if start_ms is not None:
        terms.append(ds.field("t") >= start_ms)
    if end_ms is not None:
        terms.append(ds.field("t") < end_ms)
    if movers is not None:
        terms.append(ds.field("mover").isin(pa.array(list(movers), pa.string())))
    if bbox is not None:
        minx, miny, maxx, maxy = bbox
        terms += [ds.field("lon") >= minx, ds.field("lon") <= maxx]
        terms += [ds.field("lat") >= miny, ds.field("lat") <= maxy]
    chosen = None
    for term in terms:
        chosen = term if chosen is None else chosen & term
    return chosen


def _digest(table: pa.Table) -> str:
    text = table["pid"].combine_chunks()
    return hashlib.sha256("".join(text.to_pylist()).encode()).hexdigest()[:12]


def _parts(table: pa.Table) -> Iterator[tuple[str, str, pa.Table]]:
    days = table["t"].to_numpy() // _DAY_MS
    if "h3" in table.column_names:
        cells = h3grid.parents(table["h3"].to_numpy(), PARTITION_RESOLUTION)
    else:
        cells = np.zeros(table.num_rows, np.int64)
    order = np.lexsort((cells, days))
    cuts = np.flatnonzero((np.diff(days[order]) != 0) | (np.diff(cells[order]) != 0)) + 1
    for rows in np.split(order, cuts):
        if not len(rows):
            continue
        day = datetime.fromtimestamp(int(days[rows[0]]) * _DAY_MS / 1000, UTC).date().isoformat()
        cell = int(cells[rows[0]])
        name = h3grid.format_cell(cell) if cell else _EVERYWHERE
        yield day, name, table.take(pa.array(rows))


def _replace(path: Path, content: bytes | pa.Buffer) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
