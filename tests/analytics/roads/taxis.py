"""Taxi tracks of Beijing matched by hand (SparseTaxi, Li and others, ACM SIGSPATIAL 2013)."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import shapely
import shapely.ops

from analytics.roads.matching import Matched
from analytics.roads.network import RoadNetwork, network_from_lines
from analytics.roads.parameters import MatchingParameters

Floats = npt.NDArray[np.float64]
KM = 1000.0
NEAR_M = 20.0
SETS = ("set60", "set120")
# Chosen on set60 alone. Fixes are a minute or more apart and up to 50 m off; nothing says a course.
PARAMETERS = MatchingParameters(
    radius_m=100,
    candidates=16,
    sigma_m=15,
    beta_m=60,
    detour=2.5,
    detour_m=1000,
    table_m=1000,
    gap_s=3600,
)


class Taxis(NamedTuple):
    """Tracks of one set: bounds, t (ms), x, y (m), and the truth, a line in metres for each."""

    bounds: npt.NDArray[np.int64]
    t: npt.NDArray[np.int64]
    x: Floats
    y: Floats
    truth: list[shapely.LineString]


class Score(NamedTuple):
    """Of each track the length of the path, m, and what lies within 20 m of the truth; both ways.

    Attributes
    ----------
    length, near : of the matched path. truth, found : of the true one.
    """

    length: Floats
    near: Floats
    truth: Floats
    found: Floats


def road_map(folder: Path) -> RoadNetwork:
    """The road map: edges listed both ways may be driven both ways."""
    own = folder / "tracks_road" / "sparsetaxi"
    with gzip.open(own / "vertexMap.txt.gz", "rt") as file:
        place = np.loadtxt(file, skiprows=_heading(own / "vertexMap.txt.gz"), usecols=(0, 2, 3))
    with gzip.open(own / "adjacentList.txt.gz", "rt") as file:
        edges = np.loadtxt(file, skiprows=1, usecols=(0, 1)).astype(np.int64)
    xy = np.full((int(place[:, 0].max()) + 1, 2), np.nan)
    xy[place[:, 0].astype(np.int64)] = place[:, 1:] * KM
    listed = set(map(tuple, edges.tolist()))
    roads = sorted({(a, b) for a, b in listed if (b, a) not in listed or a <= b})
    lines = shapely.linestrings(xy[np.array(roads)])
    ways = ["both" if (b, a) in listed else "forward" for a, b in roads]
    return network_from_lines(lines, {"oneway": ways}, tolerance_m=0.0)


def _heading(path: Path) -> int:
    with gzip.open(path, "rt") as file:
        return int(len(file.readline().split()) == 1)


def taxis(folder: Path, name: str) -> Taxis:
    """Read a set."""
    own = folder / "tracks_road" / "sparsetaxi"
    tracks = _blocks(own / f"gps_{name}.txt")
    truth = [
        shapely.LineString(rows[:, 1:3] * KM) for rows in _blocks(own / f"truth_coords_{name}.txt")
    ]
    rows = np.concatenate(tracks)
    return Taxis(
        np.concatenate([[0], np.cumsum([len(track) for track in tracks])]).astype(np.int64),
        (rows[:, 0] * 1000).astype(np.int64),
        rows[:, 1] * KM,
        rows[:, 2] * KM,
        truth,
    )


def _blocks(path: Path) -> list[Floats]:
    """Blocks of rows, each under a line whose last number says how many rows follow."""
    lines = path.read_text(encoding="utf-8").split("\n")
    count, at, found = int(lines[0]), 1, []
    for _ in range(count):
        n = int(lines[at].split()[-1])
        found.append(np.array([line.split() for line in lines[at + 1 : at + 1 + n]], np.float64))
        at += 1 + n
    return found


def path_of(network: RoadNetwork, matched: Matched, first: int, end: int) -> shapely.Geometry:
    """Way of a track by road, a line for each chain."""
    return shapely.union_all([leg for _, _, leg in legs(network, matched, first, end)])


def legs(
    network: RoadNetwork, matched: Matched, first: int, end: int
) -> Iterator[tuple[int, int, shapely.Geometry]]:
    """Ways from one matched position of a track to the next, with the rows of both."""
    before = -1
    for row in range(first, end):
        arc, along = int(matched.arc[row]), float(matched.along_m[row])
        if arc < 0:
            continue
        if before >= 0 and not np.isnan(matched.route_m[row]):
            a, b = matched.via_bounds[row]
            start = int(matched.arc[before]), float(matched.along_m[before])
            pieces = _pieces(network, start, matched.via[a:b].tolist(), (arc, along))
            yield before, row, shapely.union_all(pieces)
        before = row


def _pieces(
    network: RoadNetwork, start: tuple[int, float], between: list[int], end: tuple[int, float]
) -> list[Any]:
    if start[0] == end[0] and not between:
        return [_part(network, start[0], *sorted((start[1], end[1])))]
    whole = [network.arc_line(arc) for arc in between]
    far = float(network.arc_length_m[start[0]])
    return [_part(network, start[0], start[1], far), *whole, _part(network, end[0], 0.0, end[1])]


def _part(network: RoadNetwork, arc: int, a: float, b: float) -> shapely.Geometry:
    return shapely.ops.substring(network.arc_line(arc), a, b)


def score(network: RoadNetwork, matched: Matched, tracks: Taxis) -> Score:
    """Hold matched tracks against the truth."""
    rows = []
    for k, truth in enumerate(tracks.truth):
        path = path_of(network, matched, tracks.bounds[k], tracks.bounds[k + 1])
        rows.append(
            (
                path.length,
                path.intersection(truth.buffer(NEAR_M)).length,
                truth.length,
                truth.intersection(path.buffer(NEAR_M)).length,
            )
        )
    return Score(*np.array(rows).T)
