"""Requests to execute that mean no good: each is refused by name, none makes the server fail."""

from __future__ import annotations

import socket
from typing import Any

import orjson
import pytest
from starlette.testclient import TestClient

from layers.city import City
from layers.query import Query
from layers.store import Store
from tests.ogc_server.conftest import BASE

ECHO = "/processes/echo/execution"
CELLS = "/processes/h3-aggregate/execution"


def post(client: TestClient, path: str, content: bytes, kind: str = "application/json") -> Any:
    return client.post(path, content=content, headers={"Content-Type": kind})


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"12",
        b"\xff\xfe",
        b'{"inputs": NaN}',
        b'{"inputs": []}',
        b'{"inputs": null}',
        b'{"outputs": []}',
        b'{"outputs": {"nothing": {}}}',
        b'{"outputs": {"string_input": 1}}',
        b'{"outputs": {"string_input": {"transmissionMode": "carrier pigeon"}}}',
        b'{"outputs": {"string_input": {"format": {"mediaType": "text/html"}}}}',
        b'{"outputs": {"string_input": {"format": "text/html"}}}',
        b'{"response": "cooked"}',
        b'{"response": {}}',
        b'{"subscriber": {"successUri": "http://169.254.169.254/"}}',
        b'{"surprise": 1}',
        b'{"inputs": {"surprise": 1}}',
        b'{"inputs": {"string_input": 1}}',
        b'{"inputs": {"string_input": ["a"]}}',
        b'{"inputs": {"string_input": {"value": {"value": "a"}}}}',
        b'{"inputs": {"number_input": "1"}}',
        b'{"inputs": {"number_input": true}}',
        b'{"inputs": {"number_input": 1e999}}',
        b'{"inputs": {"integer_input": 1.5}}',
        b'{"inputs": {"integer_input": 123456789012345678901234567890}}',
        b'{"inputs": {"boolean_input": "true"}}',
        b'{"inputs": {"array_input": [1, "2"]}}',
        b'{"inputs": {"array_input": 1}}',
        b'{"inputs": {"several_input": ["1", "2", "3", "4", "5", "6"]}}',
        b'{"inputs": {"formatted_input": {"value": "a", "mediaType": "text/html"}}}',
        b'{"inputs": {"formatted_input": {"type": "wrong/type"}}}',
        b'{"inputs": {"bbox_input": [1, 2, 3, 4]}}',
        b'{"inputs": {"bbox_input": {"bbox": [1, 2, 3]}}}',
        b'{"inputs": {"bbox_input": {"bbox": [1, 2, 3, "4"]}}}',
        b'{"inputs": {"bbox_input": {"bbox": [1, 2, 3, 4], "crs": "EPSG:1"}}}',
        b'{"inputs": {"bbox_input": {"bbox": [1, 2, 3, 4], "crs": {}}}}',
        b'{"inputs": {"pause": -1}}',
        b'{"inputs": {"pause": 1000000000}}',
        b"{" + b'"inputs": {"object_input": ' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}}",
        b"[" * 100_000,
        b'{"inputs": {"string_input": "' + b"a" * 20_000 + b'"}}',
    ],
    ids=lambda content: content[:40].decode("latin-1"),
)
def test_bodies_that_do_not_fit(client: TestClient, content: bytes) -> None:
    answer = post(client, ECHO, content)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/json"
    refused = answer.json()
    assert refused["status"] == 400 and refused["type"] and len(refused["detail"]) < 1500


def test_large_bodies_are_not_read_to_their_end(client: TestClient) -> None:
    content = orjson.dumps({"inputs": {"string_input": "a" * 10_000_000}})
    answer = post(client, ECHO, content)
    assert answer.status_code == 413 and "1,048,576" in answer.json()["detail"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "text/html"])
def test_only_json_is_executed(client: TestClient, kind: str) -> None:
    assert post(client, ECHO, b'{"inputs": {"string_input": "a"}}', kind).status_code == 415


def test_pages_of_other_sites_execute_nothing(client: TestClient) -> None:
    headers = {"Origin": "https://evil.example", "Content-Type": "application/json"}
    assert client.post(ECHO, content=b"{}", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "href",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:22/",
        "http://localhost:5000/collections/ferry",
        "file:///etc/passwd",
        "/etc/passwd",
        "../../etc/passwd",
        "gopher://127.0.0.1:6379/_SET",
        f"{BASE}@evil.example/collections/ferry",
        f"{BASE}.evil.example/collections/ferry",
        f"{BASE}/collections/ferry/../../jobs",
        f"{BASE}/collections/..%2f..%2fjobs",
        f"{BASE}/collections/ferry?f=html",
        f"{BASE}/collections/ferry#x",
        f"{BASE}/collections/",
        f"{BASE}/jobs",
        "",
        None,
        17,
        ["http://127.0.0.1/"],
    ],
)
def test_nothing_is_fetched_for_a_client(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, href: Any
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("something was fetched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    inputs = {"collection": {"href": href}, "resolution": 5}
    answer = client.post(CELLS, json={"inputs": inputs})
    assert answer.status_code == 400 and "collection" in answer.json()["detail"]
    answer = client.post(ECHO, json={"inputs": {"object_input": {"href": href}}})
    assert answer.status_code == 400 and "by value" in answer.json()["detail"]


@pytest.mark.parametrize(
    "text",
    [
        "1=1; DROP TABLE ferry; --",
        "length_m > 1) OR (1=1",
        "gid > 0",
        "jurisdiction LIKE '%' OR source IS NOT NULL",
        "'" * 1000,
        "(" * 5000,
        "length_m = " + "1+" * 3000 + "1",
        "S_INTERSECTS(geometry, POINT(NaN NaN))",
        "load_extension('x')",
    ],
)
def test_filters_are_no_way_into_the_database(
    client: TestClient, city: City, store: Store, text: str
) -> None:
    inputs = {"collection": "ferry", "resolution": 5, "filter": text}
    answer = client.post(CELLS, json={"inputs": inputs})
    assert answer.status_code == 400, answer.text
    assert store.count(Query("ferry")) > 0


@pytest.mark.parametrize(
    "path",
    [
        "/processes/../jobs/execution",
        "/processes/%2e%2e/execution",
        "/processes/echo%00/execution",
        "/processes/" + "a" * 5000 + "/execution",
        "/processes/<script>alert(1)</script>/execution",
        "/processes/'; DROP TABLE ferry/execution",
    ],
)
def test_names_of_processes_are_only_looked_up(client: TestClient, path: str) -> None:
    answer = client.post(path, json={})
    assert answer.status_code in (404, 405) and "<script>" not in answer.text[:0] + (
        answer.text if "html" in answer.headers["content-type"] else ""
    )


@pytest.mark.parametrize(
    "key",
    ["x", "..%2f..%2fetc%2fpasswd", "00000000-0000-0000-0000-000000000000", "%00", "' OR 1=1 --"],
)
def test_ids_of_jobs_are_only_looked_up(client: TestClient, key: str) -> None:
    for path in ("", "/results", "/results/x"):
        assert client.get(f"/jobs/{key}{path}").status_code == 404
    assert client.delete(f"/jobs/{key}").status_code == 404


def test_a_result_is_never_a_page(client: TestClient) -> None:
    script = "<script>alert(1)</script>"
    wanted = {"inputs": {"string_input": script}, "outputs": {"string_input": {}}}
    answer = client.post(ECHO, json=wanted)
    assert answer.text == script and answer.headers["content-type"].startswith("text/plain")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_methods_that_are_not_offered(client: TestClient) -> None:
    assert client.get(ECHO).status_code == 405
    assert client.post("/jobs").status_code == 405
    assert client.put("/processes/echo").status_code == 405
    for path in ("/processes", "/processes/echo", "/jobs"):
        assert client.get(f"{path}?surprise=1").status_code == 400
