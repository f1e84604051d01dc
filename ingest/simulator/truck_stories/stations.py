"""Trucks that leave the road before a weigh station, and those that may."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ingest.simulator.road_graph import Way
from ingest.simulator.truck_shift import Span
from ingest.simulator.truck_stories.detours import Detour, detours
from ingest.simulator.truck_stories.story import Scene, Stage, Story, register
from ingest.simulator.truck_stories.ways import first, lead_in, lead_out, somewhere
from ingest.simulator.trucks import Truck
from layers.text import Text

RULE = "weigh_station_bypass"
_LASTS_S = 5400.0
_DELIVERY_S = (900.0, 1500.0)
_FOR_GOOD_M = (3000.0, 9000.0)
_GROSS_SHARE = 0.8


def _with_detour(
    stage: Stage, make: Callable[[Detour], tuple[Truck, Span]], *, covered: bool = True
) -> tuple[Truck, Span]:
    """Make something of the first way around a station that has room for it."""
    side = "that it weighs" if covered else "that it does not weigh"
    missing = f"no weigh station has a way around it in a direction {side}"
    return first(detours(stage, covered=covered), make, missing)


def _drive(stage: Stage, before: Way, *others: tuple[Way, float]) -> tuple[Truck, Span]:
    """Drive ways one after the other, each with a stop (s) in its middle.

    Returns
    -------
    the truck, and when it drove these without the ways there and away.
    """
    graph = stage.roads.open
    to = lead_in(stage, before)
    away = lead_out(stage, others[-1][0])
    shift = stage.begin(to.junctions[0], stage.moment(_LASTS_S))
    shift.drive(graph.course(to))
    began, _ = shift.drive(graph.course(before))
    for way, stop in others:
        course = graph.course(way)
        half = float(course.m[-1]) / 2
        shift.drive(course.part(0.0, half))
        if stop:
            shift.wait(stop)
        shift.drive(course.part(half, float(course.m[-1])))
    over = shift.now
    shift.drive(graph.course(away))
    truck = stage.end(shift)
    return replace(truck, gross_kg=int(_GROSS_SHARE * truck.vehicle.limit.limit_kg)), (began, over)


def pass_station(stage: Stage) -> tuple[Truck, Span]:
    """A truck that drives past a station as it should, and when."""
    return _with_detour(stage, lambda d: _drive(stage, d.before, (d.past, 0.0), (d.after, 0.0)))


def _around(stage: Stage, stop_s: float = 0.0, *, covered: bool = True) -> tuple[Truck, Span]:
    return _with_detour(
        stage,
        lambda d: _drive(stage, d.before, (d.around, stop_s), (d.after, 0.0)),
        covered=covered,
    )


def _away(stage: Stage) -> tuple[Truck, Span]:
    """Leave the street before a station for somewhere else."""

    def make(detour: Detour) -> tuple[Truck, Span]:
        quiet, before = stage.roads.quiet, detour.before
        away = somewhere(stage, quiet, before.junctions[-1], _FOR_GOOD_M, before.roads[-1])
        return _drive(stage, before, (away, 0.0))

    return _with_detour(stage, make)


def _told(make: Callable[[Stage], tuple[Truck, Span]]) -> Callable[[int, Stage], Scene]:
    def scene(number: int, stage: Stage) -> Scene:
        truck, span = make(stage)
        return Scene((truck,), {RULE: span})

    return scene


register(
    Story(
        "goes_around_station",
        Text(
            en="Leaves the road before a weigh station and comes back behind it",
            zh="在检测点前驶离、绕行后又在检测点后返回同一道路",
        ),
        _told(_around),
        raises=(RULE,),
    )
)
register(
    Story(
        "passes_station",
        Text(en="Drives past the station and is weighed", zh="正常通过检测点并称重"),
        _told(pass_station),
        silent=(RULE,),
    )
)
register(
    Story(
        "delivers_before_station",
        Text(
            en="Leaves the road, delivers for a quarter of an hour or more, and comes back",
            zh="驶离道路卸货停留15分钟以上后返回",
        ),
        _told(lambda stage: _around(stage, float(stage.rng.uniform(*_DELIVERY_S)))),
        silent=(RULE,),
    )
)
register(
    Story(
        "leaves_for_good",
        Text(
            en="Leaves the road before the station and does not come back",
            zh="在检测点前驶离后未返回",
        ),
        _told(_away),
        silent=(RULE,),
    )
)
register(
    Story(
        "around_other_direction",
        Text(
            en="Goes around in the direction that the station does not weigh",
            zh="在检测点不检测的方向绕行",
        ),
        _told(lambda stage: _around(stage, covered=False)),
        silent=(RULE,),
    )
)
