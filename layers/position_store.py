"""The folder of Parquet files that holds positions.

::

    <root>/feed=ais/day=2020-07-01/cell=832836fffffffff/<batch>.<digest>.parquet
    <root>/feed=ais/_movers/<batch>.<digest>.json     where and when each file's movers were
    <root>/feed=ais/_batches/<batch>.json     written last: from then on the batch is there

A crash before the last step leaves whole files that nobody reads, and the next write of the batch
replaces them. The marker of a merged batch names those that it stands for, which are passed over
from then on and removed later (`layers.position_merge`).
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import h3.api.basic_int as h3
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import shapely

from layers import h3cover, h3grid, position_rows
from layers.errors import OnemapError
from layers.movers import TRUCKS
from layers.position_columns import FIXES, IDENTITIES, TRUCK_FIXES, distinct, in_order

# First and last ms, then minx, miny, maxx, maxy in degrees.
Where = tuple[int, int, float, float, float, float]
# What the marker of a batch says: its `digest`, `rows` and `files`.
Content = dict[str, Any]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
_FEED = re.compile(r"[a-z][a-z0-9_]{0,40}")
_DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1)
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
        self._markers: dict[str, dict[str, tuple[int, Content]]] = {}
        self._indexes: dict[Path, dict[str, Any]] = {}

    def write(self, feed: str, table: pa.Table, batch: str, also: Content | None = None) -> int:
        """Keep a batch; a batch of the same name is replaced, an equal one left alone.

        Parameters
        ----------
        feed : such as ``ais``, ``ais_identity`` or ``gps``.
        table : rows with at least ``mover``, ``t`` and ``pid``; by coarse cell if they have ``h3``.
        batch : name of the batch: letters, digits, ``.``, ``_`` and ``-``.
        also : what its marker says besides, such as ``instead_of``: stems (see `stem`) of batches
            that it stands for, which are not read from then on.

        Returns
        -------
        Rows that were new or replaced: 0 where the batch stood there already.
        """
        folder = self.folder(feed)
        if not _NAME.fullmatch(batch):
            raise OnemapError(
                f"'{batch}' can't name a batch; use letters, digits, '.', '_' and '-'"
            )
        table = in_order(table)
        digest = position_rows.digest(table)
        marker = self._marker(feed, batch)
        before = json.loads(marker.read_bytes()) if marker.exists() else None
        if before is not None and before["digest"] == digest:
            return 0
        content: Content = {"digest": digest, "rows": table.num_rows}
        named, parts = stem(batch, content), list(position_rows.parts(table))
        files = [self._write_part(folder, *part, named) for part in parts]
        if "lon" in table.column_names:
            told = {name: summary(rows) for name, (*_, rows) in zip(files, parts, strict=True)}
            _replace(folder / "_movers" / f"{named}.json", json.dumps(told).encode())
        self.mark(feed, batch, content | {"files": files} | (also or {}))
        if before is not None:
            self._remove_files(feed, batch, before)
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

    def read(self, feed: str, names: Sequence[str]) -> pa.Table:
        """All of some files, sorted by (mover, t, pid), each id as the first of them has it."""
        paths = [str(self.folder(feed) / name) for name in names]
        return distinct(in_order(self._rows(feed, paths)))

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
        chosen = _filter(start_ms, end_ms, movers, bbox)
        where = (feed, start_ms, end_ms, bbox, movers)
        try:
            return self._rows(feed, list(self._paths(*where)), columns, chosen)
        except FileNotFoundError:
            # Batches were replaced, or merged long ago, while it read.
            return self._rows(feed, list(self._paths(*where)), columns, chosen)

    def _rows(
        self, feed: str, paths: list[str], columns: list[str] | None = None, chosen: Any = None
    ) -> pa.Table:
        if not paths:
            return self._empty(feed, columns)
        wanted = None if columns is None else _wanted(columns)
        # Named for trucks, since older files lack columns that newer ones have.
        schema = TRUCK_FIXES if feed == TRUCKS.feed else None
        files = ds.dataset(paths, format="parquet", schema=schema)
        return files.to_table(columns=wanted, filter=chosen)

    def batches(self, feed: str) -> list[str]:
        """Names of the batches that are read, in order."""
        return list(self.standing(feed))

    def state(
        self, feed: str, start_ms: int | None = None, end_ms: int | None = None
    ) -> tuple[str, ...]:
        """Names of the files that hold a half-open interval: what equal names hold is equal."""
        paths = self._paths(feed, start_ms, end_ms, None)
        return tuple(path.removeprefix(f"{self.folder(feed)}{os.sep}") for path in paths)

    def movers(self, feed: str, name: str) -> dict[str, Where]:
        """Where and when the movers of one file were, the file named by `state`."""
        told = self._told(feed, name)
        if told is None:
            # Written before there was such a file.
            return summary(self.part(feed, name, ["mover", "t", "lon", "lat"]))
        return {mover: (int(a), int(b), *box) for mover, (a, b, *box) in told.items()}

    def _told(self, feed: str, name: str) -> dict[str, Any] | None:
        """What is told of the movers of a file, None where nothing is."""
        path = self.folder(feed) / "_movers" / f"{Path(name).stem}.json"
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
        return pq.read_table(self.folder(feed) / name, columns=columns, partitioning=None)

    def feeds(self) -> list[str]:
        """Feeds that something was written of, sorted."""
        return sorted(path.name.removeprefix("feed=") for path in self.root.glob("feed=*"))

    def days(self, feed: str) -> list[date]:
        """UTC days that hold positions, sorted."""
        return sorted({_day_of(name) for name in self._files(feed)})

    def rows(self, feed: str) -> int:
        """Rows of all batches; one that came in two batches counts twice."""
        return sum(int(content["rows"]) for content in self.standing(feed).values())

    def folder(self, feed: str) -> Path:
        """Folder of a feed, which may not be there yet."""
        if not _FEED.fullmatch(feed):
            raise OnemapError(f"'{feed}' can't name a feed; use small letters, digits and '_'")
        return self.root / f"feed={feed}"

    def markers(self, feed: str) -> dict[str, Content]:
        """What the markers say, by name of batch in order, of batches that were merged as well."""
        folder, known = self.folder(feed) / "_batches", self._markers.get(feed, {})
        found: dict[str, tuple[int, Content]] = {}
        for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
            try:
                stamp = path.stat().st_mtime_ns
                same = path.stem in known and known[path.stem][0] == stamp
                content = known[path.stem][1] if same else json.loads(path.read_bytes())
            except FileNotFoundError:
                # Merged long ago, and removed after it was listed.
                continue
            found[path.stem] = (stamp, content)
        self._markers[feed] = found
        return {name: content for name, (_, content) in found.items()}

    def standing(self, feed: str) -> dict[str, Content]:
        """What the markers of the batches that are read say, by name of batch in order."""
        found = self.markers(feed)
        merged = {old for content in found.values() for old in content.get("instead_of", ())}
        return {n: content for n, content in found.items() if stem(n, content) not in merged}

    def mark(self, feed: str, batch: str, content: Content) -> None:
        """Write the marker of a batch, at once or not at all."""
        _replace(self._marker(feed, batch), json.dumps(content).encode())

    def remove(self, feed: str, batch: str, content: Content) -> None:
        """Remove a batch that others stand for."""
        self._remove_files(feed, batch, content)
        self._marker(feed, batch).unlink(missing_ok=True)

    def _remove_files(self, feed: str, batch: str, content: Content) -> None:
        folder = self.folder(feed)
        (folder / "_movers" / f"{stem(batch, content)}.json").unlink(missing_ok=True)
        for name in content["files"]:
            (folder / name).unlink(missing_ok=True)

    def _marker(self, feed: str, batch: str) -> Path:
        return self.folder(feed) / "_batches" / f"{batch}.json"

    def _files(self, feed: str) -> Iterator[str]:
        for content in self.standing(feed).values():
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
        folder = self.folder(feed)
        for name in self._files(feed):
            cell = name.split("/")[1].removeprefix("cell=")
            inside = cells is None or cell == position_rows.EVERYWHERE or cell in cells
            if not inside or not first <= _day_of(name) <= last:
                continue
            if movers is None or self._holds(feed, name, movers):
                yield str(folder / name)

    def _empty(self, feed: str, columns: list[str] | None) -> pa.Table:
        schema = IDENTITIES if feed.endswith("_identity") else FIXES
        schema = TRUCK_FIXES if feed == TRUCKS.feed else schema
        table = schema.empty_table()
        return table if columns is None else table.select(_wanted(columns))

    def _write_part(self, folder: Path, day: str, cell: str, rows: pa.Table, named: str) -> str:
        name = f"day={day}/cell={cell}/{named}.parquet"
        sink = pa.BufferOutputStream()
        pq.write_table(rows, sink, compression="zstd", row_group_size=_ROW_GROUP)
        _replace(folder / name, sink.getvalue())
        return name


def stem(batch: str, content: Content) -> str:
    """Name of a batch's files, by which one that was written anew differs from what it was."""
    return f"{batch}.{content['digest']}"


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
    box = np.array([shapely.box(*bbox)], object)
    cover = h3cover.cover(box, position_rows.PARTITION_RESOLUTION)[0]
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
