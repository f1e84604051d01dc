"""Static layers: every feature fits its declaration, lies in the city and has its own id."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime

import numpy as np
import pyarrow.csv
import pytest
import rasterio
import shapely
from hypothesis import given
from hypothesis import strategies as st

from ingest.simulator.codes import credit_check, credit_code
from ingest.simulator.declaration import MeterSection, Recipe
from ingest.simulator.elements import LayerRows, in_order, make_layer
from ingest.simulator.layer_files import write_geojson, write_gpkg
from ingest.simulator.manifest import digest
from ingest.simulator.meters import make_readings, write_readings
from ingest.simulator.rasters import BUILT, planted_changes, scenes, write_scene
from ingest.simulator.sampling import sample_pattern
from ingest.simulator.world import World
from layers.crs import project
from layers.errors import OnemapError
from layers.spec import LayerSpec, PropertySpec
from tests.ingest.simulator.written import Written

SCALE = 0.05
_TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool}


def _world(day: Written) -> World:
    return World(day.city, day.demo, day.geography, day.demo.seed, day.demo.day)


@pytest.fixture(scope="module")
def worlds(tiny_day: Written, pudong_day: Written) -> dict[str, World]:
    return {"tiny": _world(tiny_day), "pudong": _world(pudong_day)}


@pytest.fixture(scope="module")
def made(worlds: dict[str, World]) -> list[tuple[World, Recipe, LayerRows]]:
    return [
        (world, recipe, make_layer(world, recipe, SCALE))
        for world in worlds.values()
        for recipe in in_order(world.demo.layers)
    ]


def test_the_demo_city_has_at_least_forty_layers_and_about_a_hundred_thousand_features(
    worlds: dict[str, World], made: list[tuple[World, Recipe, LayerRows]]
) -> None:
    own = [(r, rows) for world, r, rows in made if world is worlds["pudong"]]
    whole = ("district", "town", "village", "grid", "cell", "road", "shopfront")
    at_full_size = [
        len(rows.shapes) if r.place in whole else r.count or len(rows.shapes) for r, rows in own
    ]
    assert len(own) >= 40
    assert 90_000 <= sum(at_full_size) <= 130_000


def test_every_layer_has_features_of_the_declared_type(
    made: list[tuple[World, Recipe, LayerRows]],
) -> None:
    for _, recipe, rows in made:
        assert len(rows.shapes), recipe.layer
        kinds = {shape.geom_type for shape in rows.shapes}
        assert kinds <= {rows.spec.geometry, rows.spec.geometry.removeprefix("Multi")}, recipe.layer
        assert shapely.is_valid(rows.shapes).all(), recipe.layer


def test_ids_are_there_and_each_is_given_once(
    made: list[tuple[World, Recipe, LayerRows]],
) -> None:
    for _, recipe, rows in made:
        ids = rows.columns[rows.spec.id_field]
        assert None not in ids, recipe.layer
        assert len(set(ids)) == len(ids), recipe.layer


def test_everything_lies_in_the_city(made: list[tuple[World, Recipe, LayerRows]]) -> None:
    for world, recipe, rows in made:
        west, south, east, north = world.city.bounds
        assert shapely.within(rows.shapes, shapely.box(west, south, east, north)).all()
        if rows.spec.quality.inside_city:
            near = world.geography.land.buffer(rows.spec.quality.tolerance_m)
            inside = shapely.intersects(project(rows.shapes, world.city.crs), near)
            assert inside.all(), recipe.layer


def test_things_at_the_kerb_stand_on_the_city_s_side_of_its_border_roads(
    made: list[tuple[World, Recipe, LayerRows]],
) -> None:
    for world, recipe, rows in made:
        if recipe.place == "along_road" and rows.spec.geometry == "Point":
            points = project(rows.shapes, world.city.crs)
            assert shapely.contains(world.geography.land, points).mean() > 0.999, recipe.layer


def _faults(spec: LayerSpec, p: PropertySpec, values: list[object]) -> Iterator[str]:
    for value in values:
        if value is None:
            if p.required:
                yield f"{spec.id}.{p.name}: missing"
        elif p.type in _TYPES and not isinstance(value, _TYPES[p.type]):
            yield f"{spec.id}.{p.name}: {value!r} is no {p.type}"
        elif p.values is not None and value not in p.values:
            yield f"{spec.id}.{p.name}: {value!r} is not allowed"
        elif p.pattern is not None and not re.fullmatch(p.pattern, str(value)):
            yield f"{spec.id}.{p.name}: {value!r} doesn't match {p.pattern}"
        elif p.minimum is not None and float(str(value)) < p.minimum:
            yield f"{spec.id}.{p.name}: {value} below {p.minimum}"
        elif p.maximum is not None and float(str(value)) > p.maximum:
            yield f"{spec.id}.{p.name}: {value} above {p.maximum}"
        elif p.type == "date":
            date.fromisoformat(str(value))
        elif p.type == "datetime" and datetime.fromisoformat(str(value)).tzinfo is None:
            yield f"{spec.id}.{p.name}: {value} without a zone"


def test_every_value_fits_its_declaration(made: list[tuple[World, Recipe, LayerRows]]) -> None:
    found = [
        fault
        for _, _, rows in made
        for p in rows.spec.properties
        for fault in _faults(rows.spec, p, rows.columns[p.name])
    ]
    assert found[:10] == []


def test_units_come_first_from_the_top_down(worlds: dict[str, World]) -> None:
    for world in worlds.values():
        places = [recipe.place for recipe in in_order(world.demo.layers)]
        assert places[:2] == ["district", "town"]
        assert "village" not in places or places[2] == "village"


def test_each_layer_draws_on_its_own(worlds: dict[str, World]) -> None:
    world = worlds["pudong"]
    recipe = next(r for r in world.demo.layers if r.layer == "manhole_cover")
    fresh = World(world.city, world.demo, world.geography, world.seed, world.day)
    ours, theirs = make_layer(world, recipe, SCALE), make_layer(fresh, recipe, SCALE)
    assert ours.columns == theirs.columns
    assert (ours.shapes == theirs.shapes).all()


def test_equal_rows_give_equal_bytes_in_both_formats(worlds: dict[str, World], tmp_path) -> None:
    world = worlds["tiny"]
    rows = make_layer(world, in_order(world.demo.layers)[1], 1.0)
    for name in ("a", "b"):
        write_geojson(tmp_path / f"{name}.geojson", rows)
        write_gpkg(tmp_path / f"{name}.gpkg", rows, world.day)
    assert digest(tmp_path / "a.geojson") == digest(tmp_path / "b.geojson")
    assert digest(tmp_path / "a.gpkg") == digest(tmp_path / "b.gpkg")


def test_a_place_that_the_geometry_does_not_have_is_refused(worlds: dict[str, World]) -> None:
    recipe = Recipe(layer="shopfront", place="junction", count=3)
    with pytest.raises(OnemapError, match="LineString can't be placed by 'junction'"):
        make_layer(worlds["tiny"], recipe, 1.0)


def test_credit_codes_have_the_right_check_character() -> None:
    assert credit_check("91512081MA62K0260") == "E"
    assert credit_check("91350100M000100Y4") == "3"


@given(st.integers(0, 99_999_999))
def test_made_up_credit_codes_check(number: int) -> None:
    code = credit_code("310115", number)
    assert re.fullmatch("[0-9A-HJ-NP-RTUWXY]{18}", code)
    assert credit_check(code[:17]) == code[17]


@given(
    st.sampled_from(["[0-9]{6}", "[A-T]([0-9]{2,4})?", "[12][0-9]{2}", "A-[0-9a-f]{15}", "x?y+"]),
    st.integers(0, 1000),
)
def test_sampled_texts_match_their_pattern(pattern: str, seed: int) -> None:
    text = sample_pattern(pattern, np.random.default_rng(seed))
    assert text is not None
    assert re.fullmatch(pattern, text)


def test_scenes_differ_only_where_something_was_built(worlds: dict[str, World], tmp_path) -> None:
    world = worlds["tiny"]
    section = world.demo.rasters
    assert section is not None
    found = scenes(world, section)
    (before, transform), (after, _) = (found[year] for year in sorted(found))
    changed = before != after
    assert changed.any()
    assert (after[changed] == BUILT).all()
    expected = (
        shapely.area(world.changes.illegal).sum() + shapely.area(world.changes.permitted).sum()
    )
    assert changed.sum() * section.pixel_m**2 == pytest.approx(expected, rel=0.3)
    path = tmp_path / "scene.tif"
    write_scene(path, after, transform, world.city.crs, max(section.years))
    with rasterio.open(path) as file:
        assert file.crs.to_string() == world.city.crs
        assert file.tags()["SYNTHETIC"] == "true"
        assert (file.read(1) == after).all()


def test_what_was_built_is_in_the_truth(worlds: dict[str, World]) -> None:
    world = worlds["tiny"]
    section = world.demo.rasters
    assert section is not None
    planted = planted_changes(world, section)
    assert [p.expect for p in planted].count("event") == section.illegal_buildings
    assert [p.expect for p in planted].count("silent") == section.permitted_buildings


def test_readings_fall_where_planted_and_only_there(worlds: dict[str, World], tmp_path) -> None:
    world = worlds["pudong"]
    recipe = next(r for r in world.demo.layers if r.place == "door")
    section = MeterSection(firms=120, days=365, drops=6, near_misses=4)
    readings, planted = make_readings(world, section, make_layer(world, recipe, SCALE), 1.0)
    dropped = {p.subject for p in planted if p.expect == "event"}
    low = np.nanmedian(readings.kwh[:, -21:], axis=1) / np.nanmedian(readings.kwh[:, :200], axis=1)
    found = {firm for firm, ratio in zip(readings.firms, low, strict=True) if ratio < 0.55}
    assert len(dropped) == 6
    assert found == dropped
    rows = write_readings(tmp_path / "readings.csv.gz", readings)
    table = pyarrow.csv.read_csv(tmp_path / "readings.csv.gz")
    assert table.num_rows == rows == 120 * 365
    assert table.column_names == ["meter_id", "uscc18", "date", "kwh"]
