"""The ships of a demo day: who they are, how they move and whether the register knows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from ingest.simulator.aismessages import Identity
from ingest.simulator.fairways import Fairways
from ingest.simulator.feed_plan import AisPlan
from ingest.simulator.motion import Timeline, shuttle, swing, wander
from ingest.simulator.navigable import Waters
from ingest.simulator.truth import Planted

Floats = npt.NDArray[np.float64]
KNOT = 1852 / 3600
# Shares of the ships without a story.
_SHARES = (("cargo", 0.33), ("anchored", 0.16), ("barge", 0.14), ("tug", 0.06), ("ferry", 0.06))


@dataclass(frozen=True)
class Entry:
    """A row of the vessel register; ``start`` and ``end`` are the first and last day in force.

    ``allowed`` tells whether its gear is one that a closed season allows.
    """

    name: str
    number: int
    mmsi: int
    callsign: str
    start: date
    end: date | None = None
    allowed: bool = True


@dataclass(frozen=True)
class Voyage:
    """A ship's day.

    Attributes
    ----------
    fixed : (lon, lat) that the first report carries exactly.
    strays : times and positions (metres) of single wild fixes, shape (n, 3).
    hull : whether it tells its type and size (a net buoy does not).
    silences : spans (Unix seconds) in which it sends nothing.
    quiet : no noise or spoiled sentence may touch it.
    """

    identity: Identity
    timeline: Timeline
    status: int
    class_b: bool
    entry: Entry | None = None
    planted: tuple[Planted, ...] = ()
    fixed: tuple[float, float] | None = None
    strays: Floats = field(default_factory=lambda: np.empty((0, 3)))
    hull: bool = True
    silences: tuple[tuple[float, float], ...] = ()
    quiet: bool = False

    @property
    def vanishes(self) -> bool:
        """Whether its last silence lasts to the end, so that it never says that it lies still."""
        return any(end >= self.timeline.t[-1] for _, end in self.silences)

    def sends(self, t: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Those of some times, Unix seconds, that lie outside of all silences."""
        for start, end in self.silences:
            t = t[(t < start) | (t > end)]
        return t


class Shipyard:
    """Gives ships their numbers and names, none of them twice.

    Parameters
    ----------
    taken : names that are given by declaration.
    """

    def __init__(self, plan: AisPlan, taken: set[str], day: date, rng: np.random.Generator) -> None:
        self.plan, self.day, self.rng = plan, day, rng
        self._numbers = (int(n) for n in rng.permutation(100_000))
        self._taken = taken
        self._mmsis = {story.mmsi for story in plan.stories}
        self._names: set[str] = set()
        self._imos: set[int] = set()
        self._calls = 0

    def fishing_number(self, wanted: Callable[[str], bool] = lambda _: True) -> int:
        """A number that no other fishing boat has, with digits as wanted."""
        for number in self._numbers:
            digits = f"{number:05d}"
            if wanted(digits) and self.fishing_name(number) not in self._taken:
                return number
        raise ValueError("no fishing boat number is left")

    def fishing_name(self, number: int) -> str:
        """The registered name of a number."""
        return self.plan.fishing_name.format(f"{number:05d}")

    def ship_name(self) -> str:
        """A name for a ship that isn't a fishing boat."""
        while True:
            words = [self.rng.choice(choices) for choices in self.plan.ship_words]
            name = " ".join([*words, str(self.rng.integers(1, 999))])
            if name not in self._names:
                self._names.add(name)
                return name

    def mmsi(self, own: bool = True) -> int:
        """A nine-digit number; ``own`` takes the city's own MID."""
        mids = self.plan.mids
        while True:
            mid = mids[0] if own else int(self.rng.choice(mids))
            mmsi = mid * 1_000_000 + int(self.rng.integers(1, 1_000_000))
            if mmsi not in self._mmsis:
                self._mmsis.add(mmsi)
                return mmsi

    def callsign(self) -> str:
        """A call sign, each one once."""
        self._calls += 1
        return f"B{self._calls:05d}"

    def _imo(self) -> int:
        """An IMO number that no other ship has."""
        while (number := _imo(self.rng)) in self._imos:
            pass
        self._imos.add(number)
        return number

    def entry(self, number: int, mmsi: int) -> Entry:
        """A register row in force since some years, a few with a later end."""
        start = self.day - timedelta(days=int(self.rng.integers(60, 5000)))
        later = self.day + timedelta(days=int(self.rng.integers(90, 900)))
        end = later if self.rng.random() < 0.2 else None
        return Entry(self.fishing_name(number), number, mmsi, self.callsign(), start, end)

    def fishing_boat(self, name: str, mmsi: int, callsign: str = "") -> Identity:
        """Identity of a fishing boat; a call sign of its own where none is given."""
        long = int(self.rng.integers(12, 34))
        return Identity(
            mmsi, name, callsign or self.callsign(), 0, 30, long // 3, long - long // 3, 3, 3, 22
        )

    def trader(self, kind: str) -> Identity:
        """Identity of a cargo ship, tanker, tug, ferry or barge."""
        mmsi = self.mmsi(own=kind in ("tug", "ferry", "barge"))
        types = {
            "tug": (52, 50),
            "ferry": (60, 69),
            "barge": (70, 79),
            "cargo": (70, 71, 74, 80, 82),
        }
        longest = {"tug": (25, 40), "ferry": (40, 110), "barge": (50, 90), "cargo": (90, 366)}
        of = kind if kind in types else "cargo"
        long = int(self.rng.integers(*longest[of]))
        wide = max(4, long // 14)
        return Identity(
            mmsi,
            self.ship_name(),
            self.callsign(),
            self._imo() if of == "cargo" else 0,
            int(self.rng.choice(types[of])),
            *(long * 4 // 5, long - long * 4 // 5, wide, wide),
            int(self.rng.integers(25, 145)),
            str(self.rng.choice(self.plan.ports)),
        )


def _imo(rng: np.random.Generator) -> int:
    """A seven-digit IMO number; its last digit checks the others (IMO resolution A.1117(30))."""
    digits = [int(d) for d in str(rng.integers(900_000, 990_000))]
    return (
        int("".join(map(str, digits))) * 10
        + sum(d * w for d, w in zip(digits, range(7, 1, -1), strict=True)) % 10
    )


def _shift(path: Floats, most: float, rng: np.random.Generator) -> Floats:
    angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0, most)
    return path + far * np.array([np.cos(angle), np.sin(angle)])


def lanes(water: Fairways, count: int, rng: np.random.Generator, share: float) -> list[Floats]:
    """Ways that ships keep to, shape (k, 2) each."""
    return [water.way(*water.far_pair(rng, share)) for _ in range(count)]


def everyday(
    count: int, yard: Shipyard, waters: Waters, start: float, end: float
) -> Iterator[Voyage]:
    """Ships that nothing happens to; none of them may raise an event.

    Parameters
    ----------
    count : how many.
    start, end : the day, Unix seconds.
    """
    rng = yard.rng
    sea = lanes(waters.sea, max(4, min(16, count // 12)), rng, 0.35)
    hops = lanes(waters.sea, 4, rng, 0.1)
    rivers = lanes(waters.river, 3, rng, 0.4) if waters.river else []
    amounts = {kind: round(count * share) for kind, share in _SHARES}
    for kind, amount in amounts.items():
        for _ in range(amount):
            ship = yard.trader(kind)
            timeline = _trade(kind, (sea, hops, rivers), waters, (start, end), rng)
            yield Voyage(
                ship,
                timeline,
                1 if kind == "anchored" else 0,
                kind == "barge" and bool(rivers) and bool(ship.mmsi % 3),
            )
    for _ in range(count - sum(amounts.values())):
        yield _fishing(yard, waters, start, end)


def _trade(
    kind: str,
    ways: tuple[list[Floats], list[Floats], list[Floats]],
    waters: Waters,
    day: tuple[float, float],
    rng: np.random.Generator,
) -> Timeline:
    sea, hops, rivers = ways
    phase = float(rng.random())
    if kind == "anchored":
        return swing(waters.spot(waters.open, 500.0, rng), 90.0, *day, rng)
    if kind == "tug":
        return wander(waters.spot(waters.open, 2500.0, rng), 2500.0, *day, (4.0, 9.0), rng)
    if kind == "barge" and rivers:
        path = _shift(rivers[rng.integers(len(rivers))], 20.0, rng)
        return shuttle(path, *day, rng.uniform(4, 7) * KNOT, 5400.0, phase)
    if kind == "ferry":
        path = _shift(hops[rng.integers(len(hops))], 150.0, rng)
        return shuttle(path, *day, rng.uniform(11, 20) * KNOT, 900.0, phase)
    path = _shift(sea[rng.integers(len(sea))], 200.0, rng)
    if rng.random() < 0.5:
        path = path[::-1]
    whole = shuttle(path, *day, rng.uniform(7, 16) * KNOT, 4 * 3600.0, phase)
    arrives = day[0] + rng.uniform(0, 0.5) * (day[1] - day[0])
    return whole.clip(arrives, arrives + rng.uniform(0.3, 0.7) * (day[1] - day[0]))


def _fishing(yard: Shipyard, waters: Waters, start: float, end: float) -> Voyage:
    rng = yard.rng
    number, mmsi = yard.fishing_number(), yard.mmsi()
    out = start + rng.uniform(0, 0.4) * (end - start)
    back = out + rng.uniform(0.25, 0.6) * (end - start)
    middle = waters.spot(waters.free, 1500.0, rng)
    speeds = (2.0, 4.5) if rng.random() < 0.8 else (6.0, 9.0)
    timeline = wander(middle, 1500.0, out, min(back, end), speeds, rng)
    entry = yard.entry(number, mmsi)
    boat = yard.fishing_boat(entry.name, mmsi, entry.callsign)
    return Voyage(boat, timeline, 7, bool(rng.random() < 0.6), entry)
