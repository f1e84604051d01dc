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
from analytics.tracks import Longs, by_mover, distance_m, haversine_m
from analytics.vessels import Fix, fixes_at

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
    heard = by_mover(columns)
    if not len(heard.rows):
        return
    t, lon, lat = (heard.take(name) for name in ("t", "lon", "lat"))
    starts = heard.bounds[:-1]
    far = np.zeros(len(t))
    far[1:] = haversine_m(lon[:-1], lat[:-1], lon[1:], lat[1:])
    wait = np.diff(t, prepend=t[0])
    wild = (far > limits.min_distance_m) & (far > limits.max_speed_mps * wait / 1000)
    wild[starts] = False
    busy = (np.add.reduceat(wild, starts) > 0).tolist()
    names = zip(heard.movers, heard.firsts, heard.lasts, busy, strict=True)
    for k, (name, fix, last, any_wild) in enumerate(names):
        own = movers.setdefault(name, {"last": None, "waits": None})
        enters_wild = own["last"] is not None and _is_jump(limits, Fix(*own["last"]), fix)
        if any_wild or enters_wild or own["waits"] is not None:
            span = slice(*heard.bounds[k : k + 2].tolist())
            far_off = [enters_wild, *wild[span][1:].tolist()]
            yield from _walk(limits, own, columns, heard.rows[span], far_off)
        else:
            own["last"] = list(last)


def _walk(
    limits: JumpLimits, own: State, columns: Columns, rows: Longs, wild: list[bool]
) -> Iterator[Jump]:
    """Follow one MMSI; ``wild`` says which rows can't be reached from the one before."""
    last = None if own["last"] is None else Fix(*own["last"])
    before: Fix | None = None
    after: Fix | None = None
    fixes, waits = 0, own["waits"]
    if waits is not None:
        before, after, fixes = Fix(*waits["before"]), Fix(*waits["after"]), waits["fixes"]
    for fix, row, far in zip(fixes_at(columns, rows), rows.tolist(), wild, strict=True):
        if far:
            back = before is not None and not _is_jump(limits, before, fix)
            before, after, fixes = (None, None, 0) if back else (last, fix, 0)
        elif before is not None and after is not None:
            fixes += 1
            seconds = (fix.t - after.t) / 1000
            if fixes >= limits.confirm_fixes and seconds >= limits.confirm_s:
                yield Jump(before, after, row)
                before = after = None
        last = fix
    own["last"] = None if last is None else list(last)
    own["waits"] = None
    if before is not None and after is not None:
        own["waits"] = {"before": list(before), "after": list(after), "fixes": fixes}


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
