"""Limits of mass and height along roads, and the places that show that a truck went there.

A bridge or underpass belongs to the roads whose line lies within its outline for at least half of
the longest side of its smallest rectangle: roads that run over or through its length, not those
that cross it. Where there are none, as on a bridge that is wider than it is long, it belongs to the
roads of its own name, or else to the only road through it. Who passes the middle of that part has
passed the structure. A road's own limit is passed in the middle of the road.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import shapely

from analytics.road_wording import road_name
from analytics.routes import Pieces
from analytics.truck_references import Bridge, Haulage, Roads
from layers.text import Text

Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Limited(NamedTuple):
    """A structure or road with a limit.

    Attributes
    ----------
    key : equal for pieces of one road with equal limits.
    limit_t, limit_h_m : NaN where there is none.
    """

    key: str
    name: Text
    limit_t: float
    limit_h_m: float
    reference: dict[str, Any]


class Crossings(NamedTuple):
    """Where pieces of steps pass a checkpoint, in the order driven; shape (c,) each.

    Attributes
    ----------
    step : as in the pieces.
    limited : number of what is passed.
    arc, at_m : where.
    t : interpolated, ms since 1970.
    """

    step: Longs
    limited: Longs
    arc: Longs
    at_m: Floats
    t: Longs


class Checkpoints:
    """All limits of a city, and the middle of each on each arc that leads there."""

    def __init__(self, roads: Roads, haulage: Haulage) -> None:
        self.limited: list[Limited] = []
        spots: list[tuple[int, float, int]] = []
        told = set()
        for bridge, structure in ((one, _structure(one)) for one in haulage.bridges):
            for road, middle in _roads_of(roads, bridge):
                spots += [(road, middle, len(self.limited))]
                told.add((road, _limits(structure)))
            self.limited.append(structure)
        for road in range(len(roads.road_id)):
            own = _own(roads, road)
            if own is not None and (road, _limits(own)) not in told:
                spots += [(road, roads.line[road].length / 2, len(self.limited))]
                self.limited.append(own)
        self._by_arc(roads, spots)

    def _by_arc(self, roads: Roads, spots: list[tuple[int, float, int]]) -> None:
        """Arrange the checkpoints by arc: those of arc k are bounds[k] : bounds[k + 1]."""
        on_road: dict[int, list[tuple[float, int]]] = {}
        for road, middle, number in spots:
            on_road.setdefault(road, []).append((middle, number))
        at_m: list[float] = []
        numbers: list[int] = []
        counts = np.zeros(len(roads.arc_road), np.int64)
        for arc in np.flatnonzero(np.isin(roads.arc_road, list(on_road))).tolist():
            far, ahead = float(roads.arc_length_m[arc]), bool(roads.arc_forward[arc])
            own = on_road[int(roads.arc_road[arc])]
            turned = sorted((m if ahead else far - m, number) for m, number in own)
            counts[arc] = len(turned)
            at_m += [m for m, _ in turned]
            numbers += [number for _, number in turned]
        self._bounds = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self._at_m, self._number = np.array(at_m, float), np.array(numbers, np.int64)
        self.arcs = counts > 0

    def crossings(self, pieces: Pieces) -> Crossings:
        """Find where pieces pass the middle of a limit."""
        counts = self._bounds[pieces.arc + 1] - self._bounds[pieces.arc]
        piece = np.repeat(np.arange(len(counts)), counts)
        begins = np.cumsum(counts) - counts
        spot = self._bounds[pieces.arc][piece] + np.arange(len(piece)) - begins[piece]
        at_m, start = self._at_m[spot], pieces.from_m[piece]
        passed = (start < at_m) & (at_m <= pieces.to_m[piece])
        piece, spot, at_m, start = piece[passed], spot[passed], at_m[passed], start[passed]
        share = (at_m - start) / (pieces.to_m[piece] - start)
        enter = pieces.enter_ms[piece]
        t = enter + np.rint((pieces.leave_ms[piece] - enter) * share).astype(np.int64)
        return Crossings(pieces.step[piece], self._number[spot], pieces.arc[piece], at_m, t)


def _structure(bridge: Bridge) -> Limited:
    name = bridge.name_zh or bridge.code
    return Limited(
        bridge.code,
        Text(en=name, zh=name),
        _number(bridge.limit_t),
        _number(bridge.limit_h_m),
        bridge.reference(),
    )


def _own(roads: Roads, road: int) -> Limited | None:
    limits = float(roads.limit_t[road]), float(roads.limit_h_m[road])
    if np.isnan(limits).all():
        return None
    ident, name = str(roads.road_id[road]), road_name(roads, road)
    key = f"{name.zh}|{name.en}|{limits}"
    return Limited(key if name.zh != ident else ident, name, *limits, roads.reference(road))


def _roads_of(roads: Roads, bridge: Bridge) -> list[tuple[int, float]]:
    """Roads that a structure belongs to, and where along them its middle is."""
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(bridge.shape))
    longest = float(np.hypot(*np.diff(corners, axis=0).T).max(initial=0))
    tree = shapely.STRtree(roads.line)
    touching = np.sort(tree.query(bridge.shape, predicate="intersects"))
    within = shapely.intersection(roads.line[touching], bridge.shape)
    length = shapely.length(within)
    own = length >= longest / 2
    if not own.any():
        own = (roads.name_zh[touching] == bridge.name_zh) & (bridge.name_zh != "")
    if not own.any() and len(touching) == 1:
        own[:] = True
    found = []
    for k in np.flatnonzero(own & (length > 0)).tolist():
        places = shapely.points(shapely.get_coordinates(within[k]))
        ends = shapely.line_locate_point(roads.line[touching[k]], places)
        found.append((int(touching[k]), float(ends.min() + ends.max()) / 2))
    return found


def _limits(limited: Limited) -> tuple[str, str]:
    return str(limited.limit_t), str(limited.limit_h_m)


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
