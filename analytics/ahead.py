"""Where a vessel would be that went straight on after its last position."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analytics.vessels import Fix

Floats = npt.NDArray[np.float64]
_EARTH_RADIUS_M = 6_371_008.8


def places_ahead(fix: Fix, seconds: float, step_m: float) -> tuple[Floats, Floats]:
    """Places on the great circle that a vessel's speed and course lead along.

    Parameters
    ----------
    fix : with speed and course.
    seconds : how long it goes on.
    step_m : distance of the places, metres.

    Returns
    -------
    Longitudes and latitudes in degrees, from the position itself to the farthest place; (n,) each.
    """
    assert fix.sog_mps is not None and fix.cog_deg is not None
    far = fix.sog_mps * seconds
    arc = np.append(np.arange(0.0, far, step_m), far) / _EARTH_RADIUS_M
    lat, course = np.radians(fix.lat), np.radians(fix.cog_deg)
    sine = np.sin(lat) * np.cos(arc) + np.cos(lat) * np.sin(arc) * np.cos(course)
    east = np.arctan2(np.sin(course) * np.sin(arc) * np.cos(lat), np.cos(arc) - np.sin(lat) * sine)
    lon = (fix.lon + np.degrees(east) + 180) % 360 - 180
    return lon, np.degrees(np.arcsin(sine))
