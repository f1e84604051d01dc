"""Fixes of trucks, each with the one before it, also where that came in an earlier batch."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.rule import Columns, State
from analytics.vessels import Fix, usable_fixes
from layers.positions import Quality

Longs = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
# The stage on roads holds rows back until it is sure of them: so late they may come behind a
# watermark.
_HELD_BACK_MS = 3_600_000


class Trail:
    """Fixes of a batch by truck, behind the last fix of each truck that was heard before.

    Parameters
    ----------
    kept : by plate the last fix before this batch, as `keep` left it.
    columns : of the feed ``gps``.
    chosen : rows that count; shape (n,).
    names : columns that rules ask for at a place or at the place before it, ``t`` among them.

    Attributes
    ----------
    plates : trucks of this batch, m of them.
    bounds : truck k has the places [bounds[k], bounds[k + 1]); shape (m + 1,).
    known : whether the first of these is one of an earlier batch; shape (m,).
    """

    def __init__(
        self, kept: State, columns: Columns, chosen: Bools, names: tuple[str, ...]
    ) -> None:
        rows = np.flatnonzero(chosen)
        mover = columns["mover"][rows]
        inner = 1 + np.flatnonzero(mover[1:] != mover[:-1])
        starts = np.concatenate([[0], inner]) if len(rows) else np.zeros(0, np.int64)
        self.plates = [str(plate) for plate in mover[starts]]
        held = [kept.get(plate) for plate in self.plates]
        known = np.array([one is not None for one in held], bool)
        self.known: Bools = known
        sizes = np.diff(np.append(starts, len(rows))) + known
        self.bounds: Longs = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self._rows = np.insert(rows, starts[known], -1)
        self._held = [one for one in held if one is not None]
        self._held_at = self.bounds[:-1][known]
        self._columns, self._kept, self._names = columns, kept, names
        self._whole = len(self._rows) == len(columns["mover"]) and not self._held

    def take(self, name: str) -> npt.NDArray[Any]:
        """A column at all places; not to be changed."""
        if self._whole:
            return self._columns[name]
        values = self._columns[name][self._rows]
        if self._held:
            number = self._names.index(name)
            values[self._held_at] = [
                np.nan if one[number] is None else one[number] for one in self._held
            ]
        return values

    def value(self, name: str, at: int) -> Any:
        """One value as plain Python; NaN of numbers that are not known."""
        row = int(self._rows[at])
        if row >= 0:
            found = self._columns[name][row]
            return found.item() if isinstance(found, np.generic) else found
        one = self._held[int(np.searchsorted(self._held_at, at))][self._names.index(name)]
        return np.nan if one is None else one

    def fix(self, at: int) -> Fix:
        """Time, position, speed and id at a place; the course is left out."""
        speed = float(self.value("sog_mps", at))
        return Fix(
            t=int(self.value("t", at)),
            lon=float(self.value("lon", at)),
            lat=float(self.value("lat", at)),
            sog_mps=None if speed != speed else speed,
            cog_deg=None,
            pid=str(self.value("pid", at)),
        )

    def plate_of(self, at: int) -> str:
        """Plate of the truck at a place."""
        return self.plates[int(np.searchsorted(self.bounds, at, side="right")) - 1]

    @cached_property
    def waits_s(self) -> Floats:
        """Seconds since the place before; NaN at each truck's first place."""
        t = self.take("t")
        waits = np.diff(t, prepend=t[:1]) / 1000
        waits[self.bounds[:-1]] = np.nan
        return waits

    def keep(self) -> None:
        """Keep the last fix of each truck for the next batch."""
        rows = self._rows[self.bounds[1:] - 1]
        parts = [self._columns[name][rows].tolist() for name in self._names]
        self._kept.update(zip(self.plates, zip(*parts, strict=True), strict=True))


def needed_since(watermark_ms: int, seconds: float) -> float:
    """Time in ms before which nothing is needed that rules look back on for some seconds."""
    return watermark_ms - _HELD_BACK_MS - seconds * 1000


def on_time(columns: Columns) -> Bools:
    """Whether a row is a fix that is not set aside, from a terminal whose clock is right."""
    right = (columns["quality"] & int(Quality.CLOCK_OFF)) == 0
    return np.asarray(usable_fixes(columns) & right, np.bool_)
