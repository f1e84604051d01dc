"""Vessels that meet at sea, pass each other, or work side by side."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ingest.simulator.feed_plan import VesselStory
from ingest.simulator.fleet import Voyage
from ingest.simulator.motion import KNOT, Timeline, along, wander
from ingest.simulator.stories.drifting import calm
from ingest.simulator.stories.places import DISC_M, FISHING_KN, long_leg
from ingest.simulator.stories.registration import registered
from ingest.simulator.stories.story import Scene, Stage, Story, register
from layers.text import Text

RULE = "encounter"
_DRIFT_KN = (0.3, 1.0)
_BESIDE_M = 120.0
_DAY_S = 86_400
_LEAD_S = 5400.0


def _start(stage: Stage, lasts: float, across: bool) -> float:
    """When it begins; where asked, so that it is under way at midnight UTC."""
    midnight = np.ceil(stage.start / _DAY_S) * _DAY_S
    if across and stage.start + lasts < midnight < stage.end - lasts:
        return float(midnight - _LEAD_S)
    return stage.moment(lasts)


def _beside(timeline: Timeline) -> Timeline:
    return Timeline(timeline.t, timeline.xy + np.array([_BESIDE_M, 0.0]))


def _pair(told: VesselStory, number: int, stage: Stage, timeline: Timeline) -> Scene:
    """A registered fishing boat and a cargo ship beside it."""
    identity, entry = registered(told, number, stage)
    other = stage.yard.trader("cargo")
    subject = min(str(identity.mmsi), str(other.mmsi))
    return Scene(
        (
            Voyage(identity, timeline, 7, number % 2 == 0, entry),
            Voyage(other, _beside(timeline), 0, False),
        ),
        subjects={RULE: subject},
    )


def _together(
    shortest_s: float, longest_s: float, knots: tuple[float, float]
) -> Callable[[VesselStory, int, Stage], Scene]:
    def scene(told: VesselStory, number: int, stage: Stage) -> Scene:
        lasts = float(stage.rng.uniform(shortest_s, longest_s))
        start = _start(stage, lasts, number % 2 == 1)
        middle = stage.waters.spot(calm(stage.waters), DISC_M + 2 * _BESIDE_M, stage.rng)
        timeline = wander(middle, DISC_M - 100, start, start + lasts, knots, stage.rng)
        return _pair(told, number, stage, timeline)

    return scene


def _passing(told: VesselStory, number: int, stage: Stage) -> Scene:
    """Close by each other once, at speed, in opposite directions."""
    path = long_leg(calm(stage.waters), stage)
    timeline = along(path, stage.moment(3600), 6 * KNOT)
    scene = _pair(told, number, stage, timeline)
    first, other = scene.voyages
    back = Timeline(timeline.t, _beside(timeline).xy[::-1])
    return Scene(
        (first, Voyage(other.identity, back, other.status, other.class_b)), subjects=scene.subjects
    )


register(
    Story(
        "meeting",
        Text(
            en="Fishing boat and cargo ship drift beside each other for hours",
            zh="渔船与货船长时间并靠漂航",
        ),
        _together(10_000, 13_000, _DRIFT_KN),
        raises=(RULE,),
    )
)
register(
    Story(
        "meeting_short",
        Text(en="Beside each other for less than the limit", zh="并靠时间短于限值"),
        _together(3000, 5000, _DRIFT_KN),
        silent=(RULE,),
    )
)
register(
    Story(
        "side_by_side",
        Text(
            en="Beside each other for hours at working speed, as pairs of trawlers are",
            zh="长时间并行但保持作业航速（如双拖）",
        ),
        _together(10_000, 13_000, (FISHING_KN[0] + 1, FISHING_KN[1])),
        silent=(RULE,),
    )
)
register(
    Story(
        "passing",
        Text(en="Two vessels that pass each other closely", zh="两船近距离会遇驶过"),
        _passing,
        silent=(RULE,),
    )
)
