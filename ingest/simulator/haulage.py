"""Ordinary hauls: the quickest ways between depots, many past weigh stations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.simulator.road_graph import Course, Ints, RoadGraph, Way, unwind

# An hour more than this, driven by the slowest, would be too long without a rest.
_LONGEST_S = 9000.0
_TRIES = 8
_PAST_STATION = 0.75


@dataclass(frozen=True)
class Haul:
    """A way from one depot to another; ``end`` is a position in the list of depots."""

    end: int
    course: Course


class _Hauls:
    def __init__(self, depots: Ints, graph: RoadGraph, rng: np.random.Generator) -> None:
        self._depots, self._graph, self._rng = depots, graph, rng
        self._before: npt.NDArray[np.int32] = graph.trees(depots)[1]
        main = set(graph.main.tolist())
        self._weighed = [r for r in graph.stations if graph.roads[r].start in main]

    def out_of(self, start: int) -> Haul | None:
        """One haul out of a depot, None where none is found that an honest driver would take."""
        for _ in range(_TRIES):
            end = int((start + self._rng.integers(1, len(self._depots))) % len(self._depots))
            past = bool(self._weighed) and self._rng.random() < _PAST_STATION
            way = self._way(start, end, int(self._rng.choice(self._weighed)) if past else None)
            if way.roads and way.simple and not _leaves_station_street(way, self._graph):
                course = self._graph.course(way)
                if course.t[-1] <= _LONGEST_S:
                    return Haul(end, course)
        return None

    def _way(self, start: int, end: int, past: int | None) -> Way:
        first, last = int(self._depots[start]), int(self._depots[end])
        if past is None:
            return self._graph.between(unwind(self._before[start], first, last))
        road = self._graph.roads[past]
        near, far = self._rng.permutation([road.start, road.end]).tolist()
        there = unwind(self._before[start], first, near)
        on = unwind(self._before[end], last, far)[::-1]
        return self._graph.between([*there, *on])


def hauls(depots: Ints, each: int, graph: RoadGraph, rng: np.random.Generator) -> list[list[Haul]]:
    """Ways out of each depot.

    Parameters
    ----------
    depots : junctions, shape (n,).
    each : how many ways lead out of one; three in four pass a weigh station.

    Returns
    -------
    For each depot its ways, none of which passes a junction twice or leaves a street with a weigh
    station to come back to it.
    """
    maker = _Hauls(depots, graph, rng)
    found = [[maker.out_of(start) for _ in range(each)] for start in range(len(depots))]
    return [[haul for haul in ways if haul is not None] for ways in found]


def _leaves_station_street(way: Way, graph: RoadGraph) -> bool:
    for road in graph.stations:
        street = graph.roads[road].street
        on = [n for n, r in enumerate(way.roads) if graph.roads[r].street == street]
        if on and on[-1] - on[0] >= len(on):
            return True
    return False
