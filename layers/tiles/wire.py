"""The Mapbox Vector Tile format 2.1, written by arrays instead of feature by feature.

A feature is nothing but a run of variable-length integers, lengths and field keys included; so all
features of a layer are laid out as one array of integers, which is turned into bytes at once.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from layers.tiles.matrix import EXTENT

Integers = npt.NDArray[np.int64]
Unsigned = npt.NDArray[np.uint64]
POINT, LINE, POLYGON = 1, 2, 3
_VERSION = 2
_LONGEST_VARINT = 10
_MOST_INT64 = 2**63


@dataclass(frozen=True)
class Shapes:
    """Geometries of n features as commands in tile units (specification, 4.3).

    Attributes
    ----------
    rows : which of the given geometries they are, ascending; shape (n,).
    kinds : `POINT`, `LINE` or `POLYGON`; shape (n,).
    commands : command integers of all features, one feature behind the other.
    lengths : number of command integers of each feature; shape (n,).
    """

    rows: Integers
    kinds: Integers
    commands: Unsigned
    lengths: Integers


@dataclass(frozen=True)
class Column:
    """One attribute: its name, and the value of each feature; None (and NaN) for no value."""

    name: str
    values: Sequence[Any]


def layer(name: str, ids: npt.ArrayLike, shapes: Shapes, columns: Sequence[Column]) -> bytes:
    """Bytes of a tile that holds one layer; of none where there are no features.

    The bytes of several layers, one behind the other, are a tile of all of them.

    Parameters
    ----------
    ids : number of each feature, below 2⁵³ so that browsers keep it exactly; shape (n,).
    shapes : of n features.
    columns : n values each.
    """
    if not len(shapes.rows):
        return b""
    tags, tag_lengths, keys, values = _tags(columns, len(shapes.rows))
    features = _features(np.asarray(ids, np.uint64), shapes, tags, tag_lengths)
    body = b"".join(
        (
            b"\x78" + _varint(_VERSION),
            b"\x0a" + _sized(name.encode()),
            features,
            *(b"\x1a" + _sized(key.encode()) for key in keys),
            *(b"\x22" + _sized(value) for value in values),
            b"\x28" + _varint(EXTENT),
        )
    )
    return b"\x1a" + _sized(body)


def _tags(columns: Sequence[Column], n: int) -> tuple[Unsigned, Integers, list[str], list[bytes]]:
    """Pairs of key and value of each feature, their number, and the tables that they point to."""
    keys: list[str] = []
    tables: list[bytes] = []
    codes = np.full((n, len(columns)), -1, np.int64)
    base = 0
    for column in columns:
        table: dict[Any, int] = {}
        own = [-1 if _nothing(v) else table.setdefault(v, len(table)) for v in column.values]
        if not table:
            continue
        codes[:, len(keys)] = np.where(np.array(own) < 0, -1, np.array(own) + base)
        base += len(table)
        keys.append(column.name)
        tables += [_value(value) for value in table]
    codes = codes[:, : len(keys)]
    present = codes >= 0
    pairs = np.empty((n, len(keys), 2), np.uint64)
    pairs[:, :, 0] = np.arange(len(keys), dtype=np.uint64)
    pairs[:, :, 1] = codes.astype(np.uint64)
    return pairs[present].ravel(), 2 * present.sum(axis=1), keys, tables


def _nothing(value: Any) -> bool:
    # NaN is the only value that differs from itself.
    return value is None or value != value


def _value(value: Any) -> bytes:
    if isinstance(value, bool):
        return b"\x38" + _varint(int(value))
    if isinstance(value, int):
        if 0 <= value < _MOST_INT64:
            return b"\x28" + _varint(value)
        if -_MOST_INT64 <= value < 0:
            return b"\x30" + _varint(-2 * value - 1)
        return b"\x19" + struct.pack("<d", float(value))
    if isinstance(value, float):
        return b"\x19" + struct.pack("<d", value if math.isfinite(value) else 0.0)
    return b"\x0a" + _sized(str(value).encode("utf-8", "replace"))


def _sized(body: bytes) -> bytes:
    return _varint(len(body)) + body


_SHORT = [bytes([value]) for value in range(0x80)]


def _varint(value: int) -> bytes:
    if value < 0x80:
        return _SHORT[value]
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _features(ids: Unsigned, shapes: Shapes, tags: Unsigned, tag_lengths: Integers) -> bytes:
    """All features: for each its key and length, then id, tags, kind and geometry."""
    sizes = _sizes(ids), _sums(_sizes(tags), tag_lengths)
    drawn = _sums(_sizes(shapes.commands), shapes.lengths)
    length = 5 + sizes[0] + _sizes(sizes[1]) + sizes[1] + _sizes(drawn) + drawn
    width = 10 + tag_lengths + shapes.lengths
    start = np.cumsum(width) - width
    run = np.empty(int(width.sum()), np.uint64)
    behind = start + 6 + tag_lengths
    heads = ((0, 0x12), (1, length), (2, 0x08), (3, ids), (4, 0x12), (5, sizes[1]))
    for offset, value in heads:
        run[start + offset] = value
    for offset, value in ((0, 0x18), (1, shapes.kinds), (2, 0x22), (3, drawn)):
        run[behind + offset] = value
    run[_runs(start + 6, tag_lengths)] = tags
    run[_runs(behind + 4, shapes.lengths)] = shapes.commands
    return _varints(run)


def _runs(starts: Integers, lengths: Integers) -> Integers:
    """Positions ``start``, ``start + 1`` … of each run, one run behind the other."""
    total = int(lengths.sum())
    first = np.cumsum(lengths) - lengths
    return np.repeat(starts - first, lengths) + np.arange(total)


def _sums(values: Integers, lengths: Integers) -> Integers:
    """Sum of each run of values."""
    running = np.concatenate([[0], np.cumsum(values)])
    end = np.cumsum(lengths)
    return np.asarray(running[end] - running[end - lengths], np.int64)


def _sizes(values: npt.NDArray[Any]) -> Integers:
    """Bytes that each integer takes as a varint."""
    sizes = np.ones(len(values), np.int64)
    if len(values):
        most = int(values.max())
        for k in range(1, _LONGEST_VARINT):
            if most >> 7 * k == 0:
                break
            sizes += values >= (1 << 7 * k)
    return sizes


def _varints(values: Unsigned) -> bytes:
    """Write integers as varints (protocol buffers, "Base 128 Varints")."""
    sizes = _sizes(values)
    start = np.cumsum(sizes) - sizes
    written = np.empty(int(sizes.sum()), np.uint8)
    for k in range(int(sizes.max(initial=0))):
        longer = sizes > k
        if k == 0:
            at, value, size = start, values, sizes
        else:
            at, value, size = start[longer] + k, values[longer] >> np.uint64(7 * k), sizes[longer]
        more = np.where(size > k + 1, np.uint8(0x80), np.uint8(0))
        written[at] = (value & np.uint64(0x7F)).astype(np.uint8) | more
    return written.tobytes()
