"""One test for each class of OGC API – Records that the server claims."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import shapely
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from layers.city import City
from tests.ogc_server.conftest import BASE
from tests.ogc_server.test_conformance import body

HOME = "/collections/catalogue"
CORE = "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/record-core"
# The mandatory part of recordGeoJSON.yaml.
RECORD = {
    "type": "object",
    "required": ["id", "type", "geometry", "properties", "time", "links"],
    "properties": {
        "id": {"type": "string"},
        "type": {"const": "Feature"},
        "conformsTo": {"type": "array", "items": {"type": "string"}},
        "time": {
            "oneOf": [
                {"type": "null"},
                {
                    "type": "object",
                    "required": ["interval"],
                    "properties": {"interval": {"minItems": 2, "maxItems": 2}},
                },
            ]
        },
        "geometry": {
            "oneOf": [{"type": "null"}, {"type": "object", "required": ["type", "coordinates"]}]
        },
        "properties": {
            "type": "object",
            "required": ["type", "title"],
            "properties": {
                "keywords": {"type": "array", "items": {"type": "string"}},
                "themes": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["concepts", "scheme"],
                        "properties": {"concepts": {"items": {"required": ["id"]}}},
                    },
                },
                "contacts": {
                    "items": {"anyOf": [{"required": ["name"]}, {"required": ["organization"]}]}
                },
                "externalIds": {"items": {"required": ["value"]}},
                "formats": {"items": {"type": "object"}},
            },
        },
        "links": {"type": "array", "items": {"required": ["href", "rel"]}},
    },
}  # fmt: skip


def found(client: TestClient, **values: str) -> list[str]:
    """Ids of the records that a search finds."""
    answer = body(client, f"{HOME}/items?{urlencode({'limit': '1000', **values})}")
    ids = [feature["id"] for feature in answer["features"]]
    assert answer["numberMatched"] == answer["numberReturned"] == len(ids)
    return ids


def rows(client: TestClient) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = body(client, f"{HOME}/items?limit=1000")["features"]
    return read


def test_ogcapi_records_1_record_core(client: TestClient, city: City) -> None:
    listed = {c["id"]: c for c in body(client, "/collections")["collections"]}
    records = rows(client)
    assert {record["id"] for record in records} == listed.keys() - {"catalogue"}
    for record in records:
        assert CORE in record["conformsTo"]
        rels = {link["rel"] for link in record["links"]}
        assert "collection" in rels
        spec = city.layers.get(record["id"])
        if spec is None:
            continue
        told = record["properties"]
        assert told["title"] == spec.title.en and told["rights"] and told["provenance"]
        assert told["contacts"][0]["organization"] and "license" not in told
        assert told["themes"][0]["concepts"][0]["id"] == spec.domain
        assert "items" in rels and told["formats"]
    mark = body(client, f"{HOME}/items/navigation_mark?lang=zh")
    assert mark["properties"]["title"] == city.layers["navigation_mark"].title.zh
    assert mark["properties"]["updated"].startswith("2026-01-01")
    assert mark["properties"]["quality"]["rows"] > 0


def test_ogcapi_records_1_record_collection(client: TestClient) -> None:
    catalogue = body(client, HOME)
    assert catalogue["itemType"] == "record" and catalogue["type"] == "Collection"
    assert catalogue["id"] == "catalogue" and catalogue["title"]
    links = {(link["rel"], link["type"]): link["href"] for link in catalogue["links"]}
    for rel, media in (
        ("self", "application/json"),
        ("alternate", "text/html"),
        ("items", "application/geo+json"),
    ):
        assert client.get(links[rel, media]).status_code == 200


def test_ogcapi_records_1_searchable_catalog(client: TestClient) -> None:
    listed = [c for c in body(client, "/collections")["collections"] if c["itemType"] == "record"]
    assert [c["id"] for c in listed] == ["catalogue"]
    seen, url = [], f"{HOME}/items?limit=3"
    while url:
        page = body(client, url)
        assert len(page["features"]) <= 3
        seen += [feature["id"] for feature in page["features"]]
        url = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
    assert seen == [record["id"] for record in rows(client)]
    rels = {link["rel"]: link["href"] for link in body(client, "/")["links"]}
    assert client.get(rels["http://www.opengis.net/def/rel/ogc/1.0/ogc-catalog"]).status_code == 200


def test_ogcapi_records_1_record_core_query_parameters(client: TestClient, city: City) -> None:
    every = [record["id"] for record in rows(client)]
    assert found(client, q="navigation MARK") == ["navigation_mark"]
    assert "navigation_mark" in found(client, q=city.layers["navigation_mark"].title.zh)
    assert set(found(client, q="ferry,navigation  mark")) == {"ferry", "navigation_mark"}
    assert found(client, q="mark navigation") == [], "the order of words counts"
    assert found(client, q="length_m") and found(client, q="zzz") == []
    assert found(client, q="") == found(client, ids="") == every, "an empty value asks nothing"
    assert set(found(client, ids="ferry,navigation_mark,none")) == {"ferry", "navigation_mark"}
    assert found(client, type="dataset") == every and found(client, type="service") == []
    box = (-75.3, -42.75, -75.29, -42.74)
    expected = [
        record["id"]
        for record in rows(client)
        if record["geometry"]
        and shapely.geometry.shape(record["geometry"]).intersects(shapely.box(*box))
    ]
    assert found(client, bbox=",".join(map(str, box))) == expected
    assert found(client, bbox="10,10,11,11") == []
    timed = {r["id"]: r["time"]["interval"] for r in rows(client) if r["time"]}
    assert "navigation_mark" in timed
    early = found(client, datetime="../1990-01-01")
    assert not timed.keys() & set(early) and set(early) == set(every) - timed.keys()
    assert "navigation_mark" in found(client, datetime="2020-07-01/..")
    for spec in city.layers.values():
        if spec.standard and spec.standard.codes and spec.id in every:
            code = spec.standard.codes[0]
            for one in (code, f"{spec.standard.scheme}:{code}", spec.standard.scheme):
                assert spec.id in found(client, externalIds=one)
    assert found(client, externalIds="none:none") == []


def test_ogcapi_records_1_sorting(client: TestClient) -> None:
    rel = "http://www.opengis.net/def/rel/ogc/1.0/sortables"
    href = next(link["href"] for link in body(client, HOME)["links"] if link["rel"] == rel)
    answer = client.get(href)
    assert answer.headers["content-type"] == "application/schema+json"
    assert body(client, HOME)["defaultSortOrder"] == ["id"]
    for name in answer.json()["properties"]:
        records = body(client, f"{HOME}/items?sortby={name}&limit=1000")["features"]
        values = [
            r["id"] if name == "id" else str(r["properties"].get(name, "")).casefold()
            for r in records
        ]
        assert values == sorted(values)
        down = body(client, f"{HOME}/items?sortby=-{name}&limit=1000")["features"]
        assert len(down) == len(records)
    assert found(client, sortby="-id") == sorted(found(client), reverse=True)
    assert client.get(f"{HOME}/items?sortby=description").status_code == 400


def test_ogcapi_records_1_json(client: TestClient) -> None:
    validator = Draft202012Validator(RECORD)
    for path in (f"{HOME}/items", f"{HOME}/items/ferry"):
        answer = client.get(path)
        assert answer.headers["content-type"] == "application/geo+json"
    for record in rows(client):
        validator.validate(record)
        single = body(client, f"{HOME}/items/{record['id']}")
        validator.validate(single)
        assert {**single, "links": 0} == {**record, "links": 0}
        own = next(link["href"] for link in single["links"] if link["rel"] == "self")
        assert own == f"{BASE}{HOME}/items/{record['id']}"


def test_ogcapi_records_1_html(client: TestClient) -> None:
    for language, title in (("en", "Catalogue of all layers"), ("zh", "全部图层目录")):
        answer = client.get(f"{HOME}/items?lang={language}", headers={"Accept": "text/html"})
        assert answer.headers["content-type"].startswith("text/html") and title in answer.text
        for record in rows(client):
            page = client.get(f"{HOME}/items/{record['id']}?f=html&lang={language}")
            assert page.status_code == 200 and record["id"] in page.text
