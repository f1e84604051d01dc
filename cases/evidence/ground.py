"""What lies under a case's places: the city's background layers, cut to the picture's frame."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
import shapely

from cases.evidence.seen import Seen
from layers.crs import geometries_to_lonlat, project
from layers.query import Box, Query

# The frame reaches past what is shown by a share of its size, and is never smaller than this.
_MARGIN_SHARE, _LEAST_M = 0.12, 600.0
_DECIMALS = 6


def frame_m(document: dict[str, Any]) -> Box | None:
    """Box of the picture in the city's CRS, metres; None where nothing has a place.

    It holds the alerts, the records and the fixes; zones that they lie in may reach beyond.
    """
    crs = document["city"]["crs"]
    rows = [*document["alerts"], *document["records"], document["case"]]
    shapes = [json.dumps(row["geometry"]) for row in rows if row["geometry"] is not None]
    known = [shape for shape in shapely.from_geojson(shapes) if not shape.is_empty]
    fixes = [(f["lon"], f["lat"]) for track in document["tracks"] for f in track["fixes"]]
    known += list(shapely.points(fixes)) if fixes else []
    if not known:
        return None
    minx, miny, maxx, maxy = shapely.total_bounds(project(np.array(known, object), crs)).tolist()
    half = max(maxx - minx, maxy - miny, _LEAST_M / (1 + 2 * _MARGIN_SHARE)) / 2
    half *= 1 + 2 * _MARGIN_SHARE
    x, y = (minx + maxx) / 2, (miny + maxy) / 2
    return x - half, y - half, x + half, y + half


def ground(seen: Seen, document: dict[str, Any], at: datetime, most: int) -> list[dict[str, Any]]:
    """Rows of the city's background layers in the frame, cut to it, the lowest layer first.

    Parameters
    ----------
    at : as the rows stood then.
    most : rows of each layer, the first by id.
    """
    frame = frame_m(document)
    if frame is None:
        return []
    crs = seen.city.crs
    corners = shapely.segmentize(shapely.box(*frame), (frame[2] - frame[0]) / 8)
    around = geometries_to_lonlat(np.array([corners], object), crs)[0]
    return [
        row
        for layer in seen.city.declaration.background
        if layer in seen.layers() and seen.city.layer(layer).has_geometry
        for row in _rows(seen, layer, around.bounds, at, most)
    ]


def _rows(seen: Seen, layer: str, box: Box, at: datetime, most: int) -> Iterator[dict[str, Any]]:
    query = Query(layer, bbox=box, as_of=at, properties=())
    found = seen.frame(query)
    rows = sorted(zip(found["fid"], found.geometry, strict=True), key=lambda row: str(row[0]))
    for fid, shape in rows[:most]:
        cut = shapely.clip_by_rect(shape, *box)
        cut = shapely.transform(cut, lambda xy: np.round(xy, _DECIMALS))
        if not cut.is_empty:
            geometry = json.loads(shapely.to_geojson(cut))
            yield {"id": f"{layer}/{fid}", "layer": layer, "geometry": geometry}
