"""CQL2 filters: what they mean, and what is refused with which words."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Geod
from shapely.geometry.polygon import orient

from layers.errors import QueryError
from layers.query import Query
from layers.store import Store
from layers.store.filter import parse_cql2_text
from tests.layers.conftest import DAY, MONDAY, make_rows, make_spec, put

MARK = make_spec()
ROWS = make_rows(
    list("abcdef"),
    [shapely.Point(i, i) for i in range(5)] + [None],
    name=["Straße", "été", "50%", "a_b", "ガス", None],
    lamps=[1, 2, 3, 4, 5, None],
    height_m=[0.5, 1.5, -2.0, 7.25, 1e6, np.nan],
    lit=[True, False, True, False, None, None],
    built=[date(2020, 7, d) for d in range(1, 6)] + [None],
    seen_at=[MONDAY + i * DAY for i in range(5)] + [None],
    notes=[{"x": 1}, None, None, None, None, None],
)


@pytest.fixture
def marks(store: Store) -> Store:
    store.create(MARK)
    put(store, MARK, ROWS)
    return store


def ask(store: Store, text: str) -> str:
    return "".join(store.page(Query("mark", where=parse_cql2_text(text))).fids)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lamps = 3", "c"),
        ("NOT lamps = 3", "abde"),
        ("lamps <> 3 OR name IS NULL", "abdef"),
        ("lamps BETWEEN 2 AND 3", "bc"),
        ("lamps NOT IN (1, 2)", "cde"),
        ("lit", "ac"),
        ("NOT lit", "bd"),
        ("lit = false", "bd"),
        ("lamps / 2 = 1.5", "c"),
        ("lamps div 2 = 1", "bc"),
        ("height_m div 1 = -2", "c"),
        ("lamps % 2 = 1", "ace"),
        ("lamps ^ 2 >= 16", "de"),
        ("height_m ^ 0.5 > 0", "abde"),
        ("lamps / (lamps - 3) > 0", "de"),
        ("lamps * 2 > height_m", "abcd"),
        ("name LIKE '50\\%'", "c"),
        ("name LIKE 'a\\_b'", "d"),
        ("name LIKE '%é'", "b"),
        ("CASEI(name) = CASEI('STRASSE')", "a"),
        ("CASEI(name) LIKE CASEI('ÉT_')", "b"),
        ("ACCENTI(name) = ACCENTI('ete')", "b"),
        ("ACCENTI(name) = 'カス'", ""),
        ("built > DATE('2020-07-03')", "de"),
        ("built = '2020-07-03'", "c"),
        ("seen_at <= TIMESTAMP('2020-06-30T12:00:00Z')", "ab"),
        ("seen_at <= TIMESTAMP('2020-06-30T20:00:00+08:00')", "ab"),
        ("seen_at > '2020-06-30T12:00:00Z'", "cde"),
        ("T_INTERSECTS(seen_at, DATE('2020-07-01'))", "c"),
        ("T_DURING(seen_at, INTERVAL('..', '2020-06-30T12:00:00Z'))", "a"),
        ("T_AFTER(built, INTERVAL('2020-07-01', '2020-07-02'))", "cde"),
        ("T_INTERSECTS(built, INTERVAL('2020-07-02T00:00:00Z', '2020-07-03T23:00:00Z'))", "bc"),
        ("T_BEFORE(INTERVAL(seen_at, built), DATE('2020-07-03'))", "ab"),
        ("NOT T_DISJOINT(INTERVAL(built, '..'), DATE('2020-07-02'))", "ab"),
        ("S_INTERSECTS(geometry, BBOX(1, 1, 3, 3))", "bcd"),
        ("NOT S_INTERSECTS(geometry, BBOX(1, 1, 3, 3))", "ae"),
        ("S_WITHIN(geometry, POLYGON((1 1, 3 1, 3 3, 1 3, 1 1)))", "c"),
        ("S_CONTAINS(POLYGON((1 1, 3 1, 3 3, 1 3, 1 1)), geometry)", "c"),
        ("S_DISJOINT(geometry, POINT(1 1)) AND lamps < 4", "ac"),
        ("S_EQUALS(geometry, POINT(2 2))", "c"),
        ("S_INTERSECTS(geometry, BBOX(2, 2, 2, 4))", "c"),
        ("S_INTERSECTS(geometry, BBOX(3, -90, -1, 90))", "de"),
        ("geometry IS NULL", "f"),
        ("notes IS NOT NULL", "a"),
        ("fid > 'd'", "ef"),
        ("valid_from = TIMESTAMP('2020-06-29T12:00:00Z')", "abcdef"),
        ("h3 IS NULL", "f"),
        ("name = 'x'' OR 1=1 --'", ""),
        ("S_EQUALS(geometry, geometry)", "abcde"),
        ("NOT S_TOUCHES(geometry, geometry)", "abcde"),
        ("S_INTERSECTS(POINT(1 1), BBOX(0, 0, 2, 2)) AND lamps = 3", "c"),
        ("S_DISJOINT(POINT(1 1), BBOX(0, 0, 2, 2))", ""),
        ("1 = 1 AND 'a' < 'b' AND 3 > lamps", "ab"),
        ("lower(name) = 'été' OR upper(name) = 'STRASSE'", "ab"),
        ("length(name) = 3", "bcd"),
        ("abs(height_m) = 2", "c"),
        ("floor(height_m) = 7 AND ceil(height_m) = 8", "d"),
        ("round(height_m) IN (1, 2)", "ab"),
        ("round(0 - height_m) = -2", "b"),
        ("area_m2(geometry) = 0 AND length_m(geometry) = 0", "abcde"),
        ("name IN ('" + "','".join(f"n{i}" for i in range(300)) + "', '50%')", "c"),
        ("lamps IN (" + ",".join(map(str, range(4, 400))) + ")", "de"),
    ],
)
def test_filters_mean(marks: Store, text: str, expected: str) -> None:
    assert ask(marks, text) == expected
    then = marks.page(Query("mark", where=parse_cql2_text(text), as_of=MONDAY))
    assert "".join(then.fids) == expected


LISTS = make_spec("listed", properties={"code": "string", "lamps": "integer", "notes": "json"},
                  time_field=None)  # fmt: skip
LISTED: list[Any] = [[1, 2, "x"], ["2020-01-01", True], [], None, {"x": 1}, [[1, 2], {"a": 1.0}]]


@pytest.fixture
def lists(store: Store) -> Store:
    store.create(LISTS)
    put(store, LISTS, make_rows(list("abcdef"), lamps=[1, 2, 3, 4, 5, 6], notes=LISTED))
    return store


@pytest.mark.parametrize(
    ("operator", "other", "expected"),
    [
        ("a_contains", [1.0, 2], "a"),
        ("a_contains", ["1"], ""),
        ("a_contains", [], "abcf"),
        ("a_contains", [True], "b"),
        ("a_contains", [{"property": "lamps"}], "a"),
        ("a_contains", {"date": "2020-01-01"}, "b"),
        ("a_contains", [[1, 2]], "f"),
        ("a_contains", [[2, 1]], ""),
        ("a_containedby", ["x", 2, 1, "y", 1], "ac"),
        ("a_equals", ["x", 2, 1, 1], "a"),
        ("a_equals", [], "c"),
        ("a_overlaps", [2, True], "ab"),
        ("a_overlaps", [{"property": "lamps"}, {"property": "code"}, "x"], "a"),
        ("a_equals", {"property": "notes"}, "abcf"),
    ],
)
def test_lists_are_compared_as_sets(lists: Store, operator: str, other: Any, expected: str) -> None:
    tree = {"op": operator, "args": [{"property": "notes"}, other]}
    assert "".join(lists.page(Query("listed", where=tree)).fids) == expected
    missing = {"op": "not", "args": [tree]}
    rest = "".join(f for f in "abcf" if f not in expected)
    assert "".join(lists.page(Query("listed", where=missing)).fids) == rest


AREA = shapely.Polygon(
    [(121.5, 31.2), (121.6, 31.2), (121.6, 31.3), (121.5, 31.3)],
    [[(121.52, 31.22), (121.52, 31.24), (121.54, 31.24), (121.54, 31.22)]],
)


def test_areas_and_lengths_are_geodesic(store: Store) -> None:
    """Reference: GeographicLib's values for the WGS 84 ellipsoid, through pyproj's ``Geod``."""
    spec = make_spec("place", "Geometry", {"code": "string"}, None)
    shapes = [
        AREA,
        AREA.reverse(),
        shapely.MultiPolygon([AREA]),
        AREA.exterior,
        shapely.Point(1, 1),
    ]
    store.create(spec)
    put(store, spec, make_rows(list("abcde"), shapes))
    ellipsoid = Geod(ellps="WGS84")
    area = abs(ellipsoid.geometry_area_perimeter(orient(AREA))[0])
    around = ellipsoid.geometry_length(AREA.exterior)
    within = ellipsoid.geometry_length(AREA.interiors[0])

    def near(name: str, value: float) -> str:
        text = f"{name}(geometry) BETWEEN {value - 1e-3} AND {value + 1e-3}"
        return "".join(store.page(Query("place", where=parse_cql2_text(text))).fids)

    assert near("area_m2", area) == "abc" and area > 1e8
    assert near("area_m2", 0) == "de"
    assert near("length_m", around + within) == "abc"
    assert near("length_m", around) == "d"
    assert near("length_m", 0) == "e"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("colour = 'red'", "no property 'colour'; it has code, name, lamps"),
        ('"name""; DROP TABLE mark; --" = 1', "no property|can't be read"),
        ("lamps = 'three'", r"can't compare lamps \(number\) with 'three'"),
        ("lamps > built", "can't compare"),
        ("seen_at > DATE('2020-01-01')", "T_INTERSECTS"),
        ("built > 'yesterday'", "expected a date"),
        ("seen_at = TIMESTAMP('2020-13-01T00:00:00Z')", "expected a time"),
        ("name + 1 = 2", r"\+ needs a number"),
        ("lamps LIKE 'x'", "LIKE needs a string"),
        ("name LIKE 'x\\'", "within an escape"),
        ("CASEI(lamps) = 'x'", "casei needs a string"),
        ("name", "needs a boolean"),
        ("notes = 'x'", "can't compare"),
        ("S_INTERSECTS(name, POINT(1 1))", "'name' is no geometry"),
        ("S_INTERSECTS(geometry, 'x')", "needs the property"),
        ("S_INTERSECTS(geometry, POLYGON((0 0, 1 1, 1 0, 0 1, 0 0)))", "Self-intersection"),
        ("S_INTERSECTS(geometry, BBOX(0, 5, 1, 4))", "miny <= maxy"),
        ("T_AFTER(name, DATE('2020-01-01'))", "expected a date or time"),
        ("T_AFTER(built, INTERVAL('2020-02-01','2020-01-01'))", "ends before it starts"),
        ("A_CONTAINS(geometry, ('x'))", "a list can't hold geometry"),
        ("A_CONTAINS(notes, (seen_at))", "a list can't hold seen_at"),
        ("A_CONTAINS(notes, (POINT(1 1)))", "a list can hold"),
        ("abs(name) = 1", "abs needs a number"),
        ("lower(lamps) = '1'", "lower needs a string"),
        ("abs(lamps, 1) = 1", "takes 1 argument"),
        ("area_m2(lamps) = 1", "area_m2 needs a geometry"),
        ("abs(lamps)", "needs a boolean"),
        ("pg_sleep(10) = 1", "no operator 'pg_sleep'"),
        ("lamps = ", "line 1, column 9"),
        ("", "empty"),
        ("(" * 60 + "lamps = 1" + ")" * 60, "nests deeper"),
        ("lamps = 1 AND " * 6000 + "lit", "longer than"),
    ],
)
def test_what_makes_no_sense_is_refused(marks: Store, text: str, reason: str) -> None:
    with pytest.raises(QueryError, match=reason):
        ask(marks, text)


@pytest.mark.parametrize(
    "where",
    [
        {},
        {"op": "and"},
        {"op": "and", "args": []},
        {"op": "=", "args": [1]},
        {"op": "=", "args": [{"property": "lamps"}, None]},
        {"op": "=", "args": [{"property": ["lamps"]}, 1]},
        {"op": ["="], "args": [1, 1]},
        {"op": "in", "args": [{"property": "lamps"}, []]},
        {"op": "in", "args": [{"property": "lamps"}, 3]},
        {"op": "like", "args": [{"property": "name"}, {"property": "name"}]},
        {"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Point"}]},
        {"op": "s_intersects", "args": [{"property": "geometry"}, {"bbox": [1, "x", 2, 3]}]},
        {"op": "t_after", "args": [{"property": "built"}, {"interval": ["2020-01-01"]}]},
        {"op": "=", "args": [{"property": "lamps"}, float("nan")]},
        {"op": "=", "args": [{"property": "name"}, "\x00"]},
        {"property": "gid"},
    ],
)
def test_broken_trees_are_refused(marks: Store, where: dict[str, Any]) -> None:
    with pytest.raises(QueryError):
        marks.count(Query("mark", where=where))


def test_a_tree_without_end_is_refused(marks: Store) -> None:
    deep: dict[str, Any] = {"op": "not", "args": [True]}
    for _ in range(5_000):
        deep = {"op": "not", "args": [deep]}
    with pytest.raises(QueryError, match="nests deeper"):
        marks.count(Query("mark", where=deep))
    wide = {"op": "or", "args": [{"op": "=", "args": [1, 1]}] * 30_000}
    with pytest.raises(QueryError, match="parts"):
        marks.count(Query("mark", where=wide))


def test_a_wide_filter_is_answered(marks: Store) -> None:
    parts = [{"op": "=", "args": [{"property": "lamps"}, n]} for n in range(900)]
    assert marks.count(Query("mark", where={"op": "or", "args": parts})) == 5


ODD = ["and", "or", "not", "=", "<", "like", "in", "between", "isNull", "casei"]
ODD += ["+", "/", "^", "%", "s_within", "t_during", "drop", "a_contains", "a_overlaps", "round"]
ODD += ["upper", "length_m", "floor"]
nodes = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([{"property": p} for p in ("lamps", "name", "lit", "geometry", "nope")])
    | st.sampled_from([{"date": "2020-01-01"}, {"timestamp": "x"}, {"bbox": [0, 0, 1, 1]}]),
    lambda inner: st.fixed_dictionaries(
        {
            "op": st.sampled_from(ODD),
            "args": st.lists(inner, max_size=3),
        }
    ),
    max_leaves=8,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(where=nodes)
def test_any_tree_is_answered_or_refused_as_a_question(marks: Store, where: Any) -> None:
    """No filter, however odd, reaches the database as a broken statement."""
    try:
        number = marks.count(Query("mark", where=where))
    except QueryError:
        return
    assert 0 <= number <= 6
