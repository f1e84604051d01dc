"""Rows of vector tiles out of PostGIS, drawn by the database itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    FromClause,
    Integer,
    LargeBinary,
    Select,
    Text,
    bindparam,
    cast,
    func,
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
_ENVELOPE = ("west", "south", "east", "north")
_BOUNDS = ("minx", "miny", "maxx", "maxy")


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
    wanted, srid = tile_attributes(tables, tile), tile.matrix_set.srid
    statement = rows_statement(relation, found, wanted, srid, tables.spec.id)
    met, body = connection.execute(statement, values_of(tile, most)).one()
    return None if met > most else bytes(body)


def values_of(tile: Tile, most: int) -> dict[str, float]:
    """Return what the statements for rows of a tile are given."""
    return {
        **dict(zip(_ENVELOPE, tile.envelope, strict=True)),
        **dict(zip(_BOUNDS, tile.bounds, strict=True)),
        "most": most,
        "more": most + 1,
    }


def rows_statement(
    relation: FromClause,
    found: Sequence[ColumnElement[bool]],
    wanted: Sequence[tuple[str, str]],
    srid: int,
    name: str,
) -> Select[Any]:
    """Return the statement that counts the rows of a tile and draws them (see `values_of`).

    Parameters
    ----------
    found : conditions on rows of ``relation``, beside the tile's envelope.
    wanted : name and type of the columns that the tile carries.
    srid : of the tile's matrix set.
    name : of the tile's layer.
    """
    near = _near(relation)
    candidates: Select[Any] = select(literal_column("1")).select_from(relation).where(*found, near)
    some = candidates.limit(bindparam("more", type_=Integer)).subquery()
    number = select(func.count().label("number")).select_from(some).cte("met")
    counted = select(number.c.number).scalar_subquery()
    rows = (
        select(*_columns(relation, wanted, srid))
        .select_from(relation)
        .where(*found, near, counted <= bindparam("most", type_=Integer))
        .subquery("drawn")
    )
    tiled = select(_as_mvt(name)).select_from(rows).scalar_subquery()
    return select(counted, tiled)


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
    columns = _columns(relation, tile_attributes(tables, tile), tile.matrix_set.srid)
    large = (
        select(*columns, relation.c.h3.label("own_cell"))
        .select_from(relation)
        .where(*found, _near(relation), or_(width >= least, height >= least))
        .order_by(func.greatest(width, height).desc(), relation.c.gid)
        .limit(LARGEST)
        .cte("large")
    )
    rows = select(*[large.c[column.name] for column in columns]).subquery("drawn")
    tiled = select(_as_mvt(tables.spec.id)).select_from(rows).scalar_subquery()
    cells = select(func.array_agg(large.c.own_cell)).scalar_subquery()
    given = {
        **dict(zip(_ENVELOPE, tile.envelope, strict=True)),
        **dict(zip(_BOUNDS, tile.bounds, strict=True)),
    }
    body, own = connection.execute(select(tiled, cells), given).one()
    return bytes(body), [cell for cell in own or [] if cell is not None]


def _near(relation: FromClause) -> ColumnElement[bool]:
    corners = [bindparam(name, type_=Double) for name in _ENVELOPE]
    envelope = func.ST_MakeEnvelope(*corners, literal_column("4326"))
    condition: ColumnElement[bool] = relation.c.geometry.op("&&", is_comparison=True)(
        type_coerce(envelope, Text)
    )
    return condition


def _as_mvt(name: str) -> ColumnElement[bytes]:
    return func.ST_AsMVT(
        literal_column("drawn"),
        name,
        literal_column(str(EXTENT)),
        literal_column(f"'{_GEOMETRY}'"),
        literal_column(f"'{_ID}'"),
        type_=LargeBinary,
    )


def _columns(
    relation: FromClause, wanted: Sequence[tuple[str, str]], srid: int
) -> list[ColumnElement[Any]]:
    system: ColumnElement[Any] = literal_column(str(srid))
    placed: ColumnElement[Any] = relation.c.geometry
    if srid != 4326:
        placed = func.ST_Transform(placed, system)
    corners = [bindparam(name, type_=Double) for name in _BOUNDS]
    shape = func.ST_AsMVTGeom(
        placed,
        func.ST_MakeEnvelope(*corners, system),
        literal_column(str(EXTENT)),
        literal_column(str(BUFFER)),
        literal_column("true"),
    )
    fid = relation.c.fid
    mask: ColumnElement[Any] = literal_column(str((1 << _NUMBER_BITS) - 1))
    number = func.hashtextextended(fid, literal_column("0")).op("&")(mask)
    values = [_plain(relation.c[name], kind).label(name) for name, kind in wanted]
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
