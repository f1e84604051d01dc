"""Schemas of a collection: what can be asked for (queryables) and what comes back (schema)."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

from layers.spec import LayerSpec, json_schema
from ogc_server.features import collection_url
from ogc_server.parameters import queryable_names

_OF_ONE_LAYER = ("x-ogc-propertySeq", "x-ogc-role")
_FORMATS = {
    "Point": "geometry-point",
    "LineString": "geometry-linestring",
    "Polygon": "geometry-polygon",
    "MultiPoint": "geometry-multipoint",
    "MultiLineString": "geometry-multilinestring",
    "MultiPolygon": "geometry-multipolygon",
    "Geometry": "geometry-any",
}


def schema(spec: LayerSpec, base: str, language: str) -> dict[str, Any]:
    """JSON Schema of the collection's features (OGC 23-058r1).

    Parameters
    ----------
    base : URL of the server.
    language : language of titles.
    """
    document = _with_geometry(spec, f"{collection_url(base, spec.id)}/schema", language)
    document["additionalProperties"] = False
    return document


def queryables(spec: LayerSpec, base: str, language: str) -> dict[str, Any]:
    """JSON Schema of the properties that filters may name (OGC 19-079r2).

    Nested values are left out, but lists.
    """
    document = _with_geometry(spec, f"{collection_url(base, spec.id)}/queryables", language)
    return _only(document, queryable_names(spec))


def sortables(spec: LayerSpec, base: str, language: str) -> dict[str, Any]:
    """JSON Schema of the properties that rows can be sorted by (OGC 24-030, draft)."""
    document = _with_geometry(spec, f"{collection_url(base, spec.id)}/sortables", language)
    return _only(document, {p.name for p in spec.properties if p.type != "json"})


def _only(document: dict[str, Any], names: Container[str]) -> dict[str, Any]:
    document["properties"] = {
        name: entry for name, entry in document["properties"].items() if name in names
    }
    document.pop("required", None)
    document["additionalProperties"] = False
    return document


def united_queryables(specs: Iterable[LayerSpec], base: str, language: str) -> dict[str, Any]:
    """JSON Schema of what filters may name in any layer.

    A name that several layers use has all their types; what else they say of it is kept only where
    they agree. ``x-onemap-collections`` names the layers.
    """
    found: dict[str, dict[str, Any]] = {}
    for spec in specs:
        for name, entry in queryables(spec, base, language)["properties"].items():
            entry = {key: value for key, value in entry.items() if key not in _OF_ONE_LAYER}
            held = found.get(name)
            layers = [*(held["x-onemap-collections"] if held else []), spec.id]
            found[name] = _united(held, entry) if held else entry
            found[name]["x-onemap-collections"] = layers
    return {
        "$id": f"{base}/queryables",
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "title": "可查询的属性" if language.startswith("zh") else "Queryables of all collections",
        "properties": dict(sorted(found.items())),
        "additionalProperties": False,
    }


def _united(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    entry = {key: value for key, value in one.items() if other.get(key) == value}
    entry["title"] = one["title"]
    if "type" in one and "type" in other:
        types = dict.fromkeys([*_types(one), *_types(other)])
        entry["type"] = next(iter(types)) if len(types) == 1 else list(types)
    if one.get("format", "").startswith("geometry-") and "format" not in entry:
        entry["format"] = "geometry-any"
    return entry


def _types(entry: dict[str, Any]) -> list[str]:
    named = entry["type"]
    return list(named) if isinstance(named, list) else [named]


def _with_geometry(spec: LayerSpec, url: str, language: str) -> dict[str, Any]:
    document = json_schema(spec, language)
    for number, entry in enumerate(document["properties"].values(), start=1):
        entry["x-ogc-propertySeq"] = number
    if spec.has_geometry:
        place = {
            "title": "位置" if language.startswith("zh") else "Place",
            "format": _FORMATS[spec.geometry],
            "x-ogc-role": "primary-geometry",
            "x-ogc-propertySeq": 0,
        }
        document["properties"] = {"geometry": place, **document["properties"]}
    return {"$id": url, **document}
