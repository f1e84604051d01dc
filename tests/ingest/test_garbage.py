"""What is no data is refused with a reason; good rows around it stay, and text is only text."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.decoders.ais import AisDecoder
from ingest.decoders.ais_sentence import checksum
from ingest.decoders.gps_csv import REQUIRED, GpsDecoder
from ingest.decoders.table import TableError, TableReader
from ingest.decoders.vector import VectorFile
from ingest.sources.file import SourceError, read_lines
from ingest.sources.line import MAX_LINE_BYTES, Line, LineCutter
from layers.declaration import read as read_declaration
from layers.errors import DeclarationError

NOW = datetime(2020, 7, 1, tzinfo=UTC)
GOOD = rb"\c:1593541340*5D\!AIVDM,1,1,,A,15RTgt0PAso;90TKcjM8h6g208CQ,0*4A"
GOOD_ROW = "A1,2020-07-01T08:00:00+08:00,121.5,31.2,36,90,1"
HEADER = "plate,time,lon,lat,speed_kmh,course_deg,ignition"


def sentence(body: bytes) -> bytes:
    return b"!%s*%02X" % (body, checksum(body))


def lines(*data: bytes) -> list[Line]:
    return [Line("f", n, d, None, 0, len(d) <= MAX_LINE_BYTES) for n, d in enumerate(data, 1)]


BAD_SENTENCES = [
    *(GOOD[:cut] for cut in range(20, len(GOOD) - 1, 2)),
    *(GOOD[:-2] + b"%02X" % wrong for wrong in range(0, 250, 5) if wrong != 0x4A),
    *(b"!AIVDM,1,1,,A,%s,0*00" % bytes([code]) for code in (0x58, 0x5F, 0x78, 0x7F, 0x20, 0x2F)),
    sentence(b"AIVDM,0,1,,A,15RTgt0PAso;90TKcjM8h6g208CQ,0"),
    sentence(b"AIVDM,1,0,,A,15RTgt0PAso;90TKcjM8h6g208CQ,0"),
    sentence(b"AIVDM,1,1,,A,15RTgt0PAso;90TKcjM8h6g208CQ,6"),
    sentence(b"AIVDM,1,1,,A,,0"),
    sentence(b"AIVDM,1,1,999,A,15RTgt0PAso;90TKcjM8h6g208CQ,0"),
    sentence(b"AIVDM,2,2,1,A,88888888880,2"),
    sentence(b"AIVDM,1,1,,A,1,0"),
    sentence(b"AIVDM,1,1,,A,w5RTgt0PAso;90TKcjM8h6g208CQ,0"),
    rb"\c:99999999999*xx" + b"\\" + sentence(b"AIVDM,1,1,,A,15RTgt0PAso;90TKcjM8h6g208CQ,0"),
    b"<html><body>502 Bad Gateway</body></html>", b"{}", b"null", b"\xff\xfe\x00!", b"\x00\x01\x02",
    "船位".encode(), "船位".encode("gb18030"), b"'; DROP TABLE vessel_position; --", b"!" * 500,
    b"x" * (MAX_LINE_BYTES + 1), b"$PGHP,1*00", b"\\\\\\\\", b"!AIVDM,", b"*", b",,,,,,",
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD_SENTENCES)
def test_a_bad_sentence_costs_only_itself(bad: bytes) -> None:
    other = GOOD.replace(b"1593541340*5D", b"1593541400*58")
    decoder = AisDecoder()
    taken, rest = decoder.decode(lines(GOOD, bad, other)), decoder.finish()
    rejects = taken.rejects + rest.rejects
    assert taken.tally.accepted["position"] == 2
    assert [(r.line, bool(r.reason and r.detail)) for r in rejects] == [(2, True)]
    assert taken.tally.read + rest.tally.read == 3


@given(st.lists(st.binary(max_size=200), max_size=20))
@settings(max_examples=200, deadline=None)
def test_every_line_is_accounted_for(noise: list[bytes]) -> None:
    decoder = AisDecoder()
    taken, rest = decoder.decode(lines(GOOD, *noise)), decoder.finish()
    read = taken.tally.read + rest.tally.read
    assert read == len(noise) + 1 + decoder.extra_sentences
    assert taken.fixes.num_rows >= 1


@given(st.integers(18, len(GOOD) - 4), st.integers(1, 255))
@settings(max_examples=200, deadline=None)
def test_a_changed_byte_is_never_a_position(place: int, change: int) -> None:
    bad = bytearray(GOOD)
    bad[place] ^= change
    assert AisDecoder().decode(lines(bytes(bad))).fixes.num_rows == 0


BAD_ROWS = {
    "no plate": ",2020-07-01T08:00:00+08:00,121.5,31.2,36,90,1",
    "long plate": f"{'A' * 99},2020-07-01T08:00:00+08:00,121.5,31.2,36,90,1",
    "swapped": "A1,2020-07-01T08:00:00+08:00,31.2,121.5,36,90,1",
    "null island": "A1,2020-07-01T08:00:00+08:00,0,0,36,90,1",
    "metres": "A1,2020-07-01T08:00:00+08:00,356000,3450000,36,90,1",
    "no zone": "A1,2020-07-01T08:00:00,121.5,31.2,36,90,1",
    "no quote": 'A1,"2020-07-01T08:00:00+08:00,121.5,31.2,36,90,1',
    "few fields": "A1,2020-07-01T08:00:00+08:00",
    "many fields": GOOD_ROW + ",1,2,3",
    "nul": "A1\0,2020-07-01T08:00:00+08:00,121.5,31.2,36,90,1",
    **{
        f"time {t}": f"A1,{t},121.5,31.2,36,90,1"
        for t in ("", "soon", "1593541340", "2020-13-01T00:00:00Z", "1970-01-01T00:00:00Z",
                  "9999-01-01T00:00:00Z")
    },
    **{
        f"lon {v}": f"A1,2020-07-01T08:00:00+08:00,{v},31.2,36,90,1"
        for v in ("", "NaN", "inf", "-inf", "181", "east", "1e400", "121.5E", "0x79", "--1")
    },
    **{
        f"lat {v}": f"A1,2020-07-01T08:00:00+08:00,121.5,{v},36,90,1"
        for v in ("", "NaN", "inf", "-91", "181", "north", "1e400")
    },
    **{
        f"speed {v}": f"A1,2020-07-01T08:00:00+08:00,121.5,31.2,{v},90,1"
        for v in ("-1", "900", "fast", "inf", "1e400")
    },
    **{
        f"course {v}": f"A1,2020-07-01T08:00:00+08:00,121.5,31.2,36,{v},1"
        for v in ("-1", "361", "N")
    },
    **{
        f"ignition {v}": f"A1,2020-07-01T08:00:00+08:00,121.5,31.2,36,90,{v}"
        for v in ("2", "maybe")
    },
}  # fmt: skip


def gps(*rows: bytes) -> tuple[int, list[str]]:
    reader = TableReader(lines(HEADER.encode(), *rows), feed="gps", required=REQUIRED)
    accepted, reasons = 0, []
    for chunk in reader.chunks():
        batch = GpsDecoder("f").decode(chunk)
        accepted += batch.fixes.num_rows
        reasons += [reject.reason for reject in batch.rejects]
        assert batch.tally.rejected.total() == len(batch.rejects)
    return accepted, reasons


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_truck_row_costs_only_itself(name: str) -> None:
    other = GOOD_ROW.replace("08:00:00", "08:01:00")
    accepted, reasons = gps(GOOD_ROW.encode(), BAD_ROWS[name].encode(), other.encode())
    assert (accepted, len(reasons)) == (2, 1)
    assert reasons[0]


def test_bytes_of_another_encoding_cost_one_row() -> None:
    bad = "沪A1,2020-07-01T08:00:00+08:00,121.5,31.2,36,90,1".encode("gb18030")
    assert gps(GOOD_ROW.encode(), bad) == (1, ["bad_encoding"])


def test_sql_in_an_attribute_is_text() -> None:
    row = GOOD_ROW.replace("A1", "';DROP TABLE--")
    reader = TableReader(lines(HEADER.encode(), row.encode()), feed="gps", required=REQUIRED)
    batch = GpsDecoder("f").decode(next(reader.chunks()))
    assert batch.fixes["mover"].to_pylist() == ["';DROP TABLE--"]


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"<!DOCTYPE html>",
        b"plate,time",
        b"a;b;c",
        b"\0\0",
        b"plate,time,lon,lat,lon",
        b"{}",
        b"\xff\xfe",
    ],
)
def test_what_is_no_table_is_named_so(header: bytes) -> None:
    with pytest.raises(TableError):
        TableReader(lines(header), feed="gps", required=REQUIRED)


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_byte_order_mark_and_line_ends_do_not_matter(
    start: bytes, ending: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(start + HEADER.encode() + ending + GOOD_ROW.encode() + ending)
    reader = TableReader(read_lines(path), feed="gps", required=REQUIRED)
    assert [len(chunk.numbers) for chunk in reader.chunks()] == [1]


def test_a_line_of_ten_megabytes_is_cut_and_the_next_is_whole() -> None:
    cutter = LineCutter("f")
    data = b"x" * 10_000_000 + b"\n" + GOOD + b"\n"
    found = [
        line for at in range(0, len(data), 65_536) for line in cutter.feed(data[at : at + 65_536])
    ]
    assert [(line.whole, line.number) for line in found] == [(False, 1), (True, 2)]
    assert len(found[0].data) == MAX_LINE_BYTES and found[1].data == GOOD
    assert found[1].offset == len(data)


def gzip_bomb(path: Path) -> None:
    with gzip.open(path, "wb") as file:
        for _ in range(80):
            file.write(b"\0" * (1 << 20))


def cut_gzip(path: Path) -> None:
    path.write_bytes(gzip.compress(GOOD * 1000)[:-20])


def zip_file(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.nmea", GOOD)


@pytest.mark.parametrize("make", [gzip_bomb, cut_gzip, zip_file, Path.mkdir])
def test_a_file_that_can_not_be_read_says_why(make: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "f.gz"
    make(path)
    with pytest.raises(SourceError, match=r"bomb|cut off|zip|folder"):
        list(read_lines(path))


NO_VECTORS = {
    "empty": b"", "html": b"<html></html>", "nothing": b"{}", "list": b"[]", "text": b"hello",
    "depth": b'{"type":"FeatureCollection","features":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "cut": b'{"type":"FeatureCollection","features":[{"type":"Fea', "nul": b"\0" * 100,
    "yaml": b"a: &a [x]\nb: *a", "number": b"17",
}  # fmt: skip


@pytest.mark.parametrize("name", NO_VECTORS)
def test_what_is_no_vector_file_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "f.geojson"
    path.write_bytes(NO_VECTORS[name])
    with pytest.raises(SourceError):
        VectorFile(path)


BOMB = "\n".join(
    [
        "a: &a [x,x]",
        *(f"{b}: &{b} [*{a},*{a}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
    ]
)


@pytest.mark.parametrize(
    "text", [BOMB, "[" * 5000, "a: 1\na: 2", "!!python/object/apply:os.system [ls]", "\t- x"]
)
def test_yaml_bombs_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "d.yaml"
    path.write_text(text)
    with pytest.raises(DeclarationError):
        read_declaration(path)
