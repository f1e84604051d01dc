"""The file is a GeoPackage that other programs open, search and edit."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.city import City
from layers.errors import StoreError
from layers.query import Query
from layers.store import Store, functions, gpb, gpkg_rtree, open_store
from tests.absent import absent
from tests.layers.conftest import DAY, MONDAY, make_rows, make_spec, put

MARK, ZONE, BOOK = make_spec(), make_spec("zone", "Polygon"), make_spec("book", "None")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "city.gpkg"


@pytest.fixture
def gpkg(file: Path, tiny_city: City) -> Iterator[Store]:
    store = open_store(f"gpkg:{file}", tiny_city)
    for spec in (MARK, ZONE, BOOK):
        store.create(spec)
    yield store
    store.close()


def points(n: int, seed: int = 1) -> gpd.GeoDataFrame:
    random = np.random.default_rng(seed)
    places = shapely.points(121 + random.random(n), 31 + random.random(n))
    return make_rows([f"n{i:06}" for i in range(n)], places)


def check_tree(file: Path, layer: str) -> int:
    """Number of rows in a tree that SQLite finds sound, as many as the table has."""
    with sqlite3.connect(file) as connection:
        functions.register(connection)
        tree = f"rtree_{layer}_geometry"
        assert connection.execute("SELECT rtreecheck(?)", (tree,)).fetchone() == ("ok",)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        wrong = connection.execute(
            f'SELECT count(*) FROM "{layer}" l LEFT JOIN "{tree}" r ON r.id = l.gid WHERE'
            " (l.geometry IS NULL) <> (r.id IS NULL) OR r.minx > ST_MinX(l.geometry)"
            " OR r.maxx < ST_MaxX(l.geometry) OR r.miny > ST_MinY(l.geometry)"
            " OR r.maxy < ST_MaxY(l.geometry)"
        ).fetchone()
        assert wrong == (0,)
        number = connection.execute(f'SELECT count(*) FROM "{tree}"').fetchone()[0]
    return int(number)


class TestFile:
    def test_it_says_what_it_is(self, gpkg: Store, file: Path) -> None:
        with sqlite3.connect(file) as connection:
            assert connection.execute("PRAGMA application_id").fetchone() == (0x47504B47,)
            assert connection.execute("PRAGMA user_version").fetchone() == (10300,)
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            kinds = dict(connection.execute("SELECT table_name, data_type FROM gpkg_contents"))
        assert (kinds["mark"], kinds["book"]) == ("features", "attributes")

    def test_gdal_lists_layers_with_count_and_extent(self, gpkg: Store, file: Path) -> None:
        rows = points(2_000)
        put(gpkg, MARK, rows)
        names = {name for name, _ in pyogrio.list_layers(file)}
        assert names == {"mark", "zone", "book", "onemap_revision"}
        information = pyogrio.read_info(file, layer="mark", force_total_bounds=True)
        assert information["features"] == 2_000
        assert tuple(information["total_bounds"]) == gpkg.extent(Query("mark"))
        assert gpkg.extent(Query("mark")) == tuple(rows.total_bounds)
        inside = gpd.read_file(file, layer="mark", bbox=(121.2, 31.2, 121.4, 31.4))
        assert len(inside) == gpkg.count(Query("mark", bbox=(121.2, 31.2, 121.4, 31.4)))

    @pytest.mark.client
    def test_ogrinfo_shows_no_broken_layer(self, gpkg: Store, file: Path) -> None:
        program = shutil.which("ogrinfo")
        if program is None:
            absent("GDAL's ogrinfo is not installed")
        put(gpkg, MARK, points(10))
        put(gpkg, ZONE, make_rows(["z"], [shapely.box(0, 0, 1, 1)]))
        done = subprocess.run(
            [program, "-al", "-so", "-ro", str(file)], capture_output=True, text=True, check=True
        )
        assert "ERROR" not in done.stderr + done.stdout
        assert "Warning" not in done.stderr
        assert "_history" not in done.stdout
        assert "Feature Count: 10" in done.stdout

    def test_an_edit_by_gdal_is_found(self, gpkg: Store, file: Path) -> None:
        put(gpkg, MARK, points(3))
        gpkg.close()
        written = gpd.GeoDataFrame(
            {"fid": ["new"], "code": ["new"], "valid_from": [MONDAY], "updated_at": [MONDAY]},
            geometry=[shapely.Point(100, 10)],
            crs="EPSG:4326",
        )
        with sqlite3.connect(file) as connection:
            functions.register(connection)
            connection.execute(
                "INSERT INTO mark (fid, code, geometry, valid_from, updated_at)"
                " VALUES ('new', 'new', ?, '2020-06-29T12:00:00.000Z', '2020-06-29T12:00:00.000Z')",
                gpb.encode(written.geometry.to_numpy()),
            )
        assert gpkg.page(Query("mark", bbox=(99, 9, 101, 11))).fids == ["new"]
        assert check_tree(file, "mark") == 4

    def test_a_file_of_something_else_is_refused(self, tmp_path: Path, tiny_city: City) -> None:
        (tmp_path / "a.gpkg").write_bytes(b"no database at all" * 100)
        with sqlite3.connect(tmp_path / "b.gpkg") as connection:
            connection.execute("CREATE TABLE t (x)")
        points(2).to_file(tmp_path / "c.gpkg")
        reasons = {"a": "not a database", "b": "not a GeoPackage", "c": "didn't make"}
        for name, reason in reasons.items():
            with pytest.raises(StoreError, match=reason):
                open_store(str(tmp_path / f"{name}.gpkg"), tiny_city)

    def test_a_newer_store_is_refused(self, gpkg: Store, file: Path, tiny_city: City) -> None:
        with gpkg.transaction() as tx:
            tx.put_state("onemap.store_version", b"99")
        with pytest.raises(StoreError, match="newer version"):
            open_store(str(file), tiny_city)


class TestTree:
    @pytest.mark.parametrize("n", [1, 499, 500, 3_000])
    def test_it_follows_small_and_large_writes(self, gpkg: Store, file: Path, n: int) -> None:
        put(gpkg, MARK, points(n))
        assert check_tree(file, "mark") == n
        put(gpkg, MARK, points(n, seed=2), MONDAY + DAY)
        assert check_tree(file, "mark") == n
        with gpkg.transaction() as tx:
            tx.delete(MARK, [f"n{i:06}" for i in range(0, n, 2)], at=MONDAY)
        assert check_tree(file, "mark") == n // 2

    def test_it_follows_mixed_writes_in_one_transaction(self, gpkg: Store, file: Path) -> None:
        with gpkg.transaction() as tx:
            tx.upsert(MARK, points(2_000), at=MONDAY, source="x")
            tx.upsert(MARK, points(700, seed=3), at=MONDAY, source="x")
            tx.delete(MARK, [f"n{i:06}" for i in range(100)], at=MONDAY)
            tx.upsert(MARK, points(3, seed=4), at=MONDAY, source="x")
        assert check_tree(file, "mark") == 1_903
        rows = gpkg.frame(Query("mark"))
        assert gpkg.extent(Query("mark")) == tuple(rows.total_bounds)
        assert len(rows) == 1_903

    @settings(deadline=None, max_examples=30)
    @given(
        st.lists(st.tuples(*[st.floats(-180, 180)] * 2, *[st.floats(0, 3)] * 2), min_size=1,
                 max_size=400),
    )  # fmt: skip
    def test_a_packed_tree_is_sound_and_complete(
        self, corners: list[tuple[float, float, float, float]]
    ) -> None:
        connection = sqlite3.connect(":memory:")
        connection.execute("CREATE VIRTUAL TABLE t USING rtree(id, minx, maxx, miny, maxy)")
        size = connection.execute("SELECT length(data) FROM t_node").fetchone()[0]
        bounds = np.array([(x, y, x + w, y + h) for x, y, w, h in corners])
        tree = gpkg_rtree.pack(np.arange(1, len(bounds) + 1), bounds, size)
        for table, rows in (("node", tree.nodes), ("rowid", tree.leaves), ("parent", tree.parents)):
            connection.executemany(f"INSERT OR REPLACE INTO t_{table} VALUES (?, ?)", rows)
        assert connection.execute("SELECT rtreecheck('t')").fetchone() == ("ok",)
        kept = connection.execute("SELECT minx, miny, maxx, maxy FROM t ORDER BY id").fetchall()
        tight = np.array(kept)
        assert (tight[:, :2] <= bounds[:, :2]).all()
        assert (tight[:, 2:] >= bounds[:, 2:]).all()
        x, y = bounds[0, :2].tolist()
        hits = connection.execute(
            "SELECT id FROM t WHERE minx <= ? AND maxx >= ? AND miny <= ? AND maxy >= ?",
            (x, x, y, y),
        ).fetchall()
        assert (1,) in hits
        connection.execute("INSERT INTO t VALUES (?, 0, 1, 0, 1)", (len(bounds) + 1,))
        connection.execute("DELETE FROM t WHERE id % 2 = 0")
        assert connection.execute("SELECT rtreecheck('t')").fetchone() == ("ok",)
        connection.close()


class TestBlob:
    SHAPES = np.array(
        [
            shapely.Point(121.912727, 30.858462),
            None,
            shapely.LineString([(0, 0), (1, 2)]),
            shapely.box(-1, -2, 3, 4),
            shapely.MultiPoint([(0, 0), (5, 5)]),
        ],
        object,
    )

    def test_what_is_encoded_is_decoded(self) -> None:
        blobs = gpb.encode(self.SHAPES)
        assert [None if b is None else b[:2] for b in blobs] == [b"GP", None, *[b"GP"] * 3]
        back = gpb.decode(blobs)
        assert [a == b for a, b in zip(back, self.SHAPES, strict=True)] == [True] * 5
        assert gpb.bounds_of(blobs[3] or b"") == (-1, -2, 3, 4)
        assert gpb.bounds_of(blobs[0] or b"") == (121.912727, 30.858462, 121.912727, 30.858462)

    def test_what_other_programs_write_is_read(self) -> None:
        big = b"GP\x00\x00" + (4326).to_bytes(4, "big")
        point = shapely.Point(1.5, 2.5)
        blob = big + shapely.to_wkb(point, byte_order=0)
        assert gpb.bounds_of(blob) == (1.5, 2.5, 1.5, 2.5)
        assert gpb.geojson([blob]) == ['{"type":"Point","coordinates":[1.5,2.5]}']
        deep = b"GP\x00\x01" + (4326).to_bytes(4, "little")
        blob = deep + shapely.to_wkb(shapely.Point(1, 2, 3), output_dimension=3)
        assert gpb.bounds_of(blob) == (1, 2, 1, 2)
        empty = b"GP\x00\x11" + (4326).to_bytes(4, "little") + shapely.to_wkb(shapely.Point())
        assert gpb.bounds_of(empty) is None
