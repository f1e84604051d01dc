"""Columns from positions and layers."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from analytics.feeds import FIX, IDENTITY, detection_columns, segments, weighing_columns
from analytics.rule import rows
from layers.crs import transformer
from tests.analytics.columns import CRS, ais, fix, frame, said, weighing


def test_fixes_and_identities_make_one_sequence() -> None:
    columns = ais(
        fix("B", 5, 122.0, 31.0),
        said("A", 7, "NAME", 30),
        fix("A", 7, 121.0, 31.0),
        fix("A", 3, 121.0, 30.0, sog=float("nan")),
        said("C", 1, "X"),
    )
    assert columns["mover"].tolist() == ["A", "A", "A", "B", "C"]
    assert columns["t"].tolist() == [3, 7, 7, 5, 1]
    assert columns["kind"].tolist() == [FIX, FIX, IDENTITY, FIX, IDENTITY]
    assert columns["name"].tolist() == ["", "", "NAME", "", "X"]
    assert columns["ship_type"].tolist() == [0, 0, 30, 0, 0]
    assert np.isnan(columns["sog_mps"][[0, 2, 4]]).all() and np.isnan(columns["lon"][2])
    assert segments(columns).tolist() == [0, 3, 4, 5]
    x, y = transformer("EPSG:4326", CRS).transform(122.0, 31.0)
    assert (columns["x"][3], columns["y"][3]) == (x, y)


def test_rows_of_one_moment_are_ordered_by_their_id() -> None:
    points = [fix("A", 1, 121.0 + k / 100, 31.0) | {"pid": f"p{k}"} for k in range(9)]
    orders = [np.random.default_rng(seed).permutation(9) for seed in range(5)]
    for order in orders:
        assert ais(*(points[k] for k in order))["pid"].tolist() == [f"p{k}" for k in range(9)]


def test_no_rows_are_no_segments() -> None:
    columns = ais()
    assert rows(columns) == 0 and segments(columns).tolist() == [0]


def test_weighings_from_their_layer() -> None:
    records = [
        weighing("r2", 50_000.0, axle_masses_kg=[1000, 2000.5], single_drive_axle=None),
        weighing("r1", 40_000.0, axle_masses_kg=None, error_share=None, single_drive_axle=True),
    ]
    columns = weighing_columns(frame(records))
    assert columns["record_id"].tolist() == ["r1", "r2"]
    assert columns["t"].tolist() == [1_593_561_600_000] * 2
    assert columns["axle_sum_kg"].tolist()[1] == 3000.5 and np.isnan(columns["axle_sum_kg"][0])
    assert np.isnan(columns["error_share"][0])
    assert columns["single_drive_axle"].tolist() == [True, False]
    assert (columns["lon"][0], columns["lat"][0]) == (121.6, 31.2)


def test_truths_that_the_store_has_not_are_no_truths() -> None:
    table = frame([weighing("r1", 1.0), weighing("r2", 1.0), weighing("r3", 1.0)])
    table["single_drive_axle"] = pd.array([True, pd.NA, False], "boolean")
    assert weighing_columns(table)["single_drive_axle"].tolist() == [True, False, False]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_are_milliseconds_whatever_their_unit(unit: str) -> None:
    table = frame([weighing("r", 50_000.0)])
    table["time"] = pd.DatetimeIndex(table["time"]).tz_convert("UTC").as_unit(unit)
    assert weighing_columns(table)["t"].tolist() == [1_593_561_600_000]


def test_detections_from_their_layer_without_those_that_have_no_place() -> None:
    common = {"camera_id": "C", "time": "2020-07-01T00:00:00Z", "label": "goods"}
    edge = shapely.LineString([(121.6, 31.2), (121.60002, 31.2)])
    table = gpd.GeoDataFrame(
        [
            common | {"detection_id": "d2", "confidence": 0.7, "track": None, "geometry": edge},
            common | {"detection_id": "d1", "confidence": 0.7, "track": "k", "geometry": None},
        ],
        geometry="geometry",
        crs="EPSG:4326",
    )
    columns = detection_columns(table, CRS)
    assert columns["detection_id"].tolist() == ["d2"] and columns["track"].tolist() == [""]
    assert columns["lon"][0] == pytest.approx(121.60001)
    assert columns["x1"][0] - columns["x0"][0] == pytest.approx(1.906, abs=0.01)
