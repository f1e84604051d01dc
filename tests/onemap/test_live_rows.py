"""Weighings and camera detections are judged live as they are judged in history."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from analytics import registry
from analytics.detect import Run, run_batches
from analytics.event import to_frame
from analytics.reference_rows import LAYERS, load_references
from layers.city import City
from layers.errors import OnemapError
from layers.query import Query
from layers.store import Store, open_store
from onemap.home import Home
from onemap.live_rows import FEEDS, RowWatch
from onemap.pipeline import batches
from tests.onemap.truck_day import as_given, copy_layers, told
from tests.running import DemoCity, command, environment, onemap

pytestmark = pytest.mark.xdist_group("demo")
LATE_S = 3600
EVERY, LONG = timedelta(minutes=47), timedelta(days=2)


@pytest.fixture(scope="module")
def city(pudong_folder: Path) -> City:
    return City(pudong_folder)


@pytest.fixture
def home(demo: DemoCity, city: City, tmp_path: Path) -> Home:
    file = tmp_path / "onemap.gpkg"
    copy_layers(demo, file, city, LAYERS)
    return Home(city.folder, str(file), tmp_path)


@pytest.fixture
def store(city: City, home: Home) -> Iterator[Store]:
    opened = open_store(home.store_url, city)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def day(demo: DemoCity, city: City) -> dict[str, gpd.GeoDataFrame]:
    """What the demo took in from files."""
    source = open_store(str(demo.store), city)
    rows = {feed: as_given(source, city, feed) for feed in FEEDS}
    source.close()
    return rows


def put(store: Store, city: City, feed: str, rows: gpd.GeoDataFrame) -> None:
    with store.transaction() as unit:
        unit.upsert(city.layer(feed), rows, at=datetime.now(UTC), source="test")


def in_history(city: City, store: Store, home: Home) -> dict[str, tuple[str, str, bytes]]:
    """What the rules find in everything that is stored, as ``onemap detect`` runs them."""
    references = load_references(city, store)
    events = []
    for feed in FEEDS:
        rules = [rule for rule in registry.build(city, references) if rule.feed == feed]
        found, _ = run_batches(rules, batches(city, store, home, feed))
        events += [event for own in found.values() for event in own]
    return told(to_frame(events))


def test_rows_are_judged_as_in_history_however_they_come_and_whoever_is_killed(
    city: City, store: Store, home: Home, day: dict[str, gpd.GeoDataFrame]
) -> None:
    rng = np.random.default_rng(4)
    comes = {
        feed: rows["time"] + pd.to_timedelta(rng.uniform(0, LATE_S - 1, len(rows)), "s")
        for feed, rows in day.items()
    }
    first = min(times.min() for times in comes.values())
    last = max(times.max() for times in comes.values())
    begun, late, alerts = first, 0, 0
    watch = RowWatch(city, store, home, lateness_s=LATE_S)
    while begun < last + LONG:
        ends = begun + (EVERY if begun < last else LONG)
        for feed, times in comes.items():
            put(store, city, feed, day[feed][(times >= begun) & (times < ends)])
        looked = watch.look(ends)
        late, alerts = late + looked.late, alerts + looked.alerts
        begun = ends
        if rng.random() < 0.3:
            # Another process goes on with what is stored.
            watch.stop()
            watch = RowWatch(city, store, home, lateness_s=LATE_S)
    watch.stop()
    expected = in_history(city, store, home)
    assert len(expected) == alerts > 10
    assert told(store.frame(Query("alert"))) == expected
    assert late == 0 < store.count(Query("case_event"))


def test_rows_of_the_past_are_counted_and_left_to_the_batch_run(
    city: City, store: Store, home: Home, day: dict[str, gpd.GeoDataFrame]
) -> None:
    rows = day["weighing"].sort_values("time")
    put(store, city, "weighing", rows[-10:])
    watch = RowWatch(city, store, home, rules=["overload"])
    now = rows["time"].iloc[-1] + LONG
    assert watch.look(now).late == 0
    put(store, city, "weighing", rows[:10])
    assert watch.look(now + EVERY).late == 10
    assert watch.look(now + 2 * EVERY).late == 0
    watch.stop()


def test_what_is_taken_in_during_a_look_is_counted_by_the_next(
    city: City,
    store: Store,
    home: Home,
    day: dict[str, gpd.GeoDataFrame],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = day["weighing"].sort_values("time")
    now = rows["time"].iloc[-1] + LONG
    put(store, city, "weighing", rows[:10])
    watch = RowWatch(city, store, home, rules=["overload"])
    with monkeypatch.context() as meanwhile:
        close = Run.close

        def take_in_and_close(run: Run, watermark_ms: int) -> None:
            put(store, city, "weighing", rows[10:13])
            close(run, watermark_ms)

        meanwhile.setattr(Run, "close", take_in_and_close)
        assert watch.look(now).late == 0
    assert watch.look(now + EVERY).late == 3
    watch.stop()


def test_rows_that_are_taken_away_are_not_late(
    city: City, store: Store, home: Home, day: dict[str, gpd.GeoDataFrame]
) -> None:
    rows = day["weighing"].sort_values("time")
    put(store, city, "weighing", rows[:10])
    watch = RowWatch(city, store, home, rules=["overload"])
    now = rows["time"].iloc[-1] + LONG
    watch.look(now)
    with store.transaction() as unit:
        unit.delete(city.layer("weighing"), list(rows["record_id"][:3]), at=datetime.now(UTC))
    assert watch.look(now + EVERY).late == 0
    watch.stop()


def test_one_process_follows_a_store_and_only_rules_on_rows(
    city: City, store: Store, home: Home
) -> None:
    watch = RowWatch(city, store, home)
    with pytest.raises(OnemapError, match="another process follows"):
        RowWatch(city, store, home)
    watch.stop()
    with pytest.raises(OnemapError, match="dark_gap: not a rule on weighings"):
        RowWatch(city, store, home, rules=["dark_gap"])


def test_a_store_without_such_layers_says_so(city: City, tmp_path: Path) -> None:
    file = str(tmp_path / "empty.gpkg")
    empty = open_store(file, city)
    with pytest.raises(OnemapError, match="the store has no such layers yet"):
        RowWatch(city, empty, Home(city.folder, file, tmp_path))
    empty.close()


def test_the_command_tells_what_was_there_and_ends_when_told(
    city: City, store: Store, home: Home, day: dict[str, gpd.GeoDataFrame]
) -> None:
    put(store, city, "weighing", day["weighing"])
    words = subprocess.Popen(
        command("detect", "--follow", "--rule", "overload", "--json"),
        env=environment(city.folder, home.store_url, home.folder),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert words.stdout is not None
    assert '"rule":"overload"' in words.stdout.readline()
    words.send_signal(signal.SIGTERM)
    # `communicate` would pass over lines that came with the first.
    rest = words.stdout.read()
    assert words.wait(timeout=60) == 0
    assert store.count(Query("alert")) == 1 + rest.count('"rule":"overload"')
    assert (
        onemap("detect", "--rule", "overload", city=city.folder, store=home.store_url).status == 0
    )
    assert store.count(Query("alert")) == 1 + rest.count('"rule":"overload"')
