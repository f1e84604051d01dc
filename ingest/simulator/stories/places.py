"""Waters and ways of planted stories: areas by name, and voyages in and about them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np
import numpy.typing as npt
import shapely

from ingest.simulator.feed_plan import VesselStory, on_day
from ingest.simulator.geography import NoPlaceError
from ingest.simulator.motion import KNOT, Timeline, wander
from ingest.simulator.navigable import Area, Waters
from ingest.simulator.stories.story import Stage
from layers.crs import project

Floats = npt.NDArray[np.float64]
DISC_M = 900.0
FISHING_KN = (2.0, 4.0)
STEADY_MPS = 3.0
_FAR_M = (15_000.0, 5000.0, 1500.0)


def watch_free(waters: Waters) -> Area:
    """Watched water outside of bans."""
    return waters.named("watch_free", lambda: waters.free.intersection(waters.watched))


def watch_banned(waters: Waters) -> Area:
    """Watched water inside of bans."""

    def find() -> Area:
        return banned(waters).intersection(waters.watched)

    return waters.named("watch_banned", find)


def banned(waters: Waters) -> Area:
    """Open water inside of bans, away from harbours."""

    def find() -> Area:
        return waters.banned.intersection(waters.open).difference(waters.harbours.buffer(DISC_M))

    return waters.named("banned", find)


def idle(waters: Waters) -> Area:
    """Water of zones whose ban is not in force on the day."""
    return waters.named("idle", lambda: waters.idle.intersection(waters.free))


def far_off(waters: Waters) -> Area:
    """Free water as far from the watch area as there is."""

    def find() -> Area:
        for away in _FAR_M:
            area = waters.free.difference(waters.watched.buffer(away))
            if not area.buffer(-DISC_M).is_empty:
                break
        return area

    return waters.named("far", find)


def in_disc(
    area: Callable[[Waters], Area], share: tuple[float, float] = (0.03, 0.95)
) -> Callable[[VesselStory, Stage], Timeline]:
    """Make a way of moving: fishing-like zigzag for 40 to 120 minutes in a disc of an area.

    Parameters
    ----------
    share : part of the day that it lies in.
    """

    def move(told: VesselStory, stage: Stage) -> Timeline:
        lasts = float(stage.rng.uniform(2400, 7200))
        start = on_day(told.time, stage.start) if told.time else stage.moment(lasts, share)
        end = min(start + lasts, stage.end - 60)
        if told.at:
            return _from_fix(told.at, start, end, stage)
        middle = stage.waters.spot(area(stage.waters), DISC_M, stage.rng)
        return wander(middle, DISC_M - 100, start, end, FISHING_KN, stage.rng)

    return move


def _from_fix(at: tuple[float, float], start: float, end: float, stage: Stage) -> Timeline:
    """Wander from an exact fix on, as far from it as the open water allows."""
    geography = stage.waters.geography
    point = project(np.array([shapely.Point(at)], object), geography.crs)[0]
    room = min(DISC_M, point.distance(stage.waters.all.boundary) * 0.5)
    room = min(room, point.distance(stage.waters.banned) * 0.5)
    xy = np.array([point.x, point.y])
    if not stage.waters.all.contains(point) or room < 20:
        room = 20.0
    rest = wander(xy, room, start, end, FISHING_KN, stage.rng)
    first = np.hypot(*(rest.xy[0] - xy)) / (FISHING_KN[0] * KNOT) + 1
    return Timeline(np.concatenate(([start], rest.t + first)), np.concatenate((xy[None], rest.xy)))


def long_leg(area: Area, stage: Stage) -> Floats:
    """A straight way in an area, 1.5 to 12 km, shape (2, 2)."""
    for length in (12_000.0, 6000.0, 3000.0):
        with suppress(NoPlaceError):
            return stage.waters.leg(area, length, stage.rng)
    return stage.waters.leg(area, 1500.0, stage.rng)
