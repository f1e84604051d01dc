"""Placing administrative units, unit grids and population cells: they cover the whole place."""

from __future__ import annotations

import h3.api.basic_int as h3
import numpy as np
import shapely

from ingest.simulator.declaration import Recipe
from ingest.simulator.placed import Ints, Placed
from ingest.simulator.world import Method, World
from layers.crs import geometries_to_lonlat, project
from layers.h3cover import cover
from layers.h3grid import format_cell

_K_LIMIT = 10
_PEOPLE_A_KM2 = 16000


def districts(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Return the whole: all towns together."""
    unit = world.district
    area = shapely.union_all(list(world.geography.towns.values()))
    return Placed(
        np.array([area], object),
        {
            "code": [unit.code],
            "name_zh": [unit.title.zh],
            "name_en": [unit.title.en],
            "parent": [unit.parent],
            "area_km2": [round(area.area / 1e6, 3)],
        },
    )


def towns(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Towns with what their declaration says."""
    units = [world.city.jurisdictions[code] for code in world.geography.towns]
    return Placed(
        np.array(list(world.geography.towns.values()), object),
        {
            "code": [u.code for u in units],
            "name_zh": [u.title.zh for u in units],
            "name_en": [u.title.en for u in units],
            "parent": [u.parent for u in units],
            "kind": [u.kind for u in units],
            "office_address": [None] * len(units),
            "sub_centre": [f"{u.title.zh}城运分中心" for u in units],
        },
    )


def villages(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Villages and neighbourhoods; households follow area and density."""
    geography = world.geography
    codes = list(geography.villages)
    density: dict[str, list[float]] = {code: [] for code in codes}
    for code, value in zip(geography.block_villages, geography.density, strict=True):
        density[code].append(value)
    mean = np.array([np.mean(density[c]) if density[c] else 0.0 for c in codes])
    area = shapely.area(np.array(list(geography.villages.values()), object))
    homes = area / 1e6 * _PEOPLE_A_KM2 / 2.5 * mean**2 * rng.uniform(0.6, 1.4, len(codes))
    names = [geography.names[c] for c in codes]
    suffix = world.demo.geography.names.neighbourhood.zh
    urban = [zh.endswith(suffix) for _, zh in names]
    return Placed(
        np.array(list(geography.villages.values()), object),
        {
            "code": codes,
            "name_zh": [zh for _, zh in names],
            "name_en": [en for en, _ in names],
            "parent": [_town_of(world, code) for code in codes],
            "kind": ["neighbourhood" if u else "village" for u in urban],
            "urban_rural_code": ["111" if u else "220" for u in urban],
            "joint_station": [f"{zh}联勤联动站" for _, zh in names],
            "households": [int(h) for h in homes],
            "duty_id": [f"D-{c}" for c in codes],
        },
    )


def _town_of(world: World, village: str) -> str | None:
    """Return a village's town: as declared, else the stem of its synthetic code."""
    declared = world.city.jurisdictions.get(village)
    return declared.parent if declared is not None else village.rsplit("-V", 1)[0]


def grids(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Return unit grids: every block, numbered within its village."""
    given: dict[str, int] = {}
    sequence = []
    for village in world.geography.block_villages:
        given[village] = given.get(village, 0) + 1
        sequence.append(given[village])
    owners = world.geography.block_villages
    return Placed(
        world.blocks,
        {
            "grid_code15": [f"{v}-{n:03d}" for v, n in zip(owners, sequence, strict=True)],
            "village_code": list(owners),
            "seq3": sequence,
            "area_m2": [round(a, 1) for a in world.block_areas.tolist()],
            "end_date": [None] * len(sequence),
        },
    )


def cells(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """H3 cells with people in them; cells below the k-limit are left out."""
    spec = world.city.layer(recipe.layer)
    resolution = spec.h3_resolution if spec.h3_resolution is not None else 9
    land = geometries_to_lonlat(np.array([world.geography.land], object), world.geography.crs)
    found = cover(land, resolution)[0]
    rings = [[(lon, lat) for lat, lon in h3.cell_to_boundary(int(cell))] for cell in found]
    shapes = project(np.array([shapely.Polygon(ring) for ring in rings], object), world.city.crs)
    middles = shapely.centroid(shapes)
    near, block = shapely.STRtree(world.blocks).query_nearest(middles, all_matches=False)
    density = np.zeros(len(found))
    density[near] = world.block_density[block]
    inside = shapely.contains(world.geography.land, middles)
    wet = shapely.intersects(shapely.union_all(np.array(world.geography.water, object)), middles)
    people = shapely.area(shapes) / 1e6 * _PEOPLE_A_KM2 * density**2.2
    people = people * rng.lognormal(0, 0.35, len(people)) * (inside & ~wet)
    keep = np.flatnonzero(people >= _K_LIMIT)
    n: Ints = people[keep].astype(np.int64)
    return Placed(
        shapes[keep],
        {
            "cell": [format_cell(int(c)) for c in found[keep]],
            "persons": n.tolist(),
            "age_0_14": rng.binomial(n, 0.11).tolist(),
            "age_60_plus": rng.binomial(n, 0.24).tolist(),
            "live_alone_60_plus": rng.binomial(n, 0.03).tolist(),
            "k_min": [_K_LIMIT] * len(n),
        },
    )


UNITS: dict[str, Method] = {
    "district": districts,
    "town": towns,
    "village": villages,
    "grid": grids,
    "cell": cells,
}
