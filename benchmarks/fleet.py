"""Truck terminals that speak to a server, in a process of their own.

``python -m benchmarks.fleet PORT TERMINALS SECONDS`` registers them, lets each send a location a
second and prints what became of these as JSON.
"""

from __future__ import annotations

import asyncio
import json
import resource
import struct
import sys
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import cast

import numpy as np
import uvloop

from ingest.decoders.jt808_frame import Frame, FrameCutter, pack
from ingest.decoders.jt808_messages import Message

LON, LAT = -75.1, -42.5
SPREAD_DEG = 0.25
_ZONE = timezone(timedelta(hours=8))
_LOGINS_AT_ONCE = 200
_DRAIN_S = 60
_TICK_S = 0.005
_LOCATED_SOUTH_WEST = 0b1111


class Truck(asyncio.Protocol):
    """One terminal.

    Attributes
    ----------
    sent, answered : seconds by serial number of each location.
    refused : locations that were answered otherwise than with success.
    """

    transport: asyncio.Transport

    def __init__(self, number: int) -> None:
        self.phone, self.plate = f"{13_000_000_000 + number:012d}", f"T{number:06d}"
        self.sent: dict[int, float] = {}
        self.answered: dict[int, float] = {}
        self.refused = 0
        self.ready = asyncio.get_running_loop().create_future()
        self.frames: list[bytes] = []
        self._cutter = FrameCutter("server")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        texts = b"BENCH".ljust(5, b"\0") + b"M".ljust(20, b"\0") + b"ID".ljust(7, b"\0")
        body = bytes(4) + texts + b"\1" + self.plate.encode()
        self.transport.write(pack(Frame(Message.REGISTER, self.phone, 0, body)))

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        for frame in self._cutter.feed(data)[0]:
            if frame.id == 0x8100:
                code = frame.body[3:]
                self.transport.write(pack(Frame(Message.AUTHENTICATE, self.phone, 1, code)))
                continue
            serial, message, result = struct.unpack(">HHB", frame.body)
            self.refused += result != 0
            if message == Message.AUTHENTICATE:
                self.ready.set_result(None)
            else:
                self.answered[serial] = now

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionError("hung up"))

    def prepare(self, start: datetime, seconds: int, rng: np.random.Generator) -> None:
        """Make all frames beforehand, so that making them takes nothing from the measurement."""
        east, north = rng.random(2) * SPREAD_DEG
        for second in range(seconds):
            x, y = round(-(LON + east) * 1e6) - 10 * second, round(-(LAT + north) * 1e6)
            at = (start + timedelta(seconds=second)).astimezone(_ZONE)
            body = struct.pack(">IIIIHHH", 0, _LOCATED_SOUTH_WEST, y, x, 5, 360, 270)
            body += bytes.fromhex(f"{at:%y%m%d%H%M%S}") + b"\1\4" + struct.pack(">I", second)
            body += b"\x30\1\x1f\x31\1\x0c"
            self.frames.append(pack(Frame(Message.LOCATION, self.phone, 2 + second, body)))

    def send(self, second: int) -> None:
        """Send the location of a second."""
        self.sent[2 + second] = time.perf_counter()
        self.transport.write(self.frames[second])


async def play(port: int, terminals: int, seconds: int) -> dict[str, float]:
    """Play the fleet; what became of its locations."""
    loop, rng = asyncio.get_running_loop(), np.random.default_rng(1)
    trucks = [Truck(number) for number in range(terminals)]
    for first in range(0, terminals, _LOGINS_AT_ONCE):
        some = trucks[first : first + _LOGINS_AT_ONCE]
        for truck in some:
            await loop.create_connection(lambda truck=truck: truck, "127.0.0.1", port)
        await asyncio.gather(*(truck.ready for truck in some))
    for truck in trucks:
        truck.prepare(datetime.now(UTC), seconds, rng)
    start, done, total = time.perf_counter(), 0, terminals * seconds
    behind = 0.0
    while done < total:
        due = min(total, int((time.perf_counter() - start) * terminals))
        for number in range(done, due):
            trucks[number % terminals].send(number // terminals)
        done = due
        await asyncio.sleep(_TICK_S)
        behind = max(behind, time.perf_counter() - start - done / terminals)
    until = time.perf_counter() + _DRAIN_S
    while time.perf_counter() < until and any(len(t.answered) < len(t.sent) for t in trucks):
        await asyncio.sleep(0.1)
    late = np.array(
        [t.answered[serial] - at for t in trucks for serial, at in t.sent.items()
         if serial in t.answered]
    )  # fmt: skip
    return {
        "sent": sum(len(truck.sent) for truck in trucks),
        "answered": len(late),
        "refused": sum(truck.refused for truck in trucks),
        "sender_behind_s": behind,
        "lasted_s": time.perf_counter() - start,
        **{f"p{share}_s": float(np.percentile(late, share)) for share in (50, 99, 100)},
    }


def open_files() -> None:
    """Let the process have as many sockets as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    open_files()
    print(json.dumps(uvloop.run(play(*map(int, sys.argv[1:])))))
