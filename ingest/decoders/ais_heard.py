"""Payloads heard lately, for finding duplicates: a hash table that compiled loops read and fill.

A payload of up to 71 characters is kept whole, as its six-bit values, so that no two are ever taken
for one another; longer ones are kept in a dictionary.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.compiled import compiled

WORDS, HEARD_AT = 7, 7
LONGEST_KEY = 71
_ROW = 8
_LETTERS, _FREE = 10, -(2**63)
_FIRST_ROWS = 1 << 10
_CODES = bytes([*range(48, 88), *range(96, 120)])
Table = npt.NDArray[np.int64]


class Heard:
    """Payloads of two generations with the time each was heard last.

    Parameters
    ----------
    remembered : the newer generation becomes the older one at this size.
    """

    def __init__(self, remembered: int) -> None:
        self.remembered = remembered
        self.table, self.before = _empty(_FIRST_ROWS), _empty(_FIRST_ROWS)
        self.count = 0
        self._long: dict[bytes, int] = {}
        self._long_before: dict[bytes, int] = {}
        self._key = np.zeros(_ROW, np.int64)

    @property
    def others(self) -> int:
        """Size of the newer generation outside the table."""
        return len(self._long)

    def last(self, key: bytes) -> int | None:
        """Time at which a payload was heard last, in ms; None where it is not remembered."""
        if len(key) > LONGEST_KEY:
            found = self._long.get(key)
            return self._long_before.get(key) if found is None else found
        pack(np.frombuffer(key, np.uint8), 0, len(key), self._key, 0)
        for table in (self.table, self.before):
            place = find(table, self._key)
            if table[place, HEARD_AT] != _FREE:
                return int(table[place, HEARD_AT])
        return None

    def put(self, key: bytes, t: int) -> None:
        """Remember a payload."""
        if len(key) > LONGEST_KEY:
            self._long[key] = t
        else:
            self.grow()
            pack(np.frombuffer(key, np.uint8), 0, len(key), self._key, 0)
            self._key[HEARD_AT] = t
            self.count += put(self.table, self._key)
        if self.count + len(self._long) >= self.remembered:
            self.turn()

    def turn(self) -> None:
        """Make the newer generation the older one, and forget that."""
        fresh = self.before if len(self.before) == len(self.table) else _empty(len(self.table))
        fresh[:, HEARD_AT] = _FREE
        self.before, self.table = self.table, fresh
        self._long_before, self._long = self._long, {}
        self.count = 0

    def grow(self) -> None:
        """Make room where the table is half full."""
        if 2 * self.count >= len(self.table):
            wider = _empty(4 * len(self.table))
            _move(self.table, wider)
            self.table = wider

    def items(self) -> Iterator[tuple[bytes, int]]:
        """Yield all payloads with their times, those of the older generation first."""
        for table, long in ((self.before, self._long_before), (self.table, self._long)):
            for row in table[table[:, HEARD_AT] != _FREE]:
                yield _unpack(row), int(row[HEARD_AT])
            yield from long.items()


def _empty(rows: int) -> Table:
    table = np.zeros((rows, _ROW), np.int64)
    table[:, HEARD_AT] = _FREE
    return table


def _unpack(row: Table) -> bytes:
    words = [int(word) & (1 << 64) - 1 for word in row[:WORDS]]
    extra = sum((words[k] >> 60) << 4 * k for k in range(4))
    length, codes = extra >> 6, []
    for k in range(min(length, LONGEST_KEY - 1)):
        codes.append(words[k // _LETTERS] >> 6 * (k % _LETTERS) & 63)
    if length == LONGEST_KEY:
        codes.append(extra & 63)
    return bytes(_CODES[code] for code in codes)


@compiled
def pack(data: Any, at: int, length: int, key: Any, begun: int) -> None:
    """Put six-bit characters into a key, its first ``begun`` ones being there already.

    Ten characters a word; the 71st and the length share what is left of the first four words.
    """
    if begun == 0:
        key[:] = 0
    else:
        for k in range(4):
            key[k] &= (1 << 60) - 1
    extra: Any = (begun + length) << 6
    word, bit = begun // _LETTERS, 6 * (begun % _LETTERS)
    for k in range(at, at + length):
        code = np.int64(data[k]) - 48
        code -= 8 * (code > 40)
        if word == WORDS:
            extra |= code
            break
        key[word] |= code << bit
        bit += 6
        if bit == 6 * _LETTERS:
            word, bit = word + 1, 0
    for k in range(4):
        key[k] |= (extra >> 4 * k & 15) << 60


@compiled
def find(table: Any, key: Any) -> int:
    """Row where a key stands, or where it would."""
    mixed: Any = np.int64(0)
    for k in range(WORDS):
        mixed = (mixed ^ key[k]) * np.int64(0x4F1BBCDCBFA53E0B)
        mixed ^= mixed >> 29
    mask = len(table) - 1
    place = (mixed >> 7) & mask
    while table[place, HEARD_AT] != _FREE:
        alike = True
        for k in range(WORDS):
            if table[place, k] != key[k]:
                alike = False
                break
        if alike:
            return int(place)
        place = (place + 1) & mask
    return int(place)


@compiled
def put(table: Any, key: Any) -> int:
    """Write a key with its time; 1 where it is new, else 0."""
    place = find(table, key)
    new = 1 if table[place, HEARD_AT] == _FREE else 0
    table[place] = key
    return new


@compiled
def _move(table: Any, wider: Any) -> None:
    for k in range(len(table)):
        if table[k, HEARD_AT] != _FREE:
            put(wider, table[k])
