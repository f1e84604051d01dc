"""The path of a vessel in a notebook, alone and as MovingPandas has it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from layers.city import City
from layers.positions import FIXES, PositionStore
from onemap.track import Track, read_track

START = datetime(2024, 5, 1, tzinfo=UTC)
MMSI = "412000001"


def fixes() -> pa.Table:
    """Two vessels on one MMSI, 60 km apart, that take turns every minute for two hours."""
    n = np.arange(120)
    other = n % 2 == 1
    return pa.table(
        {
            "mover": [MMSI] * len(n),
            "t": round(START.timestamp() * 1000) + 60_000 * n,
            "lon": 10.0 + 0.0005 * n + 0.6 * other,
            "lat": 54.0 + 0.0 * n,
            "sog_mps": np.full(len(n), 0.55, np.float32),
            "cog_deg": np.full(len(n), 90, np.float32),
            "heading_deg": np.full(len(n), np.nan, np.float32),
            "nav": np.zeros(len(n), np.uint8),
            "acc": np.full(len(n), 255, np.uint8),
            "receiver": ["r"] * len(n),
            "quality": np.zeros(len(n), np.uint16),
            "h3": np.zeros(len(n), np.int64),
            "pid": [f"{k:016x}" for k in n],
        },
        schema=FIXES,
    )


@pytest.fixture
def positions(tmp_path: Path) -> PositionStore:
    store = PositionStore(tmp_path)
    store.write("ais", fixes(), "one")
    return store


@pytest.fixture
def city(tiny_folder: Path) -> City:
    return City(tiny_folder)


def test_two_vessels_on_one_mmsi_are_two_trajectories(positions: PositionStore, city: City) -> None:
    track = read_track(positions, city, MMSI, "ais", None, None)
    whole = track.to_movingpandas()
    assert len(whole.df) == 120
    parts = track.segments()
    assert [len(part.df) for part in parts.trajectories] == [60, 60]
    for part in parts.trajectories:
        mover, start = part.id.split("/")
        assert mover == MMSI
        assert datetime.fromtimestamp(int(start) / 1000, UTC) == part.get_start_time().replace(
            tzinfo=UTC
        )
        part.add_speed()
        # Each goes at walking pace, where the way from vessel to vessel would be 700 m/s.
        assert part.df["speed"].max() < 1
        assert part.is_latlon
    assert whole.get_length() > 100 * parts.get_trajectory(parts.trajectories[0].id).get_length()


def test_a_span_does_not_change_the_segments(positions: PositionStore, city: City) -> None:
    whole = read_track(positions, city, MMSI, "ais", None, None).fixes
    start, end = START + timedelta(minutes=31), START + timedelta(minutes=61)
    part = read_track(positions, city, MMSI, "ais", start, end).fixes
    assert len(part) == 30
    assert part["segment"].to_dict() == whole.loc[part.index, "segment"].to_dict()
    assert part.index.min() == start.replace(tzinfo=None)


def test_nobody_has_no_trajectories(positions: PositionStore, city: City) -> None:
    for feed in ("ais", "gps"):
        track = read_track(positions, city, "999", feed, None, None)
        assert len(track.fixes) == 0
        assert len(track.segments().trajectories) == 0


def test_what_has_no_segments_is_one_trajectory(positions: PositionStore, city: City) -> None:
    fixes = read_track(positions, city, MMSI, "ais", None, None).fixes
    parts = Track("truck", fixes.drop(columns="segment")).segments()
    assert [len(part.df) for part in parts.trajectories] == [120]


def test_a_time_without_a_zone_is_refused(positions: PositionStore, city: City) -> None:
    with pytest.raises(ValueError, match="end needs a time zone"):
        read_track(positions, city, MMSI, "ais", None, datetime(2024, 5, 1))
