"""Joint tasks in the OpenAPI document."""

from __future__ import annotations

from cases.case_rows import TASK
from ogc_server.block import Definition
from ogc_server.casework.definition import (
    IDEMPOTENCY_KEY,
    TEXT,
    TEXTS,
    Part,
    json_content,
    object_schema,
    operation,
    path_parameter,
)
from ogc_server.catalogue import Catalogue
from ogc_server.openapi import query_parameter


def definition(catalogue: Catalogue, language: str) -> Definition:
    """All of it for who sees joint tasks, nothing for others."""
    if not catalogue.audience.sees(catalogue.city.layer(TASK)):
        return Definition()
    unit = query_parameter("unit", "Code of a unit within one's own.", TEXT)
    key = IDEMPOTENCY_KEY | {"required": True}
    task, action = path_parameter("task"), path_parameter("action")
    return Definition(
        paths={
            "/joint": {
                "get": operation("joint.list", "Joint tasks", "anything", unit),
                "post": operation(
                    "joint.open", "Make one task of cases", "anything", key, good="201",
                    body=json_content("jointOpen"),
                ),
            },
            "/joint/proposals": {
                "get": operation("joint.proposals", "Cases that belong together", "anything", unit)
            },
            "/joint/{task}": {
                "get": operation("joint.one", "A joint task with its log", "anything", task)
            },
            "/joint/{task}/{action}": {
                "post": operation(
                    "joint.act", "Conclude a part, rule, or conclude", "anything", task, action,
                    body=json_content("jointStep"),
                )
            },
        },
        schemas=_schemas(),
    )  # fmt: skip


def _schemas() -> Part:
    parts = {"type": "array", "items": object_schema(("id", "task"), id=TEXT, task=TEXT)}
    title = object_schema(("en", "zh"), en=TEXT, zh=TEXT)
    given: Part = {"cases": TEXTS, "departments": parts, "title": title, "basis": TEXT}
    return {
        "jointOpen": object_schema(
            ("cases", "departments", "title"), **given, subject=TEXT, why=TEXT
        ),
        "jointStep": object_schema((), department=TEXT, finding=TEXT, why=TEXT),
    }
