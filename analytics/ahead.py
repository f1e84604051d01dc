"""Where vessels would be that went straight on after their last positions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from analytics.vessels import Fix

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
_EARTH_RADIUS_M = 6_371_008.8


def places_ahead(
    fixes: Sequence[Fix], seconds: Floats, step_m: float
) -> tuple[Floats, Floats, Longs]:
    """Places on the great circles that the vessels' speeds and courses lead along.

    Parameters
    ----------
    fixes : n positions with speed and course.
    seconds : how long each vessel goes on; shape (n,).
    step_m : distance of the places, metres.

    Returns
    -------
    Longitudes and latitudes in degrees, of each vessel from its position to the farthest place; and
    bounds: vessel k has the places [bounds[k], bounds[k + 1]), shape (n + 1,).
    """
    start = np.array([[f.lon, f.lat, f.sog_mps, f.cog_deg] for f in fixes], float).reshape(-1, 4)
    far = start[:, 2] * seconds
    count = np.ceil(far / step_m).astype(np.int64) + 1
    bounds = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    along = (np.arange(bounds[-1]) - np.repeat(bounds[:-1], count)) * step_m
    along[bounds[1:] - 1] = far
    arc = along / _EARTH_RADIUS_M
    lon, lat, course = (np.repeat(start[:, k], count) for k in (0, 1, 3))
    lat, course = np.radians(lat), np.radians(course)
    sine = np.sin(lat) * np.cos(arc) + np.cos(lat) * np.sin(arc) * np.cos(course)
    east = np.arctan2(np.sin(course) * np.sin(arc) * np.cos(lat), np.cos(arc) - np.sin(lat) * sine)
    return (lon + np.degrees(east) + 180) % 360 - 180, np.degrees(np.arcsin(sine)), bounds
