"""What a placement method returns, and drawing by weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Shapes = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Placed:
    """Features of one layer: their shapes and what follows from the place.

    Attributes
    ----------
    shapes : in the city's projected CRS, shape (n,).
    facts : columns by property name, n values each; only those that the layer declares are used.
    """

    shapes: Shapes
    facts: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def take(self, rows: Ints) -> Placed:
        """Return some of the features."""
        picked = rows.tolist()
        facts = {name: [column[i] for i in picked] for name, column in self.facts.items()}
        return Placed(self.shapes[rows], facts)


def weighted(
    weights: Floats, count: int, rng: np.random.Generator, *, replace: bool = True
) -> Ints:
    """Numbers drawn by weight; without replacement at most as many as have weight; shape (k,)."""
    if not count or not weights.sum() > 0:
        return np.empty(0, np.int64)
    share = weights / weights.sum()
    if not replace:
        count = min(count, int((share > 0).sum()))
    return np.asarray(rng.choice(len(weights), count, replace=replace, p=share), np.int64)
