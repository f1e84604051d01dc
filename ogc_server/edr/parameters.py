"""What may be asked of observed values (OGC 19-086r6, 8.2), read strictly."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from layers.city import City
from layers.covjson import Parameter, System
from layers.crs import to_lonlat
from ogc_server.edr.observed import WITHIN_UNITS
from ogc_server.problem import bad_parameter
from ogc_server.reference import CRS84, parse_crs, proj_name, swaps_axes

_LONGEST = 100_000
_MOST_PLACES = 10_000
_WIDEST_M = 200_000.0
_LAST_SECOND = 253_402_300_799
Geometry = BaseGeometry


def parse_system(city: City, values: Mapping[str, str]) -> System:
    """Read ``crs``: of ``coords`` and of the answer; RequestError 400 for an unknown one."""
    uri = parse_crs(values["crs"], "crs", city) if "crs" in values else CRS84
    geographic = uri == CRS84 or swaps_axes(uri)
    return System(uri, swaps=swaps_axes(uri), projected=not geographic)


def parse_names(observed: Mapping[str, Parameter], values: Mapping[str, str]) -> list[str]:
    """Read ``parameter-name``: all parameters where it is missing.

    Raises
    ------
    RequestError
        400 for a name that the collection doesn't have.
    """
    if "parameter-name" not in values:
        return list(observed)
    wanted = [name.strip() for name in values["parameter-name"].split(",")]
    for name in wanted:
        if name not in observed:
            known = ", ".join(observed)
            raise bad_parameter("parameter-name", f"found '{name:.60}', expected one of {known}")
    return [name for name in observed if name in wanted]


def parse_coords(values: Mapping[str, str], system: System, kinds: Iterable[str]) -> Geometry:
    """Read ``coords`` as a geometry in EPSG:4326 (lon/lat); heights and measures are left out.

    Parameters
    ----------
    system : that they are given in.
    kinds : types of geometry that the query takes.

    Raises
    ------
    RequestError
        400 where they are missing, no such WKT, not finite, invalid, or too many.
    """
    return _lonlat(_given(values, kinds), system)


def parse_path(
    values: Mapping[str, str], system: System
) -> tuple[Geometry, npt.NDArray[np.float64] | None]:
    """Read ``coords`` as a line and, of a ``LINESTRINGM``, the time at each of its places.

    Times are seconds since 1970 (UTC), ascending, as the standard says of M.

    Raises
    ------
    RequestError
        400 for what is no such line (see `parse_coords`).
    """
    given = _given(values, ("LineString",))
    line = _lonlat(given, system)
    if not given.has_m:
        return line, None
    t = shapely.get_coordinates(given, include_m=True)[:, 2]
    if not np.isfinite(t).all() or (np.diff(t) < 0).any() or np.abs(t).max() > _LAST_SECOND:
        raise bad_parameter("coords", "M must be seconds since 1970, ascending")
    return line, t


def _given(values: Mapping[str, str], kinds: Iterable[str]) -> Geometry:
    expected = " or ".join(kind.upper() for kind in kinds)
    if "coords" not in values:
        raise bad_parameter("coords", f"is missing, expected WKT {expected}")
    text = values["coords"]
    if len(text) > _LONGEST:
        raise bad_parameter("coords", f"is longer than {_LONGEST} characters")
    found = _read(text)
    if found is None or found.geom_type not in kinds or found.is_empty:
        raise bad_parameter("coords", f"found {text[:60]!r}, expected WKT {expected}")
    places = shapely.get_coordinates(found)
    if len(places) > _MOST_PLACES:
        raise bad_parameter("coords", f"found {len(places)} places, at most {_MOST_PLACES}")
    if not np.isfinite(places).all():
        raise bad_parameter("coords", "holds numbers that are not finite")
    return found


def _read(text: str) -> Geometry | None:
    with warnings.catch_warnings():
        # Numbers too large for a float are refused below.
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            read: Geometry = shapely.from_wkt(text)
        except shapely.errors.ShapelyError:
            return None
    return read


def _lonlat(geometry: Geometry, system: System) -> Geometry:
    def convert(places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        x, y = (1, 0) if system.swaps else (0, 1)
        lon, lat = places[:, x], places[:, y]
        if system.projected:
            lon, lat = to_lonlat(lon, lat, proj_name(system.uri))
        fits = np.isfinite(lon) & np.isfinite(lat) & (np.abs(lon) <= 180) & (np.abs(lat) <= 90)
        if not fits.all():
            raise bad_parameter("coords", "holds places outside of where the system is defined")
        return np.column_stack([lon, lat])

    moved: Geometry = shapely.transform(shapely.force_2d(geometry), convert)
    if not moved.is_valid:
        raise bad_parameter("coords", f"is no valid geometry: {shapely.is_valid_reason(moved)}")
    return moved


def parse_length(values: Mapping[str, str], name: str, unit_name: str) -> float:
    """Read a length and its unit, such as ``within`` and ``within-units``, as metres.

    Raises
    ------
    RequestError
        400 where one is missing, no number above 0, too large, or in an unknown unit.
    """
    for needed in (name, unit_name):
        if needed not in values:
            raise bad_parameter(needed, "is missing")
    unit = WITHIN_UNITS.get(values[unit_name])
    if unit is None:
        expected = ", ".join(WITHIN_UNITS)
        raise bad_parameter(unit_name, f"found {values[unit_name]!r:.60}, expected {expected}")
    try:
        metres = float(values[name]) * unit
    except ValueError as failure:
        raise bad_parameter(name, f"found {values[name]!r:.60}, expected a number") from failure
    if not math.isfinite(metres) or not 0 < metres <= _WIDEST_M:
        raise bad_parameter(name, f"expected more than 0 and at most {_WIDEST_M:g} m")
    return metres
