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
from pydantic import Field

from analytics.calendar import city_days
from analytics.detect import END_OF_TIME_MS
from analytics.event import Event
from analytics.patience import Patience
from analytics.preparation.devices import NO_STATUS
from analytics.preparation.statics import Statics
from analytics.reception_model import RESOLUTION
from analytics.rule import Columns, Parameters, Rule, State, register
from analytics.silences import Silence, Told, ended, lasting
from analytics.tracks import Longs, Tracks, by_mover, forget
from analytics.vessels import LYING, Fix
from analytics.zones import inside_at, near_to
from layers import h3grid
from layers.text import Text

# Silences that last are told in steps of that length.
_STEP_S = 300
# Of a vessel its last position, then more; and places in that.
Record = list[Any]
_DEGREES, _XY, _NAV, _SEGMENT, _SAID, _DUE = slice(1, 3), slice(6, 8), 8, 9, 10, 11
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
        p = self.parameters
        steps = np.arange(p.min_gap_s + _STEP_S, p.max_gap_s, _STEP_S)
        self._patience = Patience(self.references.reception, steps, p.max_per_day)

    def start(self) -> State:
        """Nobody was heard; kept by MMSI: its last position and what is asked of it later."""
        return {"last": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take prepared AIS rows in."""
        heard = by_mover(columns)
        if not len(heard.rows):
            return []
        last, t = state["last"], heard.take("t")
        limit = self.parameters.min_gap_s * 1000
        waits = np.diff(t, prepend=t[0])
        firsts = heard.bounds[:-1]
        held = [last.get(mover) for mover in heard.movers]
        waits[firsts] = [
            0 if one is None else int(t[at]) - one[0]
            for one, at in zip(held, firsts.tolist(), strict=True)
        ]
        gaps = []
        for at in np.flatnonzero(waits > limit).tolist():
            own = heard.track_of(at)
            inside = at > heard.bounds[own]
            before = _records(heard, np.array([at - 1]))[0] if inside else held[own]
            gaps.append((heard.movers[own], before, at))
        last.update(zip(heard.movers, _records(heard, heard.bounds[1:] - 1), strict=True))
        if not gaps:
            return []
        ended = self._ended(heard, gaps)
        left = [gap for gap, event in zip(gaps, ended, strict=True) if event is None]
        open_still = iter(self._lasting([(mmsi, one, int(t[at])) for mmsi, one, at in left]))
        events = [next(open_still) if event is None else event for event in ended]
        return [event for event in events if event is not None]

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Tell what lasts, and forget tracks that no later position belongs to."""
        last, events = state["last"], []
        # The end of all time says nothing of how long the feed was heard.
        if watermark_ms < END_OF_TIME_MS:
            before_ms = watermark_ms - self.parameters.min_gap_s * 1000
            silent = [
                (mmsi, record, watermark_ms)
                for mmsi, record in last.items()
                if record[0] < before_ms and record[_DUE] != _NEVER
            ]
            for (_, record, _), event in zip(silent, self._lasting(silent), strict=True):
                if event is not None:
                    events.append(event)
                    record[_DUE] = _NEVER
        forget(last, watermark_ms - self.parameters.max_gap_s * 1000)
        return events

    def _ended(self, heard: Tracks, gaps: list[tuple[str, Record, int]]) -> list[Event | None]:
        """Silences between the last positions of vessels and the next, at places of the tracks."""
        p, columns = self.parameters, heard.columns
        zones_before = self._zones([before for _, before, _ in gaps])
        rows = heard.rows[[at for *_, at in gaps]]
        degrees, metres = (
            np.column_stack([columns[name][rows] for name in names])
            for names in (("lon", "lat"), ("x", "y"))
        )
        days = city_days(columns["t"][rows], self.references.zone)
        near_ends = near_to(self._watched, degrees, metres, days, p.near_m)
        events: list[Event | None] = []
        for k, (mmsi, before, at) in enumerate(gaps):
            fix, zones = heard.fix(at), zones_before[k]
            gap = (fix.t - before[0]) / 1000
            event = None
            same = before[_SEGMENT] == int(columns["segment"][rows[k]])
            if same and zones is not None and gap <= p.max_gap_s:
                zones += np.flatnonzero(near_ends[:, k]).tolist()
                silence = self._silence(mmsi, before, columns["said"][rows[k]], zones, gap)
                if zones and silence.rate < p.max_per_day:
                    event = self._tell(mmsi, ended(silence, fix))
            events.append(event)
        return events

    def _lasting(self, silent: list[tuple[str, Record, int]]) -> list[Event | None]:
        """The silence behind each vessel's last position, if it was due before a time, ms."""
        if not silent:
            return []
        self._find_due([record for _, record, _ in silent if record[_DUE] == _UNKNOWN])
        events: list[Event | None] = [None] * len(silent)
        due = [k for k, (_, one, until) in enumerate(silent) if _NEVER < one[_DUE] < until]
        zones_before = self._zones([silent[k][1] for k in due])
        for k, zones in zip(due, zones_before, strict=True):
            mmsi, before, _ = silent[k]
            said = None if before[_SAID] is None else Statics(*before[_SAID])
            gap = (before[_DUE] - before[0]) / 1000
            silence = self._silence(mmsi, before, said, zones or [], gap)
            events[k] = self._tell(mmsi, lasting(silence, before[_DUE]), open_still=True)
        return events

    def _find_due(self, records: list[Record]) -> None:
        """Say of each when a silence is longer than reception explains on the vessel's way, ms."""
        for record in records:
            record[_DUE] = _NEVER
        under_way = [record for record in records if self._under_way(Fix(*record[:6]))]
        near_zones = self._zones(under_way)
        chosen = [one for one, zones in zip(under_way, near_zones, strict=True) if zones]
        fixes = [Fix(*record[:6]) for record in chosen]
        days = city_days(np.array([fix.t for fix in fixes], np.int64), self.references.zone)
        ends = self._patience.ends_after(
            fixes,
            [_class_of(record) for record in chosen],
            lambda lon, lat, own: inside_at(self._exempt, lon, lat, days[own]),
        )
        for record, end in zip(chosen, ends, strict=True):
            record[_DUE] = _NEVER if end is None else record[0] + int(end * 1000)

    def _under_way(self, fix: Fix) -> bool:
        known = fix.sog_mps is not None and fix.cog_deg is not None
        fast = known and (fix.sog_mps or 0.0) >= self.parameters.min_speed_mps
        return bool(self.parameters.while_it_lasts and fast)

    def _zones(self, records: list[Record]) -> list[list[int] | None]:
        """Watched zones near last positions; None where no silence behind one is told."""
        t = np.array([record[0] for record in records], np.int64)
        degrees, metres = (
            np.array([record[place] for record in records], np.float64).reshape(-1, 2)
            for place in (_DEGREES, _XY)
        )
        days = city_days(t, self.references.zone)
        told = self.applies(days) & ~np.isin([record[_NAV] for record in records], LYING)
        told &= ~near_to(self._exempt, degrees, metres, days, 0.0).any(axis=0)
        watched = near_to(self._watched, degrees, metres, days, self.parameters.near_m)
        return [
            np.flatnonzero(near).tolist() if one else None
            for one, near in zip(told.tolist(), watched.T, strict=True)
        ]

    def _silence(
        self, mmsi: str, before: Record, said: Statics | None, zones: list[int], gap: float
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


def _class_of(before: Record) -> str:
    return "b" if before[_NAV] == NO_STATUS else "a"


def _cell(fix: Fix) -> int:
    return int(h3grid.cells_of_points([fix.lon], [fix.lat], RESOLUTION)[0])


def _records(tracks: Tracks, places: Longs) -> list[Record]:
    rows, columns = tracks.rows[places], tracks.columns
    more = (columns[name][rows].tolist() for name in ("x", "y", "nav", "segment"))
    said = [None if one is None else list(one) for one in columns["said"][rows].tolist()]
    return [
        [*fix, *rest, _UNKNOWN]
        for fix, *rest in zip(tracks.fixes(places), *more, said, strict=True)
    ]
