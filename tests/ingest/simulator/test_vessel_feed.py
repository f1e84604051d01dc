"""A day of ships: on water, in real sentences, violations and near misses as they claim."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import timedelta

import numpy as np
import pyproj
import pytest
import shapely

from layers.crs import project
from tests.ingest.simulator.written import POSITIONS, Written, longest_run, seconds

UNREGISTERED, PRESENCE = "unregistered_vessel", "closed_zone_presence"
LIMIT_S = 600


def presence_run(day: Written, row: dict) -> float:
    times, places = day.ships[row["subject"]].track()
    inside = shapely.intersects_xy(day.zone("fishing_ban"), *places.T)
    return longest_run(times, inside)


def test_every_kind_of_message_is_sent(day: Written) -> None:
    sent = Counter(message.msg_type for _, message in day.messages)
    assert {1, 3, 4, 5, 18, 21, 24} <= set(sent)


def test_satellites_hear_a_few(pudong_day: Written) -> None:
    assert Counter(m.msg_type for _, m in pudong_day.messages)[27] > 0


def test_ships_stay_on_water(day: Written) -> None:
    place = day.geography
    water = shapely.union_all([place.sea, *place.water]).buffer(15)
    shapely.prepare(water)
    impossible = day.unphysical()
    fixes = np.array(
        [
            fix
            for mmsi, ship in day.ships.items()
            for fix in ship.fixes.values()
            if mmsi not in impossible
        ]
    )
    x, y = pyproj.Transformer.from_crs("EPSG:4326", place.crs, always_xy=True).transform(*fixes.T)
    assert shapely.contains_xy(water, x, y).all()


def test_ships_keep_within_sensible_speeds(day: Written) -> None:
    geod = pyproj.Geod(ellps="WGS84")
    impossible = day.unphysical()
    for mmsi, ship in day.ships.items():
        if len(ship.fixes) < 2 or mmsi in impossible:
            continue
        times, places = ship.track()
        metres = geod.inv(*places[:-1].T, *places[1:].T)[2]
        assert (metres - 60 <= np.diff(times) * 15).all(), mmsi


def test_times_lie_in_the_citys_day(day: Written) -> None:
    start = seconds(f"{day.day.isoformat()}T00:00:00" + _offset(day))
    times = [t for t, _ in day.messages]
    assert start <= min(times)
    assert max(times) < start + 86_400 + 60


def _offset(day: Written) -> str:
    return day.truth["planted"][0]["start"][-6:]


def test_about_one_in_twenty_is_heard_twice(day: Written) -> None:
    payloads = Counter(
        line.split(b",")[-2] + line[-20:-6]
        for line in day.ais_lines
        if b"AIVDM,1,1" in line and b",c:" in line
    )
    stations = Counter(line.split(b",")[0] for line in day.ais_lines if line.startswith(b"\\s:"))
    assert len(stations) >= 2
    twice = sum(1 for count in payloads.values() if count > 1)
    assert 0.02 < twice / len(payloads) < 0.09


def test_some_lines_are_late_and_some_are_broken(day: Written) -> None:
    clocks = [int(line.split(b",c:")[1][:10]) for line in day.ais_lines if line.startswith(b"\\s:")]
    late = sum(a > b for a, b in itertools.pairwise(clocks))
    assert 0 < late < len(clocks) * 0.05
    assert max(max(clocks[:n]) - clocks[n] for n in range(1, len(clocks), 997)) <= 21
    lines = [line for line in day.ais_lines if line]
    whole = sum(b"!AIVDM,1,1," in line or b"!AIVDM,2," in line for line in lines)
    sound = sum(_is_sound(line) for line in lines)
    assert sound < len(lines)
    assert sound > len(lines) * 0.995
    assert whole > len(lines) * 0.999


def _is_sound(line: bytes) -> bool:
    parts = line.split(b"!AIVDM")
    if len(parts) != 2 or b"*" not in parts[1]:
        return False
    body, given = (b"AIVDM" + parts[1]).rsplit(b"*", 1)
    total = 0
    for byte in body:
        total ^= byte
    return len(given) == 2 and f"{total:02X}" == given.decode()


def test_voyage_data_come_in_two_parts_some_of_them_grouped(day: Written) -> None:
    first = [line for line in day.ais_lines if b"!AIVDM,2,1," in line]
    second = [line for line in day.ais_lines if b"!AIVDM,2,2," in line]
    assert len(first) == len(second) > 0
    grouped = sum(line.startswith(b"\\g:1-2-") for line in first)
    assert 0 < grouped < len(first)


def test_the_register_has_what_the_law_asks_of_one(day: Written) -> None:
    assert len({row["registry_id"] for row in day.register}) == len(day.register)
    assert len({row["mmsi"] for row in day.register}) == len(day.register)
    assert len({row["name_pinyin"] for row in day.register}) == len(day.register)
    for row in day.register:
        assert row["registered_from"] <= (row["registered_to"] or "9")
        assert len(row["mmsi"]) == 9
        assert row["name_zh"][-5:] == row["name_pinyin"][-5:]


def test_fishing_boats_without_a_story_are_registered_and_keep_out_of_bans(day: Written) -> None:
    planted = {row["subject"] for row in day.truth["planted"]}
    ban, names = day.zone("fishing_ban"), day.registered(day.day)
    boats = {m: s for m, s in day.ships.items() if 30 in s.types and m not in planted}
    assert boats
    for ship in boats.values():
        assert ship.names <= names
        assert not shapely.intersects_xy(ban, *ship.track()[1].T).any()


def test_the_described_vessel_is_there_with_its_exact_fix(pudong_day: Written) -> None:
    row = next(r for r in pudong_day.planted(UNREGISTERED) if r["subject"] == "412990358")
    assert row["start"] == "2020-07-01T03:42:20+08:00"
    ship = pudong_day.ships["412990358"]
    times, places = ship.track()
    assert times[0] == seconds("2020-07-01T03:42:20+08:00")
    assert places[0].tolist() == [121.912727, 30.858462]
    assert ship.names == {"HUPUYU00358"}
    assert ship.types == {30}


@pytest.mark.parametrize("story", ["unregistered-", "unregistered_inside", "lapsed", "letter_o"])
def test_unregistered_boats_are_watched_and_not_in_the_days_register(
    day: Written, story: str
) -> None:
    watch, names = day.zone("watch"), day.registered(day.day)
    rows = day.planted(UNREGISTERED, story)
    assert rows
    for row in rows:
        ship = day.ships[row["subject"]]
        assert row["expect"] == "event"
        assert 30 in ship.types
        assert len(ship.names) == 1
        assert not ship.names & names
        times, places = ship.track()
        assert shapely.intersects_xy(watch, *places.T).all()
        assert abs(times[0] - seconds(row["start"])) <= 60
        assert abs(times[-1] - seconds(row["end"])) <= 200


def test_lapsed_boats_were_registered_until_the_day_before(day: Written) -> None:
    before = day.registered(day.day - timedelta(days=1))
    for row in day.planted(UNREGISTERED, "lapsed"):
        assert day.ships[row["subject"]].names <= before


def test_boats_registered_that_day_were_not_the_day_before(day: Written) -> None:
    names, before = day.registered(day.day), day.registered(day.day - timedelta(days=1))
    for row in day.planted(UNREGISTERED, "registered_that_day"):
        ship = day.ships[row["subject"]]
        assert ship.names <= names
        assert not ship.names & before


def test_a_letter_o_hides_a_registered_name(day: Written) -> None:
    for row in day.planted(UNREGISTERED, "letter_o"):
        (name,) = day.ships[row["subject"]].names
        prefix = day.demo.feeds.ais.fishing_name.format("")
        digits = name.removeprefix(prefix)
        assert "O" in digits
        assert prefix + digits.replace("O", "0") in day.registered(day.day)


def test_names_sent_with_blanks_are_registered_without(day: Written) -> None:
    rows = day.planted(UNREGISTERED, "registered_spaced")
    for row in rows:
        assert row["expect"] == "silent"
        for name in day.ships[row["subject"]].names:
            assert name.replace(" ", "") in day.registered(day.day)
    assert any(" " in name for row in rows for name in day.ships[row["subject"]].names)


def test_buoys_and_cargo_ships_are_watched_but_no_fishing_boats(day: Written) -> None:
    watch = day.zone("watch")
    for row in day.planted(UNREGISTERED, "net_buoy", "cargo_in_watch"):
        ship = day.ships[row["subject"]]
        assert row["expect"] == "silent"
        assert 30 not in ship.types
        assert shapely.intersects_xy(watch, *ship.track()[1].T).any()
        if "net_buoy" in row["id"]:
            assert all(name.endswith(("%", "V")) for name in ship.names)


def test_a_stranger_far_off_never_comes_near_the_watch_area(pudong_day: Written) -> None:
    rows = pudong_day.planted(UNREGISTERED, "unregistered_far")
    assert rows
    for row in rows:
        ship = pudong_day.ships[row["subject"]]
        assert not ship.names & pudong_day.registered(pudong_day.day)
        places = shapely.points(ship.track()[1])
        assert shapely.distance(pudong_day.zone("watch"), places).min() > 0.01


def test_boats_planted_for_presence_stay_longer_than_the_limit(day: Written) -> None:
    rows = [row for row in day.planted(PRESENCE) if row["expect"] == "event"]
    assert rows
    for row in rows:
        assert presence_run(day, row) > LIMIT_S + 300
        times, places = day.ships[row["subject"]].track()
        inside = times[shapely.intersects_xy(day.zone("fishing_ban"), *places.T)]
        assert abs(inside[0] - seconds(row["start"])) <= 120
        assert abs(inside[-1] - seconds(row["end"])) <= 200


def test_only_those_planted_for_both_break_both_rules(day: Written) -> None:
    names = day.registered(day.day)
    both = {row["subject"] for row in day.planted(UNREGISTERED) if row["expect"] == "event"}
    for row in day.planted(PRESENCE):
        known = day.ships[row["subject"]].names <= names
        assert known or row["subject"] in both or "cargo" in row["id"]
    ban = day.zone("fishing_ban")
    stays = {row["subject"] for row in day.planted(PRESENCE)}
    for row in day.planted(UNREGISTERED):
        if row["subject"] not in stays and 30 in day.ships[row["subject"]].types:
            assert not shapely.intersects_xy(ban, *day.ships[row["subject"]].track()[1].T).any()


def test_brief_crossings_are_inside_but_for_less_than_the_limit(day: Written) -> None:
    for row in day.planted(PRESENCE, "brief_crossing"):
        assert 100 < presence_run(day, row) < LIMIT_S - 60


def test_boats_along_the_edge_pass_it_within_a_ships_length_or_two(day: Written) -> None:
    ban = day.zone("fishing_ban")
    exact = project(np.array([shapely.segmentize(ban, 0.005)], object), day.geography.crs)[0]
    straight = project(np.array([ban], object), day.geography.crs)[0]
    for row in day.planted(PRESENCE, "along_the_edge"):
        _, places = day.ships[row["subject"]].track()
        points = project(shapely.points(places), day.geography.crs)
        for zone in (exact, straight):
            away = shapely.distance(zone, points)
            assert away.min() > 40
            assert away.max() < 180


def test_cargo_ships_in_transit_are_inside_for_long_but_do_not_fish(day: Written) -> None:
    for row in day.planted(PRESENCE, "transit_cargo"):
        assert presence_run(day, row) > LIMIT_S
        assert all(70 <= kind < 90 for kind in day.ships[row["subject"]].types)


def test_a_ban_not_in_force_that_day_is_fished_for_long(day: Written) -> None:
    now, other = day.zone("fishing_ban"), day.zone("fishing_ban", in_force=False)
    for row in day.planted(PRESENCE, "zone_not_in_force"):
        times, places = day.ships[row["subject"]].track()
        assert not shapely.intersects_xy(now, *places.T).any()
        assert longest_run(times, shapely.intersects_xy(other, *places.T)) > LIMIT_S


def test_a_single_wild_fix_falls_into_the_ban(day: Written) -> None:
    for row in day.planted(PRESENCE, "one_fix_inside"):
        _, places = day.ships[row["subject"]].track()
        assert shapely.intersects_xy(day.zone("fishing_ban"), *places.T).sum() == 1


def test_positions_use_the_resolution_of_the_message(day: Written) -> None:
    raw = [m for _, m in day.messages if m.msg_type in POSITIONS][:50]
    for message in raw:
        assert abs(message.lon * 600_000 - round(message.lon * 600_000)) < 0.4
