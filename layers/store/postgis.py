"""The district's store: PostGIS, through psycopg and GeoAlchemy2."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import psycopg
import shapely
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    FromClause,
    create_engine,
    func,
    literal_column,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import NullType

from layers.city import City
from layers.errors import StoreError
from layers.query import Box, Query
from layers.spec import LayerSpec
from layers.store import postgis_tiles
from layers.store.base import FeaturePage
from layers.store.feature_text import FeatureText, PostgisText
from layers.store.gpb import DECIMALS
from layers.store.grammar import PostgisGrammar
from layers.store.meeting import Meeting, PostgisMeeting
from layers.store.postgis_features import PostgisFeatures
from layers.store.postgis_functions import FUNCTIONS
from layers.store.postgis_line import RevisionLine
from layers.store.postgis_write import PostgisTransaction
from layers.store.tables import LayerTables
from layers.store.tiles import TiledStore
from layers.tiles.matrix import Tile

# Held by the one writer until its commit: "onemap" in ASCII.
_WRITE_LOCK = 0x6F6E656D6170
_SESSION = "-c timezone=UTC -c jit=off"
_CONNECTIONS = 16
# The usual event loop of Windows has no readers and writers of sockets.
_WATCHES_SOCKETS = os.name != "nt"


class PostgisStore(TiledStore):
    """Layers of a city in a PostGIS database.

    Parameters
    ----------
    url : ``postgresql://user@host/database``; the database exists and is encoded in UTF-8. With
        ``?options=-csearch_path%3Done,public`` several stores share a database.
    city : declares layers and jurisdictions.

    Raises
    ------
    StoreError
        where the server doesn't answer, lacks PostGIS, or holds a newer version's store.
    """

    driver_errors = (psycopg.Error,)

    def __init__(self, url: str, city: City) -> None:
        parsed = make_url(url).set(drivername="postgresql+psycopg")
        given = parsed.query.get("options", "")
        self._address = parsed
        self._options = f"{given if isinstance(given, str) else ' '.join(given)} {_SESSION}"
        super().__init__(url, self._engine(self._options), PostgisGrammar(), city)
        self._features = self._reader(self._options)
        self._line = RevisionLine(self._opener(self._options))
        self._writers: set[int] = set()
        # This store and its bounded ones, by their limits.
        self._twins: dict[float | None, PostgisStore] = {None: self}
        try:
            self._prepare()
        except DBAPIError as failure:
            raise StoreError(f"{self.shown_url}: {failure.orig}") from failure
        self._start()

    def _engine(self, options: str) -> Engine:
        return create_engine(
            self._address,
            pool_size=_CONNECTIONS,
            max_overflow=_CONNECTIONS,
            pool_pre_ping=True,
            connect_args={"options": options},
        )

    def _reader(self, options: str) -> PostgisFeatures:
        return PostgisFeatures(
            self._opener(options), self.engine.dialect, self.grammar, self.feature_columns
        )

    def _opener(self, options: str) -> Callable[[], psycopg.Connection[Any]]:
        _, named = self.engine.dialect.create_connect_args(self._address)
        settings: dict[str, Any] = {**named, "options": options, "autocommit": True}
        return lambda: psycopg.connect(**settings)

    def bounded(self, seconds: float) -> PostgisStore:
        """See `Store.bounded`; the server stops what takes too long, on connections of its own."""
        if seconds not in self._twins:
            twin = super().bounded(seconds)
            options = f"{self._options} -c statement_timeout={max(1, round(seconds * 1000))}"
            twin.readers, twin._features = self._engine(options), self._reader(options)
            twin._line = RevisionLine(self._opener(options))
            self._twins[seconds] = twin
        return self._twins[seconds]

    def close(self) -> None:
        """See `Store.close`."""
        for store in self._twins.values():
            store._features.close()
            store._line.close()
            store.readers.dispose()
        super().close()

    def features(self, query: Query, patience_s: float | None = None) -> FeaturePage:
        """See `Store.features`."""
        one_key = query.after is None or len(query.after) == 1
        if patience_s is not None or query.limit is None or not one_key or not query.plain:
            return super().features(query, patience_s)
        tables = self.tables(query.layer)
        with self.refusing():
            return self._features.page(tables, query, self.writer(tables.spec, query))

    def revision(self, layer: str) -> int:
        """See `Store.revision`."""
        with self.refusing():
            return self._features.revision(layer)

    async def read_revisions(self, layers: Sequence[str]) -> dict[str, int]:
        """See `Store.read_revisions`; by the event loop itself where it can watch a socket."""
        if not _WATCHES_SOCKETS:
            return await super().read_revisions(layers)
        with self.refusing():
            return await self._line.ask(layers)

    def _prepare(self) -> None:
        with self.engine.connect() as connection, connection.begin():
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITE_LOCK})
            encoding = connection.scalar(text("SHOW server_encoding"))
            if encoding != "UTF8":
                raise StoreError(f"{self.shown_url} is encoded in {encoding}, expected UTF8")
            if not connection.scalar(text("SELECT 1 FROM pg_extension WHERE extname = 'postgis'")):
                connection.execute(text("CREATE EXTENSION postgis"))
            for statement in FUNCTIONS:
                connection.exec_driver_sql(statement)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """See `SqlStore.writing`."""
        me = threading.get_ident()
        if me in self._writers:
            raise StoreError("a transaction is already open in this thread; use that one")
        self._writers.add(me)
        try:
            with self.engine.connect() as connection, connection.begin():
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITE_LOCK})
                yield connection
        except DBAPIError as failure:
            raise StoreError(f"{self.shown_url}: {failure.orig}") from failure
        finally:
            self._writers.discard(me)

    @contextmanager
    def transaction(self) -> Iterator[PostgisTransaction]:
        """See `Store.transaction`."""
        with self.writing() as connection:
            transaction = PostgisTransaction(self, connection)
            yield transaction
            transaction.finish()

    def _created(self, connection: Connection, tables: LayerTables) -> None:
        """Nothing more is needed: the indexes are made with the tables."""

    def _make_meeting(self) -> Meeting:
        return PostgisMeeting(self)

    def feature_geometry(self, relation: FromClause, spec: LayerSpec) -> ColumnElement[Any]:
        """See `SqlStore.feature_geometry`."""
        if spec.geometry == "Point":
            return func.ST_AsBinary(relation.c.geometry, type_=NullType())
        return self.page_geometry(relation)

    def feature_text(self, spec: LayerSpec, names: Sequence[str], geometry: bool) -> FeatureText:
        """See `SqlStore.feature_text`."""
        return PostgisText(spec, names, geometry)

    def page_geometry(self, relation: FromClause) -> ColumnElement[Any]:
        """See `SqlStore.page_geometry`."""
        decimals: ColumnElement[Any] = literal_column(str(DECIMALS))
        return func.ST_AsGeoJSON(relation.c.geometry, decimals, literal_column("0"))

    def page_geometries(self, values: Sequence[Any]) -> list[str | None]:
        """See `SqlStore.page_geometries`."""
        return list(values)

    def frame_geometry(self, relation: FromClause) -> ColumnElement[Any]:
        """See `SqlStore.frame_geometry`."""
        return func.ST_AsBinary(relation.c.geometry)

    def frame_geometries(self, values: Sequence[Any]) -> Any:
        """See `SqlStore.frame_geometries`."""
        bodies = np.empty(len(values), object)
        bodies[:] = [None if v is None else bytes(v) for v in values]
        return shapely.from_wkb(bodies)

    def bodies(self, values: Sequence[Any]) -> list[bytes | None]:
        """See `SqlStore.bodies`."""
        return [None if value is None else bytes(value) for value in values]

    def _extent(self, connection: Connection, query: Query, spec: LayerSpec) -> Box | None:
        relation, found = self._relation(self.tables(spec.id), query)
        shape = relation.c.geometry
        bounds = [
            func.min(func.ST_XMin(shape)),
            func.min(func.ST_YMin(shape)),
            func.max(func.ST_XMax(shape)),
            func.max(func.ST_YMax(shape)),
        ]
        statement = select(*bounds).select_from(relation).where(*found)
        minx, miny, maxx, maxy = connection.execute(statement).one()
        return None if minx is None else (minx, miny, maxx, maxy)

    def _rows_in_tile(
        self, connection: Connection, tables: LayerTables, query: Query, tile: Tile, most: int
    ) -> bytes | None:
        relation, found = self._relation(tables, query)
        return postgis_tiles.rows_in_tile(connection, tables, relation, found, tile, most)

    def tile(self, query: Query, tile: Tile, most: int | None = None) -> bytes:
        """See `Store.tile`; all rows of a tile are one question, on a connection kept for it."""
        if query != Query(query.layer):
            return super().tile(query, tile, most)
        tables, limit = self._drawable(query, tile, most)
        with self.refusing():
            rows = self._features.rows_in_tile(tables, tile, limit)
        if rows is not None:
            return rows
        with self.reading() as connection:
            return self._counts(connection, tables, query, tile)

    def _largest_in_tile(
        self, connection: Connection, tables: LayerTables, query: Query, tile: Tile
    ) -> tuple[bytes, list[int]]:
        relation, found = self._relation(tables, query)
        return postgis_tiles.largest_in_tile(connection, tables, relation, found, tile)
