"""Trucks on roads and bridges that do not bear or clear them, and those that they do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from ingest.simulator.geography import NoPlaceError, Road
from ingest.simulator.road_graph import Way
from ingest.simulator.truck_shift import Span
from ingest.simulator.truck_stories.detours import Detour, detours
from ingest.simulator.truck_stories.story import Scene, Stage, Story, register
from ingest.simulator.truck_stories.ways import first, lead_in, lead_out
from ingest.simulator.trucks import Truck, Vehicle
from layers.text import Text

RULE = "bridge_limits"
_LASTS_S = 9000.0
_TOO_HEAVY = (1.25, 1.45)
_LIGHT = (0.6, 0.8)
_WITHIN_ERROR = 0.8
_TOO_HIGH_M, _LOW_M = 0.35, 0.4


def _limited(stage: Stage, wanted: Callable[[Road], bool]) -> Iterator[tuple[Way, Road]]:
    """Roads with a limit, in random order, driven in a random direction."""
    roads = stage.roads.every.roads
    numbers = [n for n, road in enumerate(roads) if wanted(road)]
    for at in stage.rng.permutation(len(numbers)).tolist():
        road = roads[numbers[at]]
        way = Way((road.start, road.end), (numbers[at],))
        yield (way if stage.rng.random() < 0.5 else way.back()), road


def _past_station(stage: Stage, to: Way) -> Way:
    """A way past a weigh station to the start of another one."""

    def make(detour: Detour) -> Way:
        past = detour.before.then(detour.past, detour.after)
        on = stage.roads.quiet.way(past.junctions[-1], to.junctions[0])
        if on.roads[-1] == to.roads[0]:
            raise NoPlaceError("it would have to turn round")
        return lead_in(stage, past).then(past, on)

    return first(detours(stage, covered=True), make, "no weigh station can be passed before")


def _driven(stage: Stage, before: Way, way: Way, vehicle: Vehicle) -> tuple[Truck, Span]:
    graph, away = stage.roads.every, lead_out(stage, way)
    shift = stage.begin(before.junctions[0], stage.moment(_LASTS_S))
    shift.drive(graph.course(before))
    span = shift.drive(graph.course(way))
    shift.drive(graph.course(away))
    return stage.end(shift, vehicle), span


def _mass(
    wanted: Callable[[Road], float | None], share: Callable[[Stage], float], *, around: bool = False
) -> Callable[[int, Stage], Scene]:
    """Make a scene of a weighed truck on a road with a limit of mass, or on the way around it."""

    def scene(number: int, stage: Stage) -> Scene:
        def make(option: tuple[Way, Road]) -> Scene:
            way, road = option
            gross = int((wanted(road) or 0.0) * 1000 * share(stage))
            if around:
                way = stage.roads.quiet.way(way.junctions[0], way.junctions[-1])
            before = _past_station(stage, way)
            truck, span = _driven(stage, before, way, stage.yard.heavy(gross))
            return Scene((replace(truck, gross_kg=gross),), {RULE: span})

        missing = "no road has a limit of mass that a truck within its own can exceed"
        return first(_limited(stage, lambda road: wanted(road) is not None), make, missing)

    return scene


def _height(
    wanted: Callable[[Road], float | None], above_m: float
) -> Callable[[int, Stage], Scene]:
    """Make a scene of a truck of a height, against the limit, on a road with one."""

    def scene(number: int, stage: Stage) -> Scene:
        def make(option: tuple[Way, Road]) -> Scene:
            way, road = option
            vehicle = stage.yard.vehicle("general", round((wanted(road) or 0.0) + above_m, 2))
            truck, span = _driven(stage, lead_in(stage, way), way, vehicle)
            return Scene((truck,), {RULE: span})

        missing = "no road has a limit of height"
        return first(_limited(stage, lambda road: wanted(road) is not None), make, missing)

    return scene


def _any_t(road: Road) -> float | None:
    return road.bridge_t if road.bridge_t is not None else road.limit_t


def _any_h(road: Road) -> float | None:
    return road.bridge_h_m if road.bridge_h_m is not None else road.limit_h_m


def _uniform(low: float, high: float) -> Callable[[Stage], float]:
    return lambda stage: float(stage.rng.uniform(low, high))


def _within_error(stage: Stage) -> float:
    """A little above the limit, but not by what the instrument may err."""
    error = stage.roads.geography.stations[0].error_share
    return 1 + _WITHIN_ERROR * error


register(
    Story(
        "heavy_on_bridge",
        Text(
            en="Weighed above the mass limit of a bridge, then over it", zh="称重超过桥梁限载后上桥"
        ),
        _mass(lambda road: road.bridge_t, _uniform(*_TOO_HEAVY)),
        raises=(RULE,),
    )
)
register(
    Story(
        "heavy_on_road",
        Text(en="Weighed above the mass limit of a road, then on it", zh="称重超过道路限重后驶入"),
        _mass(lambda road: road.limit_t, _uniform(*_TOO_HEAVY)),
        raises=(RULE,),
    )
)
register(
    Story(
        "high_on_bridge",
        Text(en="Registered higher than a bridge allows", zh="登记车高超过桥梁限高"),
        _height(lambda road: road.bridge_h_m, _TOO_HIGH_M),
        raises=(RULE,),
    )
)
register(
    Story(
        "high_on_road",
        Text(en="Registered higher than a road allows", zh="登记车高超过道路限高"),
        _height(lambda road: road.limit_h_m, _TOO_HIGH_M),
        raises=(RULE,),
    )
)
register(
    Story(
        "light_on_bridge",
        Text(en="Weighed well below the mass limit", zh="称重低于限载"),
        _mass(_any_t, _uniform(*_LIGHT)),
        silent=(RULE,),
    )
)
register(
    Story(
        "bridge_within_error",
        Text(
            en="Weighed above the mass limit, but within the instrument error",
            zh="称重略高于限载，但在仪器误差范围内",
        ),
        _mass(_any_t, _within_error),
        silent=(RULE,),
    )
)
register(
    Story(
        "low_truck",
        Text(en="Low enough for the height limit", zh="车高低于限高"),
        _height(_any_h, -_LOW_M),
        silent=(RULE,),
    )
)
register(
    Story(
        "beside_bridge",
        Text(en="Too heavy, but takes the way around", zh="车重超过限载，但从其他道路绕行"),
        _mass(_any_t, _uniform(*_TOO_HEAVY), around=True),
        silent=(RULE,),
    )
)
