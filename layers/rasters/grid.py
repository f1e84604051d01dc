"""Regular grids of pixels: north up, in a named reference system."""

from __future__ import annotations

import math
from dataclasses import dataclass

from affine import Affine
from rasterio.transform import from_bounds
from rasterio.warp import calculate_default_transform, transform_bounds

from layers.query import Box

# Edges that lie this share of a pixel beyond a pixel's border still stand on it.
_SLACK = 1e-6
# No reference system reaches so far; further out PROJ counts turns round the globe for minutes.
_FURTHEST = 1e9
_EDGE_POINTS = 21


@dataclass(frozen=True)
class Grid:
    """Pixels of equal size, rows from north to south.

    Attributes
    ----------
    crs : name for PROJ, such as ``EPSG:32651``; coordinates are x, y (lon, lat).
    transform : from (column, row) to (x, y) of a pixel's upper left corner.
    width, height : number of columns and rows.
    """

    crs: str
    transform: Affine
    width: int
    height: int

    @classmethod
    def over(cls, box: Box, width: int, height: int, crs: str) -> Grid:
        """Divide a box into so many columns and rows."""
        return cls(crs, from_bounds(*box, width, height), width, height)

    @property
    def bounds(self) -> Box:
        """Box around all pixels, in the grid's CRS."""
        west, north = self.transform.c, self.transform.f
        east = west + self.transform.a * self.width
        return west, north + self.transform.e * self.height, east, north

    @property
    def size(self) -> int:
        """Number of pixels."""
        return self.width * self.height

    @property
    def pixel(self) -> tuple[float, float]:
        """Width and height of a pixel in units of the CRS, both positive."""
        return self.transform.a, -self.transform.e

    def part(self, box: Box) -> Grid | None:
        """Return the pixels whose inside meets a box, None where there are none.

        A box without width or height is the pixel that it lies in (OGC 19-087, subsetting).

        Parameters
        ----------
        box : in the grid's CRS.
        """
        dx, dy = self.pixel
        west, _, _, north = self.bounds
        left, right = _range((box[0] - west) / dx, (box[2] - west) / dx, self.width)
        top, bottom = _range((north - box[3]) / dy, (north - box[1]) / dy, self.height)
        if left >= right or top >= bottom:
            return None
        moved = Affine(dx, 0.0, west + left * dx, 0.0, -dy, north - top * dy)
        return Grid(self.crs, moved, right - left, bottom - top)

    def resized(self, width: int, height: int) -> Grid:
        """Divide the same box into other columns and rows."""
        return Grid.over(self.bounds, width, height, self.crs)

    def within(self, crs: str) -> Grid:
        """Return the grid of another CRS that covers this one with pixels of about the same size.

        Raises
        ------
        ValueError
            where the other CRS is not defined there.
        """
        if crs == self.crs:
            return self
        try:
            transform, width, height = calculate_default_transform(
                self.crs, crs, self.width, self.height, *self.bounds
            )
        except Exception as failure:  # rasterio raises errors of many kinds here
            raise ValueError(f"{crs} is not defined over the raster") from failure
        return Grid(crs, transform, int(width), int(height))


def _range(low: float, high: float, count: int) -> tuple[int, int]:
    """Whole pixels that a span of pixel coordinates meets, clipped to those that exist."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0, 0
    if high - low < _SLACK:
        first = min(math.floor(low), count - 1)
        return (first, first + 1) if 0 <= low <= count else (0, 0)
    return max(0, math.floor(low + _SLACK)), min(count, math.ceil(high - _SLACK))


def box_between(box: Box, source: str, target: str) -> Box | None:
    """Return the box of a target CRS around a box of a source CRS, its edges followed.

    Returns
    -------
    box, or None where the target CRS is not defined over the whole of it.
    """
    if source == target:
        return box
    if not all(abs(edge) <= _FURTHEST for edge in box):
        return None
    try:
        found = transform_bounds(source, target, *box, densify_pts=_EDGE_POINTS)
    except Exception:  # rasterio raises errors of many kinds here
        return None
    west, south, east, north = (float(edge) for edge in found)
    if not all(map(math.isfinite, (west, south, east, north))):
        return None
    return west, south, east, north
