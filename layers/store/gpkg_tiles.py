"""Rows of vector tiles out of a GeoPackage: found by its R*Tree, drawn by arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    FromClause,
    Integer,
    Select,
    Table,
    Text,
    bindparam,
    func,
    or_,
    select,
    type_coerce,
)

from layers.query import Query
from layers.store import gpb
from layers.store.conditions import branches, conditions
from layers.store.grammar import GeoPackageGrammar, overlap, rtree
from layers.store.tables import LayerTables
from layers.store.tiles import tile_attributes
from layers.tiles import shapes, wire
from layers.tiles.content import FID, LARGEST, LEAST_UNITS
from layers.tiles.matrix import Tile

_ID_BYTES = 6
_STATEMENTS_KEPT = 2048
_SIDES = ("west", "south", "east", "north")


def rows_in_tile(
    connection: Connection,
    tables: LayerTables,
    query: Query,
    tile: Tile,
    most: int,
    most_bytes: int | None = None,
) -> bytes | None:
    """One layer of the current rows; None where the tile meets more than ``most``.

    Parameters
    ----------
    most_bytes : None as well where the geometries of the rows take more; None for any size.
    """
    found = _conditions(tables, query)
    given = {**dict(zip(_SIDES, tile.envelope, strict=True)), "more": most + 1}
    if not found:
        number = connection.scalar(_met(tables.current), given)
        if not number:
            return b""
        if number > most:
            return None
    statement = _near_rows(tables.current, tuple(tile_attributes(tables, tile)))
    rows = connection.execute(statement.where(*found) if found else statement, given).all()
    if len(rows) > most:
        return None
    if most_bytes is not None and sum(len(row[1] or b"") for row in rows) > most_bytes:
        return None
    return drawn(tables, tile, rows)


_WEST, _SOUTH, _EAST, _NORTH = (bindparam(name, type_=Double) for name in _SIDES)
_MORE: ColumnElement[int] = bindparam("more", type_=Integer)


def _near(tree: FromClause) -> ColumnElement[bool]:
    return (
        (tree.c.minx <= _EAST) & (tree.c.maxx >= _WEST)
        & (tree.c.miny <= _NORTH) & (tree.c.maxy >= _SOUTH)
    )  # fmt: skip


# Statements are kept, for putting one together takes longer than its answer for a tile close by.
@lru_cache(maxsize=_STATEMENTS_KEPT)
def _met(table: Table) -> Select[Any]:
    """Number of rows whose box meets a box, counted no further than ``more``."""
    tree = rtree(table)
    candidates = select(tree.c.id).where(_near(tree)).limit(_MORE).subquery()
    return select(func.count()).select_from(candidates)


@lru_cache(maxsize=_STATEMENTS_KEPT)
def _near_rows(table: Table, wanted: tuple[tuple[str, str], ...]) -> Select[Any]:
    """Rows whose box meets a box, at most ``more``."""
    tree = rtree(table)
    near = table.c.gid == tree.c.id, _near(tree)
    return _columns(table, wanted).where(*near).limit(_MORE)


def largest_in_tile(
    connection: Connection, tables: LayerTables, query: Query, tile: Tile
) -> tuple[bytes, list[int]]:
    """One layer of the largest current rows, simplified; and the rows' own cells."""
    table, tree = tables.current, rtree(tables.current)
    width, height = tree.c.maxx - tree.c.minx, tree.c.maxy - tree.c.miny
    least = tile.degrees(LEAST_UNITS)
    large = or_(width >= least, height >= least)
    statement = (
        _columns(table, tile_attributes(tables, tile))
        .where(table.c.gid == tree.c.id, overlap(tree, tile.envelope), large)
        .where(*_conditions(tables, query))
        .order_by(func.max(width, height).desc(), table.c.gid)
        .limit(LARGEST)
    )
    rows = connection.execute(statement).all()
    return drawn(tables, tile, rows, simplify=True), [row[2] for row in rows if row[2] is not None]


def rows_by_scan(
    connection: Connection,
    tables: LayerTables,
    relation: FromClause,
    found: Sequence[ColumnElement[bool]],
    tile: Tile,
    most: int,
) -> bytes | None:
    """One layer of rows of any relation, such as those of a moment in the past."""
    statement = (
        _columns(relation, tile_attributes(tables, tile)).select_from(relation).where(*found)
    )
    rows = connection.execute(statement.limit(most + 1)).all()
    return None if len(rows) > most else drawn(tables, tile, rows)


def _conditions(tables: LayerTables, query: Query) -> list[ColumnElement[bool]]:
    (standing,) = branches(tables, None)
    return conditions(GeoPackageGrammar(), tables.spec, query, standing)


def _columns(relation: FromClause, wanted: Sequence[tuple[str, str]]) -> Select[Any]:
    """``fid``, geometry, cell, then what the tile carries, as SQLite keeps it."""
    columns = relation.c
    kept = [
        columns[name] if kind in ("string", "integer", "number")
        # As the file has it: nothing is gained by making times of texts, and texts of them again.
        else type_coerce(columns[name], Integer if kind == "boolean" else Text)
        for name, kind in wanted
    ]  # fmt: skip
    return select(columns.fid, columns.geometry, columns.h3, *kept)


def drawn(tables: LayerTables, tile: Tile, rows: Sequence[Any], *, simplify: bool = False) -> bytes:
    """One layer of rows as `_columns` selects them; those without place are left out."""
    rows = [row for row in rows if row[1] is not None]
    if not rows:
        return b""
    fids, blobs, _, *values = zip(*rows, strict=True)
    xy = gpb.points(blobs)
    if xy is not None:
        made = shapes.points(xy, tile)
    else:
        made = shapes.shapes(gpb.decode(blobs), tile, simplify=simplify)
    kept = made.rows.tolist()
    ids = np.array([_number(fids[i]) for i in kept], np.uint64)
    columns = [wire.Column(FID, [fids[i] for i in kept])]
    for (name, kind), column in zip(tile_attributes(tables, tile), values, strict=True):
        picked = [column[i] for i in kept]
        if kind == "boolean":
            picked = [None if value is None else bool(value) for value in picked]
        columns.append(wire.Column(name, picked))
    return wire.layer(tables.spec.id, ids, made, columns)


def _number(fid: str) -> int:
    """Give a row a number that stays its own, and tells nothing of other rows."""
    return int.from_bytes(hashlib.blake2b(fid.encode(), digest_size=_ID_BYTES).digest(), "big")
