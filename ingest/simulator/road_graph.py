"""Ways of trucks over the roads, and how long they take."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from ingest.simulator.geography import Geography, NoPlaceError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Pace = Callable[[int], float]
KEEPS_OF_LIMIT = 0.8
_LEAST_KMH = 8.0


@dataclass(frozen=True)
class Way:
    """Junctions that a way passes and the numbers of the roads between them, one less."""

    junctions: tuple[int, ...]
    roads: tuple[int, ...]

    def then(self, *others: Way) -> Way:
        """Go on by other ways, each from where the one before ends."""
        whole = self
        for other in others:
            if other.junctions[0] != whole.junctions[-1]:
                raise ValueError("a way goes on where another one ends")
            whole = Way(whole.junctions + other.junctions[1:], whole.roads + other.roads)
        return whole

    def back(self) -> Way:
        """The same way in the other direction."""
        return Way(self.junctions[::-1], self.roads[::-1])

    @property
    def simple(self) -> bool:
        """Whether no junction is passed twice."""
        return len(set(self.junctions)) == len(self.junctions)


@dataclass(frozen=True)
class Passage:
    """A truck over a weigh station: which one, when, and whether in the road's direction."""

    station: int
    t: float
    forward: bool


@dataclass(frozen=True)
class Course:
    """A way driven.

    Attributes
    ----------
    t : seconds since departure at each vertex, rising, shape (n,).
    m : metres since departure, shape (n,).
    xy : vertices in the city's projected CRS, metres, shape (n, 2).
    passages : weigh stations on the way, times since departure.
    """

    t: Floats
    m: Floats
    xy: Floats
    passages: tuple[Passage, ...]

    def part(self, start_m: float, end_m: float) -> Course:
        """The part between two distances from the start."""
        inner = (self.m > start_m) & (self.m < end_m)
        m = np.concatenate(([start_m], self.m[inner], [min(end_m, float(self.m[-1]))]))
        t = np.interp(m, self.m, self.t)
        xy = np.column_stack([np.interp(m, self.m, self.xy[:, axis]) for axis in (0, 1)])
        seen = tuple(
            Passage(p.station, p.t - float(t[0]), p.forward)
            for p in self.passages
            if t[0] <= p.t <= t[-1]
        )
        return Course(t - t[0], m - m[0], xy, seen)


class RoadGraph:
    """The roads that trucks use, each in both directions.

    Parameters
    ----------
    geography : the place.
    closed : numbers of roads that are not used; those with limits for trucks by default.
    """

    def __init__(self, geography: Geography, closed: Iterable[int] | None = None) -> None:
        self.geography, self.roads = geography, geography.roads
        if closed is None:
            closed = [n for n, road in enumerate(self.roads) if road.limited]
        self.closed = frozenset(closed)
        self.places = np.array(geography.junctions, np.float64).reshape(-1, 2)
        self._ends = np.array([(r.start, r.end) for r in self.roads], np.int64).reshape(-1, 2)
        self.lengths: Floats = np.array([road.line.length for road in self.roads], np.float64)
        limits = [max(_LEAST_KMH, road.speed_limit_kmh) for road in self.roads]
        self.limits_mps: Floats = np.array(limits, np.float64) / 3.6
        self._pieces: dict[tuple[int, bool], tuple[Floats, Floats]] = {}
        self.stations = _at_stations(geography)
        self.streets: dict[int, list[int]] = {}
        for number, road in enumerate(self.roads):
            self.streets.setdefault(road.street, []).append(number)
        self._connect()

    def _connect(self) -> None:
        open_roads = np.setdiff1d(np.arange(len(self.roads)), sorted(self.closed))
        pairs = np.concatenate((self._ends[open_roads], self._ends[open_roads, ::-1]))
        number = np.concatenate((open_roads, open_roads))
        took = self.lengths[number] / (self.limits_mps[number] * KEEPS_OF_LIMIT)
        key = pairs[:, 0] * len(self.places) + pairs[:, 1]
        order = np.lexsort((number, took, key))
        # Of several roads between two junctions the quickest.
        self._keys, first = np.unique(key[order], return_index=True)
        pick = order[first]
        self._numbers = number[pick]
        shape = (len(self.places),) * 2
        self.matrix = csr_array((took[pick], tuple(pairs[pick].T)), shape=shape)

    @cached_property
    def main(self) -> Ints:
        """Junctions of the largest part that hangs together."""
        _, group = connected_components(self.matrix, directed=False)
        return np.flatnonzero(group == np.bincount(group).argmax())

    @cached_property
    def stands(self) -> Ints:
        """Junctions of it where trucks stand: away from limited roads, whose ends are no place."""
        ends = [end for r in self.roads if r.limited for end in (r.start, r.end)]
        return np.setdiff1d(self.main, ends)

    def without(self, roads: Iterable[int]) -> RoadGraph:
        """The graph with some more roads closed."""
        other = copy(self)
        for name in ("main", "stands"):
            other.__dict__.pop(name, None)
        other.closed = self.closed | frozenset(roads)
        other._connect()
        return other

    def only(self, road_class: str) -> RoadGraph:
        """The graph with roads of one class alone."""
        return self.without(n for n, road in enumerate(self.roads) if road.road_class != road_class)

    def trees(
        self, starts: Ints | list[int], limit_s: float = np.inf
    ) -> tuple[Floats, npt.NDArray[np.int32]]:
        """Quickest seconds from each start to all junctions, and the junction before each.

        Parameters
        ----------
        limit_s : what lies farther counts as out of reach.
        """
        took, before = dijkstra(
            self.matrix, directed=True, indices=starts, return_predecessors=True, limit=limit_s
        )
        return took, before

    def arms(self, junction: int) -> list[tuple[int, int]]:
        """Roads at a junction and the junctions that they lead to."""
        low, high = np.searchsorted(
            self._keys, [junction * len(self.places), (junction + 1) * len(self.places)]
        )
        ends = self._keys[low:high] % len(self.places)
        return list(zip(self._numbers[low:high].tolist(), ends.tolist(), strict=True))

    def way(self, start: int, end: int) -> Way:
        """The quickest way between two junctions.

        Raises
        ------
        NoPlaceError
            where there is none.
        """
        _, before = self.trees([start])
        if start == end or before[0, end] < 0:
            raise NoPlaceError(f"no way leads from junction {start} to {end}")
        return self.between(unwind(before[0], start, end))

    def between(self, junctions: list[int]) -> Way:
        """The way over neighbouring junctions."""
        at = np.array(junctions, np.int64)
        found = np.searchsorted(self._keys, at[:-1] * len(self.places) + at[1:])
        return Way(tuple(junctions), tuple(self._numbers[found].tolist()))

    def forward(self, road: int, start: int) -> bool:
        """Whether leaving a junction by a road is along the road's line."""
        return bool(self._ends[road, 0] == start)

    def other_end(self, road: int, junction: int) -> int:
        """The junction at the other end of a road."""
        start, end = self._ends[road].tolist()
        return int(end if start == junction else start)

    def line(self, way: Way) -> Floats:
        """Vertices of a way, shape (n, 2)."""
        return self.course(way).xy

    def length(self, way: Way) -> float:
        """Metres of a way."""
        return float(self.lengths[list(way.roads)].sum())

    def course(self, way: Way, pace: float | Pace = KEEPS_OF_LIMIT) -> Course:
        """Drive a way.

        Parameters
        ----------
        pace : share of the speed limit that is kept, or a function that gives it for a road.
        """
        times, metres, points = [np.zeros(1)], [np.zeros(1)], [self.places[list(way.junctions[:1])]]
        passages: list[Passage] = []
        clock = gone = 0.0
        for start, road in zip(way.junctions, way.roads, strict=False):
            keeps = pace if isinstance(pace, float) else pace(road)
            speed = float(self.limits_mps[road]) * keeps
            forward = self.forward(road, start)
            m, xy = self._piece(road, forward)
            if road in self.stations:
                station, share = self.stations[road]
                part = (share if forward else 1 - share) * float(self.lengths[road])
                passages.append(Passage(station, clock + part / speed, forward))
            times.append(clock + m / speed)
            metres.append(gone + m)
            points.append(xy)
            clock, gone = float(times[-1][-1]), float(metres[-1][-1])
        t, m, xy = np.concatenate(times), np.concatenate(metres), np.concatenate(points)
        keep = np.concatenate(([True], np.diff(t) > 0))
        return Course(t[keep], m[keep], xy[keep], tuple(passages))

    def _piece(self, road: int, forward: bool) -> tuple[Floats, Floats]:
        """Metres since the start of a road at its vertices but the first, and these vertices."""
        known = self._pieces.get((road, forward))
        if known is None:
            coords = shapely.get_coordinates(self.roads[road].line)
            xy = coords if forward else coords[::-1]
            known = self._pieces[road, forward] = (
                np.cumsum(np.hypot(*np.diff(xy, axis=0).T)),
                xy[1:],
            )
        return known


def unwind(before: npt.NDArray[np.int32], start: int, end: int) -> list[int]:
    """Junctions from the start of a tree to one of its junctions."""
    path = [end]
    while path[-1] != start:
        path.append(before.item(path[-1]))
    return path[::-1]


def _at_stations(geography: Geography) -> dict[int, tuple[int, float]]:
    """For each station's road the station's number and its share of the road's length."""
    numbers = {road.id: number for number, road in enumerate(geography.roads)}
    found: dict[int, tuple[int, float]] = {}
    for which, station in enumerate(geography.stations):
        road = numbers[station.road]
        line = geography.roads[road].line
        share = float(line.project(station.line.centroid, normalized=True))
        found[road] = (which, share)
    return found
