"""Hours of the day as declarations write them: ``20:00-06:00,12:00-13:30``, in the city's time."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from analytics.calendar import clock_ms

# Half-open spans in minutes since midnight; one that crosses midnight is kept as two.
Hours = tuple[tuple[int, int], ...]
_SPAN = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_DAY_MIN = 1440
_MINUTE_MS = 60_000


def parse_hours(text: str) -> Hours:
    """Read spans of hours.

    Parameters
    ----------
    text : spans separated by commas; "" gives none. ``22:00-06:00`` crosses midnight.

    Raises
    ------
    ValueError
        naming the part that is no span of hours.
    """
    found: list[tuple[int, int]] = []
    for part in filter(None, (one.strip() for one in text.split(","))):
        read = _SPAN.fullmatch(part)
        if read is None:
            raise ValueError(f"'{part}' is not a span of hours such as 20:00-06:00")
        hour, minute, to_hour, to_minute = (int(n) for n in read.groups())
        start, end = hour * 60 + minute, to_hour * 60 + to_minute
        if max(start, end) > _DAY_MIN:
            raise ValueError(f"'{part}' goes beyond 24:00")
        found += [(start, end)] if start < end else [(start, _DAY_MIN), (0, end)]
    return tuple(sorted(span for span in found if span[0] < span[1]))


def within_hours(t: npt.NDArray[np.int64], hours: Hours, zone: str) -> npt.NDArray[np.bool_]:
    """Whether times fall into some hours of the city's day.

    Parameters
    ----------
    t : ms since 1970, UTC, shape (n,).
    zone : IANA time zone of the city.

    Returns
    -------
    shape (n,); False throughout without hours.
    """
    minute = clock_ms(t, zone) // _MINUTE_MS
    inside = np.zeros(len(t), bool)
    for start, end in hours:
        inside |= (minute >= start) & (minute < end)
    return inside


def time_within(
    start: npt.NDArray[np.int64], end: npt.NDArray[np.int64], hours: Hours, zone: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """How much of some spans of time falls into some hours of the city's day.

    Parameters
    ----------
    start, end : ms since 1970, UTC, shape (n,). The clock is taken not to be changed in between.
    zone : IANA time zone of the city.

    Returns
    -------
    ms within the hours, and the first moment within them (the end where there is none).
    """
    begin: npt.NDArray[np.int64] = clock_ms(start, zone)
    finish = begin + (end - start)
    inside, first = np.zeros(len(start), np.int64), finish.copy()
    for day in range(int(finish.max(initial=0)) // (_DAY_MIN * _MINUTE_MS) + 1):
        for opens, closes in hours:
            at = (day * _DAY_MIN + opens) * _MINUTE_MS
            until = (day * _DAY_MIN + closes) * _MINUTE_MS
            enter = np.maximum(begin, at)
            held = np.clip(np.minimum(finish, until) - enter, 0, None)
            inside += held
            first = np.where(held > 0, np.minimum(first, enter), first)
    return inside, np.asarray(start + (first - begin), np.int64)
