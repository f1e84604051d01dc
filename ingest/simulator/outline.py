"""The ground to build on: land, sea and declared marine zones in the city's projected CRS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import orjson
import shapely
from shapely.geometry.base import BaseGeometry

from ingest.simulator.declaration import GeographySection
from layers.city import City
from layers.crs import project
from layers.errors import DeclarationError

# Long edges are cut to this length before projection, so that a straight lon/lat line stays one.
EDGE_DEG = 0.002
MARINE_LAYER = "marine_zone"


@dataclass(frozen=True)
class Ground:
    """Land, sea and zones, in metres."""

    land: shapely.Polygon
    sea: BaseGeometry
    zones: dict[str, BaseGeometry]


def to_metres(geometry: BaseGeometry, crs: str) -> BaseGeometry:
    """Bring one EPSG:4326 geometry to the projected CRS, its long edges cut first."""
    cut = shapely.segmentize(geometry, EDGE_DEG)
    moved: BaseGeometry = project(np.array([cut], object), crs)[0]
    return moved


def points_to_metres(points: list[tuple[float, float]], crs: str) -> npt.NDArray[np.float64]:
    """Bring lon/lat pairs to the projected CRS, shape (n, 2)."""
    if not points:
        return np.empty((0, 2))
    return shapely.get_coordinates(project(np.asarray(shapely.points(points), object), crs))


def read_features(city: City, relative: str) -> list[tuple[dict[str, object], BaseGeometry]]:
    """Read a GeoJSON feature collection of the city's folder: properties and EPSG:4326 geometry.

    Raises
    ------
    DeclarationError
        where the file is missing or is no feature collection.
    """
    path = city.path(relative)
    try:
        content = orjson.loads(path.read_bytes())
        rows = [(f["properties"], f["geometry"]) for f in content["features"]]
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as failure:
        raise DeclarationError(
            path, 0, "features", f"no feature collection: {failure}"
        ) from failure
    return [(dict(p), shapely.from_geojson(orjson.dumps(g).decode())) for p, g in rows]


def read_land(city: City) -> shapely.Polygon:
    """Return the city's outline in EPSG:4326: the largest polygon of the declared file.

    Raises
    ------
    DeclarationError
        where no outline is declared.
    """
    if city.declaration.outline is None:
        raise DeclarationError(city.folder / "city.yaml", 0, "outline", "a demo needs an outline")
    areas = [g for _, g in read_features(city, city.declaration.outline)]
    parts = shapely.get_parts(np.asarray(areas, object))
    largest: shapely.Polygon = max(parts, key=lambda part: float(part.area))
    return largest


def read_ground(city: City, section: GeographySection) -> Ground:
    """Read land, surroundings and zones; what is neither is sea."""
    land = read_land(city)
    around: list[BaseGeometry] = []
    if section.surroundings is not None:
        around = [g for _, g in read_features(city, section.surroundings)]
    sea = shapely.box(*city.bounds).difference(shapely.union_all([land, *around]))
    ground = to_metres(land, city.crs)
    assert isinstance(ground, shapely.Polygon)
    return Ground(
        ground,
        to_metres(sea, city.crs),
        {
            str(properties["zone_id"]): to_metres(geometry, city.crs)
            for content in city.declaration.contents
            if content.layer == MARINE_LAYER
            for properties, geometry in read_features(city, content.file)
        },
    )
