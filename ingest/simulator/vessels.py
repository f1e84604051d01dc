"""A day of AIS as NMEA sentences, as shore stations log them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from ingest.simulator import aismessages, nmea
from ingest.simulator.aismessages import Identity, Reports
from ingest.simulator.feed_plan import AisPlan, BaseStation
from ingest.simulator.fleet import Voyage
from ingest.simulator.vessel_reports import reports_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

STATIC_EVERY_S = 1080
STATIC_STORY_S = 360
HEARD_TWICE = 0.05
LATE_SHARE = 0.01
LATE_MOST_S = 20.0
BASE_EVERY_S = 60
AID_EVERY_S = 180
SATELLITE_EVERY_S = 3600


@dataclass
class Log:
    """Lines of the receivers with the moments at which they were written.

    Attributes
    ----------
    moments : Unix seconds; ``spoilable`` tells which lines noise may destroy.
    """

    moments: list[Floats] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    spoilable: list[npt.NDArray[np.bool_]] = field(default_factory=list)

    def add(self, moments: Floats, lines: list[bytes], spoilable: npt.NDArray[np.bool_]) -> None:
        """Take lines in."""
        self.moments.append(moments)
        self.lines += lines
        self.spoilable.append(spoilable)


@dataclass(frozen=True)
class _Batch:
    """Messages of one shape: bits, when they were heard and where their senders were."""

    bits: Bytes
    t: Ints
    lon: Floats
    lat: Floats
    quiet: npt.NDArray[np.bool_]


def write_log(
    voyages: Sequence[Voyage],
    plan: AisPlan,
    crs: str,
    day: tuple[int, int],
    aids: tuple[Floats, Floats],
    rng: np.random.Generator,
) -> bytes:
    """All sentences of a day, in the order in which they were logged.

    Parameters
    ----------
    voyages : the ships.
    crs : of their timelines.
    day : first and last moment, Unix seconds.
    aids : lon and lat of the buoys and lights.
    """
    log = Log()
    reports, owner = reports_of(voyages, crs, rng)
    quiet = np.array([voyage.quiet for voyage in voyages])[owner]
    class_b = np.array([voyage.class_b for voyage in voyages])[owner]
    odd = reports.mmsi % 3 == 0
    sets = (
        (~class_b & ~odd, lambda r: aismessages.class_a(r, 1)),
        (~class_b & odd, lambda r: aismessages.class_a(r, 3)),
        (class_b, aismessages.class_b),
        (_for_satellites(reports, owner, class_b), aismessages.long_range),
    )
    for chosen, encode in sets:
        part = reports.take(chosen)
        batch = _Batch(encode(part), part.t, part.lon, part.lat, quiet[chosen])
        _heard(batch, plan.stations, log, rng)
    for batch in (*_names(voyages, reports, owner, day), *_shore(plan, day, aids)):
        _heard(batch, plan.stations, log, rng)
    _voyage_data(voyages, reports, owner, plan, day, log, rng)
    return _in_order(log, plan.broken_share, rng)


def _for_satellites(
    reports: Reports, owner: Ints, class_b: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Every tenth of the ships, where it is in motion, about hourly."""
    own_clock = (reports.t + reports.mmsi) % SATELLITE_EVERY_S < BASE_EVERY_S
    return np.asarray(~class_b & (reports.status == 0) & (owner % 10 == 0) & own_clock)


def _static_times(voyage: Voyage, first: int, last: int, day: tuple[int, int]) -> Ints:
    """A ship with a story tells its name shortly before its first position, others soon after."""
    every = STATIC_STORY_S if voyage.quiet else STATIC_EVERY_S
    begins = max(first - 20, day[0]) if voyage.quiet else first + voyage.identity.mmsi % 60
    return voyage.sends(np.arange(begins, max(last, begins + 1), every))


def _statics(
    voyages: Sequence[Voyage], reports: Reports, owner: Ints, day: tuple[int, int], class_b: bool
) -> tuple[list[Voyage], Ints, Ints]:
    """Which voyages tell their identity when, and a report that shows where they are."""
    whose, when, rows = [], [], []
    starts = np.flatnonzero(np.concatenate(([True], owner[1:] != owner[:-1])))
    for start, end in zip(starts, [*starts[1:], len(owner)], strict=True):
        voyage = voyages[owner[start]]
        if voyage.class_b != class_b:
            continue
        last = int(reports.t[start:end].max())
        times = _static_times(voyage, int(reports.t[start]), last, day)
        whose += [voyage] * len(times)
        when.append(times)
        rows.append(np.full(len(times), start))
    none = np.empty(0, np.int64)
    return whose, np.concatenate([none, *when]), np.concatenate([none, *rows])


def _names(
    voyages: Sequence[Voyage], reports: Reports, owner: Ints, day: tuple[int, int]
) -> list[_Batch]:
    """Type 24 parts A and B of the class B ships."""
    whose, when, rows = _statics(voyages, reports, owner, day, class_b=True)
    if not whose:
        return []
    batches = []
    for hull in (False, True):
        keep = np.array([voyage.hull or not hull for voyage in whose])
        ships = [v.identity for v, kept in zip(whose, keep, strict=True) if kept]
        encode = aismessages.static_b_hull if hull else aismessages.static_b_name
        at = rows[keep]
        quiet = np.array([v.quiet for v in whose])[keep]
        batches.append(
            _Batch(encode(ships), when[keep] + hull, reports.lon[at], reports.lat[at], quiet)
        )
    return batches


def _shore(plan: AisPlan, day: tuple[int, int], aids: tuple[Floats, Floats]) -> list[_Batch]:
    """Base stations and aids to navigation."""
    lon, lat = (np.array([s.at[axis] for s in plan.stations]) for axis in (0, 1))
    t = np.arange(day[0] + 7, day[1], BASE_EVERY_S)
    which = np.tile(np.arange(len(plan.stations)), len(t))
    moments = np.repeat(t, len(plan.stations)) + which
    mmsi = np.array([s.mmsi for s in plan.stations], np.int64)[which]
    clock = aismessages.base_station(mmsi, moments, lon[which], lat[which])
    loud = np.zeros(len(moments), bool)
    batches = [_Batch(clock, moments, lon[which], lat[which], loud)]
    t = np.arange(day[0] + 31, day[1], AID_EVERY_S)
    which = np.tile(np.arange(len(aids[0])), len(t))
    moments = np.repeat(t, len(aids[0])) + which * 3 % AID_EVERY_S
    names = [f"MARK {number + 1}" for number in which]
    number = 990_000_000 + plan.mids[0] * 10_000 + 1001 + which
    bits = aismessages.aid_to_navigation(names, number, moments, aids[0][which], aids[1][which])
    inside = moments < day[1]
    place = (aids[0][which][inside], aids[1][which][inside])
    batches.append(_Batch(bits[inside], moments[inside], *place, np.zeros(int(inside.sum()), bool)))
    return batches


def _nearest(lon: Floats, lat: Floats, stations: Sequence[BaseStation]) -> tuple[Ints, Ints]:
    """The two stations that hear best, by number."""
    here = np.column_stack((lon * np.cos(np.radians(lat)), lat))
    sites = np.array([s.at for s in stations])
    sites = np.column_stack((sites[:, 0] * np.cos(np.radians(sites[:, 1])), sites[:, 1]))
    far = np.hypot(*(here[:, None, :] - sites[None]).transpose(2, 0, 1))
    order = np.argsort(far, axis=1)
    return order[:, 0], order[:, 1]


def _channels(count: int, rng: np.random.Generator) -> Bytes:
    return rng.choice(np.frombuffer(b"AB", np.uint8), (count, 1))


def _heard(
    batch: _Batch, stations: Sequence[BaseStation], log: Log, rng: np.random.Generator
) -> None:
    """Write single-sentence messages to the log, some as heard by a second station too."""
    best, second = _nearest(batch.lon, batch.lat, stations)
    channel = _channels(len(batch.t), rng)
    twice = rng.random(len(batch.t)) < HEARD_TWICE
    for number, station in enumerate(stations):
        for chosen, delay in ((best == number, 0.0), (twice & (second == number), 0.4)):
            t = batch.t[chosen]
            lines = nmea.single(batch.bits[chosen], channel[chosen], t, station.id)
            log.add(t + delay, lines, ~batch.quiet[chosen])


def _voyage_data(
    voyages: Sequence[Voyage],
    reports: Reports,
    owner: Ints,
    plan: AisPlan,
    day: tuple[int, int],
    log: Log,
    rng: np.random.Generator,
) -> None:
    """Type 5 in two sentences each; every second station groups them by tag block."""
    whose, when, rows = _statics(voyages, reports, owner, day, class_b=False)
    order = np.argsort(when, kind="stable")
    ships: list[Identity] = [whose[n].identity for n in order]
    t = when[order]
    arrival = datetime.fromtimestamp(day[1], UTC)
    bits = aismessages.static_a(ships, (arrival.month, arrival.day, arrival.hour, arrival.minute))
    best, second = _nearest(reports.lon[rows[order]], reports.lat[rows[order]], plan.stations)
    channel, twice = _channels(len(t), rng), rng.random(len(t)) < HEARD_TWICE
    for number, station in enumerate(plan.stations):
        chosen = np.flatnonzero((best == number) | (twice & (second == number)))
        running = np.arange(len(chosen), dtype=np.int64)
        parts = nmea.double(
            bits[chosen], channel[chosen], t[chosen], station.id, running, grouped=number % 2 == 0
        )
        for place, lines in enumerate(parts):
            moment = np.asarray(t[chosen] + 0.1 * number + 0.02 * place, np.float64)
            log.add(moment, lines, np.zeros(len(chosen), bool))


def _in_order(log: Log, broken_share: float, rng: np.random.Generator) -> bytes:
    moments = np.concatenate(log.moments)
    spoilable = np.concatenate(log.spoilable)
    late = spoilable & (rng.random(len(moments)) < LATE_SHARE)
    moments[late] += rng.uniform(1, LATE_MOST_S, int(late.sum()))
    lines = log.lines
    for row in np.flatnonzero(spoilable & (rng.random(len(moments)) < broken_share)):
        lines[row] = _spoil(lines[row], int(rng.integers(3)))
    return b"".join([lines[row] for row in np.argsort(moments, kind="stable").tolist()])


def _spoil(line: bytes, way: int) -> bytes:
    """Flip a payload character, cut the line, or damage the tag block."""
    if way == 0:
        at = len(line) - 12
        return line[:at] + (b"W" if line[at : at + 1] != b"W" else b"w") + line[at + 1 :]
    if way == 1:
        return line[: len(line) * 2 // 3] + b"\r\n"
    return line.replace(b"!AIVDM", b"!AIVD", 1)
