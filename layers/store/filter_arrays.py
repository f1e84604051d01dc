"""Array predicates of CQL2 (OGC 21-065r2, 7.7): properties that hold lists, compared as sets.

Elements are compared as JSON values: 1 equals 1.0, a date equals its text, order and repetition
don't count. A value that is no list compares with nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

from sqlalchemy import Boolean, ColumnElement, and_, func

from layers.errors import QueryError
from layers.store.filter_values import Operand, constant, parse_date, parse_timestamp
from layers.store.grammar import Grammar

Bool = ColumnElement[bool]
Array = ColumnElement[Any]


def _contains(a: Array, b: Array) -> Bool:
    return func.onemap_array_contains(a, b, type_=Boolean())


OPERATORS: dict[str, Callable[[Array, Array], Bool]] = {
    "a_contains": _contains,
    "a_containedby": lambda a, b: _contains(b, a),
    "a_equals": lambda a, b: and_(_contains(a, b), _contains(b, a)),
    "a_overlaps": lambda a, b: func.onemap_array_overlaps(a, b, type_=Boolean()),
}


def relation(
    grammar: Grammar, operator: str, a: Any, b: Any, read: Callable[[Any], Operand]
) -> Bool:
    """Compile an array predicate between two nodes of CQL2-JSON.

    Parameters
    ----------
    read : reads a property or another value.

    Raises
    ------
    QueryError
        for what is no list, and for elements that no list can hold.
    """
    return OPERATORS[operator](_array(grammar, a, read), _array(grammar, b, read))


def _array(grammar: Grammar, node: Any, read: Callable[[Any], Operand]) -> Array:
    if isinstance(node, dict) and "property" in node:
        found = read(node)
        if found.kind == "json":
            return found.element
    # In the text encoding a list of one date is the same as a date in parentheses.
    nodes = node if isinstance(node, list) else [node]
    if not _holds_properties(nodes):
        return grammar.array_of([_value(n) for n in nodes])
    return grammar.array([_element(n, read) for n in nodes])


def _holds_properties(nodes: list[Any]) -> bool:
    return any(isinstance(n, dict) and "property" in n for n in nodes)


def _element(node: Any, read: Callable[[Any], Operand]) -> Operand:
    found = read(node) if isinstance(node, dict) and "property" in node else constant(_value(node))
    if found.kind not in ("string", "number", "boolean", "date"):
        raise QueryError(f"a list can't hold {found.said} ({found.kind})")
    return found


def _value(node: Any) -> Any:
    """Plain JSON value of an element that is known."""
    if isinstance(node, list):
        return [_value(n) for n in node]
    if isinstance(node, dict):
        if set(node) == {"date"}:
            return parse_date(node["date"]).isoformat()
        if set(node) == {"timestamp"}:
            moment = parse_timestamp(node["timestamp"]).astimezone(UTC)
            return moment.isoformat().replace("+00:00", "Z")
        raise QueryError("a list can hold texts, numbers, truth values, dates, times and lists")
    return constant(node).constant
