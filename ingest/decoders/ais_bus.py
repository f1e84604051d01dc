r"""Sentences of a ship's bus between AIS sentences, and the times that some of them tell.

These loops answer as `ingest.decoders.ais` and `ingest.decoders.ais_clock` do, or say that a form
is unusual: only plain digits are read here.
"""

from __future__ import annotations

from typing import Any

from ingest.compiled import compiled
from ingest.decoders.ais_around import NO_TIME, digit, hexadecimal, printed
from ingest.decoders.ais_clock import EARLIEST_MS, LATEST_MS

# What a sentence is: to be read elsewhere; without a time; with one.
UNUSUAL, TIMELESS, TIMED = range(3)
_NO_DATE = -(2**40)
_DAY_MS = 86_400_000
_CENTURY_PIVOT = 80
_MOST_DIGITS = 9
_STAR, _COMMA, _BANG, _DOLLAR, _DOT = 42, 44, 33, 36, 46
_A, _C, _D, _G, _H, _M, _P, _R, _V, _Z = 65, 67, 68, 71, 72, 77, 80, 82, 86, 90
_ZERO = 48
Bytes = Any
Told = tuple[int, int, int, int]


@compiled
def sentence(data: Bytes, at: int, end: int) -> Told:
    """What a sentence is, its time in ms, start and length of its station.

    Parameters
    ----------
    data : bytes, uint8.
    at, end : the sentence from its ``$`` or ``!`` on, without the end of its line.
    """
    p = at + 1
    unusual = UNUSUAL, NO_TIME, 0, 0
    if not _A <= data[p] <= _Z:
        return unusual
    while p < end and (_A <= data[p] <= _Z or digit(data[p])):
        p += 1
    size = p - at - 1
    if not 4 <= size <= 12 or p >= end or data[p] != _COMMA:
        return unusual
    star = _sound(data, at, end)
    if star < 0:
        return unusual
    x, y, z = data[p - 3], data[p - 2], data[p - 1]
    what, t, station, length = TIMELESS, NO_TIME, 0, 0
    if (x, y, z) == (_R, _M, _C):
        what, t = _rmc(data, p, star)
    elif (x, y, z) == (_Z, _D, _A):
        what, t = _zda(data, p, star)
    elif size == 4 and data[p - 4] == _P and (x, y, z) == (_G, _H, _P):
        what, t, station, length = _gatehouse(data, p, star)
    if what == TIMED and not EARLIEST_MS <= t < LATEST_MS:
        what = TIMELESS
    return what, t, station, length


@compiled
def _sound(data: Bytes, at: int, end: int) -> int:
    """Where the star before a right checksum stands; -1 for another form."""
    check = 0
    for k in range(at + 1, end):
        byte = data[k]
        if byte == _STAR:
            sound = end - k == 3 and hexadecimal(data[k + 1], data[k + 2]) == check
            return k if sound else -1
        if byte in (_BANG, _DOLLAR) or not printed(byte):
            return -1
        if byte == _COMMA and data[k - 2] == _D and data[k - 3] == _V:
            return -1
        check ^= byte
    return -1


@compiled
def _rmc(data: Bytes, comma: int, star: int) -> tuple[int, int]:
    a, b = _field(data, comma, star, 2)
    if b - a != 1 or data[a] != _A:
        return TIMELESS, NO_TIME
    a, b = _field(data, comma, star, 9)
    if b - a != 6:
        return TIMELESS, NO_TIME
    day, month = _number(data, a, a + 2), _number(data, a + 2, a + 4)
    year = _number(data, a + 4, b)
    if min(day, month, year) < 0:
        return UNUSUAL, NO_TIME
    century = 1900 if year >= _CENTURY_PIVOT else 2000
    return _moment(data, comma, star, century + year, month, day)


@compiled
def _zda(data: Bytes, comma: int, star: int) -> tuple[int, int]:
    for k in range(1, 5):
        a, b = _field(data, comma, star, k)
        if a == b:
            return TIMELESS, NO_TIME
    year, month, day = 0, 0, 0
    for k in range(2, 5):
        a, b = _field(data, comma, star, k)
        value = _number(data, a, b)
        if value < 0:
            return UNUSUAL, NO_TIME
        day, month, year = month, year, value
    return _moment(data, comma, star, year, month, day)


@compiled
def _gatehouse(data: Bytes, comma: int, star: int) -> Told:
    year, month, day, t, ms = 0, 0, 0, 0, 0
    for k in range(2, 9):
        a, b = _field(data, comma, star, k)
        value = _number(data, a, b)
        if value < 0:
            return UNUSUAL, NO_TIME, 0, 0
        if k <= 4:
            year, month, day = month, day, value
        elif k < 8:
            if value >= (24 if k == 5 else 60):
                return TIMELESS, NO_TIME, 0, 0
            t = 60 * t + value
        else:
            ms = value
    days = _days(year, month, day)
    if ms >= 1000 or days == _NO_DATE:
        return TIMELESS, NO_TIME, 0, 0
    a, b = _field(data, comma, star, 11)
    return TIMED, days * _DAY_MS + 1000 * t + ms, a, b - a


@compiled
def _moment(data: Bytes, comma: int, star: int, year: int, month: int, day: int) -> tuple[int, int]:
    """The time of a date and of the first field, such as ``092211.00``."""
    a, b = _field(data, comma, star, 1)
    ms: Any = 0
    if b - a > 6:
        part = _number(data, a + 7, b)
        if data[a + 6] != _DOT or part < 0:
            return UNUSUAL, NO_TIME
        # Cut as a float of these digits is cut.
        ms = int(part / 10.0 ** (b - a - 7) * 1000)
    hour, minute, second = 0, 0, 0
    if b - a >= 6:
        hour, minute = _number(data, a, a + 2), _number(data, a + 2, a + 4)
        second = _number(data, a + 4, a + 6)
    if b - a < 6 or min(hour, minute, second) < 0:
        return UNUSUAL, NO_TIME
    days = _days(year, month, day)
    if days == _NO_DATE or hour > 23 or minute > 59 or second > 59:
        return TIMELESS, NO_TIME
    return TIMED, days * _DAY_MS + 1000 * (60 * (60 * hour + minute) + second) + ms


@compiled
def _days(year: int, month: int, day: int) -> int:
    """Days since 1970 of a date of the Gregorian calendar; `_NO_DATE` where there is none such."""
    if not (1 <= year <= 9999 and 1 <= month <= 12 and day >= 1):
        return _NO_DATE
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    short = 30 if month in (4, 6, 9, 11) else 31
    if day > (28 + leap if month == 2 else short):
        return _NO_DATE
    # Years from March on, so that the odd day comes last.
    y = year if month > 2 else year - 1
    before = (153 * ((month + 9) % 12) + 2) // 5
    return 365 * y + y // 4 - y // 100 + y // 400 + before + day - 719_469


@compiled
def _field(data: Bytes, comma: int, star: int, number: int) -> tuple[int, int]:
    """Start and end of a field, counted from the first one behind a comma; empty where missing."""
    p = comma
    for _ in range(number - 1):
        p += 1
        while p < star and data[p] != _COMMA:
            p += 1
    if p >= star:
        return star, star
    a = p + 1
    p = a
    while p < star and data[p] != _COMMA:
        p += 1
    return a, p


@compiled
def _number(data: Bytes, at: int, end: int) -> int:
    """Value of one to nine digits; -1 for anything else."""
    if not 0 < end - at <= _MOST_DIGITS:
        return -1
    value = 0
    for k in range(at, end):
        if not digit(data[k]):
            return -1
        value = 10 * value + (data[k] - _ZERO)
    return value
