"""Bodies of JT/T 808 messages.

Verified in public sources: ids, field widths of 2013 and 2019 and the results of answers in the
documentation of EMQX's gateway (emqx/emqx, emqx_gateway_jt808, Data_Exchange_Guide_CN.md) and in a
manufacturer's description (AIPorto/GPS-Tracker-SDK, G10LS_Protocol.md, which has the layout of 2011
too); bits of alarm and state in cuteLittleDevil/go-jt808 (t_0x0200_location_item.go); additional
items in both, and in worked frames of SmallChi/JT808. Texts are GBK (G10LS_Protocol.md, 1.2).

From memory, unverified: fuel counts tenths of a litre, the recorder's speed tenths of km/h, and
where the plate's colour is 0 the vehicle's identification number stands in place of the plate.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from ingest.decoders.jt808_frame import Frame

LOCATION_BYTES = 28
_REGISTER_2011, _REGISTER_2013, _REGISTER_2019 = (5, 8, 7), (5, 20, 7), (11, 30, 30)
_SHORTEST_2013 = 4 + sum(_REGISTER_2013) + 1
_LONGEST_PLATE = 17  # a vehicle identification number
_PLATFORM_ANSWER, _REGISTER_ANSWER, _RESEND = 0x8001, 0x8100, 0x8003
_MOST_RESENT = 255
_KMH = 3.6


class Message(IntEnum):
    """Messages of terminals that are understood."""

    ANSWER = 0x0001
    HEARTBEAT = 0x0002
    UNREGISTER = 0x0003
    REGISTER = 0x0100
    AUTHENTICATE = 0x0102
    LOCATION = 0x0200
    LOCATION_ANSWER = 0x0201
    LOCATIONS = 0x0704


class Result(IntEnum):
    """What the platform answers with 0x8001."""

    DONE = 0
    FAILED = 1
    WRONG_MESSAGE = 2
    NOT_SUPPORTED = 3


class RegisterResult(IntEnum):
    """What the platform answers to a registration with 0x8100."""

    DONE = 0
    NO_SUCH_VEHICLE = 2
    NO_SUCH_TERMINAL = 4


class MessageError(ValueError):
    """A body that is not what its message should be: field and detail."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field, self.detail = field, detail


@dataclass(frozen=True)
class Registration:
    """Who a terminal says that it is (0x0100).

    Attributes
    ----------
    province, city : GB/T 2260 codes: first two and last four digits; 0 where not given.
    maker, model, terminal_id : as the maker chose them, padding removed.
    plate_colour : JT/T 415; 0 for a vehicle without a plate.
    plate : number plate, or the vehicle's identification number where it has none.
    """

    province: int
    city: int
    maker: str
    model: str
    terminal_id: str
    plate_colour: int
    plate: str


@dataclass(frozen=True)
class Items:
    """What follows the 28 bytes of a location; None for what was not sent.

    Attributes
    ----------
    mileage_m : odometer (0x01, tenths of a kilometre).
    fuel_l : fuel in the tank (0x02, tenths of a litre).
    recorder_mps : speed by the recorder's own pulses (0x03, tenths of km/h).
    signals : bits of the vehicle's lamps, brake, gear … (0x25).
    strength : of the mobile network (0x30).
    satellites : used for the fix (0x31).
    others : id and content of the items that are not among these, in their order.
    """

    mileage_m: float | None = None
    fuel_l: float | None = None
    recorder_mps: float | None = None
    signals: int | None = None
    strength: int | None = None
    satellites: int | None = None
    others: tuple[tuple[int, bytes], ...] = ()


_KNOWN = {
    0x01: ("mileage_m", 4, 100.0),
    0x02: ("fuel_l", 2, 0.1),
    0x03: ("recorder_mps", 2, 0.1 / _KMH),
    0x25: ("signals", 4, None),
    0x30: ("strength", 1, None),
    0x31: ("satellites", 1, None),
}


def read_registration(frame: Frame) -> Registration:
    """Read 0x0100 in the layout of its framing; a short one of the old framing is of 2011."""
    body, widths = frame.body, _REGISTER_2013
    if frame.version is not None:
        widths = _REGISTER_2019
    elif len(body) < _SHORTEST_2013:
        widths = _REGISTER_2011
    fixed = 4 + sum(widths) + 1
    if len(body) < fixed:
        raise MessageError("", f"found {len(body)} bytes, expected {fixed} at least")
    province, city = struct.unpack_from(">HH", body)
    maker, model, own = (4, 4 + widths[0], 4 + widths[0] + widths[1])
    plate = _text(body[fixed:], "plate")
    if len(plate) > _LONGEST_PLATE or not plate.isprintable():
        raise MessageError("plate", f"found {plate[:40]!r}")
    return Registration(
        province,
        city,
        _text(body[maker:model], "maker"),
        _text(body[model:own], "model"),
        _text(body[own : fixed - 1], "terminal_id"),
        body[fixed - 1],
        plate,
    )


def read_code(frame: Frame) -> str:
    """Read the code of 0x0102; since 2019 its length comes first, and IMEI and version follow."""
    if frame.version is None:
        return _text(frame.body, "code")
    if not frame.body or len(frame.body) < 1 + frame.body[0]:
        raise MessageError("code", f"found {len(frame.body)} bytes, less than the code's length")
    return _text(frame.body[1 : 1 + frame.body[0]], "code")


def locations(frame: Frame) -> tuple[list[bytes], MessageError | None]:
    """Bodies of the locations in 0x0200, 0x0201 or 0x0704, and what is wrong behind them."""
    body = frame.body
    if frame.id == Message.LOCATION:
        return [body], None
    if frame.id == Message.LOCATION_ANSWER:
        short = MessageError("", "expected the serial number of the question")
        return ([body[2:]], None) if len(body) >= 2 else ([], short)
    if len(body) < 3:
        return [], MessageError("count", f"found {len(body)} bytes, expected 3 at least")
    found: list[bytes] = []
    count, at = int.from_bytes(body[:2]), 3
    while at + 2 <= len(body):
        end = at + 2 + int.from_bytes(body[at : at + 2])
        if end > len(body):
            return found, MessageError("length", f"item {len(found) + 1} ends behind the message")
        found.append(body[at + 2 : end])
        at = end
    if at != len(body) or count != len(found):
        told = f"found {len(found)} items and {len(body) - at} bytes, expected {count} items"
        return found, MessageError("count", told)
    return found, None


def read_items(data: bytes) -> Items:
    """Read the additional items of a location, behind its 28 bytes.

    An item of a known id and another length is among the others. The last of several with one id
    counts.

    Raises
    ------
    MessageError
        where an item ends behind the message.
    """
    values: dict[str, float | int] = {}
    others: list[tuple[int, bytes]] = []
    at = 0
    while at < len(data):
        if at + 2 > len(data) or at + 2 + data[at + 1] > len(data):
            raise MessageError("items", f"item 0x{data[at]:02x} ends behind the message")
        id, content = data[at], data[at + 2 : at + 2 + data[at + 1]]
        name, width, scale = _KNOWN.get(id, ("", -1, None))
        if len(content) == width:
            number = int.from_bytes(content)
            values[name] = number if scale is None else number * scale
        else:
            others.append((id, content))
        at += 2 + len(content)
    return Items(**values, others=tuple(others))  # type: ignore[arg-type]


def answer(frame: Frame, result: Result, serial: int) -> Frame:
    """Make the platform's general answer (0x8001), in the framing of the question."""
    body = struct.pack(">HHB", frame.serial, frame.id, result)
    return Frame(_PLATFORM_ANSWER, frame.phone, serial, body, frame.version)


def register_answer(frame: Frame, result: RegisterResult, code: str, serial: int) -> Frame:
    """Make the answer to a registration (0x8100); the code goes with success only."""
    text = code.encode("ascii") if result == RegisterResult.DONE else b""
    body = struct.pack(">HB", frame.serial, result) + text
    return Frame(_REGISTER_ANSWER, frame.phone, serial, body, frame.version)


def resend_question(frame: Frame, missing: list[int], serial: int) -> Frame:
    """Ask for parts of a message again (0x8003).

    Parameters
    ----------
    frame : any part that came.
    missing : numbers of the parts that did not; the first 255 are asked for.
    """
    first = (frame.serial - frame.part + 1) & 0xFFFF
    asked = missing[:_MOST_RESENT]
    count = ">HB" if frame.version is None else ">HH"
    body = struct.pack(count, first, len(asked)) + struct.pack(f">{len(asked)}H", *asked)
    return Frame(_RESEND, frame.phone, serial, body, frame.version)


def _text(data: bytes, field: str) -> str:
    try:
        return data.strip(b"\0 ").decode("gb18030").strip("\0 ")
    except UnicodeDecodeError as failure:
        raise MessageError(field, f"no GBK: {data[:40].hex()}") from failure
