"""What a planted story of trucks is, and how the stories of a plan are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ingest.simulator.feed_plan import TruckStory
from ingest.simulator.geography import Geography, MuckPermit, NoPlaceError
from ingest.simulator.muck import everyday_roads
from ingest.simulator.road_graph import Floats, Ints, RoadGraph
from ingest.simulator.story_book import StoryBook, tellings
from ingest.simulator.truck_shift import Shift, Span
from ingest.simulator.trucks import Day, Truck, Vehicle, Yard, hours_of_day
from ingest.simulator.truth import Planted
from layers.crs import to_lonlat
from layers.text import Text

_BEFORE_S = 1200.0
_AFTER_S = 2400.0


class Roads:
    """The roads as stories see them.

    Attributes
    ----------
    open : without the limited ones; ``quiet`` also without streets that have a weigh station.
    every : all roads, the limited ones too.
    """

    def __init__(self, geography: Geography) -> None:
        self.geography = geography
        self.open = RoadGraph(geography)
        self.quiet = everyday_roads(geography)
        self.every = RoadGraph(geography, ())
        self._classes: dict[str, RoadGraph] = {}

    @cached_property
    def through(self) -> Ints:
        """Junctions of quiet roads at which no way ends: dead ends are cut off again and again."""
        matrix = self.quiet.matrix
        left = np.isin(np.arange(matrix.shape[0]), self.quiet.stands)
        while True:
            arms = (matrix > 0).astype(np.int64) @ left.astype(np.int64)
            fewer = left & (arms >= 2)
            if fewer.sum() == left.sum():
                return np.flatnonzero(left)
            left = fewer

    def of_class(self, road_class: str) -> RoadGraph:
        """The quiet roads of one class alone."""
        if road_class not in self._classes:
            self._classes[road_class] = self.quiet.only(road_class)
        return self._classes[road_class]


@dataclass
class Stage:
    """What all stories need.

    Attributes
    ----------
    yard : gives plates, vehicles and terminals, none of them twice.
    day : first moment of the day and of the next, Unix seconds.
    rng : random numbers of this kind of story.
    taken : ids of the permits that have a story.
    """

    roads: Roads
    yard: Yard
    day: Day
    rng: np.random.Generator
    taken: set[str]

    def moment(self, lasts: float, share: tuple[float, float] = (0.05, 0.95)) -> float:
        """A whole second at which something of a length can begin.

        Raises
        ------
        NoPlaceError
            where it is longer than that part of the day.
        """
        first, last = (self.day[0] + part * (self.day[1] - self.day[0]) for part in share)
        if last - lasts <= first:
            raise NoPlaceError(f"{lasts:.0f} s do not fit into that part of the day")
        return float(np.floor(self.rng.uniform(first, last - lasts)))

    def within(self, hours: str, lasts: float) -> float:
        """A whole second in some hours of the day at which something of a length can begin."""
        return self._among(hours_of_day(hours, self.day), lasts)

    def outside(self, hours: str, lasts: float, margin_s: float = 3600.0) -> float:
        """The same, with a margin outside of some hours of the day."""
        spans = hours_of_day(hours, self.day)
        edges = [float(self.day[0]) - margin_s]
        edges += [moment for span in spans for moment in span] + [self.day[1] + margin_s]
        free = [(a + margin_s, b - margin_s) for a, b in zip(edges[::2], edges[1::2], strict=True)]
        return self._among(free, lasts)

    def _among(self, spans: list[Span], lasts: float) -> float:
        margin = _BEFORE_S, 300.0
        fit = [(a + margin[0], b - margin[1] - lasts) for a, b in spans]
        fit = [(a, b) for a, b in fit if a < b]
        if not fit:
            raise NoPlaceError(f"{lasts:.0f} s do not fit into these hours")
        start, end = fit[int(self.rng.integers(len(fit)))]
        return float(np.floor(self.rng.uniform(start, end)))

    def permit(self, wanted: Callable[[MuckPermit], bool]) -> MuckPermit:
        """A permit that no other story has.

        Raises
        ------
        NoPlaceError
            where no free permit is as wanted.
        """
        permits = self.roads.geography.haulage.permits
        for number in self.rng.permutation(len(permits)).tolist():
            permit: MuckPermit = permits[number]
            if permit.id not in self.taken and wanted(permit):
                self.taken.add(permit.id)
                return permit
        raise NoPlaceError("no permit is left that the story fits")

    def begin(self, junction: int, start: float) -> Shift:
        """A shift that stands at a junction until it starts."""
        shift = Shift(self.roads.every.places[junction], start - _BEFORE_S)
        shift.until(start)
        return shift

    def end(
        self, shift: Shift, vehicle: Vehicle | None = None, *, plate: str | None = None
    ) -> Truck:
        """The truck of a shift; it stands a while at the end."""
        shift.wait(_AFTER_S)
        timeline = shift.timeline().clip(self.day[0], self.day[1] - 1)
        return Truck(
            plate or self.yard.plates.next(),
            vehicle or self.yard.vehicle("general"),
            self.yard.terminal(),
            timeline,
            tuple(p for p in shift.passages if p.t < self.day[1] - 1),
            loads=tuple(shift.loads),
            quiet=True,
        )


@dataclass(frozen=True)
class Scene:
    """One telling of a story.

    Attributes
    ----------
    trucks : parts of the day of one truck, or several that share a plate.
    spans : by rule, first and last second (Unix) of what breaks it; the whole of the first truck
        where a rule is not named.
    """

    trucks: tuple[Truck, ...]
    spans: Mapping[str, Span] = field(default_factory=dict)


@dataclass(frozen=True)
class Story:
    """A kind of story.

    Attributes
    ----------
    kind : its name in ``demo.yaml``.
    why : what makes it an event or a near miss, for people.
    scene : tells it, from its running number (from 1) and the stage.
    raises : rules that must raise an event.
    silent : rules that it comes close to and that must stay silent.
    """

    kind: str
    why: Text
    scene: Callable[[int, Stage], Scene]
    raises: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


BOOK: StoryBook[Story] = StoryBook()
register = BOOK.register


def tell(
    told: tuple[TruckStory, ...],
    known: Mapping[str, Story],
    roads: Roads,
    yard: Callable[[np.random.Generator, int], Yard],
    day: Day,
    seed: tuple[int, ...],
) -> tuple[list[Truck], set[str]]:
    """Plant stories.

    Parameters
    ----------
    told : lines of the plan.
    known : all stories by kind.
    yard : makes the yard of a kind of story, from its random numbers and its place in the plan.
    day : first moment of the day and of the next, Unix seconds.
    seed : of all; each kind of story draws numbers of its own from it.

    Returns
    -------
    the trucks, and the ids of the permits that they use.

    Raises
    ------
    NoPlaceError
        naming the story that the city has no room for, and what is missing.
    ValueError
        for a story that nobody registered.
    """
    taken: set[str] = set()

    def stage(rng: np.random.Generator, place: int) -> Stage:
        return Stage(roads, yard(rng, place), day, rng, taken)

    trucks: list[Truck] = []
    for line, story, own, number in tellings(told, known, seed, stage):
        try:
            scene = story.scene(number, own)
        except NoPlaceError as failure:
            raise NoPlaceError(f"story '{line.story}': {failure}") from failure
        trucks += _planted(story, scene, number, roads.geography.crs)
    return trucks, taken


def _planted(story: Story, scene: Scene, number: int, crs: str) -> Iterator[Truck]:
    first, *others = scene.trucks
    things = []
    for rule in (*story.raises, *story.silent):
        whole = float(first.timeline.t[0]), float(first.timeline.t[-1])
        start, end = scene.spans.get(rule, whole)
        at: Floats = first.timeline.at(np.array([start]))
        lon, lat = to_lonlat(at[:, 0], at[:, 1], crs)
        things.append(
            Planted(
                f"{rule}-{story.kind}-{number}",
                rule,
                first.plate,
                *(start, end, float(lon[0]), float(lat[0])),
                "event" if rule in story.raises else "silent",
                story.why,
            )
        )
    yield replace(first, planted=tuple(things))
    yield from others
