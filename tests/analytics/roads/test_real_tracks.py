"""Buses and people's own tracks through the stage whole, on made-up streets: nothing is lost.

Whether their stops are those of MovingPandas is asked of the kernel itself (``test_motion.py``);
here it is asked of the rows that the stage gives on.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import movingpandas
import numpy as np
import pandas as pd
import pytest

from analytics.feeds import segments, take
from analytics.kernels.motion import stops
from analytics.roads.network import RoadNetwork
from analytics.roads.parameters import MatchingParameters
from analytics.roads.stage import RoadMatching
from analytics.rule import Columns, rows
from tests.analytics.roads.streets import joined, squares

PARAMETERS = MatchingParameters(radius_m=60, sigma_m=15, table_m=500, gap_s=120)
END = 2**62


def bus(folder: Path) -> gpd.GeoDataFrame:
    table = pd.read_csv(folder / "liverpool_bus_route14_outbound.csv.gz")
    places = gpd.points_from_xy(table["longitude"], table["latitude"])
    frame = gpd.GeoDataFrame(geometry=places, crs="EPSG:4326")
    frame["mover"] = table["trip_id"].astype(str)
    frame["t"] = pd.to_datetime(table["timestamp"], utc=True)
    return frame


def geolife(folder: Path) -> gpd.GeoDataFrame:
    frame = gpd.read_file(folder / "geolife_small.gpkg")
    frame["mover"] = frame["trajectory_id"].astype(str)
    frame["t"] = pd.to_datetime(frame["t"], utc=True)
    return frame[["mover", "t", "geometry"]]


READERS = {"bus": bus, "geolife": geolife}


def feed(real_data: Path, name: str) -> Columns:
    frame = READERS[name](real_data / "tracks_road")
    flat = frame.to_crs(frame.estimate_utm_crs())
    pid = np.array([f"{number:06d}" for number in range(len(frame))], object)
    columns: Columns = {
        "mover": flat["mover"].to_numpy(object),
        "t": flat["t"].dt.tz_localize(None).to_numpy().astype("datetime64[ms]").astype(np.int64),
        "kind": np.zeros(len(flat), np.int8),
        "pid": pid,
        "x": flat.geometry.x.to_numpy(),
        "y": flat.geometry.y.to_numpy(),
        "sog_mps": np.full(len(flat), np.nan),
        "cog_deg": np.full(len(flat), np.nan),
    }
    return take(columns, np.lexsort((pid, columns["t"], columns["mover"].astype(str))))


def streets_around(columns: Columns) -> RoadNetwork:
    """Streets every 250 m for 10 km around the middle of the tracks."""
    x, y = np.median(columns["x"]), np.median(columns["y"])
    return squares(40, 40, 250.0, (x - 5000, y - 5000))


@pytest.mark.real
@pytest.mark.parametrize("name", READERS)
def test_every_row_of_real_tracks_comes_out(real_data: Path, name: str) -> None:
    columns = feed(real_data, name)
    stage = RoadMatching(streets_around(columns), PARAMETERS)
    state, parts = stage.start(), []
    for day in np.unique(columns["t"] // 3_600_000):
        parts.append(stage.flush(state, int(day) * 3_600_000))
        parts.append(stage.update(state, take(columns, columns["t"] // 3_600_000 == day)))
    parts.append(stage.flush(state, END))
    out = joined(parts)
    assert out["pid"].tolist() == joined([columns])["pid"].tolist()
    assert rows(out) == rows(columns)
    assert 0.1 < (out["arc"] >= 0).mean() < 1
    # Gaps survive: no way is told across a silence.
    bounds = segments(out)
    silent = np.flatnonzero(np.diff(out["t"]) > 1000 * PARAMETERS.gap_s) + 1
    silent = np.setdiff1d(silent, bounds)
    assert len(silent) > 0
    assert np.isnan(out["route_m"][silent]).all()


@pytest.mark.real
@pytest.mark.parametrize("name", READERS)
def test_stops_of_what_comes_out_are_those_of_movingpandas(real_data: Path, name: str) -> None:
    columns = feed(real_data, name)
    stage = RoadMatching(streets_around(columns), PARAMETERS)
    state = stage.start()
    out = joined([stage.update(state, columns), stage.flush(state, END)])
    out = take(out, np.flatnonzero(out["aside"] == 0))
    first = np.ones(rows(out), bool)
    first[1:] = (out["mover"][1:] != out["mover"][:-1]) | (np.diff(out["t"]) > 0)
    out = take(out, np.flatnonzero(first))
    a, b = stops(segments(out), out["t"], out["x"], out["y"], 100.0, 120.0)
    ours = {*zip(out["t"][a].tolist(), out["t"][b].tolist(), strict=True)}
    wanted = _peer(out)
    assert len(wanted) > 5
    # Of rectangles of one area the two may take another: one stop in twenty at most, or one.
    assert len(ours ^ wanted) <= 2 * max(1, len(wanted) // 20)


def _peer(columns: Columns) -> set[Any]:
    frame = gpd.GeoDataFrame(
        {"mover": columns["mover"], "t": pd.to_datetime(columns["t"], unit="ms")},
        geometry=gpd.points_from_xy(columns["x"], columns["y"]),
        crs="EPSG:32630",
    )
    tracks = movingpandas.TrajectoryCollection(frame, "mover", t="t")
    found = movingpandas.TrajectoryStopDetector(tracks).get_stop_time_ranges(
        100, timedelta(seconds=120)
    )
    return {(round(s.t_0.timestamp() * 1000), round(s.t_n.timestamp() * 1000)) for s in found}
