"""CQL2-JSON (OGC 21-065r2) to SQL, for both back ends.

Names are looked up in the layer's declaration and never reach SQL as text; values are bound. Logic
has three values as in SQL: what compares with null is neither true nor false.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import shapely
from sqlalchemy import ColumnElement, FromClause, and_, false, not_, or_, true

from layers.errors import QueryError
from layers.spec import LayerSpec
from layers.store import filter_arrays, filter_functions, filter_space, filter_time
from layers.store.filter_size import check_size
from layers.store.filter_text import parse_cql2_text
from layers.store.filter_time import Bound, Period
from layers.store.filter_values import (
    ARITHMETIC,
    KINDS,
    Operand,
    alike,
    arithmetic,
    check_pattern,
    constant,
    instant,
    need,
    parse_date,
    parse_timestamp,
)
from layers.store.grammar import SWAPPED, Grammar, bounds_of
from layers.store.order import kind_of

__all__ = ["Target", "conjuncts", "parse_cql2_text"]

Bool = ColumnElement[bool]
# A geometry of the question; None for the row's own.
Place = shapely.Geometry | None
# SQLite nests a chain of OR as deep as it is long, up to 1000 levels.
MAX_PARTS = 900
_FEW_VALUES = 50
_COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
_LOGIC = ("and", "or", "not", "like", "between", "in", "isnull")
SUPPORTED = (
    *_LOGIC,
    *_COMPARISONS,
    *ARITHMETIC,
    *filter_functions.STANDARD,
    *filter_functions.FUNCTIONS,
    *filter_space.OPERATORS,
    *filter_time.OPERATORS,
    *filter_arrays.OPERATORS,
)
_VALUES = frozenset((*ARITHMETIC, *filter_functions.STANDARD, *filter_functions.FUNCTIONS))


@dataclass(frozen=True)
class Target:
    """What a filter is asked of.

    Attributes
    ----------
    grammar : of the back end.
    spec : the layer.
    table : its rows, current or of the past.
    indexed : whether the geometry index covers the table.
    """

    grammar: Grammar
    spec: LayerSpec
    table: FromClause
    indexed: bool


def conjuncts(target: Target, where: dict[str, Any]) -> list[Bool]:
    """Conditions that hold together when the filter holds.

    Parts that AND joins at the top are given one by one, each with the index condition that its
    geometry allows.

    Raises
    ------
    QueryError
        for unknown properties and operators, types that don't fit, and filters beyond all measure.
    """
    check_size(where)
    compiler = _Compiler(target)
    found: list[Bool] = []
    for part in _top(where):
        found.append(compiler.condition(part))
        near = compiler.near(part)
        if near is not None:
            found.append(near)
    return found


def _top(node: Any) -> list[Any]:
    arguments = node.get("args") if isinstance(node, dict) and _operator(node) == "and" else None
    if isinstance(arguments, list) and arguments:
        return [part for argument in arguments for part in _top(argument)]
    return [node]


def _operator(node: dict[str, Any]) -> str:
    operator = node.get("op")
    return operator.lower() if isinstance(operator, str) else ""


class _Compiler:
    def __init__(self, target: Target) -> None:
        self.target, self.grammar = target, target.grammar

    # -- conditions

    def condition(self, node: Any) -> Bool:
        if isinstance(node, bool):
            return true() if node else false()
        if not isinstance(node, dict):
            raise QueryError(f"expected a condition, found {_short(node)}")
        operator = _operator(node)
        if not operator or operator in _VALUES:
            return need(self.operand(node), "boolean", "a condition")
        arguments = _arguments(node)
        if operator in ("and", "or"):
            if not arguments:
                raise QueryError(f"'{operator}' needs conditions")
            if len(arguments) > MAX_PARTS:
                raise QueryError(f"'{operator}' joins more than {MAX_PARTS} conditions; use IN")
            parts = [self.condition(a) for a in arguments]
            return and_(*parts) if operator == "and" else or_(*parts)
        if operator == "not":
            return not_(self.condition(_exactly(node, 1)[0]))
        if operator in _COMPARISONS:
            return self._compare(operator, *_exactly(node, 2))
        if operator in filter_space.OPERATORS:
            return self._relate(node)
        if operator in filter_time.OPERATORS:
            a, b = (self._period(a) for a in _exactly(node, 2))
            return filter_time.relation(self.grammar, operator, a, b)
        if operator in filter_arrays.OPERATORS:
            a, b = _exactly(node, 2)
            return filter_arrays.relation(self.grammar, operator, a, b, self.operand)
        return self._other(operator, node)

    def _other(self, operator: str, node: dict[str, Any]) -> Bool:
        if operator == "like":
            return self._like(*_exactly(node, 2))
        if operator == "between":
            value, low, high = _exactly(node, 3)
            return and_(self._compare(">=", value, low), self._compare("<=", value, high))
        if operator == "in":
            return self._in(*_exactly(node, 2))
        if operator == "isnull":
            return self._is_null(_exactly(node, 1)[0])
        raise QueryError(f"no operator '{operator}'; there are {', '.join(SUPPORTED)}")

    def _compare(self, sign: str, left: Any, right: Any) -> Bool:
        a, b = alike(self.operand(left), self.operand(right))
        x, y = a.element, b.element
        if sign in ("=", "<>"):
            return x == y if sign == "=" else x != y
        if sign in ("<", "<="):
            return x < y if sign == "<" else x <= y
        return x > y if sign == ">" else x >= y

    def _like(self, value: Any, pattern: Any) -> Bool:
        text = need(self.operand(value), "string", "LIKE")
        inner = pattern
        while isinstance(inner, dict) and _operator(inner) in ("casei", "accenti"):
            inner = _exactly(inner, 1)[0]
        if not isinstance(inner, str):
            raise QueryError(f"LIKE needs a text as pattern, found {_short(inner)}")
        check_pattern(inner)
        return text.like(need(self.operand(pattern), "string", "LIKE"), escape="\\")

    def _in(self, value: Any, listed: Any) -> Bool:
        if not isinstance(listed, list) or not listed:
            raise QueryError(f"IN needs a list of values, found {_short(listed)}")
        wanted = self.operand(value)
        pairs = [alike(wanted, self.operand(item)) for item in listed]
        constants = [b.constant for _, b in pairs]
        if len(listed) > _FEW_VALUES and {type(c) for c in constants} in ({str}, {int}):
            return self.grammar.one_of(wanted.element, constants)
        return wanted.element.in_([b.element for _, b in pairs])

    def _is_null(self, node: Any) -> Bool:
        if isinstance(node, dict) and node.get("property") == "geometry" and self._has_geometry():
            return self.target.table.c.geometry.is_(None)
        return self.operand(node).element.is_(None)

    # -- places

    def _has_geometry(self) -> bool:
        return self.target.spec.has_geometry

    def _spatial(self, node: dict[str, Any]) -> tuple[str, Place, Place]:
        """Predicate with its two places, None for the row's own, which comes first."""
        predicate = filter_space.OPERATORS[_operator(node)]
        a, b = (self._place(node, argument) for argument in _exactly(node, 2))
        if a is not None and b is None:
            return SWAPPED.get(predicate, predicate), b, a
        return predicate, a, b

    def _place(self, node: dict[str, Any], argument: Any) -> Place:
        if not isinstance(argument, dict):
            raise QueryError(f"{node['op']} needs the property 'geometry' or a geometry")
        if "property" not in argument:
            return filter_space.read_geometry(argument)
        if argument["property"] != "geometry" or not self._has_geometry():
            name, layer = str(argument["property"]), self.target.spec.id
            kind_of(self.target.spec, name)
            raise QueryError(f"'{name}' is no geometry of layer '{layer}'")
        return None

    def _relate(self, node: dict[str, Any]) -> Bool:
        predicate, a, b = self._spatial(node)
        t = self.target
        if a is not None and b is not None:
            return true() if getattr(shapely, predicate)(a, b) else false()
        if b is None:
            return self.grammar.relate_to_itself(t.table, predicate)
        return self.grammar.relate(t.table, predicate, b, t.indexed)

    def near(self, node: Any) -> Bool | None:
        """Index condition that holds wherever the condition does, or None."""
        if not self.target.indexed or not isinstance(node, dict):
            return None
        if _operator(node) not in filter_space.OPERATORS or _operator(node) == "s_disjoint":
            return None
        _, a, b = self._spatial(node)
        if a is not None or b is None:
            return None
        return self.grammar.near(self.target.table, bounds_of(b))

    # -- times

    def _period(self, node: Any) -> Period:
        if isinstance(node, dict) and "interval" in node:
            ends = node["interval"]
            if not isinstance(ends, list) or len(ends) != 2:
                raise QueryError(f"expected an interval of two ends, found {_short(ends)}")
            return Period(self._end(ends[0], -1), self._end(ends[1], 1))
        if isinstance(node, str):
            moment = filter_time.read_end(node, 1)
            return Period(moment, moment)
        moment = self._moment(node)
        return Period(moment, moment)

    def _end(self, node: Any, open_: Any) -> Bound:
        if isinstance(node, dict):
            return self._moment(node)
        return filter_time.read_end(node, open_)

    def _moment(self, node: Any) -> Operand:
        found = self.operand(node)
        if found.kind not in ("date", "datetime"):
            raise QueryError(f"expected a date or time, found {found.said} ({found.kind})")
        return found

    # -- values

    def operand(self, node: Any) -> Operand:
        if not isinstance(node, dict):
            return constant(node)
        if "property" in node:
            return self._property(node["property"])
        if "date" in node:
            return instant(parse_date(node["date"]))
        if "timestamp" in node:
            return instant(parse_timestamp(node["timestamp"]))
        operator = _operator(node)
        if operator in ARITHMETIC:
            a, b = (self.operand(a) for a in _exactly(node, 2))
            return arithmetic(self.grammar, operator, a, b)
        if operator in ("casei", "accenti"):
            inner = self.operand(_exactly(node, 1)[0])
            text = need(inner, "string", operator)
            fold = self.grammar.fold_case if operator == "casei" else self.grammar.fold_accents
            return Operand("string", fold(text), None, f"{operator}({inner.said})")
        if operator in filter_functions.FUNCTIONS:
            return filter_functions.call(operator, [self.operand(a) for a in _arguments(node)])
        if operator:
            return Operand("boolean", self.condition(node), None, f"{operator}(…)")
        raise QueryError(f"expected a property or a value, found {_short(node)}")

    def _property(self, name: Any) -> Operand:
        if not isinstance(name, str):
            raise QueryError(f"expected the name of a property, found {_short(name)}")
        if name == "geometry" and self._has_geometry():
            return Operand("geometry", self.target.table.c.geometry, None, name)
        kind = KINDS[kind_of(self.target.spec, name)]
        return Operand(kind, self.target.table.c[name], None, name)


def _arguments(node: dict[str, Any]) -> list[Any]:
    arguments = node.get("args")
    if not isinstance(arguments, list):
        raise QueryError(f"'{node.get('op')}' has no list of arguments")
    return arguments


def _exactly(node: dict[str, Any], number: int) -> list[Any]:
    arguments = _arguments(node)
    if len(arguments) != number:
        raise QueryError(f"'{node.get('op')}' takes {number} arguments, found {len(arguments)}")
    return arguments


def _short(node: Any) -> str:
    text = repr(node)
    return text if len(text) < 80 else text[:77] + "…"
