"""Layers as images of H3 aggregates: the number of rows in each cell, by colour.

The resolution fits the scale: the finest whose cells are some ten pixels wide, so that a layer of
a million rows draws as fast as one of a thousand, and a personal layer shows no person.
"""

from __future__ import annotations

import math
from functools import lru_cache

import h3.api.basic_int as h3
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely
from h3ronpy.vector import cells_to_wkb_polygons
from PIL import Image, ImageDraw

from layers.crs import STORAGE, transformer
from layers.query import Box
from ogc_server.images.painting import Rgba
from ogc_server.images.viewport import Viewport

# Lower ends of the classes: half decades, so that a colour means the same number on every map of
# one scale; and a sequential ramp from light to dark (the form of ColorBrewer's YlOrRd).
BREAKS = (1, 3, 10, 32, 100, 316, 1000, 3162)
RAMP = (
    "#ffdf80", "#fec44f", "#fe9929", "#f46d2b", "#e0402b", "#bd1a26", "#8c0a2b", "#59081f"
)  # fmt: skip
_OPACITY = 225
_SMALLEST_PX2 = 90.0
# Cells from this size on have a gap between them, so that they can be told apart.
_GAP_FROM_PX2 = 60.0
MOST_CELLS = 40_000
_FINEST = 15
# Metres of a degree where degrees are shortest, and the longest diagonal of any cell in mean edges
# of its resolution (2.21, measured over the globe).
_DEGREE_M = 110_500.0
_WIDEST = 2.25


def fitting_resolution(view: Viewport, finest: int) -> int:
    """Finest resolution, up to ``finest``, whose cells are large enough to be told apart."""
    pixel = view.ground_pixel_m2()
    most = min(view.grid.size / _SMALLEST_PX2, MOST_CELLS)
    for resolution in range(finest, 0, -1):
        area = _mean_area(resolution)
        if area >= pixel * _SMALLEST_PX2 and view.grid.size * pixel / area <= most:
            return resolution
    return 0


@lru_cache(maxsize=_FINEST + 1)
def _mean_area(resolution: int) -> float:
    return float(h3.average_hexagon_area(resolution, unit="m^2"))


def around(box: Box | None, resolution: int) -> Box | None:
    """Box of the rows that a view shows: a cell wider, as cells reach over its rim.

    A row's cell that is in view holds its representative point, so the row meets this box.

    Returns
    -------
    box in EPSG:4326, None where everything may be in view.
    """
    if box is None:
        return None
    reach = _WIDEST * h3.average_hexagon_edge_length(resolution, unit="m") / _DEGREE_M
    furthest = max(abs(box[1]), abs(box[3])) + reach
    across = reach / max(math.cos(math.radians(min(furthest, 90))), 0.05)
    west, south, east, north = box[0] - across, box[1] - reach, box[2] + across, box[3] + reach
    if west <= -180 or east >= 180 or south <= -90 or north >= 90:
        return None
    return west, south, east, north


def paint_counts(counts: dict[int, int], view: Viewport) -> Rgba:
    """Draw counts per cell; shape (rows, columns, 4), clear where there are none."""
    grid = view.grid
    classes = Image.new("L", (grid.width, grid.height), 0)
    cells = np.fromiter(counts, np.int64, len(counts))
    numbers = np.fromiter(counts.values(), np.int64, len(counts))
    if len(cells):
        rings, owner = _rings(cells, view)
        gap = 0 if _cell_px2(cells, view) >= _GAP_FROM_PX2 else None
        pen = ImageDraw.Draw(classes)
        levels = np.searchsorted(BREAKS, numbers, side="right")[owner]
        for ring, level in zip(rings, levels.tolist(), strict=True):
            pen.polygon(ring, fill=level, outline=level if gap is None else gap)
    table = np.zeros((len(RAMP) + 1, 4), np.uint8)
    for level, colour in enumerate(RAMP, start=1):
        table[level] = (*bytes.fromhex(colour[1:]), _OPACITY)
    return np.asarray(table[np.asarray(classes)], np.uint8)


def _cell_px2(cells: npt.NDArray[np.int64], view: Viewport) -> float:
    return _mean_area(int(h3.get_resolution(int(cells[0])))) / view.ground_pixel_m2()


def _rings(
    cells: npt.NDArray[np.int64], view: Viewport
) -> tuple[list[list[tuple[float, float]]], npt.NDArray[np.int64]]:
    """Outlines in pixels of the cells in view, and the number of each one's cell."""
    grid = view.grid
    texts = pa.array(cells_to_wkb_polygons(pa.array(cells.astype(np.uint64))))
    shapes = shapely.from_wkb(np.asarray(texts.to_numpy(zero_copy_only=False), object))
    points, of = shapely.get_coordinates(shapes, return_index=True)
    x, y = points[:, 0], points[:, 1]
    if grid.crs != STORAGE:
        x, y = transformer(STORAGE, grid.crs).transform(x, y)
    west, _, _, north = grid.bounds
    columns, rows = (x - west) / grid.pixel[0], (north - y) / grid.pixel[1]
    starts = np.searchsorted(of, np.arange(len(cells) + 1))
    first = starts[:-1]
    finite = np.isfinite(columns) & np.isfinite(rows)
    shown = np.logical_and.reduceat(finite, first)
    columns, rows = np.where(finite, columns, 0), np.where(finite, rows, 0)
    shown &= (np.maximum.reduceat(columns, first) >= 0) & (
        np.minimum.reduceat(columns, first) <= grid.width
    )
    shown &= (np.maximum.reduceat(rows, first) >= 0) & (
        np.minimum.reduceat(rows, first) <= grid.height
    )
    # A cell across the antimeridian would be drawn over the whole map.
    shown &= (
        np.maximum.reduceat(points[:, 0], first) - np.minimum.reduceat(points[:, 0], first) < 180
    )
    owner = np.flatnonzero(shown)
    pairs = np.column_stack([columns - 0.5, rows - 0.5]).round(2)
    rings = [[(float(a), float(b)) for a, b in pairs[starts[n] : starts[n + 1] - 1]] for n in owner]
    return rings, owner
