"""Trailing features of a track: what a fix and those before it tell of fishing.

Six windows (0.5–24 h) of mean speed, spread of speed and spread of course follow Kroodsma et al.
(2018, *Tracking the global footprint of fisheries*) and de Souza et al. (2016); the short ones say
how straight a boat went, whether it turned, and where it lies from its last slow spell, which is
what setting gear looks like.

Every feature depends on rows of the same mover at or before its own. Sums are sums of whole numbers
(mm, mm/s, millionths of a cosine), so they are exact, and any split of the rows into batches gives
the same bits. Rows that follow the last one used sooner than `SPACING_MS` take its features: what
is measured depends little on how often a receiver hears.
"""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from analytics.rule import Columns, State, rows

SPACING_MS = 20_000
WINDOWS_H = (0.5, 1.0, 3.0, 6.0, 12.0, 24.0)
_WINDOW_FEATURES = tuple(
    f"{what}_{hours:g}h"
    for hours in WINDOWS_H
    for what in ("speed_mean", "speed_sd", "course_spread")
)
FEATURES = (
    *_WINDOW_FEATURES,
    "speed",
    "cruise_speed",
    "speed_of_cruise",
    "speed_change",
    "net_speed_5min",
    "straight_5min",
    "straight_10min",
    "straight_20min",
    "turning_5min",
    "turning_20min",
    "course_off_10min",
    "slow_share_30min",
    "slow_share_3h",
    "since_haul",
    "haul_length",
    "from_haul_end",
    "from_haul_start",
    "off_haul_line",
    "along_haul",
    "towards_haul",
)
"""Names of the columns of a feature matrix, in order.

``speed_mean_*``, ``speed_sd_*`` : m/s over the trailing window.
``course_spread_*`` : sd of the cosine plus sd of the sine of the course, 0–2.
``speed``, ``cruise_speed`` : m/s now, and the 90th percentile of 24 h, at least 2.
``speed_of_cruise`` : ratio of the two.
``speed_change`` : m/s, now minus the mean of 5 min.
``net_speed_5min`` : m/s along the straight line over 5 min.
``straight_*`` : straight line over path, 0–1; 0 for a boat that lay still.
``turning_*`` : course changes added up, deg/min.
``course_off_10min`` : deg between the course and the mean course of 10 min, 0–180.
``slow_share_*`` : share of rows slower than half the cruise speed, 0–1.
``since_haul``, ``haul_length`` : min since the last slow spell of 5 min or more, and its length.
``from_haul_end``, ``from_haul_start``, ``off_haul_line`` : m from its ends, and from the line
between them.
``along_haul`` : cosine between the course and that line from start to end.
``towards_haul`` : cosine between the course and the direction to its middle.
"""

_WINDOWS_MS = np.array([round(hours * 3_600_000) for hours in WINDOWS_H], np.int64)
_SHORT_MS = np.array([300_000, 600_000, 1_200_000], np.int64)
_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
_SPELL_MS = 300_000
_FAR_M = 20_000.0
_LEAST_CRUISE_MPS = 2.0
_FASTEST_MM = 60_000
_UNIT = 1_000_000.0
_BINS = 301  # of 0.1 m/s
# What is kept of a row: t, x and y (mm), speed (mm/s), cos and sin (1e-6), turn (1e-3 deg),
# step (mm), slow (0 or 1).
_T, _X, _Y, _V, _C, _S, _TURN, _STEP, _SLOW = range(9)
# What is kept of slow spells: start and last of the running one, of the last long one (t, x, y).
_SPELL = 12

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]


@numba.njit(cache=True, error_model="numpy")
def _whole(value: float) -> int:
    """Nearest whole number, halves up."""
    return math.floor(value + 0.5)


@numba.njit(cache=True, error_model="numpy")
def _angle(c0: float, s0: float, c1: float, s1: float) -> float:
    """Angle between two directions, degrees 0–180."""
    return abs(math.degrees(math.atan2(c0 * s1 - s0 * c1, c0 * c1 + s0 * s1)))


@numba.njit(cache=True, error_model="numpy")
def _cosine(ax: float, ay: float, bx: float, by: float) -> float:
    """Cosine between two vectors, 0 where one has no length."""
    length = math.sqrt((ax * ax + ay * ay) * (bx * bx + by * by))
    return (ax * bx + ay * by) / length if length > 0 else 0.0


@numba.njit(cache=True, error_model="numpy")
def _spread(total: int, squares: int, share: float) -> float:
    """Standard deviation from a sum and a sum of squares, and the share of one row."""
    mean = total * share
    return math.sqrt(max(squares * share - mean * mean, 0.0))


@numba.njit(cache=True, error_model="numpy")
def _take(kept: Ints, m: int, sog_mps: float, cog_deg: float) -> None:
    """Fill speed, course, turn and step of row m from what was sent, else from the step."""
    first, p = m == 0, max(m - 1, 0)
    dx, dy = float(kept[m, _X] - kept[p, _X]), float(kept[m, _Y] - kept[p, _Y])
    step = 0.0 if first else math.sqrt(dx * dx + dy * dy)
    kept[m, _STEP] = _whole(step)
    speed = sog_mps * 1000.0
    if not np.isfinite(speed):
        speed = 0.0 if first else step / (kept[m, _T] - kept[p, _T]) * 1000.0
    kept[m, _V] = min(_whole(max(speed, 0.0)), _FASTEST_MM)
    if np.isfinite(cog_deg):
        kept[m, _C] = _whole(math.cos(math.radians(cog_deg)) * _UNIT)
        kept[m, _S] = _whole(math.sin(math.radians(cog_deg)) * _UNIT)
    elif step > 0:
        kept[m, _C], kept[m, _S] = _whole(dy / step * _UNIT), _whole(dx / step * _UNIT)
    elif first:
        kept[m, _C], kept[m, _S] = _whole(_UNIT), 0
    else:
        kept[m, _C], kept[m, _S] = kept[p, _C], kept[p, _S]
    turn = _angle(float(kept[p, _C]), float(kept[p, _S]), float(kept[m, _C]), float(kept[m, _S]))
    kept[m, _TURN] = 0 if first else _whole(turn * 1000.0)


@numba.njit(cache=True, error_model="numpy")
def _spells(spell: Ints, kept: Ints, m: int) -> None:
    """Carry the running slow spell on to a row; a long one becomes the last haul."""
    if not kept[m, _SLOW]:
        return
    t, x, y = kept[m, _T], kept[m, _X], kept[m, _Y]
    if m == 0 or not kept[m - 1, _SLOW] or t - kept[m - 1, _T] > _HOUR_MS:
        spell[0], spell[1], spell[2] = t, x, y
    spell[3], spell[4], spell[5] = t, x, y
    if spell[3] - spell[0] >= _SPELL_MS:
        for k in range(6):
            spell[6 + k] = spell[k]


@numba.njit(cache=True, error_model="numpy")
def _haul(out: Matrix, j: int, at: int, kept: Ints, m: int, spell: Ints) -> None:
    """Fill in where a row lies from the last haul."""
    age = kept[m, _T] - spell[9]
    if spell[6] < 0 or age > _DAY_MS:
        out[j, at] = _DAY_MS / 60_000
        out[j, at + 1] = 0.0
        out[j, at + 2] = out[j, at + 3] = out[j, at + 4] = _FAR_M
        out[j, at + 5] = out[j, at + 6] = 0.0
        return
    ax, ay = (kept[m, _X] - spell[7]) / 1000.0, (kept[m, _Y] - spell[8]) / 1000.0
    bx, by = (kept[m, _X] - spell[10]) / 1000.0, (kept[m, _Y] - spell[11]) / 1000.0
    lx, ly = ax - bx, ay - by
    square = lx * lx + ly * ly
    part = min(max((ax * lx + ay * ly) / square, 0.0), 1.0) if square > 0 else 0.0
    px, py = ax - part * lx, ay - part * ly
    out[j, at] = age / 60_000
    out[j, at + 1] = (spell[9] - spell[6]) / 60_000
    out[j, at + 2] = min(math.sqrt(bx * bx + by * by), _FAR_M)
    out[j, at + 3] = min(math.sqrt(ax * ax + ay * ay), _FAR_M)
    out[j, at + 4] = min(math.sqrt(px * px + py * py), _FAR_M)
    # x grows with the sine of the course, y with its cosine.
    sine, cosine = float(kept[m, _S]), float(kept[m, _C])
    out[j, at + 5] = _cosine(sine, cosine, lx, ly)
    out[j, at + 6] = _cosine(sine, cosine, -(ax + bx), -(ay + by))


@numba.njit(cache=True, error_model="numpy")
def _short(out: Matrix, j: int, at: int, kept: Ints, sums: Ints, i: int, low: Ints) -> None:
    """Fill in what the last 5, 10 and 20 min say; always of three rows where there are."""
    five = max(min(low[0], i - 2), 0)
    out[j, at] = (kept[i, _V] - (sums[i + 1, 0] - sums[five, 0]) / (i + 1 - five)) / 1000.0
    for k in range(3):
        l = max(min(low[k], i - 2), 0)  # noqa: E741
        minutes = (kept[i, _T] - kept[l, _T]) / 60_000
        dx, dy = float(kept[i, _X] - kept[l, _X]), float(kept[i, _Y] - kept[l, _Y])
        net = math.sqrt(dx * dx + dy * dy)
        path = sums[i + 1, 7] - sums[l + 1, 7]
        turned = (sums[i + 1, 6] - sums[l + 1, 6]) / 1000.0
        out[j, at + 2 + k] = min(net / path, 1.0) if path > 0 else 0.0
        if k == 0:
            out[j, at + 1] = net / 60_000.0 / minutes if minutes > 0 else kept[i, _V] / 1000.0
            out[j, at + 5] = turned / minutes if minutes > 0 else 0.0
        elif k == 1:
            c, s = float(sums[i + 1, 2] - sums[l, 2]), float(sums[i + 1, 4] - sums[l, 4])
            out[j, at + 7] = _angle(c, s, float(kept[i, _C]), float(kept[i, _S]))
        else:
            out[j, at + 6] = turned / minutes if minutes > 0 else 0.0


@numba.njit(cache=True, error_model="numpy")
def _windows(out: Matrix, j: int, sums: Ints, i: int, low: Ints) -> None:
    """Fill in mean and spread of speed and spread of course of each long window."""
    b = i + 1
    for k in range(len(low)):
        a = low[k]
        share = 1.0 / (b - a)
        out[j, 3 * k] = (sums[b, 0] - sums[a, 0]) * share / 1000.0
        speed = _spread(sums[b, 0] - sums[a, 0], sums[b, 1] - sums[a, 1], share)
        c = _spread(sums[b, 2] - sums[a, 2], sums[b, 3] - sums[a, 3], share)
        s = _spread(sums[b, 4] - sums[a, 4], sums[b, 5] - sums[a, 5], share)
        out[j, 3 * k + 1] = speed / 1000.0
        out[j, 3 * k + 2] = (c + s) / _UNIT


@numba.njit(cache=True, error_model="numpy")
def _add(sums: Ints, i: int, kept: Ints) -> None:
    """Extend the prefix sums by row i."""
    v, c, s = kept[i, _V], kept[i, _C], kept[i, _S]
    sums[i + 1, 0], sums[i + 1, 1] = sums[i, 0] + v, sums[i, 1] + v * v
    sums[i + 1, 2], sums[i + 1, 3] = sums[i, 2] + c, sums[i, 3] + c * c
    sums[i + 1, 4], sums[i + 1, 5] = sums[i, 4] + s, sums[i, 5] + s * s
    sums[i + 1, 6] = sums[i, 6] + kept[i, _TURN]
    sums[i + 1, 7] = sums[i, 7] + kept[i, _STEP]
    sums[i + 1, 8] = sums[i, 8] + kept[i, _SLOW]


@numba.njit(cache=True, error_model="numpy")
def _track(
    t: Ints,
    x: Floats,
    y: Floats,
    sog_mps: Floats,
    cog_deg: Floats,
    kept: Ints,
    m: int,
    spell: Ints,
    out: Matrix,
    before: Matrix,
) -> int:
    """Fill the features of one mover's n rows; returns how many rows are kept afterwards.

    ``kept`` is (m + n, 9), its first m rows carried; ``out`` is (n, k); ``before`` (k,) are the
    features of the last row that was used.
    """
    sums = np.zeros((len(kept) + 1, 9), np.int64)
    for i in range(m):
        _add(sums, i, kept)
    low, short = np.zeros(len(_WINDOWS_MS), np.int64), np.zeros(3, np.int64)
    counts = np.zeros(_BINS, np.int64)
    for i in range(m):
        counts[min(kept[i, _V] // 100, _BINS - 1)] += 1
    day, level, under = len(_WINDOWS_MS) - 1, 0, 0
    w = len(_WINDOWS_MS) * 3
    for j in range(len(t)):
        known = np.isfinite(x[j]) and np.isfinite(y[j])
        if not known or (m > 0 and t[j] - kept[m - 1, _T] < SPACING_MS):
            for k in range(len(before)):
                out[j, k] = before[k]
            continue
        kept[m, _T], kept[m, _X], kept[m, _Y] = t[j], _whole(x[j] * 1000.0), _whole(y[j] * 1000.0)
        _take(kept, m, sog_mps[j], cog_deg[j])
        for k in range(len(low)):
            while kept[low[k], _T] <= kept[m, _T] - _WINDOWS_MS[k]:
                if k == day:
                    gone = min(kept[low[k], _V] // 100, _BINS - 1)
                    counts[gone] -= 1
                    under -= 1 if gone < level else 0
                low[k] += 1
        for k in range(3):
            while kept[short[k], _T] <= kept[m, _T] - _SHORT_MS[k]:
                short[k] += 1
        come = min(kept[m, _V] // 100, _BINS - 1)
        counts[come] += 1
        under += 1 if come < level else 0
        # The smallest level with nine tenths of the day's rows at or under it.
        needed = (9 * (m + 1 - low[day]) + 9) // 10
        while under + counts[level] < needed:
            under += counts[level]
            level += 1
        while under >= needed:
            level -= 1
            under -= counts[level]
        cruise = max(level / 10.0, _LEAST_CRUISE_MPS)
        kept[m, _SLOW] = 1 if kept[m, _V] < cruise * 500.0 else 0
        _add(sums, m, kept)
        _spells(spell, kept, m)
        _windows(out, j, sums, m, low)
        out[j, w] = kept[m, _V] / 1000.0
        out[j, w + 1] = cruise
        out[j, w + 2] = kept[m, _V] / 1000.0 / cruise
        _short(out, j, w + 3, kept, sums, m, short)
        out[j, w + 11] = (sums[m + 1, 8] - sums[low[0], 8]) / (m + 1 - low[0])
        out[j, w + 12] = (sums[m + 1, 8] - sums[low[2], 8]) / (m + 1 - low[2])
        _haul(out, j, w + 13, kept, m, spell)
        for k in range(len(before)):
            before[k] = out[j, k]
        m += 1
    return m


def update(state: State, columns: Columns) -> Matrix:
    """Features of the rows of a batch, with what earlier batches left in the state.

    Parameters
    ----------
    state : changed in place; empty at first. Under each mover it holds the rows of its last 24 h
        and its slow spells, as plain numbers and lists. Use a state of its own for this.
    columns : n rows sorted by (mover, t): ``mover`` texts, ``t`` ms int64, ``x`` and ``y`` metres
        in a projected CRS with y to the north, ``sog_mps`` m/s and ``cog_deg`` degrees clockwise
        from north; NaN or absent speed and course are made from the step. A row without a position
        takes the features of the row before; without any, zeros.

    Returns
    -------
    Matrix of shape (n, len(FEATURES)), always finite.
    """
    n = rows(columns)
    out = np.zeros((n, len(FEATURES)), np.float32)
    if not n:
        return out
    mover = columns["mover"]
    bounds = np.concatenate(([0], np.flatnonzero(mover[1:] != mover[:-1]) + 1, [n]))
    t = np.ascontiguousarray(columns["t"], np.int64)
    empty = np.full(n, np.nan)
    x, y, sog, cog = (
        np.ascontiguousarray(columns.get(name, empty), np.float64)
        for name in ("x", "y", "sog_mps", "cog_deg")
    )
    for a, b in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        name = str(mover[a])
        carried = state.get(name)
        part = slice(a, b)
        state[name] = _one(carried, (t[part], x[part], y[part], sog[part], cog[part]), out[part])
    return out


def forget(state: State, before_ms: int) -> None:
    """Drop movers that were last heard more than a day before a time; changed in place.

    What they leave would not change a feature but their first steps after so long a silence.
    """
    for name in [k for k, v in state.items() if v["kept"][-1][_T] < before_ms - _DAY_MS]:
        del state[name]


def _one(
    carried: State | None, columns: tuple[Ints, Floats, Floats, Floats, Floats], out: Matrix
) -> State:
    m = len(carried["kept"]) if carried else 0
    kept = np.zeros((m + len(out), 9), np.int64)
    spell, before = np.full(_SPELL, -1, np.int64), np.zeros(len(FEATURES), np.float32)
    if carried:
        kept[:m] = carried["kept"]
        spell[:] = carried["spell"]
        before[:] = carried["features"]
    m = _track(*columns, kept, m, spell, out, before)
    kept = kept[:m]
    if m > 3:
        # Two rows before the last are always kept: short windows have three.
        old = int(np.searchsorted(kept[:, _T], kept[-1, _T] - _DAY_MS, side="right"))
        kept = kept[min(old, m - 3) :]
    # An array takes a twentieth of the memory of lists; a stored state has lists.
    return {"kept": kept, "spell": spell.tolist(), "features": before.tolist()}
