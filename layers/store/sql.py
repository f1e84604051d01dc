"""What both stores share: questions become SQL, answers become pages and frames."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, time
from typing import Any, Self

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    FromClause,
    Select,
    Text,
    cast,
    func,
    literal_column,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.types import NullType

from layers.city import City
from layers.errors import QueryError, TooSlowError
from layers.query import Box, Query, Scope, TimeInterval
from layers.spec import LayerSpec
from layers.store import cells, past, relocation, streams
from layers.store.base import FeaturePage, Met, Page
from layers.store.conditions import branches, conditions
from layers.store.database import SqlDatabase
from layers.store.feature_text import FeatureText
from layers.store.grammar import Grammar
from layers.store.meeting import Meeting
from layers.store.order import behind, format_key, keys_of, kind_of, order_by
from layers.store.tables import LayerTables
from layers.store.values import series_of
from layers.store.write import SqlTransaction

# SQLite joins 500 selects at most.
_COUNTED_AT_ONCE = 200
_WRITERS_KEPT = 2000
FRAME_EXTRAS = ("fid", "h3", "jurisdiction", "valid_from", "source")


class SqlStore(SqlDatabase):
    """A store in a SQL database: its questions (see `layers.store.database` for its tables)."""

    def __init__(self, url: str, engine: Engine, grammar: Grammar, city: City) -> None:
        super().__init__(url, engine, grammar, city)
        self._meeting = self._make_meeting()
        self._writers_of: dict[object, FeatureText] = {}

    def bounded(self, seconds: float) -> Self:
        """See `Store.bounded`."""
        twin = super().bounded(seconds)
        twin._meeting = twin._make_meeting()
        return twin

    # -- what a back end does itself

    @abstractmethod
    def transaction(self) -> AbstractContextManager[SqlTransaction]:
        """See `Store.transaction`."""

    @abstractmethod
    def page_geometries(self, values: Sequence[Any]) -> list[str | None]:
        """GeoJSON texts of what `page_geometry` selected."""

    @abstractmethod
    def page_geometry(self, relation: FromClause) -> ColumnElement[Any]:
        """Geometry as `page` selects it."""

    @abstractmethod
    def feature_geometry(self, relation: FromClause, spec: LayerSpec) -> ColumnElement[Any]:
        """Geometry as `feature_text` takes it."""

    @abstractmethod
    def feature_text(self, spec: LayerSpec, names: Sequence[str], geometry: bool) -> FeatureText:
        """Return what writes features from rows as the driver gives them."""

    @abstractmethod
    def frame_geometry(self, relation: FromClause) -> ColumnElement[Any]:
        """Geometry as `frames` selects it."""

    @abstractmethod
    def frame_geometries(self, values: Sequence[Any]) -> Any:
        """Shapely geometries of what `frame_geometry` selected."""

    @abstractmethod
    def bodies(self, values: Sequence[Any]) -> list[bytes | None]:
        """WKB of what `frame_geometry` selected."""

    @abstractmethod
    def _extent(self, connection: Connection, query: Query, spec: LayerSpec) -> Box | None:
        """Exact box around the rows."""

    @abstractmethod
    def _make_meeting(self) -> Meeting:
        """Return what finds rows of many layers in one place."""

    # -- questions

    def _relation(
        self, tables: LayerTables, query: Query
    ) -> tuple[FromClause, list[ColumnElement[bool]]]:
        """Rows of a query without order: a table and conditions, or the union of two."""
        spec, parts = tables.spec, branches(tables, query.as_of)
        if len(parts) == 1:
            return parts[0].table, conditions(self.grammar, spec, query, parts[0])
        names = [c.name for c in tables.current.columns]
        selects = [
            select(*[b.table.c[n] for n in names]).where(*conditions(self.grammar, spec, query, b))
            for b in parts
        ]
        return union_all(*selects).subquery(), []

    def _ordered(self, tables: LayerTables, query: Query, pick: Any) -> Select[Any]:
        relation, found = self._relation(tables, query)
        keys = keys_of(tables.spec, query)
        statement = select(*pick(relation)).select_from(relation).where(*found)
        if query.after is not None:
            statement = statement.where(behind(relation, keys, query.after))
        statement = statement.order_by(*order_by(self.grammar, relation, keys))
        if query.offset:
            statement = statement.offset(query.offset)
        return statement

    def count(self, query: Query) -> int:
        """See `Store.count`."""
        relation, found = self._relation(self.tables(query.layer), query)
        with self.reading() as connection:
            statement = select(func.count()).select_from(relation).where(*found)
            return int(connection.scalar(statement) or 0)

    def count_by(self, query: Query, names: Sequence[str]) -> dict[tuple[Any, ...], int]:
        """See `Store.count_by`."""
        relation, found = self._relation(self.tables(query.layer), query)
        # Or the order of the groups would choose the index, and read every row.
        chosen = select(*[relation.c[name] for name in names]).where(*found).cte("chosen")
        rows = chosen.prefix_with("MATERIALIZED")
        statement = select(*rows.c, func.count()).group_by(*rows.c)
        with self.reading() as connection:
            return {tuple(row[:-1]): int(row[-1]) for row in connection.execute(statement)}

    def extent(self, query: Query) -> Box | None:
        """See `Store.extent`."""
        spec = self.tables(query.layer).spec
        if not spec.has_geometry:
            return None
        with self.reading() as connection:
            return self._extent(connection, query, spec)

    def time_extent(self, query: Query) -> TimeInterval | None:
        """See `Store.time_extent`."""
        tables = self.tables(query.layer)
        if tables.spec.time_field is None:
            return None
        relation, found = self._relation(tables, query)
        column = relation.c[tables.spec.time_field]
        with self.reading() as connection:
            statement = select(func.min(column), func.max(column)).where(*found)
            start, end = connection.execute(statement).one()
        return None if start is None else TimeInterval(_moment(start), _moment(end, last=True))

    def page(self, query: Query) -> Page:
        """See `Store.page`."""
        with self.reading() as connection:
            return self.page_on(connection, query)

    def page_on(self, connection: Connection, query: Query) -> Page:
        """Read one page on an open connection."""
        tables = self.tables(query.layer)
        names = wanted_names(tables.spec, query)
        keys = [k.name for k in keys_of(tables.spec, query)]
        geometry = tables.spec.has_geometry and not query.skip_geometry

        def pick(relation: FromClause) -> list[ColumnElement[Any]]:
            shape = [self.page_geometry(relation).label("geometry")] if geometry else []
            extra = [f"key_{i}" for i in range(len(keys))]
            key_columns = [relation.c[k].label(e) for k, e in zip(keys, extra, strict=True)]
            fid = relation.c.fid.label("row_fid")
            return [fid, *key_columns, *shape, *[relation.c[n].label(f"p_{n}") for n in names]]

        statement = self._ordered(tables, query, pick)
        if query.limit is not None:
            statement = statement.limit(query.limit + 1)
        rows = connection.execute(statement).all()
        more = query.limit is not None and len(rows) > query.limit
        rows = rows[: query.limit] if more else rows
        first = 1 + len(keys)
        shapes: list[str | None] = [None] * len(rows)
        if geometry:
            shapes = self.page_geometries([row[first] for row in rows])
        start = first + geometry
        return Page(
            fids=[row[0] for row in rows],
            geometries=shapes,
            names=tuple(names),
            rows=[tuple(row[start:]) for row in rows],
            next=tuple(format_key(v) for v in rows[-1][1:first]) if more and rows else None,
        )

    def features(self, query: Query, patience_s: float | None = None) -> FeaturePage:
        """See `Store.features`."""
        if patience_s is not None:
            raise TooSlowError("this store answers from another process")
        tables = self.tables(query.layer)
        text = self.writer(tables.spec, query)
        keys = keys_of(tables.spec, query)
        statement = self._ordered(
            tables,
            query,
            lambda relation: [
                *[relation.c[key.name].label(f"key_{i}") for i, key in enumerate(keys)],
                *self.feature_columns(relation, tables.spec, text),
            ],
        )
        if query.limit is not None:
            statement = statement.limit(query.limit + 1)
        with self.reading() as connection:
            rows: Sequence[Any] = connection.execute(statement).all()
        more = query.limit is not None and len(rows) > query.limit
        rows = rows[: query.limit] if more else rows
        first = len(keys)
        following = tuple(map(format_key, rows[-1][:first])) if more and rows else None
        return FeaturePage(text.joined([row[first:] for row in rows]), len(rows), following)

    def writer(self, spec: LayerSpec, query: Query) -> FeatureText:
        """Return what writes the features that a query wants."""
        key = (spec.id, query.properties, query.skip_geometry)
        found = self._writers_of.get(key)
        if found is None:
            geometry = spec.has_geometry and not query.skip_geometry
            found = self.feature_text(spec, wanted_names(spec, query), geometry)
            if len(self._writers_of) >= _WRITERS_KEPT:
                self._writers_of.clear()
            self._writers_of[key] = found
        return found

    def feature_columns(
        self, relation: FromClause, spec: LayerSpec, text: FeatureText
    ) -> list[ColumnElement[Any]]:
        """Columns of a row as the driver gives them, in the order that ``text`` takes."""
        columns: list[ColumnElement[Any]] = [relation.c.fid.label("row_fid")]
        if text.geometry:
            columns.append(self.feature_geometry(relation, spec).label("row_geometry"))
        for name in text.names:
            column = relation.c[name]
            plain = cast(column, Text) if kind_of(spec, name) == "json" else column
            columns.append(type_coerce(plain, NullType()).label(f"p_{name}"))
        return columns

    def frames(self, query: Query, size: int = 50_000) -> Iterator[gpd.GeoDataFrame]:
        """See `Store.frames`."""
        with self.reading() as connection:
            yield from self.frames_on(connection, query, size)

    def frames_on(
        self, connection: Connection, query: Query, size: int = 50_000
    ) -> Iterator[gpd.GeoDataFrame]:
        """Read frames on an open connection."""
        tables = self.tables(query.layer)
        names = [*wanted_names(tables.spec, query), *FRAME_EXTRAS]
        names = list(dict.fromkeys(names))
        geometry = tables.spec.has_geometry and not query.skip_geometry

        def pick(relation: FromClause) -> list[ColumnElement[Any]]:
            shape = [self.frame_geometry(relation)] if geometry else []
            return [*[relation.c[n] for n in names], *shape]

        statement = self._ordered(tables, query, pick)
        if query.limit is not None:
            statement = statement.limit(query.limit)
        options = {"stream_results": True, "max_row_buffer": size}
        empty = True
        for rows in connection.execute(statement, execution_options=options).partitions(size):
            empty = False
            yield self._frame(tables.spec, names, geometry, rows)
            # However long the reader took over this part, the next one has its whole time.
            self.renew(connection)
        if empty:
            yield self._frame(tables.spec, names, geometry, [])

    def _frame(
        self, spec: LayerSpec, names: list[str], geometry: bool, rows: Sequence[Any]
    ) -> gpd.GeoDataFrame:
        columns = list(zip(*rows, strict=True)) or [()] * (len(names) + geometry)
        data = {
            name: series_of(kind_of(spec, name), column)
            for name, column in zip(names, columns, strict=False)
        }
        shapes = self.frame_geometries(columns[-1]) if geometry else np.full(len(rows), None)
        return gpd.GeoDataFrame(data, geometry=gpd.GeoSeries(shapes, crs="EPSG:4326"))

    def pages(self, query: Query, size: int = 5_000) -> Iterator[Page]:
        """See `Store.pages`."""
        return streams.pages(self, query, size)

    def batches(self, query: Query, size: int = 20_000) -> Iterator[pa.RecordBatch]:
        """See `Store.batches`."""
        return streams.batches(self, query, size)

    def versions(self, query: Query) -> tuple[Page, list[TimeInterval]]:
        """See `Store.versions`."""
        return past.versions(self, query)

    def ordered(self, query: Query, pick: Any) -> Select[Any]:
        """Statement of a question's rows in their order, without limit."""
        return self._ordered(self.tables(query.layer), query, pick)

    def wanted(self, query: Query) -> list[str]:
        """Names of the properties that a question wants."""
        return wanted_names(self.tables(query.layer).spec, query)

    def frame(self, query: Query) -> gpd.GeoDataFrame:
        """See `Store.frame`."""
        parts = list(self.frames(query))
        return parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)

    def distinct(self, query: Query, property: str, limit: int = 1000) -> list[Any]:
        """See `Store.distinct`."""
        tables = self.tables(query.layer)
        if kind_of(tables.spec, property) == "json":
            raise QueryError(f"'{property}' is a nested value; its values can't be listed")
        relation, found = self._relation(tables, query)
        column = relation.c[property]
        statement = select(column).where(*found, column.is_not(None)).distinct()
        with self.reading() as connection:
            return list(connection.scalars(statement.order_by(column).limit(limit)))

    def counts(self, queries: Sequence[Query]) -> list[int]:
        """See `Store.counts`."""
        found: list[int] = []
        with self.reading() as connection:
            for start in range(0, len(queries), _COUNTED_AT_ONCE):
                parts = []
                for number, query in enumerate(queries[start : start + _COUNTED_AT_ONCE]):
                    relation, wanted = self._relation(self.tables(query.layer), query)
                    place: ColumnElement[Any] = literal_column(str(number))
                    picked = select(place.label("place"), func.count().label("rows"))
                    parts.append(picked.select_from(relation).where(*wanted))
                rows = connection.execute(union_all(*parts)).all()
                found += [int(number) for _, number in sorted(tuple(row) for row in rows)]
        return found

    def meeting(
        self,
        layers: Sequence[str],
        cell: int,
        outline: shapely.Geometry,
        scope: Scope,
        first: int = 10,
    ) -> list[Met]:
        """See `Store.meeting`."""
        return self._meeting.find(layers, cell, outline, scope, first)

    def cell_counts(self, query: Query, resolution: int) -> dict[int, int]:
        """See `Store.cell_counts`."""
        return cells.cell_counts(self, query, resolution)

    def occupied(self, query: Query, resolution: int) -> list[int]:
        """See `Store.occupied`."""
        return cells.occupied(self, query, resolution)

    def relocate(self, spec: LayerSpec) -> int:
        """See `Store.relocate`."""
        return relocation.relocate(self, spec)

    def relation(self, query: Query) -> tuple[FromClause, list[ColumnElement[bool]]]:
        """Rows of a query without order: a relation and the conditions on it."""
        return self._relation(self.tables(query.layer), query)


def wanted_names(spec: LayerSpec, query: Query) -> list[str]:
    """Names of the properties that a query wants, in the order of declaration."""
    declared = [p.name for p in spec.properties]
    if query.properties is None:
        return declared
    for name in query.properties:
        kind_of(spec, name)
    system = [n for n in query.properties if n not in declared]
    return [n for n in declared if n in query.properties] + list(dict.fromkeys(system))


def _moment(value: datetime | date, last: bool = False) -> datetime:
    if isinstance(value, datetime):
        return value
    return datetime.combine(value, time(23, 59, 59, 999000) if last else time(), UTC)
