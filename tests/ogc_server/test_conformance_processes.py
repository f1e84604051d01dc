"""One test for each conformance class of OGC API – Processes that the server claims."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from email import message_from_bytes
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from starlette.applications import Starlette
from starlette.testclient import TestClient

from analytics.algorithms import discover
from layers.city import City
from layers.store import Store
from ogc_server import create_app
from ogc_server.processes.pool import Pool
from tests.ogc_server.conftest import BASE
from tests.ogc_server.runs import ByHand, Clock

ECHO = "/processes/echo/execution"
EXCEPTIONS = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
STATUSES = ("accepted", "running", "successful", "failed", "dismissed")
ASYNC = {"Prefer": "respond-async"}


@pytest.fixture
def hand() -> ByHand:
    return ByHand()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(city: City, store: Store, hand: ByHand, clock: Clock) -> Iterator[Starlette]:
    """A server whose jobs run when the test says so."""
    made = create_app(city, store)
    made.state.runs = Pool(made.state.catalogues, clock=clock, executor=hand)
    yield made
    records = made.state.runs.records
    records.remove([record.id for record in records.all()])


@pytest.fixture
def jobs(app: Starlette) -> TestClient:
    return TestClient(app, base_url=BASE, raise_server_exceptions=False)


def body(client: TestClient, url: str, **headers: str) -> dict[str, Any]:
    answer = client.get(url, headers=headers)
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


def rels(document: dict[str, Any]) -> dict[str, str]:
    """Address of each relation's JSON document, or of whatever there is."""
    ordered = sorted(document["links"], key=lambda row: "json" in row["type"])
    return {row["rel"]: row["href"] for row in ordered}


def submitted(client: TestClient, process: str = "echo", **wanted: Any) -> str:
    """Submit a job; its address."""
    wanted.setdefault("inputs", {"string_input": "hello"})
    answer = client.post(f"/processes/{process}/execution", json=wanted, headers=ASYNC)
    assert answer.status_code == 201, answer.text
    assert answer.headers["preference-applied"] == "respond-async"
    place: str = answer.headers["location"]
    return place


def test_ogcapi_processes_1_core(client: TestClient, jobs: TestClient, hand: ByHand) -> None:
    links = rels(body(client, "/"))
    listed = body(client, links["http://www.opengis.net/def/rel/ogc/1.0/processes"])
    names = [one["id"] for one in listed["processes"]]
    assert {"echo", "h3-aggregate"} <= set(names) and names == sorted(names)
    first = body(client, "/processes?limit=1")
    assert len(first["processes"]) == 1
    assert body(client, rels(first)["next"])["processes"][0]["id"] == names[1]
    for name in names:
        assert body(client, f"/processes/{name}")["id"] == name
    refused_as_the_standard_says(client)
    inputs_by_value_and_by_reference(client)
    outputs_as_they_are_wanted(client)
    runs_in_the_background(jobs, hand)


def refused_as_the_standard_says(client: TestClient) -> None:
    for path in (
        "/processes/nothing",
        "/jobs/nothing",
        f"/jobs/{'0' * 8}-0000-0000-0000-{'0' * 12}",
    ):
        answer = client.get(path)
        kind = "no-such-process" if "processes" in path else "no-such-job"
        assert answer.status_code == 404 and answer.json()["type"] == EXCEPTIONS + kind
        assert answer.headers["content-type"] == "application/json"
    assert client.get("/jobs/nothing/results").json()["type"] == EXCEPTIONS + "no-such-job"
    answer = client.post("/processes/nothing/execution", json={})
    assert answer.json()["type"] == EXCEPTIONS + "no-such-process"


def echoed(client: TestClient, value: Any, name: str) -> Any:
    wanted = {"inputs": {name: value}, "outputs": {name: {}}, "response": "document"}
    answer = client.post(ECHO, json=wanted)
    assert answer.status_code == 200, answer.text
    return answer.json()[name]


def inputs_by_value_and_by_reference(client: TestClient) -> None:
    """7.11.2: plain, qualified, mixed, binary, several, boxes, and layers by their address."""
    assert echoed(client, "plain", "string_input") == "plain"
    assert echoed(client, {"value": "qualified"}, "string_input") == "qualified"
    assert echoed(client, [1, 2, 3], "array_input") == [1, 2, 3]
    assert echoed(client, ["a", {"value": "b"}], "several_input") == ["a", "b"]
    assert echoed(client, "alone", "several_input") == ["alone"]
    assert echoed(client, {"value": {"a": 1}}, "object_input")["value"] == {"a": 1}
    assert echoed(client, {"value": "a text"}, "object_input") == "a text"
    binary = {"value": "aGVsbG8=", "encoding": "base64", "mediaType": "application/octet-stream"}
    assert echoed(client, binary, "binary_input") == "aGVsbG8="
    box = {"bbox": [51.9, 7, 52, 7.1], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}
    assert echoed(client, box, "bbox_input") == box
    turned = {"bbox": [7, 51.9, 7.1, 52], "crs": "http://www.opengis.net/def/crs/EPSG/0/4326"}
    assert echoed(client, turned, "bbox_input") == box
    by_value, by_reference = (
        client.post(
            "/processes/h3-aggregate/execution",
            json={"inputs": {"collection": layer, "resolution": 5}},
        ).json()["features"]
        for layer in ("ferry", {"href": f"{BASE}/collections/ferry"})
    )
    assert by_value == by_reference != []


def outputs_as_they_are_wanted(client: TestClient) -> None:
    """7.11.4: one raw value, several parts, a document, references."""
    wanted = {"inputs": {"string_input": "静港", "array_input": [1]}}
    one = client.post(ECHO, json=wanted | {"outputs": {"string_input": {}}})
    assert one.status_code == 200 and one.text == "静港"
    assert one.headers["content-type"] == "text/plain; charset=utf-8"
    parts = client.post(ECHO, json=wanted)
    kind = parts.headers["content-type"]
    assert kind.startswith("multipart/related")
    message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + parts.content)
    found = {part["Content-ID"]: part.get_payload(decode=True) for part in message.get_payload()}  # type: ignore[union-attr]
    assert found == {"<string_input>": "静港".encode(), "<array_input>": b"[1]"}
    as_document = client.post(ECHO, json=wanted | {"response": "document"})
    assert as_document.json() == {"string_input": "静港", "array_input": [1]}
    only_json = client.post(ECHO, json=wanted, headers={"Accept": "application/json"})
    assert only_json.json() == as_document.json()
    referred = client.post(
        ECHO,
        json=wanted | {"outputs": {"array_input": {"transmissionMode": "reference"}}},
    )
    assert referred.status_code == 204 and referred.content == b""
    assert referred.links["item"]["title"] == "array_input"
    assert client.get(referred.links["item"]["url"]).json() == [1]
    assert body(client, referred.links["monitor"]["url"])["status"] == "successful"
    mixed = {"array_input": {"transmissionMode": "reference"}, "string_input": {}}
    both = client.post(ECHO, json=wanted | {"outputs": mixed, "response": "document"}).json()
    assert client.get(both["array_input"]["href"]).json() == [1]
    assert both["string_input"] == "静港"


def runs_in_the_background(jobs: TestClient, hand: ByHand) -> None:
    place = submitted(jobs, outputs={"string_input": {}})
    status = body(jobs, place)
    assert (status["status"], status["progress"]) == ("accepted", 0)
    waiting = jobs.get(f"{place}/results")
    assert waiting.status_code == 404
    assert waiting.json()["type"] == EXCEPTIONS + "result-not-ready"
    hand.step()
    status = body(jobs, place)
    assert (status["status"], status["progress"]) == ("successful", 100)
    assert status["processVersion"] == "1.0.0" and status["inputs"]["string_input"] == "hello"
    results = rels(status)["http://www.opengis.net/def/rel/ogc/1.0/results"]
    assert jobs.get(results).text == "hello" == jobs.get(f"{results}/string_input").text
    assert jobs.get(f"{results}/nothing").status_code == 404
    # What is refused when it runs is told as the reason of the failure.
    place = submitted(jobs, "h3-aggregate", inputs={"collection": "nothing", "resolution": 5})
    hand.step()
    assert body(jobs, place)["status"] == "failed"
    answer = jobs.get(f"{place}/results")
    assert answer.status_code == 400 and "no layer 'nothing'" in answer.json()["detail"]


def test_ogcapi_processes_1_ogc_process_description(client: TestClient) -> None:
    for one in body(client, "/processes?limit=1000")["processes"]:
        described = body(client, f"/processes/{one['id']}")
        assert {"sync-execute", "async-execute", "dismiss"} == set(described["jobControlOptions"])
        assert set(described["outputTransmission"]) == {"value", "reference"}
        assert described["version"].count(".") == 2 and described["outputs"]
        for name, entry in described["inputs"].items():
            assert entry["title"] and 0 <= entry["minOccurs"] <= 1 <= entry["maxOccurs"], name
            assert entry["schema"].get("type") != "null" and "anyOf" not in entry["schema"]
            Draft202012Validator.check_schema(entry["schema"] | {"exclusiveMinimum": 0})
        for entry in described["outputs"].values():
            assert entry["title"] and entry["schema"]
    inputs = body(client, "/processes/h3-aggregate")["inputs"]
    assert (inputs["collection"]["minOccurs"], inputs["bbox"]["minOccurs"]) == (1, 0)
    assert inputs["statistics"]["maxOccurs"] == 5
    assert inputs["resolution"]["schema"] == {"type": "integer", "minimum": 0, "maximum": 15}
    assert inputs["bbox"]["schema"]["allOf"][0] == {"format": "ogc-bbox"}


def test_ogcapi_processes_1_json(client: TestClient, jobs: TestClient) -> None:
    place = submitted(jobs)
    for url in ("/processes", "/processes/echo", "/jobs", place):
        answer = jobs.get(url, headers={"Accept": "application/json"})
        assert answer.headers["content-type"] == "application/json" and answer.json()


def test_ogcapi_processes_1_html(jobs: TestClient, hand: ByHand) -> None:
    place = submitted(jobs)
    waiting = jobs.get(f"{place}?f=html").text
    assert '<progress max="100" value="0">' in waiting and 'http-equiv="refresh"' in waiting
    hand.step()
    for url in ("/processes", "/processes/echo", "/jobs", place, f"{place}/results"):
        for language in ("en", "zh"):
            headers = {"Accept": "text/html", "Accept-Language": language}
            answer = jobs.get(url, headers=headers)
            assert answer.status_code == 200 and answer.text.startswith("<!doctype html>"), url
            assert answer.headers["content-language"] == language
    assert 'http-equiv="refresh"' not in jobs.get(f"{place}?f=html").text
    missing = jobs.get("/processes/nothing", headers={"Accept": "text/html"})
    assert missing.status_code == 404 and missing.text.startswith("<!doctype html>")


def test_the_request_to_begin_with_fits(client: TestClient, shown: TestClient) -> None:
    for algorithm in discover().values():
        for server in (client, shown):
            page = html.unescape(server.get(f"/processes/{algorithm.id}?f=html").text)
            request = json.loads(re.search(r"-d '(\{.*\})' ", page)[1])  # type: ignore[index]
            assert algorithm.read(request["inputs"]), algorithm.id


def test_ogcapi_processes_1_oas30(client: TestClient) -> None:
    from pygeoapi.openapi import validate_openapi_document

    document = body(client, "/openapi")
    assert validate_openapi_document(document)
    operations = {
        operation["operationId"]: path
        for path, entry in document["paths"].items()
        for operation in entry.values()
    }
    for key, path in {
        "getProcesses": "/processes",
        "getProcessDescription": "/processes/{processID}",
        "execute": "/processes/{processID}/execution",
        "getJobs": "/jobs",
        "getStatus": "/jobs/{jobId}",
        "dismiss": "/jobs/{jobId}",
        "getResult": "/jobs/{jobId}/results",
    }.items():
        assert operations[key] == path


def test_ogcapi_processes_1_job_list(jobs: TestClient, hand: ByHand, clock: Clock) -> None:
    assert "http://www.opengis.net/def/rel/ogc/1.0/job-list" in rels(body(jobs, "/"))
    first = submitted(jobs)
    hand.step()
    clock.move(60)
    second = submitted(jobs)
    clock.move(60)
    third = submitted(jobs, "h3-aggregate", inputs={"collection": "ferry", "resolution": 5})

    def listed(query: str = "") -> list[str]:
        found = body(jobs, f"/jobs?limit=100&{query}")["jobs"]
        return [f"{BASE}/jobs/{one['jobID']}" for one in found]

    assert listed() == [third, second, first]
    assert listed("processID=echo") == [second, first]
    assert listed("processID=echo,h3-aggregate") == [third, second, first]
    assert listed("processID=echo&processID=h3-aggregate") == [third, second, first]
    assert listed("processID=nothing") == []
    assert listed("status=successful") == [first]
    assert listed("status=accepted&status=running") == [third, second]
    assert listed("type=process") == [third, second, first]
    assert jobs.get("/jobs?type=other").status_code == 400
    assert listed("datetime=2026-01-01T00:00:30Z/..") == [third, second]
    assert listed("datetime=../2026-01-01T00:00:30Z") == [first]
    assert listed("minDuration=0") == [first], "what has not begun has no duration"
    assert listed("minDuration=1") == [] and listed("maxDuration=1") == [first]
    page = body(jobs, "/jobs?limit=2")
    assert len(page["jobs"]) == 2 and {"self", "alternate", "next"} <= set(rels(page))
    rest = body(jobs, rels(page)["next"])
    assert [f"{BASE}/jobs/{one['jobID']}" for one in rest["jobs"]] == [first]
    assert "next" not in rels(rest) and "prev" in rels(rest)
    for one in page["jobs"]:
        assert one["type"] == "process" and one["status"] in STATUSES
    for query in ("status=odd", "limit=0", "limit=x", "minDuration=-1", "surprise=1", "datetime=x"):
        assert jobs.get(f"/jobs?{query}").status_code == 400, query


def test_ogcapi_processes_1_dismiss(jobs: TestClient, hand: ByHand) -> None:
    place = submitted(jobs)
    answer = jobs.delete(place)
    assert answer.status_code == 200 and answer.json()["status"] == "dismissed"
    hand.step()
    assert body(jobs, place)["status"] == "dismissed"
    assert jobs.get(f"{place}/results").status_code == 410
    done = submitted(jobs)
    hand.step()
    removed = jobs.delete(done)
    assert removed.status_code == 200 and removed.json()["status"] == "dismissed"
    for url in (done, f"{done}/results"):
        assert jobs.get(url).json()["type"] == EXCEPTIONS + "no-such-job"
    assert jobs.delete(done).status_code == 404
