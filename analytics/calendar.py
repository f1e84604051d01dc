"""Days and clock times of the city: a day begins at the city's midnight, whatever the UTC date."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

Longs = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_EPOCH = date(1970, 1, 1)
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_QUARTER_MS = _HOUR_MS // 4
_MOST_QUARTERS = 100_000


@lru_cache(maxsize=16_384)
def _offset_ms(quarter: int, zone: str) -> int:
    at = datetime.fromtimestamp(quarter * _QUARTER_MS / 1000, UTC).astimezone(ZoneInfo(zone))
    return int((at.utcoffset() or timedelta()).total_seconds() * 1000)


def city_days(t: Longs, zone: str) -> Longs:
    """Local day of each time, as days since 1970-01-01 on the city's calendar.

    Parameters
    ----------
    t : ms since 1970, UTC, shape (n,).
    zone : IANA time zone. Changes of its offset are taken to fall on quarters of an hour.

    Returns
    -------
    days, shape (n,).
    """
    return np.asarray(_local(t, zone) // _DAY_MS, np.int64)


def city_hours(t: Longs, zone: str) -> Longs:
    """Local hour of each time, as hours since the city's midnight of 1970-01-01; see `city_days`.

    ``hours % 24`` is the hour of the day; that day was a Thursday.
    """
    return np.asarray(_local(t, zone) // _HOUR_MS, np.int64)


def clock_ms(t: Longs, zone: str) -> Longs:
    """What the city's clock shows at each time, as ms since its 00:00 (see `city_days`)."""
    return np.asarray(_local(t, zone) % _DAY_MS, np.int64)


def _local(t: Longs, zone: str) -> Longs:
    if not len(t):
        return t
    quarters = t // _QUARTER_MS
    first = int(quarters.min())
    if int(quarters.max()) - first > _MOST_QUARTERS:
        known, where = np.unique(quarters, return_inverse=True)
        offsets = np.array([_offset_ms(int(q), zone) for q in known], np.int64)
    else:
        # A table of all quarters between is made faster than the times are sorted.
        where = quarters - first
        offsets = np.zeros(int(where.max()) + 1, np.int64)
        for place in np.flatnonzero(np.bincount(where)).tolist():
            offsets[place] = _offset_ms(first + place, zone)
    return np.asarray(t + offsets[where.reshape(-1)], np.int64)


def city_day(t: int, zone: str) -> int:
    """Local day of one time in ms (see `city_days`)."""
    return (t + _offset_ms(t // _QUARTER_MS, zone)) // _DAY_MS


def day_of(when: date) -> int:
    """Days since 1970-01-01."""
    return (when - _EPOCH).days


def date_of(day: int) -> date:
    """Date of a number of days since 1970-01-01."""
    return _EPOCH + timedelta(days=int(day))


def in_force(days: Longs, start: date | None, end: date | None) -> Bools:
    """Whether something dated is in force on each day; both dates belong, None is open."""
    held = np.ones(len(days), bool)
    if start is not None:
        held &= days >= day_of(start)
    if end is not None:
        held &= days <= day_of(end)
    return held


def local_time(t: int, zone: str) -> str:
    """Clock time of the city for people, such as ``2020-07-01 03:42:20``; t in ms, UTC."""
    at = datetime.fromtimestamp(t // 1000, UTC).astimezone(ZoneInfo(zone))
    return at.strftime("%Y-%m-%d %H:%M:%S")


def utc_offset(t: int, zone: str) -> str:
    """Offset of the city's clock at a time in ms, such as ``UTC+08:00``."""
    at = datetime.fromtimestamp(t // 1000, UTC).astimezone(ZoneInfo(zone))
    text = at.strftime("%z")
    return f"UTC{text[:3]}:{text[3:5]}"
