"""Shapes of what was driven: pieces of roads and places on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from shapely.ops import substring

from analytics.truck_references import Roads
from layers.crs import geometries_to_lonlat

Way = list[list[float]]


def arc_line(roads: Roads, arc: int) -> shapely.LineString:
    """Line of an arc in its direction, metres."""
    line: shapely.LineString = roads.line[roads.arc_road[arc]]
    return line if roads.arc_forward[arc] else line.reverse()


def along(roads: Roads, arc: int, from_m: float, to_m: float) -> Way:
    """Coordinates of a piece of an arc, metres of the city's CRS."""
    piece = substring(arc_line(roads, arc), from_m, to_m)
    found: Way = shapely.get_coordinates(piece).tolist()
    return found


def place_on(roads: Roads, arc: int, at_m: float, crs: str) -> shapely.Point:
    """Place on an arc, EPSG:4326."""
    spot = arc_line(roads, arc).interpolate(at_m)
    found: shapely.Point = geometries_to_lonlat(np.array([spot], object), crs)[0]
    return found


def way_shape(way: Sequence[Sequence[float]], crs: str) -> shapely.Geometry:
    """Line through places in metres, or their point if they are one; EPSG:4326."""
    distinct = [place for k, place in enumerate(way) if not k or place != way[k - 1]]
    shape = shapely.LineString(distinct) if len(distinct) > 1 else shapely.Point(distinct[0])
    found: shapely.Geometry = geometries_to_lonlat(np.array([shape], object), crs)[0]
    return found
