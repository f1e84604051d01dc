"""The doors of processes in the OpenAPI document, with the standard's own operation ids."""

from __future__ import annotations

from typing import Any

from analytics.algorithms import discover
from layers.store.jobs import CLOSED, OPEN
from ogc_server.block import Definition
from ogc_server.features import HTML, JSON
from ogc_server.openapi import ref
from ogc_server.problem import MEDIA_TYPE
from ogc_server.processes.endpoints import DEFAULT_LIMIT, MAXIMUM_LIMIT

Part = dict[str, Any]
_TEXT: Part = {"type": "string"}
_WHOLE: Part = {"type": "integer", "minimum": 0}
_OBJECT: Part = {"type": "object"}
_TIME: Part = {"type": "string", "format": "date-time"}
_ANY = "anything"
_STATUSES = [*OPEN, *CLOSED]


def definition(language: str) -> Definition:
    """All of it; titles of processes are in their descriptions."""
    process, job = ref("processID"), ref("jobId")
    return Definition(
        paths={
            "/processes": {
                "get": _operation(
                    "getProcesses",
                    "Processes",
                    {"200": _good("Processes", "processList")},
                    ref("processLimit"),
                    ref("offset"),
                )
            },
            "/processes/{processID}": {
                "get": _operation(
                    "getProcessDescription",
                    "One process",
                    {"200": _good("A process", "process")},
                    process,
                )
            },
            "/processes/{processID}/execution": {"post": _execute(process)},
            "/jobs": {"get": _jobs()},
            "/jobs/{jobId}": {
                "get": _operation(
                    "getStatus", "Status of a job", {"200": _good("A job", "statusInfo")}, job
                ),
                "delete": _operation(
                    "dismiss",
                    "Dismiss a job",
                    {"200": _good("The job as it was dismissed", "statusInfo")},
                    job,
                ),
            },
            "/jobs/{jobId}/results": {
                "get": _operation("getResult", "Results of a job", _results(), job)
            },
            "/jobs/{jobId}/results/{outputId}": {
                "get": _operation(
                    "getOutput", "One result of a job", _results(), job, ref("outputId")
                )
            },
        },
        parameters=_parameters(),
        schemas=_schemas(),
        responses={"ProcessProblem": _problem()},
    )


def _operation(key: str, summary: str, answers: Part, *parameters: Part) -> Part:
    refused = {"$ref": "#/components/responses/ProcessProblem"}
    return {
        "operationId": key,
        "summary": summary,
        "tags": ["processes"],
        "parameters": [ref("f"), ref("lang"), *parameters],
        "responses": answers | dict.fromkeys(("400", "404", "500"), refused),
    }


def _good(words: str, schema: str) -> Part:
    content = {JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": words, "content": content | {HTML: {"schema": _TEXT}}}


def _problem() -> Part:
    content = {"schema": {"$ref": "#/components/schemas/processException"}}
    kinds = dict.fromkeys((JSON, MEDIA_TYPE), content)
    return {"description": "Why it was refused.", "content": kinds | {HTML: {"schema": _TEXT}}}


def _results() -> Part:
    # A result may be anything, in any of the media types of its output.
    return {
        "200": {
            "description": "Results by value, or one of them as it is",
            "content": {JSON: {"schema": {}}, "*/*": {"schema": {}}},
        },
        "204": {"description": "Results by reference, in Link headers"},
        "410": {"$ref": "#/components/responses/ProcessProblem"},
        "503": {"$ref": "#/components/responses/ProcessProblem"},
    }


def _execute(process: Part) -> Part:
    made = {
        "description": "A job was accepted",
        "headers": {
            "Location": {"schema": _TEXT, "description": "The job"},
            "Preference-Applied": {"schema": _TEXT},
        },
        "content": {JSON: {"schema": {"$ref": "#/components/schemas/statusInfo"}}},
    }
    refused = {"$ref": "#/components/responses/ProcessProblem"}
    answers = {name: part for name, part in _results().items() if name != "410"}
    operation = _operation("execute", "Execute a process", answers | {"201": made}, process)
    operation["parameters"].append(ref("Prefer"))
    operation["responses"] |= dict.fromkeys(("403", "413", "415", "429"), refused)
    body = {"schema": {"$ref": "#/components/schemas/execute"}}
    return operation | {"requestBody": {"required": True, "content": {JSON: body}}}


def _jobs() -> Part:
    names = ("jobType", "processIDs", "jobStatus", "datetime", "minDuration", "maxDuration")
    return _operation(
        "getJobs",
        "Jobs",
        {"200": _good("Jobs", "jobList")},
        *(ref(name) for name in (*names, "processLimit", "offset")),
    )


def _query(name: str, words: str, schema: Part, *, explode: bool = False) -> Part:
    return {
        "name": name, "in": "query", "description": words, "required": False, "style": "form",
        "explode": explode, "schema": schema,
    }  # fmt: skip


def _path(name: str, schema: Part) -> Part:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _several(items: Part) -> Part:
    return {"type": "array", "items": items}


def _parameters() -> Part:
    limit = {
        "type": "integer", "minimum": 1, "maximum": MAXIMUM_LIMIT, "default": DEFAULT_LIMIT,
    }  # fmt: skip
    kinds = _several({"type": "string", "enum": ["process"]})
    states = _several({"type": "string", "enum": _STATUSES})
    return {
        "processID": _path("processID", {"type": "string", "enum": list(discover())}),
        "jobId": _path("jobId", {"type": "string", "format": "uuid"}),
        "outputId": _path("outputId", _TEXT),
        "processLimit": _query("limit", "Entries on one page.", limit),
        "jobType": _query("type", "Kinds of jobs.", kinds, explode=True),
        "processIDs": _query("processID", "Of these processes.", _several(_TEXT), explode=True),
        "jobStatus": _query("status", "With these statuses.", states, explode=True),
        "minDuration": _query("minDuration", "Seconds that they took at least.", _WHOLE),
        "maxDuration": _query("maxDuration", "Seconds that they took at most.", _WHOLE),
        "Prefer": {
            "name": "Prefer",
            "in": "header",
            "description": "respond-async for a job (RFC 7240).",
            "required": False,
            "schema": _TEXT,
        },
    }


def _shape(required: tuple[str, ...], **properties: Any) -> Part:
    needed = {"required": list(required)} if required else {}
    return {"type": "object", "properties": properties} | needed


def _schemas() -> Part:
    links = _several({"$ref": "#/components/schemas/link"})
    described = {"type": "object", "additionalProperties": _OBJECT}
    modes = {"type": "string", "enum": ["sync-execute", "async-execute", "dismiss"]}
    ways = {"type": "string", "enum": ["value", "reference"]}
    summary = {
        "id": _TEXT, "version": _TEXT, "title": _TEXT, "description": _TEXT,
        "keywords": _several(_TEXT), "jobControlOptions": _several(modes),
        "outputTransmission": _several(ways), "links": links,
    }  # fmt: skip
    output = _shape((), transmissionMode=ways, format=_shape((), mediaType=_TEXT))
    return {
        "processSummary": _shape(("id", "version"), **summary),
        "process": _shape(("id", "version"), **summary, inputs=described, outputs=described),
        "processList": _shape(
            ("processes", "links"),
            processes=_several({"$ref": "#/components/schemas/processSummary"}),
            links=links,
        ),
        "execute": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "inputs": _OBJECT,
                "outputs": {"type": "object", "additionalProperties": output},
                "response": {"type": "string", "enum": ["raw", "document"], "default": "raw"},
            },
        },
        "statusInfo": _shape(
            ("jobID", "type", "status"),
            jobID=_TEXT,
            type={"type": "string", "enum": ["process"]},
            processID=_TEXT,
            processVersion=_TEXT,
            status={"type": "string", "enum": _STATUSES},
            message=_TEXT,
            inputs=_OBJECT,
            progress={"type": "integer", "minimum": 0, "maximum": 100},
            created=_TIME,
            started=_TIME,
            finished=_TIME,
            updated=_TIME,
            links=links,
        ),
        "jobList": _shape(
            ("jobs", "links"),
            jobs=_several({"$ref": "#/components/schemas/statusInfo"}),
            links=links,
        ),
        "processException": _shape(
            ("type",), type=_TEXT, title=_TEXT, status={"type": "integer"}, detail=_TEXT
        ),
    }
