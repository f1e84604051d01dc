"""The schematic place: it looks like a city, is whole, and the same seed makes the same."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ingest.simulator.bend import Bend
from ingest.simulator.cameras import ground_homography, in_view, to_ground, to_pixels
from ingest.simulator.geography import Geography
from ingest.simulator.outline import read_features, read_land
from ingest.simulator.place import build_geography
from layers.city import City
from tests.ingest.simulator.written import Written

SEED_VESSEL = shapely.Point(121.912727, 30.858462)


@pytest.fixture
def place(day: Written) -> Geography:
    return day.geography


@pytest.mark.real
def test_the_outline_is_near_the_real_one(pudong_folder: Path, real_data: Path) -> None:
    file = real_data / "places" / "ecnu_shanghai_districts_4490.geojson"
    districts = gpd.read_file(file).to_crs("EPSG:32651")
    real = districts[districts["县名"].str.contains("浦东")].union_all()
    city = City(pudong_folder)
    own = gpd.GeoSeries([read_land(city)], crs="EPSG:4326").to_crs("EPSG:32651").iloc[0]
    assert own.intersection(real).area / own.union(real).area >= 0.85


def test_the_outline_is_schematic(pudong_folder: Path) -> None:
    assert 24 <= shapely.get_num_coordinates(read_land(City(pudong_folder))) <= 72


def test_the_named_vessel_lies_in_water_in_the_watch_and_outside_of_the_bans(
    pudong_folder: Path,
) -> None:
    city = City(pudong_folder)
    zones = {
        str(p["zone_id"]): (str(p["kind"]), g)
        for p, g in read_features(city, "content/marine_zone.geojson")
    }
    inside = {kind for kind, area in zones.values() if area.contains(SEED_VESSEL)}
    assert "watch" in inside
    assert "fishing_ban" not in inside
    assert not read_land(city).buffer(0.003).contains(SEED_VESSEL)


def test_the_ban_of_2021_has_the_limits_of_its_notice(pudong_folder: Path) -> None:
    rows = read_features(City(pudong_folder), "content/marine_zone.geojson")
    new = next(g for p, g in rows if p["zone_id"] == "yangtze_ban_2021")
    old = next(g for p, g in rows if p["zone_id"] == "yangtze_ban_2016")
    _, south, east, north = new.bounds
    assert (south, east, north) == pytest.approx((30.9, 122.25, 31.693333), abs=1e-6)
    assert old.bounds[2] == pytest.approx(122.0)
    assert not any(new.contains(p) for p in [read_land(City(pudong_folder)).centroid])


def test_towns_fill_the_land_and_do_not_overlap(place: Geography) -> None:
    areas = np.array(list(place.towns.values()), object)
    assert shapely.is_valid(areas).all()
    assert shapely.area(areas).sum() == pytest.approx(place.land.area, rel=1e-4)
    together = shapely.union_all(areas)
    assert together.symmetric_difference(place.land).area < 1e-4 * place.land.area


def test_each_town_lies_around_its_declared_centre(day: Written) -> None:
    for code, area in day.geography.towns.items():
        lon, lat = day.city.jurisdictions[code].centre
        point = gpd.GeoSeries([shapely.Point(lon, lat)], crs=4326).to_crs(day.geography.crs).iloc[0]
        assert area.distance(point) < 1500, code


def test_villages_fill_their_towns(day: Written) -> None:
    place = day.geography
    assert len(place.villages) == day.demo.geography.villages
    for code, town in place.towns.items():
        own = [v for key, v in place.villages.items() if key.startswith(code)]
        assert own, code
        assert sum(v.area for v in own) == pytest.approx(town.area, rel=1e-6)


def test_a_declared_village_keeps_its_code_and_name(pudong_day: Written) -> None:
    assert pudong_day.geography.names["310115132-V01"] == ("Jiebang Village", "界浜村")
    assert "310115132-V01" in pudong_day.geography.villages


def test_every_junction_can_be_reached_from_every_other(place: Geography) -> None:
    ends = np.array([(r.start, r.end) for r in place.roads])
    size = len(place.junctions)
    graph = coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(size, size))
    assert connected_components(graph, directed=False)[0] == 1


def test_roads_run_between_their_junctions(place: Geography) -> None:
    for road in place.roads:
        assert road.line.coords[0] == place.junctions[road.start]
        assert road.line.coords[-1] == place.junctions[road.end]


def test_all_road_classes_exist_and_junctions_have_four_arms(place: Geography) -> None:
    classes = {road.road_class for road in place.roads}
    assert classes == {"expressway", "arterial", "collector", "local"}
    arms = np.bincount(np.array([(r.start, r.end) for r in place.roads]).ravel())
    assert (arms == 4).mean() > 0.25


def test_streets_are_closer_in_the_centre_than_in_the_country(place: Geography) -> None:
    area, density = shapely.area(np.array(place.blocks, object)), np.array(place.density)
    dense, empty = density > np.quantile(density, 0.8), density < np.quantile(density, 0.2)
    assert np.median(area[dense]) < 0.5 * np.median(area[empty])


def test_blocks_lie_on_land_and_keep_off_water_and_roads(place: Geography) -> None:
    blocks = np.array(place.blocks, object)
    assert shapely.is_valid(blocks).all()
    water = np.array(place.water, object)
    wet, ways = shapely.STRtree(water).query(blocks, predicate="intersects")
    assert (shapely.area(shapely.intersection(blocks[wet], water[ways])) < 1).all()
    tree = shapely.STRtree([r.line for r in place.roads])
    assert len(tree.query(shapely.buffer(blocks, -1), predicate="intersects")[0]) == 0


def test_the_same_seed_gives_the_same_place(tiny_day: Written) -> None:
    again = build_geography(tiny_day.city, tiny_day.demo, tiny_day.demo.seed)
    assert again == tiny_day.geography
    other = build_geography(tiny_day.city, tiny_day.demo, tiny_day.demo.seed + 1)
    assert other.roads != again.roads


def test_planted_shops_stand_where_declared_and_one_camera_sees_each(day: Written) -> None:
    for planted in day.demo.geography.shops:
        address = f"{planted.street}{planted.number}号"
        shop = next(s for s in day.geography.shops if s.address_zh == address)
        assert (shop.name_zh, shop.town) == (planted.name_zh, planted.town)
        assert not shop.outdoor_permit
        road = next(r for r in day.geography.roads if r.id == shop.road)
        assert road.name_zh == planted.street
        assert sum(shop.id in camera.sees for camera in day.geography.cameras) == 1


def test_the_pavement_lies_between_door_line_and_road(place: Geography) -> None:
    roads = {r.id: r for r in place.roads}
    for shop in place.shops:
        (ax, ay), (bx, by) = shop.door_line.coords
        sign = 2.0 / shop.door_line.length * (1 if shop.outside == "left" else -1)
        out = shapely.Point((ax + bx) / 2 - (by - ay) * sign, (ay + by) / 2 + (bx - ax) * sign)
        line = roads[shop.road].line
        assert line.distance(out) < line.distance(shop.door_line.centroid)


def test_cameras_see_their_shops_in_front_of_them(place: Geography) -> None:
    shops = {s.id: s for s in place.shops}
    for camera in place.cameras:
        matrix = np.array(camera.homography)
        assert camera.sees
        for seen in camera.sees:
            assert in_view(matrix, shops[seen].door_line, shops[seen].outside)
            middle = shapely.get_coordinates(shops[seen].door_line.centroid)
            back = to_ground(matrix, to_pixels(matrix, middle))
            assert np.hypot(*(back - middle)[0]) < 1e-3


def test_stations_cross_their_road_and_can_be_driven_around(place: Geography) -> None:
    roads = {r.id: r for r in place.roads}
    assert place.stations
    for station in place.stations:
        own = roads[station.road]
        assert station.line.crosses(own.line)
        assert own.road_class in ("expressway", "arterial")
        near = [r for r in place.roads if r.line.distance(station.line) < 1500]
        assert any(r.street != own.street for r in near)


@given(
    x=st.floats(-5e5, 5e5),
    y=st.floats(-5e6, 5e6),
    height=st.floats(3, 15),
    azimuth=st.floats(0, 360),
    tilt=st.floats(10, 60),
    focal=st.floats(600, 2500),
    u=st.floats(0, 1920),
    v=st.floats(540, 1080),
)
def test_the_homography_meets_the_ground_where_the_ray_does(
    x: float,
    y: float,
    height: float,
    azimuth: float,
    tilt: float,
    focal: float,
    u: float,
    v: float,
) -> None:
    matrix = ground_homography(x, y, height, azimuth, tilt, focal)
    found = to_ground(matrix, np.array([[u, v]]))[0]
    # The same ray by angles: first in the vertical plane of the axis, then sideways.
    below = np.radians(tilt) + np.arctan((v - 540) / focal)
    if below > np.radians(85):
        return
    ahead = height / np.tan(below)
    slant = np.hypot(height, ahead) * np.cos(np.arctan((v - 540) / focal))
    aside = slant * (u - 960) / focal
    a = np.radians(azimuth)
    wanted = np.array(
        [x + ahead * np.sin(a) + aside * np.cos(a), y + ahead * np.cos(a) - aside * np.sin(a)]
    )
    assert np.hypot(*(found - wanted)) < 1e-4


def test_nothing_above_the_horizon_is_on_the_ground() -> None:
    matrix = ground_homography(0, 0, 6, 0, 10, 1000)
    assert np.isnan(to_ground(matrix, np.array([[960.0, 0.0]]))).all()


@given(st.floats(-1e6, 1e6), st.floats(-5e6, 5e6), st.integers(0, 50))
def test_a_bend_can_be_undone(x: float, y: float, seed: int) -> None:
    bend = Bend(400, 9000, seed)
    point = np.array([[x, y]])
    assert np.abs(bend.backward(bend.forward(point)) - point).max() < 1e-6


def test_the_sea_is_one_water_without_gaps_between_the_land_and_its_neighbours(
    place: Geography,
) -> None:
    parts = sorted(shapely.area(shapely.get_parts(place.sea)))
    assert sum(parts[:-1]) < 1e-5 * parts[-1]
