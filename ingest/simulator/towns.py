"""Growing towns and villages on the faces of the road network, so that borders follow roads."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import dijkstra
from shapely.geometry.base import BaseGeometry

from ingest.simulator.network import Network

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def neighbours(network: Network, rng: np.random.Generator) -> csr_matrix:
    """Faces that share an edge; the cost is their distance with a little noise, metres."""
    pairs = network.sides[(network.sides >= 0).all(axis=1)]
    pairs = np.unique(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1), axis=0)
    middles = shapely.get_coordinates(shapely.centroid(network.faces))
    cost = np.hypot(*(middles[pairs[:, 0]] - middles[pairs[:, 1]]).T)
    cost = cost * rng.uniform(0.85, 1.2, len(cost)) + 1.0
    size = (len(network.faces),) * 2
    return coo_matrix((cost, (pairs[:, 0], pairs[:, 1])), shape=size).tocsr()


def grow(graph: csr_matrix, seeds: Ints) -> Ints:
    """Each face goes to the seed that reaches it first: connected areas; −1 if none does."""
    _, _, source = dijkstra(
        graph, directed=False, indices=seeds, min_only=True, return_predecessors=True
    )
    number = np.full(graph.shape[0] + 1, -1, np.int64)
    number[seeds] = np.arange(len(seeds))
    return np.asarray(number[np.where(source < 0, graph.shape[0], source)], np.int64)


def nearest_faces(network: Network, points: Floats) -> Ints:
    """Return A different face for each point: the nearest one that is still free."""
    middles = shapely.get_coordinates(shapely.centroid(network.faces))
    taken = np.zeros(len(middles), bool)
    chosen = []
    for point in points:
        distance = shapely.distance(network.faces, shapely.Point(point))
        face = int(np.lexsort((np.hypot(*(middles - point).T), distance + taken * 1e9))[0])
        taken[face] = True
        chosen.append(face)
    return np.asarray(chosen, np.int64)


def shares(weights: Floats, total: int, most: Ints) -> Ints:
    """Split a total in proportion to weights, at least 1 and at most ``most`` each."""
    if not total:
        return np.zeros(len(weights), np.int64)
    exact = weights / weights.sum() * total
    number: Ints = np.clip(np.floor(exact).astype(np.int64), 1, most)
    for i in np.argsort(-(exact - np.floor(exact)), kind="stable"):
        if number.sum() >= total:
            break
        number[i] = min(number[i] + 1, most[i])
    return number


def spread_seeds(middles: Floats, number: int, rng: np.random.Generator) -> Ints:
    """Pick points far from each other (farthest-point sampling), indices of shape (number,)."""
    chosen = [int(rng.integers(len(middles)))]
    distance = np.hypot(*(middles - middles[chosen[0]]).T)
    while len(chosen) < number:
        jittered = distance * rng.uniform(0.7, 1.0, len(distance))
        chosen.append(int(jittered.argmax()))
        distance = np.minimum(distance, np.hypot(*(middles - middles[chosen[-1]]).T))
    return np.asarray(chosen, np.int64)


def split_town(
    network: Network, graph: csr_matrix, faces: Ints, number: int, rng: np.random.Generator
) -> Ints:
    """Village number of each face of one town, 0 … number − 1."""
    if number <= 1:
        return np.zeros(len(faces), np.int64)
    middles = shapely.get_coordinates(shapely.centroid(network.faces[faces]))
    seeds = spread_seeds(middles, number, rng)
    return grow(graph[faces][:, faces], seeds)


def joined(faces: npt.NDArray[np.object_], group: Ints, number: int) -> list[shapely.Polygon]:
    """One area per group of faces; groups are connected, so each is a polygon."""
    return [_largest(shapely.union_all(faces[group == i])) for i in range(number)]


def _largest(area: BaseGeometry) -> shapely.Polygon:
    largest: shapely.Polygon = max(shapely.get_parts(area), key=lambda part: float(part.area))
    return largest
