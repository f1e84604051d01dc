"""Planted trucks do what their stories claim, by what was written of them."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pytest
import shapely

from ingest.simulator.feed_plan import TruckStory
from ingest.simulator.geography import NoPlaceError
from ingest.simulator.truck_stories import discover
from ingest.simulator.truck_stories.story import Roads, Scene, Story, register, tell
from ingest.simulator.trucks import Plates, Yard
from layers.text import Text
from tests.ingest.simulator.written import Fix, Written, seconds, story_of

REST_S, LIMIT_S = 1200, 4 * 3600
NEAR_M = 25
# Three times the noise of positions.
ON_STREET_M = 15


def apart(a: Fix, b: Fix) -> float:
    return float(np.hypot(a.xy[0] - b.xy[0], a.xy[1] - b.xy[1]))


def line_of(fixes: list[Fix]) -> shapely.LineString:
    return shapely.LineString([fix.xy for fix in fixes])


def clock(day: Written, fix: Fix) -> str:
    return datetime.fromtimestamp(fix.t, day.city.zone).strftime("%H:%M")


def within(text: str, hours: str) -> bool:
    spans = (span.split("-") for span in hours.split(",") if span)
    return any(a <= text < b if a < b else text >= a or text < b for a, b in spans)


def test_every_story_is_told_as_often_as_the_plan_says(day: Written) -> None:
    wanted = Counter({line.story: line.count for line in day.demo.feeds.trucks.stories})
    rows = {(story_of(row), row["id"].rsplit("-", 1)[1]) for row in day.truth["planted"]}
    told = Counter(kind for kind, _ in rows if kind in wanted)
    assert told == wanted


def test_every_rule_on_trucks_has_an_event_and_two_kinds_of_near_misses(
    pudong_day: Written,
) -> None:
    for rule in {rule for story in discover().values() for rule in (*story.raises, *story.silent)}:
        rows = pudong_day.planted(rule)
        assert [row["expect"] for row in rows].count("event") >= 4
        assert len({story_of(row) for row in rows if row["expect"] == "silent"}) >= 2


def test_no_truck_has_two_stories(day: Written) -> None:
    kinds = {line.story for line in day.demo.feeds.trucks.stories}
    rows = [row for row in day.truth["planted"] if story_of(row) in kinds]
    assert len({row["subject"] for row in rows}) == len(rows)


def test_every_plate_with_positions_and_every_permit_is_registered(day: Written) -> None:
    permits = {permit.plate for permit in day.geography.haulage.permits}
    assert set(day.truck_fixes) | permits == set(day.truck_register)
    assert all(day.truck_register[plate]["use"] == "muck" for plate in permits)
    for plate, fixes in day.truck_fixes.items():
        if plate not in day.planted_plates:
            assert {fix.terminal for fix in fixes} == {day.truck_register[plate]["terminal_id"]}


def drives(fixes: list[Fix]) -> Iterator[float]:
    """Seconds of each spell of driving between rests; what nobody saw for a rest's time is one."""
    moving = [fix for fix in fixes if fix.moves]
    start = moving[0].t if moving else 0.0
    for a, b in itertools.pairwise(moving):
        if b.t - a.t >= REST_S:
            yield a.t - start
            start = b.t
    if moving:
        yield moving[-1].t - start


def longest_rest(fixes: list[Fix]) -> float:
    return max(b.t - a.t for a, b in itertools.pairwise([fix for fix in fixes if fix.moves]))


def test_tired_drivers_drive_for_more_than_four_hours_and_nobody_else_does(day: Written) -> None:
    tired = {row["subject"] for row in day.told("drives_on", "rests_too_short")}
    for plate, fixes in day.truck_fixes.items():
        if plate in tired:
            assert max(drives(fixes)) > LIMIT_S + 600
        else:
            assert max(drives(fixes)) < 3.9 * 3600 + 60


def test_near_misses_of_fatigue_come_near(day: Written) -> None:
    for row in day.told("ends_in_time"):
        assert max(drives(day.truck_fixes[row["subject"]])) > 3.75 * 3600
    for row in day.told("rests_in_time"):
        fixes = day.truck_fixes[row["subject"]]
        assert max(drives(fixes)) > 3.85 * 3600
        assert REST_S < longest_rest(fixes) < REST_S + 150
    for row in day.told("silent_in_between"):
        fixes = day.truck_fixes[row["subject"]]
        assert sum(drives(fixes)) > 4 * 3600
        assert longest_rest(fixes) > REST_S
    for row in day.told("rests_too_short"):
        rests = [longest_rest(day.truck_fixes[row["subject"]])]
        assert 500 < max(rests) < REST_S - 200


def gaps(fixes: list[Fix]) -> list[tuple[float, float]]:
    """Seconds and metres between fixes, those of moving trucks."""
    return [(b.t - a.t, apart(a, b)) for a, b in itertools.pairwise(fixes) if a.moves]


def test_a_terminal_that_is_off_is_silent_while_its_truck_gets_far(pudong_day: Written) -> None:
    for row in pudong_day.told("switches_off"):
        silent = [gap for gap in gaps(pudong_day.truck_fixes[row["subject"]]) if gap[0] > 300]
        assert len(silent) == 1
        ((took, metres),) = silent
        assert took > 2700
        assert metres / took > 4


def test_other_silences_are_short_or_parked(day: Written) -> None:
    off = {row["subject"] for row in day.truth["planted"] if story_of(row) == "switches_off"}
    for plate in set(day.truck_fixes) - off:
        assert max((took for took, m in gaps(day.truck_fixes[plate]) if m > 300), default=0) < 2460
    for row in day.told("drops_out"):
        assert max(took for took, _ in gaps(day.truck_fixes[row["subject"]])) > 2100
    for row in day.told("sleeps_parked"):
        pairs = list(itertools.pairwise(day.truck_fixes[row["subject"]]))
        a, b = max(pairs, key=lambda pair: pair[1].t - pair[0].t)
        assert b.t - a.t > 2 * 3600
        assert apart(a, b) < 50


def test_a_cloned_plate_is_at_two_places_at_once(day: Written) -> None:
    for row in day.told("cloned_plate"):
        pairs = itertools.pairwise(day.truck_fixes[row["subject"]])
        other = [(a, b) for a, b in pairs if a.terminal != b.terminal and b.t - a.t <= 40]
        assert len(other) > 10
        assert min(apart(a, b) for a, b in other) > 2000


def test_two_terminals_of_one_truck_agree(day: Written) -> None:
    for row in day.told("two_in_one_cab"):
        fixes = day.truck_fixes[row["subject"]]
        assert len({fix.terminal for fix in fixes}) == 2
        assert sum(a.terminal != b.terminal for a, b in itertools.pairwise(fixes)) > 10
        assert all(apart(a, b) < 1000 for a, b in itertools.pairwise(fixes) if b.t - a.t < 60)
    for row in day.told("terminal_replaced"):
        fixes = day.truck_fixes[row["subject"]]
        changes = [(a, b) for a, b in itertools.pairwise(fixes) if a.terminal != b.terminal]
        assert len(changes) == 1
        assert apart(*changes[0]) < 50


def test_who_is_weighed_elsewhere_is_far_from_the_station(day: Written) -> None:
    places = {s.id: np.array(s.line.centroid.coords[0]) for s in day.geography.stations}
    for row in day.told("weighed_elsewhere", "weighed_while_silent", "weighed_there"):
        (record,) = day.weighed(row["subject"])
        at = seconds(record["time"])
        t, xy = day.truck_tracks[row["subject"]]
        here = np.array([np.interp(at, t, xy[:, k]) for k in (0, 1)])
        away = float(np.hypot(*(here - places[record["station_id"]])))
        nearest = float(np.abs(t - at).min())
        if story_of(row) == "weighed_there":
            assert away < 100
        elif story_of(row) == "weighed_elsewhere":
            assert away - 45 * nearest > 3000
        else:
            assert nearest > 600


def steps(day: Written, fixes: list[Fix]) -> list[tuple[float, float, float]]:
    """Between two fixes: reported and straight km/h, and the highest limit of roads near by."""
    found = []
    for a, b in itertools.pairwise(fixes):
        if b.t - a.t >= 25:
            near = day.road_tree.query(line_of([a, b]), predicate="dwithin", distance=80)
            if not len(near):
                assert apart(a, b) < NEAR_M, "who is on no road stands there"
                continue
            most = max(day.geography.roads[n].speed_limit_kmh for n in near.tolist())
            found.append((min(a.kmh, b.kmh), apart(a, b) / (b.t - a.t) * 3.6, float(most)))
    return found


def test_speeders_are_faster_than_their_roads_allow_by_both_clocks(day: Written) -> None:
    for row in day.told("speeds"):
        found = steps(day, day.during(row))
        assert sum(said > 1.15 * most and straight > 1.1 * most for said, straight, most in found)


def test_those_who_seem_to_speed_do_not(day: Written) -> None:
    for row in day.told("five_above"):
        found = steps(day, day.during(row))
        assert max(straight / most for _, straight, most in found) < 1.1
        assert any(said > most for said, _, most in found)
    for row in day.told("speed_spike"):
        fixes = day.during(row)
        fast = [f for f, r in zip(fixes, day.roads_at(fixes), strict=True)
                if f.kmh > 1.3 * r.speed_limit_kmh]  # fmt: skip
        assert len(fast) == 1
        assert all(straight <= most for _, straight, most in steps(day, fixes))


def test_ordinary_trucks_keep_to_the_limit(day: Written) -> None:
    for plate in set(day.truck_fixes) - day.planted_plates:
        for said, straight, most in steps(day, day.truck_fixes[plate]):
            assert straight < 0.95 * most + 2
            assert said < most + 3


def closed_m(day: Written, fixes: list[Fix]) -> float:
    """Metres between neighbouring fixes on a road that is closed to trucks then."""
    roads = day.roads_at(fixes)
    shut = [r.truck_ban or within(clock(day, f), r.ban_hours)
            for f, r in zip(fixes, roads, strict=True)]  # fmt: skip
    pairs = zip(itertools.pairwise(fixes), itertools.pairwise(shut), strict=True)
    return sum(apart(a, b) for (a, b), (one, other) in pairs if one and other)


def test_who_drives_closed_roads_is_seen_there_and_nobody_else_is(day: Written) -> None:
    rows = day.told("drives_in_ban_hours", "drives_closed_road")
    for row in rows:
        assert closed_m(day, day.truck_fixes[row["subject"]]) > 200
    for plate in set(day.truck_fixes) - {row["subject"] for row in rows}:
        assert closed_m(day, day.truck_fixes[plate]) < 30


def test_near_misses_of_closed_roads_come_near(day: Written) -> None:
    shut = [r for r in day.geography.roads if r.truck_ban or r.ban_hours]
    lines = shapely.MultiLineString([road.line for road in shut])
    for row in day.told("outside_ban_hours"):
        on = [f for f, r in zip(day.during(row), day.roads_at(day.during(row)), strict=True)
              if r.ban_hours]  # fmt: skip
        assert len(on) >= 2
    for row in day.told("crosses_closed_road"):
        assert line_of(day.truck_fixes[row["subject"]]).crosses(lines)
    for row in day.told("beside_closed_road"):
        assert line_of(day.during(row)).distance(lines) < 400


def passes(day: Written, fixes: list[Fix]) -> list[tuple[float, float, float]]:
    """When a track leads over a road with a limit, and its limits (t, m)."""
    found = []
    points = shapely.points([fix.xy for fix in fixes])
    on = {road.id for road in day.roads_at(fixes)}
    for road in day.geography.roads:
        tonnes, height = road.bridge_t or road.limit_t, road.bridge_h_m or road.limit_h_m
        middle = road.line.interpolate(0.5, normalized=True)
        if (tonnes or height) and (road.id in on or line_of(fixes).distance(middle) < NEAR_M):
            at = fixes[int(shapely.distance(points, middle).argmin())]
            found.append((at.t, tonnes or 1e9, height or 1e9))
    return found


def breaks(day: Written, plate: str) -> bool:
    """Whether a plate is seen on a road that does not bear or clear it."""
    height = float(day.truck_register[plate]["height_m"])
    for t, tonnes, clear in passes(day, day.truck_fixes[plate]):
        before = [r for r in day.weighed(plate) if 0 <= t - seconds(r["time"]) <= LIMIT_S]
        mass = (
            float(before[-1]["gross_kg"]) / (1 + float(before[-1]["error_share"])) if before else 0
        )
        if mass > tonnes * 1000 or height > clear + 0.05:
            return True
    return False


def test_too_heavy_and_too_high_trucks_are_seen_on_limited_roads(day: Written) -> None:
    heavy = day.told("heavy_on_bridge", "heavy_on_road")
    high = day.told("high_on_bridge", "high_on_road")
    for row in (*heavy, *high):
        assert breaks(day, row["subject"])
    # What lies between the fixes of two trucks on one plate is no track.
    cloned = day.told("cloned_plate")
    for plate in set(day.truck_fixes) - {row["subject"] for row in (*heavy, *high, *cloned)}:
        assert not breaks(day, plate)


def test_near_misses_of_limits_come_near(day: Written) -> None:
    for row in day.told("light_on_bridge", "low_truck", "bridge_within_error"):
        assert passes(day, day.truck_fixes[row["subject"]])
    for row in day.told("bridge_within_error"):
        record = day.weighed(row["subject"])[-1]
        (limit,) = {tonnes for _, tonnes, _ in passes(day, day.truck_fixes[row["subject"]])}
        assert float(record["gross_kg"]) > limit * 1000
    for row in day.told("beside_bridge"):
        assert day.weighed(row["subject"])
        assert not passes(day, day.truck_fixes[row["subject"]])


def test_the_tracks_of_ordinary_trucks_keep_off_limited_roads(day: Written) -> None:
    for plate in set(day.truck_fixes) - day.planted_plates:
        roads = day.roads_at(day.truck_fixes[plate])
        assert sum(a.limited and b.limited for a, b in itertools.pairwise(roads)) == 0


def street_runs(day: Written, fixes: list[Fix]) -> list[int]:
    """Streets that the fixes lie on, each stay once."""
    return [street for street, _ in itertools.groupby(r.street for r in day.roads_at(fixes))]


def station_streets(day: Written) -> set[int]:
    """Streets that have a weigh station."""
    stations = {station.road for station in day.geography.stations}
    return {road.street for road in day.geography.roads if road.id in stations}


def on_station_street(day: Written, row: dict) -> tuple[int, list[bool]]:
    """How often a truck comes onto the street of a station, and whether it passes one."""
    fixes = day.during(row)
    track = line_of(fixes)
    crossed = [track.intersects(station.line) for station in day.geography.stations]
    streets = station_streets(day)
    return sum(street in streets for street in street_runs(day, fixes)), crossed


def beside_station_street(day: Written, row: dict) -> list[bool]:
    """Whether each fix lies on the street of a station; at its junctions on the other one too."""
    streets = station_streets(day)
    lines = shapely.union_all([r.line for r in day.geography.roads if r.street in streets])
    places = shapely.points([fix.xy for fix in day.during(row)])
    return (shapely.distance(places, lines) < ON_STREET_M).tolist()


def test_who_goes_around_a_station_is_on_its_street_twice_but_never_passes_it(
    day: Written,
) -> None:
    rows = day.told("goes_around_station", "delivers_before_station", "around_other_direction")
    for row in rows:
        _, crossed = on_station_street(day, row)
        assert [on for on, _ in itertools.groupby(beside_station_street(day, row))].count(True) >= 2
        assert not any(crossed)
        assert not day.weighed(row["subject"])
    for row in day.told("delivers_before_station"):
        fixes = day.during(row)
        assert max(b.t - a.t for a, b in itertools.pairwise([f for f in fixes if f.moves])) > 890


def test_others_pass_the_station_or_stay_away(day: Written) -> None:
    for row in day.told("passes_station"):
        _, crossed = on_station_street(day, row)
        assert sum(crossed) == 1
        assert len(day.weighed(row["subject"])) == 1
    for row in day.told("leaves_for_good"):
        times, crossed = on_station_street(day, row)
        # A fix at the very corner is nearest to either street.
        assert times == 1 or (times == 0 and beside_station_street(day, row)[0])
        assert not any(crossed)


def test_stations_of_one_direction_weigh_no_other(day: Written) -> None:
    one_way = {s.id: s for s in day.geography.stations if s.direction != "both"}
    assert one_way
    for record in day.weighings:
        if record["station_id"] in one_way:
            assert int(record["lane"]) <= one_way[record["station_id"]].lanes // 2


def never(number: int, stage: object) -> Scene:
    raise NoPlaceError("no moon")


def test_a_story_without_room_says_what_is_missing(tiny_day: Written) -> None:
    story = Story("on_the_moon", Text(en="-", zh="-"), never, raises=("fatigue",))
    limits = tiny_day.demo.feeds.weighings.limits

    def yard(rng: np.random.Generator, place: int) -> Yard:
        return Yard(Plates(("X",), rng, set()), limits, rng)

    def told(kind: str) -> None:
        roads = Roads(tiny_day.geography)
        tell((TruckStory(story=kind),), {"on_the_moon": story}, roads, yard, (0, 86_400), (1,))

    with pytest.raises(NoPlaceError, match="story 'on_the_moon': no moon"):
        told("on_the_moon")
    with pytest.raises(ValueError, match="no story is called 'unheard_of'"):
        told("unheard_of")


def test_a_story_has_one_name_and_names_a_rule() -> None:
    known = next(iter(discover().values()))
    with pytest.raises(ValueError, match="is registered twice"):
        register(known)
    with pytest.raises(ValueError, match="names no rule"):
        register(Story("nothing", Text(en="-", zh="-"), never))
