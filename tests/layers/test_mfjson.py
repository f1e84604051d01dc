"""MF-JSON is written as the standard says, and read from whoever writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers import mfjson
from layers.errors import OnemapError
from layers.movers import TRUCKS, VESSELS
from layers.trajectory import Run, Series


def _run(t: list[int], lon: list[float], lat: list[float]) -> Run:
    times = np.array(t, np.int64)
    return Run(t[0], Series(times, np.array(lon)), Series(times, np.array(lat)))


def _feature(*runs: Run) -> dict[str, Any]:
    return {"type": "Feature", "id": "m", "temporalGeometry": mfjson.temporal_geometry(runs)}


def test_times_are_written_as_finely_as_they_are() -> None:
    assert mfjson.write_times(np.array([0, 1000])) == [
        "1970-01-01T00:00:00Z",
        "1970-01-01T00:00:01Z",
    ]
    assert mfjson.write_times(np.array([-1])) == ["1969-12-31T23:59:59.999Z"]


def test_a_name_is_the_time_of_the_first_fix() -> None:
    assert mfjson.write_id(1593561792000) == "20200701T000312.000Z"
    for text in ("", "2020", "20201301T000000.000Z", "20200701T000312.000", "²0200701T000312.000Z"):
        assert mfjson.read_id(text) is None


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_a_name_is_read_back(first: int) -> None:
    assert mfjson.read_id(mfjson.write_id(first)) == first


def _degrees(most: int) -> st.SearchStrategy[float]:
    return st.floats(-most, most).map(lambda value: round(value, 7))


_FIXES = st.tuples(st.integers(0, 10**12), st.tuples(_degrees(180), _degrees(90)))
_PART = st.lists(_FIXES, min_size=1, max_size=6, unique_by=lambda fix: fix[0])


@given(st.lists(_PART, min_size=1, max_size=4))
def test_what_is_written_is_read_back(parts: list[list[tuple[int, tuple[float, float]]]]) -> None:
    runs = []
    for part in parts:
        ordered = sorted(part)
        runs.append(
            _run([t for t, _ in ordered], [p[0] for _, p in ordered], [p[1] for _, p in ordered])
        )
    (read,) = mfjson.read_features(json.loads(json.dumps(_feature(*runs))))
    for mine, theirs in zip(runs, read.runs, strict=True):
        assert mine.t.tolist() == theirs.t.tolist()
        assert mine.lon.values.tolist() == theirs.lon.values.tolist()
        assert mine.lat.values.tolist() == theirs.lat.values.tolist()


def test_properties_of_the_same_times_stand_together() -> None:
    t = np.array([0, 1000], np.int64)
    speed, course = VESSELS.measures("sog"), VESSELS.measures("cog")
    ignition = TRUCKS.measures("ignition")
    assert speed and course and ignition
    groups = mfjson.parametric_values(
        [
            (speed, [Series(t, np.array([1.5, 2.0]))]),
            (course, [Series(t, np.array([359.0, 1.0]), "Step")]),
            (ignition, [Series(t[:1], np.array([1.0]), "Step")]),
        ]
    )
    assert groups[0]["sog"]["values"] == [1.5, 2] and groups[0]["cog"]["interpolation"] == "Step"
    assert groups[1]["ignition"]["type"] == "Text" and groups[1]["ignition"]["values"] == [True]
    read = mfjson.read_properties(groups)
    assert read["sog"][0].values.tolist() == [1.5, 2.0]
    assert read["ignition"][0].values.tolist() == [1.0]


@pytest.mark.parametrize(
    ("name", "features", "instants", "measured"),
    [
        ("mfjson_aist_moving_feature.json", 1, 5, {"length", "discharge"}),
        ("mfjson_movingpandas_collection.json", 2, 13, {"pressure", "wind", "class"}),
    ],
)
def test_documents_of_others_are_read(
    real_data: Path, name: str, features: int, instants: int, measured: set[str]
) -> None:
    document = json.loads((real_data / "ogc" / name).read_text("utf-8"))
    read = mfjson.read_features(document)
    assert len(read) == features and len(read[0].runs[0].t) == instants
    assert set(read[0].measured) == measured
    again = mfjson.primitive(read[0].runs[0])
    first = document["features"][0] if "features" in document else document
    given_ = first["temporalGeometry"]
    assert again["datetimes"] == given_["datetimes"]
    assert again["coordinates"] == [place[:2] for place in given_["coordinates"]]


def test_parts_of_others_are_read(real_data: Path) -> None:
    geometry = json.loads((real_data / "ogc" / "mfjson_aist_temporal_geometry.json").read_text())
    (run,) = mfjson.read_geometry(geometry)
    assert len(run.t) == 5 and run.lon.interpolation == "Linear"
    groups = json.loads((real_data / "ogc" / "mfjson_aist_temporal_properties.json").read_text())
    assert set(mfjson.read_properties(groups)) == {"length", "discharge"}, "texts are left out"


GOOD: dict[str, Any] = {
    "type": "MovingPoint",
    "datetimes": ["2020-01-01T00:00:00Z", "2020-01-01T00:00:01Z"],
    "coordinates": [[0, 0], [1, 1]],
}


@pytest.mark.parametrize(
    "change",
    [
        {"type": "MovingPolygon"},
        {"datetimes": ["2020-01-01T00:00:00Z"]},
        {"datetimes": ["2020-01-01T00:00:01Z", "2020-01-01T00:00:00Z"]},
        {"datetimes": ["2020-01-01T00:00:00Z"] * 2},
        {"datetimes": ["soon", "later"]},
        {"datetimes": None},
        {"datetimes": [True, False]},
        {"coordinates": [[0, 0], [float("nan"), 1]]},
        {"coordinates": [[0, 0], [1e308, 1]]},
        {"coordinates": [[0, 0], [True, 1]]},
        {"coordinates": [[0, 0], [1]]},
        {"coordinates": [[0, 0], "x"]},
        {"coordinates": {}},
        {"interpolation": "Magic"},
        {"interpolation": ["Linear"]},
        {"crs": {"type": "Name", "properties": {"name": "EPSG:3857"}}},
        {"crs": 7},
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(OnemapError, match="MF-JSON"):
        mfjson.read_features({"type": "Feature", "temporalGeometry": GOOD | change})


@pytest.mark.parametrize(
    "document",
    [None, [], 1, {"type": "Feature"}, {"type": "FeatureCollection"},
     {"type": "FeatureCollection", "features": [1]},
     {"type": "Feature", "temporalGeometry": {"type": "MovingGeometryCollection"}},
     {"type": "Feature", "temporalGeometry": GOOD, "properties": 1},
     {"type": "Feature", "temporalGeometry": GOOD, "temporalProperties": [1]},
     {"type": "Feature", "temporalGeometry": GOOD,
      "temporalProperties": [{"datetimes": [0, 1], "x": {"values": [1]}}]}],
)  # fmt: skip
def test_what_is_no_moving_feature_is_refused(document: Any) -> None:
    with pytest.raises(OnemapError, match="MF-JSON"):
        mfjson.read_features(document)
