"""Planted vessels: what the two vessel rules must find, and what comes close and must stay silent.

Where an event of one rule is planted, the other rule has no cause: boats planted for their presence
in a zone are registered, and boats missing from the register keep out of fishing bans, but for
those planted for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import shapely

from ingest.simulator.aismessages import Identity
from ingest.simulator.feed_plan import VesselStory, on_day
from ingest.simulator.fleet import Entry, Shipyard, Voyage
from ingest.simulator.motion import KNOT, Timeline, along, wander
from ingest.simulator.navigable import Area, NoPlaceError, Waters
from ingest.simulator.truth import Planted
from ingest.simulator.vessel_story_words import WHY
from layers.crs import project, to_lonlat

Floats = npt.NDArray[np.float64]
UNREGISTERED, PRESENCE = "unregistered_vessel", "closed_zone_presence"
_DISC_M = 900.0
_FISHING_KN = (2.0, 4.0)
_STEADY_MPS = 3.0
_FAR_M = (15_000.0, 5000.0, 1500.0)

_EVENTS = {
    "unregistered": (UNREGISTERED,),
    "lapsed": (UNREGISTERED,),
    "letter_o": (UNREGISTERED,),
    "unregistered_inside": (UNREGISTERED, PRESENCE),
    "presence": (PRESENCE,),
    "crosses_in_and_out": (PRESENCE,),
}
_ABOUT_PRESENCE = {
    "presence",
    "crosses_in_and_out",
    "brief_crossing",
    "along_the_edge",
    "transit_cargo",
    "zone_not_in_force",
    "one_fix_inside",
}


@dataclass
class Stage:
    """What all stories need: the yard, the waters and the day (Unix seconds)."""

    yard: Shipyard
    waters: Waters
    start: float
    end: float

    @property
    def rng(self) -> np.random.Generator:
        """The seed's random numbers."""
        return self.yard.rng

    def moment(self, lasts: float, share: tuple[float, float] = (0.03, 0.95)) -> float:
        """A whole second at which something of a length can begin."""
        first = self.start + share[0] * (self.end - self.start)
        last = max(first + 1, self.start + share[1] * (self.end - self.start) - lasts)
        return float(np.floor(self.rng.uniform(first, last)))


def tell(stories: tuple[VesselStory, ...], stage: Stage) -> Iterator[Voyage]:
    """Plant all vessel stories.

    Raises
    ------
    NoPlaceError
        where the city's waters and zones have no room for one.
    """
    count: dict[str, int] = {}
    for story in stories:
        for _ in range(story.count):
            number = count[story.story] = count.get(story.story, 0) + 1
            yield _planted(_cast(story, number, stage), story, number, stage)


def _planted(voyage: Voyage, story: VesselStory, number: int, stage: Stage) -> Voyage:
    kind = story.story
    about = (PRESENCE,) if kind in _ABOUT_PRESENCE else (UNREGISTERED,)
    t = voyage.timeline.t
    xy = voyage.timeline.xy[:1]
    lon, lat = to_lonlat(xy[:, 0], xy[:, 1], stage.waters.geography.crs)
    start, end = float(t[0]), float(t[-1])
    things = tuple(
        Planted(
            f"{rule}-{kind}-{number}",
            rule,
            str(voyage.identity.mmsi),
            *(
                _inside(voyage.timeline, stage.waters)
                if rule == PRESENCE and kind in _EVENTS
                else (start, end)
            ),
            *(float(lon[0]), float(lat[0])),
            "event" if kind in _EVENTS else "silent",
            WHY[kind],
        )
        for rule in _EVENTS.get(kind, about)
    )
    return replace(voyage, planted=things, quiet=True)


def _inside(timeline: Timeline, waters: Waters) -> tuple[float, float]:
    """First and last time inside a ban, to the second."""
    t = np.arange(timeline.t[0], timeline.t[-1] + 1)
    inside = t[shapely.contains_xy(waters.banned, *timeline.at(t).T)]
    return float(inside[0]), float(inside[-1])


def _cast(story: VesselStory, number: int, stage: Stage) -> Voyage:
    if story.story in ("cargo_in_watch", "transit_cargo"):
        return _cargo(story, stage)
    if story.story == "net_buoy":
        return _buoy(story, number, stage)
    identity, entry = _who(story, number, stage)
    timeline = _MOVES[story.story](story, stage)
    strays = np.empty((0, 3))
    if story.story == "one_fix_inside":
        timeline, strays = _wild_fix(stage)
    class_b = story.at is None and number % 2 == 0
    return Voyage(identity, timeline, 7, class_b, entry, fixed=story.at, strays=strays)


def _who(story: VesselStory, number: int, stage: Stage) -> tuple[Identity, Entry | None]:
    """Name, number and register row of a fishing boat by its story."""
    yard = stage.yard
    mmsi = story.mmsi or yard.mmsi()
    if story.story.startswith("unregistered"):
        name = story.name or yard.fishing_name(yard.fishing_number())
        return yard.fishing_boat(name, mmsi), None
    if story.story == "letter_o":
        own = yard.fishing_number(lambda digits: "0" in digits[1:])
        name = yard.fishing_name(own)
        at = name.rindex("0")
        entry = yard.entry(own, yard.mmsi())
        return yard.fishing_boat(name[:at] + "O" + name[at + 1 :], mmsi), entry
    entry = yard.entry(yard.fishing_number(), mmsi)
    if story.story == "lapsed":
        entry = replace(entry, end=yard.day - timedelta(days=1))
    if story.story == "registered_that_day":
        entry = replace(entry, start=yard.day, end=None)
    name = _spaced(entry, number) if story.story == "registered_spaced" else entry.name
    return yard.fishing_boat(name, mmsi, entry.callsign), entry


def _spaced(entry: Entry, number: int) -> str:
    digits = f"{entry.number:05d}"
    letters = entry.name.removesuffix(digits)
    pairs = [letters[at : at + 2] for at in range(0, len(letters), 2)]
    forms = (
        " ".join([*pairs, digits]),
        f"{letters} {digits}",
        f"{entry.name}   ",
        f" {entry.name}",
    )
    return forms[(number - 1) % len(forms)][:20]


def _in_disc(
    area: Callable[[Waters], Area],
) -> Callable[[VesselStory, Stage], Timeline]:
    def move(story: VesselStory, stage: Stage) -> Timeline:
        lasts = float(stage.rng.uniform(2400, 7200))
        early = (0.03, 0.3) if story.story in ("lapsed", "registered_that_day") else (0.03, 0.95)
        start = on_day(story.time, stage.start) if story.time else stage.moment(lasts, early)
        end = min(start + lasts, stage.end - 60)
        if story.at:
            return _from_fix(story.at, start, end, stage)
        middle = stage.waters.spot(area(stage.waters), _DISC_M, stage.rng)
        return wander(middle, _DISC_M - 100, start, end, _FISHING_KN, stage.rng)

    return move


def _from_fix(at: tuple[float, float], start: float, end: float, stage: Stage) -> Timeline:
    """Wander from an exact fix on, as far from it as the open water allows."""
    geography = stage.waters.geography
    point = project(np.array([shapely.Point(at)], object), geography.crs)[0]
    room = min(_DISC_M, point.distance(stage.waters.all.boundary) * 0.5)
    room = min(room, point.distance(stage.waters.banned) * 0.5)
    xy = np.array([point.x, point.y])
    if not stage.waters.all.contains(point) or room < 20:
        room = 20.0
    rest = wander(xy, room, start, end, _FISHING_KN, stage.rng)
    first = np.hypot(*(rest.xy[0] - xy)) / (_FISHING_KN[0] * KNOT) + 1
    return Timeline(np.concatenate(([start], rest.t + first)), np.concatenate((xy[None], rest.xy)))


def _watch_free(waters: Waters) -> Area:
    return waters.named("watch_free", lambda: waters.free.intersection(waters.watched))


def _watch_banned(waters: Waters) -> Area:
    def find() -> Area:
        return _banned(waters).intersection(waters.watched)

    return waters.named("watch_banned", find)


def _banned(waters: Waters) -> Area:
    def find() -> Area:
        return waters.banned.intersection(waters.open).difference(waters.harbours.buffer(_DISC_M))

    return waters.named("banned", find)


def _idle(waters: Waters) -> Area:
    return waters.named("idle", lambda: waters.idle.intersection(waters.free))


def _far(waters: Waters) -> Area:
    def find() -> Area:
        for away in _FAR_M:
            area = waters.free.difference(waters.watched.buffer(away))
            if not area.buffer(-_DISC_M).is_empty:
                break
        return area

    return waters.named("far", find)


def _through(story: VesselStory, stage: Stage) -> Timeline:
    """Into a ban zone and out again where it came in."""
    long = story.story == "crosses_in_and_out"
    lasts = stage.rng.uniform(1300, 2200) if long else stage.rng.uniform(300, 480)
    depth = _STEADY_MPS * lasts / 2
    edge = stage.waters.edge(depth + 200, 1600, stage.rng)
    points = [edge.point + edge.outward * d for d in (1500.0, -depth, 1500.0)]
    return along(np.array(points), stage.moment(lasts + 1500), _STEADY_MPS)


def _beside(story: VesselStory, stage: Stage) -> Timeline:
    edge = stage.waters.edge(200, 1600, stage.rng)
    points = [edge.point + edge.outward * 100 + edge.along * d for d in (-1500.0, 1500.0, -1500.0)]
    return along(np.array(points), stage.moment(2500), _STEADY_MPS)


def _wild_fix(stage: Stage) -> tuple[Timeline, Floats]:
    """Fishing close outside a ban, with one fix that jumps into it."""
    edge = stage.waters.edge(1200, 2400, stage.rng)
    start = stage.moment(3600)
    middle = edge.point + edge.outward * 1200
    timeline = wander(middle, 800, start, start + 3600, _FISHING_KN, stage.rng)
    jump = edge.point - edge.outward * 800
    return timeline, np.array([[start + 1800, *jump]])


def _cargo(story: VesselStory, stage: Stage) -> Voyage:
    area = _banned(stage.waters) if story.story == "transit_cargo" else _watch_free(stage.waters)
    path = _long_leg(area, stage)
    speed = 10 * KNOT if np.hypot(*(path[1] - path[0])) > 5000 else 1.5
    timeline = along(path, stage.moment(2600), speed)
    return Voyage(stage.yard.trader("cargo"), timeline, 0, False)


def _long_leg(area: Area, stage: Stage) -> Floats:
    for length in (12_000.0, 6000.0, 3000.0):
        with suppress(NoPlaceError):
            return stage.waters.leg(area, length, stage.rng)
    return stage.waters.leg(area, 1500.0, stage.rng)


def _buoy(story: VesselStory, number: int, stage: Stage) -> Voyage:
    yard = stage.yard
    name = yard.fishing_name(yard.fishing_number())
    shown = f"{name}-{int(stage.rng.integers(21, 99))}%"
    if number % 3 == 0:
        shown = f"{name}-{stage.rng.uniform(10.5, 12.6):.1f}V"
    area = _watch_free(stage.waters)
    start, lasts = stage.moment(36_000, (0.0, 0.99)), 36_000.0
    middle = stage.waters.spot(area, _DISC_M, stage.rng)
    drift = wander(
        middle, _DISC_M - 100, start, min(start + lasts, stage.end), (0.3, 0.9), stage.rng
    )
    identity = Identity(story.mmsi or yard.mmsi(), shown)
    return Voyage(identity, drift, 0, True, hull=False)


_MOVES: dict[str, Callable[[VesselStory, Stage], Timeline]] = {
    "unregistered": _in_disc(_watch_free),
    "lapsed": _in_disc(_watch_free),
    "letter_o": _in_disc(_watch_free),
    "registered": _in_disc(_watch_free),
    "registered_spaced": _in_disc(_watch_free),
    "registered_that_day": _in_disc(_watch_free),
    "unregistered_far": _in_disc(_far),
    "unregistered_inside": _in_disc(_watch_banned),
    "presence": _in_disc(_banned),
    "zone_not_in_force": _in_disc(_idle),
    "crosses_in_and_out": _through,
    "brief_crossing": _through,
    "along_the_edge": _beside,
    "one_fix_inside": lambda story, stage: _wild_fix(stage)[0],
}
