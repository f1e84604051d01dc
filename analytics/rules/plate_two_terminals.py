"""Two terminals send under one plate from places that one truck can't join.

A contradiction is a row of one terminal that follows a row of another within ``within_s``, more
than ``apart_m`` away and at more than ``max_mps``. It is told at the row that brings ``times``
contradictions of the same two terminals within ``window_s``: once for each plate, pair and day of
the city. A terminal that is replaced changes once, and from the same place. Rows set aside count
here, since the stage on roads takes the second truck's positions for wild ones; rows of terminals
whose clock is off do not, since nothing is known of where they are when.
"""

from __future__ import annotations

import numpy as np
import shapely
from pydantic import Field

from analytics.calendar import city_day, date_of
from analytics.event import Event, Evidence, Measure, above
from analytics.feeds import FIX
from analytics.law import Law
from analytics.rule import Columns, Parameters, Rule, State, register, rows
from analytics.tracks import distance_m, forget
from analytics.trails import Trail, needed_since
from analytics.truck_wording import kmh, registered
from analytics.vessel_wording import between
from analytics.vessels import Fix
from analytics.wording import place
from layers.positions import Quality
from layers.text import Text

_KEPT = ("t", "lon", "lat", "sog_mps", "terminal", "pid")
_TWO_DAYS_S = 172_800


class PlateTwoTerminalsParameters(Parameters):
    """See the module."""

    within_s: float = Field(gt=0)
    apart_m: float = Field(gt=0)
    max_mps: float = Field(gt=0)
    times: int = Field(ge=1, le=20)
    window_s: float = Field(default=86_400, gt=0)
    law: Law
    confidence: float = Field(default=0.85, ge=0, le=1)


@register
class PlateTwoTerminals(Rule):
    """See the module."""

    kind = "plate_two_terminals"
    feed = "gps"
    title = Text(en="Two terminals on one plate", zh="一牌两终端")
    parameters_model = PlateTwoTerminalsParameters

    def start(self) -> State:
        """Nobody was heard.

        Kept by plate: its last fix; by plate and pair of terminals the latest contradictions, each
        as both fixes, newest last, and when it was told last.
        """
        return {"last": {}, "found": {}, "told": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take rows in."""
        if not rows(columns):
            return []
        right = (columns["quality"] & int(Quality.CLOCK_OFF)) == 0
        chosen = (columns["kind"] == FIX) & right & (columns["terminal"] != "")
        trail = Trail(state["last"], columns, chosen, _KEPT)
        terminal = trail.take("terminal")
        changed = np.zeros(len(terminal), bool)
        changed[1:] = terminal[1:] != terminal[:-1]
        soon = trail.waits_s <= self.parameters.within_s
        events = []
        for at in np.flatnonzero(changed & soon).tolist():
            if self._apart(trail.fix(at - 1), trail.fix(at)):
                event = self._contradiction(state, trail, at)
                events += [] if event is None else [event]
        trail.keep()
        return events

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget what no later row is held against."""
        p = self.parameters
        forget(state["last"], needed_since(watermark_ms, p.within_s))
        oldest = needed_since(watermark_ms, p.window_s)
        for key in [k for k, turns in state["found"].items() if turns[-1][1][0] < oldest]:
            del state["found"][key]
        forget(state["told"], needed_since(watermark_ms, _TWO_DAYS_S))
        return []

    def _apart(self, before: Fix, fix: Fix) -> bool:
        far = distance_m(before, fix)
        reach = self.parameters.max_mps * (fix.t - before.t) / 1000
        return bool(far > self.parameters.apart_m and far > reach)

    def _contradiction(self, state: State, trail: Trail, at: int) -> Event | None:
        p, plate, fix = self.parameters, trail.plate_of(at), trail.fix(at)
        pair = sorted(str(trail.value("terminal", k)) for k in (at - 1, at))
        key = "|".join((plate, *pair))
        turns = state["found"].get(key, [])
        turns = [turn for turn in turns if turn[1][0] >= fix.t - p.window_s * 1000]
        turns = [*turns, [list(trail.fix(at - 1)), list(fix)]][-p.times :]
        state["found"][key] = turns
        day = city_day(fix.t, self.references.zone)
        told = state["told"].get(key)
        again = told is not None and city_day(told[0], self.references.zone) == day
        if len(turns) < p.times or again or not self.applies(np.array([day]))[0]:
            return None
        state["told"][key] = [fix.t]
        return self._tell(plate, pair, [(Fix(*a), Fix(*b)) for a, b in turns])

    def _tell(self, plate: str, pair: list[str], turns: list[tuple[Fix, Fix]]) -> Event:
        p, (before, fix) = self.parameters, turns[-1]
        span = turns[0][0].t, fix.t
        far = [distance_m(a, b) for a, b in turns]
        slowest = min(
            metres / max((b.t - a.t) / 1000, 1.0) for metres, (a, b) in zip(far, turns, strict=True)
        )
        known = self._registered_terminal(plate, fix.t)
        evidence = Evidence(
            measures=(
                above("contradictions", float(len(turns)), "1", float(p.times)),
                above("least_distance", min(far), "m", p.apart_m),
                above("least_implied_speed", slowest, "m/s", p.max_mps),
                Measure("largest_distance", round(max(far), 1), "m"),
            ),
            points=tuple(dict.fromkeys(one.pid for turn in turns for one in turn)),
            references=(*registered(self.references, plate, fix.t), p.law.reference()),
            quality={"terminals": pair, "registered_terminal": known or None},
            doubts=_DOUBTS,
        )
        when = between(*span, self.references.zone)
        where, there = place(before.lon, before.lat), place(fix.lon, fix.lat)
        which = (
            Text(en=f"; {known} is registered", zh=f"；登记终端为{known}") if known in pair
            else Text(en="", zh="")
        )  # fmt: skip
        sentence = Text(
            en=(
                f"Suspected misuse of a plate: terminals {pair[0]} and {pair[1]} sent under"
                f" {plate} in turns, {when.en}, {len(turns)} times from places more than"
                f" {min(far) / 1000:,.1f} km apart, last {where.en} and {there.en}; one truck would"
                f" have needed {kmh(slowest)}, limit {kmh(p.max_mps)}{which.en}."
            ),
            zh=(
                f"疑似号牌套用：终端{pair[0]}与{pair[1]}于{when.zh}以号牌{plate}交替上报，"
                f"{len(turns)}次相距超过{min(far) / 1000:,.1f}公里，最近一次位于{where.zh}与"
                f"{there.zh}；"
                f"同一车辆需达{kmh(slowest)}，限值{kmh(p.max_mps)}{which.zh}。"
            ),
        )
        line = shapely.LineString([(before.lon, before.lat), (fix.lon, fix.lat)])
        return self.event(plate, span, line, p.confidence, evidence, sentence, apart="|".join(pair))

    def _registered_terminal(self, plate: str, t_ms: int) -> str:
        day = date_of(city_day(t_ms, self.references.zone))
        entry = self.references.haulage.truck_on(plate, day)
        return "" if entry is None else entry.terminal_id


_DOUBTS = (
    Text(
        en="A terminal with a wrong clock, or one that was moved to another truck and not entered"
        " anew, shows one truck in two places.",
        zh="终端时钟错误，或终端移装后未变更登记，均会使同一号牌出现于两处。",
    ),
    Text(
        en="The plate may have been typed wrongly when a terminal was set up: to be corrected"
        " rather than punished.",
        zh="终端安装时号牌录入错误亦可致此，属纠正事项而非故意。",
    ),
)
