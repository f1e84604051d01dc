"""Counts per cell: they add up, and those of persons can't be taken apart."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import h3.api.basic_int as h3
import numpy as np
import pytest
import shapely

from layers import h3grid
from layers.aggregates import SMALLEST, cell_counts, finest_resolution
from layers.errors import QueryError
from layers.query import Query, Scope, TimeInterval
from layers.spec import LayerSpec
from layers.store import Store
from tests.layers.conftest import MONDAY, make_rows, make_spec, put

MARK = make_spec("mark", resolution=10)
PERSON = make_spec("person", resolution=11).model_copy(update={"sensitivity": "personal"})
CENTRE = (121.5, 31.2)


def scattered(spec: LayerSpec, n: int, spread_deg: float, seed: int = 3) -> Any:
    random = np.random.default_rng(seed)
    x, y = (random.normal(c, spread_deg, n) for c in CENTRE)
    rows = make_rows([f"{spec.id}-{i}" for i in range(n)], list(shapely.points(x, y)))
    # The western half belongs to another unit.
    rows["jurisdiction"] = ["310101" if a < CENTRE[0] else "310202" for a in x]
    return rows


def filled(store: Store, spec: LayerSpec, n: int = 900, spread_deg: float = 0.006) -> Any:
    store.create(spec)
    rows = scattered(spec, n, spread_deg)
    put(store, spec, rows)
    return rows


def by_hand(rows: Any, resolution: int) -> Counter[int]:
    return Counter(h3.latlng_to_cell(p.y, p.x, resolution) for p in rows.geometry)


class TestOpenLayers:
    @pytest.mark.parametrize("resolution", [0, 5, 8, 10])
    def test_are_counted_as_by_hand(self, store: Store, resolution: int) -> None:
        rows = filled(store, MARK)
        counts = cell_counts(store, MARK, Query("mark"), resolution)
        parents: Counter[int] = Counter()
        for cell, number in by_hand(rows, 10).items():
            parents[h3.cell_to_parent(cell, resolution)] += number
        assert counts == parents and list(counts) == sorted(counts)

    def test_a_question_is_counted_like_all_rows(self, store: Store) -> None:
        filled(store, MARK)
        scope = Scope(jurisdictions=("310101",))
        own = cell_counts(store, MARK, Query("mark", scope=scope), 8)
        assert 0 < sum(own.values()) == store.count(Query("mark", scope=scope)) < 900

    @pytest.mark.parametrize("asked", [7, 9, 10])
    @pytest.mark.parametrize("resolution", [6, 8, 10])
    def test_cells_of_any_size_keep_what_is_inside(
        self, store: Store, asked: int, resolution: int
    ) -> None:
        rows = filled(store, MARK)
        fine = by_hand(rows, 10)
        cells = sorted({h3.cell_to_parent(cell, asked) for cell in fine})[:3]
        expected: Counter[int] = Counter()
        for cell, number in fine.items():
            if h3.cell_to_parent(cell, asked) in cells:
                expected[h3.cell_to_parent(cell, resolution)] += number
        found = cell_counts(store, MARK, Query("mark", cells=tuple(cells)), resolution)
        assert found == expected

    def test_a_line_counts_once_where_its_own_cell_is(self, store: Store) -> None:
        way = make_spec("way", "LineString", resolution=9)
        store.create(way)
        line = shapely.LineString([(121.40, 31.2), (121.60, 31.2)])
        put(store, way, make_rows(["w"], [line]))
        (own,) = cell_counts(store, way, Query("way"), 9)
        ends = [h3.latlng_to_cell(31.2, lon, 9) for lon in (121.40, 121.60)]
        touched = next(cell for cell in ends if cell != own)
        assert store.count(Query("way", cells=(touched,))) == 1
        assert cell_counts(store, way, Query("way", cells=(touched,)), 9) == {}
        assert cell_counts(store, way, Query("way", cells=(own,)), 9) == {own: 1}

    def test_an_empty_layer_and_no_cells_give_nothing(self, store: Store) -> None:
        store.create(MARK)
        assert cell_counts(store, MARK, Query("mark"), 5) == {}
        assert cell_counts(store, MARK, Query("mark", cells=()), 5) == {}

    def test_registers_and_finer_cells_are_refused(self, store: Store) -> None:
        register = make_spec("register", "None")
        assert finest_resolution(register) is None
        with pytest.raises(QueryError, match="without places"):
            cell_counts(store, register, Query("register"), 5)
        for wrong in (-1, 11, 16):
            with pytest.raises(QueryError, match="0–10"):
                cell_counts(store, MARK, Query("mark"), wrong)
        store.create(MARK)
        fine = h3.latlng_to_cell(31.2, 121.5, 12)
        with pytest.raises(QueryError, match="finer"):
            cell_counts(store, MARK, Query("mark", cells=(fine,)), 10)


class TestPersons:
    def test_no_small_cell_is_shown(self, store: Store) -> None:
        rows = filled(store, PERSON)
        finest = finest_resolution(PERSON)
        assert finest == 9, "never finer than about 0.1 km²"
        truth = by_hand(rows, 11)
        whole: Counter[int] = Counter()
        for cell, number in truth.items():
            whole[h3.cell_to_parent(cell, 9)] += number
        small = [cell for cell, number in whole.items() if number < SMALLEST]
        shown = cell_counts(store, PERSON, Query("person"), 9)
        assert small and shown == {c: n for c, n in whole.items() if n >= SMALLEST}

    def test_differences_between_levels_tell_nothing(self, store: Store) -> None:
        """The attack: a coarse cell less its shown children would be the number in hidden ones."""
        filled(store, PERSON)
        finest = cell_counts(store, PERSON, Query("person"), 9)
        for resolution in range(9):
            coarse = cell_counts(store, PERSON, Query("person"), resolution)
            for cell, number in coarse.items():
                children = [
                    n for c, n in finest.items() if h3.cell_to_parent(c, resolution) == cell
                ]
                assert number == sum(children), "what is hidden below is hidden above"

    def test_differences_between_readers_tell_nothing(self, store: Store) -> None:
        """The attack: a cell on a border, counted by readers of either side and of both."""
        rows = filled(store, PERSON)
        everybody = cell_counts(store, PERSON, Query("person"), 9)
        sides = [
            cell_counts(store, PERSON, Query("person", scope=Scope((code,))), 9)
            for code in ("310101", "310202")
        ]
        border = h3.latlng_to_cell(CENTRE[1], CENTRE[0], 9)
        west = [
            p for p, j in zip(rows.geometry, rows["jurisdiction"], strict=True) if j == "310101"
        ]
        assert border in everybody and any(h3.latlng_to_cell(p.y, p.x, 9) == border for p in west)
        for side in sides:
            assert side and border not in side
            assert side.items() <= everybody.items(), "a number is the same for all, or not shown"
        assert cell_counts(store, PERSON, Query("person", scope=Scope(())), 5) == {}

    @pytest.mark.parametrize(
        "part",
        [
            {"bbox": (121.4, 31.1, 121.5, 31.3)},
            {"geometry": shapely.box(121.4, 31.1, 121.5, 31.3)},
            {"predicate": "within"},
            {"time": TimeInterval(MONDAY, None)},
            {"where": {"op": "=", "args": [{"property": "name"}, "x"]}},
            {"fids": ("person-1",)},
            {"jurisdiction": "310101"},
            {"as_of": MONDAY - timedelta(days=1)},
            {"limit": 1},
            {"offset": 1},
            {"after": ("person-1",)},
        ],
        ids=lambda part: next(iter(part)),
    )
    def test_nothing_cuts_a_cell(self, store: Store, part: dict[str, Any]) -> None:
        filled(store, PERSON)
        with pytest.raises(QueryError, match="personal"):
            cell_counts(store, PERSON, Query("person", **part), 7)

    def test_cells_asked_for_are_read_from_the_same_table(self, store: Store) -> None:
        filled(store, PERSON)
        table = cell_counts(store, PERSON, Query("person"), 9)
        for resolution in (7, 8, 9):
            cell = h3.latlng_to_cell(CENTRE[1], CENTRE[0], resolution)
            inside = cell_counts(store, PERSON, Query("person", cells=(cell,)), 9)
            low, high = h3grid.descendants(cell, 9)
            assert inside == {c: n for c, n in table.items() if low <= c <= high}
        fine = h3.latlng_to_cell(CENTRE[1], CENTRE[0], 10)
        with pytest.raises(QueryError, match="finer"):
            cell_counts(store, PERSON, Query("person", cells=(fine,)), 9)

    def test_one_more_person_moves_no_hidden_cell(self, store: Store) -> None:
        """The attack: watching the counts while a row is written into a small cell."""
        rows = filled(store, PERSON)
        whole: Counter[int] = Counter()
        for cell, number in by_hand(rows, 11).items():
            whole[h3.cell_to_parent(cell, 9)] += number
        small = next(c for c, n in whole.items() if n < SMALLEST - 1)
        before = [cell_counts(store, PERSON, Query("person"), r) for r in (5, 9)]
        lat, lon = h3.cell_to_latlng(small)
        put(store, PERSON, make_rows(["new"], [shapely.Point(lon, lat)]))
        assert [cell_counts(store, PERSON, Query("person"), r) for r in (5, 9)] == before
