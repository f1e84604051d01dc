"""NMEA 0183 sentences of AIS, written for many messages at once.

Bits, six-bit armour, checksums and tag blocks after ITU-R M.1371-5 and IEC 61162-1 (the armour and
the tag blocks as gpsd's *AIVDM/AIVDO protocol decoding* describes them). Everything is a matrix of
bytes with one row per message, so that a city's day of sentences takes seconds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Field = tuple[int | Ints | Bytes, int]

_HEX = np.frombuffer(b"0123456789ABCDEF", np.uint8)
_SIX = np.array([32, 16, 8, 4, 2, 1], np.uint8)
_CHUNK = 65_536


def text_bits(words: Sequence[str], characters: int) -> Bytes:
    """Write words in AIS six-bit ASCII, padded with ``@``.

    Parameters
    ----------
    words : ASCII, cut to ``characters``; lower case becomes upper case.

    Returns
    -------
    Bits, shape (n, 6 × characters).
    """
    padded = [word.upper()[:characters].ljust(characters, "@") for word in words]
    letters = np.frombuffer("".join(padded).encode("ascii"), np.uint8)
    codes = np.bitwise_and(letters, np.uint8(63))
    return np.unpackbits(codes.reshape(-1, characters, 1), axis=2)[:, :, 2:].reshape(len(words), -1)


def pack(fields: Sequence[Field], count: int) -> Bytes:
    """Lay fields side by side as bits, most significant first; two's complement below zero.

    Parameters
    ----------
    fields : (value, width in bits); a value is one number for all, shape (n,), or bits of shape
        (n, width).
    count : number of messages.

    Returns
    -------
    Bits, shape (count, sum of widths).
    """
    bits = np.zeros((count, sum(width for _, width in fields)), np.uint8)
    at = 0
    for value, width in fields:
        part = bits[:, at : at + width]
        if isinstance(value, np.ndarray) and value.ndim == 2:
            part[:] = value
        else:
            shifts = np.arange(width - 1, -1, -1, dtype=np.int64)
            column = np.asarray(value, np.int64).reshape(-1, 1)
            part[:] = (column >> shifts) & 1
        at += width
    return bits


def armour(bits: Bytes) -> tuple[Bytes, int]:
    """Turn bits into payload characters.

    Returns
    -------
    Characters of shape (n, k), and the number of fill bits (0 to 5) that the last one carries.
    """
    fill = -bits.shape[1] % 6
    padded = np.pad(bits, ((0, 0), (0, fill)))
    codes = padded.reshape(len(bits), -1, 6) @ _SIX
    return (codes + np.where(codes < 40, 48, 56)).astype(np.uint8), fill


def digits(values: Ints, width: int) -> Bytes:
    """Decimal digits with leading zeros, shape (n, width)."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return (values[:, None] // powers % 10 + 48).astype(np.uint8)


def columns(count: int, *pieces: bytes | Bytes) -> Bytes:
    """Set pieces side by side: bytes are the same in every row, matrices differ by row."""
    parts = [
        np.broadcast_to(np.frombuffer(piece, np.uint8), (count, len(piece)))
        if isinstance(piece, bytes)
        else piece
        for piece in pieces
    ]
    return np.concatenate(parts, axis=1)


def checksums(body: Bytes) -> Bytes:
    """The XOR of each row as two hexadecimal characters, shape (n, 2)."""
    total = np.bitwise_xor.reduce(body, axis=1)
    return np.column_stack((_HEX[total >> 4], _HEX[total & 15]))


def tag_block(received: Ints, station: str, group: bytes | Bytes = b"") -> Bytes:
    r"""Tag blocks ``\s:station,c:unixtime*hh\``, one per message.

    Parameters
    ----------
    received : Unix seconds of the receiver's clock, shape (n,).
    group : what comes before the station, such as ``g:1-2-1234,`` for each message.
    """
    count = len(received)
    fixed = b"s:" + station.encode("ascii") + b",c:"
    body = columns(count, group, fixed, digits(received, 10))
    return columns(count, b"\\", body, b"*", checksums(body), b"\\")


def lines(matrix: Bytes) -> list[bytes]:
    """The rows of a matrix as byte strings."""
    width = matrix.shape[1]
    flat = np.ascontiguousarray(matrix).view(f"S{width}").ravel()
    rows: list[bytes] = flat.tolist()
    return rows


def single(bits: Bytes, channel: Bytes, received: Ints, station: str) -> list[bytes]:
    """One sentence per message, with its tag block.

    Parameters
    ----------
    bits : shape (n, length).
    channel : ``A`` or ``B`` as bytes, shape (n, 1).
    received : Unix seconds, shape (n,).
    """
    out: list[bytes] = []
    for start in range(0, len(bits), _CHUNK):
        part = slice(start, start + _CHUNK)
        payload, fill = armour(bits[part])
        count = len(payload)
        body = columns(count, b"AIVDM,1,1,,", channel[part], b",", payload, b",%d" % fill)
        tags = tag_block(received[part], station)
        out += lines(columns(count, tags, b"!", body, b"*", checksums(body), b"\r\n"))
    return out


def double(
    bits: Bytes, channel: Bytes, received: Ints, station: str, sequence: Ints, *, grouped: bool
) -> tuple[list[bytes], list[bytes]]:
    r"""Two sentences per message.

    Parameters
    ----------
    sequence : running numbers that tie the two parts together; the sentences have their last digit.
    grouped : whether the tag blocks carry ``g:`` groups; then only the first part tells station and
        time.
    """
    payload, fill = armour(bits)
    count, cut = len(payload), 60
    order = digits(sequence % 10, 1)
    parts: list[list[bytes]] = []
    for number, piece in enumerate((payload[:, :cut], payload[:, cut:]), start=1):
        end = b",%d" % (fill if number == 2 else 0)
        body = columns(count, b"AIVDM,2,%d," % number, order, b",", channel, b",", piece, end)
        group = columns(count, b"g:%d-2-" % number, digits(sequence % 9000 + 1000, 4))
        if not grouped:
            tags = tag_block(received, station)
        elif number == 1:
            tags = tag_block(received, station, columns(count, group, b","))
        else:
            tags = columns(count, b"\\", group, b"*", checksums(group), b"\\")
        parts.append(lines(columns(count, tags, b"!", body, b"*", checksums(body), b"\r\n")))
    return parts[0], parts[1]
