"""Ways of ships along a water body."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, dijkstra
from shapely.geometry.base import BaseGeometry

Floats = npt.NDArray[np.float64]
_TRIES = 4000


class Fairways:
    """Ways along a water body: a grid of places joined where the straight line stays on the water.

    Parameters
    ----------
    water : area that ways keep inside, projected CRS, metres.
    nodes : about how many places the grid has.
    """

    def __init__(self, water: BaseGeometry, nodes: int = 5000) -> None:
        self.water = water
        shapely.prepare(water)
        step = max(25.0, (water.area / nodes) ** 0.5)
        left, low, right, high = water.bounds
        xs, ys = np.meshgrid(np.arange(left, right, step), np.arange(low, high, step))
        inside = shapely.contains_xy(water, xs.ravel(), ys.ravel())
        places = np.column_stack((xs.ravel(), ys.ravel()))[inside]
        number = np.full(inside.shape, -1)
        number[inside] = np.arange(len(places))
        graph = self._join(places, number.reshape(xs.shape))
        _, group = connected_components(graph, directed=False)
        keep = group == np.bincount(group).argmax() if len(group) else np.zeros(0, bool)
        self.places: Floats = places[keep]
        self._graph = graph.tocsr()[keep][:, keep]

    def _join(self, places: Floats, grid: npt.NDArray[np.int64]) -> coo_array:
        pairs = [
            np.column_stack((grid[:, :-1].ravel(), grid[:, 1:].ravel())),
            np.column_stack((grid[:-1].ravel(), grid[1:].ravel())),
            np.column_stack((grid[:-1, :-1].ravel(), grid[1:, 1:].ravel())),
            np.column_stack((grid[1:, :-1].ravel(), grid[:-1, 1:].ravel())),
        ]
        links = np.concatenate(pairs)
        links = links[(links >= 0).all(axis=1)]
        wet = shapely.contains(self.water, shapely.linestrings(places[links]))
        links = links[wet]
        length = np.hypot(*(places[links[:, 0]] - places[links[:, 1]]).T)
        return coo_array((length, (links[:, 0], links[:, 1])), shape=(len(places),) * 2)

    def way(self, start: int, end: int) -> Floats:
        """Shortest way between two places, drawn straight where the water allows; shape (k, 2)."""
        before = dijkstra(self._graph, directed=False, indices=start, return_predecessors=True)[1]
        path = [end]
        while path[-1] != start:
            path.append(int(before[path[-1]]))
        return self._tighten(self.places[path[::-1]])

    def _tighten(self, path: Floats) -> Floats:
        kept, at = [0], 0
        while at < len(path) - 1:
            ahead = np.arange(at + 1, len(path))
            here = np.broadcast_to(path[at], (len(ahead), 2))
            free = shapely.contains(
                self.water, shapely.linestrings(np.stack((here, path[ahead]), axis=1))
            )
            at = int(ahead[free].max(initial=at + 1))
            kept.append(at)
        return path[kept]

    def far_pair(self, rng: np.random.Generator, share: float = 0.35) -> tuple[int, int]:
        """Two places at least a share of the water's extent apart."""
        extent = float(np.hypot(*np.ptp(self.places, axis=0)))
        for _ in range(_TRIES):
            a, b = (int(n) for n in rng.integers(len(self.places), size=2))
            if np.hypot(*(self.places[a] - self.places[b])) >= share * extent:
                break
        return a, b
