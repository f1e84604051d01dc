"""The stage between the feed and the rules: segments and senders, with state."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.feeds import FIX, segments
from analytics.kernels.segmenter import WIDTH, SegmenterLimits, segment
from analytics.names import Names
from analytics.preparation import devices
from analytics.preparation.parameters import PreparationParameters
from analytics.preparation.statics import Statics, versions
from analytics.rule import Columns, Prepared, State, rows
from layers.positions import Quality

NO_SEGMENT = -1
_CLASS_A, _CLASS_B = 1, 2
_TURN_MS = 1_800_000
Longs = npt.NDArray[np.int64]


class Preparation:
    """Adds ``segment``, ``aside`` and ``said`` to the columns of the feed ``ais``.

    Any split of the same rows gives the same values: they depend on a sender's rows up to this one.
    """

    def __init__(self, parameters: PreparationParameters) -> None:
        self.parameters = parameters
        self._names = Names.under(parameters.names)
        self._limits: SegmenterLimits = parameters.segmenter.limits()
        self._forget_ms = round(parameters.forget_s * 1000)

    def start(self) -> State:
        """Nobody was heard."""
        return {}

    def update(self, state: State, columns: Columns) -> Columns:
        """Take rows in, sorted by (mover, t), and give them back with five columns more.

        Parameters
        ----------
        state : by MMSI what was counted, the start of its newest segment, its last row's time, its
            open segments, its static data and whether a turn is awaited; changed in place.

        Returns
        -------
        the same columns with ``segment`` (int64: ms of its first position, -1 for rows that are in
        none), ``aside`` (uint8: see `analytics.preparation.devices`) and ``said`` (the
        `analytics.preparation.statics.Statics` in force, or None), ``version`` (int64,
            another number for each other version in this batch) and ``turn`` (bool: the first
        usable position since the static data changed or another half hour began).
        """
        bounds, movers, held = self._senders(state, columns)
        own = np.repeat(np.arange(len(movers)), np.diff(bounds))
        counts = devices.count(
            self._names,
            columns,
            bounds,
            np.array([h[0] for h in held], np.int64).reshape(-1, 4),
            self.parameters.buoys.drift_mps,
        )
        aside = devices.aside_of(movers, own, counts, self.parameters.buoys)
        known = [_read(kept[4]) for kept in held]
        number, said, last = versions(columns, bounds, known)
        starts = self._segments(state, columns, bounds, movers, held, counts)
        aside[(starts == NO_SEGMENT) & (columns["kind"] == FIX) & (aside == 0)] = devices.NOISE
        usable = (columns["kind"] == FIX) & (aside == 0)
        waiting = np.array([kept[5] for kept in held], np.int64)
        before = np.array([kept[2] for kept in held], np.int64)
        now = said[number[bounds[:-1]]].tolist() if len(said) else []
        renewed = [a is not None and a != b for a, b in zip(now, known, strict=True)]
        turn, waiting = _turns(
            columns["t"], number, usable, bounds, waiting, before, np.array(renewed, bool)
        )
        for mover, version, open_turn in zip(movers, last, waiting.tolist(), strict=True):
            kept = None if version is None else list(version)
            state[mover] = (*state[mover][:4], kept, open_turn)
        return Prepared(
            columns,
            segment=starts,
            aside=aside,
            said=said[number] if len(said) else np.empty(0, object),
            version=number,
            turn=turn,
        )

    def flush(self, state: State, watermark_ms: int) -> None:
        """Forget senders that no later row belongs to."""
        oldest = watermark_ms - self._forget_ms
        for mover in [name for name, kept in state.items() if kept[2] < oldest]:
            del state[mover]

    def oldest(self, state: State) -> int | None:
        """Nothing is ever held back."""
        return None

    def _senders(self, state: State, columns: Columns) -> tuple[Longs, list[str], list[Any]]:
        """Rows of each sender and what is held of it; after a long silence it is a new one."""
        bounds = segments(columns)
        if not rows(columns):
            return bounds, [], []
        t = columns["t"]
        lapsed = 1 + np.flatnonzero(np.diff(t) > self._forget_ms)
        cut = np.union1d(bounds, lapsed)
        movers = [str(name) for name in columns["mover"][cut[:-1]]]
        fresh = [list(devices.NOTHING_COUNTED), -1, 0, [], None, 1]
        held = []
        for k, mover in enumerate(movers):
            kept = None if k and movers[k - 1] == mover else state.get(mover)
            known = kept is not None and int(t[cut[k]]) - kept[2] <= self._forget_ms
            held.append(kept if known else fresh)
        return cut, movers, held

    def _segments(
        self,
        state: State,
        columns: Columns,
        bounds: Longs,
        movers: list[str],
        held: list[Any],
        counts: devices.Counts,
    ) -> Longs:
        """Segment of each row; keeps what is open, and what was counted, for the next batch."""
        places = np.flatnonzero(columns["kind"] == FIX)
        fixes = _vectors(columns, places)
        open_ = [_open(kept[3]) for kept in held]
        newest = np.array([kept[1] for kept in held], np.float64)
        found, left, left_bounds = segment(
            self._limits,
            np.searchsorted(places, bounds).astype(np.int64),
            fixes,
            (columns["quality"][places] & int(Quality.LONG_RANGE)) != 0,
            np.concatenate([np.zeros((0, WIDTH)), *open_]),
            np.cumsum([0, *map(len, open_)], dtype=np.int64),
            newest,
        )
        ends = bounds[1:] - 1
        last = columns["t"][ends].tolist()
        counted = counts[:, ends].T.tolist()
        cuts, starts = left_bounds.tolist(), newest.astype(np.int64).tolist()
        for k, mover in enumerate(movers):
            # An array of its own: a part of a larger one would keep all of that.
            own = left[cuts[k] : cuts[k + 1]].copy()
            state[mover] = (counted[k], starts[k], last[k], own)
        segments_of = np.full(len(columns["t"]), NO_SEGMENT, np.int64)
        segments_of[places] = found
        return segments_of


def _read(stored: list[Any] | None) -> Statics | None:
    return None if stored is None else Statics(*stored)


def _open(stored: Any) -> npt.NDArray[np.float64]:
    """Open segments, which are lists where they come from a store; shape (k, `WIDTH`)."""
    if isinstance(stored, np.ndarray):
        return stored
    return np.array(stored, np.float64).reshape(-1, WIDTH)


def _turns(
    t: Longs,
    version: Longs,
    usable: npt.NDArray[np.bool_],
    bounds: Longs,
    waiting: Longs,
    before: Longs,
    renewed: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[np.bool_], Longs]:
    """Usable positions that are the first since something changed; and whether one is awaited.

    Changes are another version of the static data and another half hour, so that rules that need
    to look at a vessel now and then look at the same positions however the rows are cut.

    Parameters
    ----------
    waiting, before, renewed : of each sender whether a turn was awaited, the time of its last row,
        and whether its first row changed the static data held.
    """
    n = len(t)
    turn = np.zeros(n, bool)
    if not n:
        return turn, waiting
    first = bounds[:-1]
    change = np.zeros(n, bool)
    change[1:] = (version[1:] != version[:-1]) | (t[1:] // _TURN_MS != t[:-1] // _TURN_MS)
    change[first] = (t[first] // _TURN_MS != before // _TURN_MS) | renewed
    total = np.cumsum(change)
    since = np.repeat(total[first] - change[first] - waiting, np.diff(bounds))
    seen = np.where(usable, total, -1)
    sender = np.repeat(np.arange(len(first)), np.diff(bounds))
    rows = np.flatnonzero(usable)
    previous = np.concatenate([[-1], rows[:-1]])
    same = np.concatenate([[False], sender[rows[1:]] == sender[rows[:-1]]])
    base = np.where(same, seen[previous], since[rows])
    turn[rows] = total[rows] > base
    reached = (since[first]).copy()
    np.maximum.at(reached, sender[rows], total[rows])
    return turn, (total[bounds[1:] - 1] > reached).astype(np.int64)


def _vectors(columns: Columns, places: Longs) -> npt.NDArray[np.float64]:
    """Positions as the segmenter takes them; a speed or course that is not known counts as none."""
    speed, course = columns["sog_mps"][places], np.radians(columns["cog_deg"][places])
    known = np.isfinite(speed) & np.isfinite(course)
    speed, course = np.where(known, speed, 0.0), np.where(known, course, 0.0)
    coarse = (columns["quality"][places] & int(Quality.LONG_RANGE)) != 0
    own = np.where(columns["nav"][places] == devices.NO_STATUS, _CLASS_B, _CLASS_A)
    vectors = np.zeros((len(places), 7))
    for place, name in enumerate(("t", "lon", "lat")):
        vectors[:, place] = columns[name][places]
    vectors[:, 3] = speed * np.sin(course)
    vectors[:, 4] = speed * np.cos(course)
    vectors[:, 6] = np.where(coarse, _CLASS_A | _CLASS_B, own)
    return vectors
