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
_TEXT: Part = {"type": "string"}
_PLACE: Part = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
_TEXTS: Part = {"type": "array", "items": _TEXT}
_REFUSALS = ("400", "401", "403", "404", "409", "413", "415", "422", "500")


def definition(catalogue: Catalogue, language: str) -> Definition:
    """All of it for who sees cases, nothing for others."""
    if not catalogue.audience.sees(catalogue.city.layer(CASE)):
        return Definition()
    case, action = _path("case"), _path("action")
    near = query_parameter("near", "lon,lat that distances are taken from.", _PLACE)
    key = {"name": "Idempotency-Key", "in": "header", "schema": _TEXT, "required": False}
    return Definition(
        paths={
            "/cases": {
                "get": _operation("cases.list", "Cases that are open", "caseList", *_listing(near)),
                "post": _operation(
                    "cases.report", "Report a matter", "caseDone", key | {"required": True},
                    good="201", body=_json("caseReport"),
                ),
            },
            "/cases/{case}": {
                "get": _operation("cases.one", "A case with its log", "anything", case, near)
            },
            "/cases/{case}/verify": {
                "get": _operation("cases.chain", "Whether its log is whole", "anything", case)
            },
            "/cases/{case}/{action}": {
                "post": _operation(
                    "cases.act", "Do one step", "caseDone", case, action, key,
                    body=_json("caseStep"),
                )
            },
            "/cases/statistics": {
                "get": _operation("cases.figures", "Figures of cases", "anything", *_figures())
            },
            "/photos": {
                "post": _operation(
                    "photos.upload", "Keep a photo", "anything", *_about_photo(), good="201",
                    body={media: {"schema": _binary()} for media in MEDIA.values()},
                )
            },
            "/photos/{digest}": {"get": _photo()},
            "/inbox": {
                "get": _operation("inbox.read", "Notices of one's own", "anything"),
                "post": _operation(
                    "inbox.seen", "Note that notices were opened", "anything",
                    body=_json("inboxSeen"),
                ),
            },
        },
        schemas=_schemas(),
        responses={"CaseProblem": _problem()},
    )  # fmt: skip


def _operation(
    key: str,
    summary: str,
    schema: str,
    *parameters: Part,
    good: str = "200",
    body: Part | None = None,
) -> Part:
    answer = {"description": summary, "content": _json(schema)}
    refused = {"$ref": "#/components/responses/CaseProblem"}
    operation: Part = {
        "operationId": key,
        "summary": summary,
        "tags": ["data"],
        "parameters": [ref("f"), ref("lang"), *parameters],
        "responses": {good: answer} | dict.fromkeys(_REFUSALS, refused),
    }
    if good == "201":
        operation["responses"]["200"] = answer | {"description": "It had been done before."}
    if body is not None:
        operation["requestBody"] = {"required": True, "content": body}
    return operation


def _photo() -> Part:
    case = query_parameter("case", "Case that the photo belongs to.", _TEXT)
    operation = _operation("photos.one", "A photo", "anything", _path("digest"), case)
    content = {media: {"schema": _binary()} for media in MEDIA.values()}
    operation["responses"]["200"] = {"description": "The photo", "content": content}
    return operation


def _binary() -> Part:
    return {"type": "string", "format": "binary"}


def _listing(near: Part) -> list[Part]:
    return [
        query_parameter("mine", "Only cases that one may act on.", {"type": "boolean"}),
        query_parameter("state", "Only these states.", _TEXTS),
        near,
        query_parameter("limit", "Cases at most.", {"type": "integer", "minimum": 1}),
    ]


def _figures() -> list[Part]:
    day = {"type": "string", "format": "date"}
    return [
        query_parameter("by", "What is told apart.", _TEXT),
        query_parameter("first", "First day.", day),
        query_parameter("last", "Last day.", day),
        query_parameter("unit", "Code of a unit within one's own.", _TEXT),
    ]


def _about_photo() -> list[Part]:
    return [
        query_parameter("lon", "Where it was taken.", {"type": "number"}),
        query_parameter("lat", "Where it was taken.", {"type": "number"}),
        query_parameter("taken", "When it was taken.", {"type": "string", "format": "date-time"}),
    ]


def _path(name: str) -> Part:
    return {"name": name, "in": "path", "required": True, "schema": _TEXT}


def _json(schema: str) -> Part:
    return {JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _problem() -> Part:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/exception"}}}
    return {"description": "Why it was not done, in both languages.", "content": content}


def _schemas() -> Part:
    whole = {"type": "integer", "minimum": 0}
    step = {"where": _PLACE, "why": _TEXT, "photos": _TEXTS, "details": {"type": "object"}}
    report = {"kind": _TEXT, "where": _PLACE, "note": _TEXT, "photos": _TEXTS,
              "severity": _TEXT, "follows": _TEXT}  # fmt: skip
    done = {"case": {"type": "object"}, "action": _TEXT, "before": _TEXT | {"nullable": True},
            "after": _TEXT, "version": whole, "replayed": {"type": "boolean"}}  # fmt: skip
    cases = {"type": "array", "items": {"type": "object"}}
    return {
        "caseList": _object(("cases",), cases=cases, numberReturned=whole, numberMatched=whole),
        "caseReport": _object(("kind", "where"), **report),
        "caseStep": _object((), **step, expectedVersion=whole),
        "caseDone": _object(("case", "action", "after", "version"), **done),
        "inboxSeen": _object(("seen",), seen=_TEXTS),
    }


def _object(required: tuple[str, ...], **properties: Any) -> Part:
    told: Part = {"type": "object", "properties": properties}
    return told | ({"required": list(required)} if required else {})
