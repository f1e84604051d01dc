"""The way that trucks drove along matched roads: which arcs, from where to where, and when.

A *step* is the way between two matched fixes of one truck that follow each other in one chain: the
rest of the first one's arc, the arcs between (``via``), the second one's arc up to it. Its *pieces*
are its parts on one arc each. When a piece was entered and left is interpolated between the times
of both fixes by distance along the step. Columns are those that `analytics.roads.stage` completes;
rows that are no fix, are set aside, or lie on no arc belong to no step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.feeds import FIX, UNKNOWN_LOAD
from analytics.rule import Columns, State, once
from analytics.truck_references import Roads

Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NO_ARC = -1
# What is kept of a truck's last matched fix between batches, and what stands for "none".
_NOTHING: dict[str, Any] = {
    "t": 0, "chain": -1, "arc": 0, "along_m": np.nan, "off_m": np.nan, "sog_mps": np.nan,
    "load": UNKNOWN_LOAD, "lon": np.nan, "lat": np.nan, "x": np.nan, "y": np.nan, "pid": "",
    "recorder_mps": np.nan,
}  # fmt: skip
_KEPT = tuple(_NOTHING)
_MM = 1000


class Seen(NamedTuple):
    """A fix as evidence tells of it: ms, id, metres from the road, degrees."""

    t: int
    pid: str
    off_m: float
    lon: float
    lat: float


class Pieces(NamedTuple):
    """Pieces of some steps, in the order driven; shape (p,) each.

    Attributes
    ----------
    step : which of the steps asked for; pieces of step k are [bounds[k], bounds[k + 1]).
    arc : directed arc of the network.
    from_m, to_m : along the arc.
    length_mm : whole, so that sums do not depend on what is summed before.
    enter_ms, leave_ms : interpolated, ms since 1970.
    bounds : shape (steps + 1,).
    """

    step: Longs
    arc: Longs
    from_m: Floats
    to_m: Floats
    length_mm: Longs
    enter_ms: Longs
    leave_ms: Longs
    bounds: Longs


@dataclass(frozen=True)
class Matched:
    """Matched fixes of a batch, sorted by (mover, t).

    Attributes
    ----------
    rows : of the columns, shape (n,).
    bounds : truck k has rows[bounds[k] : bounds[k + 1]]; shape (m + 1,).
    via : arcs between the fix before and each, those of fix k at via_bounds[k] : via_bounds[k + 1].
    sound : whether the arcs between are arcs of the network, shape (n,).
    """

    columns: Columns
    rows: Longs
    bounds: Longs
    via: Longs
    via_bounds: Longs
    sound: Bools

    @cached_property
    def movers(self) -> list[str]:
        """Plate of each truck."""
        return [str(name) for name in self.columns["mover"][self.rows[self.bounds[:-1]]]]

    @cached_property
    def owner(self) -> Longs:
        """Number of the truck of each fix, shape (n,)."""
        return np.repeat(np.arange(len(self.bounds) - 1), np.diff(self.bounds))

    def take(self, name: str) -> npt.NDArray[Any]:
        """A column at the matched fixes, one that no row of the feed has as nothing; shape (n,)."""
        if name not in self.columns:
            return np.full(len(self.rows), _NOTHING[name])
        return self.columns[name][self.rows]


def matched(columns: Columns, roads: Roads) -> Matched:
    """Pick the matched fixes of a batch; what was picked is remembered with prepared columns."""
    picked = once(columns, "matched", lambda: _picked(columns, len(roads.arc_road)))
    return Matched(columns, *picked)


class Steps:
    """Matched fixes of a batch and the step that leads to each.

    Parameters
    ----------
    held : last matched fix of each truck before the batch, as `keep` kept it; None for none.
    max_step_s : a longer silence is no step.
    max_off_m : nor is what begins or ends further from the road.
    """

    def __init__(
        self,
        fixes: Matched,
        roads: Roads,
        held: Sequence[Sequence[Any] | None],
        max_step_s: float,
        max_off_m: float,
    ) -> None:
        self.fixes, self.roads, self._held = fixes, roads, held
        self._taken: dict[str, npt.NDArray[Any]] = {}
        self._before: dict[str, npt.NDArray[Any]] = {}
        waited = self.take("t") - self.before("t")
        self.joined: Bools = (
            fixes.sound
            & (self.take("chain") >= 0)
            & (self.take("chain") == self.before("chain"))
            & (self.before("arc") < len(roads.arc_road))
            & (waited >= 0)
            & (waited <= max_step_s * 1000)
            & (self.take("off_m") <= max_off_m)
            & (self.before("off_m") <= max_off_m)
        )

    def __len__(self) -> int:
        return len(self.fixes.rows)

    def take(self, name: str) -> npt.NDArray[Any]:
        """A column at the end of each step; shape (n,)."""
        if name not in self._taken:
            self._taken[name] = self.fixes.take(name)
        return self._taken[name]

    def before(self, name: str) -> npt.NDArray[Any]:
        """The same at its beginning."""
        if name not in self._before:
            values = self.take(name)
            shifted = np.empty_like(values)
            shifted[1:] = values[:-1]
            place, nothing = _KEPT.index(name), _NOTHING[name]
            shifted[self.fixes.bounds[:-1]] = [
                nothing if one is None else one[place] for one in self._held
            ]
            self._before[name] = shifted
        return self._before[name]

    def touching(self, arcs: Bools) -> Bools:
        """Whether each step passes one of some arcs; shape (n,)."""
        inner = np.concatenate([[0], np.cumsum(arcs[self.fixes.via])])
        bounds = self.fixes.via_bounds
        passed: Bools = (
            arcs[self.take("arc")]
            | arcs[np.where(self.joined, self.before("arc"), 0)]
            | (inner[bounds[1:]] > inner[bounds[:-1]])
        )
        return passed & self.joined

    def pieces(self, chosen: Longs, *, turned_early: bool = False) -> Pieces:
        """Cut steps into pieces.

        Parameters
        ----------
        chosen : numbers of joined steps, shape (k,).
        turned_early : matched ways turn round at junctions only, and the truck may have turned
            before: of a way there and back only what can't have been left out is given a length.
        """
        fixes, arc, old = self.fixes, self.take("arc")[chosen], self.before("arc")[chosen]
        begins = fixes.via_bounds[chosen]
        between = fixes.via_bounds[chosen + 1] - begins
        bounds = _cumulated(np.where((between == 0) & (arc == old), 1, between + 2))
        first, last = bounds[:-1], bounds[1:] - 1
        step = np.repeat(np.arange(len(chosen)), np.diff(bounds))
        arcs = np.zeros(int(bounds[-1]), np.int64)
        inner = np.ones(len(arcs), bool)
        inner[first] = inner[last] = False
        place = np.flatnonzero(inner)
        arcs[place] = fixes.via[begins[step[place]] + place - first[step[place]] - 1]
        arcs[first], arcs[last] = old, arc
        from_m, to_m = np.zeros(len(arcs)), self.roads.arc_length_m[arcs].astype(np.float64)
        from_m[first] = np.clip(self.before("along_m")[chosen], 0, to_m[first])
        to_m[last] = np.clip(self.take("along_m")[chosen], 0, to_m[last])
        # A fix a little behind the one before on the same arc is a truck that stands.
        to_m = np.maximum(to_m, from_m)
        if turned_early:
            self._turn_early(step, arcs, from_m, to_m)
        length = np.rint((to_m - from_m) * _MM).astype(np.int64)
        done = np.cumsum(length)
        done -= (done[first] - length[first])[step]
        whole, t = done[last][step], self.before("t")[chosen][step]
        waited = self.take("t")[chosen][step] - t
        share = waited / np.maximum(whole, 1)
        enter = t + np.rint((done - length) * share).astype(np.int64)
        leave = t + np.where(whole > 0, np.rint(done * share).astype(np.int64), waited)
        return Pieces(step, arcs, from_m, to_m, length, enter, leave, bounds)

    def _turn_early(self, step: Longs, arcs: Longs, from_m: Floats, to_m: Floats) -> None:
        """Shorten pieces that lead along a road and back to what lies between their outer ends."""
        road, whole = self.roads.arc_road[arcs], self.roads.arc_length_m
        back = (step[1:] == step[:-1]) & (road[1:] == road[:-1]) & (arcs[1:] != arcs[:-1])
        for turn in np.flatnonzero(back).tolist():
            there, here = turn, turn + 1
            # Where arcs before and after the turn are the same ones, none of them was needed.
            while True:
                end = float(whole[arcs[there]]) - float(to_m[here])
                begin = float(from_m[there])
                to_m[there] = max(begin, end)
                from_m[here] = min(float(to_m[here]), float(whole[arcs[here]]) - begin)
                if to_m[there] > begin or from_m[here] < to_m[here]:
                    # Of both the way on from where it began, or back to where it ended, is left.
                    break
                there, here = there - 1, here + 1
                if there < 0 or here >= len(arcs) or step[there] != step[turn]:
                    break
                if step[here] != step[turn] or road[there] != road[here]:
                    break

    def seen(self, at: int) -> Seen:
        """The fix at the end of a step."""
        return self._seen(self.take, at)

    def seen_before(self, at: int) -> Seen:
        """The fix at its beginning."""
        return self._seen(self.before, at)

    def keep(self, last: State) -> None:
        """Keep each truck's last matched fix, as JSON can hold it."""
        ends = self.fixes.bounds[1:] - 1
        values = [self.take(name)[ends].tolist() for name in _KEPT]
        last.update(zip(self.fixes.movers, zip(*values, strict=True), strict=True))

    def _seen(self, column: Any, at: int) -> Seen:
        return Seen(
            int(column("t")[at]),
            str(column("pid")[at]),
            float(column("off_m")[at]),
            float(column("lon")[at]),
            float(column("lat")[at]),
        )


def steps_of(
    columns: Columns, roads: Roads, last: State, max_step_s: float, max_off_m: float
) -> Steps:
    """Steps of a batch; ``last`` is what `Steps.keep` kept after the batch before."""
    fixes = matched(columns, roads)
    held = [last.get(mover) for mover in fixes.movers]
    return Steps(fixes, roads, held, max_step_s, max_off_m)


def _picked(columns: Columns, arcs: int) -> tuple[npt.NDArray[Any], ...]:
    """Rows, bounds, via, via_bounds and sound of `Matched`."""
    rows = np.flatnonzero(
        (columns["kind"] == FIX)
        & (columns["aside"] == 0)
        & (columns["arc"] > NO_ARC)
        & (columns["arc"] < arcs)
        & np.isfinite(columns["along_m"])
    )
    mover = columns["mover"][rows]
    inner = np.flatnonzero(mover[1:] != mover[:-1]) + 1
    bounds = np.concatenate([[0], inner, [len(rows)]]) if len(rows) else np.zeros(1)
    between = columns["via"][rows].tolist()
    via_bounds = _cumulated(np.fromiter(map(len, between), np.int64, len(rows)))
    via = np.fromiter(chain.from_iterable(between), np.int64, int(via_bounds[-1]))
    strange = (via < 0) | (via >= arcs)
    odd = np.concatenate([[0], np.cumsum(strange)])
    sound = odd[via_bounds[1:]] == odd[via_bounds[:-1]]
    return rows, bounds.astype(np.int64), np.where(strange, 0, via), via_bounds, sound


def _cumulated(counts: npt.NDArray[Any]) -> Longs:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
