"""Batches that are merged read as before: before, meanwhile, afterwards, and after a kill."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from layers import h3grid, position_merge, position_store
from layers.position_merge import KEPT, BusyError, Merger, groups, merge, sweep, tidy
from layers.positions import FIXES, TRUCK_FIXES, PositionStore
from tests.layers import test_positions
from tests.layers.test_positions import DAY_MS, START

AT = datetime(2020, 7, 1, tzinfo=UTC)
LATER = AT + KEPT
BOX = (121.2, 30.3, 121.5, 30.6)


def fixes(rows: int, seed: int, movers: int = 3) -> pa.Table:
    """Positions of two days in one cell or two."""
    wide = test_positions.fixes(40 * rows, seed, movers).to_pandas()
    near = (wide["t"] < START + 2 * DAY_MS) & wide["lon"].between(121.1, 121.6)
    near &= wide["lat"].between(30.2, 30.7)
    return pa.Table.from_pandas(wide[near][:rows], FIXES, preserve_index=False)


class Killed(BaseException):
    """Stands for the end of the process."""


def names(count: int, series: str = "live-a") -> list[str]:
    return [f"{series}-{number:09d}" for number in range(count)]


def fill(store: PositionStore, count: int, rows: int = 6, series: str = "live-a") -> None:
    for number, name in enumerate(names(count, series)):
        store.write("ais", fixes(rows, seed=number), name)


def read(root: Path) -> list[pa.Table]:
    """All that a reader may ask, of a store that remembers nothing."""
    store = PositionStore(root)
    return [
        store.scan("ais"),
        store.scan("ais", start_ms=START + DAY_MS, end_ms=START + 2 * DAY_MS),
        store.scan("ais", bbox=BOX, columns=["receiver", "lon"]),
        store.scan("ais", movers=["412000001"]),
    ]


def files(root: Path) -> set[Path]:
    return {path for path in root.rglob("*.*") if path.is_file() and path.suffix != ".lock"}


def quiet(done: int, total: int, what: str) -> None:
    pass


@contextmanager
def each_step(step: Callable[[], None]) -> Iterator[None]:
    """Call something before each file that is written or removed."""
    with pytest.MonkeyPatch.context() as patch:
        write, unlink = position_store._replace, Path.unlink

        def writes(path: Path, content: bytes) -> None:
            step()
            write(path, content)

        def unlinks(path: Path, missing_ok: bool = False) -> None:
            step()
            unlink(path, missing_ok)

        patch.setattr(position_store, "_replace", writes)
        patch.setattr(Path, "unlink", unlinks)
        yield


@given(st.randoms(use_true_random=False), st.integers(2, 6), st.integers(1, 30))
@settings(max_examples=10, deadline=None)
def test_any_merge_of_any_split_reads_the_same(chance: random.Random, many: int, rows: int) -> None:
    whole = fixes(rows, seed=rows)
    with TemporaryDirectory() as folder:
        root, store = Path(folder), PositionStore(Path(folder))
        for number, name in enumerate(names(many)):
            # Some rows come several times, as other receivers heard them.
            chosen = sorted(chance.sample(range(rows), chance.randint(1, rows)))
            part = whole.take(chosen)
            at = part.schema.get_field_index("receiver")
            heard = pa.array([f"r{number}"] * part.num_rows, pa.string())
            store.write("ais", part.set_column(at, part.schema.field(at), heard), name)
        expected = read(root)
        while len(standing := store.batches("ais")) > 1:
            first = chance.randrange(len(standing) - 1)
            last = chance.randint(first + 2, len(standing))
            merge(store, "ais", standing[first:last], at=AT)
            assert read(root) == expected
        assert store.rows("ais") == expected[0].num_rows
        sweep(store, "ais", at=LATER)
        assert read(root) == expected and len(list(root.rglob("_batches/*"))) == 1
        for path in root.rglob("*.parquet"):
            part = pq.read_table(path, partitioning=None)
            day = (part["t"].to_numpy() // DAY_MS * DAY_MS).astype("datetime64[ms]")
            cells = h3grid.parents(part["h3"].to_numpy(), 3)
            assert {f"day={d}" for d in day.astype("datetime64[D]")} == {path.parts[-3]}
            assert {f"cell={h3grid.format_cell(c)}" for c in cells} == {path.parts[-2]}


def test_nothing_is_lost_or_doubled_while_it_merges_and_removes(tmp_path: Path) -> None:
    store = PositionStore(tmp_path)
    fill(store, 7)
    expected, rows, steps = read(tmp_path), store.rows("ais"), 0

    def look() -> None:
        nonlocal steps
        steps += 1
        # A reader that remembers, too.
        assert read(tmp_path) == expected and store.rows("ais") == rows

    with each_step(look):
        merged = merge(store, "ais", names(3), at=AT)
        merge(store, "ais", [merged, *names(6)[3:]], at=AT + timedelta(seconds=1))
        assert sweep(store, "ais", at=LATER - timedelta(seconds=1)) == 0
        # Of a batch merged twice the first ones go first.
        assert sweep(store, "ais", at=LATER) > 2 and merged in store.markers("ais")
        assert sweep(store, "ais", at=LATER + timedelta(seconds=1)) > 3
    assert steps > 30
    assert read(tmp_path) == expected and len(store.markers("ais")) == 2


def test_killed_at_any_step_it_loses_and_doubles_nothing(tmp_path: Path) -> None:
    fatal, killed = 0, True
    while killed:
        root, left = tmp_path / str(fatal), fatal
        store = PositionStore(root)
        fill(store, 4, rows=3)
        expected, rows = read(root), store.rows("ais")

        def die() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed

        def work(store: PositionStore) -> None:
            for at in (AT, LATER):
                tidy(store, "ais", at=at, report=quiet)

        try:
            with each_step(die):
                merge(store, "ais", names(2), at=AT - KEPT / 2)
                work(store)
            killed = False
        except Killed:
            assert read(root) == expected and PositionStore(root).rows("ais") == rows
        work(PositionStore(root))
        tidy(PositionStore(root), "ais", at=LATER + KEPT, report=quiet)
        assert read(root) == expected and store.rows("ais") == rows
        stems = {position_store.stem(*item) for item in store.standing("ais").items()}
        assert {path.stem for path in files(root)} == stems | set(store.batches("ais"))
        fatal += 1
    assert fatal > 25


def test_a_reader_that_listed_files_before_finds_them(tmp_path: Path) -> None:
    store, reader = PositionStore(tmp_path), PositionStore(tmp_path)
    fill(store, 5)
    listed, expected = reader.state("ais"), read(tmp_path)
    merge(store, "ais", names(4), at=AT)
    sweep(store, "ais", at=LATER - timedelta(seconds=1))
    for name in listed:
        rows = reader.part("ais", name, ["mover", "t", "lon", "lat"])
        assert reader.movers("ais", name) == position_store.summary(rows)
    assert reader.state("ais") != listed
    sweep(store, "ais", at=LATER)
    # One that listed them longer ago asks again.
    with pytest.MonkeyPatch.context() as patch:
        fresh, given = reader._paths, [[str(store.folder("ais") / name) for name in listed]]
        patch.setattr(reader, "_paths", lambda *a: given.pop() if given else fresh(*a))
        assert reader.scan("ais") == expected[0] and not given
    with pytest.raises(FileNotFoundError):
        PositionStore(tmp_path).movers("ais", listed[0])
    told = [reader.movers("ais", name) for name in reader.state("ais")]
    assert {mover for movers in told for mover in movers} == set(expected[0]["mover"].to_pylist())


def test_a_batch_written_anew_after_it_was_merged_is_read(tmp_path: Path) -> None:
    store = PositionStore(tmp_path)
    fill(store, 4)
    merge(store, "ais", names(3), at=AT)
    assert store.write("ais", fixes(6, seed=1), names(4)[1]) == 0
    store.write("ais", fixes(5, seed=77), names(4)[1])
    expected = read(tmp_path)
    assert expected[0].num_rows == 29
    sweep(store, "ais", at=LATER)
    assert read(tmp_path) == expected and names(4)[1] in store.batches("ais")
    tidy(store, "ais", at=LATER, report=quiet)
    assert read(tmp_path) == expected and len(store.batches("ais")) == 2


def test_files_taken_in_and_the_last_of_a_feed_stay(tmp_path: Path) -> None:
    store = PositionStore(tmp_path)
    fill(store, 4)
    fill(store, 3, series="terminals-1-b")
    for number in range(3):
        store.write("ais", fixes(5, seed=50 + number), f"harbour-log-{number:05d}")
    assert list(groups(store.standing("ais"), whole=True)) == [
        names(3),
        names(2, "terminals-1-b"),
    ]
    steps: list[tuple[int, int, str]] = []
    done = tidy(store, "ais", at=AT, report=lambda *step: steps.append(step))
    assert steps == [(3, 5, "ais"), (5, 5, "ais")]
    assert done.before > done.after > 0 == done.removed and done.waiting > 5
    assert len(store.batches("ais")) == 7 and set(store.batches("ais")) >= {
        "harbour-log-00000", names(4)[3], names(3, "terminals-1-b")[2],
    }  # fmt: skip
    again = tidy(store, "ais", at=LATER, report=quiet)
    assert again == position_merge.Tidied(done.after, done.after, done.waiting, 0)


def test_trucks_of_files_without_a_recorder_are_merged_with_others(tmp_path: Path) -> None:
    store = PositionStore(tmp_path)
    for number, name in enumerate(names(4, "terminals-1-b")):
        table = fixes(10, seed=number)
        for column in TRUCK_FIXES.names[len(table.schema) :] if number % 2 else ():
            field = TRUCK_FIXES.field(column)
            table = table.append_column(field, pa.array([5.0] * 10).cast(field.type))
        store.write("gps", table, name)
    expected = store.scan("gps")
    tidy(store, "gps", at=AT, report=quiet)
    assert len(store.batches("gps")) == 2 and store.scan("gps") == expected


def test_a_long_feed_leaves_few_files_and_writes_rows_again_a_few_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(position_merge, "LARGE", 100)
    store, merger, written = PositionStore(tmp_path), Merger(tmp_path, ("ais", "gone"), 3), [0]
    keep = PositionStore.write

    def write(self: PositionStore, feed: str, table: pa.Table, name: str, *more: object) -> int:
        written[0] += table.num_rows
        return keep(self, feed, table, name, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(PositionStore, "write", write)
    whole = fixes(300, seed=1)
    for number, name in enumerate(names(150)):
        store.write("ais", whole.slice(2 * number, 2), name)
        merger.note(AT + timedelta(seconds=30 * number))
        merger.wait()
    assert sorted(store.scan("ais")["pid"].to_pylist()) == sorted(whole["pid"].to_pylist())
    sizes = [content["rows"] for content in store.standing("ais").values()]
    assert sizes[0] >= 100 and len(sizes) < 15
    # Of ten minutes the batches that were merged are still there, and those that made of them.
    assert len(store.markers("ais")) < 60
    assert 2 * 300 < written[0] < 8 * 300


def test_a_merge_that_fails_is_logged_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, merger = PositionStore(tmp_path), Merger(tmp_path, ["ais"], 2)
    fill(store, 4)
    expected = read(tmp_path)

    def full(*given: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(position_store, "_replace", full)
        for _ in range(2):
            merger.note(AT)
        merger.wait()
    assert [log["event"] for log in logs] == ["positions_not_merged"]
    assert store.batches("ais") == names(4) and read(tmp_path) == expected
    merger.note(AT)
    merger.wait()
    assert store.batches("ais") == names(4)
    merger.note(AT)
    merger.wait()
    assert len(store.batches("ais")) == 2 and read(tmp_path) == expected


def test_one_process_merges_at_a_time(tmp_path: Path) -> None:
    store, merger = PositionStore(tmp_path), Merger(tmp_path, ["ais"], 1)
    fill(store, 4)

    def meanwhile(done: int, total: int, what: str) -> None:
        with pytest.raises(BusyError, match="another process merges positions of feed ais"):
            tidy(PositionStore(tmp_path), "ais", at=AT, report=quiet)
        merger.note(AT)
        merger.wait()

    with capture_logs() as logs:
        tidy(store, "ais", at=AT, report=meanwhile)
    # It is no failure: the next merge takes what is left.
    assert not [log for log in logs if log["log_level"] != "info"]
    assert len(store.batches("ais")) == 2
