"""Which positions lie in, or near, zones in force."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import shapely

from analytics.calendar import in_force
from analytics.references import MarineZone
from analytics.rule import Columns

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


def near_to(
    zones: Sequence[MarineZone], degrees: Floats, metres: Floats, days: Longs, within_m: float
) -> Bools:
    """Whether places lie in zones in force on their days, or within a distance of them.

    Parameters
    ----------
    degrees, metres : the places, lon and lat, and in the city's CRS; shape (n, 2) each.

    Returns
    -------
    shape (zones, n).
    """
    found = inside_at(zones, degrees[:, 0], degrees[:, 1], days)
    for zone, own in zip(zones, found, strict=True):
        others = np.flatnonzero(~own & in_force(days, zone.in_force_from, zone.in_force_to))
        own[others] = shapely.distance(zone.shape, shapely.points(metres[others])) <= within_m
    return found
