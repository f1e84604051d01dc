"""Rivers as declared, and canals that accompany country roads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from ingest.simulator.declaration import GeographySection, NamedLine
from ingest.simulator.density import Density
from ingest.simulator.geography import Waterway
from ingest.simulator.outline import points_to_metres

_ROUNDS = 3
_COUNTRY = 0.45
_SHORTEST_M = 600.0


def smooth(line: npt.NDArray[np.float64], rounds: int = _ROUNDS) -> npt.NDArray[np.float64]:
    """Chaikin's corner cutting; the ends stay. Shape (n, 2) → (m, 2)."""
    for _ in range(rounds):
        near, far = 0.75 * line[:-1] + 0.25 * line[1:], 0.25 * line[:-1] + 0.75 * line[1:]
        inner = np.stack([near, far], axis=1).reshape(-1, 2)
        line = np.vstack([line[:1], inner[1:-1], line[-1:]])
    return line


def smooth_line(declared: NamedLine, crs: str) -> shapely.LineString:
    """Return A declared line in metres, its corners rounded."""
    return shapely.LineString(smooth(points_to_metres(list(declared.line), crs)))


def rivers(
    section: GeographySection, land: shapely.Polygon, crs: str
) -> list[tuple[Waterway, shapely.Polygon]]:
    """Return declared waterways inside the land, each with its area."""
    found: list[tuple[Waterway, shapely.Polygon]] = []
    for declared in section.waterways:
        middle = smooth_line(declared, crs)
        way = Waterway(declared.name.en, declared.name.zh, declared.kind or "river", middle)
        found.extend(_areas(way, declared.width_m, land))
    return found


def lakes(section: GeographySection, land: shapely.Polygon, crs: str) -> BaseGeometry:
    """Area of the declared lakes: streets go around them."""
    return shapely.union_all(
        [area for way, area in rivers(section, land, crs) if way.kind == "lake"]
    )


def _areas(
    way: Waterway, width_m: float, land: shapely.Polygon
) -> list[tuple[Waterway, shapely.Polygon]]:
    if way.kind == "lake":
        wet = way.line.buffer(width_m / 2, quad_segs=10)
    else:
        wet = way.line.buffer(width_m / 2, quad_segs=2, cap_style="flat")
    area = wet.intersection(land)
    parts = [p for p in shapely.get_parts(area) if p.geom_type == "Polygon" and p.area > width_m]
    return [
        (Waterway(way.name_en, way.name_zh, way.kind, way.line.intersection(part)), part)
        for part in parts
    ]


def canals(
    streets: Sequence[tuple[shapely.LineString, tuple[str, str]]],
    section: GeographySection,
    density: Density,
    land: shapely.Polygon,
    seed: int,
) -> list[tuple[Waterway, shapely.Polygon]]:
    """Canals along a share of the long country streets.

    Parameters
    ----------
    streets : line in metres and (English, Chinese) name of each.
    """
    rng = np.random.default_rng([seed, 31])
    found: list[tuple[Waterway, shapely.Polygon]] = []
    for line, (name_en, name_zh) in streets:
        middle = shapely.get_coordinates(line.interpolate(0.5, normalized=True))
        wanted, side = rng.uniform() < section.canal_share, rng.choice([-1.0, 1.0])
        if not wanted or line.length < _SHORTEST_M or density.at(middle)[0] > _COUNTRY:
            continue
        bank = line.offset_curve(float(side) * (section.canal_width_m / 2 + 28))
        parts = [p for p in shapely.get_parts(bank) if p.length > _SHORTEST_M / 2]
        for part in parts:
            way = Waterway(f"{name_en} Canal", f"{name_zh}河", "canal", part)
            found.extend(_areas(way, section.canal_width_m, land))
    return found


def dry(
    blocks: npt.NDArray[np.object_], water: Sequence[shapely.Polygon]
) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.int64]]:
    """Blocks without the water in them: the parts that are left, and the block of each part."""
    tree = shapely.STRtree(list(water))
    block, wet = tree.query(blocks, predicate="intersects")
    left = blocks.copy()
    for number in np.unique(block):
        inside = [water[i] for i in wet[block == number]]
        left[number] = blocks[number].difference(shapely.union_all(inside))
    parts, index = shapely.get_parts(left, return_index=True)
    return parts, np.asarray(index, np.int64)
