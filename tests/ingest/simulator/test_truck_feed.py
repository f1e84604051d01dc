"""A day of trucks on the roads, and what the weigh stations made of them."""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
import shapely

from tests.ingest.simulator.written import Written, seconds

RULE = "overload"


def test_positions_are_whole_but_for_about_one_in_a_thousand(day: Written) -> None:
    rows, good = day.rows("gps/trucks.csv.gz"), day.truck_rows
    assert len(good) < len(rows)
    assert len(good) > len(rows) * 0.995


def test_rows_come_in_the_order_of_time(day: Written) -> None:
    times = [row["time"] for row in day.truck_rows]
    assert times == sorted(times)
    assert times[0][:10] == times[-1][:10] == day.day.isoformat()


def test_trucks_keep_to_the_roads(day: Written) -> None:
    muck = {plate for plate, row in day.truck_register.items() if row["use"] == "muck"}
    others = [plate for plate in day.truck_fixes if plate not in muck]
    for plate in others[:10]:
        points = shapely.points([fix.xy for fix in day.truck_fixes[plate]])
        away = day.road_tree.query_nearest(points, return_distance=True, all_matches=False)[1]
        assert np.quantile(away, 0.999) < 15


def test_trucks_drive_at_the_speed_of_trucks_without_jumps(day: Written) -> None:
    for plate, (t, xy) in day.truck_tracks.items():
        if plate not in day.planted_plates:
            speed = np.hypot(*np.diff(xy, axis=0).T) / np.maximum(np.diff(t), 5)
            assert speed.max() < 100 / 3.6


def test_a_driving_truck_reports_twice_a_minute_and_a_parked_one_every_five(day: Written) -> None:
    grouped: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for row in day.truck_rows:
        grouped[row["plate"]].append((seconds(row["time"]), row["ignition"] == "1"))
    parked, driving = [], []
    for fixes in grouped.values():
        for (a, on), (b, still) in itertools.pairwise(fixes):
            if on == still:
                (driving if on else parked).append(b - a)
    assert np.median(driving) == 30
    assert np.median(parked) == 300


def test_each_station_record_is_whole_and_its_axles_add_up(day: Written) -> None:
    stations = {station.id: station for station in day.geography.stations}
    rows = day.weighings
    assert len({row["record_id"] for row in rows}) == len(rows)
    for row in rows:
        axles = [int(mass) for mass in row["axle_masses_kg"].split(";")]
        assert len(axles) == int(row["axles"])
        assert sum(axles) == int(row["gross_kg"])
        assert 1 <= int(row["lane"]) <= stations[row["station_id"]].lanes
        assert float(row["error_share"]) == stations[row["station_id"]].error_share


def test_broken_records_can_be_told_from_whole_ones(day: Written) -> None:
    broken = [r for r in day.rows("wim/weighings.csv") if r["record_id"].endswith("X")]
    assert len(broken) == day.demo.feeds.weighings.broken


def test_a_truck_with_positions_is_weighed_where_it_passes(day: Written) -> None:
    lines = {station.id: station.line for station in day.geography.stations}
    driven, met = day.truck_tracks, 0
    elsewhere = {row["subject"] for row in day.told("weighed_elsewhere", "weighed_while_silent")}
    for row in day.weighings[:3000]:
        if row["plate"] not in driven or row["plate"] in elsewhere:
            continue
        t, xy = driven[row["plate"]]
        after = int(np.searchsorted(t, seconds(row["time"])))
        if not 0 < after < len(t) or t[after] - t[after - 1] > 60:
            continue
        path = shapely.LineString(xy[after - 1 : after + 1])
        assert path.distance(lines[row["station_id"]]) < 400
        met += 1
    assert met > 0


def limit_of(day: Written, row: dict[str, str]) -> int:
    single = row["single_drive_axle"] == "true"
    for limit in day.demo.feeds.weighings.limits:
        same = (limit.vehicle_kind, limit.axles) == (row["vehicle_kind"], int(row["axles"]))
        if same and limit.single_drive_axle == single:
            return limit.limit_kg
    raise AssertionError(row)


def planted_record(day: Written, planted: dict) -> dict[str, str]:
    return next(
        row
        for row in day.weighings
        if row["plate"] == planted["subject"] and row["time"] == planted["start"]
    )


def test_every_class_of_truck_has_an_overload_and_a_near_miss(day: Written) -> None:
    classes = {
        (k.vehicle_kind, k.axles, k.single_drive_axle) for k in day.demo.feeds.weighings.limits
    }
    for expect in ("event", "silent"):
        rows = [planted_record(day, p) for p in day.planted(RULE) if p["expect"] == expect]
        told = {
            (r["vehicle_kind"], int(r["axles"]), r["single_drive_axle"] == "true") for r in rows
        }
        assert told == classes


def test_overloads_are_above_limit_and_error_and_near_misses_are_not(day: Written) -> None:
    for planted in day.planted(RULE):
        if "axles_" in planted["id"]:
            continue
        row = planted_record(day, planted)
        gross, limit, error = int(row["gross_kg"]), limit_of(day, row), float(row["error_share"])
        reach = limit * (1 + error)
        if planted["expect"] == "event":
            assert gross > reach + 0.5
        else:
            assert gross <= reach + 1e-6
            assert gross > limit or "two_drive" in planted["id"]


def group_masses(day: Written, row: dict[str, str]) -> list[tuple[int, int]]:
    """Mass and limit of each group of axles, front first."""
    axles = day.demo.feeds.weighings.axles
    masses = [int(mass) for mass in row["axle_masses_kg"].split(";")]
    found = []
    for number, count in enumerate(int(text) for text in row["axle_groups"].split("+")):
        single = axles.drive_kg if number == 1 else axles.single_kg
        limit = {1: single, 2: axles.tandem_kg, 3: axles.tridem_kg}[count]
        if number == 0:
            limit = axles.steering_kg * count
        found.append((sum(masses[:count]), limit))
        masses = masses[count:]
    assert not masses
    return found


def test_groups_of_axles_are_above_their_limits_where_planted_and_nowhere_else(
    day: Written,
) -> None:
    reach = 1 + day.demo.feeds.weighings.axles.error_share
    heavy = {(p["subject"], p["start"]) for p in day.planted(RULE) if p["expect"] == "event"}
    for row in day.weighings:
        if (row["plate"], row["time"]) not in heavy:
            assert all(mass <= limit * reach for mass, limit in group_masses(day, row))
    for planted in day.planted(RULE, "axles_"):
        row = planted_record(day, planted)
        assert int(row["gross_kg"]) <= limit_of(day, row)
        mass, limit = group_masses(day, row)[-1]
        if "axles_above" in planted["id"]:
            assert limit * reach < mass < limit * reach + 200
        elif "axles_exactly" in planted["id"]:
            assert 0 <= limit * reach - mass < 1
        else:
            assert limit < mass < limit * reach


def test_some_are_exactly_at_the_limit_and_some_a_few_kilograms_above(day: Written) -> None:
    exact = [planted_record(day, p) for p in day.planted(RULE, "exactly")]
    assert exact
    for row in exact:
        assert abs(int(row["gross_kg"]) - limit_of(day, row) * (1 + float(row["error_share"]))) < 1
    above = [planted_record(day, p) for p in day.planted(RULE, "just_above")]
    assert above
    for row in above:
        assert 0 < int(row["gross_kg"]) - limit_of(day, row) * (1 + float(row["error_share"])) < 41


def test_no_other_truck_is_above_its_limit(day: Written) -> None:
    planted = {(p["subject"], p["start"]) for p in day.planted(RULE)}
    for row in day.weighings:
        if (row["plate"], row["time"]) not in planted:
            assert int(row["gross_kg"]) <= limit_of(day, row)


def test_a_second_drive_axle_saves_a_six_axle_combination(pudong_day: Written) -> None:
    (planted,) = pudong_day.planted(RULE, "two_drive_axles")
    row = planted_record(pudong_day, planted)
    assert (row["axles"], row["single_drive_axle"]) == ("6", "false")
    assert int(row["gross_kg"]) > 46_000 * 1.05
