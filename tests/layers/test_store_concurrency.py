"""Readers beside a writer, and writers that are killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from layers.city import City
from layers.query import Query, SortKey
from layers.store import Store, open_store
from tests.layers.conftest import MONDAY, make_rows, make_spec, put

MARK = make_spec()


def many(n: int, first: int = 0, **columns: Any) -> Any:
    random = np.random.default_rng(1)
    shapes = shapely.points(121 + random.random(n), 31 + random.random(n))
    return make_rows([f"n{i:06}" for i in range(first, first + n)], shapes, **columns)


def test_readers_see_whole_commits_only(store: Store) -> None:
    """Each commit raises every row's number: a reader never sees two numbers, nor half the rows."""
    store.create(MARK)
    put(store, MARK, many(700, lamps=[0] * 700))
    done, torn = threading.Event(), []

    def read() -> None:
        while not done.is_set():
            page = store.page(Query("mark", properties=("lamps",)))
            if len(page.fids) != 700 or len({row[0] for row in page.rows}) != 1:
                torn.append(page)
            frame = store.frame(Query("mark"))
            if len(frame) != 700 or frame["lamps"].nunique() != 1:
                torn.append(frame)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(1, 8):
        put(store, MARK, many(700, lamps=[number] * 700), MONDAY + timedelta(hours=number))
    done.set()
    for reader in readers:
        reader.join()
    assert not torn


def test_writers_wait_for_each_other(store: Store) -> None:
    store.create(MARK)

    def write(worker: int) -> None:
        for step in range(5):
            put(store, MARK, make_rows([f"{worker}-{step}"]))

    writers = [threading.Thread(target=write, args=(w,)) for w in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert store.count(Query("mark")) == 20


def test_a_frame_stream_stays_at_its_commit(store: Store) -> None:
    store.create(MARK)
    put(store, MARK, many(300, lamps=[0] * 300))
    stream = store.frames(Query("mark"), size=100)
    first = next(stream)
    put(store, MARK, many(300, lamps=[1] * 300), MONDAY + timedelta(hours=1))
    parts = [first, *stream]
    assert [len(p) for p in parts] == [100, 100, 100]
    assert {int(n) for p in parts for n in p["lamps"]} == {0}


@pytest.mark.parametrize("descending", [False, True])
def test_paging_beside_a_writer_neither_repeats_nor_skips(store: Store, descending: bool) -> None:
    """Rows that stand throughout come exactly once, whatever comes and goes around them."""
    store.create(MARK)
    steady = [f"s{i:03}" for i in range(60)]
    put(store, MARK, make_rows(steady, lamps=[i % 7 for i in range(60)]))
    random = np.random.default_rng(3)
    seen: list[str] = []
    question = Query("mark", sort=(SortKey("lamps", descending),), limit=5)
    after, passing = None, 0
    while True:
        page = store.page(question.but(after=after))
        seen += page.fids
        if page.next is None:
            break
        after = page.next
        at = MONDAY + timedelta(minutes=passing)
        gone = [f"x{passing - 3:03}"]
        new = make_rows([f"x{passing:03}"], lamps=[int(random.integers(0, 7))])
        with store.transaction() as tx:
            tx.upsert(MARK, new, at=at, source="test")
            tx.delete(MARK, gone, at=at)
        passing += 1
    kept = [fid for fid in seen if fid.startswith("s")]
    assert sorted(kept) == steady
    assert len(set(seen)) == len(seen)


def _write_without_end(url: str, folder: Path, ready: Any) -> None:
    store = open_store(url, City(folder))
    store.create(MARK)
    with store.transaction() as tx:
        tx.put_state("offset", b"never")
        tx.upsert(MARK, many(3_000, lamps=[9] * 3_000), at=MONDAY, source="killed")
        tx.delete(MARK, [f"n{i:06}" for i in range(50)], at=MONDAY)
        ready.set()
        threading.Event().wait()


def test_a_killed_writer_leaves_the_last_commit(
    store: Store, store_url: str, tiny_folder: Path, tiny_city: City
) -> None:
    store.create(MARK)
    with store.transaction() as tx:
        tx.upsert(MARK, many(1_000, lamps=[1] * 1_000), at=MONDAY, source="kept")
        tx.put_state("offset", b"7")
    before = store.page(Query("mark"))
    extent = store.extent(Query("mark"))
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Event()
    writer = spawn.Process(target=_write_without_end, args=(store_url, tiny_folder, ready))
    writer.start()
    assert ready.wait(120)
    assert writer.pid is not None
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    for opened in (store, open_store(store_url, tiny_city)):
        opened.create(MARK)
        assert opened.page(Query("mark")) == before
        assert opened.state("offset") == b"7"
        assert opened.extent(Query("mark")) == extent
        assert opened.count(Query("mark", bbox=(120, 30, 123, 33))) == 1_000
    put(store, MARK, many(1, first=1_000))
    assert store.count(Query("mark")) == 1_001
    opened.close()
