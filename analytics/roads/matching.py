"""Map matching of whole tracks: which road each position was on, and the way between them.

A hidden Markov model (Newson and Krumm, Hidden Markov map matching through noise and sparseness,
ACM SIGSPATIAL 2009): a position lies around its place on the road (normal), its course around the
road's direction (von Mises), and ways by road are about as long as the straight ones (exponential).
The likeliest sequence is Viterbi's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.kernels.viterbi import lattice_room
from analytics.roads.candidates import found_room, grid_of
from analytics.roads.decoding import APART, Rows, Steps, Told, Tools
from analytics.roads.fleet import NEVER, advance, no_memory, nothing_told
from analytics.roads.network import RoadNetwork
from analytics.roads.parameters import Limits, MatchingParameters
from analytics.roads.paths import room, table_of
from analytics.roads.transitions import BY_ROAD, TURNED_BY_ROAD, Ways, list_ways

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]


class Matched(NamedTuple):
    """Positions on roads, shape (n,).

    Attributes
    ----------
    arc : of each position, -1 for none.
    along_m : from the arc's start; NaN for none.
    off_m : distance of the position from there.
    chain : time of the first position of its chain, ms, -1 for none; between chains nothing is
        known of the way.
    route_m : by road from the matched position before in the chain, NaN for the first.
    via : arcs strictly between that one's arc and this one's, of position k
        via[via_bounds[k, 0]:via_bounds[k, 1]].
    """

    arc: Ints
    along_m: Floats
    off_m: Floats
    chain: Longs
    route_m: Floats
    via: Ints
    via_bounds: Longs


class Matcher:
    """A network made ready for matching with some parameters.

    Attributes
    ----------
    tables_mb : memory of the ways found beforehand, MB.
    """

    def __init__(self, network: RoadNetwork, parameters: MatchingParameters) -> None:
        self.network = network
        self.parameters = parameters
        self.limits: Limits = parameters.limits()
        graph = network.graph
        self._grid = grid_of(network, self.limits.radius_m)
        table = table_of(graph, parameters.table_m, parameters.turn_m)
        self._ways = Ways(graph, table, room(graph, parameters.turn_m))
        self.tables_mb = self._ways.table.megabytes

    def tools(self, lag_fixes: int | None = None) -> Tools:
        """What the compiled loop works with; a longer lag than the parameters' if one is given."""
        limits = self.limits
        if lag_fixes is not None:
            limits = limits._replace(lag_ms=-NEVER, lag_fixes=lag_fixes)
        shape = (limits.lag_fixes + 2, limits.candidates)
        steps = Steps(
            lattice_room(*shape),
            np.zeros(shape, np.int32),
            np.zeros(shape),
            np.zeros((*shape, 2)),
            np.zeros(shape[0], np.int64),
            np.zeros(shape[0], np.int64),
        )
        return Tools(limits, self._grid, self._ways, found_room(limits), steps)

    def rows(
        self,
        t: Longs,
        x: Floats,
        y: Floats,
        usable: npt.NDArray[np.bool_],
        cog_deg: Floats | None,
        sog_mps: Floats | None,
    ) -> Rows:
        """Rows for the compiled loop; a slow truck's course is left out."""
        east, north = np.zeros(len(t)), np.zeros(len(t))
        if cog_deg is not None and self.limits.heading_weight:
            known = np.isfinite(cog_deg)
            if sog_mps is not None:
                known &= ~(sog_mps < self.limits.heading_min_mps)
            angle = np.radians(cog_deg[known])
            east[known], north[known] = np.sin(angle), np.cos(angle)
        moving = np.zeros(len(t), bool)
        if sog_mps is not None:
            moving = np.asarray(sog_mps) >= self.limits.still_mps
        fixed = usable & np.isfinite(x) & np.isfinite(y)
        return Rows(t, x, y, east, north, moving, fixed, np.full(len(t), APART, np.uint8))

    def match(
        self,
        bounds: Longs,
        t: Longs,
        x: Floats,
        y: Floats,
        cog_deg: Floats | None = None,
        sog_mps: Floats | None = None,
    ) -> Matched:
        """Match whole tracks; see `match`."""
        longest = int(np.diff(bounds).max(initial=0))
        everything = np.ones(len(t), bool)
        rows = self.rows(t, x, y, everything, cog_deg, sog_mps)
        told = nothing_told(len(t))
        tracks = len(bounds) - 1
        advance(self.tools(longest + 1), rows, told, bounds, bounds[:-1], no_memory(tracks), -NEVER)
        via, via_bounds = self.ways_of(told)
        return Matched(
            told.arc, told.along_m, told.off_m, told.chain, told.route_m, via, via_bounds
        )

    def ways_of(self, told: Told) -> tuple[Ints, Longs]:
        """Arcs between decided rows and those before, and each row's bounds among them.

        Trucks take the same ways again and again: rows of one way share its arcs.
        """
        bounds = np.zeros((len(told.kind), 2), np.int64)
        rows = np.flatnonzero(np.isin(told.kind, (BY_ROAD, TURNED_BY_ROAD)))
        arcs = len(self._ways.graph.start)
        ends = told.from_arc[rows] * np.int64(arcs) + told.arc[rows]
        way = 2 * ends + (told.kind[rows] == TURNED_BY_ROAD)
        _, first, number = np.unique(way, return_index=True, return_inverse=True)
        one = rows[first]
        via, own = list_ways(
            self._ways,
            (told.from_arc[one], told.from_along_m[one]),
            (told.arc[one], told.along_m[one]),
            told.kind[one],
            told.limit_m[one],
        )
        bounds[rows] = own[number.reshape(-1)]
        return via, bounds


def match(
    network: RoadNetwork,
    parameters: MatchingParameters,
    bounds: Longs,
    t: Longs,
    x: Floats,
    y: Floats,
    cog_deg: Floats | None = None,
    sog_mps: Floats | None = None,
) -> Matched:
    """Match whole tracks to roads, each position by all of its chain.

    Parameters
    ----------
    bounds : track k has positions [bounds[k], bounds[k + 1]); shape (m + 1,).
    t : ms, in order within a track; x, y : metres in the network's CRS; shape (n,) each.
    cog_deg : course from north, clockwise; NaN where it is not known.
    sog_mps : speed; without it every course counts.
    """
    return Matcher(network, parameters).match(bounds, t, x, y, cog_deg, sog_mps)
