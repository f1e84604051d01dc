"""Rasters on the H3 grid."""

from __future__ import annotations

from collections import Counter, defaultdict

import h3.api.basic_int as h3
import numpy as np
import pytest
from rasterio.transform import from_origin

from layers.crs import to_lonlat
from layers.errors import QueryError
from layers.rasters.cells import How, cells
from layers.rasters.grid import Grid
from layers.rasters.window import Window

GRID = Grid("EPSG:32651", from_origin(350_000, 3_450_000, 100, 100), 60, 40)


def window(seed: int = 3) -> Window:
    random = np.random.default_rng(seed)
    values = random.integers(0, 6, (1, 40, 60)).astype(np.uint8)
    return Window(np.ma.masked_equal(values, 0), GRID)


def by_hand(raster: Window, resolution: int) -> dict[int, list[int]]:
    found = defaultdict(list)
    for row in range(40):
        for column in range(60):
            if not raster.values.mask[0, row, column]:
                x, y = 350_050 + column * 100, 3_449_950 - row * 100
                lon, lat = to_lonlat([x], [y], GRID.crs)
                cell = h3.latlng_to_cell(lat[0], lon[0], resolution)
                found[cell].append(int(raster.values[0, row, column]))
    return found


@pytest.mark.parametrize("how", ["mean", "sum", "majority"])
def test_each_pixel_counts_once_in_the_cell_of_its_centre(how: How) -> None:
    raster, resolution = window(), 8
    expected = by_hand(raster, resolution)
    found = cells(raster, resolution, how)
    assert sorted(expected) == list(found.cells) and len(expected) > 20
    for cell, value, count in zip(found.cells, found.values, found.counts, strict=True):
        pixels = expected[int(cell)]
        assert count == len(pixels)
        if how == "majority":
            most = max(Counter(pixels).values())
            assert value == min(v for v, n in Counter(pixels).items() if n == most)
        else:
            assert value == pytest.approx(sum(pixels) / (len(pixels) if how == "mean" else 1))


def test_sums_are_the_rasters_own_at_every_resolution() -> None:
    raster = window()
    for resolution in (5, 7, 9):
        found = cells(raster, resolution, "sum")
        assert found.values.sum() == raster.values.sum()
        assert found.counts.sum() == raster.values.count()


def test_a_resolution_finer_than_the_pixels_is_refused_with_the_finest_that_fits() -> None:
    with pytest.raises(QueryError, match="about 100 m; the finest that fits is 10"):
        cells(window(), 11, "mean")


def test_a_raster_without_values_has_no_cells() -> None:
    empty = Window(np.ma.masked_all((1, 40, 60), np.uint8), GRID)
    for how in ("mean", "sum", "majority"):
        assert len(cells(empty, 8, how).cells) == 0
