"""Rasters on the one grid: a value for each H3 cell."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import h3.api.basic_int as h3
import numpy as np
import numpy.typing as npt

from layers.crs import to_lonlat
from layers.errors import QueryError
from layers.h3grid import Cells, cells_of_points
from layers.query import Box
from layers.rasters.areas import pixel_areas
from layers.rasters.window import Window, blocks, grid_of

How = Literal["mean", "majority", "sum"]


@dataclass(frozen=True)
class CellValues:
    """Values by cell, sorted by cell.

    Attributes
    ----------
    cells : H3 cells, shape (n,).
    values : mean or sum in the band's unit, or the most frequent class, shape (n,).
    counts : pixels with a value in each cell, shape (n,).
    """

    cells: Cells
    values: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]


def cells(
    raster: Window | Path, resolution: int, how: How, *, band: int = 1, box: Box | None = None
) -> CellValues:
    """Bring a raster to H3: a pixel belongs to the cell that its centre lies in.

    So every pixel counts once, sums over cells are the raster's own sum, and a coarser resolution
    is the aggregate of a finer one only by cell centres' own hierarchy (H3 cells don't nest
    exactly).

    Parameters
    ----------
    raster : a window in memory, or a file, which is read in pieces.
    resolution : 0–15, not finer than the pixels.
    how : ``mean`` of the values, ``majority`` (the most frequent, the lowest of equals), ``sum``.
    band : 1-based number.
    box : part of a file to look at, in the file's CRS.

    Raises
    ------
    QueryError
        for a resolution whose cells are smaller than the pixels: most would stay without value.
    """
    grid = raster.grid if isinstance(raster, Window) else grid_of(raster)
    middle = grid.resized(1, 1)
    pixel = float(pixel_areas(middle)[0, 0]) / grid.size
    if not 0 <= resolution <= 15 or h3.average_hexagon_area(resolution, unit="m^2") < pixel:
        side = math.sqrt(pixel)
        raise QueryError(
            f"resolution {resolution} is too fine for pixels of about {side:.3g} m; "
            f"the finest that fits is {_finest(pixel)}"
        )
    windows = (raster,) if isinstance(raster, Window) else blocks(raster, box, (band,))
    row = band - 1 if isinstance(raster, Window) else 0
    keys, sums, counts = _gather(windows, row, resolution, how)
    return _majority(keys, sums, counts) if how == "majority" else _finish(keys, sums, counts, how)


def _finest(pixel_m2: float) -> int:
    fitting = [n for n in range(16) if h3.average_hexagon_area(n, unit="m^2") >= pixel_m2]
    return max(fitting, default=0)


Columns = tuple[Cells, npt.NDArray[np.float64], npt.NDArray[np.int64]]


def _gather(windows: Iterable[Window], row: int, resolution: int, how: How) -> Columns:
    """Sums and counts by cell, or for a majority each value's count by cell and value."""
    parts: list[Columns] = [(np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64))]
    for window in windows:
        valid = ~np.ma.getmaskarray(window.values[row])
        rows, columns = np.nonzero(valid)
        west, _, _, north = window.grid.bounds
        x = west + (columns + 0.5) * window.grid.pixel[0]
        y = north - (rows + 0.5) * window.grid.pixel[1]
        lon, lat = to_lonlat(x, y, window.grid.crs)
        keys = cells_of_points(lon, lat, resolution)
        values = np.asarray(window.values.data[row][valid], np.float64)
        parts.append(_reduce(keys, values, np.ones(len(keys), np.int64), how))
    keys, values, counts = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _reduce(keys, values, counts, how)


def _reduce(
    keys: Cells, values: npt.NDArray[np.float64], counts: npt.NDArray[np.int64], how: How
) -> Columns:
    """Join equal cells: their values are added, or kept apart for a majority."""
    order = np.lexsort((values, keys)) if how == "majority" else np.argsort(keys, kind="stable")
    keys, values, counts = keys[order], values[order], counts[order]
    first = np.ones(len(keys), bool)
    first[1:] = keys[1:] != keys[:-1]
    if how == "majority":
        first[1:] |= values[1:] != values[:-1]
    starts = np.flatnonzero(first)
    if not len(starts):
        return keys, values, counts
    joined = values[starts] if how == "majority" else np.add.reduceat(values, starts)
    return keys[starts], joined, np.add.reduceat(counts, starts)


def _finish(
    keys: Cells, sums: npt.NDArray[np.float64], counts: npt.NDArray[np.int64], how: How
) -> CellValues:
    return CellValues(keys, sums if how == "sum" else sums / np.maximum(counts, 1), counts)


def _majority(
    keys: Cells, values: npt.NDArray[np.float64], counts: npt.NDArray[np.int64]
) -> CellValues:
    order = np.lexsort((values, -counts, keys))
    chosen, first = np.unique(keys[order], return_index=True)
    totals = np.zeros(len(chosen), np.int64)
    np.add.at(totals, np.searchsorted(chosen, keys), counts)
    return CellValues(chosen, values[order][first], totals)
