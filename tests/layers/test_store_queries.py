"""What can be asked of every store, against the same question asked of shapely."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from layers import h3cover, h3grid
from layers.errors import QueryError
from layers.query import Query, Scope, SortKey, TimeInterval
from layers.spec import GeometryType
from layers.store import Store
from tests.layers.conftest import DAY, MONDAY, make_rows, make_spec, put

MARK = make_spec()
# A store is made once for all examples of a property; each example names its own layer.
SLOW = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def found(store: Store, query: Query) -> list[str]:
    return store.page(query).fids


class TestBox:
    def test_the_border_belongs_to_it(self, store: Store) -> None:
        store.create(MARK)
        shapes = [shapely.Point(x, 31) for x in (121.1, 121.2, 121.3, 121.30000001)]
        put(store, MARK, make_rows(list("abcd"), shapes))
        assert found(store, Query("mark", bbox=(121.1, 31, 121.3, 31))) == ["a", "b", "c"]

    def test_it_may_cross_the_antimeridian(self, store: Store) -> None:
        store.create(MARK)
        shapes = [shapely.Point(x, 0) for x in (-179.5, 0, 179.5)]
        put(store, MARK, make_rows(list("abc"), shapes))
        assert found(store, Query("mark", bbox=(179, -1, -179, 1))) == ["a", "c"]

    def test_what_only_its_box_meets_is_left_out(self, store: Store) -> None:
        way = make_spec("way", "LineString")
        store.create(way)
        put(store, way, make_rows(["w"], [shapely.LineString([(0, 0), (10, 10)])]))
        assert found(store, Query("way", bbox=(6, 0, 9, 3))) == []
        assert found(store, Query("way", bbox=(4, 4, 5, 5))) == ["w"]

    def test_a_row_without_a_place_meets_it_where_that_is_asked_for(self, store: Store) -> None:
        store.create(MARK)
        put(store, MARK, make_rows(list("abc"), [shapely.Point(0, 0), shapely.Point(5, 5), None]))
        asked = Query("mark", bbox=(-1, -1, 1, 1))
        assert found(store, asked) == ["a"]
        assert found(store, asked.but(unknown_meets=True)) == ["a", "c"]
        none = asked.but(unknown_meets=True, scope=Scope(jurisdictions=("nowhere",)))
        assert found(store, none) == []

    @pytest.mark.parametrize("box", [(0, 1, 1, 0), (0, 0, float("nan"), 1)])
    def test_nonsense_is_refused(self, store: Store, box: Any) -> None:
        store.create(MARK)
        with pytest.raises(QueryError, match="expected"):
            store.count(Query("mark", bbox=box))


class TestTime:
    def test_both_ends_belong_to_it_and_may_be_open(self, store: Store) -> None:
        store.create(MARK)
        times = [MONDAY, MONDAY + DAY, MONDAY + 2 * DAY, None]
        put(store, MARK, make_rows(list("abcd"), seen_at=times))

        def during(start: datetime | None, end: datetime | None) -> list[str]:
            return found(store, Query("mark", time=TimeInterval(start, end)))

        assert during(MONDAY, MONDAY + DAY) == ["a", "b"]
        assert during(MONDAY + timedelta(microseconds=1), None) == ["b", "c"]
        assert during(None, MONDAY + timedelta(microseconds=999)) == ["a"]
        assert during(None, None) == ["a", "b", "c"]

    def test_a_row_without_a_time_meets_every_time_where_that_is_asked_for(
        self, store: Store
    ) -> None:
        store.create(MARK)
        put(store, MARK, make_rows(list("abc"), seen_at=[MONDAY, MONDAY + DAY, None]))
        asked = Query("mark", time=TimeInterval(MONDAY, MONDAY))
        assert found(store, asked) == ["a"]
        assert found(store, asked.but(unknown_meets=True)) == ["a", "c"]
        assert store.count(asked.but(unknown_meets=True)) == 2

    def test_a_date_field_holds_whole_days(self, store: Store) -> None:
        permit = make_spec("permit", time_field="built")
        store.create(permit)
        put(store, permit, make_rows(["a", "b"], built=[date(2020, 7, 1), date(2020, 7, 2)]))
        noon = datetime(2020, 7, 1, 12, tzinfo=UTC)
        assert found(store, Query("permit", time=TimeInterval(noon, noon))) == ["a"]
        extent = store.time_extent(Query("permit"))
        assert extent is not None
        assert extent.start == datetime(2020, 7, 1, tzinfo=UTC)

    def test_a_timeless_layer_says_so(self, store: Store) -> None:
        store.create(make_spec("rock", time_field=None))
        with pytest.raises(QueryError, match="no time field"):
            store.count(Query("rock", time=TimeInterval()))
        assert store.time_extent(Query("rock")) is None


class TestIdsAndScope:
    def test_many_ids_at_once(self, store: Store) -> None:
        store.create(MARK)
        put(store, MARK, make_rows([f"n{i:03}" for i in range(300)]))
        wanted = tuple(f"n{i:03}" for i in range(0, 40_000, 2))
        assert store.count(Query("mark", fids=wanted)) == 150
        assert store.count(Query("mark", fids=())) == 0
        assert found(store, Query("mark", fids=("n001", "'; DROP TABLE mark; --"))) == ["n001"]

    def test_scope_and_jurisdiction_both_hold(self, store: Store) -> None:
        store.create(MARK)
        codes = ["310115", "310115104", "310115104001", "310116", None, "310115105"]
        put(store, MARK, make_rows(list("abcdef"), jurisdiction=codes))

        def ask(**conditions: Any) -> list[str]:
            return found(store, Query("mark", **conditions))

        assert ask(jurisdiction="310115104") == ["b", "c"]
        assert ask(scope=Scope(("310115",))) == ["a", "b", "c", "f"]
        assert ask(scope=Scope(("310115104", "310116"))) == ["b", "c", "d"]
        assert ask(scope=Scope(("310115104",)), jurisdiction="310116") == []
        assert ask(scope=Scope(())) == []
        assert ask(scope=Scope(("310115",)), as_of=MONDAY) == ["a", "b", "c", "f"]
        assert store.count(Query("mark", scope=Scope(("31%",)))) == 0


class TestCells:
    def test_a_cell_finds_what_its_descendants_hold(self, store: Store) -> None:
        store.create(MARK)
        put(store, MARK, make_rows(["a", "b"], [shapely.Point(121.5, 31.2), shapely.Point(0, 0)]))
        cell = int(store.frame(Query("mark", fids=("a",)))["h3"][0])
        for resolution in range(9):
            parent = int(h3grid.parents(np.array([cell]), resolution)[0])
            assert found(store, Query("mark", cells=(parent,))) == ["a"]
            assert store.cell_counts(Query("mark"), resolution)[parent] == 1
        assert found(store, Query("mark", cells=())) == []

    def test_a_finer_cell_is_refused_with_its_parent(self, store: Store) -> None:
        store.create(MARK)
        fine = int(h3grid.cells_of_points([121.5], [31.2], 9)[0])
        coarse = h3grid.format_cell(int(h3grid.parents(np.array([fine]), 8)[0]))
        with pytest.raises(QueryError, match=f"finer.*{coarse}"):
            store.count(Query("mark", cells=(fine,)))
        with pytest.raises(QueryError, match="not an H3 cell"):
            store.count(Query("mark", cells=(12,)))
        with pytest.raises(QueryError, match="0–8"):
            store.cell_counts(Query("mark"), 9)

    def test_many_cells_at_once(self, store: Store) -> None:
        store.create(MARK)
        shapes = [shapely.Point(121 + i / 100, 31) for i in range(100)]
        put(store, MARK, make_rows([f"n{i:02}" for i in range(100)], shapes))
        cells = tuple(int(c) for c in store.frame(Query("mark", limit=60))["h3"])
        mixed = (*cells, int(h3grid.parents(np.array(cells[:1]), 3)[0]))
        assert set(found(store, Query("mark", cells=cells))) >= {f"n{i:02}" for i in range(60)}
        assert store.count(Query("mark", cells=mixed)) >= store.count(Query("mark", cells=cells))
        assert store.count(Query("mark", cells=mixed, as_of=MONDAY)) == store.count(
            Query("mark", cells=mixed)
        )


lon = st.floats(-179, 179, allow_nan=False).map(lambda v: round(v, 4))
lat = st.floats(-80, 80, allow_nan=False).map(lambda v: round(v, 4))
boxes = st.tuples(lon, lat, st.floats(0, 60), st.floats(0, 40)).map(
    lambda b: (b[0], b[1], min(180.0, b[0] + b[2]), min(90.0, b[1] + b[3]))
)


def _line(draw: Any) -> shapely.Geometry:
    x, y = draw(lon), draw(lat)
    steps = draw(st.lists(st.tuples(st.floats(-2, 2), st.floats(-2, 2)), min_size=1, max_size=4))
    line = shapely.LineString([(x, y), *[(x + a, y + b) for a, b in steps]])
    # GEOS and PostGIS make different things of a line without length.
    assume(line.length > 0)
    return line


@st.composite
def shapes(draw: Any, geometry: GeometryType) -> shapely.Geometry:
    if geometry == "Point":
        return shapely.Point(draw(lon), draw(lat))
    if geometry == "LineString":
        return _line(draw)
    half = draw(st.floats(0.01, 3))
    return shapely.Point(draw(lon), draw(lat)).buffer(half, quad_segs=3)


class TestAgainstShapely:
    @pytest.mark.parametrize("geometry", ["Point", "LineString", "Polygon"])
    @SLOW
    @given(data=st.data())
    def test_boxes_areas_and_cells_agree(
        self, store: Store, geometry: GeometryType, data: st.DataObject
    ) -> None:
        spec = make_spec(f"l_{geometry.lower()}", geometry, resolution=3)
        store.create(spec)
        drawn = data.draw(st.lists(shapes(geometry), max_size=12))
        with store.transaction() as tx:
            tx.delete(spec, found(store, Query(spec.id)), at=MONDAY)
            tx.upsert(spec, make_rows([f"n{i:02}" for i in range(len(drawn))], drawn),
                      at=MONDAY, source="test")  # fmt: skip
        box = data.draw(boxes)
        self._check_space(store, spec.id, drawn, box)
        resolution = data.draw(st.integers(0, 3))
        cell = int(h3grid.cells_of_points([box[0]], [box[1]], resolution)[0])
        answer = set(found(store, Query(spec.id, cells=(cell,))))
        children = h3grid.descendants(cell, 3)
        covers = h3cover.cover(np.array(drawn, object), 3)
        if geometry == "Point":
            covers = [h3grid.cells_of_points([p.x], [p.y], 3) for p in drawn]
        expected = {
            f"n{i:02}"
            for i, cover in enumerate(covers)
            if ((cover >= children[0]) & (cover <= children[1])).any()
        }
        assert answer == expected

    def _check_space(
        self, store: Store, layer: str, drawn: list[shapely.Geometry], box: Any
    ) -> None:
        def names(mask: Any) -> list[str]:
            return [f"n{i:02}" for i in np.flatnonzero(mask)]

        array = np.array(drawn, object)
        area = shapely.box(*box)
        minx, miny, maxx, maxy = box
        if minx < maxx and miny < maxy:
            assert found(store, Query(layer, bbox=box)) == names(shapely.intersects(array, area))
            for predicate in ("intersects", "within", "disjoint", "crosses", "overlaps"):
                expected = names(getattr(shapely, predicate)(array, area))
                asked = Query(layer, geometry=area, predicate=predicate)
                assert found(store, asked) == expected
                assert found(store, asked.but(as_of=MONDAY)) == expected
        extent = store.extent(Query(layer))
        assert extent == (tuple(shapely.total_bounds(array)) if drawn else None)


class TestOrder:
    ROWS = make_rows(
        list("abcdef"),
        lamps=[2, None, 1, 2, None, 1],
        name=["é", "z", None, "Z", "a", "é"],
        lit=[True, False, None, True, False, True],
    )

    @pytest.mark.parametrize(
        ("keys", "expected"),
        [
            ((), "abcdef"),
            ((SortKey("lamps"),), "cfadbe"),
            ((SortKey("lamps", True),), "adcfbe"),
            ((SortKey("name"), SortKey("lamps", True)), "debafc"),
            ((SortKey("fid", True),), "fedcba"),
            ((SortKey("lit"), SortKey("fid", True)), "ebfdac"),
        ],
    )
    def test_nulls_come_last_and_texts_by_code_point(
        self, store: Store, keys: Any, expected: str
    ) -> None:
        store.create(MARK)
        put(store, MARK, self.ROWS)
        assert "".join(found(store, Query("mark", sort=keys))) == expected

    @pytest.mark.parametrize("size", [1, 2, 4])
    @pytest.mark.parametrize("name", ["lamps", "name", "lit", "seen_at", "built", "valid_from"])
    @pytest.mark.parametrize("descending", [False, True])
    def test_pages_by_key_are_the_whole_in_order(
        self, store: Store, size: int, name: str, descending: bool
    ) -> None:
        store.create(MARK)
        rows = self.ROWS.assign(
            seen_at=[MONDAY, None, MONDAY + DAY, MONDAY, None, MONDAY],
            built=[date(2020, 1, 1), None, None, date(2019, 1, 1), date(2020, 1, 1), None],
        )
        put(store, MARK, rows)
        question = Query("mark", sort=(SortKey(name, descending),))
        whole = found(store, question)
        pages, after = [], None
        while True:
            page = store.page(question.but(after=after, limit=size))
            pages += page.fids
            after = page.next
            if after is None:
                break
        assert pages == whole
        assert found(store, question.but(offset=2, limit=3)) == whole[2:5]

    def test_wrong_keys_are_refused(self, store: Store) -> None:
        store.create(MARK)
        for after in [("x", "a"), (1,), (None,), ("x", "y", "z")]:
            with pytest.raises(QueryError, match="paging key"):
                store.page(Query("mark", sort=(SortKey("lamps"),), after=after))
        with pytest.raises(QueryError, match="no property"):
            store.page(Query("mark", sort=(SortKey("gid; DROP TABLE mark"),)))
        with pytest.raises(QueryError, match="no order"):
            store.page(Query("mark", sort=(SortKey("notes"),)))


class TestShape:
    def test_properties_can_be_chosen(self, store: Store) -> None:
        store.create(MARK)
        put(store, MARK, make_rows(["a"], lamps=[1], name=["x"]))
        page = store.page(Query("mark", properties=("name", "lamps"), skip_geometry=True))
        assert (page.names, page.rows, page.geometries) == (("name", "lamps"), [("x", 1)], [None])
        with pytest.raises(QueryError, match="no property 'colour'"):
            store.page(Query("mark", properties=("colour",)))

    def test_frames_come_in_pieces(self, store: Store) -> None:
        store.create(MARK)
        put(store, MARK, make_rows([f"n{i:02}" for i in range(25)]))
        sizes = [len(f) for f in store.frames(Query("mark"), size=10)]
        assert sizes == [10, 10, 5]
        assert len(store.frame(Query("mark", limit=7, offset=20))) == 5
