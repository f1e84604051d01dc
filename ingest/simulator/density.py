"""How built-up each place is: Gaussian hills on declared centres and towns."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Density:
    """Built-up share of a place, 0–1.

    Parameters
    ----------
    centres : x, y in metres, shape (n, 2).
    reach_m, weight : of each hill, shape (n,).
    countryside : what is left far from every hill.
    """

    def __init__(
        self, centres: Floats, reach_m: Floats, weight: Floats, countryside: float
    ) -> None:
        self._centres, self._reach, self._weight = centres, reach_m, weight
        self._countryside = countryside

    def at(self, xy: Floats) -> Floats:
        """Density of points, shape (n, 2) → (n,); hills add up as independent shares do."""
        open_share = np.full(len(xy), 1 - self._countryside)
        for centre, reach, weight in zip(self._centres, self._reach, self._weight, strict=True):
            distance = ((xy - centre) ** 2).sum(axis=1)
            open_share *= 1 - weight * np.exp(-distance / (2 * reach**2))
        return np.asarray(1 - open_share)
