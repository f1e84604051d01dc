"""Ships whose positions are forged or disturbed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ingest.simulator.feed_plan import VesselStory
from ingest.simulator.fleet import Voyage
from ingest.simulator.motion import KNOT, Timeline, along, wander
from ingest.simulator.stories.drifting import calm
from ingest.simulator.stories.false_identity import two_places
from ingest.simulator.stories.places import DISC_M, Floats, long_leg
from ingest.simulator.stories.story import Scene, Stage, Story, register
from layers.text import Text

RULE = "kinematic_spoof"
_RADIUS_M = 600.0
_SPEED_MPS = 6 * KNOT
_CRUISE_KN = (5.0, 8.0)


def _round(middle: Floats, start: float, turns: float) -> Timeline:
    angle = np.linspace(0, 2 * np.pi * turns, int(turns * 72) + 1)
    xy = middle + _RADIUS_M * np.column_stack((np.cos(angle), np.sin(angle)))
    return along(xy, start, _SPEED_MPS)


def _circling(turns: float) -> Callable[[VesselStory, int, Stage], Scene]:
    def scene(told: VesselStory, number: int, stage: Stage) -> Scene:
        lasts = 2 * np.pi * _RADIUS_M * turns / _SPEED_MPS
        middle = stage.waters.spot(calm(stage.waters), DISC_M, stage.rng)
        timeline = _round(middle, stage.moment(lasts), turns)
        return Scene((Voyage(stage.yard.trader("cargo"), timeline, 0, False),))

    return scene


def _jumps(told: VesselStory, number: int, stage: Stage) -> Scene:
    """Goes on at another place from one second to the next."""
    lasts = 2 * 3600.0
    start = stage.moment(2 * lasts + 1)
    places = two_places(calm(stage.waters), stage)
    parts = [
        wander(middle, DISC_M - 100, begin, begin + lasts, _CRUISE_KN, stage.rng)
        for middle, begin in zip(places, (start, start + lasts + 1), strict=True)
    ]
    t = np.concatenate([part.t for part in parts])
    timeline = Timeline(t, np.concatenate([part.xy for part in parts]))
    return Scene((Voyage(stage.yard.trader("cargo"), timeline, 0, False),))


def _fast(told: VesselStory, number: int, stage: Stage) -> Scene:
    """A fast craft to and fro: 38 knots are no forgery."""
    path = long_leg(calm(stage.waters), stage)
    timeline = along(np.concatenate([path, path[::-1], path]), stage.moment(2400), 38 * KNOT)
    return Scene((Voyage(stage.yard.trader("ferry"), timeline, 0, False),))


register(
    Story(
        "circles",
        Text(
            en="Ship whose positions go round and round on one circle", zh="船位沿同一圆周反复绕行"
        ),
        _circling(5.5),
        raises=(RULE,),
        unphysical=True,
    )
)
register(
    Story(
        "circles_once",
        Text(en="Ship that goes round once and a half", zh="船舶仅绕行一圈半"),
        _circling(1.5),
        silent=(RULE,),
    )
)
register(
    Story(
        "jumps",
        Text(
            en="Ship that goes on far away from one second to the next", zh="船位瞬间跳至远处并持续"
        ),
        _jumps,
        raises=(RULE,),
        unphysical=True,
    )
)
register(
    Story(
        "fast_craft",
        Text(en="High-speed craft at 38 knots", zh="高速船，航速38节"),
        _fast,
        silent=(RULE,),
    )
)
