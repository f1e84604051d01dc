"""Rows of hand-overs between nodes: ids, reading, writing."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from cases.case_rows import Row, frame_of, plain
from layers.city import City
from layers.query import Query, SortKey
from layers.store.base import Transaction

LAYER = "case_exchange"
# Where nodes take cases of others, and the kind of notice that tells how they stand.
CASES, STATUS = "/exchange/cases", "exchange_status"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "onemap.exchange")
_SOURCE = "exchange"
_CHUNK = 500


def exchange_id(node: str, case_id: str, number: int) -> str:
    """Id of a node's hand-over of a case, the first being number 1."""
    return str(uuid.uuid5(NAMESPACE, f"{node}\n{case_id}\n{number}"))


def taken_id(peer: str, exchange: str) -> str:
    """Id under which a hand-over of a peer is kept here; no peer can meet another's."""
    return f"in.{peer}.{exchange}"


def read_exchange(unit: Transaction, ident: str) -> Row | None:
    """One hand-over, None where there is none."""
    found = _rows(unit, Query(LAYER, fids=(ident,)))
    return found[0] if found else None


def exchanges_of(unit: Transaction, case_id: str, direction: Literal["in", "out"]) -> list[Row]:
    """Hand-overs of a case to others or from others, the oldest first."""
    same = [
        {"op": "=", "args": [{"property": "case_id"}, case_id]},
        {"op": "=", "args": [{"property": "direction"}, direction]},
    ]
    where = {"op": "and", "args": same}
    return _rows(unit, Query(LAYER, where=where, sort=(SortKey("handed_at"),)))


def taken_of(unit: Transaction, cases: Iterable[str]) -> dict[str, list[Row]]:
    """Hand-overs of cases from others, by case."""
    wanted = sorted(set(cases))
    found: dict[str, list[Row]] = defaultdict(list)
    for start in range(0, len(wanted), _CHUNK):
        same = [
            {"op": "in", "args": [{"property": "case_id"}, wanted[start : start + _CHUNK]]},
            {"op": "=", "args": [{"property": "direction"}, "in"]},
        ]
        for row in _rows(unit, Query(LAYER, where={"op": "and", "args": same})):
            found[row["case_id"]].append(row)
    return dict(found)


def put_exchange(unit: Transaction, city: City, row: Row, at: datetime) -> None:
    """Keep a hand-over."""
    spec = city.layer(LAYER)
    unit.upsert(spec, frame_of(spec, [row | {"geometry": None}]), at=at, source=_SOURCE)


def _rows(unit: Transaction, asked: Query) -> list[Row]:
    page = unit.page(asked)
    return [
        {name: plain(value) for name, value in zip(page.names, row, strict=True)}
        for row in page.rows
    ]
