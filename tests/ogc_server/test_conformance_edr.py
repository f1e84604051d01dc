"""One test for each class of OGC API – Environmental Data Retrieval that the server claims."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import shapely
from starlette.testclient import TestClient

from tests.ogc_server.conftest import BASE
from tests.ogc_server.moving import DARK, OWN, Harbour, build

COVERAGE = "application/prs.coverage+json"
GEOJSON = "application/geo+json"
MARKS, QUERIES = "/collections/navigation_mark", ("position", "radius", "area", "cube")


@pytest.fixture(scope="module")
def harbour(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Harbour:
    return build(tiny_folder, tmp_path_factory.mktemp("harbour"))


@pytest.fixture(scope="module")
def moving(harbour: Harbour) -> TestClient:
    return harbour.client()


def ask(client: TestClient, path: str, media: str = COVERAGE, **query: str) -> dict[str, Any]:
    text = urlencode({name.replace("_", "-"): value for name, value in query.items()})
    answer = client.get(f"{path}?{text}" if text else path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == media
    read: dict[str, Any] = answer.json()
    return read


def marks(client: TestClient) -> list[dict[str, Any]]:
    features = client.get(f"{MARKS}/items?limit=1000").json()["features"]
    return [f for f in features if f["geometry"] is not None]


def coverages(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Coverages of a document, whether it is one or a collection."""
    if document["type"] == "CoverageCollection":
        return list(document["coverages"])
    return [document] if document["type"] == "Coverage" else []


def check(document: dict[str, Any]) -> None:
    """CoverageJSON holds what it must, and its arrays fit its axes (OGC 21-069r2, 6)."""
    assert document["type"] in ("Coverage", "CoverageCollection")
    whole = document if document["type"] == "CoverageCollection" else document["domain"]
    systems = {name for row in whole["referencing"] for name in row["coordinates"]}
    for parameter in document["parameters"].values():
        assert parameter["type"] == "Parameter"
        assert {"id", "label"} <= parameter["observedProperty"].keys()
        assert parameter["unit"]["symbol"]["type"] == "http://www.opengis.net/def/uom/UCUM/"
    for coverage in coverages(document):
        axes = coverage["domain"]["axes"]
        named = set(axes.get("composite", {}).get("coordinates", axes))
        assert named <= systems
        size = len(axes["composite"]["values"]) if "composite" in axes else 1
        for name, values in coverage["ranges"].items():
            assert name in document["parameters"]
            assert len(values["values"]) == size
            assert values.get("shape", [1]) == [size]


def test_ogcapi_edr_1_core(client: TestClient) -> None:
    """Landing page, conformance and definition are there; CRS84 is the usual system."""
    rels = {link["rel"] for link in client.get("/").json()["links"]}
    assert {"self", "service-desc", "conformance", "data"} <= rels
    assert (
        "http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/core"
        in (client.get("/conformance").json()["conformsTo"])
    )
    entry = client.get(MARKS).json()
    assert entry["crs"][0].endswith("CRS84") and len(entry["extent"]["spatial"]["bbox"][0]) == 4
    x, y = marks(client)[0]["geometry"]["coordinates"]
    document = ask(client, f"{MARKS}/position", coords=f"POINT({x} {y})")
    assert document.get("referencing", document.get("domain", {}).get("referencing"))[0] == {
        "coordinates": ["x", "y"],
        "system": {"type": "GeographicCRS", "id": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"},
    }


def test_ogcapi_edr_1_collections(client: TestClient, moving: TestClient) -> None:
    """Each collection tells its queries, parameters, formats, systems and extent."""
    listed = client.get("/collections").json()["collections"]
    layers = [one for one in listed if one["itemType"] == "feature"]
    movers = [
        one
        for one in moving.get("/collections").json()["collections"]
        if one["itemType"] == "movingfeature"
    ]
    assert len(movers) == 2
    for entry in (*layers, *movers):
        assert entry["data_queries"] and "extent" in entry and "crs" in entry
        assert entry["output_formats"] == ["CoverageJSON", "GeoJSON"]
        for name, query in entry["data_queries"].items():
            variables = query["link"]["variables"]
            assert query["link"]["rel"] == "data" and variables["query_type"] == name
            assert variables["default_output_format"] in variables["output_formats"]
        for parameter in entry["parameter_names"].values():
            assert parameter["type"] == "Parameter"
            assert isinstance(parameter["observedProperty"]["label"], str)
        assert {"self", "alternate", "data"} <= {link["rel"] for link in entry["links"]}
    (entry,) = (one for one in layers if one["id"] == "navigation_mark")
    assert set(entry["parameter_names"]) == {"height_m", "count"}, "lit has no unit"
    assert set(entry["data_queries"]) >= {*QUERIES, "trajectory", "corridor", "items"}


def test_ogcapi_edr_1_json(client: TestClient) -> None:
    for path in ("/", "/collections", MARKS):
        answer = client.get(path, headers={"Accept": "application/json"})
        assert answer.headers["content-type"] == "application/json" and answer.json()


def test_ogcapi_edr_1_covjson(client: TestClient) -> None:
    mark = marks(client)[0]
    x, y = mark["geometry"]["coordinates"]
    for path, query in (
        ("position", {"coords": f"POINT({x} {y})"}),
        ("radius", {"coords": f"POINT({x} {y})", "within": "2", "within_units": "km"}),
        ("cube", {"bbox": f"{x - 0.02},{y - 0.02},{x + 0.02},{y + 0.02}"}),
        ("trajectory", {"coords": f"LINESTRINGM({x} {y} 0,{x + 0.01} {y} 60)"}),
        ("trajectory", {"coords": f"LINESTRING({x} {y},{x + 0.01} {y})"}),
    ):
        document = ask(client, f"{MARKS}/{path}", **query)
        check(document)
        assert coverages(document)
        assert document == ask(client, f"{MARKS}/{path}", f="CoverageJSON", **query)


def test_ogcapi_edr_1_geojson(client: TestClient) -> None:
    x, y = marks(client)[0]["geometry"]["coordinates"]
    box = f"{x - 0.1},{y - 0.1},{x + 0.1},{y + 0.1}"
    document = ask(client, f"{MARKS}/cube", GEOJSON, bbox=box, f="GeoJSON")
    assert document["type"] == "FeatureCollection" and document["features"]
    for feature in document["features"]:
        assert feature["type"] == "Feature"
        assert shapely.geometry.shape(feature["geometry"]).is_valid
    answer = client.get(f"{MARKS}/cube?bbox={box}", headers={"Accept": GEOJSON})
    assert answer.headers["content-type"] == GEOJSON


def test_ogcapi_edr_1_edr_geojson(client: TestClient, moving: TestClient) -> None:
    """Features have what edrProperties.yaml requires."""
    x, y = marks(client)[0]["geometry"]["coordinates"]
    documents = [
        ask(client, f"{MARKS}/position", GEOJSON, coords=f"POINT({x} {y})", f="GeoJSON"),
        ask(moving, "/collections/vessels/locations", GEOJSON),
        ask(moving, f"/collections/vessels/locations/{OWN}", GEOJSON, f="GeoJSON"),
        ask(moving, "/collections/vessel_position/locations", GEOJSON),
    ]
    for document in documents:
        assert document["features"]
        known = {parameter["id"] for parameter in document["parameters"]}
        for feature in document["features"]:
            told = feature["properties"]
            assert isinstance(told["datetime"], str) and isinstance(told["label"], str)
            assert set(told["parameter-name"]) <= known
            assert told["edrqueryendpoint"].startswith(BASE)


def test_ogcapi_edr_1_oas30(client: TestClient) -> None:
    from pygeoapi.openapi import validate_openapi_document

    document = client.get("/openapi").json()
    assert validate_openapi_document(document)
    parameters = document["components"]["parameters"]
    for name in ("position", "radius", "area", "cube", "trajectory", "corridor", "locations"):
        operation = document["paths"][f"/collections/{{collectionId}}/{name}"]["get"]
        named = [parameters[one["$ref"].rsplit("/", 1)[1]] for one in operation["parameters"]]
        told = {one["name"]: one for one in named}
        needed = {"locations": None, "cube": "bbox"}.get(name, "coords")
        if needed:
            assert told[needed]["required"] and told[needed]["schema"]["type"] == "string"
        for one in ("parameter-name", "datetime", "crs", "f"):
            assert not told[one]["required"] and told[one]["explode"] is False


def test_what_is_no_geometry_is_refused(client: TestClient) -> None:
    """Requests of the standard's abstract tests 34 to 106."""
    for query, kinds in (
        ("position", ("POINT",)),
        ("area", ("POLYGON",)),
        ("trajectory", ("LINESTRING", "LINESTRINGM", "LINESTRINGZM", "LINESTRINGZ")),
        ("corridor", ("LINESTRING",)),
    ):
        for text in ("", "?coords=", *(f"?coords={kind}()" for kind in kinds)):
            assert client.get(f"{MARKS}/{query}{text}").status_code == 400, (query, text)


def test_ogcapi_edr_1_queries(client: TestClient, moving: TestClient) -> None:
    """Each query that a collection names answers; values are those of the features."""
    box = [-75.35, -42.80, -74.85, -42.40]
    ring = shapely.box(*box).wkt
    everything = ask(client, f"{MARKS}/area", coords=ring, parameter_name="count")
    (cells,) = coverages(everything)
    assert cells["domain"]["domainType"] == "MultiPolygon"
    assert sum(cells["ranges"]["count"]["values"]) == len(marks(client))
    line = f"LINESTRING({box[0]} {box[1]},{box[2]} {box[3]})"
    asked = {
        "position": {"coords": "POINT(-75.1 -42.6)"},
        "radius": {"coords": "POINT(-75.1 -42.6)", "within": "10", "within_units": "km"},
        "area": {"coords": ring},
        "cube": {"bbox": ",".join(map(str, box))},
        "trajectory": {"coords": line},
        "corridor": {"coords": line, "corridor_width": "2", "width_units": "km"},
    }
    entries = client.get("/collections").json()["collections"]
    for entry in (one for one in entries if one["itemType"] == "feature"):
        for name in entry["data_queries"]:
            if name in asked:
                check(ask(client, f"/collections/{entry['id']}/{name}", **asked[name]))
    movers = ask(moving, "/collections/vessels/locations", GEOJSON)
    assert movers["features"][0]["id"] == OWN
    track = ask(moving, f"/collections/vessels/locations/{quote(DARK)}")
    check(track)
    assert [one["domain"]["domainType"] for one in coverages(track)] == ["Trajectory"] * 2
