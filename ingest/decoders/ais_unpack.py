"""Positions out of the payloads of a block, straight to columns.

The same numbers as `ingest.decoders.ais_positions` gives, by compiled loops.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.compiled import compiled
from ingest.decoders.ais_payload import LONG_RANGE
from ingest.decoders.ais_positions import RAW, Raw
from ingest.decoders.ais_scan import PAYLOAD
from layers import h3grid
from layers.positions import FIXES, Quality

Ints = npt.NDArray[np.int64]

_FIELDS = len(RAW.names or ())
(_MMSI, _NAV, _SOG, _ACCURACY, _LON, _LAT, _COG, _HEADING, _SECOND, _KIND) = range(_FIELDS)
_NO_SPEED, _NO_COURSE, _NO_HEADING, _NO_SECOND, _NO_NAV = 1023, 3600, 511, 60, 15
_CLASS_B = 18
_DEGREE = 600_000
_KNOT_MPS = 1852 / 3600
_H3_RESOLUTION = 8
_MMSI_DIGITS, _PID_DIGITS = 9, 16
_LOW_ACCURACY, _ESTIMATED = int(Quality.LOW_ACCURACY), int(Quality.ESTIMATED)
_LONG = int(Quality.LONG_RANGE)
_MOST_HASHES = 200_000


def raw_of_rows(data: npt.NDArray[np.uint8], rows: Ints, chosen: Ints) -> Raw:
    """Fields of the chosen lines' payloads of types 1, 2, 3, 18 and 27, shape (n,)."""
    fields = np.empty((len(chosen), _FIELDS), np.int64)
    _unpack(data, rows, chosen, fields)
    return fields.view(RAW).reshape(-1)


class FixColumns:
    """Makes tables of positions; remembers the hashes of movers, which ids are made from."""

    def __init__(self) -> None:
        self._hashes: dict[int, int] = {}

    def table(self, raw: Raw, t: Ints, receiver: pa.Array, flags: Ints) -> pa.Table:
        """What `ais_positions.fixes_of` gives.

        Parameters
        ----------
        raw : rows whose verdict is ``position``, shape (n,).
        t : ms since 1970 UTC; receiver : texts; flags : bits known already; shape (n,) each.
        """
        count = len(raw)
        fields = np.ascontiguousarray(raw).view(np.int64).reshape(-1, _FIELDS)
        lon, lat = np.empty(count), np.empty(count)
        motion = np.empty((3, count), np.float32)
        small = np.empty((2, count), np.uint8)
        quality = np.empty(count, np.uint16)
        movers = np.empty((count, _MMSI_DIGITS), np.uint8)
        pid = np.empty((count, _PID_DIGITS), np.uint8)
        _columns(
            fields, t, flags, self._of(fields[:, _MMSI]),
            lon, lat, motion, small, quality, movers, pid,
        )  # fmt: skip
        columns = [
            _texts(movers), t, lon, lat, *motion, *small, receiver, quality,
            h3grid.cells_of_points(lon, lat, _H3_RESOLUTION), _texts(pid),
        ]  # fmt: skip
        return pa.table(columns, schema=FIXES)

    def _of(self, mmsi: Ints) -> npt.NDArray[np.uint64]:
        """Hash of each mover's text, shape (n,)."""
        size = 1 << max(4, (2 * len(mmsi)).bit_length())
        distinct, places = np.empty(len(mmsi), np.int64), np.empty(len(mmsi), np.int64)
        found = _distinct(mmsi, np.full(size, -1, np.int64), distinct, places)
        if len(self._hashes) > _MOST_HASHES:
            self._hashes.clear()
        known, hashes = self._hashes, []
        for number in distinct[:found].tolist():
            value = known.get(number)
            if value is None:
                value = known[number] = text_hash(f"{number:09d}")
            hashes.append(value)
        return np.array(hashes, np.uint64)[places]


def text_hash(text: str) -> int:
    """The hash that `layers.position_columns` starts ids from."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def identity_ids(
    movers: npt.NDArray[np.uint64], t: Ints, content: npt.NDArray[np.uint64]
) -> pa.Array:
    """What `layers.positions.identity_ids` gives, from hashes of movers and of content."""
    pid = np.empty((len(movers), _PID_DIGITS), np.uint8)
    _identity_ids(movers, t, content, pid)
    return _texts(pid)


def _texts(letters: npt.NDArray[np.uint8]) -> pa.Array:
    count, size = letters.shape
    offsets = np.arange(count + 1, dtype=np.int32) * np.int32(size)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(letters))


@compiled
def _unpack(data: Any, rows: Any, chosen: Any, fields: Any) -> None:
    six = np.zeros(28, np.int64)
    for n in range(len(chosen)):
        at = rows[chosen[n], PAYLOAD]
        first = np.int64(data[at]) - 48
        long_range = first == 75 - 48
        for k in range(16 if long_range else 28):
            code = np.int64(data[at + k]) - 48
            six[k] = code - 8 if code > 40 else code
        row = fields[n]
        row[_KIND] = six[0]
        row[_MMSI] = _bits(six, 8, 30)
        if long_range:
            row[_ACCURACY], row[_NAV] = _bits(six, 38, 1), _bits(six, 40, 4)
            row[_LON] = 1000 * _signed(_bits(six, 44, 18), 18)
            row[_LAT] = 1000 * _signed(_bits(six, 62, 17), 17)
            speed, course = _bits(six, 79, 6), _bits(six, 85, 9)
            row[_SOG] = _NO_SPEED if speed >= 63 else 10 * speed
            row[_COG] = _NO_COURSE if course >= 360 else 10 * course
            row[_HEADING], row[_SECOND] = _NO_HEADING, _NO_SECOND
            continue
        moved = 4 if six[0] == _CLASS_B else 0  # type 18 has no navigational status
        row[_NAV] = _NO_NAV if moved else _bits(six, 38, 4)
        row[_SOG] = _bits(six, 50 - moved, 10)
        row[_ACCURACY] = _bits(six, 60 - moved, 1)
        row[_LON] = _signed(_bits(six, 61 - moved, 28), 28)
        row[_LAT] = _signed(_bits(six, 89 - moved, 27), 27)
        row[_COG] = _bits(six, 116 - moved, 12)
        row[_HEADING] = _bits(six, 128 - moved, 9)
        row[_SECOND] = _bits(six, 137 - moved, 6)


@compiled
def _bits(six: Any, start: int, width: int) -> int:
    first, last = start // 6, (start + width - 1) // 6
    value = np.int64(0)
    for k in range(first, last + 1):
        value = value << 6 | six[k]
    return int(value >> (last + 1) * 6 - (start + width) & (1 << width) - 1)


@compiled
def _signed(value: int, width: int) -> int:
    return value - (1 << width) if value >> width - 1 & 1 else value


@compiled
def _distinct(values: Any, slots: Any, distinct: Any, places: Any) -> int:
    found, mask = 0, len(slots) - 1
    for n in range(len(values)):
        value = values[n]
        slot = value * np.int64(0x9E3779B97F4A7C1) >> 20 & mask
        while slots[slot] >= 0 and distinct[slots[slot]] != value:
            slot = slot + 1 & mask
        if slots[slot] < 0:
            slots[slot] = found
            distinct[found] = value
            found += 1
        places[n] = slots[slot]
    return found


@compiled
def _columns(
    fields: Any, t: Any, flags: Any, hashes: Any, lon: Any, lat: Any, motion: Any, small: Any,
    quality: Any, movers: Any, pid: Any,
) -> None:  # fmt: skip
    number = np.zeros(1, np.float64)
    word = number.view(np.uint64)
    for n in range(len(fields)):
        row = fields[n]
        lon[n], lat[n] = row[_LON] / _DEGREE, row[_LAT] / _DEGREE
        motion[0, n] = np.nan if row[_SOG] >= 1023 else row[_SOG] * (_KNOT_MPS / 10)
        motion[1, n] = np.nan if row[_COG] >= 3600 else row[_COG] * 0.1
        motion[2, n] = np.nan if row[_HEADING] >= 360 else row[_HEADING] * 1.0
        small[0, n], small[1, n] = row[_NAV], 255
        bits = flags[n]
        if row[_ACCURACY] == 0:
            bits |= _LOW_ACCURACY
        if 60 < row[_SECOND] < 64:
            bits |= _ESTIMATED
        if row[_KIND] == LONG_RANGE:
            bits |= _LONG
        quality[n] = bits
        mmsi = row[_MMSI]
        for k in range(_MMSI_DIGITS):
            movers[n, _MMSI_DIGITS - 1 - k] = 48 + mmsi % 10
            mmsi //= 10
        state = _mixed(hashes[n] ^ np.uint64(t[n]))
        for value in (lon[n], lat[n], np.float64(motion[0, n]), np.float64(motion[1, n])):
            number[0] = np.nan if np.isnan(value) else value + 0.0
            state = _mixed(state ^ word[0])
        _write(state, pid[n])


@compiled
def _identity_ids(movers: Any, t: Any, content: Any, pid: Any) -> None:
    for n in range(len(movers)):
        _write(_mixed(_mixed(movers[n] ^ np.uint64(t[n])) ^ content[n]), pid[n])


@compiled
def _write(state: Any, letters: Any) -> None:
    for k in range(_PID_DIGITS):
        digit = np.int64(state >> np.uint64(60 - 4 * k)) & 15
        letters[k] = 48 + digit if digit < 10 else 87 + digit


@compiled
def _mixed(state: Any) -> Any:
    z = state + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
