"""Placing lines: roads, pipes, door lines, weighing lines, banks, permitted ways, rails."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import shapely
import shapely.ops
from shapely.geometry.base import BaseGeometry

from ingest.simulator.declaration import Recipe
from ingest.simulator.placed import Placed, Shapes
from ingest.simulator.water import smooth_line
from ingest.simulator.world import Method, World
from layers.crs import geometries_to_lonlat

_LANES = {"expressway": 6, "arterial": 4, "collector": 2, "local": 2}
_SHORE_M = 30.0
_WKT_DECIMALS = 7


def roads(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Every piece of road of the chosen classes."""
    picked = world.roads_of(recipe.road_classes)
    pieces = [world.roads[i] for i in picked.tolist()]
    return Placed(
        world.road_lines[picked],
        {
            "road_id": [r.id for r in pieces],
            "name_zh": [r.name_zh for r in pieces],
            "name_en": [r.name_en for r in pieces],
            "road_class": [r.road_class for r in pieces],
            "lanes": [_LANES[r.road_class] for r in pieces],
            "speed_limit_kmh": [r.speed_limit_kmh for r in pieces],
            "oneway": ["both"] * len(pieces),
            "limit_t": [r.limit_t for r in pieces],
            "limit_h_m": [r.limit_h_m for r in pieces],
            "truck_ban": [r.truck_ban for r in pieces],
            "truck_ban_hours": [r.ban_hours or None for r in pieces],
        },
    )


def along_road(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Lines beside whole pieces of road, such as pipes."""
    own = world.roads_of(recipe.road_classes)
    weights = world.road_density[own] ** recipe.density
    picked = np.sort(own[world.pick(weights, count, rng, replace=False)])
    side = rng.choice([-1.0, 1.0], len(picked)) * rng.uniform(2, 5, len(picked))
    lines = shapely.offset_curve(world.road_lines[picked], side)
    keep = (shapely.get_type_id(lines) == 1) & (shapely.length(lines) > 5)
    return Placed(lines[keep], {"road_id": [world.roads[i].id for i in picked[keep].tolist()]})


def shopfronts(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Door lines of all shops."""
    shops = world.geography.shops
    return Placed(
        np.array([s.door_line for s in shops], object),
        {
            "shop_id": [s.id for s in shops],
            "name_zh": [s.name_zh for s in shops],
            "address_zh": [s.address_zh for s in shops],
            "address_id": [None] * len(shops),
            "uscc18": world.shop_firms,
            "outside": [s.outside for s in shops],
            "allowed_offset_m": [None] * len(shops),
            "outdoor_permit": [s.outdoor_permit for s in shops],
            "phone_ref": [f"PH-{s.id}" for s in shops],
        },
    )


def weighing(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Lines of the weigh-in-motion stations."""
    stations = world.geography.stations
    by_id = {r.id: r for r in world.roads}
    return Placed(
        np.array([s.line for s in stations], object),
        {
            "station_id": [s.id for s in stations],
            "name_zh": [f"{by_id[s.road].name_zh}称重点" for s in stations],
            "name_en": [f"{by_id[s.road].name_en} weighing station" for s in stations],
            "road_id": [s.road for s in stations],
            "lanes": [s.lanes for s in stations],
            "error_share": [s.error_share for s in stations],
            "accuracy_class": [f"{s.error_share * 100:.0f}" for s in stations],
            "direction": [s.direction for s in stations],
            "verify_until": [f"{world.day.year + 1}-06-30"] * len(stations),
        },
    )


def banks(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Stretches of river banks."""
    lines = [shapely.LineString(area.exterior) for area in world.geography.water]
    return _stretches(world, np.array(lines, object), recipe, count, rng)


def shore(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Stretches of the shore: where the land meets open water, not the neighbours."""
    facing = world.geography.land.exterior.intersection(world.geography.sea.buffer(_SHORE_M))
    merged = shapely.line_merge(shapely.MultiLineString(_lines_of(facing)))
    return _stretches(world, np.array(_lines_of(merged), object), recipe, count, rng)


def _lines_of(geometry: BaseGeometry) -> list[shapely.LineString]:
    return [p for p in shapely.get_parts(geometry) if isinstance(p, shapely.LineString)]


def _stretches(
    world: World,
    lines: Shapes,
    recipe: Recipe,
    count: int,
    rng: np.random.Generator,
) -> Placed:
    lengths = shapely.length(lines)
    picked = np.sort(world.pick(lengths * (lengths > recipe.size_m[1]), count, rng))
    size = rng.uniform(*recipe.size_m, len(picked))
    start = rng.uniform(0, 1, len(picked)) * (lengths[picked] - size)
    parts = [
        shapely.ops.substring(line, a, a + s)
        for line, a, s in zip(lines[picked], start.tolist(), size.tolist(), strict=True)
    ]
    return Placed(np.array(parts, object), {})


def permits(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Ways on which muck may be hauled."""
    own = world.geography.haulage.permits
    dumps = np.array([permit.dump.area for permit in own], object)
    outlines = shapely.to_wkt(
        geometries_to_lonlat(dumps, world.geography.crs), rounding_precision=_WKT_DECIMALS
    )
    return Placed(
        np.array([permit.line for permit in own], object),
        {
            "permit_id": [permit.id for permit in own],
            "plate": [permit.plate for permit in own],
            "hours": [permit.hours for permit in own],
            "site_id": [permit.site.id for permit in own],
            "dump_site": outlines.tolist(),
            **_in_force(world.day, len(own)),
        },
    )


def _in_force(day: date, count: int) -> dict[str, list[str]]:
    """Dates of permits that hold on a day, each from another one on."""
    return {
        "permitted_from": [(day - timedelta(days=20 + n % 60)).isoformat() for n in range(count)],
        "permitted_to": [(day + timedelta(days=10 + n % 80)).isoformat() for n in range(count)],
    }


def rail_lines(world: World) -> list[tuple[str, shapely.LineString]]:
    """Return declared lines, rounded and cut to the land: name and the longest part."""
    found = []
    for declared in world.demo.geography.rails:
        inside = smooth_line(declared, world.city.crs).intersection(world.geography.land)
        parts = [p for p in shapely.get_parts(inside) if p.geom_type == "LineString"]
        if parts:
            found.append((declared.name.zh, max(parts, key=lambda p: float(p.length))))
    return found


def rails(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Return the declared rail lines."""
    lines = rail_lines(world)
    english = {declared.name.zh: declared.name.en for declared in world.demo.geography.rails}
    return Placed(
        np.array([line for _, line in lines], object),
        {
            "line_id": [f"L{i + 1:02d}" for i in range(len(lines))],
            "name_zh": [name for name, _ in lines],
            "name_en": [english[name] for name, _ in lines],
        },
    )


LINES: dict[str, Method] = {
    "road": roads,
    "along_road": along_road,
    "shopfront": shopfronts,
    "station": weighing,
    "waterside": banks,
    "shore": shore,
    "permit": permits,
    "rail": rails,
}
