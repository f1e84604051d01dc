"""Positions of prepared AIS columns, sorted so that each vessel's track is one piece.

A *track* is one segment of one MMSI. Its key is ``<MMSI>/<ms of its first position>``, its name for
people ``<MMSI>-<time of its first position>``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from analytics.calendar import city_days
from analytics.rule import Columns, State, once
from analytics.vessels import Fix, fix_at, fixes_at, usable_fixes

Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_T = TypeVar("_T")


@dataclass(frozen=True)
class Tracks:
    """Rows of a batch by track.

    Attributes
    ----------
    columns : of the feed ``ais``, prepared.
    rows : rows of vessels' positions, sorted by (mover, segment, t); shape (n,).
    bounds : track k has rows[bounds[k] : bounds[k + 1]]; shape (m + 1,).
    made : names, days and positions, made when they are first asked for, for all rules.
    """

    columns: Columns
    rows: Longs
    bounds: Longs
    made: dict[str, Any] = field(default_factory=dict, repr=False)

    @cached_property
    def movers(self) -> list[str]:
        """MMSI of each track."""
        return self._once("movers", lambda: self._at_ends("mover", self.bounds[:-1]))

    @cached_property
    def keys(self) -> list[str]:
        """Key of each track."""
        return self._once("keys", self._keys)

    @cached_property
    def firsts(self) -> list[Fix]:
        """First position of each track."""
        return self._once("firsts", lambda: self.fixes(self.bounds[:-1]))

    @cached_property
    def lasts(self) -> list[Fix]:
        """Last position of each track."""
        return self._once("lasts", lambda: self.fixes(self.bounds[1:] - 1))

    def days(self, zone: str) -> Longs:
        """Day of the city on which each position was sent; shape (n,)."""
        return self._once(f"days {zone}", lambda: city_days(self.take("t"), zone))

    def take(self, name: str) -> npt.NDArray[Any]:
        """A column in the order of the tracks; shape (n,)."""
        return self.columns[name][self.rows]

    def track_of(self, at: int) -> int:
        """Number of the track that place ``at`` of `rows` is in."""
        return int(np.searchsorted(self.bounds, at, side="right")) - 1

    def fix(self, at: int) -> Fix:
        """The position at a place of `rows`."""
        return fix_at(self.columns, int(self.rows[at]))

    def fixes(self, places: Longs) -> list[Fix]:
        """The positions at places of `rows`."""
        return fixes_at(self.columns, self.rows[places])

    def _at_ends(self, name: str, places: Longs) -> list[Any]:
        values: list[Any] = self.columns[name][self.rows[places]].tolist()
        return values

    def _keys(self) -> list[str]:
        starts = self._at_ends("segment", self.bounds[:-1])
        return [f"{name}/{start}" for name, start in zip(self.movers, starts, strict=True)]

    def _once(self, name: str, make: Callable[[], _T]) -> _T:
        if name not in self.made:
            self.made[name] = make()
        made: _T = self.made[name]
        return made


def tracks_of(columns: Columns) -> Tracks:
    """Sort the positions of prepared columns by track; rows set aside are left out."""
    return Tracks(columns, *once(columns, "tracks", lambda: (*_sorted(columns), {})))


def by_mover(columns: Columns) -> Tracks:
    """Sort the positions of prepared columns by MMSI and time only, whatever the segment.

    Each of these "tracks" is everything that was heard under one MMSI; its key is of the first
    segment.
    """
    return Tracks(columns, *once(columns, "movers", lambda: (*_by_mover(columns), {})))


def _sorted(columns: Columns) -> tuple[Longs, Longs]:
    rows = np.flatnonzero(usable_fixes(columns))
    if not len(rows):
        return rows, np.zeros(1, np.int64)
    mover, segment = columns["mover"][rows], columns["segment"][rows]
    another = mover[1:] != mover[:-1]
    changes = segment[1:] != segment[:-1]
    if (changes & ~another & (segment[1:] < segment[:-1])).any():
        # Two vessels on one MMSI take turns.
        own = np.concatenate([[0], np.cumsum(another)])
        order = np.lexsort((np.arange(len(rows)), segment, own))
        rows, segment, own = rows[order], segment[order], own[order]
        another, changes = own[1:] != own[:-1], segment[1:] != segment[:-1]
    cuts = 1 + np.flatnonzero(another | changes)
    return rows, np.concatenate([[0], cuts, [len(rows)]]).astype(np.int64)


def _by_mover(columns: Columns) -> tuple[Longs, Longs]:
    rows = np.flatnonzero(usable_fixes(columns))
    if not len(rows):
        return rows, np.zeros(1, np.int64)
    mover = columns["mover"][rows]
    cuts = 1 + np.flatnonzero(mover[1:] != mover[:-1])
    return rows, np.concatenate([[0], cuts, [len(rows)]]).astype(np.int64)


def name_of(key: str) -> str:
    """Name of a track for people, from its key."""
    mover, start = key.split("/")
    moment = datetime.fromtimestamp(int(start) / 1000, UTC)
    return f"{mover}-{moment:%Y%m%dT%H%M%S}.{moment.microsecond // 1000:03d}Z"


def load(kept: State, keys: list[str], width: int) -> Floats:
    """Records of tracks for a kernel, zeros for new ones; shape (m, width)."""
    new = [0.0] * width
    return np.array([kept.get(key, new) for key in keys], np.float64).reshape(-1, width)


def store(kept: State, keys: list[str], records: Floats) -> None:
    """Keep records of tracks as JSON can hold them."""
    kept.update(zip(keys, records.tolist(), strict=True))


def forget(kept: State, oldest_ms: float, place: int = 0) -> None:
    """Drop the records whose time, at a place in them, is older."""
    for key in [name for name, record in kept.items() if record[place] < oldest_ms]:
        del kept[key]


def distance_m(a: Fix, b: Fix) -> float:
    """Great-circle distance of two positions in metres (haversine, mean radius 6,371,008.8 m)."""
    # The steps of `haversine_m`, so that the result is the same to the bit; a power of one number
    # is not always what a power of an array is.
    x, y, x2, y2 = np.radians((a.lon, a.lat, b.lon, b.lat))
    up, across = np.sin(((y2 - y) / 2, (x2 - x) / 2))
    cosine, cosine2 = np.cos((y, y2))
    h = up * up + cosine * cosine2 * (across * across)
    return float(2 * 6_371_008.8 * np.arcsin(np.sqrt(min(max(h, 0.0), 1.0))))


def haversine_m(lon: Floats, lat: Floats, lon2: Floats, lat2: Floats) -> Floats:
    """Great-circle distances in metres of positions in degrees; shape (n,)."""
    x, y, x2, y2 = (np.radians(values) for values in (lon, lat, lon2, lat2))
    h = np.sin((y2 - y) / 2) ** 2 + np.cos(y) * np.cos(y2) * np.sin((x2 - x) / 2) ** 2
    return np.asarray(2 * 6_371_008.8 * np.arcsin(np.sqrt(np.clip(h, 0, 1))))
