"""Ships that drift about for hours, or nearly do."""

from __future__ import annotations

from collections.abc import Callable

from ingest.simulator.feed_plan import VesselStory
from ingest.simulator.fleet import Voyage
from ingest.simulator.motion import swing, wander
from ingest.simulator.navigable import Area, Waters
from ingest.simulator.stories.places import DISC_M
from ingest.simulator.stories.story import Scene, Stage, Story, register
from layers.text import Text

RULE = "loitering"
_DRIFT_KN = (0.6, 1.6)
_UNDER_WAY = 0


def calm(waters: Waters) -> Area:
    """Free water away from harbours."""
    return waters.named("calm", lambda: waters.free.difference(waters.harbours.buffer(DISC_M)))


def _drifts(shortest_s: float, longest_s: float) -> Callable[[VesselStory, int, Stage], Scene]:
    def scene(told: VesselStory, number: int, stage: Stage) -> Scene:
        lasts = float(stage.rng.uniform(shortest_s, longest_s))
        start = stage.moment(lasts)
        middle = stage.waters.spot(calm(stage.waters), DISC_M, stage.rng)
        drift = wander(middle, DISC_M - 100, start, start + lasts, _DRIFT_KN, stage.rng)
        return Scene((Voyage(stage.yard.trader("cargo"), drift, _UNDER_WAY, False),))

    return scene


def _lies_still(told: VesselStory, number: int, stage: Stage) -> Scene:
    """At anchor for the better part of a day, and still telling that it is under way."""
    lasts = 8 * 3600.0
    start = stage.moment(lasts)
    middle = stage.waters.spot(calm(stage.waters), 500.0, stage.rng)
    timeline = swing(middle, 90.0, start, start + lasts, stage.rng)
    return Scene((Voyage(stage.yard.trader("cargo"), timeline, _UNDER_WAY, False),))


register(
    Story(
        "loiters",
        Text(
            en="Cargo ship that drifts about in open water for longer than the limit",
            zh="货船在开阔水域长时间低速徘徊",
        ),
        _drifts(5 * 3600, 7 * 3600),
        raises=(RULE,),
    )
)
register(
    Story(
        "drifts_short",
        Text(en="Cargo ship that drifts for less than the limit", zh="货船漂航时间短于限值"),
        _drifts(2 * 3600, 3 * 3600),
        silent=(RULE,),
    )
)
register(
    Story(
        "lies_still",
        Text(
            en="Cargo ship at anchor whose status still says under way",
            zh="锚泊货船，航行状态仍显示在航",
        ),
        _lies_still,
        silent=(RULE,),
    )
)
