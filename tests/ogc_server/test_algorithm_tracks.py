"""Tracks of movers as a run gives them, held against the fixes themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely

from analytics.algorithm import InputError, Silent
from analytics.algorithms import find
from layers.access import LOCAL, PUBLIC, Audience
from layers.mfjson import read_features
from layers.positions import PositionStore
from ogc_server.catalogue import Catalogue
from ogc_server.processes.reader import CatalogueReader
from tests.ogc_server.moving import (
    CROSSING,
    DARK,
    DAY,
    FAR,
    MINUTE,
    OWN,
    TRUCK,
    Harbour,
    build,
    clerk,
    town,
)

WHOLE = {"start": "2020-07-01T00:00:00Z", "end": "2020-07-02T00:00:00Z"}


@pytest.fixture(scope="module")
def harbour(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Harbour:
    return build(tiny_folder, tmp_path_factory.mktemp("harbour"))


def track(harbour: Harbour, mover: str, audience: Audience = LOCAL, **more: Any) -> dict[str, Any]:
    catalogue = Catalogue(harbour.city, harbour.store, audience, harbour.folder)
    chosen = find("mover-track")
    inputs = chosen.read({"mover": mover} | WHOLE | more)
    return chosen.run(CatalogueReader(catalogue), inputs, Silent())


def fixes(harbour: Harbour, mover: str, feed: str = "ais") -> list[tuple[int, float, float]]:
    table = PositionStore(harbour.folder / "positions").scan(feed, movers=[mover])
    columns = (table[name].to_pylist() for name in ("t", "lon", "lat"))
    return list(zip(*columns, strict=True))


def test_a_track_has_every_fix_and_its_length(harbour: Harbour) -> None:
    found = track(harbour, OWN)
    expected = fixes(harbour, OWN)
    geod = pyproj.Geod(ellps="WGS84")
    _, lon, lat = zip(*expected, strict=True)
    assert found["summary"]["fixes"] == len(expected) == len(found["fixes"])
    assert found["summary"]["length_m"] == pytest.approx(geod.line_length(lon, lat), abs=1)
    line = found["track"].geometries[0]
    assert np.allclose(shapely.get_coordinates(line), np.column_stack([lon, lat]))
    assert found["track"].columns["gap_before_s"] == [None]


def test_a_silence_cuts_and_is_told(harbour: Harbour) -> None:
    found = track(harbour, DARK)
    columns = found["track"].columns
    assert columns["fixes"] == [2, 2] and columns["gap_before_s"] == [None, 7200.0]
    assert columns["start_time"] == ["2020-07-01T00:00:00Z", "2020-07-01T02:10:00Z"]
    assert found["summary"] == {
        "runs": 2,
        "fixes": 4,
        "length_m": pytest.approx(sum(columns["length_m"]), abs=0.1),
        "silent_s": 7200.0,
    }


def test_only_the_fixes_between_the_times(harbour: Harbour) -> None:
    found = track(harbour, OWN, start="2020-07-01T00:07:00Z", end="2020-07-01T08:30:00+08:00")
    inside = [t for t, _, _ in fixes(harbour, OWN) if DAY + 7 * MINUTE <= t <= DAY + 30 * MINUTE]
    assert found["summary"]["fixes"] == len(inside) == 5
    assert found["fixes"].columns["time"][0] == "2020-07-01T00:10:00Z"
    outside = track(harbour, OWN, start="2021-07-01T00:00:00Z", end="2021-07-02T00:00:00Z")
    assert outside["summary"]["fixes"] == 0 and len(outside["track"]) == 0
    assert outside["moving_feature"]["temporalGeometry"]["prisms"] == []


def test_the_moving_feature_reads_back(harbour: Harbour) -> None:
    for mover in (OWN, DARK):
        feature = read_features(track(harbour, mover)["moving_feature"])[0]
        read = [
            (int(t), lon, lat)
            for run in feature.runs
            for t, lon, lat in zip(run.t, run.lon.values, run.lat.values, strict=True)
        ]
        assert [row[0] for row in read] == [row[0] for row in fixes(harbour, mover)]
        assert np.allclose([row[1:] for row in read], [row[1:] for row in fixes(harbour, mover)])
        assert feature.measured["sog"]


def test_trucks_have_tracks_too(harbour: Harbour) -> None:
    found = track(harbour, TRUCK, feed="gps")
    assert found["summary"]["fixes"] == 3
    assert found["fixes"].columns["acc"] == [1.0, 0.0, None]
    assert track(harbour, TRUCK)["summary"]["fixes"] == 0


def test_a_clerk_sees_the_fixes_on_his_own_land(harbour: Harbour) -> None:
    own = clerk("PS-OH")
    assert track(harbour, FAR, own)["summary"] == track(harbour, "000000000", own)["summary"]
    found = track(harbour, CROSSING, own)
    seen = [(lon, lat) for _, lon, lat in fixes(harbour, CROSSING)]
    mine = [place for place in seen if town("PS-OH").covers(shapely.Point(place))]
    assert 0 < len(mine) < len(seen)
    assert np.allclose(shapely.get_coordinates(found["fixes"].geometries), mine)
    lines = [shape for shape in found["track"].geometries if shape.geom_type == "LineString"]
    assert len(found["track"]) == 2 and all(town("PS-OH").covers(line) for line in lines)


def test_who_may_see_no_movers_is_told_that_there_are_none(harbour: Harbour) -> None:
    for mover in (OWN, "000000000"):
        with pytest.raises(InputError, match="there is no feed 'ais'"):
            track(harbour, mover, PUBLIC)
    with pytest.raises(InputError):
        track(Harbour(harbour.city, harbour.store, harbour.folder / "nowhere"), OWN, PUBLIC)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"end": "2020-06-30T00:00:00Z"}, "end"),
        ({"end": "2030-06-30T00:00:00Z"}, "end"),
        ({"start": "2020-07-01T00:00:00"}, "start"),
        ({"start": "yesterday"}, "start"),
        ({"start": 1593561600}, "start"),
        ({"feed": "../../etc"}, "feed"),
        ({"mover": ""}, "mover"),
        ({"mover": "x" * 1000}, "mover"),
    ],
)
def test_inputs_that_do_not_fit(harbour: Harbour, values: dict[str, Any], name: str) -> None:
    with pytest.raises(InputError) as refused:
        track(harbour, **({"mover": OWN} | values))
    assert refused.value.name == name
