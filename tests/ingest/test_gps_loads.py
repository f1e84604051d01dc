"""Load states of trucks in files, and positions in JSON lines: read as CSV is."""

from __future__ import annotations

import gzip

import orjson
import pytest

from tests.ingest.conftest import HARBOUR, Office

LON, LAT = HARBOUR
HEADER = "plate,time,lon,lat,speed_kmh,ignition,load"


def row(second: int, load: str) -> str:
    return f"AB-1,2020-07-01T00:00:{second:02d}Z,{LON},{LAT},36,1,{load}"


def test_loads_are_those_of_terminals(office: Office) -> None:
    loads = ["empty", "half", "Full", "0", "1", "3", ""]
    rows = [row(second, load) for second, load in enumerate(loads)]
    file = office.file("t.csv", "\n".join([HEADER, *rows, row(9, "2"), row(10, "heavy")]) + "\n")
    tally = office.take("gps", file)
    assert tally.accepted == {"position": 7} and tally.rejected == {"bad_value": 2}
    assert {reject.field for reject in office.rejects("gps")} == {"load"}
    assert [fix["nav"] for fix in office.positions("gps")] == [0, 1, 3, 0, 1, 3, 15]


def test_a_file_without_loads_says_nothing_of_them(office: Office) -> None:
    text = f"plate,time,lon,lat\nAB-1,2020-07-01T00:00:00Z,{LON},{LAT}\n"
    office.take("gps", office.file("t.csv", text))
    assert [fix["nav"] for fix in office.positions("gps")] == [15]


def test_json_lines_are_what_the_table_is(office: Office) -> None:
    lines = [
        {"plate": "AB-1", "time": "2020-07-01T00:00:00Z", "lon": LON, "lat": LAT,
         "speed_kmh": 36, "ignition": True, "load": "full", "other": [1]},
        {"plate": "AB-1", "time": "2020-07-01T00:00:01Z", "lon": LON, "lat": LAT,
         "speed_kmh": None, "ignition": 0, "load": 3},
    ]  # fmt: skip
    text = b"\n".join(map(orjson.dumps, lines)) + b"\n\n"
    for name, content in (("t.jsonl", text), ("t.ndjson.gz", gzip.compress(text))):
        tally = office.take("gps", office.file(name, content))
        assert tally.accepted == {"position": 2, "blank": 1} and not tally.rejected
    first, second = office.positions("gps")
    assert (first["sog_mps"], first["acc"], first["nav"]) == (10.0, 1, 3)
    assert second["sog_mps"] != second["sog_mps"] and second["acc"] == 0
    table = f"{HEADER}\nAB-1,2020-07-01T00:00:00Z,{LON},{LAT},36,true,full\n"
    office.take("gps", office.file("t.csv", table))
    assert len(office.positions("gps")) == 2, "the same fix, whatever it was written in"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "malformed"), (b"[1]", "malformed"), (b'{"plate": {}}', "bad_value"),
        (b'{"plate": "AB-1"}', "bad_time"), (b'{"lon": NaN}', "malformed"),
        (b'{"plate": "' + b"x" * 70_000 + b'"}', "too_long"), (b"\xff\xfe", "malformed"),
    ],
)  # fmt: skip
def test_lines_that_are_no_positions(office: Office, line: bytes, reason: str) -> None:
    good = {"plate": "AB-1", "time": "2020-07-01T00:00:00Z", "lon": LON, "lat": LAT}
    tally = office.take("gps", office.file("t.jsonl", line + b"\n" + orjson.dumps(good)))
    assert tally.accepted == {"position": 1} and tally.rejected == {reason: 1}
    (reject,) = office.rejects("gps")
    assert reject.line == 1 and reject.raw and reject.detail


def test_names_of_a_source_are_read(office: Office) -> None:
    source = office.city.sources["truck_gps"]
    office.city.sources["renamed"] = source.model_copy(update={"columns": {"plate": "car_no"}})
    line = {"car_no": "AB-1", "time": "2020-07-01T00:00:00Z", "lon": LON, "lat": LAT}
    office.take("gps", office.file("t.jsonl", orjson.dumps(line)), source="renamed")
    assert [fix["mover"] for fix in office.positions("gps")] == ["AB-1"]
