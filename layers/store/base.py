"""The contract of a store. `tests/layers/test_store_conformance.py` runs over every back end."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import geopandas as gpd
import pyarrow as pa
import shapely

from layers.jurisdictions import Locator
from layers.query import Box, Query, Scope, TimeInterval
from layers.spec import LayerSpec
from layers.store.changes import Change
from layers.store.notice import Notice
from layers.store.tallies import Tallied, TallyKey
from layers.tiles.matrix import Tile


@dataclass(frozen=True)
class WriteCount:
    """What a write did: rows new, changed (old ones went to history), and equal as they were."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0

    def __add__(self, other: WriteCount) -> WriteCount:
        return WriteCount(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
        )


@dataclass(frozen=True)
class Page:
    """Some rows of a layer, ready to be written out.

    Attributes
    ----------
    fids : id of each row.
    geometries : GeoJSON geometry text of each row (7 decimals, lon/lat), or None.
    names : names of the properties.
    rows : values of each row in the order of ``names``; times as aware datetimes, json as objects.
    next : value for `Query.after` that continues behind the last row, None at the end.
    """

    fids: list[str]
    geometries: list[str | None]
    names: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    next: tuple[Any, ...] | None

    @property
    def returned(self) -> int:
        """How many rows there are."""
        return len(self.fids)


@dataclass(frozen=True)
class FeaturePage:
    """Some rows of a layer as GeoJSON text.

    Attributes
    ----------
    features : the features, separated by commas: the inside of a JSON array. Geometries have 7
        decimals, lon/lat; times are UTC with ``Z``; the cell ``h3`` is hexadecimal.
    returned : how many there are.
    next : value for `Query.after` that continues behind the last row, None at the end.
    matched : exact number of rows regardless of limit, offset and after, where it was found beside;
        None where it must be counted.
    """

    features: bytes
    returned: int
    next: tuple[Any, ...] | None
    matched: int | None = None


@dataclass(frozen=True)
class Met:
    """Rows of one layer that meet a geometry.

    Attributes
    ----------
    number : how many there are.
    fids : ids of the first ones, in order.
    """

    number: int
    fids: tuple[str, ...]


class Transaction(ABC):
    """One unit of writing: all of it is kept, or nothing."""

    @abstractmethod
    def upsert(
        self, spec: LayerSpec, rows: gpd.GeoDataFrame, *, at: datetime, source: str
    ) -> WriteCount:
        """Write rows by id; a changed row's old state goes to history, an equal row is left alone.

        Parameters
        ----------
        spec : the layer.
        rows : one column for each property (missing columns are null); geometry in EPSG:4326,
            absent or null for a register. The optional column ``jurisdiction`` is kept as given;
            else it is found by place.
        at : when this became true (aware); ``valid_from`` of new rows.
        source : id of the lineage record.

        Raises
        ------
        StoreError
            where an id is missing or comes twice in the batch, or a column is not declared.
        """

    @abstractmethod
    def delete(self, spec: LayerSpec, fids: Iterable[str], *, at: datetime) -> int:
        """Move rows to history; return how many there were."""

    @abstractmethod
    def page(self, query: Query) -> Page:
        """One page of a layer as it stands inside this unit (see `Store.page`)."""

    @abstractmethod
    def frame(self, query: Query) -> gpd.GeoDataFrame:
        """All rows as they stand inside this unit (see `Store.frame`)."""

    @abstractmethod
    def put_state(self, name: str, state: bytes) -> None:
        """Keep the state of a feed or rule under a name, in the same unit as the rows."""

    @abstractmethod
    def put_notices(self, notices: Sequence[Notice]) -> int:
        """Put notices into the outbox, in the same unit as what they tell of.

        Returns
        -------
        how many were not there yet; a notice whose key is known is left as it is.
        """

    @abstractmethod
    def put_parts(self, name: str, changed: Mapping[str, bytes], gone: Iterable[str]) -> None:
        """Keep parts of a large state, by their own names, and drop others; the rest stays."""

    @abstractmethod
    def add_tallies(self, subject: str, numbers: Mapping[TallyKey, int]) -> None:
        """Add numbers to the tallies of a subject (see `layers.store.tallies`)."""

    @abstractmethod
    def locate(self, geometries: Sequence[shapely.Geometry | None]) -> list[str | None]:
        """Code of the smallest unit of each geometry, as rows are given it."""


class Store(ABC):
    """Layers of a city in one database.

    Attributes
    ----------
    url : where it is.
    locator : finds the jurisdiction of places, as the rows' own are found.
    prompt : whether small questions are answered inside of this process, in microseconds, without
        waiting for another.
    """

    url: str
    locator: Locator
    prompt: bool = False

    @abstractmethod
    def bounded(self, seconds: float) -> Self:
        """Return this store for readers who don't wait forever.

        A statement that takes longer is stopped, and its question refused with `TooSlowError`; a
        stream of rows is given as long for each of its parts. Writing is not bounded. Both share
        connections and memory, and closing either closes both.
        """

    @abstractmethod
    def create(self, *specs: LayerSpec) -> None:
        """Make tables, histories, covers and indexes of layers as one unit, where they lack.

        Raises
        ------
        StoreError
            where a table exists with other columns.
        """

    @abstractmethod
    def layers(self) -> list[str]:
        """Ids of the layers that have a table."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[Transaction]:
        """Begin a unit of writing; leaving the block commits, an exception undoes everything."""

    @abstractmethod
    def state(self, name: str) -> bytes | None:
        """State last committed under a name."""

    @abstractmethod
    def parts(self, name: str) -> dict[str, bytes]:
        """Parts last committed under a name (see `Transaction.put_parts`), sorted by part."""

    @abstractmethod
    def tallies(
        self,
        subject: str,
        units: Sequence[str],
        dimension: str,
        periods: Mapping[str, Sequence[str]],
        value: str | None = None,
    ) -> list[Tallied]:
        """Tallies of a subject, summed over periods (see `layers.store.tallies`)."""

    @abstractmethod
    def count(self, query: Query) -> int:
        """Exact number of rows, regardless of limit, offset and after."""

    @abstractmethod
    def count_by(self, query: Query, names: Sequence[str]) -> dict[tuple[Any, ...], int]:
        """Number of rows by the values of properties or ``jurisdiction``, as `count` counts."""

    @abstractmethod
    def extent(self, query: Query) -> Box | None:
        """Box around the rows' geometries in EPSG:4326, None where there are none."""

    @abstractmethod
    def time_extent(self, query: Query) -> TimeInterval | None:
        """Earliest and latest value of the layer's time field."""

    @abstractmethod
    def page(self, query: Query) -> Page:
        """One page as texts and plain values: what a server writes out."""

    @abstractmethod
    def pages(self, query: Query, size: int = 5_000) -> Iterator[Page]:
        """All rows, in pages of at most ``size`` rows that are one state of the layer.

        Unlike with `page` asked again and again, no write falls between them. There is at least
        one page; none has a ``next``. A reader that stops early closes the iterator.
        """

    @abstractmethod
    def batches(self, query: Query, size: int = 20_000) -> Iterator[pa.RecordBatch]:
        """All rows as Arrow columns, in parts of at most ``size`` that are one state of the layer.

        Columns are ``fid``, the properties (nested values as JSON text, datetimes in ms UTC), and
        ``geometry`` as WKB in EPSG:4326, absent where the question leaves it out.
        """

    @abstractmethod
    def versions(self, query: Query) -> tuple[Page, list[TimeInterval]]:
        """All versions of the rows, the newest first, with the time for which each is true.

        Of the question count its conditions, ``properties``, ``skip_geometry`` and ``limit``; the
        scope holds for each version by itself. The end of what stands is open.
        """

    @abstractmethod
    def features(self, query: Query, patience_s: float | None = None) -> FeaturePage:
        """One page as GeoJSON text: what `page` finds, without a detour over objects.

        Parameters
        ----------
        patience_s : the caller waits no longer than this, s; None for as long as it takes. Only a
            store that is `prompt` answers a caller who is in a hurry.

        Raises
        ------
        TooSlowError
            where patience has come to its end; asked with more, the store may well answer.
        """

    @abstractmethod
    def frames(self, query: Query, size: int = 50_000) -> Iterator[gpd.GeoDataFrame]:
        """All rows, in frames of at most ``size`` rows read in turn, so that memory stays flat.

        Columns are the properties, then ``fid``, ``h3``, ``jurisdiction``, ``valid_from``,
        ``source`` and ``geometry``.
        """

    @abstractmethod
    def frame(self, query: Query) -> gpd.GeoDataFrame:
        """All rows as one frame (see `frames`)."""

    @abstractmethod
    def distinct(self, query: Query, property: str, limit: int = 1000) -> list[Any]:
        """Sorted distinct values of a property, nulls left out."""

    @abstractmethod
    def cell_counts(self, query: Query, resolution: int) -> dict[int, int]:
        """Rows per cell of a resolution not finer than the layer's, by the rows' own cell."""

    @abstractmethod
    def tile(self, query: Query, tile: Tile, most: int | None = None) -> bytes:
        """One layer of a vector tile (Mapbox Vector Tile 2.1): rows, or counts of cells.

        Where the tile meets too many rows, it holds the layer ``<id>_cells`` of H3 cells with
        ``count`` instead, for lines and areas beside the largest of them. A cell that lies across
        an edge has its whole count in both tiles. Empty where nothing is.

        Parameters
        ----------
        most : rows that a tile holds at most; None for what suits its level.

        Raises
        ------
        QueryError
            for a register without places.
        """

    def light_tile(self, query: Query, tile: Tile) -> bytes | None:
        """Draw a tile whose rows are so few that it takes next to no time (see `tile`).

        None where that can't be told at once; a store that is not `prompt` never can.
        """
        return None

    @abstractmethod
    def counts(self, queries: Sequence[Query]) -> list[int]:
        """Exact number of rows of each query, in few statements however many layers there are.

        Raises
        ------
        QueryError, StoreError
            as `count` does for any one of them.
        """

    @abstractmethod
    def meeting(
        self,
        layers: Sequence[str],
        cell: int,
        outline: shapely.Geometry,
        scope: Scope,
        first: int = 10,
    ) -> list[Met]:
        """Rows of each layer that meet the outline of a cell, of all layers in one statement.

        Parameters
        ----------
        layers : with geometry, all of which have a table.
        cell : of any resolution.
        outline : the cell's in EPSG:4326; its border belongs to it.
        scope : rows that the reader may see.
        first : how many ids are wanted of each layer.
        """

    @abstractmethod
    def occupied(self, query: Query, resolution: int) -> list[int]:
        """Cells that the rows touch, sorted: of lines and areas every cell that they reach into.

        ``resolution`` is not finer than the layer's.
        """

    @abstractmethod
    def changes(self, after: int, limit: int = 1000) -> list[Change]:
        """Changes of rows of the layers of operation beyond a number, in order.

        See `layers.store.changes`; none comes late, so the last one's number goes on from there.
        """

    @abstractmethod
    def change_ends(self) -> tuple[int, int]:
        """Numbers of the oldest change that is kept, and of the newest; (1, 0) for no change."""

    @abstractmethod
    def revisions(self) -> dict[str, int]:
        """Give the revision of every layer that has a table, in one question."""

    @abstractmethod
    def revision(self, layer: str) -> int:
        """Give a number that grows with every committed change of the layer."""

    async def read_revisions(self, layers: Sequence[str]) -> dict[str, int]:
        """Give the revisions of layers without holding up the event loop (see `revision`)."""
        return await asyncio.to_thread(lambda: {layer: self.revision(layer) for layer in layers})

    @abstractmethod
    def relocate(self, spec: LayerSpec) -> int:
        """Find every row's jurisdiction anew, as after a change of outlines; count the changed.

        A row's truth doesn't change by it, so nothing goes to history. Rows without place keep
        theirs.
        """

    @abstractmethod
    def close(self) -> None:
        """Release all connections."""
