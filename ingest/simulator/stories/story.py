"""What a planted story is, and how the stories of a plan are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ingest.simulator.feed_plan import VesselStory
from ingest.simulator.fleet import Shipyard, Voyage
from ingest.simulator.navigable import Waters
from ingest.simulator.story_book import StoryBook, tellings
from ingest.simulator.truth import Planted
from layers.crs import to_lonlat
from layers.text import Text


@dataclass
class Stage:
    """What all stories need.

    Attributes
    ----------
    yard : gives names and numbers, none of them twice.
    waters : where ships can be.
    start, end : the day, Unix seconds.
    rng : random numbers of this kind of story.
    """

    yard: Shipyard
    waters: Waters
    start: float
    end: float
    rng: np.random.Generator

    def moment(self, lasts: float, share: tuple[float, float] = (0.03, 0.95)) -> float:
        """A whole second at which something of a length can begin."""
        first = self.start + share[0] * (self.end - self.start)
        last = max(first + 1, self.start + share[1] * (self.end - self.start) - lasts)
        return float(np.floor(self.rng.uniform(first, last)))


@dataclass(frozen=True)
class Scene:
    """One telling of a story.

    Attributes
    ----------
    voyages : the ships of it, the one that it is about first.
    spans : by rule, first and last second (Unix) of what breaks it; the whole of the first voyage
        where a rule is not named.
    subjects : by rule, the MMSI that an event names; the first voyage's by default.
    """

    voyages: tuple[Voyage, ...]
    spans: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    subjects: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Story:
    """A kind of story.

    Attributes
    ----------
    kind : its name in ``demo.yaml``.
    why : what makes it an event or a near miss, for people.
    scene : tells it, from the declared line, its running number (from 1) and the stage.
    raises : rules that must raise an event.
    silent : rules that it comes close to and that must stay silent.
    unphysical : its places or speeds are impossible, on purpose.
    """

    kind: str
    why: Text
    scene: Callable[[VesselStory, int, Stage], Scene]
    raises: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    unphysical: bool = False


BOOK: StoryBook[Story] = StoryBook()
register = BOOK.register


def tell(
    told: tuple[VesselStory, ...],
    known: Mapping[str, Story],
    yard: Shipyard,
    waters: Waters,
    day: tuple[float, float],
    seed: tuple[int, ...],
) -> Iterator[Voyage]:
    """Plant stories.

    Parameters
    ----------
    told : lines of the plan.
    known : all stories by kind.
    day : first and last moment, Unix seconds.
    seed : of all; each kind of story draws numbers of its own from it.

    Raises
    ------
    NoPlaceError
        where the city's waters and zones have no room for one.
    ValueError
        for a story that nobody registered.
    """

    def stage(rng: np.random.Generator, place: int) -> Stage:
        return Stage(yard, waters, *day, rng)

    for line, story, own, number in tellings(told, known, seed, stage):
        yield from _planted(story, story.scene(line, number, own), number, waters.geography.crs)


def _planted(story: Story, scene: Scene, number: int, crs: str) -> Iterator[Voyage]:
    first, *others = scene.voyages
    t = first.timeline.t
    lon, lat = to_lonlat(first.timeline.xy[:1, 0], first.timeline.xy[:1, 1], crs)
    things = tuple(
        Planted(
            f"{rule}-{story.kind}-{number}",
            rule,
            scene.subjects.get(rule, str(first.identity.mmsi)),
            *scene.spans.get(rule, (float(t[0]), float(t[-1]))),
            *(float(lon[0]), float(lat[0])),
            "event" if rule in story.raises else "silent",
            story.why,
        )
        for rule in (*story.raises, *story.silent)
    )
    yield replace(first, planted=things, quiet=True)
    for voyage in others:
        yield replace(voyage, quiet=True)
