"""Schemas of a collection: what can be asked for (queryables) and what comes back (schema)."""

from __future__ import annotations

from typing import Any

from layers.spec import LayerSpec, json_schema
from ogc_server.features import collection_url
from ogc_server.parameters import queryable_names

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
    return _with_geometry(spec, f"{collection_url(base, spec.id)}/schema", language)


def queryables(spec: LayerSpec, base: str, language: str) -> dict[str, Any]:
    """JSON Schema of the properties that filters may name (OGC 19-079r2).

    Nested values are left out.
    """
    document = _with_geometry(spec, f"{collection_url(base, spec.id)}/queryables", language)
    names = queryable_names(spec)
    document["properties"] = {
        name: entry for name, entry in document["properties"].items() if name in names
    }
    document.pop("required", None)
    document["additionalProperties"] = False
    return document


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
