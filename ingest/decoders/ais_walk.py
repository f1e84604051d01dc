"""The walk through the lines of a block in their order: clock, duplicates, pairs of parts.

It stops wherever a line needs more than a compiled loop knows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ingest.compiled import compiled
from ingest.decoders.ais_around import NO_TIME
from ingest.decoders.ais_heard import HEARD_AT, find, pack
from ingest.decoders.ais_scan import (
    BASE_STATION,
    CLOCK,
    CONTEXT,
    DONE,
    FIRST,
    FLAGS,
    KEY,
    KIND,
    LENGTH,
    MESSAGE,
    OTHER,
    PAIR,
    PAYLOAD,
    SLOW,
    STATION,
    VOYAGE,
    T,
)
from layers.positions import Quality

# What the walk reads and writes beside the rows.
(AT, FALLBACK, FALLBACK_STATION, FALLBACK_CONTEXT, NEWEST, COUNT, OTHERS, REMEMBERED,
 DUPLICATE_MS, PARTS, DUPLICATES, CLOCK_LINE, DESK) = range(13)  # fmt: skip
NO_LINE = -1
# Why it stopped.
END, UNUSUAL, FULL, TURN = range(4)
_LOOSE = int(Quality.LOOSE_TIME)
_FREE = -(2**63)


@compiled
def walk(data: Any, rows: Any, desk: Any, counts: Any, table: Any, before: Any, opened: Any) -> int:
    """Go on from the line at ``desk[AT]``.

    Parameters
    ----------
    data : bytes of the block, uint8.
    rows : of `ais_scan.scan`; times, flags and stations are completed here.
    desk : the places above; ``FALLBACK`` is the time of sentences that have none of their own,
        ``CLOCK_LINE`` the last line of the block that told it, or `NO_LINE`.
    counts : lines that leave no row, by kind.
    table, before : the two generations of `ais_heard.Heard`.
    opened : by key of parts, 1 where some wait for others.

    Returns
    -------
    Why it stopped; ``desk[AT]`` is the line that it stopped at.
    """
    key = np.zeros(8, np.int64)
    i, lines = desk[AT], len(rows)
    while i < lines:
        row = rows[i]
        kind = row[KIND]
        if OTHER <= kind < DONE:
            counts[kind] += 1
            i += 1
            continue
        if kind == CLOCK:
            counts[kind] += 1
            desk[FALLBACK], desk[FALLBACK_STATION] = row[T], row[STATION]
            desk[FALLBACK_CONTEXT], desk[CLOCK_LINE] = -1 - i, i
            i += 1
            continue
        if kind == PAIR and not opened[row[KEY]] and _date(row, desk):
            i += 1
            continue
        if kind == PAIR:
            kind = row[KIND] = SLOW
        if kind == VOYAGE and rows[row[FIRST], KIND] == SLOW:
            kind = row[KIND] = SLOW
        if kind in (SLOW, DONE) or (
            kind != VOYAGE and row[T] == NO_TIME and desk[FALLBACK] == NO_TIME
        ):
            row[KIND] = SLOW
            desk[AT] = i
            return UNUSUAL
        if 2 * desk[COUNT] >= len(table):
            desk[AT] = i
            return FULL
        if kind == VOYAGE:
            first = rows[row[FIRST]]
            pack(data, first[PAYLOAD], first[LENGTH], key, 0)
            pack(data, row[PAYLOAD], row[LENGTH], key, first[LENGTH])
            if first[STATION]:
                row[STATION] = first[STATION]
            elif not row[STATION] and row[T] == NO_TIME:
                row[STATION] = desk[FALLBACK_STATION]
            row[T], row[FLAGS], row[CONTEXT] = first[T], first[FLAGS], first[CONTEXT]
            desk[PARTS] += 1
        else:
            pack(data, row[PAYLOAD], row[LENGTH], key, 0)
            undated = row[T] == NO_TIME
            _date(row, desk)
            if undated and not row[STATION]:
                row[STATION] = desk[FALLBACK_STATION]
        t = row[T]
        desk[NEWEST] = max(desk[NEWEST], t)
        place = find(table, key)
        last = table[place, HEARD_AT]
        new = last == _FREE
        if new:
            last = before[find(before, key), HEARD_AT]
        i += 1
        if last != _FREE and abs(t - last) <= desk[DUPLICATE_MS]:
            desk[DUPLICATES] += 1
            row[KIND] = DONE
            continue
        key[HEARD_AT] = t
        table[place] = key
        desk[COUNT] += new
        if BASE_STATION <= kind <= MESSAGE:
            counts[kind] += 1
            row[KIND] = DONE
        if desk[COUNT] + desk[OTHERS] >= desk[REMEMBERED]:
            desk[AT] = i
            return TURN
    desk[AT] = i
    return END


@compiled
def _date(row: Any, desk: Any) -> bool:
    """Give a sentence that has no time the one told before; False where there is none."""
    if row[T] != NO_TIME:
        return True
    if desk[FALLBACK] == NO_TIME:
        return False
    row[T], row[CONTEXT] = desk[FALLBACK], desk[FALLBACK_CONTEXT]
    row[FLAGS] |= _LOOSE
    return True
