"""Total orders and keyset paging: nulls last, ``fid`` last, nothing twice and nothing left out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, literal, or_

from layers.errors import QueryError
from layers.query import Query
from layers.spec import LayerSpec, PropertyType
from layers.store.grammar import Grammar
from layers.store.tables import instant_text

_INT64 = 2**63
SYSTEM_TYPES: dict[str, PropertyType] = {
    "fid": "string",
    "h3": "integer",
    "jurisdiction": "string",
    "valid_from": "datetime",
    "updated_at": "datetime",
    "source": "string",
}


@dataclass(frozen=True)
class Key:
    """One key of an order on a named column."""

    name: str
    kind: PropertyType
    descending: bool


def known_names(spec: LayerSpec) -> list[str]:
    """Names that a query may use for this layer."""
    return [*(p.name for p in spec.properties), *SYSTEM_TYPES]


def kind_of(spec: LayerSpec, name: str) -> PropertyType:
    """Type of a property or system column.

    Raises
    ------
    QueryError
        naming the unknown property and the known ones.
    """
    for p in spec.properties:
        if p.name == name:
            return p.type
    if name in SYSTEM_TYPES:
        return SYSTEM_TYPES[name]
    raise QueryError(
        f"layer '{spec.id}' has no property {name!r}; it has {', '.join(known_names(spec))}"
    )


def keys_of(spec: LayerSpec, query: Query) -> list[Key]:
    """Keys of a query's order, closed by ``fid``; QueryError for one that can't be sorted by."""
    keys: list[Key] = []
    for wanted in query.sort:
        kind = kind_of(spec, wanted.property)
        if kind == "json":
            raise QueryError(f"'{wanted.property}' is a nested value and has no order")
        keys.append(Key(wanted.property, kind, wanted.descending))
        if wanted.property == "fid":
            return keys
    return [*keys, Key("fid", "string", False)]


def order_by(grammar: Grammar, relation: FromClause, keys: list[Key]) -> list[ColumnElement[Any]]:
    """ORDER BY terms."""
    terms: list[ColumnElement[Any]] = []
    for key in keys:
        column = relation.c[key.name]
        if key.name == "fid":
            terms.append(column.desc() if key.descending else column.asc())
        else:
            terms += grammar.nulls_last(column, key.descending)
    return terms


def behind(relation: FromClause, keys: list[Key], after: tuple[Any, ...]) -> ColumnElement[bool]:
    """Condition that a row comes behind the row whose key is given.

    Raises
    ------
    QueryError
        where the key doesn't belong to this order.
    """
    if len(after) != len(keys):
        raise QueryError(f"the paging key has {len(after)} parts, this order has {len(keys)}")
    condition: ColumnElement[bool] | None = None
    for key, given in zip(reversed(keys), reversed(after), strict=True):
        column, value = relation.c[key.name], parse_key(key, given)
        if value is None:
            rest = column.is_(None)
            condition = rest if condition is None else and_(rest, condition)
            continue
        # A bound value with a type: SQLAlchemy refuses to order by a bare True or False.
        value = literal(value, column.type)
        beyond = column < value if key.descending else column > value
        if condition is None:
            condition = beyond
        else:
            condition = or_(beyond, column.is_(None), and_(column == value, condition))
    assert condition is not None
    return condition


def parse_key(key: Key, value: Any) -> Any:
    """Read a part of a paging key as the column's Python type; QueryError for another type."""
    if value is None and key.name != "fid":
        return None
    try:
        if key.kind == "datetime":
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        if key.kind == "date":
            return value if isinstance(value, date) else date.fromisoformat(value)
    except (TypeError, ValueError, OverflowError) as failure:
        raise QueryError(f"paging key: '{key.name}' can't be {value!r}") from failure
    kinds: dict[str, tuple[type, ...]] = {
        "string": (str,),
        "integer": (int,),
        "number": (int, float),
        "boolean": (bool,),
    }
    fits = isinstance(value, kinds[key.kind]) and (key.kind == "boolean") == (type(value) is bool)
    if not fits or (key.kind == "integer" and not -_INT64 <= value < _INT64):
        raise QueryError(f"paging key: '{key.name}' can't be {value!r}")
    return value


def format_key(value: Any) -> Any:
    """Write a part of a paging key as plain JSON value."""
    if isinstance(value, datetime):
        return instant_text(value)
    return value.isoformat() if isinstance(value, date) else value
