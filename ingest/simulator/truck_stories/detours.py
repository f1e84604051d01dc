"""Ways around weigh stations, found by search: off the station's street and on it again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ingest.simulator.road_graph import RoadGraph, Way, unwind
from ingest.simulator.truck_stories.story import Stage
from ingest.simulator.truck_stories.ways import Street, street_of

# How much of the street is driven before and behind the station: long enough to report from it.
_STREET_S, _LONGEST_M = 34.0, 2200.0
_EXTRA_M = (200.0, 4000.0)
_CORNERS = 4


@dataclass(frozen=True)
class Detour:
    """A way around a station.

    Attributes
    ----------
    before, after : parts of the station's street.
    around : from the end of the one to the start of the other, without that street.
    past : the same past the station.
    """

    station: int
    before: Way
    around: Way
    after: Way
    past: Way


def detours(stage: Stage, *, covered: bool) -> Iterator[Detour]:
    """Ways around stations, each station and direction once, in random order.

    Parameters
    ----------
    covered : in a direction that the station weighs; False takes the other one.
    """
    graph = stage.roads.open
    sides = [(road, forward) for road in graph.stations for forward in (True, False)]
    for at in stage.rng.permutation(len(sides)).tolist():
        road, forward = sides[at]
        station = graph.stations[road][0]
        if stage.roads.geography.stations[station].covers(forward) != covered:
            continue
        ends = graph.roads[road].start, graph.roads[road].end
        street = street_of(graph, road, ends[0] if forward else ends[1])
        found = list(_around(stage.roads.quiet, street, road, station))
        if found:
            yield min(found, key=lambda detour: graph.length(detour.around))


def _around(quiet: RoadGraph, street: Street, road: int, station: int) -> Iterator[Detour]:
    """Detours that are clearly longer than the way past the station."""
    before, after = street.before(road), street.after(road)
    for leave in range(min(_CORNERS, len(before.roads))):
        end = len(before.roads) - leave
        approach = _near_end(quiet, Way(before.junctions[: end + 1], before.roads[:end]))
        if approach is None:
            continue
        corner = approach.junctions[-1]
        tree = quiet.trees([corner])[1][0]
        for back in range(min(_CORNERS, len(after.roads))):
            on = _near_start(quiet, Way(after.junctions[back:], after.roads[back:]))
            if on is None or tree[on.junctions[0]] < 0:
                continue
            around = quiet.between(unwind(tree, corner, on.junctions[0]))
            past = Way(
                before.junctions[end:] + after.junctions[: back + 1],
                (*before.roads[end:], road, *after.roads[:back]),
            )
            extra = quiet.length(around) - quiet.length(past)
            if _EXTRA_M[0] <= extra <= _EXTRA_M[1]:
                yield Detour(station, approach, around, on, past)


def _near_start(graph: RoadGraph, way: Way) -> Way | None:
    """The first part of a way that is long enough to be seen driving on it."""
    for last in range(1, len(way.roads) + 1):
        part = Way(way.junctions[: last + 1], way.roads[:last])
        if graph.course(part).t[-1] >= _STREET_S:
            return part if graph.length(part) <= _LONGEST_M else None
    return None


def _near_end(graph: RoadGraph, way: Way) -> Way | None:
    found = _near_start(graph, way.back())
    return found.back() if found else None
