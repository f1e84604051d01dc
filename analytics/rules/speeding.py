"""A truck drives faster than its road allows, by two clocks that do not depend on each other.

One is the speed that the terminal measures (Doppler shift, at the moment of a fix). The other is
the driving recorder's, by pulses of the wheels, where a fix at both ends of a step tells one above
zero (zero is sent where none is connected), and else the way along the matched road between two
fixes over the time between them. A step from one fix to the next is *fast* if the terminal's speed
at both of its ends and the second clock's are all above limit × (1 + ``tolerance_share``), where
the limit is the highest of all roads that the step passes, both ends included. One wild speed, or
one wild position, makes no step fast. A step that passes a road without a known limit, whose fixes
lie further than ``max_off_m`` from their roads, or that took longer than ``max_step_s``, is not
judged. Fast steps that follow each other are one run, told once, at the fix at which it has lasted
``min_duration_s``, with the step of the run so far that is furthest above its limit by the slowest
of its speeds.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from pydantic import Field

from analytics.calendar import city_days
from analytics.event import Event, Evidence, Measure, above
from analytics.law import Law
from analytics.road_wording import (
    CLOCK,
    MATCHED,
    fixes_quality,
    kmh,
    points_of,
    road_name,
)
from analytics.routes import Seen, Steps, steps_of
from analytics.rule import Columns, Parameters, Rule, State, register, rows
from analytics.tracks import forget
from analytics.truck_wording import registered
from analytics.vessel_wording import between
from layers.text import Text

# What arithmetic alone may add to a speed, m/s.
_ROUNDING = 1e-9


class SpeedingParameters(Parameters):
    """See the module."""

    tolerance_share: float = Field(default=0.10, ge=0, lt=1)
    min_duration_s: float = Field(default=20, ge=0)
    max_off_m: float = Field(default=20, gt=0)
    max_step_s: float = Field(default=120, gt=0)
    law: Law
    confidence: float = Field(default=0.85, ge=0, le=1)


@register
class Speeding(Rule):
    """See the module."""

    kind = "speeding"
    feed = "gps"
    title = Text(en="Speeding trucks", zh="货车超速")
    parameters_model = SpeedingParameters

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        roads = self.references.haulage.roads
        if roads is not None:
            self._limits = roads.speed_limit_kmh[roads.arc_road] / 3.6

    def start(self) -> State:
        """Nobody drives: kept are each truck's last matched fix and its run."""
        return {"last": {}, "runs": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take matched rows in."""
        p, roads = self.parameters, self.references.haulage.roads
        if roads is None or not rows(columns):
            return []
        steps = steps_of(columns, roads, state["last"], p.max_step_s, p.max_off_m)
        held = {mover: state["runs"].pop(mover, None) for mover in steps.fixes.movers}
        fast, limit = self._fast(steps)
        owner, bounds = steps.fixes.owner[fast], steps.fixes.bounds
        begins = np.flatnonzero((np.diff(fast, prepend=-2) > 1) | (np.diff(owner, prepend=-1) > 0))
        events = []
        for first, end in pairwise([*begins.tolist(), len(fast)]):
            at, truck = int(fast[first]), int(owner[first])
            mover = steps.fixes.movers[truck]
            run = held[mover] if at == bounds[truck] else None
            run = run or {"fixes": [list(steps.seen_before(at))], "worst": [0.0], "told": False}
            for k in range(first, end):
                if run["told"]:
                    break
                events += self._add(run, mover, steps, int(fast[k]), float(limit[k]))
            if fast[end - 1] + 1 == bounds[truck + 1]:
                state["runs"][mover] = run
        steps.keep(state["last"])
        return events

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget trucks that no later fix can follow."""
        forget(state["last"], watermark_ms - self.parameters.max_step_s * 1000)
        state["runs"] = {m: run for m, run in state["runs"].items() if m in state["last"]}
        return []

    def _fast(self, steps: Steps) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Numbers of the fast steps, and their limits in m/s."""
        share = 1 + self.parameters.tolerance_share
        slower = np.minimum(steps.take("sog_mps"), steps.before("sog_mps"))
        waited = steps.take("t") - steps.before("t")
        perhaps = steps.joined & (waited > 0)
        perhaps &= slower > self._limits[steps.take("arc")] * share + _ROUNDING
        chosen = np.flatnonzero(perhaps)
        pieces = steps.pieces(chosen)
        limit = np.zeros(0)
        if len(chosen):
            # An unknown limit makes the highest unknown, and nothing is above that.
            limit = np.maximum.reduceat(self._limits[pieces.arc], pieces.bounds[:-1])
        second = _second(steps, chosen)[0]
        fast = np.minimum(slower[chosen], second) > limit * share + _ROUNDING
        fast &= self.applies(city_days(steps.take("t")[chosen], self.references.zone))
        return chosen[fast], limit[fast]

    def _add(self, run: State, mover: str, steps: Steps, at: int, limit: float) -> list[Event]:
        """Prolong a run by a fast step; the event that this completes."""
        fix = steps.seen(at)
        run["fixes"].append(list(fix))
        told = float(min(steps.take("sog_mps")[at], steps.before("sog_mps")[at]))
        second, recorded = (one[0].item() for one in _second(steps, np.array([at])))
        share = min(told, second) / limit - 1
        if share > run["worst"][0]:
            pieces = steps.pieces(np.array([at]))
            road = int(steps.roads.arc_road[pieces.arc[np.argmax(self._limits[pieces.arc])]])
            name = road_name(steps.roads, road)
            cited = steps.roads.reference(road)
            run["worst"] = [share, told, second, recorded, limit, name.en, name.zh, cited]
        if (fix.t - run["fixes"][0][0]) / 1000 < self.parameters.min_duration_s:
            return []
        event = self._tell(mover, [Seen(*one) for one in run["fixes"]], run["worst"])
        run.update(told=True, fixes=[], worst=[0.0])
        return [event]

    def _tell(self, plate: str, fixes: list[Seen], worst: list[Any]) -> Event:
        share, told, second, recorded, limit, en, zh, cited = worst
        span, p = (fixes[0].t, fixes[-1].t), self.parameters
        lasted = (span[1] - span[0]) / 1000
        evidence = Evidence(
            measures=(
                above("reported_speed", told, "m/s", round(limit, 3)),
                above(
                    "recorder_speed" if recorded else "route_speed", second, "m/s", round(limit, 3)
                ),
                Measure(
                    "share_over_limit",
                    round(share * 100, 2),
                    "%",
                    round(p.tolerance_share * 100, 2),
                    round((share - p.tolerance_share) * 100, 2),
                ),
                above("duration", lasted, "s", p.min_duration_s),
            ),
            points=points_of(fixes),
            references=(cited, *registered(self.references, plate, span[0]), p.law.reference()),
            quality=fixes_quality(fixes),
            doubts=_DOUBTS,
        )
        when = between(*span, self.references.zone)
        allowed, by = f"{limit * 3.6:g} km/h", _RECORDER if recorded else _WAY
        sentence = Text(
            en=(
                f"Suspected speeding: {plate} drove at {kmh(told)} by its terminal and at"
                f" {kmh(second)} by {by.en} {en}, {when.en}; both are at least"
                f" {share:.1%} above {allowed}, the highest limit of the roads passed (tolerance"
                f" {p.tolerance_share:.0%})."
            ),
            zh=(
                f"疑似超速：{plate}于{when.zh}在{zh}行驶，终端报送车速{kmh(told)}，{by.zh}"
                f"{kmh(second)}，均超出所经道路最高限速{allowed}至少{share:.1%}（允许误差"
                f"{p.tolerance_share:.0%}）。"
            ),
        )
        line = shapely.LineString([(one.lon, one.lat) for one in fixes])
        return self.event(plate, span, line, p.confidence, evidence, sentence)


def _second(
    steps: Steps, chosen: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Speeds of some steps by the second clock, m/s, and whether that is the recorder."""
    waited = (steps.take("t") - steps.before("t"))[chosen]
    ends = [steps.take("recorder_mps")[chosen], steps.before("recorder_mps")[chosen]]
    recorded = (ends[0] > 0) & (ends[1] > 0)
    way = steps.take("route_m")[chosen] / waited * 1000
    return np.where(recorded, np.minimum(*ends), way), recorded


_WAY = Text(en="the way along", zh="按路程与时间计算")
_RECORDER = Text(en="its driving recorder on", zh="行驶记录仪车速")
_DOUBTS = (
    MATCHED,
    Text(
        en="The map's limit may be outdated; signs for hours, lanes, weather or works are not"
        " known.",
        zh="地图限速可能已变更；分时段、分车道、恶劣天气及施工限速未掌握。",
    ),
    CLOCK,
)
