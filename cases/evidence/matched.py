"""The way by road of a truck in an evidence package: its excerpt, matched as the rules match it.

Roads are those of the moment at which the package was made, in and around the excerpt. A chain of
matched fixes is one line; where the truck was on no road, or silent for long, there is none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
import shapely

from analytics import registry
from analytics.detect import END_OF_TIME_MS
from analytics.feeds import gps_columns
from analytics.road_shapes import along, way_shape
from analytics.roads.network import RoadNetwork, network_of
from analytics.rule import Columns
from cases.evidence.seen import Seen
from layers.query import Query
from layers.store.tables import instant_of, instant_text

ROADS, WEIGHINGS, FEED = "road", "weighing", "gps"
# Roads around an excerpt that a way between two of its fixes can lead over, degrees.
_AROUND_DEG = 0.02


def matched_ways(seen: Seen, document: dict[str, Any]) -> list[dict[str, Any]]:
    """GeoJSON features of the ways by road of a package's trucks, each with its roads and span."""
    if not {ROADS, WEIGHINGS} <= set(seen.layers()):
        return []
    made_at = datetime.fromisoformat(document["made_at"])
    found: list[dict[str, Any]] = []
    for track in document["tracks"]:
        if track["feed"] == FEED:
            columns, network = _matched(seen, track, made_at)
            found += _features(track, columns, network, seen.city.crs)
    return found


def _matched(seen: Seen, track: dict[str, Any], made_at: datetime) -> tuple[Columns, RoadNetwork]:
    places = [(fix["lon"], fix["lat"]) for fix in track["fixes"]]
    west, south, east, north = shapely.buffer(shapely.MultiPoint(places), _AROUND_DEG).bounds
    box = (west, south, east, north)
    network = network_of(seen.frame(Query(ROADS, bbox=box, as_of=made_at)), seen.city.crs)
    span = [
        round(datetime.fromisoformat(track[end]).timestamp() * 1000) for end in ("start", "end")
    ]
    fixes = seen.fixes(FEED, [track["subject"]], span[0], span[1] + 1)
    nothing = seen.frame(Query(WEIGHINGS, fids=()))
    stage = registry.truck_stage(seen.city, network)
    state = stage.start()
    early = stage.update(state, gps_columns(fixes, nothing, seen.city.crs))
    late = stage.flush(state, END_OF_TIME_MS)
    parts = [part for part in (early, late) if len(part)]
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}, network


def _features(
    track: dict[str, Any], columns: Columns, network: RoadNetwork, crs: str
) -> Iterator[dict[str, Any]]:
    on_road = np.flatnonzero(columns["arc"] >= 0)
    for chain in np.unique(columns["chain"][on_road]).tolist():
        rows = on_road[columns["chain"][on_road] == chain].tolist()
        way: list[Any] = []
        roads: list[int] = []
        for before, row in pairwise(rows):
            for arc, start, end in _pieces(columns, network, before, row):
                way += along(network, arc, start, end)
                roads.append(int(network.arc_road[arc]))
        if not way:
            continue
        first, last = (int(columns["t"][rows[k]]) for k in (0, -1))
        shape = way_shape(way, crs)
        yield {
            "type": "Feature",
            "id": f"{track['id']}/way/{chain}",
            "geometry": json.loads(shapely.to_geojson(shape)),
            "properties": {
                "kind": "matched_way",
                "subject": track["subject"],
                "start": instant_text(instant_of(first)),
                "end": instant_text(instant_of(last)),
                "roads": [network.reference(road) for road in dict.fromkeys(roads)],
                "worst_off_m": round(float(np.nanmax(columns["off_m"][rows])), 1),
            },
        }


def _pieces(
    columns: Columns, network: RoadNetwork, before: int, row: int
) -> Iterator[tuple[int, float, float]]:
    """Arcs between two matched fixes with the metres driven on each."""
    first, last = int(columns["arc"][before]), int(columns["arc"][row])
    start, end = float(columns["along_m"][before]), float(columns["along_m"][row])
    if first == last and not columns["via"][row]:
        if end > start:
            yield first, start, end
        return
    yield first, start, float(network.arc_length_m[first])
    for arc in columns["via"][row]:
        yield int(arc), 0.0, float(network.arc_length_m[arc])
    yield last, 0.0, end
