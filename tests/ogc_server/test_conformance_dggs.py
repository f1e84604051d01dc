"""One test for each class of OGC API – DGGS that the server claims."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import h3.api.basic_str as h3
import numpy as np
import pytest
import shapely
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from layers.city import City
from layers.store import Store
from tests.ogc_server.conftest import BASE
from tests.ogc_server.test_conformance import body, feature_collections

REL = "http://www.opengis.net/def/rel/ogc/1.0/"
HOMES = ("", "/collections/navigation_mark", "/collections/ferry")
MARKS = "/collections/navigation_mark"
# DGGS-JSON as Annex B of the standard gives it, values may be null.
DGGS_JSON = {
    "type": "object",
    "required": ["dggrs", "zoneId", "depths", "values"],
    "properties": {
        "dggrs": {"type": "string", "format": "uri"},
        "zoneId": {"type": "string"},
        "depths": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "values": {
            "additionalProperties": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["depth", "shape", "data"],
                    "properties": {
                        "depth": {"type": "integer"},
                        "shape": {"type": "object", "required": ["count", "subZones"]},
                        "data": {"type": "array", "items": {"type": ["number", "null"]}},
                    },
                },
            }
        },
    },
}


def rels(document: dict[str, Any]) -> dict[str, str]:
    return {link["rel"]: link["href"] for link in document["links"]}


def listed(client: TestClient, home: str = "", **values: Any) -> list[str]:
    values = {name.replace("_", "-"): str(value) for name, value in values.items()}
    answer = client.get(f"{home}/dggs/H3/zones", params={"limit": 100_000, **values})
    assert answer.status_code == 200, answer.text
    found: list[str] = answer.json()["zones"]
    return found


def a_zone(client: TestClient, home: str, level: int = 7) -> str:
    return listed(client, home, zone_level=level, compact_zones="false")[0]


@pytest.mark.parametrize("home", HOMES)
def test_ogcapi_dggs_1_core(client: TestClient, home: str) -> None:
    grids = body(client, f"{home}/dggs")
    (grid,) = grids["dggs"]
    assert grid["id"] == "H3" and grid["title"]
    assert {"self", REL + "dggrs-definition"} <= rels(grid).keys()
    description = body(client, rels(grid)["self"])
    assert description["id"] == "H3" and description["description"] and description["crs"]
    assert rels(description)["self"].startswith(f"{BASE}{home}/dggs/H3")
    definition = body(client, rels(description)[REL + "dggrs-definition"])
    assert definition["dggh"] and definition["zirs"] and definition["subZoneOrder"]
    templates = {row["rel"]: row["uriTemplate"] for row in description["linkTemplates"]}
    text = "88309badbbfffff"
    zone = body(client, templates[REL + "dggrs-zone-info"].replace("{zoneId}", text))
    assert zone["id"] == text and zone["level"] == 8
    assert rels(zone)[REL + "dggrs"] == f"{BASE}{home}/dggs/H3?f=json"


def test_ogcapi_dggs_1_root_dggs(client: TestClient) -> None:
    assert rels(body(client, "/"))[REL + "dggrs-list"] == f"{BASE}/dggs?f=json"
    for path in ("/dggs", "/dggs/H3"):
        assert client.get(rels(body(client, path))[REL + "dataset"]).status_code == 200


def test_ogcapi_dggs_1_collection_dggs(client: TestClient) -> None:
    for entry in feature_collections(client):
        href = rels(entry).get(REL + "dggrs-list")
        if href is None:
            continue
        assert (
            rels(body(client, href))[REL + "geodata"] == f"{BASE}/collections/{entry['id']}?f=json"
        )
        assert REL + "geodata" in rels(body(client, f"/collections/{entry['id']}/dggs/H3"))
    assert client.get("/collections/lineage/dggs").status_code == 404, "a register has no places"


@pytest.mark.parametrize("home", HOMES)
def test_ogcapi_dggs_1_zone_query(client: TestClient, home: str) -> None:
    assert REL + "dggrs-zone-query" in rels(body(client, f"{home}/dggs/H3"))
    for level in (3, 6, 8):
        single = listed(client, home, zone_level=level, compact_zones="false")
        assert single and {h3.get_resolution(zone) for zone in single} == {level}
        assert len(set(single)) == len(single)
        compact = listed(client, home, zone_level=level)
        unfolded = [child for zone in compact for child in h3.cell_to_children(zone, level)]
        assert sorted(unfolded) == sorted(single), "the same ground, each piece once"
    parent = h3.cell_to_parent(single[0], 5)
    inside = listed(client, home, zone_level=8, parent_zone=parent, compact_zones="false")
    assert sorted(inside) == sorted(z for z in single if h3.cell_to_parent(z, 5) == parent)
    box = (-75.3, -42.75, -75.0, -42.45)
    wanted = shapely.box(*box)
    expected = sorted(
        zone
        for zone in single
        if shapely.Polygon([(x, y) for y, x in h3.cell_to_boundary(zone)]).intersects(wanted)
    )
    by_box = {"zone_level": 8, "compact_zones": "false"}
    assert listed(client, home, bbox="-75.3,-42.75,-75.0,-42.45", **by_box) == expected
    swapped = {"bbox": "-42.75,-75.3,-42.45,-75.0", "bbox-crs": "EPSG:4326"}
    assert listed(client, home, **swapped, **by_box) == expected
    for subset in ("Lat(-42.75:-42.45),Lon(-75.3:-75.0)", "lat(-42.75:-42.45),long(-75.3:-75)"):
        assert listed(client, home, subset=subset, **by_box) == expected
    apart = [("subset", "Lat(-42.75:-42.45)"), ("subset", "Lon(-75.3:-75.0)"), ("limit", "9999"),
             ("zone-level", "8"), ("compact-zones", "false")]  # fmt: skip
    assert client.get(f"{home}/dggs/H3/zones", params=apart).json()["zones"] == expected
    both = client.get(f"{home}/dggs/H3/zones?bbox=-76,-43,-75,-42&subset=Lat(-43:-42)")
    assert both.status_code == 400
    assert client.get(f"{home}/dggs/H3/zones?subset=depth(1:2)").status_code == 400


def test_a_time_leaves_the_zones_of_its_rows(client: TestClient, store: Store) -> None:
    by = {"zone_level": 8, "compact_zones": "false"}
    everything = listed(client, MARKS, **by)
    days = {
        row["geometry"]["coordinates"][0]: row["properties"]["checked_on"]
        for row in body(client, f"{MARKS}/items?limit=1000")["features"]
    }
    day = sorted(value for value in days.values() if value)[0]
    on_it = listed(client, MARKS, datetime=day, **by)
    assert set(on_it) < set(everything) and on_it
    assert listed(client, MARKS, subset=f'time("{day}":"{day}")', **by) == on_it
    assert listed(client, MARKS, datetime="../..", **by) == everything


@pytest.mark.parametrize("home", HOMES)
def test_ogcapi_dggs_1_zone_json(client: TestClient, home: str) -> None:
    answer = client.get(f"{home}/dggs/H3/zones")
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    assert document["zones"] and document["returnedAreaMetersSquare"] > 0
    seen, url = [], f"{home}/dggs/H3/zones?limit=3&zone-level=8"
    while url:
        page = body(client, url)
        assert len(page["zones"]) <= 3
        seen += page["zones"]
        url = rels(page).get("next", "")
    assert seen == listed(client, home, zone_level=8) and len(seen) == page["numberMatched"]


@pytest.mark.parametrize("home", HOMES)
def test_ogcapi_dggs_1_zone_geojson(client: TestClient, home: str) -> None:
    for accept in ({"Accept": "application/geo+json"}, {}):
        more = "" if accept else "&f=geojson"
        answer = client.get(f"{home}/dggs/H3/zones?zone-level=6{more}", headers=accept)
        assert answer.headers["content-type"] == "application/geo+json"
        for feature in answer.json()["features"]:
            zone = feature["properties"]["zoneID"]
            corners = [(x, y) for y, x in h3.cell_to_boundary(zone)]
            shape = shapely.geometry.shape(feature["geometry"])
            assert shape.hausdorff_distance(shapely.Polygon(corners)) < 1e-3
            assert feature["id"] == zone
    for form, kind in (("zone-centroid", "Point"), ("none", None)):
        page = body(client, f"{home}/dggs/H3/zones?f=geojson&geometry={form}")
        assert {f["geometry"] and f["geometry"]["type"] for f in page["features"]} == {kind}


@pytest.mark.parametrize("home", HOMES)
def test_ogcapi_dggs_1_zone_html(client: TestClient, home: str) -> None:
    answer = client.get(f"{home}/dggs/H3/zones?f=html&zone-level=7")
    assert answer.headers["content-type"].startswith("text/html")
    for zone in listed(client, home, zone_level=7):
        assert zone in answer.text


@pytest.mark.parametrize("home", HOMES)
def test_ogcapi_dggs_1_zone_uint64(client: TestClient, home: str) -> None:
    for answer in (
        client.get(f"{home}/dggs/H3/zones?f=uint64&zone-level=8"),
        client.get(
            f"{home}/dggs/H3/zones?zone-level=8", headers={"Accept": "application/x-binary"}
        ),
    ):
        assert answer.headers["content-type"] == "application/x-binary"
        count, *zones = np.frombuffer(answer.content, "<u8").tolist()
        assert count == len(zones)
        assert [h3.int_to_str(zone) for zone in zones] == listed(client, home, zone_level=8)


@pytest.mark.parametrize("home", HOMES)
def test_ogcapi_dggs_1_data_retrieval(client: TestClient, home: str) -> None:
    description = body(client, f"{home}/dggs/H3")
    assert description["defaultDepth"] == 0
    zone = a_zone(client, home)
    templates = {row["rel"] for row in description["linkTemplates"]}
    assert REL + "dggrs-zone-data" in templates
    info = body(client, f"{home}/dggs/H3/zones/{zone}")
    media = {row["type"] for row in info["links"] if row["rel"] == REL + "dggrs-zone-data"}
    assert media == {"application/geo+json", "application/json", "text/html"}
    for wanted in media:
        answer = client.get(f"{home}/dggs/H3/zones/{zone}/data", headers={"Accept": wanted})
        assert answer.status_code == 200
        assert answer.headers["content-type"].split(";")[0] == wanted


@pytest.mark.parametrize("level", [3, 7, 9, 12])
def test_ogcapi_dggs_1_data_geojson(client: TestClient, city: City, level: int) -> None:
    """Exactly the rows that meet the outline, of every layer, as brute force finds them."""
    some = body(client, f"{MARKS}/items?limit=1")["features"][0]["geometry"]["coordinates"]
    zone = h3.latlng_to_cell(some[1], some[0], level)
    outline = shapely.geometry.shape(body(client, f"/dggs/H3/zones/{zone}")["geometry"])
    found = body(client, f"/dggs/H3/zones/{zone}/data?f=geojson&limit=1000")
    expected = set()
    for entry in feature_collections(client):
        for row in body(client, f"/collections/{entry['id']}/items?limit=1000")["features"]:
            if row["geometry"] and shapely.geometry.shape(row["geometry"]).intersects(outline):
                expected.add((entry["id"], row["id"]))
    assert {(f["featureType"], f["id"]) for f in found["features"]} == expected != set()
    assert found["numberMatched"] == len(expected) == found["numberReturned"]
    one = body(client, f"{MARKS}/dggs/H3/zones/{zone}/data?f=geojson&limit=1000")
    assert {f["id"] for f in one["features"]} == {i for c, i in expected if c == "navigation_mark"}
    few = body(client, f"/dggs/H3/zones/{zone}/data?f=geojson&limit=1")
    assert few["numberMatched"] == len(expected)
    assert few["numberReturned"] == len({c for c, _ in expected})


@pytest.mark.parametrize("home", HOMES)
def test_ogcapi_dggs_1_data_json(client: TestClient, home: str) -> None:
    zone = a_zone(client, home, 6)
    document = body(client, f"{home}/dggs/H3/zones/{zone}/data?f=json&zone-depth=0-2")
    Draft202012Validator(DGGS_JSON).validate(document)
    assert document["zoneId"] == zone and document["depths"] == [0, 1, 2]
    assert document["schema"]["properties"].keys() == document["values"].keys()
    for entries in document["values"].values():
        for entry in entries:
            children = sorted(h3.cell_to_children(zone, 6 + entry["depth"]))
            assert entry["shape"] == {"count": len(children), "subZones": len(children)}
            assert len(entry["data"]) == len(children)


def test_ogcapi_dggs_1_data_custom_depths(client: TestClient) -> None:
    zone = a_zone(client, MARKS, 6)
    url = f"{MARKS}/dggs/H3/zones/{zone}/data?f=json&zone-depth="
    cells = [
        row["properties"]["h3"] for row in body(client, f"{MARKS}/items?limit=1000")["features"]
    ]
    for text, depths in (("0", [0]), ("1", [1]), ("0-3", [0, 1, 2, 3]), ("0,2", [0, 2])):
        document = body(client, url + text)
        assert document["depths"] == depths
        for entry in document["values"]["navigation_mark"]:
            children = sorted(h3.cell_to_children(zone, 6 + entry["depth"]))
            expected = [
                sum(h3.cell_to_parent(cell, 6 + entry["depth"]) == child for cell in cells if cell)
                for child in children
            ]
            assert entry["data"] == expected and sum(expected) > 0
    for wrong in ("", "-1", "9", "3-1", "0-9", "1,,2", "x", "1.5", "٣"):
        assert client.get(url + quote(wrong)).status_code == 400, wrong


def test_ogcapi_dggs_1_data_cql2_filter(client: TestClient) -> None:
    rows = body(client, f"{MARKS}/items?limit=1000")["features"]
    buoy = next(row for row in rows if row["properties"]["kind"] == "buoy")
    zone = h3.cell_to_parent(buoy["properties"]["h3"], 3)
    condition = quote("kind = 'buoy'")
    for home in ("", MARKS):
        url = f"{home}/dggs/H3/zones/{zone}/data?limit=1000"
        everything = body(client, f"{url}&f=geojson")["features"]
        some = body(client, f"{url}&f=geojson&filter={condition}")["features"]
        kept = [f for f in everything if f["properties"].get("kind") == "buoy"]
        assert [f["id"] for f in some] == [f["id"] for f in kept]
        assert buoy["id"] in {f["id"] for f in some} and len(some) < len(everything)
        numbers = body(client, f"{url}&f=json&filter={condition}")["values"]["navigation_mark"]
        whole = body(client, f"{url}&f=json")["values"]["navigation_mark"]
        assert 0 < numbers[0]["data"][0] < whole[0]["data"][0]
    assert client.get(f"{MARKS}/dggs/H3/zones/{zone}/data?filter=nonsense").status_code == 400
    assert REL + "queryables" in rels(body(client, "/collections/navigation_mark"))


def test_ogcapi_dggs_1_zone_query_cql2_filter(client: TestClient) -> None:
    rows = body(client, f"{MARKS}/items?limit=1000")["features"]
    expected = sorted(
        {
            h3.cell_to_parent(row["properties"]["h3"], 7)
            for row in rows
            if row["properties"]["kind"] == "buoy"
        }
    )
    for home in ("", MARKS):
        by = {"zone_level": 7, "compact_zones": "false", "filter": "kind = 'buoy'"}
        assert listed(client, home, **by) == expected


def test_ogcapi_dggs_1_operation_ids(client: TestClient) -> None:
    paths = body(client, "/openapi")["paths"]
    for origin, home in (("dataset", ""), ("collection", "/collections/{collectionId}")):
        for suffix, tail in (
            ("DGGRSList", ""),
            ("DGGRS", "/H3"),
            ("DGGRSZones", "/H3/zones"),
            ("DGGRSZoneInfo", "/H3/zones/{zoneId}"),
            ("DGGRSZoneData", "/H3/zones/{zoneId}/data"),
        ):
            entry = paths[f"{home}/dggs{tail}"]["get"]
            assert entry["operationId"].endswith(f".{origin}.get{suffix}")
