"""Questions to many layers at once: the same answers as one by one, and as brute force gives."""

from __future__ import annotations

from typing import Any

import h3.api.basic_int as h3
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from layers import h3cover, h3grid
from layers.errors import QueryError, StoreError
from layers.query import EVERYTHING, Query, Scope
from layers.store import Store
from tests.layers.conftest import MONDAY, make_rows, make_spec, put
from tests.layers.test_store_queries import SLOW

CENTRE = (121.5, 31.2)
SPECS = {
    "spot": make_spec("spot", "Point", resolution=9),
    "way": make_spec("way", "LineString", resolution=9),
    "field": make_spec("field", "Polygon", resolution=8),
}


def shapes_of(layer: str, n: int, seed: int) -> list[Any]:
    random = np.random.default_rng(seed)
    x, y = (random.normal(c, 0.01, n) for c in CENTRE)
    if layer == "spot":
        return list(shapely.points(x, y))
    far = [random.normal(0, 0.01, n) for _ in "xy"]
    lines = shapely.linestrings(
        np.stack([np.stack([x, y], 1), np.stack([x + far[0], y + far[1]], 1)], 1)
    )
    return list(lines if layer == "way" else shapely.buffer(lines, 0.001, quad_segs=2))


def filled(store: Store, n: int, seed: int) -> dict[str, Any]:
    rows = {}
    for layer, spec in SPECS.items():
        store.create(spec)
        with store.transaction() as tx:
            tx.delete(spec, store.page(Query(layer)).fids, at=MONDAY)
        rows[layer] = make_rows([f"{i:03d}" for i in range(n)], shapes_of(layer, n, seed))
        rows[layer]["jurisdiction"] = ["east" if i % 2 else "west" for i in range(n)]
        put(store, spec, rows[layer])
    return rows


def brute_force(rows: Any, outline: shapely.Geometry) -> list[str]:
    met = shapely.intersects(outline, rows.geometry.to_numpy())
    return [code for code, hit in zip(rows["code"], met, strict=True) if hit]


class TestMeeting:
    @settings(SLOW, max_examples=6)
    @given(
        st.integers(0, 10_000),
        st.integers(4, 12),
        st.floats(-0.02, 0.02),
        st.floats(-0.02, 0.02),
    )
    def test_a_cell_of_any_size_holds_what_meets_its_outline(
        self, store: Store, seed: int, level: int, dx: float, dy: float
    ) -> None:
        rows = filled(store, 40, seed)
        cell = h3.latlng_to_cell(CENTRE[1] + dy, CENTRE[0] + dx, level)
        outline = h3grid.cell_polygon(cell)
        for scope, kept in ((EVERYTHING, None), (Scope(("ea",)), "east"), (Scope(()), "none")):
            found = store.meeting(list(SPECS), cell, outline, scope, first=3)
            for met, own in zip(found, rows.values(), strict=True):
                own = own if kept is None else own[own["jurisdiction"] == kept]
                expected = brute_force(own, outline)
                assert met.number == len(expected)
                assert met.fids == tuple(expected[:3])

    def test_of_no_layers_is_nothing(self, store: Store) -> None:
        cell = h3.latlng_to_cell(*CENTRE[::-1], 8)
        assert store.meeting([], cell, h3grid.cell_polygon(cell), EVERYTHING) == []

    def test_what_can_not_be_asked_is_refused(self, store: Store) -> None:
        cell = h3.latlng_to_cell(*CENTRE[::-1], 8)
        with pytest.raises(QueryError):
            store.meeting(["spot"], cell, shapely.Polygon(), EVERYTHING)
        with pytest.raises(StoreError):
            store.meeting(["camera"], cell, h3grid.cell_polygon(cell), EVERYTHING)

    def test_rows_without_place_are_nowhere(self, store: Store) -> None:
        store.create(SPECS["spot"])
        put(store, SPECS["spot"], make_rows(["a", "b"], [shapely.Point(*CENTRE), None]))
        cell = h3.latlng_to_cell(*CENTRE[::-1], 6)
        (met,) = store.meeting(["spot"], cell, h3grid.cell_polygon(cell), EVERYTHING)
        assert met.fids == ("a",)


class TestCounts:
    def test_are_those_of_each_question(self, store: Store) -> None:
        filled(store, 30, 1)
        box = (121.49, 31.19, 121.5, 31.2)
        queries = [
            Query(
                layer, bbox=box if i % 2 else None, scope=Scope(("east",)) if i % 3 else EVERYTHING
            )
            for i, layer in enumerate([*SPECS] * 2)
        ]
        assert store.counts(queries) == [store.count(query) for query in queries]
        assert store.counts([]) == []

    def test_by_values_add_up_to_those_without(self, store: Store) -> None:
        rows = filled(store, 30, 1)["spot"]
        query = Query("spot", bbox=(121.4, 31.1, 121.5, 31.3))
        inside = rows[rows.geometry.x <= 121.5]
        expected = inside["jurisdiction"].value_counts().to_dict()
        assert store.count_by(query, ["jurisdiction"]) == {(k,): n for k, n in expected.items()}
        scope = Scope(("east",))
        only = store.count_by(query.but(scope=scope), ["jurisdiction", "code"])
        assert sum(only.values()) == expected["east"] == len(only)

    def test_of_hundreds_of_questions_come_in_order(self, store: Store) -> None:
        filled(store, 5, 1)
        queries = [Query("spot", fids=("001",) if i % 7 == 0 else ()) for i in range(450)]
        assert store.counts(queries) == [int(i % 7 == 0) for i in range(450)]


class TestOccupied:
    @pytest.mark.parametrize("layer", SPECS)
    @pytest.mark.parametrize("resolution", [5, 8])
    def test_are_the_cells_that_rows_touch(self, store: Store, layer: str, resolution: int) -> None:
        rows = filled(store, 30, 2)[layer]
        finest = SPECS[layer].h3_resolution
        assert finest is not None
        touched = np.concatenate(h3cover.cover(rows.geometry.to_numpy(), finest))
        expected = sorted(set(h3grid.parents(touched, resolution).tolist()))
        assert store.occupied(Query(layer), resolution) == expected
        own = rows["jurisdiction"] == "east"
        touched = np.concatenate(h3cover.cover(rows.geometry[own].to_numpy(), finest))
        expected = sorted(set(h3grid.parents(touched, resolution).tolist()))
        assert store.occupied(Query(layer, scope=Scope(("east",))), resolution) == expected

    def test_of_a_register_or_finer_are_refused(self, store: Store) -> None:
        filled(store, 1, 1)
        with pytest.raises(QueryError):
            store.occupied(Query("field"), 9)
        register = make_spec("book", "None")
        store.create(register)
        with pytest.raises(QueryError, match="without places"):
            store.occupied(Query("book"), 5)


def test_revisions_are_those_of_each_layer(store: Store) -> None:
    assert store.revisions() == {}
    filled(store, 2, 1)
    before = store.revisions()
    assert before == {layer: store.revision(layer) for layer in SPECS}
    put(store, SPECS["spot"], make_rows(["new"]))
    changed = {layer for layer, number in store.revisions().items() if number != before[layer]}
    assert changed == {"spot"}
