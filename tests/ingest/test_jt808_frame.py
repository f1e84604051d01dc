"""JT/T 808 frames: cut anywhere they are the same; what is none is kept with its place."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.decoders.jt808_frame import (
    LONGEST_BODY,
    LONGEST_FRAME,
    Frame,
    FrameCutter,
    FrameError,
    pack,
)
from layers.feeds import Reject
from tests.ingest.jt808_frames import PUBLIC, public

WORD = st.integers(0, 0xFFFF)
DIGITS = st.text("0123456789", min_size=20, max_size=20)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    version = draw(st.none() | st.integers(0, 255))
    parts = draw(st.integers(0, 0xFFFF))
    return Frame(
        draw(WORD),
        draw(DIGITS)[: 12 if version is None else 20],
        draw(WORD),
        draw(st.binary(max_size=80) | st.sampled_from([b"\x7e", b"\x7d\x7e" * 40, b"\x7d\x01"])),
        version,
        parts,
        draw(st.integers(1, parts)) if parts else 0,
        draw(st.integers(0, 7)),
    )


def cut(data: bytes, cuts: list[int] | None = None) -> tuple[list[Frame], list[Reject]]:
    cutter, frames, rejects = FrameCutter("peer"), [], []
    for a, b in pairwise([0, *sorted(cuts or []), len(data)]):
        more, refused = cutter.feed(data[a:b])
        frames += more
        rejects += refused
    return frames, rejects + cutter.close()


@pytest.mark.parametrize("name", PUBLIC)
def test_public_frames_are_read_and_packed_as_they_were(name: str) -> None:
    found, rejects = cut(public(name))
    assert len(found) == 1 and rejects == []
    assert pack(found[0]) == public(name)


def test_header_of_public_frames() -> None:
    (part,), _ = cut(public("go_part"))
    assert (part.id, part.terminal, part.serial) == (0x0801, "1234567890", 734)
    assert (part.parts, part.part, part.body.hex()) == (26, 2, "2808000102")
    (beat,), _ = cut(public("go_heartbeat_2019"))
    assert (beat.version, beat.terminal, beat.body) == (1, "17299841738", b"")


@given(frames())
def test_what_is_packed_is_read(frame: Frame) -> None:
    found, rejects = cut(pack(frame))
    assert rejects == []
    assert [one._replace(offset=0) for one in found] == [frame]


@given(st.lists(frames() | st.binary(max_size=30), max_size=6), st.data())
def test_any_cut_gives_the_same(parts: list[Frame | bytes], data: st.DataObject) -> None:
    stream = b"".join(pack(part) if isinstance(part, Frame) else part for part in parts)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8))
    assert cut(stream, cuts) == cut(stream)


@given(st.lists(frames(), min_size=1, max_size=5), st.data())
def test_garbage_between_frames_costs_nothing_but_itself(
    sent: list[Frame], data: st.DataObject
) -> None:
    # Shorter than the shortest frame, so that no noise is one by chance.
    noise = [data.draw(st.binary(max_size=12).map(lambda b: b.replace(b"\x7e", b""))) for _ in sent]
    stream = b"".join(junk + pack(frame) for junk, frame in zip(noise, sent, strict=True))
    found, rejects = cut(stream)
    assert [frame._replace(offset=0) for frame in found] == sent
    assert [reject.raw for reject in rejects] == [junk.hex() for junk in noise if junk]


def test_rejects_say_where() -> None:
    good = public("go_heartbeat_2013")
    found, rejects = cut(b"junk" + good + b"more" + good)
    assert len(found) == 2
    assert [(r.file, r.reason, r.raw) for r in rejects] == [
        ("peer", "no_delimiter", b"junk".hex()),
        ("peer", "too_short", b"more".hex()),
    ]
    assert rejects[1].detail.startswith(f"byte {len(b'junk' + good)}: ")


WRONG = {
    "bad_checksum": public("go_heartbeat_2013").replace(b"\x8a\x7e", b"\x8b\x7e"),
    "bad_escape": b"\x7e" + bytes.fromhex("000200000123456789010000") + b"\x7d\x03\x7e",
    "bad_length": b"\x7e" + bytes.fromhex("00020001012345678901000089 8a 88") + b"\x7e",
    "bad_phone": b"\x7e" + bytes.fromhex("0002000001234567890a000081") + b"\x7e",
    "bad_part": pack(Frame(2, "1" * 12, 0, b"", None, 2, 3)),
    "too_short": b"\x7e\x01\x01\x7e",
    "truncated": public("go_location")[:-9],
}


@pytest.mark.parametrize("reason", WRONG)
def test_what_is_wrong_is_named_and_what_follows_is_read(reason: str) -> None:
    data = WRONG[reason]
    found, rejects = cut(data if reason == "truncated" else data + public("go_heartbeat_2013"))
    assert [reject.reason for reject in rejects] == [reason]
    assert len(found) == (reason != "truncated")


def test_a_lost_delimiter_costs_no_second_frame() -> None:
    one, two = public("go_heartbeat_2013"), public("go_heartbeat_2019")
    assert len(cut(one[:-1] + two)[0]) == 2
    assert len(cut(one + two[1:])[0]) == 2


def test_what_never_ends_is_bounded() -> None:
    cutter = FrameCutter("peer", longest=100)
    for _ in range(50):
        assert cutter.feed(b"\x01" * 1000) == ([], [])
    assert cutter.refused_bytes == 49_900
    found, (reject,) = cutter.feed(b"\x7e" + public("go_heartbeat_2013"))
    assert reject.reason == "too_long" and "50,000 bytes" in reject.detail
    assert len(found) == 1 and cutter.refused_bytes == 50_000


def test_the_longest_frame_fits() -> None:
    longest = Frame(0x7E7E, "1" * 20, 0x7E7E, b"\x7e" * LONGEST_BODY, 0x7E, 0x7D7E, 0x7D7D, 7)
    assert len(pack(longest)) < LONGEST_FRAME
    assert len(cut(pack(longest))[0]) == 1


@pytest.mark.parametrize(
    "frame",
    [
        Frame(2, "1" * 12, 0, b"x" * (LONGEST_BODY + 1)),
        Frame(2, "1" * 20, 0),
        Frame(2, "1" * 12, 0, b"", 1),
        Frame(2, "12345678901x", 0),
    ],
)
def test_what_can_be_no_frame_is_not_packed(frame: Frame) -> None:
    with pytest.raises(FrameError):
        pack(frame)
