"""Placing areas: blocks, buildings, sites, camera views, bridges, water."""

from __future__ import annotations

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from ingest.simulator.cameras import to_ground
from ingest.simulator.declaration import Recipe
from ingest.simulator.geography import Camera
from ingest.simulator.placed import Floats, Placed, Shapes
from ingest.simulator.placing_units import UNITS
from ingest.simulator.shops import DOOR_OFFSET_M
from ingest.simulator.world import Method, World
from layers.crs import geometries_to_lonlat

_VIEW_M = 60.0
_FREE_OF_SITES_M = 200.0
# What bridges without a story are posted with, if at all: more than any truck weighs or is high.
_POSTED_T, _POSTED_H_M, _POSTED_SHARE = 100.0, 5.5, 0.1


def blocks(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Whole blocks that are neither larger nor smaller than the recipe says."""
    small, large = recipe.size_m[0] ** 2, recipe.size_m[1] ** 2
    fits = (world.block_areas >= small) & (world.block_areas <= large)
    weights = fits * world.block_density**recipe.density
    picked = np.sort(world.pick(weights, count, rng, replace=False))
    inner = shapely.buffer(world.blocks[picked], -rng.uniform(3, 8, len(picked)))
    shapes = np.array([_largest(area) for area in inner], object)
    return Placed(shapes, {"area_m2": np.round(shapely.area(shapes), 1).tolist()})


def _largest(area: BaseGeometry) -> BaseGeometry:
    parts = list(shapely.get_parts(area))
    return max(parts, key=lambda part: float(part.area)) if parts else area


def buildings(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Return the buildings of the city; a smaller count takes an even share of them."""
    every = world.buildings
    rows = np.arange(len(every.shapes))
    if count < len(rows):
        rows = np.sort(rng.choice(rows, count, replace=False))
    return every.take(rows)


def in_blocks(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Free-standing squares inside blocks: sites, green, shelters, hazard sources."""
    weights = world.block_areas * world.block_density**recipe.density
    need = (recipe.size_m[1] * 0.8) ** 2
    picked = np.sort(world.pick(weights * (world.block_areas > need), count, rng))
    inner = shapely.buffer(world.blocks[picked], -recipe.size_m[0] / 2 - 2)
    points = points_in(inner, rng)
    half = rng.uniform(*recipe.size_m, (len(picked), 2)) / 2
    angle = rng.uniform(0, np.pi, len(picked))
    shapes = _rectangles(points, half, angle)
    cut = shapely.intersection(shapes, world.blocks[picked])
    cut = np.array([_largest(area) for area in cut], object)
    keep = (shapely.area(cut) > recipe.size_m[0] ** 2 * 0.3) & (shapely.get_type_id(cut) == 3)
    return Placed(cut[keep], {"area_m2": np.round(shapely.area(cut[keep]), 1).tolist()})


def permitted(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Return building sites: those with muck, those where the land cover changes, then others."""
    haulage = world.geography.haulage
    muck = np.array([site.area for site in haulage.sites], object)
    lawful = world.changes.permitted
    rest = in_blocks(world, recipe, max(0, count - len(lawful) - len(muck)), rng).shapes
    tips = [permit.tip for permit in haulage.permits if permit.tip is not None]
    if tips:
        rest = rest[shapely.distance(rest, shapely.MultiPoint(tips)) > _FREE_OF_SITES_M]
    others = len(lawful) + len(rest)
    return Placed(
        np.concatenate([muck, lawful, rest]),
        {
            "site_id": [site.id for site in haulage.sites] + [None] * others,
            "name_zh": [f"{site.name_zh}工地" for site in haulage.sites] + [None] * others,
            "stage": ["pit"] * len(muck) + [None] * others,
        },
    )


def dumps(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Places that take muck."""
    own = world.geography.haulage.dumps
    return Placed(
        np.array([dump.area for dump in own], object),
        {
            "dump_id": [dump.id for dump in own],
            "name_zh": [f"{dump.name_zh}消纳场" for dump in own],
            "permitted_from": [f"{world.day.year - 1}-01-01"] * len(own),
            "permitted_to": [f"{world.day.year + 1}-12-31"] * len(own),
        },
    )


def points_in(areas: Shapes, rng: np.random.Generator) -> Floats:
    """Return A point in each area: of a few random ones the first that lies inside."""
    at = shapely.get_coordinates(shapely.point_on_surface(areas))
    bounds = shapely.bounds(areas)
    missing = np.ones(len(areas), bool) & ~shapely.is_empty(areas)
    full = np.full((len(areas), 2), np.nan)
    full[~shapely.is_empty(areas)] = at
    for _ in range(6):
        trial = bounds[:, :2] + rng.uniform(size=(len(areas), 2)) * (bounds[:, 2:] - bounds[:, :2])
        hit = missing & shapely.contains_xy(areas, trial)
        full[hit], missing[hit] = trial[hit], False
    return full


def _rectangles(middles: Floats, half: Floats, angle: Floats) -> Shapes:
    ok = np.isfinite(middles).all(axis=1)
    u = np.column_stack([np.cos(angle), np.sin(angle)])
    v = np.column_stack([-u[:, 1], u[:, 0]])
    corner = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    local = corner[None] * half[:, None]
    rings = middles[:, None] + local[..., :1] * u[:, None] + local[..., 1:] * v[:, None]
    rings[~ok] = 0
    return np.asarray(shapely.polygons(rings), object)


def beside_road(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Narrow rectangles along a road, outside of its carriageway."""
    roads = world.roads_of(recipe.road_classes)
    longest = recipe.size_m[1]
    weights = world.road_lengths[roads] * world.road_density[roads] ** recipe.density
    weights = weights * (world.road_lengths[roads] > longest + 4 * DOOR_OFFSET_M)
    picked = np.sort(roads[world.pick(weights, count, rng)])
    lines, lengths = world.road_lines[picked], world.road_lengths[picked]
    size = rng.uniform(*recipe.size_m, len(picked))
    start = rng.uniform(2 * DOOR_OFFSET_M, lengths - size - 2 * DOOR_OFFSET_M)
    a = shapely.get_coordinates(shapely.line_interpolate_point(lines, start))
    b = shapely.get_coordinates(shapely.line_interpolate_point(lines, start + size))
    along = (b - a) / np.hypot(*(b - a).T)[:, None]
    out = np.column_stack([-along[:, 1], along[:, 0]]) * rng.choice([-1, 1], len(picked))[:, None]
    near, far = DOOR_OFFSET_M + 1, DOOR_OFFSET_M + 1 + recipe.size_m[0]
    rings = np.stack([a + near * out, b + near * out, b + far * out, a + far * out], axis=1)
    shapes = np.asarray(shapely.polygons(rings), object)
    dry = shapely.within(shapes, world.geography.land)
    shapes, picked = shapes[dry], picked[dry]
    names = [world.roads[i].name_zh for i in picked.tolist()]
    return Placed(shapes, {"road": names, "area_m2": np.round(shapely.area(shapes), 1).tolist()})


def bridges(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Where a road crosses water; the bridges with limits that bind are always there."""
    roads = world.roads_of(recipe.road_classes)
    water = np.array(world.geography.water, object)
    road, wet = shapely.STRtree(water).query(world.road_lines[roads], predicate="crosses")
    road = roads[road]
    binding = np.array(
        [r.bridge_t is not None or r.bridge_h_m is not None for r in world.roads], bool
    )[road]
    free = rng.permutation(np.flatnonzero(~binding))[: max(0, count - int(binding.sum()))]
    order = np.sort(np.concatenate((np.flatnonzero(binding), free)))
    road, wet = road[order], wet[order]
    crossing = shapely.intersection(world.road_lines[road], water[wet])
    decks = shapely.buffer(
        crossing, np.where(world.road_ranks[road] < 2, 10.0, 6.0), cap_style="flat"
    )
    keep = (shapely.get_type_id(decks) == 3) & (shapely.length(crossing) > 8)
    own = [world.roads[i] for i in road[keep].tolist()]
    posted_t, posted_h = (rng.random((2, len(own))) < _POSTED_SHARE).tolist()
    return Placed(
        decks[keep],
        {
            "road": [r.name_zh for r in own],
            "limit_t": [
                r.bridge_t or (_POSTED_T if posted else None)
                for r, posted in zip(own, posted_t, strict=True)
            ],
            "limit_h_m": [
                r.bridge_h_m or (_POSTED_H_M if posted else None)
                for r, posted in zip(own, posted_h, strict=True)
            ],
        },
    )


def _view(camera: Camera) -> shapely.Polygon:
    """Ground in the image up to `_VIEW_M` from the camera: the rest is too small to judge."""
    matrix, width = np.array(camera.homography), float(camera.width_px)
    rows = np.linspace(0, camera.height_px, 200)
    foot = np.array([camera.point.x, camera.point.y])
    near = np.ones(len(rows), bool)
    for u in (0.0, width):
        ground = to_ground(matrix, np.column_stack([np.full(len(rows), u), rows]))
        near &= np.hypot(*(ground - foot).T) <= _VIEW_M
    top, bottom = float(rows[near][0]), float(camera.height_px)
    corners = np.array([[0, bottom], [width, bottom], [width, top], [0, top]])
    return shapely.Polygon(to_ground(matrix, corners))


def camera_views(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Return the ground that each street camera sees, and its calibration."""
    cameras = world.geography.cameras
    shapes = [_view(camera) for camera in cameras]
    points = np.array([c.point for c in cameras], object)
    lonlat = shapely.get_coordinates(geometries_to_lonlat(points, world.geography.crs))
    far = [float(s.hausdorff_distance(c.point)) for s, c in zip(shapes, cameras, strict=True)]
    fov = [2 * np.degrees(np.arctan(c.width_px / 2 / c.focal_px)) for c in cameras]
    return Placed(
        np.array(shapes, object),
        {
            "device_id": [c.id for c in cameras],
            "mount_lon": [round(float(v), 7) for v in lonlat[:, 0]],
            "mount_lat": [round(float(v), 7) for v in lonlat[:, 1]],
            "az_deg": [round(c.azimuth_deg, 2) for c in cameras],
            "fov_deg": [round(float(v), 2) for v in fov],
            "range_m": [round(v, 1) for v in far],
            "height_m": [round(c.height_m, 2) for c in cameras],
            "homography": [[list(row) for row in c.homography] for c in cameras],
            "width_px": [c.width_px for c in cameras],
            "height_px": [c.height_px for c in cameras],
            "calibrated_at": [f"{world.day.year - 1}-11-15T10:00:00Z"] * len(cameras),
            "valid_until": [f"{world.day.year + 1}-11-15T10:00:00Z"] * len(cameras),
            "masks": [None] * len(cameras),
        },
    )


def waterways(world: World, recipe: Recipe, count: int, rng: np.random.Generator) -> Placed:
    """Rivers, canals and lakes."""
    ways = world.geography.waterways
    area = shapely.area(np.array(world.geography.water, object))
    wide = area / np.maximum([float(w.line.length) for w in ways], 1.0)
    kinds = {"lake": "lake"}
    classes = ["trunk" if v > 80 else "district" if v > 40 else "town" for v in wide.tolist()]
    return Placed(
        np.array(world.geography.water, object),
        {
            "name_zh": [w.name_zh for w in ways],
            "name_en": [w.name_en for w in ways],
            "water_class": [kinds.get(w.kind, c) for w, c in zip(ways, classes, strict=True)],
        },
    )


AREAS: dict[str, Method] = {
    **UNITS,
    "compound": blocks,
    "building": buildings,
    "block": in_blocks,
    "permitted": permitted,
    "dump": dumps,
    "beside_road": beside_road,
    "across_road": bridges,
    "camera": camera_views,
    "waterway": waterways,
}
