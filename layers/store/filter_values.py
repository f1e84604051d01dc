"""Scalar operands of CQL2: constants, properties, arithmetic, each with its type."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

from sqlalchemy import Boolean, ColumnElement, Date, Double, Text, cast, func, literal

from layers.errors import QueryError
from layers.spec import PropertyType
from layers.store.grammar import Grammar
from layers.store.tables import Instant, to_ms

Kind = Literal["string", "number", "boolean", "date", "datetime", "json", "geometry"]
_INT64 = 2**63
_EXACT = 2**53

KINDS: dict[PropertyType, Kind] = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
    "json": "json",
}


@dataclass(frozen=True)
class Operand:
    """A typed operand.

    Attributes
    ----------
    kind : its type.
    element : SQL expression.
    constant : its value where it is a constant, else None.
    said : how the question said it, for messages.
    """

    kind: Kind
    element: ColumnElement[Any]
    constant: Any = None
    said: str = ""


def constant(value: Any) -> Operand:
    """Operand of a JSON scalar; QueryError for null and for numbers that are not finite."""
    if isinstance(value, bool):
        return Operand("boolean", literal(value, Boolean()), value, repr(value))
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= c <= "\udfff" for c in value):
            raise QueryError(f"{value!r} holds characters that no text in a layer can have")
        return Operand("string", literal(value, Text()), value, repr(value))
    raise QueryError(f"expected a text, number or truth value, found {value!r}")


def _number(value: float) -> Operand:
    if not math.isfinite(value):
        raise QueryError(f"expected a finite number, found {value!r}")
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        value = int(value)
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        value = float(value)
    return Operand("number", literal(value), value, repr(value))


def parse_date(text: Any) -> date:
    """Read ``YYYY-MM-DD``; QueryError for anything else."""
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError) as failure:
        raise QueryError(f"expected a date like 2020-07-01, found {text!r}") from failure


def parse_timestamp(text: Any) -> datetime:
    """Read an RFC 3339 time; without zone it is UTC; QueryError for anything else."""
    try:
        moment = datetime.fromisoformat(text)
        return to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (TypeError, ValueError, OverflowError) as failure:
        raise QueryError(f"expected a time like 2020-07-01T00:00:00Z, found {text!r}") from failure


def instant(value: date) -> Operand:
    """Operand of a date or an aware datetime."""
    if isinstance(value, datetime):
        return Operand("datetime", literal(value, Instant()), value, value.isoformat())
    return Operand("date", literal(value, Date()), value, value.isoformat())


def alike(a: Operand, b: Operand) -> tuple[Operand, Operand]:
    """Both operands with one type; a text beside a date or time is read as one.

    Raises
    ------
    QueryError
        where the types can't be compared.
    """
    if a.kind == b.kind and a.kind not in ("json", "geometry"):
        return a, b
    if a.kind in ("date", "datetime") and isinstance(b.constant, str):
        return a, _temporal(a.kind, b.constant)
    if b.kind in ("date", "datetime") and isinstance(a.constant, str):
        return _temporal(b.kind, a.constant), b
    hint = ""
    if {a.kind, b.kind} == {"date", "datetime"}:
        hint = "; use TIMESTAMP('…'), or T_INTERSECTS for a whole day"
    raise QueryError(f"can't compare {a.said} ({a.kind}) with {b.said} ({b.kind}){hint}")


def _temporal(kind: Kind, text: str) -> Operand:
    return instant(parse_date(text) if kind == "date" else parse_timestamp(text))


def need(operand: Operand, kind: Kind, where: str) -> ColumnElement[Any]:
    """Expression of an operand of one type; QueryError for another."""
    if operand.kind != kind:
        raise QueryError(f"{where} needs a {kind}, found {operand.said} ({operand.kind})")
    return operand.element


ARITHMETIC = ("+", "-", "*", "/", "%", "div", "^")


def arithmetic(grammar: Grammar, operator: str, a: Operand, b: Operand) -> Operand:
    """Arithmetic in double precision on every back end; what has no value (1/0) is null."""
    left: ColumnElement[Any] = cast(need(a, "number", operator), Double())
    right: ColumnElement[Any] = cast(need(b, "number", operator), Double())
    element: ColumnElement[Any]
    if operator == "+":
        element = left + right
    elif operator == "-":
        element = left - right
    elif operator == "*":
        element = left * right
    elif operator == "/":
        element = left / func.nullif(right, 0.0, type_=Double())
    elif operator == "%":
        element = grammar.modulo(left, right)
    elif operator == "div":
        element = grammar.truncated(left / func.nullif(right, 0.0, type_=Double()))
    else:
        element = grammar.power(left, right)
    return Operand("number", element, None, f"({a.said} {operator} {b.said})")


def check_pattern(pattern: str) -> str:
    """Check a LIKE pattern with ``%``, ``_`` and backslash; QueryError for a dangling escape."""
    trailing = len(pattern) - len(pattern.rstrip("\\"))
    if trailing % 2:
        raise QueryError(f"the pattern {pattern!r} ends within an escape")
    return pattern
