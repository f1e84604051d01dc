"""Bad rows through the doors: each costs only itself, and the good rows around it are stored."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layers.query import Query
from tests.ingest.conftest import (
    EASTING,
    HARBOUR,
    NORTHING,
    Office,
    collection,
    feature,
    mark,
    point,
)  # fmt: skip
from tests.ingest.test_take_in import GPS, REGISTER, WIM, detection, lines, truck, weighing

LON, LAT = HARBOUR
MARKS, REGISTRY = "layer:navigation_mark", "register:vessel_registry"
SQUARE = [[LON, LAT], [LON + 0.01, LAT], [LON + 0.01, LAT + 0.01], [LON, LAT + 0.01], [LON, LAT]]
BOW = [SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3], SQUARE[0]]


def polygon(ring: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [ring]}


def district(name: str, geometry: Any) -> dict[str, Any]:
    return feature({"code": name, "district_id": name, "name_zh": name}, geometry)


NO_PLACES = {
    "projected": point(EASTING, NORTHING), "northing first": point(NORTHING, EASTING),
    "null": None, "no points": {"type": "Point", "coordinates": []},
    "line": {"type": "LineString", "coordinates": SQUARE[:2]}, "area": polygon(SQUARE),
    "two points": {"type": "MultiPoint", "coordinates": SQUARE[:2]},
    "collection": {"type": "GeometryCollection", "geometries": [point(LON, LAT), polygon(SQUARE)]},
    "off the globe": point(181, 91), "far off": point(1e300, 1e300), "pole": point(0, 90.0001),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_PLACES)
def test_a_mark_without_a_place_of_its_own(office: Office, name: str) -> None:
    bad = mark("BAD") | {"geometry": NO_PLACES[name]}
    path = office.file("m.geojson", collection([mark("A"), bad, mark("B")]))
    one_bad(office, MARKS, path, "navigation_mark")


REASONS = {
    "projected": "wrong_crs", "northing first": "wrong_crs", "null": "no_geometry",
    "line": "geometry_type", "area": "geometry_type", "two points": "geometry_type",
}  # fmt: skip


@pytest.mark.parametrize("name", REASONS)
def test_the_reason_names_what_is_wrong_with_the_place(office: Office, name: str) -> None:
    bad = mark("BAD") | {"geometry": NO_PLACES[name]}
    office.take(MARKS, office.file("m.geojson", collection([mark("A"), bad])))
    assert [reject.reason for reject in office.rejects()] == [REASONS[name]]


PLACES = {
    "swapped": (lambda x, y: (y, x), "swapped_lon_lat"),
    "elsewhere": (lambda x, y: (x + 40, y), "outside_city"),
    "null island": (lambda x, y: (0, 0), "outside_city"),
    "projected": (lambda x, y: (EASTING, NORTHING), "wrong_crs"),
    "feet": (lambda x, y: (1_614_000.0, 17_333_000.0), "wrong_crs"),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_line_of_doors_in_the_wrong_place(office: Office, name: str) -> None:
    move, reason = PLACES[name]
    good = [[LON, LAT], [LON + 0.001, LAT]]

    def station(key: str, line: Any) -> dict[str, Any]:
        return feature({"station_id": key}, {"type": "LineString", "coordinates": line})

    bad = [list(move(*place)) for place in good]
    bad[1][0] += 0.0001
    rows = [station("A", good), station("BAD", bad), station("B", good)]
    path = office.file("s.geojson", collection(rows))
    one_bad(office, "layer:wim_station", path, "wim_station", reason)


RINGS = {
    "crossing itself": BOW, "two corners": [SQUARE[0], SQUARE[1], SQUARE[0], SQUARE[0]],
    "spike": [*SQUARE[:2], [LON + 0.02, LAT], *SQUARE[1:]],
}  # fmt: skip


@pytest.mark.parametrize("name", RINGS)
def test_an_invalid_ring(office: Office, name: str) -> None:
    views = [
        feature({"device_id": key}, polygon(ring))
        for key, ring in (("A", SQUARE), ("BAD", RINGS[name]), ("B", SQUARE))
    ]
    path = office.file("c.geojson", collection(views))
    one_bad(office, "layer:camera", path, "camera", "invalid_geometry")


VALUES: list[tuple[str, Any]] = [
    *(("mark_id", v) for v in ("", None, "A", "x" * 70_000)),
    *(("kind", v) for v in ("", None, "boye", "BUOY", 7, "buoy ", {"a": 1})),
    *(("height_m", v) for v in (-1, 101, "tall", "1e400", "NaN", "inf", "1,5", "0x10", "١٢")),
    *(("lit", v) for v in ("maybe", "2", "tru", "-1")),
    *(("checked_on", v) for v in ("soon", "2020-13-01", "1/2/2020", "9")),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), VALUES, ids=lambda v: repr(v)[:20])
def test_a_bad_value_in_a_vector_file(office: Office, field: str, value: Any) -> None:
    bad = mark("BAD")
    bad["properties"][field] = value
    plain = {"height_m": "3", "lit": "true", "checked_on": "2020-01-01"}
    rows = [mark("A", **plain), bad, mark("B", **plain)]
    one_bad(office, MARKS, office.file("m.geojson", collection(rows)), "navigation_mark")


@pytest.mark.parametrize(
    ("field", "value"),
    [pair for pair in VALUES if isinstance(pair[1], str)],
    ids=lambda v: repr(v)[:20],
)
def test_a_bad_value_in_a_table(office: Office, field: str, value: str) -> None:
    def row(**other: str) -> str:
        given = {"mark_id": "A", "kind": "buoy", "height_m": "3", "lit": "1", "checked_on": ""}
        quoted = ('"{}"'.format(v.replace('"', '""')) for v in (given | other).values())
        return ",".join([*quoted, str(LON), str(LAT)])

    header = "mark_id,kind,height_m,lit,checked_on,lon,lat"
    content = lines(header, row(), row(**({"mark_id": "BAD"} | {field: value})), row(mark_id="B"))
    path = office.file("m.csv", content)
    one_bad(office, MARKS, path, "navigation_mark", crs="EPSG:4326")


def one_bad(
    office: Office, feed: str, path: Path, layer: str, reason: str = "", **more: Any
) -> None:
    tally = office.take(feed, path, **more)
    assert (tally.accepted[layer], tally.rejected.total()) == (2, 1), office.rejects(feed)
    [reject] = office.rejects(feed)
    assert reject.detail and reject.line in (2, 3) and reason in ("", reject.reason)
    assert office.store.count(Query(layer)) == 2


DETECTIONS: dict[str, bytes] = {
    "nan": orjson.dumps(detection("X")).replace(b"0.9", b"NaN"),
    "infinity": orjson.dumps(detection("X")).replace(b"0.9", b"-Infinity"),
    **{f"cut at {n}": orjson.dumps(detection("X"))[:n] for n in range(5, 140, 12)},
    **{f"nested {n}": b'{"detection_id":' + b"[" * n + b"]" * n + b"}" for n in (10, 2000, 30_000)},
    **{
        f"bare {v!r}": v
        for v in (b"null", b"[]", b"17", b'"x"', b"{}", b"true", b"\xff\xfe", b"\0")
    },
    **{
        f"{field} {value!r}"[:40]: orjson.dumps(detection("X", **{field: value}))
        for field, values in {
            "camera_id": (None, "C9", "", 7, ["C1"], {"a": 1}),
            "detection_id": (None, ""),
            "time": (None, "", "noon", 7, "2020-07-01T12:00:00", "2019-07-01T12:00:00Z",
                     "2031-07-01T12:00:00Z"),
            "confidence": (None, -0.1, 1.1, "0.9", True, [0.9], {}),
            "label": (None, ""),
            "box": (None, [], [1, 2, 3], [1, 2, 3, 4, 5], "1,2,3,4", [1, 2, 3, "4"], [3, 2, 1, 4],
                    [100, 200, 100, 400], [0, 0, 1930, 10], [0, 0, 10, 1090], [-9, 0, 10, 10],
                    [1, 2, None, 4], [1, 2, 1e308, 1e308], [True, 0, 10, 10], {"x0": 1}),
        }.items() for value in values
    },
}  # fmt: skip


@pytest.mark.parametrize("name", DETECTIONS)
def test_a_bad_detection(equipped: Office, name: str) -> None:
    good = [orjson.dumps(detection(key)) for key in ("A", "B")]
    path = equipped.file("d.jsonl", lines(good[0], DETECTIONS[name], good[1]))
    one_bad(equipped, "camera", path, "camera_detection")


def swap(row: str, place: int, value: str) -> str:
    fields = row.split(",")
    fields[place] = value
    return ",".join(fields)


RECORDS = {
    f"{place} {value!r}": swap(weighing("X"), place, value)
    for place, values in {
        0: ("", "A"), 1: ("", "W9", "w1"), 2: ("", "0", "3", "-1", "one", "1.5", "1e9"),
        3: ("", "noon", "2020-07-01", "2020-13-01T00:00:00", "25:00"), 4: ("", " "),
        5: ("", "tram", "RIGID"), 6: ("", "3", "1", "0", "-2", "two", "2.5", "1e3"),
        7: ("", "6000", "6000;x", "6000;NaN", "6000;inf", "6000;-11000", ";", "6000;11000;0",
            "6000|11000", "0;17000", "1e308;1e308"),
        8: ("", "NaN", "inf", "-17000", "0", "99000", "heavy", "1e400"),
        9: ("-1", "fast", "NaN", "inf", "900"), 10: ("2", "-0.1", "some"), 11: ("maybe",),
    }.items() for value in values if not (place == 3 and value == "2020-07-01")
}  # fmt: skip


@pytest.mark.parametrize("name", RECORDS)
def test_a_bad_weighing(equipped: Office, name: str) -> None:
    path = equipped.file("w.csv", lines(WIM, weighing("A"), RECORDS[name], weighing("B")))
    one_bad(equipped, "wim", path, "weighing", source="weighbridge")


ENTRIES = [
    ",海星,701000001,24.5,2019-01-01", "A,海星,701000001,24.5,2019-01-01", "X,海星,7010,24.5,",
    "X,海星,70100000a,24.5,", "X,海星,,-1,", "X,海星,,900,", "X,海星,,long,", "X,海星,,NaN,",
    "X,海星,,24.5,2019-02-30", "X,海星,,24.5,yesterday", "X,海星,,24.5", "X,海星,,24.5,,,", "X",
    'X,"海星,,24.5,', "X,海\0星,,24.5,",
]  # fmt: skip


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_bad_entry_of_a_register(office: Office, entry: str) -> None:
    good = [f"{key},海月,701000002,24.5,2019-01-01" for key in ("A", "B")]
    path = office.file("r.csv", lines(REGISTER, good[0], entry, good[1]))
    one_bad(office, REGISTRY, path, "vessel_registry")


SQL = [
    "'); DROP TABLE navigation_mark; --", "' OR '1'='1", '"; DELETE FROM "camera', "Robert'); --",
    "\\'; SELECT 1", "%s %(a)s :a ?", "{0}{a}", "<script>alert(1)</script>", "=1+1", "\u202eabc",
    "a\nb\tc", "🚤", "e\u0301", "NULL", "\x1b[31m",
]  # fmt: skip


@pytest.mark.parametrize("text", SQL)
def test_text_is_only_text(office: Office, text: str) -> None:
    rows = [feature({"registry_id": text, "name_zh": text, "gear": text}, None)]
    marks = [mark(text)]
    office.take(MARKS, office.file("m.geojson", collection(marks)))
    assert list(office.frame("navigation_mark").index) == [text]
    quoted = '"' + text.replace('"', '""') + '"'
    if "\n" not in text:
        content = lines("registry_id,name_zh", f"{quoted},{quoted}")
        office.take(REGISTRY, office.file("r.csv", content))
        assert office.frame("vessel_registry")["name_zh"].to_dict() == {text: text}
    assert rows and office.store.count(Query("navigation_mark")) == 1


def gzip_bomb() -> bytes:
    return gzip.compress(b"\0" * (80 << 20), 9)


BIG = b"x" * 10_000_000
FILES: dict[str, bytes] = {
    "empty": b"", "html": b"<!DOCTYPE html><html><body>502</body></html>", "nul": b"\0" * 5000,
    "utf-16": "a,b\n1,2\n".encode("utf-16"), "ten megabytes in one line": BIG,
    "cut gzip": gzip.compress(BIG)[:-9], "gzip of nothing": gzip.compress(b""),
    "zip": b"PK\x03\x04" + b"\0" * 100, "png": b"\x89PNG\r\n\x1a\n" + b"\0" * 64,
    "sqlite": b"SQLite format 3\0" + b"\0" * 200, "pdf": b"%PDF-1.7\n", "bytes": bytes(range(256)),
    "bomb": gzip_bomb(),
}  # fmt: skip
FEEDS = {
    "gps": "t.csv", "wim": "w.csv", "camera": "d.jsonl", REGISTRY: "r.csv", "ais": "a.nmea",
    MARKS: "m.geojson", "layer:navigation_mark ": "m.csv",
}  # fmt: skip


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_data(office: Office, feed: str, name: str) -> None:
    more = {"crs": "EPSG:4326"} if feed.endswith(" ") else {}
    tally = office.take(feed.strip(), office.file(FEEDS[feed], FILES[name]), **more)
    assert tally.accepted.total() == 0 or set(tally.accepted) == {"blank"}
    assert tally.rejected.total() == len(office.rejects())
    nothing_there = FILES[name] in (b"", FILES["gzip of nothing"]) and feed in ("ais", "camera")
    only_nul = name == "nul" and feed == "ais"
    assert tally.rejected.total() >= 1 or nothing_there or only_nul
    assert office.store.count(Query("lineage")) == 1


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("kind", ["folder", "missing", "zip bomb"])
def test_a_path_that_can_not_be_read(office: Office, feed: str, kind: str) -> None:
    path = office.home / FEEDS[feed]
    if kind == "folder":
        path.mkdir()
    elif kind == "zip bomb":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.geojson", b"\0" * (80 << 20))
    more = {"crs": "EPSG:4326"} if feed.endswith(" ") else {}
    tally = office.take(feed.strip(), path, **more)
    assert tally.accepted.total() == 0 and tally.rejected.total() == 1
    assert office.rejects()[0].detail


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk"])
def test_a_declared_encoding_is_read(office: Office, encoding: str) -> None:
    path = office.file("r.csv", lines(REGISTER, "R1,海星渔,,24.5,").decode().encode(encoding))
    source = office.city.sources["vessel_register"]
    declared = source.model_copy(update={"encoding": encoding.removesuffix("-sig")})
    office.city.sources["vessel_register"] = declared
    assert office.take(REGISTRY, path, source="vessel_register").accepted.total() == 1
    assert office.frame("vessel_registry")["name_zh"].to_dict() == {"R1": "海星渔"}


def test_a_source_that_breaks_off_keeps_what_came_before(office: Office) -> None:
    rows = [truck(f"T{n}", n % 600) for n in range(20_000)]
    packed = gzip.compress(lines(GPS, *rows))
    tally = office.take("gps", office.file("t.csv.gz", packed[:-4000]), source="truck_gps")
    assert tally.accepted["position"] > 1000 and tally.rejected == {"unreadable": 1}
    assert len(office.positions("gps")) == tally.accepted["position"]


@given(
    noise=st.lists(
        st.one_of(st.binary(max_size=80), st.text(max_size=40).map(str.encode)), max_size=8
    )
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_noise_between_good_rows_costs_no_good_row(equipped: Office, noise: list[bytes]) -> None:
    rows = [row.replace(b"\n", b"") for row in noise]
    good = [orjson.dumps(detection(key)) for key in ("A", "B")]
    feeds = {
        "camera": (lines(good[0], *rows, good[1]), None, "camera_detection"),
        "wim": (lines(WIM, weighing("A"), *rows, weighing("B")), "weighbridge", "weighing"),
    }
    for feed, (content, source, layer) in feeds.items():
        tally = equipped.take(feed, equipped.file("noise", content), source=source)
        assert tally.accepted[layer] == 2 and tally.read == len(rows) + 2
