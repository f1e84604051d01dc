"""Trucks that are too fast, and those that only seem so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import shapely

from ingest.simulator.geography import NoPlaceError, Road
from ingest.simulator.road_graph import KEEPS_OF_LIMIT, Way
from ingest.simulator.truck_shift import Span
from ingest.simulator.truck_stories.story import Scene, Stage, Story, register
from ingest.simulator.truck_stories.ways import first, lead_in, lead_out, long_way
from ingest.simulator.trucks import Truck
from layers.text import Text

RULE = "speeding"
_STRETCH_M = (2400.0, 6000.0)
_BESIDE_M = 250.0
_PARALLEL = 0.25
_TRIES = 12


def _stretch(stage: Stage, *classes: str) -> Way:
    """A way with one speed limit all along."""
    return first(
        stage.rng.permutation(classes).tolist(),
        lambda road_class: long_way(stage, stage.roads.of_class(road_class), _STRETCH_M),
        f"no {' or '.join(classes)} is long enough",
    )


def _ordinary(stage: Stage) -> Way:
    return _stretch(stage, "arterial", "collector")


def _drive(stage: Stage, stretch: Callable[[Stage], Way], keeps: float) -> tuple[Truck, Span, Way]:
    """Drive a stretch at a share of its limit, and to it and away from it as one should."""

    def ways(_: int) -> tuple[Way, Way, Way]:
        way = stretch(stage)
        return lead_in(stage, way), way, lead_out(stage, way)

    to, way, away = first(range(_TRIES), ways, "no road of one speed limit is long enough")
    graph = stage.roads.open
    shift = stage.begin(to.junctions[0], stage.moment(3600.0))
    shift.drive(graph.course(to))
    span = shift.drive(graph.course(way, keeps))
    shift.drive(graph.course(away))
    return stage.end(shift), span, way


def _at(
    share: tuple[float, float], way: Callable[[Stage], Way] = _ordinary
) -> Callable[[int, Stage], Scene]:
    """Make a scene of driving at a share of the speed limit."""

    def scene(number: int, stage: Stage) -> Scene:
        truck, span, _ = _drive(stage, way, float(stage.rng.uniform(*share)))
        return Scene((truck,), {RULE: span})

    return scene


def _spike(number: int, stage: Stage) -> Scene:
    """Drive as one should; a single report tells of twice the speed."""
    truck, span, way = _drive(stage, _ordinary, KEEPS_OF_LIMIT)
    kmh = 2 * KEEPS_OF_LIMIT * stage.roads.open.roads[way.roads[0]].speed_limit_kmh
    return Scene((replace(truck, spikes=((sum(span) / 2, kmh),)),), {RULE: span})


def _beside_slow(stage: Stage) -> Way:
    """A stretch of a fast road with a slow one beside it."""
    roads = stage.roads.open.roads
    slow = [road for road in roads if road.road_class in ("collector", "local")]
    tree = shapely.STRtree([road.line for road in slow])
    for _ in range(_TRIES):
        way = _stretch(stage, "expressway", "arterial")
        for number in way.roads:
            near = tree.query(roads[number].line, predicate="dwithin", distance=_BESIDE_M)
            if any(_parallel(roads[number], slow[n]) for n in near.tolist()):
                return way
    raise NoPlaceError(f"no slow road runs within {_BESIDE_M:.0f} m beside a fast one")


def _parallel(road: Road, other: Road) -> bool:
    turn = np.sin(_heading(road) - _heading(other))
    apart = not {road.start, road.end} & {other.start, other.end}
    return apart and bool(abs(turn) < _PARALLEL)


def _heading(road: Road) -> float:
    (ax, ay), (bx, by) = road.line.coords[0], road.line.coords[-1]
    return float(np.arctan2(by - ay, bx - ax))


register(
    Story(
        "speeds",
        Text(en="A quarter above the speed limit or more", zh="超过限速四分之一以上"),
        _at((1.26, 1.4)),
        raises=(RULE,),
    )
)
register(
    Story(
        "five_above",
        Text(en="Five per cent above the speed limit", zh="超过限速5%"),
        _at((1.05, 1.05)),
        silent=(RULE,),
    )
)
register(
    Story(
        "speed_spike",
        Text(
            en="A single wrong report of speed; the places say otherwise",
            zh="单次上报速度异常，与位置推算不符",
        ),
        _spike,
        silent=(RULE,),
    )
)
register(
    Story(
        "fast_beside_slow",
        Text(
            en="Just below the limit of a fast road that a slow one runs beside",
            zh="在快速道路上低于限速行驶，旁边有低限速道路",
        ),
        _at((0.95, 0.95), _beside_slow),
        silent=(RULE,),
    )
)
