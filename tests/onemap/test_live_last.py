"""Last positions of a live feed come in rounds, and a kill in one of them loses none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from layers.city import City
from layers.query import Query
from layers.store import Store
from onemap import live_last
from onemap.home import Home
from onemap.live import LivePipeline
from tests.onemap.test_live_feed import LAT, LON, NOON, batch, boat, city, fix, home, said, store

__all__ = ["city", "home", "store"]
AT = datetime(2021, 3, 1, 12, tzinfo=UTC)
SHIPS = [f"{701_000_000 + n}" for n in range(7)]
STEP = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_last, "AT_ONCE", 3)


def heard(t: int, east: float) -> list[dict[str, Any]]:
    names = [said(ship, t - 1, f"S{ship[-1]}", 70) for ship in SHIPS]
    return names + [fix(ship, t, LON + east, LAT) for ship in SHIPS]


def standing(store: Store) -> dict[str, float]:
    page = store.frame(Query("vessel_position"))
    return {row.mmsi: round(row.geometry.x - LON, 3) for row in page.itertuples()}


def test_each_commit_writes_some(city: City, store: Store, home: Home) -> None:
    live, counts = LivePipeline(city, store, home, "feed"), []
    for number in range(6):
        rows = heard(NOON, 0.0) if number == 0 else []
        live.commit(batch(*rows, watermark=NOON + number), at=AT + number * STEP)
        counts.append(len(standing(store)))
    assert counts == [3, 6, 7, 7, 7, 7]


def test_the_next_round_has_what_came_meanwhile(city: City, store: Store, home: Home) -> None:
    live = LivePipeline(city, store, home, "feed")
    for number in range(9):
        t = NOON + 1000 * number
        live.commit(batch(*heard(t, 0.01 * number), watermark=t), at=AT + number * STEP)
    # The second round began with the sixth commit.
    assert set(standing(store).values()) == {0.05}


def test_a_kill_in_a_round_loses_none(city: City, store: Store, home: Home) -> None:
    live = LivePipeline(city, store, home, "feed")
    live.commit(batch(*heard(NOON, 0.0), watermark=NOON), at=AT)
    live.commit(batch(*heard(NOON + 1000, 0.01), watermark=NOON + 1000), at=AT + STEP)
    assert len(standing(store)) == 6
    again = LivePipeline(city, store, home, "feed")
    for number in range(2, 5):
        again.commit(batch(watermark=NOON + 1000 * number), at=AT + number * STEP)
    assert standing(store) == dict.fromkeys(SHIPS, 0.01)


def test_the_end_of_a_source_leaves_none(city: City, store: Store, home: Home) -> None:
    live = LivePipeline(city, store, home, "feed")
    live.commit(batch(*heard(NOON, 0.0), watermark=NOON), at=AT)
    live.commit(batch(*heard(NOON + 1000, 0.02), watermark=NOON + 1000), at=AT + STEP)
    live.finish(at=AT + 2 * STEP)
    assert standing(store) == dict.fromkeys(SHIPS, 0.02)


def test_warming_up_leaves_nothing_behind(
    city: City, store: Store, home: Home, tmp_path: Path
) -> None:
    live = LivePipeline(city, store, home, "feed")
    live.warm_up()
    assert not home.positions.exists() and store.state("live:feed") is None
    live.commit(batch(*boat(NOON), watermark=NOON), at=AT)
    assert store.count(Query("alert")) == 1
    assert set(standing(store)) == {boat(NOON)[0]["mover"]}
