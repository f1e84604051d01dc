"""Which positions lie in, or near, zones in force."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import shapely

from analytics.calendar import in_force
from analytics.references import MarineZone
from analytics.rule import Columns
from analytics.vessels import Fix

Bools = npt.NDArray[np.bool_]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def inside(zones: Sequence[MarineZone], columns: Columns, rows: Longs, days: Longs) -> Bools:
    """Whether rows lie in zones while those are in force, borders included.

    Parameters
    ----------
    rows : n rows of the columns; ``days`` : their city days.

    Returns
    -------
    shape (zones, n).
    """
    return inside_at(zones, columns["lon"][rows], columns["lat"][rows], days)


def inside_at(zones: Sequence[MarineZone], lon: Floats, lat: Floats, days: Longs) -> Bools:
    """Whether places (degrees) lie in zones in force on their days; shape (zones, n)."""
    found = np.zeros((len(zones), len(lon)), bool)
    for number, zone in enumerate(zones):
        minx, miny, maxx, maxy = zone.geometry.bounds
        near = np.flatnonzero((lon >= minx) & (lon <= maxx) & (lat >= miny) & (lat <= maxy))
        near = near[in_force(days[near], zone.in_force_from, zone.in_force_to)]
        found[number, near] = shapely.intersects_xy(zone.geometry, lon[near], lat[near])
    return found


def near(
    zones: Sequence[MarineZone], at: Fix, xy: tuple[float, float], day: int, within_m: float
) -> list[int]:
    """Numbers of the zones in force on a day that a position is in, or within a distance of.

    Parameters
    ----------
    xy : the position in the city's CRS, metres.
    """
    point, one = shapely.Point(xy), np.array([day], np.int64)
    return [
        number
        for number, zone in enumerate(zones)
        if in_force(one, zone.in_force_from, zone.in_force_to)[0]
        and (
            shapely.intersects_xy(zone.geometry, at.lon, at.lat)
            or zone.shape.distance(point) <= within_m
        )
    ]
