"""Rows as counts of H3 cells: how a tile shows more rows than can be drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import h3.api.basic_int as h3
import numpy as np
import pyarrow as pa
import shapely
from h3ronpy.vector import cells_to_coordinates, cells_to_wkb_polygons

from layers import h3grid
from layers.h3cover import cover
from layers.h3grid import Cells
from layers.query import Box
from layers.tiles import wire
from layers.tiles.content import CELL, COUNT
from layers.tiles.matrix import EXTENT, Floats, Tile
from layers.tiles.shapes import Geometries, shapes

# Cells of level 0 of Web Mercator are of this resolution, seen as about 40 beside each other in a
# tile; each level halves a tile's width, each resolution shrinks a cell by the root of 7.
_FIRST_RESOLUTION, _RESOLUTIONS_A_LEVEL = 0.7, 0.7124
# So many resolutions coarser are the cells that rows are looked up by, a few dozen to a tile.
_LOOKED_UP_BY = 2
# Above this a tile is so large a part of the world that all cells are looked up.
_LOCAL_FROM = 5
_KM_A_DEGREE = 111.2
# The last digits of a cell that vary: 7 bits of base cell and 3 for each resolution.
_BASE_BITS, _FINEST = 7, 15


@dataclass(frozen=True)
class CellCounts:
    """How many rows each of some cells has.

    Attributes
    ----------
    cells : of one resolution, ascending; shape (n,).
    counts : shape (n,), above 0.
    values : the value of the layer's style property that most of a cell's rows have, or None.
    """

    cells: Cells
    counts: Cells
    values: tuple[object, ...] | None = None


def resolution(level: int, finest: int) -> int:
    """Resolution that tiles of a level, in Web Mercator, count by."""
    return min(finest, max(0, round(_FIRST_RESOLUTION + _RESOLUTIONS_A_LEVEL * level)))


def looked_up_by(tile: Tile, of: int) -> tuple[int, ...]:
    """Cells that hold all cells of resolution ``of`` which reach into a tile."""
    if tile.scale_level < _LOCAL_FROM:
        return tuple(sorted(h3.get_res0_cells()))
    coarser = max(0, of - _LOOKED_UP_BY)
    # Descendants stick out of their ancestor a little, by less than an edge of it.
    box = _widened(tile.envelope, h3.average_hexagon_edge_length(coarser, "km"))
    return tuple(cover(np.array([shapely.box(*box)], object), coarser)[0].tolist())


def _widened(box: Box, km: float) -> Box:
    west, south, east, north = box
    up = km / _KM_A_DEGREE
    south, north = max(-90.0, south - up), min(90.0, north + up)
    aside = up / max(0.05, np.cos(np.radians(max(abs(south), abs(north)))))
    return max(-180.0, west - aside), south, min(180.0, east + aside), north


def outlines(cells: Cells) -> Geometries:
    """Outlines of cells, EPSG:4326; those across the antimeridian go on beyond it."""
    if not len(cells):
        return np.empty(0, object)
    wkb = pa.array(cells_to_wkb_polygons(pa.array(cells, pa.uint64())))
    made = np.asarray(shapely.from_wkb(wkb.to_numpy(zero_copy_only=False)), object)
    bounds = shapely.bounds(made)
    for i in np.flatnonzero(bounds[:, 2] - bounds[:, 0] > 180):
        made[i] = shapely.transform(made[i], _beyond)
    return made


def _beyond(xy: Floats) -> Floats:
    return np.column_stack([np.where(xy[:, 0] < 0, xy[:, 0] + 360, xy[:, 0]), xy[:, 1]])


def numbers(cells: Cells) -> Cells:
    """Number of each cell of one resolution, exact in a browser: its index without what is fixed.

    The index as a whole has 64 bits; the cell itself stands in the attribute ``h3``.
    """
    own = (cells >> 52) & 0xF
    digits = np.asarray(_BASE_BITS + 3 * own, np.int64)
    return np.asarray((cells >> (3 * (_FINEST - own))) & ((1 << digits) - 1), np.int64)


def layer(name: str, by: str | None, found: CellCounts, tile: Tile) -> bytes:
    """One layer of cells: outlines with ``count``, ``h3`` and the prevailing style value."""
    drawn = shapes(outlines(found.cells), tile)
    rows = drawn.rows
    cells, counts = found.cells[rows], found.counts[rows].tolist()
    columns = [
        wire.Column(CELL, [h3grid.format_cell(cell) for cell in cells.tolist()]),
        wire.Column(COUNT, counts),
    ]
    if by is not None and found.values is not None:
        columns.append(wire.Column(by, [found.values[row] for row in rows.tolist()]))
    return wire.layer(name, numbers(cells), drawn, columns)


def counted(counts: Mapping[int, int]) -> CellCounts:
    """Counts by cell as columns."""
    cells = np.array(sorted(counts), np.int64)
    return CellCounts(cells, np.array([counts[c] for c in cells.tolist()], np.int64))


def within(found: CellCounts, tile: Tile) -> CellCounts:
    """Those of the cells whose centre lies so near a tile that the cell may reach into it."""
    if not len(found.cells):
        return found
    places = pa.record_batch(cells_to_coordinates(pa.array(found.cells, pa.uint64())))
    centres = np.column_stack([places["lng"].to_numpy(), places["lat"].to_numpy()])
    of = h3grid.resolution_of(int(found.cells[0]))
    # Cells may be larger than the mean, and both systems stretch them towards the poles.
    edge = 3 * h3.average_hexagon_edge_length(of, "km") / _KM_A_DEGREE / tile.degrees(1.0)
    placed = tile.place(centres)
    high = np.cos(np.radians(np.clip(np.abs(centres[:, 1]), 0, 85)))
    reach = edge / high
    near = ((placed > -reach[:, None]) & (placed < EXTENT + reach[:, None])).all(axis=1)
    return CellCounts(found.cells[near], found.counts[near])
