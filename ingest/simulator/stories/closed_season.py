"""Fishing boats in a season in which their gear must stay ashore, or need not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import shapely

from ingest.simulator.aismessages import Identity
from ingest.simulator.feed_plan import VesselStory
from ingest.simulator.fleet import Entry
from ingest.simulator.geography import NoPlaceError
from ingest.simulator.motion import KNOT, Timeline, along, wander
from ingest.simulator.navigable import Area, Waters
from ingest.simulator.stories.drifting import calm
from ingest.simulator.stories.places import DISC_M, Floats, banned, long_leg
from ingest.simulator.stories.presence import time_inside
from ingest.simulator.stories.registration import Move, boat, registered
from ingest.simulator.stories.story import Scene, Stage, Story, register
from layers.text import Text

RULE, IN_BAN, PRESENCE = "moratorium", "closed_zone_fishing", "closed_zone_presence"
_WORK_KN = (0.8, 2.2)
_STEAM_MPS = 9 * KNOT
_WAYS_M = (9000.0, 6000.0, 4000.0)
_TRIES = 60


def trip(area: Callable[[Waters], Area]) -> Move:
    """Make a way of moving: out to a ground at speed, slow work there, and home again."""

    def move(told: VesselStory, stage: Stage) -> Timeline:
        lasts = float(stage.rng.uniform(5400, 7200))
        ground = stage.waters.spot(area(stage.waters), DISC_M, stage.rng)
        home = _home(ground, stage)
        way = float(np.hypot(*(home - ground))) / _STEAM_MPS
        start = stage.moment(lasts + 2 * way + 1200)
        out = along(np.array([home, ground]), start, _STEAM_MPS)
        work = wander(ground, DISC_M - 100, out.t[-1] + 60, out.t[-1] + lasts, _WORK_KN, stage.rng)
        first = float(np.hypot(*(work.xy[0] - ground))) / (_WORK_KN[1] * KNOT)
        t = work.t + first
        back = along(np.array([work.xy[-1], home]), t[-1] + 60, _STEAM_MPS)
        return Timeline(
            np.concatenate((out.t, t, back.t)), np.concatenate((out.xy, work.xy, back.xy))
        )

    return move


def _home(ground: Floats, stage: Stage) -> Floats:
    """A place some way off, over open water."""
    for far in _WAYS_M:
        for _ in range(_TRIES):
            angle = stage.rng.uniform(0, 2 * np.pi)
            home = ground + far * np.array([np.cos(angle), np.sin(angle)])
            if shapely.contains(stage.waters.open, shapely.LineString([ground, home])):
                return home
    raise NoPlaceError("no open water leads to the ground")


def _barred(told: VesselStory, number: int, stage: Stage) -> tuple[Identity, Entry]:
    identity, entry = registered(told, number, stage)
    return identity, replace(entry, allowed=False)


def _steams(told: VesselStory, stage: Stage) -> Timeline:
    return along(long_leg(calm(stage.waters), stage), stage.moment(5000), 9 * KNOT)


def _in_ban(told: VesselStory, number: int, stage: Stage) -> Scene:
    scene = boat(registered, trip(banned))(told, number, stage)
    span = time_inside(scene.voyages[0].timeline, stage.waters)
    return Scene(scene.voyages, {IN_BAN: span, PRESENCE: span})


register(
    Story(
        "season_broken",
        Text(
            en="Boat whose gear is barred moves as boats do that fish",
            zh="休渔作业类型渔船疑似捕捞",
        ),
        boat(_barred, trip(calm)),
        raises=(RULE,),
    )
)
register(
    Story(
        "hooks_in_season",
        Text(en="Fishing with a gear that the season leaves alone", zh="作业类型不在休渔范围"),
        boat(registered, trip(calm)),
        silent=(RULE,),
    )
)
register(
    Story(
        "season_steaming",
        Text(en="Boat whose gear is barred, on passage", zh="休渔作业类型渔船，航行途中"),
        boat(_barred, _steams),
        silent=(RULE,),
    )
)
register(
    Story(
        "fishing_trip_in_ban",
        Text(
            en="Boat that steams into the ban zone and works there", zh="渔船驶入禁捕区作业后返航"
        ),
        _in_ban,
        raises=(IN_BAN, PRESENCE),
    )
)
register(
    Story(
        "fishing_trip_outside",
        Text(en="Boat that works as it may, outside of bans", zh="渔船在禁捕区外作业"),
        boat(registered, trip(calm)),
        silent=(IN_BAN,),
    )
)
