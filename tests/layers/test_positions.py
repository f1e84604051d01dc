"""Positions are kept by feed, day and cell; a batch is there whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers import h3grid
from layers.errors import OnemapError
from layers.positions import FIXES, IDENTITIES, TRUCK_FIXES, PositionStore, fix_ids, order_of

DAY_MS = 86_400_000
START = 18_443 * DAY_MS


def fixes(n: int, seed: int = 0, movers: int = 7) -> pa.Table:
    rng = np.random.default_rng(seed)
    mover = pa.array([f"{412000000 + i % movers:09d}" for i in range(n)], pa.string())
    t = START + rng.integers(0, 3 * DAY_MS, n)
    lon, lat = rng.uniform(121, 123, n), rng.uniform(30, 32, n)
    sog = rng.uniform(0, 9, n).astype(np.float32)
    pid = fix_ids(mover, t, lon, lat, sog, sog)
    cells = h3grid.cells_of_points(lon, lat, 8)
    nothing, flags = np.full(n, 255, np.uint8), np.zeros(n, np.uint16)
    columns = [mover, t, lon, lat, sog, sog, sog, nothing, nothing, pa.nulls(n, pa.string())]
    return pa.table([*columns, flags, cells, pid], schema=FIXES)


def test_scan_gives_rows_sorted_and_each_once(tmp_path: Path) -> None:
    store, table = PositionStore(tmp_path), fixes(500)
    assert store.write("ais", table, "one") == 500
    assert store.write("ais", table.slice(100, 200), "two") == 200
    found = store.scan("ais")
    keys = list(zip(*(found[name].to_pylist() for name in ("mover", "t", "pid")), strict=True))
    assert keys == sorted(set(keys)) and len(keys) == 500
    assert store.batches("ais") == ["one", "two"] and len(store.days("ais")) == 3


@pytest.mark.parametrize("rows", [1, 7, 50, 1000])
def test_spans_follow_each_other_and_hold_what_a_scan_gives(tmp_path: Path, rows: int) -> None:
    store, table = PositionStore(tmp_path), fixes(400)
    at_once = fixes(20, seed=3)
    at_once = at_once.set_column(1, "t", pa.array(np.full(20, START + DAY_MS)))
    for batch, part in {"one": table, "two": table.slice(100, 200), "three": at_once}.items():
        store.write("ais", part, batch)
    start, end = START + DAY_MS // 2, START + 2 * DAY_MS
    spans = list(store.spans("ais", start, end, rows, ["lon"]))
    edges = [since for since, *_ in spans] + [end]
    assert edges[0] == start and [until for _, until, _ in spans] == edges[1:]
    for since, until, found in spans:
        assert found == store.scan("ais", start_ms=since, end_ms=until, columns=["lon"])
    sizes = [found.num_rows for *_, found in spans]
    assert sum(sizes) == store.scan("ais", start_ms=start, end_ms=end).num_rows
    # As many as are of one moment may come on top.
    assert max(sizes) < rows + 20 and (len(spans) == 1) == (rows == 1000)
    assert [found.num_rows for *_, found in store.spans("gps", start, end, rows)] == [0]


def test_texts_are_compared_only_where_numbers_are_equal() -> None:
    first, second = np.array([1, 0, 1, 1, 0], np.int64), np.array([5, 9, 5, 4, 9], np.int64)
    for far in (0, 2**40, 2**62):
        keys = (first, second + far * first, first - first)
        texts = pa.chunked_array([["b", "d"], ["a", "z", "c"]])
        assert order_of(keys, texts).tolist() == [4, 1, 3, 2, 0]
    none = np.zeros(0, np.int64)
    assert order_of((none, none), pa.chunked_array([], pa.string())).tolist() == []


def test_writing_a_batch_again_replaces_it(tmp_path: Path) -> None:
    store = PositionStore(tmp_path)
    store.write("ais", fixes(300, seed=1), "b")
    assert store.write("ais", fixes(300, seed=1), "b") == 0
    store.write("ais", fixes(50, seed=2), "b")
    assert store.scan("ais").num_rows == 50
    kept = {p.name.split(".")[1] for p in tmp_path.rglob("*.parquet")}
    assert len(kept) == 1


def test_files_without_their_marker_are_not_read(tmp_path: Path) -> None:
    store = PositionStore(tmp_path)
    store.write("ais", fixes(40), "whole")
    store.write("ais", fixes(40, seed=9), "torn")
    (tmp_path / "feed=ais" / "_batches" / "torn.json").unlink()
    assert PositionStore(tmp_path).scan("ais").num_rows == 40


def test_filters_by_time_mover_and_box(tmp_path: Path) -> None:
    store, table = PositionStore(tmp_path), fixes(2000)
    store.write("ais", table, "b")
    frame = table.to_pandas()
    box = (121.4, 30.5, 121.9, 31.2)
    expected = frame[
        (frame["t"] >= START + DAY_MS) & (frame["t"] < START + 2 * DAY_MS)
        & frame["lon"].between(box[0], box[2]) & frame["lat"].between(box[1], box[3])
        & frame["mover"].isin(["412000001", "412000002"])
    ]  # fmt: skip
    found = store.scan(
        "ais", start_ms=START + DAY_MS, end_ms=START + 2 * DAY_MS,
        movers=["412000001", "412000002"], bbox=box,
    )  # fmt: skip
    assert len(expected) > 0
    assert sorted(found["pid"].to_pylist()) == sorted(expected["pid"])


def test_where_movers_were_is_told_without_reading_rows(tmp_path: Path) -> None:
    store, table = PositionStore(tmp_path), fixes(400, movers=40)
    store.write("ais", table, "b")
    names = store.state("ais")
    assert len(names) > 3 and store.state("ais", START, START + DAY_MS) < names
    for name in names:
        rows = store.part("ais", name, ["mover", "t", "lon", "lat"]).to_pandas()
        told = store.movers("ais", name)
        assert set(told) == set(rows["mover"])
        for mover, (start, end, *box) in told.items():
            own = rows[rows["mover"] == mover]
            assert (start, end) == (own["t"].min(), own["t"].max())
            low, high = own[["lon", "lat"]].min(), own[["lon", "lat"]].max()
            assert box == [*low.tolist(), *high.tolist()]
    # Files of before, without it, are told of alike.
    for path in (tmp_path / "feed=ais" / "_movers").iterdir():
        path.unlink()
    again = PositionStore(tmp_path)
    assert [again.movers("ais", name) for name in names] == [
        store.movers("ais", name) for name in names
    ]
    assert again.scan("ais", movers=["412000003"]).equals(store.scan("ais", movers=["412000003"]))


def test_only_files_that_hold_a_mover_are_read(tmp_path: Path) -> None:
    store = PositionStore(tmp_path)
    store.write("ais", fixes(40, movers=1), "one")
    two = fixes(40, seed=1, movers=2)
    store.write("ais", two.filter(pc.equal(two["mover"], "412000001")), "two")
    for path in (tmp_path / "feed=ais").rglob("two.*.parquet"):
        path.write_bytes(b"no parquet")
    assert store.scan("ais", movers=["412000000"]).num_rows == 40
    with pytest.raises(pa.ArrowInvalid):
        store.scan("ais", movers=["412000001"])


def test_what_is_told_of_a_replaced_batch_goes_with_it(tmp_path: Path) -> None:
    store = PositionStore(tmp_path)
    store.write("ais", fixes(300, seed=1), "b")
    store.write("ais", fixes(50, seed=2), "b")
    assert len(list((tmp_path / "feed=ais" / "_movers").iterdir())) == 1


def test_an_empty_feed_has_its_columns(tmp_path: Path) -> None:
    store = PositionStore(tmp_path)
    assert store.scan("ais").schema.equals(FIXES)
    assert store.scan("ais_identity").schema.equals(IDENTITIES)
    assert store.scan("gps").schema.equals(TRUCK_FIXES)


@pytest.mark.parametrize("older", ["a", "z"])
def test_trucks_of_files_without_a_recorder_are_read_with_others(
    older: str, tmp_path: Path
) -> None:
    store, told = PositionStore(tmp_path), fixes(20, seed=2)
    store.write("gps", fixes(10, seed=1), older)
    for column in TRUCK_FIXES.names[len(FIXES) :]:
        told = told.append_column(
            TRUCK_FIXES.field(column), pa.array([5.0] * 20).cast(TRUCK_FIXES.field(column).type)
        )
    store.write("gps", told, "m")
    found = store.scan("gps")
    assert found.schema.equals(TRUCK_FIXES) and found.num_rows == 30
    assert found["recorder_mps"].null_count == found["mileage_m"].null_count == 10


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 200])
def test_names_that_are_no_file_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OnemapError):
        PositionStore(tmp_path).write("ais", fixes(1), name)
    with pytest.raises(OnemapError):
        PositionStore(tmp_path).scan("../ais")


@given(st.integers(0, 2**31), st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_ids_depend_on_content_only(seed: int, n: int) -> None:
    table = fixes(n, seed)
    order = np.random.default_rng(seed).permutation(n)
    shuffled = table.take(pa.array(order))
    again = fix_ids(
        shuffled["mover"].combine_chunks(),
        *(shuffled[c].to_numpy() for c in ("t", "lon", "lat", "sog_mps", "cog_deg")),
    )
    assert again.to_pylist() == shuffled["pid"].to_pylist()
    assert all(len(pid) == 16 and int(pid, 16) >= 0 for pid in again.to_pylist())


def test_arrow_gives_back_what_was_read_unless_told_otherwise() -> None:
    asked = "import layers, pyarrow; print(pyarrow.default_memory_pool().backend_name)"
    for told, pool in ({}, "system"), ({"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}, "mimalloc"):
        around = {k: v for k, v in os.environ.items() if k != "ARROW_DEFAULT_MEMORY_POOL"}
        done = subprocess.run(
            [sys.executable, "-c", asked], env=around | told, capture_output=True, check=True
        )
        if pool in pa.supported_memory_backends():
            assert done.stdout.decode().strip() == pool
