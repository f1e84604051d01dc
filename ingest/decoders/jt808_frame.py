"""JT/T 808 frames: cut from a stream of bytes, and packed.

::

    0x7E | id u16 | attributes u16 | [version u8] | phone BCD | serial u16 | [parts u16, part u16]
         | body | check u8 | 0x7E

Big endian. Attributes: bits 0-9 length of the body, 10-12 encryption (0 none, bit 10 RSA), 13 one
of several parts, 14 framing of 2019 (a version byte and a phone of ten bytes in place of six). The
check byte is the exclusive or of all bytes from the id to the body; within the delimiters 0x7E is
sent as 0x7D 0x02 and 0x7D as 0x7D 0x01.

All of this was verified in public sources: the framing of 2013 with escapes and attributes in a
manufacturer's description (AIPorto/GPS-Tracker-SDK, G10LS_Protocol.md, 1.4), that of 2019 in the
documentation of EMQX's gateway (emqx/emqx, emqx_gateway_jt808, Data_Exchange_Guide_CN.md) and in
worked frames of SmallChi/JT808 and cuteLittleDevil/go-jt808. The standard's own text was not at
hand.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np

from layers.feeds import Reject

FEED = "jt808"
DELIMITER = b"\x7e"
_ESCAPE, _ESCAPED_DELIMITER, _ESCAPED_ESCAPE = b"\x7d", b"\x7d\x02", b"\x7d\x01"
LONGEST_BODY = 0x3FF
_LONGEST_HEADER = 21
# Every byte escaped.
LONGEST_FRAME = 2 * (_LONGEST_HEADER + LONGEST_BODY + 1)
_PARTS, _FRAMING_2019 = 1 << 13, 1 << 14
_ENCRYPTION_SHIFT, _ENCRYPTION = 10, 0b111
_SHORTEST = 4
_PHONE_2013, _PHONE_2019 = 6, 10
_HEAD, _WORD, _TWO_WORDS = struct.Struct(">HH"), struct.Struct(">H"), struct.Struct(">HH")
_WORD_END = 0xFFFF


class Frame(NamedTuple):
    """One frame.

    Attributes
    ----------
    id : of the message, such as 0x0200.
    phone : digits as sent: twelve in the framing of 2013, twenty in that of 2019.
    serial : number of the frame at its sender.
    body : as it was before escaping.
    version : None in the framing of 2013, else the version byte.
    parts, part : number of parts and the 1-based number of this one; 0 where the body is whole.
    encryption : bits 10-12 of the attributes, 0 for none.
    offset : bytes of the connection before the frame.
    """

    id: int
    phone: str
    serial: int
    body: bytes = b""
    version: int | None = None
    parts: int = 0
    part: int = 0
    encryption: int = 0
    offset: int = 0

    @property
    def terminal(self) -> str:
        """Number of the terminal: the phone without leading zeros."""
        return self.phone.lstrip("0") or "0"


class FrameError(ValueError):
    """Why bytes are no frame: reason and detail."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


class FrameCutter:
    """Cut the bytes of one connection into frames; any cut of the stream gives the same.

    What lies between two delimiters is a frame or is refused, whichever delimiter opened it: so a
    lost delimiter costs one frame at most, and terminals that send one delimiter between two frames
    are read too.

    Parameters
    ----------
    sender : name of the connection, for the rejects.
    longest : bytes between two delimiters from which on the rest is dropped and the whole refused.

    Attributes
    ----------
    refused_bytes : refused so far, those that wait for a delimiter beyond the bound included.
    """

    def __init__(self, sender: str, longest: int = LONGEST_FRAME) -> None:
        self.sender, self.longest = sender, longest
        self.refused_bytes = 0
        self._rest, self._offset, self._dropped, self._opened = b"", 0, 0, False

    def feed(self, data: bytes) -> tuple[list[Frame], list[Reject]]:
        """Return what these bytes complete: frames, and what is none."""
        *pieces, rest = (self._rest + data).split(DELIMITER)
        frames: list[Frame] = []
        rejects: list[Reject] = []
        for piece in pieces:
            self._piece(piece, frames, rejects)
            self._offset += len(piece) + self._dropped + 1
            self._dropped, self._opened = 0, True
        over = len(rest) - self.longest
        if over > 0:
            self._dropped += over
            self.refused_bytes += over
            rest = rest[: self.longest]
        self._rest = rest
        return frames, rejects

    def close(self) -> list[Reject]:
        """Return what the end of the connection left without a delimiter."""
        rest, self._rest = self._rest, b""
        if not rest:
            return []
        return [self._refuse(rest, FrameError("truncated", "the connection ended in a frame"))]

    def _piece(self, piece: bytes, frames: list[Frame], rejects: list[Reject]) -> None:
        if not piece:
            return
        try:
            if self._dropped or len(piece) > self.longest:
                found = len(piece) + self._dropped
                raise FrameError("too_long", f"{found:,} bytes, expected {self.longest:,} at most")
            if not self._opened:
                raise FrameError("no_delimiter", "bytes before the first delimiter")
            frames.append(read_frame(piece, self._offset))
        except FrameError as failure:
            rejects.append(self._refuse(piece, failure))

    def _refuse(self, piece: bytes, failure: FrameError) -> Reject:
        piece = piece[: self.longest]
        self.refused_bytes += len(piece)
        detail = f"byte {self._offset}: {failure.detail}"
        return Reject(FEED, self.sender, 0, "", failure.reason, detail, piece.hex())


def read_frame(escaped: bytes, offset: int = 0) -> Frame:
    """Read what stands between two delimiters.

    Raises
    ------
    FrameError
        where it is no frame.
    """
    content = _unescape(escaped)
    if len(content) <= _SHORTEST:
        raise FrameError("too_short", f"{len(content)} bytes are no header")
    check = int(np.bitwise_xor.reduce(np.frombuffer(content, np.uint8)))
    if check:
        found = content[-1]
        raise FrameError("bad_checksum", f"found 0x{found:02x}, expected 0x{check ^ found:02x}")
    id, attributes = _HEAD.unpack_from(content)
    at, version = 4, None
    if attributes & _FRAMING_2019:
        at, version = 5, content[4]
    digits = _PHONE_2013 if version is None else _PHONE_2019
    body_at = at + digits + 2 + (4 if attributes & _PARTS else 0)
    expected = body_at + (attributes & LONGEST_BODY) + 1
    if len(content) != expected:
        raise FrameError("bad_length", f"found {len(content)} bytes, expected {expected}")
    phone = content[at : at + digits].hex()
    if not phone.isdecimal():
        raise FrameError("bad_phone", f"found {phone}, expected decimal digits")
    serial = _WORD.unpack_from(content, at + digits)[0]
    parts, part = 0, 0
    if attributes & _PARTS:
        parts, part = _TWO_WORDS.unpack_from(content, at + digits + 2)
        if not 1 <= part <= parts:
            raise FrameError("bad_part", f"part {part} of {parts}")
    encryption = attributes >> _ENCRYPTION_SHIFT & _ENCRYPTION
    body = content[body_at:-1]
    return Frame(id, phone, serial, body, version, parts, part, encryption, offset)


def pack(frame: Frame) -> bytes:
    """Pack a frame with its delimiters.

    Raises
    ------
    FrameError
        where the body is too long for one frame, or the phone is none of its framing.
    """
    digits = 2 * (_PHONE_2013 if frame.version is None else _PHONE_2019)
    if len(frame.body) > LONGEST_BODY:
        raise FrameError("too_long", f"a body of {len(frame.body)} bytes, expected {LONGEST_BODY}")
    if len(frame.phone) != digits or not frame.phone.isdecimal() or not frame.phone.isascii():
        raise FrameError("bad_phone", f"found {frame.phone!r}, expected {digits} digits")
    attributes = len(frame.body) | frame.encryption << _ENCRYPTION_SHIFT
    attributes |= _PARTS if frame.parts else 0
    attributes |= 0 if frame.version is None else _FRAMING_2019
    head = _HEAD.pack(frame.id, attributes)
    version = b"" if frame.version is None else bytes([frame.version])
    place = _TWO_WORDS.pack(frame.parts, frame.part) if frame.parts else b""
    serial = _WORD.pack(frame.serial & _WORD_END)
    content = b"".join((head, version, bytes.fromhex(frame.phone), serial, place, frame.body))
    check = int(np.bitwise_xor.reduce(np.frombuffer(content, np.uint8)))
    escaped = (content + bytes([check])).replace(_ESCAPE, _ESCAPED_ESCAPE)
    return DELIMITER + escaped.replace(DELIMITER, _ESCAPED_DELIMITER) + DELIMITER


def _unescape(escaped: bytes) -> bytes:
    marks = escaped.count(_ESCAPE)
    if not marks:
        return escaped
    if marks != escaped.count(_ESCAPED_DELIMITER) + escaped.count(_ESCAPED_ESCAPE):
        raise FrameError("bad_escape", "0x7d is followed neither by 0x01 nor by 0x02")
    return escaped.replace(_ESCAPED_DELIMITER, DELIMITER).replace(_ESCAPED_ESCAPE, _ESCAPE)
