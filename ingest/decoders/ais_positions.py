"""Positions out of AIS payloads, whole columns at once.

Types 1, 2, 3 and 18 (ITU-R M.1371-5, annex 8) have fixed places for all that a fix needs within
their 28 characters, so thousands of payloads are one matrix of six-bit values. Other types come
from pyais.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.decoders.ais_payload import LONG_RANGE, RawFix
from layers import h3grid
from layers.positions import FIXES, Quality, fix_ids

FAST_CHARACTERS = 28
FAST_TYPES = b"123B"  # first character of types 1, 2, 3 and 18
VERDICTS = ("position", "position_unavailable", "position_out_of_range", "bad_mmsi")
POSITION, UNAVAILABLE, OUT_OF_RANGE, BAD_MMSI = range(4)

RAW = np.dtype(
    [
        (name, np.int64)
        for name in (
            "mmsi", "nav", "sog", "accuracy", "lon", "lat", "cog", "heading", "second", "kind",
        )
    ]
)  # fmt: skip
Raw = npt.NDArray[np.void]
Matrix = npt.NDArray[np.int64]

_KNOT_MPS = 1852 / 3600
_DEGREE = 600_000
_H3_RESOLUTION = 8
LAST_MMSI = 999_999_999
# Start bit and width of each field; type 18 has no navigational status.
_CLASS_A = {
    "mmsi": (8, 30), "nav": (38, 4), "sog": (50, 10), "accuracy": (60, 1), "lon": (61, 28),
    "lat": (89, 27), "cog": (116, 12), "heading": (128, 9), "second": (137, 6),
}  # fmt: skip
_CLASS_B = {
    "mmsi": (8, 30), "sog": (46, 10), "accuracy": (56, 1), "lon": (57, 28), "lat": (85, 27),
    "cog": (112, 12), "heading": (124, 9), "second": (133, 6),
}  # fmt: skip
_SIGNED = {"lon": 28, "lat": 27}


def raw_of_payloads(payloads: list[bytes]) -> Raw:
    """Fields of payloads of types 1, 2, 3 and 18, each of 28 characters; shape (n,)."""
    codes = np.frombuffer(b"".join(payloads), np.uint8).reshape(-1, FAST_CHARACTERS)
    six = codes.astype(np.int64) - 48
    six -= np.where(six > 40, 8, 0)
    raw = np.empty(len(six), RAW)
    raw["kind"] = six[:, 0]
    class_b = six[:, 0] == 18
    for rows, layout in ((~class_b, _CLASS_A), (class_b, _CLASS_B)):
        part = six[rows]
        for name in RAW.names or ():
            if name in layout:
                raw[name][rows] = _field(part, *layout[name], signed=name in _SIGNED)
    raw["nav"][class_b] = 15
    return raw


def raw_of_fixes(fixes: list[RawFix]) -> Raw:
    """The same columns from fields that pyais decoded."""
    return np.array(fixes, RAW)


def verdicts(raw: Raw) -> npt.NDArray[np.int8]:
    """What each row is: an index into `VERDICTS`."""
    lon, lat = raw["lon"], raw["lat"]
    found = np.full(len(raw), POSITION, np.int8)
    found[(np.abs(lon) > 180 * _DEGREE) | (np.abs(lat) > 90 * _DEGREE)] = OUT_OF_RANGE
    found[(lon == 181 * _DEGREE) | (lat == 91 * _DEGREE)] = UNAVAILABLE
    found[(raw["mmsi"] > LAST_MMSI) | (raw["mmsi"] <= 0)] = BAD_MMSI
    return found


def fixes_of(
    raw: Raw, t: npt.NDArray[np.int64], receiver: pa.Array, quality: npt.NDArray[np.uint16]
) -> pa.Table:
    """Build positions; sentinels (102.3 kn, 360°, 511) become NaN.

    Parameters
    ----------
    raw : rows whose verdict is ``position``, shape (n,).
    t : ms since 1970 UTC; receiver : texts; quality : bits known already; shape (n,) each.

    Returns
    -------
    Table with the columns of `layers.positions.FIXES`.
    """
    lon, lat = raw["lon"] / _DEGREE, raw["lat"] / _DEGREE
    sog = _or_nan(raw["sog"], raw["sog"] >= 1023, _KNOT_MPS / 10)
    cog = _or_nan(raw["cog"], raw["cog"] >= 3600, 0.1)
    heading = _or_nan(raw["heading"], raw["heading"] >= 360, 1.0)
    mover = movers(raw["mmsi"])
    pid = fix_ids(mover, t, lon, lat, sog, cog)
    columns = [
        mover, t, lon, lat, sog, cog, heading, raw["nav"].astype(np.uint8),
        np.full(len(raw), 255, np.uint8), receiver, quality | _quality(raw),
        h3grid.cells_of_points(lon, lat, _H3_RESOLUTION), pid,
    ]  # fmt: skip
    return pa.table(columns, schema=FIXES)


def movers(mmsi: npt.NDArray[np.int64]) -> pa.Array:
    """MMSIs as texts of nine digits, shape (n,)."""
    distinct, places = np.unique(mmsi, return_inverse=True)
    texts = pa.array([f"{number:09d}" for number in distinct.tolist()], pa.string())
    return texts.take(pa.array(places))


def _quality(raw: Raw) -> npt.NDArray[np.uint16]:
    bits = np.where(raw["accuracy"] == 0, int(Quality.LOW_ACCURACY), 0)
    bits |= np.where((raw["second"] > 60) & (raw["second"] < 64), int(Quality.ESTIMATED), 0)
    bits |= np.where(raw["kind"] == LONG_RANGE, int(Quality.LONG_RANGE), 0)
    return bits.astype(np.uint16)


def _or_nan(
    values: npt.NDArray[np.int64], missing: npt.NDArray[np.bool_], scale: float
) -> npt.NDArray[np.float32]:
    return np.where(missing, np.nan, values * scale).astype(np.float32)


def _field(six: Matrix, start: int, width: int, *, signed: bool) -> npt.NDArray[np.int64]:
    first, last = start // 6, (start + width - 1) // 6
    value = np.zeros(len(six), np.int64)
    for column in range(first, last + 1):
        value = value << 6 | six[:, column]
    value = value >> (last + 1) * 6 - (start + width) & (1 << width) - 1
    return np.where(value >> width - 1 & 1, value - (1 << width), value) if signed else value
