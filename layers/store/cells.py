"""Questions by H3 cell: rows in each, and cells that rows touch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, ColumnElement, func, literal, select, text, union_all

from layers import h3grid
from layers.errors import QueryError
from layers.query import Query
from layers.spec import LayerSpec
from layers.store.conditions import branches, conditions
from layers.store.tables import cell_cover

if TYPE_CHECKING:
    from layers.store.sql import SqlStore

# A name that no property can have: of equal names PostgreSQL would group by the property.
_CELL = "_cell"


def cell_counts(store: SqlStore, query: Query, resolution: int) -> dict[int, int]:
    """See `Store.cell_counts`."""
    tables = store.tables(query.layer)
    _check_resolution(tables.spec, resolution)
    relation, found = store.relation(query)
    parent = _parent(relation.c.h3, resolution)
    counted = select(parent.label(_CELL), func.count()).where(*found, relation.c.h3.is_not(None))
    with store.reading() as connection:
        rows = connection.execute(counted.group_by(text(_CELL)).order_by(text(_CELL))).all()
    return {int(cell): int(number) for cell, number in rows}


def occupied(store: SqlStore, query: Query, resolution: int) -> list[int]:
    """See `Store.occupied`."""
    tables = store.tables(query.layer)
    _check_resolution(tables.spec, resolution)
    if not tables.spec.has_cover:
        return list(cell_counts(store, query, resolution))
    parts = []
    for branch in branches(tables, query.as_of):
        wanted = conditions(store.grammar, tables.spec, query, branch)
        touched = select(_parent(cell_cover.c.h3, resolution).label("cell")).where(
            cell_cover.c.layer == literal(branch.cover)
        )
        if wanted:
            keys = select(branch.cover_key).select_from(branch.table).where(*wanted)
            touched = touched.where(cell_cover.c.fid.in_(keys))
        parts.append(touched)
    cells = union_all(*parts).subquery()
    statement = select(cells.c.cell).distinct().order_by(cells.c.cell)
    with store.reading() as connection:
        return [int(cell) for cell in connection.scalars(statement)]


def _check_resolution(spec: LayerSpec, resolution: int) -> None:
    finest = spec.h3_resolution
    if finest is None:
        raise QueryError(f"layer '{spec.id}' is a register without places")
    if not 0 <= resolution <= finest:
        raise QueryError(
            f"resolution {resolution}: layer '{spec.id}' counts at resolutions 0–{finest}"
        )


def _parent(cell: ColumnElement[Any], resolution: int) -> ColumnElement[Any]:
    keep, fill = h3grid.parent_masks(resolution)
    kept = cell.bitwise_and(literal(keep, BigInteger))
    return kept.bitwise_or(literal(fill, BigInteger))
