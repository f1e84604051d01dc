"""Writing with history, the same on every back end: compare, move what changed, put what is new."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from sqlalchemy import Connection, Text, case, cast, func, insert, literal, select, text

from layers import h3cover, h3grid
from layers.errors import StoreError
from layers.jurisdictions import representative_points
from layers.query import Query
from layers.spec import LayerSpec, PropertySpec
from layers.store import changes, tallies
from layers.store.base import Page, Transaction, WriteCount
from layers.store.batch import Batch, Geometries, make_batch
from layers.store.conditions import history_cover
from layers.store.database import SqlDatabase
from layers.store.notice import Notice
from layers.store.notices import insert_notices
from layers.store.parts import put_parts
from layers.store.tables import Instant, LayerTables, cell_cover, to_ms

CHUNK = 50_000


@dataclass(frozen=True)
class Standing:
    """What stands in the layer under one id: its validity, and the values it is compared by."""

    gid: int
    valid_from: datetime
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Put:
    """Rows to be put, in columns of equal length, as the driver takes them.

    Attributes
    ----------
    tables : where.
    fids, geometries, valid_from : shapely geometries, or None for a register.
    names : columns of ``rows``, beginning with fid.
    rows : values.
    gids : keys of the rows that are changed; empty for new rows.
    """

    tables: LayerTables
    fids: list[str]
    geometries: Geometries | None
    names: list[str]
    rows: list[tuple[Any, ...]]
    gids: list[int]


class SqlTransaction(Transaction):
    """One unit of writing on an open connection.

    Parameters
    ----------
    store : the store that is written to.
    connection : in a transaction that the store commits or rolls back.
    """

    def __init__(self, store: SqlDatabase, connection: Connection) -> None:
        self.store, self.connection = store, connection
        self.touched: set[str] = set()
        self._logged = False

    # -- what a back end does itself

    @abstractmethod
    def raw_column(self, p: PropertySpec, values: Any) -> list[Any]:
        """Turn a batch's column into what the driver takes and gives."""

    @abstractmethod
    def raw_geometries(self, geometries: Geometries) -> list[Any]:
        """Geometries as the driver takes them and `standing` gives them."""

    @abstractmethod
    def raw_instants(self, moments: Sequence[datetime]) -> list[Any]:
        """Turn times into what the driver takes."""

    @abstractmethod
    def standing(self, tables: LayerTables, fids: list[str]) -> dict[str, Standing]:
        """Rows that stand under these ids; values are properties, jurisdiction, geometry."""

    @abstractmethod
    def insert_rows(self, put: Put) -> None:
        """Put new rows."""

    @abstractmethod
    def update_rows(self, put: Put) -> None:
        """Put rows over those with the same fid."""

    @abstractmethod
    def insert_cover(self, rows: list[tuple[str, int, str]]) -> None:
        """Put (layer, h3, fid) rows."""

    def same(self, p: PropertySpec, a: Any, b: Any) -> bool:
        """Whether two raw values of a property are equal."""
        return bool(a == b)

    def removed(self, tables: LayerTables, fids: list[str]) -> None:
        """Take notice of rows that are about to be deleted; nothing by default."""

    def finish(self) -> None:
        """Raise the revision of each touched layer; called before the commit."""
        if self._logged:
            changes.prune(self.connection)
        for layer in sorted(self.touched):
            self.connection.execute(
                text("UPDATE onemap_revision SET revision = revision + 1 WHERE layer = :layer"),
                {"layer": layer},
            )

    # -- Transaction

    def upsert(
        self, spec: LayerSpec, rows: gpd.GeoDataFrame, *, at: datetime, source: str
    ) -> WriteCount:
        """See `Transaction.upsert`.

        Where ``at`` lies before the moment since when a row stands, the change counts from that
        moment.
        """
        moment = _aware(at)
        tables = self.store.tables(spec.id)
        batch = make_batch(tables.spec, rows)
        total = WriteCount()
        for start in range(0, len(batch.fids), CHUNK):
            total += self._upsert(tables, batch.part(start, start + CHUNK), moment, source)
        if total.inserted or total.updated:
            self.touched.add(spec.id)
        return total

    def _upsert(self, tables: LayerTables, batch: Batch, at: datetime, source: str) -> WriteCount:
        spec = tables.spec
        columns = [
            self.raw_column(p, values)
            for p, values in zip(spec.properties, batch.columns, strict=True)
        ]
        shapes = None if batch.geometries is None else self.raw_geometries(batch.geometries)
        standing = self.standing(tables, batch.fids)
        new = [i for i, fid in enumerate(batch.fids) if fid not in standing]
        changed = [
            i
            for i, fid in enumerate(batch.fids)
            if fid in standing and self._differs(spec, standing[fid], batch, columns, shapes, i)
        ]
        if new:
            since = self._not_before(tables, [batch.fids[i] for i in new], at)
            put = self._put(tables, batch, columns, shapes, new, since, at, source, [])
            self.insert_rows(put)
            self._log(put, "created", at, {})
        if changed:
            _check_changeable(spec)
            old = [standing[batch.fids[i]] for i in changed]
            self._to_history(tables, [batch.fids[i] for i in changed], at)
            since = [max(at, row.valid_from) for row in old]
            gids = [row.gid for row in old]
            put = self._put(tables, batch, columns, shapes, changed, since, at, source, gids)
            self.update_rows(put)
            before = {fid: standing[fid].values[-2] for fid in put.fids}
            self._log(put, "updated", at, before)
        if spec.has_cover and batch.geometries is not None:
            self._cover(spec, batch, new + changed)
        return WriteCount(len(new), len(changed), len(batch.fids) - len(new) - len(changed))

    def _log(self, put: Put, kind: changes.Kind, at: datetime, before: dict[str, Any]) -> None:
        units = [row[1] for row in put.rows]
        changes.log(self.connection, put.tables.spec, kind, at, put.fids, units, before)
        self._logged = True

    def _differs(
        self,
        spec: LayerSpec,
        standing: Standing,
        batch: Batch,
        columns: list[list[Any]],
        shapes: list[Any] | None,
        i: int,
    ) -> bool:
        *values, jurisdiction, shape = standing.values
        given = None if batch.jurisdictions is None else batch.jurisdictions[i]
        return (
            any(
                not (column[i] is value or self.same(p, column[i], value))
                for p, column, value in zip(spec.properties, columns, values, strict=True)
            )
            or (shapes is not None and shapes[i] != shape)
            or (given is not None and given != jurisdiction)
        )

    def _put(
        self,
        tables: LayerTables,
        batch: Batch,
        columns: list[list[Any]],
        shapes: list[Any] | None,
        chosen: list[int],
        since: list[datetime],
        at: datetime,
        source: str,
        gids: list[int],
    ) -> Put:
        spec, n = tables.spec, len(chosen)
        index = np.array(chosen, np.int64)
        geometries = None if batch.geometries is None else batch.geometries[index]
        places = None if geometries is None else representative_points(geometries)
        names = ["fid", "jurisdiction", "valid_from", "updated_at", "source"]
        values: list[list[Any]] = [
            [batch.fids[i] for i in chosen],
            self._jurisdictions(batch, columns, spec, index, places),
            self.raw_instants(since),
            self.raw_instants([at]) * n,
            [source] * n,
        ]
        if shapes is not None and places is not None:
            assert spec.h3_resolution is not None
            names += ["geometry", "h3"]
            values += [[shapes[i] for i in chosen], _cells(places, spec.h3_resolution)]
        names += [p.name for p in spec.properties]
        values += [[column[i] for i in chosen] for column in columns]
        rows = list(zip(*values, strict=True))
        return Put(tables, values[0], geometries, names, rows, gids)

    def _jurisdictions(
        self,
        batch: Batch,
        columns: list[list[Any]],
        spec: LayerSpec,
        index: npt.NDArray[np.int64],
        places: Geometries | None,
    ) -> list[str | None]:
        if self.store.is_administrative(spec.id):
            names = [p.name for p in spec.properties]
            codes = columns[names.index("code")] if "code" in names else batch.fids
            return [codes[i] for i in index.tolist()]
        given: list[str | None] = [None] * len(index)
        if batch.jurisdictions is not None:
            given = [batch.jurisdictions[i] for i in index.tolist()]
        if places is None or not spec.located or None not in given:
            return given
        found = self.store.locator.codes(places)
        return [g if g is not None else f for g, f in zip(given, found.tolist(), strict=True)]

    def _not_before(self, tables: LayerTables, fids: list[str], at: datetime) -> list[datetime]:
        """Since when new rows stand: not before an earlier row of the same id ended."""
        history = tables.history
        if self.connection.scalar(select(history.c.gid).limit(1)) is None:
            return [at] * len(fids)
        ended = select(history.c.fid, func.max(history.c.valid_to, type_=Instant())).where(
            self.store.grammar.one_of(history.c.fid, fids)
        )
        last = {row[0]: row[1] for row in self.connection.execute(ended.group_by(history.c.fid))}
        return [max(at, last.get(fid, at)) for fid in fids]

    def _to_history(self, tables: LayerTables, fids: list[str], at: datetime) -> None:
        """Copy rows and their cells to history, valid until ``at``; take the cells away."""
        current, history = tables.current, tables.history
        names = [c.name for c in current.columns if c.name != "gid"]
        until = case(
            (current.c.valid_from > at, current.c.valid_from), else_=literal(at, Instant())
        )
        last = self.connection.scalar(select(func.max(history.c.gid))) or 0
        one_of = self.store.grammar.one_of
        self.connection.execute(
            insert(history).from_select(
                [*names, "valid_to"],
                select(*[current.c[n] for n in names], until).where(one_of(current.c.fid, fids)),
            )
        )
        if not tables.spec.has_cover:
            return
        name = tables.spec.id
        own = cell_cover.c.layer == name
        self.connection.execute(
            insert(cell_cover).from_select(
                ["layer", "h3", "fid"],
                select(
                    literal(history_cover(name), Text), cell_cover.c.h3, cast(history.c.gid, Text)
                )
                .join_from(history, cell_cover, cell_cover.c.fid == history.c.fid)
                .where(own, history.c.gid > last),
            )
        )
        self.connection.execute(cell_cover.delete().where(own, one_of(cell_cover.c.fid, fids)))

    def _cover(self, spec: LayerSpec, batch: Batch, chosen: list[int]) -> None:
        if not chosen:
            return
        assert batch.geometries is not None and spec.h3_resolution is not None
        covers = h3cover.cover(batch.geometries[np.array(chosen)], spec.h3_resolution)
        self.insert_cover(
            [
                (spec.id, cell, batch.fids[i])
                for i, cells in zip(chosen, covers, strict=True)
                for cell in cells.tolist()
            ]
        )

    def delete(self, spec: LayerSpec, fids: Iterable[str], *, at: datetime) -> int:
        """See `Transaction.delete`."""
        moment, tables = _aware(at), self.store.tables(spec.id)
        _check_changeable(tables.spec)
        wanted, total = list(dict.fromkeys(fids)), 0
        for start in range(0, len(wanted), CHUNK):
            chunk = wanted[start : start + CHUNK]
            self._log_removed(tables, chunk, moment)
            self.removed(tables, chunk)
            self._to_history(tables, chunk, moment)
            one_of = self.store.grammar.one_of
            done = self.connection.execute(
                tables.current.delete().where(one_of(tables.current.c.fid, chunk))
            )
            total += done.rowcount
        if total:
            self.touched.add(spec.id)
        return total

    def _log_removed(self, tables: LayerTables, fids: list[str], at: datetime) -> None:
        if not changes.is_logged(tables.spec):
            return
        current = tables.current
        here = self.store.grammar.one_of(current.c.fid, fids)
        standing = select(current.c.fid, current.c.jurisdiction).where(here)
        before = {row.fid: row.jurisdiction for row in self.connection.execute(standing)}
        gone = [fid for fid in fids if fid in before]
        nowhere: list[str | None] = [None] * len(gone)
        changes.log(self.connection, tables.spec, "deleted", at, gone, nowhere, before)
        self._logged = True

    def page(self, query: Query) -> Page:
        """See `Transaction.page`."""
        return self.store.page_on(self.connection, query)

    def frame(self, query: Query) -> gpd.GeoDataFrame:
        """See `Transaction.frame`."""
        return pd.concat(list(self.store.frames_on(self.connection, query)), ignore_index=True)

    def put_state(self, name: str, state: bytes) -> None:
        """See `Transaction.put_state`."""
        self.connection.execute(
            text(
                "INSERT INTO onemap_state (name, content) VALUES (:name, :content)"
                " ON CONFLICT (name) DO UPDATE SET content = excluded.content"
            ),
            {"name": name, "content": state},
        )

    def put_notices(self, notices: Sequence[Notice]) -> int:
        """See `Transaction.put_notices`."""
        return insert_notices(self.connection, notices)

    def put_parts(self, name: str, changed: Mapping[str, bytes], gone: Iterable[str]) -> None:
        """See `Transaction.put_parts`."""
        put_parts(self.connection, name, changed, gone)

    def add_tallies(self, subject: str, numbers: Mapping[tallies.TallyKey, int]) -> None:
        """See `Transaction.add_tallies`."""
        tallies.add(self.connection, subject, numbers)

    def locate(self, geometries: Sequence[shapely.Geometry | None]) -> list[str | None]:
        """See `Transaction.locate`."""
        return self.store.locator.units(geometries)


def _check_changeable(spec: LayerSpec) -> None:
    if spec.append_only:
        raise StoreError(f"rows of layer '{spec.id}' are never changed or taken away")


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise StoreError(f"expected a time with its zone, found {at.isoformat()}")
    return to_ms(at)


def _cells(places: Geometries, resolution: int) -> list[int | None]:
    cells: list[int | None] = [None] * len(places)
    there = [i for i, place in enumerate(places) if place is not None]
    if there:
        x, y = shapely.get_coordinates(places[there]).T
        for i, cell in zip(there, h3grid.cells_of_points(x, y, resolution).tolist(), strict=True):
            cells[i] = cell
    return cells
