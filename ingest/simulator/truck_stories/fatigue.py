"""Drivers who drive on for too long, and those who rest just in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ingest.simulator.truck_stories.story import Scene, Stage, Story, register
from ingest.simulator.truck_stories.ways import tour
from layers.text import Text

RULE = "fatigue"
_MINUTE = 60.0
_HOUR = 60 * _MINUTE


def _driving(
    hours: tuple[float, float], first: float = 1.0, rest_s: tuple[float, float] = (0.0, 0.0)
) -> Callable[[int, Stage], Scene]:
    """Make a scene of a long drive with a rest somewhere in it.

    Parameters
    ----------
    hours : of driving in all.
    first : share of the driving that lies before the rest.
    """

    def scene(number: int, stage: Stage) -> Scene:
        seconds = float(stage.rng.uniform(*hours)) * _HOUR
        rest = float(stage.rng.uniform(*rest_s))
        start, course = tour(stage, seconds)
        shift = stage.begin(start, stage.moment(seconds + rest))
        began = shift.now
        middle = float(np.interp(first * seconds, course.t, course.m))
        shift.drive(course.part(0.0, middle))
        if rest:
            shift.wait(rest)
            shift.drive(course.part(middle, float(course.m[-1])))
        return Scene((stage.end(shift),), {RULE: (began, shift.now - 60.0)})

    return scene


def _silent_in_between(number: int, stage: Stage) -> Scene:
    """Drive for longer than allowed, but nobody can tell: the terminal is silent for a rest."""
    seconds = 4.5 * _HOUR
    start, course = tour(stage, seconds)
    shift = stage.begin(start, stage.moment(seconds))
    began, over = shift.drive(course)
    gap = began + 0.5 * seconds
    truck = replace(stage.end(shift), silences=((gap, gap + 24 * _MINUTE),))
    return Scene((truck,), {RULE: (began, over)})


register(
    Story(
        "drives_on",
        Text(en="Drives for more than four hours without a stop", zh="连续驾驶超过4小时未停车休息"),
        _driving((4.25, 4.7)),
        raises=(RULE,),
    )
)
register(
    Story(
        "rests_too_short",
        Text(
            en="Drives for more than four hours with one rest of less than 20 minutes",
            zh="驾驶累计超过4小时，其间休息不足20分钟",
        ),
        _driving((4.3, 4.7), first=0.6, rest_s=(9 * _MINUTE, 15 * _MINUTE)),
        raises=(RULE,),
    )
)
register(
    Story(
        "rests_in_time",
        Text(
            en="Rests for 21 minutes after 3.9 hours, then drives on",
            zh="驾驶3.9小时后休息21分钟，再继续驾驶",
        ),
        _driving((5.2, 5.2), first=3.9 / 5.2, rest_s=(21.5 * _MINUTE, 22 * _MINUTE)),
        silent=(RULE,),
    )
)
register(
    Story(
        "ends_in_time",
        Text(en="Drives for 3.8 hours", zh="连续驾驶3.8小时"),
        _driving((3.78, 3.85)),
        silent=(RULE,),
    )
)
register(
    Story(
        "silent_in_between",
        Text(
            en="Silent for 24 minutes in the middle of a long drive, which may have been a rest",
            zh="长途驾驶途中信号中断24分钟，可能为休息",
        ),
        _silent_in_between,
        silent=(RULE,),
    )
)
