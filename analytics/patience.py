"""How long a silence may last before reception explains it nowhere on the vessel's way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from analytics.ahead import Floats, Longs, places_ahead
from analytics.reception_model import RESOLUTION, Key, Reception
from analytics.vessels import Fix
from layers import h3grid

Bools = npt.NDArray[np.bool_]
# Cells of `RESOLUTION` are some 6 km across.
_AHEAD_M = 2000.0


@dataclass(frozen=True)
class Patience:
    """Silences that are looked at, and how rare they must be.

    Attributes
    ----------
    reception : what was learned.
    steps_s : lengths of silences, rising; shape (k,).
    max_per_day : how often in a vessel-day vessels that go on sending may be silent for so long.
    """

    reception: Reception
    steps_s: Floats
    max_per_day: float
    _known: dict[Key, Bools] = field(default_factory=dict)

    def ends_after(
        self,
        fixes: Sequence[Fix],
        classes: Sequence[str],
        barred: Callable[[Floats, Floats, Longs], Bools],
    ) -> list[float | None]:
        """First step at which silence is rare wherever each vessel may be on its way straight on.

        Parameters
        ----------
        fixes : last positions, with speed and course.
        classes : of their transponders, ``a`` or ``b``.
        barred : whether vessels may well be silent at places, by longitudes, latitudes and numbers
            of the vessels; shape (zones, places).

        Returns
        -------
        seconds; None where that never is, or the way leads past a barred place, or out of the
        waters in which the class is received.
        """
        ends: list[float | None] = [None] * len(fixes)
        here = _cells([fix.lon for fix in fixes], [fix.lat for fix in fixes])
        own = list(zip(here, classes, strict=True))
        steps = [self._next(key, 0) for key in own]
        waiting = [k for k, step in enumerate(steps) if step < len(self.steps_s)]
        while waiting:
            gaps = self.steps_s[[steps[k] for k in waiting]]
            lon, lat, bounds = places_ahead([fixes[k] for k in waiting], gaps, _AHEAD_M)
            vessels = np.repeat(np.array(waiting, np.int64), np.diff(bounds))
            in_any = barred(lon, lat, vessels).any(axis=0)
            stopped = np.logical_or.reduceat(in_any, bounds[:-1]).tolist()
            cells, again = _cells(lon, lat), []
            for k, way, stop in zip(waiting, pairwise(bounds.tolist()), stopped, strict=True):
                keys = {(cell, classes[k]) for cell in cells[slice(*way)]}
                if stop or not keys <= self.reception.counts.keys():
                    continue
                if all(self._rare(key)[steps[k]] for key in keys):
                    ends[k] = float(self.steps_s[steps[k]])
                    continue
                steps[k] = self._next(own[k], steps[k] + 1)
                if steps[k] < len(self.steps_s):
                    again.append(k)
            waiting = again
        return ends

    def _rare(self, key: Key) -> Bools:
        """Whether silences of each length are rare in a cell, of a class; shape (k,)."""
        if key not in self._known:
            self._known[key] = self.reception.rates(*key, self.steps_s) < self.max_per_day
        return self._known[key]

    def _next(self, key: Key, first: int) -> int:
        """Number of the first step, from a number on, at which silence is rare; k for none."""
        rare = self._rare(key)[first:]
        return first + int(rare.argmax()) if rare.any() else len(self.steps_s)


def _cells(lon: npt.ArrayLike, lat: npt.ArrayLike) -> list[int]:
    cells: list[int] = h3grid.cells_of_points(lon, lat, RESOLUTION).tolist()
    return cells
