"""Reference systems at the server's edge: URIs, axis order, and boxes and geometries between them.

Inside, coordinates are lon/lat. CRS84 and projected systems go out as x, y; EPSG:4326 and EPSG:4490
as latitude, longitude, as the EPSG register defines their axes (OGC 18-058r1).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from layers.city import City
from layers.crs import STORAGE, to_lonlat, transformer
from layers.query import Box
from ogc_server.problem import bad_parameter

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
_GEOGRAPHIC = ("4326", "4490")
_EDGE_POINTS = 21
# Degrees, about a millimetre: what a place loses on its way to metres and back.
_ROUNDING = 1e-8
_METRIC_DECIMALS, _DEGREE_DECIMALS = 3, 7


@lru_cache(maxsize=8)
def _codes(projected: str) -> tuple[str, ...]:
    own = projected.upper().removeprefix("EPSG:")
    return tuple(dict.fromkeys(("4326", "4490", "3857", own)))


def uris(city: City) -> list[str]:
    """URIs of the systems that items can be asked for in, CRS84 first."""
    return [CRS84, *(_EPSG + code for code in _codes(city.crs))]


def uri_of(crs: str) -> str:
    """URI of a system that PROJ knows as ``EPSG:n``."""
    return _EPSG + crs.upper().removeprefix("EPSG:")


def parse_crs(value: str, parameter: str, city: City, *more: str) -> str:
    """Read a CRS given as URI, safe CURIE or ``EPSG:n``; return its URI.

    Parameters
    ----------
    more : URIs of systems published beside the city's.

    Raises
    ------
    RequestError
        400 for a system that is not published.
    """
    text = value.strip().removeprefix("[").removesuffix("]")
    published = dict.fromkeys((*uris(city), *more))
    for uri in published:
        code = uri.rsplit("/", 1)[1]
        https = uri.replace("http://", "https://", 1)
        if text in (uri, https) or text.upper() in (f"EPSG:{code}", f"OGC:{code}", code):
            return uri
    raise bad_parameter(parameter, f"found {value!r}, expected one of {', '.join(published)}")


def proj_name(uri: str) -> str:
    """Name of the system for PROJ, to be used in x, y order."""
    return STORAGE if uri == CRS84 else f"EPSG:{uri.rsplit('/', 1)[1]}"


@lru_cache(maxsize=64)
def swaps_axes(uri: str) -> bool:
    """Whether coordinates go out as latitude, longitude, or as northing, easting."""
    if uri == CRS84:
        return False
    axes = pyproj.CRS.from_user_input(proj_name(uri)).axis_info
    return bool(axes) and axes[0].direction.lower() == "north"


def is_geographic(uri: str) -> bool:
    """Whether coordinates are degrees; all systems of degrees that are published are WGS 84's."""
    return uri == CRS84 or uri.rsplit("/", 1)[1] in _GEOGRAPHIC


def box_to_lonlat(box: Box, uri: str, parameter: str = "bbox") -> Box:
    """Bring a box to lon/lat; its edges are followed, not only its corners.

    A box in metres grows by a millimetre, so that places on its edge aren't lost to rounding.

    In degrees minx > maxx crosses the antimeridian; in metres nothing does.

    Raises
    ------
    RequestError
        400 for a projected box that is upside down, or outside of its system.
    """
    if uri == CRS84:
        return box
    a, b, c, d = (box[1], box[0], box[3], box[2]) if swaps_axes(uri) else box
    if is_geographic(uri):
        # EPSG:4490 differs from WGS 84 by less than its own accuracy.
        return a, b, c, d
    if a > c or b > d:
        raise bad_parameter(parameter, f"found minx {a:g} above maxx {c:g}, or miny above maxy")
    t = np.linspace(0, 1, _EDGE_POINTS)
    x, y = a + (c - a) * t, b + (d - b) * t
    xs = np.concatenate([x, x, np.full_like(t, a), np.full_like(t, c)])
    ys = np.concatenate([np.full_like(t, b), np.full_like(t, d), y, y])
    lon, lat = to_lonlat(xs, ys, proj_name(uri))
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        raise bad_parameter(parameter, "holds a box outside of where its CRS is defined")
    lowest, highest = (lon.min(), lat.min()), (lon.max(), lat.max())
    minx, miny = (float(end) - _ROUNDING for end in lowest)
    maxx, maxy = (float(end) + _ROUNDING for end in highest)
    return max(minx, -180.0), max(miny, -90.0), min(maxx, 180.0), min(maxy, 90.0)


def texts_in(texts: list[str | None], uri: str) -> list[str | None]:
    """GeoJSON geometry texts brought from lon/lat to another system, None kept."""
    if uri == CRS84:
        return texts
    present = [text for text in texts if text is not None]
    shapes = shapely.from_geojson(np.asarray(present, object)) if present else np.empty(0, object)
    moved = iter(shapely.to_geojson(_moved(shapes, uri)).tolist() if present else [])
    return [None if text is None else next(moved) for text in texts]


def _moved(shapes: npt.NDArray[np.object_], uri: str) -> npt.NDArray[np.object_]:
    chosen: pyproj.Transformer = transformer(STORAGE, proj_name(uri))
    swap = swaps_axes(uri)
    decimals = _DEGREE_DECIMALS if is_geographic(uri) else _METRIC_DECIMALS

    def convert(coordinates: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        x, y = chosen.transform(coordinates[:, 0], coordinates[:, 1])
        pair = (y, x) if swap else (x, y)
        return np.round(np.column_stack(pair), decimals)

    return np.asarray(shapely.transform(shapes, convert), object)
