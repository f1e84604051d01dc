"""How long a vessel that sends is not heard, learned by place: what makes a silence improbable.

Learned from the intervals between one position of a track and the next, by H3 cell (resolution 6)
of the first and class of the transponder: how many there are, and how many are longer than each of
`STEPS_S`. The probability that a vessel that goes on sending is silent for longer than g is the
share of such intervals in the cell, drawn towards the share in the whole city by `PRIOR` intervals
(a beta prior; Gelman et al., *Bayesian Data Analysis*, 2.4), and never less than what the number of
intervals can show. The silence that is judged does not testify for itself: it is taken out first.
A rule of 12 hours and 50 nautical miles, as for the high seas, says nothing near a coast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

RESOLUTION = 6
# Bounds of what is counted: a silence is judged by the largest one that it exceeds.
STEPS_S = (600, 1200, 1800, 3600, 5400, 7200, 10_800, 14_400, 21_600, 28_800, 43_200, 57_600)
PRIOR = 50.0
Key = tuple[int, str]


@dataclass(frozen=True)
class Reception:
    """Intervals by (cell, class ``a`` or ``b``): their number, and how many exceed each step."""

    counts: Mapping[Key, tuple[int, tuple[int, ...]]] = field(default_factory=dict)

    @cached_property
    def _whole(self) -> dict[str, npt.NDArray[np.int64]]:
        whole = {c: np.zeros(1 + len(STEPS_S), np.int64) for c in ("a", "b")}
        for (_, own), (n, longer) in self.counts.items():
            whole[own] += np.array([n, *longer])
        return whole

    def silence(self, cell: int, sender_class: str, gap_s: float) -> tuple[float, int]:
        """Judge a silence that was learned from.

        Returns
        -------
        probability that a vessel that goes on sending there is not heard for longer, and the number
        of intervals in the cell; 1 where the silence is shorter than the first step.
        """
        step = int(np.searchsorted(STEPS_S, gap_s, side="left")) - 1
        n, longer = self.counts.get((cell, sender_class), (0, (0,) * len(STEPS_S)))
        whole = self._whole[sender_class]
        if step < 0:
            return 1.0, n
        taken = 1 if longer[step] > 0 else 0
        total, exceeding = int(whole[0]) - taken, int(whole[1 + step]) - taken
        if total <= 0:
            return 1.0, n
        everywhere = (exceeding + 1) / (total + 1)
        own = longer[step] - taken
        return float((own + PRIOR * everywhere) / (n - taken + PRIOR)), n
