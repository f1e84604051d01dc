"""Vessels that are not who they say: shared, doubled and borrowed identities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ingest.simulator.feed_plan import VesselStory
from ingest.simulator.fleet import Voyage
from ingest.simulator.geography import NoPlaceError
from ingest.simulator.motion import wander
from ingest.simulator.navigable import Area
from ingest.simulator.stories.drifting import calm
from ingest.simulator.stories.places import DISC_M, Floats, in_disc, watch_free
from ingest.simulator.stories.registration import registered
from ingest.simulator.stories.story import Scene, Stage, Story, register
from layers.text import Text

SHARED, DOUBLE, BORROWED = "shared_mmsi", "multi_mmsi", "name_mmsi_mismatch"
_APART_M = (20_000.0, 14_000.0)
_CRUISE_KN = (5.0, 8.0)
_TRIES = 200


def two_places(area: Area, stage: Stage) -> tuple[Floats, Floats]:
    """Two spots far from each other.

    Raises
    ------
    NoPlaceError
        where the area is too small for that.
    """
    for apart in _APART_M:
        for _ in range(_TRIES):
            a, b = (stage.waters.spot(area, DISC_M, stage.rng) for _ in range(2))
            if np.hypot(*(a - b)) >= apart:
                return a, b
    raise NoPlaceError(f"no two places are {_APART_M[-1]:.0f} m apart")


def _shared(told: VesselStory, number: int, stage: Stage) -> Scene:
    """Two ships under one identity, far from each other at the same time."""
    lasts = 3 * 3600.0
    start = stage.moment(lasts)
    ship = stage.yard.trader("cargo")
    places = two_places(calm(stage.waters), stage)
    voyages = tuple(
        Voyage(
            ship,
            wander(middle, DISC_M - 100, start, start + lasts, _CRUISE_KN, stage.rng),
            0,
            False,
        )
        for middle in places
    )
    return Scene(voyages)


def _wild_fixes(told: VesselStory, number: int, stage: Stage) -> Scene:
    """One ship, and single positions far from it."""
    lasts = 3 * 3600.0
    start = stage.moment(lasts)
    middle, far = two_places(calm(stage.waters), stage)
    timeline = wander(middle, DISC_M - 100, start, start + lasts, _CRUISE_KN, stage.rng)
    strays = np.array([[start + share * lasts + 7, *far] for share in (0.3, 0.7)])
    return Scene((Voyage(stage.yard.trader("cargo"), timeline, 0, False, strays=strays),))


def _changes_number(told: VesselStory, number: int, stage: Stage) -> Scene:
    """A ship that goes on under another MMSI, all else being the same."""
    lasts = 4 * 3600.0
    start = stage.moment(lasts)
    middle = stage.waters.spot(calm(stage.waters), DISC_M, stage.rng)
    whole = wander(middle, DISC_M - 100, start, start + lasts, _CRUISE_KN, stage.rng)
    ship = stage.yard.trader("cargo")
    again = replace(ship, mmsi=stage.yard.mmsi(own=False))
    half = start + lasts / 2
    return Scene(
        (
            Voyage(ship, whole.clip(start, half), 0, False),
            Voyage(again, whole.clip(half + 300, start + lasts), 0, False),
        ),
        {DOUBLE: (half, start + lasts)},
        {DOUBLE: str(again.mmsi)},
    )


def _sisters(told: VesselStory, number: int, stage: Stage) -> Scene:
    """Two ships of one name and different call signs."""
    lasts = 3 * 3600.0
    start = stage.moment(lasts)
    places = two_places(calm(stage.waters), stage)
    one, other = stage.yard.trader("cargo"), stage.yard.trader("cargo")
    ships = (one, replace(other, name=one.name))
    voyages = tuple(
        Voyage(
            ship,
            wander(middle, DISC_M - 100, start, start + lasts, _CRUISE_KN, stage.rng),
            0,
            False,
        )
        for ship, middle in zip(ships, places, strict=True)
    )
    return Scene(voyages)


def _borrowed(told: VesselStory, number: int, stage: Stage) -> Scene:
    """A boat under the name of a registered one that isn't there."""
    _, entry = registered(told, number, stage)
    stranger = stage.yard.fishing_boat(entry.name, stage.yard.mmsi())
    timeline = in_disc(watch_free)(told, stage)
    return Scene((Voyage(stranger, timeline, 7, number % 2 == 0, entry),))


register(
    Story(
        "shared",
        Text(en="Two ships on one MMSI, far from each other at once", zh="两船同时使用同一MMSI"),
        _shared,
        raises=(SHARED,),
        unphysical=True,
    )
)
register(
    Story(
        "wild_fixes",
        Text(en="One ship with single wild positions far away", zh="单船伴有远处孤立漂移定位点"),
        _wild_fixes,
        silent=(SHARED, "kinematic_spoof"),
        unphysical=True,
    )
)
register(
    Story(
        "changes_number",
        Text(
            en="Ship that goes on under another MMSI with the same call sign and IMO number",
            zh="船舶中途更换MMSI，呼号与IMO编号不变",
        ),
        _changes_number,
        raises=(DOUBLE,),
    )
)
register(
    Story(
        "sister_ships",
        Text(en="Two ships of one name with different call signs", zh="两船同名但呼号不同"),
        _sisters,
        silent=(DOUBLE,),
    )
)
register(
    Story(
        "borrowed_name",
        Text(
            en="Boat under a registered name whose entry has another MMSI",
            zh="船名已登记，但登记的MMSI不同",
        ),
        _borrowed,
        raises=(BORROWED,),
    )
)
