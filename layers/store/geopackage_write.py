"""Writing into a GeoPackage: few rows through the standard's triggers, many past them.

A Python call for each row and bound makes the R*Tree triggers slow. A large write drops them, fills
the tree itself and puts them back, all inside its transaction: whoever kills it leaves the state
before.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import orjson
import shapely
from sqlalchemy import Connection, select, text

from layers.spec import PropertySpec
from layers.store import gpb, gpkg_rtree, gpkg_schema
from layers.store.batch import Geometries
from layers.store.database import SqlDatabase
from layers.store.gpkg_rtree import Bounds, Ids
from layers.store.tables import LayerTables, instant_text, parse_instant
from layers.store.write import Put, SqlTransaction, Standing

MANY = 500
Box = tuple[float, float, float, float]


class GeoPackageTransaction(SqlTransaction):
    """See `layers.store.write.SqlTransaction`."""

    def __init__(self, store: SqlDatabase, connection: Connection) -> None:
        super().__init__(store, connection)
        self._without_triggers: set[str] = set()
        self._pending: dict[str, list[tuple[Ids, Bounds]]] = {}
        self._grown: dict[str, Box] = {}
        self._lost: dict[str, list[Box]] = {}

    # -- values

    def raw_column(self, p: PropertySpec, values: Any) -> list[Any]:
        """See `SqlTransaction.raw_column`."""
        if p.type == "datetime":
            texts = np.datetime_as_string(values, unit="ms").tolist()
            return [None if t == "NaT" else f"{t}Z" for t in texts]
        if p.type == "date":
            return [None if v is None else v.isoformat() for v in values]
        return list(values)

    def raw_geometries(self, geometries: Geometries) -> list[Any]:
        """See `SqlTransaction.raw_geometries`."""
        return gpb.encode(geometries)

    def raw_instants(self, moments: Sequence[datetime]) -> list[Any]:
        """See `SqlTransaction.raw_instants`."""
        known = {moment: instant_text(moment) for moment in set(moments)}
        return [known[moment] for moment in moments]

    # -- rows

    def _many(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        driver = self.connection.connection.driver_connection
        assert driver is not None
        driver.executemany(statement, rows)

    def standing(self, tables: LayerTables, fids: list[str]) -> dict[str, Standing]:
        """See `SqlTransaction.standing`."""
        current, spec = tables.current, tables.spec
        if self.connection.scalar(select(current.c.gid).limit(1)) is None:
            return {}
        names = [p.name for p in spec.properties]
        shape = ', "geometry"' if spec.has_geometry else ", NULL"
        listed = ", ".join(f'"{n}"' for n in names)
        rows = self.connection.exec_driver_sql(
            f'SELECT fid, gid, valid_from, {listed}, jurisdiction{shape} FROM "{spec.id}"'  # noqa: S608
            " WHERE fid IN (SELECT value FROM json_each(?))",
            (_json(fids),),
        )
        return {row[0]: Standing(row[1], parse_instant(row[2]), tuple(row[3:])) for row in rows}

    def insert_rows(self, put: Put) -> None:
        """See `SqlTransaction.insert_rows`."""
        layer = put.tables.spec.id
        first = self._next_gid(layer)
        gids = list(range(first, first + len(put.rows)))
        self._prepare(layer, put)
        listed = ", ".join(f'"{n}"' for n in ["gid", *put.names])
        marks = ", ".join("?" * (len(put.names) + 1))
        self._many(
            f'INSERT INTO "{layer}" ({listed}) VALUES ({marks})',  # noqa: S608
            [(gid, *row) for gid, row in zip(gids, put.rows, strict=True)],
        )
        self._index(layer, gids, put.geometries, fresh=True)

    def _next_gid(self, layer: str) -> int:
        kept = self.connection.execute(
            text("SELECT seq FROM sqlite_sequence WHERE name = :t"), {"t": layer}
        ).scalar()
        last = self.connection.exec_driver_sql(f'SELECT max(gid) FROM "{layer}"').scalar()  # noqa: S608
        return max(kept or 0, last or 0) + 1

    def update_rows(self, put: Put) -> None:
        """See `SqlTransaction.update_rows`."""
        layer = put.tables.spec.id
        self._note_lost(put.tables, put.fids)
        self._prepare(layer, put)
        changes = ", ".join(f'"{n}" = ?' for n in put.names)
        self._many(
            f'UPDATE "{layer}" SET {changes} WHERE gid = ?',  # noqa: S608
            [(*row, gid) for row, gid in zip(put.rows, put.gids, strict=True)],
        )
        self._index(layer, put.gids, put.geometries, fresh=False)

    def insert_cover(self, rows: list[tuple[str, int, str]]) -> None:
        """See `SqlTransaction.insert_cover`."""
        self._many("INSERT INTO cell_cover (layer, h3, fid) VALUES (?, ?, ?)", sorted(rows))

    def removed(self, tables: LayerTables, fids: list[str]) -> None:
        """See `SqlTransaction.removed`."""
        self._note_lost(tables, fids)
        layer = tables.spec.id
        if layer in self._without_triggers:
            gids = self.connection.exec_driver_sql(
                f'SELECT gid FROM "{layer}" WHERE fid IN (SELECT value FROM json_each(?))',  # noqa: S608
                (_json(fids),),
            ).scalars()
            self._forget(layer, list(gids))

    # -- index and extent

    def _prepare(self, layer: str, put: Put) -> None:
        if put.geometries is None or layer in self._without_triggers or len(put.rows) < MANY:
            return
        gpkg_schema.drop_triggers(self.connection, layer)
        self._without_triggers.add(layer)

    def _index(
        self, layer: str, gids: list[int], geometries: Geometries | None, fresh: bool
    ) -> None:
        if geometries is None:
            return
        bounds = shapely.bounds(geometries)
        there = np.isfinite(bounds[:, 0])
        if there.any():
            low, high = bounds[there, :2].min(axis=0), bounds[there, 2:].max(axis=0)
            self._grow(layer, (float(low[0]), float(low[1]), float(high[0]), float(high[1])))
        if layer not in self._without_triggers:
            return
        if not fresh:
            self._forget(layer, gids)
        ids = np.array(gids, np.int64)
        self._pending.setdefault(layer, []).append((ids[there], bounds[there]))

    def _forget(self, layer: str, gids: list[int]) -> None:
        """Take rows out of the tree, and out of what waits to be put there."""
        gone = np.array(gids, np.int64)
        self._many(
            f'DELETE FROM "rtree_{layer}_geometry" WHERE id = ?',  # noqa: S608
            [(gid,) for gid in gids],
        )
        waiting = self._pending.get(layer, [])
        for i, (ids, bounds) in enumerate(waiting):
            kept = ~np.isin(ids, gone)
            waiting[i] = (ids[kept], bounds[kept])

    def _fill_tree(self, layer: str) -> None:
        waiting = self._pending.get(layer, [])
        if not sum(len(ids) for ids, _ in waiting):
            return
        ids = np.concatenate([ids for ids, _ in waiting])
        bounds = np.concatenate([bounds for _, bounds in waiting])
        prefix = f"rtree_{layer}_geometry"
        empty = self.connection.exec_driver_sql(f'SELECT id FROM "{prefix}" LIMIT 1').first()  # noqa: S608
        if empty is not None:
            minx, miny, maxx, maxy = bounds.T.tolist()
            self._many(
                f'INSERT INTO "{prefix}" VALUES (?, ?, ?, ?, ?)',  # noqa: S608
                list(zip(ids.tolist(), minx, maxx, miny, maxy, strict=True)),
            )
            return
        size = self.connection.exec_driver_sql(
            f'SELECT length(data) FROM "{prefix}_node" WHERE nodeno = 1'  # noqa: S608
        ).scalar_one()
        tree = gpkg_rtree.pack(ids, bounds, size)
        for table, rows in (
            ("node", tree.nodes),
            ("rowid", tree.leaves),
            ("parent", tree.parents),
        ):
            self._many(f'INSERT OR REPLACE INTO "{prefix}_{table}" VALUES (?, ?)', rows)  # noqa: S608

    def _grow(self, layer: str, box: Box) -> None:
        known = self._grown.get(layer)
        self._grown[layer] = box if known is None else _around(known, box)

    def _note_lost(self, tables: LayerTables, fids: list[str]) -> None:
        """Remember where rows stood, in case they made the layer's border."""
        if not tables.spec.has_geometry:
            return
        blobs = self.connection.exec_driver_sql(
            f'SELECT geometry FROM "{tables.spec.id}" WHERE geometry IS NOT NULL'  # noqa: S608
            " AND fid IN (SELECT value FROM json_each(?))",
            (_json(fids),),
        ).scalars()
        boxes = [box for box in map(gpb.bounds_of, blobs) if box is not None]
        if boxes:
            array = np.array(boxes)
            low, high = array[:, :2].min(axis=0), array[:, 2:].max(axis=0)
            lost = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
            self._lost.setdefault(tables.spec.id, []).append(lost)

    def finish(self) -> None:
        """See `SqlTransaction.finish`; puts triggers back and keeps the contents' extent true."""
        for layer in sorted(self._without_triggers):
            self._fill_tree(layer)
            gpkg_schema.create_triggers(self.connection, layer)
        for layer in sorted(self.touched):
            self._refresh_contents(layer)
        super().finish()

    def _refresh_contents(self, layer: str) -> None:
        box = self._new_extent(layer) if self.store.tables(layer).spec.has_geometry else None
        minx, miny, maxx, maxy = box or (None, None, None, None)
        self.connection.execute(
            text(
                "UPDATE gpkg_contents SET last_change = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),"
                " min_x = :minx, min_y = :miny, max_x = :maxx, max_y = :maxy"
                " WHERE table_name = :layer"
            ),
            {"minx": minx, "miny": miny, "maxx": maxx, "maxy": maxy, "layer": layer},
        )

    def _new_extent(self, layer: str) -> Box | None:
        stored = self.connection.execute(
            text("SELECT min_x, min_y, max_x, max_y FROM gpkg_contents WHERE table_name = :t"),
            {"t": layer},
        ).one()
        old = None if stored[0] is None else (stored[0], stored[1], stored[2], stored[3])
        for lost in self._lost.get(layer, []):
            if old is None:
                break
            inside = old[0] < lost[0] and old[1] < lost[1] and old[2] > lost[2] and old[3] > lost[3]
            if not inside:
                return self._measured_extent(layer)
        grown = self._grown.get(layer)
        if old is None or grown is None:
            return old or grown
        return _around(old, grown)

    def _measured_extent(self, layer: str) -> Box | None:
        """Measure exactly: the tree's bounds are rounded outwards, the rows at them decide."""
        tree = f'"rtree_{layer}_geometry"'
        sides = [
            ("min", "ST_MinX", "minx", "<="),
            ("min", "ST_MinY", "miny", "<="),
            ("max", "ST_MaxX", "maxx", ">="),
            ("max", "ST_MaxY", "maxy", ">="),
        ]
        bounds: list[Any] = [
            self.connection.exec_driver_sql(
                f'SELECT {pick}({function}(geometry)) FROM "{layer}" WHERE gid IN'  # noqa: S608
                f" (SELECT id FROM {tree} WHERE {side} {sign} (SELECT {pick}({side}) FROM {tree}))"
            ).scalar()
            for pick, function, side, sign in sides
        ]
        if bounds[0] is None:
            return None
        return bounds[0], bounds[1], bounds[2], bounds[3]


def _around(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _json(values: list[str]) -> str:
    return orjson.dumps(values).decode()
