"""Pages of features as text: equal to pages of values, whatever was remembered of them before."""

from __future__ import annotations

import sqlite3
import threading
from datetime import date, timedelta
from typing import Any

import numpy as np
import orjson
import pytest
import shapely

from layers.city import City
from layers.errors import QueryError, TooSlowError
from layers.h3grid import format_cell
from layers.query import Query, Scope, SortKey, TimeInterval
from layers.store import FeaturePage, Store, functions, open_store
from layers.store.feature_memory import FeatureMemory, Order
from layers.store.filter_text import parse_cql2_text
from layers.store.geopackage import GeoPackageStore
from tests.layers.conftest import MONDAY, make_rows, make_spec, put

MARK = make_spec()
WANTED = (*(p.name for p in MARK.properties), "h3", "jurisdiction")
EVERY = Query("mark", properties=WANTED, limit=100)


def read(page: FeaturePage) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = orjson.loads(b"[" + page.features + b"]")
    assert len(found) == page.returned
    return found


def expected(store: Store, query: Query) -> list[dict[str, Any]]:
    """The same rows by way of values: JSON of each, its cell as H3 writes it."""
    page = store.page(query)
    made = []
    for fid, shape, row in zip(page.fids, page.geometries, page.rows, strict=True):
        values = dict(zip(page.names, row, strict=True))
        if values.get("h3") is not None:
            values["h3"] = format_cell(values["h3"])
        place = None if shape is None else orjson.loads(shape)
        feature = {"type": "Feature", "id": fid, "geometry": place, "properties": values}
        made.append(orjson.loads(orjson.dumps(feature, option=orjson.OPT_UTC_Z)))
    return made


def pages(store: Store, query: Query) -> list[FeaturePage]:
    found = [store.features(query)]
    while found[-1].next is not None:
        found.append(store.features(query.but(after=found[-1].next, offset=0)))
    return found


def rows_of_every_kind(n: int = 60) -> Any:
    random = np.random.default_rng(5)
    places = shapely.points(121 + random.random(n), 31 + random.random(n))
    shapes = [None if i % 9 == 8 else place for i, place in enumerate(places)]
    moments = [MONDAY + timedelta(milliseconds=int(i) * 250) for i in range(n)]
    return make_rows(
        [f"k{int(i):03}" for i in random.permutation(n)],
        shapes,
        name=[None if i % 7 == 0 else f'静 "{i}" \\ \n&<' for i in range(n)],
        lamps=[None if i % 5 == 0 else i - 3 for i in range(n)],
        height_m=[None if i % 4 == 0 else i / 3 for i in range(n)],
        lit=[None if i % 3 == 0 else i % 2 == 0 for i in range(n)],
        built=[None if i % 6 == 0 else date(1999, 1, 1 + i % 28) for i in range(n)],
        seen_at=[None if i % 8 == 0 else moment for i, moment in enumerate(moments)],
        notes=['{"a": [1, 2.5, null], "f": "},{\\"type\\":\\"Feature\\"", "静": true}'] * n,
    )


@pytest.fixture
def marks(store: Store) -> Store:
    store.create(MARK)
    put(store, MARK, rows_of_every_kind())
    return store


QUESTIONS = {
    "all": EVERY,
    "by number": EVERY.but(limit=7, offset=13),
    "behind a row": EVERY.but(limit=7, after=("k020",)),
    "behind a row that is not there": EVERY.but(limit=7, after=("k020x",)),
    "behind a row, by number": EVERY.but(limit=7, after=("k020",), offset=4),
    "box": EVERY.but(bbox=(121.2, 31.1, 121.7, 31.8)),
    "page of a box": EVERY.but(bbox=(121.2, 31.1, 121.9, 31.8), limit=5, offset=3),
    "behind a row of a box": EVERY.but(bbox=(121.2, 31.1, 121.9, 31.8), limit=5, after=("k020",)),
    "box, and rows without a place": EVERY.but(bbox=(121.2, 31.1, 121.7, 31.8), unknown_meets=True),
    "box across the antimeridian": EVERY.but(bbox=(121.5, 31, 121.2, 32)),
    "empty box": EVERY.but(bbox=(1, 1, 2, 2)),
    "past the end": EVERY.but(offset=1000),
    "no geometry": EVERY.but(skip_geometry=True),
    "few properties": EVERY.but(properties=("lit", "valid_from")),
    "no properties": EVERY.but(properties=()),
    "time": EVERY.but(
        time=TimeInterval(MONDAY + timedelta(seconds=3), MONDAY + timedelta(seconds=9))
    ),
    "filter by time": EVERY.but(where=parse_cql2_text("built > DATE('1999-01-09')")),
    "filter": EVERY.but(where=parse_cql2_text("lamps > 20 AND lit = TRUE")),
    "order": EVERY.but(sort=(SortKey("lit"), SortKey("seen_at", True)), limit=9),
    "past": EVERY.but(as_of=MONDAY + timedelta(hours=1)),
    "scope": EVERY.but(scope=Scope(jurisdictions=("310115",))),
    "no scope at all": EVERY.but(scope=Scope(jurisdictions=())),
    "without limit": EVERY.but(limit=None),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_features_are_the_rows_of_the_page_with_the_same_key(marks: Store, name: str) -> None:
    query = QUESTIONS[name]
    for _ in range(3):
        page = marks.features(query)
        assert read(page) == expected(marks, query)
        assert page.next == marks.page(query).next
        assert page.matched in (None, marks.count(query.but(after=None, offset=0)))


def test_features_follow_every_change(marks: Store, store_url: str, tiny_city: City) -> None:
    """Also those that another process makes; nothing remembered outlives what it was made of."""
    other = open_store(store_url, tiny_city)
    other.create(MARK)
    box = EVERY.but(bbox=(121.2, 31.1, 121.9, 31.8))
    for step in range(4):
        for query in (EVERY, box, EVERY.but(limit=3, offset=2)):
            assert read(marks.features(query)) == expected(marks, query)
        at = MONDAY + timedelta(hours=step + 1)
        writer = other if step % 2 else marks
        put(writer, MARK, make_rows([f"k00{step}", f"new{step}"], lamps=[step, 900 + step]), at)
        with writer.transaction() as tx:
            tx.delete(MARK, [f"k05{step}"], at=at)
    found = {
        feature["id"]: feature["properties"]["lamps"] for feature in read(marks.features(EVERY))
    }
    assert found["new3"] == 903 and found["k003"] == 3 and "k053" not in found
    other.close()


def test_what_another_program_writes_is_seen(tmp_path: Any, tiny_city: City) -> None:
    """A GIS that edits the file raises no revision of ours."""
    store = open_store(str(tmp_path / "city.gpkg"), tiny_city)
    store.create(MARK)
    put(store, MARK, make_rows(["a", "b"], lamps=[1, 2]))
    assert [f["properties"]["lamps"] for f in read(store.features(EVERY))] == [1, 2]
    with sqlite3.connect(tmp_path / "city.gpkg") as foreign:
        functions.register(foreign)
        foreign.execute("UPDATE mark SET lamps = 7 WHERE fid = 'b'")
    foreign.close()
    assert [f["properties"]["lamps"] for f in read(store.features(EVERY))] == [1, 7]
    store.close()


def test_texts_of_one_scope_are_no_way_around_another(marks: Store, tiny_city: City) -> None:
    everything, nothing = EVERY, EVERY.but(scope=Scope(jurisdictions=("9",)))
    inside = EVERY.but(scope=Scope(jurisdictions=("310115104",)))
    put(marks, MARK, make_rows(["mine"], jurisdiction=["310115104001"]), MONDAY + timedelta(days=1))
    for _ in range(3):
        assert len(read(marks.features(everything))) == 61
        assert read(marks.features(nothing)) == []
        assert [feature["id"] for feature in read(marks.features(inside))] == ["mine"]
        boxed = marks.features(inside.but(bbox=(100.0, 0.0, 140.0, 60.0)))
        assert [f["id"] for f in read(boxed)] == ["mine"] and boxed.matched in (None, 1)
        assert read(marks.features(nothing.but(after=("k001",)))) == []
        assert read(marks.features(nothing.but(bbox=(100.0, 0.0, 140.0, 60.0)))) == []


@pytest.mark.parametrize("kind", ["LineString", "Polygon", "MultiPolygon", "Geometry", "None"])
def test_every_kind_of_geometry_and_the_border_of_a_box(store: Store, kind: Any) -> None:
    spec = make_spec("shape", kind)
    store.create(spec)
    points = shapely.points(121 + np.arange(20) / 20, np.full(20, 31.2))
    circles = shapely.buffer(points, 0.03)
    shapes: dict[str, list[Any]] = {
        "LineString": [shapely.LineString([(p.x, 31), (p.x + 0.02, 31.4)]) for p in points],
        "Polygon": list(circles),
        "MultiPolygon": [shapely.MultiPolygon([circle]) for circle in circles],
        "Geometry": [
            p if i % 2 else c for i, (p, c) in enumerate(zip(points, circles, strict=True))
        ],
        "None": [None] * 20,
    }
    put(store, spec, make_rows([f"s{i:02}" for i in range(20)], shapes[kind]))
    names = tuple(p.name for p in spec.properties)
    every = Query("shape", properties=names, limit=8)
    boxes = [
        (121.1, 31.19, 121.52, 31.21),
        (121.11, 31.21, 121.13, 31.35),
        (121.0, 31.2, 121.0, 31.2),
    ]
    for box in boxes if kind != "None" else [None]:
        query = every.but(bbox=box)
        for _ in range(2):
            assert [f for p in pages(store, query) for f in read(p)] == expected(
                store, query.but(limit=None)
            )
            matched = store.features(query).matched
            assert matched in (None, store.count(query))


def test_any_box_finds_what_the_predicate_finds(store: Store) -> None:
    """Hooks, rings and scattered points reach around boxes without meeting them."""
    spec, random = make_spec("shape", "Geometry"), np.random.default_rng(11)
    hook = shapely.LineString([(0, 0), (1, 0), (1, 1), (0, 1)])
    ring = shapely.Point(0.5, 0.5).buffer(0.5).exterior
    dots = shapely.MultiPoint([(0, 0), (1, 1), (0, 1)])
    makers = (hook, ring, dots, hook.buffer(0.05), ring.buffer(0.02))
    shapes = [
        shapely.transform(makers[i % 5], lambda xy: xy * size + place)  # noqa: B023
        for i in range(150)
        for size, place in [(random.uniform(0.01, 0.5), np.array([121, 31]) + random.random(2))]
    ]
    store.create(spec)
    put(store, spec, make_rows([f"s{i:03}" for i in range(150)], shapes))
    every = Query("shape", properties=(), limit=200)
    some = 0
    for width in (0.0, 0.003, 0.05, 0.4):
        for x, y in (np.array([121, 31]) + random.random((12, 2))).tolist():
            query = every.but(bbox=(x, y, x + width, y + width))
            found = store.features(query)
            assert [f["id"] for f in read(found)] == store.page(query).fids
            assert found.matched in (None, found.returned)
            some += found.returned
    assert some > 500


def test_points_on_the_very_border_are_inside(store: Store) -> None:
    """Tree and index keep 32-bit boxes; what they say of the border is looked at again."""
    store.create(MARK)
    x, y, step = 121.123456789, 31.987654321, 1e-9
    places = [shapely.Point(x + i * step, y) for i in (-2, -1, 0, 1, 2)]
    put(store, MARK, make_rows(list("abcde"), places))
    for box, inside in (
        ((x, y, x + 1, y + 1), "cde"),
        ((x - 1, y - 1, x, y), "abc"),
        ((x, y, x, y), "c"),
        ((x + step / 2, y, x + 1, y + 1), "de"),
    ):
        query = EVERY.but(bbox=box)
        assert "".join(f["id"] for f in read(store.features(query))) == inside
        assert store.page(query).fids == list(inside) and store.count(query) == len(inside)


@pytest.mark.parametrize("box", [None, (120.0, 30.0, 123.0, 33.0)])
def test_paging_beside_a_writer_gives_every_standing_row_once(store: Store, box: Any) -> None:
    """Rows come, change, move and go between any two pages; the steady ones come exactly once."""
    store.create(MARK)
    steady = [f"s{i:03}" for i in range(80)]
    put(store, MARK, make_rows(steady))
    query, seen, step = Query("mark", limit=7, bbox=box, properties=("lamps",)), [], 0
    page = store.features(query)
    while True:
        seen += [feature["id"] for feature in read(page)]
        if page.next is None:
            break
        step += 1
        at = MONDAY + timedelta(minutes=step)
        with store.transaction() as tx:
            # Just before and just behind where the reader stands, and the row he stands at.
            here = page.next[0]
            tx.upsert(
                MARK,
                make_rows([f"{here}-", f"r{step:03}", f"s{step:03}"], lamps=[step] * 3),
                at=at,
                source="test",
            )
            tx.delete(MARK, [f"{seen[-1]}" if not seen[-1].startswith("s") else "none"], at=at)
        page = store.features(query.but(after=page.next))
    assert [fid for fid in seen if fid in set(steady)] == steady
    assert len(set(seen)) == len(seen)


def test_a_reader_in_the_midst_of_commits_sees_whole_ones(store: Store) -> None:
    store.create(MARK)
    codes = [f"n{i:03}" for i in range(300)]
    put(store, MARK, make_rows(codes, lamps=[0] * 300))
    done, torn = threading.Event(), []
    query = Query("mark", limit=300, properties=("lamps",))

    def reading() -> None:
        while not done.is_set():
            page = store.features(query)
            if page.returned != 300 or len({f["properties"]["lamps"] for f in read(page)}) != 1:
                torn.append(page)

    readers = [threading.Thread(target=reading) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(1, 9):
        put(store, MARK, make_rows(codes, lamps=[number] * 300), MONDAY + timedelta(hours=number))
        assert {f["properties"]["lamps"] for f in read(store.features(query))} == {number}
    done.set()
    for reader in readers:
        reader.join()
    assert not torn


@pytest.mark.parametrize("after", [(), ("a", "b"), (None,), (7,), (True,), (MONDAY,)])
def test_a_key_of_another_order_is_refused(marks: Store, after: Any) -> None:
    for query in (EVERY, EVERY.but(bbox=(121.0, 31.0, 122.0, 32.0))):
        for _ in range(2):
            with pytest.raises(QueryError):
                marks.features(query.but(after=after))


@pytest.mark.parametrize("box", [(1, 2, 3), (0, 1, 2, 0), (0, 0, float("nan"), 1)])
def test_a_box_that_is_none_is_refused(marks: Store, box: Any) -> None:
    marks.features(EVERY)
    with pytest.raises(QueryError):
        marks.features(EVERY.but(bbox=box))


def test_only_what_is_known_to_be_quick_is_answered_in_a_hurry(marks: Store) -> None:
    boxed = EVERY.but(bbox=(121.2, 31.1, 121.7, 31.8))
    with pytest.raises(TooSlowError):
        marks.features(EVERY.but(where=parse_cql2_text("lamps > 1")), patience_s=1)
    with pytest.raises(TooSlowError):
        marks.features(boxed, patience_s=1)
    marks.features(EVERY)
    if marks.prompt:
        assert marks.features(boxed, patience_s=1) == marks.features(boxed)
    else:
        with pytest.raises(TooSlowError):
            marks.features(boxed, patience_s=1)


def test_a_bounded_reader_is_told_that_his_question_took_too_long(marks: Store) -> None:
    bounded = marks.bounded(0.25)
    endless = " OR ".join(f"CASEI(name) LIKE '%{i}%x%y%z%'" for i in range(300))
    slow = EVERY.but(where=parse_cql2_text(endless))
    put(marks, MARK, make_rows([f"m{i:05}" for i in range(4000)], name=["x" * 400] * 4000))
    for ask in (bounded.page, bounded.features, bounded.count, bounded.frame):
        with pytest.raises(TooSlowError, match=r"stopped after 0\.25 s"):
            ask(slow)
    # The connection is as good as before, and the store itself is not bounded.
    assert read(bounded.features(EVERY)) == expected(marks, EVERY)
    assert marks.count(EVERY.but(where=parse_cql2_text("lamps > 20"))) > 0
    put(bounded, MARK, make_rows(["by the bounded one"]))
    assert marks.count(EVERY.but(fids=("by the bounded one",))) == 1


def test_a_memory_stays_within_its_bytes_and_knows_old_from_new() -> None:
    memory = FeatureMemory(20_000)
    choice = (("a",), True)
    for layer in "abcdefgh":
        known = memory.of(layer, (1, "t", 0))
        memory.texts(known, choice)
        memory.put(known, choice, dict.fromkeys(range(20), b"x" * 100))
        memory.put_order(known, "scope", Order(np.arange(100)))
        assert memory.nbytes <= 20_000
    assert memory.of("h", (1, "t", 0)).orders and not memory.of("a", (1, "t", 0)).orders
    newer = memory.of("h", (2, "t", 0))
    assert not newer.orders and memory.of("h", (2, "t", 0)) is newer
    # Whoever still reads the older state keeps nothing, and takes nothing of the newer one.
    assert memory.of("h", (1, "t", 0)) is not memory.of("h", (1, "t", 0))
    assert memory.of("h", (2, "t", 0)) is newer


@pytest.mark.parametrize("gids", [[5, 2, 9, 1], [5, 2, 1_000_000, 1], []])
def test_an_order_knows_the_places_of_its_rows(gids: list[int]) -> None:
    order = Order(np.array(gids, np.int64))
    asked = np.array([1, 2, 3, 77, 10_000_000, *gids], np.int64)
    known = sorted([gids.index(g) for g in asked.tolist() if g in gids])
    assert order.ranks(asked).tolist() == known


def test_stores_that_are_closed_open_again(tmp_path: Any, tiny_city: City) -> None:
    for _ in range(2):
        store = open_store(str(tmp_path / "city.gpkg"), tiny_city)
        assert isinstance(store, GeoPackageStore)
        store.create(MARK)
        store.features(EVERY)
        store.bounded(1).close()
