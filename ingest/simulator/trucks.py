"""A day of truck positions, as a fleet's terminals send them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv

from ingest.simulator.feed_plan import TruckPlan
from ingest.simulator.haulage import Haul, Passage, RoadGraph
from ingest.simulator.motion import Timeline, motion_at, report_times
from layers.crs import to_lonlat

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Knots from which each interval holds: parked, driving.
INTERVALS = ((0.0, 300.0), (1.0, 30.0))
NOISE_M = 5.0
_GAP_SHARE = 0.1
_DEPOTS = 100
_LEAST_DEPOTS = 12
_WAYS = 8
_PLATE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_KMH_PER_KNOT = 1.852


@dataclass(frozen=True)
class Truck:
    """A truck's day.

    Attributes
    ----------
    passages : over weigh stations, Unix seconds.
    """

    plate: str
    timeline: Timeline
    passages: tuple[Passage, ...]


class Plates:
    """Number plates, none of them twice (five characters without I and O, after GA 36)."""

    def __init__(self, prefixes: tuple[str, ...], rng: np.random.Generator) -> None:
        self._prefixes, self._rng = prefixes, rng
        self._given: set[str] = set()

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


def drive(
    count: int, graph: RoadGraph, plates: Plates, day: tuple[int, int], rng: np.random.Generator
) -> list[Truck]:
    """Send trucks over the roads for a day.

    Parameters
    ----------
    count : of trucks.
    day : first and last moment, Unix seconds.
    """
    depots = rng.choice(
        graph.main, min(_DEPOTS, max(_LEAST_DEPOTS, count), len(graph.main)), replace=False
    )
    hauls = graph.hauls(depots, _WAYS, rng)
    busy = [number for number, ways in enumerate(hauls) if ways]
    trucks = []
    for _ in range(count):
        here = int(rng.choice(busy))
        place = graph.places[depots[here]]
        trucks.append(_shift(plates.next(), here, place, hauls, day, rng))
    return trucks


def _shift(
    plate: str,
    here: int,
    place: Floats,
    hauls: list[list[Haul]],
    day: tuple[int, int],
    rng: np.random.Generator,
) -> Truck:
    """One driver's day: parked, then trips with breaks, then parked again."""
    clock = day[0] + rng.uniform(0.05, 0.6) * (day[1] - day[0])
    stop = clock + rng.uniform(4, 9) * 3600
    times, points = [np.array([day[0], clock])], [np.stack((place, place))]
    passages: list[Passage] = []
    slower = rng.uniform(1.0, 1.25)
    while clock < min(stop, day[1]) and hauls[here]:
        haul = hauls[here][int(rng.integers(len(hauls[here])))]
        times.append(clock + haul.t[1:] * slower)
        points.append(haul.xy[1:])
        passages += [Passage(p.station, clock + p.t * slower, p.forward) for p in haul.passages]
        clock += float(haul.t[-1] * slower + rng.uniform(900, 4500))
        times.append(np.array([clock]))
        points.append(haul.xy[-1:])
        here = haul.end
    times.append(np.array([max(day[1], clock + 1)]))
    points.append(points[-1][-1:])
    whole = Timeline(np.concatenate(times), np.concatenate(points))
    seen = tuple(p for p in passages if p.t < day[1] - 1)
    return Truck(plate, whole.clip(day[0], day[1] - 1), seen)


def _fixes(trucks: list[Truck], rng: np.random.Generator) -> Iterator[tuple[int, Ints, Floats]]:
    """For each truck its number, times and (x, y, km/h, course), shape (n, 4)."""
    for number, truck in enumerate(trucks):
        t = report_times(truck.timeline, INTERVALS, float(rng.uniform(0.01, 1)))
        if rng.random() < _GAP_SHARE:
            lost = rng.uniform(t[0], t[-1])
            t = t[(t < lost) | (t > lost + rng.uniform(600, 2400))]
        speed, course = motion_at(truck.timeline, t)
        kmh = np.where(
            speed > 1, np.clip(speed * _KMH_PER_KNOT + rng.normal(0, 1.5, len(t)), 0, None), 0
        )
        xy = truck.timeline.at(t.astype(np.float64)) + rng.normal(0, NOISE_M, (len(t), 2))
        yield number, t, np.column_stack((xy, kmh, course))


@lru_cache(maxsize=2)
def clock_texts(day: tuple[int, int], zone: ZoneInfo) -> npt.NDArray[np.str_]:
    """The local time of each second of a day, ISO 8601 with zone."""
    seconds = range(day[0], day[1])
    return np.array([datetime.fromtimestamp(s, UTC).astimezone(zone).isoformat() for s in seconds])


def write_positions(
    trucks: list[Truck],
    plan: TruckPlan,
    crs: str,
    day: tuple[int, int],
    zone: ZoneInfo,
    rng: np.random.Generator,
) -> tuple[bytes, int]:
    """All positions as CSV in the order of time.

    Returns
    -------
    The file's bytes (UTF-8), and the number of its rows without the heading.
    """
    numbers, times, columns = zip(*_fixes(trucks, rng), strict=True)
    owner = np.repeat(np.array(numbers), [len(t) for t in times])
    t, values = np.concatenate(times), np.concatenate(columns)
    order = np.lexsort((owner, t))
    owner, t, values = owner[order], t[order], values[order]
    lon, lat = to_lonlat(values[:, 0], values[:, 1], crs)
    plates = pa.array([truck.plate for truck in trucks])
    table = pa.table(
        {
            "plate": plates.take(pa.array(owner)),
            "time": pa.array(clock_texts(day, zone)).take(pa.array(t - day[0])),
            "lon": np.round(lon, 6),
            "lat": np.round(lat, 6),
            "speed_kmh": np.round(values[:, 2], 1),
            "course_deg": np.round(values[:, 3], 1) % 360,
            "ignition": (values[:, 2] > 0).astype(np.int8),
        }
    )
    sink = io.BytesIO()
    csv.write_csv(table, sink, csv.WriteOptions(quoting_header="none", quoting_style="none"))
    return _spoilt(sink.getvalue(), plan.broken_share, rng), len(t)


def _spoilt(text: bytes, share: float, rng: np.random.Generator) -> bytes:
    lines = text.split(b"\n")
    rows = 1 + np.flatnonzero(rng.random(len(lines) - 2) < share)
    for row, way in zip(rows.tolist(), rng.integers(5, size=len(rows)).tolist(), strict=True):
        plate, time, lon, lat, *rest = lines[row].split(b",")
        broken = (
            [plate, time, b"NaN", lat, *rest],
            [plate, time, lat, lon, *rest],
            [plate, time[:10] + b"T25:61:00", lon, lat, *rest],
            [plate, time, lon],
            [b"", time, lon, lat, *rest],
        )
        lines[row] = b",".join(broken[way])
    return b"\n".join(lines)
