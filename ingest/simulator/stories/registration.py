"""Fishing boats that the register knows, or does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np

from ingest.simulator.aismessages import Identity
from ingest.simulator.feed_plan import VesselStory
from ingest.simulator.fleet import Entry, Voyage
from ingest.simulator.motion import KNOT, Timeline, along, wander
from ingest.simulator.navigable import Area, Waters
from ingest.simulator.stories.places import (
    DISC_M,
    far_off,
    in_disc,
    long_leg,
    watch_banned,
    watch_free,
)
from ingest.simulator.stories.story import Scene, Stage, Story, register
from layers.text import Text

RULE, PRESENCE = "unregistered_vessel", "closed_zone_presence"
Who = Callable[[VesselStory, int, Stage], tuple[Identity, Entry | None]]
Move = Callable[[VesselStory, Stage], Timeline]
_EARLY = (0.03, 0.3)
_BUOY_LASTS_S = 36_000.0


def boat(who: Who, move: Move) -> Callable[[VesselStory, int, Stage], Scene]:
    """Make a scene of one fishing boat: who it says it is, and how it moves."""

    def scene(told: VesselStory, number: int, stage: Stage) -> Scene:
        identity, entry = who(told, number, stage)
        timeline = move(told, stage)
        class_b = told.at is None and number % 2 == 0
        return Scene((Voyage(identity, timeline, 7, class_b, entry, fixed=told.at),))

    return scene


def registered(told: VesselStory, number: int, stage: Stage) -> tuple[Identity, Entry]:
    """A boat that stands in the register as it says."""
    yard = stage.yard
    mmsi = told.mmsi or yard.mmsi()
    entry = yard.entry(yard.fishing_number(), mmsi)
    return yard.fishing_boat(entry.name, mmsi, entry.callsign), entry


def _unknown(told: VesselStory, number: int, stage: Stage) -> tuple[Identity, Entry | None]:
    yard = stage.yard
    mmsi = told.mmsi or yard.mmsi()
    return yard.fishing_boat(told.name or yard.fishing_name(yard.fishing_number()), mmsi), None


def _letter_o(told: VesselStory, number: int, stage: Stage) -> tuple[Identity, Entry | None]:
    yard = stage.yard
    mmsi = told.mmsi or yard.mmsi()
    own = yard.fishing_number(lambda digits: "0" in digits[1:])
    name = yard.fishing_name(own)
    at = name.rindex("0")
    entry = yard.entry(own, yard.mmsi())
    return yard.fishing_boat(name[:at] + "O" + name[at + 1 :], mmsi), entry


def _lapsed(told: VesselStory, number: int, stage: Stage) -> tuple[Identity, Entry | None]:
    identity, entry = registered(told, number, stage)
    return identity, replace(entry, end=stage.yard.day - timedelta(days=1))


def _that_day(told: VesselStory, number: int, stage: Stage) -> tuple[Identity, Entry | None]:
    identity, entry = registered(told, number, stage)
    return identity, replace(entry, start=stage.yard.day, end=None)


def _with_blanks(told: VesselStory, number: int, stage: Stage) -> tuple[Identity, Entry | None]:
    identity, entry = registered(told, number, stage)
    digits = f"{entry.number:05d}"
    letters = entry.name.removesuffix(digits)
    pairs = [letters[at : at + 2] for at in range(0, len(letters), 2)]
    forms = (
        " ".join([*pairs, digits]),
        f"{letters} {digits}",
        f"{entry.name}   ",
        f" {entry.name}",
    )
    return replace(identity, name=forms[(number - 1) % len(forms)][:20]), entry


def _net_buoy(told: VesselStory, number: int, stage: Stage) -> Scene:
    yard, rng = stage.yard, stage.rng
    name = yard.fishing_name(yard.fishing_number())
    shown = f"{name}-{int(rng.integers(21, 99))}%"
    if number % 3 == 0:
        shown = f"{name}-{rng.uniform(10.5, 12.6):.1f}V"
    start = stage.moment(_BUOY_LASTS_S, (0.0, 0.99))
    middle = stage.waters.spot(watch_free(stage.waters), DISC_M, rng)
    end = min(start + _BUOY_LASTS_S, stage.end)
    drift = wander(middle, DISC_M - 100, start, end, (0.3, 0.9), rng)
    return Scene((Voyage(Identity(told.mmsi or yard.mmsi(), shown), drift, 0, True, hull=False),))


def cargo(area: Callable[[Waters], Area]) -> Callable[[VesselStory, int, Stage], Scene]:
    """Make a scene of a cargo ship that passes through an area."""

    def scene(told: VesselStory, number: int, stage: Stage) -> Scene:
        path = long_leg(area(stage.waters), stage)
        speed = 10 * KNOT if np.hypot(*(path[1] - path[0])) > 5000 else 1.5
        timeline = along(path, stage.moment(2600), speed)
        return Scene((Voyage(stage.yard.trader("cargo"), timeline, 0, False),))

    return scene


register(
    Story(
        "unregistered",
        Text(
            en="Fishing boat in the watch area whose name is not in the register of that day",
            zh="值守区内渔船，船名不在当日登记册中",
        ),
        boat(_unknown, in_disc(watch_free)),
        raises=(RULE,),
    )
)
register(
    Story(
        "lapsed",
        Text(
            en="Registration ended on the day before (by city time)",
            zh="登记于前一日（按本市时间）届满",
        ),
        boat(_lapsed, in_disc(watch_free, _EARLY)),
        raises=(RULE,),
    )
)
register(
    Story(
        "letter_o",
        Text(
            en="Name has the letter O where a registered name has a zero",
            zh="船名以字母 O 代替登记船名中的数字 0",
        ),
        boat(_letter_o, in_disc(watch_free)),
        raises=(RULE,),
    )
)
register(
    Story(
        "unregistered_inside",
        Text(
            en="Not in the register, and fishing inside the ban zone",
            zh="不在登记册中，且在禁捕区内作业",
        ),
        boat(_unknown, in_disc(watch_banned)),
        raises=(RULE, PRESENCE),
    )
)
register(
    Story(
        "registered",
        Text(en="Registered under exactly this name", zh="船名与登记册完全一致"),
        boat(registered, in_disc(watch_free)),
        silent=(RULE, "name_mmsi_mismatch", "closed_zone_fishing"),
    )
)
register(
    Story(
        "registered_spaced",
        Text(en="Registered; the name is sent with blanks in it", zh="已登记，播发船名中带空格"),
        boat(_with_blanks, in_disc(watch_free)),
        silent=(RULE,),
    )
)
register(
    Story(
        "registered_that_day",
        Text(
            en="Registered from this very day on (by city time)",
            zh="自当日（按本市时间）起登记生效",
        ),
        boat(_that_day, in_disc(watch_free, _EARLY)),
        silent=(RULE,),
    )
)
register(
    Story(
        "unregistered_far",
        Text(
            en="Not in the register, but outside the watch area",
            zh="不在登记册中，但位于值守区以外",
        ),
        boat(_unknown, in_disc(far_off)),
        silent=(RULE,),
    )
)
register(
    Story(
        "net_buoy",
        Text(
            en="Net-position buoy with a fishing boat's name and its battery charge",
            zh="网位仪，名称为渔船名加电量",
        ),
        _net_buoy,
        silent=(RULE,),
    )
)
register(
    Story(
        "cargo_in_watch",
        Text(en="Cargo ship in the watch area, not a fishing boat", zh="值守区内的货船，并非渔船"),
        cargo(watch_free),
        silent=(RULE,),
    )
)
