"""Cases, photos and the inbox in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from cases.case_rows import CASE
from ogc_server.block import Definition
from ogc_server.casework.photo_files import MEDIA
from ogc_server.catalogue import Catalogue
from ogc_server.features import JSON
from ogc_server.openapi import query_parameter, ref
from ogc_server.problem import MEDIA_TYPE

Part = dict[str, Any]
TEXT: Part = {"type": "string"}
_PLACE: Part = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
TEXTS: Part = {"type": "array", "items": TEXT}
_REFUSALS = ("400", "401", "403", "404", "409", "413", "415", "422", "500")

IDEMPOTENCY_KEY: Part = {
    "name": "Idempotency-Key", "in": "header", "schema": TEXT, "required": False,
}  # fmt: skip


def definition(catalogue: Catalogue, language: str) -> Definition:
    """All of it for who sees cases, nothing for others."""
    if not catalogue.audience.sees(catalogue.city.layer(CASE)):
        return Definition()
    case, action = path_parameter("case"), path_parameter("action")
    near = query_parameter("near", "lon,lat that distances are taken from.", _PLACE)
    key = IDEMPOTENCY_KEY
    return Definition(
        paths={
            "/cases": {
                "get": operation("cases.list", "Cases that are open", "caseList", *_listing(near)),
                "post": operation(
                    "cases.report", "Report a matter", "caseDone", key | {"required": True},
                    good="201", body=json_content("caseReport"),
                ),
            },
            "/cases/{case}": {
                "get": operation("cases.one", "A case with its log", "anything", case, near)
            },
            "/cases/{case}/verify": {
                "get": operation("cases.chain", "Whether its log is whole", "anything", case)
            },
            "/cases/{case}/candidates": {
                "get": operation("cases.candidates", "Who could be sent, and why", "anything", case)
            },
            "/cases/{case}/hand_over": {
                "post": operation(
                    "cases.handOver", "Give it to another node", "caseDone", case, key,
                    body=json_content("caseHandOver"),
                )
            },
            "/cases/{case}/{action}": {
                "post": operation(
                    "cases.act", "Do one step", "caseDone", case, action, key,
                    body=json_content("caseStep"),
                )
            },
            "/cases/statistics": {
                "get": operation("cases.figures", "Figures of cases", "anything", *_figures())
            },
            "/photos": {
                "post": operation(
                    "photos.upload", "Keep a photo", "anything", *_about_photo(), good="201",
                    body={media: {"schema": _binary()} for media in MEDIA.values()},
                )
            },
            "/photos/{digest}": {"get": _photo()},
            "/inbox": {
                "get": operation("inbox.read", "Notices of one's own", "anything"),
                "post": operation(
                    "inbox.seen", "Note that notices were opened", "anything",
                    body=json_content("inboxSeen"),
                ),
            },
        },
        schemas=_schemas(),
        responses={"CaseProblem": _problem()},
    )  # fmt: skip


def operation(
    key: str,
    summary: str,
    schema: str,
    *parameters: Part,
    good: str = "200",
    body: Part | None = None,
) -> Part:
    """Return one operation of cases, with its refusals.

    Parameters
    ----------
    key : its ``operationId``.
    schema : name of the schema of its answer.
    good : status of that answer.
    body : content of the request by media type; None where it has none.
    """
    answer = {"description": summary, "content": json_content(schema)}
    refused = {"$ref": "#/components/responses/CaseProblem"}
    made: Part = {
        "operationId": key,
        "summary": summary,
        "tags": ["data"],
        "parameters": [ref("f"), ref("lang"), *parameters],
        "responses": {good: answer} | dict.fromkeys(_REFUSALS, refused),
    }
    if good == "201":
        made["responses"]["200"] = answer | {"description": "It had been done before."}
    if body is not None:
        made["requestBody"] = {"required": True, "content": body}
    return made


def _photo() -> Part:
    case = query_parameter("case", "Case that the photo belongs to.", TEXT)
    made = operation("photos.one", "A photo", "anything", path_parameter("digest"), case)
    content = {media: {"schema": _binary()} for media in MEDIA.values()}
    made["responses"]["200"] = {"description": "The photo", "content": content}
    return made


def _binary() -> Part:
    return {"type": "string", "format": "binary"}


def _listing(near: Part) -> list[Part]:
    return [
        query_parameter("mine", "Only cases that one may act on.", {"type": "boolean"}),
        query_parameter("state", "Only these states.", TEXTS),
        query_parameter("unit", "Code of a unit within one's own.", TEXT),
        query_parameter("overdue", "Only what is overdue.", {"type": "boolean"}),
        near,
        query_parameter("limit", "Cases at most.", {"type": "integer", "minimum": 1}),
    ]


def _figures() -> list[Part]:
    day = {"type": "string", "format": "date"}
    return [
        query_parameter("by", "What is told apart.", TEXT),
        query_parameter("first", "First day.", day),
        query_parameter("last", "Last day.", day),
        query_parameter("unit", "Code of a unit within one's own.", TEXT),
    ]


def _about_photo() -> list[Part]:
    return [
        query_parameter("lon", "Where it was taken.", {"type": "number"}),
        query_parameter("lat", "Where it was taken.", {"type": "number"}),
        query_parameter("taken", "When it was taken.", {"type": "string", "format": "date-time"}),
    ]


def path_parameter(name: str) -> Part:
    """Return a text in the path."""
    return {"name": name, "in": "path", "required": True, "schema": TEXT}


def json_content(schema: str) -> Part:
    """Return a body of JSON by the name of its schema."""
    return {JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _problem() -> Part:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/exception"}}}
    return {"description": "Why it was not done, in both languages.", "content": content}


def _schemas() -> Part:
    whole = {"type": "integer", "minimum": 0}
    step = {"where": _PLACE, "why": TEXT, "photos": TEXTS, "details": {"type": "object"}}
    report = {"kind": TEXT, "where": _PLACE, "note": TEXT, "photos": TEXTS,
              "severity": TEXT, "follows": TEXT}  # fmt: skip
    done = {"case": {"type": "object"}, "action": TEXT, "before": TEXT | {"nullable": True},
            "after": TEXT, "version": whole, "replayed": {"type": "boolean"}}  # fmt: skip
    cases = {"type": "array", "items": {"type": "object"}}
    return {
        "caseList": object_schema(
            ("cases",), cases=cases, numberReturned=whole, numberMatched=whole
        ),
        "caseReport": object_schema(("kind", "where"), **report),
        "caseStep": object_schema((), **step, expectedVersion=whole),
        "caseDone": object_schema(("case", "action", "after", "version"), **done),
        "caseHandOver": object_schema(("node", "why"), node=TEXT, why=TEXT),
        "inboxSeen": object_schema(("seen",), seen=TEXTS),
    }


def object_schema(required: tuple[str, ...], **properties: Any) -> Part:
    """Return the schema of an object."""
    told: Part = {"type": "object", "properties": properties}
    return told | ({"required": list(required)} if required else {})
