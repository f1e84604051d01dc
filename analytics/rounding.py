"""Rounding many numbers at once to what Python's ``round`` makes of each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
# Scaled numbers nearer to a half than that, or larger than that, are left to Python.
_NEAR, _LARGE = 1e-5, 1e10


def rounded(values: Floats, digits: int) -> Floats:
    """Round to decimal places, equal to ``round(value, digits)`` of each value to the bit.

    numpy's own rounding goes by the scaled number, which is not exact where that lies next to a
    half.

    Parameters
    ----------
    values : shape (n,); NaN and infinities stay.
    digits : decimal places, 0 to 9.
    """
    scale = 10.0**digits
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = np.asarray(values, np.float64) * scale
        whole = np.rint(scaled)
        doubtful = (np.abs(np.abs(scaled - whole) - 0.5) < _NEAR) | (np.abs(scaled) > _LARGE)
    result = whole / scale
    for place in np.flatnonzero(doubtful & np.isfinite(scaled)).tolist():
        result[place] = round(float(values[place]), digits)
    return np.asarray(result, np.float64)
