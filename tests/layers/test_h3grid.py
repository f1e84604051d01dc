"""The grid: cells are the library's, a parent is an integer range, a cover misses nothing."""

from __future__ import annotations

import contextlib

import h3.api.basic_int as h3
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from layers import h3cover, h3grid
from layers.errors import QueryError

lons = st.floats(-180, 180)
lats = st.floats(-90, 90)
cells = st.builds(h3.latlng_to_cell, lats, lons, st.integers(0, 15))
PENTAGONS = sorted(h3.get_pentagons(3))


class TestCellsOfPoints:
    @given(st.lists(st.tuples(lons, lats), min_size=1, max_size=50), st.integers(0, 15))
    def test_are_the_librarys(self, points: list[tuple[float, float]], resolution: int) -> None:
        lon, lat = zip(*points, strict=True)
        found = h3grid.cells_of_points(lon, lat, resolution)
        assert found.tolist() == [h3.latlng_to_cell(y, x, resolution) for x, y in points]
        assert found.dtype == np.int64

    def test_of_no_points_are_none(self) -> None:
        assert h3grid.cells_of_points([], [], 9).tolist() == []

    def test_of_a_known_place(self) -> None:
        """The vessel of the public description, at four resolutions."""
        known = ["87309badbffffff", "88309badbbfffff", "89309badbafffff", "8a309badbacffff"]
        for resolution, text in enumerate(known, 7):
            (cell,) = h3grid.cells_of_points([121.912727], [30.858462], resolution).tolist()
            assert h3grid.format_cell(cell) == text
            assert h3grid.resolution_of(cell) == resolution


class TestDescendants:
    @given(cells, st.integers(0, 3))
    def test_are_exactly_the_integers_of_one_range(self, cell: int, finer: int) -> None:
        resolution = min(15, h3.get_resolution(cell) + finer)
        low, high = h3grid.descendants(cell, resolution)
        children = h3.cell_to_children(cell, resolution)
        assert all(low <= child <= high for child in children)
        assert min(children) == low
        # Neighbours' children lie outside: the range holds no other cell of that resolution.
        for neighbour in h3.grid_disk(cell, 1):
            if neighbour != cell:
                others = h3.cell_to_children(neighbour, resolution)
                assert not any(low <= other <= high for other in others)

    @pytest.mark.parametrize("cell", PENTAGONS)
    def test_hold_for_pentagons(self, cell: int) -> None:
        low, high = h3grid.descendants(cell, 5)
        children = h3.cell_to_children(cell, 5)
        assert len(children) == 41
        assert low == min(children)
        assert max(children) <= high

    @given(cells, st.integers(0, 15))
    def test_hold_every_cell_below(self, fine: int, coarse: int) -> None:
        own = h3.get_resolution(fine)
        low, high = h3grid.descendants(h3.cell_to_parent(fine, min(coarse, own)), own)
        assert low <= fine <= high

    @pytest.mark.parametrize("cell", [0, -1, 1, 2**63, 2**70, h3.str_to_int("88309badbbfffff") + 1])
    def test_of_no_cell_are_refused(self, cell: int) -> None:
        with pytest.raises(QueryError, match="not an H3 cell"):
            h3grid.descendants(cell, 12)

    def test_of_a_finer_cell_are_refused(self) -> None:
        with pytest.raises(QueryError, match="finer than the layer's 7"):
            h3grid.descendants(h3.latlng_to_cell(31, 121, 9), 7)

    def test_at_a_resolution_that_there_is_not_are_refused(self) -> None:
        with pytest.raises(QueryError, match="0 to 15"):
            h3grid.descendants(h3.latlng_to_cell(31, 121, 9), 16)


class TestParents:
    @given(st.lists(cells.filter(lambda c: h3.get_resolution(c) >= 5), min_size=1, max_size=20),
           st.integers(0, 5))  # fmt: skip
    def test_are_the_librarys(self, several: list[int], resolution: int) -> None:
        found = h3grid.parents(np.array(several, np.int64), resolution)
        assert found.tolist() == [h3.cell_to_parent(cell, resolution) for cell in several]

    @given(cells)
    def test_at_its_own_resolution_is_the_cell(self, cell: int) -> None:
        own = h3grid.parents(np.array([cell]), h3.get_resolution(cell))
        assert own.tolist() == [cell]


class TestText:
    @given(cells)
    def test_there_and_back(self, cell: int) -> None:
        assert h3grid.parse_cell(h3grid.format_cell(cell)) == cell
        assert h3grid.parse_cell(h3grid.format_cell(cell).upper()) == cell

    @pytest.mark.parametrize(
        "text", ["", "xyz", "-1", "0", "8830", "f" * 16, "f" * 10_000, "0x88309badbbfffff", "８８"]
    )
    def test_that_is_no_cell_is_refused(self, text: str) -> None:
        with pytest.raises(QueryError, match="not an H3 cell") as refused:
            h3grid.parse_cell(text)
        assert len(str(refused.value)) < 100

    @given(st.text(max_size=20))
    def test_of_any_kind_never_crashes(self, text: str) -> None:
        with contextlib.suppress(QueryError):
            assert h3.is_valid_cell(h3grid.parse_cell(text))


@st.composite
def shapes(draw: st.DrawFn) -> shapely.Geometry:
    """A line, ring or part-wise shape of a few hundred metres to some kilometres."""
    x, y = draw(st.floats(-170, 170)), draw(st.floats(-70, 70))
    size = draw(st.floats(1e-4, 0.05))
    step = st.floats(-1, 1, width=32)
    points = draw(st.lists(st.tuples(step, step), min_size=3, max_size=8, unique=True))
    around = [(x + size * dx, y + size * dy) for dx, dy in points]
    hull = shapely.MultiPoint(around).convex_hull
    two = (
        shapely.MultiPolygon([hull, shapely.box(x + 1, y, x + 1 + size, y + size)])
        if (hull.geom_type == "Polygon")
        else hull
    )
    collection = shapely.GeometryCollection([shapely.Point(around[0]), hull])
    return draw(st.sampled_from([hull, two, shapely.LineString(around), collection]))  # fmt: skip


class TestCover:
    @settings(max_examples=60)
    @given(shapes(), st.integers(6, 9), st.integers(0, 2**32 - 1))
    def test_holds_every_point_of_the_shape(
        self, shape: shapely.Geometry, resolution: int, seed: int
    ) -> None:
        (found,) = h3cover.cover(np.array([shape]), resolution)
        inside = _points_in(shape, seed)
        of_points = h3grid.cells_of_points(inside[:, 0], inside[:, 1], resolution)
        # A point on the edge of two cells may be drawn into either by rounding.
        missed = [h3.grid_disk(cell, 1) for cell in set(of_points.tolist()) - set(found.tolist())]
        assert all(_on_edge(inside, of_points, disk[0]) for disk in missed)

    @settings(max_examples=60)
    @given(shapes(), st.integers(6, 8))
    def test_is_sorted_without_repeats_and_touches_the_shape(
        self, shape: shapely.Geometry, resolution: int
    ) -> None:
        (found,) = h3cover.cover(np.array([shape]), resolution)
        assert found.tolist() == sorted(set(found.tolist()))
        assert all(h3grid.cell_polygon(int(c)).distance(shape) < 1e-6 for c in found)

    def test_of_a_point_is_its_cell(self) -> None:
        (found,) = h3cover.cover(np.array([shapely.Point(121.5, 31.2)]), 12)
        assert found.tolist() == [h3.latlng_to_cell(31.2, 121.5, 12)]

    def test_of_a_line_holds_the_cells_that_it_only_clips(self) -> None:
        """A path from cell to cell between the line's ends would leave some of them out."""
        line = shapely.LineString([(121.5, 31.169), (121.5, 31.231)])
        (found,) = h3cover.cover(np.array([line]), 8)
        near = h3.grid_disk(h3.latlng_to_cell(31.2, 121.5, 8), 8)
        touched = [cell for cell in near if h3grid.cell_polygon(cell).intersects(line)]
        assert found.tolist() == sorted(touched)

    def test_of_nothing_is_empty(self) -> None:
        given_shapes = np.array([None, shapely.Polygon(), shapely.Point(121.5, 31.2)])
        sizes = [len(found) for found in h3cover.cover(given_shapes, 9)]
        assert sizes == [0, 0, 1]
        assert given_shapes[0] is None, "what was given stays as it was"
        assert h3cover.cover(np.array([], object), 9) == []

    def test_of_an_area_smaller_than_a_cell_is_that_cell(self) -> None:
        centre = shapely.Point(*reversed(h3.cell_to_latlng(h3.latlng_to_cell(31.2, 121.5, 7))))
        (found,) = h3cover.cover(np.array([centre.buffer(1e-5)]), 7)
        assert found.tolist() == [h3.latlng_to_cell(31.2, 121.5, 7)]


class TestShapeOfACell:
    @given(st.floats(-170, 170), st.floats(-80, 80), st.integers(5, 15))
    def test_holds_its_centre(self, lon: float, lat: float, resolution: int) -> None:
        cell = h3.latlng_to_cell(lat, lon, resolution)
        centre = shapely.Point(*reversed(h3.cell_to_latlng(cell)))
        assert h3grid.cell_polygon(cell).contains(centre)

    def test_area_is_the_true_one_not_the_librarys_mean(self) -> None:
        """At 31.2 N the cell has 0.564 km², the mean of the resolution is 0.737."""
        area = h3grid.cell_area_km2(h3.latlng_to_cell(31.2, 121.5, 8))
        assert area == pytest.approx(0.564, abs=0.001)
        assert area < 0.8 * h3.average_hexagon_area(8)

    def test_area_agrees_with_the_outline_on_the_ellipsoid(self) -> None:
        """The library takes a sphere: a few per mille off the ellipsoid's area."""
        import pyproj

        cell = h3.latlng_to_cell(31.2, 121.5, 8)
        area, _ = pyproj.Geod(ellps="WGS84").geometry_area_perimeter(h3grid.cell_polygon(cell))
        assert abs(area) / 1e6 == pytest.approx(h3grid.cell_area_km2(cell), rel=0.005)


def _points_in(shape: shapely.Geometry, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    parts = shapely.get_parts(shape)
    lines = [p if p.geom_type != "Polygon" else p.exterior for p in parts]
    on_lines = shapely.line_interpolate_point(
        [line for line in lines if line.geom_type != "Point"] or [lines[0]],
        random.random((20, 1)),
        normalized=True,
    )
    minx, miny, maxx, maxy = shape.bounds
    spread = shapely.points(random.uniform(minx, maxx, 200), random.uniform(miny, maxy, 200))
    inside = spread[shapely.contains(shape, spread)]
    return np.vstack([shapely.get_coordinates(on_lines), shapely.get_coordinates(inside)])


def _on_edge(points: np.ndarray, of_points: np.ndarray, cell: int) -> bool:
    ring = h3grid.cell_polygon(cell).exterior
    own = shapely.points(points[of_points == cell])
    return bool(np.all(shapely.distance(own, ring) < 1e-6))
