"""Writing into PostGIS: new rows by COPY, changed ones by a pipelined UPDATE."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
import shapely
from sqlalchemy import Text, cast, select

from layers.spec import PropertySpec
from layers.store.batch import Geometries
from layers.store.gpb import SRID
from layers.store.tables import LayerTables
from layers.store.write import Put, SqlTransaction, Standing


class PostgisTransaction(SqlTransaction):
    """See `layers.store.write.SqlTransaction`."""

    def raw_column(self, p: PropertySpec, values: Any) -> list[Any]:
        """See `SqlTransaction.raw_column`."""
        if p.type == "datetime":
            # astype(object) gives naive datetimes; NaT becomes None.
            moments = values.astype("datetime64[ms]").astype(object).tolist()
            return [None if v is None else v.replace(tzinfo=UTC) for v in moments]
        return list(values)

    def raw_geometries(self, geometries: Geometries) -> list[Any]:
        """See `SqlTransaction.raw_geometries`: EWKB in hexadecimal, which is what COPY reads."""
        marked = shapely.set_srid(geometries, SRID)
        return list(shapely.to_wkb(marked, hex=True, byte_order=1, include_srid=True))

    def raw_instants(self, moments: Sequence[datetime]) -> list[Any]:
        """See `SqlTransaction.raw_instants`."""
        return list(moments)

    def same(self, p: PropertySpec, a: Any, b: Any) -> bool:
        """See `SqlTransaction.same`; JSONB writes numbers and spaces its own way."""
        if p.type != "json" or a is None or b is None or a == b:
            return bool(a == b)
        return _alike(json.loads(a), json.loads(b))

    def standing(self, tables: LayerTables, fids: list[str]) -> dict[str, Standing]:
        """See `SqlTransaction.standing`."""
        current, spec = tables.current, tables.spec
        values = [
            cast(current.c[p.name], Text) if p.type == "json" else current.c[p.name]
            for p in spec.properties
        ]
        shape = [cast(current.c.geometry, Text)] if spec.has_geometry else [cast(None, Text)]
        statement = select(
            current.c.fid, current.c.gid, current.c.valid_from, *values, current.c.jurisdiction
        ).add_columns(*shape)
        found = self.connection.execute(
            statement.where(self.store.grammar.one_of(current.c.fid, fids))
        )
        return {row[0]: Standing(row[1], row[2], tuple(row[3:])) for row in found}

    def _driver(self) -> psycopg.Connection[Any]:
        driver = self.connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        return driver

    def _copy(self, table: str, names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
        statement = psycopg.sql.SQL("COPY {} ({}) FROM STDIN").format(
            psycopg.sql.Identifier(table),
            psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, names)),
        )
        with self._driver().cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def insert_rows(self, put: Put) -> None:
        """See `SqlTransaction.insert_rows`."""
        self._copy(put.tables.spec.id, put.names, put.rows)

    def update_rows(self, put: Put) -> None:
        """See `SqlTransaction.update_rows`."""
        changes = psycopg.sql.SQL(", ").join(
            psycopg.sql.SQL("{} = %s").format(psycopg.sql.Identifier(n)) for n in put.names
        )
        statement = psycopg.sql.SQL("UPDATE {} SET {} WHERE gid = %s").format(
            psycopg.sql.Identifier(put.tables.spec.id), changes
        )
        with self._driver().cursor() as cursor:
            cursor.executemany(
                statement, [(*row, gid) for row, gid in zip(put.rows, put.gids, strict=True)]
            )

    def insert_cover(self, rows: list[tuple[str, int, str]]) -> None:
        """See `SqlTransaction.insert_cover`."""
        self._copy("cell_cover", ("layer", "h3", "fid"), rows)


def _alike(a: Any, b: Any) -> bool:
    """Nested values are equal; true is not 1, but 1.0 is."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_alike(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_alike, a, b))
    return bool(a == b)
