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
from analytics.routes import Pieces, Steps
from analytics.truck_references import Roads

Longs = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

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

    A way between two fixes is no proof of where it led: a truck has left the road (``leaves``) if
    the fix before the junction was upstream, and is back (``returns``) if the fix behind it is
    downstream, both fixes of the step close to their
    roads. Of other turns both are False.

    Attributes
    ----------
    at : step.
    piece : the piece before the junction.
    gate : whose zone.
    t : ms since 1970.
    rest_mm : from the junction to the end of the step.
    """

    at: Longs
    piece: Longs
    gate: Longs
    t: Longs
    rest_mm: Longs
    leaves: Bools
    returns: Bools


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

    def turns(self, steps: Steps, chosen: Longs, pieces: Pieces, max_off_m: float) -> Turns:
        """Find where ways lead out of a zone or into one.

        Parameters
        ----------
        chosen : steps of which the pieces are.
        max_off_m : further from the road a fix shows nothing.
        """
        arc, step = pieces.arc, pieces.step
        apart = (step[1:] == step[:-1]) & (self._alike[arc[1:]] != self._alike[arc[:-1]])
        junction = np.flatnonzero(apart)
        before, after = self.zone[:, arc[junction]], self.zone[:, arc[junction + 1]]
        place, gate = np.nonzero(((before == OUTSIDE) != (after == OUTSIDE)).T)
        piece, left, entered = junction[place], before[gate, place], after[gate, place]
        at = chosen[step[piece]]
        off = np.maximum(steps.before("off_m")[at], steps.take("off_m")[at])
        driven = np.concatenate([[0], np.cumsum(pieces.length_mm)])
        return Turns(
            at=at,
            piece=piece,
            gate=gate,
            t=pieces.leave_ms[piece],
            rest_mm=driven[pieces.bounds[step[piece] + 1]] - driven[piece + 1],
            leaves=(off <= max_off_m)
            & (left == UP)
            & (entered == OUTSIDE)
            & (self.zone[gate, steps.before("arc")[at]] == UP),
            returns=(off <= max_off_m)
            & (entered == DOWN)
            & (self.zone[gate, steps.take("arc")[at]] == DOWN),
        )


def notable(turns: Turns, owner: Longs, held: Bools, since: Longs, max_detour_ms: float) -> Longs:
    """Pick the turns that a bypass may begin or end with.

    That are those of a truck at a gate that left and returned with its next turn there, soon
    enough; its last one there, if it has left and may still be back; and its first one, if it may
    have left before.

    Parameters
    ----------
    owner : truck of each turn.
    held : whether a truck is known to have left before, shape (trucks,).
    since : time from which on each truck can have left and still be back soon enough.

    Returns
    -------
    numbers of turns, in order.
    """
    if not len(owner):
        return np.zeros(0, np.int64)
    key = owner * (int(turns.gate.max()) + 1) + turns.gate
    order = np.argsort(key, kind="stable")
    key, t, truck = key[order], turns.t[order], owner[order]
    leaves, returns = turns.leaves[order], turns.returns[order]
    follows = np.concatenate([[False], key[1:] == key[:-1]])
    last = np.concatenate([~follows[1:], [True]])
    ends = np.zeros(len(key), bool)
    ends[1:] = follows[1:] & leaves[:-1] & returns[1:] & (np.diff(t) <= max_detour_ms)
    chosen = ends | (~follows & held[truck]) | (last & leaves & (t >= since[truck]))
    chosen[:-1] |= ends[1:]
    return np.sort(order[chosen])


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
