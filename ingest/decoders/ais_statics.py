"""Identities out of AIS payloads, whole columns at once.

Type 5 of 424 bits and type 24 of 160 or 168 bits (ITU-R M.1371-5, annex 8) are nearly all static
messages that are sent; those of other lengths, and other types, come from pyais.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from pyais.constants import ShipType

from ingest.decoders.ais_payload import Identity

VOYAGE_CHARACTERS, VOYAGE_FILL = 71, 2
CLASS_B_CHARACTERS = 28
SHORT_CHARACTERS, SHORT_FILL = 27, 2
VOYAGE_TYPE, CLASS_B_TYPE = ord("5"), ord("H")  # first character of types 5 and 24
Bits = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

_PART_CHARACTER = 6
_WEIGHTS = 1 << np.arange(5, -1, -1, dtype=np.uint8)
_LETTERS = np.frombuffer(bytes([*range(64, 96), *range(32, 64)]), np.uint8)
# Types that the standard does not know count as pyais has them.
_SHIP_TYPES = np.array([int(ShipType.from_value(code) or 0) for code in range(256)], np.int64)
_AUXILIARY_CRAFT = 98  # their type 24 B names the mother ship where others have their size
_MMSI_A_PREFIX = 10_000_000


def is_class_b(payload: bytes, fill: int) -> bool:
    """Whether a message is a type 24 that `class_b_identities` reads.

    Part A has 160 bits by the standard, and 168 by the habit of most transponders.
    """
    if payload[0] != CLASS_B_TYPE:
        return False
    if len(payload) == SHORT_CHARACTERS:
        return fill == SHORT_FILL and _part(payload) == 0
    return len(payload) == CLASS_B_CHARACTERS and fill == 0 and _part(payload) < 2


def full_class_b(payload: bytes) -> bytes:
    """The same message with 28 characters."""
    return payload.ljust(CLASS_B_CHARACTERS, b"0")


def voyage_identities(payloads: list[bytes]) -> list[Identity]:
    """Identities of messages of type 5, each of 71 characters and 2 fill bits."""
    if not payloads:
        return []
    bits = _bits(payloads, VOYAGE_CHARACTERS)
    length = _number(bits, 240, 9) + _number(bits, 249, 9)
    width = _number(bits, 258, 6) + _number(bits, 264, 6)
    columns = (
        _number(bits, 8, 30).tolist(), _texts(bits, 112, 120), _texts(bits, 70, 42),
        _number(bits, 40, 30).tolist(), _SHIP_TYPES[_number(bits, 232, 8)].tolist(),
        _metres(length), _metres(width), _texts(bits, 302, 120),
    )  # fmt: skip
    return list(zip(*columns, strict=True))


def class_b_identities(payloads: list[bytes]) -> list[Identity]:
    """Identities of parts A and B of type 24, each of 28 characters."""
    if not payloads:
        return []
    bits = _bits(payloads, CLASS_B_CHARACTERS)
    mmsi, part_b = _number(bits, 8, 30), _number(bits, 38, 2) == 1
    sized = part_b & (mmsi // _MMSI_A_PREFIX != _AUXILIARY_CRAFT)
    length = np.where(sized, _number(bits, 132, 9) + _number(bits, 141, 9), 0)
    width = np.where(sized, _number(bits, 150, 6) + _number(bits, 156, 6), 0)
    columns = (
        mmsi.tolist(), _where(~part_b, _texts(bits, 40, 120)),
        _where(part_b, _texts(bits, 90, 42)), [0] * len(payloads),
        np.where(part_b, _number(bits, 40, 8), 0).tolist(),
        _metres(length), _metres(width), [None] * len(payloads),
    )  # fmt: skip
    return list(zip(*columns, strict=True))


def _part(payload: bytes) -> int:
    code = payload[_PART_CHARACTER] - 48
    code -= 8 if code > 40 else 0
    return code >> 2 & 3


def _bits(payloads: list[bytes], characters: int) -> Bits:
    codes = np.frombuffer(b"".join(payloads), np.uint8).reshape(-1, characters) - np.uint8(48)
    six = codes - np.where(codes > 40, 8, 0).astype(np.uint8)
    return np.unpackbits(six[:, :, None], axis=2)[:, :, 2:].reshape(len(payloads), -1)


def _number(bits: Bits, start: int, width: int) -> Ints:
    weights = 1 << np.arange(width - 1, -1, -1, dtype=np.int64)
    return np.asarray(bits[:, start : start + width] @ weights, np.int64)


def _texts(bits: Bits, start: int, width: int) -> list[str]:
    codes = bits[:, start : start + width].reshape(len(bits), -1, 6) @ _WEIGHTS
    size = width // 6
    letters = _LETTERS[codes].tobytes().decode("ascii")
    return [
        letters[at : at + size].rstrip("@").strip() for at in range(0, len(letters), size)
    ]  # as pyais strips them


def _metres(sizes: Ints) -> list[float]:
    return [float(size) if size > 0 else math.nan for size in sizes.tolist()]


def _where(known: npt.NDArray[np.bool_], texts: list[str]) -> list[str | None]:
    return [text if yes else None for yes, text in zip(known.tolist(), texts, strict=True)]
