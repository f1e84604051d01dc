"""The log of changes: in order, whole, bounded, part of the transaction."""

from __future__ import annotations

import threading

import pytest

from layers.city import City
from layers.store import Store, open_store
from layers.store import changes as log
from tests.layers.conftest import DAY, MONDAY, make_rows, make_spec, put

ALERT = make_spec("finding").model_copy(update={"domain": "operations"})
OTHER = make_spec("other")


def told(store: Store, after: int = 0) -> list[tuple[str, str]]:
    return [(change.kind, change.fid) for change in store.changes(after)]


def units(codes: list[str], unit: str) -> object:
    rows = make_rows(codes, name=["x"] * len(codes))
    rows["jurisdiction"] = [unit] * len(codes)
    return rows


def test_what_happens_to_rows_is_logged_in_order(store: Store) -> None:
    store.create(ALERT)
    assert store.changes(0) == [] and store.change_ends() == (1, 0)
    put(store, ALERT, units(["a", "b"], "east"))
    put(store, ALERT, units(["a", "b"], "east"))
    moved = units(["b"], "west")
    put(store, ALERT, moved, MONDAY + DAY)
    with store.transaction() as tx:
        tx.delete(ALERT, ["a", "none"], at=MONDAY + 2 * DAY)
    assert told(store) == [("created", "a"), ("created", "b"), ("updated", "b"), ("deleted", "a")]
    changes = store.changes(0)
    numbers = [change.number for change in changes]
    assert numbers == sorted(set(numbers)) and store.change_ends() == (numbers[0], numbers[-1])
    assert [(c.before, c.jurisdiction) for c in changes] == [
        (None, "east"), (None, "east"), ("east", "west"), ("east", None),
    ]  # fmt: skip
    assert [c.at for c in changes[1:]] == [MONDAY, MONDAY + DAY, MONDAY + 2 * DAY]
    assert store.changes(numbers[1]) == changes[2:] and store.changes(0, 1) == changes[:1]


def test_layers_that_come_in_bulk_are_not_logged(store: Store) -> None:
    store.create(OTHER)
    put(store, OTHER, make_rows(["a"]))
    assert store.changes(0) == []


def test_what_is_undone_was_never_told(store: Store) -> None:
    store.create(ALERT)
    with pytest.raises(RuntimeError), store.transaction() as tx:
        tx.upsert(ALERT, make_rows(["a"]), at=MONDAY, source="test")
        raise RuntimeError
    assert store.changes(0) == []
    put(store, ALERT, make_rows(["b"]))
    assert told(store) == [("created", "b")]


def test_only_the_newest_are_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "KEPT", 5)
    store.create(ALERT)
    for start in range(0, 9, 3):
        put(store, ALERT, make_rows([f"{i}" for i in range(start, start + 3)]))
    assert [fid for _, fid in told(store)] == ["4", "5", "6", "7", "8"]
    oldest, newest = store.change_ends()
    assert newest - oldest == 4
    with store.transaction() as tx:
        tx.delete(ALERT, [f"{i}" for i in range(9)], at=MONDAY)
    assert store.change_ends()[1] > newest, "no number is used twice"


def test_a_reader_of_many_writers_misses_nothing_and_reads_nothing_twice(
    store: Store, store_url: str, tiny_city: City
) -> None:
    store.create(ALERT)
    second = open_store(store_url, tiny_city)
    second.create(ALERT)
    number, writers = 20, (store, second)

    def write(into: Store, prefix: str) -> None:
        for i in range(number):
            put(into, ALERT, make_rows([f"{prefix}{i}"]))

    threads = [
        threading.Thread(target=write, args=(s, p)) for s, p in zip(writers, "xy", strict=True)
    ]
    for thread in threads:
        thread.start()
    seen: list[str] = []
    after = 0
    while len(seen) < 2 * number:
        for change in store.changes(after, 7):
            seen.append(change.fid)
            after = change.number
        assert any(t.is_alive() for t in threads) or store.changes(after) or len(seen) == 2 * number
    for thread in threads:
        thread.join()
    second.close()
    assert len(set(seen)) == len(seen) == 2 * number and store.changes(after) == []
