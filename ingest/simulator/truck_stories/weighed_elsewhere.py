"""Weighings that contradict the track of the truck that they name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ingest.simulator.geography import NoPlaceError
from ingest.simulator.road_graph import Passage
from ingest.simulator.truck_stories.stations import pass_station
from ingest.simulator.truck_stories.story import Scene, Stage, Story, register
from ingest.simulator.truck_stories.ways import tour
from ingest.simulator.trucks import Truck
from layers.text import Text

RULE = "track_weighing_mismatch"
_MINUTE = 60.0
_AWAY_M = 4800.0
_TRIES = 40


def _far_away(stage: Stage) -> tuple[Truck, Passage]:
    """A truck on tour, and a passage over a station far from where it is then."""
    stations = stage.roads.geography.stations
    places = np.array([s.line.centroid.coords[0] for s in stations]).reshape(-1, 2)
    for _ in range(_TRIES):
        start, course = tour(stage, 80 * _MINUTE)
        middle = np.array([np.interp(40 * _MINUTE, course.t, course.xy[:, k]) for k in (0, 1)])
        away = np.hypot(*(places - middle).T)
        if len(away) and away.max() > _AWAY_M:
            break
    else:
        raise NoPlaceError(f"no weigh station is {_AWAY_M:.0f} m away from the road")
    shift = stage.begin(start, stage.moment(80 * _MINUTE))
    began, _ = shift.drive(course)
    which = int(stage.rng.choice(np.flatnonzero(away > _AWAY_M)))
    passage = Passage(which, began + 40 * _MINUTE, stations[which].covers(True))
    truck = replace(stage.end(shift), passages=(passage,))
    limit = truck.vehicle.limit.limit_kg
    return replace(truck, gross_kg=int(0.7 * limit)), passage


def _elsewhere(number: int, stage: Stage) -> Scene:
    truck, passage = _far_away(stage)
    return Scene((truck,), {RULE: (passage.t, passage.t)})


def _while_silent(number: int, stage: Stage) -> Scene:
    """The same, but nobody knows where the truck is then."""
    truck, passage = _far_away(stage)
    dark = passage.t - 16 * _MINUTE, passage.t + 16 * _MINUTE
    return Scene((replace(truck, silences=(dark,)),), {RULE: (passage.t, passage.t)})


def _there(number: int, stage: Stage) -> Scene:
    truck, _ = pass_station(stage)
    moment = truck.passages[0].t
    return Scene((truck,), {RULE: (moment, moment)})


register(
    Story(
        "weighed_elsewhere",
        Text(
            en="Weighed at a station while its own terminal is kilometres away",
            zh="称重记录所载号牌的车载终端当时在数公里之外",
        ),
        _elsewhere,
        raises=(RULE,),
    )
)
register(
    Story(
        "weighed_while_silent",
        Text(
            en="Weighed while its terminal is silent before and after",
            zh="称重前后终端均无信号，无法比对",
        ),
        _while_silent,
        silent=(RULE,),
    )
)
register(
    Story(
        "weighed_there",
        Text(en="Weighed where its terminal is", zh="称重时终端位置与检测点一致"),
        _there,
        silent=(RULE,),
    )
)
