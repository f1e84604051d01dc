"""Vessels that come to harbours and controlled waters, by one way or another."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
import shapely

from ingest.simulator.feed_plan import VesselStory
from ingest.simulator.fleet import Voyage
from ingest.simulator.geography import NoPlaceError
from ingest.simulator.motion import KNOT, Timeline, along
from ingest.simulator.navigable import Area, Waters
from ingest.simulator.stories.places import Floats
from ingest.simulator.stories.registration import boat, registered
from ingest.simulator.stories.story import Scene, Stage, Story, register
from layers.text import Text

DESTINATION, CONTROL = "destination_mismatch", "control_avoidance"
_STEPS_M = (6000.0, 4000.0, 2500.0)
_TRIES = 120
_PLACES = 40
_SPEED_MPS = 6 * KNOT
_LIES_S = 7200.0
_INSIDE_S = 900.0
_OFF_M = 60.0


def _spot(area: Area, stage: Stage) -> Floats:
    return stage.waters.spot(area, _OFF_M, stage.rng)


def _wet(waters: Waters, area: Area) -> Area:
    return area.intersection(waters.all.buffer(-_OFF_M))


def _come(stage: Stage, to: Floats, barred: Area) -> Floats:
    """A place some way off from which a straight way over water leads to another."""
    water = stage.waters.named("near shore", lambda: stage.waters.all.buffer(-_OFF_M / 2))
    for far in _STEPS_M:
        for _ in range(_TRIES):
            angle = stage.rng.uniform(0, 2 * np.pi)
            start = to + far * np.array([np.cos(angle), np.sin(angle)])
            way = shapely.LineString([start, to])
            if shapely.contains(water, way) and not shapely.intersects(barred, way):
                return start
    raise NoPlaceError("no straight way over water leads there")


def _reached(stage: Stage, area: Area, barred: Area) -> Floats:
    """A way over water to some place in an area; shape (2, 2)."""
    for _ in range(_PLACES):
        inner = _spot(area, stage)
        with suppress(NoPlaceError):
            return np.array([_come(stage, inner, barred), inner])
    raise NoPlaceError("no place of an area is reached straight over water")


def _call(told: VesselStory, stage: Stage, destination: str) -> Scene:
    """A ship comes to the declared harbour and lies there."""
    zone = stage.waters.zone(told.zone or "")
    path = _reached(stage, _wet(stage.waters, zone), shapely.Point())
    lasts = _LIES_S + 3600
    start = stage.moment(lasts)
    way = along(path, start, 2.5)
    end = float(way.t[-1]) + _LIES_S
    timeline = Timeline(np.append(way.t, end), np.concatenate((way.xy, way.xy[-1:])))
    ship = replace(stage.yard.trader("cargo"), destination=destination)
    return Scene((Voyage(ship, timeline, 0, False),))


def _wrong(told: VesselStory, number: int, stage: Stage) -> Scene:
    return _call(told, stage, told.destination or "")


def _by_control(stage: Stage, inner: Area) -> Floats:
    """A way through a place of control to one in an area; shape (3, 2)."""
    waters = stage.waters
    for _ in range(_PLACES):
        with suppress(NoPlaceError):
            out = _reached(stage, _wet(waters, waters.control), waters.controlled)
            last = _spot(inner, stage)
            if shapely.contains(waters.all, shapely.LineString([out[1], last])):
                return np.vstack((out, last))
    raise NoPlaceError("no way over water leads from the place of control")


def _enters(told: VesselStory, stage: Stage, by_control: bool) -> Timeline:
    waters = stage.waters
    inner = _wet(waters, waters.controlled)
    path = _by_control(stage, inner) if by_control else _reached(stage, inner, waters.control)
    way = along(path, stage.moment(7200), _SPEED_MPS)
    end = float(way.t[-1]) + _INSIDE_S
    return Timeline(np.append(way.t, end), np.concatenate((way.xy, way.xy[-1:])))


register(
    Story(
        "wrong_harbour",
        Text(en="Ship that lies in another harbour than told", zh="船舶停泊港与申报目的港不符"),
        _wrong,
        raises=(DESTINATION,),
    )
)
register(
    Story(
        "right_harbour",
        Text(en="Ship that lies in the harbour that it told", zh="船舶停泊于申报目的港"),
        _wrong,
        silent=(DESTINATION,),
    )
)
register(
    Story(
        "avoids_control",
        Text(
            en="Fishing boat that enters controlled water past the place of control",
            zh="渔船绕过管控点进入管控水域",
        ),
        boat(registered, lambda told, stage: _enters(told, stage, False)),
        raises=(CONTROL,),
    )
)
register(
    Story(
        "passes_control",
        Text(
            en="Fishing boat that enters controlled water by the place of control",
            zh="渔船经管控点进入管控水域",
        ),
        boat(registered, lambda told, stage: _enters(told, stage, True)),
        silent=(CONTROL,),
    )
)
