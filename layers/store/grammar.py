"""What each back end says differently in SQL, as expressions with bound values only."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import time
from typing import TYPE_CHECKING, Any

import orjson
import shapely
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Double,
    FromClause,
    Integer,
    Numeric,
    Text,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    type_coerce,
)
from sqlalchemy import Boolean as SqlBoolean
from sqlalchemy import table as lightweight
from sqlalchemy.dialects.postgresql import JSONB

from layers.query import Box
from layers.store import functions, gpb
from layers.store.tables import Backend, Instant, json_text

if TYPE_CHECKING:
    from layers.store.filter_values import Operand

Bool = ColumnElement[bool]
Range = tuple[int, int]

# Predicates whose answer is false as soon as the boxes don't meet.
_MEETING = frozenset(
    {"intersects", "within", "contains", "crosses", "touches", "overlaps", "equals"}
)
PREDICATES = _MEETING | {"disjoint"}
# relate(a, b) = relate(b, a) under the other name, for a geometry on the left-hand side.
SWAPPED = {"within": "contains", "contains": "within"}


def world_boxes(box: Box) -> tuple[Box, ...]:
    """Give the box, cut in two where it crosses the antimeridian (minx > maxx)."""
    minx, miny, maxx, maxy = box
    if minx <= maxx:
        return (box,)
    return ((minx, miny, 180.0, maxy), (-180.0, miny, maxx, maxy))


def bounds_of(geometry: shapely.Geometry) -> Box:
    """Return the box around a geometry that is not empty."""
    box = gpb.box_of(geometry)
    assert box is not None
    return box


class Grammar(ABC):
    """Expressions of one back end."""

    backend: Backend

    @abstractmethod
    def meets_box(self, table: FromClause, box: Box, indexed: bool) -> Bool:
        """Geometry of the row meets a box with minx <= maxx; null geometry never does."""

    @abstractmethod
    def relate(
        self, table: FromClause, predicate: str, geometry: shapely.Geometry, indexed: bool
    ) -> Bool:
        """Predicate between the row's geometry and a given one; null for a null geometry."""

    def relate_to_itself(self, table: FromClause, predicate: str) -> Bool:
        """Predicate between the row's geometry and itself; null for a null geometry."""
        name, shape = functions.SQL_NAMES[predicate], table.c.geometry
        relation: Bool = getattr(func, name)(shape, shape, type_=SqlBoolean)
        return relation

    @abstractmethod
    def array(self, elements: Sequence[Operand]) -> ColumnElement[Any]:
        """JSON array of operands, as a json column holds one."""

    @abstractmethod
    def array_of(self, values: list[Any]) -> ColumnElement[Any]:
        """JSON array of plain values, as a json column holds one."""

    @abstractmethod
    def near(self, table: FromClause, box: Box) -> Bool | None:
        """Cheap condition, by index, that the row's box meets a box; None where none is needed."""

    @abstractmethod
    def one_of(self, column: ColumnElement[Any], values: Sequence[str] | Sequence[int]) -> Bool:
        """Column is among values, however many."""

    @abstractmethod
    def ranges(self, ranges: Sequence[Range]) -> FromClause:
        """Integer ranges as a relation with the columns ``low`` and ``high``."""

    def fold_case(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        """Text with Unicode case folding."""
        return func.onemap_casei(text, type_=Text)

    def fold_accents(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        """Text without diacritics."""
        return func.onemap_accenti(text, type_=Text)

    def power(self, base: ColumnElement[Any], exponent: ColumnElement[Any]) -> ColumnElement[Any]:
        """Power of two numbers; null where it has no real value."""
        return func.onemap_power(base, exponent)

    @abstractmethod
    def modulo(self, a: ColumnElement[Any], b: ColumnElement[Any]) -> ColumnElement[Any]:
        """Remainder with the sign of the dividend; null for a divisor of 0."""

    @abstractmethod
    def truncated(self, number: ColumnElement[Any]) -> ColumnElement[Any]:
        """Cut a number towards 0."""

    @abstractmethod
    def day(self, column: ColumnElement[Any], last: bool) -> ColumnElement[Any]:
        """First or last millisecond (UTC) of a date column's day."""

    @abstractmethod
    def nulls_last(self, column: ColumnElement[Any], descending: bool) -> list[ColumnElement[Any]]:
        """ORDER BY terms of one column, nulls at the end, by index where the back end can."""


class GeoPackageGrammar(Grammar):
    """SQLite: R*Tree in front, shapely behind."""

    backend: Backend = "sqlite"

    def meets_box(self, table: FromClause, box: Box, indexed: bool) -> Bool:
        """See `Grammar`. Rows whose box lies inside need no look at their geometry."""
        hit = func.onemap_meets_box(table.c.geometry, *box, type_=SqlBoolean)
        if not indexed:
            return hit
        tree = rtree(table)
        minx, miny, maxx, maxy = box
        inside = (
            (tree.c.minx >= minx) & (tree.c.maxx <= maxx)
            & (tree.c.miny >= miny) & (tree.c.maxy <= maxy)
        )  # fmt: skip
        certain = select(tree.c.id).where(inside)
        return table.c.gid.in_(select(tree.c.id).where(overlap(tree, box))) & or_(
            table.c.gid.in_(certain), hit
        )

    def near(self, table: FromClause, box: Box) -> Bool | None:
        """See `Grammar`."""
        tree = rtree(table)
        return table.c.gid.in_(select(tree.c.id).where(overlap(tree, box)))

    def relate(
        self, table: FromClause, predicate: str, geometry: shapely.Geometry, indexed: bool
    ) -> Bool:
        """See `Grammar`."""
        name = functions.SQL_NAMES[predicate]
        token = functions.keep(geometry)
        kept = literal(token, Text())
        exact: Bool = getattr(func, name)(table.c.geometry, kept, type_=SqlBoolean)
        near = self.near(table, bounds_of(geometry)) if indexed else None
        if near is None:
            return exact
        return case(
            (table.c.geometry.is_(None), None),
            (near, exact),
            else_=literal(predicate == "disjoint"),
        )

    def one_of(self, column: ColumnElement[Any], values: Sequence[str] | Sequence[int]) -> Bool:
        """See `Grammar`."""
        listed = func.json_each(orjson.dumps(list(values)).decode()).table_valued("value")
        return column.in_(select(listed.c.value))

    def ranges(self, ranges: Sequence[Range]) -> FromClause:
        """See `Grammar`."""
        listed = func.json_each(orjson.dumps(ranges).decode()).table_valued("value")
        return select(
            func.json_extract(listed.c.value, "$[0]", type_=Integer).label("low"),
            func.json_extract(listed.c.value, "$[1]", type_=Integer).label("high"),
        ).subquery()

    def array(self, elements: Sequence[Operand]) -> ColumnElement[Any]:
        """See `Grammar`. For SQLite truth values are numbers, which JSON tells apart."""
        parts = [
            func.json(case((e.element, "true"), (not_(e.element), "false"), else_="null"))
            if e.kind == "boolean"
            else type_coerce(e.element, Text)
            for e in elements
        ]
        return func.json_array(*parts, type_=Text)

    def array_of(self, values: list[Any]) -> ColumnElement[Any]:
        """See `Grammar`."""
        return literal(json_text(values), Text())

    def modulo(self, a: ColumnElement[Any], b: ColumnElement[Any]) -> ColumnElement[Any]:
        """See `Grammar`."""
        return func.onemap_modulo(a, b)

    def truncated(self, number: ColumnElement[Any]) -> ColumnElement[Any]:
        """See `Grammar`."""
        return cast(number, Integer)

    def day(self, column: ColumnElement[Any], last: bool) -> ColumnElement[Any]:
        """See `Grammar`."""
        clock = "T23:59:59.999Z" if last else "T00:00:00.000Z"
        return type_coerce(type_coerce(column, Text).concat(clock), Instant())

    def nulls_last(self, column: ColumnElement[Any], descending: bool) -> list[ColumnElement[Any]]:
        """See `Grammar`. For SQLite null is the least value."""
        return [column.desc()] if descending else [column.is_(None), column.asc()]


def rtree(table: FromClause) -> FromClause:
    """R*Tree of a table's geometries: ``id``, the row's ``gid``, and its box."""
    return lightweight(
        f"rtree_{table.name}_geometry",  # type: ignore[attr-defined]
        *[column(name) for name in ("id", "minx", "maxx", "miny", "maxy")],
    ).alias()


def overlap(tree: FromClause, box: Box) -> Bool:
    """Condition that a box of an R*Tree meets a box."""
    minx, miny, maxx, maxy = box
    return (
        (tree.c.minx <= maxx) & (tree.c.maxx >= minx)
        & (tree.c.miny <= maxy) & (tree.c.maxy >= miny)
    )  # fmt: skip


class PostgisGrammar(Grammar):
    """PostGIS: its own functions, which use the GiST index by themselves."""

    backend: Backend = "postgresql"

    def meets_box(self, table: FromClause, box: Box, indexed: bool) -> Bool:
        """See `Grammar`.

        For points four comparisons are several times faster than a predicate. The index's boxes
        are rounded outwards, so that it alone is not exact; and two ranges would make the planner
        believe that next to nothing is left, where "not outside" doesn't.
        """
        shape, (minx, miny, maxx, maxy) = table.c.geometry, box
        envelope = func.ST_MakeEnvelope(*box, literal_column("4326"))
        if getattr(shape.type, "geometry_type", None) == "POINT":
            x, y = func.ST_X(shape, type_=Double), func.ST_Y(shape, type_=Double)
            outside = or_(x < minx, x > maxx, y < miny, y > maxy)
            return and_(shape.op("&&", is_comparison=True)(envelope), not_(outside))
        return func.ST_Intersects(table.c.geometry, envelope, type_=SqlBoolean)

    def near(self, table: FromClause, box: Box) -> Bool | None:
        """See `Grammar`."""
        return None

    def relate(
        self, table: FromClause, predicate: str, geometry: shapely.Geometry, indexed: bool
    ) -> Bool:
        """See `Grammar`."""
        other = func.ST_GeomFromWKB(shapely.to_wkb(geometry), 4326)
        name = functions.SQL_NAMES[predicate]
        relation: Bool = getattr(func, name)(table.c.geometry, other, type_=SqlBoolean)
        return relation

    def one_of(self, column: ColumnElement[Any], values: Sequence[str] | Sequence[int]) -> Bool:
        """See `Grammar`."""
        whole = bool(values) and isinstance(values[0], int)
        kind = ARRAY(BigInteger) if whole else ARRAY(Text)
        return column == func.any(cast(bindparam(None, list(values), kind), kind))

    def ranges(self, ranges: Sequence[Range]) -> FromClause:
        """See `Grammar`."""
        kind = ARRAY(BigInteger)
        low = cast(bindparam(None, [r[0] for r in ranges], kind), kind)
        high = cast(bindparam(None, [r[1] for r in ranges], kind), kind)
        return func.unnest(low, high).table_valued("low", "high").render_derived()

    def array(self, elements: Sequence[Operand]) -> ColumnElement[Any]:
        """See `Grammar`."""
        return func.jsonb_build_array(*[e.element for e in elements], type_=JSONB)

    def array_of(self, values: list[Any]) -> ColumnElement[Any]:
        """See `Grammar`."""
        return cast(literal(values, JSONB()), JSONB())

    def modulo(self, a: ColumnElement[Any], b: ColumnElement[Any]) -> ColumnElement[Any]:
        """See `Grammar`."""
        divisor = func.nullif(cast(b, Numeric), 0, type_=Numeric)
        return cast(func.mod(cast(a, Numeric), divisor), Double)

    def truncated(self, number: ColumnElement[Any]) -> ColumnElement[Any]:
        """See `Grammar`."""
        return func.trunc(number)

    def day(self, column: ColumnElement[Any], last: bool) -> ColumnElement[Any]:
        """See `Grammar`."""
        clock = time(23, 59, 59, 999000) if last else time()
        return func.timezone("UTC", column + literal(clock), type_=Instant())

    def nulls_last(self, column: ColumnElement[Any], descending: bool) -> list[ColumnElement[Any]]:
        """See `Grammar`. For PostgreSQL null is the greatest value."""
        return [column.desc().nulls_last() if descending else column.asc()]
