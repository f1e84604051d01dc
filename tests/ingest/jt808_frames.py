"""Frames of JT/T 808: worked examples from public repositories, and a terminal that makes its own.

Examples named ``small_chi`` are from SmallChi/JT808 (tests of 0x0100 and 0x0200), ``go`` from
cuteLittleDevil/go-jt808 (parse_test.go, jt808_test.go), ``xtream`` from makeclan/xtream-codec
(codec-utils.ts), ``huabao`` from huabaotelematics.com (JT808 common message parsing).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

from ingest.decoders.jt808_frame import Frame, pack
from ingest.decoders.jt808_messages import Message

PUBLIC = {
    "small_chi_register_2011": (
        "7e01000021000123456789000a002800323132333400746b3132333435004348493132330001d4c141313233"
        "3435857e"
    ),
    "small_chi_register_2013": (
        "7e0100002d000123456789000a002800323132333400736d616c6c6368693132330000000000000000004348"
        "493132330001d4c14131323334358a7e"
    ),
    "small_chi_register_2019": (
        "7e010040540100000000000123456789000a002800323132333400000000000000736d616c6c636869313233"
        "0000000000000000000000000000000000000043484931323300000000000000000000000000000000000000"
        "000000000001d4c1413132333435b27e"
    ),
    "small_chi_location": (
        "7e02000026123456789012007d02000000010000000200ba7f0e07e4f11c0028003c00001810151010100104"
        "000000640202007d01137e"
    ),
    "small_chi_location_of_a_terminal": (
        "7e0200003c0400216820871d0c00000000000c00c2015b6c6e06c85698001e000000e0180916103537010400"
        "054c7d0102020000030200002504000000002b040000000030011d31010d977e"
    ),
    "go_answer": "7e000100050123456789017fff007b01c803bd7e",
    "go_platform_answer": "7e8001000501234567890100007fff0002008e7e",
    "go_register_answer": "7e8100000e01234567890100000000003132333435363738393031377e",
    "go_heartbeat_2013": "7e0002000001234567890100008a7e",
    "go_heartbeat_2019": "7e0002400001000000000172998417380000027e",
    "go_authenticate_2013": "7e0102000b01234567890100003137323939383431373338b57e",
    "go_authenticate_2019": (
        "7e0102402f010000000001729984173800000b31373239393834313733383132333435363738393031323334"
        "35332e372e31350000000000000000000000000000227e"
    ),
    "go_register_2019": (
        "7e0100405301000000000172998417380000001f007363640000000000000000007777772e3830382e636f6d"
        "0000000000000000000000000000000000000037363534333231000000000000000000000000000000000000"
        "000000000001b2e241313233343b7e"
    ),
    "go_location": (
        "7e0200001c0123456789010000000004000000080007203b7d0202633df70138000300632410012359591c7e"
    ),
    "go_locations": (
        "7e0704003f0123456789010000000200001c000004000000080007203b7d0202633df7013800030063241001"
        "235959001c000004000000080007203b7d0202633df7013800030063241001235959b67e"
    ),
    "go_part": "7e0801200500123456789002de001a00022808000102537e",
    "xtream_locations_2019": (
        "7e0704403f01000000000139123443290000000200001c000000010000000101d907f2073d336c029a002100"
        "59241029213903001c000000010000000101d907f3073d336d03090043005a241029213903f87e"
    ),
    "huabao_location": (
        "7e0200005200200260432300a400020000000c00020158b91b06cb7061004600000059210922163758010400"
        "00000103020000250400000001300111310110e30100d51b0220026043232795937861600012200000123427"
        "95937861580012867e"
    ),
    "huabao_authenticate": "7e0102000d002002604325000138333030323030323630343332137e",
}


def public(name: str) -> bytes:
    """Bytes of a worked example."""
    return bytes.fromhex(PUBLIC[name])


ZONE = timezone(timedelta(hours=8))
NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)
LON, LAT = 120.5, 30.25


def location(
    at: datetime = NOON,
    lon: float = LON,
    lat: float = LAT,
    *,
    alarm: int = 0,
    state: int = 0b11,
    speed_kmh: float = 36.0,
    direction: int = 90,
    items: bytes = b"",
) -> bytes:
    """Body of 0x0200."""
    state |= (0b100 if lat < 0 else 0) | (0b1000 if lon < 0 else 0)
    x, y = round(abs(lon) * 1e6), round(abs(lat) * 1e6)
    fixed = struct.pack(">IIIIHHH", alarm, state, y, x, 5, round(speed_kmh * 10), direction)
    return fixed + bytes.fromhex(f"{at.astimezone(ZONE):%y%m%d%H%M%S}") + items


def locations(*bodies: bytes) -> bytes:
    """Body of 0x0704."""
    head = struct.pack(">HB", len(bodies), 1)
    return head + b"".join(struct.pack(">H", len(body)) + body for body in bodies)


@dataclass
class Terminal:
    """Makes the frames of one terminal."""

    phone: str = "013800000001"
    plate: str = "苏A12345"
    version: int | None = None
    serial: int = field(default=-1)

    def frame(self, message: int, body: bytes = b"", **more: int) -> bytes:
        self.serial += 1
        digits = self.phone.zfill(12 if self.version is None else 20)
        return pack(Frame(message, digits, self.serial, body, self.version, **more))

    def register(self) -> bytes:
        maker, model, own = (5, 20, 7) if self.version is None else (11, 30, 30)
        texts = b"MAKER".ljust(maker, b"\0") + b"M1".ljust(model, b"\0") + b"ID1".ljust(own, b"\0")
        body = struct.pack(">HH", 32, 100) + texts + b"\x02" + self.plate.encode("gbk")
        return self.frame(Message.REGISTER, body)

    def authenticate(self, code: str) -> bytes:
        text = code.encode()
        if self.version is not None:
            text = bytes([len(text)]) + text + b"0" * 15 + b"1.0".ljust(20, b"\0")
        return self.frame(Message.AUTHENTICATE, text)

    def locate(self, body: bytes | None = None) -> bytes:
        return self.frame(Message.LOCATION, location() if body is None else body)
