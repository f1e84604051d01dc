"""The stage between the feed of trucks and the rules: roads, ways and standing, with state."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analytics.feeds import FIX, take
from analytics.roads import held
from analytics.roads.decoding import HEARD, LAST, Rows, Told
from analytics.roads.fleet import NEVER, advance, nothing_told
from analytics.roads.matching import Matcher
from analytics.roads.network import RoadNetwork
from analytics.roads.parameters import MatchingParameters
from analytics.rule import Columns, Prepared, State, rows

Longs = npt.NDArray[np.int64]
Ints = npt.NDArray[np.int32]
# What was told of a row when it came, and must be told when it is given on.
_EARLY = ("aside", "still_since")
# And what is only told then, if the row is given on before its match is known.
_LATE = ("arc", "along_m", "off_m", "chain", "route_m")


class RoadMatching:
    """Adds to the columns of the feed ``gps`` which road a truck was on, and the way it took.

    Rows are held back until their match is decided, and are then given on in order, each once:
    by what was seen ``lag_s`` or ``lag_fixes`` later, or by a silence of ``gap_s``. Any split of
    the same rows, and any watermarks between them, give the same rows with the same values.

    ``arc`` int32, arc of the network, -1 for none; ``along_m`` from the arc's start, ``off_m`` away
    from it, NaN for none; ``chain`` int64, ms of the first position of its chain, -1 for none;
    ``route_m`` by road from the matched position before in the chain, NaN for the first; ``via``
    the arcs strictly between (tuple of int); ``still_since`` int64, ms since when the truck has
    stayed within ``still_m`` of where it stopped then, its own time for one that moves, -1 before
    the first position; ``aside`` uint8, 1 for a position that the truck can't have had.

    Positions closer together than ``step_sigmas`` are at the place of the first of them. Rows that
    are no positions are given on unmatched. A position that can't be reached is set aside; the next
    one confirms it, or shows that it was wild. Positions of one time differ as by a tick of the
    clock.
    """

    def __init__(self, network: RoadNetwork, parameters: MatchingParameters) -> None:
        self.network = network
        self.parameters = parameters
        self._matcher = Matcher(network, parameters)
        self._tools = self._matcher.tools()

    @property
    def tables_mb(self) -> float:
        """Memory of the ways found beforehand, MB."""
        return self._matcher.tables_mb

    def start(self) -> State:
        """No truck was heard."""
        return {}

    def update(self, state: State, columns: Columns) -> Columns:
        """Take rows in, sorted by (mover, t, kind, pid), none older than a truck's earlier ones.

        Returns
        -------
        rows whose match is decided, earlier ones among them, sorted likewise.
        """
        if not rows(columns):
            return Prepared({})
        waiting = held.held_rows(state)
        new = {name: columns[name] for name in columns}
        if waiting:
            new |= _early(rows(columns))
        whole, bounds, fresh, movers = held.merged(waiting, new)
        known = held.movers_of(state)
        every = sorted({*known, *movers}) if known else movers
        if len(every) > len(movers):
            bounds, fresh = _spread(bounds, fresh, movers, every)
        return self._advance(state, whole, bounds, fresh, every, NEVER)

    def flush(self, state: State, watermark_ms: int) -> Columns:
        """Decide what no later row can change, and forget trucks that none belongs to.

        Parameters
        ----------
        watermark_ms : time before which no more rows will come.

        Returns
        -------
        rows that were held back, with no columns at all where there are none.
        """
        movers = held.movers_of(state)
        if not movers:
            return Prepared({})
        whole = np.asarray(state["whole"], np.int64).reshape(len(movers), -1)
        limits = self._tools.limits
        silent = (watermark_ms - whole[:, LAST] > limits.gap_ms) & (np.asarray(state["count"]) > 0)
        lapsed = watermark_ms - whole[:, HEARD] > limits.forget_ms
        done: Columns = Prepared({})
        if silent.any():
            done = self._close(state, movers, watermark_ms)
        if lapsed.any():
            self._forget(state, watermark_ms)
        return done

    def _close(self, state: State, movers: list[str], watermark_ms: int) -> Columns:
        """Decide the rows that wait of trucks that have been silent for long."""
        waiting = held.held_rows(state)
        if not waiting:
            self._forget(state, watermark_ms)
            return Prepared({})
        _, bounds, _, present = held.merged(waiting, take(waiting, slice(0, 0)))
        bounds, _ = _spread(bounds, bounds[1:], present, movers)
        return self._advance(state, waiting, bounds, bounds[1:], movers, watermark_ms)

    def oldest(self, state: State) -> int | None:
        """See `analytics.rule.Stage`."""
        waiting = held.held_rows(state)
        return int(waiting["t"].min()) if waiting else None

    def _advance(
        self,
        state: State,
        whole: Columns,
        bounds: Longs,
        fresh: Longs,
        movers: list[str],
        watermark_ms: int,
    ) -> Columns:
        """Run the compiled loop, keep what waits, and give on what is decided."""
        n = int(bounds[-1])
        told = nothing_told(n)
        if "aside" in whole:
            told.aside[:], told.still_since[:] = whole["aside"], whole["still_since"]
        inputs = self._inputs(whole, n)
        release, memory = advance(
            self._tools, inputs, told, bounds, fresh, held.recall(state, movers), watermark_ms
        )
        held.remember(state, movers, memory)
        return self._given(state, whole, bounds, release, inputs.role, told)

    def _inputs(self, whole: Columns, n: int) -> Rows:
        if not n:
            none = np.zeros(0)
            return self._matcher.rows(
                np.zeros(0, np.int64), none, none, np.zeros(0, bool), None, None
            )
        inputs = self._matcher.rows(
            np.ascontiguousarray(whole["t"], np.int64),
            np.ascontiguousarray(whole["x"], np.float64),
            np.ascontiguousarray(whole["y"], np.float64),
            whole["kind"] == FIX,
            whole["cog_deg"],
            whole["sog_mps"],
        )
        if held.ROLE in whole:
            inputs.role[:] = whole[held.ROLE]
        return inputs

    def _given(
        self,
        state: State,
        whole: Columns,
        bounds: Longs,
        release: Longs,
        role: npt.NDArray[np.uint8],
        told: Told,
    ) -> Columns:
        own = {name: values for name, values in whole.items() if name not in (held.ROLE, *_EARLY)}
        late = {name: getattr(told, name) for name in _LATE} | {
            "via": _tuples(*self._matcher.ways_of(told))
        }
        early = {name: getattr(told, name) for name in _EARLY}
        if (release == bounds[1:]).all():
            held.keep_rows(state, {})
            return Prepared(own | late | early)
        counts = np.diff(bounds)
        done = np.arange(int(bounds[-1])) < np.repeat(release, counts)
        waits = own | early | {held.ROLE: role}
        held.keep_rows(state, take(waits, np.flatnonzero(~done)))
        return Prepared(take(own | late | early, np.flatnonzero(done)))

    def _forget(self, state: State, watermark_ms: int) -> None:
        movers = held.movers_of(state)
        whole = np.asarray(state["whole"]).reshape(len(movers), -1)
        stays = watermark_ms - whole[:, HEARD] <= self._tools.limits.forget_ms
        stays |= np.asarray(state["count"]) > 0
        if not stays.all():
            left = [name for name, stay in zip(movers, stays.tolist(), strict=True) if stay]
            held.remember(state, left, held.recall(state, left))


def _early(n: int) -> Columns:
    """Columns that rows which waited have, for rows that are new."""
    return {
        "aside": np.zeros(n, np.uint8),
        "still_since": np.full(n, -1, np.int64),
        held.ROLE: np.zeros(n, np.uint8),
    }


def _spread(bounds: Longs, fresh: Longs, some: list[str], every: list[str]) -> tuple[Longs, Longs]:
    """Bounds among more trucks, those that have no rows included."""
    place = np.searchsorted(np.array(every, object), np.array(some, object))
    counts, before = np.zeros(len(every), np.int64), np.zeros(len(every), np.int64)
    if some:
        counts[place], before[place] = np.diff(bounds), fresh - bounds[:-1]
    wide = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return wide, wide[:-1] + before


def _tuples(via: Ints, bounds: Longs) -> npt.NDArray[np.object_]:
    """Arcs of each row as a tuple, one tuple for all rows of the same bounds."""
    column = np.empty(len(bounds), object)
    column.fill(())
    rows = np.flatnonzero(bounds[:, 1] > bounds[:, 0])
    _, first, number = np.unique(bounds[rows, 0], return_index=True, return_inverse=True)
    ways, arcs = np.empty(len(first), object), via.tolist()
    ways[:] = [tuple(arcs[start:end]) for start, end in bounds[rows[first]].tolist()]
    column[rows] = ways[number.reshape(-1)]
    return column
