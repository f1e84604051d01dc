"""Writing features over HTTP: whole or not at all, checked, locked by version, history kept."""

from __future__ import annotations

import itertools
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from starlette.testclient import TestClient

from layers.access import LOCAL, Audience
from layers.city import City
from layers.query import Query, Scope
from layers.store import Store, open_store
from ogc_server import PUBLIC, create_app
from tests.ogc_server.conftest import BASE
from tests.postgis import fresh_database

AT = datetime(2026, 1, 1, tzinfo=UTC)
MARKS = "/collections/navigation_mark/items"
SHIPS = "/collections/vessel_registry/items"
# Each town a third of the city from west to east.
TOWNS = ("PS-OH", "PS-LP", "PS-SS")
WEST, EAST = [-75.3, -42.6], [-74.9, -42.6]
JSON = {"Content-Type": "application/geo+json"}
PATCH = {"Content-Type": "application/merge-patch+json"}
CLERK = Audience(
    "clerk", frozenset({"public", "internal"}), Scope(("PS-OH",)), rights=frozenset({"edit"})
)


def mark(place: list[float] | None = None, **properties: Any) -> dict[str, Any]:
    geometry = {"type": "Point", "coordinates": place or WEST}
    return {"type": "Feature", "geometry": geometry, "properties": {"kind": "buoy"} | properties}


@pytest.fixture(scope="session")
def filled(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A filled GeoPackage; each test changes a copy of it."""
    path = tmp_path_factory.mktemp("written") / "city.gpkg"
    store = open_store(str(path), City(tiny_folder))
    fill_towns(store, City(tiny_folder))
    store.close()
    return path


@pytest.fixture(scope="session")
def filled_database(postgis_server: str, tiny_folder: Path) -> Iterator[str]:
    """The same in PostGIS."""
    with fresh_database(postgis_server) as url:
        store = open_store(url, City(tiny_folder))
        fill_towns(store, City(tiny_folder))
        store.close()
        yield url


@pytest.fixture(params=["geopackage", pytest.param("postgis", marks=pytest.mark.postgis)])
def store(request: pytest.FixtureRequest, tiny_folder: Path, tmp_path: Path) -> Iterator[Store]:
    if request.param == "postgis":
        server = request.getfixturevalue("postgis_server")
        template = request.getfixturevalue("filled_database").rpartition("/")[2]
        with fresh_database(server, template) as url:
            opened = open_store(url, City(tiny_folder))
            yield opened
            opened.close()
        return
    copy = tmp_path / "city.gpkg"
    shutil.copy(request.getfixturevalue("filled"), copy)
    opened = open_store(str(copy), City(tiny_folder))
    yield opened
    opened.close()


@pytest.fixture(
    scope="module", params=["geopackage", pytest.param("postgis", marks=pytest.mark.postgis)]
)
def standing(
    request: pytest.FixtureRequest, tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[TestClient, Store]]:
    """A store that no test changes: for what must be refused."""
    city = City(tiny_folder)
    if request.param == "postgis":
        server = request.getfixturevalue("postgis_server")
        template = request.getfixturevalue("filled_database").rpartition("/")[2]
        with fresh_database(server, template) as url:
            store = open_store(url, city)
            yield of(city, store, LOCAL), store
            store.close()
        return
    copy = tmp_path_factory.mktemp("standing") / "city.gpkg"
    shutil.copy(request.getfixturevalue("filled"), copy)
    store = open_store(str(copy), city)
    yield of(city, store, LOCAL), store
    store.close()


def fill_towns(store: Store, city: City) -> None:
    """Each town a third of the city, with a mark and a ship or more."""
    store.create(*city.layers.values())
    west, south, east, north = city.bounds
    edges = np.linspace(west, east, len(TOWNS) + 1)
    boxes = [
        shapely.MultiPolygon([shapely.box(a, south, b, north)])
        for a, b in itertools.pairwise(edges)
    ]
    names = {"code": TOWNS, "name_zh": TOWNS}
    towns = gpd.GeoDataFrame(names, geometry=boxes, crs="EPSG:4326")
    places = [shapely.Point(*WEST), shapely.Point(-75.3000000123456, -42.6), shapely.Point(*EAST)]
    marks = gpd.GeoDataFrame(
        {
            "mark_id": ["a", "b", "c"],
            "kind": "buoy",
            "height_m": [1.0, 2.0, 3.0],
            "lit": [True, None, False],
            "checked_on": [AT.date()] * 3,
        },
        geometry=places,
        crs="EPSG:4326",
    )
    ships = gpd.GeoDataFrame({"registry_id": ["s1", "s2"], "jurisdiction": ["PS-OH", "PS-LP"]})
    with store.transaction() as unit:
        unit.upsert(city.layer("adm_street_town"), towns, at=AT, source="test")
    with store.transaction() as unit:
        unit.upsert(city.layer("navigation_mark"), marks, at=AT, source="test")
        unit.upsert(city.layer("vessel_registry"), ships, at=AT, source="test")


@pytest.fixture
def city(tiny_folder: Path) -> City:
    return City(tiny_folder)


@pytest.fixture
def client(city: City, store: Store) -> TestClient:
    return TestClient(create_app(city, store), base_url=BASE, raise_server_exceptions=False)


def of(city: City, store: Store, audience: Audience) -> TestClient:
    app = create_app(city, store, audience=audience)
    return TestClient(app, base_url=BASE, raise_server_exceptions=False)


def read(client: TestClient, path: str) -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def ids(store: Store, layer: str = "navigation_mark", **conditions: Any) -> list[str]:
    return store.page(Query(layer, **conditions)).fids


def test_a_created_feature_stands_where_the_answer_says(client: TestClient) -> None:
    answer = client.post(MARKS, json=mark(mark_id="d", height_m=7, lit=True), headers=JSON)
    assert answer.status_code == 201 and answer.headers["location"] == f"{BASE}{MARKS}/d"
    feature = read(client, answer.headers["location"])
    assert feature["geometry"]["coordinates"] == WEST
    assert feature["properties"]["height_m"] == 7 and feature["properties"]["lit"] is True
    assert feature["properties"]["jurisdiction"] == "PS-OH"
    assert client.get(answer.headers["location"]).headers["etag"] == answer.headers["etag"]


def test_an_id_may_be_given_outside_of_the_properties_or_not_at_all(client: TestClient) -> None:
    outside = client.post(MARKS, json=mark() | {"id": "e"}, headers=JSON)
    assert outside.headers["location"].endswith("/e")
    new = {client.post(MARKS, json=mark(), headers=JSON).headers["location"] for _ in range(2)}
    assert len(new) == 2
    for url in new:
        assert read(client, url)["id"] == url.rpartition("/")[2]


def test_many_features_are_created_as_one_unit(client: TestClient, store: Store) -> None:
    def collection(*features: dict[str, Any]) -> dict[str, Any]:
        return {"type": "FeatureCollection", "features": list(features)}

    good = [mark(mark_id=f"n{i}") for i in range(5)]
    bad = client.post(MARKS, json=collection(*good, mark(kind="whale")), headers=JSON)
    assert bad.status_code == 422 and "feature 6, kind" in bad.json()["description"]
    assert ids(store) == ["a", "b", "c"]
    answer = client.post(MARKS, json=collection(*good), headers=JSON)
    assert answer.status_code == 201 and len(answer.json()["created"]) == 5
    assert len(ids(store)) == 8


@pytest.mark.parametrize(
    ("feature", "named"),
    [
        (mark(kind="whale"), "kind"),
        (mark(kind=None), "kind"),
        (mark(height_m=101), "height_m"),
        (mark(height_m="high"), "height_m"),
        (mark(checked_on="2020-02-30"), "checked_on"),
        (mark(depth=3), "depth"),
        (mark() | {"geometry": None}, "geometry"),
        (mark() | {"geometry": {"type": "LineString", "coordinates": [WEST, EAST]}}, "geometry"),
        (mark() | {"geometry": {"type": "Point", "coordinates": []}}, "geometry"),
        (mark() | {"geometry": {"type": "Point"}}, "geometry"),
        (mark() | {"geometry": {"type": "Circle", "coordinates": [0, 0]}}, "geometry"),
        (mark([200.0, 95.0]), "geometry"),
        (mark([1e16, 1e16]), "geometry"),
        (mark() | {"properties": [1]}, "properties"),
        (mark() | {"geometry": "POINT(0 0)"}, "geometry"),
    ],
)
def test_what_does_not_meet_the_declaration_is_refused_by_name(
    standing: tuple[TestClient, Store], feature: dict[str, Any], named: str
) -> None:
    client, store = standing
    answer = client.post(MARKS, json=feature, headers=JSON)
    assert answer.status_code == 422, answer.text
    assert named in answer.json()["description"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert ids(store) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{}", {}, 400),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"{", JSON, 400),
        (b"[]", JSON, 400),
        (b"null", JSON, 400),
        (b"\xff\xfe", JSON, 400),
        (b'{"type":"Point"}', JSON, 422),
        (b'{"type":"FeatureCollection","features":[]}', JSON, 400),
        (b'{"type":"FeatureCollection","features":7}', JSON, 400),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, JSON, 400),
        (b'{"type":"Feature","geometry":null,"properties":{"kind":NaN}}', JSON, 400),
        (b'{"type":"Feature"}', JSON | {"Content-Crs": "<http://nowhere>"}, 400),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(
    standing: tuple[TestClient, Store], content: bytes, headers: dict[str, str], status: int
) -> None:
    answer = standing[0].request("POST", MARKS, content=content, headers=headers)
    assert answer.status_code == status, answer.text


def test_a_body_that_is_too_large_is_refused(standing: tuple[TestClient, Store]) -> None:
    client, _ = standing
    answer = client.post(MARKS, content=b" " * (17 * 1024 * 1024), headers=JSON)
    assert answer.status_code == 413
    many = {"type": "FeatureCollection", "features": [{"type": "Feature"}] * 10_001}
    assert client.post(MARKS, json=many, headers=JSON).status_code == 413


def test_coordinates_come_in_the_declared_system(client: TestClient) -> None:
    for code, place in (("4326", WEST[::-1]), ("3857", None), ("32718", None)):
        uri = f"http://www.opengis.net/def/crs/EPSG/0/{code}"
        there = read(client, f"{MARKS}/a?crs={uri}")["geometry"]["coordinates"]
        assert place is None or there == place
        headers = JSON | {"Content-Crs": f"<{uri}>"}
        url = client.post(MARKS, json=mark(there), headers=headers).headers["location"]
        found = read(client, url)["geometry"]["coordinates"]
        assert found == pytest.approx(WEST, abs=1e-7)


def test_an_id_that_is_taken_is_a_conflict(client: TestClient) -> None:
    answer = client.post(MARKS, json=mark(mark_id="a"), headers=JSON)
    assert answer.status_code == 409
    twice = {"type": "FeatureCollection", "features": [mark(mark_id="t"), mark(mark_id="t")]}
    assert client.post(MARKS, json=twice, headers=JSON).status_code == 422


def test_a_replaced_feature_holds_what_was_sent_and_nothing_else(
    client: TestClient, store: Store
) -> None:
    answer = client.put(f"{MARKS}/a", json=mark(EAST, kind="beacon"), headers=JSON)
    assert answer.status_code == 204
    feature = read(client, f"{MARKS}/a")
    assert feature["properties"]["kind"] == "beacon" and feature["geometry"]["coordinates"] == EAST
    assert feature["properties"]["height_m"] is None
    assert feature["properties"]["jurisdiction"] == "PS-SS"
    assert client.put(f"{MARKS}/zz", json=mark(), headers=JSON).status_code == 404
    other = client.put(f"{MARKS}/a", json=mark(mark_id="b"), headers=JSON)
    assert other.status_code == 422 and ids(store) == ["a", "b", "c"]


def test_a_client_may_send_back_all_that_it_read(client: TestClient) -> None:
    feature = read(client, f"{MARKS}/a")
    feature["properties"]["height_m"] = 9
    assert client.put(f"{MARKS}/a", json=feature, headers=JSON).status_code == 204
    assert read(client, f"{MARKS}/a")["properties"]["height_m"] == 9


def test_a_patch_changes_what_it_names_and_leaves_the_rest(
    client: TestClient, store: Store
) -> None:
    before = store.frame(Query("navigation_mark", fids=("b",)))
    change = {"properties": {"height_m": 5, "checked_on": None}}
    assert client.patch(f"{MARKS}/b", json=change, headers=PATCH).status_code == 204
    after = store.frame(Query("navigation_mark", fids=("b",)))
    assert after.height_m[0] == 5 and after.checked_on[0] is None and after.kind[0] == "buoy"
    # Not even by the decimals that are not shown.
    assert after.geometry[0] == before.geometry[0]
    place = {"geometry": {"type": "Point", "coordinates": EAST}}
    assert client.patch(f"{MARKS}/b", json=place, headers=PATCH).status_code == 204
    moved = read(client, f"{MARKS}/b")
    assert moved["geometry"]["coordinates"] == EAST and moved["properties"]["height_m"] == 5
    for wrong in ({"properties": {"kind": None}}, {"geometry": None}, {"properties": {"x": 1}}):
        assert client.patch(f"{MARKS}/b", json=wrong, headers=PATCH).status_code == 422
    renamed = {"properties": {"mark_id": "z"}}
    assert client.patch(f"{MARKS}/b", json=renamed, headers=PATCH).status_code == 422


def test_what_was_before_an_edit_is_history_with_its_author(
    client: TestClient, store: Store
) -> None:
    before = datetime.now(UTC)
    client.patch(f"{MARKS}/a", json={"properties": {"height_m": 5}}, headers=PATCH)
    client.delete(f"{MARKS}/c")
    assert ids(store) == ["a", "b"]
    assert ids(store, as_of=before) == ["a", "b", "c"]
    stood = read(client, f"{MARKS}/a?as_of={before.isoformat().replace('+00:00', 'Z')}")
    assert stood["properties"]["height_m"] == 1
    source = store.frame(Query("navigation_mark", fids=("a",))).source[0]
    (lineage,) = store.frame(Query("lineage", fids=(source,))).to_dict("records")
    assert lineage["feed"] == "edit"
    assert lineage["counts"] == {
        "by": LOCAL.name, "what": "update", "layer": "navigation_mark", "ids": ["a"],
    }  # fmt: skip


def test_a_deleted_feature_is_gone(client: TestClient) -> None:
    assert client.delete(f"{MARKS}/a").status_code == 204
    assert client.get(f"{MARKS}/a").status_code == 404
    assert client.delete(f"{MARKS}/a").status_code == 404
    again = client.post(MARKS, json=mark(mark_id="a"), headers=JSON)
    assert again.status_code == 201


def test_a_version_locks_a_feature_against_changes_in_between(client: TestClient) -> None:
    url = f"{MARKS}/a"
    held = client.get(url).headers["etag"]
    assert held.startswith('"')
    in_metres = client.get(f"{url}?crs=EPSG:3857").headers["etag"]
    assert in_metres != held
    change = {"properties": {"height_m": 5}}

    def patched(condition: str) -> int:
        return client.patch(url, json=change, headers=PATCH | {"If-Match": condition}).status_code

    assert patched('"0"') == 412 and patched("nonsense") == 412
    assert read(client, url)["properties"]["height_m"] == 1
    # A row that was read in another system, or through a proxy that compresses, is the same row.
    assert patched(f'"0", W/{in_metres}') == 204
    assert patched(held) == 412
    assert client.put(url, json=mark(), headers=JSON | {"If-Match": held}).status_code == 412
    assert client.delete(url, headers={"If-Match": held}).status_code == 412
    now = client.get(url).headers["etag"]
    assert now != held
    assert client.put(url, json=mark(), headers=JSON | {"If-None-Match": "*"}).status_code == 412
    answer = client.put(url, json=mark(), headers=JSON | {"If-Match": now})
    assert answer.status_code == 204 and answer.headers["etag"] not in (now, held)
    assert client.delete(url, headers={"If-Match": "*"}).status_code == 204
    assert client.delete(url, headers={"If-Match": "*"}).status_code == 404


def test_of_many_who_change_the_same_version_one_wins(client: TestClient) -> None:
    held = client.get(f"{MARKS}/a").headers["etag"]
    told: list[int] = []

    def change(height: int) -> None:
        headers = PATCH | {"If-Match": held}
        body = {"properties": {"height_m": height}}
        told.append(client.patch(f"{MARKS}/a", json=body, headers=headers).status_code)

    threads = [threading.Thread(target=change, args=(10 + i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [204] + [412] * 7


def test_methods_are_offered_to_those_who_may(city: City, store: Store) -> None:
    def allowed(audience: Audience, path: str) -> str:
        return of(city, store, audience).options(path).headers["allow"]

    assert allowed(LOCAL, MARKS) == "GET, HEAD, OPTIONS, POST"
    assert allowed(LOCAL, f"{MARKS}/a") == "GET, HEAD, OPTIONS, PUT, PATCH, DELETE"
    told = of(city, store, LOCAL).options(f"{MARKS}/a").headers
    assert "application/merge-patch+json" in told["accept-patch"]
    assert "application/geo+json" in of(city, store, LOCAL).options(MARKS).headers["accept-post"]
    for layer in ("alert", "case_event", "case_log", "joint_task", "vessel_track"):
        assert allowed(LOCAL, f"/collections/{layer}/items") == "GET, HEAD, OPTIONS"
    for audience in (PUBLIC, Audience("reader", LOCAL.sensitivities)):
        assert allowed(audience, MARKS) == allowed(audience, f"{MARKS}/a") == "GET, HEAD, OPTIONS"
        client = of(city, store, audience)
        for method, path in (("POST", MARKS), ("PUT", f"{MARKS}/a"), ("PATCH", f"{MARKS}/a")):
            answer = client.request(method, path, json=mark(), headers=JSON)
            assert answer.status_code == 405
        assert client.delete(f"{MARKS}/a").status_code == 405
    hidden = of(city, store, PUBLIC).options("/collections/alert/items")
    assert hidden.status_code == 404


def test_outlines_of_units_are_changed_by_those_who_manage_walls(city: City, store: Store) -> None:
    path = "/collections/adm_street_town/items"
    assert "POST" not in of(city, store, CLERK).options(path).headers["allow"]
    assert "POST" in of(city, store, LOCAL).options(path).headers["allow"]


def test_a_department_edits_its_own_layers(city: City, store: Store) -> None:
    council = Audience(
        "c", LOCAL.sensitivities, departments=frozenset({"council"}), rights=frozenset({"edit"})
    )
    client = of(city, store, council)
    assert "POST" not in client.options(MARKS).headers["allow"]
    assert "POST" in client.options("/collections/shopfront/items").headers["allow"]


def test_nobody_reaches_beyond_his_subtree(city: City, store: Store) -> None:
    clerk = of(city, store, CLERK)
    change = {"properties": {"height_m": 5}}
    for method in ("PUT", "PATCH", "DELETE"):
        body = None if method == "DELETE" else mark() if method == "PUT" else change
        headers = PATCH if method == "PATCH" else JSON
        foreign = clerk.request(method, f"{MARKS}/c", json=body, headers=headers)
        missing = clerk.request(method, f"{MARKS}/zz", json=body, headers=headers)
        assert foreign.status_code == missing.status_code == 404
        assert foreign.text.replace("'c'", "'zz'") == missing.text
    assert clerk.post(MARKS, json=mark(EAST), headers=JSON).status_code == 403
    away = {"geometry": {"type": "Point", "coordinates": EAST}}
    assert clerk.patch(f"{MARKS}/a", json=away, headers=PATCH).status_code == 403
    assert store.frame(Query("navigation_mark", fids=("a",))).geometry[0].x == WEST[0]
    assert clerk.post(MARKS, json=mark(), headers=JSON).status_code == 201
    assert clerk.patch(f"{MARKS}/a", json=change, headers=PATCH).status_code == 204
    assert len(ids(store)) == 4


def test_rows_without_a_place_stay_in_the_unit_they_are_in(city: City, store: Store) -> None:
    clerk = of(city, store, CLERK)
    change = {"properties": {"name_zh": "新名"}}
    assert clerk.patch(f"{SHIPS}/s1", json=change, headers=PATCH).status_code == 204
    assert clerk.patch(f"{SHIPS}/s2", json=change, headers=PATCH).status_code == 404
    new = {"type": "Feature", "geometry": None, "properties": {"registry_id": "s3"}}
    assert clerk.post(SHIPS, json=new, headers=JSON).status_code == 201
    units = store.frame(Query("vessel_registry")).set_index("registry_id").jurisdiction
    assert units.to_dict() == {"s1": "PS-OH", "s2": "PS-LP", "s3": "PS-OH"}
    # What he did is seen by those of his unit, and by the whole city's.
    done = read(clerk, "/collections/lineage/items")
    assert done["numberMatched"] == 2
    away = Audience("other", CLERK.sensitivities, Scope(("PS-LP",)))
    assert read(of(city, store, away), "/collections/lineage/items")["numberMatched"] == 0


def test_an_edit_is_seen_at_once_by_everyone(client: TestClient) -> None:
    first = client.get(MARKS)
    client.post(MARKS, json=mark(mark_id="d"), headers=JSON)
    second = client.get(MARKS, headers={"If-None-Match": first.headers["etag"]})
    assert second.status_code == 200 and second.json()["numberMatched"] == 4


def test_an_edit_never_counts_from_before_what_stood(client: TestClient, store: Store) -> None:
    client.patch(f"{MARKS}/a", json={"properties": {"height_m": 5}}, headers=PATCH)
    rows = store.frame(Query("navigation_mark", fids=("a",)))
    assert rows.valid_from[0] > AT and rows.valid_from[0] <= datetime.now(UTC) + timedelta(1)


def test_the_definition_names_the_operations_of_those_who_may(city: City, store: Store) -> None:
    whole = of(city, store, LOCAL).get("/openapi").json()["paths"]
    assert set(whole[MARKS]) >= {"get", "post"}
    assert set(whole[f"{MARKS}/{{featureId}}"]) >= {"get", "put", "patch", "delete"}
    assert "post" not in whole["/collections/alert/items"]
    public = of(city, store, PUBLIC).get("/openapi").json()["paths"]
    assert "post" not in public[MARKS] and "delete" not in public[f"{MARKS}/{{featureId}}"]
