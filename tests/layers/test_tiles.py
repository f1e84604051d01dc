"""Tiles without a store: matrix sets, geometries in tile units, the format, cells."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import mapbox_vector_tile
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from layers import h3grid
from layers.tiles import cells, wire
from layers.tiles.matrix import (
    BUFFER,
    EXTENT,
    FINEST,
    MATRIX_SETS,
    WEB_MERCATOR,
    WORLD_CRS84,
    Tile,
    TileMatrixSet,
)
from layers.tiles.shapes import points, shapes

HERE = Tile(WEB_MERCATOR, 10, 418, 857)
BOTH = pytest.mark.parametrize("matrix_set", MATRIX_SETS.values(), ids=lambda one: one.id)


def read(body: bytes) -> dict[str, Any]:
    decoded: dict[str, Any] = mapbox_vector_tile.decode(
        body, default_options={"y_coord_down": True}
    )
    return decoded


def lonlat(x: float, y: float, tile: Tile = HERE) -> tuple[float, float]:
    """Position of a point given in tile units."""
    left, _, _, top = tile.bounds
    return tile.matrix_set.to_lonlat(left + x * tile.unit, top - y * tile.unit)


def ring(*xy: tuple[float, float]) -> list[tuple[float, float]]:
    return [lonlat(*one) for one in xy]


def drawn(*geometries: shapely.Geometry, tile: Tile = HERE) -> list[dict[str, Any]]:
    made = shapes(np.array(geometries, object), tile)
    body = wire.layer("x", made.rows, made, [])
    found: list[dict[str, Any]] = read(body)["x"]["features"] if body else []
    return found


# -- matrix sets


def test_web_mercator_is_the_registered_set() -> None:
    document = WEB_MERCATOR.document()
    first, tenth = document["tileMatrices"][0], document["tileMatrices"][10]
    assert document["uri"].endswith("/OGC/1.0/WebMercatorQuad")
    assert first["scaleDenominator"] == pytest.approx(559082264.028717, rel=1e-9)
    assert first["cellSize"] == pytest.approx(156543.033928041, rel=1e-9)
    assert first["pointOfOrigin"] == [-20037508.342789244, 20037508.342789244]
    assert (tenth["matrixWidth"], tenth["matrixHeight"]) == (1024, 1024)


def test_world_crs84_has_two_tiles_at_its_first_level() -> None:
    first = WORLD_CRS84.document()["tileMatrices"][0]
    assert (first["matrixWidth"], first["matrixHeight"]) == (2, 1)
    assert first["cellSize"] == 0.703125
    assert first["scaleDenominator"] == pytest.approx(279541132.0143589, rel=1e-9)
    assert first["pointOfOrigin"] == [-180, 90]


@BOTH
@given(st.floats(-179.9, 179.9), st.floats(-84.9, 84.9), st.integers(min_value=0, max_value=FINEST))
@settings(max_examples=60, deadline=None)
def test_the_tile_of_a_point_holds_it(
    matrix_set: TileMatrixSet, lon: float, lat: float, level: int
) -> None:
    row, _, column, _ = matrix_set.limits(level, (lon, lat, lon, lat))
    assert matrix_set.holds(level, row, column)
    tile = Tile(matrix_set, level, row, column)
    placed = tile.place(np.array([(lon, lat)]))[0]
    assert (placed >= -0.01).all() and (placed <= EXTENT + 0.01).all()
    west, south, east, north = tile.envelope
    assert west < lon < east and south < lat < north


@BOTH
def test_tiles_beyond_the_matrix_are_none(matrix_set: TileMatrixSet) -> None:
    columns, rows = matrix_set.size(3)
    assert matrix_set.holds(3, rows - 1, columns - 1)
    for level, row, column in ((3, rows, 0), (3, 0, columns), (-1, 0, 0), (FINEST + 1, 0, 0)):
        assert not matrix_set.holds(level, row, column)
    assert not matrix_set.holds(3, -1, 0) and not matrix_set.holds(3, 0, -1)


# -- geometries


def test_points_are_in_their_tile_and_in_the_buffer_of_its_neighbour() -> None:
    inside, beside, outside = lonlat(10, 10), lonlat(-BUFFER + 1, 10), lonlat(-BUFFER - 2, 10)
    made = points(np.array([inside, beside, outside]), HERE)
    assert made.rows.tolist() == [0, 1]
    body = wire.layer("x", made.rows, made, [])
    places = [f["geometry"]["coordinates"] for f in read(body)["x"]["features"]]
    assert places == [[10, 10], [-BUFFER + 1, 10]]


def test_points_drawn_alone_and_among_others_are_the_same() -> None:
    xy = np.random.default_rng(7).uniform(-200, EXTENT + 200, (500, 2))
    places = np.array([lonlat(x, y) for x, y in xy])
    fast, slow = points(places, HERE), shapes(shapely.points(places), HERE)
    for name in ("rows", "kinds", "commands", "lengths"):
        assert (getattr(fast, name) == getattr(slow, name)).all(), name


def test_rings_turn_as_the_format_wants_them() -> None:
    outer = ring((100, 100), (900, 100), (900, 900), (100, 900))
    hole = ring((300, 300), (600, 300), (600, 600), (300, 600))
    for one in (outer, outer[::-1]):
        for two in (hole, hole[::-1]):
            (feature,) = drawn(shapely.Polygon(one, [two]))
            first, second = feature["geometry"]["coordinates"]
            assert _area(first) == 800 * 800 and _area(second) == -300 * 300


def _area(closed: list[list[int]]) -> float:
    """Surveyor's formula, positive for clockwise rings where y runs down."""
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(closed)) / 2


def test_what_reaches_out_is_cut_at_the_buffer() -> None:
    wide = shapely.box(*lonlat(-9000, 9000), *lonlat(9000, -9000))
    (feature,) = drawn(wide)
    xs = {x for x, _ in feature["geometry"]["coordinates"][0]}
    assert xs == {-BUFFER, EXTENT + BUFFER}
    (line,) = drawn(shapely.LineString([lonlat(-9000, 50), lonlat(9000, 50)]))
    assert line["geometry"]["coordinates"] == [[-BUFFER, 50], [EXTENT + BUFFER, 50]]


def test_a_line_that_leaves_and_comes_back_has_two_parts() -> None:
    line = shapely.LineString(ring((10, 10), (-500, 10), (-500, 90), (10, 90)))
    (feature,) = drawn(line)
    assert feature["geometry"]["type"] == "MultiLineString"
    assert len(feature["geometry"]["coordinates"]) == 2


def test_what_has_no_size_in_a_tile_is_not_in_it() -> None:
    assert drawn(shapely.Polygon(ring((5.1, 5.1), (5.2, 5.1), (5.2, 5.2)))) == []
    assert drawn(shapely.LineString(ring((5.1, 5.1), (5.2, 5.2)))) == []
    assert drawn(shapely.Polygon()) == []


def test_of_a_collection_the_highest_dimension_is_drawn() -> None:
    area = shapely.Polygon(ring((100, 100), (900, 100), (900, 900)))
    collection = shapely.GeometryCollection([shapely.Point(*lonlat(5, 5)), area])
    (feature,) = drawn(collection)
    assert feature["geometry"]["type"] == "Polygon"


def test_features_of_all_kinds_keep_their_order() -> None:
    kinds = [
        shapely.Polygon(ring((100, 100), (900, 100), (900, 900))),
        shapely.Point(*lonlat(5, 6)),
        shapely.LineString(ring((1, 1), (2, 2), (2, 2), (9, 2))),
        shapely.MultiPoint(ring((7, 8), (9, 10))),
        shapely.Point(*lonlat(11, 12)),
    ]
    found = drawn(*kinds)
    assert [f["id"] for f in found] == [0, 1, 2, 3, 4]
    assert found[2]["geometry"]["coordinates"] == [[1, 1], [2, 2], [9, 2]]
    assert found[3]["geometry"]["coordinates"] == [[7, 8], [9, 10]]
    assert found[4]["geometry"]["coordinates"] == [11, 12]


@given(st.integers(0, 10_000), st.floats(0.3, 3000))
@settings(max_examples=60, deadline=None)
def test_areas_are_valid_on_whole_units(seed: int, size: float) -> None:
    random = np.random.default_rng(seed)
    star = random.uniform(-size, size, (9, 2)) + random.uniform(0, EXTENT, 2)
    for feature in drawn(shapely.Polygon(ring(*star))):
        shape = shapely.geometry.shape(feature["geometry"])
        assert shapely.is_valid(shape), shapely.is_valid_reason(shape)
        coordinates = shapely.get_coordinates(shape)
        assert (coordinates >= -BUFFER).all() and (coordinates <= EXTENT + BUFFER).all()
        for part in shapely.get_parts(shape):
            assert _area(list(part.exterior.coords)) > 0
            assert all(_area(list(inner.coords)) < 0 for inner in part.interiors)


# -- the format


def test_every_kind_of_value_is_read_back() -> None:
    values: list[Any] = [
        "静港",
        "",
        0,
        7,
        -7,
        2**62,
        -(2**62),
        1.5,
        -0.25,
        True,
        False,
        None,
        math.nan,
    ]
    made = points(np.array([lonlat(1, 1)] * len(values)), HERE)
    columns = [
        wire.Column(f"c{i}", [value if j == i else None for j in range(len(values))])
        for i, value in enumerate(values)
    ]
    features = read(wire.layer("层", range(len(values)), made, columns))["层"]["features"]
    for i, (value, feature) in enumerate(zip(values, features, strict=True)):
        missing = value is None or value != value
        assert feature["properties"] == ({} if missing else {f"c{i}": value})
        assert missing or type(feature["properties"][f"c{i}"]) is type(value)


def test_equal_values_of_other_types_are_not_mixed_up() -> None:
    made = points(np.array([lonlat(1, 1)]), HERE)
    columns = [wire.Column("a", [True]), wire.Column("b", [1]), wire.Column("c", [1.0])]
    (feature,) = read(wire.layer("x", [2**53 - 1], made, columns))["x"]["features"]
    assert [type(v) for v in feature["properties"].values()] == [bool, int, float]
    assert feature["id"] == 2**53 - 1


def test_tiles_of_layers_are_one_tile_when_joined() -> None:
    made = points(np.array([lonlat(1, 1)]), HERE)
    both = wire.layer("a", [1], made, []) + wire.layer("b", [1], made, [])
    assert set(read(both)) == {"a", "b"}


def test_nothing_is_no_bytes() -> None:
    made = points(np.empty((0, 2)), HERE)
    assert wire.layer("x", [], made, [wire.Column("a", [])]) == b""


# -- cells


def test_cells_are_finer_closer_by_and_never_finer_than_the_layer() -> None:
    found = [cells.resolution(level, 9) for level in range(FINEST + 1)]
    assert found == sorted(found) and found[-1] == 9
    assert cells.resolution(8, 15) == 6 and cells.resolution(0, 15) in (0, 1)


@BOTH
def test_cells_that_reach_into_a_tile_are_among_those_looked_up(
    matrix_set: TileMatrixSet,
) -> None:
    for level in (5, 9, 13):
        row, _, column, _ = matrix_set.limits(level, (121.5, 31.2, 121.5, 31.2))
        tile = Tile(matrix_set, level, row, column)
        of = cells.resolution(tile.scale_level, 15)
        held = cells.looked_up_by(tile, of)
        ranges = [h3grid.descendants(cell, of) for cell in held]
        west, south, east, north = tile.envelope
        random = np.random.default_rng(level)
        around = h3grid.cells_of_points(
            random.uniform(west, east, 2000), random.uniform(south, north, 2000), of
        )
        for cell in around.tolist():
            assert any(low <= cell <= high for low, high in ranges)


def test_a_layer_of_cells_has_counts() -> None:
    found = cells.counted({int(h3grid.cells_of_points([121.5], [31.2], 7)[0]): 12})
    tile = Tile(WEB_MERCATOR, 8, 104, 214)
    (feature,) = read(cells.layer("x_cells", None, found, tile))["x_cells"]["features"]
    assert feature["properties"]["count"] == 12
    assert h3grid.parse_cell(feature["properties"]["h3"]) == found.cells[0]
    assert 0 < feature["id"] < 2**53


def test_numbers_of_cells_are_their_own() -> None:
    random = np.random.default_rng(7)
    found = np.unique(
        h3grid.cells_of_points(random.uniform(-180, 180, 5000), random.uniform(-90, 90, 5000), 11)
    )
    assert len(np.unique(cells.numbers(found))) == len(found)


def test_a_cell_across_the_antimeridian_is_one_piece() -> None:
    cell = h3grid.cells_of_points([179.9999], [10.0], 2)
    outline = cells.outlines(cell)[0]
    west, _, east, _ = outline.bounds
    assert east - west < 10 and west < 180 < east


def test_cells_far_from_a_tile_are_left_out() -> None:
    near = int(h3grid.cells_of_points([121.5], [31.2], 9)[0])
    far = int(h3grid.cells_of_points([100.0], [31.2], 9)[0])
    row, _, column, _ = WEB_MERCATOR.limits(11, (121.5, 31.2, 121.5, 31.2))
    kept = cells.within(cells.counted({near: 1, far: 1}), Tile(WEB_MERCATOR, 11, row, column))
    assert kept.cells.tolist() == [near]
