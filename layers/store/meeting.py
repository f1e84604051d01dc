"""What of many layers lies in one place: one statement for all of them, made once and kept.

Building and compiling fifty selects costs more than running them, so their text is kept for each
set of layers and each reader's scope; only the place changes from question to question.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Sequence
from heapq import nsmallest
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from sqlalchemy import (
    BigInteger,
    Compiled,
    Double,
    Integer,
    LargeBinary,
    Select,
    bindparam,
    func,
    literal_column,
    select,
    union_all,
)
from sqlalchemy import Boolean as SqlBoolean

from layers import h3cover, h3grid
from layers.query import Query, Scope
from layers.store import gpb
from layers.store.base import Met
from layers.store.conditions import Bool, Branch, branches, conditions
from layers.store.conditions_space import check_geometry
from layers.store.grammar import Range, rtree
from layers.store.tables import cell_cover

if TYPE_CHECKING:
    from layers.store.sql import SqlStore

_AT_ONCE = 200
# A cell and its ring.
_RANGES = 7
_LEVELS_BY_COVER = 3
_NOTHING: Range = (0, -1)
_KEPT = 64
_BOUNDS = ("minx", "miny", "maxx", "maxy")
_ROWS_AT_ONCE = 20_000


Key = tuple[tuple[str, ...], Scope, frozenset[int]]
Values = dict[str, Any]


class Meeting(ABC):
    """Finds the rows of many layers that meet a geometry."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self._lock = Lock()
        self._kept: OrderedDict[Key, Compiled] = OrderedDict()

    def find(
        self, layers: Sequence[str], cell: int, outline: shapely.Geometry, scope: Scope, first: int
    ) -> list[Met]:
        """See `Store.meeting`."""
        check_geometry(outline)
        found: list[Met] = []
        for start in range(0, len(layers), _AT_ONCE):
            part = tuple(layers[start : start + _AT_ONCE])
            near = self._near(part, cell, outline)
            compiled = self._statement(part, scope, frozenset(near))
            values = {
                f"{end}_{resolution}_{number}": value
                for resolution, ranges in near.items()
                for number, pair in enumerate(ranges)
                for end, value in zip(("low", "high"), pair, strict=True)
            }
            found += self._rows(compiled, values, part, outline, first)
        return found

    def _near(
        self, layers: tuple[str, ...], cell: int, outline: shapely.Geometry
    ) -> dict[int, list[Range]]:
        """Where to look covers up, by resolution; nowhere by default."""
        return {}

    def _statement(
        self, layers: tuple[str, ...], scope: Scope, covered: frozenset[int]
    ) -> Compiled:
        key = (layers, scope, covered)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        parts = []
        for number, layer in enumerate(layers):
            tables = self.store.tables(layer)
            (branch,) = branches(tables, None)
            wanted = conditions(self.store.grammar, tables.spec, Query(layer, scope=scope), branch)
            resolution = tables.spec.h3_resolution
            by_cover = tables.spec.has_cover and resolution in covered
            if by_cover and resolution is not None:
                wanted.append(_covered(branch, resolution))
            parts.append(self._select(number, branch, wanted, by_cover))
        compiled = union_all(*parts).compile(dialect=self.store.engine.dialect)
        with self._lock:
            self._kept[key] = compiled
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return compiled

    def _execute(self, connection: Any, compiled: Compiled, values: Values) -> Any:
        given = {**compiled.params, **values}
        order = getattr(compiled, "positiontup", None)
        ready = given if order is None else tuple(given[name] for name in order)
        return connection.exec_driver_sql(compiled.string, ready)

    @abstractmethod
    def _select(
        self, number: int, branch: Branch, wanted: list[Bool], by_cover: bool
    ) -> Select[Any]:
        """Select of one layer, to be joined with the others'."""

    @abstractmethod
    def _rows(
        self,
        compiled: Compiled,
        values: Values,
        layers: tuple[str, ...],
        outline: shapely.Geometry,
        first: int,
    ) -> list[Met]:
        """Run the statement."""


def _covered(branch: Branch, resolution: int) -> Bool:
    """Row whose cover has a cell in one of the ranges that are given later."""
    looked_up = []
    for number in range(_RANGES):
        low, high = (
            bindparam(f"{end}_{resolution}_{number}", type_=BigInteger) for end in ("low", "high")
        )
        # A select each, since SQLite finds several ranges joined by OR only by reading them all.
        near = (cell_cover.c.layer == branch.cover) & cell_cover.c.h3.between(low, high)
        looked_up.append(select(cell_cover.c.fid).where(near))
    return branch.cover_key.in_(union_all(*looked_up))


class GeoPackageMeeting(Meeting):
    """Candidates of the R*Trees, held against the geometry many at a time by shapely."""

    def _near(
        self, layers: tuple[str, ...], cell: int, outline: shapely.Geometry
    ) -> dict[int, list[Range]]:
        """Ranges of cells that hold the outline, for each resolution with a cover.

        A long line's box meets far more than the line; its cells are few. Of a zone much larger
        than the layer's cells the box is the shorter way.
        """
        level, near = h3grid.resolution_of(cell), dict[int, list[Range]]()
        specs = [self.store.tables(layer).spec for layer in layers]
        for resolution in {spec.h3_resolution for spec in specs if spec.has_cover}:
            assert resolution is not None
            if level >= resolution:
                (cells,) = h3cover.cover(np.array([outline], object), resolution)
            elif level >= resolution - _LEVELS_BY_COVER:
                # Descendants of a cell reach a little past it: its ring takes those of others in.
                cells = h3grid.disk(cell)
            else:
                continue
            if len(cells) <= _RANGES:
                ranges = [h3grid.descendants(int(c), resolution) for c in cells]
                near[resolution] = ranges + [_NOTHING] * (_RANGES - len(ranges))
        return near

    def _select(
        self, number: int, branch: Branch, wanted: list[Bool], by_cover: bool
    ) -> Select[Any]:
        table, tree = branch.table, rtree(branch.table)
        place: Any = literal_column(str(number))
        picked = [place.label("place"), table.c.fid, table.c.geometry]
        if by_cover:
            return select(*picked).where(*wanted)
        minx, miny, maxx, maxy = (bindparam(name, type_=Double) for name in _BOUNDS)
        return (
            select(*picked)
            .select_from(tree)
            .join(table, table.c.gid == tree.c.id)
            .where(
                tree.c.minx <= maxx,
                tree.c.maxx >= minx,
                tree.c.miny <= maxy,
                tree.c.maxy >= miny,
                *wanted,
            )
        )

    def _rows(
        self,
        compiled: Compiled,
        values: Values,
        layers: tuple[str, ...],
        outline: shapely.Geometry,
        first: int,
    ) -> list[Met]:
        shapely.prepare(outline)
        bounds = dict(zip(_BOUNDS, shapely.bounds(outline).tolist(), strict=True))
        numbers = np.zeros(len(layers), np.int64)
        firsts: list[list[str]] = [[] for _ in layers]
        with self.store.reading() as connection:
            rows = self._execute(connection, compiled, values | bounds)
            while part := rows.fetchmany(_ROWS_AT_ONCE):
                met = shapely.intersects(outline, gpb.decode([row[2] for row in part]))
                kept = [part[i] for i in np.flatnonzero(met)]
                np.add.at(numbers, [row[0] for row in kept], 1)
                for row in kept:
                    firsts[row[0]].append(row[1])
                firsts = [nsmallest(first, fids) for fids in firsts]
        return [Met(int(n), tuple(fids)) for n, fids in zip(numbers, firsts, strict=True)]


class PostgisMeeting(Meeting):
    """All is done in the database."""

    def _select(
        self, number: int, branch: Branch, wanted: list[Bool], by_cover: bool
    ) -> Select[Any]:
        table = branch.table
        shape = func.ST_GeomFromWKB(bindparam("shape", type_=LargeBinary), 4326)
        met = func.ST_Intersects(table.c.geometry, shape, type_=SqlBoolean)
        # Read twice and so kept: ordered by id with a limit, the planner would walk the whole
        # layer by id instead of looking into the geometry's index.
        rows = select(table.c.fid).where(met, *wanted).cte(f"met_{number}")
        ahead = select(rows.c.fid).order_by(rows.c.fid)
        ahead_fids = ahead.limit(bindparam("first", type_=Integer)).subquery()
        place: Any = literal_column(str(number))
        return select(
            place.label("place"),
            select(func.count()).select_from(rows).scalar_subquery(),
            select(func.array_agg(ahead_fids.c.fid)).scalar_subquery(),
        )

    def _rows(
        self,
        compiled: Compiled,
        values: Values,
        layers: tuple[str, ...],
        outline: shapely.Geometry,
        first: int,
    ) -> list[Met]:
        place = {"shape": shapely.to_wkb(outline), "first": first}
        with self.store.reading() as connection:
            rows = self._execute(connection, compiled, values | place).all()
        return [Met(number, tuple(fids or ())) for _, number, fids in sorted(map(tuple, rows))]
