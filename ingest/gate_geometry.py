"""The quality gate's half for geometries: is it there, finite, in the city, valid?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyproj
import shapely

from layers import crs as systems
from layers.city import City
from layers.errors import CrsError, DeclarationError
from layers.spec import LayerSpec

Geometries = npt.NDArray[np.object_]
Box = tuple[float, float, float, float]
_SINGLE = {"MultiPoint": "Point", "MultiLineString": "LineString", "MultiPolygon": "Polygon"}
_GEOD = pyproj.Geod(ellps="WGS84")
_MULTI = {single: multi for multi, single in _SINGLE.items()}


@dataclass(frozen=True)
class Fault:
    """Why a geometry is refused."""

    reason: str
    detail: str


@lru_cache(maxsize=8)
def _outline(path: str, crs: str, tolerance_m: float) -> shapely.Geometry:
    with open(path, "rb") as file:  # noqa: PTH123
        content = orjson.loads(file.read())
    rows = content.get("features", [content])
    shapes = shapely.from_geojson([orjson.dumps(row.get("geometry", row)) for row in rows])
    metric = systems.project(np.asarray(shapes, object), crs)
    area = shapely.buffer(shapely.union_all(metric), tolerance_m)
    shapely.prepare(area)
    return area


class GeometryGate:
    """Checks geometries of one layer.

    Parameters
    ----------
    city : its bounds, outline and projected CRS.
    spec : the layer.
    crs : reference system of the geometries as they come.
    """

    def __init__(self, city: City, spec: LayerSpec, crs: str) -> None:
        self.city, self.spec, self.crs = city, spec, crs

    def check(self, geometries: Geometries) -> tuple[Geometries, dict[int, Fault]]:
        """Bring geometries to EPSG:4326 and to the layer's type.

        Parameters
        ----------
        geometries : shapely geometries in the gate's CRS, shape (n,); None where there is none.

        Returns
        -------
        Geometries in EPSG:4326, shape (n,), and the faults by row.
        """
        faults: dict[int, Fault] = {}
        self._absent(geometries, faults)
        places = shapely.total_bounds(geometries) if len(geometries) else np.zeros(4)
        if np.isnan(places).all():
            return geometries, faults
        usable = np.array([row not in faults for row in range(len(geometries))])
        lonlat = np.full(len(geometries), None, object)
        if usable.any():
            lonlat[usable] = systems.geometries_to_lonlat(geometries[usable], self.crs)
        self._off_the_globe(lonlat, geometries, faults)
        if self.spec.quality.inside_city:
            self._outside(lonlat, geometries, faults)
        lonlat = self._typed(lonlat, faults)
        if self.spec.quality.valid_geometry:
            self._invalid(lonlat, faults)
        return lonlat, faults

    def _absent(self, geometries: Geometries, faults: dict[int, Fault]) -> None:
        for row in np.flatnonzero(shapely.is_missing(geometries)).tolist():
            faults[row] = Fault("no_geometry", "the row has no geometry")
        for row in np.flatnonzero(shapely.is_empty(geometries)).tolist():
            faults[row] = Fault("empty_geometry", "the geometry has no points")
        coordinates, rows = shapely.get_coordinates(geometries, return_index=True)
        for row in np.unique(rows[~np.isfinite(coordinates).all(axis=1)]).tolist():
            faults[row] = Fault("not_finite", "a coordinate is NaN or infinite")

    def _off_the_globe(
        self, lonlat: Geometries, given: Geometries, faults: dict[int, Fault]
    ) -> None:
        boxes = shapely.bounds(lonlat)
        with np.errstate(invalid="ignore"):
            fine = (np.abs(boxes[:, [0, 2]]) <= 180).all(1) & (np.abs(boxes[:, [1, 3]]) <= 90).all(
                1
            )
        for row in np.flatnonzero(~fine).tolist():
            if row not in faults:
                faults[row] = self._misplaced(given[row], "off_the_globe")

    def _outside(self, lonlat: Geometries, given: Geometries, faults: dict[int, Fault]) -> None:
        boxes = shapely.bounds(lonlat)
        minx, miny, maxx, maxy = self.city.bounds
        with np.errstate(invalid="ignore"):
            inside = (boxes[:, 0] >= minx) & (boxes[:, 1] >= miny)
            inside &= (boxes[:, 2] <= maxx) & (boxes[:, 3] <= maxy)
        for row in np.flatnonzero(~inside).tolist():
            if row not in faults:
                faults[row] = self._misplaced(given[row], "outside_city")
        area = self._area()
        if area is None:
            return
        left = np.array([r for r in range(len(lonlat)) if r not in faults], np.int64)
        metric = systems.project(lonlat[left], self.city.crs) if len(left) else lonlat[left]
        for row in left[~shapely.intersects(area, metric)].tolist():
            faults[row] = self._misplaced(given[row], "outside_city")

    def _area(self) -> shapely.Geometry | None:
        relative = self.city.declaration.outline
        if relative is None:
            return None
        path = self.city.path(relative)
        try:
            return _outline(str(path), self.city.crs, self.spec.quality.tolerance_m)
        except (OSError, ValueError, KeyError, AttributeError) as failure:
            raise DeclarationError(path, 0, "", f"is no GeoJSON outline: {failure}") from failure

    def _misplaced(self, geometry: shapely.Geometry, otherwise: str) -> Fault:
        """Guess what went wrong, in the order of how sure the guess is."""
        x, y = np.asarray(shapely.get_coordinates(geometry)[0], float)
        found = f"found {x:.6f}, {y:.6f} in {self.crs}"
        geographic = abs(x) <= 180 and abs(y) <= 180
        if self._in_city(y, x, self.crs):
            return Fault("swapped_lon_lat", f"{found}; swapped it would lie in the city")
        if not geographic and self._in_city(x, y, self.city.crs):
            return Fault("wrong_crs", f"{found}; this looks like {self.city.crs}, declare it")
        if not geographic and self._in_city(y, x, self.city.crs):
            detail = f"{found}; this looks like {self.city.crs} with northing first, declare it"
            return Fault("wrong_crs", detail)
        for offset in systems.OFFSET_SYSTEMS:
            if geographic and self._in_city(x, y, offset):
                detail = f"{found}; it would lie in the city if it were {offset}: declare that"
                return Fault("suspected_offset", detail)
        if not geographic:
            return Fault("wrong_crs", f"{found}; these are no degrees, declare the file's CRS")
        box = ", ".join(f"{value:g}" for value in self.city.bounds)
        expected = f"expected within {box} and near the city's outline"
        return Fault(otherwise, f"{found}; {expected}")

    def _in_city(self, x: float, y: float, crs: str) -> bool:
        try:
            lon, lat = systems.to_lonlat([x], [y], crs)
        except CrsError:
            return False
        minx, miny, maxx, maxy = self.city.bounds
        if not (minx <= lon[0] <= maxx and miny <= lat[0] <= maxy):
            return False
        area = self._area() if self.spec.quality.inside_city else None
        if area is None:
            return True
        place = np.array([shapely.Point(float(lon[0]), float(lat[0]))], object)
        return bool(shapely.intersects(area, systems.project(place, self.city.crs)[0]))

    def _typed(self, lonlat: Geometries, faults: dict[int, Fault]) -> Geometries:
        wanted = self.spec.geometry
        if wanted == "Geometry":
            return lonlat
        typed = lonlat.copy()
        for row, geometry in enumerate(lonlat):
            if row in faults or geometry is None or geometry.geom_type == wanted:
                continue
            changed = _as_type(geometry, wanted)
            if changed is None:
                detail = f"expected {wanted}, found {geometry.geom_type}"
                faults[row] = Fault("geometry_type", detail)
            else:
                typed[row] = changed
        return typed

    def _invalid(self, lonlat: Geometries, faults: dict[int, Fault]) -> None:
        for row in np.flatnonzero(~shapely.is_valid(lonlat)).tolist():
            if row not in faults:
                detail = str(shapely.is_valid_reason(lonlat[row]))
                faults[row] = Fault("invalid_geometry", detail)


def distance_m(geometry: shapely.Geometry, lon: float, lat: float) -> float:
    """Metres from a place to the middle of a geometry in EPSG:4326, on the WGS 84 ellipsoid."""
    middle = shapely.centroid(geometry)
    return float(_GEOD.inv(middle.x, middle.y, lon, lat)[2])


def _as_type(geometry: Any, wanted: str) -> Any:
    if geometry.geom_type == _SINGLE.get(wanted):
        maker: dict[str, Any] = {
            "MultiPoint": shapely.MultiPoint,
            "MultiLineString": shapely.MultiLineString,
            "MultiPolygon": shapely.MultiPolygon,
        }
        return maker[wanted]([geometry])
    if geometry.geom_type == _MULTI.get(wanted) and len(geometry.geoms) == 1:
        return geometry.geoms[0]
    return None
