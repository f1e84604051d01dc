"""The compiled loop over rows: what a truck did before each of them, and which road it was on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.kernels.inner import inlined, inner
from analytics.kernels.viterbi import Lattice, decided, drop, force, place_of, settle
from analytics.roads.candidates import Found, Grid, find
from analytics.roads.parameters import Limits
from analytics.roads.transitions import NO_WAY, Ways, likelihood, limit_of, way

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

# What is remembered of a truck, whole numbers: times of its last row, of its last position and of
# the row before if that was set aside; how many positions its chain has, when that began, and
# whether it goes on; since when it stands; the arc and the time of the last decided step.
HEARD, LAST, STRAY, SEEN, CHAIN, OPEN, STILL, ARC, WHEN = range(9)
WHOLE = 9
# And places, metres: of the last position, of the stray one, of the last step, where it stands, of
# the last decided step and of its match, and how far along its arc that is.
LAST_X, LAST_Y, STRAY_X, STRAY_Y, STEP_X, STEP_Y, STILL_X, STILL_Y = range(8)
FROM_X, FROM_Y, POINT_X, POINT_Y, ALONG = range(8, 13)
REAL = 13
# What a row is: matched to nothing, a step of the chain, or a position that stands at the last one.
APART, STEP, STANDING = range(3)
UNKNOWN = -1


class Rows(NamedTuple):
    """Rows of all movers, those of each in the order of time.

    Attributes
    ----------
    t : ms. x, y : metres. east, north : unit vector of the course, zeros for none.
    moving : whether the truck says that it moves.
    usable : whether a row is a position.
    role : what it is; of rows that were held back known before.
    """

    t: Longs
    x: Floats
    y: Floats
    east: Floats
    north: Floats
    moving: npt.NDArray[np.bool_]
    usable: npt.NDArray[np.bool_]
    role: Bytes


class Told(NamedTuple):
    """What is told of each row; see `analytics.roads.stage.RoadMatching`.

    Attributes
    ----------
    kind : how the truck came from the matched position before, see `analytics.roads.transitions`.
    from_arc, from_along_m : where that was.
    limit_m : longest way that was believed.
    """

    arc: Ints
    along_m: Floats
    off_m: Floats
    chain: Longs
    route_m: Floats
    still_since: Longs
    aside: Bytes
    kind: Bytes
    from_arc: Ints
    from_along_m: Floats
    limit_m: Floats


class Steps(NamedTuple):
    """Steps that are not decided, beside the lattice: candidates, rows and when they came."""

    lattice: Lattice
    arc: Ints
    along: Floats
    point: Floats
    row: Longs
    seen: Longs


class Tools(NamedTuple):
    """What the loop works with."""

    limits: Limits
    grid: Grid
    ways: Ways
    found: Found
    steps: Steps


class Truck(NamedTuple):
    """What is remembered of one truck, changed in place."""

    whole: Longs
    real: Floats


@inlined
def _write(
    tools: Tools, rows: Rows, told: Told, truck: Truck, chosen: int, end: int
) -> None:  # pragma: no cover - compiled
    """Tell the rows of the oldest step, up to a row, that it is decided."""
    steps, whole, real = tools.steps, truck.whole, truck.real
    place = steps.lattice.span[0]
    row = steps.row[place]
    arc, along = steps.arc[place, chosen], steps.along[place, chosen]
    if whole[ARC] >= 0:
        straight = np.hypot(rows.x[row] - real[FROM_X], rows.y[row] - real[FROM_Y])
        limit = limit_of(tools.limits, straight, (rows.t[row] - whole[WHEN]) / 1000)
        length, kind = way(
            tools.ways, tools.limits, whole[ARC], real[ALONG], arc, along, straight, limit
        )
        told.route_m[row], told.kind[row], told.limit_m[row] = length, kind, limit
        told.from_arc[row], told.from_along_m[row] = whole[ARC], real[ALONG]
    whole[ARC], whole[WHEN] = arc, rows.t[row]
    real[ALONG], real[FROM_X], real[FROM_Y] = along, rows.x[row], rows.y[row]
    real[POINT_X], real[POINT_Y] = steps.point[place, chosen, 0], steps.point[place, chosen, 1]
    for k in range(row, end):
        if rows.role[k] != APART:
            _stand(rows, told, truck, k, k > row)


@inlined
def _stand(
    rows: Rows, told: Told, truck: Truck, row: int, again: bool
) -> None:  # pragma: no cover - compiled
    """Tell a row that it is at the last decided step."""
    told.arc[row], told.along_m[row] = truck.whole[ARC], truck.real[ALONG]
    told.chain[row] = truck.whole[CHAIN]
    told.off_m[row] = np.hypot(rows.x[row] - truck.real[POINT_X], rows.y[row] - truck.real[POINT_Y])
    if again:
        told.route_m[row] = 0.0


@inner
def decide(
    tools: Tools, rows: Rows, told: Told, truck: Truck, now: int, close: bool
) -> None:  # pragma: no cover - compiled
    """Decide the steps whose time has come, all of them if the chain is to be closed."""
    steps, limits = tools.steps, tools.limits
    lattice = steps.lattice
    while lattice.span[1]:
        place = lattice.span[0]
        chosen = decided(lattice)
        if chosen < 0:
            waited = rows.t[now] - rows.t[steps.row[place]]
            count = truck.whole[SEEN] - steps.seen[place]
            if not close and waited < limits.lag_ms and count < limits.lag_fixes:
                break
            chosen = force(lattice)
        end = steps.row[place_of(lattice, 1)] if lattice.span[1] > 1 else now + 1
        _write(tools, rows, told, truck, chosen, end)
        drop(lattice)
    if close:
        truck.whole[ARC] = truck.whole[CHAIN] = UNKNOWN
        truck.whole[OPEN] = 0


@inlined
def _reach(
    tools: Tools, rows: Rows, truck: Truck, row: int, count: int
) -> bool:  # pragma: no cover - compiled
    """Join a position's candidates to the chain; False where no way leads to any."""
    steps, limits, found = tools.steps, tools.limits, tools.found
    lattice = steps.lattice
    place = place_of(lattice, lattice.span[1])
    pending = lattice.span[1]
    before = place_of(lattice, pending - 1) if pending else 0
    sources = lattice.size[before] if pending else 1
    since = rows.t[steps.row[before]] if pending else truck.whole[WHEN]
    straight = np.hypot(rows.x[row] - truck.real[STEP_X], rows.y[row] - truck.real[STEP_Y])
    limit = limit_of(limits, straight, (rows.t[row] - since) / 1000)
    for j in range(count):
        lattice.alive[place, j] = False
    top, some = np.int64(0), False
    for i in range(sources):
        if pending and not lattice.alive[before, i]:
            continue
        arc = int(steps.arc[before, i] if pending else truck.whole[ARC])
        along = steps.along[before, i] if pending else truck.real[ALONG]
        held = lattice.score[before, i] if pending else np.int64(0)
        for j in range(count):
            # No way makes it likelier than this: what can't be chosen needs none.
            most = held + found.score[j]
            if some and most < top - limits.beam:
                continue
            if lattice.alive[place, j] and most <= lattice.score[place, j]:
                continue
            length, kind = way(
                tools.ways, limits, arc, along, found.arc[j], found.along_m[j], straight, limit
            )
            if kind == NO_WAY:
                continue
            score = most + likelihood(limits, length, kind, straight)
            if not lattice.alive[place, j] or score > lattice.score[place, j]:
                lattice.alive[place, j] = True
                lattice.score[place, j], lattice.back[place, j] = score, i
                top, some = (score, True) if not some or score > top else (top, True)
    return _keep(tools, truck, row, place, count)


@inlined
def _begin(
    tools: Tools, rows: Rows, truck: Truck, row: int, count: int
) -> None:  # pragma: no cover - compiled
    """Begin a chain with a position's candidates."""
    lattice = tools.steps.lattice
    place = place_of(lattice, 0)
    truck.whole[CHAIN], truck.whole[SEEN], truck.whole[OPEN] = rows.t[row], 0, 1
    for k in range(count):
        lattice.alive[place, k], lattice.back[place, k] = True, 0
        lattice.score[place, k] = tools.found.score[k]
    _keep(tools, truck, row, place, count)


@inlined
def _keep(
    tools: Tools, truck: Truck, row: int, place: int, count: int
) -> bool:  # pragma: no cover - compiled
    steps, found = tools.steps, tools.found
    steps.lattice.size[place] = count
    steps.row[place], steps.seen[place] = row, truck.whole[SEEN]
    for k in range(count):
        steps.arc[place, k], steps.along[place, k] = found.arc[k], found.along_m[k]
        steps.point[place, k, 0], steps.point[place, k, 1] = found.point[k, 0], found.point[k, 1]
    return bool(settle(steps.lattice, tools.limits.beam))


@inlined
def _strays(
    limits: Limits, rows: Rows, truck: Truck, row: int
) -> tuple[bool, bool]:  # pragma: no cover - compiled
    """Whether a position can't be this truck's, and whether it confirms that it is elsewhere."""
    whole, real, t = truck.whole, truck.real, rows.t[row]
    x, y = rows.x[row], rows.y[row]
    if whole[LAST] == UNKNOWN:
        return False, False
    seconds = max(0.0, (t - whole[LAST]) / 1000) + limits.clock_s
    if np.hypot(x - real[LAST_X], y - real[LAST_Y]) <= limits.max_speed_mps * seconds:
        return False, False
    if whole[STRAY] != UNKNOWN:
        seconds = max(0.0, (t - whole[STRAY]) / 1000) + limits.clock_s
        if np.hypot(x - real[STRAY_X], y - real[STRAY_Y]) <= limits.max_speed_mps * seconds:
            return False, True
    return True, False


@inner
def follow(
    tools: Tools, rows: Rows, told: Told, truck: Truck, row: int
) -> None:  # pragma: no cover - compiled
    """Take one row of a truck in; tells what is decided by it."""
    limits, whole, real = tools.limits, truck.whole, truck.real
    t, x, y = rows.t[row], rows.x[row], rows.y[row]
    lapsed = whole[HEARD] != UNKNOWN and t - whole[HEARD] > limits.forget_ms
    if lapsed:
        whole[STILL], real[STILL_X] = UNKNOWN, np.nan
    whole[HEARD] = t
    told.still_since[row] = whole[STILL]
    if not rows.usable[row]:
        return
    strays, elsewhere = (False, False) if lapsed else _strays(limits, rows, truck, row)
    if strays:
        whole[STRAY], real[STRAY_X], real[STRAY_Y] = t, x, y
        told.aside[row] = 1
        return
    close = elsewhere or (whole[LAST] != UNKNOWN and t - whole[LAST] > limits.gap_ms)
    whole[STRAY] = UNKNOWN
    whole[LAST], real[LAST_X], real[LAST_Y] = t, x, y
    # False for a place that is not known yet.
    if not np.hypot(x - real[STILL_X], y - real[STILL_Y]) <= limits.still_m:
        whole[STILL], real[STILL_X], real[STILL_Y] = t, x, y
        if rows.moving[row]:
            # Where it will stand is not known: it may go on for nearly as far as that.
            real[STILL_X] = np.nan
    told.still_since[row] = whole[STILL]
    whole[SEEN] += 1
    goes_on = whole[OPEN] != 0 and not close
    stands = goes_on and np.hypot(x - real[STEP_X], y - real[STEP_Y]) < limits.step_m
    count = 0
    if stands:
        rows.role[row] = STANDING
        if not tools.steps.lattice.span[1]:
            _stand(rows, told, truck, row, True)
    else:
        heading = (rows.east[row], rows.north[row])
        count = find(tools.grid, tools.ways.graph, limits, x, y, heading, tools.found)
        close = not (goes_on and count and _reach(tools, rows, truck, row, count))
    for closing in range(int(close), -1, -1):
        if not closing and count:
            if close:
                _begin(tools, rows, truck, row, count)
            rows.role[row] = STEP
            real[STEP_X], real[STEP_Y] = x, y
        decide(tools, rows, told, truck, row, closing == 1)
