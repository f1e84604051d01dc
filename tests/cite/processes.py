"""Abstract test suite of OGC API – Processes – Part 1: Core (OGC 18-062r2, Annex A).

It asks for a process ``echo``, as the official suite does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx

from tests.cite.suite import NotApplicable, Suite
from tests.cite.web import Document, Web, link

SUITE = Suite(
    "processes-1",
    "OGC API – Processes – Part 1: Core",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0",
)
_TYPE = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
_STATES = {"accepted", "running", "successful", "failed", "dismissed"}
_LONGEST_S = 60


def echo(web: Web) -> tuple[str, Document]:
    """Address of the echo process's execution, and one input for it."""
    if "echo" not in {one["id"] for one in web.json("/processes")["processes"]}:
        raise NotApplicable("there is no process echo")
    inputs = web.json("/processes/echo")["inputs"]
    for name, about in inputs.items():
        if about["schema"].get("type") == "string" and "enum" not in about["schema"]:
            return "/processes/echo/execution", {name: "静港 & <echo>"}
    raise NotApplicable("echo takes no text")


def begun(web: Web) -> httpx.Response:
    """Answer to an execution that is asked for in the background."""
    path, inputs = echo(web)
    body = {"inputs": inputs, "response": "document"}
    return web.ask("POST", path, json=body, headers={"Prefer": "respond-async"})


def ended(web: Web, job: str) -> Document:
    """Status of a job once it has ended."""
    deadline = time.monotonic() + _LONGEST_S
    while time.monotonic() < deadline:
        status: Document = web.ask("GET", job).json()
        if status["status"] not in ("accepted", "running"):
            return status
    raise AssertionError(f"{job} does not end")


@SUITE.check("core", "process-list")
def _(web: Web) -> Iterator[str]:
    document = web.json("/processes")
    if link(document, "self") is None:
        yield "/processes has no link to itself"
    for one in document["processes"]:
        for key in ("id", "version"):
            if not one.get(key):
                yield f"a process has no {key}"
        if link(one, "self") is None:
            yield f"{one.get('id')} has no link to its description"


@SUITE.check("core", "pl-limit-response")
def _(web: Web) -> Iterator[str]:
    if len(web.json("/processes", limit=1)["processes"]) > 1:
        yield "limit=1 gives more than one process"


@SUITE.check("core", "process-description")
def _(web: Web) -> Iterator[str]:
    for listed in web.json("/processes")["processes"]:
        one = web.json(f"/processes/{listed['id']}")
        if one["id"] != listed["id"] or one["version"] != listed["version"]:
            yield f"{listed['id']} is described as {one['id']} {one['version']}"
        if link(one, "http://www.opengis.net/def/rel/ogc/1.0/execute") is None:
            yield f"{one['id']} has no link execute"
        if not set(one["jobControlOptions"]) & {"sync-execute", "async-execute"}:
            yield f"{one['id']} cannot be executed"


@SUITE.check("ogc-process-description", "inputs-outputs")
def _(web: Web) -> Iterator[str]:
    for listed in web.json("/processes")["processes"]:
        one = web.json(f"/processes/{listed['id']}")
        for kind in ("inputs", "outputs"):
            for name, about in one[kind].items():
                if "schema" not in about:
                    yield f"{one['id']}: {kind[:-1]} {name} has no schema"


@SUITE.check("core", "process-execute-sync-document")
def _(web: Web) -> Iterator[str]:
    path, inputs = echo(web)
    answer = web.ask("POST", path, json={"inputs": inputs, "response": "document"})
    if answer.status_code != 200:
        yield f"execution answers {answer.status_code}"
    elif inputs.items() > _plain(answer.json()).items():
        yield f"echo of {inputs} is {answer.json()}"


@SUITE.check("core", "process-execute-sync-raw-value-one")
def _(web: Web) -> Iterator[str]:
    path, inputs = echo(web)
    (name,) = inputs
    body = {"inputs": inputs, "outputs": {name: {}}, "response": "raw"}
    answer = web.ask("POST", path, json=body)
    if answer.status_code != 200 or str(inputs[name]) not in answer.text.replace('\\"', '"'):
        yield f"the raw output is {answer.status_code} {answer.text[:80]!r}"


def _plain(results: Document) -> dict[str, Any]:
    return {
        name: value["value"] if isinstance(value, dict) and "value" in value else value
        for name, value in results.items()
    }


@SUITE.check("core", "process-execute-auto-execution-mode")
def _(web: Web) -> Iterator[str]:
    answer = begun(web)
    if answer.status_code != 201 or "location" not in answer.headers:
        yield f"with respond-async an execution answers {answer.status_code}"
    elif answer.json().get("status") not in _STATES:
        yield f"its status is {answer.json().get('status')}"


@SUITE.check("core", "job-op")
def _(web: Web) -> Iterator[str]:
    job = begun(web).headers["location"]
    status = ended(web, job)
    for key in ("jobID", "type", "status"):
        if not status.get(key):
            yield f"the status has no {key}"
    if status["status"] != "successful":
        yield f"echo ends {status['status']}: {status.get('message')}"
    if not job.endswith(status["jobID"]):
        yield f"{job} calls itself {status['jobID']}"


@SUITE.check("core", "job-results")
def _(web: Web) -> Iterator[str]:
    _, inputs = echo(web)
    job = begun(web).headers["location"]
    ended(web, job)
    answer = web.ask("GET", f"{job}/results")
    if answer.status_code != 200:
        yield f"results answer {answer.status_code}"
    elif inputs.items() > _plain(answer.json()).items():
        yield f"results are {answer.json()}"


@SUITE.check("core", "process-execute-inputs-invalid")
def _(web: Web) -> Iterator[str]:
    path, inputs = echo(web)
    (name,) = inputs
    for body in ({"inputs": {name: {"a": [1]}}}, {"inputs": {"no_such_input": 1}}, {"inputs": 3}):
        status = web.ask("POST", path, json=body).status_code
        if status != 400:
            yield f"{body} answers {status}"
    status = web.ask("POST", path, content=b"{", headers={"Content-Type": "application/json"})
    if status.status_code != 400:
        yield f"what is no JSON answers {status.status_code}"


def _refused(answer: httpx.Response, kind: str, what: str) -> Iterator[str]:
    if answer.status_code != 404:
        yield f"{what} answers {answer.status_code}"
    elif answer.json().get("type") != _TYPE + kind:
        yield f"{what}: type {answer.json().get('type')}"


@SUITE.check("core", "process-exception/no-such-process")
def _(web: Web) -> Iterator[str]:
    yield from _refused(web.get("/processes/no-such"), "no-such-process", "an unknown process")
    answer = web.ask("POST", "/processes/no-such/execution", json={"inputs": {}})
    yield from _refused(answer, "no-such-process", "its execution")


@SUITE.check("core", "job-exception/no-such-job")
def _(web: Web) -> Iterator[str]:
    path = "/jobs/00000000-0000-4000-8000-000000000000"
    yield from _refused(web.ask("GET", path), "no-such-job", "an unknown job")
    yield from _refused(web.ask("GET", f"{path}/results"), "no-such-job", "its results")


@SUITE.check("job-list", "job-list-op")
def _(web: Web) -> Iterator[str]:
    mine = begun(web).json()["jobID"]
    document: Document = web.ask("GET", "/jobs?limit=100").json()
    if mine not in {one["jobID"] for one in document["jobs"]}:
        yield "a job that was begun is not listed"
    if link(document, "self") is None:
        yield "/jobs has no link to itself"


@SUITE.check("dismiss", "job-dismiss-op")
def _(web: Web) -> Iterator[str]:
    job = begun(web).headers["location"]
    ended(web, job)
    answer = web.ask("DELETE", job)
    if answer.status_code != 200 or answer.json().get("status") != "dismissed":
        yield f"dismissal answers {answer.status_code} {answer.text[:100]}"
    yield from _refused(web.ask("GET", job), "no-such-job", "a job that was dismissed")
