"""The place as arrays, for putting things on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import cached_property
from zlib import crc32

import numpy as np
import shapely

from ingest.simulator.buildings import build_up
from ingest.simulator.changes import Changes, plan_changes
from ingest.simulator.codes import credit_code
from ingest.simulator.declaration import DemoDeclaration, Recipe
from ingest.simulator.geography import Geography
from ingest.simulator.placed import Floats, Ints, Placed, Shapes, weighted
from layers.city import City, Jurisdiction

RANK = {"expressway": 0, "arterial": 1, "collector": 2, "local": 3}


class World:
    """What placement methods look at.

    Parameters
    ----------
    seed : of everything that is placed; each layer draws from its own stream (`rng`).
    """

    def __init__(
        self, city: City, demo: DemoDeclaration, geography: Geography, seed: int, day: date
    ) -> None:
        self.city, self.demo, self.geography = city, demo, geography
        self.seed, self.day = seed, day
        self.roads = geography.roads
        self.road_lines: Shapes = np.array([r.line for r in self.roads], object)
        self.road_lengths: Floats = shapely.length(self.road_lines)
        self.road_ranks: Ints = np.array([RANK[r.road_class] for r in self.roads])
        self.blocks: Shapes = np.array(geography.blocks, object)
        self.block_areas: Floats = shapely.area(self.blocks)
        self.block_density: Floats = np.array(geography.density)

    def rng(self, name: str) -> np.random.Generator:
        """Random stream of one layer: what other layers draw doesn't change it."""
        return np.random.default_rng([self.seed, crc32(name.encode())])

    @property
    def district(self) -> Jurisdiction:
        """The unit at the top of the tree."""
        units = self.city.jurisdictions.values()
        return next(u for u in units if u.level == "district")

    @cached_property
    def road_density(self) -> Floats:
        """How built-up the surroundings of each road are: density of the nearest block."""
        middles = shapely.line_interpolate_point(self.road_lines, 0.5, normalized=True)
        tree = shapely.STRtree(self.blocks)
        road, block = tree.query_nearest(middles, all_matches=False)
        density = np.zeros(len(self.roads))
        density[road] = self.block_density[block]
        return density

    @cached_property
    def shop_firms(self) -> list[str]:
        """Credit code of each shop's firm, in the order of `Geography.shops`."""
        return [credit_code(self.district.code, i + 1) for i in range(len(self.geography.shops))]

    @cached_property
    def buildings(self) -> Placed:
        """All buildings, as many as the recipe of a building layer wants at full size."""
        recipes = [r for r in self.demo.layers if r.place == "building"]
        count = max((r.count or 0 for r in recipes), default=0)
        size = recipes[0].size_m if recipes else (14.0, 40.0)
        return build_up(self.blocks, self.block_density, count, size, self.rng("buildings"))

    @cached_property
    def changes(self) -> Changes:
        """What is built between the two land-cover scenes."""
        return plan_changes(
            self.blocks, self.block_density, self.demo.rasters, self.rng("land cover changes")
        )

    def roads_of(self, classes: Sequence[str]) -> Ints:
        """Numbers of the roads of some classes."""
        ranks = [RANK[c] for c in classes]
        return np.flatnonzero(np.isin(self.road_ranks, ranks))

    def pick(
        self, weights: Floats, count: int, rng: np.random.Generator, *, replace: bool = True
    ) -> Ints:
        """Numbers drawn by weight; without replacement at most as many as have weight."""
        return weighted(weights, count, rng, replace=replace)


# A placement method: the world, the recipe, how many, and the layer's own random stream.
Method = Callable[[World, Recipe, int, np.random.Generator], Placed]
