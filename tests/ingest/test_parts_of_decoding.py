"""The small parts: tag blocks, clocks, parts of messages, tables, statics, and the ground."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.decoders import ais_payload, ais_statics
from ingest.decoders.ais import AisDecoder
from ingest.decoders.ais_clock import gatehouse, gps_time
from ingest.decoders.ais_sentence import read_tag, read_trailer
from ingest.decoders.table import TableReader
from ingest.sources.line import Line
from layers.ground import HomographyError, homography, to_ground
from tests.ingest.conftest import T0, voyage
from tests.ingest.test_live import numbered

ARMOUR = bytes([*range(48, 88), *range(96, 120)])


def payload(first: bytes, size: int) -> st.SearchStrategy[bytes]:
    letters = st.lists(st.sampled_from(list(ARMOUR)), min_size=size - 1, max_size=size - 1)
    return letters.map(lambda codes: first + bytes(codes))


@given(payload(b"5", ais_statics.VOYAGE_CHARACTERS))
@settings(max_examples=150, deadline=None)
def test_voyages_are_named_as_pyais_names_them(text: bytes) -> None:
    whole = ais_payload.decode(((text, ais_statics.VOYAGE_FILL),))
    [ours] = ais_statics.voyage_identities([text])
    assert repr(ours) == repr(ais_payload.identity_of(whole))


CLASS_B = st.one_of(
    st.tuples(payload(b"H", ais_statics.CLASS_B_CHARACTERS), st.just(0)),
    st.tuples(payload(b"H", ais_statics.SHORT_CHARACTERS), st.just(ais_statics.SHORT_FILL)),
)


@given(CLASS_B.filter(lambda one: ais_statics.is_class_b(*one)))
@settings(max_examples=150, deadline=None)
def test_class_b_statics_are_named_as_pyais_names_them(one: tuple[bytes, int]) -> None:
    [ours] = ais_statics.class_b_identities([ais_statics.full_class_b(one[0])])
    assert repr(ours) == repr(ais_payload.identity_of(ais_payload.decode((one,))))


FIELDS = [b"1,2,3", b"", b" ", b",,", b"1,2", b'"x",2,3', b'"x,2,3', b"\0,1,2", b"\xff,1,2",
          "é,ü,三".encode(), b"1,2,3,4", b"  ,,"]  # fmt: skip


@given(st.lists(st.sampled_from(FIELDS), max_size=8))
def test_a_row_reads_the_same_alone_and_among_others(rows: list[bytes]) -> None:
    def read(taken: list[tuple[int, bytes]]) -> list[object]:
        lines = [Line("f", 1, b"a,b,c"), *(Line("f", n, data) for n, data in taken)]
        found: list[object] = []
        for chunk in TableReader(lines, feed="x", required=["a"]).chunks():
            values = zip(*chunk.columns.values(), strict=True)
            found += zip(chunk.numbers, values, chunk.raws, strict=True)
            found += [(reject.line, reject.reason, reject.raw) for reject in chunk.rejects]
        return found

    numbered_rows = list(enumerate(rows, 2))
    alone = [row for one in numbered_rows for row in read([one])]
    assert sorted(map(repr, read(numbered_rows))) == sorted(map(repr, alone))


@pytest.mark.parametrize(
    ("tag", "time_ms", "station", "group"),
    [
        (b"s:A,c:1593541340*28", 1_593_541_340_000, "A", ""),
        (b"c:1593541340123*00", 1_593_541_340_123, "", ""),
        (b"g:1-2-1234,s:B,c:1593541340", 1_593_541_340_000, "B", "1234"),
        (b"1G2:77,c:soon", None, "", "77"),
        (b"", None, "", ""),
    ],
)
def test_tag_blocks(tag: bytes, time_ms: int | None, station: str, group: str) -> None:
    read = read_tag(tag)
    assert (read.time_ms, read.station, read.group) == (time_ms, station, group)


def test_clocks_of_lines_between() -> None:
    assert read_trailer(b",r003669987,1152921693") == (1_152_921_693_000, "r003669987")
    stamp = ["PGHP", "1", "2020", "7", "1", "0", "0", "5", "250", "219", "", "2190001", "1"]
    assert gatehouse(stamp) == ((T0 + 5) * 1000 + 250, "2190001")
    assert gps_time(["GPZDA", "000005.5", "01", "07", "2020", "00", "00"]) == (T0 + 5) * 1000 + 500
    assert gps_time(["GPRMC", "000005", "V", "", "", "", "", "", "", "010720", "", ""]) is None


def test_parts_of_a_message_find_one_another_in_any_order() -> None:
    first, second = voyage(701_000_001, T0, "PEARL")
    for order in ((first, second), (second, first)):
        batch = AisDecoder().decode(numbered(list(order)))
        assert batch.identities["name"].to_pylist() == ["PEARL"]
        assert batch.tally.accepted == {"static": 1, "part": 1}


def test_a_part_alone_is_an_orphan() -> None:
    decoder = AisDecoder()
    decoder.decode(numbered(voyage(701_000_001, T0, "PEARL")[:1]))
    assert decoder.finish().tally.rejected == {"orphan_part": 1}


def test_pixels_on_the_ground_as_computed_by_hand() -> None:
    matrix = homography([[2, 0, 100], [0, 1, 50], [0, 0.01, 1]])
    ground = to_ground(matrix, [(10, 100), (0, 0), (0, -100), (0, -300)], (0, 100))
    np.testing.assert_allclose(ground[:2], [[60, 75], [100, 50]])
    assert np.isnan(ground[2:]).all(), "at and above the horizon, v = -100"


def test_metres_far_from_the_origin_are_no_singularity() -> None:
    matrix = homography([[0.01, 0, 492_200], [0, -0.01, 5_283_200], [0, 0, 1]])
    np.testing.assert_allclose(to_ground(matrix, [(100, 400)], (960, 1080)), [[492_201, 5_283_196]])


@pytest.mark.parametrize(
    "rows",
    [
        None, [], [[1, 2], [3, 4]], [[1, 2, 3], [2, 4, 6], [0, 0, 1]], [[0] * 3] * 3,
        [[1, 0, 0], [0, 1, 0], [0, 0, float("nan")]], [["a"] * 3] * 3, "eye",
        [[5e5, 1, 5e5], [5e6, 10, 5e6], [1, 0.5, 1]],
    ],
)  # fmt: skip
def test_what_is_no_homography_is_refused(rows: object) -> None:
    with pytest.raises(HomographyError):
        homography(rows)
