"""Stops of trucks, with what they said of their load before and after.

A stop is what is within one place by ``still_since`` for long enough. It is over at the first row
elsewhere, and told once it is known how the truck came away: at the first row after it that tells a
load, if one was told before; at the first row after it otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.feeds import EMPTY, UNKNOWN_LOAD
from analytics.rule import Columns, State
from analytics.vessels import Fix, fix_at

Longs = npt.NDArray[np.int64]


class Load(NamedTuple):
    """A load that a row told: ms, one of `analytics.feeds.EMPTY` …, id of the row."""

    t: int
    state: int
    pid: str


class StopLimits(NamedTuple):
    """Numbers that make stops.

    Attributes
    ----------
    min_stop_s : shorter ones are none.
    load_valid_s : a load told longer ago, or only so long after, says nothing of the stop.
    max_gap_s : a truck silent for longer begins anew.
    """

    min_stop_s: float
    load_valid_s: float
    max_gap_s: float


class Stop(NamedTuple):
    """A stop that is over.

    Attributes
    ----------
    since, until : ms of the first and the last fix at the place.
    at : the fix at which it was long enough.
    x, y : of that, metres.
    fixes : how many there were at the place.
    before, after : loads; None where they are not known.
    left : the row that decides.
    """

    since: int
    until: int
    at: Fix
    x: float
    y: float
    fixes: int
    before: Load | None
    after: Load | None
    left: Fix


def fresh() -> State:
    """What is known of a truck that was not heard.

    ``t`` of its last row; ``known`` the load told last; ``run`` the place where it is: since when,
    the load before, fixes; ``stop`` that, once it was long enough, with its fix; ``waits`` a stop
    that is over.
    """
    return {"t": None, "known": None, "run": None, "stop": None, "waits": None}


class Stops:
    """Stops in a batch.

    Parameters
    ----------
    kept : by plate what `fresh` says; changed by `follow`.
    columns : of the feed ``gps``.
    chosen : rows that count; shape (n,).
    """

    def __init__(
        self, limits: StopLimits, kept: State, columns: Columns, chosen: npt.NDArray[np.bool_]
    ) -> None:
        self._limits, self._kept, self._columns = limits, kept, columns
        self._rows = rows = np.flatnonzero(chosen)
        n, mover = len(rows), columns["mover"][rows]
        self._t, self._since = columns["t"][rows], columns["still_since"][rows]
        another = mover[1:] != mover[:-1]
        lapsed = np.diff(self._t) > limits.max_gap_s * 1000
        self._bounds = _edges(another | lapsed, n)
        self._plates = [str(plate) for plate in mover[self._bounds[:-1]]]
        self._runs = _edges(another | lapsed | (np.diff(self._since) != 0), n)
        long = np.flatnonzero(self._t - self._since >= limits.min_stop_s * 1000)
        of_run = np.searchsorted(self._runs, long, side="right") - 1
        self._long_runs, firsts = np.unique(of_run, return_index=True)
        self._long_at = long[firsts]
        self._load = columns["load"][rows]
        told, places = self._load != UNKNOWN_LOAD, np.arange(n)
        self._told_before = np.maximum.accumulate(np.where(told, places, -1))
        later = np.where(told, places, n)[::-1]
        self._told_next = np.minimum.accumulate(later)[::-1]

    def follow(self) -> Iterator[tuple[str, Stop]]:
        """Go through the rows; plates, and the stops that the rows complete."""
        for k, plate in enumerate(self._plates):
            first, end = int(self._bounds[k]), int(self._bounds[k + 1])
            own = self._kept.get(plate)
            limit = self._limits.max_gap_s * 1000
            if own is None or int(self._t[first]) - own["t"] > limit:
                own = self._kept[plate] = fresh()
            for stop in self._truck(own, first, end):
                yield plate, stop
            own["t"], told = int(self._t[end - 1]), int(self._told_before[end - 1])
            if told >= first:
                own["known"] = self._said(told)

    def _truck(self, own: State, first: int, end: int) -> Iterator[Stop]:
        at = first
        if own["run"] is not None and own["run"][0] != int(self._since[first]):
            own["waits"], own["stop"] = own["stop"] or own["waits"], None
        a, b = np.searchsorted(self._long_at, (first, end))
        for run, reached in zip(
            self._long_runs[a:b].tolist(), self._long_at[a:b].tolist(), strict=True
        ):
            yield from self._decide(own, at, reached, end)
            stop, until = self._stop(own, run, reached, first), int(self._runs[run + 1])
            at = until
            if until < end:
                own["waits"], own["stop"] = stop, None
            else:
                own["stop"] = stop
        yield from self._decide(own, at, end, end)
        last = int(np.searchsorted(self._runs, end - 1, side="right")) - 1
        own["run"] = self._run(own, last, first)

    def _run(self, own: State, run: int, first: int) -> list[Any]:
        """Since when the truck is at a place, the load before, and the fixes there so far."""
        begins, ends = int(self._runs[run]), int(self._runs[run + 1])
        since, held = int(self._since[begins]), own["run"]
        if begins == first and held is not None and held[0] == since:
            return [since, held[1], held[2] + ends - begins]
        told = int(self._told_before[begins - 1]) if begins > first else -1
        before = self._said(told) if told >= first else own["known"]
        if before is None or since - before[0] > self._limits.load_valid_s * 1000:
            here = int(self._load[begins]) != UNKNOWN_LOAD
            before = self._said(begins) if here else None
        return [since, before, ends - begins]

    def _stop(self, own: State, run: int, reached: int, first: int) -> list[Any]:
        """Keep a stop: run, time of its last fix, and the fix at which it was long enough."""
        row = int(self._rows[reached])
        spot = [float(self._columns[name][row]) for name in ("x", "y")]
        fix = [list(fix_at(self._columns, row)), *spot]
        held = own["stop"] if int(self._runs[run]) == first else None
        until, place = int(self._t[int(self._runs[run + 1]) - 1]), self._run(own, run, first)
        if held is not None:
            return [[place[0], held[0][1], place[2]], until, *held[2:]]
        if own["waits"] is not None:
            # The load may have been left at the stop before; which one it was can't be told.
            own["waits"] = place[1] = None
        return [place, until, *fix]

    def _decide(self, own: State, at: int, limit: int, end: int) -> Iterator[Stop]:
        """Tell the stop that waits, if a row in [at, limit) says how the truck came away."""
        if own["waits"] is None or at >= limit:
            return
        (since, before, fixes), until, fix, x, y = own["waits"]
        latest = until + self._limits.load_valid_s * 1000
        if before is None:
            decided = at
        elif before[1] == EMPTY:
            own["waits"] = None
            return
        else:
            decided = int(self._told_next[at])
        if decided < limit:
            own["waits"] = None
            if before is None or self._t[decided] <= latest:
                here = int(self._load[decided]) != UNKNOWN_LOAD
                after = Load(*self._said(decided)) if here else None
                load = None if before is None else Load(*before)
                left = fix_at(self._columns, int(self._rows[decided]))
                yield Stop(since, until, Fix(*fix), x, y, fixes, load, after, left)
        elif limit == end and self._t[end - 1] > latest:
            own["waits"] = None

    def _said(self, at: int) -> list[Any]:
        row = int(self._rows[at])
        return [int(self._t[at]), int(self._load[at]), str(self._columns["pid"][row])]


def _edges(change: npt.NDArray[np.bool_], n: int) -> Longs:
    """Bounds of pieces of n rows, from whether each row but the first begins one."""
    if not n:
        return np.zeros(1, np.int64)
    return np.concatenate([[0], 1 + np.flatnonzero(change), [n]]).astype(np.int64)
