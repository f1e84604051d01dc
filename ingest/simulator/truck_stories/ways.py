"""Ways that stories drive: tours, ways of a length, ways along a street and around a road."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ingest.simulator.geography import NoPlaceError
from ingest.simulator.road_graph import Course, Floats, RoadGraph, Way, unwind
from ingest.simulator.truck_stories.story import Stage

_Option = TypeVar("_Option")
_Made = TypeVar("_Made")
_TRIES = 60
_LEG_S, _MOST_LEGS = (240.0, 1200.0), 300
_SLOWEST_MPS = 5.0
_FAR_SHARE = 0.7
_LEAD_M = (1200.0, 5000.0)


def first(options: Iterable[_Option], make: Callable[[_Option], _Made], missing: str) -> _Made:
    """Make something of the first of some options that has room for it.

    Raises
    ------
    NoPlaceError
        with what is missing, where none has.
    """
    for option in options:
        with suppress(NoPlaceError):
            return make(option)
    raise NoPlaceError(missing)


def tour(stage: Stage, seconds: float, away_from: Floats | None = None) -> tuple[int, Course]:
    """Drive without a stop for a time over quiet roads, never back where one came from.

    Parameters
    ----------
    away_from : place that it begins far away from, metres, shape (2,); anywhere by default.

    Returns
    -------
    the first junction, and the course.

    Raises
    ------
    NoPlaceError
        where the roads have no ways that lead on.
    """
    graph, starts = stage.roads.quiet, stage.rng.permutation(stage.roads.through)
    if away_from is not None:
        away = np.hypot(*(graph.places[starts] - away_from).T)
        starts = starts[away > _FAR_SHARE * away.max()]
    for start in starts[:_TRIES].tolist():
        way = _tour(stage, start, seconds)
        if way is not None:
            course = graph.course(way)
            return start, course.part(0.0, float(np.interp(seconds, course.t, course.m)))
    raise NoPlaceError("no roads lead on and on")


def _tour(stage: Stage, start: int, seconds: float) -> Way | None:
    """Go from leg to leg; where none leads on, go back a leg and try another one."""
    graph = stage.roads.quiet
    legs: list[tuple[Way, float]] = []
    for _ in range(_MOST_LEGS):
        leg = _leg(stage, legs[-1][0] if legs else Way((start,), ()))
        if leg is not None:
            legs.append((leg, float(graph.course(leg).t[-1])))
        elif legs:
            legs.pop()
        else:
            return None
        if sum(took for _, took in legs) >= seconds:
            return Way((start,), ()).then(*(leg for leg, _ in legs))
    return None


def _leg(stage: Stage, before: Way) -> Way | None:
    """A way that leads on from the end of another one."""
    at, through = before.junctions[-1], stage.roads.through
    for closed in ((), before.roads[-1:]):
        graph = stage.roads.quiet.without(closed) if closed else stage.roads.quiet
        took, tree = graph.trees([at], _LEG_S[1])
        far = through[np.isfinite(took[0, through]) & (took[0, through] > _LEG_S[0])]
        for goal in stage.rng.permutation(far)[:_TRIES].tolist():
            way = graph.between(unwind(tree[0], at, goal))
            if way.roads[:1] != before.roads[-1:]:
                return way
    return None


def somewhere(
    stage: Stage, graph: RoadGraph, start: int, metres: tuple[float, float], last: int = -1
) -> Way:
    """A way from a junction to another one at a distance along the roads.

    Parameters
    ----------
    last : road that it must not begin with, so as not to turn round.

    Raises
    ------
    NoPlaceError
        where none leads so far.
    """
    took, before = graph.trees([start], metres[1] / _SLOWEST_MPS)
    near = graph.stands[np.isfinite(took[0, graph.stands])]
    straight = np.hypot(*(graph.places[near] - graph.places[start]).T)
    near = near[(straight > 0.4 * metres[0]) & (straight < metres[1])]
    for goal in stage.rng.permutation(near)[:_TRIES].tolist():
        way = graph.between(unwind(before[0], start, goal))
        if metres[0] <= graph.length(way) <= metres[1] and way.roads[0] != last:
            return way
    raise NoPlaceError(f"no way of {metres[0]:.0f} to {metres[1]:.0f} m leads from {start}")


def long_way(stage: Stage, graph: RoadGraph, metres: tuple[float, float]) -> Way:
    """A way of a length from anywhere.

    Raises
    ------
    NoPlaceError
        where there is none.
    """
    return first(
        stage.rng.permutation(graph.stands)[:_TRIES].tolist(),
        lambda start: somewhere(stage, graph, start, metres),
        f"no way is {metres[0]:.0f} to {metres[1]:.0f} m long",
    )


def lead_in(stage: Stage, way: Way) -> Way:
    """A quiet way that leads to the start of another one."""
    return somewhere(stage, stage.roads.quiet, way.junctions[0], _LEAD_M, way.roads[0]).back()


def lead_out(stage: Stage, way: Way) -> Way:
    """A quiet way that leads on from the end of another one."""
    return somewhere(stage, stage.roads.quiet, way.junctions[-1], _LEAD_M, way.roads[-1])


@dataclass(frozen=True)
class Street:
    """Pieces of one street in the order of driving, each from a junction to the next."""

    way: Way

    def before(self, road: int) -> Way:
        """The part before one of its roads."""
        at = self.way.roads.index(road)
        return Way(self.way.junctions[: at + 1], self.way.roads[:at])

    def after(self, road: int) -> Way:
        """The part behind one of its roads."""
        at = self.way.roads.index(road) + 1
        return Way(self.way.junctions[at:], self.way.roads[at:])


def street_of(graph: RoadGraph, road: int, start: int) -> Street:
    """All of the street that a road is a piece of, driven from one of the road's junctions.

    Parameters
    ----------
    start : the junction at which the road is entered.
    """
    end = graph.other_end(road, start)
    ahead, behind = _onward(graph, road, end), _onward(graph, road, start)
    own = Way((start, end), (road,))
    back = Way((start, *(j for j, _ in behind)), tuple(r for _, r in behind)).back()
    on = Way((end, *(j for j, _ in ahead)), tuple(r for _, r in ahead))
    return Street(back.then(own, on))


def _onward(graph: RoadGraph, road: int, junction: int) -> list[tuple[int, int]]:
    """Junctions and roads of the same street from a junction on, away from a road."""
    pieces = set(graph.streets[graph.roads[road].street])
    found: list[tuple[int, int]] = []
    done = {road}
    while True:
        ends = [n for n in pieces - done if junction in (graph.roads[n].start, graph.roads[n].end)]
        if len(ends) != 1:
            return found
        done.add(ends[0])
        junction = graph.other_end(ends[0], junction)
        found.append((junction, ends[0]))
