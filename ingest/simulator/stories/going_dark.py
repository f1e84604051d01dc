"""Fishing boats that send nothing for a while."""

from __future__ import annotations

from collections.abc import Callable

from ingest.simulator.feed_plan import VesselStory
from ingest.simulator.fleet import Voyage
from ingest.simulator.geography import NoPlaceError
from ingest.simulator.motion import wander
from ingest.simulator.navigable import Area, Waters
from ingest.simulator.stories.places import DISC_M, FISHING_KN, watch_free
from ingest.simulator.stories.registration import registered
from ingest.simulator.stories.story import Scene, Stage, Story, register
from layers.text import Text

RULE = "dark_gap"
_BEYOND_M = 8000.0
_AROUND_S = 3600.0
_GONE_S = 14_000.0, 20_000.0
# So slow that it cannot have got to where nothing is known of reception.
_HAULING_KN = 1.3, 1.8


def beyond(waters: Waters) -> Area:
    """Free water far from watched and banned waters alike."""

    def find() -> Area:
        area = waters.free.difference(waters.watched.union(waters.banned).buffer(_BEYOND_M))
        if area.buffer(-DISC_M).is_empty:
            raise NoPlaceError(f"no water is {_BEYOND_M:.0f} m away from watched waters and bans")
        return area

    return waters.named("beyond", find)


def _silent(
    area: Callable[[Waters], Area], shortest_s: float, longest_s: float
) -> Callable[[VesselStory, int, Stage], Scene]:
    """Make a scene of a boat that sends for an hour, not at all for a while, and again."""

    def scene(told: VesselStory, number: int, stage: Stage) -> Scene:
        identity, entry = registered(told, number, stage)
        silence = float(stage.rng.uniform(shortest_s, longest_s))
        start = stage.moment(silence + 2 * _AROUND_S)
        end = start + silence + 2 * _AROUND_S
        middle = stage.waters.spot(area(stage.waters), DISC_M, stage.rng)
        timeline = wander(middle, DISC_M - 100, start, end, FISHING_KN, stage.rng)
        dark = (start + _AROUND_S, start + _AROUND_S + silence)
        voyage = Voyage(identity, timeline, 7, number % 2 == 0, entry, silences=(dark,))
        return Scene((voyage,), {RULE: dark})

    return scene


register(
    Story(
        "goes_dark",
        Text(
            en="Registered fishing boat that sends nothing for long in watched waters",
            zh="已登记渔船在值守区内长时间无信号",
        ),
        _silent(watch_free, 6000, 10_000),
        raises=(RULE,),
    )
)


def _vanishing(told: VesselStory, number: int, stage: Stage) -> Scene:
    identity, entry = registered(told, number, stage)
    end = stage.end - 1
    last = end - float(stage.rng.uniform(*_GONE_S))
    middle = stage.waters.spot(watch_free(stage.waters), DISC_M, stage.rng)
    timeline = wander(middle, DISC_M - 100, last - _AROUND_S, end, _HAULING_KN, stage.rng)
    dark = (last, end)
    voyage = Voyage(identity, timeline, 7, False, entry, silences=(dark,))
    return Scene((voyage,), {RULE: dark})


register(
    Story(
        "vanishes",
        Text(
            en="Registered fishing boat that is heard no more while fishing in watched waters",
            zh="已登记渔船在值守区内作业时失去信号，至今未恢复",
        ),
        _vanishing,
        raises=(RULE,),
    )
)
register(
    Story(
        "dark_briefly",
        Text(en="Silent for less than the limit", zh="信号中断时间短于限值"),
        _silent(watch_free, 1500, 3000),
        silent=(RULE,),
    )
)
register(
    Story(
        "dark_far_off",
        Text(
            en="Silent for long, but far from watched waters and bans",
            zh="信号长时间中断，但远离值守区和禁捕区",
        ),
        _silent(beyond, 6000, 10_000),
        silent=(RULE,),
    )
)
