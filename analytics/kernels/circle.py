"""Tracks that go round and round: the loop that finds circles of forged positions.

A run of positions that keeps turning one way is held against a circle: after ``min_turns`` rounds
its centre is near the mean of its positions, and the spread of their distances from there, taken
from running sums (so that a track needs a few numbers only), says how round it is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

WIDTH = 20
LAST_T, LAST_X, LAST_Y, BEARING, HEADED, START, FIXES, TURN, TOLD, X0, Y0 = range(11)
_X, _Y, _XX, _YY, _XY, _Z, _ZX, _ZY, _ZZ = range(11, WIDTH)


class CircleLimits(NamedTuple):
    """Numbers of the rule, SI units.

    Attributes
    ----------
    min_turns : full rounds one way.
    min_fixes : positions of a run.
    min_radius_m, max_radius_m : of the circle.
    max_spread : standard deviation of the distances from the centre, as a share of the radius.
    max_gap_s : a longer silence ends a run.
    back_rad : turning back by more ends a run.
    """

    min_turns: float
    min_fixes: int
    min_radius_m: float
    max_radius_m: float
    max_spread: float
    max_gap_s: float
    back_rad: float = 0.5


@njit(cache=True)
def _begin(one: Floats, t: int, x: float, y: float) -> None:  # pragma: no cover - compiled
    one[START], one[FIXES], one[TURN], one[TOLD] = t, 0, 0, 0
    one[X0], one[Y0], one[HEADED] = x, y, 0
    one[_X:WIDTH] = 0


@njit(cache=True)
def _add(one: Floats, x: float, y: float) -> None:  # pragma: no cover - compiled
    z = x * x + y * y
    one[FIXES] += 1
    one[_X] += x
    one[_Y] += y
    one[_XX] += x * x
    one[_YY] += y * y
    one[_XY] += x * y
    one[_Z] += z
    one[_ZX] += z * x
    one[_ZY] += z * y
    one[_ZZ] += z * z


@njit(cache=True)
def roundness(one: Floats) -> tuple[float, float, float, float]:  # pragma: no cover - compiled
    """Centre (metres), radius (metres) and spread (share of the radius) of a run."""
    n = one[FIXES]
    a, b = one[_X] / n, one[_Y] / n
    c = a * a + b * b
    square = one[_Z] / n - 2 * a * a - 2 * b * b + c
    fourth = (
        one[_ZZ]
        + 4 * a * a * one[_XX]
        + 4 * b * b * one[_YY]
        + n * c * c
        - 4 * a * one[_ZX]
        - 4 * b * one[_ZY]
        + 2 * c * one[_Z]
        + 8 * a * b * one[_XY]
        - 4 * a * c * one[_X]
        - 4 * b * c * one[_Y]
    ) / n
    spread = (max(0.0, fourth - square * square)) ** 0.5 / (2 * square) if square > 0 else 1.0
    return one[X0] + a, one[Y0] + b, max(0.0, square) ** 0.5, spread


@njit(cache=True)
def circles(
    limits: Any, bounds: Longs, t: Longs, x: Floats, y: Floats, records: Floats
) -> tuple[Longs, Floats]:  # pragma: no cover - compiled
    """Find where runs pass the limits.

    Parameters
    ----------
    limits : a `CircleLimits`.
    bounds : track k has positions [bounds[k], bounds[k + 1]); shape (m + 1,).
    t : ms; x, y : metres; shape (n,) each.
    records : state, shape (m, `WIDTH`); changed in place.

    Returns
    -------
    places of positions that complete a circle, and the records as they were then.
    """
    places = np.empty(len(t), np.int64)
    kept = np.empty((16, WIDTH))
    found = 0
    for m in range(len(bounds) - 1):
        one = records[m]
        for i in range(bounds[m], bounds[m + 1]):
            if one[LAST_T] == 0 or (t[i] - one[LAST_T]) / 1000 > limits.max_gap_s:
                _begin(one, t[i], x[i], y[i])
            else:
                dx, dy = x[i] - one[LAST_X], y[i] - one[LAST_Y]
                if dx * dx + dy * dy > 25.0:
                    bearing = np.arctan2(dx, dy)
                    turn = 0.0
                    if one[HEADED] > 0:
                        turn = (bearing - one[BEARING] + np.pi) % (2 * np.pi) - np.pi
                    if one[TURN] * turn < 0 and abs(turn) > limits.back_rad:
                        _begin(one, t[i], x[i], y[i])
                        turn = 0.0
                    one[BEARING], one[HEADED] = bearing, 1
                    one[TURN] += turn
            _add(one, x[i] - one[X0], y[i] - one[Y0])
            one[LAST_T], one[LAST_X], one[LAST_Y] = t[i], x[i], y[i]
            if (
                one[TOLD] == 0
                and abs(one[TURN]) >= limits.min_turns * 2 * np.pi
                and one[FIXES] >= limits.min_fixes
            ):
                _, _, radius, spread = roundness(one)
                if (
                    limits.min_radius_m <= radius <= limits.max_radius_m
                    and spread <= limits.max_spread
                ):
                    one[TOLD] = 1
                    if found == len(kept):
                        more = np.empty((2 * found, WIDTH))
                        more[:found] = kept
                        kept = more
                    kept[found] = one
                    places[found] = i
                    found += 1
    return places[:found].copy(), kept[:found].copy()
