"""One hull sends under several MMSIs: a call sign or IMO number comes under two within a day.

What is compared is what cannot well belong to two: the IMO number with a right check digit (IMO
resolution A.1117(30)), and a call sign of the declared form. One event for each pair of MMSIs and
day of the city; its subject is the one heard later, since that is the new one, and both are named.
Whether one hull can have been at both places is told, not judged.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from pydantic import Field, field_validator

from analytics.calendar import city_days
from analytics.event import Event, Evidence, Measure, above
from analytics.preparation.statics import Statics
from analytics.rule import Columns, Parameters, Rule, State, register
from analytics.tracks import distance_m
from analytics.vessel_wording import told, who
from analytics.vessels import Fix, fix_at
from analytics.wording import place
from layers.text import Text


class MultiMmsiParameters(Parameters):
    """See the module.

    Attributes
    ----------
    callsign_pattern : a call sign that says anything matches it as a whole.
    max_speed_mps : faster than that no hull goes from one place to the other.
    """

    window_s: float = Field(default=86_400, gt=0)
    callsign_pattern: str = "[A-Z0-9]*[A-Z][A-Z0-9]*[1-9][A-Z0-9]*"
    min_callsign: int = Field(default=4, ge=1)
    max_speed_mps: float = Field(default=31, gt=0)
    confidence: float = Field(default=0.8, ge=0, le=1)

    @field_validator("callsign_pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as failure:
            raise ValueError(f"not a regular expression: {value!r} ({failure})") from failure
        return value


@register
class MultiMmsi(Rule):
    """See the module."""

    kind = "multi_mmsi"
    feed = "ais"
    title = Text(en="Several MMSIs on one hull", zh="一船多码")
    parameters_model = MultiMmsiParameters
    compares = True

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._callsign = re.compile(self.parameters.callsign_pattern)

    def start(self) -> State:
        """Nothing said. By key (call sign or IMO number) the last position of each MMSI."""
        return {"keys": {}, "raised": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take prepared AIS rows in; in the order of time, since it compares vessels."""
        events = []
        rows = np.flatnonzero(columns["turn"])
        t, mover = columns["t"][rows], columns["mover"][rows]
        days = city_days(t, self.references.zone)
        turns = zip(
            t.tolist(),
            mover.tolist(),
            rows.tolist(),
            days.tolist(),
            self.applies(days).tolist(),
            strict=True,
        )
        keys_of = lru_cache(maxsize=65_536)(self._keys)
        # Rows of this batch stand for what was heard until it is asked for, or the batch ends.
        touched: dict[str, State] = {}
        for when, mmsi, row, day, counts in sorted(turns):
            said: Statics | None = columns["said"][row]
            keys = keys_of(said.imo, said.callsign) if said is not None and counts else ()
            if said is None or not keys:
                continue
            for key in keys:
                heard = touched[key] = state["keys"].setdefault(key, {})
                others = heard.keys() - {mmsi} if len(heard) > (mmsi in heard) else ()
                for other in sorted(others):
                    last = heard[other] = _heard(columns, heard[other])
                    pair = "|".join(sorted((mmsi, other)))
                    fresh = when - last[0] <= self.parameters.window_s * 1000
                    if not fresh or state["raised"].get(pair) == day:
                        continue
                    state["raised"][pair] = day
                    fix = fix_at(columns, row)
                    events.append(self._tell(key, mmsi, said, fix, other, last))
                heard[mmsi] = row
        for heard in touched.values():
            heard.update([(mmsi, _heard(columns, last)) for mmsi, last in heard.items()])
        return events

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget what is older than the window."""
        oldest = watermark_ms - self.parameters.window_s * 1000
        for key, heard in list(state["keys"].items()):
            kept = {mmsi: last for mmsi, last in heard.items() if last[0] >= oldest}
            state["keys"][key] = kept
            if not kept:
                del state["keys"][key]
        return []

    def _keys(self, imo: int, callsign: str) -> list[str]:
        callsign = callsign.strip().upper()
        keys = [f"IMO {imo}"] if is_imo(imo) else []
        if len(callsign) >= self.parameters.min_callsign and self._callsign.fullmatch(callsign):
            keys.append(f"call sign {callsign}")
        return keys

    def _tell(
        self, key: str, mmsi: str, said: Statics, fix: Fix, other: str, last: Sequence[Any]
    ) -> Event:
        p, before = self.parameters, Fix(*last[:6])
        far, seconds = distance_m(before, fix), (fix.t - before.t) / 1000
        speed = far / seconds if seconds > 0 else (float("inf") if far > 100 else 0.0)
        fast = speed > p.max_speed_mps
        measures = [
            above("time_between", seconds, "s", 0.0),
            Measure("distance", round(far, 1), "m"),
        ]
        if seconds > 0:
            measures.append(above("implied_speed", speed, "m/s", p.max_speed_mps))
        evidence = Evidence(
            measures=tuple(measures),
            points=(before.pid, said.pid, fix.pid),
            quality={
                **told(said),
                "subjects": sorted((mmsi, other)),
                "shared": key,
                "name_under_other": last[6] or None,
            },
            doubts=_DOUBTS,
        )
        name, where = who(said, mmsi), place(fix.lon, fix.lat)
        told_zh = key.replace("call sign", "呼号")
        sentence = Text(
            en=(
                f"Suspected second MMSI of one hull: {name.en} at {where.en} sends {key}, as MMSI"
                f" {other} did {seconds / 60:,.0f} min before, {far / 1000:,.1f} km away"
                + ("; no vessel is that fast: one of the two is not the hull." if fast else ".")
            ),
            zh=(
                f"疑似一船多码：{name.zh}（{where.zh}）发送的{told_zh}，{seconds / 60:,.0f}分钟前由"
                f"MMSI {other}在{far / 1000:,.1f}公里外发送"
                + ("；航速不可能达到，两者之一并非该船。" if fast else "。")
            ),
        )
        span = (min(before.t, fix.t), fix.t)
        point = shapely.Point(fix.lon, fix.lat)
        both = tuple(sorted((mmsi, other)))
        apart = f"{other}|{fix.t}"
        return self.event(mmsi, span, point, p.confidence, evidence, sentence, both, apart)


def _heard(columns: Columns, last: Any) -> Sequence[Any]:
    """What is kept of a row of a batch: its position and the name; else what was kept."""
    return (*fix_at(columns, last), columns["said"][last].name) if isinstance(last, int) else last


def is_imo(number: int) -> bool:
    """Whether a number is an IMO ship number: seven digits, the last one checks the others."""
    digits = [int(digit) for digit in str(number)]
    if len(digits) != 7:
        return False
    return sum(d * w for d, w in zip(digits, range(7, 1, -1), strict=False)) % 10 == digits[6]


_DOUBTS = (
    Text(
        en="A ship may lawfully carry two transponders, or have got a new number that day.",
        zh="船舶可能合法配备两台设备，或当日更换了码号。",
    ),
    Text(
        en="Call signs and IMO numbers are entered by hand and may be mistyped.",
        zh="呼号与IMO编号由人工录入，可能有误。",
    ),
)
