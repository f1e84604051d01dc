"""Weigh-in-motion stations: lines across fast roads, far from each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import shapely

from ingest.simulator.declaration import Weighing
from ingest.simulator.geography import Road, Station

_HALF_WIDTH_M = {"expressway": 16.0, "arterial": 11.0}
_LANES = {"expressway": 6, "arterial": 4}
_SHORTEST_M = 160.0
_APART_M = 4000.0
_PARALLEL_M = 1500.0
_REACH_M = 700.0


def _across(line: shapely.LineString, half_m: float) -> shapely.LineString:
    middle = line.length / 2
    a, b = line.interpolate(middle - 1), line.interpolate(middle + 1)
    length = float(np.hypot(b.x - a.x, b.y - a.y))
    dx, dy = -(b.y - a.y) / length * half_m, (b.x - a.x) / length * half_m
    x, y = (a.x + b.x) / 2, (a.y + b.y) / 2
    return shapely.LineString([(x - dx, y - dy), (x + dx, y + dy)])


def _direction(line: shapely.LineString) -> float:
    (ax, ay), (bx, by) = line.coords[0], line.coords[-1]
    return float(np.arctan2(by - ay, bx - ax))


def _has_parallel(road: Road, roads: Sequence[Road], tree: shapely.STRtree) -> bool:
    """Whether another street runs beside it, so that the station can be driven around."""
    middle, own = road.line.interpolate(0.5, normalized=True), _direction(road.line)
    for i in tree.query(middle, predicate="dwithin", distance=_PARALLEL_M):
        other = roads[i]
        turn = abs(np.sin(_direction(other.line) - own))
        if other.street != road.street and turn < 0.3 and other.line.distance(middle) > 60:
            return True
    return False


def _reach(road: Road, junction: int, at: Mapping[tuple[int, int], list[Road]]) -> float:
    """Metres of the road's street beyond one of its junctions."""
    beyond, done = 0.0, {road.id}
    while True:
        on = [other for other in at[road.street, junction] if other.id not in done]
        if len(on) != 1:
            return beyond
        done.add(on[0].id)
        beyond += on[0].line.length
        junction = on[0].end if on[0].start == junction else on[0].start


def place_stations(
    roads: Sequence[Road], weighing: Weighing, rng: np.random.Generator
) -> list[Station]:
    """Stations inside long expressways and arterials that have a parallel road nearby."""
    at: defaultdict[tuple[int, int], list[Road]] = defaultdict(list)
    for road in roads:
        at[road.street, road.start].append(road)
        at[road.street, road.end].append(road)
    fast = [
        r
        for r in roads
        if r.road_class in _LANES
        and r.line.length > _SHORTEST_M
        and min(_reach(r, r.start, at), _reach(r, r.end, at)) > _REACH_M
    ]
    tree = shapely.STRtree([road.line for road in roads])
    stations: list[Station] = []
    places: list[shapely.Point] = []
    apart = _APART_M
    while len(stations) < weighing.stations and apart > _SHORTEST_M:
        for i in rng.permutation(len(fast)):
            road = fast[i]
            middle = road.line.interpolate(0.5, normalized=True)
            if len(stations) == weighing.stations:
                break
            if any(middle.distance(p) < apart for p in places):
                continue
            if not _has_parallel(road, roads, tree):
                continue
            places.append(middle)
            stations.append(
                Station(
                    id=f"W{len(stations) + 1:03d}",
                    line=_across(road.line, _HALF_WIDTH_M[road.road_class]),
                    road=road.id,
                    lanes=_LANES[road.road_class],
                    error_share=weighing.error_share,
                    direction="forward" if len(stations) < weighing.one_way else "both",
                )
            )
        apart /= 2
    return stations
