"""Sentences are what the standard says: pyais, as an independent reader, gets back every value."""

from __future__ import annotations

import functools
import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyais import decode
from pyais.stream import IterMessages

from ingest.simulator import aismessages, nmea
from ingest.simulator.aismessages import Identity, Reports

COUNT = 200


def some_reports(seed: int = 1, count: int = COUNT) -> Reports:
    rng = np.random.default_rng(seed)
    return Reports(
        mmsi=rng.integers(200_000_000, 799_999_999, count),
        t=rng.integers(1_500_000_000, 1_700_000_000, count),
        lon=rng.uniform(-180, 180, count),
        lat=rng.uniform(-90, 90, count),
        sog_kn=rng.uniform(0, 102, count),
        cog=rng.uniform(0, 359.94, count),
        heading=rng.integers(0, 360, count),
        status=rng.integers(0, 9, count),
    )


def sentences(bits: nmea.Bytes, t: nmea.Ints) -> list[bytes]:
    channel = np.full((len(t), 1), ord("A"), np.uint8)
    return nmea.single(bits, channel, t, "STATION")


def read(line: bytes):
    return decode(line.split(b"\\", 2)[2].strip())


@pytest.mark.parametrize("kind", [1, 3])
def test_class_a_positions_come_back(kind: int) -> None:
    sent = some_reports()
    for n, line in enumerate(sentences(aismessages.class_a(sent, kind), sent.t)):
        got = read(line)
        assert (got.msg_type, got.mmsi, int(got.status)) == (kind, sent.mmsi[n], sent.status[n])
        assert got.lon == pytest.approx(sent.lon[n], abs=1.4e-6)
        assert got.lat == pytest.approx(sent.lat[n], abs=1.4e-6)
        assert got.speed == pytest.approx(sent.sog_kn[n], abs=0.051)
        assert got.course == pytest.approx(sent.cog[n], abs=0.051)
        assert (got.heading, got.second) == (sent.heading[n], sent.t[n] % 60)


def test_class_b_positions_come_back() -> None:
    sent = some_reports(2)
    for n, line in enumerate(sentences(aismessages.class_b(sent), sent.t)):
        got = read(line)
        assert (got.msg_type, got.mmsi, got.heading) == (18, sent.mmsi[n], sent.heading[n])
        assert (got.lon, got.lat) == pytest.approx((sent.lon[n], sent.lat[n]), abs=1.4e-6)
        assert got.speed == pytest.approx(sent.sog_kn[n], abs=0.051)


def test_satellite_positions_come_back_to_a_tenth_of_a_minute() -> None:
    sent = some_reports(3)
    for n, line in enumerate(sentences(aismessages.long_range(sent), sent.t)):
        got = read(line)
        assert (got.msg_type, got.mmsi) == (27, sent.mmsi[n])
        assert (got.lon, got.lat) == pytest.approx((sent.lon[n], sent.lat[n]), abs=0.1 / 60)
        assert got.speed == pytest.approx(min(sent.sog_kn[n], 62), abs=0.51)


def some_ships() -> list[Identity]:
    full = Identity(412990358, "HUPUYU00358", "BABC1", 9123457, 30, 10, 20, 3, 4, 57, "SOME PORT")
    long = Identity(477123456, "A NAME OF 20 LETTERS", "VRAB123", 0, 79, 300, 66, 25, 26, 145, "")
    buoy = Identity(412000001, "HUPUYU12345-87%")
    return [full, long, buoy]


def test_voyage_data_come_back_from_two_sentences() -> None:
    ships = some_ships()
    bits = aismessages.static_a(ships, (7, 2, 13, 45))
    channel, t = np.full((3, 1), ord("B"), np.uint8), np.full(3, 1_600_000_000)
    first, second = nmea.double(bits, channel, t, "S1", np.arange(3), grouped=False)
    for ship, *pair in zip(ships, first, second, strict=True):
        got = decode(*(line.split(b"\\", 2)[2].strip() for line in pair))
        assert (got.msg_type, got.mmsi, got.shipname) == (5, ship.mmsi, ship.name)
        assert (got.imo, got.callsign, got.ship_type) == (ship.imo, ship.callsign, ship.ship_type)
        sides = (got.to_bow, got.to_stern, got.to_port, got.to_starboard)
        assert sides == (ship.bow, ship.stern, ship.port, ship.starboard)
        assert got.draught == pytest.approx(ship.draught_dm / 10)
        assert (got.destination, got.month, got.minute) == (ship.destination, 7, 45)


def test_class_b_names_and_hulls_come_back() -> None:
    ships, t = some_ships(), np.full(3, 1_600_000_000)
    names = sentences(aismessages.static_b_name(ships), t)
    hulls = sentences(aismessages.static_b_hull(ships), t)
    for ship, name, hull in zip(ships, names, hulls, strict=True):
        assert (read(name).partno, read(name).shipname) == (0, ship.name)
        got = read(hull)
        assert (got.partno, got.ship_type, got.callsign) == (1, ship.ship_type, ship.callsign)
        assert (got.to_bow, got.to_starboard) == (ship.bow, ship.starboard)


def test_base_stations_tell_the_time() -> None:
    r = some_reports(4)
    for n, line in enumerate(sentences(aismessages.base_station(r.mmsi, r.t, r.lon, r.lat), r.t)):
        got = read(line)
        told = (got.year, got.month, got.day, got.hour, got.minute, got.second)
        moment = r.t[n].astype("datetime64[s]").item()
        assert got.msg_type == 4
        assert told == moment.timetuple()[:6]


def test_aids_to_navigation_come_back() -> None:
    r = some_reports(5, 3)
    names = ["MARK 1", "NORTH CARDINAL", "X"]
    bits = aismessages.aid_to_navigation(names, r.mmsi, r.t, r.lon, r.lat)
    for n, line in enumerate(sentences(bits, r.t)):
        got = read(line)
        assert (got.msg_type, got.name, int(got.aid_type)) == (21, names[n], 20)
        assert got.lon == pytest.approx(r.lon[n], abs=1.4e-6)


def test_tag_blocks_and_sentences_carry_right_checksums() -> None:
    sent = some_reports(6, 50)
    for line in sentences(aismessages.class_a(sent), sent.t):
        _, tag, sentence = line.strip().split(b"\\")
        for body, given_sum in (tag.split(b"*"), sentence[1:].split(b"*")):
            assert functools.reduce(operator.xor, body) == int(given_sum, 16)


def test_the_tag_block_tells_station_and_time() -> None:
    sent = some_reports(7, 5)
    messages = list(IterMessages(sentences(aismessages.class_b(sent), sent.t)))
    for n, message in enumerate(messages):
        message.tag_block.init()
        assert message.tag_block.source_station == "STATION"
        assert int(message.tag_block.receiver_timestamp) == sent.t[n]


def test_groups_number_their_sentences() -> None:
    bits = aismessages.static_a(some_ships(), (1, 1, 0, 0))
    channel, t = np.full((3, 1), ord("A"), np.uint8), np.full(3, 1_600_000_000)
    first, second = nmea.double(bits, channel, t, "S1", np.arange(7, 10), grouped=True)
    assert first[0].startswith(b"\\g:1-2-1007,s:S1,c:1600000000*")
    assert second[0].startswith(b"\\g:2-2-1007*")
    assert b"AIVDM,2,1,7,A," in first[0]
    assert b"AIVDM,2,2,7,A," in second[0]
    assert second[0].rstrip().endswith(b",2*" + second[0].rstrip()[-2:])


@given(st.lists(st.integers(0, 1), min_size=1, max_size=200))
def test_armour_keeps_every_bit(bits: list[int]) -> None:
    payload, fill = nmea.armour(np.array([bits], np.uint8))
    codes = [c - 48 if c < 88 else c - 56 for c in payload[0].tolist()]
    flat = "".join(f"{code:06b}" for code in codes)
    assert flat[: len(flat) - fill] == "".join(map(str, bits))
    assert 0 <= fill < 6


@settings(max_examples=50)
@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -%./", max_size=20))
def test_names_keep_their_letters(name: str) -> None:
    ship = Identity(412000001, name)
    line = sentences(aismessages.static_b_name([ship]), np.array([1_600_000_000]))[0]
    assert read(line).shipname == name.strip()
