"""AIS payloads (ITU-R M.1371-5) decoded by pyais, the reference of the faster path."""

from __future__ import annotations

from typing import Any

import pyais
from pyais.exceptions import AISBaseException

# Six-bit text and fill bits of each part, in order.
Payload = tuple[tuple[bytes, int], ...]
Identity = tuple[int, str | None, str | None, int, int, float, float, str | None]
RawFix = tuple[int, int, int, int, int, int, int, int, int, int]

LONG_RANGE = 27
POSITIONS = frozenset({1, 2, 3, 18, 19, LONG_RANGE})
STATICS = frozenset({5, 19, 24})
OTHER_KINDS = {4: "base_station", 11: "base_station", 9: "sar_aircraft", 21: "aid_to_navigation"}
# Bits up to the field behind the last one that a fix needs; a message may be longer by its radio
# state.
_NEEDED_BITS = {1: 149, 2: 149, 3: 149, 18: 139, 19: 139, LONG_RANGE: 95}
_FULL_BITS = {1: 168, 2: 168, 3: 168, 18: 168}
_MINUTE_PARTS = 600_000
_NO_LON, _NO_SPEED, _NO_COURSE, _NO_HEADING, _NO_SECOND = 181 * _MINUTE_PARTS, 1023, 3600, 511, 60


class PayloadError(ValueError):
    """A payload that can't be decoded; says why."""


def decode(payload: Payload) -> Any:
    """Decode one message.

    Parameters
    ----------
    payload : text and fill bits of each part, in order.

    Returns
    -------
    pyais' message object.

    Raises
    ------
    PayloadError
        for unknown types, messages cut short, and lengths that the type can't have.
    """
    total = len(payload)
    sentences = [
        b"!AIVDM,%d,%d,,A,%s,%d*00" % (total, number, text, fill)
        for number, (text, fill) in enumerate(payload, 1)
    ]
    try:
        message = pyais.decode(*sentences)
    except (
        AISBaseException,
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        OverflowError,
    ) as failure:
        raise PayloadError(f"{type(failure).__name__}: {failure}"[:300]) from failure
    if message.mmsi is None:
        raise PayloadError("cut short before the MMSI ends")
    kind, size = int(message.msg_type), bits(payload)
    if size < _NEEDED_BITS.get(kind, 0):
        raise PayloadError(f"type {kind} needs {_NEEDED_BITS[kind]} bits, has {size}")
    if size > _FULL_BITS.get(kind, size):
        raise PayloadError(f"type {kind} has {_FULL_BITS[kind]} bits, not {size}")
    if kind in STATICS and not _is_whole_static(message, kind):
        raise PayloadError(f"static message of type {kind} is cut short at {size} bits")
    return message


def bits(payload: Payload) -> int:
    """Length of a message in bits, without padding."""
    return sum(6 * len(text) for text, _ in payload) - payload[-1][1]


def fix_of(message: Any) -> RawFix:
    """Position fields in the units of type 1 (1/600000 degree, 0.1 kn, 0.1°) with its sentinels.

    pyais rounds degrees to 6 decimals, which still names each 1/600000 degree uniquely.
    """
    kind = int(message.msg_type)
    speed, course = round(message.speed * 10), round(message.course * 10)
    heading, second, nav = _NO_HEADING, _NO_SECOND, 15
    if kind == LONG_RANGE:
        speed = _NO_SPEED if message.speed >= 63 else speed
        course = _NO_COURSE if message.course >= 360 else course
    else:
        heading, second = int(message.heading), int(message.second)
    if kind not in (18, 19):
        nav = int(message.status)
    lon, lat = round(message.lon * _MINUTE_PARTS), round(message.lat * _MINUTE_PARTS)
    accuracy = int(message.accuracy)
    return (int(message.mmsi), nav, speed, accuracy, lon, lat, course, heading, second, kind)


def identity_of(message: Any) -> Identity:
    """MMSI, name, call sign, IMO number, ship type, length and width in m, destination; as sent."""
    kind = int(message.msg_type)

    def get(name: str, missing: int) -> int:
        return int(getattr(message, name, None) or missing)

    length = float(get("to_bow", 0) + get("to_stern", 0)) or float("nan")
    width = float(get("to_port", 0) + get("to_starboard", 0)) or float("nan")
    has_name = kind in (5, 19) or getattr(message, "partno", None) == 0
    return (
        int(message.mmsi),
        (message.shipname or "") if has_name else None,
        getattr(message, "callsign", None),
        int(get("imo", 0)) if kind == 5 else 0,
        int(get("ship_type", 0)),
        length,
        width,
        message.destination if kind == 5 else None,
    )


def _is_whole_static(message: Any, kind: int) -> bool:
    if kind == 24:
        last = "shipname" if message.partno == 0 else "callsign"
        return message.partno in (0, 1) and getattr(message, last, None) is not None
    return getattr(message, "destination" if kind == 5 else "shipname") is not None
