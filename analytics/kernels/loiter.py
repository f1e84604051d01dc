"""Runs of slow motion within an area: the loop of the loitering rule."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

WIDTH = 13
LAST_T, LAST_X, LAST_Y, START, FIXES, AWAY, MIN_X, MAX_X, MIN_Y, MAX_Y, TOLD, WORST, SPEED = range(
    WIDTH
)


class LoiterLimits(NamedTuple):
    """Numbers of the rule, SI units.

    Attributes
    ----------
    max_speed_mps : slow is below.
    min_duration_s, min_fixes, min_extent_m : what a run needs.
    max_gap_s : a longer silence ends a run.
    exit_fixes : so many faster positions in a row end it.
    """

    max_speed_mps: float
    min_duration_s: float
    min_fixes: int
    min_extent_m: float
    max_gap_s: float
    exit_fixes: int


@njit(cache=True)
def loiter(
    limits: Any,
    bounds: Longs,
    t: Longs,
    x: Floats,
    y: Floats,
    speed: Floats,
    barred: npt.NDArray[np.bool_],
    records: Floats,
) -> tuple[Longs, Floats, npt.NDArray[np.uint8]]:  # pragma: no cover - compiled
    """Find where runs pass the limits.

    Parameters
    ----------
    limits : a `LoiterLimits`.
    bounds : track k has positions [bounds[k], bounds[k + 1]); shape (m + 1,).
    t : ms; x, y : metres; speed : m/s, NaN where not known (the one from the position before is
        taken then); shape (n,) each.
    barred : whether a position does not count (at anchor, in a port); shape (n,).
    records : state, shape (m, `WIDTH`); changed in place.

    Returns
    -------
    places of positions that complete a run; the records as they were then; and for every position
    whether it is in no run (0), begins one (1) or prolongs one (2).
    """
    places = np.empty(len(t), np.int64)
    found = 0
    marks = np.zeros(len(t), np.uint8)
    kept = np.empty((16, WIDTH))
    for m in range(len(bounds) - 1):
        one = records[m]
        for i in range(bounds[m], bounds[m + 1]):
            since = (t[i] - one[LAST_T]) / 1000
            v = speed[i]
            if np.isnan(v):
                far = np.sqrt((x[i] - one[LAST_X]) ** 2 + (y[i] - one[LAST_Y]) ** 2)
                v = far / since if one[LAST_T] > 0 and since > 0 else 0.0
            if one[FIXES] > 0 and since > limits.max_gap_s:
                one[FIXES] = 0
            if barred[i] or not v <= limits.max_speed_mps:
                if one[FIXES] > 0:
                    one[AWAY] += 1
                    if one[AWAY] >= limits.exit_fixes:
                        one[FIXES] = 0
            elif one[FIXES] == 0:
                marks[i] = 1
                one[START], one[FIXES], one[AWAY], one[TOLD] = t[i], 1, 0, 0
                one[MIN_X], one[MAX_X], one[MIN_Y], one[MAX_Y] = x[i], x[i], y[i], y[i]
                one[WORST], one[SPEED] = 0, v
            else:
                marks[i] = 2
                one[FIXES] += 1
                one[AWAY] = 0
                one[MIN_X], one[MAX_X] = min(one[MIN_X], x[i]), max(one[MAX_X], x[i])
                one[MIN_Y], one[MAX_Y] = min(one[MIN_Y], y[i]), max(one[MAX_Y], y[i])
                one[WORST], one[SPEED] = max(one[WORST], since), one[SPEED] + v
                extent = np.sqrt((one[MAX_X] - one[MIN_X]) ** 2 + (one[MAX_Y] - one[MIN_Y]) ** 2)
                if (
                    one[TOLD] == 0
                    and (t[i] - one[START]) / 1000 > limits.min_duration_s
                    and one[FIXES] >= limits.min_fixes
                    and extent >= limits.min_extent_m
                ):
                    one[TOLD] = 1
                    if found == len(kept):
                        more = np.empty((2 * found, WIDTH))
                        more[:found] = kept
                        kept = more
                    kept[found] = one
                    places[found] = i
                    found += 1
            one[LAST_T], one[LAST_X], one[LAST_Y] = t[i], x[i], y[i]
    return places[:found].copy(), kept[:found].copy(), marks
