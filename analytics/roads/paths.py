"""Cheapest ways between nodes of a road network: short ones, with few turns.

A way costs its length and something for each turn, so that long straight streets are taken before
short cuts through many corners, as drivers do. Dijkstra's search keeps one way for each node: a
cheaper turn further on does not bring a dearer way to a node back.

Ways up to a bound are found beforehand, from every node, and kept as a table: the upper-bounded
origin–destination table of Yang and Gidófalvi (Fast map matching, IJGIS 32(3), 2018). A row says
how far a destination is and by which arc it is reached; the rest of the way is in the same origin's
rows. Longer ways are searched for when they are asked for, up to a limit.

Lengths and costs are whole millimetres, so a way has one length however it is added up.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from analytics.kernels.inner import inlined, inner
from analytics.roads.network import MM, Graph

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]

NONE = -1
_NODE_BITS = 32
_NODE_MASK = 2**32 - 1
_RIGHT_ANGLE = math.pi / 2
# A way may cost more than its limit by as many right angles: limits are of lengths.
_ROUND = 4


class Table(NamedTuple):
    """Ways from every node up to a bound.

    Attributes
    ----------
    bounds : rows of origin k are bounds[k]:bounds[k + 1], ordered by destination.
    destination, length_mm, cost_mm : of each row.
    first, arrived : the arcs with which its way begins and ends.
    bound_mm : how long ways may be; shape (1,).
    """

    bounds: Longs
    destination: Ints
    length_mm: Ints
    cost_mm: Ints
    first: Ints
    arrived: Ints
    bound_mm: Longs

    @property
    def megabytes(self) -> float:
        """Memory that it takes."""
        return sum(part.nbytes for part in self) / 1e6


class Search(NamedTuple):
    """Room for one search; a node holds something if its stamp is the search's own.

    Attributes
    ----------
    length_mm, cost_mm, arrived, first, stamp : of each node how far it is, what the way costs, by
        which arc it is reached, with which the way begins, and in which search that was found.
    reached : nodes of the newest search but its origin.
    heap : nodes waiting, with their costs in the upper half.
    last : number of the newest search, its origin and its limit; shape (3,).
    turn_mm : what a turn by a right angle costs, a wider one in proportion.
    """

    length_mm: Longs
    cost_mm: Longs
    arrived: Ints
    first: Ints
    stamp: Longs
    reached: Longs
    heap: Longs
    last: Longs
    turn_mm: int


def room(graph: Graph, turn_m: float) -> Search:
    """Room for searches in a graph; a turn by a right angle costs as much as a length, m."""
    nodes, arcs = len(graph.bounds) - 1, len(graph.start)
    return Search(
        np.zeros(nodes, np.int64),
        np.zeros(nodes, np.int64),
        np.zeros(nodes, np.int32),
        np.zeros(nodes, np.int32),
        np.zeros(nodes, np.int64),
        np.zeros(nodes, np.int64),
        np.zeros(arcs + 1, np.int64),
        np.array([0, NONE, 0], np.int64),
        round(turn_m * MM),
    )


def table_of(graph: Graph, bound_m: float, turn_m: float) -> Table:
    """Find all ways up to a length, m; see `room`."""
    bound = round(bound_m * MM)
    bounds, rows = _table(graph, room(graph, turn_m), bound)
    destination, length, cost, first, arrived = rows.T.copy()
    return Table(bounds, destination, length, cost, first, arrived, np.array([bound], np.int64))


@inner
def _push(heap: Longs, count: int, key: int) -> int:  # pragma: no cover - compiled
    at = count
    while at > 0:
        parent = (at - 1) >> 1
        if heap[parent] <= key:
            break
        heap[at] = heap[parent]
        at = parent
    heap[at] = key
    return count + 1


@inner
def _pop(heap: Longs, count: int) -> int:  # pragma: no cover - compiled
    """Take the least away; the count falls by one."""
    count -= 1
    key = heap[count]
    at = 0
    while True:
        child = 2 * at + 1
        if child >= count:
            break
        if child + 1 < count and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= key:
            break
        heap[at] = heap[child]
        at = child
    heap[at] = key
    return count


@inner
def _turn(
    graph: Graph, search: Search, before: int, arc: int
) -> int:  # pragma: no cover - compiled
    """What it costs to turn from an arc, `NONE` at a way's beginning, into the next one."""
    if before < 0 or not search.turn_mm:
        return 0
    angle = abs(graph.leaves[arc] - graph.arrives[before])
    cost: int = round(min(angle, 2 * math.pi - angle) / _RIGHT_ANGLE * search.turn_mm)
    return cost


@inner
def explore(
    graph: Graph, search: Search, origin: int, limit_mm: int
) -> int:  # pragma: no cover - compiled
    """Find all ways from a node up to a length; how many nodes but the origin are reached.

    Some of them may be further than that: a way is what it is, whatever the limit.
    Of equal ways it is that through the node that was settled first: the nearer, then the smaller.
    """
    number = search.last[0] + 1
    search.last[0], search.last[1], search.last[2] = number, origin, limit_mm
    search.stamp[origin], search.length_mm[origin], search.arrived[origin] = number, 0, NONE
    search.cost_mm[origin] = 0
    most = limit_mm + _ROUND * search.turn_mm
    count, found = _push(search.heap, 0, origin), 0
    while count:
        key = search.heap[0]
        count = _pop(search.heap, count)
        node, cost = key & _NODE_MASK, key >> _NODE_BITS
        if cost > search.cost_mm[node]:
            continue
        for k in range(graph.bounds[node], graph.bounds[node + 1]):
            arc = graph.leaving[k]
            total = cost + graph.length_mm[arc] + _turn(graph, search, search.arrived[node], arc)
            ahead = graph.end[arc]
            if total > most:
                continue
            if search.stamp[ahead] != number:
                search.reached[found] = ahead
                found += 1
            elif total >= search.cost_mm[ahead]:
                continue
            search.stamp[ahead], search.cost_mm[ahead] = number, total
            search.length_mm[ahead] = search.length_mm[node] + graph.length_mm[arc]
            search.arrived[ahead] = arc
            search.first[ahead] = arc if node == origin else search.first[node]
            count = _push(search.heap, count, (total << _NODE_BITS) | ahead)
    return found


@njit(cache=True)
def _table(
    graph: Graph, search: Search, bound_mm: int
) -> tuple[Longs, Ints]:  # pragma: no cover - compiled
    """Bounds of the table, and its columns, shape (rows, 5)."""
    nodes = len(graph.bounds) - 1
    bounds, used = np.zeros(nodes + 1, np.int64), 0
    rows = np.empty((1024, 5), np.int32)
    for origin in range(nodes):
        count = explore(graph, search, origin, bound_mm)
        if used + count > len(rows):
            rows = _wider(rows, max(2 * len(rows), used + count))
        for node in np.sort(search.reached[:count]):
            if search.length_mm[node] <= bound_mm:
                rows[used, 0] = node
                rows[used, 1], rows[used, 2] = search.length_mm[node], search.cost_mm[node]
                rows[used, 3], rows[used, 4] = search.first[node], search.arrived[node]
                used += 1
        bounds[origin + 1] = used
    return bounds, rows[:used].copy()


@njit(cache=True)
def _wider(values: Ints, size: int) -> Ints:  # pragma: no cover - compiled
    wide = np.empty((size, values.shape[1]), np.int32)
    wide[: len(values)] = values
    return wide


@inlined
def row_of(table: Table, origin: int, destination: int) -> int:  # pragma: no cover - compiled
    """Row of a way in the table, -1 for none."""
    low, high = table.bounds[origin], table.bounds[origin + 1]
    end = high
    while low < high:
        mid = (low + high) >> 1
        if table.destination[mid] < destination:
            low = mid + 1
        else:
            high = mid
    return low if low < end and table.destination[low] == destination else NONE


@inlined
def distance_mm(
    graph: Graph, table: Table, search: Search, origin: int, destination: int, limit_mm: int
) -> tuple[int, int]:  # pragma: no cover - compiled
    """Length of the way between two nodes, and its first arc.

    Returns
    -------
    -1 for the length where there is no way up to the limit; -1 for the arc where it has none.
    """
    if origin == destination:
        return 0, NONE
    most = limit_mm + _ROUND * search.turn_mm
    row = row_of(table, origin, destination)
    if row >= 0:
        if table.length_mm[row] > limit_mm or table.cost_mm[row] > most:
            return NONE, NONE
        return int(table.length_mm[row]), int(table.first[row])
    if limit_mm <= table.bound_mm[0]:
        return NONE, NONE
    if search.last[1] != origin or search.last[2] < limit_mm:
        explore(graph, search, origin, limit_mm)
    if search.stamp[destination] != search.last[0] or search.cost_mm[destination] > most:
        return NONE, NONE
    if search.length_mm[destination] > limit_mm:
        return NONE, NONE
    return int(search.length_mm[destination]), int(search.first[destination])


@inner
def trace(
    graph: Graph,
    table: Table,
    search: Search,
    ends: tuple[int, int],
    limit_mm: int,
    arcs: Ints,
    at: int,
) -> int:  # pragma: no cover - compiled
    """List the arcs of the way between two nodes that `distance_mm` found.

    Parameters
    ----------
    ends : origin and destination.
    arcs, at : where the list goes, and where in it that begins; no way has more arcs than there
        are nodes.

    Returns
    -------
    where it ends.
    """
    origin, destination = ends
    known = row_of(table, origin, destination) >= 0
    if (
        not known
        and origin != destination
        and (search.last[1] != origin or search.last[2] < limit_mm)
    ):
        explore(graph, search, origin, limit_mm)
    node, end = destination, at
    while node != origin:
        arcs[end] = table.arrived[row_of(table, origin, node)] if known else search.arrived[node]
        node = graph.start[arcs[end]]
        end += 1
    for k in range((end - at) // 2):
        arcs[at + k], arcs[end - 1 - k] = arcs[end - 1 - k], arcs[at + k]
    return end
