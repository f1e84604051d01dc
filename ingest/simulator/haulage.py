"""Ways of trucks over the road graph: the quickest between depots, many past weigh stations."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from ingest.simulator.geography import Geography

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_KEEPS_OF_LIMIT = 0.8
_LEAST_KMH = 8.0


@dataclass(frozen=True)
class Passage:
    """A truck over a weigh station: which one, when, and whether in the road's direction."""

    station: int
    t: float
    forward: bool


@dataclass(frozen=True)
class Haul:
    """A way from one depot to another.

    Attributes
    ----------
    t : seconds since departure at each vertex, shape (n,).
    xy : vertices in the city's projected CRS, metres, shape (n, 2).
    passages : weigh stations on the way, times since departure.
    """

    end: int
    t: Floats
    xy: Floats
    passages: tuple[Passage, ...]


class RoadGraph:
    """The drivable roads.

    Parameters
    ----------
    geography : its roads may be driven both ways.
    """

    def __init__(self, geography: Geography) -> None:
        roads = geography.roads
        self.places = np.array(geography.junctions, np.float64).reshape(-1, 2)
        self._coords = [shapely.get_coordinates(road.line) for road in roads]
        self._ends = np.array([(road.start, road.end) for road in roads], np.int64).reshape(-1, 2)
        lengths = np.array([road.line.length for road in roads])
        limits = np.array([max(_LEAST_KMH, road.speed_limit_kmh) for road in roads], np.float64)
        self._seconds = lengths / (limits * _KEEPS_OF_LIMIT / 3.6)
        self._pieces: dict[tuple[int, bool], tuple[Floats, Floats]] = {}
        self._road: dict[tuple[int, int], int] = {}
        for number in np.argsort(-self._seconds, kind="stable"):
            start, end = (int(n) for n in self._ends[number])
            self._road[start, end] = self._road[end, start] = int(number)
        pairs = np.array(list(self._road), np.int64)
        weights = self._seconds[list(self._road.values())]
        shape = (len(self.places),) * 2
        self._graph = csr_array((weights, (pairs[:, 0], pairs[:, 1])), shape=shape)
        _, group = connected_components(self._graph, directed=False)
        self.main: Ints = np.flatnonzero(group == np.bincount(group).argmax())
        self.stations = self._at_stations(geography)

    def _at_stations(self, geography: Geography) -> dict[int, tuple[int, float]]:
        """For each station's road the station's number and its share of the road's length."""
        numbers = {road.id: number for number, road in enumerate(geography.roads)}
        found: dict[int, tuple[int, float]] = {}
        for which, station in enumerate(geography.stations):
            road = numbers[station.road]
            line = geography.roads[road].line
            share = float(line.project(station.line.centroid, normalized=True))
            found[road] = (which, share)
        return found

    def hauls(self, depots: Ints, each: int, rng: np.random.Generator) -> list[list[Haul]]:
        """Ways out of each depot.

        Parameters
        ----------
        depots : junctions, shape (n,).
        each : how many ways lead out of one; three in four pass a weigh station.

        Returns
        -------
        For each depot its ways; their ends are positions in ``depots``.
        """
        before = dijkstra(self._graph, directed=False, indices=depots, return_predecessors=True)[1]
        roads = [road for road in self.stations if int(self._ends[road, 0]) in set(self.main)]
        out: list[list[Haul]] = []
        for start in range(len(depots)):
            ways = []
            for _ in range(each):
                end = int((start + rng.integers(1, len(depots))) % len(depots))
                via = int(rng.choice(roads)) if roads and rng.random() < 0.75 else None
                path = self._path(before, depots, (start, end), via, rng)
                if len(path) > 1:
                    ways.append(self._haul(path, end))
            out.append(ways)
        return out

    def _path(
        self,
        before: npt.NDArray[np.int32],
        depots: Ints,
        ends: tuple[int, int],
        via: int | None,
        rng: np.random.Generator,
    ) -> list[int]:
        def back(tree: int, at: int) -> list[int]:
            """Junctions from a place back to the tree's depot."""
            path = [at]
            while path[-1] != depots[tree]:
                path.append(int(before[tree, path[-1]]))
            return path

        start, end = ends
        if via is None:
            return back(start, int(depots[end]))[::-1]
        first, second = (int(n) for n in rng.permutation(self._ends[via]))
        path = back(start, first)[::-1] + back(end, second)
        return [at for n, at in enumerate(path) if n == 0 or at != path[n - 1]]

    def _piece(self, road: int, forward: bool) -> tuple[Floats, Floats]:
        """Seconds since the start of a road at its vertices but the first, and these vertices."""
        known = self._pieces.get((road, forward))
        if known is None:
            xy = self._coords[road] if forward else self._coords[road][::-1]
            reached = np.cumsum(np.hypot(*np.diff(xy, axis=0).T))
            known = self._pieces[road, forward] = (
                reached / reached[-1] * self._seconds[road],
                xy[1:],
            )
        return known

    def _haul(self, path: list[int], end: int) -> Haul:
        times, points = [np.zeros(1)], [self.places[path[:1]]]
        passages: list[Passage] = []
        clock = 0.0
        for a, b in itertools.pairwise(path):
            road = self._road[a, b]
            forward = bool(self._ends[road, 0] == a)
            took, xy = self._piece(road, forward)
            if road in self.stations:
                station, share = self.stations[road]
                share = share if forward else 1 - share
                passages.append(Passage(station, clock + share * self._seconds[road], forward))
            times.append(clock + took)
            points.append(xy)
            clock += float(self._seconds[road])
        t, xy = np.concatenate(times), np.concatenate(points)
        keep = np.concatenate(([True], np.diff(t) > 0))
        return Haul(end, t[keep], xy[keep], tuple(passages))
