"""Items: what comes back for which parameters."""

from __future__ import annotations

import gzip
from typing import Any
from urllib.parse import quote

import pytest
import shapely
from starlette.testclient import TestClient

from layers.city import City
from layers.query import Query
from layers.store import Store
from tests.ogc_server.conftest import BASE, EMPTY, ROWS

MARKS = "/collections/navigation_mark/items"


def get(client: TestClient, url: str, status: int = 200) -> dict[str, Any]:
    answer = client.get(url)
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


def ids(document: dict[str, Any]) -> list[str]:
    return [feature["id"] for feature in document["features"]]


def links(document: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {link["rel"]: link for link in document["links"]}


def test_a_page_says_what_it_is(client: TestClient) -> None:
    answer = client.get(f"{MARKS}?limit=10")
    document = answer.json()
    assert answer.headers["content-type"] == "application/geo+json"
    assert document["type"] == "FeatureCollection"
    assert (document["numberMatched"], document["numberReturned"]) == (ROWS, 10)
    assert document["timeStamp"].endswith("Z")
    assert {"self", "alternate", "next", "collection"} <= set(links(document))
    assert all(link["href"].startswith(BASE) for link in document["links"])


def test_following_next_meets_every_row_once(client: TestClient) -> None:
    seen: list[str] = []
    url: str | None = f"{MARKS}?limit=7"
    while url:
        document = get(client, url)
        seen += ids(document)
        url = links(document).get("next", {}).get("href")
    assert len(seen) == len(set(seen)) == ROWS


def test_the_last_page_has_no_next_even_if_it_is_full(client: TestClient) -> None:
    assert "next" not in links(get(client, f"{MARKS}?limit={ROWS}"))


def test_a_next_link_carries_a_number_for_clients_that_page_by_number(client: TestClient) -> None:
    href = links(get(client, f"{MARKS}?limit=7"))["next"]["href"]
    assert "offset=7" in href and "after=" in href
    by_number = get(client, f"{MARKS}?limit=7&offset=7")
    assert ids(by_number) == ids(get(client, href))
    assert "prev" in links(by_number)


@pytest.mark.parametrize("order", ["kind,-height_m", "-checked_on", "lit"])
def test_paging_by_key_goes_in_the_order_asked_for(client: TestClient, order: str) -> None:
    whole = ids(get(client, f"{MARKS}?sortby={order}"))
    paged: list[str] = []
    url: str | None = f"{MARKS}?limit=4&sortby={order}"
    while url:
        document = get(client, url)
        paged += ids(document)
        url = links(document).get("next", {}).get("href")
    assert paged == whole and len(whole) == ROWS


def test_a_long_answer_is_streamed_and_the_same(client: TestClient) -> None:
    short, long = get(client, f"{MARKS}?limit=2000"), get(client, f"{MARKS}?limit=2001")
    for document in (short, long):
        for member in ("timeStamp", "links"):
            del document[member]
    assert short == long


def test_a_limit_above_the_maximum_is_taken_as_the_maximum(client: TestClient) -> None:
    assert get(client, f"{MARKS}?limit=99999999")["numberReturned"] == ROWS


def test_bbox_keeps_what_meets_it(client: TestClient, store: Store) -> None:
    box = (-75.2, -42.7, -75.0, -42.5)
    expected = set(store.page(Query("navigation_mark", bbox=box)).fids)
    document = get(client, f"{MARKS}?bbox={','.join(map(str, box))}")
    assert set(ids(document)) == expected and 0 < len(expected) < ROWS
    assert document["numberMatched"] == len(expected)


def test_bbox_with_heights_leaves_them_aside(client: TestClient) -> None:
    flat = get(client, f"{MARKS}?bbox=-75.2,-42.7,-75.0,-42.5")
    assert ids(get(client, f"{MARKS}?bbox=-75.2,-42.7,0,-75.0,-42.5,9")) == ids(flat)


@pytest.mark.parametrize(
    "span",
    ["2020-07-05/2020-07-20", "2020-07-05T00:00:00Z/2020-07-20T23:59:59Z"],
)
def test_datetime_keeps_what_falls_within(client: TestClient, span: str) -> None:
    document = get(client, f"{MARKS}?datetime={span}")
    days = [feature["properties"]["checked_on"] for feature in document["features"]]
    assert days and all("2020-07-05" <= day <= "2020-07-20" for day in days if day)
    assert len(days) < ROWS


@pytest.mark.parametrize(
    "span",
    ["../..", "/", "../2021-01-01", "0000-01-01T00:00:00Z/9999-12-31T23:59:59Z", "2019-01-01/.."],
)
def test_open_ends_of_time_as_clients_write_them(client: TestClient, span: str) -> None:
    timed = get(client, f"{MARKS}?datetime={span}")["numberMatched"]
    assert timed >= ROWS * 0.8


def test_datetime_keeps_features_whose_time_is_unknown(client: TestClient) -> None:
    document = get(client, f"{MARKS}?datetime=1999-01-01&limit=1000")
    days = [feature["properties"]["checked_on"] for feature in document["features"]]
    assert days and set(days) == {None}


def test_datetime_does_not_choose_among_timeless_features(client: TestClient) -> None:
    assert get(client, "/collections/ferry/items?datetime=1999-01-01")["numberMatched"] == ROWS


def test_properties_and_skip_geometry_make_a_light_answer(client: TestClient) -> None:
    feature = get(client, f"{MARKS}?properties=kind&skipGeometry=true")["features"][0]
    assert list(feature["properties"]) == ["kind"] and feature["geometry"] is None


def test_a_property_filters_by_equality(client: TestClient) -> None:
    buoys = get(client, f"{MARKS}?kind=buoy")
    assert {feature["properties"]["kind"] for feature in buoys["features"]} == {"buoy"}
    lit = get(client, f"{MARKS}?lit=true&kind=buoy")
    assert 0 < lit["numberMatched"] < buoys["numberMatched"]


def test_text_from_outside_stays_a_value(client: TestClient) -> None:
    name = quote("'; DROP TABLE x; --")
    found = get(client, f"/collections/vessel_registry/items?name_zh={name}")
    assert all(f["properties"]["name_zh"].startswith("'; DROP") for f in found["features"])
    assert get(client, "/collections/vessel_registry/items")["numberMatched"] == ROWS


def test_hits_counts_without_rows(client: TestClient) -> None:
    document = get(client, f"{MARKS}?resulttype=hits&kind=buoy")
    assert document["features"] == [] and document["numberReturned"] == 0
    assert document["numberMatched"] == get(client, f"{MARKS}?kind=buoy")["numberMatched"]


def test_cells_of_any_coarser_size_choose_rows(client: TestClient, store: Store) -> None:
    from layers.h3grid import cells_of_points, format_cell

    cell = int(cells_of_points([-75.1], [-42.6], 4)[0])
    expected = set(store.page(Query("navigation_mark", cells=(cell,))).fids)
    assert set(ids(get(client, f"{MARKS}?cells={format_cell(cell)}"))) == expected != set()


def test_as_of_before_the_first_write_is_empty(client: TestClient) -> None:
    assert get(client, f"{MARKS}?as_of=2001-01-01T00:00:00Z")["numberMatched"] == 0
    assert get(client, f"{MARKS}?as_of=2026-06-01T00:00:00Z")["numberMatched"] == ROWS


def test_a_register_has_null_geometry(client: TestClient) -> None:
    document = get(client, "/collections/vessel_registry/items?bbox=0,0,1,1")
    assert document["numberMatched"] == ROWS
    assert all(feature["geometry"] is None for feature in document["features"])


def test_an_empty_layer_is_an_empty_collection(client: TestClient) -> None:
    document = get(client, f"/collections/{EMPTY}/items")
    assert document["features"] == [] and document["numberMatched"] == 0
    assert "next" not in links(document)


def test_one_item(client: TestClient) -> None:
    answer = client.get(f"{MARKS}/navigation_mark-000003")
    feature = answer.json()
    assert answer.headers["content-type"] == "application/geo+json"
    assert (feature["type"], feature["id"]) == ("Feature", "navigation_mark-000003")
    assert {"self", "collection"} <= set(links(feature))
    assert client.get(f"{MARKS}/nothing").status_code == 404


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("offset=-1", "offset"),
        ("offset=1e3", "offset"),
        ("bbox=1,2,3", "bbox"),
        ("bbox=1,2,3,north", "bbox"),
        ("bbox=nan,0,1,1", "bbox"),
        ("bbox=0,10,1,-10", "bbox"),
        ("bbox-crs=EPSG:4326", "bbox-crs"),
        ("bbox=0,0,1,1&bbox-crs=EPSG:9999", "bbox-crs"),
        ("crs=http://example.org/crs", "crs"),
        ("datetime=yesterday", "datetime"),
        ("datetime=2020-02-30", "datetime"),
        ("datetime=2021-01-01/2020-01-01", "datetime"),
        ("datetime=a/b/c", "datetime"),
        ("properties=nothing", "properties"),
        ("sortby=nothing", "sortby"),
        ("skipGeometry=perhaps", "skipGeometry"),
        ("resulttype=some", "resulttype"),
        ("filter=kind%20=", "filter"),
        ("filter=nothing%20=%201", "filter"),
        ("filter-lang=cql2-text", "filter-lang"),
        ("filter=kind='buoy'&filter-lang=sql", "filter-lang"),
        ("filter={&filter-lang=cql2-json", "filter"),
        ("cells=zz", "cells"),
        ("as_of=never", "as_of"),
        ("after=%21%21", "after"),
        ("height_m=tall", "height_m"),
        ("f=shapefile", "f"),
        ("nothing=1", "nothing"),
        ("limit=1&limit=2", "limit"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(client: TestClient, query: str, name: str) -> None:
    answer = client.get(f"{MARKS}?{query}")
    assert answer.status_code == 400, answer.text
    problem = answer.json()
    assert problem["parameter"] == name and problem["code"] == "InvalidParameterValue"
    assert problem["description"]


def test_an_unknown_collection_is_not_found(client: TestClient) -> None:
    for path in ("", "/items", "/items/1", "/queryables", "/schema"):
        answer = client.get(f"/collections/nothing{path}")
        assert answer.status_code == 404 and answer.json()["code"] == "NotFound"


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:4490", "EPSG:3857", "EPSG:32718"])
def test_rows_in_another_system_are_the_same_places(client: TestClient, crs: str) -> None:
    from pyproj import Transformer

    uri = f"http://www.opengis.net/def/crs/EPSG/0/{crs.split(':')[1]}"
    answer = client.get(f"{MARKS}?crs={uri}&limit=5")
    assert answer.headers["content-crs"] == f"<{uri}>"
    # The authority's own axis order, as PROJ knows it.
    own = Transformer.from_crs("OGC:CRS84", crs)
    plain = get(client, f"{MARKS}?limit=5")["features"]
    for there, here in zip(answer.json()["features"], plain, strict=True):
        expected = own.transform(*here["geometry"]["coordinates"])
        assert there["geometry"]["coordinates"] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:4490", "EPSG:3857", "EPSG:32718"])
def test_a_box_in_another_system_finds_the_same_rows(client: TestClient, crs: str) -> None:
    from pyproj import Transformer

    own = Transformer.from_crs("OGC:CRS84", crs)
    corners = [*own.transform(-75.25, -42.72), *own.transform(-75.0, -42.5)]
    found = ids(get(client, f"{MARKS}?bbox-crs={crs}&bbox={','.join(map(repr, corners))}"))
    plain = ids(get(client, f"{MARKS}?bbox=-75.25,-42.72,-75.0,-42.5"))
    # The edges of a projected box bend in degrees, so it may hold a little more.
    assert set(plain) <= set(found) and len(found) <= len(plain) + 2


def test_every_geometry_is_what_the_store_holds(
    client: TestClient, city: City, store: Store
) -> None:
    for spec in city.layers.values():
        if spec.sensitivity == "personal":
            continue
        frame = store.frame(Query(spec.id)).set_index("fid")
        for feature in get(client, f"/collections/{spec.id}/items")["features"]:
            kept = frame.geometry[feature["id"]]
            if kept is None:
                assert feature["geometry"] is None
                continue
            sent = shapely.geometry.shape(feature["geometry"])
            assert shapely.hausdorff_distance(sent, kept) < 1e-6


def test_an_unchanged_layer_is_not_sent_again(client: TestClient) -> None:
    first = client.get(f"{MARKS}?limit=3")
    again = client.get(f"{MARKS}?limit=3", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304 and not again.content
    other = client.get(f"{MARKS}?limit=4", headers={"If-None-Match": first.headers["etag"]})
    assert other.status_code == 200


def test_answers_are_compressed_for_those_who_can_read_it(client: TestClient) -> None:
    with client.stream("GET", MARKS, headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert b"FeatureCollection" in gzip.decompress(b"".join(answer.iter_raw()))
    plain = client.get(MARKS, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers


def test_of_what_the_platform_writes_only_reading_is_offered(client: TestClient) -> None:
    alerts = "/collections/alert/items"
    for path in (alerts, f"{alerts}/alert-000003"):
        assert client.options(path).headers["allow"] == "GET, HEAD, OPTIONS"
        head = client.head(path)
        assert head.status_code == 200 and not head.content
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert client.request(method, path, content=b"{}").status_code == 405


@pytest.mark.parametrize(
    ("query", "parameter"), [("kind=%20", "kind"), ("kind=balloon", "kind"), ("sortby=", "sortby")]
)
def test_a_value_that_can_be_no_row_is_refused(
    client: TestClient, query: str, parameter: str
) -> None:
    answer = client.get(f"{MARKS}?{query}")
    assert answer.status_code == 400 and answer.json()["parameter"] == parameter


@pytest.mark.parametrize("query", ["kind=", "offset=9999", "resulttype=hits", "bbox=1,1,2,2"])
def test_json_ld_without_rows_is_json(client: TestClient, query: str) -> None:
    answer = client.get(f"{MARKS}?f=jsonld&{query}")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/ld+json"
    assert answer.json()["type"] == "FeatureCollection"
