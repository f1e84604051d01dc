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

from analytics.kernels.inner import inlined, inner
from analytics.roads.network import MM, Graph
from analytics.roads.parameters import SCALE, Limits
from analytics.roads.paths import Search, Table, distance_mm, trace

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]

NO_WAY, AHEAD, BY_ROAD, TURNED, TURNED_BY_ROAD = range(5)


class Ways(NamedTuple):
    """What ways are found with."""

    graph: Graph
    table: Table
    search: Search


@inlined
def limit_of(
    limits: Limits, straight_m: float, seconds: float
) -> float:  # pragma: no cover - compiled
    """Longest way by road that is believed between two positions, m."""
    detour = limits.detour * straight_m + limits.detour_m
    return float(min(detour, limits.max_speed_mps * (seconds + limits.clock_s)))


@inlined
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
    most = int((limit_m - rest) * MM)
    between, first = distance_mm(
        graph, ways.table, ways.search, graph.end[arc], graph.start[to], most
    )
    if between < 0 or (first >= 0 and first == graph.reverse[arc]):
        return -1.0, False
    return rest + between / MM, False


@inlined
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
    best, kind, cost = 0.0, NO_WAY, np.inf
    length = ways.graph.length_m[arc]
    for turned in range(2):
        # Turning round is only looked at where going on is none, or costs more than that.
        if turned and (cost <= limits.u_turn_m or ways.graph.reverse[arc] < 0):
            break
        own = ways.graph.reverse[arc] if turned else arc
        place = length - along if turned else along
        found, stays = _from(ways, limits, own, place, to, to_along, limit_m)
        off = abs(found - straight_m) + turned * limits.u_turn_m
        if found >= 0 and off < cost:
            best, cost = found, off
            kind = (
                (TURNED if stays else TURNED_BY_ROAD) if turned else (AHEAD if stays else BY_ROAD)
            )
    return best, kind


@inlined
def likelihood(
    limits: Limits, length_m: float, kind: int, straight_m: float
) -> int:  # pragma: no cover - compiled
    """Logarithm of how likely a way is, millionths of a nat."""
    off = abs(length_m - straight_m)
    if kind >= TURNED:
        off += limits.u_turn_m
    return round(-off / limits.beta_m * SCALE)


@inner
def arcs_between(
    ways: Ways,
    place: tuple[int, float],
    to: tuple[int, float],
    kind: int,
    limit_m: float,
    arcs: Ints,
    at: int,
) -> int:  # pragma: no cover - compiled
    """List the arcs strictly between those of two places, along the way of the kind found.

    Parameters
    ----------
    arcs, at : where the list goes, see `analytics.roads.paths.trace`.

    Returns
    -------
    where it ends.
    """
    graph = ways.graph
    arc, rest = place[0], graph.length_m[place[0]] - place[1]
    if kind == TURNED_BY_ROAD:
        arc, rest = graph.reverse[place[0]], place[1]
        arcs[at] = arc
        at += 1
    most = int((limit_m - (rest + to[1])) * MM)
    ends = (graph.end[arc], graph.start[to[0]])
    return int(trace(graph, ways.table, ways.search, ends, most, arcs, at))


@njit(cache=True)
def list_ways(
    ways: Ways,
    place: tuple[Ints, Floats],
    to: tuple[Ints, Floats],
    kind: Bytes,
    limit_m: Floats,
) -> tuple[Ints, Longs]:  # pragma: no cover - compiled
    """List the arcs of many ways.

    Parameters
    ----------
    place, to : arcs and how far along them, m, shape (n,) each.
    kind, limit_m : see `way`, shape (n,) each.

    Returns
    -------
    all arcs, and for each way the first and the end of its own, shape (n, 2).
    """
    longest = len(ways.graph.bounds) + 1
    arcs, used = np.empty(2 * longest, np.int32), 0
    bounds = np.zeros((len(kind), 2), np.int64)
    for k in range(len(kind)):
        if kind[k] in (BY_ROAD, TURNED_BY_ROAD):
            if used + longest > len(arcs):
                wide = np.empty(2 * len(arcs), np.int32)
                wide[:used] = arcs[:used]
                arcs = wide
            start, end = (place[0][k], place[1][k]), (to[0][k], to[1][k])
            bounds[k, 0] = used
            used = arcs_between(ways, start, end, kind[k], limit_m[k], arcs, used)
            bounds[k, 1] = used
    return arcs[:used].copy(), bounds
