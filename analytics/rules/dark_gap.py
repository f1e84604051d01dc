"""A vessel falls silent near watched waters for longer than reception there can explain.

A silence is the time between two positions of an MMSI that follow each other in one segment: so
never that between two vessels on one MMSI, nor while the other of them is heard. It is told if it
is longer than ``min_gap_s``, if vessels that go on sending around its beginning are silent for so
long less than ``max_per_day`` times in a vessel-day, by what was learned of reception there (see
`analytics.reception_model`), and if it begins or ends in, or within ``near_m`` of, a zone of
``zone_kinds``. Silences that begin in ``exempt_kinds`` (ports), or of a vessel that says it lies at
anchor or moored, are not told. The event is fixed at the position that ends the silence; without
anything learned the rule is silent.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from pydantic import Field

from analytics.calendar import city_day
from analytics.event import Event, Evidence, Measure, above
from analytics.preparation.devices import NO_STATUS
from analytics.preparation.statics import Statics
from analytics.reception_model import RESOLUTION
from analytics.rule import Columns, Parameters, Rule, State, register
from analytics.rules.loitering import LYING
from analytics.tracks import Longs, Tracks, by_mover, distance_m, forget, name_of
from analytics.vessel_wording import between, duration, knots, told, who
from analytics.vessels import Fix, fixes_at
from analytics.wording import place
from analytics.zones import near
from layers import h3grid
from layers.text import Text

_SMALLEST = 1e-6


class DarkGapParameters(Parameters):
    """See the module."""

    min_gap_s: float = Field(default=3600, ge=600)
    max_per_day: float = Field(default=1e-3, gt=0)
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
        """Nobody was heard; kept by MMSI: its last position, place, status and segment."""
        return {"last": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take prepared AIS rows in."""
        heard = by_mover(columns)
        if not len(heard.rows):
            return []
        last, t, segment = state["last"], heard.take("t"), heard.take("segment")
        limit = self.parameters.min_gap_s * 1000
        waits = np.diff(t, prepend=t[0])
        waits[1:][segment[1:] != segment[:-1]] = 0
        firsts = heard.bounds[:-1]
        held = [last.get(mover) for mover in heard.movers]
        waits[firsts] = [
            0 if one is None or one[-1] != int(segment[at]) else int(t[at]) - one[0]
            for one, at in zip(held, firsts.tolist(), strict=True)
        ]
        events = []
        for at in np.flatnonzero(waits > limit).tolist():
            own = heard.track_of(at)
            before = (
                held[own] if at == heard.bounds[own] else _records(heard, np.array([at - 1]))[0]
            )
            events.append(self._judge(heard, heard.movers[own], before, at))
        last.update(zip(heard.movers, _records(heard, heard.bounds[1:] - 1), strict=True))
        return [event for event in events if event is not None]

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget tracks that no later position belongs to."""
        forget(state["last"], watermark_ms - self.parameters.max_gap_s * 1000)
        return []

    def _judge(self, heard: Tracks, mmsi: str, before: list[Any], at: int) -> Event | None:
        p, fix, start = self.parameters, heard.fix(at), Fix(*before[:6])
        x, y, nav = before[6:9]
        gap = (fix.t - start.t) / 1000
        days = [city_day(one.t, self.references.zone) for one in (start, fix)]
        if nav in LYING or not self.applies(np.array(days[:1]))[0] or gap > p.max_gap_s:
            return None
        if near(self._exempt, start, (x, y), days[0], 0.0):
            return None
        row = int(heard.rows[at])
        ends = (float(heard.columns["x"][row]), float(heard.columns["y"][row]))
        zones = near(self._watched, start, (x, y), days[0], p.near_m)
        zones += near(self._watched, fix, ends, days[1], p.near_m)
        cell = int(h3grid.cells_of_points([start.lon], [start.lat], RESOLUTION)[0])
        own = "b" if nav == NO_STATUS else "a"
        rate, intervals = self.references.reception.rate(cell, own, gap)
        if not zones or rate >= p.max_per_day:
            return None
        said = heard.columns["said"][row]
        found = (rate, intervals, f"{h3grid.format_cell(cell)}-{own}", sorted(set(zones)))
        return self._tell(mmsi, f"{mmsi}/{before[-1]}", said, start, fix, found)

    def _tell(
        self,
        mmsi: str,
        key: str,
        said: Statics | None,
        start: Fix,
        fix: Fix,
        found: tuple[float, int, str, list[int]],
    ) -> Event:
        p, (rate, intervals, cell, zones) = self.parameters, found
        # What was learned does not carry further than that.
        rate = max(rate, _SMALLEST)
        gap, far = (fix.t - start.t) / 1000, distance_m(start, fix)
        watched = [self._watched[number] for number in zones]
        evidence = Evidence(
            measures=(
                above("silence", gap, "s", p.min_gap_s),
                Measure(
                    "silences_expected_per_vessel_day",
                    float(f"{rate:.3g}"),
                    "1/d",
                    p.max_per_day,
                    float(f"{p.max_per_day - rate:.3g}"),
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
                f" away ({knots(far / gap)}). Vessels that go on sending there are not heard for"
                f" so long {rate:.1g} times a day, limit {p.max_per_day:g}."
            ),
            zh=(
                f"疑似关闭信号：{name.zh}于{when.zh}在{names[1]}或其附近中断{lasted.zh}；"
                f"中断前位置{where.zh}，恢复位置{again.zh}，相距{far / 1000:,.1f}公里"
                f"（{knots(far / gap)}）。持续发送的船舶在该处如此长时间未被接收每船日约"
                f"{rate:.1g}次，限值{p.max_per_day:g}次。"
            ),
        )
        ends = [(start.lon, start.lat), (fix.lon, fix.lat)]
        line = shapely.LineString(ends) if ends[0] != ends[1] else shapely.Point(ends[0])
        return self.event(mmsi, (start.t, fix.t), line, p.confidence, evidence, sentence)


def _records(tracks: Tracks, places: Longs) -> list[list[Any]]:
    rows, columns = tracks.rows[places], tracks.columns
    more = (columns[name][rows].tolist() for name in ("x", "y", "nav", "segment"))
    return [[*fix, *rest] for fix, *rest in zip(fixes_at(columns, rows), *more, strict=True)]


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
