"""Placing points: along roads, at junctions, doors, buildings, on banks, near town centres."""

from __future__ import annotations

import numpy as np
import shapely

from ingest.simulator.declaration import Recipe
from ingest.simulator.placed import Floats, Ints, Placed, Shapes
from ingest.simulator.placing_areas import points_in
from ingest.simulator.placing_lines import rail_lines
from ingest.simulator.world import Method, World

_KERB_M = (5.5, 8.5)
_CORNER_M = 9.0


def along_road(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Points at the kerb, evenly spread over the roads by length and density."""
    roads = world.roads_of(recipe.road_classes)
    weights = world.road_lengths[roads] * (world.road_density[roads] ** recipe.density)
    picked = roads[_even(weights, count, rng)]
    share = rng.uniform(0.04, 0.96, len(picked))
    side = rng.choice([-1.0, 1.0], len(picked)) * rng.uniform(*_KERB_M, len(picked))
    at = share * world.road_lengths[picked]
    points = _on_land(world, _beside(world, picked, at, side), _beside(world, picked, at, -side))
    return Placed(points, _road_facts(world, picked))


def _on_land(world: World, first: Floats, second: Floats) -> Shapes:
    """Return the first places, and the second ones where the first lie off the land."""
    shapely.prepare(world.geography.land)
    inside = shapely.contains_xy(world.geography.land, first)
    return np.asarray(shapely.points(np.where(inside[:, None], first, second)), object)


def _even(weights: Floats, count: int, rng: np.random.Generator) -> Ints:
    """Systematic sampling: numbers in order, each as often as its weight says, no clumps."""
    if not count or not weights.sum() > 0:
        return np.empty(0, np.int64)
    at = (np.arange(count) + rng.uniform(0, 1, count)) / count * weights.sum()
    found = np.searchsorted(np.cumsum(weights), at)
    return np.asarray(np.minimum(found, len(weights) - 1), np.int64)


def _beside(world: World, roads: Ints, at_m: Floats, side_m: Floats) -> Floats:
    lines = world.road_lines[roads]
    a = shapely.get_coordinates(shapely.line_interpolate_point(lines, np.maximum(at_m - 0.5, 0)))
    b = shapely.get_coordinates(shapely.line_interpolate_point(lines, at_m + 0.5))
    along = (b - a) / np.maximum(np.hypot(*(b - a).T), 1e-6)[:, None]
    left = np.column_stack([-along[:, 1], along[:, 0]])
    return np.asarray((a + b) / 2 + side_m[:, None] * left)


def _road_facts(world: World, roads: Ints) -> dict[str, list[str]]:
    picked = [world.roads[i] for i in roads.tolist()]
    return {"road": [r.name_zh for r in picked], "road_id": [r.id for r in picked]}


def junctions(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Points at the corners of junctions where large roads meet."""
    ends = np.array([(r.start, r.end) for r in world.roads])
    arms = np.bincount(ends.ravel(), minlength=len(world.geography.junctions))
    wanted = np.isin(np.arange(len(world.roads)), world.roads_of(recipe.road_classes))
    large = np.bincount(ends[wanted].ravel(), minlength=len(arms))
    weights = (arms >= 3) * large.astype(float) ** 2
    picked = np.sort(world.pick(weights, count, rng, replace=False))
    xy = np.array(world.geography.junctions)[picked]
    angle = rng.uniform(0, 2 * np.pi, len(picked))
    corner = _CORNER_M * np.column_stack([np.cos(angle), np.sin(angle)])
    return Placed(_on_land(world, xy + corner, xy - corner), {})


def in_blocks(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Points inside blocks."""
    weights = world.block_areas * world.block_density**recipe.density
    picked = np.sort(world.pick(weights, count, rng))
    xy = points_in(world.blocks[picked], rng)
    return Placed(np.asarray(shapely.points(xy), object), {})


def at_buildings(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Points in buildings; the tall ones first where the layer is about storeys."""
    every = world.buildings
    weights = np.asarray(every.facts["floors"], float) ** max(recipe.density, 0)
    picked = np.sort(world.pick(weights, count, rng, replace=count > len(weights)))
    facts = {k: [v[i] for i in picked.tolist()] for k, v in every.facts.items()}
    return Placed(np.asarray(shapely.centroid(every.shapes[picked]), object), facts)


def addresses(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """One standard address for each building: the nearest named road and a number on it."""
    every = world.buildings
    rows = np.arange(len(every.shapes))
    if count < len(rows):
        rows = np.sort(rng.choice(rows, count, replace=False))
    middles = shapely.centroid(every.shapes[rows])
    _, road = shapely.STRtree(world.road_lines).query_nearest(middles, all_matches=False)
    at = shapely.line_locate_point(world.road_lines[road], middles)
    facts = every.take(rows).facts
    return Placed(
        np.asarray(middles, object),
        {
            "address_id": facts["address_id"],
            "road": [world.roads[i].name_zh for i in road.tolist()],
            "number_zh": [f"{2 * int(m / 4) + 1 + i % 2}号" for i, m in enumerate(at.tolist())],
            "building": facts["building_id"],
            "unit": [None] * len(rows),
            "room": [None] * len(rows),
        },
    )


def doors(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Firms: one behind each shop door, the others in buildings."""
    shops = world.geography.shops[:count]
    inside = np.array([_behind(s.door_line, s.outside) for s in shops], object)
    rest = at_buildings(world, recipe, max(0, count - len(shops)), rng)
    number = len(rest.shapes)
    addresses_of = list(rest.facts.get("address_id", ()))
    kinds = world.demo.geography.names.firm_kinds
    stems = list(world.demo.geography.names.first)
    ends = list(world.demo.geography.names.second)
    made = [
        f"{stems[a]}{ends[b]}{kinds[c]}"
        for a, b, c in rng.integers(0, [len(stems), len(ends), len(kinds)], (number, 3)).tolist()
    ]
    return Placed(
        np.concatenate([inside, rest.shapes]),
        {
            "name_zh": [*(s.name_zh for s in shops), *made],
            "uscc18": [*world.shop_firms[: len(shops)], *([None] * number)],
            "address_id": [*([None] * len(shops)), *addresses_of],
        },
    )


def _behind(door: shapely.LineString, outside: str) -> shapely.Point:
    (ax, ay), (bx, by) = door.coords[0], door.coords[-1]
    length = float(np.hypot(bx - ax, by - ay))
    depth = (-3.0 if outside == "left" else 3.0) / length
    return shapely.Point((ax + bx) / 2 - (by - ay) * depth, (ay + by) / 2 + (bx - ax) * depth)


def waterside(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Points on the banks of rivers and canals."""
    banks = np.array([area.exterior for area in world.geography.water], object)
    lengths = shapely.length(banks)
    picked = _even(lengths, count, rng)
    at = rng.uniform(0, 1, len(picked)) * lengths[picked]
    points = shapely.line_interpolate_point(banks[picked], at)
    inside = shapely.contains(world.geography.land.buffer(-1), points)
    ways = [world.geography.waterways[i].name_zh for i in picked[inside].tolist()]
    return Placed(np.asarray(points[inside], object), {"road": ways})


def at_sea(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Points in open water off the shore, as far out as the recipe's sizes say."""
    shore = world.geography.land.exterior
    near, far = recipe.size_m
    at = rng.uniform(0, shore.length, 40 * count)
    angle, out = rng.uniform(0, 2 * np.pi, len(at)), rng.uniform(near, far, len(at))
    foot = shapely.get_coordinates(shapely.line_interpolate_point(shore, at))
    xy = foot + out[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    points = np.asarray(shapely.points(xy), object)
    shapely.prepare(world.geography.sea)
    wet = shapely.contains(world.geography.sea, points)
    clear = shapely.distance(world.geography.land, points) >= near
    return Placed(points[wet & clear][:count], {})


def town_centres(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Points in blocks near the middle of each town, towns in turn."""
    areas = np.array(list(world.geography.towns.values()), object)
    middles = shapely.get_coordinates(shapely.point_on_surface(areas))
    of_town = np.arange(count) % len(areas)
    xy = middles[of_town] + rng.normal(0, 900, (count, 2))
    points = np.asarray(shapely.points(xy), object)
    _, block = shapely.STRtree(world.blocks).query_nearest(points, all_matches=False)
    names = [world.geography.names[list(world.geography.towns)[i]][1] for i in of_town.tolist()]
    return Placed(
        np.asarray(shapely.points(points_in(world.blocks[block], rng)), object), {"town": names}
    )


def stations_on_rail(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Stations evenly along the declared rail lines."""
    lines = rail_lines(world)
    lengths = np.array([line.length for _, line in lines])
    shares = np.maximum(2, np.round(lengths / max(lengths.sum(), 1) * count)).astype(int)
    points, names, ids = [], [], []
    for number, ((way, line), stops) in enumerate(zip(lines, shares.tolist(), strict=True)):
        for i in range(stops):
            points.append(line.interpolate((i + 0.5) / stops, normalized=True))
            ids.append(f"L{number + 1:02d}")
            names.append(way)
    return Placed(np.array(points, object), {"line_ids": ids, "road": [None] * len(names)})


POINTS: dict[str, Method] = {
    "along_road": along_road,
    "junction": junctions,
    "block": in_blocks,
    "building": at_buildings,
    "address": addresses,
    "door": doors,
    "waterside": waterside,
    "sea": at_sea,
    "town_centre": town_centres,
    "rail": stations_on_rail,
}
