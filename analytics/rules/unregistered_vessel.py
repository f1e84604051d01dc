"""A vessel in the watch area claims to be a fishing boat and is not in the register of that day.

One event for each mover, claimed name and day of the city: the first position inside the watch
area. Names often come minutes after positions, so the latest position inside is kept while the name
is not known yet, and counts if the name follows soon enough; static data before or after the
position give the same finding.

Absence from an empty register says nothing: where no entry is valid on the day, the rule is silent.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import shapely
from pydantic import Field

from analytics.calendar import city_day
from analytics.event import Event
from analytics.names import Names
from analytics.register_on import RegistersByDay
from analytics.rule import Columns, Rule, State, register
from analytics.unregistered_evidence import Finding, tell
from analytics.vessels import (
    FISHING,
    OTHER,
    Block,
    ClaimParameters,
    Claims,
    Fix,
    Places,
    Said,
    fix_at,
    follow,
    locate,
)
from layers.text import Text

# The end of time, as far as calendars go: 9999-12-30.
_FAR_MS = 253_402_128_000_000


class UnregisteredVesselParameters(ClaimParameters):
    """Parameters of `UnregisteredVessel`, besides those of `ClaimParameters`.

    Attributes
    ----------
    zone_kinds : kinds of marine zones that are watched.
    nearest : how many of the nearest registered names are told.
    fishing_speed_mps, course_tolerance_deg, max_speed_mps : against which speed, course and track
        are held.
    confidence : of a plain finding.
    confidence_near : where a registered name differs in confusable characters only.
    confidence_second_key : where MMSI or call sign belong to a registered vessel.
    """

    zone_kinds: tuple[str, ...] = ("watch",)
    nearest: int = Field(default=3, ge=1, le=20)
    fishing_speed_mps: tuple[float, float] = (0.25, 3.1)
    course_tolerance_deg: float = Field(default=45, gt=0, le=180)
    max_speed_mps: float = Field(default=25, gt=0)
    confidence: float = Field(default=0.9, ge=0, le=1)
    confidence_near: float = Field(default=0.5, ge=0, le=1)
    confidence_second_key: float = Field(default=0.6, ge=0, le=1)


class Sight(NamedTuple):
    """A position in the watch area, what lay before it, and the ids of the zones it is in."""

    fix: Fix
    before: Fix | None
    zones: tuple[str, ...]

    def plain(self) -> list[Any]:
        """As JSON keeps it."""
        return [
            list(self.fix),
            None if self.before is None else list(self.before),
            list(self.zones),
        ]

    @classmethod
    def read(cls, stored: list[Any]) -> Sight:
        """From what `plain` wrote."""
        fix, before, zones = stored
        return cls(Fix(*fix), None if before is None else Fix(*before), tuple(zones))


@register
class UnregisteredVessel(Rule):
    """See the module."""

    kind = "unregistered_vessel"
    feed = "ais"
    title = Text(en="Vessel name and registry match", zh="船名登记比对")
    parameters_model = UnregisteredVesselParameters

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._names = Names.under(self.parameters.names)
        self._claims = Claims(self._names, self.parameters)
        self._zones = self.references.zones_of(self.parameters.zone_kinds)
        self._registers = RegistersByDay(self.references, self._names)

    def start(self) -> State:
        """Nothing said, nothing seen."""
        return {"said": {}, "movers": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take AIS rows in (see `analytics.feeds`)."""
        blocks = follow(self._claims, state["said"], columns)
        places = locate(self, self._zones, blocks, columns)
        events: list[Event] = []
        for block in blocks:
            if block.claim == OTHER:
                mover = state["movers"].get(block.mover, {})
                mover.pop("last", None)
                mover.pop("pending", None)
                continue
            mover = state["movers"].setdefault(block.mover, {"raised": {}})
            events += self._block(mover, block, places, columns)
            if len(block.fixes):
                mover["last"] = list(fix_at(columns, int(block.fixes[-1])))
        return events

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget what no later row can touch; findings are complete when they are made."""
        oldest = int(min(watermark_ms, _FAR_MS) - self.parameters.identity_window_s * 1000)
        since = city_day(oldest, self.references.zone)
        for name, mover in list(state["movers"].items()):
            mover["raised"] = {n: day for n, day in mover["raised"].items() if day >= since}
            if "pending" in mover and Sight.read(mover["pending"]).fix.t < oldest:
                del mover["pending"]
            if "last" in mover and Fix(*mover["last"]).t < watermark_ms - self._claims.silence_ms:
                del mover["last"]
            if mover == {"raised": {}}:
                del state["movers"][name]
        self._claims.forget(state["said"], watermark_ms)
        return []

    def _block(self, mover: State, block: Block, places: Places, columns: Columns) -> list[Event]:
        rows = block.fixes[places.inside[:, block.fixes].any(axis=0)]
        if block.claim != FISHING or block.said is None or not block.said.name:
            if len(rows):
                mover["pending"] = self._sight(mover, block, int(rows[-1]), places, columns).plain()
            return []
        found: list[Event | None] = []
        pending = mover.pop("pending", None)
        if pending is not None:
            sight = Sight.read(pending)
            if block.said.t - sight.fix.t <= self.parameters.identity_window_s * 1000:
                found.append(self._judge(mover, block.mover, block.said, sight))
        _, first = np.unique(places.days[rows], return_index=True)
        for row in rows[first]:
            sight = self._sight(mover, block, int(row), places, columns)
            found.append(self._judge(mover, block.mover, block.said, sight))
        return [event for event in found if event is not None]

    def _sight(
        self, mover: State, block: Block, row: int, places: Places, columns: Columns
    ) -> Sight:
        at = int(np.searchsorted(block.fixes, row))
        if at:
            before: Fix | None = fix_at(columns, int(block.fixes[at - 1]))
        else:
            before = Fix(*mover["last"]) if "last" in mover else None
        fix = fix_at(columns, row)
        if before is not None and fix.t - before.t > self._claims.silence_ms:
            before = None
        zones = tuple(self._zones[z].zone_id for z in np.flatnonzero(places.inside[:, row]))
        return Sight(fix, before, zones)

    def _judge(self, mover: State, subject: str, said: Said, sight: Sight) -> Event | None:
        """Event of a position under a name; None where it is registered or was told that day."""
        keys = self._names.keys(said.name)
        day = city_day(sight.fix.t, self.references.zone)
        told = "|".join(keys)
        # A sight may have waited while its zone was taken off the map.
        zones = tuple(zone for zone in self._zones if zone.zone_id in sight.zones)
        if not zones or not keys or mover["raised"].get(told) == day:
            return None
        index = self._registers.on(day)
        if index.empty or index.holds(keys):
            return None
        mover["raised"][told] = day
        candidates = index.nearest(keys[-1], self.parameters.nearest)
        second = [
            (label, entry)
            for label, entry in (
                ("MMSI", index.by_mmsi(subject)),
                ("call sign", index.by_callsign(said.callsign)),
            )
            if entry is not None
        ]
        finding = Finding(
            subject,
            said,
            keys,
            sight.fix,
            sight.before,
            zones,
            index.register,
            tuple(candidates),
            tuple(second),
        )
        evidence, sentence = tell(finding, self.parameters, self.references)
        point = shapely.Point(sight.fix.lon, sight.fix.lat)
        span = (sight.fix.t, sight.fix.t)
        return self.event(subject, span, point, self._confidence(finding), evidence, sentence)

    def _confidence(self, finding: Finding) -> float:
        p = self.parameters
        limits = [p.confidence]
        if finding.near is not None:
            limits.append(p.confidence_near)
        if finding.second_keys:
            limits.append(p.confidence_second_key)
        return float(min(limits))
