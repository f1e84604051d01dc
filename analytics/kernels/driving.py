"""Time at the wheel since the last rest: the loop of the fatigue rule."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

WIDTH = 7
# s, s, s, number, s, whether told, ms of the fix at which it began
DRIVEN, PAUSE, LONGEST_PAUSE, FIXES, WORST_GAP, TOLD, START = range(WIDTH)


class DrivingLimits(NamedTuple):
    """Numbers of the rule, SI units.

    Attributes
    ----------
    max_drive_s : longest time at the wheel without a rest.
    min_rest_s : shortest stillness or silence that is a rest.
    pause_s : a stillness up to this counts as driving (traffic lights, jams).
    moving_mps : who is at least so fast moves.
    """

    max_drive_s: float
    min_rest_s: float
    pause_s: float
    moving_mps: float


@njit(cache=True)
def driving(
    limits: Any,
    bounds: Longs,
    known: npt.NDArray[np.bool_],
    t: Longs,
    x: Floats,
    y: Floats,
    speed: npt.NDArray[np.floating],
    since: Longs,
    records: Floats,
) -> tuple[Longs, Longs, Longs, Floats]:  # pragma: no cover - compiled
    """Find where the time at the wheel passes the limit.

    Parameters
    ----------
    limits : a `DrivingLimits`.
    bounds : truck k has places [bounds[k], bounds[k + 1]); shape (m + 1,).
    known : whether a truck's first place is one of an earlier batch, so that its record goes on
        from there; shape (m,).
    t : ms; x, y : metres; speed : m/s, NaN where not told; since : ms since when the truck is
        within one place; shape (n,) each.
    records : state, shape (m, `WIDTH`); changed in place.

    Returns
    -------
    places that pass the limit; where the drive of each began, -1 if before this batch; where the
    last drive of each truck began, -1 likewise, shape (m,); and the records as they were then.
    """
    places = np.empty(len(t), np.int64)
    origins = np.empty(len(t), np.int64)
    kept = np.empty((16, WIDTH))
    begun = np.full(len(bounds) - 1, -1, np.int64)
    found = 0
    for m in range(len(bounds) - 1):
        one = records[m]
        first = bounds[m]
        if not known[m]:
            one[:] = 0
            one[START], one[FIXES], begun[m] = t[first], 1, first
        for i in range(first + 1, bounds[m + 1]):
            wait = (t[i] - t[i - 1]) / 1000
            # Up to the first row that moves: when the truck left is known no better.
            rest = (t[i] - min(since[i], since[i - 1])) / 1000
            far = np.sqrt((x[i] - x[i - 1]) ** 2 + (y[i] - y[i - 1]) ** 2)
            moved = speed[i] >= limits.moving_mps or far >= limits.moving_mps * wait
            moved = moved and wait > 0
            waits_to_begin = one[DRIVEN] == 0 and not moved
            if rest >= limits.min_rest_s or wait >= limits.min_rest_s or waits_to_begin:
                one[:] = 0
                one[START], one[FIXES], begun[m] = t[i], 1, i
                continue
            one[FIXES] += 1
            one[WORST_GAP] = max(one[WORST_GAP], wait)
            if not moved:
                one[PAUSE] += wait
                continue
            if one[PAUSE] <= limits.pause_s:
                one[DRIVEN] += one[PAUSE]
            one[LONGEST_PAUSE] = max(one[LONGEST_PAUSE], one[PAUSE])
            one[PAUSE] = 0
            one[DRIVEN] += wait
            if one[TOLD] == 0 and one[DRIVEN] > limits.max_drive_s:
                one[TOLD] = 1
                if found == len(kept):
                    more = np.empty((2 * found, WIDTH))
                    more[:found] = kept
                    kept = more
                kept[found], places[found], origins[found] = one, i, begun[m]
                found += 1
    return places[:found].copy(), origins[:found].copy(), begun, kept[:found].copy()
