"""The loop over many trucks, between what was remembered of them and what is remembered next."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from analytics.kernels.inner import inner
from analytics.kernels.viterbi import place_of
from analytics.roads.decoding import (
    APART,
    LAST,
    REAL,
    STEP,
    UNKNOWN,
    WHOLE,
    Rows,
    Steps,
    Told,
    Tools,
    Truck,
    decide,
    follow,
)
from analytics.roads.transitions import NO_WAY

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

NEVER = -(2**62)
_ARC, _BACK, _ALIVE, _SCORE = range(4)
_ALONG, _X, _Y = range(3)


class Memory(NamedTuple):
    """What is remembered of trucks.

    Attributes
    ----------
    whole, real : see `analytics.roads.decoding`; shapes (trucks, 9) and (trucks, 13).
    bounds : steps that are not decided: truck k has bounds[k]:bounds[k + 1].
    steps : of each, in turn, when it came and how many candidates it has, shape (steps, 2).
    options : arc, way back, whether it is alive, score of each candidate, shape (c, 4).
    places : how far along its arc, x, y of each candidate, metres, shape (c, 3).
    """

    whole: Longs
    real: Floats
    bounds: Longs
    steps: Longs
    options: Longs
    places: Floats


def no_memory(trucks: int) -> Memory:
    """Trucks of which nothing is known."""
    whole = np.full((trucks, WHOLE), UNKNOWN, np.int64)
    whole[:, [3, 5]] = 0
    return Memory(
        whole,
        np.full((trucks, REAL), np.nan),
        np.zeros(trucks + 1, np.int64),
        np.zeros((0, 2), np.int64),
        np.zeros((0, 4), np.int64),
        np.zeros((0, 3)),
    )


def nothing_told(n: int) -> Told:
    """What is told of n rows before anything is decided."""
    return Told(
        arc=np.full(n, -1, np.int32),
        along_m=np.full(n, np.nan),
        off_m=np.full(n, np.nan),
        chain=np.full(n, UNKNOWN, np.int64),
        route_m=np.full(n, np.nan),
        still_since=np.full(n, UNKNOWN, np.int64),
        aside=np.zeros(n, np.uint8),
        kind=np.full(n, NO_WAY, np.uint8),
        from_arc=np.full(n, -1, np.int32),
        from_along_m=np.zeros(n),
        limit_m=np.zeros(n),
    )


@inner
def _load(
    steps: Steps, memory: Memory, rows: Rows, truck: int, start: int, first: int
) -> int:  # pragma: no cover - compiled
    """Take up a truck's lattice; the row of each of its steps follows from the rows' roles."""
    lattice, at, row = steps.lattice, first, start
    lattice.span[0], lattice.span[1] = 0, 0
    for k in range(memory.bounds[truck], memory.bounds[truck + 1]):
        place, size = lattice.span[1], memory.steps[k, 1]
        while rows.role[row] != STEP:
            row += 1
        steps.row[place], steps.seen[place], lattice.size[place] = row, memory.steps[k, 0], size
        row += 1
        for j in range(size):
            steps.arc[place, j] = memory.options[at, _ARC]
            lattice.back[place, j] = memory.options[at, _BACK]
            lattice.alive[place, j] = memory.options[at, _ALIVE] != 0
            lattice.score[place, j] = memory.options[at, _SCORE]
            steps.along[place, j] = memory.places[at, _ALONG]
            steps.point[place, j, 0] = memory.places[at, _X]
            steps.point[place, j, 1] = memory.places[at, _Y]
            at += 1
        lattice.span[1] += 1
    return at


@njit(cache=True)
def _save(
    steps: Steps, kept: Longs, options: Longs, places: Floats, used: Longs
) -> tuple[Longs, Longs, Floats]:  # pragma: no cover - compiled
    """Write a truck's lattice behind the others'; the arrays may be wider ones.

    Parameters
    ----------
    used : steps and candidates that are written, raised.
    """
    lattice = steps.lattice
    for step in range(lattice.span[1]):
        place = place_of(lattice, step)
        size = lattice.size[place]
        if used[0] == len(kept):
            kept = _wider(kept, 2 * len(kept))
        if used[1] + size > len(options):
            wide = np.empty((2 * len(places) + size, 3))
            wide[: len(places)] = places
            options, places = _wider(options, len(wide)), wide
        kept[used[0], 0], kept[used[0], 1] = steps.seen[place], size
        used[0] += 1
        for j in range(size):
            at = used[1]
            options[at, _ARC] = steps.arc[place, j]
            options[at, _BACK] = lattice.back[place, j]
            options[at, _ALIVE] = lattice.alive[place, j]
            options[at, _SCORE] = lattice.score[place, j]
            places[at, _ALONG] = steps.along[place, j]
            places[at, _X] = steps.point[place, j, 0]
            places[at, _Y] = steps.point[place, j, 1]
            used[1] += 1
    return kept, options, places


@njit(cache=True)
def _wider(values: Longs, size: int) -> Longs:  # pragma: no cover - compiled
    wide = np.empty((size, values.shape[1]), np.int64)
    wide[: len(values)] = values
    return wide


@njit(cache=True)
def advance(
    tools: Tools,
    rows: Rows,
    told: Told,
    bounds: Longs,
    fresh: Longs,
    memory: Memory,
    watermark_ms: int,
) -> tuple[Longs, Memory]:  # pragma: no cover - compiled
    """Take the rows of many trucks in.

    Parameters
    ----------
    rows : those that were held back, and new ones after them.
    told : filled in.
    bounds : truck k has the rows bounds[k]:bounds[k + 1]; shape (trucks + 1,).
    fresh : the first new row of each.
    memory : of the same trucks; its first two arrays are changed in place.
    watermark_ms : no row will come that is older; `NEVER` where nothing is known.

    Returns
    -------
    up to which row those of each truck are decided, and what is remembered next.
    """
    limits = tools.limits
    trucks = len(bounds) - 1
    release = np.empty(trucks, np.int64)
    ends = np.zeros(trucks + 1, np.int64)
    kept = np.empty((16, 2), np.int64)
    options, places = np.empty((64, 4), np.int64), np.empty((64, 3))
    at, used = int(memory.bounds[0]), np.zeros(2, np.int64)
    lattice = tools.steps.lattice
    for k in range(trucks):
        truck = Truck(memory.whole[k], memory.real[k])
        at = _load(tools.steps, memory, rows, k, bounds[k], at)
        for row in range(fresh[k], bounds[k + 1]):
            rows.role[row] = APART
            follow(tools, rows, told, truck, row)
        silent = watermark_ms - truck.whole[LAST] > limits.gap_ms
        if silent:
            decide(tools, rows, told, truck, bounds[k + 1] - 1, silent)
        pending = lattice.span[1]
        release[k] = tools.steps.row[place_of(lattice, 0)] if pending else bounds[k + 1]
        kept, options, places = _save(tools.steps, kept, options, places, used)
        ends[k + 1] = used[0]
    next_ = Memory(
        memory.whole, memory.real, ends, kept[: used[0]], options[: used[1]], places[: used[1]]
    )
    return release, next_
