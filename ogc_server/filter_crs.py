"""Geometries inside a CQL2-JSON expression, brought from the filter's CRS to lon/lat."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import shapely

from layers.crs import geometries_to_lonlat
from ogc_server.problem import bad_parameter
from ogc_server.reference import CRS84, box_to_lonlat, proj_name, swaps_axes


def to_lonlat_filter(expression: Any, uri: str) -> Any:
    """Return the expression with every geometry and ``bbox`` in lon/lat.

    Parameters
    ----------
    expression : CQL2-JSON (OGC 21-065) as plain dicts and lists, of checked size.
    uri : the CRS that its coordinates are in.

    Raises
    ------
    RequestError
        400 for a geometry that can't be read.
    """
    if uri == CRS84:
        return expression
    if isinstance(expression, list):
        return [to_lonlat_filter(part, uri) for part in expression]
    if not isinstance(expression, dict):
        return expression
    if "coordinates" in expression or "geometries" in expression:
        return _geometry(expression, uri)
    if set(expression) == {"bbox"}:
        return {"bbox": _box(expression["bbox"], uri)}
    return {name: to_lonlat_filter(part, uri) for name, part in expression.items()}


def _box(numbers: Any, uri: str) -> list[float]:
    fits = isinstance(numbers, list) and len(numbers) in (4, 6)
    if not fits or not all(isinstance(n, int | float) for n in numbers):
        raise bad_parameter("filter", "holds a bbox that is not four numbers")
    half = len(numbers) // 2
    minx, miny, maxx, maxy = (float(n) for n in (*numbers[:2], *numbers[half : half + 2]))
    return list(box_to_lonlat((minx, miny, maxx, maxy), uri, "filter"))


def _geometry(geometry: dict[str, Any], uri: str) -> Any:
    try:
        shape = shapely.from_geojson(orjson.dumps(geometry))
    except (shapely.GEOSException, TypeError) as failure:
        raise bad_parameter(
            "filter", f"holds a geometry that can't be read: {failure}"
        ) from failure
    if swaps_axes(uri):
        shape = shapely.transform(shape, lambda pairs: pairs[:, ::-1])
    moved = geometries_to_lonlat(np.asarray([shape], object), proj_name(uri))
    if not np.isfinite(shapely.get_coordinates(moved)).all():
        raise bad_parameter("filter", "holds a geometry outside of where its filter-crs is defined")
    return orjson.loads(shapely.to_geojson(moved[0]))
