"""How found and kept alerts are held against each other."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from analytics.algorithms.rule_rerun import compare


def alerts(*keys: str, **changed: object) -> gpd.GeoDataFrame:
    n = len(keys)
    columns: dict[str, object] = {
        "alert_id": list(keys),
        "subject": ["A"] * n,
        "start_time": pd.to_datetime([1_593_561_600_000] * n, unit="ms", utc=True),
        "end_time": pd.to_datetime([1_593_561_660_000] * n, unit="ms", utc=True),
        "confidence": [0.9] * n,
        "evidence": ['{"a":1,"b":[1,2]}'] * n,
    }
    for name, value in changed.items():
        columns[name] = [value] * n
    return gpd.GeoDataFrame(columns, geometry=[shapely.Point(1, 2)] * n, crs="EPSG:4326")


def test_equal_new_and_missing() -> None:
    states = compare(alerts("1", "2"), alerts("2", "3"))
    assert states == {"1": ("new", ()), "2": ("equal", ()), "3": ("missing", ())}
    assert compare(alerts(), alerts()) == {}


def test_the_same_said_in_another_form_is_equal() -> None:
    kept = alerts("1", evidence={"b": [1, 2], "a": 1}, fid="x", jurisdiction="1")
    assert compare(alerts("1"), kept)["1"] == ("equal", ())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("subject", "B"),
        ("confidence", 0.8),
        ("evidence", '{"a":1,"b":[1,3]}'),
        ("end_time", pd.Timestamp("2020-07-01T00:01:01Z")),
        ("end_time", pd.NaT),
    ],
)
def test_what_differs_is_named(name: str, value: object) -> None:
    assert compare(alerts("1"), alerts("1", **{name: value}))["1"] == ("differs", (name,))


def test_places_are_compared() -> None:
    moved = alerts("1").set_geometry([shapely.Point(1, 2.001)], crs="EPSG:4326")
    assert compare(alerts("1"), moved)["1"] == ("differs", ("geometry",))
