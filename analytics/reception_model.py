"""How long a vessel that sends is not heard, learned by place: what makes a silence improbable.

Learned from the intervals between one position of a vessel and the next, by H3 cell (resolution 6)
of the first and class of the transponder: how many there are, over how many vessel-days, of how
many vessels, and how many are longer than each of `STEPS_S`. From these comes the *rate*: how often
in a vessel-day a vessel that goes on sending there is silent for longer than g. It is what was
counted or, where few or none were, what the fall of the counts before leads to, at half its
steepness (counts of silences fall exponentially where reports are lost one by one, and more slowly
where they are lost together). A cell's rate is drawn towards that of the whole city, which counts
as `PRIOR_DAYS` (the mean of a gamma prior; Gelman et al., *Bayesian Data Analysis*, 2.6).

Two things must not hide what is looked for: the silence that is judged does not testify for itself,
and three vessels in a hundred (`HIDING`) may hide: so many silences are no sign of bad reception.

A rate, not a share of intervals: a vessel is heard hundreds of times a day, and of so many
intervals some are always improbable. The rule of 12 hours and 50 nautical miles, made for the high
seas, says nothing near a coast.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from layers import h3grid

Floats = npt.NDArray[np.float64]
RESOLUTION = 6
# Bounds of what is counted: a silence is judged by the largest one that it exceeds.
STEPS_S = (600, 1200, 1800, 3600, 5400, 7200, 10_800, 14_400, 21_600, 28_800, 43_200, 57_600)
PRIOR_DAYS = 1.0
HIDING = 0.03
# So many silences make a count that the next can be told from.
_ENOUGH = 10.0
# What is added to a small count to be on the safe side of it.
_SLACK = 3.0
_DAY_S = 86_400.0


class Counts(NamedTuple):
    """What was seen in one cell by one class.

    Attributes
    ----------
    intervals, seconds, vessels : how many intervals, their sum, and of how many vessels.
    longer : intervals longer than each of `STEPS_S`.
    """

    intervals: int
    seconds: float
    vessels: int
    longer: tuple[int, ...]

    def expected(self, gap_s: npt.ArrayLike) -> Floats:
        """Silences longer than ``gap_s`` that vessels which go on sending are expected to have.

        Parameters
        ----------
        gap_s : one number, or many; the result has its shape.
        """
        gaps = np.asarray(gap_s, np.float64)
        if not self.intervals:
            return np.zeros(gaps.shape)
        step = np.searchsorted(STEPS_S, gaps, side="left") - 1
        hidden = 1 + HIDING * self.vessels
        at, counts = np.array([0.0, *STEPS_S]), np.array([self.intervals, *self.longer], float)
        # The last count before each step that is large enough to tell the next from it.
        enough = np.where(counts > _ENOUGH + hidden, np.arange(len(at)), 0)
        last = np.maximum.accumulate(enough[:-1])
        after = np.maximum(counts[last + 1] - hidden, 0.0) + np.where(last > 0, _SLACK, 1.0)
        fall = np.log(counts[last] / after) / (at[last + 1] - at[last])
        steeper = np.flatnonzero(last)
        before = last[steeper] - 1
        fell = np.log(counts[before] / counts[before + 1]) / (at[before + 1] - at[before])
        fall[steeper] = np.maximum(fall[steeper], fell)
        beyond = gaps - at[last[step]]
        told = counts[last[step]] * np.exp(-np.maximum(fall[step], 0.0) / 2 * beyond)
        told = np.maximum(np.maximum(told, counts[step + 1] - hidden), 0.0)
        return np.asarray(np.where(step < 0, self.intervals, told), np.float64)


Key = tuple[int, str]
_NONE = Counts(0, 0.0, 0, (0,) * len(STEPS_S))


@dataclass(frozen=True)
class Reception:
    """What was learned.

    Attributes
    ----------
    counts : by cell and class of transponder, ``a`` or ``b``.
    vessels : by class, how many vessels there were in all.
    """

    counts: Mapping[Key, Counts] = field(default_factory=dict)
    vessels: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def _whole(self) -> dict[str, Counts]:
        whole = {}
        for own in ("a", "b"):
            counts = [one for (_, other), one in self.counts.items() if other == own]
            longer = np.sum([one.longer for one in counts], axis=0) if counts else _NONE.longer
            whole[own] = Counts(
                sum(one.intervals for one in counts),
                sum(one.seconds for one in counts),
                self.vessels.get(own, 0),
                tuple(int(k) for k in longer),
            )
        return whole

    def rate(self, cell: int, sender_class: str, gap_s: float) -> tuple[float, int]:
        """How often a vessel that goes on sending in a cell is silent for longer.

        Returns
        -------
        times in a vessel-day, infinite where nothing was learned; and the intervals seen there.
        """
        own = self.counts.get((cell, sender_class), _NONE)
        return float(self.rates(cell, sender_class, np.array(gap_s))), own.intervals

    def rates(self, cell: int, sender_class: str, gaps_s: Floats) -> Floats:
        """The rates alone, of many lengths of silence; the result has their shape."""
        whole = self._whole[sender_class]
        own = self.counts.get((cell, sender_class), _NONE)
        if not whole.intervals or whole.seconds <= 0:
            return np.full(gaps_s.shape, np.inf)
        everywhere = whole.expected(gaps_s) * _DAY_S / whole.seconds
        days = own.seconds / _DAY_S
        return (own.expected(gaps_s) + PRIOR_DAYS * everywhere) / (days + PRIOR_DAYS)


def of_rows(rows: Iterable[Mapping[str, Any]]) -> Reception:
    """Read what was learned from rows of the layer ``ais_reception``; others are left out."""
    counts: dict[Key, Counts] = {}
    vessels: dict[str, int] = {}
    for row in rows:
        longer = row["longer_than_s"]
        values = orjson.loads(longer) if isinstance(longer, str) else longer
        if not isinstance(values, dict) or not values.keys() >= {str(step) for step in STEPS_S}:
            continue
        own = str(row["sender_class"])
        vessels[own] = int(row["vessels_in_all"])
        exceeded = tuple(int(values[str(step)]) for step in STEPS_S)
        seen = (int(row["intervals"]), float(row["seconds"]), int(row["vessels"]))
        counts[h3grid.parse_cell(str(row["cell"])), own] = Counts(*seen, exceeded)
    return Reception(counts, vessels)
