"""Fishing boats in a season in which their gear must stay ashore, or need not."""

from __future__ import annotations

from dataclasses import replace

from ingest.simulator.aismessages import Identity
from ingest.simulator.feed_plan import VesselStory
from ingest.simulator.fleet import Entry
from ingest.simulator.motion import KNOT, Timeline, along
from ingest.simulator.stories.drifting import calm
from ingest.simulator.stories.places import in_disc, long_leg
from ingest.simulator.stories.registration import boat, registered
from ingest.simulator.stories.story import Stage, Story, register
from layers.text import Text

RULE = "moratorium"


def _barred(told: VesselStory, number: int, stage: Stage) -> tuple[Identity, Entry]:
    identity, entry = registered(told, number, stage)
    return identity, replace(entry, allowed=False)


def _steams(told: VesselStory, stage: Stage) -> Timeline:
    return along(long_leg(calm(stage.waters), stage), stage.moment(5000), 9 * KNOT)


register(
    Story(
        "season_broken",
        Text(
            en="Boat whose gear is barred moves as boats do that fish",
            zh="休渔作业类型渔船疑似捕捞",
        ),
        boat(_barred, in_disc(calm)),
        raises=(RULE,),
    )
)
register(
    Story(
        "hooks_in_season",
        Text(en="Fishing with a gear that the season leaves alone", zh="作业类型不在休渔范围"),
        boat(registered, in_disc(calm)),
        silent=(RULE,),
    )
)
register(
    Story(
        "season_steaming",
        Text(en="Boat whose gear is barred, on passage", zh="休渔作业类型渔船，航行途中"),
        boat(_barred, _steams),
        silent=(RULE,),
    )
)
