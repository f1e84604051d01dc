"""The Viterbi recursion with decisions on the way: a lattice of the steps not decided yet.

Scores are whole numbers (logarithms, fixed point), kept relative to the best: taking a constant off
all of them is exact, so it does not matter when that is done, nor where a lattice was cut and taken
up again. A step is *decided* once all hypotheses that are left pass through one of its candidates;
it may be forced by the best of them, and those that pass elsewhere are dropped with that. So what
follows a decided step begins from it alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.kernels.inner import inlined

NOTHING = -1


class Lattice(NamedTuple):
    """Steps in a ring, each with its candidates.

    Attributes
    ----------
    span : place of the first step, and how many there are; shape (2,).
    size : candidates of each place, shape (places,).
    score : of each candidate, relative to the best of its step; shape (places, candidates).
    back : candidate of the step before that it is reached from best.
    alive : whether it can still be part of the answer.
    """

    span: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]
    score: npt.NDArray[np.int64]
    back: npt.NDArray[np.int64]
    alive: npt.NDArray[np.bool_]


def lattice_room(steps: int, candidates: int) -> Lattice:
    """Room for so many steps that are not decided."""
    shape = (steps, candidates)
    return Lattice(
        np.zeros(2, np.int64),
        np.zeros(steps, np.int64),
        np.zeros(shape, np.int64),
        np.zeros(shape, np.int64),
        np.zeros(shape, np.bool_),
    )


@inlined
def place_of(lattice: Lattice, step: int) -> int:  # pragma: no cover - compiled
    """Place in the ring of an undecided step, counted from the oldest."""
    return int((lattice.span[0] + step) % len(lattice.size))


@inlined
def settle(lattice: Lattice, beam: int) -> bool:  # pragma: no cover - compiled
    """Take the newest step in, whose candidates' scores and ways back are filled in.

    Parameters
    ----------
    beam : hypotheses worse than the best by more are given up.

    Returns
    -------
    False, and the step is not taken in, where none of its candidates is alive.
    """
    place = place_of(lattice, lattice.span[1])
    size, best, some = lattice.size[place], np.int64(0), False
    for k in range(size):
        if lattice.alive[place, k] and (not some or lattice.score[place, k] > best):
            best, some = lattice.score[place, k], True
    if not some:
        return False
    for k in range(size):
        lattice.score[place, k] -= best
        if lattice.score[place, k] < -beam:
            lattice.alive[place, k] = False
    lattice.span[1] += 1
    _prune(lattice)
    return True


@inlined
def _prune(lattice: Lattice) -> None:  # pragma: no cover - compiled
    """Drop candidates that no hypothesis of the newest step passes through."""
    for step in range(lattice.span[1] - 2, -1, -1):
        place, ahead = place_of(lattice, step), place_of(lattice, step + 1)
        changed = False
        for k in range(lattice.size[place]):
            if not lattice.alive[place, k]:
                continue
            leads = False
            for j in range(lattice.size[ahead]):
                if lattice.alive[ahead, j] and lattice.back[ahead, j] == k:
                    leads = True
                    break
            if not leads:
                lattice.alive[place, k] = False
                changed = True
        if not changed:
            return


@inlined
def decided(lattice: Lattice) -> int:  # pragma: no cover - compiled
    """Give the candidate of the oldest step that all hypotheses share, -1 for none."""
    place, only = lattice.span[0], NOTHING
    for k in range(lattice.size[place]):
        if lattice.alive[place, k]:
            if only != NOTHING:
                return NOTHING
            only = k
    return only


@inlined
def force(lattice: Lattice) -> int:  # pragma: no cover - compiled
    """Decide the oldest step by the best hypothesis, and drop those that pass elsewhere.

    Of equally good ones it is that of the first candidate.
    """
    steps = lattice.span[1]
    last, chosen = place_of(lattice, steps - 1), NOTHING
    for k in range(lattice.size[last]):
        if lattice.alive[last, k] and (
            chosen == NOTHING or lattice.score[last, k] > lattice.score[last, chosen]
        ):
            chosen = k
    for step in range(steps - 1, 0, -1):
        chosen = lattice.back[place_of(lattice, step), chosen]
    first = place_of(lattice, 0)
    for k in range(lattice.size[first]):
        lattice.alive[first, k] = k == chosen
    for step in range(1, steps):
        before, place = place_of(lattice, step - 1), place_of(lattice, step)
        for k in range(lattice.size[place]):
            if not lattice.alive[before, lattice.back[place, k]]:
                lattice.alive[place, k] = False
    return int(chosen)


@inlined
def drop(lattice: Lattice) -> None:  # pragma: no cover - compiled
    """Let the oldest step go, which is decided."""
    lattice.span[0] = place_of(lattice, 1)
    lattice.span[1] -= 1
