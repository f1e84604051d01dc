"""A truck is driven for longer than the law allows without a rest.

Time at the wheel is the time between positions that the truck moved between (``moving_mps``,
reported or by the way), and stillness of up to ``pause_s`` among it: lights and jams. A longer
stillness that is no rest neither counts nor ends the drive, so that drives with short rests are one
drive. A rest is ``min_rest_s`` within one place (``still_since`` of the feed), up to the first row
that moves, or a silence as long, wherever the truck is heard next: doubt is in the driver's favour.
The event is fixed at the row that brings the drive beyond ``max_drive_s``; there is one for each
drive, and midnight ends none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from pydantic import Field, model_validator

from analytics.calendar import city_day
from analytics.event import Event, Evidence, Measure, above, below
from analytics.kernels import driving as kernel
from analytics.kernels.driving import DrivingLimits, driving
from analytics.law import Law
from analytics.rule import Columns, Parameters, Rule, State, register, rows
from analytics.tracks import load, store
from analytics.trails import Trail, needed_since
from analytics.truck_wording import hours, registered
from analytics.vessel_wording import between
from analytics.vessels import Fix, usable_fixes
from analytics.wording import minutes, place
from layers.text import Text

_KEPT = ("t", "x", "y", "sog_mps", "still_since")


class FatigueParameters(Parameters):
    """See the module."""

    max_drive_s: float = Field(gt=0)
    min_rest_s: float = Field(gt=0)
    pause_s: float = Field(default=300, ge=0)
    moving_mps: float = Field(default=1.5, gt=0)
    law: Law
    confidence: float = Field(default=0.7, ge=0, le=1)

    @model_validator(mode="after")
    def _pauses_are_no_rests(self) -> FatigueParameters:
        if self.pause_s >= self.min_rest_s:
            raise ValueError("pause_s must be shorter than min_rest_s")
        return self


@register
class Fatigue(Rule):
    """See the module."""

    kind = "fatigue"
    feed = "gps"
    title = Text(en="Driving without a rest", zh="疲劳驾驶")
    parameters_model = FatigueParameters

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        p = self.parameters
        self._limits = DrivingLimits(p.max_drive_s, p.min_rest_s, p.pause_s, p.moving_mps)

    def start(self) -> State:
        """Nobody drives; kept by plate: its last fix, its drive and where that began."""
        return {"last": {}, "drives": {}, "starts": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take rows in."""
        if not rows(columns):
            return []
        trail = Trail(state["last"], columns, usable_fixes(columns), _KEPT)
        records = load(state["drives"], trail.plates, kernel.WIDTH)
        places, origins, begun, completed = driving(
            self._limits,
            trail.bounds,
            trail.known,
            trail.take("t"),
            trail.take("x"),
            trail.take("y"),
            trail.take("sog_mps"),
            trail.take("still_since"),
            records,
        )
        events = []
        for at, origin, record in zip(places.tolist(), origins.tolist(), completed, strict=True):
            plate, fix = trail.plate_of(at), trail.fix(at)
            start = trail.fix(origin) if origin >= 0 else Fix(*state["starts"][plate])
            if self.applies(np.array([city_day(fix.t, self.references.zone)]))[0]:
                events.append(self._tell(plate, start, fix, record))
        for plate, origin in zip(trail.plates, begun.tolist(), strict=True):
            if origin >= 0:
                state["starts"][plate] = list(trail.fix(origin))
        store(state["drives"], trail.plates, records)
        trail.keep()
        return events

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget trucks whose next row comes after a rest in any case."""
        oldest = needed_since(watermark_ms, self.parameters.min_rest_s)
        for plate in [name for name, fix in state["last"].items() if fix[0] < oldest]:
            for part in state.values():
                del part[plate]
        return []

    def _tell(self, plate: str, start: Fix, fix: Fix, record: npt.NDArray[np.float64]) -> Event:
        p, zone = self.parameters, self.references.zone
        driven, pause = float(record[kernel.DRIVEN]), float(record[kernel.LONGEST_PAUSE])
        span_h = (fix.t - start.t) / 3_600_000
        evidence = Evidence(
            measures=(
                above("time_driven", driven, "s", p.max_drive_s),
                below("longest_rest", pause, "s", p.min_rest_s),
                Measure("time_since_rest", (fix.t - start.t) / 1000, "s"),
            ),
            points=(start.pid, fix.pid),
            references=(
                *registered(self.references, plate, fix.t),
                p.law.reference(),
            ),
            quality={
                "fixes": int(record[kernel.FIXES]),
                "fixes_per_h": round(float(record[kernel.FIXES] - 1) / span_h, 1),
                "worst_gap_s": round(float(record[kernel.WORST_GAP]), 3),
            },
            doubts=_DOUBTS,
        )
        when, where = between(start.t, fix.t, zone), place(fix.lon, fix.lat)
        lasted, limit = hours(driven), hours(p.max_drive_s)
        rest, needed = minutes(pause), minutes(p.min_rest_s)
        sentence = Text(
            en=(
                f"Suspected fatigue: truck {plate} was driven for {lasted.en}, {when.en}, limit"
                f" {limit.en} ({p.law.title.en}); its longest rest in that time was {rest.en},"
                f" less than {needed.en}; at {where.en} when it passed the limit."
            ),
            zh=(
                f"疑似疲劳驾驶：货车{plate}于{when.zh}累计行驶{lasted.zh}，超过限值{limit.zh}"
                f"（{p.law.title.zh}）；其间最长停车{rest.zh}，不足{needed.zh}；超限时位于{where.zh}。"
            ),
        )
        point = shapely.Point(fix.lon, fix.lat)
        return self.event(plate, (start.t, fix.t), point, p.confidence, evidence, sentence)


_DOUBTS = (
    Text(
        en="Drivers may have taken turns: the feed does not tell who drives.",
        zh="可能由多名驾驶人轮换驾驶：数据不含驾驶人身份。",
    ),
    Text(
        en="Between two fixes the truck is taken to have moved all the time if it moved at all.",
        zh="相邻两次定位之间只要有位移即按全程行驶计。",
    ),
)
