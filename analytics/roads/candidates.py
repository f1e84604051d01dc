"""Which arcs a position may lie on: an index of the roads' pieces by squares.

A square lists each straight piece of road that comes within the radius of any of its points, so a
position looks into one square only.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import shapely
from numba import njit

from analytics.kernels.inner import inlined
from analytics.roads.network import Graph, RoadNetwork
from analytics.roads.parameters import SCALE, Limits

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]

_MOST_SQUARES = 4_000_000
# Fields of a straight piece: its ends, direction (a unit vector) and place along its road.
_X0, _Y0, _X1, _Y1, _DX, _DY, _LONG, _ALONG = range(8)


class Grid(NamedTuple):
    """The index.

    Attributes
    ----------
    origin : x, y of the corner and the side of a square, metres; shape (3,).
    shape : columns and rows of squares.
    bounds, pieces : square k lists pieces[bounds[k]:bounds[k + 1]], those of a road together.
    piece : fields of each piece, shape (pieces, 8).
    road : of each piece.
    forward, backward : arcs of each road, -1 for none.
    """

    origin: Floats
    shape: Longs
    bounds: Longs
    pieces: Ints
    piece: Floats
    road: Ints
    forward: Ints
    backward: Ints


class Found(NamedTuple):
    """Candidates of one position, best first.

    Attributes
    ----------
    arc, along_m : where.
    point : x, y of that place, shape (candidates, 2).
    score : logarithm of how likely the position is from there, millionths of a nat.
    """

    arc: Ints
    along_m: Floats
    point: Floats
    score: Longs


def found_room(limits: Limits) -> Found:
    """Room for the candidates of one position."""
    k = limits.candidates
    return Found(np.zeros(k, np.int32), np.zeros(k), np.zeros((k, 2)), np.zeros(k, np.int64))


def grid_of(network: RoadNetwork, radius_m: float) -> Grid:
    """Index a network for positions that may be a radius away from their road."""
    piece, road = _pieces(network)
    roads = len(network.road_id)
    arcs = [np.full(roads, -1, np.int32) for _ in range(2)]
    for arc_of, direction in zip(arcs, (True, False), strict=True):
        own = np.flatnonzero(network.arc_forward == direction)
        arc_of[network.arc_road[own]] = own
    if not len(piece):
        empty = np.zeros(0, np.int32)
        nowhere = np.array([0.0, 0.0, 1.0])
        none = np.zeros(2, np.int64)
        return Grid(nowhere, none, none, empty, piece, road, arcs[0], arcs[1])
    low = np.minimum(piece[:, :2].min(axis=0), piece[:, 2:4].min(axis=0)) - radius_m
    high = np.maximum(piece[:, :2].max(axis=0), piece[:, 2:4].max(axis=0)) + radius_m
    width, height = high - low
    side = max(2 * radius_m, math.sqrt(width * height / _MOST_SQUARES))
    shape = np.array([int(width // side) + 1, int(height // side) + 1], np.int64)
    origin = np.array([low[0], low[1], side])
    bounds, pieces = _fill(origin, shape, piece, radius_m)
    return Grid(origin, shape, bounds, pieces, piece, road, arcs[0], arcs[1])


def _pieces(network: RoadNetwork) -> tuple[Floats, Ints]:
    """Straight pieces of all roads that have a length, in their order."""
    xy, owner = shapely.get_coordinates(network.line, return_index=True)
    inner = owner[1:] == owner[:-1]
    a, b, road = xy[:-1][inner], xy[1:][inner], owner[:-1][inner]
    length = np.hypot(*(b - a).T)
    reached = np.concatenate([[0.0], np.cumsum(length)])[:-1]
    first = np.searchsorted(road, road)
    along = reached - reached[first] if len(road) else reached[:0]
    real = length > 0
    a, b, road, length, along = a[real], b[real], road[real], length[real], along[real]
    unit = (b - a) / length[:, None]
    return np.column_stack([a, b, unit, length, along]), road.astype(np.int32)


@inlined
def _away(piece: Floats, x: float, y: float) -> tuple[float, float]:  # pragma: no cover - compiled
    """Square of a point's distance from a piece, and where on it is the nearest."""
    along = (x - piece[_X0]) * piece[_DX] + (y - piece[_Y0]) * piece[_DY]
    along = min(max(along, 0.0), piece[_LONG])
    dx, dy = x - piece[_X0] - along * piece[_DX], y - piece[_Y0] - along * piece[_DY]
    return dx * dx + dy * dy, along


@njit(cache=True)
def _fill(
    origin: Floats, shape: Longs, piece: Floats, radius_m: float
) -> tuple[Longs, Ints]:  # pragma: no cover - compiled
    side = origin[2]
    reach = (radius_m + side * 2.0**-0.5) ** 2
    bounds = np.zeros(shape[0] * shape[1] + 1, np.int64)
    pieces = np.empty(0, np.int32)
    for turn in range(2):
        for k in range(len(piece)):
            one = piece[k]
            left = int((min(one[_X0], one[_X1]) - radius_m - origin[0]) / side)
            right = int((max(one[_X0], one[_X1]) + radius_m - origin[0]) / side)
            low = int((min(one[_Y0], one[_Y1]) - radius_m - origin[1]) / side)
            high = int((max(one[_Y0], one[_Y1]) + radius_m - origin[1]) / side)
            for column in range(max(left, 0), min(right, shape[0] - 1) + 1):
                for row in range(max(low, 0), min(high, shape[1] - 1) + 1):
                    x, y = origin[0] + (column + 0.5) * side, origin[1] + (row + 0.5) * side
                    if _away(one, x, y)[0] <= reach:
                        square = column * shape[1] + row
                        if turn == 1:
                            pieces[bounds[square]] = k
                        bounds[square] += 1
        if turn == 0:
            total = 0
            for square in range(len(bounds)):
                own, bounds[square] = bounds[square], total
                total += own
            pieces = np.empty(total, np.int32)
    # The second turn moved each square's start to its end.
    for square in range(len(bounds) - 1, 0, -1):
        bounds[square] = bounds[square - 1]
    bounds[0] = 0
    return bounds, pieces


@inlined
def find(
    grid: Grid,
    graph: Graph,
    limits: Limits,
    x: float,
    y: float,
    heading: tuple[float, float],
    found: Found,
) -> int:  # pragma: no cover - compiled
    """List the likeliest arcs of a position.

    Parameters
    ----------
    x, y : metres.
    heading : unit vector of the truck's course; (0, 0) where it is not known.
    found : the candidates, filled in.

    Returns
    -------
    how many there are; of each road the nearest place only.
    """
    column = math.floor((x - grid.origin[0]) / grid.origin[2])
    row = math.floor((y - grid.origin[1]) / grid.origin[2])
    if column < 0 or row < 0 or column >= grid.shape[0] or row >= grid.shape[1]:
        return 0
    square = int(column * grid.shape[1] + row)
    count, k, end = 0, grid.bounds[square], grid.bounds[square + 1]
    reach = limits.radius_m * limits.radius_m
    while k < end:
        road = grid.road[grid.pieces[k]]
        least, best, place = np.inf, -1, 0.0
        while k < end and grid.road[grid.pieces[k]] == road:
            far, along = _away(grid.piece[grid.pieces[k]], x, y)
            if far < least:
                least, best, place = far, grid.pieces[k], along
            k += 1
        if least <= reach:
            count = _arcs_of(grid, graph, limits, heading, found, count, least, best, place)
    return count


@inlined
def _arcs_of(
    grid: Grid,
    graph: Graph,
    limits: Limits,
    heading: tuple[float, float],
    found: Found,
    count: int,
    least: float,
    best: int,
    place: float,
) -> int:  # pragma: no cover - compiled
    """Take in the arcs of a road at the place on its piece; how many candidates there are now."""
    one, road = grid.piece[best], grid.road[best]
    cosine = heading[0] * one[_DX] + heading[1] * one[_DY]
    near = -0.5 * least / (limits.sigma_m * limits.sigma_m)
    known = heading[0] != 0.0 or heading[1] != 0.0
    x, y = one[_X0] + place * one[_DX], one[_Y0] + place * one[_DY]
    for way in range(2):
        arc = grid.forward[road] if way == 0 else grid.backward[road]
        if arc < 0:
            continue
        turned = (cosine if way == 0 else -cosine) - 1.0 if known else 0.0
        score = round((near + limits.heading_weight * turned) * SCALE)
        length = graph.length_m[arc]
        along = min(one[_ALONG] + place, length)
        count = _insert(found, count, arc, along if way == 0 else length - along, x, y, score)
    return count


@inlined
def _insert(
    found: Found, count: int, arc: int, along: float, x: float, y: float, score: int
) -> int:  # pragma: no cover - compiled
    """Keep the best ones, of equal ones the smaller arc."""
    most = len(found.arc)
    at = count
    while at > 0 and (
        found.score[at - 1] < score or (found.score[at - 1] == score and found.arc[at - 1] > arc)
    ):
        at -= 1
    if at == most:
        return count
    last = min(count, most - 1)
    for k in range(last, at, -1):
        found.arc[k], found.along_m[k] = found.arc[k - 1], found.along_m[k - 1]
        found.point[k, 0], found.point[k, 1] = found.point[k - 1, 0], found.point[k - 1, 1]
        found.score[k] = found.score[k - 1]
    found.arc[at], found.along_m[at], found.score[at] = arc, along, score
    found.point[at, 0], found.point[at, 1] = x, y
    return last + 1
