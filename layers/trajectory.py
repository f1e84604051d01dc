"""The path of one mover: runs of fixes between which it may be interpolated, and what follows.

A run ends where the mover was silent for long or jumped; nothing is ever interpolated across. Terms
are those of OGC Moving Features (ISO 19141, OGC 19-045r3).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyproj

from layers.movers import Interpolation

GAP_MS = 30 * 60 * 1000
# Nothing on water or road is that fast: two movers share one identity, or a position is wrong.
FASTEST_MPS = 70.0
# A longer run goes on as the next one, which begins with the fix that this one ends with.
MOST_FIXES = 50_000
_EARTH_M = 6_371_008.8
_GEOD = pyproj.Geod(ellps="WGS84")
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]


def breaks(t: Ints, lon: Floats, lat: Floats, gap_ms: int = GAP_MS) -> Truths:
    """Tell between which neighbours a path is cut.

    Beside silence, a jump cuts: faster than anything moves, or over the antimeridian.

    Parameters
    ----------
    t : ms, ascending; lon, lat : degrees (EPSG:4326); shape (n,) each.
    gap_ms : a longer silence cuts.

    Returns
    -------
    Truths of shape (n - 1,): whether row i and row i + 1 belong to different runs.
    """
    wait = np.diff(t)
    far = np.abs(np.diff(lon)) > 180
    # A second of grace: clocks are cut to whole seconds.
    return np.asarray(
        (wait > gap_ms) | far | (_steps_m(lon, lat) > FASTEST_MPS * (wait / 1000 + 1)), np.bool_
    )


def _steps_m(lon: Floats, lat: Floats) -> Floats:
    """Great-circle distances between neighbours (haversine formula on the mean sphere), m."""
    phi = np.radians(lat)
    half = np.sin(np.diff(phi) / 2) ** 2
    half += np.cos(phi[1:]) * np.cos(phi[:-1]) * np.sin(np.radians(np.diff(lon)) / 2) ** 2
    return np.asarray(2 * _EARTH_M * np.arcsin(np.sqrt(np.clip(half, 0, 1))))


@dataclass(frozen=True)
class Series:
    """Values at instants, and how they go on between.

    Attributes
    ----------
    t : ms since 1970 (UTC), strictly ascending, shape (n,).
    values : shape (n,).
    """

    t: Ints
    values: Floats
    interpolation: Interpolation = "Linear"

    def at(self, instants: Ints) -> Series:
        """Values at instants inside of the series, as values of their own (*pointAtTime*)."""
        if not len(self.t):
            return Series(self.t, self.values, "Discrete")
        inside = instants[(instants >= self.t[0]) & (instants <= self.t[-1])]
        if self.interpolation == "Discrete":
            inside = inside[np.isin(inside, self.t)]
        return Series(inside, self._values(inside), "Discrete")

    def cut(self, start: int, end: int) -> Series:
        """Return what lies in a closed span of ms, its ends interpolated (*subTrajectory*)."""
        inside = (self.t >= start) & (self.t <= end)
        t = self.t[inside]
        if self.interpolation != "Discrete" and len(self.t):
            ends = np.array([start, end], np.int64)
            t = np.union1d(t, ends[(ends >= self.t[0]) & (ends <= self.t[-1])])
        return Series(t, self._values(t), self.interpolation)

    def _values(self, t: Ints) -> Floats:
        if self.interpolation == "Linear":
            return np.asarray(np.interp(t, self.t, self.values), np.float64)
        return self.values[np.searchsorted(self.t, t, side="right") - 1]


@dataclass(frozen=True)
class Run:
    """Fixes of one mover without a gap: a temporal primitive geometry.

    Attributes
    ----------
    first : time of its first fix in ms, which names it; kept when it is cut.
    lon, lat : degrees (EPSG:4326) over time.
    columns : what was measured at each fix, by column; shape (n,), NaN where it was not. Dropped
        from a run that is cut.
    """

    first: int
    lon: Series
    lat: Series
    columns: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def t(self) -> Ints:
        """Times of its places in ms, shape (n,)."""
        return self.lon.t

    def meets(self, start: int | None, end: int | None) -> bool:
        """Whether some of it lies in a closed span; None is an open end."""
        return (end is None or int(self.t[0]) <= end) and (start is None or start <= self.t[-1])

    def cut(self, start: int, end: int) -> Run:
        """Return what lies in a closed span of ms."""
        return Run(self.first, self.lon.cut(start, end), self.lat.cut(start, end))

    def at(self, instants: Ints) -> Run:
        """Return its places at instants."""
        return Run(self.first, self.lon.at(instants), self.lat.at(instants))

    def measured(
        self, column: str, interpolation: Interpolation, missing: int | None, gap_ms: int
    ) -> list[Series]:
        """Return a column as series that are cut where it was missing for longer than a gap."""
        values = np.asarray(self.columns[column], np.float64)
        known = ~np.isnan(values)
        if missing is not None:
            known &= values != missing
        t, values = self.t[known], values[known]
        cuts = np.flatnonzero(np.diff(t) > gap_ms) + 1
        parts = zip(np.split(t, cuts), np.split(values, cuts), strict=True)
        return [Series(times, part, interpolation) for times, part in parts if len(times)]

    def distance(self) -> Series:
        """Metres since its first place along the geodesics of WGS 84."""
        return Series(self.t, np.concatenate([[0.0], np.cumsum(self._lengths())]))

    def velocity(self) -> Series:
        """Speed in m/s from each place to the next; none for a run of one fix."""
        if len(self.t) < 2:
            return Series(self.t[:0], np.empty(0), "Step")
        speed = self._lengths() / (np.diff(self.t) / 1000)
        return Series(self.t, np.append(speed, speed[-1]), "Step")

    def acceleration(self) -> Series:
        """Change of speed in m/s² around each inner place (central difference)."""
        if len(self.t) < 3:
            return Series(self.t[:0], np.empty(0))
        speed = self._lengths() / (np.diff(self.t) / 1000)
        middle = (self.t[2:] - self.t[:-2]) / 2000
        return Series(self.t[1:-1], np.diff(speed) / middle)

    def _lengths(self) -> Floats:
        x, y = self.lon.values, self.lat.values
        if len(x) < 2:
            return np.empty(0)
        return np.asarray(_GEOD.inv(x[:-1], y[:-1], x[1:], y[1:])[2], np.float64)


def runs_of(
    t: Ints,
    lon: Floats,
    lat: Floats,
    columns: Mapping[str, Floats],
    *,
    visible: Truths | None = None,
    gap_ms: int = GAP_MS,
) -> list[Run]:
    """Cut the fixes of one mover into runs.

    Of several fixes at one instant the first counts. What a reader may not see belongs to no run,
    and cuts.

    Parameters
    ----------
    t : ms, ascending; lon, lat : degrees (EPSG:4326); shape (n,) each.
    columns : by name, shape (n,) each.
    visible : which fixes the reader may see, shape (n,); None for all.
    """
    if not len(t):
        return []
    cut = breaks(t, lon, lat, gap_ms)
    seen = np.ones(len(t), bool) if visible is None else visible
    cut |= ~(seen[1:] & seen[:-1])
    bounds = np.concatenate([[0], np.flatnonzero(cut) + 1, [len(t)]])
    runs = []
    for start, stop in itertools.pairwise(bounds):
        if not seen[start]:
            continue
        rows = np.arange(start, stop)
        rows = rows[np.concatenate([[True], np.diff(t[rows]) > 0])]
        for at in range(0, max(1, len(rows) - 1), MOST_FIXES - 1):
            part = rows[at : at + MOST_FIXES]
            times = t[part]
            kept = {name: values[part] for name, values in columns.items()}
            runs.append(
                Run(int(times[0]), Series(times, lon[part]), Series(times, lat[part]), kept)
            )
    return runs
