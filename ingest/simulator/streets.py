"""Laying out streets: land is cut into superblocks by arterials, each of these gets its own grid.

Cutting pieces across the longer side of their oriented box follows Parish and Müller's and
Vanegas et al.'s procedural cities; grids inside superblocks give crossings with four arms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import shapely
from shapely.ops import split

from ingest.simulator.declaration import RoadClass, Spacing

Floats = npt.NDArray[np.float64]
DensityAt = Callable[[Floats], Floats]
_SLIVER_M = 30.0
_EDGE_MARGIN = 0.45
_CORNER_RAD = 0.2
_FEWEST_CORNERS = 4


@dataclass(frozen=True)
class Street:
    """A street before it is cut at its junctions: one line of one class, named where declared."""

    line: shapely.LineString
    road_class: RoadClass
    name: tuple[str, str] | None = None


@dataclass(frozen=True)
class _Box:
    """Oriented box of a piece: middle, the two half axes (longer one first)."""

    middle: Floats
    long: Floats
    short: Floats


def _box(piece: shapely.Polygon) -> _Box:
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(piece))[:4]
    first, second = (corners[1] - corners[0]) / 2, (corners[2] - corners[1]) / 2
    if np.hypot(*first) < np.hypot(*second):
        first, second = second, first
    return _Box(corners.mean(axis=0), first, second)


def _wanted(density: float, span: tuple[float, float]) -> float:
    dense, empty = span
    return float(empty * (dense / empty) ** density)


def superblocks(
    pieces: list[shapely.Polygon],
    density: DensityAt,
    spacing: Spacing,
    rng: np.random.Generator,
) -> tuple[list[shapely.Polygon], list[Street]]:
    """Cut pieces until none is larger than its place wants.

    Parameters
    ----------
    pieces : polygons in metres.
    density : density of points, shape (n, 2) → (n,).

    Returns
    -------
    the superblocks, and the arterials that part them.
    """
    open_pieces, done, streets = list(pieces), [], []
    while open_pieces:
        piece = open_pieces.pop()
        middle = shapely.get_coordinates(piece.representative_point())
        wanted = _wanted(float(density(middle)[0]), spacing.superblock_m) ** 2
        if piece.area < wanted * rng.uniform(1.1, 2.0):
            done.append(piece)
            continue
        box = _box(piece)
        at = box.middle + box.long * rng.uniform(-0.2, 0.2)
        cut = shapely.LineString([at - 1.5 * box.short, at + 1.5 * box.short])
        parts = [p for p in split(piece, cut).geoms if isinstance(p, shapely.Polygon)]
        if len(parts) < 2 or min(p.area for p in parts) < _SLIVER_M**2:
            done.append(piece)
            continue
        open_pieces.extend(parts)
        streets.extend(_clipped(cut, piece, "arterial"))
    return done, streets


def _clipped(cut: shapely.LineString, piece: shapely.Polygon, kind: RoadClass) -> list[Street]:
    parts = shapely.get_parts(cut.intersection(piece))
    return [Street(p, kind) for p in parts if p.geom_type == "LineString" and p.length > _SLIVER_M]


def grid(
    piece: shapely.Polygon, density: DensityAt, spacing: Spacing, rng: np.random.Generator
) -> list[Street]:
    """Streets inside one superblock: a jittered grid along its oriented box."""
    middle = shapely.get_coordinates(piece.representative_point())
    wanted = _wanted(float(density(middle)[0]), spacing.block_m)
    box = _box(piece)
    streets: list[Street] = []
    for along, across in ((box.long, box.short), (box.short, box.long)):
        length = 2 * float(np.hypot(*along))
        number = max(1, round(length / (wanted * rng.uniform(0.85, 1.2))))
        if length < _EDGE_MARGIN * 2 * wanted:
            continue
        main = rng.integers(1, number) if number > 1 else 0
        for i in range(1, number):
            share = -1 + 2 * (i + rng.uniform(-0.12, 0.12)) / number
            at = box.middle + share * along
            tilt = along * rng.normal(0, 0.15) / number
            cut = shapely.LineString([at - 1.5 * across - tilt, at + 1.5 * across + tilt])
            kind: RoadClass = "collector" if i == main or i % 4 == main % 4 else "local"
            streets.extend(_clipped(cut, piece, kind))
    return streets


def shore_roads(land: shapely.Polygon) -> list[Street]:
    """Roads along the shores of land and lakes, a new one at each corner."""
    roads: list[Street] = []
    for ring in (land.exterior, *land.interiors):
        xy = shapely.get_coordinates(ring)[:-1]
        heading = np.diff(np.vstack([xy, xy[:1]]), axis=0)
        angle = np.arctan2(heading[:, 1], heading[:, 0])
        turn = np.abs(np.angle(np.exp(1j * (angle - np.roll(angle, 1)))))
        corners = np.flatnonzero(turn > _CORNER_RAD)
        if len(corners) < _FEWEST_CORNERS:
            corners = np.linspace(0, len(xy), _FEWEST_CORNERS, endpoint=False).astype(int)
        for start, end in zip(corners, np.roll(corners, -1), strict=True):
            stop = end if end > start else end + len(xy)
            part = xy[np.arange(start, stop + 1) % len(xy)]
            roads.append(Street(shapely.LineString(part), "arterial"))
    return roads


def lay_out(
    land: shapely.Polygon,
    expressways: list[Street],
    density: DensityAt,
    spacing: Spacing,
    seed: int,
) -> list[Street]:
    """All streets of a city, straight, each reaching from one street to another.

    Parameters
    ----------
    land : in metres; its shores become roads, its holes (lakes) are left alone.
    expressways : declared; what lies outside the land is cut away.
    """
    rng = np.random.default_rng([seed, 21])
    shore = shore_roads(land)
    fast = [
        replace(part, name=way.name)
        for way in expressways
        for part in _clipped(way.line, land, "expressway")
    ]
    noded = shapely.node(shapely.MultiLineString([s.line for s in (*shore, *fast)]))
    pieces = [
        piece
        for piece in shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
        if land.contains(piece.representative_point())
    ]
    blocks, arterials = superblocks(pieces, density, spacing, rng)
    inner = [street for block in blocks for street in grid(block, density, spacing, rng)]
    return [*fast, *shore, *arterials, *inner]
