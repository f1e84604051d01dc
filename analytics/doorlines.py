"""Where on the ground a thing stands relative to door lines: plane geometry over arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import shapely

from analytics.references import Shopfront

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]


class Standing(NamedTuple):
    """Foot edges before shops: which edge, which shop, metres past its door line."""

    edge: Longs
    shop: Longs
    out_m: Floats


class DoorLines:
    """Door lines of a city, taken as straight from their first to their last point.

    Parameters
    ----------
    shops : with lines in the city's CRS, metres.
    reach_m : foot edges further than this from a door line have nothing to do with it.
    """

    def __init__(self, shops: Sequence[Shopfront], reach_m: float) -> None:
        self._reach_m = reach_m
        lines = np.array([shop.line for shop in shops], object)
        first, last = (shapely.get_coordinates(shapely.get_point(lines, i)) for i in (0, -1))
        along = last - first
        length = np.hypot(along[:, 0], along[:, 1])
        self._origin, self._length = first, length
        with np.errstate(invalid="ignore", divide="ignore"):
            self._along = along / length[:, None]
        left = np.array([shop.outside == "left" for shop in shops], bool)
        side = np.where(left, 1.0, -1.0)
        self._normal = np.column_stack([-self._along[:, 1], self._along[:, 0]]) * side[:, None]
        self._tree = shapely.STRtree(lines)

    def stand(self, start: Floats, end: Floats) -> Standing:
        """Bring each foot edge to the shop that it stands in front of.

        Only the part of an edge between the two ends of a door line, seen square to it, counts for
        a shop; of several shops the one with the longest part is taken, then the nearest, then the
        first. Edges that stand before no shop are left out.

        Parameters
        ----------
        start, end : ends of the edges, metres in the city's CRS, shape (n, 2).
        """
        edges = shapely.linestrings(np.stack([start, end], axis=1))
        edge, shop = self._tree.query(edges, predicate="dwithin", distance=self._reach_m)
        s0, d0 = self._relative(start[edge], shop)
        s1, d1 = self._relative(end[edge], shop)
        low, high, meets = _clip(s0, s1, self._length[shop])
        at_low, at_high = d0 + (d1 - d0) * low, d0 + (d1 - d0) * high
        part = np.hypot(s1 - s0, d1 - d0) * (high - low)
        near = np.minimum(np.abs(at_low), np.abs(at_high))
        out = np.maximum(at_low, at_high)
        order = np.lexsort((shop, near, -part, edge))
        order = order[meets[order]]
        _, first = np.unique(edge[order], return_index=True)
        best = order[first]
        return Standing(edge[best].astype(np.int64), shop[best].astype(np.int64), out[best])

    def _relative(self, points: Floats, shop: Longs) -> tuple[Floats, Floats]:
        """Distance along the door line and past it, metres; shape (k,) each."""
        offset = points - self._origin[shop]
        along = (offset * self._along[shop]).sum(axis=1)
        return along, (offset * self._normal[shop]).sum(axis=1)


def _clip(s0: Floats, s1: Floats, length: Floats) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Shares of each edge between which it lies before the line, and whether any part does."""
    run = s1 - s0
    square = np.abs(run) < 1e-9
    safe = np.where(square, 1.0, run)
    a, b = -s0 / safe, (length - s0) / safe
    low = np.where(square, 0.0, np.clip(np.minimum(a, b), 0, 1))
    high = np.where(square, 1.0, np.clip(np.maximum(a, b), 0, 1))
    before = (s0 >= 0) & (s0 <= length)
    meets = np.where(square, before, np.minimum(a, b) <= 1) & np.where(
        square, before, np.maximum(a, b) >= 0
    )
    return low, high, meets & (length > 0)
