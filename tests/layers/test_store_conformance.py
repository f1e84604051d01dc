"""What every store does: writing with history, and answering what was written."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from layers.city import City
from layers.errors import QueryError, StoreError, UnknownLayerError
from layers.query import Query, TimeInterval
from layers.store import Store, WriteCount, open_store
from tests.layers.conftest import DAY, MONDAY, make_rows, make_spec, put

MARK = make_spec()
FULL = make_rows(
    ["a", "b"],
    name=["航标 一号", None],
    lamps=[3, None],
    height_m=[12.5, np.nan],
    lit=[True, None],
    built=[date(1999, 12, 31), None],
    seen_at=[datetime(2020, 6, 30, 19, 42, 20, 123000, tzinfo=UTC), None],
    notes=[{"b": [1, 2.5, None], "a": "ü"}, None],
)


class TestCreate:
    def test_making_a_layer_twice_is_harmless(self, store: Store) -> None:
        store.create(MARK)
        put(store, MARK, FULL)
        store.create(MARK)
        assert store.layers() == ["mark"]
        assert store.count(Query("mark")) == 2

    def test_a_table_with_other_columns_is_refused(self, store: Store) -> None:
        store.create(MARK)
        with pytest.raises(StoreError, match=r"not declared.*lamps"):
            store.create(make_spec(properties={"code": "string", "seen_at": "datetime"}))

    def test_an_undeclared_layer_is_unknown(self, store: Store) -> None:
        with pytest.raises(UnknownLayerError):
            store.count(Query("nowhere"))

    def test_a_declared_layer_without_table_says_so(self, store: Store) -> None:
        with pytest.raises(StoreError, match="no table"):
            store.count(Query("camera"))

    @pytest.mark.parametrize("name", ["onemap_x", "gpkg_x", "mark_history", "cell_cover", "x" * 50])
    def test_names_of_the_store_itself_are_refused(self, store: Store, name: str) -> None:
        with pytest.raises((StoreError, ValueError)):
            store.create(make_spec(name))

    def test_reopening_finds_everything(
        self, store: Store, store_url: str, tiny_city: City
    ) -> None:
        store.create(MARK)
        put(store, MARK, FULL)
        again = open_store(store_url, tiny_city)
        again.create(MARK)
        assert again.page(Query("mark")) == store.page(Query("mark"))
        again.close()


class TestValues:
    def test_every_type_comes_back_as_it_went(self, store: Store) -> None:
        store.create(MARK)
        put(store, MARK, FULL)
        page = store.page(Query("mark"))
        assert page.fids == ["a", "b"]
        assert page.names == tuple(p.name for p in MARK.properties)
        moment = datetime(2020, 6, 30, 19, 42, 20, 123000, tzinfo=UTC)
        notes = {"b": [1, 2.5, None], "a": "ü"}
        first = ("a", "航标 一号", 3, 12.5, True, date(1999, 12, 31), moment, notes)
        assert page.rows == [first, ("b", None, None, None, None, None, None, None)]
        assert page.geometries[0] == '{"type":"Point","coordinates":[121.5,31.2]}'

    def test_frames_have_one_type_a_column(self, store: Store) -> None:
        store.create(MARK)
        put(store, MARK, FULL)
        frame = store.frame(Query("mark"))
        assert frame.crs == "EPSG:4326"
        assert str(frame["lamps"].dtype) == "Int64"
        assert str(frame["height_m"].dtype) == "float64"
        assert str(frame["seen_at"].dtype) == "datetime64[ms, UTC]"
        assert frame["name"].tolist() == ["航标 一号", None]
        assert list(frame.columns[-6:]) == [
            "fid", "h3", "jurisdiction", "valid_from", "source", "geometry",
        ]  # fmt: skip
        empty = store.frame(Query("mark", fids=()))
        assert len(empty) == 0
        assert empty.dtypes.to_dict() == frame.dtypes.to_dict()

    def test_a_frame_can_be_written_back(self, store: Store) -> None:
        store.create(MARK)
        put(store, MARK, FULL)
        assert put(store, MARK, store.frame(Query("mark"))) == WriteCount(unchanged=2)

    def test_missing_columns_are_null(self, store: Store) -> None:
        store.create(MARK)
        put(store, MARK, make_rows(["a"]))
        assert store.page(Query("mark")).rows[0][1:] == (None,) * 7

    def test_a_place_may_be_missing(self, store: Store) -> None:
        store.create(MARK)
        put(store, MARK, make_rows(["a", "b"], [None, shapely.Point()]))
        assert store.page(Query("mark")).geometries == [None, None]
        assert store.extent(Query("mark")) is None
        assert store.count(Query("mark", bbox=(-180, -90, 180, 90))) == 0

    def test_a_register_has_no_places(self, store: Store) -> None:
        book = make_spec("book", "None")
        store.create(book)
        put(store, book, pd.DataFrame({"code": ["x"], "lamps": [1]}))
        page = store.page(Query("book"))
        assert (page.fids, page.geometries) == (["x"], [None])
        assert store.frame(Query("book")).geometry.isna().all()
        with pytest.raises(QueryError, match="register"):
            store.count(Query("book", bbox=(0, 0, 1, 1)))

    def test_single_parts_become_multiple_where_declared(self, store: Store) -> None:
        zone = make_spec("zone", "MultiPolygon")
        store.create(zone)
        put(store, zone, make_rows(["z"], [shapely.box(121, 31, 121.01, 31.01)]))
        assert (store.page(Query("zone")).geometries[0] or "").startswith('{"type":"MultiPolygon"')

    def test_texts_have_seven_decimals(self, store: Store) -> None:
        way = make_spec("way", "LineString")
        store.create(way)
        line = shapely.LineString([(121.123456789, 31.1), (121.2, 31.987654321)])
        put(store, way, make_rows(["w"], [line]))
        text = store.page(Query("way")).geometries[0]
        expected = '{"type":"LineString","coordinates":[[121.1234568,31.1],[121.2,31.9876543]]}'
        assert text == expected


class TestRefusals:
    @pytest.mark.parametrize(
        ("rows", "reason"),
        [
            (make_rows(["a", "a"]), "comes twice"),
            (make_rows([None]), "no 'code'"),
            (make_rows([""]), "empty"),
            (make_rows(["a"], colour=["red"]), "declares no colour"),
            (make_rows(["a"], lamps=["three"]), "'a', 'lamps': expected integer, found 'three'"),
            (make_rows(["a"], lamps=[1.5]), "expected integer"),
            (make_rows(["a"], lamps=[2**63]), "expected integer"),
            (make_rows(["a"], height_m=[float("inf")]), "expected number"),
            (make_rows(["a"], lit=["yes"]), "expected boolean"),
            (make_rows(["a"], seen_at=[datetime(2020, 1, 1)]), "expected datetime"),
            (make_rows(["a"], built=["1.1.2020"]), "expected date"),
            (make_rows(["a"], name=["nul\x00"]), "expected string"),
            (make_rows(["a"], name=pd.Series(["\ud800"], dtype=object)), "expected string"),
            (make_rows(["a"], notes=["{"]), "expected json"),
            (make_rows(["a"], [shapely.Point(np.inf, 1)]), "not finite"),
            (make_rows(["a"], [shapely.box(0, 0, 1, 1)]), "expected Point, found Polygon"),
            (make_rows(["a"]).set_crs("EPSG:32651", allow_override=True), "expected EPSG:4326"),
        ],
    )
    def test_a_wrong_row_refuses_the_batch_with_its_place(
        self, store: Store, rows: gpd.GeoDataFrame, reason: str
    ) -> None:
        store.create(MARK)
        with pytest.raises(StoreError, match=reason):
            put(store, MARK, rows)
        assert store.count(Query("mark")) == 0

    def test_a_time_without_zone_is_refused(self, store: Store) -> None:
        store.create(MARK)
        with pytest.raises(StoreError, match="zone"):
            put(store, MARK, FULL, at=datetime(2020, 1, 1))

    def test_a_second_transaction_in_the_same_thread_is_refused(self, store: Store) -> None:
        with (
            store.transaction(),
            pytest.raises(StoreError, match="already open"),
            store.transaction(),
        ):
            pass


class TestHistory:
    def test_upsert_counts_new_changed_and_equal(self, store: Store) -> None:
        store.create(MARK)
        assert put(store, MARK, FULL) == WriteCount(inserted=2)
        assert put(store, MARK, FULL, MONDAY + DAY) == WriteCount(unchanged=2)
        changed = FULL.assign(height_m=[13.0, np.nan])
        assert put(store, MARK, changed, MONDAY + DAY) == WriteCount(updated=1, unchanged=1)

    def test_the_past_can_be_asked_for(self, store: Store) -> None:
        store.create(MARK)
        put(store, MARK, make_rows(["a", "b"], lamps=[1, 1]), MONDAY)
        put(store, MARK, make_rows(["a"], lamps=[2]), MONDAY + DAY)
        with store.transaction() as tx:
            assert tx.delete(MARK, ["b", "never"], at=MONDAY + 2 * DAY) == 1
        lamps = [
            dict(zip(page.fids, [row[2] for row in page.rows], strict=True))
            for page in (
                store.page(Query("mark", as_of=MONDAY + days * DAY)) for days in (-1, 0, 1, 2)
            )
        ]
        assert lamps == [{}, {"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 2}]
        assert store.count(Query("mark")) == 1

    def test_a_deleted_row_can_come_back(self, store: Store) -> None:
        store.create(MARK)
        put(store, MARK, make_rows(["a"], lamps=[1]), MONDAY)
        with store.transaction() as tx:
            tx.delete(MARK, ["a"], at=MONDAY + DAY)
        put(store, MARK, make_rows(["a"], lamps=[2]), MONDAY)
        counts = [store.count(Query("mark", as_of=MONDAY + d * DAY)) for d in (0, 1, 2)]
        assert counts == [1, 1, 1]
        assert store.page(Query("mark", as_of=MONDAY)).rows[0][2] == 1

    def test_a_late_change_counts_from_where_the_row_stands(self, store: Store) -> None:
        store.create(MARK)
        put(store, MARK, make_rows(["a"], lamps=[1]), MONDAY)
        put(store, MARK, make_rows(["a"], lamps=[2]), MONDAY - DAY)
        assert store.count(Query("mark", as_of=MONDAY - DAY)) == 0
        assert store.page(Query("mark", as_of=MONDAY)).rows[0][2] == 2

    def test_as_of_replays_every_past_state(self, store: Store) -> None:
        store.create(MARK)
        random = np.random.default_rng(5)
        stood: dict[str, int] = {}
        states = []
        for step in range(25):
            at = MONDAY + timedelta(hours=step)
            codes = sorted({str(c) for c in random.integers(0, 12, 5)})
            gone = [c for c in codes[:2] if random.random() < 0.5]
            kept = [c for c in codes if c not in gone]
            lamps = [int(v) for v in random.integers(0, 3, len(kept))]
            with store.transaction() as tx:
                tx.upsert(MARK, make_rows(kept, lamps=lamps), at=at, source="test")
                tx.delete(MARK, gone, at=at)
            stood = {c: n for c, n in stood.items() if c not in gone}
            stood |= dict(zip(kept, lamps, strict=True))
            states.append((at, dict(stood)))
        for at, expected in states:
            for moment in (at, at + timedelta(minutes=59)):
                page = store.page(Query("mark", as_of=moment))
                found = dict(zip(page.fids, [row[2] for row in page.rows], strict=True))
                assert found == expected

    def test_cells_of_the_past_are_kept_for_areas(self, store: Store) -> None:
        zone = make_spec("zone", "Polygon")
        store.create(zone)
        here, there = shapely.box(121.5, 31.2, 121.51, 31.21), shapely.box(100, 10, 100.1, 10.1)
        put(store, zone, make_rows(["z"], [here]), MONDAY)
        cell = int(store.frame(Query("zone"))["h3"][0])
        put(store, zone, make_rows(["z"], [there]), MONDAY + DAY)
        assert store.count(Query("zone", cells=(cell,))) == 0
        assert store.count(Query("zone", cells=(cell,), as_of=MONDAY)) == 1
        box = (121.5, 31.2, 121.6, 31.3)
        assert store.count(Query("zone", bbox=box)) == 0
        assert store.count(Query("zone", bbox=box, as_of=MONDAY)) == 1


class TestTransaction:
    def test_an_error_undoes_rows_and_state(self, store: Store) -> None:
        store.create(MARK)
        put(store, MARK, FULL)
        before = store.page(Query("mark")), store.revision("mark")
        with pytest.raises(RuntimeError), store.transaction() as tx:
            tx.put_state("feed", b"1")
            tx.upsert(MARK, make_rows([f"n{i}" for i in range(900)]), at=MONDAY, source="x")
            tx.delete(MARK, ["a"], at=MONDAY)
            raise RuntimeError
        assert (store.page(Query("mark")), store.revision("mark")) == before
        assert store.state("feed") is None

    def test_state_is_kept_with_the_rows(self, store: Store) -> None:
        store.create(MARK)
        with store.transaction() as tx:
            tx.upsert(MARK, FULL, at=MONDAY, source="x")
            tx.put_state("feed", b"\x00\xff")
            tx.put_state("feed", b"\x01\x00")
        assert store.state("feed") == b"\x01\x00"

    def test_a_large_state_is_kept_in_parts(self, store: Store) -> None:
        with store.transaction() as tx:
            tx.put_parts("feed", {"b/2": b"\x00", "a": b"one", "c": b"%s"}, ())
            tx.put_parts("other", {"a": b"else"}, ())
        with store.transaction() as tx:
            tx.put_parts("feed", {"a": b"two"}, ["c", "never"])
            tx.put_parts("feed", {}, ())
        with pytest.raises(RuntimeError), store.transaction() as tx:
            tx.put_parts("feed", {"a": b"three"}, ["b/2"])
            raise RuntimeError
        assert list(store.parts("feed").items()) == [("a", b"two"), ("b/2", b"\x00")]
        assert store.parts("other") == {"a": b"else"}
        assert store.parts("none") == {}

    def test_the_revision_grows_with_each_change_only(self, store: Store) -> None:
        assert store.revision("mark") == 0
        store.create(MARK)
        put(store, MARK, FULL)
        first = store.revision("mark")
        put(store, MARK, FULL)
        assert store.revision("mark") == first
        with store.transaction() as tx:
            tx.delete(MARK, ["a"], at=MONDAY)
        assert store.revision("mark") > first


class TestSummaries:
    def test_extent_and_times_follow_the_rows(self, store: Store) -> None:
        store.create(MARK)
        shapes = [shapely.Point(121, 31), shapely.Point(122, 30), shapely.Point(121.5, 32)]
        times = [MONDAY, MONDAY + DAY, MONDAY + 2 * DAY]
        put(store, MARK, make_rows(["a", "b", "c"], shapes, seen_at=times))
        assert store.extent(Query("mark")) == (121, 30, 122, 32)
        assert store.extent(Query("mark", fids=("a", "c"))) == (121, 31, 121.5, 32)
        assert store.time_extent(Query("mark")) == TimeInterval(times[0], times[2])
        with store.transaction() as tx:
            tx.delete(MARK, ["b"], at=MONDAY)
        assert store.extent(Query("mark")) == (121, 31, 121.5, 32)
        put(store, MARK, make_rows(["c"], [shapely.Point(121.1, 31.1)]), MONDAY + DAY)
        assert store.extent(Query("mark")) == (121, 31, 121.1, 31.1)

    def test_distinct_values_are_sorted_without_null(self, store: Store) -> None:
        store.create(MARK)
        put(store, MARK, make_rows(list("abcd"), name=["é", "z", None, "z"]))
        assert store.distinct(Query("mark"), "name") == ["z", "é"]
        assert store.distinct(Query("mark"), "name", limit=1) == ["z"]
        with pytest.raises(QueryError, match="nested"):
            store.distinct(Query("mark"), "notes")
        with pytest.raises(QueryError, match="no property 'nmae'"):
            store.distinct(Query("mark"), "nmae")
