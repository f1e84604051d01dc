"""A vessel falls silent near watched waters for longer than reception there can explain.

A silence is the time between two positions of an MMSI that follow each other in one segment: so
never that between two vessels on one MMSI, nor while the other of them is heard. It is told if it
is longer than ``min_gap_s``, if vessels that go on sending around its beginning are silent for so
long less than ``max_per_day`` times in a vessel-day, by what was learned of reception there (see
`analytics.reception_model`), and if it begins or ends in, or within ``near_m`` of, a zone of
``zone_kinds``. Silences that begin in ``exempt_kinds`` (ports), or of a vessel that says it lies at
anchor or moored, are not told. Without anything learned the rule is silent.

The event is fixed at the position that ends the silence. A silence that begins near such a zone is
told while it lasts (`analytics.event.Event.open`): at the moment `due` from which on it is told, if
the feed was heard beyond that. That event depends on nothing later, so that it is the same whenever
it is told; if a position ends the silence and it is told as ended, it gives way to that. So that
nobody is told who sailed out of reach, or moored and switched off: the vessel was under way, and
straight on from its last position nothing but waters in which its class is received as well, and
no port, lies within the way that it would have made by then.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import shapely
from pydantic import Field

from analytics.ahead import places_ahead
from analytics.calendar import city_day, in_force
from analytics.detect import END_OF_TIME_MS
from analytics.event import Event
from analytics.preparation.devices import NO_STATUS
from analytics.preparation.statics import Statics
from analytics.reception_model import RESOLUTION
from analytics.rule import Columns, Parameters, Rule, State, register
from analytics.rules.loitering import LYING
from analytics.silences import Silence, Told, ended, lasting
from analytics.tracks import Longs, Tracks, by_mover, forget
from analytics.vessels import Fix, fixes_at
from analytics.zones import near
from layers import h3grid
from layers.text import Text

# Silences that last are told in steps of that length.
_STEP_S = 300
# Cells of `RESOLUTION` are some 6 km across.
_AHEAD_M = 2000.0
# Places in the record of a vessel: its last position, then these.
_XY, _NAV, _SEGMENT, _SAID, _DUE = slice(6, 8), 8, 9, 10, 11
# Of when a silence is due: not looked at yet; never, or told.
_UNKNOWN, _NEVER = 0, -1


class DarkGapParameters(Parameters):
    """See the module; ``min_speed_mps`` and ``while_it_lasts`` are of silences that last."""

    min_gap_s: float = Field(default=3600, ge=600)
    max_per_day: float = Field(default=1e-3, gt=0)
    zone_kinds: tuple[str, ...] = ("watch", "fishing_ban")
    exempt_kinds: tuple[str, ...] = ("port",)
    near_m: float = Field(default=5000, ge=0)
    max_gap_s: float = Field(default=86_400, gt=0)
    confidence: float = Field(default=0.75, ge=0, le=1)
    while_it_lasts: bool = True
    min_speed_mps: float = Field(default=0.5, ge=0)


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
        """Nobody was heard; kept by MMSI: its last position and what is asked of it later."""
        return {"last": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take prepared AIS rows in."""
        heard = by_mover(columns)
        if not len(heard.rows):
            return []
        last, t, segment = state["last"], heard.take("t"), heard.take("segment")
        limit = self.parameters.min_gap_s * 1000
        waits = np.diff(t, prepend=t[0])
        firsts = heard.bounds[:-1]
        held = [last.get(mover) for mover in heard.movers]
        waits[firsts] = [
            0 if one is None else int(t[at]) - one[0]
            for one, at in zip(held, firsts.tolist(), strict=True)
        ]
        events = []
        for at in np.flatnonzero(waits > limit).tolist():
            own = heard.track_of(at)
            before = (
                held[own] if at == heard.bounds[own] else _records(heard, np.array([at - 1]))[0]
            )
            event = None
            if before[_SEGMENT] == int(segment[at]):
                event = self._ended(heard, heard.movers[own], before, at)
            events.append(event or self._lasting(heard.movers[own], before, int(t[at])))
        last.update(zip(heard.movers, _records(heard, heard.bounds[1:] - 1), strict=True))
        return [event for event in events if event is not None]

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Tell what lasts, and forget tracks that no later position belongs to."""
        last, events = state["last"], []
        # The end of all time says nothing of how long the feed was heard.
        if watermark_ms < END_OF_TIME_MS:
            before_ms = watermark_ms - self.parameters.min_gap_s * 1000
            for mmsi in [mover for mover, record in last.items() if record[0] < before_ms]:
                event = self._lasting(mmsi, last[mmsi], watermark_ms)
                if event is not None:
                    events.append(event)
                    last[mmsi][_DUE] = _NEVER
        forget(last, watermark_ms - self.parameters.max_gap_s * 1000)
        return events

    def _ended(self, heard: Tracks, mmsi: str, before: list[Any], at: int) -> Event | None:
        p, fix, start = self.parameters, heard.fix(at), Fix(*before[:6])
        gap = (fix.t - start.t) / 1000
        zones = self._zones(before)
        if zones is None or gap > p.max_gap_s:
            return None
        row = int(heard.rows[at])
        ends = (float(heard.columns["x"][row]), float(heard.columns["y"][row]))
        zones += near(self._watched, fix, ends, city_day(fix.t, self.references.zone), p.near_m)
        silence = self._silence(mmsi, before, heard.columns["said"][row], zones, gap)
        if not zones or silence.rate >= p.max_per_day:
            return None
        return self._tell(mmsi, ended(silence, fix))

    def _lasting(self, mmsi: str, before: list[Any], heard_until_ms: int) -> Event | None:
        """The silence behind a vessel's last position, if it was due before that time."""
        if before[_DUE] == _UNKNOWN:
            before[_DUE] = self._due(before)
        due = before[_DUE]
        if due == _NEVER or due >= heard_until_ms:
            return None
        said = None if before[_SAID] is None else Statics(*before[_SAID])
        gap = (due - before[0]) / 1000
        silence = self._silence(mmsi, before, said, self._zones(before) or [], gap)
        return self._tell(mmsi, lasting(silence, due), open_still=True)

    def _due(self, before: list[Any]) -> int:
        """When a silence is longer than reception explains wherever the vessel may be, ms."""
        p, fix = self.parameters, Fix(*before[:6])
        moving = fix.sog_mps is not None and fix.cog_deg is not None
        if not p.while_it_lasts or not moving or (fix.sog_mps or 0.0) < p.min_speed_mps:
            return _NEVER
        if not self._zones(before):
            return _NEVER
        own, reception = _class_of(before), self.references.reception
        here = _cell(fix)
        for gap in np.arange(p.min_gap_s + _STEP_S, p.max_gap_s, _STEP_S).tolist():
            if reception.rate(here, own, gap)[0] >= p.max_per_day:
                continue
            lon, lat = places_ahead(fix, gap, _AHEAD_M)
            cells = np.unique(h3grid.cells_of_points(lon, lat, RESOLUTION)).tolist()
            known = all((int(cell), own) in reception.counts for cell in cells)
            if not known or self._port_on(lon, lat, fix.t):
                return _NEVER
            if all(reception.rate(int(cell), own, gap)[0] < p.max_per_day for cell in cells):
                return fix.t + int(gap * 1000)
        return _NEVER

    def _port_on(self, lon: Any, lat: Any, t: int) -> bool:
        day = np.array([city_day(t, self.references.zone)], np.int64)
        return any(
            in_force(day, zone.in_force_from, zone.in_force_to)[0]
            and shapely.intersects_xy(zone.geometry, lon, lat).any()
            for zone in self._exempt
        )

    def _zones(self, before: list[Any]) -> list[int] | None:
        """Watched zones near a last position; None where no silence behind it is told."""
        start, place = Fix(*before[:6]), tuple(before[_XY])
        day = city_day(start.t, self.references.zone)
        if before[_NAV] in LYING or not self.applies(np.array([day]))[0]:
            return None
        if near(self._exempt, start, place, day, 0.0):
            return None
        return near(self._watched, start, place, day, self.parameters.near_m)

    def _silence(
        self, mmsi: str, before: list[Any], said: Statics | None, zones: list[int], gap: float
    ) -> Silence:
        p, start, own = self.parameters, Fix(*before[:6]), _class_of(before)
        cell = _cell(start)
        rate, intervals = self.references.reception.rate(cell, own, gap)
        watched = [self._watched[number] for number in sorted(set(zones))]
        return Silence(
            mmsi, f"{mmsi}/{before[_SEGMENT]}", said, start, watched, rate, intervals,
            f"{h3grid.format_cell(cell)}-{own}", p.min_gap_s, p.max_per_day, self.references.zone,
        )  # fmt: skip

    def _tell(self, mmsi: str, told: Told, *, open_still: bool = False) -> Event:
        span, geometry, evidence, sentence = told
        confidence = self.parameters.confidence
        event = self.event(mmsi, span, geometry, confidence, evidence, sentence)
        return replace(event, open=True) if open_still else event


def _class_of(before: list[Any]) -> str:
    return "b" if before[_NAV] == NO_STATUS else "a"


def _cell(fix: Fix) -> int:
    return int(h3grid.cells_of_points([fix.lon], [fix.lat], RESOLUTION)[0])


def _records(tracks: Tracks, places: Longs) -> list[list[Any]]:
    rows, columns = tracks.rows[places], tracks.columns
    more = (columns[name][rows].tolist() for name in ("x", "y", "nav", "segment"))
    said = [None if one is None else list(one) for one in columns["said"][rows].tolist()]
    return [
        [*fix, *rest, _UNKNOWN]
        for fix, *rest in zip(fixes_at(columns, rows), *more, said, strict=True)
    ]
