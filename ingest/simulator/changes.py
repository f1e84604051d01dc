"""What is built between two land-cover scenes: with a permit, or without."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from ingest.simulator.declaration import RasterSection
from ingest.simulator.placed import Floats, Shapes, weighted

_SIDE_M = (60.0, 120.0)
_COUNTRY = 0.4


@dataclass(frozen=True)
class Changes:
    """New buildings on open land, in metres."""

    illegal: Shapes
    permitted: Shapes


def plan_changes(
    blocks: Shapes, density: Floats, section: RasterSection | None, rng: np.random.Generator
) -> Changes:
    """Choose country blocks, one for each change, and a square in the middle of each."""
    empty = np.empty(0, object)
    if section is None:
        return Changes(empty, empty)
    wanted = section.illegal_buildings + section.permitted_buildings
    # The square must fit whole, a pixel's width away from the block's roads.
    room = shapely.area(shapely.buffer(blocks, -_SIDE_M[1])) > 0
    weights = (room & (density < _COUNTRY)) * shapely.area(blocks)
    picked = weighted(weights, wanted, rng, replace=False)
    middles = shapely.get_coordinates(
        shapely.point_on_surface(shapely.buffer(blocks[picked], -_SIDE_M[1]))
    )
    half = rng.uniform(*_SIDE_M, (len(picked), 2)) / 2
    low, high = middles - half, middles + half
    squares = np.asarray(shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1]), object)
    cut = min(section.illegal_buildings, len(picked))
    return Changes(squares[:cut], squares[cut:])
