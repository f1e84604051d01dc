"""Columns of positions and identities of movers, and the ids of their rows."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from enum import IntFlag

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

FIXES = pa.schema(
    [
        ("mover", pa.string()),  # MMSI (9 digits) or plate
        ("t", pa.int64()),  # ms since 1970, UTC
        ("lon", pa.float64()),  # degrees, EPSG:4326, never null
        ("lat", pa.float64()),
        ("sog_mps", pa.float32()),  # speed over ground; NaN where not available
        ("cog_deg", pa.float32()),  # course over ground, 0–360; NaN
        ("heading_deg", pa.float32()),  # NaN
        # AIS navigational status; of trucks the load state 0 empty, 1 half, 3 full; 15 where not
        # available
        ("nav", pa.uint8()),
        ("acc", pa.uint8()),  # truck: ignition 1 on, 0 off, 255 not available
        ("receiver", pa.string()),
        ("quality", pa.uint16()),  # bits, see `Quality`
        ("h3", pa.int64()),  # cell at resolution 8
        ("pid", pa.string()),  # id of the fix: 16 hexadecimal digits, made from its content
    ]
)

# What only terminals of trucks tell; null where they don't, and in files that are older.
TRUCK_FIXES = pa.schema(
    [
        *FIXES,
        ("recorder_mps", pa.float32()),  # speed by the pulses of the driving recorder
        ("mileage_m", pa.float64()),  # odometer
    ]
)

IDENTITIES = pa.schema(
    [
        ("mover", pa.string()),
        ("t", pa.int64()),
        ("name", pa.string()),  # as sent, padding removed
        ("callsign", pa.string()),
        ("imo", pa.int64()),  # 0 where not available
        ("ship_type", pa.int16()),  # 0 where not available
        ("length_m", pa.float32()),
        ("width_m", pa.float32()),
        ("destination", pa.string()),
        ("receiver", pa.string()),
        ("pid", pa.string()),
    ]
)

_M1, _M2, _GOLDEN = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0x9E3779B97F4A7C15
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
_DIGITS = 16
Words = npt.NDArray[np.uint64]


class Quality(IntFlag):
    """What to keep in mind about a fix.

    Attributes
    ----------
    LOW_ACCURACY : the sender says worse than 10 m.
    ESTIMATED : position entered by hand, dead reckoning, or the sensor is out of order.
    OWN_SHIP : sent by the receiver's own ship.
    LOOSE_TIME : the time is not the sentence's own but a neighbouring line's or the file's.
    LONG_RANGE : AIS type 27, a tenth of a minute of arc.
    POWER_CUT : the terminal has lost the vehicle's main power.
    ANTENNA_CUT : the terminal's positioning antenna is cut or shorted, or its module is faulty.
    CLOCK_OFF : the terminal's clock is ahead of the receiving one.
    """

    LOW_ACCURACY = 1
    ESTIMATED = 2
    OWN_SHIP = 4
    LOOSE_TIME = 8
    LONG_RANGE = 16
    POWER_CUT = 32
    ANTENNA_CUT = 64
    CLOCK_OFF = 128


def fix_ids(
    mover: pa.Array,
    t: npt.NDArray[np.int64],
    lon: npt.NDArray[np.float64],
    lat: npt.NDArray[np.float64],
    sog_mps: npt.NDArray[np.float32],
    cog_deg: npt.NDArray[np.float32],
) -> pa.Array:
    """Ids of fixes: 16 hexadecimal digits that depend on nothing but the content.

    Rounds of SplitMix64 (Steele, Lea & Flood 2014) over the bits of each column; all missing
    values count alike.

    Parameters
    ----------
    mover : texts, shape (n,).
    t : ms since 1970; lon, lat : degrees; sog_mps : m/s; cog_deg : degrees; shape (n,) each.

    Returns
    -------
    Arrow strings, shape (n,).
    """
    columns = (t.astype(np.uint64), _bits(lon), _bits(lat), _bits(sog_mps), _bits(cog_deg))
    state = _text_hashes(mover)
    for column in columns:
        state = _mix(state ^ column)
    return _hexadecimal(state)


def identity_ids(mover: pa.Array, t: npt.NDArray[np.int64], content: pa.Array) -> pa.Array:
    """Ids of identities, from the mover, the time in ms and the rest as one text; shape (n,)."""
    state = _mix(_text_hashes(mover) ^ t.astype(np.uint64))
    return _hexadecimal(_mix(state ^ _text_hashes(content)))


def each_once(rows: pa.Table) -> pa.Table:
    """Rows of positions or identities, each id where it first came."""
    codes = rows["pid"].combine_chunks().dictionary_encode().indices.to_numpy()
    first = np.unique(codes, return_index=True)[1]
    return rows if len(first) == len(codes) else rows.take(pa.array(np.sort(first)))


def in_order(rows: pa.Table) -> pa.Table:
    """Rows of positions or identities sorted by (mover, t, pid)."""
    if rows.num_rows < 2:
        return rows
    # Ranking the few distinct movers once is far cheaper than comparing texts row by row.
    encoded = rows["mover"].combine_chunks().dictionary_encode()
    ranks = np.empty(len(encoded.dictionary), np.int64)
    ranks[pc.sort_indices(encoded.dictionary).to_numpy()] = np.arange(len(ranks))
    order = order_of((ranks[encoded.indices.to_numpy()], rows["t"].to_numpy()), rows["pid"])
    if np.array_equal(order, np.arange(len(order))):
        # One file alone is sorted as it was written; to copy it would cost more than all the rest.
        return rows
    return rows.take(pa.array(order))


def order_of(
    keys: Sequence[npt.NDArray[np.integer]], ident: pa.ChunkedArray
) -> npt.NDArray[np.int64]:
    """Order of rows by whole numbers, the first ones first, and by texts where all are equal.

    Parameters
    ----------
    keys : shape (n,) each.
    ident : texts, n of them.
    """
    if not len(ident):
        return np.zeros(0, np.int64)
    lows = [int(key.min()) for key in keys]
    sizes = [int(key.max()) - low + 1 for key, low in zip(keys, lows, strict=True)]
    if math.prod(sizes) < 2**63:
        # As one number: rows mostly lie in runs that are sorted, and one key's sort sees that.
        number = np.zeros(len(ident), np.int64)
        for key, low, size in zip(keys, lows, sizes, strict=True):
            number = number * size + (key - low)
        keys = (number,)
    order = np.asarray(np.lexsort(keys[::-1]), np.int64)
    tied = np.ones(len(order) - 1, bool)
    for key in keys:
        tied &= np.diff(key[order]) == 0
    if tied.any():
        # Comparing texts costs more than all the rest, and only ties need it.
        places = np.flatnonzero(np.append(tied, False) | np.append(False, tied))
        group = np.cumsum(~np.append(False, tied))[places]
        ranks = pc.rank(ident.take(pa.array(order[places])), tiebreaker="dense").to_numpy()
        order[places] = order[places][np.lexsort((ranks, group))]
    return order


def distinct(rows: pa.Table) -> pa.Table:
    """Rows that are sorted by (mover, t, pid), each id once."""
    if rows.num_rows < 2:
        return rows
    pid = rows["pid"].combine_chunks()
    again = pc.equal(pid[1:], pid[:-1])
    if not pc.any(again).as_py():
        return rows
    keep = np.concatenate([[True], ~again.to_numpy(zero_copy_only=False)])
    return rows.filter(pa.array(keep))


def _mix(state: Words) -> Words:
    with np.errstate(over="ignore"):
        z = state + np.uint64(_GOLDEN)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(_M1)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(_M2)
    return np.asarray(z ^ (z >> np.uint64(31)), np.uint64)


def _bits(values: npt.NDArray[np.floating]) -> Words:
    wide = np.asarray(values, np.float64) + 0.0  # minus zero becomes zero
    return np.where(np.isnan(wide), np.nan, wide).view(np.uint64)


def _text_hashes(texts: pa.Array) -> Words:
    encoded = pa.array(texts).dictionary_encode()
    hashes = [
        int.from_bytes(hashlib.blake2b((text or "").encode(), digest_size=8).digest(), "big")
        for text in encoded.dictionary.to_pylist()
    ]
    codes = encoded.indices.fill_null(0).to_numpy(zero_copy_only=False)
    return np.array(hashes, np.uint64)[codes] if hashes else np.zeros(len(texts), np.uint64)


def _hexadecimal(words: Words) -> pa.Array:
    octets = words.astype(">u8").view(np.uint8).reshape(-1, 8)
    digits = np.empty((len(words), _DIGITS), np.uint8)
    digits[:, 0::2], digits[:, 1::2] = _HEX[octets >> 4], _HEX[octets & 15]
    offsets = np.arange(len(words) + 1, dtype=np.int32) * _DIGITS
    return pa.StringArray.from_buffers(
        len(words), pa.py_buffer(offsets), pa.py_buffer(digits.tobytes())
    )
