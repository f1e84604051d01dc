"""The part of the OpenAPI document on rasters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from layers.rasters.spec import RasterSpec
from ogc_server.block import Definition
from ogc_server.features import JSON
from ogc_server.metadata import SCHEMA
from ogc_server.openapi import operation, ref
from ogc_server.problem import MEDIA_TYPE

_TEXT = {"type": "string"}
_POSITIVE = {"type": "integer", "minimum": 1}
_COVERAGE = (
    ("subset", "Part by axis, such as Lat(31:32),Lon(121:122),time(2020).", _TEXT),
    ("subset-crs", "Reference system of subset; CRS84 by default.", _TEXT),
    ("width", "Columns wanted.", _POSITIVE),
    ("height", "Rows wanted.", _POSITIVE),
    ("resolution", "Size of pixels by axis, such as E(100),N(100).", _TEXT),
    ("scale-factor", "Times fewer columns and rows.", {"type": "number"}),
    ("scale-axes", "Times fewer pixels by axis.", _TEXT),
    ("scale-size", "Pixels by axis.", _TEXT),
    ("exclude-properties", "Fields left out.", {"type": "array", "items": _TEXT}),
)


def coverage_definition(specs: Sequence[RasterSpec]) -> Definition:
    """Paths of the coverages of rasters, nothing where there are none."""
    if not specs:
        return Definition()
    return Definition(
        paths={path: entry for spec in specs for path, entry in _coverage_paths(spec).items()},
        parameters={
            f"coverage-{name}": query(name, words, kind) for name, words, kind in _COVERAGE
        },
    )


def _coverage_paths(spec: RasterSpec) -> dict[str, Any]:
    home, title = f"/collections/{spec.id}", spec.title.en
    shared = [ref(name) for name in ("bbox", "bbox-crs", "datetime", "crs", "properties")]
    own = [ref(f"coverage-{name}") for name, _, _ in _COVERAGE]
    formats = choice("f", "Format of the answer.", "geotiff", "covjson")
    content = {
        "image/tiff": {"type": "string", "format": "binary"},
        "application/vnd.cov+json": {"type": "object"},
    }
    described = ((home, "describe", JSON, "collection"), (f"{home}/schema", "schema", SCHEMA, ""))
    paths = {
        path: operation(
            f"{key}.{spec.id}",
            f"{title}: {key}",
            media,
            kind or "anything",
            tag="data",
            parameters=[],
        )
        for path, key, media, kind in described
    }
    paths[f"{home}/coverage"] = {
        "get": {
            "operationId": f"coverage.{spec.id}",
            "summary": f"{title}: values",
            "tags": ["data"],
            "parameters": [formats, *shared, *own],
            "responses": binary_answers(content, "413"),
        }
    }
    return paths


def query(name: str, words: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """One query parameter."""
    return {
        "name": name,
        "in": "query",
        "description": words,
        "required": False,
        "style": "form",
        "explode": False,
        "schema": dict(schema),
    }


def choice(name: str, words: str, *values: str) -> dict[str, Any]:
    """One query parameter of some words, the first by default."""
    return query(name, words, {"type": "string", "enum": list(values), "default": values[0]})


def binary_answers(content: Mapping[str, Any], *more: str) -> dict[str, Any]:
    """Responses of a path that answers with files of some media types."""
    refusal = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/exception"}}}
    answers: dict[str, Any] = {
        "200": {
            "description": "The file.",
            "content": {media: {"schema": schema} for media, schema in content.items()},
        },
        "304": {"description": "The client's copy is still valid."},
        "400": {"$ref": "#/components/responses/InvalidParameter"},
        "404": {"$ref": "#/components/responses/NotFound"},
        "500": {"$ref": "#/components/responses/ServerError"},
    }
    for status in more:
        answers[status] = {"description": "Too much for one answer.", "content": refusal}
    return answers
