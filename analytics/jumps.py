"""Places that a vessel cannot have reached: a jump that lasts, as against one wild position.

Positions of an MMSI are taken in the order of time, whatever the segment. Two that follow each
other at more than ``max_speed_mps`` and ``min_distance_m`` apart are a *jump*, which waits. It is
confirmed once ``confirm_fixes`` more came from the new place over ``confirm_s``; it was a wild
position, or two vessels that take turns, if the vessel is back where it could be before that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from analytics.rule import Columns, State
from analytics.tracks import distance_m, haversine_m
from analytics.vessels import Fix, fix_at, usable_fixes

_METRES_A_DEGREE = 111_200.0


class JumpLimits(NamedTuple):
    """See the module; SI units."""

    max_speed_mps: float
    min_distance_m: float
    confirm_fixes: int
    confirm_s: float


class Jump(NamedTuple):
    """A confirmed jump: the positions before and after it, and the row that confirms it."""

    before: Fix
    after: Fix
    row: int


def jumps(limits: JumpLimits, movers: State, columns: Columns) -> Iterator[Jump]:
    """Find the jumps that rows confirm.

    Parameters
    ----------
    movers : by MMSI its last position, and what waits; changed in place.
    columns : prepared.
    """
    rows = np.flatnonzero(usable_fixes(columns))
    if not len(rows):
        return
    mover, t = columns["mover"][rows], columns["t"][rows]
    lon, lat = columns["lon"][rows], columns["lat"][rows]
    first = np.concatenate([[True], mover[1:] != mover[:-1]])
    far = np.zeros(len(rows))
    far[1:] = haversine_m(lon[:-1], lat[:-1], lon[1:], lat[1:])
    wait = np.diff(t, prepend=t[0]) / 1000
    wild = (far > limits.min_distance_m) & (far > limits.max_speed_mps * wait) & ~first
    starts = np.flatnonzero(first)
    ends = np.append(starts[1:], len(rows))
    busy = np.add.reduceat(wild, starts) > 0
    for start, end, any_wild in zip(starts.tolist(), ends.tolist(), busy.tolist(), strict=True):
        name = str(mover[start])
        own = movers.setdefault(name, {"last": None, "waits": None})
        fix = fix_at(columns, int(rows[start]))
        entry = own["last"] is not None and _is_jump(limits, Fix(*own["last"]), fix)
        if any_wild or entry or own["waits"] is not None:
            yield from _walk(limits, own, columns, rows[start:end].tolist())
        else:
            own["last"] = list(fix_at(columns, int(rows[end - 1])))


def _walk(limits: JumpLimits, own: State, columns: Columns, rows: list[int]) -> Iterator[Jump]:
    for row in rows:
        fix = fix_at(columns, row)
        last, waits = own["last"], own["waits"]
        if last is not None and _is_jump(limits, Fix(*last), fix):
            back = waits is not None and not _is_jump(limits, Fix(*waits["before"]), fix)
            own["waits"] = None if back else {"before": last, "after": list(fix), "fixes": 0}
        elif waits is not None:
            waits["fixes"] += 1
            seconds = (fix.t - waits["after"][0]) / 1000
            if waits["fixes"] >= limits.confirm_fixes and seconds >= limits.confirm_s:
                own["waits"] = None
                yield Jump(Fix(*waits["before"]), Fix(*waits["after"]), row)
        own["last"] = list(fix)


def _is_jump(limits: JumpLimits, a: Fix, b: Fix) -> bool:
    # No way along the sphere is longer than that along a parallel and a meridian.
    if _METRES_A_DEGREE * (abs(a.lon - b.lon) + abs(a.lat - b.lat)) <= limits.min_distance_m:
        return False
    far = distance_m(a, b)
    return far > limits.min_distance_m and far > limits.max_speed_mps * (b.t - a.t) / 1000


def forget_silent(movers: State, oldest_ms: float) -> None:
    """Drop movers whose last position is older."""
    old: list[Any] = [name for name, own in movers.items() if own["last"][0] < oldest_ms]
    for name in old:
        del movers[name]
