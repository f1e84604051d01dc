r"""Lines of a block told apart at once: sentences of the usual forms, and all others.

What is said of a line here follows from its own bytes alone. A line of any unusual form is marked
`SLOW` and left to `ingest.decoders.ais`, whose answers these loops give for the others.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ingest.compiled import compiled
from ingest.decoders import ais_bus as bus
from ingest.decoders.ais_around import (
    GROUP,
    GROUP_LENGTH,
    NO_TIME,
    digit,
    hexadecimal,
    printed,
    same,
    tag,
    trailer,
)
from ingest.decoders.ais_clock import EARLIEST_MS, LATEST_MS
from ingest.decoders.ais_heard import LONGEST_KEY
from layers.positions import Quality

# Columns of the rows, one row a line: its bytes, what it is, its time and station, its payload;
# of a part also fill bits, key, number, group and the line of the first one; what it took its time
# from, which is a line before it in the block (its place from -1 down) or the number of one before
# the block; the last line that tells a time (its place, or `NO_CLOCK`).
(START, END, KIND, T, STATION, FLAGS, PAYLOAD, LENGTH, FILL, KEY, PART) = range(11)
CONTEXT, FIRST, CLOCK_AT, COLUMNS = 13, 14, 15, 16
# What a line is. From VOYAGE to LONG come rows of tables, from BASE_STATION to MESSAGE nothing but
# a count of messages, from OTHER on of lines.
(SLOW, PAIR, VOYAGE, POSITION, CLASS_B, LONG, BASE_STATION, AID, AIRCRAFT, MESSAGE, CLOCK,
 OTHER, BLANK, COMMENT, DONE, KINDS) = range(16)  # fmt: skip
MOST_NAMES = 4096
SLOTS = 4 * MOST_NAMES
KEYS = 55
WHOLE = -1  # in the place of a part's number
NO_CLOCK = -1

_LONGEST = 2048
_LONGEST_TAG = 1024
_MOST_APART = 64
_MOST_DIGITS = 13
_SHORTEST_SENTENCE, _SHORTEST_OTHER = 19, 8
_MS_FROM = 100_000_000_000
_OWN, _LOOSE = int(Quality.OWN_SHIP), int(Quality.LOOSE_TIME)
_FIX_CHARACTERS, _LONG_CHARACTERS, _VOYAGE_CHARACTERS, _VOYAGE_FILL = 28, 16, 71, 2
_SHORT_CHARACTERS, _SHORT_FILL = 27, 2  # type 24 A as the standard has it
_FEWEST_CHARACTERS = 8  # with these the MMSI is whole, which is all that a count needs
_CR = 13
_BACKSLASH, _HASH, _COMMA, _STAR, _COLON, _BANG, _DOLLAR = 92, 35, 44, 42, 58, 33, 36
_A, _Z, _V, _D, _M, _O, _C, _R, _P, _G, _H = 65, 90, 86, 68, 77, 79, 67, 82, 80, 71, 72
_LOW_A, _LOW_B, _LOW_C, _LOW_G, _LOW_R, _LOW_S, _LOW_Z = 97, 98, 99, 103, 114, 115, 122
_ZERO, _NINE, _T, _UNDERSCORE, _MINUS = 48, 57, 84, 95, 45
_FIRST_PRINTED, _LAST_PRINTED = 32, 126
Bytes = Any
Rows = Any


@compiled
def scan(
    data: Bytes, ends: Any, rows: Rows, names: Any, slots: Any, window_ms: int, apart: int
) -> int:
    """Tell the lines of a block apart.

    Parameters
    ----------
    data : bytes, uint8, shape (n,).
    ends : where each line's end stands, shape (lines,).
    rows : zeros, filled here, int64, shape (lines, `COLUMNS`).
    names : start and length of each distinct station, filled from 1 on, shape (`MOST_NAMES`, 2).
    slots : for finding stations, zeros, int64, shape (`SLOTS` + 1,).
    window_ms, apart : parts further apart don't belong together, in time and in lines.

    Returns
    -------
    Number of stations and one, the empty one.
    """
    at, found, unknown, clock = 0, 1, -1, NO_CLOCK
    latest = np.full(KEYS, -1, np.int64)
    apart = min(apart, _MOST_APART)
    for i in range(len(rows)):
        end = stop = ends[i]
        while end > at and data[end - 1] == _CR:
            end -= 1
        row = rows[i]
        row[START], row[END], row[T] = at, stop, NO_TIME
        if stop - at <= _LONGEST:
            found = _line(data, at, end, row, names, slots, found)
        row[CLOCK_AT] = clock
        if row[KIND] == CLOCK:
            clock = i
        elif row[KIND] == SLOW and row[PART] == 0:
            unknown, clock = i, NO_CLOCK  # it may tell a time
        elif row[PART] > 0:
            # No line between may be a part that belongs to either.
            first = latest[row[KEY]]
            latest[row[KEY]] = i
            near = row[PART] == 2 and first > unknown and i - first <= apart
            if near and _pair(data, rows, rows[first], row, window_ms):
                rows[first, KIND], row[KIND], row[FIRST] = PAIR, VOYAGE, first
        at = stop + 1
    return found


@compiled
def _line(data: Bytes, at: int, end: int, row: Rows, names: Any, slots: Any, found: int) -> int:
    if at == end:
        row[KIND] = BLANK
        return found
    if data[at] == _HASH:
        row[KIND] = COMMENT
        return found
    lead, tag_end, star, sum_of_tag = at, at, 0, np.uint8(0)
    if data[at] == _BACKSLASH:
        tag_end = at + 1
        while tag_end < end and data[tag_end] != _BACKSLASH and printed(data[tag_end]):
            if not star:
                if data[tag_end] == _STAR:
                    star = tag_end
                else:
                    sum_of_tag ^= data[tag_end]
            tag_end += 1
        if tag_end >= end or data[tag_end] != _BACKSLASH or tag_end - at > _LONGEST_TAG:
            return found
        lead = tag_end + 1
    if data[lead] != _BANG and data[lead] != _DOLLAR:
        return found
    if end - lead < _SHORTEST_SENTENCE:
        if lead == at and end - lead > _SHORTEST_OTHER:
            return _bus(data, at, end, row, names, slots, found)
        return found
    body = lead + 1
    form = data[body + 4]
    if not (
        data[body + 2] == _V and data[body + 3] == _D and (form in (_M, _O))
        and data[body + 5] == _COMMA
        and printed(data[body]) and data[body] != _COMMA and data[body] > _FIRST_PRINTED
        and printed(data[body + 1]) and data[body + 1] != _COMMA
        and data[body + 1] > _FIRST_PRINTED
    ):  # fmt: skip
        if lead == at:
            return _bus(data, at, end, row, names, slots, found)
        return found
    total, number = data[body + 6] - _ZERO, data[body + 8] - _ZERO
    if not (0 < total <= 9 and 0 < number <= 9):
        return found
    if data[body + 7] != _COMMA or data[body + 9] != _COMMA:
        return found
    p = sequence = body + 10
    while p < end and digit(data[p]):
        p += 1
    if p - sequence > 2 or p >= end or data[p] != _COMMA:
        return found
    channel = p = p + 1
    while p < end and (digit(data[p]) or _A <= (data[p] & 0xDF) <= _Z):
        p += 1
    if p - channel > 2 or p >= end or data[p] != _COMMA:
        return found
    payload = p = p + 1
    check = np.uint8(0)
    while p < end and (_ZERO <= data[p] < 88 or 96 <= data[p] < 120):
        check ^= data[p]
        p += 1
    if p == payload or p + 4 >= end or data[p] != _COMMA or data[p + 2] != _STAR:
        return found
    length, fill = p - payload, data[p + 1] - _ZERO
    if not 0 <= fill <= 5:
        return found
    for k in range(body, payload):
        check ^= data[k]
    check ^= data[p] ^ data[p + 1]
    if hexadecimal(data[p + 3], data[p + 4]) != check:
        return found
    t, station, station_length, fine = trailer(data, p + 5, end)
    if not fine:
        return found
    flags = _OWN if form == _O else 0
    if lead > at:
        own, name, name_length, fine = tag(data, at + 1, star or tag_end, row)
        if not fine:
            return found
        if own != NO_TIME:
            t = own
        if name_length:
            station, station_length = name, name_length
        if tag_end - star != 3 or hexadecimal(data[star + 1], data[star + 2]) != sum_of_tag:
            flags |= _LOOSE
    if t != NO_TIME and not EARLIEST_MS <= t < LATEST_MS:
        return found
    if station_length:
        row[STATION] = _named(data, station, station_length, names, slots, found)
        if row[STATION] < 0:
            return found
        found = max(found, row[STATION] + 1)
    row[T], row[FLAGS], row[PAYLOAD], row[LENGTH], row[FILL] = t, flags, payload, length, fill
    if total == 1:
        row[KIND], row[PART] = _kind(data, payload, length, fill), WHOLE
    elif total == 2 and number <= 2:
        key = _key(data, sequence, channel - 1 - sequence, channel, payload - 1 - channel)
        if key >= 0:
            row[KEY], row[PART] = key, number
    return found


@compiled
def _kind(data: Bytes, payload: int, length: int, fill: int) -> int:
    kind = _six(data[payload])
    if length == _FIX_CHARACTERS and (1 <= kind <= 3 or kind == 18):
        return POSITION
    if kind == 24:
        part = _six(data[payload + 6]) >> 2 & 3 if length >= _SHORT_CHARACTERS else 2
        if length == _FIX_CHARACTERS and fill == 0 and part < 2:
            return CLASS_B
        short = length == _SHORT_CHARACTERS and fill == _SHORT_FILL and part == 0
        return CLASS_B if short else SLOW
    if kind == 27:
        return LONG if length == _LONG_CHARACTERS and fill == 0 else SLOW
    if not _FEWEST_CHARACTERS <= length <= LONGEST_KEY:
        return SLOW
    if kind == 4 or kind == 11:
        return BASE_STATION
    if kind == 9:
        return AIRCRAFT
    if kind == 21:
        return AID
    if 6 <= kind <= 17 or kind == 20 or 22 <= kind <= 26:
        return MESSAGE
    return SLOW


@compiled
def _pair(data: Bytes, rows: Rows, first: Rows, second: Rows, window_ms: int) -> bool:
    """Whether two lines are both parts of a voyage message, and nothing else may join them."""
    if first[PART] != 1 or first[KEY] != second[KEY]:
        return False
    if first[LENGTH] + second[LENGTH] != _VOYAGE_CHARACTERS or data[first[PAYLOAD]] != 53:
        return False
    if first[FILL] != 0 or second[FILL] != _VOYAGE_FILL:
        return False
    if first[T] == NO_TIME:
        if second[T] != NO_TIME or not _at_once(rows, first, second, window_ms):
            return False
    elif second[T] != NO_TIME and abs(second[T] - first[T]) > window_ms:
        return False
    if first[STATION] and second[STATION] and first[STATION] != second[STATION]:
        return False
    size = first[GROUP_LENGTH]
    if size and second[GROUP_LENGTH]:
        return size == second[GROUP_LENGTH] and same(data, first[GROUP], second[GROUP], size)
    return True


@compiled
def _at_once(rows: Rows, first: Rows, second: Rows, window_ms: int) -> bool:
    """Whether two lines without times of their own are close by the lines that tell the time."""
    before, behind = first[CLOCK_AT], second[CLOCK_AT]
    if before == behind:
        return True
    return bool(before != NO_CLOCK and abs(rows[behind, T] - rows[before, T]) <= window_ms)


@compiled
def _key(data: Bytes, sequence: int, digits: int, channel: int, letters: int) -> int:
    """A small number for sequence id and channel; -1 for unusual ones."""
    place = 0
    if digits == 1:
        place = data[sequence] - _ZERO + 1
    elif digits > 1:
        return -1
    if letters == 0:
        return 5 * place
    if letters > 1:
        return -1
    if data[channel] == _A or data[channel] == _A + 1:
        return int(5 * place + data[channel] - _A + 1)
    if data[channel] == _ZERO + 1 or data[channel] == _ZERO + 2:
        return int(5 * place + data[channel] - _ZERO + 2)
    return -1


@compiled
def _named(data: Bytes, at: int, length: int, names: Any, slots: Any, found: int) -> int:
    """Number of a station's name, the next one where it is new; -1 where there are too many."""
    last = slots[SLOTS]  # mostly the one of the line before
    if names[last, 1] == length and same(data, names[last, 0], at, length):
        return int(last)
    mixed = 2166136261
    for k in range(at, at + length):
        mixed = (mixed ^ data[k]) * 16777619 & 0xFFFFFFFF
    slot = mixed % SLOTS
    while slots[slot]:
        known = slots[slot]
        if names[known, 1] == length and same(data, names[known, 0], at, length):
            slots[SLOTS] = known
            return int(known)
        slot = (slot + 1) % SLOTS
    if found >= MOST_NAMES:
        return -1
    slots[slot] = slots[SLOTS] = found
    names[found, 0], names[found, 1] = at, length
    return found


@compiled
def _bus(data: Bytes, at: int, end: int, row: Rows, names: Any, slots: Any, found: int) -> int:
    """Count another sentence of a ship's bus, or keep the time that it tells."""
    what, t, station, length = bus.sentence(data, at, end)
    if what == bus.TIMELESS:
        row[KIND] = OTHER
    elif what == bus.TIMED:
        name = _named(data, station, length, names, slots, found) if length else 0
        if name >= 0:
            row[KIND], row[T], row[STATION] = CLOCK, t, name
            return max(found, name + 1)
    return found


@compiled
def _six(byte: Any) -> Any:
    code = np.int64(byte) - 48
    return code - 8 if code > 40 else code
