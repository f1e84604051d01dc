"""How tracks move: speed between positions, gaps in them, and stops.

The measures are those that movement libraries share, so that they can be held against one:

* speed: great-circle distance (haversine, mean radius of the Earth) from the position before, by
  the time since; within 0.6 % of the geodesic on WGS 84, 0.3 % at latitudes of 35 to 55 degrees.
* gap: a longer time than a limit between two positions.
* stop: a track stays within ``max_diameter_m`` for at least ``min_duration_s``. The method is that
  of MovingPandas' ``TrajectoryStopDetector``, step by step: positions of the last
  ``min_duration_s`` are a window; while the diagonal of the *rotated* rectangle of least area
  around it is below the diameter, the window grows; once it is not, what came before is a stop if
  it lasted. The rectangle is exact, in metres of a projection. It is found from the convex hull,
  which most positions of a stop do not change, and is not looked for while two positions of the
  window are known to be further apart than the diameter.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

_RADIUS_M = 6_371_008.8
_HALF = 2.0**-0.5
# Rectangles on the sides of a triangle have one area but for rounding.
_ALIKE = 1e-9


@njit(cache=True)
def speeds(
    bounds: Longs, t: Longs, lon: Floats, lat: Floats
) -> Floats:  # pragma: no cover - compiled
    """Speed that the way to each position implies.

    Parameters
    ----------
    bounds : track k has positions [bounds[k], bounds[k + 1]); shape (m + 1,).
    t : ms; lon, lat : degrees; shape (n,) each.

    Returns
    -------
    m/s, shape (n,); NaN for the first position of a track and where no time passed.
    """
    found = np.full(len(t), np.nan)
    for m in range(len(bounds) - 1):
        x, y, cosine = 0.0, 0.0, 1.0
        for i in range(bounds[m], bounds[m + 1]):
            x2, y2 = np.radians(lon[i]), np.radians(lat[i])
            cosine2 = np.cos(y2)
            if i > bounds[m] and t[i] > t[i - 1]:
                up, across = np.sin(0.5 * (y2 - y)), np.sin(0.5 * (x2 - x))
                h = min(1.0, up * up + cosine * cosine2 * across * across)
                found[i] = 2000 * _RADIUS_M * np.arcsin(np.sqrt(h)) / (t[i] - t[i - 1])
            x, y, cosine = x2, y2, cosine2
    return found


@njit(cache=True)
def gaps(bounds: Longs, t: Longs, max_gap_s: float) -> Longs:  # pragma: no cover - compiled
    """Cut tracks where they are silent for longer than a limit.

    Parameters
    ----------
    bounds : track k has positions [bounds[k], bounds[k + 1]); shape (m + 1,).
    t : ms, shape (n,).

    Returns
    -------
    bounds of the pieces, those of one position included; shape (pieces + 1,).
    """
    found = np.empty(len(t) + len(bounds), np.int64)
    count = 0
    for m in range(len(bounds) - 1):
        found[count] = bounds[m]
        count += 1
        for i in range(bounds[m] + 1, bounds[m + 1]):
            if t[i] - t[i - 1] > 1000 * max_gap_s:
                found[count] = i
                count += 1
    found[count] = bounds[-1]
    return found[: count + 1].copy()


@njit(cache=True)
def stops(
    bounds: Longs, t: Longs, x: Floats, y: Floats, max_diameter_m: float, min_duration_s: float
) -> tuple[Longs, Longs]:  # pragma: no cover - compiled
    """Find where tracks stay; see the module.

    Parameters
    ----------
    bounds : track k has positions [bounds[k], bounds[k + 1]); shape (m + 1,).
    t : ms; x, y : metres, finite; shape (n,) each.

    Returns
    -------
    first and last position of each stop, shape (stops,) each. Positions that wander within the
    diameter, but not within the rectangle, cost as many steps each as the window has positions.
    """
    lasting = 1000 * min_duration_s
    firsts, lasts = np.empty(len(t), np.int64), np.empty(len(t), np.int64)
    found, longest = 0, 0
    for m in range(len(bounds) - 1):
        longest = max(longest, bounds[m + 1] - bounds[m])
    hull, spare, box = np.empty((longest + 2, 2)), np.empty((longest + 2, 2)), np.empty(8)
    for m in range(len(bounds) - 1):
        start, apart = bounds[m], bounds[m] - 1
        stays, count = False, 0
        for i in range(bounds[m], bounds[m + 1]):
            stayed = stays
            if stayed:
                least = _widen(box, x[i], y[i])
            else:
                while i - start > 1 and t[i] - t[start] >= lasting:
                    start += 1
                if i == start or apart >= start:
                    continue
                apart, count = _apart(box, x, y, start, i, max_diameter_m), 0
                if apart >= start:
                    continue
                least = 0.0
            stays = _most(box) < max_diameter_m
            if not stays and least < max_diameter_m:
                if count == 0:
                    for k in range(i - 1, start - 1, -1):
                        count = _take(hull, spare, count, x[k], y[k])
                count = _take(hull, spare, count, x[i], y[i])
                stays = _diagonal(hull, count) < max_diameter_m
            if stayed and not stays and t[i - 1] - t[start] >= lasting:
                firsts[found], lasts[found] = start, i - 1
                found += 1
                start = i
        last = bounds[m + 1] - 1
        if stays and t[last] - t[start] >= lasting:
            firsts[found], lasts[found] = start, last
            found += 1
    return firsts[:found].copy(), lasts[:found].copy()


@njit(cache=True)
def _apart(
    box: Floats, x: Floats, y: Floats, start: int, end: int, diameter: float
) -> int:  # pragma: no cover - compiled
    """Newest of positions [start, end] that is too far from a later one, start - 1 for none."""
    box[0::2], box[1::2] = np.inf, -np.inf
    for i in range(end, start - 1, -1):
        if _widen(box, x[i], y[i]) >= diameter:
            return i
    return start - 1


@njit(cache=True)
def _widen(box: Floats, x: float, y: float) -> float:  # pragma: no cover - compiled
    """Take a point into a box by the axes and one turned by 45 degrees; the longest side."""
    u, v = _HALF * (x + y), _HALF * (x - y)
    longest = 0.0
    for k, value in enumerate((x, y, u, v)):
        # Quicker than min and max, which look for NaN.
        if value < box[2 * k]:
            box[2 * k] = value
        if value > box[2 * k + 1]:
            box[2 * k + 1] = value
        longest = max(longest, box[2 * k + 1] - box[2 * k])
    return longest


@njit(cache=True)
def _most(box: Floats) -> float:  # pragma: no cover - compiled
    """Bound of the diagonal of the rectangle of least area around what two boxes hold.

    That rectangle's area is not above theirs, and its longer side not above their diagonals.
    """
    a, b, c, d = box[1] - box[0], box[3] - box[2], box[5] - box[4], box[7] - box[6]
    long, area = min(a * a + b * b, c * c + d * d), min(a * b, c * d)
    return float((long + area * area / long) ** 0.5) if long > 0 else 0.0


@njit(cache=True)
def _take(
    hull: Floats, spare: Floats, count: int, x: float, y: float
) -> int:  # pragma: no cover - compiled
    """Hull of a hull and one point more."""
    return count if _holds(hull, count, x, y) else _grow(hull, spare, count, x, y)


@njit(cache=True)
def _holds(hull: Floats, count: int, x: float, y: float) -> bool:  # pragma: no cover - compiled
    """Whether a point lies in a hull of three points or more, its border included."""
    if count < 3:
        return False
    px, py = hull[count - 1, 0], hull[count - 1, 1]
    for k in range(count):
        qx, qy = hull[k, 0], hull[k, 1]
        if (qx - px) * (y - py) < (qy - py) * (x - px):
            return False
        px, py = qx, qy
    return True


@njit(cache=True)
def _grow(
    hull: Floats, spare: Floats, count: int, x: float, y: float
) -> int:  # pragma: no cover - compiled
    """Hull of a hull and one point more, counter-clockwise (Andrew's monotone chain)."""
    spare[0, 0], spare[0, 1] = x, y
    for k in range(count):
        px, py, at = hull[k, 0], hull[k, 1], k
        while at >= 0 and (spare[at, 0] > px or (spare[at, 0] == px and spare[at, 1] > py)):
            spare[at + 1, 0], spare[at + 1, 1] = spare[at, 0], spare[at, 1]
            at -= 1
        spare[at + 1, 0], spare[at + 1, 1] = px, py
    n, size, floor = count + 1, 0, 0
    for step in range(2 * n - 1):
        k = step if step < n else 2 * n - 2 - step
        least = 1 if step < n else floor
        px, py = spare[k, 0], spare[k, 1]
        while size > least:
            ax, ay = hull[size - 2, 0], hull[size - 2, 1]
            if (hull[size - 1, 0] - ax) * (py - ay) > (hull[size - 1, 1] - ay) * (px - ax):
                break
            size -= 1
        hull[size, 0], hull[size, 1] = px, py
        size += 1
        if step == n - 1:
            floor = size
    return max(1, size - 1)


@njit(cache=True)
def _diagonal(hull: Floats, count: int) -> float:  # pragma: no cover - compiled
    """Diagonal of the rectangle of least area around a hull; one side of it lies on an edge.

    Of rectangles of one area the shortest diagonal.
    """
    least, square = np.inf, 0.0
    for k in range(count):
        before = k - 1 if k else count - 1
        ax, ay = hull[before, 0], hull[before, 1]
        dx, dy = hull[k, 0] - ax, hull[k, 1] - ay
        length = (dx * dx + dy * dy) ** 0.5
        if length == 0.0:
            continue
        dx, dy = dx / length, dy / length
        low, high, deep = 0.0, 0.0, 0.0
        for j in range(count):
            ux, uy = hull[j, 0] - ax, hull[j, 1] - ay
            along = ux * dx + uy * dy
            low, high = min(low, along), max(high, along)
            deep = max(deep, abs(uy * dx - ux * dy))
        own = (high - low) ** 2 + deep * deep
        area = (high - low) * deep
        if least == np.inf or area < least * (1 - _ALIKE):
            least, square = area, own
        elif area <= least * (1 + _ALIKE):
            least, square = min(least, area), min(square, own)
    return float(square**0.5)
