"""Zonal statistics: known answers of real data, and of grids that can be counted by hand."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import shapely
from rasterio.transform import from_origin

from layers.errors import QueryError
from layers.rasters.areas import pixel_areas
from layers.rasters.grid import Grid
from layers.rasters.window import Window
from layers.rasters.zonal import zonal_statistics

UTM = "EPSG:32651"
# Ten columns and eight rows of 100 m.
GRID = Grid(UTM, from_origin(350_000, 3_450_000, 100, 100), 10, 8)


def window(values: np.ndarray, grid: Grid = GRID, nodata: float | None = None) -> Window:
    masked = np.ma.masked_array(values, mask=False if nodata is None else values == nodata)
    return Window(masked[None], grid)


def numbers() -> np.ndarray:
    return np.arange(80, dtype=np.int32).reshape(8, 10)


def ground(*box: float) -> shapely.Polygon:
    """A box given in pixels of GRID from its upper left corner."""
    left, top, right, bottom = box
    return shapely.box(
        350_000 + left * 100, 3_450_000 - bottom * 100, 350_000 + right * 100, 3_450_000 - top * 100
    )


@pytest.mark.real
def test_polygons_over_real_slopes_give_the_published_answers(real_data: Path) -> None:
    folder = real_data / "rasters"
    polygons = gpd.read_file(folder / "rasterstats_polygons.shp")
    first, second = zonal_statistics(
        folder / "rasterstats_slope.tif", list(polygons.to_crs("EPSG:4326").geometry)
    )
    assert (first.count, second.count) == (75, 50)
    assert [first.min, first.max] == pytest.approx([6.575115, 22.273418], abs=1e-5)
    assert [first.mean, first.sum] == pytest.approx([14.660085, 1099.506348], rel=1e-6)
    assert first.median == pytest.approx(14.283853, abs=1e-5)
    assert [second.min, second.max] == pytest.approx([16.940950, 82.690437], abs=1e-5)
    assert [second.mean, second.sum] == pytest.approx([56.605762, 2830.288086], rel=1e-6)
    assert second.median == pytest.approx(55.908356, abs=1e-5)


@pytest.mark.real
def test_classes_of_real_slopes_add_up_to_the_polygons(real_data: Path) -> None:
    folder = real_data / "rasters"
    shapes = gpd.read_file(folder / "rasterstats_polygons.shp").to_crs("EPSG:4326")
    found = zonal_statistics(
        folder / "rasterstats_slope_classes.tif", list(shapes.geometry), classified=True
    )
    geod = pyproj.Geod(ellps="GRS80")
    for zone, shape in zip(found, shapes.geometry, strict=True):
        true = abs(geod.geometry_area_perimeter(shape)[0])
        assert sum((zone.classes or {}).values()) == pytest.approx(zone.area_m2)
        assert zone.area_m2 == pytest.approx(true, rel=0.06), "pixels cover the polygon roughly"


def test_a_pixel_counts_where_its_centre_lies_inside() -> None:
    just, not_quite = ground(1.49, 1.49, 3.51, 2.51), ground(1.51, 1.49, 3.49, 2.51)
    inner, outer = zonal_statistics(window(numbers()), [not_quite, just], crs=UTM)
    assert (outer.count, outer.sum, outer.median) == (6, 11 + 12 + 13 + 21 + 22 + 23, 17)
    assert (inner.count, inner.sum) == (2, 12 + 22)


def test_nodata_is_told_apart_and_never_summed() -> None:
    values = numbers()
    values[0, :3] = -1
    [found] = zonal_statistics(window(values, nodata=-1), [ground(0, 0, 10, 1)], crs=UTM)
    assert (found.count, found.missing, found.min, found.sum) == (7, 3, 3, sum(range(3, 10)))


def test_zones_without_pixels_have_no_values() -> None:
    empty, outside, none, tiny = zonal_statistics(
        window(numbers()),
        [shapely.Polygon(), ground(100, 100, 101, 101), None, ground(1.1, 1.1, 1.2, 1.2)],
        crs=UTM,
        classified=True,
    )
    for zone in (empty, outside, none, tiny):
        assert (zone.count, zone.mean, zone.median, zone.classes) == (0, None, None, {})


def test_holes_and_parts_are_followed() -> None:
    ring = ground(0, 0, 4, 4) - ground(1, 1, 3, 3)
    both = shapely.MultiPolygon([ground(0, 0, 1, 1), ground(9, 7, 10, 8)])
    holed, parts = zonal_statistics(window(numbers()), [ring, both], crs=UTM)
    assert (holed.count, parts.count, parts.sum) == (12, 2, 79)


def test_areas_are_those_of_the_ground_not_of_the_projection() -> None:
    lonlat = gpd.GeoSeries([ground(0, 0, 10, 8)], crs=UTM).to_crs("EPSG:4326").segmentize(0.001)
    true = abs(pyproj.Geod(ellps="WGS84").geometry_area_perimeter(lonlat.iloc[0])[0])
    [found] = zonal_statistics(window(numbers()), [ground(0, 0, 10, 8)], crs=UTM)
    assert found.area_m2 == pytest.approx(true, rel=1e-5)
    assert abs(found.area_m2 / 800_000 - 1) > 1e-4, "a UTM square metre is not one of the ground"


def test_areas_of_degrees_shrink_to_the_poles() -> None:
    grid = Grid("EPSG:4326", from_origin(0, 90, 1, 1), 360, 180)
    areas = pixel_areas(grid)
    assert areas.sum() == pytest.approx(510_065_621_724_000, rel=1e-6), "surface of WGS 84"
    assert areas[0, 0] < areas[89, 0] / 50


def test_classes_have_areas() -> None:
    values = np.full((8, 10), 4, np.uint8)
    values[:, :5] = 1
    [found] = zonal_statistics(window(values), [ground(0, 0, 10, 8)], crs=UTM, classified=True)
    assert list(found.classes or {}) == [1, 4]
    assert sum((found.classes or {}).values()) == pytest.approx(found.area_m2)


def test_bytes_are_summed_beyond_a_byte() -> None:
    [found] = zonal_statistics(
        window(np.full((8, 10), 255, np.uint8)), [ground(0, 0, 10, 8)], crs=UTM
    )
    assert found.sum == 255 * 80


def test_what_is_no_polygon_is_refused() -> None:
    with pytest.raises(QueryError, match="found a Point"):
        zonal_statistics(window(numbers()), [shapely.Point(0, 0)], crs=UTM)


def test_a_zone_too_large_to_be_read_is_refused() -> None:
    with pytest.raises(QueryError, match="spans 80 pixels, at most 50"):
        zonal_statistics(window(numbers()), [ground(0, 0, 10, 8)], crs=UTM, most=50)
