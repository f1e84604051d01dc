"""Questions beyond all measure are refused as questions, not failed as a store."""

from __future__ import annotations

import gc
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import shapely

from layers.errors import QueryError
from layers.query import Query, SortKey, TimeInterval
from layers.store import Store, functions
from layers.store.filter_size import check_size, names_of
from layers.store.filter_text import parse_cql2_text
from tests.layers.conftest import MONDAY, make_rows, make_spec, put

MARK = make_spec()


@pytest.fixture
def marks(store: Store) -> Store:
    store.create(MARK)
    rows = make_rows(list("abc"), lamps=[1, 2, 3], height_m=[1e308, 2.0, 3.0], seen_at=[MONDAY] * 3)
    put(store, MARK, rows)
    return store


def ask(store: Store, text: str) -> list[str]:
    return store.page(Query("mark", where=parse_cql2_text(text))).fids


def test_geometries_of_one_question_do_not_push_each_other_out(marks: Store) -> None:
    far = [f"S_WITHIN(geometry, POINT({i % 90} {i // 90}))" for i in range(700)]
    text = " OR ".join(["S_WITHIN(geometry, POINT(121.5 31.2))", *far])
    assert ask(marks, text) == ["a"]


def test_a_geometry_is_kept_as_long_as_its_question() -> None:
    point = shapely.Point(100.25, 2)
    one, other = functions.keep(point), functions.keep(point)
    name, same, body = str(one), one is other, one.body
    assert same and body == shapely.to_wkb(point) and name in functions._kept
    del one, other
    gc.collect()
    assert name not in functions._kept


def test_a_remainder_of_what_is_infinite_is_null_or_refused(marks: Store) -> None:
    """PostgreSQL refuses what overflows, SQLite goes on with infinity."""
    try:
        assert ask(marks, "(height_m * 10) % 3 = 1 OR lamps = 2") == ["b"]
    except QueryError as refused:
        assert "can't be computed" in str(refused)


def test_a_chain_that_the_database_can_not_hold_is_refused(marks: Store) -> None:
    chain = " and ".join(["lamps = lamps"] * 1900)
    try:
        assert ask(marks, chain) == ["a", "b", "c"]
    except QueryError as refused:
        assert "too large" in str(refused)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lamps", 2**63),
        ("lamps", -(2**63) - 1),
        ("seen_at", datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23)))),
    ],
)
def test_a_paging_key_beyond_the_column_is_refused(marks: Store, name: str, value: Any) -> None:
    with pytest.raises(QueryError, match="paging key"):
        marks.page(Query("mark", sort=(SortKey(name),), after=(value, "a")))


def test_the_end_of_time_can_be_asked_for(marks: Store) -> None:
    late = TimeInterval(datetime.max.replace(tzinfo=UTC), None)
    assert marks.page(Query("mark", time=late)).fids == []


@pytest.mark.parametrize("key", ["coordinates", "geometries"])
def test_depth_can_not_hide_beside_coordinates(key: str) -> None:
    node: dict[str, Any] = {"op": "not", "args": [True]}
    for _ in range(400):
        node = {"op": "not", key: 1, "args": [node]}
    with pytest.raises(QueryError, match="deeper"):
        check_size(node)
    nested: list[Any] = []
    for _ in range(400):
        nested = [nested]
    with pytest.raises(QueryError, match="deeper"):
        check_size({"op": "and", "args": nested})


def test_the_names_that_a_filter_speaks_of() -> None:
    text = "a = 1 AND (CASEI(b) LIKE 'x' OR NOT c + d > 2) AND S_WITHIN(geometry, POINT(1 2))"
    assert names_of(parse_cql2_text(text)) == {"a", "b", "c", "d", "geometry"}
