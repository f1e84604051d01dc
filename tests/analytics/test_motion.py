"""Speeds, gaps and stops, against plain loops and, on real tracks, against MovingPandas."""

from __future__ import annotations

import itertools
import math
from datetime import timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import movingpandas
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.kernels.motion import gaps, speeds, stops
from analytics.tracks import haversine_m

# Great circle against the geodesic on WGS 84, at the latitudes of these tracks.
SPHERE = 0.005
Walk = tuple[np.ndarray[Any, Any], ...]


@st.composite
def walks(draw: st.DrawFn) -> Walk:
    """Bounds, times (ms) and places (m) of a few tracks that rest, creep and run."""
    sizes = draw(st.lists(st.integers(0, 40), min_size=1, max_size=3))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    n = sum(sizes)
    t = 1_600_000_000_000 + np.cumsum(rng.choice([0, 1, 5, 20, 90], n) * 1000)
    pace = rng.choice([0.0, 3.0, 20.0, 200.0], n)
    x, y = (np.cumsum(rng.normal(0, 1, n) * pace) for _ in range(2))
    if draw(st.booleans()):
        x, y = np.round(x / 8) * 8 + 0.1 * y, np.round(y / 8) * 8
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), t.astype(np.int64), x, y


def stops_by_hand(t: Any, x: Any, y: Any, diameter: float, lasting_ms: float) -> Any:
    """The method as MovingPandas writes it, the rectangle from all sides of the hull."""
    found, window, fits = [], [], False
    for i in range(len(t)):
        window.append(i)
        fitted = fits
        while not fitted and len(window) > 2 and t[i] - t[window[0]] >= lasting_ms:
            window.pop(0)
        fits = len(window) > 1 and diagonal(x[window], y[window]) < diameter
        if fitted and not fits and t[i - 1] - t[window[0]] >= lasting_ms:
            found.append((window[0], i - 1))
            window = [i]
    if fits and t[-1] - t[window[0]] >= lasting_ms:
        found.append((window[0], len(t) - 1))
    return found


def diagonal(x: Any, y: Any) -> float:
    """Shortest diagonal of the rectangles of least area on the sides of the hull."""
    hull = shapely.get_coordinates(shapely.convex_hull(shapely.MultiPoint(np.column_stack([x, y]))))
    found = []
    for a, b in itertools.pairwise(hull):
        along = (b - a) / np.hypot(*(b - a))
        sides = [np.ptp((hull - a) @ axis) for axis in (along, [-along[1], along[0]])]
        found.append((sides[0] * sides[1], np.hypot(*sides)))
    least = min((area for area, _ in found), default=0.0)
    return min((long for area, long in found if area <= least * (1 + 1e-9)), default=0.0)


@settings(max_examples=300)
@given(walk=walks(), diameter=st.sampled_from([5.0, 37.3, 211.7]), wait=st.sampled_from([10, 60]))
def test_stops_are_those_of_the_method_written_out(walk: Walk, diameter: float, wait: int) -> None:
    bounds, t, x, y = walk
    wanted = [
        (a + first, a + last)
        for a, b in itertools.pairwise(bounds)
        for first, last in stops_by_hand(t[a:b], x[a:b], y[a:b], diameter, 1000 * wait)
    ]
    firsts, lasts = stops(bounds, t, x, y, diameter, wait)
    assert list(zip(firsts.tolist(), lasts.tolist(), strict=True)) == wanted


@given(walk=walks(), limit=st.sampled_from([0.0, 5.0, 60.0]))
def test_gaps_are_the_longer_waits(walk: Walk, limit: float) -> None:
    bounds, t, _, _ = walk
    cuts = {
        i
        for a, b in itertools.pairwise(bounds)
        for i in range(a + 1, b)
        if (t[i] - t[i - 1]) / 1000 > limit
    }
    found = gaps(bounds, t, limit)
    assert found.tolist() == sorted([*bounds.tolist(), *cuts])


@given(walk=walks(), lon=st.floats(-180, 180), lat=st.floats(-80, 80))
def test_speeds_are_distance_by_time(walk: Walk, lon: float, lat: float) -> None:
    bounds, t, x, y = walk
    lon, lat = lon + x / 1e5, np.clip(lat + y / 1e5, -90, 90)
    found = speeds(bounds, t, lon, lat)
    firsts = set(bounds.tolist())
    for i in range(len(t)):
        if i in firsts or t[i] == t[i - 1]:
            assert math.isnan(found[i])
            continue
        far = haversine_m(*(np.array([v]) for v in (lon[i - 1], lat[i - 1], lon[i], lat[i])))[0]
        assert found[i] == pytest.approx(1000 * far / (t[i] - t[i - 1]), rel=1e-9, abs=1e-9)


def test_nothing_gives_nothing() -> None:
    none, zero = np.empty(0), np.zeros(1, np.int64)
    t = np.empty(0, np.int64)
    assert len(speeds(zero, t, none, none)) == 0
    assert gaps(zero, t, 1.0).tolist() == [0]
    assert [len(part) for part in stops(zero, t, none, none, 1.0, 1.0)] == [0, 0]


def test_a_stop_is_measured_along_its_own_axis() -> None:
    # A vessel on a line of 90 m in the diagonal: its box by the axes is as long, the rectangle is
    # not wider; a square of 80 m has a diagonal of 113 m.
    t = np.arange(0, 100_000, 1000)
    slant = np.linspace(0, 90, 100) / math.sqrt(2)
    bounds = np.array([0, 100])
    assert len(stops(bounds, t, slant, slant, 100.0, 60.0)[0]) == 1
    x, y = np.tile([0.0, 80.0, 80.0, 0.0], 25), np.tile([0.0, 0.0, 80.0, 80.0], 25)
    assert len(stops(bounds, t, x, y, 100.0, 60.0)[0]) == 0
    assert len(stops(bounds, t, x, y, 114.0, 60.0)[0]) == 1


NAMES = {
    "geolife": "tracks_road/geolife_small.gpkg",
    "bus": "tracks_road/liverpool_bus_route14_outbound.csv.gz",
    "boston": "ais_tracks/boston_ais_20140101.gpkg",
}


def read(folder: Path, name: str) -> movingpandas.TrajectoryCollection:
    """Real tracks; of equal times of a mover the first is kept, as a trajectory has one index."""
    if name == "bus":
        table = pd.read_csv(folder / NAMES[name])
        places = gpd.points_from_xy(table["longitude"], table["latitude"])
        frame = gpd.GeoDataFrame(table, geometry=places, crs="EPSG:4326")
        frame["mover"], frame["t"] = (
            table["trip_id"].astype(str),
            pd.to_datetime(table["timestamp"]),
        )
    else:
        frame = gpd.read_file(folder / NAMES[name])
        mover, time = ("trajectory_id", "t") if name == "geolife" else ("mmsi", "basedatetime")
        frame["mover"] = frame[mover].astype(str)
        frame["t"] = pd.to_datetime(frame[time], utc=True).dt.tz_localize(None)
    frame = frame[["mover", "t", "geometry"]].drop_duplicates(["mover", "t"])
    return movingpandas.TrajectoryCollection(frame, "mover", t="t")


def columns(tracks: movingpandas.TrajectoryCollection) -> Walk:
    """Bounds, times (ms) and coordinates as the kernels take them."""
    frames = [track.df for track in tracks.trajectories]
    t = np.concatenate(
        [f.index.to_numpy().astype("datetime64[ms]").astype(np.int64) for f in frames]
    )
    x, y = (np.concatenate([getattr(f.geometry, a).to_numpy() for f in frames]) for a in "xy")
    bounds = np.concatenate([[0], np.cumsum([len(f) for f in frames])]).astype(np.int64)
    return bounds, t, x, y


@pytest.mark.real
@pytest.mark.parametrize("name", NAMES)
def test_real_speeds_agree(real_data: Path, name: str) -> None:
    tracks = read(real_data, name)
    tracks.add_speed()
    peer = np.concatenate([track.df["speed"].to_numpy() for track in tracks.trajectories])
    bounds, t, lon, lat = columns(tracks)
    ours = speeds(bounds, t, lon, lat)
    known = ~np.isnan(ours)
    # MovingPandas gives the first position of a track the speed of the second one.
    assert (~known).sum() == len(tracks.trajectories)
    np.testing.assert_allclose(ours[known], peer[known], rtol=SPHERE, atol=1e-6)
    assert known.sum() > 900


@pytest.mark.real
@pytest.mark.parametrize("seconds", [60, 300, 3600])
@pytest.mark.parametrize("name", NAMES)
def test_real_gaps_agree(real_data: Path, name: str, seconds: int) -> None:
    tracks = read(real_data, name)
    peer = movingpandas.ObservationGapSplitter(tracks).split(gap=timedelta(seconds=seconds))
    bounds, t, _, _ = columns(tracks)
    found = gaps(bounds, t, seconds)
    # MovingPandas drops pieces of one position, which have no way.
    sizes = np.diff(found)
    assert sizes[sizes > 1].tolist() == [len(piece.df) for piece in peer.trajectories]


@pytest.mark.real
@pytest.mark.parametrize(("diameter", "seconds"), [(30, 60), (100, 120), (500, 600), (1000, 3600)])
@pytest.mark.parametrize("name", NAMES)
def test_real_stops_agree(real_data: Path, name: str, diameter: int, seconds: int) -> None:
    tracks = read(real_data, name)
    frame = pd.concat([track.df for track in tracks.trajectories])
    metres = frame.to_crs(frame.estimate_utm_crs())
    flat = movingpandas.TrajectoryCollection(metres, "mover", x=None, y=None)
    wait = timedelta(seconds=seconds)
    bounds, t, x, y = columns(flat)
    firsts, lasts = stops(bounds, t, x, y, diameter, seconds)
    ours = list(zip(t[firsts].tolist(), t[lasts].tolist(), strict=True))
    # In metres of one projection the two differ where rectangles of one area are chosen otherwise
    # (see the kernel): at most one stop in twenty, or one.
    assert near(ours, spans(flat, diameter, wait), 0.05)
    # In degrees MovingPandas turns the rectangle in a plane where a degree of longitude is as long
    # as one of latitude, so that it is another one: some stops break in two or are not told.
    degrees = spans(tracks, diameter, wait)
    assert abs(len(degrees) - len(ours)) <= max(2, 0.15 * len(ours))


def near(ours: Any, others: Any, share: float) -> bool:
    """Whether but for a share, and at least one, stops are the same and equally many."""
    most = max(1, int(share * len(others)))
    return abs(len(ours) - len(others)) <= most and len({*ours} & {*others}) >= len(others) - most


def spans(tracks: movingpandas.TrajectoryCollection, diameter: int, wait: timedelta) -> Any:
    """Start and end of MovingPandas' stops, ms."""
    found = movingpandas.TrajectoryStopDetector(tracks).get_stop_time_ranges(diameter, wait)
    return [(round(s.t_0.timestamp() * 1000), round(s.t_n.timestamp() * 1000)) for s in found]


@pytest.mark.real
def test_the_real_tracks_have_stops_and_gaps(real_data: Path) -> None:
    counts = {}
    for name in NAMES:
        tracks = read(real_data, name)
        bounds, t, lon, lat = columns(tracks)
        x, y = lon * 111_000 * math.cos(math.radians(lat[0])), lat * 111_000
        counts[name] = (len(stops(bounds, t, x, y, 100, 120)[0]), len(gaps(bounds, t, 300)))
    assert all(n > 0 and pieces > 2 for n, pieces in counts.values()), counts
