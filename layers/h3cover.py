"""Cells that a geometry touches.

Areas are filled by the H3 library. Lines are not: the library walks a line from cell to cell
between its vertices and passes cells that it only clips, so lines are followed here by bisection.
"""

from __future__ import annotations

import h3.api.basic_int as h3
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely
from h3ronpy import ContainmentMode
from h3ronpy.vector import wkb_to_cells

from layers.h3grid import Cells, cells_of_points

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
# Pieces of lines shorter than this (a millimetre on the ground) are not divided further.
_SHORTEST_DEG = 1e-8
_KM_A_DEGREE = 111.2


def cover(geometries: npt.NDArray[np.object_], resolution: int) -> list[Cells]:
    """Cells that each geometry touches: no point of the geometry lies outside of its cover.

    Parameters
    ----------
    geometries : shapely geometries in EPSG:4326, shape (n,); None and empty give an empty cover.
    resolution : 0–15.

    Returns
    -------
    n sorted arrays of cells.
    """
    n = len(geometries)
    parts, owner = _simple_parts(geometries)
    # A line without length is the point it stands on.
    dimension = np.where(shapely.length(parts) > 0, shapely.get_dimensions(parts), 0)
    found: list[tuple[Integers, Cells]] = []
    for chosen, touched in ((0, _of_points), (1, _of_lines), (2, _of_areas)):
        of = np.flatnonzero(dimension == chosen)
        if len(of):
            part, cells = touched(parts[of], resolution)
            found.append((owner[of][part], cells))
    if not found:
        return [np.empty(0, np.int64) for _ in range(n)]
    owners, cells = _distinct(*(np.concatenate(columns) for columns in zip(*found, strict=True)))
    bounds = np.searchsorted(owners, np.arange(n + 1))
    return [cells[bounds[i] : bounds[i + 1]] for i in range(n)]


def _distinct(owners: Integers, cells: Cells) -> tuple[Integers, Cells]:
    """Pairs sorted by owner and cell, each once."""
    # Neighbours along a line repeat most, and sorting is what costs.
    kept = _changes(owners, cells)
    owners, cells = owners[kept], cells[kept]
    order = np.lexsort((cells, owners))
    owners, cells = owners[order], cells[order]
    kept = _changes(owners, cells)
    return owners[kept], cells[kept]


def _changes(owners: Integers, cells: Cells) -> npt.NDArray[np.bool_]:
    """Where a pair differs from the one before it."""
    changed = np.ones(len(owners), bool)
    changed[1:] = (owners[1:] != owners[:-1]) | (cells[1:] != cells[:-1])
    return changed


def _simple_parts(
    geometries: npt.NDArray[np.object_],
) -> tuple[npt.NDArray[np.object_], Integers]:
    """Points, lines and polygons of all geometries, and the row that each is of."""
    owner = np.flatnonzero(~(shapely.is_missing(geometries) | shapely.is_empty(geometries)))
    parts = geometries[owner]
    while True:
        parts, row = shapely.get_parts(parts, return_index=True)
        owner = owner[row]
        if not (shapely.get_type_id(parts) > shapely.GeometryType.POLYGON).any():
            kept = ~shapely.is_empty(parts)
            return parts[kept], np.asarray(owner[kept], np.int64)


def _of_points(points: npt.NDArray[np.object_], resolution: int) -> tuple[Integers, Cells]:
    xy, row = shapely.get_coordinates(points, return_index=True)
    return np.asarray(row, np.int64), cells_of_points(xy[:, 0], xy[:, 1], resolution)


def _of_areas(areas: npt.NDArray[np.object_], resolution: int) -> tuple[Integers, Cells]:
    lists = pa.array(
        wkb_to_cells(shapely.to_wkb(areas), resolution, containment_mode=ContainmentMode.Covers)
    )
    sizes = np.diff(np.asarray(lists.offsets))
    return np.repeat(np.arange(len(areas)), sizes), np.asarray(lists.flatten(), np.int64)


def _of_lines(lines: npt.NDArray[np.object_], resolution: int) -> tuple[Integers, Cells]:
    """Follow lines by bisection: a piece with both ends in one (convex) cell lies in it wholly."""
    # Long pieces bend against the cells' edges, so none is longer than a quarter of an edge.
    edge_deg = h3.average_hexagon_edge_length(resolution, "km") / _KM_A_DEGREE
    xy, line = shapely.get_coordinates(shapely.segmentize(lines, edge_deg / 4), return_index=True)
    cell = cells_of_points(xy[:, 0], xy[:, 1], resolution)
    owners, cells = [line], [cell]
    crossing = np.flatnonzero((line[1:] == line[:-1]) & (cell[1:] != cell[:-1]))
    start, end = xy[crossing], xy[crossing + 1]
    first, last, of = cell[crossing], cell[crossing + 1], line[crossing]
    while len(start):
        middle = (start + end) / 2
        between = cells_of_points(middle[:, 0], middle[:, 1], resolution)
        third = (between != first) & (between != last)
        owners.append(of[third])
        cells.append(between[third])
        # The half whose ends lie in one cell is done; both go on where a third cell lies between.
        left, right = between != first, between != last
        start = np.concatenate([start[left], middle[right]])
        end = np.concatenate([middle[left], end[right]])
        first, last, of = (
            np.concatenate([first[left], between[right]]),
            np.concatenate([between[left], last[right]]),
            np.concatenate([of[left], of[right]]),
        )
        long = np.abs(end - start).max(axis=1, initial=0) > _SHORTEST_DEG
        start, end, first, last, of = start[long], end[long], first[long], last[long], of[long]
    return np.concatenate(owners).astype(np.int64), np.concatenate(cells)
