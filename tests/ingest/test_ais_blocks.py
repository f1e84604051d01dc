"""The decoder of blocks answers every real line as the decoder of lines does, in any chunks."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyais.messages
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.decoders import ais_payload
from ingest.decoders.ais import AisDecoder, AisOptions
from ingest.decoders.ais_batch import AisBatch
from ingest.decoders.ais_blocks import BlockDecoder
from ingest.decoders.ais_heard import LONGEST_KEY, Heard
from ingest.decoders.ais_sentence import checksum
from ingest.sources.block import Block, BlockCutter
from ingest.sources.line import MAX_LINE_BYTES, Line, LineCutter
from tests.conftest import REAL_DATA
from tests.ingest import report_real
from tests.ingest.conftest import HARBOUR, T0, report, tagged, voyage

FOLDER = REAL_DATA / "ais_nmea"
FILES = report_real.real_files(FOLDER) if FOLDER.is_dir() else []
CHOICES = [
    AisOptions(),
    AisOptions(base_time_ms=report_real.BASE_TIME_MS, part_window_ms=2_000, part_lines=50),
    AisOptions(base_time_ms=report_real.BASE_TIME_MS, remembered=40, duplicate_ms=600_000),
]
ARMOUR = bytes([*range(48, 88), *range(96, 120)])


def content(file: Path) -> bytes:
    data = file.read_bytes()
    return gzip.decompress(data) if file.name.endswith(".gz") else data


def blocks(data: bytes, cuts: list[int], received_ms: int | None = None) -> list[Block]:
    cutter, found = BlockCutter("f"), []
    for start, stop in zip([0, *cuts], [*cuts, len(data)], strict=True):
        found += cutter.feed(data[start:stop], received_ms)
    return [*found, *cutter.close(received_ms)]


def random_cuts(data: bytes, seed: int, most: int) -> list[int]:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(0, most))
    return sorted(rng.integers(0, len(data) + 1, count).tolist())


def assert_equal(ours: AisBatch, theirs: AisBatch) -> None:
    assert ours.fixes.schema == theirs.fixes.schema
    for name in theirs.fixes.column_names:
        left, right = ours.fixes[name], theirs.fixes[name]
        assert left.null_count == right.null_count == 0
        np.testing.assert_array_equal(left.to_numpy(), right.to_numpy(), err_msg=name)
    assert repr(ours.identities.to_pylist()) == repr(theirs.identities.to_pylist())
    assert ours.identities.schema == theirs.identities.schema
    np.testing.assert_array_equal(ours.fix_lines, theirs.fix_lines)
    assert +ours.tally.accepted == +theirs.tally.accepted
    assert +ours.tally.rejected == +theirs.tally.rejected
    assert ours.rejects == theirs.rejects
    assert ours.newest_ms == theirs.newest_ms


def compare(pieces: list[Block], options: AisOptions) -> BlockDecoder:
    """Decode both ways, and hold each round and the states against one another."""
    fast, reference = BlockDecoder(options), AisDecoder(options)
    for block in pieces:
        assert_equal(fast.decode_block(block), reference.decode(block.split()))
    ours, theirs = fast.state(), reference.state()
    assert sorted(ours.pop("heard")) == sorted(theirs.pop("heard"))
    assert ours == theirs
    assert_equal(fast.finish(), reference.finish())
    return fast


@pytest.mark.real
@pytest.mark.parametrize("options", CHOICES, ids=["usual", "dated", "forgetful"])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_all_real_lines_are_read_alike(real_data: Path, file: Path, options: AisOptions) -> None:
    data = content(file)
    compare(blocks(data, []), options)
    compare(blocks(data, random_cuts(data, len(data), 40), 1_600_000_000_000), options)


@pytest.mark.real
def test_all_real_files_behind_one_another_in_random_chunks(real_data: Path) -> None:
    data = b"\n".join(content(file) for file in FILES)
    for seed, options in enumerate(CHOICES):
        compare(blocks(data, random_cuts(data, seed, 300)), options)


def bus(body: str) -> bytes:
    """A sentence of a ship's bus with its checksum."""
    return f"${body}*{checksum(body.encode()):02X}".encode()


LON, LAT = HARBOUR
SHIPS = range(701_000_001, 701_000_004)
LOG = [
    sentence
    for minute in range(6)
    for ship in SHIPS
    for sentence in (
        report(ship, T0 + 20 * minute - 3 * (ship % 4), LON + 0.001 * minute, LAT),
        *voyage(ship, T0 + 20 * minute, f"S{ship % 10}"),
        bus(f"GPZDA,0000{minute:02d},01,07,2020,00,00"),
        report(ship, T0, LON, LAT).split(b"\\")[2],
    )
]
CLOCKS = [
    *(bus(f"GPRMC,00{minute:02d}0{minute}.{minute}5,A,3112.5,N,12130.5,E,5.0,31.0,010720,,,A")
      for minute in range(0, 6, 2)),
    bus("PGHP,1,2020,7,1,0,1,30,250,412,,PORT,1,02"), bus("PGHP,1,2020,7,1,0,2,0,0,412,,,1,02"),
    bus("PGHP,1,2020,7,1,0,4,10,999,412,,QUAY"), bus("GPGLL,3112.5,N,12130.5,E,000100,A"),
]  # fmt: skip
BARE = [sentence.split(b"\\")[2] for k in SHIPS for sentence in voyage(k, T0, f"B{k % 10}")]
UNDATED = [*BARE, *CLOCKS, *LOG[:5], *(b"\\%dG2:77*00\\" % (1 + k) + BARE[k] for k in (0, 1))]


@given(
    st.lists(
        st.tuples(st.integers(0, len(LOG) - 1), st.integers(0, 120), st.integers(0, 255)),
        max_size=40,
    ),
    st.permutations(range(len(LOG))),
    st.booleans(),
    st.lists(st.floats(0, 1), max_size=6),
    st.sampled_from(CHOICES),
)
@settings(max_examples=150, deadline=None)
def test_broken_lines_in_any_order_are_read_alike(
    changes: list[tuple[int, int, int]],
    order: list[int],
    ordered: bool,
    cuts: list[float],
    options: AisOptions,
) -> None:
    log = list(LOG) if ordered else [LOG[k] for k in order]
    for row, place, byte in changes:
        line = log[row]
        log[row] = line[:place] + bytes([byte]) + line[place + 1 :]
    data = b"\r\n".join(log)
    compare(blocks(data, sorted(int(cut * len(data)) for cut in cuts)), options)


@given(
    st.lists(st.sampled_from(UNDATED), max_size=30),
    st.lists(st.floats(0, 1), max_size=3),
    st.sampled_from([None, 1_593_561_600_000]),
    st.sampled_from(CHOICES),
)
@settings(max_examples=150, deadline=None)
def test_sentences_dated_by_others_are_read_alike(
    log: list[bytes], cuts: list[float], received_ms: int | None, options: AisOptions
) -> None:
    data = b"\n".join(log)
    compare(blocks(data, sorted(int(cut * len(data)) for cut in cuts), received_ms), options)


TIMES = ["", "000000", "235959.99", "000000.", "240000", "006000", "00000", "0000001", "000000.1_0",
         "0000 0", "000001.123456789", "000001.1234567890"]  # fmt: skip
DATES = [("01", "07", "2020"), ("29", "02", "2023"), ("29", "02", "2024"), ("29", "02", "2000"),
         ("31", "04", "2020"), ("31", "12", "2099"), ("01", "01", "1990"), ("31", "12", "1989"),
         ("1", "3", "2020"), ("0", "1", "2020"), ("1", "13", "20"), ("", "7", "2020"),
         (" 1", "07", "2020"), ("01", "+7", "2020"), ("01", "07", "12020")]  # fmt: skip


def test_any_time_is_read_alike() -> None:
    log = [bus("GPZDA"), bus("GPZDA,"), bus("GPZDA,000000,01,07"), bus("GPRMC,000000,A,,,,,,,")]
    for time in TIMES:
        for day, month, year in DATES:
            log.append(bus(f"GPZDA,{time},{day},{month},{year},00,00"))
            date = f"{day}{month}{year[-2:]}"
            log += [bus(f"GPRMC,{time},{s},1,N,2,E,5,31,{date},,,A") for s in ("A", "V", "")]
    for day, month, year in DATES:
        for rest in ("0,0,0,0", "23,59,59,999,1,2,S", "24,0,0,0", "0,60,0,0", "0,0,60,0",
                     "0,0,0,1000", "0,0,0", "0,0,,0", "1,2,3,4,5,6,STATION,8"):  # fmt: skip
            log.append(bus(f"PGHP,1,{year},{month},{day},{rest}"))
    single = LOG[4]
    data = b"\n".join(part for line in log for part in (line, single))
    decoder = compare(blocks(data, random_cuts(data, 7, 4)), AisOptions(duplicate_ms=-1))
    assert decoder.lines == 2 * len(log)


def payload(first: bytes, size: int) -> st.SearchStrategy[bytes]:
    letters = st.lists(st.sampled_from(list(ARMOUR)), min_size=size - 1, max_size=size - 1)
    return letters.map(lambda codes: first + bytes(codes))


SIZES = [(b"1", 28), (b"2", 28), (b"3", 28), (b"B", 28), (b"H", 28), (b"4", 28), (b";", 28),
         (b"K", 16), (b"E", 46), (b"1", 27), (b"K", 28), (b"9", 28), (b"C", 52), (b"H", 27),
         (b"H", 6), (b"4", 27), (b"8", 60), (b"8", 72), (b"D", 18), (b"9", 8), (b"E", 7),
         *((bytes([code]), 30) for code in ARMOUR)]  # fmt: skip


@given(
    st.lists(
        st.tuples(
            st.one_of([payload(*size) for size in SIZES]), st.integers(0, 5), st.integers(0, 30)
        ),
        max_size=30,
    )
)
@settings(max_examples=150, deadline=None)
def test_any_payload_is_read_alike(messages: list[tuple[bytes, int, int]]) -> None:
    log = [
        tagged(T0 + late, f"!AIVDM,1,1,,A,{text.decode()},{fill}*00")
        for text, fill, late in messages
    ]
    compare(blocks(b"\n".join(log), []), AisOptions())


def test_pyais_refuses_no_message_that_is_only_counted() -> None:
    variants = {*pyais.messages._MSG6_VARIANTS, *pyais.messages._MSG8_VARIANTS, (0, 0), (200, 9)}
    rng = np.random.default_rng(11)
    for kind in [4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 20, 21, 22, 23, 25, 26]:
        for dac, fid in sorted(variants) if kind in (6, 8) else [(0, 0)] * 40:
            bits = rng.integers(0, 2, 6 * int(rng.integers(8, LONGEST_KEY + 1)))
            for place, number in (
                (0, f"{kind:06b}"),
                (40 if kind == 8 else 72, f"{dac:010b}{fid:06b}"),
            ):
                digits = np.array(list(map(int, number)))[: max(0, len(bits) - place)]
                bits[place : place + len(digits)] = digits
            text = bytes(ARMOUR[six] for six in bits.reshape(-1, 6) @ [32, 16, 8, 4, 2, 1])
            for fill in (0, 5):
                assert ais_payload.decode(((text, fill),)).msg_type == kind


AROUND = [
    b"\\s:A,c:1593541340*0C\\", b"\\s:A,c:1593541340*0c\\", b"\\c:1593541340123*00\\",
    b"\\g:1-2-1234,s:B,c:1593541340\\", b"\\1G2:77,c:soon\\", b"\\\\", b"\\c:0,s:\\",
    b"\\c:,s\\", b"\\T:2020-07-01 00.00.00\\", b"\\c:99999999999999,n:7\\", b"\\,,c:1593541340\\",
    b"\\s:\xff,c:1593541340\\", b"\\c:1_5,s:B\\", b"\\c:15935413400000\\", b"\\c:100\\", b"", b" ",
]  # fmt: skip
BEHIND = [
    b"", b",r003669987,1152921693", b",1152921693,b77", b",000000000,1152921693", b",r,b1",
    b" ,12345678901234", b",100000000000000", b",1152921693\\", b"\x7f", b"!", b",rA,rB,631151999",
    b"\r", b"\r\r", b"\0", b" ",
]  # fmt: skip


@pytest.mark.parametrize("group", [b"", b"1-2-55", b"2-2-56", b"1-2--1", b"x"])
def test_all_that_stands_around_is_read_alike(group: bytes) -> None:
    single = report(SHIPS[0], T0, LON, LAT).split(b"\\")[2]
    first, second = (part.split(b"\\")[2] for part in voyage(SHIPS[1], T0, "PEARL"))
    bare = [single, single.replace(b"!AI", b"$XX"), first, second, single[:30], b"$GPGLL,1*7F"]
    log = [a + s + b for s in bare for a in AROUND for b in BEHIND]
    for a in AROUND:
        for c in (b"\\s:Z,c:1593541345*00\\", b"", a):
            tags = [t[:1] + b"g:" + group + b"," + t[1:] if group and t else t for t in (a, c)]
            log += [tags[0] + first, tags[1] + second]
    data = b"\n".join(log)
    for options in CHOICES:
        compare(blocks(data, random_cuts(data, 5, 4)), options)


def test_a_block_may_be_followed_by_lines_and_another_process() -> None:
    data = b"\n".join(LOG) + b"\n"
    pieces = blocks(data, [len(data) // 3, 2 * len(data) // 3])
    reference, first, second = AisDecoder(), BlockDecoder(), BlockDecoder()
    assert_equal(first.decode_block(pieces[0]), reference.decode(pieces[0].split()))
    assert_equal(first.decode(pieces[1].split()), reference.decode(pieces[1].split()))
    later = AisDecoder()
    later.restore(reference.state())
    second.restore(first.state())
    assert_equal(second.decode_block(pieces[2]), later.decode(pieces[2].split()))


@given(st.lists(st.tuples(st.integers(1, 90), st.integers(0, 3)), max_size=60))
@settings(max_examples=60, deadline=None)
def test_what_was_heard_is_remembered_as_dictionaries_do(keys: list[tuple[int, int]]) -> None:
    heard, now, before = Heard(20), {}, {}
    for t, (size, last) in enumerate(keys):
        key = b"w" * (size - 1) + b"0wA1"[last : last + 1]
        assert heard.last(key) == now.get(key, before.get(key))
        heard.put(key, t)
        now[key] = t
        if len(now) >= 20:
            before, now = now, {}
    assert dict(heard.items()) == {**before, **now}
    assert LONGEST_KEY < 90


@given(
    st.lists(st.sampled_from([1, 5, 70, 40_000, MAX_LINE_BYTES, MAX_LINE_BYTES + 1, 200_000])),
    st.lists(st.integers(0, 500_000), max_size=6),
    st.booleans(),
    st.sampled_from([b"", b"\r"]),
)
@settings(max_examples=60, deadline=None)
def test_blocks_are_cut_where_lines_are(
    sizes: list[int], cuts: list[int], ended: bool, ending: bytes
) -> None:
    data = (ending + b"\n").join(b"x" * size for size in sizes) + (b"\n" if ended else b"")
    bounds = sorted(min(cut, len(data)) for cut in cuts)
    pieces = blocks(data, bounds, 7)
    split = [line for block in pieces for line in block.split()]
    assert split == list(cut_lines(data, bounds))
    for before, after in itertools.pairwise(pieces):
        assert (before.end, before.number + before.lines) == (after.offset, after.number)


def cut_lines(data: bytes, cuts: list[int]) -> Iterator[Line]:
    cutter = LineCutter("f")
    for start, stop in zip([0, *cuts], [*cuts, len(data)], strict=True):
        yield from cutter.feed(data[start:stop], 7)
    yield from cutter.close(7)
