"""Reference systems: named always, converted at the edge, lon/lat inside.

GCJ-02 and BD-09, the offset systems of Chinese map services, follow the published offset formulas
(Krasovsky ellipsoid, a = 6378245 m, e² = 0.00669342162296594). Their inverse has no closed form and
is found by fixed-point iteration to well below a millimetre.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from pyproj.exceptions import CRSError

from layers.errors import CrsError

Floats = npt.NDArray[np.float64]
Pair = tuple[Floats, Floats]

STORAGE = "EPSG:4326"
OFFSET_SYSTEMS = ("GCJ-02", "BD-09")
_A, _EE = 6378245.0, 0.00669342162296594323
_BD = np.pi * 3000.0 / 180.0
_ROUNDS = 8


@lru_cache(maxsize=64)
def transformer(source: str, target: str) -> pyproj.Transformer:
    """Return the cached x/y (lon/lat) transformer from one CRS to another.

    Raises
    ------
    CrsError
        for a CRS that is not known.
    """
    try:
        return pyproj.Transformer.from_crs(source, target, always_xy=True)
    except CRSError as failure:
        raise CrsError(f"unknown coordinate reference system {source!r} or {target!r}") from failure


def known(crs: str) -> bool:
    """Whether a CRS can be used: an offset system or anything that PROJ reads."""
    if crs.upper() in OFFSET_SYSTEMS:
        return True
    try:
        pyproj.CRS.from_user_input(crs)
    except CRSError:
        return False
    return True


def in_metres(crs: str) -> bool:
    """Whether a CRS is projected with both axes in metres, so that distances can be taken in it."""
    if crs.upper() in OFFSET_SYSTEMS:
        return False
    try:
        found = pyproj.CRS.from_user_input(crs)
    except CRSError:
        return False
    return found.is_projected and all(axis.unit_name == "metre" for axis in found.axis_info)


def to_lonlat(x: npt.ArrayLike, y: npt.ArrayLike, crs: str) -> Pair:
    """Bring coordinates of a declared system to EPSG:4326.

    Parameters
    ----------
    x, y : easting/northing or lon/lat in ``crs``, shape (n,).
    crs : EPSG code or other PROJ name, ``GCJ-02`` or ``BD-09``.

    Returns
    -------
    lon, lat in degrees, shape (n,) each; inf where PROJ can't convert.
    """
    xs, ys = np.asarray(x, np.float64), np.asarray(y, np.float64)
    name = crs.upper()
    if name in ("EPSG:4326", "OGC:CRS84", "CRS84"):
        return xs, ys
    if name == "GCJ-02":
        return _invert(xs, ys, gcj02_from_wgs84)
    if name == "BD-09":
        return _invert(xs, ys, bd09_from_wgs84)
    lon, lat = transformer(crs, STORAGE).transform(xs, ys)
    return np.asarray(lon), np.asarray(lat)


def geometries_to_lonlat(geometries: npt.NDArray[np.object_], crs: str) -> npt.NDArray[np.object_]:
    """Bring shapely geometries of a declared system to EPSG:4326; third coordinates are dropped."""
    flat = shapely.force_2d(geometries)

    def convert(coordinates: Floats) -> Floats:
        return np.column_stack(to_lonlat(coordinates[:, 0], coordinates[:, 1], crs))

    return np.asarray(shapely.transform(flat, convert), object)


def project(geometries: npt.NDArray[np.object_], crs: str) -> npt.NDArray[np.object_]:
    """Bring shapely geometries from EPSG:4326 to a projected CRS."""
    chosen = transformer(STORAGE, crs)

    def convert(coordinates: Floats) -> Floats:
        return np.column_stack(chosen.transform(coordinates[:, 0], coordinates[:, 1]))

    return np.asarray(shapely.transform(geometries, convert), object)


def _offset(x: Floats, y: Floats) -> Pair:
    root = np.sqrt(np.abs(x))
    wave = 20 * np.sin(6 * np.pi * x) + 20 * np.sin(2 * np.pi * x)
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    north += (wave + 20 * np.sin(np.pi * y) + 40 * np.sin(np.pi / 3 * y)) * 2 / 3
    north += (160 * np.sin(np.pi / 12 * y) + 320 * np.sin(np.pi / 30 * y)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    east += (wave + 20 * np.sin(np.pi * x) + 40 * np.sin(np.pi / 3 * x)) * 2 / 3
    east += (150 * np.sin(np.pi / 12 * x) + 300 * np.sin(np.pi / 30 * x)) * 2 / 3
    return east, north


def gcj02_from_wgs84(lon: Floats, lat: Floats) -> Pair:
    """Offset WGS 84 positions in China to GCJ-02; degrees in and out, shape (n,)."""
    east, north = _offset(lon - 105.0, lat - 35.0)
    phi = np.radians(lat)
    magic = 1 - _EE * np.sin(phi) ** 2
    dlat = north * 180 / (_A * (1 - _EE) / (magic * np.sqrt(magic)) * np.pi)
    dlon = east * 180 / (_A / np.sqrt(magic) * np.cos(phi) * np.pi)
    return lon + dlon, lat + dlat


def bd09_from_wgs84(lon: Floats, lat: Floats) -> Pair:
    """Offset WGS 84 positions in China to BD-09; degrees in and out, shape (n,)."""
    x, y = gcj02_from_wgs84(lon, lat)
    z = np.hypot(x, y) + 0.00002 * np.sin(y * _BD)
    theta = np.arctan2(y, x) + 0.000003 * np.cos(x * _BD)
    return z * np.cos(theta) + 0.0065, z * np.sin(theta) + 0.006


def _invert(x: Floats, y: Floats, forward: object) -> Pair:
    assert callable(forward)
    lon, lat = x.copy(), y.copy()
    for _ in range(_ROUNDS):
        at_x, at_y = forward(lon, lat)
        lon, lat = lon + (x - at_x), lat + (y - at_y)
    return lon, lat
