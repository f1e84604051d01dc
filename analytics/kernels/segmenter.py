"""Which of the vessels on one MMSI a position belongs to.

Each MMSI has a few *open segments*. A new position is held against where each of them would be by
dead reckoning, and goes to the one that it fits; where it fits none it opens a segment, and where
it fits several alike those are closed and it opens one, for nobody can say whose it is. Method and
constants are those that Global Fishing Watch publishes for its segmenter (gpsdio-segment,
Apache-2.0): the *discrepancy* of two positions is the smallest of (1) the mean distance between
reckoned and reported position, forth and back, (2) four times the distance between them, as of a
vessel that stayed, and (3) four times the distance from the reckoned path. Long times count less
(a vessel does not go straight for hours). A position may fit an earlier one of the last five much
better than the newest: then the ones between were wild, and are passed over from then on.

One thing differs, because it must work live: what was given out is not taken back.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

LOOKBACK = 5
_PER_FIX = 7
_T, _LON, _LAT, _EAST, _NORTH, _FIT, _CLASS = range(_PER_FIX)
_START, _COUNT, _KEPT = range(3)
_HEAD = 3
# One open segment as a row: start (ms), positions in it, how many are kept; then those, newest
# first: t (ms), lon, lat (degrees), east, north (m/s), how well it fitted (1/h), transponder class.
WIDTH = _HEAD + LOOKBACK * _PER_FIX
NOISE = -1
_METRES_A_DEGREE = 60 * 1852.0
_KNOT = 1852 / 3600


class SegmenterLimits(NamedTuple):
    """Numbers of the method.

    Attributes
    ----------
    max_gap_s : a longer silence ends a segment.
    penalty_s : from about here on time counts less.
    buffer_s : added to each time between positions.
    max_speed_mps : how fast the discrepancy may grow.
    sharpness : how fast the fit falls with it.
    shape : weight of the second and third discrepancy.
    ambiguity : fits closer than this factor can't be told apart.
    short_count : segments of fewer positions count less.
    lookback_factor : how much better the fit to an earlier position must be.
    class_weight : of a fit between transponders of different classes.
    coarse_s : a long-range position (type 27) closer than this to another is not used.
    most_open : open segments of one MMSI.
    """

    max_gap_s: float = 86_400.0
    penalty_s: float = 14_400.0
    buffer_s: float = 900.0
    max_speed_mps: float = 25 * _KNOT
    sharpness: float = 5.0
    shape: float = 4.0
    ambiguity: float = 10.0
    short_count: float = 10.0
    lookback_factor: float = 2.0
    class_weight: float = 0.1
    coarse_s: float = 3600.0
    most_open: int = 32


@njit(cache=True)
def _length(x: float, y: float) -> float:  # pragma: no cover - compiled
    return float((x * x + y * y) ** 0.5)


@njit(cache=True)
def _discrepancy(
    limits: Any, old: Floats, at: int, now: Floats, seconds: float
) -> float:  # pragma: no cover - compiled
    """Metres between two positions and what each says of the other; see the module."""
    counted = seconds / (1 + np.sqrt(seconds / limits.penalty_s))
    mid = np.radians(0.5 * (old[at + _LAT] + now[_LAT]))
    turn = (now[_LON] - old[at + _LON] + 180) % 360 - 180
    dx = turn * _METRES_A_DEGREE * np.cos(mid)
    dy = (now[_LAT] - old[at + _LAT]) * _METRES_A_DEGREE
    far = _length(dx, dy)
    vx, vy, wx, wy = old[at + _EAST], old[at + _NORTH], now[_EAST], now[_NORTH]
    forth = _length(dx - vx * counted, dy - vy * counted)
    back = _length(dx - wx * counted, dy - wy * counted)
    least = min(0.5 * (forth + back), limits.shape * far)
    v, w = _length(vx, vy), _length(wx, wy)
    if v > 0 and w > 0:
        ahead, behind = (dx * vx + dy * vy) / v, (dx * wx + dy * wy) / w
        if 0 < ahead <= v * counted and 0 < behind <= w * counted:
            aside = (abs(dx * vy - dy * vx) / v + abs(dx * wy - dy * wx) / w) * 0.5
            least = min(least, limits.shape * aside)
    return float(least)


@njit(cache=True)
def _match(
    limits: Any, one: Floats, now: Floats
) -> tuple[float, int, float]:  # pragma: no cover - compiled
    """How well a position fits a segment (0: not), how many newest are passed over, seconds."""
    best, chosen, passed, waited = 0.0, 0.0, 0, 0.0
    same = now[_CLASS] == 0.0
    for k in range(int(one[_KEPT])):
        own = one[_HEAD + k * _PER_FIX + _CLASS]
        if own == 0.0 or int(own) & int(now[_CLASS]):
            same = True
    for k in range(int(one[_KEPT])):
        at = _HEAD + k * _PER_FIX
        seconds = (now[_T] - one[at + _T]) / 1000
        if seconds > limits.max_gap_s:
            break
        padded = _length(seconds, limits.buffer_s)
        held = one[at - _PER_FIX + _FIT] if k else 0.0
        reducing = max(1.0, k * limits.lookback_factor)
        if 3600 / padded / reducing <= max(held, best):
            continue  # even a perfect fit would not do
        share = _discrepancy(limits, one, at, now, seconds) / (padded * limits.max_speed_mps)
        if share > 1:
            continue
        fit = np.exp(-((limits.sharpness * share) ** 2)) / (padded / 3600)
        if not same:
            fit *= limits.class_weight
        reduced = fit / reducing
        if reduced > held and reduced > best:
            best, chosen, passed, waited = reduced, fit, k, seconds
    return chosen, passed, waited


@njit(cache=True)
def _append(one: Floats, now: Floats, passed: int) -> None:  # pragma: no cover - compiled
    kept = min(int(one[_KEPT]) - passed, LOOKBACK - 1)
    old, new = _HEAD + passed * _PER_FIX, _HEAD + _PER_FIX
    if passed == 0:
        # Those kept move up by one place, from the end on, so that none is written over.
        for k in range(kept * _PER_FIX - 1, -1, -1):
            one[new + k] = one[old + k]
    else:
        for k in range(kept * _PER_FIX):
            one[new + k] = one[old + k]
    one[_HEAD:new] = now
    one[_KEPT] = kept + 1
    one[_COUNT] += 1


@njit(cache=True)
def _close(
    open_: Floats, count: int, gone: npt.NDArray[np.bool_]
) -> int:  # pragma: no cover - compiled
    left = 0
    for k in range(count):
        if not gone[k]:
            if left != k:
                open_[left] = open_[k]
            left += 1
    return left


@njit(cache=True)
def _place(
    limits: Any, open_: Floats, count: int, now: Floats, coarse: bool, newest: float, room: Any
) -> tuple[int, float]:  # pragma: no cover - compiled
    """Put one position into a segment; how many are open after that, and the segment's start.

    ``room`` is for what is noted of each open segment: whether it is over, its fit, and how many of
    its newest positions are passed over.
    """
    gone, fits, passes = room
    gone[:], fits[:count] = False, 0.0
    best, winner, soonest = 0.0, -1, np.inf
    for k in range(count):
        if (now[_T] - open_[k, _HEAD + _T]) / 1000 > limits.max_gap_s:
            gone[k] = True
            continue
        fit, passed, waited = _match(limits, open_[k], now)
        if fit > 0:
            grown = open_[k, _COUNT] / limits.short_count
            fits[k], passes[k] = fit, passed
            weighted = fit * grown / np.sqrt(1 + grown * grown)
            soonest = min(soonest, waited)
            if weighted > best:
                best, winner = weighted, k
    if coarse and soonest < limits.coarse_s:
        return count, float(NOISE)
    alike = 0
    for k in range(count):
        grown = open_[k, _COUNT] / limits.short_count
        weighted = fits[k] * grown / np.sqrt(1 + grown * grown)
        if fits[k] > 0 and weighted * limits.ambiguity >= best:
            alike += 1
    if winner >= 0 and alike == 1:
        now[_FIT] = fits[winner]
        _append(open_[winner], now, passes[winner])
        start = open_[winner, _START]
        return _close(open_, count, gone), start
    if alike > 1:
        for k in range(count):
            grown = open_[k, _COUNT] / limits.short_count
            weighted = fits[k] * grown / np.sqrt(1 + grown * grown)
            if fits[k] > 0 and weighted * limits.ambiguity >= best:
                gone[k] = True
    count = _close(open_, count, gone)
    if count >= limits.most_open:
        oldest = 0
        for k in range(count):
            if open_[k, _HEAD + _T] < open_[oldest, _HEAD + _T]:
                oldest = k
        gone[:] = False
        gone[oldest] = True
        count = _close(open_, count, gone)
    start = max(now[_T], newest + 1)
    open_[count, :] = 0
    open_[count, _START] = start
    now[_FIT] = 0.0
    _append(open_[count], now, 0)
    return count + 1, start


@njit(cache=True)
def segment(
    limits: Any,
    bounds: Longs,
    fixes: Floats,
    coarse: npt.NDArray[np.bool_],
    held: Floats,
    held_bounds: Longs,
    newest: Floats,
) -> tuple[Longs, Floats, Longs]:  # pragma: no cover - compiled
    """Give each position of some MMSIs its segment.

    Parameters
    ----------
    limits : a `SegmenterLimits`.
    bounds : rows of MMSI k are [bounds[k], bounds[k + 1]); shape (m + 1,).
    fixes : sorted by MMSI and time; t (ms), lon, lat (degrees), velocity east and north (m/s; 0
        where not known), fit (ignored), transponder class (bits: 1 A, 2 B; 0 not known); shape
        (n, 7).
    coarse : whether a position is a long-range one; shape (n,).
    held : open segments from before, `WIDTH` numbers each, of MMSI k in rows [held_bounds[k],
        held_bounds[k + 1]).
    newest : start of the segment that each MMSI opened last, ms, -inf for none; changed in place.

    Returns
    -------
    starts of the segments (ms, unique within an MMSI; `NOISE` for none), shape (n,); the open
    segments after that and their bounds, as they came in.
    """
    most = int(limits.most_open) + 1
    starts = np.empty(len(fixes), np.int64)
    movers = len(bounds) - 1
    kept_bounds = np.zeros(movers + 1, np.int64)
    kept = np.empty((max(16, 2 * movers), WIDTH))
    open_ = np.zeros((most, WIDTH))
    room = (np.zeros(most, np.bool_), np.zeros(most), np.zeros(most, np.int64))
    for m in range(movers):
        count = held_bounds[m + 1] - held_bounds[m]
        for k in range(count):
            open_[k] = held[held_bounds[m] + k]
        for i in range(bounds[m], bounds[m + 1]):
            before = count
            count, start = _place(limits, open_, count, fixes[i], coarse[i], newest[m], room)
            starts[i] = int(start)
            if start > newest[m] and count and before >= 0:
                newest[m] = start
        used = kept_bounds[m]
        if used + count > len(kept):
            more = np.empty((2 * (used + count), WIDTH))
            more[:used] = kept[:used]
            kept = more
        kept[used : used + count] = open_[:count]
        kept_bounds[m + 1] = used + count
    return starts, kept[: kept_bounds[movers]].copy(), kept_bounds
