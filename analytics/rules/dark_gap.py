"""A vessel falls silent near watched waters for longer than reception there can explain.

A silence is the time between two positions of one track, so never that between two vessels on one
MMSI. It is told if it is longer than ``min_gap_s``, if the probability that a vessel that goes on
sending is not heard for that long is below ``max_probability`` by what was learned of reception
around its beginning (see `analytics.reception_model`), and if it begins or ends in, or within
``near_m`` of, a zone of ``zone_kinds``. Silences that begin in ``exempt_kinds`` (ports), or of a
vessel that says it lies at anchor or moored, are not told. The event is fixed at the position that
ends the silence; without anything learned the rule is silent.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from pydantic import Field

from analytics.calendar import city_day
from analytics.event import Event, Evidence, Measure, above
from analytics.preparation.statics import Statics
from analytics.reception_model import RESOLUTION
from analytics.rule import Columns, Parameters, Rule, State, register
from analytics.rules.loitering import LYING
from analytics.tracks import Tracks, distance_m, forget, name_of, tracks_of
from analytics.vessel_wording import between, duration, knots, told, who
from analytics.vessels import Fix
from analytics.wording import place
from analytics.zones import near
from layers import h3grid
from layers.text import Text

_NO_STATUS = 15


class DarkGapParameters(Parameters):
    """See the module."""

    min_gap_s: float = Field(default=3600, ge=600)
    max_probability: float = Field(default=1e-3, gt=0, lt=1)
    zone_kinds: tuple[str, ...] = ("watch", "fishing_ban")
    exempt_kinds: tuple[str, ...] = ("port",)
    near_m: float = Field(default=5000, ge=0)
    max_gap_s: float = Field(default=86_400, gt=0)
    confidence: float = Field(default=0.75, ge=0, le=1)


@register
class DarkGap(Rule):
    """See the module."""

    kind = "dark_gap"
    feed = "ais"
    title = Text(en="Silences that reception does not explain", zh="船舶信号异常中断")
    parameters_model = DarkGapParameters

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._watched = self.references.zones_of(self.parameters.zone_kinds)
        self._exempt = self.references.zones_of(self.parameters.exempt_kinds)

    def start(self) -> State:
        """Nobody was heard; kept by track: its last position, place and status."""
        return {"last": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take prepared AIS rows in."""
        tracks = tracks_of(columns)
        if not len(tracks.rows):
            return []
        last, t = state["last"], tracks.take("t")
        limit = self.parameters.min_gap_s * 1000
        waits = np.diff(t, prepend=t[0])
        firsts = tracks.bounds[:-1]
        held = [last.get(key) for key in tracks.keys]
        waits[firsts] = [
            0 if one is None else int(t[at]) - one[0] for one, at in zip(held, firsts, strict=True)
        ]
        events = []
        for at in np.flatnonzero(waits > limit).tolist():
            track = tracks.track_of(at)
            before = held[track] if at == tracks.bounds[track] else _record(tracks, at - 1)
            events.append(self._judge(tracks, track, before, at))
        for key, end in zip(tracks.keys, tracks.bounds[1:].tolist(), strict=True):
            last[key] = _record(tracks, end - 1)
        return [event for event in events if event is not None]

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget tracks that no later position belongs to."""
        forget(state["last"], watermark_ms - self.parameters.max_gap_s * 1000)
        return []

    def _judge(self, tracks: Tracks, track: int, before: list[Any], at: int) -> Event | None:
        p, fix, start = self.parameters, tracks.fix(at), Fix(*before[:6])
        x, y, nav = before[6:9]
        gap = (fix.t - start.t) / 1000
        days = [city_day(one.t, self.references.zone) for one in (start, fix)]
        if nav in LYING or not self.applies(np.array(days[:1]))[0] or gap > p.max_gap_s:
            return None
        if near(self._exempt, x, y, days[0], 0.0):
            return None
        row = int(tracks.rows[at])
        ends = (float(tracks.columns["x"][row]), float(tracks.columns["y"][row]))
        zones = near(self._watched, x, y, days[0], p.near_m)
        zones += near(self._watched, *ends, days[1], p.near_m)
        cell = int(h3grid.cells_of_points([start.lon], [start.lat], RESOLUTION)[0])
        own = "b" if nav == _NO_STATUS else "a"
        probability, intervals = self.references.reception.silence(cell, own, gap)
        if not zones or probability >= p.max_probability:
            return None
        said = tracks.columns["said"][row]
        found = (probability, intervals, h3grid.format_cell(cell), sorted(set(zones)))
        return self._tell(tracks.movers[track], tracks.keys[track], said, start, fix, found)

    def _tell(
        self,
        mmsi: str,
        key: str,
        said: Statics | None,
        start: Fix,
        fix: Fix,
        found: tuple[float, int, str, list[int]],
    ) -> Event:
        p, (probability, intervals, cell, zones) = self.parameters, found
        gap, far = (fix.t - start.t) / 1000, distance_m(start, fix)
        watched = [self._watched[number] for number in zones]
        evidence = Evidence(
            measures=(
                above("silence", gap, "s", p.min_gap_s),
                Measure(
                    "probability_of_silence",
                    float(f"{probability:.3g}"),
                    "1",
                    p.max_probability,
                    float(f"{p.max_probability - probability:.3g}"),
                ),
                Measure("distance", round(far, 1), "m"),
                Measure("implied_speed", round(far / gap, 3), "m/s"),
            ),
            points=(start.pid, fix.pid),
            references=(
                *(zone.reference() for zone in watched),
                {"layer": "ais_reception", "id": cell, "version": f"{intervals} intervals"},
            ),
            quality={**told(said), "track": name_of(key), "intervals_in_cell": intervals},
            doubts=_DOUBTS,
        )
        name, when = who(said, mmsi), between(start.t, fix.t, self.references.zone)
        lasted, where, again = (
            duration(gap),
            place(start.lon, start.lat),
            place(fix.lon, fix.lat),
        )
        names = (
            ", ".join(zone.name_en for zone in watched),
            "、".join(zone.name_zh for zone in watched),
        )
        sentence = Text(
            en=(
                f"Suspected switching off: {name.en} was silent for {lasted.en}, {when.en}, in or"
                f" near {names[0]}; last at {where.en}, again at {again.en}, {far / 1000:,.1f} km"
                f" away ({knots(far / gap)}). A vessel that goes on sending there is not heard for"
                f" so long with probability {probability:.1g}, limit {p.max_probability:g}."
            ),
            zh=(
                f"疑似关闭信号：{name.zh}于{when.zh}在{names[1]}或其附近中断{lasted.zh}；"
                f"中断前位置{where.zh}，恢复位置{again.zh}，相距{far / 1000:,.1f}公里"
                f"（{knots(far / gap)}）。持续发送的船舶在该处如此长时间未被接收的概率为"
                f"{probability:.1g}，限值{p.max_probability:g}。"
            ),
        )
        ends = [(start.lon, start.lat), (fix.lon, fix.lat)]
        line = shapely.LineString(ends) if ends[0] != ends[1] else shapely.Point(ends[0])
        return self.event(mmsi, (start.t, fix.t), line, p.confidence, evidence, sentence)


def _record(tracks: Tracks, at: int) -> list[Any]:
    row = int(tracks.rows[at])
    columns = tracks.columns
    place_: list[Any] = [float(columns["x"][row]), float(columns["y"][row])]
    return [*tracks.fix(at), *place_, int(columns["nav"][row])]


_DOUBTS = (
    Text(
        en="The transponder may have failed, or a receiver been down; compare other vessels at"
        " that time.",
        zh="设备故障或接收站停机亦可致中断，请比对同时段其他船舶。",
    ),
    Text(
        en="Reception was learned from all hours and weathers alike.",
        zh="接收能力由全部时段与天气统计所得，未加区分。",
    ),
)
