"""Muck trucks off their permitted way or out of their hours, and those that may seem so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import shapely

from ingest.simulator.geography import MuckPermit, NoPlaceError
from ingest.simulator.road_graph import Course, Way
from ingest.simulator.truck_stories.muck_trips import (
    end_muck,
    lasts,
    loaded_at,
    loaded_in_hours,
    permitted_course,
)
from ingest.simulator.truck_stories.story import Scene, Stage, Story, register
from ingest.simulator.truck_stories.ways import tour
from ingest.simulator.trucks import tip
from layers.text import Text

RULE = "muck_route_departure"
_OUTSIDE_M, _LEAST_OUTSIDE_M, _STEP_M = 60.0, 1000.0, 20.0
_PARTS = ((0.3, 0.7), (0.2, 0.8), (0.4, 0.8), (0.2, 0.6), (0.1, 0.9), (0.05, 0.95))
_TOUR_S = 2400.0
# Longer than a driver may be late.
_HAUL_S = 1000.0
_SIDE_M, _PAUSE_S = 130.0, 100.0
_DUMP_S = 900.0
_Found = TypeVar("_Found")


def _outside_m(course: Course, permit: MuckPermit) -> float:
    """Metres of a course that are clearly off the permitted way."""
    along = np.arange(0.0, float(course.m[-1]), _STEP_M)
    xy = [np.interp(along, course.m, course.xy[:, k]) for k in (0, 1)]
    shapely.prepare(permit.line)
    return float((shapely.distance(permit.line, shapely.points(*xy)) > _OUTSIDE_M).sum() * _STEP_M)


def _other_way(stage: Stage, permit: MuckPermit) -> tuple[Course, Course, Course] | None:
    """The permitted way with another one in its middle: before, off the way, and after."""
    quiet = stage.roads.quiet
    last = len(permit.roads)
    for share in _PARTS:
        i, j = (max(1, min(last - 1, round(part * last))) for part in share)
        if i >= j:
            continue
        try:
            other = quiet.without(permit.roads[i:j]).way(permit.junctions[i], permit.junctions[j])
        except NoPlaceError:
            continue
        turns = other.roads[0] == permit.roads[i - 1] or other.roads[-1] == permit.roads[j]
        course = quiet.course(other)
        if not turns and _outside_m(course, permit) >= _LEAST_OUTSIDE_M:
            before = Way(permit.junctions[: i + 1], permit.roads[:i])
            after = Way(permit.junctions[j:], permit.roads[j:])
            return quiet.course(before), course, quiet.course(after)
    return None


def _first_with(
    stage: Stage, find: Callable[[Stage, MuckPermit], _Found | None]
) -> tuple[MuckPermit, _Found]:
    """A permit that something is found for, and what is found."""
    found: list[_Found] = []

    def fits(permit: MuckPermit) -> bool:
        one = find(stage, permit)
        if one is not None:
            found.append(one)
        return one is not None

    return stage.permit(fits), found[-1]


def _off_way(*, tells_load: bool) -> Callable[[int, Stage], Scene]:
    def scene(number: int, stage: Stage) -> Scene:
        permit, courses = _first_with(stage, _other_way)
        shift = loaded_in_hours(stage, permit)
        shift.drive(courses[0])
        span = shift.drive(courses[1])
        shift.drive(courses[2])
        tip(shift, permit, _DUMP_S)
        return Scene((end_muck(stage, shift, permit, tells_load=tells_load),), {RULE: span})

    return scene


def _whole_way(*, in_hours: bool) -> Callable[[int, Stage], Scene]:
    """Make a scene of driving as permitted, in the permitted hours or out of them."""

    def scene(number: int, stage: Stage) -> Scene:
        permit = stage.permit(lambda _: True)
        course = permitted_course(stage, permit)
        if in_hours:
            shift = loaded_in_hours(stage, permit)
        else:
            moment = stage.outside(permit.hours, lasts(stage, permit) + _HAUL_S, 1800.0)
            shift = loaded_at(stage, permit, moment)
        span = shift.drive(course, max(1.0, _HAUL_S / float(course.t[-1])))
        tip(shift, permit, _DUMP_S)
        return Scene((end_muck(stage, shift, permit),), {RULE: span})

    return scene


def _empty(number: int, stage: Stage) -> Scene:
    """Drive about empty, anywhere and out of hours."""
    permit = stage.permit(lambda _: True)
    start, course = tour(stage, _TOUR_S)
    shift = stage.begin(start, stage.outside(permit.hours, _TOUR_S, 300.0))
    shift.load("empty")
    span = shift.drive(course)
    return Scene((end_muck(stage, shift, permit),), {RULE: span})


def _side_road(stage: Stage, permit: MuckPermit) -> tuple[float, Course, Course] | None:
    """A side road of the permitted way: where it leaves, a little into it, and back."""
    quiet = stage.roads.quiet
    last = len(permit.roads)
    for at in range(last // 4 + 1, 3 * last // 4):
        junction = permit.junctions[at]
        for road, other in quiet.arms(junction):
            there = quiet.course(Way((junction, other), (road,)))
            if road in permit.roads or there.m[-1] < 1.5 * _SIDE_M:
                continue
            into = there.part(0.0, _SIDE_M)
            if permit.line.distance(shapely.Point(into.xy[-1])) > 0.9 * _SIDE_M:
                back = quiet.course(Way((other, junction), (road,)))
                leaves = quiet.length(Way(permit.junctions[: at + 1], permit.roads[:at]))
                return leaves, into, back.part(float(back.m[-1]) - _SIDE_M, float(back.m[-1]))
    return None


def _short_cut(number: int, stage: Stage) -> Scene:
    """Turn into a side road for a moment, and come back."""
    permit, side = _first_with(stage, _side_road)
    course = permitted_course(stage, permit)
    shift = loaded_in_hours(stage, permit)
    shift.drive(course.part(0.0, side[0]))
    start, _ = shift.drive(side[1])
    shift.wait(_PAUSE_S)
    _, end = shift.drive(side[2])
    shift.drive(course.part(side[0], float(course.m[-1])))
    tip(shift, permit, _DUMP_S)
    return Scene((end_muck(stage, shift, permit),), {RULE: (start, end)})


register(
    Story(
        "off_permitted_way",
        Text(en="Loaded, far off the permitted way", zh="载土行驶偏离许可路线"),
        _off_way(tells_load=True),
        raises=(RULE,),
    )
)
register(
    Story(
        "off_permitted_way_unseen",
        Text(
            en="Far off the permitted way between site and dump; nothing tells the load",
            zh="自工地至消纳点途中偏离许可路线，载重状态未知",
        ),
        _off_way(tells_load=False),
        raises=(RULE,),
    )
)
register(
    Story(
        "out_of_hours",
        Text(
            en="Loaded on the permitted way, out of the permitted hours", zh="在许可时段外载土行驶"
        ),
        _whole_way(in_hours=False),
        raises=(RULE,),
    )
)
register(
    Story(
        "as_permitted",
        Text(en="Loaded, on the permitted way, in the permitted hours", zh="按许可路线与时段运输"),
        _whole_way(in_hours=True),
        silent=(RULE,),
    )
)
register(
    Story(
        "empty_elsewhere",
        Text(en="Elsewhere and out of hours, but empty", zh="在许可路线与时段外行驶，但为空车"),
        _empty,
        silent=(RULE,),
    )
)
register(
    Story(
        "side_road",
        Text(en="Turns into a side road for less than 300 m", zh="短暂驶入支路，偏离不足300米"),
        _short_cut,
        silent=(RULE,),
    )
)
