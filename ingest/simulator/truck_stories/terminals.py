"""Terminals that fall silent on the road, and plates that two terminals report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ingest.simulator.geography import NoPlaceError
from ingest.simulator.road_graph import KEEPS_OF_LIMIT, Course
from ingest.simulator.truck_shift import Shift
from ingest.simulator.truck_stories.story import Scene, Stage, Story, register
from ingest.simulator.truck_stories.ways import first, tour
from ingest.simulator.trucks import Truck
from layers.text import Text

OFF, TWO = "terminal_off", "plate_two_terminals"
_MINUTE = 60.0
# How much faster than a walk across the city a silent truck must get on, as the crow flies.
_STRAIGHT_MPS = 4.6
_APART_M = 2400.0
_TRIES = 40
_AROUND_S, _BEFORE_S = 12 * _MINUTE, 1200.0


def _switched_off(number: int, stage: Stage) -> Scene:
    """Drive far across the city, silent in the middle of it."""
    graph = stage.roads.quiet
    silence = float(stage.rng.uniform(47, 56)) * _MINUTE
    seconds = silence + 2 * _AROUND_S

    def straight(start: int) -> Course:
        took = graph.trees([start])[0][0]
        way = graph.way(start, int(np.where(np.isfinite(took), took, -1).argmax()))
        whole = float(graph.course(way).t[-1])
        course = graph.course(way, KEEPS_OF_LIMIT * min(1.0, whole / seconds))
        course = course.part(0.0, float(np.interp(seconds, course.t, course.m)))
        lost, seen = (np.interp(_AROUND_S + s, course.t, course.m) for s in (0.0, silence))
        a, b = course.part(float(lost), float(seen)).xy[[0, -1]]
        if np.hypot(*(b - a)) < _STRAIGHT_MPS * silence:
            raise NoPlaceError("too near")
        return course

    starts = stage.rng.permutation(graph.stands)[:_TRIES].tolist()
    course = first(starts, straight, "the city is too small to drive straight on for so long")
    shift = Shift(course.xy[0], (moment := stage.moment(seconds)) - _BEFORE_S)
    shift.until(moment)
    began, _ = shift.drive(course)
    dark = began + _AROUND_S, began + _AROUND_S + silence
    return Scene((replace(stage.end(shift), silences=(dark,)),), {OFF: dark})


def _silent(
    drive_s: float, shift_s: float, silence_s: tuple[float, float]
) -> Callable[[int, Stage], Scene]:
    """Make a scene of a drive and a stop after it, silent from some time after its beginning."""

    def scene(number: int, stage: Stage) -> Scene:
        silence = float(stage.rng.uniform(*silence_s))
        start, course = tour(stage, drive_s)
        shift = stage.begin(start, stage.moment(max(drive_s, shift_s + silence)))
        began, _ = shift.drive(course)
        dark = began + shift_s, began + shift_s + silence
        shift.until(dark[1])
        return Scene((replace(stage.end(shift), silences=(dark,)),), {OFF: dark})

    return scene


def _cloned(number: int, stage: Stage) -> Scene:
    """Two trucks with one plate on the road at the same time."""
    seconds = float(stage.rng.uniform(15, 25)) * _MINUTE
    for _ in range(_TRIES):
        start, first = tour(stage, seconds)
        elsewhere, second = tour(stage, seconds, first.xy[0])
        moments = np.arange(0.0, seconds, 15.0)
        places = [
            np.column_stack([np.interp(moments, c.t, c.xy[:, k]) for k in (0, 1)])
            for c in (first, second)
        ]
        if np.hypot(*(places[0] - places[1]).T).min() > _APART_M:
            break
    else:
        raise NoPlaceError("the city is too small for two trucks to stay apart")
    moment = stage.moment(seconds)
    trucks: list[Truck] = []
    for at, course in ((start, first), (elsewhere, second)):
        shift = stage.begin(at, moment)
        shift.drive(course)
        plate = trucks[0].plate if trucks else None
        vehicle = trucks[0].vehicle if trucks else None
        trucks.append(stage.end(shift, vehicle, plate=plate))
    t = trucks[0].timeline.t
    return Scene(tuple(trucks), {TWO: (float(t[0]), float(t[-1]))})


def _replaced(number: int, stage: Stage) -> Scene:
    """Drive, get another terminal at a stop, drive on."""
    start, course = tour(stage, 80 * _MINUTE)
    shift = stage.begin(start, stage.moment(125 * _MINUTE))
    half = float(np.interp(40 * _MINUTE, course.t, course.m))
    shift.drive(course.part(0.0, half))
    stopped, _ = shift.wait(40 * _MINUTE)
    shift.drive(course.part(half, float(course.m[-1])))
    whole = stage.end(shift)
    change = stopped + 20 * _MINUTE
    old = replace(whole, timeline=whole.timeline.clip(0, change))
    new = replace(
        whole,
        timeline=whole.timeline.clip(change + 60, np.inf),
        terminal=stage.yard.terminal(),
        passages=(),
    )
    return Scene((old, new), {TWO: (stopped, change)})


def _two_in_one_cab(number: int, stage: Stage) -> Scene:
    """Two terminals ride in one cab, that of the owner and that of the customer."""
    start, course = tour(stage, 60 * _MINUTE)
    shift = stage.begin(start, stage.moment(60 * _MINUTE))
    span = shift.drive(course)
    truck = stage.end(shift)
    return Scene((truck, replace(truck, terminal=stage.yard.terminal())), {TWO: span})


register(
    Story(
        "switches_off",
        Text(
            en="Terminal silent for more than 45 minutes while the truck drives on",
            zh="行驶途中车载终端离线超过45分钟，车辆继续行驶",
        ),
        _switched_off,
        raises=(OFF,),
    )
)
register(
    Story(
        "drops_out",
        Text(en="Silent for less than 40 minutes while driving", zh="行驶途中信号中断不足40分钟"),
        _silent(75 * _MINUTE, 20 * _MINUTE, (36 * _MINUTE, 39 * _MINUTE)),
        silent=(OFF,),
    )
)
register(
    Story(
        "sleeps_parked",
        Text(en="Silent for hours, but parked", zh="停放期间终端休眠数小时"),
        _silent(30 * _MINUTE, 40 * _MINUTE, (180 * _MINUTE, 300 * _MINUTE)),
        silent=(OFF,),
    )
)
register(
    Story(
        "cloned_plate",
        Text(
            en="Two trucks with one plate, each with its terminal, at places far apart",
            zh="两辆车使用同一号牌，两台终端同时出现在相距甚远的位置",
        ),
        _cloned,
        raises=(TWO,),
    )
)
register(
    Story(
        "terminal_replaced",
        Text(en="The terminal is replaced at a stop", zh="停车期间更换车载终端"),
        _replaced,
        silent=(TWO,),
    )
)
register(
    Story(
        "two_in_one_cab",
        Text(
            en="Two terminals in one cab report the same places",
            zh="同一车辆装有两台终端，位置一致",
        ),
        _two_in_one_cab,
        silent=(TWO,),
    )
)
