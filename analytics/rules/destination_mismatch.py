"""A vessel lies in another harbour than the one it says it is bound for.

A call is told where a vessel is slower than ``max_speed_mps`` inside the zone of a declared harbour
for longer than ``min_stop_s``, while the destination that it has told since before it came names
another declared harbour and not this one. It must have been heard for ``min_way_s`` before, so that
who has just begun to send in port, with the next destination, is silent; so is a destination that
names no declared harbour. The event is fixed at the position that makes the call long enough.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import shapely
from pydantic import Field, field_validator

from analytics.event import Comparison, Event, Evidence, above
from analytics.kernels import loiter as kernel
from analytics.kernels.loiter import LoiterLimits, loiter
from analytics.preparation.statics import Statics
from analytics.references import MarineZone
from analytics.rule import Columns, Parameters, Rule, State, register
from analytics.tracks import Tracks, forget, load, name_of, store, tracks_of
from analytics.vessel_wording import between, duration, told, who
from analytics.vessels import Fix
from analytics.wording import place
from analytics.zones import inside
from layers.text import Text


class Harbour(Parameters):
    """A harbour: the zones that it consists of, and how destinations name it (whole patterns)."""

    zones: tuple[str, ...] = Field(min_length=1)
    said: tuple[str, ...] = Field(min_length=1)

    @field_validator("said")
    @classmethod
    def _compile(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            try:
                re.compile(pattern)
            except re.error as failure:
                raise ValueError(f"not a regular expression: {pattern!r} ({failure})") from failure
        return value


class DestinationMismatchParameters(Parameters):
    """See the module; ``harbours`` by name."""

    harbours: dict[str, Harbour] = Field(min_length=2)
    max_speed_mps: float = Field(default=0.3, gt=0)
    min_stop_s: float = Field(default=3600, gt=0)
    min_fixes: int = Field(default=4, ge=2)
    min_way_s: float = Field(default=1800, ge=0)
    max_gap_s: float = Field(default=3600, gt=0)
    confidence: float = Field(default=0.5, ge=0, le=1)


@register
class DestinationMismatch(Rule):
    """See the module."""

    kind = "destination_mismatch"
    feed = "ais"
    title = Text(en="Another harbour than the one told", zh="目的港与实际不符")
    parameters_model = DestinationMismatchParameters

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        p = self.parameters
        self._limits = LoiterLimits(
            p.max_speed_mps, p.min_stop_s, p.min_fixes, 0.0, p.max_gap_s, exit_fixes=2
        )
        wanted = {zone: name for name, harbour in p.harbours.items() for zone in harbour.zones}
        zones = [zone for zone in self.references.marine_zones if zone.zone_id in wanted]
        self._zones: list[MarineZone] = sorted(zones, key=lambda zone: zone.zone_id)
        self._harbour_of = [wanted[zone.zone_id] for zone in self._zones]

    def start(self) -> State:
        """Nobody lies anywhere."""
        return {"tracks": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take prepared AIS rows in."""
        tracks = tracks_of(columns)
        days = tracks.days(self.references.zone)
        within = inside(self._zones, tracks.columns, tracks.rows, days)
        barred = (
            ~within.any(axis=0) | ~self.applies(days) if self._zones else np.ones(len(days), bool)
        )
        records = load(state["tracks"], tracks.keys, kernel.WIDTH)
        t, x, y, speed = (tracks.take(name) for name in ("t", "x", "y", "sog_mps"))
        places, completed, _ = loiter(
            self._limits, tracks.bounds, t, x, y, speed, np.asarray(barred), records
        )
        store(state["tracks"], tracks.keys, records)
        events = []
        for at, record in zip(places.tolist(), completed, strict=True):
            zone = int(np.flatnonzero(within[:, at])[0])
            events.append(self._judge(tracks, at, int(record[kernel.START]), zone))
        return [event for event in events if event is not None]

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget calls that no later row prolongs."""
        forget(state["tracks"], watermark_ms - self.parameters.max_gap_s * 1000, kernel.LAST_T)
        return []

    def named(self, destination: str) -> set[str]:
        """Declared harbours that a destination names."""
        text = " ".join(destination.upper().split())
        return {
            name
            for name, harbour in self.parameters.harbours.items()
            if any(re.fullmatch(pattern, text) for pattern in harbour.said)
        }

    def _judge(self, tracks: Tracks, at: int, since: int, zone: int) -> Event | None:
        track, p = tracks.track_of(at), self.parameters
        said: Statics | None = tracks.columns["said"][int(tracks.rows[at])]
        heard = int(tracks.keys[track].split("/")[1])
        if said is None or said.t > since or since - heard < p.min_way_s * 1000:
            return None
        names, here = self.named(said.destination), self._harbour_of[zone]
        if not names or here in names:
            return None
        found = (since, self._zones[zone], here, sorted(names))
        return self._tell(tracks.movers[track], tracks.keys[track], said, tracks.fix(at), found)

    def _tell(
        self,
        mmsi: str,
        key: str,
        said: Statics,
        fix: Fix,
        found: tuple[int, MarineZone, str, list[str]],
    ) -> Event:
        since, zone, here, names = found
        p, seconds = self.parameters, (fix.t - since) / 1000
        evidence = Evidence(
            measures=(above("time_in_harbour", seconds, "s", p.min_stop_s),),
            points=(said.pid, fix.pid),
            references=(zone.reference(),),
            quality={**told(said), "track": name_of(key), "destination_sent": said.destination},
            comparisons=(Comparison("destination", said.destination, here, True),),
            doubts=_DOUBTS,
        )
        name, when = who(said, mmsi), between(since, fix.t, self.references.zone)
        lasted, where = duration(seconds), place(fix.lon, fix.lat)
        sentence = Text(
            en=(
                f"Another harbour than told: {name.en} says it is bound for {said.destination}"
                f" ({', '.join(names)}) and has been lying in {zone.name_en} for {lasted.en},"
                f" {when.en}, at {where.en}."
            ),
            zh=(
                f"目的港与实际不符：{name.zh}申报目的港{said.destination}（{'、'.join(names)}），"
                f"却于{when.zh}在{zone.name_zh}停泊{lasted.zh}，位置{where.zh}。"
            ),
        )
        point = shapely.Point(fix.lon, fix.lat)
        return self.event(mmsi, (since, fix.t), point, p.confidence, evidence, sentence)


_DOUBTS = (
    Text(
        en="The destination is entered by hand and often forgotten.",
        zh="目的港由人工录入，常未及时更新。",
    ),
    Text(en="The vessel may shelter or wait on its way.", zh="船舶可能途中避风或候泊。"),
)
