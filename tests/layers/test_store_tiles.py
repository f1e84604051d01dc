"""Tiles out of every back end: the same rows, attributes and counts."""

from __future__ import annotations

from typing import Any

import mapbox_vector_tile
import numpy as np
import pytest
import shapely

from layers import h3grid
from layers.errors import QueryError
from layers.query import Query, Scope
from layers.spec import LayerSpec, Style
from layers.store import Store
from layers.tiles.content import attributes
from layers.tiles.matrix import MATRIX_SETS, WEB_MERCATOR, Tile, TileMatrixSet
from tests.layers.conftest import DAY, MONDAY, make_rows, make_spec, put

CENTRE = (121.5, 31.2)


def tile_at(level: int, matrix_set: TileMatrixSet = WEB_MERCATOR) -> Tile:
    row, _, column, _ = matrix_set.limits(level, (*CENTRE, *CENTRE))
    return Tile(matrix_set, level, row, column)


def read(body: bytes) -> dict[str, list[dict[str, Any]]]:
    layers = mapbox_vector_tile.decode(body, default_options={"y_coord_down": True})
    return {name: layer["features"] for name, layer in layers.items()}


def scattered(n: int, seed: int = 7) -> list[shapely.Point]:
    random = np.random.default_rng(seed)
    xy = random.normal(0, 0.002, (n, 2)) + CENTRE
    return list(shapely.points(xy))


@pytest.fixture
def spec(store: Store) -> LayerSpec:
    made = make_spec()
    made = made.model_copy(update={"style": Style(by="name", overview=("lamps",))})
    store.create(made)
    return made


@pytest.mark.parametrize("matrix_set", MATRIX_SETS.values(), ids=lambda one: one.id)
def test_a_tile_has_the_rows_that_lie_in_it(
    store: Store, spec: LayerSpec, matrix_set: TileMatrixSet
) -> None:
    put(store, spec, make_rows(["in", "out"], [shapely.Point(CENTRE), shapely.Point(0, 0)]))
    tile = tile_at(12, matrix_set)
    (feature,) = read(store.tile(Query("mark"), tile))["mark"]
    assert feature["properties"]["fid"] == "in"
    expected = np.rint(tile.place(np.array([CENTRE])))[0]
    assert np.abs(np.array(feature["geometry"]["coordinates"]) - expected).max() <= 1
    assert 0 < feature["id"] < 2**53
    assert store.tile(Query("mark"), Tile(matrix_set, 12, 0, 0)) == b""


def test_all_plain_attributes_close_by_and_few_far_off(store: Store, spec: LayerSpec) -> None:
    row = make_rows(
        ["a"], [shapely.Point(CENTRE)], name=["静"], lamps=[-3], height_m=[2.5], lit=[True],
        built=["2020-01-02"], seen_at=[MONDAY], notes=[{"a": 1}],
    )  # fmt: skip
    put(store, spec, row)
    (near,) = read(store.tile(Query("mark"), tile_at(15)))["mark"]
    assert near["properties"] == {
        "fid": "a", "code": "a", "name": "静", "lamps": -3, "height_m": 2.5, "lit": True,
        "built": "2020-01-02", "seen_at": "2020-06-29T12:00:00.000Z",
    }  # fmt: skip
    (far,) = read(store.tile(Query("mark"), tile_at(9)))["mark"]
    assert far["properties"] == {"fid": "a", "name": "静", "lamps": -3}
    assert set(far["properties"]) == {"fid", *attributes(spec, 9)}


def test_the_question_holds_in_tiles(store: Store, spec: LayerSpec) -> None:
    rows = make_rows(["a", "b"], scattered(2), lamps=[1, 2], jurisdiction=["11", "22"])
    put(store, spec, rows)

    def fids(query: Query) -> set[str]:
        found = read(store.tile(query, tile_at(9))).get("mark", [])
        return {feature["properties"]["fid"] for feature in found}

    everything = Query("mark")
    assert fids(everything) == {"a", "b"}
    assert fids(everything.but(scope=Scope(jurisdictions=("22",)))) == {"b"}
    where = {"op": "=", "args": [{"property": "lamps"}, 1]}
    assert fids(everything.but(where=where)) == {"a"}
    assert fids(everything.but(scope=Scope(jurisdictions=("22",)), where=where)) == set()


def test_a_tile_as_it_stood(store: Store, spec: LayerSpec) -> None:
    put(store, spec, make_rows(["a", "b"], scattered(2), lamps=[1, 1]))
    put(store, spec, make_rows(["a"], scattered(1), lamps=[2]), at=MONDAY + DAY)
    now = read(store.tile(Query("mark"), tile_at(9)))["mark"]
    then = read(store.tile(Query("mark", as_of=MONDAY), tile_at(9)))["mark"]
    assert sorted(f["properties"]["lamps"] for f in now) == [1, 2]
    assert sorted(f["properties"]["lamps"] for f in then) == [1, 1]
    early = store.tile(Query("mark", as_of=MONDAY - DAY), tile_at(9))
    assert read(early) == {} if early else True


def test_too_many_points_become_counts_of_cells(store: Store, spec: LayerSpec) -> None:
    names = ["blue", "red", "red"] * 20
    places = scattered(60)
    put(store, spec, make_rows([f"{i:02}" for i in range(60)], places, name=names))
    assert "mark" in read(store.tile(Query("mark"), tile_at(9), most=60))
    layers = read(store.tile(Query("mark"), tile_at(9), most=59))
    assert set(layers) == {"mark_cells"}
    counted = {f["properties"]["h3"]: f["properties"]["count"] for f in layers["mark_cells"]}
    xy = shapely.get_coordinates(places)
    own = h3grid.cells_of_points(xy[:, 0], xy[:, 1], 8)
    cells, numbers = np.unique(h3grid.parents(own, 7), return_counts=True)
    expected = {h3grid.format_cell(c): n for c, n in zip(cells.tolist(), numbers, strict=True)}
    assert counted == expected and sum(counted.values()) == 60
    most = max(layers["mark_cells"], key=lambda f: f["properties"]["count"])
    assert most["properties"]["name"] == "red"


def test_a_cell_across_an_edge_has_the_same_count_in_both_tiles(
    store: Store, spec: LayerSpec
) -> None:
    put(store, spec, make_rows([f"{i:03}" for i in range(300)], scattered(300)))
    level = 14
    tile = tile_at(level)
    counts: dict[str, set[int]] = {}
    for row in range(tile.row - 2, tile.row + 3):
        for column in range(tile.column - 2, tile.column + 3):
            body = store.tile(Query("mark"), Tile(WEB_MERCATOR, level, row, column), most=0)
            for feature in read(body).get("mark_cells", []):
                found = feature["properties"]
                counts.setdefault(found["h3"], set()).add(found["count"])
    assert all(len(numbers) == 1 for numbers in counts.values())
    assert sum(max(numbers) for numbers in counts.values()) == 300


def test_counts_are_of_what_the_reader_sees(store: Store, spec: LayerSpec) -> None:
    codes = ["11"] * 20 + ["22"] * 30
    fids = [f"{i:02}" for i in range(50)]
    put(store, spec, make_rows(fids, scattered(50), jurisdiction=codes, name=codes))
    own = Query("mark", scope=Scope(jurisdictions=("22",)))
    features = read(store.tile(own, tile_at(9), most=5))["mark_cells"]
    assert sum(f["properties"]["count"] for f in features) == 30
    assert {f["properties"]["name"] for f in features} == {"22"}


def test_of_too_many_areas_the_largest_are_drawn_and_the_rest_counted(store: Store) -> None:
    spec = make_spec("ground", "Polygon")
    store.create(spec)
    small = [shapely.buffer(p, 0.00002, quad_segs=1) for p in scattered(30)]
    large = shapely.box(121.45, 31.15, 121.55, 31.25)
    put(store, spec, make_rows([f"{i:02}" for i in range(31)], [*small, large]))
    layers = read(store.tile(Query("ground"), tile_at(9), most=10))
    assert [f["properties"]["fid"] for f in layers["ground"]] == ["30"]
    assert sum(f["properties"]["count"] for f in layers["ground_cells"]) == 30


def test_areas_and_lines_are_valid_and_cut(store: Store) -> None:
    spec = make_spec("ground", "Geometry")
    store.create(spec)
    area = shapely.box(121, 31, 122, 32, ccw=False)
    line = shapely.LineString([(121, 31.2), (122, 31.2)])
    put(store, spec, make_rows(["area", "line"], [area, line]))
    tile = tile_at(13)
    found = {f["properties"]["fid"]: f for f in read(store.tile(Query("ground"), tile))["ground"]}
    assert found["area"]["geometry"]["type"] == "Polygon"
    for feature in found.values():
        shape = shapely.geometry.shape(feature["geometry"])
        assert shape.is_valid and shape.bounds[0] == -64 and shape.bounds[2] == 4096 + 64


def test_rows_without_a_place_are_in_no_tile(store: Store, spec: LayerSpec) -> None:
    put(store, spec, make_rows(["a", "b"], [None, shapely.Point(CENTRE)]))
    assert len(read(store.tile(Query("mark"), tile_at(0)))["mark"]) == 1


def test_a_register_has_no_tiles(store: Store) -> None:
    spec = make_spec("register", "None")
    store.create(spec)
    with pytest.raises(QueryError, match="without places"):
        store.tile(Query("register"), tile_at(0))


def test_what_reaches_to_the_poles_is_drawn(store: Store) -> None:
    spec = make_spec("ground", "Geometry", resolution=1)
    store.create(spec)
    world = shapely.box(-170, 10, 170, 89.9)
    line = shapely.LineString([(0, -90), (0, 90)])
    put(store, spec, make_rows(["area", "line", "pole"], [world, line, shapely.Point(0, 90)]))
    for matrix_set in MATRIX_SETS.values():
        for level in (0, 3):
            layers = read(store.tile(Query("ground"), Tile(matrix_set, level, 0, 0)))
            assert "area" in {f["properties"]["fid"] for f in layers["ground"]}


@pytest.mark.parametrize("matrix_set", MATRIX_SETS.values(), ids=lambda one: one.id)
def test_a_light_tile_is_the_tile_and_is_made_where_rows_are_few_only(
    store: Store, spec: LayerSpec, matrix_set: TileMatrixSet
) -> None:
    put(store, spec, make_rows([f"n{i}" for i in range(400)], scattered(400)))
    tiles = [tile_at(level, matrix_set) for level in range(6, 21)]
    light = [store.light_tile(Query("mark"), tile) for tile in tiles]
    for tile, body in zip(tiles, light, strict=True):
        assert body is None or body == store.tile(Query("mark"), tile)
    # All rows lie in the coarse tiles; next to none in the finest.
    assert light[0] is None
    assert (light[-1] is not None) == store.prompt
    walled = Query("mark", scope=Scope(jurisdictions=("nowhere",)))
    assert all(store.light_tile(walled, tile) is None for tile in tiles)
