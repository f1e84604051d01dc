"""Rows of vector tiles out of PostGIS, drawn by the database itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    LargeBinary,
    Select,
    Text,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    type_coerce,
)

from layers.store.tables import LayerTables
from layers.store.tiles import tile_attributes
from layers.tiles.content import FID, LARGEST, LEAST_UNITS
from layers.tiles.matrix import BUFFER, EXTENT, Tile

_INSTANT = 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'
# Numbers below 2⁴⁸ are exact in a browser.
_NUMBER_BITS = 48
_GEOMETRY, _ID = "mvt_geometry", "mvt_id"


def rows_in_tile(
    connection: Connection,
    tables: LayerTables,
    relation: FromClause,
    found: Sequence[ColumnElement[bool]],
    tile: Tile,
    most: int,
) -> bytes | None:
    """One layer of rows; None where the tile meets more than ``most``.

    One statement: the database counts so far first, and draws only where there are not too many.
    """
    near = _near(relation, tile)
    candidates: Select[Any] = select(literal_column("1")).select_from(relation).where(*found, near)
    some = candidates.limit(most + 1).subquery()
    number = select(func.count().label("number")).select_from(some).cte("met")
    counted = select(number.c.number).scalar_subquery()
    rows = (
        select(*_columns(tables, relation, tile))
        .select_from(relation)
        .where(*found, near, counted <= literal(most))
        .subquery("drawn")
    )
    tiled = select(_as_mvt(tables)).select_from(rows).scalar_subquery()
    met, body = connection.execute(select(counted, tiled)).one()
    return None if met > most else bytes(body)


def largest_in_tile(
    connection: Connection,
    tables: LayerTables,
    relation: FromClause,
    found: Sequence[ColumnElement[bool]],
    tile: Tile,
) -> tuple[bytes, list[int]]:
    """One layer of the largest rows, and the rows' own cells."""
    shape = relation.c.geometry
    width = func.ST_XMax(shape) - func.ST_XMin(shape)
    height = func.ST_YMax(shape) - func.ST_YMin(shape)
    least = tile.degrees(LEAST_UNITS)
    columns = _columns(tables, relation, tile)
    large = (
        select(*columns, relation.c.h3.label("own_cell"))
        .select_from(relation)
        .where(*found, _near(relation, tile), or_(width >= least, height >= least))
        .order_by(func.greatest(width, height).desc(), relation.c.gid)
        .limit(LARGEST)
        .cte("large")
    )
    rows = select(*[large.c[column.name] for column in columns]).subquery("drawn")
    tiled = select(_as_mvt(tables)).select_from(rows).scalar_subquery()
    cells = select(func.array_agg(large.c.own_cell)).scalar_subquery()
    body, own = connection.execute(select(tiled, cells)).one()
    return bytes(body), [cell for cell in own or [] if cell is not None]


def _near(relation: FromClause, tile: Tile) -> ColumnElement[bool]:
    envelope = func.ST_MakeEnvelope(*tile.envelope, literal_column("4326"))
    condition: ColumnElement[bool] = relation.c.geometry.op("&&", is_comparison=True)(
        type_coerce(envelope, Text)
    )
    return condition


def _as_mvt(tables: LayerTables) -> ColumnElement[bytes]:
    return func.ST_AsMVT(
        literal_column("drawn"),
        tables.spec.id,
        literal_column(str(EXTENT)),
        literal_column(f"'{_GEOMETRY}'"),
        literal_column(f"'{_ID}'"),
        type_=LargeBinary,
    )


def _columns(tables: LayerTables, relation: FromClause, tile: Tile) -> list[ColumnElement[Any]]:
    srid: ColumnElement[Any] = literal_column(str(tile.matrix_set.srid))
    placed: ColumnElement[Any] = relation.c.geometry
    if tile.matrix_set.srid != 4326:
        placed = func.ST_Transform(placed, srid)
    shape = func.ST_AsMVTGeom(
        placed,
        func.ST_MakeEnvelope(*tile.bounds, srid),
        literal_column(str(EXTENT)),
        literal_column(str(BUFFER)),
        literal_column("true"),
    )
    fid = relation.c.fid
    mask: ColumnElement[Any] = literal_column(str((1 << _NUMBER_BITS) - 1))
    number = func.hashtextextended(fid, literal_column("0")).op("&")(mask)
    values = [
        _plain(relation.c[name], kind).label(name) for name, kind in tile_attributes(tables, tile)
    ]
    return [
        number.label(_ID),
        fid.label(FID),
        *values,
        type_coerce(shape, Text).label(_GEOMETRY),
    ]


def _plain(column: ColumnElement[Any], kind: str) -> ColumnElement[Any]:
    """Give a value as tiles carry it, in the same words as the other back end."""
    if kind == "datetime":
        return func.to_char(column, literal_column(f"'{_INSTANT}'"))
    return cast(column, Text) if kind == "date" else column
