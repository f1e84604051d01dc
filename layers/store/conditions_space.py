"""Checks of the boxes and geometries that a question brings along."""

from __future__ import annotations

import numpy as np
import shapely

from layers.errors import QueryError
from layers.query import Box


def check_box(box: Box) -> None:
    """Refuse a box that is none; QueryError."""
    if len(box) != 4 or not all(np.isfinite(box)) or box[1] > box[3]:
        raise QueryError(f"expected (minx, miny, maxx, maxy) with miny <= maxy, found {box}")


def check_geometry(geometry: shapely.Geometry) -> None:
    """Refuse a geometry that no predicate can be asked about; QueryError."""
    if shapely.is_empty(geometry) or not np.isfinite(shapely.bounds(geometry)).all():
        raise QueryError("the question's geometry is empty or has coordinates that are not finite")
    if not shapely.is_valid(geometry):
        raise QueryError(f"the question's geometry: {shapely.is_valid_reason(geometry)}")
