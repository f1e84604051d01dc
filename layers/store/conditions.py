"""A query's conditions as SQL expressions, the same on every back end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import shapely
from sqlalchemy import (
    ColumnElement,
    FromClause,
    Text,
    and_,
    cast,
    exists,
    false,
    literal,
    or_,
    select,
)

from layers import h3grid
from layers.errors import QueryError
from layers.query import Box, Query, TimeInterval
from layers.spec import LayerSpec
from layers.store import filter as cql
from layers.store.conditions_space import check_box, check_geometry
from layers.store.grammar import PREDICATES, Grammar, Range, bounds_of, world_boxes
from layers.store.tables import LayerTables, cell_cover, to_ms

Bool = ColumnElement[bool]
_LAST_MOMENT = to_ms(datetime.max.replace(tzinfo=UTC))
_LAST_CHARACTER = "\U0010ffff"
# A statement's text and its planning grow with the ranges; beyond this they become a relation.
_FEW_RANGES = 8


@dataclass(frozen=True)
class Branch:
    """One table that a query reads: the current rows, or the history.

    Attributes
    ----------
    table : current or history table.
    indexed : whether the geometry index covers the table.
    cover : name under which the rows' cells are kept in ``cell_cover``.
    cover_key : the rows' key there.
    period : condition of validity, for ``as_of``.
    """

    table: FromClause
    indexed: bool
    cover: str
    cover_key: ColumnElement[str]
    period: tuple[Bool, ...] = ()


def branches(tables: LayerTables, as_of: datetime | None) -> tuple[Branch, ...]:
    """Tables that hold the rows of a moment."""
    current, history, name = tables.current, tables.history, tables.spec.id
    standing = Branch(current, True, name, current.c.fid)
    if as_of is None:
        return (standing,)
    then = to_ms(as_of)
    stands = Branch(current, True, name, current.c.fid, (current.c.valid_from <= then,))
    stood = Branch(
        history,
        False,
        history_cover(name),
        cast(history.c.gid, Text),
        (history.c.valid_from <= then, history.c.valid_to > then),
    )
    return (stands, stood)


def every_branch(tables: LayerTables) -> tuple[Branch, ...]:
    """Tables that hold the rows of all moments; what stood for no time is left out."""
    history, name = tables.history, tables.spec.id
    stood = Branch(
        history,
        False,
        history_cover(name),
        cast(history.c.gid, Text),
        (history.c.valid_from < history.c.valid_to,),
    )
    return (Branch(tables.current, True, name, tables.current.c.fid), stood)


def history_cover(layer: str) -> str:
    """Name under which cells of a layer's history rows are kept."""
    return f"{layer}_history"


def conditions(grammar: Grammar, spec: LayerSpec, query: Query, branch: Branch) -> list[Bool]:
    """All conditions of a query on one branch, to be joined by AND.

    Raises
    ------
    QueryError
        for what the layer can't answer.
    """
    t = branch.table
    found = list(branch.period)
    if query.scope.jurisdictions is not None:
        allowed = [starts_with(t.c.jurisdiction, p) for p in query.scope.jurisdictions]
        found.append(or_(*allowed) if allowed else false())
    if query.scope.departments is not None and spec.routed_by is not None:
        found.append(_routed_to(t.c[spec.routed_by], query.scope.departments))
    if query.jurisdiction is not None:
        found.append(starts_with(t.c.jurisdiction, query.jurisdiction))
    if query.fids is not None:
        found.append(grammar.one_of(t.c.fid, list(query.fids)) if query.fids else false())
    if query.time is not None:
        found.append(_meets_time(spec, t, query.time, query.unknown_meets))
    if query.bbox is not None:
        met = _meets_bbox(grammar, spec, branch, query.bbox)
        # A row without a place is the one without a cell, which has an index.
        found.append(or_(met, t.c.h3.is_(None)) if query.unknown_meets else met)
    if query.geometry is not None:
        found.append(_relates(grammar, spec, branch, query.predicate, query.geometry))
    if query.cells is not None:
        found.append(_in_cells(grammar, spec, branch, query.cells))
    if query.where is not None:
        found += cql.conjuncts(cql.Target(grammar, spec, t, branch.indexed), query.where)
    return found


def starts_with(column: ColumnElement[Any], prefix: str) -> Bool:
    """Text begins with a prefix, as a range that an index answers."""
    return and_(column >= prefix, column < prefix + _LAST_CHARACTER)


def _routed_to(column: ColumnElement[Any], departments: tuple[str, ...]) -> Bool:
    """One of the departments stands in a comma-separated list; an empty list is for nobody."""
    listed = literal(",", Text) + column + literal(",", Text)
    named = [listed.contains(f",{department},", autoescape=True) for department in departments]
    return or_(*named) if named else false()


def _meets_time(spec: LayerSpec, t: FromClause, interval: TimeInterval, unknown: bool) -> Bool:
    if spec.time_field is None:
        raise QueryError(f"layer '{spec.id}' has no time field")
    column = t.c[spec.time_field]
    parts: list[Bool] = []
    days = spec.property(spec.time_field).type == "date"
    for end in (interval.start, interval.end):
        if end is not None and end.tzinfo is None:
            raise QueryError(f"expected a time with its zone, found {end.isoformat()}")
    if interval.start is not None:
        start = interval.start.astimezone(UTC)
        parts.append(column >= (start.date() if days else _up_to_ms(start)))
    if interval.end is not None:
        end = interval.end.astimezone(UTC)
        parts.append(column <= (end.date() if days else to_ms(end)))
    known = and_(*parts) if parts else column.is_not(None)
    return or_(known, column.is_(None)) if unknown else known


def _up_to_ms(moment: datetime) -> datetime:
    cut = to_ms(moment)
    if cut in (moment, _LAST_MOMENT):
        return cut
    return cut + timedelta(milliseconds=1)


def _need_geometry(spec: LayerSpec) -> None:
    if not spec.has_geometry:
        raise QueryError(f"layer '{spec.id}' is a register without places")


def _meets_bbox(grammar: Grammar, spec: LayerSpec, branch: Branch, box: Box) -> Bool:
    _need_geometry(spec)
    check_box(box)
    parts = [grammar.meets_box(branch.table, b, branch.indexed) for b in world_boxes(box)]
    return or_(*parts)


def _relates(
    grammar: Grammar, spec: LayerSpec, branch: Branch, predicate: str, geometry: shapely.Geometry
) -> Bool:
    _need_geometry(spec)
    if predicate not in PREDICATES:
        raise QueryError(f"no predicate '{predicate}'; there are {', '.join(sorted(PREDICATES))}")
    check_geometry(geometry)
    exact = grammar.relate(branch.table, predicate, geometry, branch.indexed)
    near = None
    if branch.indexed and predicate != "disjoint":
        near = grammar.near(branch.table, bounds_of(geometry))
    return exact if near is None else and_(near, exact)


def _in_cells(grammar: Grammar, spec: LayerSpec, branch: Branch, cells: tuple[int, ...]) -> Bool:
    _need_geometry(spec)
    if not cells:
        return false()
    ranges = merged(descendants(spec, cell) for cell in cells)
    if not spec.has_cover:
        if branch.indexed and len(ranges) > _FEW_RANGES:
            return _joined(grammar, branch.table, ranges)
        return _cell_in(grammar, branch.table.c.h3, ranges)
    covered = select(cell_cover.c.fid).where(
        cell_cover.c.layer == literal(branch.cover), _cell_in(grammar, cell_cover.c.h3, ranges)
    )
    return branch.cover_key.in_(covered)


def _joined(grammar: Grammar, table: FromClause, ranges: list[Range]) -> Bool:
    """Rows found from the ranges, each by the index on ``h3``."""
    rows, listed = table.alias(), grammar.ranges(ranges)
    near = rows.c.h3.between(listed.c.low, listed.c.high)
    return table.c.gid.in_(select(rows.c.gid).join_from(listed, rows, near))


def _cell_in(grammar: Grammar, column: ColumnElement[Any], ranges: list[Range]) -> Bool:
    if len(ranges) <= _FEW_RANGES:
        return or_(*[column.between(low, high) for low, high in ranges])
    if all(low == high for low, high in ranges):
        return grammar.one_of(column, [low for low, _ in ranges])
    listed = grammar.ranges(ranges)
    return exists().where(column.between(listed.c.low, listed.c.high))


def descendants(spec: LayerSpec, cell: int) -> Range:
    """Range of a cell at the layer's resolution.

    Raises
    ------
    QueryError
        for a cell finer than the layer's, saying which to ask for.
    """
    assert spec.h3_resolution is not None
    try:
        return h3grid.descendants(cell, spec.h3_resolution)
    except QueryError as refused:
        if "finer" not in str(refused):
            raise
        coarser = h3grid.parents(np.array([cell], np.int64), spec.h3_resolution)[0]
        raise QueryError(
            f"{refused}: ask for its parent {h3grid.format_cell(int(coarser))}, "
            "or for the cell's outline as a geometry"
        ) from None


def merged(ranges: Iterable[Range]) -> list[Range]:
    """Sorted ranges without overlap."""
    result: list[Range] = []
    for low, high in sorted(ranges):
        if result and low <= result[-1][1]:
            result[-1] = (result[-1][0], max(high, result[-1][1]))
        else:
            result.append((low, high))
    return result
