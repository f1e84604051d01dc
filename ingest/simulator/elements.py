"""The static layers of a demo city: placed, described, ready to be written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from ingest.simulator.attributes import attributes
from ingest.simulator.declaration import Recipe
from ingest.simulator.placed import Shapes
from ingest.simulator.placing_areas import AREAS
from ingest.simulator.placing_lines import LINES
from ingest.simulator.placing_points import POINTS
from ingest.simulator.world import Method, World
from layers.crs import geometries_to_lonlat
from layers.errors import OnemapError
from layers.spec import LayerSpec

_METHODS: dict[str, dict[str, Method]] = {
    "Point": POINTS,
    "LineString": LINES,
    "Polygon": AREAS,
    "MultiPolygon": AREAS,
}
# Units that other rows are located by: they come first, and are never scaled down.
UNITS = ("district", "town", "village")
_WHOLE = (
    *(*UNITS, "grid", "cell", "road", "shopfront", "camera", "station", "waterway", "rail"),
    *("dump", "permit"),
)
_DECIMALS = 7


@dataclass(frozen=True)
class LayerRows:
    """Rows of one layer.

    Attributes
    ----------
    shapes : EPSG:4326, seven decimals, shape (n,).
    columns : values by property name, in the order of the declaration.
    """

    spec: LayerSpec
    shapes: Shapes
    columns: dict[str, list[Any]]


def method_of(recipe: Recipe, geometry: str) -> Method:
    """Placement method for a recipe and the layer's geometry type.

    Raises
    ------
    OnemapError
        where that place has no method for that geometry.
    """
    methods = _METHODS.get(geometry, {})
    if recipe.place not in methods:
        known = ", ".join(sorted(methods)) or "none"
        raise OnemapError(
            f"layer '{recipe.layer}': a {geometry} can't be placed by '{recipe.place}'; "
            f"known: {known}"
        )
    return methods[recipe.place]


def in_order(recipes: tuple[Recipe, ...]) -> list[Recipe]:
    """Recipes in the order of writing: administrative units first, from the top down."""
    rank = {place: number for number, place in enumerate(UNITS)}
    return sorted(recipes, key=lambda recipe: rank.get(recipe.place, len(UNITS)))


def make_layer(world: World, recipe: Recipe, scale: float) -> LayerRows:
    """Place and describe the features of one layer.

    Parameters
    ----------
    scale : share of the declared count; what is tied to the place itself is always whole.
    """
    spec = world.city.layer(recipe.layer)
    rng = world.rng(recipe.layer)
    count = recipe.count if recipe.count is not None else len(world.blocks)
    if recipe.place not in _WHOLE:
        count = max(1, round(count * scale))
    placed = method_of(recipe, spec.geometry)(world, recipe, count, rng)
    columns = attributes(spec, placed, recipe, world, rng)
    lonlat = geometries_to_lonlat(placed.shapes, world.geography.crs)
    return LayerRows(spec, rounded(lonlat), columns)


def rounded(shapes: Shapes) -> Shapes:
    """Round coordinates to the decimals of the files; areas that this spoils are mended."""
    short = shapely.transform(shapes, lambda xy: np.round(xy, _DECIMALS))
    bad = ~shapely.is_valid(short)
    short[bad] = shapely.buffer(short[bad], 0)
    return np.asarray(short, object)
