"""States in parts: what is written is what changed, and all parts give the state."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import orjson
from hypothesis import given
from hypothesis import strategies as st

from analytics.rule import State
from analytics.state import Parts

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
NUMBERS = st.integers(-(2**53), 2**53)
VALUES = NUMBERS | TEXTS | st.lists(NUMBERS, max_size=3)
KEYS = TEXTS.filter(bool)
STATES = st.fixed_dictionaries(
    {
        "movers": st.dictionaries(KEYS, VALUES, max_size=5),
        "told": st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, max_size=2), max_size=3),
        "count": VALUES,
    }
)


def start() -> State:
    return {"movers": {}, "told": {}, "count": 0}


def apply(store: dict[str, bytes], parts: Parts) -> dict[str, bytes]:
    """What a store holds after a difference; and what of it was put."""
    changed, gone = parts.difference()
    for part in gone:
        del store[part]
    store.update(changed)
    return changed


@given(st.lists(STATES, min_size=1, max_size=4))
def test_differences_add_up_to_the_state(states: list[dict[str, Any]]) -> None:
    store: dict[str, bytes] = {}
    parts = Parts({}, start())
    for state in states:
        parts.state.clear()
        parts.state.update(copy.deepcopy(state))
        apply(store, parts)
        assert Parts(store, start()).state == state
        assert apply(store, parts) == {}


def test_only_what_changed_is_put() -> None:
    store: dict[str, bytes] = {}
    parts = Parts({}, start())
    parts.state["movers"] |= {"1/5": [1], "2": [2], "3": [3]}
    apply(store, parts)
    parts.state["movers"]["2"].append(4)
    del parts.state["movers"]["3"]
    assert apply(store, parts) == {"movers/2": b"[2,4]"}
    assert Parts(store, start()).state["movers"] == {"1/5": [1], "2": [2, 4]}


def test_a_tuple_is_put_where_another_one_stands_in_its_place() -> None:
    store: dict[str, bytes] = {}
    parts = Parts({}, {})
    parts.state["412000001"] = (1, np.array([[1.5, 2.0]]), None)
    apply(store, parts)
    assert apply(store, parts) == {}
    parts.state["412000001"] = (2, np.array([[1.5, 2.0]]), None)
    assert list(map(orjson.loads, apply(store, parts).values())) == [[2, [[1.5, 2.0]], None]]
    parts.state.clear()
    apply(store, parts)
    assert store == {}
    # The same object in place again, after it was gone.
    parts.state["412000001"] = kept = (3,)
    apply(store, parts)
    parts.state.clear()
    apply(store, parts)
    parts.state["412000001"] = kept
    assert apply(store, parts) == {"412000001": b"[3]"}
