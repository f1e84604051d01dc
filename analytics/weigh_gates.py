"""Where trucks leave the road before a weigh station, and where they come back behind it.

A *gate* is a station in one direction of travel. Its zone are the arcs of its road that lead to it
(`UP`), its own arc, and the arcs that lead away from it (`DOWN`). A truck leaves, and comes back,
between two pieces of its way: at the junction between an arc of the zone and one outside of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import shapely

from analytics.references import WimStation
from analytics.road_walks import Walks
from analytics.routes import Pieces
from analytics.truck_references import Roads

Longs = npt.NDArray[np.int64]

OUTSIDE, UP, STATION, DOWN = 0, 1, 2, 3


class Gate(NamedTuple):
    """A station in one direction.

    Attributes
    ----------
    key : names it whatever other stations there are.
    arc : that it stands on.
    far_m : of each arc upstream how far its end is from the station, of each arc downstream how far
        its start is.
    """

    key: str
    station: WimStation
    arc: int
    far_m: dict[int, float]


class Turns(NamedTuple):
    """Junctions at which trucks leave zones or enter them, in the order driven; shape (k,) each.

    Attributes
    ----------
    piece : the piece before the junction.
    gate : whose zone.
    left, entered : part of the zone before the junction, and after it.
    """

    piece: Longs
    gate: Longs
    left: npt.NDArray[np.int8]
    entered: npt.NDArray[np.int8]


class Gates:
    """All gates of a city."""

    def __init__(
        self,
        roads: Roads,
        stations: Iterable[WimStation],
        approach_m: float,
        return_m: float,
        max_turn_deg: float,
    ) -> None:
        self.gates: list[Gate] = []
        zones: list[npt.NDArray[np.int8]] = []
        walks = Walks(roads, max_turn_deg)
        for station in sorted(stations, key=lambda one: one.station_id):
            for arc, at_m in _places(roads, station):
                zone = np.zeros(len(roads.arc_road), np.int8)
                far: dict[int, float] = {}
                down = walks.downstream(arc, at_m, return_m)
                up = walks.upstream(arc, at_m, approach_m)
                for part, stretch in ((DOWN, down), (UP, up)):
                    zone[list(stretch.arcs)] = part
                    far.update(zip(stretch.arcs, stretch.far_m, strict=True))
                zone[arc] = STATION
                zones.append(zone)
                ahead = "+" if roads.arc_forward[arc] else "-"
                self.gates.append(Gate(f"{ahead}{station.station_id}", station, arc, far))
        self.by_key = {gate.key: gate for gate in self.gates}
        self.zone = np.array(zones, np.int8).reshape(len(zones), len(roads.arc_road))
        # Arcs that lie in the same parts of all zones have one number.
        self._alike = np.unique(self.zone, axis=1, return_inverse=True)[1].reshape(-1)
        self.arcs = (self.zone != OUTSIDE).any(axis=0)

    def turns(self, pieces: Pieces) -> Turns:
        """Find where the way leads out of a zone or into one."""
        arc, step = pieces.arc, pieces.step
        apart = (step[1:] == step[:-1]) & (self._alike[arc[1:]] != self._alike[arc[:-1]])
        piece = np.flatnonzero(apart)
        before, after = self.zone[:, arc[piece]], self.zone[:, arc[piece + 1]]
        place, gate = np.nonzero(((before == OUTSIDE) != (after == OUTSIDE)).T)
        return Turns(piece[place], gate, before[gate, place], after[gate, place])


def _places(roads: Roads, station: WimStation) -> list[tuple[int, float]]:
    """Arcs that a station weighs the traffic of, and where along each it stands."""
    found = []
    if station.line is None or not station.road_id:
        return []
    for road in np.flatnonzero(roads.road_id == station.road_id).tolist():
        line = roads.line[road]
        across = shapely.intersection(line, station.line)
        spot = shapely.centroid(station.line if across.is_empty else across)
        at_m = float(line.project(spot))
        for arc in np.flatnonzero(roads.arc_road == road).tolist():
            ahead = bool(roads.arc_forward[arc])
            if station.direction == ("backward" if ahead else "forward"):
                continue
            found.append((arc, at_m if ahead else float(line.length) - at_m))
    return found
