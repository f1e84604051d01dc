"""All rows of a question in turn, from one statement, so that they are one state of the layer.

As pages of plain values for texts, as Arrow batches for columns. Memory stays flat: no more than
one part is held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from sqlalchemy import ColumnElement, FromClause

from layers.query import Query
from layers.spec import LayerSpec, PropertyType
from layers.store.base import Page
from layers.store.order import kind_of
from layers.store.tables import json_text

if TYPE_CHECKING:
    from layers.store.sql import SqlStore

ARROW_TYPES: dict[PropertyType, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "datetime": pa.timestamp("ms", tz="UTC"),
    "json": pa.string(),
}
Shape = Callable[[FromClause], ColumnElement[Any]]


def pages(store: SqlStore, query: Query, size: int) -> Iterator[Page]:
    """See `Store.pages`."""
    spec, names = store.tables(query.layer).spec, store.wanted(query)
    geometry = _has_geometry(spec, query)
    for rows in _parts(store, query, names, store.page_geometry if geometry else None, size):
        shapes: list[str | None] = [None] * len(rows)
        if geometry:
            shapes = store.page_geometries([row[-1] for row in rows])
        last = 1 + len(names)
        yield Page(
            fids=[row[0] for row in rows],
            geometries=shapes,
            names=tuple(names),
            rows=[tuple(row[1:last]) for row in rows],
            next=None,
        )


def batches(store: SqlStore, query: Query, size: int) -> Iterator[pa.RecordBatch]:
    """See `Store.batches`."""
    spec, names = store.tables(query.layer).spec, store.wanted(query)
    geometry = _has_geometry(spec, query)
    kinds: list[PropertyType] = ["string", *(kind_of(spec, name) for name in names)]
    schema = schema_of(spec, tuple(names), geometry)
    for rows in _parts(store, query, names, store.frame_geometry if geometry else None, size):
        columns = list(zip(*rows, strict=True)) or [()] * len(schema)
        arrays = [_array(k, values) for k, values in zip(kinds, columns, strict=False)]
        if geometry:
            arrays.append(pa.array(store.bodies(columns[-1]), pa.binary()))
        yield pa.record_batch(arrays, schema=schema)


def schema_of(spec: LayerSpec, names: tuple[str, ...], geometry: bool) -> pa.Schema:
    """Columns of `batches`: ``fid``, the properties, and ``geometry`` as WKB in EPSG:4326."""
    fields = [("fid", pa.string()), *((n, ARROW_TYPES[kind_of(spec, n)]) for n in names)]
    return pa.schema([*fields, ("geometry", pa.binary())] if geometry else fields)


def _has_geometry(spec: LayerSpec, query: Query) -> bool:
    return spec.has_geometry and not query.skip_geometry


def _parts(
    store: SqlStore, query: Query, names: list[str], shape: Shape | None, size: int
) -> Iterator[Sequence[Any]]:
    """Rows as ``fid``, properties and geometry; one empty part where there are none."""

    def pick(relation: FromClause) -> list[ColumnElement[Any]]:
        fid = relation.c.fid.label("row_fid")
        last = [shape(relation).label("row_geometry")] if shape else []
        return [fid, *[relation.c[n].label(f"p_{n}") for n in names], *last]

    statement = store.ordered(query, pick)
    if query.limit is not None:
        statement = statement.limit(query.limit)
    with store.reading() as connection:
        streamed = connection.execution_options(stream_results=True, max_row_buffer=size)
        with closing(streamed.execute(statement)) as found:
            empty = True
            for rows in found.partitions(size):
                empty = False
                yield rows
                store.renew(connection)
        if empty:
            yield []


def _array(kind: PropertyType, values: Sequence[Any]) -> pa.Array:
    if kind == "json":
        values = [None if value is None else json_text(value) for value in values]
    return pa.array(values, ARROW_TYPES[kind])
