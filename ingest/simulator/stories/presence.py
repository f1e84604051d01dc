"""Fishing boats that stay inside a ban, or nearly do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import shapely

from ingest.simulator.feed_plan import VesselStory
from ingest.simulator.fleet import Voyage
from ingest.simulator.motion import Timeline, along, wander
from ingest.simulator.navigable import Waters
from ingest.simulator.stories.places import (
    FISHING_KN,
    STEADY_MPS,
    Floats,
    banned,
    idle,
    in_disc,
)
from ingest.simulator.stories.registration import Move, boat, cargo, registered
from ingest.simulator.stories.story import Scene, Stage, Story, register
from layers.text import Text

RULE = "closed_zone_presence"
FISHING = "closed_zone_fishing"


def stays(move: Move) -> Callable[[VesselStory, int, Stage], Scene]:
    """Make a scene of a registered boat that is inside a ban for a while."""
    one = boat(registered, move)

    def scene(told: VesselStory, number: int, stage: Stage) -> Scene:
        scene = one(told, number, stage)
        return Scene(scene.voyages, {RULE: time_inside(scene.voyages[0].timeline, stage.waters)})

    return scene


def time_inside(timeline: Timeline, waters: Waters) -> tuple[float, float]:
    """First and last time inside a ban, to the second."""
    t = np.arange(timeline.t[0], timeline.t[-1] + 1)
    inside = t[shapely.contains_xy(waters.banned, *timeline.at(t).T)]
    return float(inside[0]), float(inside[-1])


def _through(shortest_s: float, longest_s: float) -> Move:
    """Into a ban zone and out again where it came in."""

    def move(told: VesselStory, stage: Stage) -> Timeline:
        lasts = stage.rng.uniform(shortest_s, longest_s)
        depth = STEADY_MPS * lasts / 2
        edge = stage.waters.edge(depth + 200, 1600, stage.rng)
        points = [edge.point + edge.outward * d for d in (1500.0, -depth, 1500.0)]
        return along(np.array(points), stage.moment(lasts + 1500), STEADY_MPS)

    return move


def _beside(told: VesselStory, stage: Stage) -> Timeline:
    edge = stage.waters.edge(200, 1600, stage.rng)
    points = [edge.point + edge.outward * 100 + edge.along * d for d in (-1500.0, 1500.0, -1500.0)]
    return along(np.array(points), stage.moment(2500), STEADY_MPS)


def _wild_fix(told: VesselStory, number: int, stage: Stage) -> Scene:
    """Fishing close outside a ban, with one fix that jumps into it."""
    identity, entry = registered(told, number, stage)
    edge = stage.waters.edge(1200, 2400, stage.rng)
    start = stage.moment(3600)
    middle = edge.point + edge.outward * 1200
    timeline = wander(middle, 800, start, start + 3600, FISHING_KN, stage.rng)
    jump: Floats = edge.point - edge.outward * 800
    strays = np.array([[start + 1811, *jump]])
    return Scene((Voyage(identity, timeline, 7, number % 2 == 0, entry, strays=strays),))


register(
    Story(
        "presence",
        Text(
            en="Registered fishing boat that stays inside the fishing ban zone",
            zh="已登记渔船在禁捕区内长时间停留",
        ),
        stays(in_disc(banned)),
        raises=(RULE,),
    )
)
register(
    Story(
        "crosses_in_and_out",
        Text(
            en="Registered fishing boat that goes into the ban zone and leaves it after long",
            zh="已登记渔船驶入禁捕区，较长时间后驶离",
        ),
        stays(_through(1300, 2200)),
        raises=(RULE,),
        silent=(FISHING,),
    )
)
register(
    Story(
        "brief_crossing",
        Text(en="Inside the ban zone for less than the limit", zh="在禁捕区内时间短于限值"),
        boat(registered, _through(300, 480)),
        silent=(RULE, FISHING),
    )
)
register(
    Story(
        "along_the_edge",
        Text(en="Sails along the ban zone, 100 m outside its edge", zh="沿禁捕区边界外 100 米航行"),
        boat(registered, _beside),
        silent=(RULE,),
    )
)
register(
    Story(
        "transit_cargo",
        Text(en="Cargo ship that passes through the ban zone", zh="货船穿越禁捕区，不适用本规则"),
        cargo(banned),
        silent=(RULE,),
    )
)
register(
    Story(
        "zone_not_in_force",
        Text(
            en="Fishing in a zone whose ban is not in force on the day",
            zh="所在区域的禁捕当日并未生效",
        ),
        boat(registered, in_disc(idle)),
        silent=(RULE, FISHING),
    )
)
register(
    Story(
        "one_fix_inside",
        Text(en="Outside the ban zone but for a single wild fix", zh="仅一个漂移定位点落入禁捕区"),
        _wild_fix,
        silent=(RULE,),
        unphysical=True,
    )
)
