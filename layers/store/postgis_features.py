"""Pages of features from PostGIS: statements written once for each kind of question.

Making and compiling a statement costs more than PostgreSQL needs to answer it, so for the usual
questions the text is kept and only values are bound, on connections of their own, in binary.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    FromClause,
    Select,
    Text,
    bindparam,
    func,
    literal,
    literal_column,
    or_,
    select,
)
from sqlalchemy.engine import Dialect

from layers.query import Box, Query
from layers.spec import LayerSpec
from layers.store import postgis_tiles
from layers.store.base import FeaturePage
from layers.store.conditions import branches, conditions
from layers.store.conditions_space import check_box
from layers.store.feature_text import FeatureText
from layers.store.grammar import Grammar, world_boxes
from layers.store.order import keys_of, parse_key
from layers.store.tables import LayerTables, revision
from layers.store.tiles import tile_attributes
from layers.tiles.matrix import Tile

_KINDS_KEPT = 2000
# Pages that begin further in are found by marks, one at every so many rows.
_DEEP, _EVERY = 1000, 500
_MARKS_KEPT = 64
_SIDES = ("minx", "miny", "maxx", "maxy")
_REVISION = "SELECT revision FROM onemap_revision WHERE layer = %s"
Columns = Callable[[FromClause, LayerSpec, FeatureText], list[ColumnElement[Any]]]
_Statement = tuple[str, dict[str, Any]]


@dataclass
class _Marks:
    """Ids of the rows at 0, `_EVERY`, 2 `_EVERY` … of a question at one revision of its layer."""

    revision: int
    fids: list[str]


@dataclass(frozen=True)
class _Kind:
    """What the text of a statement depends on.

    Attributes
    ----------
    plain : layer, scope and properties, without values.
    boxes : how many boxes; two where one crosses the antimeridian.
    skips, behind, since : whether rows are skipped by number, by the key of the row before, or by
        that of a row from which on they are skipped by number.
    counted : whether all rows are counted beside.
    """

    plain: Query
    boxes: int
    skips: bool
    behind: bool
    counted: bool
    since: bool = False


def _revision_of(tables: LayerTables) -> ColumnElement[Any]:
    """Revision of a layer in the state that the statement around it reads."""
    own = select(revision.c.revision).where(revision.c.layer == tables.spec.id)
    return own.scalar_subquery()


class PostgisFeatures:
    """Makes pages of features.

    Parameters
    ----------
    connect : opens a connection.
    dialect, grammar : what statements are written in.
    columns : columns of a row in the order that a `FeatureText` takes.
    """

    def __init__(
        self,
        connect: Callable[[], psycopg.Connection[Any]],
        dialect: Dialect,
        grammar: Grammar,
        columns: Columns,
    ) -> None:
        self._connect, self._dialect, self._grammar = connect, dialect, grammar
        self._columns = columns
        self._idle: list[psycopg.Connection[Any]] = []
        self._kept: dict[Hashable, _Statement] = {}
        self._marks: OrderedDict[Query, _Marks] = OrderedDict()

    def close(self) -> None:
        """Release all connections."""
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[Any]]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            yield connection
        finally:
            if connection.closed:
                connection.close()
            else:
                self._idle.append(connection)

    def _ask(self, sql: str, values: Any, prepare: bool = True) -> list[tuple[Any, ...]]:
        while True:
            kept = bool(self._idle)
            try:
                with self._connection() as connection:
                    cursor = connection.cursor(binary=True)
                    return cursor.execute(sql, values, prepare=prepare).fetchall()
            except psycopg.OperationalError:
                # A connection that was kept may have been cut meanwhile; a new one was not.
                if not (kept and connection.closed):
                    raise

    def revision(self, layer: str) -> int:
        """See `Store.revision`."""
        rows = self._ask(_REVISION, (layer,))
        return int(rows[0][0]) if rows else 0

    def rows_in_tile(self, tables: LayerTables, tile: Tile, most: int) -> bytes | None:
        """All current rows of a tile in one question; None where they are more than ``most``."""
        wanted, srid = tuple(tile_attributes(tables, tile)), tile.matrix_set.srid
        sql, fixed = self._text(
            ("tile", tables.spec.id, wanted, srid),
            lambda: postgis_tiles.rows_statement(tables.current, (), wanted, srid, tables.spec.id),
        )
        ((met, body),) = self._ask(sql, fixed | postgis_tiles.values_of(tile, most))
        return None if met > most else bytes(body)

    def page(self, tables: LayerTables, query: Query, text: FeatureText) -> FeaturePage:
        """Answer a question that is `Query.plain` and has a limit."""
        boxes: tuple[Box, ...] = ()
        if query.bbox is not None:
            check_box(query.bbox)
            boxes = world_boxes(query.bbox)
        # Whoever begins to read a box has most likely not asked before how many rows it has.
        counted = bool(boxes) and not query.offset and query.after is None
        kind = _Kind(
            Query(
                query.layer,
                scope=query.scope,
                unknown_meets=query.unknown_meets,
                properties=query.properties,
                skip_geometry=query.skip_geometry,
            ),
            len(boxes),
            query.offset > 0,
            query.after is not None,
            counted,
        )
        if kind.skips and not boxes and not kind.behind and query.offset >= _DEEP:
            deep = self._deep(kind, tables, query, text)
            if deep is not None:
                return deep
        sql, fixed = self._text(kind, lambda: self._statement(kind, tables, text))
        values = fixed | self._values(tables, query)
        # A page of a box is best read by place or by order, depending on the box: planned anew.
        rows = self._ask(sql, values, prepare=counted or not boxes)
        assert query.limit is not None
        more = len(rows) > query.limit
        rows = rows[: query.limit] if more else rows
        features = text.joined([row[1:] for row in rows])
        matched = int(rows[0][0]) if counted and rows else None
        following = (rows[-1][1],) if more and rows else None
        return FeaturePage(features, len(rows), following, matched)

    def _deep(
        self, kind: _Kind, tables: LayerTables, query: Query, text: FeatureText
    ) -> FeaturePage | None:
        """Answer from the mark before the page on; None where the layer has changed meanwhile.

        PostgreSQL finds the row at a number by counting from the first. Here it is counted once for
        each revision, as far as anyone asked.
        """
        place, rest = divmod(query.offset, _EVERY)
        marks = self._marks_of(kind, tables, place)
        if marks is None:
            return None
        if place >= len(marks.fids):
            return FeaturePage(b"", 0, None, None)
        near = replace(kind, since=True)
        sql, fixed = self._text(near, lambda: self._statement(near, tables, text))
        values = fixed | self._values(tables, query.but(offset=rest))
        rows = self._ask(sql, values | {"since": marks.fids[place]})
        # Without rows nothing tells of which state the answer is.
        if not rows or rows[0][0] != marks.revision:
            return None
        assert query.limit is not None
        page = rows[: query.limit]
        following = (page[-1][1],) if len(rows) > len(page) else None
        return FeaturePage(text.joined([row[1:] for row in page]), len(page), following, None)

    def _marks_of(self, kind: _Kind, tables: LayerTables, place: int) -> _Marks | None:
        """Marks as far as a place; None where the layer changes while they are read."""
        now = self.revision(kind.plain.layer)
        key = kind.plain.but(properties=None, skip_geometry=False)
        marks = self._marks.get(key)
        if marks is None or marks.revision != now:
            marks = _Marks(now, [])
        if place >= len(marks.fids):
            known = max(0, len(marks.fids) - 1)
            values: dict[str, Any] = {
                "most": (place - known) * _EVERY + 1,
                "since": marks.fids[known] if marks.fids else "",
            }
            sql, fixed = self._text(("marks", key), lambda: self._marking(key, tables))
            rows = self._ask(sql, fixed | values)
            if not rows or rows[0][0] != now:
                return None
            marks = _Marks(now, [*marks.fids[:known], *(row[1] for row in rows)])
        self._marks.pop(key, None)
        self._marks[key] = marks
        while len(self._marks) > _MARKS_KEPT:
            self._marks.popitem(last=False)
        return marks

    @staticmethod
    def _values(tables: LayerTables, query: Query) -> dict[str, Any]:
        assert query.limit is not None
        values: dict[str, Any] = {"most": query.limit + 1, "skipped": query.offset}
        if query.bbox is not None:
            for i, box in enumerate(world_boxes(query.bbox)):
                values |= {f"{side}_{i}": float(v) for side, v in zip(_SIDES, box, strict=True)}
        if query.after is not None:
            key = keys_of(tables.spec, query)[0]
            values["behind"] = parse_key(key, query.after[0])
        return values

    def _text(self, kind: Hashable, make: Callable[[], Select[Any]]) -> _Statement:
        """Text of a kind of statement and the values that are always the same, made once."""
        found = self._kept.get(kind)
        if found is None:
            made = make().compile(dialect=self._dialect)
            # Scopes and choices of properties come from outside; there is no end of them.
            if len(self._kept) >= _KINDS_KEPT:
                self._kept.clear()
            found = self._kept[kind] = (str(made), dict(made.construct_params(_check=False)))
        return found

    def _marking(self, plain: Query, tables: LayerTables) -> Select[Any]:
        """Ids of every so manieth row, from one on, with the revision of that very state."""
        (branch,) = branches(tables, None)
        fid = tables.current.c.fid
        number = (func.row_number().over(order_by=fid) - 1).label("number")
        found = conditions(self._grammar, tables.spec, plain, branch)
        most = bindparam("most", type_=BigInteger)
        rows = (
            select(fid, number)
            .where(*found, fid >= bindparam("since", type_=Text))
            .order_by(fid)
            .limit(most)
            .subquery()
        )
        marked = rows.c.number % literal_column(str(_EVERY)) == literal_column("0")
        return select(_revision_of(tables), rows.c.fid).where(marked).order_by(rows.c.number)

    def _statement(self, kind: _Kind, tables: LayerTables, text: FeatureText) -> Select[Any]:
        (branch,) = branches(tables, None)
        table = tables.current
        found = conditions(self._grammar, tables.spec, kind.plain, branch)
        if kind.boxes:
            boxes: list[Any] = [
                tuple(bindparam(f"{side}_{i}", type_=Double) for side in _SIDES)
                for i in range(kind.boxes)
            ]
            placeless = [table.c.h3.is_(None)] if kind.plain.unknown_meets else []
            met = [self._grammar.meets_box(table, box, True) for box in boxes]
            found.append(or_(*met, *placeless))
        columns = self._columns(table, tables.spec, text)
        most = bindparam("most", type_=BigInteger)
        skipped = bindparam("skipped", type_=BigInteger)
        if kind.counted:
            # Counting beside makes all rows; only those of the page are read whole.
            hits = select(table.c.gid.label("hit"), func.count().over().label("matched"))
            page = hits.where(*found).order_by(table.c.fid).limit(most).cte("page")
            joined = table.join(page, page.c.hit == table.c.gid)
            return select(page.c.matched, *columns).select_from(joined).order_by(table.c.fid)
        none: ColumnElement[Any] = literal(None)
        if kind.since:
            found.append(table.c.fid >= bindparam("since", type_=Text))
            told = select(_revision_of(tables), *columns).where(*found)
            return told.order_by(table.c.fid).limit(most).offset(skipped)
        if kind.behind:
            found.append(table.c.fid > bindparam("behind", type_=Text))
        statement: Select[Any] = select(none, *columns).order_by(table.c.fid).limit(most)
        if kind.skips and not kind.boxes:
            # The rows that are skipped are looked up in the index on fid alone.
            first = select(table.c.fid).where(*found).order_by(table.c.fid).limit(1).offset(skipped)
            return statement.where(*found, table.c.fid >= first.scalar_subquery())
        statement = statement.where(*found)
        return statement.offset(skipped) if kind.skips else statement
