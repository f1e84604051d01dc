"""Buildings: rectangles on a lattice in each block."""

from __future__ import annotations

import numpy as np
import shapely

from ingest.simulator.placed import Floats, Placed, Shapes, weighted

_PITCH_GAP_M = 10.0
_FLOOR_M = 3.1


def build_up(
    blocks: Shapes,
    block_density: Floats,
    count: int,
    size_m: tuple[float, float],
    rng: np.random.Generator,
) -> Placed:
    """Rectangles on a lattice in each block, along its longer side.

    Parameters
    ----------
    blocks : polygons in metres; ``block_density`` of each, 0–1.
    size_m : shortest and longest side of a building.
    """
    weights = shapely.area(blocks) * block_density**1.5
    number = np.bincount(weighted(weights, count, rng), minlength=len(blocks))
    boxes = shapely.minimum_rotated_rectangle(blocks)
    shapes: list[Shapes] = []
    owner: list[int] = []
    for block in np.flatnonzero(number):
        made = _in_block(blocks[block], boxes[block], int(number[block]), size_m, rng)
        shapes.append(made)
        owner.extend([int(block)] * len(made))
    flat = np.concatenate(shapes) if shapes else np.empty(0, object)
    density = block_density[owner] if owner else np.empty(0)
    floors = np.clip(rng.gamma(2.0, 1 + 5 * density**2), 1, 60).astype(np.int64)
    use = np.where(density > 0.6, "residential", np.where(density > 0.3, "industrial", "storage"))
    other = rng.choice(["residential", "commercial", "office", "public", "industrial"], len(use))
    use = np.where(rng.uniform(size=len(use)) < 0.35, other, use)
    return Placed(
        flat,
        {
            "building_id": [f"B{i + 1:06d}" for i in range(len(flat))],
            "address_id": [f"A{i + 1:06d}" for i in range(len(flat))],
            "floors": floors.tolist(),
            "height_m": np.round(floors * _FLOOR_M + 1, 1).tolist(),
            "area_m2": np.round(shapely.area(flat) * floors, 1).tolist(),
            "use": use.tolist(),
            "block": owner,
        },
    )


def _in_block(
    block: shapely.Polygon,
    box: shapely.Polygon,
    number: int,
    size_m: tuple[float, float],
    rng: np.random.Generator,
) -> Shapes:
    corners = shapely.get_coordinates(box)[:4]
    u, v = corners[1] - corners[0], corners[2] - corners[1]
    if np.hypot(*u) < np.hypot(*v):
        u, v = v, u
    sides = float(np.hypot(*u)), float(np.hypot(*v))
    u, v = u / sides[0], v / sides[1]
    middle = corners.mean(axis=0)
    pitch = size_m[1] + _PITCH_GAP_M, (size_m[0] + size_m[1]) / 2 + _PITCH_GAP_M
    steps = [
        np.arange(-(s // p) / 2 + 0.5, (s // p) / 2, 1.0) * p
        for s, p in zip(sides, pitch, strict=True)
    ]
    a, b = (grid.ravel() for grid in np.meshgrid(*steps))
    at: Floats = middle + a[:, None] * u + b[:, None] * v
    free = np.flatnonzero(shapely.contains_xy(block.buffer(-pitch[0] / 2), at))
    chosen = rng.permutation(free)[:number]
    half = rng.uniform(size_m[0], [size_m[1], (size_m[0] + size_m[1]) / 2], (len(chosen), 2)) / 2
    corner = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    local = corner[None] * half[:, None]
    rings = at[chosen][:, None] + local[..., :1] * u + local[..., 1:] * v
    return np.asarray(shapely.polygons(rings), object)
