"""A live feed over days: it starts again, registers change, stores are made anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import h3.api.basic_int as h3
import pyarrow as pa
import pytest

from analytics.event import Event
from ingest.live import LiveBatch, LiveDecoder
from ingest.take_in import layer as layer_input
from layers.city import City
from layers.errors import OnemapError
from layers.feeds import Tally
from layers.positions import FIXES, IDENTITIES, PositionStore
from layers.query import Query
from layers.store import Store, open_store
from onemap.home import Home
from onemap.live import LivePipeline
from onemap.live_journal import Journal
from onemap.live_last import LastPositions
from onemap.live_rules import LiveRules
from tests.analytics.columns import at, fix, said

AT = datetime(2021, 3, 1, 12, tzinfo=UTC)
NOON = at("2021-03-01T12:00:00Z")
MINUTE = 60_000
M = "725000999"
LON, LAT = -75.1, -42.5
FEEDS = ("ais", "ais_identity")


@pytest.fixture
def city(tiny_folder: Path) -> City:
    return City(tiny_folder)


@pytest.fixture
def home(city: City, tmp_path: Path) -> Home:
    return Home(city.folder, str(tmp_path / "onemap.gpkg"), tmp_path)


@pytest.fixture
def store(city: City, home: Home) -> Iterator[Store]:
    opened = made(city, home)
    yield opened
    opened.close()


def made(city: City, home: Home) -> Store:
    """A store that knows zones and a register."""
    opened = open_store(home.store_url, city)
    opened.create(*city.layers.values())
    zones = city.path("content/marine_zone.geojson")
    layer_input.take_in(city, opened, home.folder, "marine_zone", [zones], crs="EPSG:4326", at=AT)
    register(opened, city, "SERENA01")
    return opened


def register(store: Store, city: City, *names: str) -> None:
    ids = [f"R-{name}" for name in names]
    rows = gpd.GeoDataFrame({"registry_id": ids, "name_pinyin": names}, geometry=[None] * len(ids))
    with store.transaction() as unit:
        unit.upsert(city.layer("vessel_registry"), rows, at=AT, source="test")


def batch(*rows: dict[str, Any], watermark: int) -> LiveBatch:
    cell = h3.latlng_to_cell(LAT, LON, 8)
    filled = {"heading_deg": 0, "nav": 15, "acc": 255, "receiver": "", "quality": 0, "h3": cell}
    fixes = [filled | row for row in rows if "lon" in row]
    names = [{"imo": 0, "receiver": ""} | row for row in rows if "lon" not in row]
    return LiveBatch(
        pa.Table.from_pylist(fixes, schema=FIXES),
        pa.Table.from_pylist(names, schema=IDENTITIES),
        watermark, 0, 0, 0, Tally(), [], LiveDecoder().state(),
    )  # fmt: skip


def boat(t: int, name: str = "SERENA77") -> list[dict[str, Any]]:
    return [said(M, t - 1, name, 30), fix(M, t, LON, LAT)]


def alerts(store: Store) -> int:
    return store.count(Query("alert"))


def test_a_source_that_goes_on_after_its_end_tells_nothing_twice(
    city: City, store: Store, home: Home
) -> None:
    for start in (NOON, NOON + 30 * MINUTE):
        live = LivePipeline(city, store, home, "feed", ["unregistered_vessel"])
        live.commit(batch(*boat(start), watermark=start), at=AT)
        live.finish(at=AT)
    assert alerts(store) == 1


def test_a_register_that_changes_is_read_again(city: City, store: Store, home: Home) -> None:
    live = LivePipeline(city, store, home, "feed", ["unregistered_vessel"])
    live.commit(batch(*boat(NOON, "SERENA01"), watermark=NOON), at=AT)
    assert alerts(store) == 0
    register(store, city, "SERENA88")
    later = NOON + MINUTE
    live.commit(batch(*boat(later, "SERENA88"), watermark=later), at=AT)
    assert alerts(store) == 0
    live.commit(batch(*boat(later + MINUTE, "SERENA99"), watermark=later + MINUTE), at=AT)
    assert alerts(store) == 1


def test_feeds_of_like_names_keep_their_own_positions(city: City, store: Store, home: Home) -> None:
    for number, name in enumerate(("tcp://a.b:1", "tcp://a-b:1", "tcp://港:1", "x" * 300)):
        live = LivePipeline(city, store, home, name)
        live.commit(batch(*boat(NOON + number), watermark=NOON), at=AT)
    assert PositionStore(home.positions).scan("ais").num_rows == 4


def test_a_feed_begun_in_a_new_store_keeps_the_positions_of_the_old_one(
    city: City, store: Store, home: Home, tmp_path: Path
) -> None:
    LivePipeline(city, store, home, "feed").commit(batch(*boat(NOON), watermark=NOON), at=AT)
    fresh = open_store(str(tmp_path / "fresh.gpkg"), city)
    fresh.create(*city.layers.values())
    later = datetime(2021, 3, 2, tzinfo=UTC)
    live = LivePipeline(city, fresh, home, "feed")
    live.commit(batch(*boat(NOON + MINUTE), watermark=NOON), at=later)
    fresh.close()
    assert PositionStore(home.positions).scan("ais").num_rows == 2


def journal(store: Store) -> int:
    return len(store.parts("live:feed:journal")) // 3


def test_a_feed_goes_on_from_its_states_and_the_rows_since(
    city: City, store: Store, home: Home
) -> None:
    pair = [said(M, NOON - 2, "SERENA77", 30), fix(M, NOON, LON, LAT)]
    for number, row in enumerate(pair):
        # Each by a process of its own that is killed behind its commit.
        live = LivePipeline(city, store, home, "feed", ["unregistered_vessel"])
        live.commit(batch(watermark=NOON - 10), at=AT)
        assert journal(store) == 0
        live.commit(batch(row, watermark=NOON + number), at=AT + number * timedelta(seconds=1))
        assert journal(store) == 1
    assert alerts(store) == 1


def test_states_are_written_after_some_seconds_and_the_journal_is_dropped(
    city: City, store: Store, home: Home
) -> None:
    live = LivePipeline(city, store, home, "feed", ["unregistered_vessel"])
    kept = []
    for second in range(11):
        t = NOON + 1000 * second
        live.commit(batch(*boat(t), watermark=t), at=AT + timedelta(seconds=second))
        kept.append(journal(store))
    assert kept == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0]


def test_silence_adds_nothing_and_who_leaves_in_order_leaves_states(
    city: City, store: Store, home: Home
) -> None:
    live = LivePipeline(city, store, home, "feed", ["unregistered_vessel"])
    live.commit(batch(watermark=NOON - 10), at=AT)
    live.commit(batch(*boat(NOON), watermark=NOON), at=AT)
    for later in range(3):
        live.commit(batch(watermark=NOON + later), at=AT)
    assert journal(store) == 1
    live.rest()
    assert journal(store) == 0
    again = LivePipeline(city, store, home, "feed", ["unregistered_vessel"])
    assert again.commit(batch(*boat(NOON + 9), watermark=NOON + 9), at=AT).events == ()


def test_rows_before_a_change_of_the_register_are_not_taken_again_under_the_new_one(
    city: City, store: Store, home: Home
) -> None:
    live = LivePipeline(city, store, home, "feed", ["unregistered_vessel"])
    live.commit(batch(watermark=NOON - 10), at=AT)
    live.commit(batch(*boat(NOON, "SERENA01"), watermark=NOON), at=AT)
    register(store, city, "SERENA88")
    later = NOON + MINUTE
    live.commit(batch(*boat(later, "SERENA88"), watermark=later), at=AT)
    (kept,) = Journal(store, "live:feed:journal").begun
    assert kept.fixes["t"].to_pylist() == [later]


def test_what_rows_since_the_states_tell_twice_is_written_once(
    city: City, store: Store, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = LivePipeline(city, store, home, "feed", ["unregistered_vessel"])
    first.commit(batch(watermark=NOON - 10), at=AT)
    (ended,) = first.commit(batch(*boat(NOON), watermark=NOON), at=AT).events
    lasting = replace(ended, subject="725000777", open=True)
    ended = replace(lasting, open=False)
    told = iter([[lasting], [ended]])
    monkeypatch.setattr(LiveRules, "_find", lambda *_: next(told))
    live = LivePipeline(city, store, home, "feed", ["unregistered_vessel"])
    assert live.commit(batch(watermark=NOON), at=AT).events == (ended,)
    assert alerts(store) == 2


def test_a_commit_that_fails_leaves_states_and_journal_as_they_were(
    city: City, store: Store, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = LivePipeline(city, store, home, "feed", ["unregistered_vessel"])
    live.commit(batch(said(M, NOON - 2, "SERENA77", 30), watermark=NOON - 1), at=AT)
    with monkeypatch.context() as broken:
        broken.setattr(LastPositions, "write", _fail)
        with pytest.raises(OSError, match="disk full"):
            live.commit(batch(fix(M, NOON, LON, LAT), watermark=NOON), at=AT)
    assert (journal(store), alerts(store)) == (0, 0)
    live.commit(batch(fix(M, NOON, LON, LAT), watermark=NOON), at=AT)
    assert alerts(store) == 1


def _fail(*_: object, **__: object) -> None:
    raise OSError("disk full")


def test_a_feed_whose_positions_are_merged_finds_the_same(
    city: City, store: Store, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = Home(city.folder, str(tmp_path / "apart.gpkg"), tmp_path / "apart")
    other, found = made(city, apart), []
    for opened, where, every in ((store, home, 3), (other, apart, 1000)):
        live = LivePipeline(city, opened, where, "feed", merge_every=every)
        told: list[Event] = []
        for number in range(40):
            t = NOON + number * MINUTE
            rows = batch(*boat(t, f"SERENA{number % 7}"), watermark=t)
            if number % 9 == 5:
                # Killed after positions were kept, and begun anew.
                with monkeypatch.context() as patch, pytest.raises(RuntimeError):
                    patch.setattr(live, "_write", killed)
                    live.commit(rows, at=AT)
                live = LivePipeline(city, opened, where, "feed", merge_every=every)
            told += live.commit(rows, at=AT + timedelta(minutes=number)).events
            live.merger.wait()
        told += live.finish(at=AT)
        positions = PositionStore(where.positions)
        found.append((told, *(positions.scan(feed) for feed in FEEDS)))
        many = [len(positions.batches(feed)) for feed in FEEDS]
        assert all(count < 12 for count in many) if every == 3 else many == [40, 40]
        assert positions.scan("ais").num_rows == 40
    other.close()
    assert found[0] == found[1] and len(found[0][0]) > 0


def killed(*given: Any) -> None:
    raise RuntimeError("killed")


def test_a_rule_on_another_feed_is_refused(city: City, store: Store, home: Home) -> None:
    with pytest.raises(OnemapError, match="overload: not a rule on AIS"):
        LivePipeline(city, store, home, "feed", ["overload"])
