"""Ways between places on arcs: how long they are, and how likely a truck took them.

A truck goes on along its arc and then the shortest way; noise may bring it back on it a little; or
it turns round where it stands and goes on from there, which costs something. Turning round is not
left to the shortest way, for on that it could be done at the next node only, at no cost.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from analytics.roads.network import MM, Graph
from analytics.roads.parameters import SCALE, Limits
from analytics.roads.paths import Search, Table, distance_mm, trace

Ints = npt.NDArray[np.int32]

NO_WAY, AHEAD, BY_ROAD, TURNED, TURNED_BY_ROAD = range(5)


class Ways(NamedTuple):
    """What ways are found with."""

    graph: Graph
    table: Table
    search: Search


@njit(cache=True)
def limit_of(
    limits: Limits, straight_m: float, seconds: float
) -> float:  # pragma: no cover - compiled
    """Longest way by road that is believed between two positions, m."""
    detour = limits.detour * straight_m + limits.detour_m
    return float(min(detour, limits.max_speed_mps * (seconds + limits.clock_s)))


@njit(cache=True)
def _from(
    ways: Ways,
    limits: Limits,
    arc: int,
    along: float,
    to: int,
    to_along: float,
    limit_m: float,
) -> tuple[float, bool]:  # pragma: no cover - compiled
    """Way from a place in its arc's direction, -1 for none; and whether it stays on the arc."""
    graph = ways.graph
    if to == arc and to_along >= along - limits.backward_m:
        return max(0.0, to_along - along), True
    rest = graph.length_m[arc] - along + to_along
    if rest > limit_m or (to == graph.reverse[arc] and to != arc):
        return -1.0, False
    most = np.int64((limit_m - rest) * MM)
    between, first = distance_mm(
        graph, ways.table, ways.search, graph.end[arc], graph.start[to], most
    )
    if between < 0 or (first >= 0 and first == graph.reverse[arc]):
        return -1.0, False
    return rest + between / MM, False


@njit(cache=True)
def way(
    ways: Ways,
    limits: Limits,
    arc: int,
    along: float,
    to: int,
    to_along: float,
    straight_m: float,
    limit_m: float,
) -> tuple[float, int]:  # pragma: no cover - compiled
    """Find the likeliest way between two places.

    Parameters
    ----------
    arc, along, to, to_along : arcs and how far along them, m.
    straight_m : distance between the two positions.
    limit_m : longest way, see `limit_of`.

    Returns
    -------
    its length, m, and its kind, a constant of this module.
    """
    ahead, stays = _from(ways, limits, arc, along, to, to_along, limit_m)
    turned = ways.graph.reverse[arc]
    off = abs(ahead - straight_m)
    if turned < 0 or (ahead >= 0 and off <= limits.u_turn_m):
        return (ahead, AHEAD if stays else BY_ROAD) if ahead >= 0 else (0.0, NO_WAY)
    back, remains = _from(
        ways, limits, turned, ways.graph.length_m[arc] - along, to, to_along, limit_m
    )
    if back >= 0 and (ahead < 0 or abs(back - straight_m) + limits.u_turn_m < off):
        return back, TURNED if remains else TURNED_BY_ROAD
    return (ahead, AHEAD if stays else BY_ROAD) if ahead >= 0 else (0.0, NO_WAY)


@njit(cache=True)
def likelihood(
    limits: Limits, length_m: float, kind: int, straight_m: float
) -> int:  # pragma: no cover - compiled
    """Logarithm of how likely a way is, millionths of a nat."""
    off = abs(length_m - straight_m)
    if kind >= TURNED:
        off += limits.u_turn_m
    return int(np.int64(round(-off / limits.beta_m * SCALE)))


@njit(cache=True)
def arcs_between(
    ways: Ways, arc: int, along: float, to: int, to_along: float, kind: int, limit_m: float
) -> Ints:  # pragma: no cover - compiled
    """List the arcs strictly between those of two places, along the way of the kind found."""
    graph = ways.graph
    if kind == AHEAD or kind == TURNED:
        return np.empty(0, np.int32)
    if kind == BY_ROAD:
        most = np.int64((limit_m - (graph.length_m[arc] - along + to_along)) * MM)
        return trace(graph, ways.table, ways.search, graph.end[arc], graph.start[to], most)
    turned = graph.reverse[arc]
    most = np.int64((limit_m - (along + to_along)) * MM)
    rest = trace(graph, ways.table, ways.search, graph.end[turned], graph.start[to], most)
    found = np.empty(len(rest) + 1, np.int32)
    found[0] = turned
    found[1:] = rest
    return found
