"""The one grid: H3 cells as 64-bit integers.

For a fixed resolution the descendants of a cell are one integer range, so ``h3 BETWEEN low AND
high`` on an ordinary B-tree answers every coarser cell. Cells come from the H3 library; the range
is bit arithmetic on the index layout (H3 documentation, "H3 index bit layout").
"""

from __future__ import annotations

import re

import h3.api.basic_int as h3
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely
from h3ronpy.vector import coordinates_to_cells

from layers.errors import QueryError

Cells = npt.NDArray[np.int64]
_RESOLUTION_SHIFT = 52
_BITS_A_DIGIT = 3
_FINEST = 15
_TEXT_LENGTH = 16
_HEX = re.compile(r"[0-9a-f]+", re.ASCII)


def cells_of_points(lon: npt.ArrayLike, lat: npt.ArrayLike, resolution: int) -> Cells:
    """Cell of each point.

    Parameters
    ----------
    lon, lat : degrees, EPSG:4326, shape (n,), finite.
    resolution : 0–15.

    Returns
    -------
    cells, shape (n,).
    """
    x, y = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    if not len(x):
        return np.empty(0, np.int64)
    return np.asarray(pa.array(coordinates_to_cells(y, x, resolution)).to_numpy(), np.int64)


def descendants(cell: int, resolution: int) -> tuple[int, int]:
    """Inclusive integer range of all cells of a resolution inside one coarser (or equal) cell.

    Raises
    ------
    QueryError
        for something that is no cell, or a cell finer than the resolution.
    """
    if not _is_cell(cell):
        raise QueryError(f"{cell!r} is not an H3 cell")
    if not 0 <= resolution <= _FINEST:
        raise QueryError(f"H3 resolutions are 0 to {_FINEST}, found {resolution}")
    own = h3.get_resolution(cell)
    if own > resolution:
        raise QueryError(
            f"cell {h3.int_to_str(cell)} has resolution {own}, finer than the layer's {resolution}"
        )
    base = cell & ~(0xF << _RESOLUTION_SHIFT) | resolution << _RESOLUTION_SHIFT
    high_bit = _BITS_A_DIGIT * (_FINEST - own)
    low_bit = _BITS_A_DIGIT * (_FINEST - resolution)
    free = (1 << high_bit) - (1 << low_bit)
    return base & ~free, base | free


def _is_cell(cell: int) -> bool:
    # The library's own test takes 64-bit numbers only.
    return 0 < cell < 1 << 63 and bool(h3.is_valid_cell(cell))


def parse_cell(text: str) -> int:
    """Read a cell in hexadecimal, such as ``88309badbbfffff``; QueryError if it is none."""
    shown = text if len(text) <= _TEXT_LENGTH else f"{text[:_TEXT_LENGTH]}…"
    digits = text.strip().lower()
    cell = int(digits, 16) if len(digits) <= _TEXT_LENGTH and _HEX.fullmatch(digits) else 0
    if not _is_cell(cell):
        raise QueryError(f"{shown!r} is not an H3 cell")
    return cell


def format_cell(cell: int) -> str:
    """Write a cell as hexadecimal text."""
    return str(h3.int_to_str(cell))


def resolution_of(cell: int) -> int:
    """Resolution of a cell, 0–15."""
    return int(h3.get_resolution(cell))


def parents(cells: Cells, resolution: int) -> Cells:
    """Ancestor of each cell at a coarser (or equal) resolution, by bit arithmetic; shape (n,)."""
    base = cells & ~(0xF << _RESOLUTION_SHIFT) | resolution << _RESOLUTION_SHIFT
    return np.asarray(base | ((1 << _BITS_A_DIGIT * (_FINEST - resolution)) - 1), np.int64)


def disk(cell: int) -> Cells:
    """A cell and its neighbours, sorted; shape (7,), of a pentagon (6,)."""
    return np.sort(np.array(h3.grid_disk(cell, 1), np.int64))


def cell_polygon(cell: int) -> shapely.Polygon:
    """Outline of a cell, EPSG:4326."""
    return shapely.Polygon([(lon, lat) for lat, lon in h3.cell_to_boundary(cell)])


def cell_area_km2(cell: int) -> float:
    """Return the area of the cell itself, which may lie a third off the mean of its resolution."""
    return float(h3.cell_area(cell, "km^2"))


def parent_masks(resolution: int) -> tuple[int, int]:
    """Bits to keep and to set (``cell & keep | fill``) that make a finer cell its ancestor."""
    fill = resolution << _RESOLUTION_SHIFT | (1 << _BITS_A_DIGIT * (_FINEST - resolution)) - 1
    return ~(0xF << _RESOLUTION_SHIFT), fill
