"""CQL2 through HTTP: the standard's own abstract tests on its own data, and each class claimed."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import orjson
import pytest
import shapely
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from layers.city import City
from layers.spec import LayerSpec
from layers.store import Store, open_store
from layers.store.filter_text import parse_cql2_text
from ogc_server import create_app
from tests.layers.test_filter_cql2 import COMBINED, ERRATA, LAYERS, PLACES, load, ours, read_table
from tests.ogc_server.conftest import BASE
from tests.ogc_server.test_conformance import MARKS, agrees, body, everything, filtered
from tests.postgis import fresh_database

Counts = Callable[[str, str], int]
BASIC = (
    "basic-cql2", "advanced-comparison-operators", "case-insensitive-comparison",
    "accent-insensitive-comparison", "basic-spatial-functions", "basic-spatial-functions-plus",
    "spatial-functions", "temporal-functions", "property-property", "arithmetic",
)  # fmt: skip


def _declare(folder: Path, spec: LayerSpec) -> None:
    declared = spec.model_dump(mode="json", exclude_defaults=True)
    for entry in declared["properties"]:
        entry["required"] = entry["name"] == spec.id_field
    declared |= {"domain": "harbour", "owner": "harbour_master", "sensitivity": "public"}
    path = folder / "layers" / f"{spec.id}.yaml"
    path.write_text(yaml.safe_dump(declared, allow_unicode=True), "utf-8")


@pytest.fixture(scope="module", params=["geopackage", pytest.param("postgis", marks=[
    pytest.mark.postgis])])  # fmt: skip
def world(
    request: pytest.FixtureRequest,
    real_data: Path,
    tiny_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[TestClient]:
    """The standard's data set, served."""
    folder = tmp_path_factory.mktemp("world")
    shutil.copytree(tiny_folder, folder / "city")
    file = real_data / "ogc" / "ne110m4cql2.gpkg"
    for layer in LAYERS:
        _declare(folder / "city", load(None, file, layer))
    city = City(folder / "city")
    if request.param == "postgis":
        with fresh_database(request.getfixturevalue("postgis_server")) as url:
            yield from _served(url, city, file)
    else:
        yield from _served(str(folder / "world.gpkg"), city, file)


def _served(url: str, city: City, file: Path) -> Iterator[TestClient]:
    store: Store = open_store(url, city)
    for layer in LAYERS:
        load(store, file, layer)
    yield TestClient(create_app(city, store), base_url=BASE, raise_server_exceptions=False)
    store.close()


def hits(client: TestClient, layer: str, expression: str, language: str) -> int:
    values = {"filter": expression, "filter-lang": language, "resulttype": "hits"}
    answer = client.get(f"/collections/{layer}/items?{urlencode(values)}")
    assert answer.status_code == 200, (expression, answer.text)
    return int(answer.json()["numberMatched"])


def in_our_names(text: str) -> str:
    """The same text with names as this server writes them; literals are left alone."""
    parts = re.split(r"('(?:[^']|'')*')", text)
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r'"?\bgeom\b"?', "geometry", parts[i])
        parts[i] = re.sub(r"\b(NAME|POP_EST)\b", lambda m: m[0].lower(), parts[i])
    return "".join(parts)


def both(client: TestClient, layer: str, text: str) -> set[int]:
    """Counts by the text and by its JSON."""
    tree = orjson.dumps(ours(parse_cql2_text(text))).decode()
    return {
        hits(client, layer, in_our_names(text), "cql2-text"),
        hits(client, layer, tree, "cql2-json"),
    }


@pytest.mark.real
@pytest.mark.parametrize("name", BASIC)
def test_every_predicate_of_the_standard_gives_its_count(
    world: TestClient, real_data: Path, name: str
) -> None:
    rows = read_table(real_data, "cql2_predicates_expected.csv")
    assert {row["conformance_class"] for row in rows} == set(BASIC) and len(rows) == 144
    wrong = []
    for row in rows:
        if row["conformance_class"] == name:
            expected = ERRATA.get(row["predicate"], int(row["expected_items"]))
            counted = both(world, row["data_source"], row["predicate"])
            if counted != {expected}:
                wrong.append((row["predicate"], expected, counted))
    assert not wrong


@pytest.mark.real
def test_every_combination_of_the_standard_gives_its_count(
    world: TestClient, real_data: Path
) -> None:
    rows = read_table(real_data, "cql2_combinations_expected.csv")
    assert len(rows) == 51
    for row in rows:
        assert both(world, PLACES, COMBINED.format(**row)) == {int(row["expected_items"])}, row


@pytest.mark.real
def test_every_example_of_the_standard_reads_the_same_in_both_encodings(real_data: Path) -> None:
    examples = json.loads((real_data / "ogc" / "cql2_examples.json").read_text("utf-8"))
    assert len(examples) == 93
    for example in examples:
        assert parse_cql2_text(example["text"]) == example["json"], example["name"]


def test_cql2_basic_cql2(client: TestClient) -> None:
    agrees(client, "kind = 'buoy'", lambda p: p["kind"] == "buoy")
    agrees(client, "kind <> 'buoy'", lambda p: p["kind"] != "buoy")
    agrees(client, "height_m > 50", lambda p: (p["height_m"] or 0) > 50)
    agrees(client, "height_m <= 50", lambda p: p["height_m"] is not None and p["height_m"] <= 50)
    agrees(client, "lit = TRUE", lambda p: p["lit"] is True)
    agrees(client, "height_m IS NULL", lambda p: p["height_m"] is None)
    agrees(client, "height_m IS NOT NULL", lambda p: p["height_m"] is not None)
    agrees(
        client,
        "checked_on >= DATE('2020-07-15')",
        lambda p: (p["checked_on"] or "") >= "2020-07-15",
    )
    agrees(
        client,
        "kind <> 'lighthouse' AND NOT (height_m > 70 OR lit = TRUE)",
        lambda p: (
            p["kind"] != "lighthouse"
            and p["height_m"] is not None
            and p["lit"] is not None
            and not (p["height_m"] > 70 or p["lit"])
        ),
    )


def test_cql2_cql2_text(client: TestClient) -> None:
    assert {f["properties"]["kind"] for f in filtered(client, "kind = 'beacon'")} == {"beacon"}
    for wrong in ("kind = ", "kind == 'buoy'", "(", "DROP TABLE navigation_mark"):
        assert client.get(f"{MARKS}?filter={quote(wrong)}").status_code == 400


def test_cql2_cql2_json(client: TestClient) -> None:
    tree = {
        "op": "and",
        "args": [
            {"op": "=", "args": [{"property": "kind"}, "buoy"]},
            {"op": ">", "args": [{"property": "height_m"}, 20]},
        ],
    }
    found = filtered(client, json.dumps(tree), **{"filter-lang": "cql2-json"})
    text = filtered(client, "kind = 'buoy' AND height_m > 20")
    assert found == text and found
    for wrong in ("{", "[]", '"kind"', '{"op":"evil","args":[]}'):
        query = urlencode({"filter": wrong, "filter-lang": "cql2-json"})
        assert client.get(f"{MARKS}?{query}").status_code == 400, wrong


def test_cql2_advanced_comparison_operators(client: TestClient) -> None:
    agrees(client, "kind LIKE 'b%'", lambda p: p["kind"].startswith("b"))
    agrees(client, "kind NOT LIKE 'b%'", lambda p: not p["kind"].startswith("b"))
    agrees(
        client,
        "height_m BETWEEN 20 AND 60",
        lambda p: p["height_m"] is not None and 20 <= p["height_m"] <= 60,
    )
    agrees(client, "kind IN ('buoy','beacon')", lambda p: p["kind"] in ("buoy", "beacon"))


def test_cql2_case_insensitive_comparison(client: TestClient) -> None:
    agrees(client, "CASEI(kind) = CASEI('BUOY')", lambda p: p["kind"] == "buoy")


def test_cql2_basic_spatial_functions(client: TestClient) -> None:
    box = (-75.3, -42.75, -75.0, -42.45)
    inside = {
        f["id"]
        for f in everything(client)
        if shapely.box(*box).intersects(shapely.geometry.shape(f["geometry"]))
    }
    ring = "-75.3 -42.75,-75.0 -42.75,-75.0 -42.45,-75.3 -42.45,-75.3 -42.75"
    by_polygon = filtered(client, f"S_INTERSECTS(geometry,POLYGON(({ring})))")
    by_box = filtered(client, "S_INTERSECTS(geometry,BBOX(-75.3,-42.75,-75.0,-42.45))")
    assert {f["id"] for f in by_polygon} == {f["id"] for f in by_box} == inside != set()
    x, y = everything(client)[0]["geometry"]["coordinates"]
    at = filtered(client, f"S_INTERSECTS(geometry,POINT({x} {y}))")
    assert everything(client)[0]["id"] in {f["id"] for f in at} or at == []


def test_cql2_accent_insensitive_comparison(client: TestClient) -> None:
    agrees(client, "ACCENTI(kind) = ACCENTI('búoy')", lambda p: p["kind"] == "buoy")
    names = _of(client, "vessel_registry", "ACCENTI(name_zh) = 'nandu'")
    assert names and {p["name_zh"] for p in names} == {"ñandú"}


def _of(client: TestClient, layer: str, expression: str) -> list[dict[str, Any]]:
    query = urlencode({"filter": expression, "limit": "1000"})
    found = body(client, f"/collections/{layer}/items?{query}")["features"]
    return [feature["properties"] for feature in found]


def _ids(client: TestClient, layer: str, expression: str) -> set[str]:
    query = urlencode({"filter": expression, "limit": "1000"})
    return {f["id"] for f in body(client, f"/collections/{layer}/items?{query}")["features"]}


def _shapes(client: TestClient, layer: str) -> dict[str, Any]:
    found = body(client, f"/collections/{layer}/items?limit=1000")["features"]
    return {f["id"]: shapely.geometry.shape(f["geometry"]) for f in found}


LITERALS = (
    shapely.Point(-75.2, -42.6),
    shapely.LineString([(-75.3, -42.75), (-75.0, -42.45)]),
    shapely.box(-75.3, -42.75, -75.0, -42.45),
    shapely.MultiPoint([(-75.2, -42.6), (-75.1, -42.5)]),
    shapely.MultiLineString([[(-75.3, -42.75), (-75, -42.45)], [(-75.3, -42.4), (-75, -42.5)]]),
    shapely.MultiPolygon([shapely.box(-75.3, -42.75, -75.2, -42.6)]),
    shapely.GeometryCollection([shapely.Point(-75.2, -42.6), shapely.box(-75.3, -42.75, -75, -42)]),
)


def test_cql2_basic_spatial_functions_plus(client: TestClient) -> None:
    """S_INTERSECTS with every kind of geometry, in both encodings."""
    for layer in ("navigation_mark", "ferry", "marine_zone"):
        shapes, some = _shapes(client, layer), 0
        for literal in LITERALS:
            expected = {key for key, shape in shapes.items() if shape.intersects(literal)}
            some += len(expected)
            assert _ids(client, layer, f"S_INTERSECTS(geometry,{literal.wkt})") == expected
            place = orjson.loads(shapely.to_geojson(literal))
            tree = {"op": "s_intersects", "args": [place, {"property": "geometry"}]}
            query = urlencode({"filter": json.dumps(tree), "filter-lang": "cql2-json"})
            found = body(client, f"/collections/{layer}/items?{query}")["features"]
            assert {f["id"] for f in found} == expected
        assert some, f"the literals do not try {layer}"


RELATIONS = (
    "intersects", "disjoint", "equals", "touches", "within", "overlaps", "crosses", "contains",
)  # fmt: skip


def test_cql2_basic_spatial_operators(client: TestClient) -> None:
    """The draft's class is basic-spatial-functions under another name: points and boxes."""
    shapes = _shapes(client, "marine_zone")
    at = next(iter(shapes.values())).representative_point()
    expected = {key for key, shape in shapes.items() if shape.intersects(at)}
    crs = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
    values = {"filter": f"S_INTERSECTS(geometry,{at.wkt})", "filter-lang": "cql2-text",
              "filter-crs": crs, "limit": "1000"}  # fmt: skip
    found = body(client, f"/collections/marine_zone/items?{urlencode(values)}")["features"]
    assert {f["id"] for f in found} == expected != set()
    test_cql2_basic_spatial_functions(client)


def test_cql2_spatial_functions(client: TestClient) -> None:
    """Answers are rounded to 1 cm, so borders that fall together are for the standard's data."""
    tried = set()
    for layer in ("navigation_mark", "ferry", "marine_zone"):
        shapes = _shapes(client, layer)
        inner = next(iter(shapes.values())).representative_point().buffer(1e-4)
        for literal in (*LITERALS, inner):
            for name in RELATIONS:
                expected = {key for key, s in shapes.items() if getattr(s, name)(literal)}
                text = f"S_{name.upper()}(geometry,{literal.wkt})"
                assert _ids(client, layer, text) == expected, (layer, text)
                tried |= {name} if expected else set()
    assert tried >= {"intersects", "disjoint", "within", "contains", "crosses"}


def test_cql2_temporal_functions(client: TestClient) -> None:
    day, span = "DATE('2020-07-15')", "INTERVAL('2020-07-10','2020-07-20')"

    def holds(text: str, keep: Callable[[str], bool]) -> None:
        agrees(client, text, lambda p: p["checked_on"] is not None and keep(p["checked_on"]))

    holds(f"T_AFTER(checked_on,{day})", lambda d: d > "2020-07-15")
    holds(f"T_BEFORE(checked_on,{day})", lambda d: d < "2020-07-15")
    holds(f"T_DISJOINT(checked_on,{span})", lambda d: not "2020-07-10" <= d <= "2020-07-20")
    holds(f"T_INTERSECTS(checked_on,{span})", lambda d: "2020-07-10" <= d <= "2020-07-20")
    holds(f"T_DURING(checked_on,{span})", lambda d: "2020-07-10" < d < "2020-07-20")
    one = next(d for f in everything(client) if (d := f["properties"]["checked_on"]))
    holds(f"T_EQUALS(checked_on,DATE('{one}'))", lambda d: d == one)
    open_ = "INTERVAL('2020-07-15','..')"
    holds(f"T_INTERSECTS(checked_on,{open_})", lambda d: d >= "2020-07-15")
    own = "INTERVAL(checked_on,checked_on)"
    for name in ("CONTAINS", "FINISHEDBY", "FINISHES", "MEETS", "METBY", "OVERLAPPEDBY",
                 "OVERLAPS", "STARTEDBY", "STARTS"):  # fmt: skip
        query = urlencode({"filter": f"T_{name}({own},{span})"})
        assert client.get(f"{MARKS}?{query}").status_code == 200, name


def test_cql2_array_functions(client: TestClient) -> None:
    """The axle masses of a weighing are a list, and published as one."""
    path = "/collections/weighing"
    entry = body(client, f"{path}/queryables")["properties"]["axle_masses_kg"]
    assert entry["type"] == "array" and entry["items"] == {"type": "number"}
    masses = {
        f["id"]: f["properties"]["axle_masses_kg"]
        for f in body(client, f"{path}/items?limit=1000")["features"]
    }
    lists = {key: set(mass) for key, mass in masses.items() if isinstance(mass, list)}
    given = {4000.0, 6000.0}
    listed = "(4000,6000)"
    cases: tuple[tuple[str, Callable[[set[float]], bool]], ...] = (
        ("A_CONTAINS", lambda own: own >= given),
        ("A_CONTAINEDBY", lambda own: own <= given),
        ("A_EQUALS", lambda own: own == given),
        ("A_OVERLAPS", lambda own: bool(own & given)),
    )
    for name, keep in cases:
        expected = {key for key, own in lists.items() if keep(own)}
        assert _ids(client, "weighing", f"{name}(axle_masses_kg,{listed})") == expected
        assert expected and expected != set(lists), f"the rows do not try {name}"
        negated = _ids(client, "weighing", f"NOT {name}(axle_masses_kg,{listed})")
        assert negated == set(lists) - expected
    for name in ("A_CONTAINS", "A_CONTAINEDBY", "A_EQUALS", "A_OVERLAPS"):
        assert (
            _ids(client, "weighing", f'{name}(axle_masses_kg,("foo","bar"))'.replace('"', "'"))
            is not None
        )
    refused = client.get(f"{path}/items?axle_masses_kg=4000")
    assert refused.status_code == 400 and "A_CONTAINS" in refused.text


def test_cql2_property_property(client: TestClient) -> None:
    agrees(client, "mark_id > kind AND height_m = height_m", lambda p: p["height_m"] is not None)
    agrees(client, "50 < height_m", lambda p: p["height_m"] is not None and p["height_m"] > 50)
    agrees(client, "'buoy' = kind AND 1 < 2", lambda p: p["kind"] == "buoy")
    everyone = {f["id"] for f in everything(client)}
    assert _ids(client, "navigation_mark", "S_EQUALS(geometry,geometry)") == everyone
    crossing = "S_CROSSES(LINESTRING(0 0,2 2),LINESTRING(0 2,2 0))"
    assert _ids(client, "navigation_mark", crossing) == everyone
    assert _ids(client, "navigation_mark", "S_WITHIN(POINT(5 5),BBOX(0,0,1,1))") == set()
    during = "T_DURING(INTERVAL('2020-02-01','2020-03-01'),INTERVAL('2020-01-01','2020-04-01'))"
    assert _ids(client, "navigation_mark", during) == everyone


def test_cql2_functions(client: TestClient) -> None:
    """Every function that is listed answers with the types that are listed."""
    listed = body(client, "/functions")["functions"]
    links = {link["rel"]: link["href"] for link in body(client, "/")["links"]}
    assert body(client, links["http://www.opengis.net/def/rel/ogc/1.0/functions"])
    samples = {"string": "kind", "number": "height_m", "geometry": "geometry"}
    tests = {"string": ("= 'x'", "LIKE 'b%'", "IN ('a','b')"), "number": ("> 1", "BETWEEN 0 AND 9")}
    for function in listed:
        (argument,), (gives,) = function["arguments"], function["returns"]
        for test in tests[gives]:
            text = f"{function['name'].upper()}({samples[argument['type'][0]]}) {test}"
            _ids(client, "navigation_mark", text)
    assert {"casei", "lower", "area_m2", "round"} <= {f["name"] for f in listed}
    agrees(client, "UPPER(kind) = 'BUOY'", lambda p: p["kind"] == "buoy")
    agrees(client, "LENGTH(kind) = 4", lambda p: len(p["kind"]) == 4)
    agrees(client, "FLOOR(height_m / 10) = 3", lambda p: p["height_m"] and 30 <= p["height_m"] < 40)
    assert client.get("/functions?f=html").text.count("area_m2") == 1
    assert client.get("/functions?x=1").status_code == 400
    assert "no operator 'buffer'" in client.get(f"{MARKS}?filter=Buffer(geometry,1)=1").text


def test_cql2_arithmetic(client: TestClient) -> None:
    def holds(text: str, keep: Callable[[float], bool]) -> None:
        agrees(client, text, lambda p: p["height_m"] is not None and keep(p["height_m"]))

    holds("height_m + 10 > 60", lambda h: h + 10 > 60)
    holds("height_m * 2 - 5 <= 60", lambda h: h * 2 - 5 <= 60)
    holds("height_m / 2 > 20", lambda h: h / 2 > 20)
    holds("height_m % 10 < 5", lambda h: h % 10 < 5)
    holds("height_m div 10 = 3", lambda h: h // 10 == 3)
    holds("height_m ^ 2 > 900", lambda h: h**2 > 900)


# -- what clients really send, and what nobody should


def test_names_of_one_letter_and_chinese_names_are_read(client: TestClient) -> None:
    for name in ("n", "区", "名称"):
        answer = client.get(f"{MARKS}?{urlencode({'filter': f'{name} = 1'})}")
        assert answer.status_code == 400 and f"'{name}' is not a queryable" in answer.text
    kept = _ids(client, "navigation_mark", "kind = 'buoy' AND NOT (lit = TRUE)")
    assert kept == _ids(client, "navigation_mark", "NOT (lit = TRUE) AND kind = 'buoy'")


def test_open_ends_as_qgis_writes_them(client: TestClient) -> None:
    timed = {f["id"] for f in everything(client) if f["properties"]["checked_on"]}
    for span in ("0000-01-01/9999-12-31", "0000-01-01T00:00:00Z/9999-12-31T23:59:59Z"):
        found = body(client, f"{MARKS}?datetime={span}&limit=1000")["features"]
        assert {f["id"] for f in found} >= timed
    late = body(client, f"{MARKS}?datetime=2020-07-15/9999-12-31&limit=1000")["features"]
    assert late == body(client, f"{MARKS}?datetime=2020-07-15/..&limit=1000")["features"]


def test_a_box_across_the_antimeridian(client: TestClient) -> None:
    everyone = {f["id"] for f in everything(client)}
    around = "S_INTERSECTS(geometry,BBOX(-76,-90,-77,90))"
    assert _ids(client, "navigation_mark", around) == everyone
    assert _ids(client, "navigation_mark", "S_INTERSECTS(geometry,BBOX(170,-90,-170,90))") == set()
    crs = "http://www.opengis.net/def/crs/EPSG/0/4326"
    query = urlencode({"filter": "S_INTERSECTS(geometry,BBOX(-90,-76,90,-77))", "filter-crs": crs})
    found = body(client, f"{MARKS}?{query}&limit=1000")["features"]
    assert {f["id"] for f in found} == everyone


@pytest.mark.parametrize(
    "text",
    [
        "(" * 400 + "lit" + ")" * 400,
        "NOT " * 3000 + "lit",
        "lit AND " * 2000 + "lit",
        "height_m + " * 1500 + "1 > 0",
        "kind IN (" + ",".join(["'x'"] * 4000) + ")",
        "A_CONTAINS(mark_id," + "(" * 300 + "1" + ")" * 300 + ")",
        "S_INTERSECTS(geometry,POLYGON((" + ",".join(["0 0"] * 4000) + ")))",
        "kind LIKE '" + "%_" * 4000 + "'",
        "height_m > 1e400",
        "height_m ^ 999 ^ 999 > 1",
        "floor(height_m * 1e308 * 1e308) > 1",
        "S_INTERSECTS(geometry,POINT(1e400 0))",
        "S_INTERSECTS(geometry,POINT EMPTY)",
        "checked_on > DATE('2020-02-30')",
        "checked_on = TIMESTAMP('9999-12-31T23:59:59-23:00')",
        "lit = '\u0000'",
        "\ud83d\ude00 = 1",
        "'unfinished",
    ],
    ids=range(18),
)
def test_what_is_beyond_all_measure_is_refused_or_answered(client: TestClient, text: str) -> None:
    query = urlencode({"filter": text}, errors="surrogatepass")
    answer = client.get(f"{MARKS}?{query}")
    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 400:
        assert answer.json()["parameter"] == "filter"


WORDS = st.sampled_from(
    ["kind", "height_m", "lit", "checked_on", "geometry", "axle", "'b%'", "1", "-2.5", "true",
     "DATE('2020-07-01')", "TIMESTAMP('2020-07-01T00:00:00Z')", "INTERVAL('..','2020-07-01')",
     "POINT(1 2)", "BBOX(1,2,3,4)", "(", ")", ",", "AND", "OR", "NOT", "=", "<>", "<", "LIKE",
     "IN", "BETWEEN", "IS NULL", "+", "*", "/", "^", "div", "%", "CASEI(", "ACCENTI(", "lower(",
     "area_m2(", "round(", "S_INTERSECTS(", "S_WITHIN(", "T_AFTER(", "T_DURING(", "A_CONTAINS(",
     "A_OVERLAPS(", "名", "\"", "'", ";", "--"]
)  # fmt: skip
SENTENCES = st.lists(WORDS, min_size=1, max_size=9).map(" ".join)
OPERANDS = st.sampled_from(
    ["kind", "height_m", "lit", "checked_on", "geometry", "'b%'", "1", "-2.5", "true",
     "DATE('2020-07-01')", "INTERVAL('..','2020-07-01')", "INTERVAL(checked_on,'..')",
     "POINT(1 2)", "POLYGON((0 0,1 0,1 1,0 0))", "BBOX(3,2,1,4)", "('a',1,true)", "(lit,kind)",
     "CASEI(kind)", "lower(kind)", "area_m2(geometry)", "floor(height_m * 1e300 * 1e300)",
     "height_m / 0", "height_m ^ 0.5", "height_m div 0", "5 % 0"]
)  # fmt: skip
TWO = st.sampled_from(
    ["{} = {}", "{} < {}", "{} LIKE {}", "{} IN ({})", "{} BETWEEN {} AND 5", "{} + {} > 1",
     "S_EQUALS({},{})", "S_TOUCHES({},{})", "T_MEETS({},{})", "T_INTERSECTS({},{})",
     "A_CONTAINS({},{})", "A_EQUALS({},{})", "A_OVERLAPS({},{})", "NOT {} = {}",
     "{} IS NULL OR {} IS NULL", "round({}) = {}", "length({}) = {}", "length_m({}) > {}"]
)  # fmt: skip
PLAUSIBLE = st.builds(str.format, TWO, OPERANDS, OPERANDS)


@settings(max_examples=120)
@given(text=st.one_of(SENTENCES, PLAUSIBLE, st.text(max_size=40)))
def test_no_filter_makes_the_server_fail(client: TestClient, text: str) -> None:
    query = urlencode({"filter": text}, errors="surrogatepass")
    answer = client.get(f"{MARKS}?{query}")
    assert answer.status_code in (200, 400), (text, answer.text)
    if answer.status_code == 200:
        assert answer.json()["numberMatched"] >= 0


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
    | st.sampled_from([{"property": p} for p in ("kind", "height_m", "lit", "geometry", "no")])
    | st.sampled_from([{"date": "2020-01-01"}, {"timestamp": 1}, {"interval": ["..", 3]},
                       {"bbox": [0, 0, 1]}, {"type": "Point", "coordinates": ["x"]},
                       {"type": "Polygon", "coordinates": [[[0, 0]]]}]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["op", "args", "property", "bbox", "type"]), inner)
    | st.fixed_dictionaries({"op": st.sampled_from(
        ["and", "not", "=", "in", "like", "a_equals", "s_within", "t_during", "casei", "upper",
         "area_m2", "+", "isNull", "between"]), "args": st.lists(inner, max_size=3)}),
    max_leaves=10,
)  # fmt: skip


@settings(max_examples=120)
@given(tree=JUNK)
def test_no_tree_makes_the_server_fail(client: TestClient, tree: Any) -> None:
    values = {"filter": json.dumps(tree), "filter-lang": "cql2-json"}
    for more in ({}, {"filter-crs": "http://www.opengis.net/def/crs/EPSG/0/3857"}):
        answer = client.get(f"{MARKS}?{urlencode({**values, **more})}")
        assert answer.status_code in (200, 400), (tree, answer.text)
