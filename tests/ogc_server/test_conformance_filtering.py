"""What can be asked for: queryables and their values, sortables, the choice of properties."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from layers.city import City
from layers.query import Scope
from layers.store import Store
from ogc_server import PUBLIC, Audience, create_app
from tests.ogc_server.conftest import BASE
from tests.ogc_server.test_conformance import MARKS, body, feature_collections

SORTABLES = "http://www.opengis.net/def/rel/ogc/1.0/sortables"


def properties(client: TestClient, path: str) -> dict[str, Any]:
    answer = client.get(path, headers={"Accept": "application/schema+json"})
    assert answer.headers["content-type"] == "application/schema+json"
    document = answer.json()
    Draft202012Validator.check_schema(document)
    assert document["$id"] == f"{BASE}{path}" and document["type"] == "object"
    assert document["additionalProperties"] is False
    for entry in document["properties"].values():
        assert "type" in entry or entry["format"].startswith("geometry-")
    read: dict[str, Any] = document["properties"]
    return read


def ids(client: TestClient, query: str) -> list[str]:
    return [f["id"] for f in body(client, f"{MARKS}?limit=1000&{query}")["features"]]


# -- queryables


def test_queryables_tell_type_unit_bounds_and_values(client: TestClient) -> None:
    for entry in feature_collections(client):
        properties(client, f"/collections/{entry['id']}/queryables")
    marks = properties(client, "/collections/navigation_mark/queryables")
    height = marks["height_m"]
    assert (height["type"], height["x-ogc-unit"]) == ("number", "m")
    assert (height["minimum"], height["maximum"]) == (0, 100)
    assert (
        marks["kind"]["enum"] == ["buoy", "beacon", "lighthouse"]
        and "examples" not in marks["kind"]
    )


def test_values_found_are_examples_and_each_finds_rows(client: TestClient) -> None:
    found = properties(client, "/collections/vessel_registry/queryables")["name_zh"]["examples"]
    rows = body(client, "/collections/vessel_registry/items?limit=1000")["features"]
    held = {f["properties"]["name_zh"] for f in rows} - {None}
    assert set(found) == held and len(found) == len(held)
    own = properties(client, "/collections/vessel_registry/queryables")
    assert not [n for n, e in own.items() if e.get("x-ogc-role") == "id" and "examples" in e]


def test_values_of_hidden_rows_are_not_told(city: City, store: Store) -> None:
    nobody = Audience("nobody", frozenset({"public", "internal"}), Scope(jurisdictions=("zzz",)))
    client = TestClient(create_app(city, store, audience=nobody), base_url=BASE)
    for entry in feature_collections(client):
        found = properties(client, f"/collections/{entry['id']}/queryables")
        assert not [name for name, said in found.items() if "examples" in said], entry["id"]


def test_queryables_of_all_layers_are_united(client: TestClient, city: City, store: Store) -> None:
    united = properties(client, "/queryables")
    listed = {c["id"] for c in feature_collections(client)}
    for layer in sorted(listed):
        for name, entry in properties(client, f"/collections/{layer}/queryables").items():
            assert layer in united[name]["x-onemap-collections"]
            types = united[name].get("type", [])
            assert entry.get("type", types) in (types, *types)
    assert united["geometry"]["format"] == "geometry-any"
    assert united["length_m"]["x-ogc-unit"] == "m"
    assert "resident" not in str(united)
    public = TestClient(create_app(city, store, audience=PUBLIC), base_url=BASE)
    told = {
        layer
        for entry in properties(public, "/queryables").values()
        for layer in entry["x-onemap-collections"]
    }
    assert told == {s.id for s in city.layers.values() if s.sensitivity == "public"}
    assert client.get("/queryables?f=html").text.count("x-onemap") == 0
    assert client.get("/queryables?limit=1").status_code == 400


# -- Part 8: sorting (draft)


def test_ogcapi_features_8_sortables(client: TestClient) -> None:
    for entry in feature_collections(client):
        answer = client.head(f"/collections/{entry['id']}/items")
        assert answer.status_code == 200
        href = f"{BASE}/collections/{entry['id']}/sortables"
        assert f'<{href}>; rel="{SORTABLES}"' in answer.headers["link"]
        assert properties(client, f"/collections/{entry['id']}/sortables")
    assert "geometry" not in properties(client, "/collections/navigation_mark/sortables")
    assert "evidence" not in properties(client, "/collections/alert/sortables")
    for path in ("/collections/resident/sortables", "/collections/nothing/sortables"):
        assert client.get(path).status_code == 404


def test_ogcapi_features_8_sorting(client: TestClient) -> None:
    """Every sortable sorts both ways, nulls last; what isn't one is refused."""
    for name in properties(client, "/collections/navigation_mark/sortables"):
        for sign, backwards in (("", False), ("%2B", False), ("+", False), ("-", True)):
            found = body(client, f"{MARKS}?limit=1000&sortby={sign}{name}")["features"]
            values = [f["properties"][name] for f in found]
            known = [value for value in values if value is not None]
            assert known == sorted(known, reverse=backwards), (sign, name)
            assert values[: len(known)] == known
    parameter = body(client, "/openapi")["components"]["parameters"]["sortby"]
    assert (parameter["style"], parameter["explode"]) == ("form", False)
    for wrong in ("THIS IS NOT A SORTBY EXPRESSION", "this_is_not_a_sortable", "geometry", ","):
        assert client.get(f"{MARKS}?sortby={wrong}").status_code == 400, wrong
    assert client.get("/collections/alert/items?sortby=evidence").status_code == 400


def test_ogcapi_features_8_features_sorting(client: TestClient) -> None:
    for entry in feature_collections(client):
        hrefs = [link["href"] for link in entry["links"] if link["rel"] == SORTABLES]
        assert hrefs == [f"{BASE}/collections/{entry['id']}/sortables"]
    found = body(client, f"{MARKS}?limit=1000&sortby=kind,-height_m")["features"]
    keys = [(f["properties"]["kind"], -(f["properties"]["height_m"] or -1)) for f in found]
    assert keys == sorted(keys)
    paged, url = [], f"{BASE}{MARKS}?limit=4&sortby=kind,-height_m"
    while url:
        page = body(client, url)
        paged += [f["id"] for f in page["features"]]
        url = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
    assert paged == [f["id"] for f in found]


# -- Part 6: property selection (draft)


@pytest.mark.parametrize("names", ["kind", "kind,height_m", "h3", ""])
def test_ogcapi_features_6_properties(client: TestClient, names: str) -> None:
    wanted = set(filter(None, names.split(",")))
    for feature in body(client, f"{MARKS}?properties={names}")["features"]:
        assert set(feature["properties"]) == wanted and feature["geometry"]
    whole = body(client, MARKS)["features"][0]
    declared = body(client, "/collections/navigation_mark/schema")["properties"]
    assert set(whole["properties"]) == set(declared) - {"geometry"}
    parameter = body(client, "/openapi")["components"]["parameters"]["properties"]
    assert (parameter["style"], parameter["explode"]) == ("form", False)
    assert parameter["schema"] == {"type": "array", "items": {"type": "string"}}


def test_ogcapi_features_6_properties_features(client: TestClient) -> None:
    one = ids(client, "")[0]
    alone = body(client, f"{MARKS}/{one}?properties=lit")
    assert set(alone["properties"]) == {"lit"} and alone["geometry"]
    bare = body(client, f"{MARKS}/{one}?skipGeometry=true")
    assert bare["geometry"] is None and "lit" in bare["properties"]
    assert client.get(f"{MARKS}?properties=unknown").status_code == 400
    assert client.get(f"{MARKS}/{one}?properties=unknown").status_code == 400
