"""Features Part 4: one test for each class that is claimed, after its abstract test suite."""

from __future__ import annotations

from tests.ogc_server import test_transactions as written
from tests.ogc_server.test_transactions import (
    BASE,
    JSON,
    MARKS,
    PATCH,
    TestClient,
    city,
    client,
    filled,
    filled_database,
    mark,
    read,
    store,
)

__all__ = ["city", "client", "filled", "filled_database", "store"]


def test_ogcapi_features_4_create_replace_delete(client: TestClient) -> None:
    for path, method in ((MARKS, "POST"), (f"{MARKS}/a", "PUT"), (f"{MARKS}/a", "DELETE")):
        answer = client.options(path)
        assert answer.status_code == 200 and method in answer.headers["allow"]
    new = client.post(MARKS, json=mark(mark_id="d"), headers=JSON)
    assert new.status_code == 201 and client.get(new.headers["location"]).status_code == 200
    for method, path in (("POST", MARKS), ("PUT", f"{MARKS}/a")):
        assert client.request(method, path, content=b"{}").status_code == 400
    assert client.put(f"{MARKS}/a", json=mark(kind="beacon"), headers=JSON).status_code == 204
    assert read(client, f"{MARKS}/a")["properties"]["kind"] == "beacon"
    for headers in (JSON, JSON | {"If-Match": '"xyz"'}):
        assert client.put(f"{MARKS}/none", json=mark(), headers=headers).status_code == 404
    assert client.delete(f"{MARKS}/a").status_code == 204
    assert client.get(f"{MARKS}/a").status_code == 404


def test_ogcapi_features_4_update(client: TestClient) -> None:
    told = client.options(f"{MARKS}/a").headers
    assert "PATCH" in told["allow"] and told["accept-patch"]
    before = read(client, f"{MARKS}/a")
    change = {"properties": {"height_m": 8}}
    assert client.patch(f"{MARKS}/a", json=change, headers=PATCH).status_code == 204
    after = read(client, f"{MARKS}/a")
    assert after["properties"].pop("height_m") == 8 and before["properties"].pop("height_m") == 1
    assert after["properties"] == before["properties"]
    assert after["geometry"] == before["geometry"]
    assert client.request("PATCH", f"{MARKS}/a", content=b"{}").status_code == 400


def test_ogcapi_features_4_optimistic_locking_etags(client: TestClient) -> None:
    written.test_a_version_locks_a_feature_against_changes_in_between(client)


def test_ogcapi_features_4_features(client: TestClient) -> None:
    written.test_coordinates_come_in_the_declared_system(client)
    uri = "http://www.opengis.net/def/crs/EPSG/0/28992"
    headers = JSON | {"Content-Crs": f"<{uri}>"}
    assert client.post(MARKS, json=mark(), headers=headers).status_code == 400
    schema = read(client, "/collections/navigation_mark/schema")
    assert schema["additionalProperties"] is False
    assert client.post(MARKS, json=mark(extra=1), headers=JSON).status_code == 422
    other = client.put(f"{MARKS}/a", json=mark() | {"id": "zz"}, headers=JSON)
    assert other.status_code == 422 and client.get(f"{MARKS}/zz").status_code == 404
    assert BASE in client.post(MARKS, json=mark(), headers=JSON).headers["location"]
