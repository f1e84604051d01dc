"""Roads and bridges that some trucks may not use: few, and far from each other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import cycle
from typing import Any

import numpy as np
import shapely

from ingest.simulator.declaration import HaulageSection
from ingest.simulator.geography import Road, Station

_STREET_M = (700.0, 2600.0)
_PIECE_M = (260.0, 1200.0)
_LEAST_CROSSING_M = 8.0
_APART_M, _LEAST_APART_M = 1600.0, 300.0
_CLASSES = ("arterial", "collector", "local")


class _Chooser:
    """Chooses roads that can be driven around, none near another."""

    def __init__(
        self, roads: Sequence[Road], stations: Sequence[Station], rng: np.random.Generator
    ) -> None:
        self.roads = roads
        self._rng = rng
        weighed = {station.road for station in stations}
        self._barred = {road.street for road in roads if road.id in weighed}
        # Roads that lead on from each junction without a station on their street.
        self._degree = Counter(
            end
            for road in roads
            if road.street not in self._barred
            for end in (road.start, road.end)
        )
        self._taken: list[shapely.Point] = []

    def streets(self) -> Iterator[list[int]]:
        """Streets of several pieces that another road crosses, in random order."""
        by_street: defaultdict[int, list[int]] = defaultdict(list)
        for number, road in enumerate(self.roads):
            if road.road_class in _CLASSES and road.street not in self._barred:
                by_street[road.street].append(number)
        streets = [by_street[street] for street in sorted(by_street)]
        for at in self._rng.permutation(len(streets)).tolist():
            pieces = streets[at]
            length = sum(self.roads[n].line.length for n in pieces)
            if _STREET_M[0] <= length <= _STREET_M[1] and self._crossed(pieces):
                yield pieces

    def pieces(self, among: Iterable[int]) -> Iterator[list[int]]:
        """Single pieces of road of a fair length, in random order."""
        numbers = [
            n
            for n in among
            if self.roads[n].road_class in _CLASSES
            and self.roads[n].street not in self._barred
            and _PIECE_M[0] <= self.roads[n].line.length <= _PIECE_M[1]
        ]
        yield from ([numbers[at]] for at in self._rng.permutation(len(numbers)).tolist())

    def far(self, make: Callable[[], Iterable[list[int]]], count: int) -> list[list[int]]:
        """Some that lie far from all that were chosen before; nearer ones where there is no room.

        Parameters
        ----------
        make : gives what may be chosen, each time anew.
        """
        found: list[list[int]] = []
        apart = _APART_M
        while len(found) < count and apart > _LEAST_APART_M:
            for pieces in make():
                if len(found) == count:
                    break
                if self._take(pieces, apart):
                    found.append(pieces)
            apart /= 2
        return found

    def _take(self, pieces: list[int], apart: float) -> bool:
        roads = [self.roads[n] for n in pieces]
        if any(self._degree[end] < 3 for road in roads for end in (road.start, road.end)):
            return False
        middle = roads[len(roads) // 2].line.interpolate(0.5, normalized=True)
        if any(middle.distance(other) < apart for other in self._taken):
            return False
        self._taken.append(middle)
        return True

    def _crossed(self, pieces: list[int]) -> bool:
        own = Counter(end for n in pieces for end in (self.roads[n].start, self.roads[n].end))
        chain = max(own.values()) == 2 and sum(v == 1 for v in own.values()) == 2
        return chain and any(v == 2 and self._degree[end] >= 4 for end, v in own.items())


def limit_roads(
    roads: Sequence[Road],
    water: Sequence[shapely.Polygon],
    stations: Sequence[Station],
    section: HaulageSection,
    rng: np.random.Generator,
) -> tuple[Road, ...]:
    """Give a few roads their bans and limits.

    Parameters
    ----------
    roads : of the whole city; those of streets with a weigh station are left alone.
    water : areas that bridges lead over.
    section : how many of each kind; fewer are chosen where the city has no room for them.

    Returns
    -------
    the roads in the same order.
    """
    chooser = _Chooser(roads, stations, rng)
    changes: dict[int, dict[str, Any]] = {}
    hours = cycle(section.ban_hours)
    for pieces in chooser.far(chooser.streets, section.banned):
        ban = next(hours)
        changes |= {n: {"ban_hours": ban} for n in pieces}
    for pieces in chooser.far(chooser.streets, section.closed):
        changes |= {n: {"truck_ban": True} for n in pieces}
    wet = _crossings(roads, water)
    dry = [n for n in range(len(roads)) if n not in wet]
    for kind, pieces in enumerate(chooser.far(lambda: chooser.pieces(wet), section.bridges)):
        limit = {"bridge_h_m": section.bridge_h_m} if kind % 2 else {"bridge_t": section.bridge_t}
        changes |= dict.fromkeys(pieces, limit)
    for pieces in chooser.far(lambda: chooser.pieces(dry), section.weak):
        changes |= {n: {"limit_t": section.weak_t} for n in pieces}
    for pieces in chooser.far(lambda: chooser.pieces(dry), section.low):
        changes |= {n: {"limit_h_m": section.low_m} for n in pieces}
    return tuple(replace(road, **changes.get(n, {})) for n, road in enumerate(roads))


def _crossings(roads: Sequence[Road], water: Sequence[shapely.Polygon]) -> list[int]:
    """Roads that cross water once and well, in their order."""
    if not water:
        return []
    areas = np.array(water, object)
    lines = np.array([road.line for road in roads], object)
    road, wet = shapely.STRtree(areas).query(lines, predicate="crosses")
    once = np.bincount(road, minlength=len(lines))[road] == 1
    road, wet = road[once], wet[once]
    crossing = shapely.intersection(lines[road], areas[wet])
    good = (shapely.get_type_id(crossing) == 1) & (shapely.length(crossing) > _LEAST_CROSSING_M)
    return [int(n) for n in np.sort(road[good])]
