"""Locations of terminals to fixes: units, times, states, and each refusal by its name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.decoders.jt808_fixes import FixDecoder, Report
from ingest.decoders.jt808_frame import FrameCutter
from ingest.decoders.jt808_messages import locations
from layers import crs
from layers.positions import TRUCK_FIXES, Quality
from tests.ingest.jt808_frames import LAT, LON, NOON, location, public

NOON_MS = round(NOON.timestamp() * 1000)


def reports(*bodies: bytes, received_ms: int = NOON_MS) -> list[Report]:
    return [
        Report(body, "苏A12345", "13800000001", "tcp://127.0.0.1:9#1", 40 * k, received_ms)
        for k, body in enumerate(bodies)
    ]


def decoded(name: str) -> dict[str, object]:
    (frame,), _ = FrameCutter("peer").feed(public(name))
    bodies, _ = locations(frame)
    row: dict[str, object] = FixDecoder().decode(reports(bodies[0])).fixes.to_pylist()[0]
    return row


def test_public_examples() -> None:
    row = decoded("small_chi_location")
    assert (row["lat"], row["lon"]) == (12.222222, 132.444444)
    assert row["t"] == round(datetime(2018, 10, 15, 2, 10, 10, tzinfo=UTC).timestamp() * 1000)
    assert row["sog_mps"] == pytest.approx(6 / 3.6) and row["acc"] == 0 and row["nav"] == 0
    row = decoded("small_chi_location_of_a_terminal")
    assert (row["lat"], row["lon"], row["cog_deg"]) == (22.768750, 113.792664, 224.0)
    row = decoded("huabao_location")
    assert (row["lat"], row["lon"]) == (22.591771, 113.995873)
    assert row["t"] == round(datetime(2021, 9, 22, 8, 37, 58, tzinfo=UTC).timestamp() * 1000)


def test_a_fix() -> None:
    batch = FixDecoder().decode(reports(location(speed_kmh=72, direction=360)))
    assert batch.fixes.schema == TRUCK_FIXES and batch.rejects == []
    row = batch.fixes.to_pylist()[0]
    assert (row["mover"], row["receiver"], row["t"]) == ("苏A12345", "13800000001", NOON_MS)
    assert (row["lon"], row["lat"], row["sog_mps"], row["cog_deg"]) == (LON, LAT, 20.0, 0.0)
    assert (row["acc"], row["nav"], row["quality"], len(row["pid"])) == (1, 0, 0, 16)
    assert np.isnan(row["heading_deg"])
    assert (row["recorder_mps"], row["mileage_m"]) == (None, None)


@pytest.mark.parametrize(
    ("items", "recorder_mps", "mileage_m"),
    [
        ("0104000003e8030202d0", 20.0, 100_000.0),
        ("030202d0", 20.0, None),
        ("0104000003e80302", None, None),
    ],
)
def test_what_recorder_and_odometer_tell(
    items: str, recorder_mps: float | None, mileage_m: float | None
) -> None:
    batch = FixDecoder().decode(reports(location(items=bytes.fromhex(items))))
    (row,) = batch.fixes.to_pylist()
    assert (row["recorder_mps"], row["mileage_m"]) == (recorder_mps, mileage_m)


@pytest.mark.parametrize(("bits", "nav"), [(0, 0), (1, 1), (2, 15), (3, 3)])
def test_load(bits: int, nav: int) -> None:
    fixes = FixDecoder().decode(reports(location(state=0b11 | bits << 8))).fixes
    assert fixes["nav"].to_pylist() == [nav]


def test_south_and_west() -> None:
    fixes = FixDecoder().decode(reports(location(lon=-70.5, lat=-33.25))).fixes
    assert (fixes["lon"][0].as_py(), fixes["lat"][0].as_py()) == (-70.5, -33.25)


@pytest.mark.parametrize(
    ("bit", "quality"),
    [
        (8, Quality.POWER_CUT),
        (4, Quality.ANTENNA_CUT),
        (5, Quality.ANTENNA_CUT),
        (6, Quality.ANTENNA_CUT),
        (0, Quality(0)),
        (7, Quality(0)),
    ],
)
def test_alarms_that_bear_on_the_fix(bit: int, quality: Quality) -> None:
    fixes = FixDecoder().decode(reports(location(alarm=1 << bit))).fixes
    assert fixes["quality"].to_pylist() == [quality]


def test_a_clock_that_is_ahead() -> None:
    decoder = FixDecoder(clock_ahead_ms=60_000)
    rows = reports(location(NOON + timedelta(seconds=60)), location(NOON + timedelta(seconds=61)))
    assert decoder.decode(rows).fixes["quality"].to_pylist() == [0, Quality.CLOCK_OFF]


def test_offset_coordinates_are_brought_home() -> None:
    lon, lat = crs.gcj02_from_wgs84(np.array([LON]), np.array([LAT]))
    fixes = FixDecoder("GCJ-02").decode(reports(location(lon=lon[0], lat=lat[0]))).fixes
    assert fixes["lon"][0].as_py() == pytest.approx(LON, abs=1e-6)
    assert fixes["lat"][0].as_py() == pytest.approx(LAT, abs=1e-6)


def at(digits: str) -> bytes:
    return location()[:22] + bytes.fromhex(digits)


WRONG = {
    "truncated": location()[:27],
    "not_located": location(state=1),
    "encrypted": location(state=0b100011),
    "no_position": location(lon=0, lat=0),
    "off_the_globe": location(lat=90.1),
    "bad_time": at("000000000000"),
    "bad_value": location(speed_kmh=6553.5),
}


@pytest.mark.parametrize("reason", WRONG)
def test_refusals_are_named_kept_and_cost_no_other(reason: str) -> None:
    batch = FixDecoder().decode(reports(location(), WRONG[reason], location(alarm=1)))
    assert batch.fixes.num_rows == 2
    (reject,) = batch.rejects
    assert (reject.reason, reject.raw) == (reason, WRONG[reason].hex())
    assert reject.file == "tcp://127.0.0.1:9#1" and "byte 40: " in reject.detail
    assert batch.tally.read == 3 and batch.tally.rejected == {reason: 1}


@pytest.mark.parametrize(
    "digits",
    [
        "260229120000",
        "261301120000",
        "260100120000",
        "260301240000",
        "260301126000",
        "260301120060",
        "2603011200a0",
        "ff0301120000",
        "260432120000",
    ],
)
def test_times_that_are_none(digits: str) -> None:
    batch = FixDecoder().decode(reports(at(digits)))
    assert [reject.reason for reject in batch.rejects] == ["bad_time"]
    assert digits in batch.rejects[0].detail


@given(st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 31)))
def test_every_time_is_gmt_plus_8(local: datetime) -> None:
    told = local.replace(microsecond=0)
    fixes = FixDecoder().decode(reports(at(f"{told:%y%m%d%H%M%S}"))).fixes
    expected = (told - timedelta(hours=8)).replace(tzinfo=UTC).timestamp() * 1000
    assert fixes["t"].to_pylist() == [round(expected)]


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_no_bytes_break_it_and_all_are_accounted_for(bodies: list[bytes]) -> None:
    batch = FixDecoder().decode(reports(*bodies))
    assert batch.tally.read == len(bodies) == batch.fixes.num_rows + len(batch.rejects)
