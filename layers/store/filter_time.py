"""Temporal relations of CQL2 (OGC 21-065r2, 8.7): Allen's, on instants and intervals.

A date is one value when only dates are compared; beside a time it is its day, from the first to the
last millisecond in UTC. An open end lies beyond every value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, case, false, or_, true

from layers.errors import QueryError
from layers.store.filter_values import Operand, instant, parse_date, parse_timestamp
from layers.store.grammar import Grammar

Bool = ColumnElement[bool]
Sign = Literal["<", "<=", "=", ">=", ">"]
# A bound is an expression, or -1 and 1 for the open start and end.
Bound = Operand | Literal[-1, 1]


@dataclass(frozen=True)
class Period:
    """An instant (both ends the same) or an interval."""

    start: Bound
    end: Bound

    @property
    def kinds(self) -> set[str]:
        """Types of its ends."""
        return {b.kind for b in (self.start, self.end) if isinstance(b, Operand)}


def read_end(text: Any, open_: Literal[-1, 1]) -> Bound:
    """End of an interval written as text: ``..``, a date or a time."""
    if text is None or text in ("..", ""):
        return open_
    if not isinstance(text, str):
        raise QueryError(f"expected a date or time, found {text!r}")
    return instant(parse_date(text) if len(text) == 10 else parse_timestamp(text))


def relation(grammar: Grammar, operator: str, a: Period, b: Period) -> Bool:
    """Compile a temporal relation.

    Raises
    ------
    QueryError
        where an interval ends before it starts.
    """
    for period in (a, b):
        _check(period)
    if len(a.kinds | b.kinds) > 1:
        a, b = _widened(grammar, a), _widened(grammar, b)
    return OPERATORS[operator](a, b)


def _check(period: Period) -> None:
    start, end = period.start, period.end
    if not isinstance(start, Operand) or not isinstance(end, Operand):
        return
    if start.constant is None or end.constant is None or start.kind != end.kind:
        return
    if start.constant > end.constant:
        raise QueryError(f"the interval from {start.said} to {end.said} ends before it starts")


def _widened(grammar: Grammar, period: Period) -> Period:
    return Period(_as_time(grammar, period.start, False), _as_time(grammar, period.end, True))


def _as_time(grammar: Grammar, bound: Bound, last: bool) -> Bound:
    if not isinstance(bound, Operand) or bound.kind != "date":
        return bound
    if bound.constant is not None:
        clock = "T23:59:59.999Z" if last else "T00:00:00Z"
        return instant(parse_timestamp(bound.constant.isoformat() + clock))
    return Operand("datetime", grammar.day(bound.element, last), None, bound.said)


def _compare(a: Bound, sign: Sign, b: Bound) -> Bool:
    if isinstance(a, Operand) and isinstance(b, Operand):
        x, y = a.element, b.element
        signs: dict[Sign, Bool] = {
            "<": x < y,
            "<=": x <= y,
            "=": x == y,
            ">=": x >= y,
            ">": x > y,
        }
        return signs[sign]
    left = 0 if isinstance(a, Operand) else a
    right = 0 if isinstance(b, Operand) else b
    truth = {
        "<": left < right,
        "<=": left <= right,
        "=": left == right,
        ">=": left >= right,
        ">": left > right,
    }[sign]
    answer = true() if truth else false()
    known = a if isinstance(a, Operand) else b
    if not isinstance(known, Operand) or known.constant is not None:
        return answer
    return case((known.element.is_not(None), answer))


def _all(*parts: tuple[Bound, Sign, Bound]) -> Bool:
    return and_(*[_compare(*part) for part in parts])


OPERATORS: dict[str, Callable[[Period, Period], Bool]] = {
    "t_after": lambda a, b: _all((a.start, ">", b.end)),
    "t_before": lambda a, b: _all((a.end, "<", b.start)),
    "t_contains": lambda a, b: _all((a.start, "<", b.start), (a.end, ">", b.end)),
    "t_disjoint": lambda a, b: or_(_compare(a.end, "<", b.start), _compare(a.start, ">", b.end)),
    "t_during": lambda a, b: _all((a.start, ">", b.start), (a.end, "<", b.end)),
    "t_equals": lambda a, b: _all((a.start, "=", b.start), (a.end, "=", b.end)),
    "t_finishedby": lambda a, b: _all((a.start, "<", b.start), (a.end, "=", b.end)),
    "t_finishes": lambda a, b: _all((a.start, ">", b.start), (a.end, "=", b.end)),
    "t_intersects": lambda a, b: _all((a.start, "<=", b.end), (a.end, ">=", b.start)),
    "t_meets": lambda a, b: _all((a.end, "=", b.start)),
    "t_metby": lambda a, b: _all((a.start, "=", b.end)),
    "t_overlappedby": lambda a, b: _all(
        (a.start, ">", b.start), (a.start, "<", b.end), (a.end, ">", b.end)
    ),
    "t_overlaps": lambda a, b: _all(
        (a.start, "<", b.start), (a.end, ">", b.start), (a.end, "<", b.end)
    ),
    "t_startedby": lambda a, b: _all((a.start, "=", b.start), (a.end, ">", b.end)),
    "t_starts": lambda a, b: _all((a.start, "=", b.start), (a.end, "<", b.end)),
}
