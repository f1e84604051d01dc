"""The shops of a demo city and the cameras that watch them."""

from __future__ import annotations

import numpy as np
import shapely

from ingest.simulator.cameras import place_cameras
from ingest.simulator.declaration import GeographySection
from ingest.simulator.density import Density
from ingest.simulator.geography import Camera, Road, Shop
from ingest.simulator.naming import Namer
from ingest.simulator.roads import by_street
from ingest.simulator.shops import merge_street, plant, shops_along

_SHOP_STREET_M = 350.0
_PLANTED_APART_M = 150.0


def open_shops(
    section: GeographySection,
    roads: tuple[Road, ...],
    density: Density,
    namer: Namer,
    seed: int,
) -> tuple[list[Shop], list[Camera]]:
    """Shops along the densest streets and the cameras that watch some of them.

    Every planted shop is seen by one camera, and by no second one.
    """
    rng = np.random.default_rng([seed, 53])
    shops: list[Shop] = []
    for pieces in _shop_streets(section, roads, density, rng):
        if len(shops) < section.shopping.shops or _planted(section, pieces):
            shops.extend(shops_along(merge_street(pieces), section, namer, rng, len(shops) + 1))
    targets: list[str] = []
    for planted in section.shops:
        shops, chosen = plant(shops, planted)
        targets.extend([chosen] if chosen else [])
    others = _away_from(targets, shops)
    wanted = max(0, min(section.shopping.cameras - len(targets), len(others)))
    picked = rng.choice(len(others), wanted, replace=False).tolist() if wanted else []
    targets.extend(sorted(others[i] for i in picked))
    by_id = {shop.id: shop for shop in shops}
    return shops, place_cameras([by_id[i] for i in targets], shops, rng)


def _away_from(targets: list[str], shops: list[Shop]) -> list[str]:
    """Shops so far from the planted ones that no second camera sees those."""
    places = shapely.MultiPoint([s.door_line.centroid for s in shops if s.id in targets])
    if places.is_empty:
        return [s.id for s in shops]
    near = shapely.dwithin([s.door_line for s in shops], places, _PLANTED_APART_M)
    return [s.id for s, close in zip(shops, near, strict=True) if not close]


def _planted(section: GeographySection, pieces: list[Road]) -> bool:
    return any(pieces[0].name_zh == s.name.zh for s in section.streets)


def _shop_streets(
    section: GeographySection,
    roads: tuple[Road, ...],
    density: Density,
    rng: np.random.Generator,
) -> list[list[Road]]:
    """Planted streets first, then collectors where the place is densest."""
    streets = list(by_street([r for r in roads if r.road_class == "collector"]).values())
    long = [s for s in streets if sum(r.line.length for r in s) > _SHOP_STREET_M]
    middles = [shapely.get_coordinates(s[len(s) // 2].line.centroid)[0] for s in long]
    rank = density.at(np.array(middles).reshape(-1, 2)) + rng.uniform(0, 0.5, len(long))
    order = sorted(
        range(len(long)), key=lambda i: (not _planted(section, long[i]), -float(rank[i]))
    )
    return [long[i] for i in order[: section.shopping.streets]]
