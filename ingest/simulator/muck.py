"""The business of muck: sites where it is dug up, dumps that take it, permits to haul it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import shapely
from shapely.ops import nearest_points

from ingest.simulator.declaration import HaulageSection
from ingest.simulator.geography import Geography, Ground, Haulage, MuckPermit, NoPlaceError
from ingest.simulator.naming import Namer
from ingest.simulator.road_graph import RoadGraph, Way, unwind

Floats = npt.NDArray[np.float64]
_HALF_M = 22.0
_AWAY_M = (36.0, 85.0)
_APART_M = 500.0
# A haul that takes less says little; one that takes longer fills a driver's day.
_HAUL_S = (900.0, 2700.0)
_TIP_M, _TIP_FREE_M = 42.0, 36.0
_TIP_SHARE, _TIP_STEP_M = (0.35, 0.75), 25.0
_TIP_FROM_GROUNDS_M = 250.0


def everyday_roads(geography: Geography) -> RoadGraph:
    """The graph without limited roads and without the streets that have a weigh station."""
    weighed = {station.road for station in geography.stations}
    streets = {road.street for road in geography.roads if road.id in weighed}
    shut = [n for n, r in enumerate(geography.roads) if r.limited or r.street in streets]
    return RoadGraph(geography, shut)


def plan_haulage(
    geography: Geography, section: HaulageSection, namer: Namer, rng: np.random.Generator
) -> Haulage:
    """Place sites and dumps, and permit ways between them.

    Parameters
    ----------
    geography : with the limits of its roads; permitted ways use none of these, and none of the
        streets with a weigh station.

    Raises
    ------
    NoPlaceError
        where there is no room for as many sites and dumps as the section wants.
    """
    if not section.permits:
        return Haulage()
    graph = everyday_roads(geography)
    places = _grounds(geography, graph, rng)
    found = []
    for number, (area, junction) in zip(range(section.sites + section.dumps), places, strict=False):
        kind = "MS" if number < section.sites else "DS"
        own = number + 1 if kind == "MS" else number + 1 - section.sites
        found.append(Ground(f"{kind}{own:06d}", namer.stem(kind)[1], area, junction))
    if len(found) < section.sites + section.dumps:
        raise NoPlaceError(f"there is room for {len(found)} sites and dumps only")
    sites, dumps = tuple(found[: section.sites]), tuple(found[section.sites :])
    spots = _Spots(geography, found)
    permits = _permits(graph, sites, dumps, section, spots, rng)
    return Haulage(sites, dumps, tuple(permits))


def _grounds(
    geography: Geography, graph: RoadGraph, rng: np.random.Generator
) -> Iterator[tuple[shapely.Polygon, int]]:
    """Squares in blocks beside a junction, far from each other, in random order."""
    blocks = np.array(geography.blocks, object)
    tree = shapely.STRtree(blocks)
    taken: list[shapely.Point] = []
    for junction in rng.permutation(graph.stands).tolist():
        corner = shapely.Point(graph.places[junction])
        if any(corner.distance(other) < _APART_M for other in taken):
            continue
        for block in tree.query(corner, predicate="dwithin", distance=_AWAY_M[1]).tolist():
            room = blocks[block].buffer(-_HALF_M * 1.45)
            if room.is_empty:
                continue
            middle = nearest_points(room, corner)[0]
            if _AWAY_M[0] <= middle.distance(corner) <= _AWAY_M[1]:
                x, y = middle.x, middle.y
                taken.append(corner)
                yield shapely.box(x - _HALF_M, y - _HALF_M, x + _HALF_M, y + _HALF_M), junction
                break


class _Spots:
    """Where a truck can tip muck without leaving its way by far: off every road, on dry land."""

    def __init__(self, geography: Geography, grounds: list[Ground]) -> None:
        self._roads = shapely.STRtree([road.line for road in geography.roads])
        self._water = shapely.STRtree(list(geography.water))
        self._grounds = shapely.MultiPolygon([ground.area for ground in grounds])
        self._land = geography.land

    def beside(self, line: shapely.LineString) -> tuple[tuple[float, float] | None, float]:
        """The first free spot beside the middle part of a way, and how far along that is."""
        low, high = (share * line.length for share in _TIP_SHARE)
        for along in np.arange(low, high, _TIP_STEP_M).tolist():
            here, on = line.interpolate(along), line.interpolate(along + 1.0)
            for side in (-_TIP_M, _TIP_M):
                spot = shapely.Point(
                    here.x + side * (on.y - here.y), here.y - side * (on.x - here.x)
                )
                if self._free(spot):
                    return (spot.x, spot.y), along
        return None, 0.0

    def _free(self, spot: shapely.Point) -> bool:
        near = self._roads.query(spot, predicate="dwithin", distance=_TIP_FREE_M)
        if len(near) or len(self._water.query(spot, predicate="dwithin", distance=5.0)):
            return False
        return bool(
            self._land.contains(spot) and spot.distance(self._grounds) > _TIP_FROM_GROUNDS_M
        )


def _permits(
    graph: RoadGraph,
    sites: tuple[Ground, ...],
    dumps: tuple[Ground, ...],
    section: HaulageSection,
    spots: _Spots,
    rng: np.random.Generator,
) -> Iterator[MuckPermit]:
    took, before = graph.trees([site.junction for site in sites])
    ways: dict[int, tuple[int, Way, shapely.LineString]] = {}
    tips = {}
    plates: set[str] = set()
    hauls = took[:, [d.junction for d in dumps]]
    # Roads without stations may fall apart: some sites have no way to any dump.
    joined = np.flatnonzero((np.isfinite(hauls) & (hauls > 0)).any(axis=1)).tolist()
    if not joined:
        raise NoPlaceError("every site is out of reach of every dump")
    for number in range(section.permits):
        at = joined[number % len(joined)]
        if at not in ways:
            dump = _suitable(hauls[at], rng)
            way = graph.between(unwind(before[at], sites[at].junction, dumps[dump].junction))
            ways[at] = dump, way, shapely.LineString(graph.line(way))
            tips[at] = spots.beside(ways[at][2])
        dump, way, line = ways[at]
        tip, tip_m = tips[at]
        yield MuckPermit(
            id=f"MPR{number + 1:06d}",
            plate=_plate(section.plate_prefixes, plates, rng),
            site=sites[at],
            dump=dumps[dump],
            hours=section.hours[number % len(section.hours)],
            junctions=way.junctions,
            roads=way.roads,
            line=line,
            tip=tip,
            tip_m=tip_m,
        )


def _suitable(took: Floats, rng: np.random.Generator) -> int:
    """A dump at a good distance; the farthest where all are near, the nearest where all are far."""
    good = np.flatnonzero((took >= _HAUL_S[0]) & (took <= _HAUL_S[1]))
    if len(good):
        return int(rng.choice(good))
    near = np.where((took > 0) & (took <= _HAUL_S[1]), took, -1)
    if near.max() <= 0:
        return int(np.argmin(np.where(took > 0, took, np.inf)))
    return int(near.argmax())


def _plate(prefixes: tuple[str, ...], given: set[str], rng: np.random.Generator) -> str:
    while True:
        plate = f"{rng.choice(prefixes)}{rng.integers(100_000):05d}"
        if plate not in given:
            given.add(plate)
            return plate
