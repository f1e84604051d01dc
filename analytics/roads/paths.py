"""Shortest ways between nodes of a road network.

Ways up to a bound are found beforehand, from every node, and kept as a table: the upper-bounded
origin–destination table of Yang and Gidófalvi (Fast map matching, IJGIS 32(3), 2018). A row says
how far a destination is and which arc to take first; the rest of the way is in the rows of that
arc's end. Longer ways are searched for when they are asked for (Dijkstra, up to a limit).

Lengths are whole millimetres, so a way has one length however it is added up.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from analytics.kernels.inner import inner
from analytics.roads.network import MM, Graph

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]

NONE = -1
_NODE_BITS = 32
_NODE_MASK = 2**32 - 1


class Table(NamedTuple):
    """Ways from every node up to a bound.

    Attributes
    ----------
    bounds : rows of origin k are bounds[k]:bounds[k + 1], ordered by destination.
    destination, length_mm, first : of each row, the last the arc to take first.
    bound_mm : how long ways may be; shape (1,).
    """

    bounds: Longs
    destination: Ints
    length_mm: Ints
    first: Ints
    bound_mm: Longs

    @property
    def megabytes(self) -> float:
        """Memory that it takes."""
        return sum(part.nbytes for part in self) / 1e6


class Search(NamedTuple):
    """Room for one search; a node holds something if its stamp is the search's own.

    Attributes
    ----------
    length_mm, arrived, first, stamp : of each node how far it is, by which arc it is reached, with
        which the way to it begins, and in which search that was found.
    reached : nodes of the newest search but its origin.
    heap : nodes waiting, with their lengths in the upper half.
    last : number of the newest search, its origin and its limit; shape (3,).
    """

    length_mm: Longs
    arrived: Ints
    first: Ints
    stamp: Longs
    reached: Longs
    heap: Longs
    last: Longs


def room(graph: Graph) -> Search:
    """Room for searches in a graph."""
    nodes, arcs = len(graph.bounds) - 1, len(graph.start)
    return Search(
        np.zeros(nodes, np.int64),
        np.zeros(nodes, np.int32),
        np.zeros(nodes, np.int32),
        np.zeros(nodes, np.int64),
        np.zeros(nodes, np.int64),
        np.zeros(arcs + 1, np.int64),
        np.array([0, NONE, 0], np.int64),
    )


def table_of(graph: Graph, bound_m: float) -> Table:
    """Find all ways up to a length, m."""
    bound = round(bound_m * MM)
    bounds, destination, length, first = _table(graph, room(graph), bound)
    return Table(bounds, destination, length, first, np.array([bound], np.int64))


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
def explore(
    graph: Graph, search: Search, origin: int, limit_mm: int
) -> int:  # pragma: no cover - compiled
    """Find all ways from a node up to a length; how many nodes but the origin are reached.

    Of equal ways it is that through the node that was settled first: the nearer, then the smaller.
    """
    number = search.last[0] + 1
    search.last[0], search.last[1], search.last[2] = number, origin, limit_mm
    search.stamp[origin], search.length_mm[origin], search.arrived[origin] = number, 0, NONE
    count, found = _push(search.heap, 0, origin), 0
    while count:
        key = search.heap[0]
        count = _pop(search.heap, count)
        node, length = key & _NODE_MASK, key >> _NODE_BITS
        if length > search.length_mm[node]:
            continue
        for k in range(graph.bounds[node], graph.bounds[node + 1]):
            arc = graph.leaving[k]
            ahead, total = graph.end[arc], length + graph.length_mm[arc]
            if total > limit_mm:
                continue
            if search.stamp[ahead] != number:
                search.reached[found] = ahead
                found += 1
            elif total >= search.length_mm[ahead]:
                continue
            search.stamp[ahead], search.length_mm[ahead] = number, total
            search.arrived[ahead] = arc
            search.first[ahead] = arc if node == origin else search.first[node]
            count = _push(search.heap, count, (total << _NODE_BITS) | ahead)
    return found


@njit(cache=True)
def _table(
    graph: Graph, search: Search, bound_mm: int
) -> tuple[Longs, Ints, Ints, Ints]:  # pragma: no cover - compiled
    nodes = len(graph.bounds) - 1
    bounds = np.zeros(nodes + 1, np.int64)
    room_, used = 1024, 0
    destination, length = np.empty(room_, np.int32), np.empty(room_, np.int32)
    first = np.empty(room_, np.int32)
    for origin in range(nodes):
        count = explore(graph, search, origin, bound_mm)
        if used + count > room_:
            room_ = max(2 * room_, used + count)
            destination, length, first = (
                _wider(destination, room_),
                _wider(length, room_),
                _wider(first, room_),
            )
        own = np.sort(search.reached[:count])
        for k in range(count):
            destination[used + k] = own[k]
            length[used + k] = search.length_mm[own[k]]
            first[used + k] = search.first[own[k]]
        used += count
        bounds[origin + 1] = used
    return bounds, destination[:used].copy(), length[:used].copy(), first[:used].copy()


@njit(cache=True)
def _wider(values: Ints, size: int) -> Ints:  # pragma: no cover - compiled
    wide = np.empty(size, np.int32)
    wide[: len(values)] = values
    return wide


@inner
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


@inner
def distance_mm(
    graph: Graph, table: Table, search: Search, origin: int, destination: int, limit_mm: int
) -> tuple[int, int]:  # pragma: no cover - compiled
    """Length of the shortest way between two nodes, and its first arc.

    Returns
    -------
    -1 for the length where there is no way up to the limit; -1 for the arc where it has none.
    """
    if origin == destination:
        return 0, NONE
    row = row_of(table, origin, destination)
    if row >= 0:
        length = int(table.length_mm[row])
        return (length, int(table.first[row])) if length <= limit_mm else (NONE, NONE)
    if limit_mm <= table.bound_mm[0]:
        return NONE, NONE
    if search.last[1] != origin or search.last[2] < limit_mm:
        explore(graph, search, origin, limit_mm)
    if search.stamp[destination] != search.last[0] or search.length_mm[destination] > limit_mm:
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
    """List the arcs of the shortest way between two nodes that `distance_mm` found.

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
    if row_of(table, origin, destination) >= 0:
        node = origin
        while node != destination:
            arcs[at] = table.first[row_of(table, node, destination)]
            node = graph.end[arcs[at]]
            at += 1
        return at
    if origin != destination and (search.last[1] != origin or search.last[2] < limit_mm):
        explore(graph, search, origin, limit_mm)
    node, end = destination, at
    while node != origin:
        arcs[end] = search.arrived[node]
        node = graph.start[arcs[end]]
        end += 1
    for k in range((end - at) // 2):
        arcs[at + k], arcs[end - 1 - k] = arcs[end - 1 - k], arcs[at + k]
    return end
