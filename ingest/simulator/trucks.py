"""The trucks of a demo day: who they are and where ordinary ones drive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ingest.simulator.feed_plan import MassLimit
from ingest.simulator.geography import MuckPermit, NoPlaceError
from ingest.simulator.haulage import Haul, hauls
from ingest.simulator.motion import Timeline
from ingest.simulator.road_graph import Floats, Passage, RoadGraph, Way
from ingest.simulator.truck_shift import Shift
from ingest.simulator.truth import Planted

Day = tuple[int, int]
_DEPOTS = 100
_LEAST_DEPOTS = 12
_WAYS = 8
_REST_S = (1560.0, 4500.0)
_PLATE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_HEIGHTS_M = {"rigid": (2.6, 3.6), "combination": (3.4, 3.98)}
_USES = ("general", "container", "concrete", "dangerous", "cold_chain")


@dataclass(frozen=True)
class Vehicle:
    """What a truck is: its class by axles, and what the register says of it."""

    limit: MassLimit
    height_m: float
    use: str = "general"


@dataclass(frozen=True)
class Truck:
    """A truck's day, or a part of it that one terminal tells.

    Attributes
    ----------
    passages : where it is weighed, Unix seconds.
    gross_kg : what it weighs there; None leaves that to chance.
    loads : from when on what was on it, rising.
    silences : spans (Unix seconds) in which the terminal sends nothing.
    spikes : single reports of a wrong speed: Unix seconds, km/h.
    quiet : nothing may be lost or spoiled by chance.
    """

    plate: str
    vehicle: Vehicle
    terminal: str
    timeline: Timeline
    passages: tuple[Passage, ...] = ()
    gross_kg: int | None = None
    loads: tuple[tuple[float, str], ...] = ()
    silences: tuple[tuple[float, float], ...] = ()
    spikes: tuple[tuple[float, float], ...] = ()
    planted: tuple[Planted, ...] = ()
    quiet: bool = False


class Plates:
    """Number plates, none of them twice (five characters without I and O, after GA 36).

    Parameters
    ----------
    given : plates that are given already; those that are given here are added to it.
    """

    def __init__(
        self, prefixes: tuple[str, ...], rng: np.random.Generator, given: set[str]
    ) -> None:
        self._prefixes, self._rng, self._given = prefixes, rng, given

    def next(self) -> str:
        """A plate that nobody has."""
        while True:
            rng = self._rng
            digits = list(f"{rng.integers(100_000):05d}")
            if rng.random() < 0.4:
                digits[int(rng.integers(5))] = _PLATE_LETTERS[int(rng.integers(24))]
            plate = str(rng.choice(self._prefixes)) + "".join(digits)
            if plate not in self._given:
                self._given.add(plate)
                return plate


class Yard:
    """Gives trucks their plates, classes and terminals.

    Parameters
    ----------
    limits : the classes that there are.
    terminals : number of the first terminal; each gets the next one.
    """

    def __init__(
        self,
        plates: Plates,
        limits: Sequence[MassLimit],
        rng: np.random.Generator,
        terminals: int = 1,
    ) -> None:
        self.plates, self._limits, self._rng = plates, limits, rng
        self._next = terminals

    def terminal(self) -> str:
        """Number of a satellite terminal that no truck has."""
        self._next += 1
        return f"T{self._next - 1:07d}"

    def vehicle(self, use: str | None = None, height_m: float | None = None) -> Vehicle:
        """A vehicle of any class."""
        return self.of_class(
            self._limits[int(self._rng.integers(len(self._limits)))], use, height_m
        )

    def heavy(self, gross_kg: float) -> Vehicle:
        """A vehicle that may weigh so much.

        Raises
        ------
        NoPlaceError
            where no class may.
        """
        fit = [limit for limit in self._limits if limit.limit_kg >= gross_kg]
        if not fit:
            raise NoPlaceError(f"no class of trucks may weigh {gross_kg:.0f} kg")
        return self.of_class(min(fit, key=lambda limit: limit.limit_kg))

    def of_class(
        self, limit: MassLimit, use: str | None = None, height_m: float | None = None
    ) -> Vehicle:
        """A vehicle of a class."""
        if height_m is None:
            height_m = round(float(self._rng.uniform(*_HEIGHTS_M[limit.vehicle_kind])), 2)
        return Vehicle(limit, height_m, use or str(self._rng.choice(_USES)))


def drive(
    count: int, depots: int, graph: RoadGraph, yard: Yard, day: Day, rng: np.random.Generator
) -> list[Truck]:
    """Send ordinary trucks over the roads for a day; none of them breaks a rule.

    Parameters
    ----------
    count : of trucks.
    depots : how many trucks there are at full size, by which the depots are counted.
    day : first and last moment, Unix seconds.
    """
    most = min(_DEPOTS, max(_LEAST_DEPOTS, depots), len(graph.stands))
    places = rng.choice(graph.stands, most, replace=False)
    ways = hauls(places, _WAYS, graph, rng)
    busy = [number for number, own in enumerate(ways) if own]
    trucks = []
    for _ in range(count):
        here = int(rng.choice(busy))
        trucks.append(_ordinary(yard, here, graph.places[places[here]], ways, day, rng))
    return trucks


def _ordinary(
    yard: Yard,
    here: int,
    place: Floats,
    ways: list[list[Haul]],
    day: Day,
    rng: np.random.Generator,
) -> Truck:
    """One driver's day: parked, then trips with rests, then parked again."""
    shift = Shift(place, day[0])
    shift.wait(rng.uniform(0.05, 0.6) * (day[1] - day[0]))
    stop = shift.now + rng.uniform(4, 9) * 3600
    slower = rng.uniform(1.0, 1.25)
    tells_load = rng.random() < 0.6
    while shift.now < min(stop, day[1]) and ways[here]:
        if tells_load:
            shift.load(str(rng.choice(["empty", "half", "full"])))
        haul = ways[here][int(rng.integers(len(ways[here])))]
        shift.drive(haul.course, slower)
        shift.wait(rng.uniform(*_REST_S))
        here = haul.end
    return ended(shift, yard.plates.next(), yard.vehicle(), yard.terminal(), day)


def haul_muck(
    permits: Sequence[MuckPermit], graph: RoadGraph, yard: Yard, day: Day, rng: np.random.Generator
) -> list[Truck]:
    """Send trucks to haul muck as their permits say, one truck for each permit."""
    return [_muck(permit, graph, yard, day, rng) for permit in permits]


def _muck(
    permit: MuckPermit, graph: RoadGraph, yard: Yard, day: Day, rng: np.random.Generator
) -> Truck:
    loaded = graph.course(Way(permit.junctions, permit.roads))
    empty = graph.course(Way(permit.junctions, permit.roads).back())
    slower = float(rng.uniform(1.0, 1.2))
    shift = Shift(graph.places[permit.site.junction], day[0])
    shift.load("empty")
    for start, end in hours_of_day(permit.hours, day):
        shift.until(start + rng.uniform(600, 2400))
        round_s = (loaded.t[-1] + empty.t[-1]) * slower + 3 * _REST_S[0]
        while shift.now + round_s < end:
            fill(shift, permit, rng.uniform(*_REST_S) / 1.5 + 600)
            shift.drive(loaded, slower)
            tip(shift, permit, rng.uniform(*_REST_S) / 1.5 + 600)
            shift.drive(empty, slower)
            shift.wait(float(rng.uniform(60, 600)))
    return ended(shift, permit.plate, yard.vehicle("muck"), yard.terminal(), day)


def fill(shift: Shift, permit: MuckPermit, seconds: float) -> None:
    """Load muck on the permit's site and come back to the road."""
    _inside(shift, permit.site.area.centroid.coords[0], seconds, "full")


def tip(shift: Shift, permit: MuckPermit, seconds: float) -> None:
    """Tip muck on the permit's dump and come back to the road."""
    _inside(shift, permit.dump.area.centroid.coords[0], seconds, "empty")


def _inside(shift: Shift, place: tuple[float, ...], seconds: float, state: str) -> None:
    road = shift.here
    shift.aside(np.array(place))
    shift.wait(seconds / 2)
    shift.load(state)
    shift.wait(seconds / 2)
    shift.aside(road)


def hours_of_day(hours: str, day: Day) -> list[tuple[float, float]]:
    """Spans of Unix seconds within a day that spans of the clock cover, rising."""
    found = []
    for span in hours.split(","):
        start, end = (_clock(text) for text in span.split("-"))
        found += [(start, end)] if start < end else [(0.0, end), (start, 86_400.0)]
    inside = [(day[0] + start, min(day[0] + end, day[1])) for start, end in sorted(found)]
    return [(start, end) for start, end in inside if start < end]


def _clock(text: str) -> float:
    hours, minutes = text.split(":")
    return int(hours) * 3600.0 + int(minutes) * 60.0


def ended(shift: Shift, plate: str, vehicle: Vehicle, terminal: str, day: Day) -> Truck:
    """The truck of a shift that goes on standing until the end of the day."""
    shift.until(day[1])
    return Truck(
        plate,
        vehicle,
        terminal,
        shift.timeline().clip(day[0], day[1] - 1),
        tuple(p for p in shift.passages if p.t < day[1] - 1),
        loads=tuple(shift.loads),
    )
