"""What both stores keep: tables by declaration, versions, states, revisions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from copy import copy
from typing import Self

import geopandas as gpd
from sqlalchemy import Connection, Engine, MetaData, inspect, select
from sqlalchemy.exc import DataError, DBAPIError

from layers.city import City
from layers.errors import OnemapError, QueryError, StoreError, TooSlowError, UnknownLayerError
from layers.jurisdictions import ADMINISTRATIVE_LAYERS, Locator
from layers.query import Query
from layers.spec import LayerSpec
from layers.store import changes as log_of_changes
from layers.store import tallies as kept_tallies
from layers.store.base import Page, Store
from layers.store.changes import Change
from layers.store.grammar import Grammar
from layers.store.tables import SHARED, LayerTables, layer_tables, revision, state, state_part
from layers.store.tallies import Tallied

VERSION = b"1"
_VERSION_NAME = "onemap.store_version"
# How the back ends say that a statement is beyond their measure, which is no failure of theirs.
_TOO_LARGE = (
    "Expression tree is too large",
    "parser stack overflow",
    "too many SQL variables",
    "pattern too complex",
    "stack depth limit exceeded",
)
_STOPPED = ("interrupted", "statement timeout")


class SqlDatabase(Store):
    """The tables of a store in a SQL database.

    Parameters
    ----------
    url : as given to `layers.store.open_store`.
    engine : connected on demand.
    grammar : how the back end says things.
    city : declares layers and jurisdictions.
    """

    driver_errors: tuple[type[BaseException], ...] = ()

    def __init__(self, url: str, engine: Engine, grammar: Grammar, city: City) -> None:
        self.url, self.city = url, city
        self.engine, self.grammar = engine, grammar
        # Readers may be given connections of their own; see `bounded`.
        self.readers = engine
        self.longest_s: float | None = None
        self.locator = Locator(city, self)
        self._declared: dict[str, LayerTables] = {}
        self._present: set[str] = set()

    @abstractmethod
    def writing(self) -> AbstractContextManager[Connection]:
        """Begin writing, alone; leaving the block commits."""

    @abstractmethod
    def page_on(self, connection: Connection, query: Query) -> Page:
        """Read one page on an open connection."""

    @abstractmethod
    def frames_on(
        self, connection: Connection, query: Query, size: int = 50_000
    ) -> Iterator[gpd.GeoDataFrame]:
        """Read frames on an open connection."""

    @abstractmethod
    def _created(self, connection: Connection, tables: LayerTables) -> None:
        """Do what else a new layer needs."""

    def tables(self, layer: str) -> LayerTables:
        """Tables of a layer that exists in the store.

        Raises
        ------
        UnknownLayerError
            where no such layer is declared.
        StoreError
            where it is declared, but was never created here.
        """
        tables = self._declared.get(layer)
        if tables is None:
            tables = layer_tables(self.city.layer(layer), self.grammar.backend)
            self._declared[layer] = tables
        if layer not in self._present:
            self._present |= set(self.layers())
            if layer not in self._present:
                raise StoreError(f"layer '{layer}' has no table in {self.shown_url} yet; create it")
        return tables

    @property
    def shown_url(self) -> str:
        """The URL without password, for messages."""
        return self.engine.url.render_as_string(hide_password=True)

    def _start(self) -> None:
        """Make the shared tables of a new store and check the version of an old one."""
        with self.writing() as connection:
            self.make_shared(connection)
            found = connection.scalar(select(state.c.content).where(state.c.name == _VERSION_NAME))
            if found is None:
                connection.execute(state.insert().values(name=_VERSION_NAME, content=VERSION))
            elif int(bytes(found)) > int(VERSION):
                raise StoreError(
                    f"{self.shown_url} was made by a newer version (store version "
                    f"{bytes(found).decode()}, this is {VERSION.decode()}): upgrade onemap"
                )

    def make_shared(self, connection: Connection) -> None:
        """Make the tables that all layers share, where they don't exist."""
        self._make(connection, SHARED)

    @staticmethod
    def _own_tables(connection: Connection) -> set[str]:
        inspector = inspect(connection)
        return set(inspector.get_table_names(schema=inspector.default_schema_name))

    def _make(self, connection: Connection, metadata: MetaData) -> None:
        """Make what the store lacks; what other schemas of the search path hold is not its own."""
        self._make_lacking(connection, metadata, self._own_tables(connection))

    @staticmethod
    def _make_lacking(connection: Connection, metadata: MetaData, own: set[str]) -> None:
        lacking = [table for name, table in metadata.tables.items() if name not in own]
        metadata.create_all(connection, tables=lacking, checkfirst=False)

    def create(self, *specs: LayerSpec) -> None:
        """See `Store.create`."""
        declared = [layer_tables(spec, self.grammar.backend) for spec in specs]
        with self.writing() as connection:
            own = self._own_tables(connection)
            for tables in declared:
                if tables.spec.id in own:
                    self._check_columns(connection, tables)
                else:
                    self._make_lacking(connection, tables.current.metadata, own)
                    new = revision.insert().values(layer=tables.spec.id, revision=0)
                    connection.execute(new)
                    self._created(connection, tables)
        self._declared |= {tables.spec.id: tables for tables in declared}
        self._present |= {tables.spec.id for tables in declared}

    def _check_columns(self, connection: Connection, tables: LayerTables) -> None:
        wanted = {c.name for c in tables.current.columns}
        found = {c["name"] for c in inspect(connection).get_columns(tables.spec.id)}
        if found == wanted:
            return
        missing = ", ".join(sorted(wanted - found)) or "nothing"
        extra = ", ".join(sorted(found - wanted)) or "nothing"
        raise StoreError(
            f"table '{tables.spec.id}' in {self.shown_url} has other columns than its declaration:"
            f" missing {missing}; not declared {extra}"
        )

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one committed state; database errors become StoreError."""
        with self.refusing(), self.readers.connect() as connection:
            self.renew(connection)
            try:
                yield connection
            finally:
                self.release(connection)

    def renew(self, connection: Connection) -> None:
        """Give the next statement, or the next part of a stream, its whole time; see `bounded`."""

    def release(self, connection: Connection) -> None:
        """Take the limit of time off a connection that goes back to the pool."""

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Turn errors of the database into refusals of the question, or failures of the store."""
        try:
            yield
        except DataError as failure:
            # Arithmetic of the question that has no result, such as an overflow.
            raise QueryError(f"the question can't be computed: {failure.orig}") from failure
        except DBAPIError as failure:
            raise self.refusal(failure.orig) from failure
        except self.driver_errors as failure:
            raise self.refusal(failure) from failure

    def refusal(self, failure: BaseException | None) -> OnemapError:
        """Say what an error of the driver means."""
        said = str(failure)
        if any(words in said for words in _STOPPED):
            longest = "" if self.longest_s is None else f" after {self.longest_s:g} s"
            return TooSlowError(f"the question was stopped{longest}; ask for less at once")
        if any(words in said for words in _TOO_LARGE):
            return QueryError(f"the question is too large: {said}")
        return StoreError(f"{self.shown_url}: {said}")

    def layers(self) -> list[str]:
        """See `Store.layers`."""
        with self.reading() as connection:
            return list(connection.scalars(select(revision.c.layer).order_by(revision.c.layer)))

    def changes(self, after: int, limit: int = 1000) -> list[Change]:
        """See `Store.changes`."""
        with self.reading() as connection:
            return log_of_changes.since(connection, after, limit)

    def change_ends(self) -> tuple[int, int]:
        """See `Store.change_ends`."""
        with self.reading() as connection:
            return log_of_changes.ends(connection)

    def revisions(self) -> dict[str, int]:
        """See `Store.revisions`."""
        with self.reading() as connection:
            rows = connection.execute(select(revision.c.layer, revision.c.revision)).all()
        return {layer: int(number) for layer, number in rows}

    def state(self, name: str) -> bytes | None:
        """See `Store.state`."""
        with self.reading() as connection:
            found = connection.scalar(select(state.c.content).where(state.c.name == name))
        return None if found is None else bytes(found)

    def parts(self, name: str) -> dict[str, bytes]:
        """See `Store.parts`."""
        wanted = select(state_part.c.part, state_part.c.content).where(state_part.c.name == name)
        with self.reading() as connection:
            found = {row.part: bytes(row.content) for row in connection.execute(wanted)}
        return dict(sorted(found.items()))

    def tallies(
        self,
        subject: str,
        units: Sequence[str],
        dimension: str,
        periods: Mapping[str, Sequence[str]],
        value: str | None = None,
    ) -> list[Tallied]:
        """See `Store.tallies`."""
        with self.reading() as connection:
            return kept_tallies.read(connection, subject, units, dimension, periods, value)

    def revision(self, layer: str) -> int:
        """See `Store.revision`; 0 where the layer has no table yet."""
        with self.reading() as connection:
            found = connection.scalar(select(revision.c.revision).where(revision.c.layer == layer))
        return int(found or 0)

    def close(self) -> None:
        """See `Store.close`."""
        self.engine.dispose()

    def has_layer(self, layer: str) -> bool:
        """Whether a layer is declared and has a table."""
        try:
            self.tables(layer)
        except (StoreError, UnknownLayerError):
            return False
        return True

    def is_administrative(self, layer: str) -> bool:
        """Whether a layer holds the units that rows are located by."""
        return layer in ADMINISTRATIVE_LAYERS

    def bounded(self, seconds: float) -> Self:
        """See `Store.bounded`."""
        twin = copy(self)
        twin.longest_s = seconds
        return twin
