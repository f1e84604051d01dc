"""A truck drives on roads that are closed to trucks, at all hours or at that hour.

What counts is the length driven on such roads (``truck_ban``, or ``truck_ban_hours`` on the city's
clock) along the matched way between fixes, not the fixes alone; the part of it that lies within the
hours is taken from the interpolated times. Lengths that follow each other without leaving closed
roads are one passage; it is told once, at the fix with which its length reaches ``min_inside_m``.
A junction with a closed road is crossed on less, and where a truck turned round between two fixes
only what it can't have left out is counted. Hours that can't be read close nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from analytics.calendar import city_days
from analytics.event import Event, Evidence, above
from analytics.hours import Hours, parse_hours, time_within
from analytics.law import Law
from analytics.road_shapes import along, way_shape
from analytics.road_wording import (
    CLOCK,
    MATCHED,
    fixes_quality,
    metres,
    points_of,
    road_name,
)
from analytics.routes import Pieces, Seen, Steps, steps_of
from analytics.rule import Columns, Parameters, Rule, State, register, rows
from analytics.tracks import forget
from analytics.truck_wording import registered
from analytics.vessel_wording import between
from layers.text import Text

_ALL_DAY: Hours = ((0, 1440),)


class BannedRoadParameters(Parameters):
    """See the module."""

    min_inside_m: float = Field(default=200, gt=0)
    max_off_m: float = Field(default=20, gt=0)
    max_step_s: float = Field(default=600, gt=0)
    law: Law
    confidence: float = Field(default=0.8, ge=0, le=1)


class _Inside(NamedTuple):
    """Steps on closed roads, by number, and what of their pieces counts.

    Attributes
    ----------
    mm, first_ms : of each piece, within the hours.
    closed : whether its road is closed to trucks at any hour.
    cuts : for each step of the batch how many up to it leave closed roads; shape (n,).
    """

    steps: npt.NDArray[np.int64]
    pieces: Pieces
    mm: npt.NDArray[np.int64]
    first_ms: npt.NDArray[np.int64]
    closed: npt.NDArray[np.bool_]
    cuts: npt.NDArray[np.int64]


@register
class BannedRoad(Rule):
    """See the module."""

    kind = "banned_road"
    feed = "gps"
    title = Text(en="Trucks on roads closed to them", zh="货车闯禁行")
    parameters_model = BannedRoadParameters

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        roads = self.references.haulage.roads
        if roads is None:
            return
        hours = [
            _ALL_DAY if always else _readable(str(text or ""))
            for always, text in zip(roads.truck_ban, roads.truck_ban_hours, strict=True)
        ]
        self._kinds = sorted({one for one in hours if one})
        number = {one: k for k, one in enumerate(self._kinds)} | {(): -1}
        self._kind = np.array([number[one] for one in hours], np.int64)[roads.arc_road]

    def start(self) -> State:
        """Nobody drives: kept are each truck's last matched fix and its passage."""
        return {"last": {}, "open": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take matched rows in."""
        p, roads = self.parameters, self.references.haulage.roads
        if roads is None or not rows(columns):
            return []
        steps = steps_of(columns, roads, state["last"], p.max_step_s, p.max_off_m)
        inside = self._inside(steps)
        events: list[Event] = []
        # Of each truck its passage, and the step up to which it is known.
        held = {
            truck: (state["open"].pop(mover), int(steps.fixes.bounds[truck]) - 1)
            for truck, mover in enumerate(steps.fixes.movers)
            if mover in state["open"]
        }
        counting = inside.pieces.step[inside.mm > 0]
        for k in np.unique(counting).tolist():
            at = int(inside.steps[k])
            truck = int(steps.fixes.owner[at])
            passage = _unbroken(held.pop(truck, None), inside.cuts, at - 1)
            passage, completed = self._drive(passage, steps, inside, k)
            events += completed
            if passage is not None:
                held[truck] = (passage, at)
        for truck, kept in held.items():
            passage = _unbroken(kept, inside.cuts, int(steps.fixes.bounds[truck + 1]) - 1)
            if passage is not None:
                state["open"][steps.fixes.movers[truck]] = passage
        steps.keep(state["last"])
        return events

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget trucks that no later fix can follow."""
        forget(state["last"], watermark_ms - self.parameters.max_step_s * 1000)
        state["open"] = {m: one for m, one in state["open"].items() if m in state["last"]}
        return []

    def _inside(self, steps: Steps) -> _Inside:
        chosen = np.flatnonzero(steps.touching(self._kind >= 0))
        pieces = steps.pieces(chosen, turned_early=True)
        kind, zone = self._kind[pieces.arc], self.references.zone
        mm, first = np.zeros(len(kind), np.int64), pieces.leave_ms.copy()
        for number, hours in enumerate(self._kinds):
            own = np.flatnonzero((kind == number) & (pieces.length_mm > 0))
            enter, leave = pieces.enter_ms[own], pieces.leave_ms[own]
            # A moment long at least, so that each length lies within the hours or not.
            leave = np.maximum(leave, enter + 1)
            held, first[own] = time_within(enter, leave, hours, zone)
            mm[own] = np.rint(pieces.length_mm[own] * (held / (leave - enter))).astype(np.int64)
        mm[~self.applies(city_days(pieces.enter_ms, zone))] = 0
        closed = (kind >= 0) | (pieces.length_mm == 0)
        whole = np.zeros(len(steps), bool)
        if len(chosen):
            whole[chosen] = np.logical_and.reduceat(closed, pieces.bounds[:-1])
        return _Inside(chosen, pieces, mm, first, closed, np.cumsum(~whole))

    def _drive(
        self, passage: State | None, steps: Steps, inside: _Inside, k: int
    ) -> tuple[State | None, list[Event]]:
        """Prolong or end a passage by the pieces of a step; the events that this completes."""
        at, bounds = int(inside.steps[k]), inside.pieces.bounds
        mover = steps.fixes.movers[int(steps.fixes.owner[at])]
        events: list[Event] = []
        for q in range(int(bounds[k]), int(bounds[k + 1])):
            if not inside.closed[q]:
                events += self._complete(mover, passage, steps, at)
                passage = None
            elif inside.mm[q] > 0:
                if passage is None:
                    passage = _begun(int(inside.first_ms[q]), steps.seen_before(at))
                    came_on = self._kind[int(steps.before("arc")[at])] >= 0
                    passage["seen"] = bool(q == bounds[k] and came_on)
                if not passage["told"]:
                    self._add(passage, steps, inside, q)
        if passage is not None and self._kind[int(steps.take("arc")[at])] >= 0:
            passage["seen"] = True
        return passage, events + self._complete(mover, passage, steps, at)

    def _add(self, passage: State, steps: Steps, inside: _Inside, q: int) -> None:
        pieces, roads = inside.pieces, steps.roads
        arc, road = int(pieces.arc[q]), int(roads.arc_road[pieces.arc[q]])
        passage["mm"] += int(inside.mm[q])
        passage["way"] += along(roads, arc, float(pieces.from_m[q]), float(pieces.to_m[q]))
        name, cited = road_name(roads, road), roads.reference(road)
        hours = "" if roads.truck_ban[road] else str(roads.truck_ban_hours[road])
        if [name.en, name.zh, hours] not in passage["names"]:
            passage["names"].append([name.en, name.zh, hours])
        if cited not in passage["roads"]:
            passage["roads"].append(cited)

    def _complete(self, mover: str, passage: State | None, steps: Steps, at: int) -> list[Event]:
        """Note that a passage goes on to a fix, and tell it if that makes it long enough."""
        if passage is None or passage["told"]:
            return []
        passage["fixes"].append(list(steps.seen(at)))
        # The way between two fixes may have been another: one fix must lie on a closed road.
        if not passage["seen"] or passage["mm"] / 1000 < self.parameters.min_inside_m:
            return []
        event = self._tell(mover, passage)
        passage.update(_begun(passage["since"], steps.seen(at)), told=True, fixes=[])
        return [event]

    def _tell(self, plate: str, passage: State) -> Event:
        p, fixes = self.parameters, [Seen(*one) for one in passage["fixes"]]
        far, span = passage["mm"] / 1000, (passage["since"], fixes[-1].t)
        evidence = Evidence(
            measures=(above("length_on_closed_roads", far, "m", p.min_inside_m),),
            points=points_of(fixes),
            references=(
                *passage["roads"],
                *registered(self.references, plate, span[0]),
                p.law.reference(),
            ),
            quality=fixes_quality(fixes),
            doubts=_DOUBTS,
        )
        en = ", ".join(f"{name} ({hours or 'at all hours'})" for name, _, hours in passage["names"])
        zh = "、".join(f"{name}（{hours or '全天'}）" for _, name, hours in passage["names"])
        when, length = between(*span, self.references.zone), metres(far)
        sentence = Text(
            en=(
                f"Suspected driving where trucks are banned: {plate} drove {length.en} on {en},"
                f" {when.en}; told from {p.min_inside_m:g} m."
            ),
            zh=(
                f"疑似闯禁行：{plate}于{when.zh}在禁止货车通行的{zh}行驶{length.zh}，"
                f"限值{p.min_inside_m:g}米。"
            ),
        )
        shape = way_shape(passage["way"], self.references.crs)
        return self.event(plate, span, shape, p.confidence, evidence, sentence)


def _begun(since: int, fix: Seen) -> State:
    return {
        "since": since,
        "mm": 0,
        "fixes": [list(fix)],
        "roads": [],
        "names": [],
        "way": [],
        "seen": False,
        "told": False,
    }


def _unbroken(
    kept: tuple[State, int] | None, cuts: npt.NDArray[np.int64], until: int
) -> State | None:
    """A passage if no step since then, up to another, leaves closed roads."""
    if kept is None:
        return None
    passage, since = kept
    before = int(cuts[since]) if since >= 0 else 0
    return passage if until <= since or int(cuts[until]) == before else None


def _readable(text: str) -> Hours:
    try:
        return parse_hours(text)
    except ValueError:
        return ()


_DOUBTS = (
    MATCHED,
    Text(
        en="The truck may have a pass, be of a kind that the ban does not mean, or have been"
        " diverted by works or the police.",
        zh="车辆可能持有通行证、不属于禁行车型，或因施工、交警指挥绕行。",
    ),
    CLOCK,
)
