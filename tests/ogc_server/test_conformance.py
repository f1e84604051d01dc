"""One test for each conformance class that the server claims, named after it."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import shapely
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from ogc_server.blocks import discover
from ogc_server.conformance import classes
from ogc_server.parameters import DEFAULT_LIMIT, MAXIMUM_LIMIT
from tests.ogc_server.conftest import EMPTY, ROWS

CLASSES = classes(discover())
MARKS = "/collections/navigation_mark/items"


def body(client: TestClient, url: str) -> dict[str, Any]:
    answer = client.get(url)
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


def feature_collections(client: TestClient) -> list[dict[str, Any]]:
    """Descriptions of the collections of features; records of a catalogue are none."""
    listed = body(client, "/collections")["collections"]
    return [entry for entry in listed if entry["itemType"] == "feature"]


def filtered(client: TestClient, expression: str, **more: str) -> list[dict[str, Any]]:
    query = urlencode({"filter": expression, "limit": "1000", **more})
    features: list[dict[str, Any]] = body(client, f"{MARKS}?{query}")["features"]
    return features


def everything(client: TestClient) -> list[dict[str, Any]]:
    features: list[dict[str, Any]] = body(client, f"{MARKS}?limit=1000")["features"]
    return features


def agrees(client: TestClient, expression: str, keep: Any) -> None:
    """The filter keeps the rows that the same condition in Python keeps: some, not all."""
    expected = {f["id"] for f in everything(client) if keep(f["properties"])}
    assert {f["id"] for f in filtered(client, expression)} == expected, expression
    assert 0 < len(expected) < ROWS, f"the rows do not try {expression}"


def test_every_class_that_is_claimed_has_its_test() -> None:
    """A test named after each class stands in one of the files ``test_conformance*.py``."""
    tests = {
        node.name
        for file in Path(__file__).parent.glob("test_conformance*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    for uri in CLASSES:
        name = re.sub(r"/[\d.]+/conf", "", uri.removeprefix("http://www.opengis.net/spec/"))
        assert "test_" + re.sub(r"\W", "_", name) in tests, uri


def test_ogcapi_common_1_core(client: TestClient) -> None:
    for path in ("/", "/conformance", "/openapi"):
        assert client.get(path).status_code == 200
    assert client.get("/collections?unknown=1").status_code == 400
    assert body(client, "/conformance")["conformsTo"] == list(CLASSES)


def test_ogcapi_common_1_landing_page(client: TestClient) -> None:
    links = {link["rel"]: link for link in body(client, "/")["links"]}
    assert links["service-desc"]["type"].startswith("application/vnd.oai.openapi+json")
    for rel in ("self", "service-desc", "service-doc", "conformance", "data"):
        assert client.get(links[rel]["href"]).status_code == 200


def test_ogcapi_common_1_json(client: TestClient) -> None:
    for path in ("/", "/conformance", "/collections", "/collections/ferry"):
        answer = client.get(path, headers={"Accept": "application/json"})
        assert answer.headers["content-type"] == "application/json" and answer.json()


def test_ogcapi_common_1_html(client: TestClient) -> None:
    paths = ("/", "/conformance", "/openapi", "/collections", "/collections/ferry")
    for path in (*paths, "/collections/ferry/queryables", "/collections/ferry/schema"):
        answer = client.get(path, headers={"Accept": "text/html,*/*;q=0.1"})
        assert answer.headers["content-type"].startswith("text/html"), path
        assert answer.text.startswith("<!doctype html>")


def test_ogcapi_common_1_oas30(client: TestClient) -> None:
    from pygeoapi.openapi import validate_openapi_document

    answer = client.get("/openapi")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    assert validate_openapi_document(answer.json())
    assert answer.json()["openapi"].startswith("3.0")


def test_ogcapi_common_2_collections(client: TestClient) -> None:
    listed = feature_collections(client)
    assert len(listed) > 10 and len({c["id"] for c in listed}) == len(listed)
    for entry in listed:
        assert entry == body(client, f"/collections/{entry['id']}")
        rels = {link["rel"] for link in entry["links"]}
        assert {"self", "items"} <= rels
        for box in entry["extent"].get("spatial", {}).get("bbox", []):
            assert len(box) == 4 and box[1] <= box[3]


def test_ogcapi_features_1_core(client: TestClient) -> None:
    first = everything(client)[0]
    alone = body(client, f"{MARKS}/{first['id']}")
    assert {k: alone[k] for k in ("id", "geometry", "properties")} == {
        k: first[k] for k in ("id", "geometry", "properties")
    }
    assert body(client, f"{MARKS}?limit=3")["numberReturned"] == 3
    assert client.get(f"{MARKS}?unknown=1").status_code == 400
    assert client.get(f"{MARKS}?bbox=1,2").status_code == 400
    x, y = first["geometry"]["coordinates"]
    near = body(client, f"{MARKS}?bbox={x - 1e-6},{y - 1e-6},{x + 1e-6},{y + 1e-6}")
    assert [f["id"] for f in near["features"]] == [first["id"]]
    agrees_in_time(client)


def agrees_in_time(client: TestClient) -> None:
    for day in {f["properties"]["checked_on"] for f in everything(client)} - {None}:
        found = body(client, f"{MARKS}?datetime={day}")["features"]
        assert day in {f["properties"]["checked_on"] for f in found}


def test_ogcapi_features_1_oas30(client: TestClient) -> None:
    document = body(client, "/openapi")
    limit = document["components"]["parameters"]["limit"]
    assert (limit["style"], limit["explode"]) == ("form", False)
    assert limit["schema"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": MAXIMUM_LIMIT,
        "default": DEFAULT_LIMIT,
    }
    for entry in feature_collections(client):
        for path in ("", "/items", "/items/{featureId}", "/queryables", "/schema"):
            assert f"/collections/{entry['id']}{path}" in document["paths"]
    own = [p for p in document["paths"][MARKS]["get"]["parameters"] if "name" in p]
    kinds = {p["name"]: (p["style"], p["explode"], p["schema"]) for p in own}
    assert kinds["height_m"] == ("form", False, {"type": "number"})
    assert kinds["kind"][2] == {"type": "string", "enum": ["buoy", "beacon", "lighthouse"]}
    names = [
        operation["operationId"]
        for entry in document["paths"].values()
        for operation in entry.values()
    ]
    assert len(names) == len(set(names))


def test_ogcapi_features_1_html(client: TestClient) -> None:
    for path in (MARKS, f"{MARKS}/navigation_mark-000000", f"/collections/{EMPTY}/items"):
        answer = client.get(path, headers={"Accept": "text/html"})
        assert answer.headers["content-type"].startswith("text/html")
    assert "navigation_mark-000000" in client.get(f"{MARKS}?f=html").text


def test_ogcapi_features_1_geojson(client: TestClient) -> None:
    for entry in feature_collections(client):
        answer = client.get(f"/collections/{entry['id']}/items")
        assert answer.headers["content-type"] == "application/geo+json"
        for feature in answer.json()["features"]:
            assert feature["type"] == "Feature" and "geometry" in feature
            if feature["geometry"] is not None:
                assert shapely.geometry.shape(feature["geometry"]).is_valid


def test_ogcapi_features_2_crs(client: TestClient) -> None:
    entry = body(client, "/collections/navigation_mark")
    assert entry["storageCrs"] == entry["crs"][0] and len(entry["crs"]) >= 4
    for uri in entry["crs"]:
        answer = client.get(f"{MARKS}?crs={uri}&limit=1")
        assert answer.headers["content-crs"] == f"<{uri}>"
        geometry = answer.json()["features"][0]["geometry"]
        x, y = geometry["coordinates"]
        d = 1e-5 if abs(x) < 180 and abs(y) < 180 else 1
        found = body(client, f"{MARKS}?bbox={x - d},{y - d},{x + d},{y + d}&bbox-crs={uri}")
        assert found["numberMatched"] == 1
    assert client.get(f"{MARKS}?crs=EPSG:1").status_code == 400


def test_ogcapi_features_3_queryables(client: TestClient) -> None:
    answer = client.get("/collections/navigation_mark/queryables")
    assert answer.headers["content-type"] == "application/schema+json"
    document = answer.json()
    Draft202012Validator.check_schema(document)
    properties = document["properties"]
    assert properties["kind"]["enum"] == ["buoy", "beacon", "lighthouse"]
    assert properties["height_m"]["x-ogc-unit"] == "m"
    assert properties["geometry"]["format"] == "geometry-point"
    assert "evidence" not in body(client, "/collections/alert/queryables")["properties"]


def test_ogcapi_features_3_queryables_query_parameters(client: TestClient) -> None:
    for name in body(client, "/collections/navigation_mark/queryables")["properties"]:
        if name == "geometry":
            continue
        value = next(
            f["properties"][name] for f in everything(client) if f["properties"][name] is not None
        )
        text = json.dumps(value) if isinstance(value, bool | float) else str(value)
        found = body(client, f"{MARKS}?{name}={quote(text)}")["features"]
        assert found and all(f["properties"][name] == value for f in found)


def test_ogcapi_features_3_filter(client: TestClient) -> None:
    assert client.get(f"{MARKS}?filter=nothing%3D1").status_code == 400
    assert client.get(f"{MARKS}?filter=kind%3D'buoy'&filter-lang=ecql").status_code == 400
    assert filtered(client, "kind = 'buoy'") == filtered(
        client, "kind = 'buoy'", **{"filter-lang": "cql2-text"}
    )


def test_ogcapi_features_3_features_filter(client: TestClient) -> None:
    both = filtered(client, "kind = 'buoy'", bbox="-75.3,-42.75,-75.0,-42.45")
    alone = {f["id"] for f in filtered(client, "kind = 'buoy'")}
    boxed = {f["id"] for f in body(client, f"{MARKS}?bbox=-75.3,-42.75,-75.0,-42.45")["features"]}
    assert {f["id"] for f in both} == alone & boxed != set()
    ring = "-42.75 -75.3,-42.75 -75.0,-42.45 -75.0,-42.45 -75.3,-42.75 -75.3"
    swapped = f"S_INTERSECTS(geometry,POLYGON(({ring})))"
    crs = "http://www.opengis.net/def/crs/EPSG/0/4326"
    assert {f["id"] for f in filtered(client, swapped, **{"filter-crs": crs})} == boxed


def test_ogcapi_features_5_schemas(client: TestClient) -> None:
    answer = client.get("/collections/navigation_mark/schema")
    assert answer.headers["content-type"] == "application/schema+json"
    Draft202012Validator.check_schema(answer.json())
    rel = "http://www.opengis.net/def/rel/ogc/1.0/schema"
    links = body(client, "/collections/navigation_mark")["links"]
    assert any(link["rel"] == rel and link["href"].endswith("/schema?f=json") for link in links)


def test_ogcapi_features_5_core_roles_features(client: TestClient) -> None:
    roles = {
        entry["x-ogc-role"]: name
        for name, entry in body(client, "/collections/navigation_mark/schema")["properties"].items()
        if "x-ogc-role" in entry
    }
    assert roles == {
        "id": "mark_id",
        "primary-geometry": "geometry",
        "primary-instant": "checked_on",
    }


def test_ogcapi_features_5_returnables_and_receivables(client: TestClient) -> None:
    for entry in feature_collections(client):
        schema = body(client, f"/collections/{entry['id']}/schema")
        declared = set(schema["properties"]) - {"geometry"}
        for feature in body(client, f"/collections/{entry['id']}/items")["features"]:
            assert set(feature["properties"]) == declared
