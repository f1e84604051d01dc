"""Muck that is tipped where it may not be, and stops that only look like it."""

from __future__ import annotations

from collections.abc import Callable

from ingest.simulator.geography import MuckPermit
from ingest.simulator.truck_stories.muck_trips import (
    end_muck,
    lasts,
    loaded_in_hours,
    permitted_course,
    stop_beside,
)
from ingest.simulator.truck_stories.story import Scene, Stage, Story, register
from ingest.simulator.trucks import tip
from layers.text import Text

RULE = "dump_stop"
_STOP_S = (540.0, 1500.0)
_SHORT_S = (150.0, 200.0)
_DUMP_S = 900.0


def _has_tip(permit: MuckPermit) -> bool:
    return permit.tip is not None


def _beside_way(
    stop_s: tuple[float, float], *, state: str = "", tells_load: bool = True
) -> Callable[[int, Stage], Scene]:
    """Make a scene of a stop beside the permitted way, off the road.

    Parameters
    ----------
    state : what is on the truck after the stop; "" for what was on it before.
    """

    def scene(number: int, stage: Stage) -> Scene:
        permit = stage.permit(_has_tip)
        course = permitted_course(stage, permit)
        shift = loaded_in_hours(stage, permit)
        shift.drive(course.part(0.0, permit.tip_m))
        span = stop_beside(shift, permit, float(stage.rng.uniform(*stop_s)), state)
        shift.drive(course.part(permit.tip_m, float(course.m[-1])))
        if not state:
            tip(shift, permit, _DUMP_S)
        return Scene((end_muck(stage, shift, permit, tells_load=tells_load),), {RULE: span})

    return scene


def _without_permit(number: int, stage: Stage) -> Scene:
    """A muck truck that nobody permitted anything tips beside a road."""
    permit = stage.permit(_has_tip)
    course = permitted_course(stage, permit)
    shift = stage.begin(permit.site.junction, stage.moment(lasts(stage, permit)))
    shift.load("full")
    shift.drive(course.part(0.0, permit.tip_m))
    span = stop_beside(shift, permit, float(stage.rng.uniform(*_STOP_S)), "empty")
    shift.drive(course.part(permit.tip_m, float(course.m[-1])))
    return Scene((stage.end(shift, stage.yard.vehicle("muck")),), {RULE: span})


def _on_road(number: int, stage: Stage) -> Scene:
    """Stop on the road itself; nothing tells what is on the truck."""
    permit = stage.permit(_has_tip)
    course = permitted_course(stage, permit)
    shift = loaded_in_hours(stage, permit)
    shift.drive(course.part(0.0, permit.tip_m))
    span = shift.wait(float(stage.rng.uniform(*_STOP_S)))
    shift.drive(course.part(permit.tip_m, float(course.m[-1])))
    tip(shift, permit, _DUMP_S)
    return Scene((end_muck(stage, shift, permit, tells_load=False),), {RULE: span})


def _at_dump(*, permitted: bool) -> Callable[[int, Stage], Scene]:
    """Make a scene of tipping on a dump that may take muck."""

    def scene(number: int, stage: Stage) -> Scene:
        permit = stage.permit(_has_tip)
        shift = loaded_in_hours(stage, permit)
        shift.drive(permitted_course(stage, permit))
        start = shift.now
        tip(shift, permit, _DUMP_S)
        span = start, shift.now
        if permitted:
            return Scene((end_muck(stage, shift, permit),), {RULE: span})
        return Scene((stage.end(shift, stage.yard.vehicle("muck")),), {RULE: span})

    return scene


register(
    Story(
        "dumps_beside_way",
        Text(
            en="Full before a stop beside the permitted way, empty after it",
            zh="在许可路线旁停车，停车前满载、停车后空载",
        ),
        _beside_way(_STOP_S, state="empty"),
        raises=(RULE,),
    )
)
register(
    Story(
        "dumps_without_permit",
        Text(
            en="Muck truck without a permit, empty after a stop off the road",
            zh="无许可渣土车在路外停车后由满载变为空载",
        ),
        _without_permit,
        raises=(RULE,),
    )
)
register(
    Story(
        "stops_off_road_unseen",
        Text(
            en="Muck truck stops off the road outside of every site; nothing tells its load",
            zh="渣土车在路外且不在任何工地或消纳点停车，载重状态未知",
        ),
        _beside_way(_STOP_S, tells_load=False),
        raises=(RULE,),
    )
)
register(
    Story(
        "keeps_load",
        Text(en="Stops off the road, but stays full", zh="在路外停车，但始终满载"),
        _beside_way(_STOP_S),
        silent=(RULE,),
    )
)
register(
    Story(
        "stops_briefly",
        Text(
            en="Stops off the road for less than five minutes; nothing tells its load",
            zh="在路外停车不足5分钟，载重状态未知",
        ),
        _beside_way(_SHORT_S, tells_load=False),
        silent=(RULE,),
    )
)
register(
    Story(
        "stops_on_road_unseen",
        Text(en="Stops on the road; nothing tells its load", zh="在道路上停车，载重状态未知"),
        _on_road,
        silent=(RULE,),
    )
)
register(
    Story(
        "tips_on_dump",
        Text(en="Tips on the dump that its permit names", zh="在许可消纳点卸土"),
        _at_dump(permitted=True),
        silent=(RULE,),
    )
)
register(
    Story(
        "tips_on_open_dump",
        Text(
            en="Without a permit of its own, but on a dump that may take muck",
            zh="本车无许可，但在获准的消纳场所卸土",
        ),
        _at_dump(permitted=False),
        silent=(RULE,),
    )
)
