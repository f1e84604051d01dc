"""The embedded store: one GeoPackage file that QGIS and GDAL open directly.

Only the standard library's sqlite3 is used, in WAL mode: one writer at a time, any number of
readers, each of which sees the last commit. SpatiaLite is not loaded: `layers.store.functions` has
what is needed.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    FromClause,
    create_engine,
    event,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool
from sqlalchemy.types import TypeEngine

from layers.city import City
from layers.errors import StoreError
from layers.query import EVERYTHING, Box, Query
from layers.spec import LayerSpec
from layers.store import functions, gpb, gpkg_schema, gpkg_tiles
from layers.store.base import FeaturePage
from layers.store.feature_text import FeatureText, GeoPackageText
from layers.store.geopackage_write import GeoPackageTransaction
from layers.store.gpkg_features import GeoPackageFeatures, fits, set_limit
from layers.store.grammar import GeoPackageGrammar
from layers.store.meeting import GeoPackageMeeting, Meeting
from layers.store.tables import LayerTables
from layers.store.tiles import TiledStore
from layers.tiles.content import most_rows
from layers.tiles.matrix import Tile

BUSY_S = 60
_READERS = 16
# Tiles are drawn by this process itself: more threads would only take turns for its interpreter.
_DRAWN_AT_ONCE = 2
# What is drawn within about 4 ms.
_FEW, _FEW_BYTES = 150, 64_000
_WRITES = "onemap_write"
_BLOBS_AT_ONCE = 100_000
_PAGES_KB = 16384


@dataclass
class _Writer:
    """Thread that writes now."""

    thread: int | None = None


def _as_bound(kind: TypeEngine[Any], value: Any, engine: Engine) -> Any:
    """Return a value as its SQL type gives it to the driver, such as a time as text."""
    turn = kind.dialect_impl(engine.dialect).bind_processor(engine.dialect)
    return value if turn is None else turn(value)


class GeoPackageStore(TiledStore):
    """Layers of a city in one GeoPackage.

    Parameters
    ----------
    path : file; made, with its folder, where it doesn't exist.
    city : declares layers and jurisdictions.

    Raises
    ------
    StoreError
        for a file that is something else, or was made by a newer version.
    """

    prompt = True
    driver_errors = (sqlite3.Error,)

    def __init__(self, path: Path, city: City) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            URL.create("sqlite+pysqlite", database=str(path)),
            poolclass=QueuePool,
            pool_size=_READERS,
            max_overflow=-1,
            connect_args={"timeout": BUSY_S, "check_same_thread": False},
        )
        event.listen(engine, "connect", _set_up)
        event.listen(engine, "begin", _begin)
        super().__init__(str(path), engine, GeoPackageGrammar(), city)
        self._alone, self._writer = threading.Lock(), _Writer()
        self.drawing = threading.BoundedSemaphore(_DRAWN_AT_ONCE)
        self._features = GeoPackageFeatures(self._connect, self._ordered_gids)
        self._open()

    def _open(self) -> None:
        try:
            with self.engine.connect() as connection:
                own = connection.exec_driver_sql("PRAGMA application_id").scalar()
                tables = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar()
                if tables and own != gpkg_schema.APPLICATION_ID:
                    raise StoreError(f"{self.path} is a database, but not a GeoPackage")
                if (
                    tables
                    and not connection.exec_driver_sql(
                        "SELECT 1 FROM sqlite_master WHERE name = 'onemap_revision'"
                    ).scalar()
                ):
                    raise StoreError(
                        f"{self.path} is a GeoPackage that onemap didn't make; take it in with"
                        " `onemap ingest layer`, or name another file"
                    )
            if not tables:
                self._make_file()
        except DBAPIError as failure:
            self.engine.dispose()
            raise StoreError(f"{self.path}: {failure.orig}") from failure
        self._start()

    def _make_file(self) -> None:
        """All of an empty store in one transaction, so that no half-made file is ever seen."""
        with self.writing() as connection:
            connection.exec_driver_sql(f"PRAGMA application_id = {gpkg_schema.APPLICATION_ID}")
            connection.exec_driver_sql(f"PRAGMA user_version = {gpkg_schema.USER_VERSION}")
            self.make_shared(connection)
            gpkg_schema.create_core(connection)
        # Other programs know a GeoPackage by the header of the file itself, not of its log.
        with self.engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """See `SqlStore.writing`."""
        me = threading.get_ident()
        if self._writer.thread == me:
            raise StoreError("a transaction is already open in this thread; use that one")
        with self._alone:
            self._writer.thread = me
            try:
                with self.engine.connect() as plain:
                    connection = plain.execution_options(**{_WRITES: True})
                    with connection.begin():
                        yield connection
            except DBAPIError as failure:
                raise StoreError(f"{self.path}: {failure.orig}") from failure
            finally:
                self._writer.thread = None

    @contextmanager
    def transaction(self) -> Iterator[GeoPackageTransaction]:
        """See `Store.transaction`."""
        with self.writing() as connection:
            transaction = GeoPackageTransaction(self, connection)
            yield transaction
            transaction.finish()

    def _created(self, connection: Connection, tables: LayerTables) -> None:
        gpkg_schema.register_layer(connection, tables.spec)

    def _make_meeting(self) -> Meeting:
        return GeoPackageMeeting(self)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_S, check_same_thread=False)
        _set_up(connection, None)
        # Texts are remembered; pages of the file need not be, by each connection for itself.
        connection.execute(f"PRAGMA cache_size = -{_PAGES_KB}")
        return connection

    def _ordered_gids(self, tables: LayerTables, query: Query) -> tuple[str, list[Any]]:
        statement = self._ordered(tables, query, lambda relation: [relation.c.gid])
        made = statement.limit(query.limit).compile(self.engine)
        params = made.construct_params()
        types = {name: bind.type for bind, name in made.bind_names.items()}
        names = made.positiontup or ()
        return str(made), [_as_bound(types[name], params[name], self.engine) for name in names]

    def features(self, query: Query, patience_s: float | None = None) -> FeaturePage:
        """See `Store.features`."""
        if not fits(query):
            return super().features(query, patience_s)
        tables = self.tables(query.layer)
        text = self.writer(tables.spec, query)
        seconds = self.longest_s if patience_s is None else patience_s
        with self.refusing():
            return self._features.page(tables, query, text, seconds, patience_s is not None)

    def revision(self, layer: str) -> int:
        """See `Store.revision`."""
        with self.refusing():
            return self._features.watch.revision(layer)

    def renew(self, connection: Connection) -> None:
        """See `SqlDatabase.renew`."""
        if self.longest_s is not None and not connection.get_execution_options().get(_WRITES):
            set_limit(_driver(connection), self.longest_s)

    def release(self, connection: Connection) -> None:
        """See `SqlDatabase.release`."""
        if self.longest_s is not None and not connection.closed:
            set_limit(_driver(connection), None)

    def close(self) -> None:
        """See `Store.close`."""
        self._features.close()
        super().close()

    def feature_geometry(self, relation: FromClause, spec: LayerSpec) -> ColumnElement[Any]:
        """See `SqlStore.feature_geometry`."""
        return relation.c.geometry

    def feature_text(self, spec: LayerSpec, names: Sequence[str], geometry: bool) -> FeatureText:
        """See `SqlStore.feature_text`."""
        return GeoPackageText(spec, names, geometry)

    def page_geometry(self, relation: FromClause) -> ColumnElement[Any]:
        """See `SqlStore.page_geometry`."""
        return relation.c.geometry

    def page_geometries(self, values: Sequence[Any]) -> list[str | None]:
        """See `SqlStore.page_geometries`."""
        return gpb.geojson(values)

    def frame_geometry(self, relation: FromClause) -> ColumnElement[Any]:
        """See `SqlStore.frame_geometry`."""
        return relation.c.geometry

    def frame_geometries(self, values: Sequence[Any]) -> Any:
        """See `SqlStore.frame_geometries`."""
        return gpb.decode(values)

    def bodies(self, values: Sequence[Any]) -> list[bytes | None]:
        """See `SqlStore.bodies`."""
        return [None if value is None else gpb.wkb_of(value) for value in values]

    def _extent(self, connection: Connection, query: Query, spec: LayerSpec) -> Box | None:
        if _asks_for_all(query):
            box = connection.execute(
                text("SELECT min_x, min_y, max_x, max_y FROM gpkg_contents WHERE table_name = :t"),
                {"t": spec.id},
            ).one()
            return None if box[0] is None else (box[0], box[1], box[2], box[3])
        relation, found = self._relation(self.tables(spec.id), query)
        statement = select(relation.c.geometry).where(*found, relation.c.geometry.is_not(None))
        boxes = [
            shapely.total_bounds(gpb.decode([row[0] for row in rows]))
            for rows in connection.execute(statement).partitions(_BLOBS_AT_ONCE)
        ]
        if not boxes:
            return None
        stacked = np.array(boxes)
        low, high = np.nanmin(stacked[:, :2], axis=0), np.nanmax(stacked[:, 2:], axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    def _rows_in_tile(
        self, connection: Connection, tables: LayerTables, query: Query, tile: Tile, most: int
    ) -> bytes | None:
        if query.as_of is None:
            return gpkg_tiles.rows_in_tile(connection, tables, query, tile, most)
        relation, found = self._relation(tables, query.but(bbox=tile.envelope))
        return gpkg_tiles.rows_by_scan(connection, tables, relation, found, tile, most)

    def light_tile(self, query: Query, tile: Tile) -> bytes | None:
        """See `Store.light_tile`."""
        tables = self.tables(query.layer)
        if query != Query(query.layer) or not tables.spec.has_geometry:
            return None
        most = min(_FEW, most_rows(tile.scale_level))
        with self.reading() as connection:
            return gpkg_tiles.rows_in_tile(connection, tables, query, tile, most, _FEW_BYTES)

    def _largest_in_tile(
        self, connection: Connection, tables: LayerTables, query: Query, tile: Tile
    ) -> tuple[bytes, list[int]]:
        return gpkg_tiles.largest_in_tile(connection, tables, query, tile)


def _asks_for_all(query: Query) -> bool:
    return query == Query(
        query.layer,
        sort=query.sort,
        after=query.after,
        offset=query.offset,
        limit=query.limit,
        properties=query.properties,
        skip_geometry=query.skip_geometry,
    ) and (query.scope == EVERYTHING)


def _set_up(connection: sqlite3.Connection, _: Any) -> None:
    # SQLAlchemy's own begin event opens transactions, so that a reader's snapshot is one statement
    # or more, and a writer takes its lock at once instead of failing half-way.
    connection.isolation_level = None
    functions.register(connection)
    # What is sorted may outgrow memory, so that temp_store stays a file's, which small sorts never
    # make.
    for pragma in (
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "case_sensitive_like = ON",
        "cache_size = -65536",
        "recursive_triggers = OFF",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
