"""A day of truck positions, as a fleet's terminals send them, in CSV."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv

from ingest.simulator.feed_plan import TruckPlan
from ingest.simulator.motion import Timeline, motion_at, report_times
from ingest.simulator.trucks import Truck
from layers.crs import to_lonlat

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Knots from which each interval holds: parked, driving.
INTERVALS = ((0.0, 300.0), (1.0, 30.0))
NOISE_M = 3.0
LOADS = ("", "empty", "half", "full")
_KMH_NOISE, _QUIET_KMH_NOISE = 1.5, 0.5
_GAP_SHARE = 0.1
_GAP_S = (600.0, 2400.0)
_STILL_MPS = 0.5
_SOON_S = 5
_KMH_PER_KNOT = 1.852


def _times(truck: Truck, rng: np.random.Generator) -> Ints:
    """When the terminal reports: at its intervals, and when the truck starts or stops."""
    t = report_times(truck.timeline, INTERVALS, float(rng.uniform(0.01, 1)))
    t = _with_changes(t, _changes(truck.timeline))
    if not truck.quiet and rng.random() < _GAP_SHARE:
        lost = rng.uniform(t[0], t[-1])
        t = t[(t < lost) | (t > lost + rng.uniform(*_GAP_S))]
    for start, end in truck.silences:
        t = t[(t <= start) | (t >= end)]
    return t


def _changes(timeline: Timeline) -> Ints:
    moving = timeline.speed() > _STILL_MPS
    at = timeline.t[1:-1][moving[1:] != moving[:-1]]
    changes: Ints = np.ceil(at).astype(np.int64)
    return changes


def _with_changes(t: Ints, changes: Ints) -> Ints:
    """Reports of starts and stops take the place of regular ones shortly before them."""
    if not len(changes):
        return t
    next_change = changes[np.minimum(np.searchsorted(changes, t), len(changes) - 1)]
    soon = (next_change >= t) & (next_change - t <= _SOON_S)
    return np.union1d(t[~soon], changes)


def _fixes(trucks: Sequence[Truck], rng: np.random.Generator) -> Iterator[tuple[Ints, Floats]]:
    """For each truck times and (x, y, km/h, course, number of the load), shape (n, 5)."""
    for truck in trucks:
        t = _times(truck, rng)
        knots, course = motion_at(truck.timeline, t)
        noise = rng.normal(0, _QUIET_KMH_NOISE if truck.quiet else _KMH_NOISE, len(t))
        kmh = np.where(knots > 1, np.clip(knots * _KMH_PER_KNOT + noise, 0, None), 0)
        for moment, wrong in truck.spikes:
            kmh[np.abs(t - moment).argmin()] = wrong
        xy = truck.timeline.at(t.astype(np.float64)) + rng.normal(0, NOISE_M, (len(t), 2))
        yield t, np.column_stack((xy, kmh, course, _loads(truck, t)))


def _loads(truck: Truck, t: Ints) -> Floats:
    since = np.array([moment for moment, _ in truck.loads])
    codes = np.array([0, *(LOADS.index(state) for _, state in truck.loads)], np.float64)
    return np.asarray(codes[np.searchsorted(since, t, side="right")], np.float64)


@lru_cache(maxsize=2)
def clock_texts(day: tuple[int, int], zone: ZoneInfo) -> npt.NDArray[np.str_]:
    """The local time of each second of a day, ISO 8601 with zone."""
    seconds = range(day[0], day[1])
    return np.array([datetime.fromtimestamp(s, UTC).astimezone(zone).isoformat() for s in seconds])


def write_positions(
    trucks: Sequence[Truck],
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
    times, columns = zip(*_fixes(trucks, rng), strict=True)
    owner = np.repeat(np.arange(len(trucks)), [len(t) for t in times])
    t, values = np.concatenate(times), np.concatenate(columns)
    order = np.lexsort((owner, t))
    owner, t, values = owner[order], t[order], values[order]
    lon, lat = to_lonlat(values[:, 0], values[:, 1], crs)
    who = pa.array(owner)
    table = pa.table(
        {
            "plate": pa.array([truck.plate for truck in trucks]).take(who),
            "time": pa.array(clock_texts(day, zone)).take(pa.array(t - day[0])),
            "lon": np.round(lon, 6),
            "lat": np.round(lat, 6),
            "speed_kmh": np.round(values[:, 2], 1),
            "course_deg": np.round(values[:, 3], 1) % 360,
            "ignition": (values[:, 2] > 0).astype(np.int8),
            "load": pa.array(LOADS).take(pa.array(values[:, 4].astype(np.int8))),
            "receiver": pa.array([truck.terminal for truck in trucks]).take(who),
        }
    )
    sink = io.BytesIO()
    csv.write_csv(table, sink, csv.WriteOptions(quoting_header="none", quoting_style="none"))
    quiet = np.array([truck.quiet for truck in trucks])[owner]
    return _spoilt(sink.getvalue(), plan.broken_share, quiet, rng), len(t)


def _spoilt(
    text: bytes, share: float, quiet: npt.NDArray[np.bool_], rng: np.random.Generator
) -> bytes:
    lines = text.split(b"\n")
    rows = 1 + np.flatnonzero((rng.random(len(lines) - 2) < share) & ~quiet)
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
