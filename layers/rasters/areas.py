"""True areas of pixels on the ellipsoid, whatever the projection makes of them."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyproj

from layers.rasters.grid import Grid

Floats = npt.NDArray[np.float64]
# The scale of a projection is smooth: so many nodes a side give areas to nine digits over a city.
_NODES = 33


def pixel_areas(grid: Grid) -> Floats:
    """Area of each pixel on the ground, m² on the CRS's ellipsoid; shape (rows, columns).

    On a projected grid the nominal area is divided by the projection's areal scale (Snyder 1987,
    Map Projections, p. 24); on a geographic grid it is the area between two parallels (p. 16,
    from the authalic latitude's q).
    """
    system = _system(grid.crs)
    if system.is_geographic:
        return np.repeat(_between_parallels(grid, system)[:, None], grid.width, axis=1)
    unit = system.axis_info[0].unit_conversion_factor
    nominal = grid.pixel[0] * grid.pixel[1] * unit * unit
    return np.asarray(nominal / _areal_scale(grid, system))


@lru_cache(maxsize=32)
def _system(crs: str) -> pyproj.CRS:
    return pyproj.CRS.from_user_input(crs)


def _between_parallels(grid: Grid, system: pyproj.CRS) -> Floats:
    assert system.ellipsoid is not None, "degrees are taken on an ellipsoid"
    a, b = system.ellipsoid.semi_major_metre, system.ellipsoid.semi_minor_metre
    e = math.sqrt(1 - (b / a) ** 2)
    _, _, _, north = grid.bounds
    edges = np.clip(north - grid.pixel[1] * np.arange(grid.height + 1), -90, 90)
    sine = np.sin(np.radians(edges))
    if e == 0:
        surface = 2 * sine
    else:
        surface = (b / a) ** 2 * (
            sine / (1 - (e * sine) ** 2) + np.log((1 + e * sine) / (1 - e * sine)) / (2 * e)
        )
    width = math.radians(grid.pixel[0])
    return np.asarray(-np.diff(surface) * width * a * a / 2)


def _areal_scale(grid: Grid, system: pyproj.CRS) -> Floats:
    columns = _nodes(grid.width)
    rows = _nodes(grid.height)
    west, _, _, north = grid.bounds
    x, y = np.meshgrid(west + (columns + 0.5) * grid.pixel[0], north - (rows + 0.5) * grid.pixel[1])
    projection = pyproj.Proj(system)
    lon, lat = projection(x.ravel(), y.ravel(), inverse=True)
    scale = np.asarray(projection.get_factors(lon, lat).areal_scale).reshape(x.shape)
    along = np.stack([np.interp(np.arange(grid.width), columns, row) for row in scale])
    down = [np.interp(np.arange(grid.height), rows, column) for column in along.T]
    return np.asarray(np.stack(down, axis=1))


def _nodes(count: int) -> Floats:
    """Pixel numbers at which the scale is taken, first and last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, _NODES)))
