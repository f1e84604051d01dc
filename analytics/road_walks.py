"""Walks along a road, arc by arc, against the traffic or with it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import shapely

from analytics.road_shapes import arc_line
from analytics.truck_references import Roads


class Stretch(NamedTuple):
    """Arcs of a walk in the order met, and how far from its beginning the nearer end of each is."""

    arcs: tuple[int, ...]
    far_m: tuple[float, ...]


class Walks:
    """Walks on one network.

    Parameters
    ----------
    max_turn_deg : a road without a name, or whose name ends, goes on in another of its class that
        turns off by no more.
    """

    def __init__(self, roads: Roads, max_turn_deg: float) -> None:
        self._roads, self._max_turn = roads, max_turn_deg
        nodes = int(max(roads.arc_start.max(initial=-1), roads.arc_end.max(initial=-1))) + 1
        self._leaving = _arcs_at(roads.arc_start, nodes)
        self._arriving = _arcs_at(roads.arc_end, nodes)

    def upstream(self, arc: int, from_m: float, limit_m: float) -> Stretch:
        """Walk against the traffic from a place ``from_m`` along an arc; the arc is not in it."""
        return self._walk(arc, from_m, limit_m, False)

    def downstream(self, arc: int, from_m: float, limit_m: float) -> Stretch:
        """Walk with the traffic from a place on an arc."""
        return self._walk(arc, float(self._roads.arc_length_m[arc]) - from_m, limit_m, True)

    def _walk(self, arc: int, far_m: float, limit_m: float, ahead: bool) -> Stretch:
        arcs: list[int] = []
        far: list[float] = []
        seen = {arc}
        while far_m <= limit_m:
            following = self._following(arc, ahead, seen)
            if following is None:
                break
            arc = following
            seen.add(arc)
            arcs.append(arc)
            far.append(far_m)
            far_m += float(self._roads.arc_length_m[arc])
        return Stretch(tuple(arcs), tuple(far))

    def _following(self, arc: int, ahead: bool, seen: set[int]) -> int | None:
        """The arc in which the road goes on: of the same name, else of the same class; straight."""
        roads = self._roads
        node = int(roads.arc_end[arc] if ahead else roads.arc_start[arc])
        table = self._leaving if ahead else self._arriving
        road = int(roads.arc_road[arc])
        others = [
            (self._turn(arc, other, ahead), other)
            for other in table[node]
            if other not in seen and int(roads.arc_road[other]) != road
        ]
        name = _named(roads, road)
        if name:
            same = [one for one in others if _named(roads, int(roads.arc_road[one[1]])) == name]
            if same:
                return min(same)[1]
        straight = [
            (turn, other)
            for turn, other in others
            if turn <= self._max_turn
            and roads.road_class[roads.arc_road[other]] == roads.road_class[road]
        ]
        return min(straight)[1] if straight else None

    def _turn(self, arc: int, other: int, ahead: bool) -> float:
        """Degrees between an arc and one that follows it (or that it follows)."""
        first, second = (arc, other) if ahead else (other, arc)
        turn = _bearing(self._roads, second, 0) - _bearing(self._roads, first, -2)
        return float(abs((turn + 180) % 360 - 180))


def _arcs_at(node: npt.NDArray[np.int32], nodes: int) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in range(nodes)]
    for arc, at in enumerate(node.tolist()):
        found[at].append(arc)
    return found


def _named(roads: Roads, road: int) -> tuple[str, str] | None:
    name = str(roads.name_zh[road] or ""), str(roads.name_en[road] or "")
    return name if any(name) else None


def _bearing(roads: Roads, arc: int, at: int) -> float:
    """Direction of an arc's first (0) or last (-2) edge, degrees."""
    coordinates = shapely.get_coordinates(arc_line(roads, arc))
    dx, dy = coordinates[at + 1] - coordinates[at]
    return float(np.degrees(np.arctan2(dy, dx)))
