"""Streams of JT/T 808 that no terminal should send, made by mutating those that some do.

``python -m tests.fuzz.jt808 --seconds 600`` makes them until the time is up and says how many; the
suite makes a few, always the same. What breaks a law is written down as hex, with its seed.
"""

from __future__ import annotations

import argparse
import logging
import random
import time
from collections import Counter

import structlog

from ingest.decoders.jt808_fixes import FixDecoder
from ingest.decoders.jt808_frame import DELIMITER, Frame, FrameCutter, pack, read_frame
from ingest.decoders.jt808_messages import MessageError, read_items
from ingest.sources.terminal_codes import Codes
from ingest.sources.terminal_session import Entrance, Heard, Limits, Session
from layers.feeds import Reject
from tests.ingest.jt808_frames import PUBLIC, Terminal, location, locations, public

CODES = Codes(b"fuzz")
LIMITS = Limits(garbage_bytes=2_000, parts_bytes=4_096, parts_s=5.0)
DECODER = FixDecoder("GCJ-02")
SPECIAL = [b"\x7e", b"\x7d", b"\x7d\x01", b"\x7d\x02", b"\x7e\x7e", b"\0", b"\xff"]
_SECONDS_A_STEP = 7.0


def corpus() -> list[bytes]:
    """Frames that are right: public ones and our own, in both framings."""
    found = [public(name) for name in PUBLIC]
    for version in (None, 1):
        truck = Terminal(version=version)
        code = CODES.of("13800000001")
        found += [
            truck.register(), truck.authenticate(code), truck.locate(),
            truck.frame(0x0704, locations(location(), location(alarm=0x170, state=0x30B))),
            truck.frame(0x0002), truck.frame(0x0003), truck.frame(0x0201, b"\0\1" + location()),
            truck.locate(location(items=bytes.fromhex("0104000000640202003731010c"))),
        ]  # fmt: skip
        found += [
            truck.frame(0x0704, part, parts=2, part=number)
            for number, part in enumerate((locations(location())[:9], locations(location())[9:]), 1)
        ]
    return found


def stream(rng: random.Random, seeds: list[bytes]) -> bytes:
    """Make a stream of some frames, most of them damaged in some way."""
    return b"".join(_mutated(rng, rng.choice(seeds)) for _ in range(rng.randint(1, 12)))


def _mutated(rng: random.Random, frame: bytes) -> bytes:
    how = rng.randrange(7)
    if how <= 1:
        return frame
    if how == 2:
        # Fields change and the check byte fits: this reaches the bodies.
        return _repacked(rng, frame)
    data = bytearray(frame)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        if how == 3 and at < len(data):
            data[at] = rng.randrange(256)
        elif how == 4:
            data[at:at] = rng.choice(SPECIAL) * rng.choice((1, 1, 1, 50, 3000))
        elif how == 5:
            del data[at : at + rng.randint(1, 20)]
        else:
            data[at:at] = data[: rng.randrange(len(data) + 1)]
    return bytes(data[:20_000])


def _repacked(rng: random.Random, frame: bytes) -> bytes:
    read = read_frame(frame[1:-1])
    body = bytearray(read.body)
    for _ in range(rng.randint(0, 3)):
        at = rng.randrange(len(body) + 1)
        if rng.random() < 0.5 and at < len(body):
            body[at] = rng.choice((0, 1, 0x7D, 0x7E, 0xFF, rng.randrange(256)))
        elif rng.random() < 0.5:
            del body[at:]
        else:
            body[at:at] = rng.randbytes(rng.randint(1, 60))
    parts = rng.choice((0, 0, 0, 1, 2, 3, 0xFFFF))
    changed = read._replace(
        body=bytes(body[:1023]),
        id=rng.choice((read.id, 0x0100, 0x0102, 0x0200, 0x0704, rng.randrange(0x10000))),
        serial=rng.randrange(0x10000),
        parts=parts,
        part=rng.randint(1, parts) if parts else 0,
        encryption=rng.choice((0, 0, 0, 0, 1, 7)),
    )
    return pack(changed)


def check(data: bytes, rng: random.Random) -> Counter[str]:
    """Check every law on one stream; what came of it, by kind."""
    whole = _cut(data, [])
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randint(0, 6)))
    assert _cut(data, cuts) == whole, "the cut of the stream changes what is read"
    frames, rejects = whole
    pieces = [piece for piece in data.split(DELIMITER) if piece]
    assert len(frames) + len(rejects) == len(pieces), "a piece is neither read nor refused"
    for frame in frames:
        assert read_frame(pack(frame)[1:-1], frame.offset) == frame, "packed it is another frame"
    told: Counter[str] = Counter(frames=len(frames), refused=len(rejects))
    for entrance in (Entrance(CODES), Entrance(CODES, open=True)):
        told += _converse(data, cuts, entrance)
    return told


def _cut(data: bytes, cuts: list[int]) -> tuple[list[Frame], list[Reject]]:
    cutter = FrameCutter("peer")
    frames: list[Frame] = []
    rejects: list[Reject] = []
    for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True):
        more, refused = cutter.feed(data[a:b])
        frames += more
        rejects += refused
    return frames, rejects + cutter.close()


def _converse(data: bytes, cuts: list[int], entrance: Entrance) -> Counter[str]:
    session, now_s, total = Session("peer", entrance, LIMITS, 0.0), 0.0, Heard()
    for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True):
        now_s += _SECONDS_A_STEP
        for heard in (session.receive(data[a:b], now_s, 1_772_337_600_000), session.sweep(now_s)):
            total.add(heard)
            total.answers += heard.answers + heard.later
            answers, wrong = FrameCutter("us").feed(b"".join(heard.answers + heard.later))
            assert not wrong, "an answer is no frame"
            assert len(answers) == len(heard.answers + heard.later)
        assert session.held_bytes <= LIMITS.parts_bytes + LIMITS.frame_bytes, "parts pile up"
    total.add(session.close())
    batch = DECODER.decode(total.reports)
    assert batch.tally.read == len(total.reports) == batch.fixes.num_rows + len(batch.rejects)
    assert all(-180 <= lon <= 180 for lon in batch.fixes["lon"].to_pylist())
    assert all(reject.detail for reject in batch.rejects + total.rejects)
    for report in total.reports:
        try:
            read_items(report.body[28:])
        except MessageError:
            continue
    return Counter(fixes=batch.fixes.num_rows, answers=len(total.answers))


def fuzz(seed: int, *, rounds: int | None = None, seconds: float | None = None) -> Counter[str]:
    """Make and check streams until one of the bounds is reached.

    Raises
    ------
    AssertionError
        with the seed and the stream that breaks a law.
    """
    rng, seeds, told = random.Random(seed), corpus(), Counter[str]()
    until = None if seconds is None else time.monotonic() + seconds
    while (rounds is None or told["streams"] < rounds) and (
        until is None or time.monotonic() < until
    ):
        data = stream(rng, seeds)
        try:
            told += check(data, rng)
        except Exception as failure:
            where = f"seed {seed}, stream {told['streams']}: {data.hex()}"
            raise AssertionError(f"{failure!r}; {where}") from failure
        told["streams"] += 1
        told["bytes"] += len(data)
    return told


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    counts = fuzz(given.seed, seconds=given.seconds)
    print(f"seed {given.seed}: " + ", ".join(f"{n:,} {kind}" for kind, n in counts.items()))
