"""The OpenAPI operations that change features, of the layers that a reader may change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ogc_server.catalogue import Catalogue
from ogc_server.editing.feature_body import GEOJSON_TYPES, PATCH_TYPES
from ogc_server.editing.transactions import editable
from ogc_server.openapi import ref
from ogc_server.problem import MEDIA_TYPE

REFUSALS = {
    "403": "The feature would lie outside of what the reader answers for.",
    "409": "There is such a feature already.",
    "412": "The feature has changed since it was read.",
    "413": "The body is too large.",
    "415": "The body is of another media type.",
    "422": "The feature does not meet the layer's declaration.",
}
_ABOUT_BODIES = ("409", "413", "415", "422", "403")


def parameters() -> dict[str, Any]:
    """Headers that these operations read."""
    rows = {
        "Content-Crs": "Reference system of the body's coordinates, in angle brackets.",
        "If-Match": "Entity tag of the version that is to be changed.",
    }
    return {
        name: {"name": name, "in": "header", "description": words, "schema": {"type": "string"}}
        for name, words in rows.items()
    }


def responses() -> dict[str, Any]:
    """Refusals of these operations, as components."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/exception"}}}
    return {
        f"Refused{status}": {"description": words, "content": content}
        for status, words in REFUSALS.items()
    }


def with_edits(paths: Mapping[str, Any], catalogue: Catalogue, language: str) -> dict[str, Any]:
    """Add the operations to the paths of layers that are written out."""
    answer = dict(paths)
    for spec in catalogue:
        items = f"/collections/{spec.id}/items"
        item = f"{items}/{{featureId}}"
        if items not in answer or not editable(catalogue, spec):
            continue
        title = spec.title.say(language)
        answer[items] = answer[items] | {
            "post": _operation(f"create.{spec.id}", f"{title}: add", GEOJSON_TYPES, "201")
        }
        answer[item] = answer[item] | {
            "put": _operation(f"replace.{spec.id}", f"{title}: replace", GEOJSON_TYPES, "204"),
            "patch": _operation(f"update.{spec.id}", f"{title}: change", PATCH_TYPES, "204"),
            "delete": _operation(f"delete.{spec.id}", f"{title}: delete", (), "204"),
        }
    return answer


def _operation(key: str, summary: str, media: tuple[str, ...], done: str) -> dict[str, Any]:
    named = done == "204"
    refused = {"412": REFUSALS["412"]} if named else {}
    refused |= {status: REFUSALS[status] for status in _ABOUT_BODIES if media}
    operation: dict[str, Any] = {
        "operationId": key,
        "summary": summary,
        "tags": ["data"],
        "parameters": [
            *([ref("featureId"), ref("If-Match")] if named else []),
            *([ref("Content-Crs")] if media else []),
        ],
        "responses": {
            done: {"description": "Done; Location and ETag tell where and what it is now."},
            "400": {"$ref": "#/components/responses/InvalidParameter"},
            "404": {"$ref": "#/components/responses/NotFound"},
            **{s: {"$ref": f"#/components/responses/Refused{s}"} for s in sorted(refused)},
            "500": {"$ref": "#/components/responses/ServerError"},
        },
    }
    if media:
        schema = "anything" if media == PATCH_TYPES else "feature"
        content = {name: {"schema": {"$ref": f"#/components/schemas/{schema}"}} for name in media}
        operation["requestBody"] = {"required": True, "content": content}
    return operation
