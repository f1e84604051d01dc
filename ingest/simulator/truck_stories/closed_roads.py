"""Trucks on roads that are closed to them, and those at other hours, across or beside these."""

from __future__ import annotations

from collections.abc import Callable

from ingest.simulator.geography import NoPlaceError, Road
from ingest.simulator.road_graph import Way
from ingest.simulator.truck_stories.story import Scene, Stage, Story, register
from ingest.simulator.truck_stories.ways import first, lead_in, lead_out, street_of
from layers.text import Text

RULE = "banned_road"
_INSIDE_M = 320.0
_LASTS_S = 3600.0
_ARMS_ACROSS = 2


def _streets(stage: Stage, wanted: Callable[[Road], bool]) -> list[Way]:
    """Closed streets, each from end to end, in random order."""
    graph = stage.roads.every
    first: dict[int, int] = {}
    for number, road in enumerate(graph.roads):
        if wanted(road):
            first.setdefault(road.street, number)
    ways = [
        street_of(graph, number, graph.roads[number].start).way
        for _, number in sorted(first.items())
    ]
    long = [way for way in ways if graph.length(way) > _INSIDE_M]
    return [long[at] for at in stage.rng.permutation(len(long)).tolist()]


def _moment(stage: Stage, road: Road, *, closed: bool) -> float:
    """A moment at which the truck sets out, to be on the road in its hours or out of them."""
    if road.truck_ban:
        return stage.moment(_LASTS_S)
    if closed:
        return stage.within(road.ban_hours, _LASTS_S / 2)
    return stage.outside(road.ban_hours, _LASTS_S / 2, 300.0)


def _told(stage: Stage, way: Way, moment: float) -> Scene:
    graph = stage.roads.every
    to, away = lead_in(stage, way), lead_out(stage, way)
    shift = stage.begin(to.junctions[0], moment)
    shift.drive(graph.course(to))
    span = shift.drive(graph.course(way))
    shift.drive(graph.course(away))
    return Scene((stage.end(shift),), {RULE: span})


def _along(wanted: Callable[[Road], bool], *, closed: bool) -> Callable[[int, Stage], Scene]:
    def scene(number: int, stage: Stage) -> Scene:
        return first(
            _streets(stage, wanted),
            lambda way: _told(stage, way, _moment(stage, _road(stage, way), closed=closed)),
            "no street is closed to trucks like that",
        )

    return scene


def _road(stage: Stage, way: Way) -> Road:
    return stage.roads.every.roads[way.roads[0]]


def _across(number: int, stage: Stage) -> Scene:
    """Cross a closed street at a junction, while it is closed."""
    quiet = stage.roads.quiet

    def make(street: Way) -> Scene:
        for junction in street.junctions[1:-1]:
            arms = quiet.arms(junction)
            if len(arms) == _ARMS_ACROSS:
                (one, end), (other, start) = arms
                way = Way((end, junction, start), (one, other))
                return _told(stage, way, _moment(stage, _road(stage, street), closed=True))
        raise NoPlaceError("no road crosses it")

    return first(_streets(stage, _closed), make, "no quiet road crosses a closed street")


def _beside(number: int, stage: Stage) -> Scene:
    """Drive around a closed street, from its one end to the other, while it is closed."""

    def make(street: Way) -> Scene:
        way = stage.roads.quiet.way(street.junctions[0], street.junctions[-1])
        return _told(stage, way, _moment(stage, _road(stage, street), closed=True))

    return first(_streets(stage, _closed), make, "no way leads around a closed street")


def _closed(road: Road) -> bool:
    return road.truck_ban or bool(road.ban_hours)


register(
    Story(
        "drives_in_ban_hours",
        Text(en="On a road that is closed to trucks at that hour", zh="在禁行时段驶入货车禁行道路"),
        _along(lambda road: bool(road.ban_hours), closed=True),
        raises=(RULE,),
    )
)
register(
    Story(
        "drives_closed_road",
        Text(en="On a road that is closed to trucks at all hours", zh="驶入全天禁止货车通行的道路"),
        _along(lambda road: road.truck_ban, closed=True),
        raises=(RULE,),
    )
)
register(
    Story(
        "outside_ban_hours",
        Text(en="On a road that is closed at other hours", zh="在非禁行时段驶入限时禁行道路"),
        _along(lambda road: bool(road.ban_hours), closed=False),
        silent=(RULE,),
    )
)
register(
    Story(
        "crosses_closed_road",
        Text(en="Only crosses a closed road at a junction", zh="仅在路口横穿禁行道路"),
        _across,
        silent=(RULE,),
    )
)
register(
    Story(
        "beside_closed_road",
        Text(en="Takes the way around a closed road", zh="从禁行道路旁的其他道路绕行"),
        _beside,
        silent=(RULE,),
    )
)
