"""From streets to a network: junctions, edges between them, and the faces that edges enclose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ingest.simulator.bend import Bend
from ingest.simulator.streets import Street

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
# Crossings are rounded to this grid, so that an end lying on another street really meets it.
GRID_M = 0.05
_STEP_M = 160.0
_SIDE_M = 0.4


@dataclass(frozen=True)
class Network:
    """A planar network.

    Attributes
    ----------
    lines : edges, shape (e,), LineStrings in metres.
    street : number of each edge's street, shape (e,).
    ends : junction numbers of each edge, shape (e, 2).
    junctions : x, y, shape (j, 2).
    faces : polygons, shape (f,).
    sides : faces left and right of each edge, −1 outside, shape (e, 2).
    """

    lines: npt.NDArray[np.object_]
    street: Ints
    ends: Ints
    junctions: Floats
    faces: npt.NDArray[np.object_]
    sides: Ints


def _street_of(edges: npt.NDArray[np.object_], streets: list[Street]) -> Ints:
    middles = shapely.line_interpolate_point(edges, 0.5, normalized=True)
    tree = shapely.STRtree([s.line for s in streets])
    edge, street = tree.query_nearest(middles, max_distance=5.0, all_matches=True)
    # Streets come in order of rank, so the smallest number wins where two run together.
    first = np.full(len(edges), len(streets), np.int64)
    np.minimum.at(first, edge, street)
    return first


def _largest_part(lines: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
    ends, junctions = _ends(lines)
    pairs = (np.ones(len(ends)), (ends[:, 0], ends[:, 1]))
    _, part = connected_components(coo_matrix(pairs, shape=(len(junctions),) * 2), directed=False)
    return np.asarray(part[ends[:, 0]] == np.bincount(part).argmax())


def _ends(lines: npt.NDArray[np.object_]) -> tuple[Ints, Floats]:
    both = np.concatenate([shapely.get_coordinates(shapely.get_point(lines, i)) for i in (0, -1)])
    junctions, number = np.unique(both, axis=0, return_inverse=True)
    return np.asarray(number.reshape(2, -1).T, np.int64), junctions


def sides_of(lines: npt.NDArray[np.object_], faces: npt.NDArray[np.object_]) -> Ints:
    """Face left and right of each line's middle, −1 where there is none; shape (e, 2)."""
    half = shapely.length(lines) / 2
    a = shapely.get_coordinates(shapely.line_interpolate_point(lines, half - 0.05))
    b = shapely.get_coordinates(shapely.line_interpolate_point(lines, half + 0.05))
    along = (b - a) / np.maximum(np.hypot(*(b - a).T), 1e-9)[:, None]
    normal = np.column_stack([-along[:, 1], along[:, 0]])
    middle, tree = (a + b) / 2, shapely.STRtree(faces)
    sides = np.full((len(lines), 2), -1, np.int64)
    for column, sign in ((0, 1), (1, -1)):
        probe = shapely.points(middle + sign * _SIDE_M * normal)
        found, face = tree.query(probe, predicate="within")
        sides[found, column] = face
    return sides


def build_network(streets: list[Street], bend: Bend) -> Network:
    """Cut streets where they meet, bend them, and find what they enclose.

    Only the largest connected part is kept: every junction can be reached from every other.
    """
    merged = shapely.unary_union([s.line for s in streets], grid_size=GRID_M)
    edges = shapely.get_parts(merged)
    edges = edges[shapely.length(edges) > 2 * GRID_M]
    edges = edges[_largest_part(edges)]
    street = _street_of(edges, streets)
    keep = street < len(streets)
    edges, street = edges[keep], street[keep]
    lines = bend.bent(shapely.segmentize(edges, _STEP_M))
    order = np.lexsort(shapely.get_coordinates(shapely.centroid(lines)).T)
    lines, street = lines[order], street[order]
    faces = shapely.get_parts(shapely.polygonize(lines))
    faces = faces[np.lexsort(shapely.get_coordinates(shapely.centroid(faces)).T)]
    ends, junctions = _ends(lines)
    return Network(lines, street, ends, junctions, faces, sides_of(lines, faces))
