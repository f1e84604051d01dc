"""The road network: pieces of road, the points where they meet, and directed arcs along them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from analytics.content import content_version
from layers.crs import project
from layers.text import Text

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]
Objects = npt.NDArray[np.object_]

# Lengths of ways are sums of whole millimetres, so that they do not depend on the order of adding.
MM = 1000
_DIRECTION_M = 10.0
_DIRECTIONS = {"both": (True, True), "forward": (True, False), "backward": (False, True)}
_TEXTS = ("road_id", "road_class", "truck_ban_hours", "name_zh", "name_en")
_NUMBERS = ("speed_limit_kmh", "limit_t", "limit_h_m")


class Graph(NamedTuple):
    """What compiled code knows of a network.

    Attributes
    ----------
    start, end : nodes of each arc, shape (arcs,).
    length_m, length_mm : of each arc.
    reverse : the arc along the same road the other way, -1 for none.
    leaving, bounds : arcs that leave node k are leaving[bounds[k]:bounds[k + 1]].
    leaves, arrives : direction of each arc at its start and at its end, radians.
    """

    start: Ints
    end: Ints
    length_m: Floats
    length_mm: npt.NDArray[np.int64]
    reverse: Ints
    leaving: Ints
    bounds: npt.NDArray[np.int64]
    leaves: Floats
    arrives: Floats


@dataclass(frozen=True, eq=False)
class RoadNetwork:
    """Roads, shape (r,), and arcs, shape (a,): a road that may be driven both ways has two.

    Attributes
    ----------
    road_id, road_class, truck_ban_hours, name_zh, name_en : texts, "" for unknown.
    speed_limit_kmh, limit_t, limit_h_m : km/h, t, m; NaN for none.
    truck_ban : closed to trucks at all hours.
    line : LineStrings in metres.
    arc_road : road of each arc.
    arc_start, arc_end : nodes of each arc.
    arc_length_m : of each arc.
    arc_forward : whether it leads along the road's line.
    node_xy : place of each node, metres, shape (nodes, 2).
    refused : for each reason how many roads were left out.
    """

    road_id: Objects
    road_class: Objects
    truck_ban_hours: Objects
    name_zh: Objects
    name_en: Objects
    speed_limit_kmh: Floats
    limit_t: Floats
    limit_h_m: Floats
    truck_ban: Bools
    line: Objects
    arc_road: Ints
    arc_start: Ints
    arc_end: Ints
    arc_length_m: Floats
    arc_forward: Bools
    node_xy: Floats
    refused: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def version(self) -> str:
        """Hash of everything that the network was made of."""
        arcs = np.column_stack([self.arc_road, self.arc_start, self.arc_end, self.arc_forward])
        return content_version(
            [[self._content(road) for road in range(len(self.road_id))], arcs.tolist()]
        )

    @cached_property
    def graph(self) -> Graph:
        """The same for compiled code."""
        arcs, nodes = len(self.arc_road), len(self.node_xy)
        reverse = np.full(arcs, -1, np.int32)
        twin = np.flatnonzero(self.arc_road[1:] == self.arc_road[:-1])
        reverse[twin], reverse[twin + 1] = twin + 1, twin
        leaving = np.argsort(self.arc_start, kind="stable").astype(np.int32)
        bounds = np.searchsorted(self.arc_start[leaving], np.arange(nodes + 1)).astype(np.int64)
        whole = np.maximum(1, np.rint(self.arc_length_m * MM)).astype(np.int64)
        lengths = self.arc_length_m, whole
        ends = self._directions()
        return Graph(self.arc_start, self.arc_end, *lengths, reverse, leaving, bounds, *ends)

    def _directions(self) -> tuple[Floats, Floats]:
        """Directions of arcs at their starts and ends, over some metres, radians."""
        near = shapely.length(self.line) - _DIRECTION_M
        pairs = (
            (
                shapely.get_point(self.line, 0),
                shapely.line_interpolate_point(self.line, _DIRECTION_M),
            ),
            (
                shapely.line_interpolate_point(self.line, np.maximum(near, 0.0)),
                shapely.get_point(self.line, -1),
            ),
        )
        steps = [shapely.get_coordinates(b) - shapely.get_coordinates(a) for a, b in pairs]
        first, last = (np.arctan2(step[:, 1], step[:, 0])[self.arc_road] for step in steps)
        back = [np.where(angle > 0, angle - np.pi, angle + np.pi) for angle in (first, last)]
        return (
            np.where(self.arc_forward, first, back[1]),
            np.where(self.arc_forward, last, back[0]),
        )

    def name(self, road: int) -> Text:
        """Name of a road; its id where it has none."""
        ident = str(self.road_id[road])
        zh, en = str(self.name_zh[road]), str(self.name_en[road])
        return Text(en=en or zh or ident, zh=zh or en or ident)

    def reference(self, road: int) -> dict[str, Any]:
        """How evidence cites a road: with its limits and a hash of its content."""
        return {
            "layer": "road",
            "id": str(self.road_id[road]),
            "version": content_version(self._content(road)),
            "name_zh": str(self.name_zh[road]),
            "name_en": str(self.name_en[road]),
            "road_class": str(self.road_class[road]),
            **self._limits(road),
        }

    def arc_line(self, arc: int) -> shapely.LineString:
        """Line of an arc in its direction, metres."""
        line: shapely.LineString = self.line[self.arc_road[arc]]
        return line if self.arc_forward[arc] else line.reverse()

    def _limits(self, road: int) -> dict[str, Any]:
        numbers = {name: float(getattr(self, name)[road]) for name in _NUMBERS}
        return {
            **{name: None if value != value else value for name, value in numbers.items()},
            "truck_ban": bool(self.truck_ban[road]),
            "truck_ban_hours": str(self.truck_ban_hours[road]),
        }

    def _content(self, road: int) -> list[Any]:
        texts = [str(getattr(self, name)[road]) for name in _TEXTS]
        return [texts, self._limits(road), self.line[road].wkb_hex]


def network_of(frame: gpd.GeoDataFrame, crs: str, tolerance_m: float = 0.5) -> RoadNetwork:
    """Make the network of the rows of a layer of roads.

    Parameters
    ----------
    frame : geometry in EPSG:4326, one road a row; columns that it lacks are unknown of all.
    crs : projected CRS, metres.
    tolerance_m : ends as close as this are one node.
    """
    lines: Objects = np.array(frame.geometry.values, object)
    known = ~(shapely.is_missing(lines) | shapely.is_empty(lines))
    lines[known] = project(lines[known], crs)
    columns = {
        name: frame[name].tolist()
        for name in (*_TEXTS, *_NUMBERS, "oneway", "truck_ban")
        if name in frame
    }
    return network_from_lines(lines, columns, tolerance_m)


def network_from_lines(
    lines: Sequence[shapely.Geometry | None] | Objects,
    columns: Mapping[str, Sequence[Any]] | None = None,
    tolerance_m: float = 0.5,
) -> RoadNetwork:
    """Make a network of lines in metres.

    Parameters
    ----------
    lines : n of them; what is no line, or has no length, is left out and counted.
    columns : by name of a property of the layer ``road`` its n values, None for unknown; a road
        without ``oneway`` may be driven both ways, one without an id is named by its number.
    tolerance_m : ends as close as this are one node.
    """
    told = columns or {}
    merged = [_merged(line) for line in lines]
    ways = told.get("oneway", [None] * len(merged))
    why = [_refusal(line, way) for line, way in zip(merged, ways, strict=True)]
    kept = [number for number, reason in enumerate(why) if not reason]
    line = np.empty(len(kept), object)
    line[:] = [merged[number] for number in kept]
    open_ = np.array([_DIRECTIONS[_text(ways[number]) or "both"] for number in kept], bool)
    open_ = open_.reshape(-1, 2)
    ends, node_xy = _nodes(line, tolerance_m)
    road, backward = np.nonzero(open_)
    texts = {name: _taken(told, name, kept) for name in _TEXTS}
    ids = [_text(v) or str(n) for v, n in zip(texts.pop("road_id"), kept, strict=True)]
    said: dict[str, Any] = {
        name: np.array([_text(v) for v in values], object) for name, values in texts.items()
    }
    for name in _NUMBERS:
        said[name] = np.array([_number(v) for v in _taken(told, name, kept)], np.float64)
    return RoadNetwork(
        road_id=np.array(ids, object),
        **said,
        truck_ban=np.array([_number(v) == 1 for v in _taken(told, "truck_ban", kept)], bool),
        line=line,
        arc_road=road.astype(np.int32),
        arc_start=ends[road, backward].astype(np.int32),
        arc_end=ends[road, 1 - backward].astype(np.int32),
        arc_length_m=shapely.length(line)[road].astype(np.float64),
        arc_forward=backward == 0,
        node_xy=node_xy,
        refused=dict(Counter(reason for reason in why if reason)),
    )


def _merged(line: shapely.Geometry | None) -> shapely.Geometry | None:
    """Parts that follow each other are one line."""
    if not isinstance(line, shapely.MultiLineString):
        return line
    merged: shapely.Geometry = shapely.line_merge(line)
    return merged


def _refusal(line: shapely.Geometry | None, way: Any) -> str:
    """Why a road can't be used, "" if it can."""
    if line is None or shapely.is_empty(line):
        return "no geometry"
    if isinstance(line, shapely.MultiLineString):
        return "parts apart"
    if not isinstance(line, shapely.LineString):
        return "not a line"
    if not np.isfinite(shapely.get_coordinates(line)).all():
        return "coordinates not finite"
    if line.length * MM < 1:
        return "no length"
    return "" if (_text(way) or "both") in _DIRECTIONS else "direction unknown"


def _nodes(line: Objects, tolerance_m: float) -> tuple[npt.NDArray[np.int64], Floats]:
    """Nodes of both ends of each line, shape (n, 2), and their places."""
    n = len(line)
    points = np.concatenate([shapely.get_coordinates(shapely.get_point(line, i)) for i in (0, -1)])
    if not n:
        return np.zeros((0, 2), np.int64), np.zeros((0, 2))
    distinct, number = np.unique(points, axis=0, return_inverse=True)
    pairs = cKDTree(distinct).query_pairs(tolerance_m, output_type="ndarray")
    links = coo_array(
        (np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(len(distinct),) * 2
    )
    _, node = connected_components(links, directed=False)
    first = np.unique(node, return_index=True)[1]
    joined = np.asarray(node[number.reshape(-1)], np.int64)
    return joined.reshape(2, n).T.copy(), distinct[first]


def _taken(columns: Mapping[str, Sequence[Any]], name: str, kept: list[int]) -> list[Any]:
    values = columns.get(name)
    return [None if values is None else values[number] for number in kept]


def _text(value: Any) -> str:
    return "" if value is None or pd.isna(value) else str(value)


def _number(value: Any) -> float:
    return float("nan") if value is None or pd.isna(value) else float(value)


# Of a city without roads: every truck is on none.
NO_ROADS = network_from_lines([])
