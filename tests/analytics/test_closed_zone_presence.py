"""Stays of fishing vessels in closed zones: hand-made tracks, and a brute-force oracle."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
import shapely

from analytics.references import MarineZone
from analytics.rule import Rule
from layers.crs import transformer
from tests.analytics.columns import (
    CRS,
    PRESENCE,
    ais,
    at,
    fix,
    found,
    references,
    rule,
    said,
    zone,
)

# The ban's southern edge lies at 30.9° N; north of it is inside.
BAN = zone("fishing_ban", shapely.box(121.9, 30.9, 122.25, 31.7))
IN, OUT, LON = 30.95, 30.85, 122.0
START = at("2020-07-01T10:00:00+08:00")
M = "412000001"
STATIC = said(M, START - 60_000, "HUPUYU00358", 30)


def checked(*zones: MarineZone, parameters: dict[str, Any] | None = None, **declared: Any) -> Rule:
    refs = references(marine_zones=zones or (BAN,))
    return rule("closed_zone_presence", {**PRESENCE, **(parameters or {})}, refs, **declared)


def track(*points: tuple[float, float]) -> list[dict[str, Any]]:
    """Positions as (minutes, latitude)."""
    return [fix(M, START + round(minute * 60_000), LON, lat) for minute, lat in points]


def stay(minutes: float, every: float = 1) -> list[dict[str, Any]]:
    return track(*((m, IN) for m in np.arange(0, minutes + 1e-9, every)))


def test_a_long_stay_raises_one_fixed_when_the_limit_is_passed() -> None:
    (event,) = found(checked(), ais(STATIC, *stay(120)))
    assert (event.start_ms, event.end_ms) == (START, START + 11 * 60_000)
    measures = {m["name"]: m for m in event.evidence.as_dict()["measures"]}
    assert measures["stay"] == {
        "name": "stay",
        "value": 660.0,
        "unit": "s",
        "limit": 600.0,
        "margin": 60.0,
    }
    assert len(event.evidence.points) == 12
    assert event.evidence.references[0]["legal_basis"] == "a notice"
    assert "11 min 0 s" in event.sentence.en and "not proof of fishing" in event.sentence.en
    assert "停留11分0秒" in event.sentence.zh


def test_the_depth_is_the_distance_to_the_edge_in_metres() -> None:
    (event,) = found(checked(), ais(STATIC, *stay(11)))
    depth = event.evidence.measures[1].value
    # 0.05° of latitude north of the edge: 5,545 m on the ellipsoid, scale 1.0007 in the UTM zone.
    assert depth == pytest.approx(5545, abs=10)
    x, y = transformer("EPSG:4326", CRS).transform(LON, IN)
    assert depth == round(shapely.distance(BAN.shape.boundary, shapely.Point(x, y)), 1)


@pytest.mark.parametrize(("minutes", "events"), [(9, 0), (10, 0), (10.02, 1)])
def test_a_stay_of_the_limit_is_silent_and_a_second_more_is_not(
    minutes: float, events: int
) -> None:
    rows = [*stay(9), *track((minutes, IN))]
    assert len(found(checked(), ais(STATIC, *rows))) == events


def test_one_wild_fix_inside_is_no_stay() -> None:
    rows = track(*((m, OUT) for m in range(20)), (20, IN), *((m, OUT) for m in range(21, 40)))
    assert found(checked(), ais(STATIC, *rows)) == []


def test_two_fixes_far_apart_are_no_stay() -> None:
    assert found(checked(), ais(STATIC, *track((0, IN), (25, IN)))) == []


def test_one_wild_fix_outside_does_not_cut_a_stay() -> None:
    rows = track(*((m, OUT if m == 6 else IN) for m in range(13)))
    (event,) = found(checked(), ais(STATIC, *rows))
    assert event.start_ms == START


def test_leaving_cuts_a_stay() -> None:
    inside = [(m, IN) for m in range(8)]
    away = [(m, OUT) for m in (8, 9)]
    back = [(m, IN) for m in range(10, 18)]
    assert found(checked(), ais(STATIC, *track(*inside, *away, *back))) == []


def test_silence_cuts_a_stay() -> None:
    rows = track(*((m, IN) for m in range(8)), *((m, IN) for m in range(38, 46)))
    assert found(checked(), ais(STATIC, *rows)) == []


def test_two_stays_raise_two() -> None:
    rows = track(
        *((m, IN) for m in range(20)), (20, OUT), (21, OUT), *((m, IN) for m in range(22, 40))
    )
    assert len(found(checked(), ais(STATIC, *rows))) == 2


def test_cargo_ships_are_silent() -> None:
    cargo = said(M, START - 60_000, "XIN HAI 12", 70)
    assert found(checked(), ais(cargo, *stay(120))) == []


@pytest.mark.parametrize(("late_minutes", "events"), [(5, 1), (30, 1), (72, 0)])
def test_a_type_that_comes_later_counts_within_its_window(late_minutes: int, events: int) -> None:
    late = said(M, START + late_minutes * 60_000, "HUPUYU00358", 30)
    result = found(checked(), ais(late, *stay(20)))
    assert len(result) == events
    if events:
        assert result[0].end_ms == START + 11 * 60_000


def test_the_same_boat_known_before_or_after_gives_the_same_event() -> None:
    late = said(M, START + 30 * 60_000, "HUPUYU00358", 30)
    assert found(checked(), ais(STATIC, *stay(20))) == found(checked(), ais(late, *stay(20)))


@pytest.mark.parametrize(
    ("dates", "events"),
    [
        ({"in_force_from": date(2020, 7, 1)}, 1),
        ({"in_force_from": date(2020, 7, 2)}, 0),
        ({"in_force_to": date(2020, 7, 1)}, 1),
        ({"in_force_to": date(2020, 6, 30)}, 0),
    ],
)
def test_zones_hold_on_the_days_they_are_in_force(dates: dict[str, date], events: int) -> None:
    dated = zone("fishing_ban", BAN.geometry, **dates)
    assert len(found(checked(dated), ais(STATIC, *stay(20)))) == events


def test_other_zones_and_ports_do_not_count() -> None:
    watch = zone("watch", BAN.geometry)
    port = zone("port", shapely.box(121.95, 30.9, 122.05, 31.0))
    assert found(checked(watch), ais(STATIC, *stay(20))) == []
    assert found(checked(BAN, port), ais(STATIC, *stay(20))) == []


def test_a_stay_that_goes_on_into_another_zone_is_one() -> None:
    north = zone("fishing_ban", shapely.box(121.9, 31.0, 122.25, 31.7), zone_id="north")
    south = zone("fishing_ban", shapely.box(121.9, 30.9, 122.25, 31.0), zone_id="south")
    rows = track(*((m, 30.95 if m < 6 else 31.05) for m in range(20)))
    (event,) = found(checked(north, south), ais(STATIC, *rows))
    assert [r["id"] for r in event.evidence.references] == ["north", "south"]


def oracle(points: list[tuple[int, float, float]], area: shapely.Geometry) -> list[tuple[int, int]]:
    """Start and moment of telling of each stay, by looking at every fix in turn."""
    runs: list[list[int]] = []
    outside = 0
    open_run = False
    for t, lon, lat in points:
        if area.covers(shapely.Point(lon, lat)):
            if open_run and t - runs[-1][-1] <= PRESENCE["max_gap_s"] * 1000:
                runs[-1].append(t)
            else:
                runs.append([t])
            open_run, outside = True, 0
        else:
            outside += 1
            if outside >= 2:
                open_run = False
    told = []
    for run in runs:
        limit = PRESENCE["min_duration_s"] * 1000
        late = [t for n, t in enumerate(run) if t - run[0] > limit and n >= 2]
        if late:
            told.append((run[0], late[0]))
    return told


@pytest.mark.parametrize("seed", range(8))
def test_random_walks_give_what_brute_force_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    area = shapely.Polygon([(121.9, 30.9), (122.1, 30.9), (122.0, 31.1), (121.95, 30.96)])
    rows, expected = [], []
    for number in range(20):
        mover = f"{412000000 + number}"
        t = START + np.cumsum(rng.choice([20_000, 180_000, 900_000, 2_400_000], 150))
        lon = 121.98 + np.cumsum(rng.normal(0, 0.006, 150))
        lat = 30.97 + np.cumsum(rng.normal(0, 0.006, 150))
        points = list(zip(t.tolist(), lon.tolist(), lat.tolist(), strict=True))
        rows += [fix(mover, *point) for point in points]
        rows.append(said(mover, START, "HUPUYU00358", 30))
        expected += [(mover, *told) for told in oracle(points, area)]
    events = found(checked(zone("fishing_ban", area)), ais(*rows))
    assert sorted((e.subject, e.start_ms, e.end_ms) for e in events) == sorted(expected)
    assert expected
