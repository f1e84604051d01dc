"""Geometry literals of CQL2."""

from __future__ import annotations

from typing import Any

import orjson
import shapely

from layers.errors import QueryError
from layers.query import Box
from layers.store.conditions_space import check_box, check_geometry
from layers.store.grammar import world_boxes

MAX_VERTICES = 100_000
OPERATORS = {
    f"s_{name}": name
    for name in (
        "intersects",
        "equals",
        "disjoint",
        "touches",
        "within",
        "overlaps",
        "crosses",
        "contains",
    )
}


def read_geometry(node: dict[str, Any]) -> shapely.Geometry:
    """Geometry of a GeoJSON object or of ``{"bbox": […]}``, in EPSG:4326.

    Raises
    ------
    QueryError
        for what is no geometry, is empty or invalid, or has too many vertices.
    """
    geometry = read_box(node["bbox"]) if "bbox" in node and "type" not in node else _geojson(node)
    if shapely.get_num_coordinates(geometry) > MAX_VERTICES:
        raise QueryError(f"the geometry has more than {MAX_VERTICES} vertices; simplify it")
    check_geometry(geometry)
    return geometry


def _geojson(node: dict[str, Any]) -> shapely.Geometry:
    try:
        return shapely.force_2d(shapely.from_geojson(orjson.dumps(node)))
    except (shapely.errors.GEOSException, orjson.JSONEncodeError, TypeError) as failure:
        raise QueryError(f"not a GeoJSON geometry: {failure}") from failure


def read_box(numbers: Any) -> shapely.Geometry:
    """Area of a box of four or six numbers; minx > maxx crosses the antimeridian."""
    whole = isinstance(numbers, list) and len(numbers) in (4, 6)
    if not whole or not all(isinstance(n, int | float) for n in numbers):
        raise QueryError(f"expected a box of four numbers, found {numbers!r}")
    half = len(numbers) // 2
    minx, miny, maxx, maxy = (float(n) for n in (*numbers[:2], *numbers[half : half + 2]))
    check_box((minx, miny, maxx, maxy))
    parts = [_area(box) for box in world_boxes((minx, miny, maxx, maxy))]
    return parts[0] if len(parts) == 1 else shapely.union_all(parts)


def _area(box: Box) -> shapely.Geometry:
    """Box as polygon; one without area as the line or point that it is."""
    minx, miny, maxx, maxy = box
    if minx < maxx and miny < maxy:
        return shapely.box(*box)
    if (minx, miny) == (maxx, maxy):
        return shapely.Point(minx, miny)
    return shapely.LineString([(minx, miny), (maxx, maxy)])
