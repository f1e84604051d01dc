"""Reference systems: converted to lon/lat at the edge, as PROJ and the offset formulas have it."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from layers import crs
from layers.errors import CrsError

GEOD = pyproj.Geod(ellps="WGS84")
# Mainland China, where the offset systems are defined.
china = st.lists(
    st.tuples(st.floats(73.6, 135.0), st.floats(18.2, 53.5)), min_size=1, max_size=30
).map(lambda points: np.array(points).T)


def apart_m(a: crs.Pair, b: crs.Pair) -> np.ndarray:
    return np.asarray(GEOD.inv(a[0], a[1], b[0], b[1])[2])


class TestOffsetSystems:
    @pytest.mark.parametrize("name", crs.OFFSET_SYSTEMS)
    @given(places=china)
    def test_come_back_within_a_millimetre(self, name: str, places: np.ndarray) -> None:
        lon, lat = places
        forward = {"GCJ-02": crs.gcj02_from_wgs84, "BD-09": crs.bd09_from_wgs84}[name]
        back = crs.to_lonlat(*forward(lon, lat), name)
        assert apart_m(back, (lon, lat)).max() < 0.001

    @pytest.mark.parametrize(("name", "most_m"), [("GCJ-02", 1000), ("BD-09", 2000)])
    @given(places=china)
    def test_move_by_some_hundred_metres(
        self, name: str, most_m: float, places: np.ndarray
    ) -> None:
        lon, lat = places
        assert apart_m(crs.to_lonlat(lon, lat, name), (lon, lat)).max() < most_m

    def test_shift_near_shanghai_is_the_known_one(self) -> None:
        """About +0.0045° lon, -0.0020° lat, as the public data sets of the area show."""
        lon, lat = crs.gcj02_from_wgs84(np.array([121.4706]), np.array([31.2347]))
        assert lon[0] - 121.4706 == pytest.approx(0.0045, abs=0.0003)
        assert lat[0] - 31.2347 == pytest.approx(-0.0020, abs=0.0003)

    def test_of_baidu_lies_on_top_of_the_other(self) -> None:
        """BD-09 adds about 0.0065° and 0.0060° to GCJ-02."""
        x, y = np.array([121.5]), np.array([31.2])
        gcj, baidu = crs.gcj02_from_wgs84(x, y), crs.bd09_from_wgs84(x, y)
        assert baidu[0] - gcj[0] == pytest.approx(0.0065, abs=0.0006)
        assert baidu[1] - gcj[1] == pytest.approx(0.0060, abs=0.0006)

    def test_names_are_taken_in_any_case(self) -> None:
        lon, lat = crs.to_lonlat([121.5], [31.2], "gcj-02")
        assert (lon[0], lat[0]) != (121.5, 31.2)

    def test_leave_what_was_given_alone(self) -> None:
        x, y = np.array([121.5]), np.array([31.2])
        crs.to_lonlat(x, y, "BD-09")
        assert (x[0], y[0]) == (121.5, 31.2)


class TestProjSystems:
    @pytest.mark.parametrize("code", ["EPSG:4490", "EPSG:32651", "EPSG:3857", "EPSG:32718"])
    def test_agree_with_proj(self, code: str) -> None:
        lon0, lat0 = (-75.1, -42.6) if code == "EPSG:32718" else (121.6, 31.2)
        offsets = np.random.default_rng(7).uniform(-1, 1, (2, 1000))
        lon, lat = lon0 + offsets[0], lat0 + offsets[1]
        there = pyproj.Transformer.from_crs("EPSG:4326", code, always_xy=True)
        back = crs.to_lonlat(*there.transform(lon, lat), code)
        assert apart_m(back, (lon, lat)).max() < 0.001

    def test_known_coordinates(self) -> None:
        """Easting and northing of 121.5 E, 31.2 N in UTM zone 51, by PROJ's cs2cs."""
        lon, lat = crs.to_lonlat([357061.3], [3452668.9], "EPSG:32651")
        assert (lon[0], lat[0]) == pytest.approx((121.5, 31.2), abs=2e-3)

    def test_order_is_lon_lat_whatever_the_authority_says(self) -> None:
        lon, lat = crs.to_lonlat([121.5], [31.2], "EPSG:4490")
        assert lon[0] == pytest.approx(121.5)
        assert lat[0] == pytest.approx(31.2)

    @pytest.mark.parametrize("name", ["EPSG:4326", "OGC:CRS84", "crs84"])
    def test_our_own_changes_nothing(self, name: str) -> None:
        lon, lat = crs.to_lonlat([121.5], [31.2], name)
        assert (lon[0], lat[0]) == (121.5, 31.2)

    def test_an_impossible_place_is_not_finite(self) -> None:
        lon, lat = crs.to_lonlat([1e30], [1e30], "EPSG:32651")
        assert not np.isfinite([lon[0], lat[0]]).any()


class TestGeometries:
    def test_are_converted_part_by_part_and_lose_their_height(self) -> None:
        shape = shapely.MultiPolygon([shapely.box(350000, 3450000, 351000, 3451000)])
        high = shapely.force_3d(shape, 5.0)
        (flat,) = crs.geometries_to_lonlat(np.array([high], object), "EPSG:32651")
        assert flat.geom_type == "MultiPolygon"
        assert not shapely.has_z(flat)
        assert 121 < flat.centroid.x < 122

    def test_project_and_back(self) -> None:
        line = shapely.LineString([(121.5, 31.2), (121.6, 31.3)])
        projected = crs.project(np.array([line], object), "EPSG:32651")
        (back,) = crs.geometries_to_lonlat(projected, "EPSG:32651")
        assert shapely.hausdorff_distance(line, back) < 1e-9

    def test_length_in_metres_is_true_to_a_few_per_mille(self) -> None:
        line = shapely.LineString([(121.5, 31.2), (121.6, 31.3)])
        (projected,) = crs.project(np.array([line], object), "EPSG:32651")
        assert projected.length == pytest.approx(GEOD.geometry_length(line), rel=0.001)

    def test_missing_ones_stay_missing(self) -> None:
        (nothing,) = crs.geometries_to_lonlat(np.array([None], object), "EPSG:32651")
        assert nothing is None


class TestNames:
    @pytest.mark.parametrize("name", ["EPSG:4326", "EPSG:4490", "GCJ-02", "bd-09", "OGC:CRS84"])
    def test_known(self, name: str) -> None:
        assert crs.known(name)

    @pytest.mark.parametrize("name", ["", "EPSG:", "EPSG:99999", "GCJ-03", "Mars", "x" * 10_000])
    def test_unknown(self, name: str) -> None:
        assert not crs.known(name)
        with pytest.raises(CrsError, match="unknown coordinate reference system"):
            crs.transformer(name, "EPSG:4326")

    @pytest.mark.parametrize(
        ("name", "answer"),
        [("EPSG:32651", True), ("EPSG:4326", False), ("EPSG:2263", False), ("GCJ-02", False),
         ("nowhere", False)],
    )  # fmt: skip
    def test_in_metres(self, name: str, answer: bool) -> None:
        assert crs.in_metres(name) is answer
