"""AIS sentences in numbers, as a station sends them: many positions encoded at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyais

Floats = npt.NDArray[np.float64]
_HEAD, _TAIL = b"!AIVDM,1,1,,A,", b",0*"
_CLASS_A, _NO_RATE, _NO_HEADING = 1, 0x80, 511
# Widths of the fields of message type 1 in bits (ITU-R M.1371-5, annex 8, table 45).
_WIDTHS = (6, 2, 30, 4, 8, 10, 1, 28, 27, 12, 9, 6, 2, 3, 1, 19)
_MPS_PER_KNOT = 1852 / 3600


def positions(
    mmsi: npt.NDArray[np.int64], lon: Floats, lat: Floats, speed_mps: Floats, course_deg: Floats
) -> list[bytes]:
    """Sentences of message type 1, one for each element; degrees in EPSG:4326."""
    given = {
        0: _CLASS_A,
        2: mmsi,
        4: _NO_RATE,
        5: np.rint(speed_mps / _MPS_PER_KNOT * 10),
        7: np.rint(lon * 600_000),
        8: np.rint(lat * 600_000),
        9: np.rint(course_deg % 360 * 10) % 3600,
        10: _NO_HEADING,
    }
    bits = np.zeros((len(mmsi), sum(_WIDTHS)), np.int64)
    at = 0
    for field, width in enumerate(_WIDTHS):
        values = np.broadcast_to(given.get(field, 0), len(mmsi)).astype(np.int64)
        bits[:, at : at + width] = values[:, None] >> np.arange(width)[::-1] & 1
        at += width
    six = bits.reshape(len(mmsi), sum(_WIDTHS) // 6, 6) @ (1 << np.arange(6)[::-1])
    payload = (six + np.where(six < 40, 48, 56)).astype(np.uint8)
    fixed = np.bitwise_xor.reduce(np.frombuffer((_HEAD + _TAIL)[1:-1], np.uint8))
    sums = (np.bitwise_xor.reduce(payload, axis=1) ^ fixed).tolist()
    return [
        _HEAD + own.tobytes() + _TAIL + b"%02X" % checked
        for own, checked in zip(payload, sums, strict=True)
    ]


def static(mmsi: int, name: str, ship_type: int) -> list[bytes]:
    """The two sentences of a message of type 5."""
    fields = {"type": 5, "mmsi": mmsi, "shipname": name, "ship_type": ship_type}
    return [part.encode() for part in pyais.encode_dict(fields, seq_id=mmsi % 10)]
