"""The business of muck: permits, everyday hauls and what is planted about them."""

from __future__ import annotations

import itertools
from datetime import datetime

import numpy as np
import pytest
import shapely

from ingest.simulator.declaration import Recipe
from ingest.simulator.elements import LayerRows, make_layer
from ingest.simulator.geography import MuckPermit
from ingest.simulator.world import World
from layers.crs import project
from tests.ingest.simulator.test_truck_stories import line_of, within
from tests.ingest.simulator.written import Fix, Written, story_of

CORRIDOR_M, OFF_ROAD_M = 50, 30


def permit_of(day: Written, plate: str) -> MuckPermit:
    return next(p for p in day.geography.haulage.permits if p.plate == plate)


def allowed(day: Written) -> shapely.Geometry:
    haulage = day.geography.haulage
    return shapely.union_all([g.area for g in (*haulage.sites, *haulage.dumps)])


def off_way(permit: MuckPermit, fixes: list[Fix]) -> list[float]:
    return [permit.line.distance(shapely.Point(fix.xy)) for fix in fixes]


def stops(fixes: list[Fix]) -> list[list[Fix]]:
    """Fixes of each stand still among moving ones, in order."""
    runs = [(moves, list(run)) for moves, run in itertools.groupby(fixes, key=lambda f: f.moves)]
    return [run for moves, run in runs if not moves]


def at(day: Written, fix: Fix) -> str:
    return datetime.fromtimestamp(fix.t, day.city.zone).strftime("%H:%M")


def rows_of(day: Written, layer: str) -> LayerRows:
    world = World(day.city, day.demo, day.geography, day.demo.seed, day.day)
    recipe: Recipe = next(r for r in day.demo.layers if r.layer == layer)
    return make_layer(world, recipe, 0.02)


def test_permits_lead_from_a_site_to_a_dump_over_roads_that_any_truck_may_use(
    day: Written,
) -> None:
    roads = day.geography.roads
    weighed = {station.road for station in day.geography.stations}
    for permit in day.geography.haulage.permits:
        start, end = (shapely.Point(permit.line.coords[n]) for n in (0, -1))
        assert start.distance(permit.site.area) < 90
        assert end.distance(permit.dump.area) < 90
        assert not any(roads[n].limited or roads[n].id in weighed for n in permit.roads)
        length = sum(roads[n].line.length for n in permit.roads)
        assert permit.line.length == pytest.approx(length, rel=1e-6)


def test_layers_tell_of_the_same_sites_dumps_and_permits_at_any_scale(day: Written) -> None:
    haulage = day.geography.haulage
    permits, sites, dumps = (
        rows_of(day, layer) for layer in ("muck_permit_route", "construction_site", "dump_site")
    )
    assert permits.columns["plate"] == [permit.plate for permit in haulage.permits]
    assert dumps.columns["dump_id"] == [dump.id for dump in haulage.dumps]
    assert sites.columns["site_id"][: len(haulage.sites)] == [s.id for s in haulage.sites]
    assert set(permits.columns["site_id"]) <= set(sites.columns["site_id"])
    outlines = project(
        np.array([shapely.from_wkt(text) for text in permits.columns["dump_site"]], object),
        day.city.crs,
    )
    for outline, permit in zip(outlines, haulage.permits, strict=True):
        assert outline.intersection(permit.dump.area).area > 0.99 * permit.dump.area.area
    text = day.day.isoformat()
    for start, end in zip(
        permits.columns["permitted_from"], permits.columns["permitted_to"], strict=True
    ):
        assert start <= text <= end


def test_no_site_lies_where_muck_is_tipped_in_stories(day: Written) -> None:
    shapes = project(rows_of(day, "construction_site").shapes, day.city.crs)
    tips = [p.tip for p in day.geography.haulage.permits if p.tip is not None]
    assert tips
    away = shapely.distance(shapely.MultiPoint(tips), shapes)
    assert away.min() > 100


def test_everyday_muck_trucks_keep_to_their_permits(day: Written) -> None:
    plates = {permit.plate for permit in day.geography.haulage.permits}
    own = (plates & set(day.truck_fixes)) - day.planted_plates
    assert own
    places = allowed(day)
    for plate in own:
        fixes, permit = day.truck_fixes[plate], permit_of(day, plate)
        loaded = [fix for fix in fixes if fix.moves and fix.load in ("half", "full")]
        assert loaded
        assert all(within(at(day, fix), permit.hours) for fix in loaded)
        away = [min(off, places.distance(shapely.Point(fix.xy)))
                for fix, off in zip(loaded, off_way(permit, loaded), strict=True)]  # fmt: skip
        assert max(away) < CORRIDOR_M
        for a, b in itertools.pairwise(fixes):
            if (a.load, b.load) == ("full", "empty") and b.t - a.t < 600:
                assert places.distance(shapely.Point(b.xy)) < 20


def planted_stop(day: Written, row: dict) -> tuple[Fix, Fix, float]:
    """Fixes before and behind a planted stop, and how far it is from every road and site."""
    fixes = day.truck_fixes[row["subject"]]
    inside = day.during(row)
    standing = max(stops(inside), key=len)
    first, last = fixes.index(standing[0]), fixes.index(standing[-1])
    spot = shapely.Point(np.mean([fix.xy for fix in standing], axis=0))
    road = day.road_tree.geometries[day.road_tree.nearest(spot)]
    away = min(spot.distance(road), spot.distance(allowed(day)))
    return fixes[first - 1], fixes[min(last + 1, len(fixes) - 1)], away


def test_muck_is_dumped_off_the_road_and_outside_of_every_site(day: Written) -> None:
    for row in day.told("dumps_beside_way", "dumps_without_permit", "stops_off_road_unseen"):
        assert day.truck_register[row["subject"]]["use"] == "muck"
        before, after, away = planted_stop(day, row)
        assert away > OFF_ROAD_M
        assert 500 < after.t - before.t < 1800
        seen = story_of(row) != "stops_off_road_unseen"
        assert (before.load, after.load) == (("full", "empty") if seen else ("", ""))


def test_stops_that_only_look_like_dumping_come_near(day: Written) -> None:
    for row in day.told("keeps_load"):
        before, after, away = planted_stop(day, row)
        assert away > OFF_ROAD_M
        assert after.t - before.t > 500
        assert before.load == after.load == "full"
    for row in day.told("stops_briefly"):
        before, after, away = planted_stop(day, row)
        assert away > OFF_ROAD_M
        assert after.t - before.t < 290
    for row in day.told("stops_on_road_unseen"):
        before, after, away = planted_stop(day, row)
        assert away < 10
        assert after.t - before.t > 500
    for row in day.told("tips_on_dump", "tips_on_open_dump"):
        inside = day.during(row)
        assert {"full", "empty"} <= {fix.load for fix in inside}
        standing = max(stops(inside), key=len)
        dumps = shapely.union_all([dump.area for dump in day.geography.haulage.dumps])
        assert all(dumps.distance(shapely.Point(fix.xy)) < 20 for fix in standing)
    for row in day.told("tips_on_open_dump"):
        assert row["subject"] not in {p.plate for p in day.geography.haulage.permits}


def test_who_leaves_the_permitted_way_is_far_from_it_for_long(day: Written) -> None:
    for row in day.told("off_permitted_way", "off_permitted_way_unseen"):
        fixes, permit = day.during(row), permit_of(day, row["subject"])
        outside = [off > CORRIDOR_M + 10 for off in off_way(permit, fixes)]
        assert sum(outside) >= 2
        assert all(within(at(day, fix), permit.hours) for fix in fixes)
        assert {fix.load for fix in fixes} == ({""} if "unseen" in row["id"] else {"full"})
        beyond = line_of(fixes).difference(permit.line.buffer(CORRIDOR_M))
        assert beyond.length > 600


def test_who_drives_out_of_hours_is_on_the_way_but_late(day: Written) -> None:
    for row in day.told("out_of_hours"):
        fixes, permit = day.during(row), permit_of(day, row["subject"])
        assert fixes[-1].t - fixes[0].t > 600 + 120
        assert not any(within(at(day, fix), permit.hours) for fix in fixes)
        assert max(off_way(permit, fixes)) < CORRIDOR_M
        assert {fix.load for fix in fixes if fix.moves} == {"full"}


def test_near_misses_of_permitted_ways_come_near(day: Written) -> None:
    for row in day.told("as_permitted"):
        fixes, permit = day.during(row), permit_of(day, row["subject"])
        assert max(off_way(permit, fixes)) < CORRIDOR_M
        assert all(within(at(day, fix), permit.hours) for fix in fixes)
    for row in day.told("empty_elsewhere"):
        fixes, permit = day.during(row), permit_of(day, row["subject"])
        assert max(off_way(permit, fixes)) > 300
        assert {fix.load for fix in fixes} == {"empty"}
    for row in day.told("side_road"):
        fixes, permit = day.during(row), permit_of(day, row["subject"])
        assert {fix.load for fix in fixes} == {"full"}
        assert max(off_way(permit, fixes)) > CORRIDOR_M
        assert line_of(fixes).difference(permit.line.buffer(CORRIDOR_M)).length < 250
