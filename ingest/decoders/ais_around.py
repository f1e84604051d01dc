r"""What stands around the sentences of a block: tag blocks and trailers of the usual forms.

These loops answer as `ingest.decoders.ais_sentence` does, or say that a form is unusual.
"""

from __future__ import annotations

from typing import Any

from ingest.compiled import compiled

NO_TIME = -(2**62)
_MOST_DIGITS = 13
_MS_FROM = 100_000_000_000
_BACKSLASH, _COMMA, _COLON = 92, 44, 58
_A, _G, _Z, _T = 65, 71, 90, 84
_LOW_B, _LOW_C, _LOW_G, _LOW_R, _LOW_S = 98, 99, 103, 114, 115
_ZERO, _NINE, _UNDERSCORE, _MINUS = 48, 57, 95, 45
_FIRST_PRINTED, _LAST_PRINTED = 32, 126
# Rows of `ingest.decoders.ais_scan` keep the group of a sentence in these two columns.
GROUP, GROUP_LENGTH = 11, 12
Bytes = Any
Rows = Any


@compiled
def tag(data: Bytes, at: int, star: int, row: Rows) -> tuple[int, int, int, bool]:
    """Time, start and length of the station, whether it is usual, of a tag up to its star."""
    t, station, length = NO_TIME, 0, 0
    a = at
    while a < star:
        b = a
        while b < star and data[b] != _COMMA:
            b += 1
        key = data[a]
        single = b == a + 1 or (b > a + 1 and data[a + 1] == _COLON)
        if b > a and (key == _T or (digit(key) and not _grouped_of_old(data, a, b, row))):
            return t, station, length, False
        if b > a and single and (key in (_LOW_C, _LOW_S, _LOW_G)):
            if b < a + 3:
                return t, station, length, False
            if key == _LOW_C:
                t = unix(data, a + 2, b)
                if t == NO_TIME:
                    return t, station, length, False
            elif key == _LOW_S:
                station, length = a + 2, b - a - 2
            elif not _grouped(data, a + 2, b, row):
                return t, station, length, False
        a = b + 1
    return t, station, length, True


@compiled
def _grouped(data: Bytes, at: int, end: int, row: Rows) -> bool:
    """Note the id of a group such as ``1-2-1234``; False for another form."""
    p = at
    for _ in range(2):
        begun = p
        while p < end and digit(data[p]):
            p += 1
        if not 0 < p - begun <= 3 or p >= end or data[p] != _MINUS:
            return False
        p += 1
    return _named(data, p, end, row)


@compiled
def _grouped_of_old(data: Bytes, at: int, end: int, row: Rows) -> bool:
    """Note the id of a group such as ``1G2:0125``; False for another form."""
    if end - at < 5 or data[at + 1] != _G or not digit(data[at + 2]) or data[at + 3] != _COLON:
        return False
    return _named(data, at + 4, end, row)


@compiled
def _named(data: Bytes, p: int, end: int, row: Rows) -> bool:
    if not 0 < end - p <= 16:
        return False
    for k in range(p, end):
        byte = data[k]
        if not (digit(byte) or _A <= (byte & 0xDF) <= _Z or byte in (_UNDERSCORE, _MINUS)):
            return False
    row[GROUP], row[GROUP_LENGTH] = p, end - p
    return True


@compiled
def trailer(data: Bytes, at: int, end: int) -> tuple[int, int, int, bool]:
    """Time, start and length of the station behind a checksum, whether it is usual."""
    t, station, length, a = NO_TIME, 0, 0, at
    while a < end:
        b = a
        while b < end and data[b] != _COMMA:
            if not printed(data[b]) or data[b] == _BACKSLASH:
                return t, station, length, False
            b += 1
        value = NO_TIME
        if t == NO_TIME and 9 <= b - a <= _MOST_DIGITS and digit(data[a]):
            value = unix(data, a, b)
        if value != NO_TIME:
            t = value
        elif b > a and (data[a] == _LOW_R or data[a] == _LOW_B) and not length:
            station, length = a, b - a
        a = b + 1
    return t, station, length, True


@compiled
def unix(data: Bytes, at: int, end: int) -> int:
    """Milliseconds of a Unix time in seconds or ms, of digits alone; else `NO_TIME`."""
    if end - at > _MOST_DIGITS:
        return NO_TIME
    value = 0
    for k in range(at, end):
        if not digit(data[k]):
            return NO_TIME
        value = 10 * value + (data[k] - _ZERO)
    if value == 0:
        return NO_TIME
    return value if value >= _MS_FROM else 1000 * value


@compiled
def same(data: Bytes, first: int, second: int, length: int) -> bool:
    """Whether two runs of bytes are equal."""
    alike = 0
    for k in range(length):
        alike += data[first + k] == data[second + k]
    return alike == length


@compiled
def digit(byte: int) -> bool:
    """Whether a byte is a decimal digit."""
    return _ZERO <= byte <= _NINE


@compiled
def printed(byte: int) -> bool:
    """Whether a byte is printable ASCII."""
    return _FIRST_PRINTED <= byte <= _LAST_PRINTED


@compiled
def hexadecimal(high: int, low: int) -> int:
    """Value of two hexadecimal digits, -1 where they are none."""
    value = 0
    for byte in (high, low):
        if digit(byte):
            value = 16 * value + byte - _ZERO
        elif _A <= (byte & 0xDF) <= _A + 5:
            value = 16 * value + (byte & 0xDF) - _A + 10
        else:
            return -1
    return value
