"""Files through the doors into a store: rows, rejects, lineage, last positions, tracks."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import orjson
import pytest

from ingest.rejects import RejectStore
from layers import crs as systems
from layers.errors import QueryError, UnknownLayerError
from layers.query import Query
from tests.ingest.conftest import (
    AT,
    EASTING,
    HARBOUR,
    NORTHING,
    T0,
    Office,
    collection,
    mark,
    point,
    report,
    voyage,
)

LON, LAT = HARBOUR
GPS = "plate,time,lon,lat,speed_kmh,course_deg,ignition"
WIM = (
    "record_id,station_id,lane,time,plate,vehicle_kind,axles,axle_masses_kg,gross_kg,speed_kmh,"
    "error_share,single_drive_axle,image_ref"
)
REGISTER = "registry_id,name_zh,mmsi,loa_m,registered_from"


def truck(plate: str, minute: int, lon: float = LON, lat: float = LAT) -> str:
    return f"{plate},2020-07-01T{minute // 60:02d}:{minute % 60:02d}:00,{lon:.6f},{lat:.6f},36,90,1"


def weighing(record: str, masses: str = "6000;11000", gross: int = 17000, **other: str) -> str:
    given = {"station": "W1", "lane": "1", "time": "2020-07-01T08:00:00", "plate": "AB-1"} | other
    place = f"{given['station']},{given['lane']},{given['time']},{given['plate']}"
    return f"{record},{place},rigid,{masses.count(';') + 1},{masses},{gross},40,0.05,false,"


def detection(name: str, **other: object) -> dict[str, object]:
    return {
        "detection_id": name, "camera_id": "C1", "time": "2020-07-01T12:00:00+00:00",
        "track": "7", "label": "goods", "confidence": 0.9, "box": [100, 200, 300, 400], **other,
    }  # fmt: skip


def lines(*rows: str | bytes) -> bytes:
    return b"".join((row if isinstance(row, bytes) else row.encode()) + b"\n" for row in rows)


def sail(mmsi: int, minutes: range, lon: float = LON) -> list[bytes]:
    return [report(mmsi, T0 + 60 * m, lon + 0.001 * m, LAT) for m in minutes]


def test_ais_gives_positions_names_last_position_and_track(office: Office) -> None:
    log = lines(*sail(701_000_001, range(10)), *voyage(701_000_001, T0 + 30, "PEARL"))
    tally = office.take("ais", office.file("a.nmea", log))
    assert tally.accepted == {"position": 10, "static": 1, "part": 1} and tally.read == 12
    assert len(office.positions("ais")) == 10 and len(office.positions("ais_identity")) == 1
    [last] = office.frame("vessel_position").to_dict("records")
    assert (last["mmsi"], last["name"], last["ship_type"]) == ("701000001", "PEARL", 30)
    assert last["time"].isoformat() == "2020-07-01T00:09:00+00:00"
    assert last["geometry"].x == pytest.approx(LON + 0.009, abs=1e-5)
    [track] = office.frame("vessel_track").to_dict("records")
    assert (track["fixes"], track["worst_gap_s"]) == (10, 60)
    assert track["track_id"] == "701000001-20200701T000000.000Z"
    assert track["length_m"] == pytest.approx(738, abs=5)


def test_gps_gives_positions_last_position_and_track(office: Office) -> None:
    rows = [truck("AB-1", minute, LON + 0.001 * minute) for minute in range(10)]
    tally = office.take("gps", office.file("t.csv", lines(GPS, *rows)), source="truck_gps")
    assert tally.accepted == {"position": 10} and not tally.rejected
    [last] = office.frame("truck_position").to_dict("records")
    assert (last["plate"], last["speed_mps"], last["ignition"]) == ("AB-1", 10.0, True)
    assert last["time"].isoformat() == "2020-07-01T04:09:00+00:00", "the source's zone is -04:00"
    assert len(office.frame("truck_track")) == 1


def test_weighings_stand_at_their_station_in_si_units(equipped: Office) -> None:
    path = equipped.file("w.csv", lines(WIM, weighing("R1"), weighing("R2", lane="3")))
    tally = equipped.take("wim", path, source="weighbridge")
    assert tally.accepted == {"weighing": 1} and tally.rejected == {"unknown_lane": 1}
    [row] = equipped.frame("weighing").to_dict("records")
    assert row["axle_masses_kg"] == [6000.0, 11000.0] and row["speed_mps"] == 11.111
    assert row["time"].isoformat() == "2020-07-01T12:00:00+00:00"
    assert row["geometry"].x == pytest.approx(-75.0945, abs=1e-9)


def test_detections_are_foot_lines_on_the_ground(equipped: Office) -> None:
    path = equipped.file("d.jsonl", lines(orjson.dumps(detection("D1"))))
    assert equipped.take("camera", path).accepted == {"camera_detection": 1}
    [row] = systems.project(equipped.frame("camera_detection").geometry.to_numpy(), "EPSG:32718")
    ends = [(EASTING + 1.0, NORTHING - 4.0), (EASTING + 3.0, NORTHING - 4.0)]
    assert [tuple(end) for end in row.coords] == [pytest.approx(end, abs=1e-3) for end in ends]


def test_a_register_is_kept_state_by_state(office: Office) -> None:
    before = lines(REGISTER, "R1,海星,701000001,24.5,2019-01-01", "R2,海月,,30,2019-01-01")
    after = lines(REGISTER, "R1,海星,701000001,26.0,2019-01-01", "R2,海月,,30,2019-01-01")
    feed = "register:vessel_registry"
    assert office.take(feed, office.file("r1.csv", before)).accepted == {"vessel_registry": 2}
    revision = office.store.revision("vessel_registry")
    office.take(feed, office.file("r2.csv", after))
    assert office.frame("vessel_registry")["loa_m"].to_dict() == {"R1": 26.0, "R2": 30.0}
    assert office.store.revision("vessel_registry") > revision


@pytest.mark.parametrize("form", ["geojson", "csv", "csv.gz", "wkt.csv", "utm.geojson", "gz"])
def test_a_layer_comes_in_many_forms(office: Office, form: str) -> None:
    source = None
    if form == "utm.geojson":
        content = collection([mark("M1", point(EASTING, NORTHING))], "urn:ogc:def:crs:EPSG::32718")
    elif form in ("geojson", "gz"):
        content = collection([mark("M1")])
    elif form == "wkt.csv":
        content, source = (
            lines("mark_id,kind,wkt", f"M1,buoy,POINT ({EASTING} {NORTHING})"),
            "survey",
        )
    else:
        content, source = lines("mark_id,kind,lon,lat", f"M1,buoy,{EASTING},{NORTHING}"), "survey"
    packed = gzip.compress(content) if form.endswith("gz") else content
    name = "marks.geojson.gz" if form == "gz" else f"marks.{form}"
    tally = office.take("layer:navigation_mark", office.file(name, packed), source=source)
    assert tally.accepted == {"navigation_mark": 1}
    [place] = office.frame("navigation_mark").geometry
    assert (place.x, place.y) == pytest.approx(HARBOUR, abs=0.02)


def test_a_table_without_crs_is_refused(office: Office) -> None:
    path = office.file("m.csv", lines("mark_id,kind,lon,lat", f"M1,buoy,{LON},{LAT}"))
    assert office.take("layer:navigation_mark", path).rejected == {"no_crs": 1}
    assert office.take("layer:navigation_mark", path, crs="EPSG:4326").accepted.total() == 1


def test_what_is_not_declared_is_an_error_not_a_reject(office: Office) -> None:
    path = office.file("m.csv", "a\n")
    with pytest.raises(UnknownLayerError):
        office.take("layer:pagoda", path)
    with pytest.raises(QueryError, match="has places"):
        office.take("register:camera", path)


def correct(path: Path, wrong: bytes, right: bytes) -> Path:
    content = path.read_bytes()
    assert wrong in content
    path.write_bytes(content.replace(wrong, right))
    return path


TRUCKS = lines(GPS, truck("AB-1", 0), truck("AB-2", 1).replace("36,90", "x,90"))
WEIGHED = lines(WIM, weighing("R1"), weighing("R2", gross=99_000))
SEEN = [orjson.dumps(detection("D1")), orjson.dumps(detection("D2", confidence=7))]
VESSELS = lines(REGISTER, "R1,海星,701000001,24.5,2019-01-01", "R2,海月,7010,30,2019-01-01")
UTM, PLACE = "urn:ogc:def:crs:EPSG::32718", point(EASTING, NORTHING)
SURVEY = collection([mark("M1", PLACE), mark("M2", PLACE, kind="boye")], UTM)
HEARD = [report(701_000_001 + n, T0, LON, LAT) for n in range(2)]
ROUND_TRIPS = {
    "gps": ("gps", "truck_gps", TRUCKS, b",x,90", b",36,90", "truck_position"),
    "wim": ("wim", "weighbridge", WEIGHED, b"99000", b"17000", "weighing"),
    "camera": ("camera", None, lines(*SEEN), b":7,", b":0.7,", "camera_detection"),
    "register": (
        "register:vessel_registry", None, VESSELS, b"7010,", b"701000002,", "vessel_registry"),
    "layer": (
        "layer:navigation_mark", None, collection([mark("M1"), mark("M2", kind="boye")]),
        b"boye", b"buoy", "navigation_mark"),
    "layer in utm": ("layer:navigation_mark", None, SURVEY, b"boye", b"buoy", "navigation_mark"),
    "ais": (
        "ais", None, lines(HEARD[0], HEARD[1].replace(b"!AIVDM", b"!AIVDX")),
        b"!AIVDX", b"!AIVDM", "vessel_position"),
}  # fmt: skip


@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_what_was_refused_is_exported_corrected_and_accepted(
    equipped: Office, tmp_path: Path, name: str
) -> None:
    feed, source, content, wrong, right, layer = ROUND_TRIPS[name]
    suffix = {"camera": "jsonl", "ais": "nmea"}.get(name, "csv")
    if name.startswith("layer"):
        suffix = "geojson"
    tally = equipped.take(feed, equipped.file(f"in.{suffix}", content), source=source)
    assert (tally.accepted.total(), tally.rejected.total()) == (1, 1)
    rejects = RejectStore(equipped.home / "rejects")
    out = tmp_path / f"out.{suffix}"
    assert rejects.export(feed, out) == 1
    again = equipped.take(feed, correct(out, wrong, right), source=source)
    assert (again.accepted.total(), again.rejected.total()) == (1, 0)
    assert equipped.store.count(Query(layer)) == 2


@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_the_same_file_twice_changes_nothing(equipped: Office, name: str) -> None:
    feed, source, content, _, _, layer = ROUND_TRIPS[name]
    path = equipped.file("in.geojson" if name.startswith("layer") else "in.csv", content)
    first = equipped.take(feed, path, source=source)
    kept = equipped.frame(layer), equipped.store.revision(layer), equipped.rejects()
    stored = repr((equipped.positions("gps"), equipped.positions("ais")))
    second = equipped.take(feed, path, source=source)
    assert second == first
    assert equipped.frame(layer).equals(kept[0])
    assert equipped.store.revision(layer) == kept[1] and equipped.rejects() == kept[2]
    assert repr((equipped.positions("gps"), equipped.positions("ais"))) == stored


@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_each_input_has_a_lineage_row_that_rows_point_to(equipped: Office, name: str) -> None:
    feed, source, content, _, _, layer = ROUND_TRIPS[name]
    path = equipped.file("in.geojson" if name.startswith("layer") else "in.csv", content)
    tally = equipped.take(feed, path, source=source)
    lineage = equipped.frame("lineage")
    [origin] = equipped.frame(layer)["source"]
    row = lineage.loc[origin]
    assert (row["read_rows"], row["accepted_rows"], row["rejected_rows"]) == (tally.read, 1, 1)
    assert row["counts"] == tally.as_dict() and row["file"] == path.name


def test_a_last_position_only_moves_forward(office: Office) -> None:
    office.take("ais", office.file("new.nmea", lines(*sail(701_000_001, range(50, 60)))))
    newest = office.frame("vessel_position").iloc[0]
    office.take("ais", office.file("old.nmea", lines(*sail(701_000_001, range(10)))))
    assert office.frame("vessel_position").iloc[0]["time"] == newest["time"]
    office.take("ais", office.file("next.nmea", lines(*sail(701_000_001, range(60, 62)))))
    assert office.frame("vessel_position").iloc[0]["time"] > newest["time"]


def test_a_name_heard_before_is_kept_with_a_newer_position(office: Office) -> None:
    office.take("ais", office.file("a.nmea", lines(*voyage(701_000_001, T0, "PEARL"),
                                                    *sail(701_000_001, range(2)))))  # fmt: skip
    office.take("ais", office.file("b.nmea", lines(*sail(701_000_001, range(5, 7)))))
    assert office.frame("vessel_position").iloc[0]["name"] == "PEARL"


def test_tracks_do_not_depend_on_how_positions_came_in(office: Office, tiny_folder: Path) -> None:
    log = sail(701_000_001, range(40)) + sail(701_000_001, range(100, 120))
    log += sail(701_000_002, range(0, 60, 3), LON - 0.02)
    office.take("ais", office.file("all.nmea", lines(*log)))
    whole = office.frame("vessel_track").drop(columns=["source"])
    assert len(whole) == 3, "an hour of silence cuts"
    random.Random(4).shuffle(log)
    for spec in ("vessel_track", "vessel_position"):
        with office.store.transaction() as unit:
            unit.delete(
                office.city.layer(spec),
                list(office.frame(spec).index),
                at=whole["valid_from"].max(),
            )
    for part in range(4):
        office.take("ais", office.file(f"part{part}.nmea", lines(*log[part::4])))
    again = office.frame("vessel_track").drop(columns=["source"])
    columns = ["track_id", "fixes", "length_m", "worst_gap_s", "geometry", "start_time", "end_time"]
    assert again[columns].equals(whole[columns])


def test_a_gap_that_is_filled_later_joins_two_tracks(office: Office) -> None:
    halves = sail(701_000_001, range(10)) + sail(701_000_001, range(60, 70))
    office.take("ais", office.file("halves.nmea", lines(*halves)))
    assert len(office.frame("vessel_track")) == 2
    office.take("ais", office.file("middle.nmea", lines(*sail(701_000_001, range(10, 60)))))
    [track] = office.frame("vessel_track").to_dict("records")
    assert track["fixes"] == 70


def test_progress_is_told_and_ends_at_the_whole_file(office: Office) -> None:
    told: list[tuple[int, int, str]] = []
    path = office.file("a.nmea", lines(*sail(701_000_001, range(10))))
    office.take("ais", path, progress=lambda *step: told.append(step))
    assert told[-1] == (path.stat().st_size, path.stat().st_size, "a.nmea")


def test_a_file_without_any_clock_needs_a_base_time(office: Office) -> None:
    bare = report(701_000_001, T0, LON, LAT).split(b"\\")[2]
    path = office.file("a.nmea", bare + b"\n")
    assert office.take("ais", path).rejected == {"no_time": 1}
    assert office.take("ais", path, base_time=AT).accepted == {"position": 1}
    assert office.rejects() == [], "the same input, taken in well, has no rejects any more"
