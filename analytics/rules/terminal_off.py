"""A truck's terminal falls silent while the truck drives on.

A silence is the time between two fixes of a plate that follow each other, whatever terminal sent
them. It is told where the truck was somewhere else afterwards (``min_moved_m``) and either was
longer than ``min_gap_s``, began while the truck drove (``moving_mps``) and spans a way that needs
``min_mps`` on the straight line; or lasted ``min_gap_alarm_s`` after the terminal had said in its
last row that its power or antenna was cut. The event is fixed at the row that ends the silence. A
row set aside (a place the truck was not at) or a clock that is off at one end only leaves nothing
to measure by, and a truck that is silent where it is parked is not told.
"""

from __future__ import annotations

import numpy as np
import shapely
from pydantic import Field

from analytics.calendar import city_day
from analytics.event import Event, Evidence, Measure, above
from analytics.feeds import FIX
from analytics.law import Law
from analytics.rule import Columns, Parameters, Rule, State, register, rows
from analytics.tracks import distance_m, forget, haversine_m
from analytics.trails import Trail, needed_since
from analytics.truck_wording import hours, kmh, registered
from analytics.vessel_wording import between
from analytics.vessels import Fix
from analytics.wording import place
from layers.positions import Quality
from layers.text import Text

_KEPT = ("t", "lon", "lat", "sog_mps", "still_since", "aside", "quality", "pid")
_CUTS = {
    Quality.POWER_CUT: Text(en="its power was cut", zh="主电源断开"),
    Quality.ANTENNA_CUT: Text(en="its antenna was cut or shorted", zh="天线断路或短路"),
}


class TerminalOffParameters(Parameters):
    """See the module.

    Attributes
    ----------
    max_gap_s : a longer silence is not judged.
    """

    min_gap_s: float = Field(gt=0)
    min_gap_alarm_s: float = Field(gt=0)
    min_moved_m: float = Field(gt=0)
    min_mps: float = Field(gt=0)
    moving_mps: float = Field(default=1.5, gt=0)
    max_gap_s: float = Field(default=86_400, gt=0)
    law: Law
    confidence: float = Field(default=0.6, ge=0, le=1)
    confidence_alarm: float = Field(default=0.8, ge=0, le=1)


@register
class TerminalOff(Rule):
    """See the module."""

    kind = "terminal_off"
    feed = "gps"
    title = Text(en="Terminal silent while the truck drives on", zh="行驶中关闭车载终端")
    parameters_model = TerminalOffParameters

    def start(self) -> State:
        """Nobody was heard; kept by plate: its last fix."""
        return {"last": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take rows in."""
        if not rows(columns):
            return []
        # A wild position is none, but who sent it was not silent.
        trail = Trail(state["last"], columns, columns["kind"] == FIX, _KEPT)
        events = [self._judge(trail, at) for at in self._silences(trail)]
        trail.keep()
        return [event for event in events if event is not None]

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget trucks whose silence is too long to be judged."""
        forget(state["last"], needed_since(watermark_ms, self.parameters.max_gap_s))
        return []

    def _silences(self, trail: Trail) -> list[int]:
        """Places that end a silence after which the truck is somewhere else."""
        p, waits, told = self.parameters, trail.waits_s, trail.take("quality")
        cut = np.zeros(len(waits), bool)
        cut[1:] = (told[:-1] & int(Quality.POWER_CUT | Quality.ANTENNA_CUT)) != 0
        long = np.flatnonzero((waits >= p.min_gap_s) | (cut & (waits >= p.min_gap_alarm_s)))
        lon, lat = trail.take("lon"), trail.take("lat")
        moved = haversine_m(lon[long - 1], lat[long - 1], lon[long], lat[long])
        return [int(at) for at in long[moved >= p.min_moved_m]]

    def _judge(self, trail: Trail, at: int) -> Event | None:
        p, before, fix = self.parameters, trail.fix(at - 1), trail.fix(at)
        gap, said = (fix.t - before.t) / 1000, int(trail.value("quality", at - 1))
        aside = trail.value("aside", at - 1) or trail.value("aside", at)
        clocks = (said ^ int(trail.value("quality", at))) & int(Quality.CLOCK_OFF)
        day = city_day(before.t, self.references.zone)
        if aside or clocks or gap > p.max_gap_s or not self.applies(np.array([day]))[0]:
            return None
        moved = distance_m(before, fix)
        cut = [said_of for bit, said_of in _CUTS.items() if said & bit]
        driving = _drove(before, int(trail.value("still_since", at - 1)), p.moving_mps)
        plain = gap >= p.min_gap_s and driving and moved >= p.min_mps * gap
        if not (plain or (cut and gap >= p.min_gap_alarm_s)):
            return None
        return self._tell(trail.plate_of(at), before, fix, cut, said)

    def _tell(self, plate: str, before: Fix, fix: Fix, cut: list[Text], said: int) -> Event:
        p, zone = self.parameters, self.references.zone
        gap, moved = (fix.t - before.t) / 1000, distance_m(before, fix)
        limit = p.min_gap_alarm_s if cut else p.min_gap_s
        mean = Measure("mean_straight_speed", round(moved / gap, 3), "m/s")
        evidence = Evidence(
            measures=(
                above("silence", gap, "s", limit),
                above("distance_moved", moved, "m", p.min_moved_m),
                mean if cut else above("mean_straight_speed", moved / gap, "m/s", p.min_mps),
            ),
            points=(before.pid, fix.pid),
            references=(*registered(self.references, plate, fix.t), p.law.reference()),
            quality={
                "speed_before_mps": before.sog_mps,
                "alarms_before": [one.en for one in cut],
                "clock_off": bool(said & Quality.CLOCK_OFF),
            },
            doubts=_DOUBTS,
        )
        when, lasted = between(before.t, fix.t, zone), hours(gap)
        where, again = place(before.lon, before.lat), place(fix.lon, fix.lat)
        said_en = "".join(f", after it had told that {one.en}" for one in cut)
        said_zh = "".join(f"；中断前已报{one.zh}" for one in cut)
        longest = hours(limit)
        sentence = Text(
            en=(
                f"Suspected switching off of a terminal: truck {plate} was silent for {lasted.en},"
                f" {when.en}, limit {longest.en}, and drove on: last at {where.en}, again at"
                f" {again.en}, {moved / 1000:,.1f} km away (at least {kmh(moved / gap)} on"
                f" average){said_en}."
            ),
            zh=(
                f"疑似关闭车载终端：货车{plate}于{when.zh}中断{lasted.zh}（限值{longest.zh}）而继续"
                f"行驶：中断前位置{where.zh}，恢复位置{again.zh}，相距{moved / 1000:,.1f}公里"
                f"（平均不低于{kmh(moved / gap)}）{said_zh}。"
            ),
        )
        ends = [(before.lon, before.lat), (fix.lon, fix.lat)]
        sure = p.confidence_alarm if cut else p.confidence
        line = shapely.LineString(ends)
        return self.event(plate, (before.t, fix.t), line, sure, evidence, sentence)


def _drove(fix: Fix, since_ms: int, moving_mps: float) -> bool:
    """Whether a truck drove at a fix: by its speed, or having just moved where it tells none."""
    return since_ms == fix.t if fix.sog_mps is None else fix.sog_mps >= moving_mps


_DOUBTS = (
    Text(
        en="Tunnels, places without mobile network or a platform that was down are silent, too;"
        " compare other trucks at that time.",
        zh="隧道、无移动网络区域或平台停机亦可致中断，请比对同时段其他车辆。",
    ),
    Text(
        en="A failing terminal or a workshop's work on it looks the same; what it stored may still"
        " come.",
        zh="终端故障或维修亦有相同表现；盲区补传数据可能稍后到达。",
    ),
)
