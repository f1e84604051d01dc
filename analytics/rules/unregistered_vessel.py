"""A vessel in the watch area claims to be a fishing boat and is not in the register of that day.

One event for each mover, claimed name and day of the city: the first position inside the watch
area. Names often come minutes after positions, so the latest position inside is kept while the name
is not known yet, and counts if the name follows soon enough; static data before or after the
position give the same finding.

Absence from an empty register says nothing: where no entry is valid on the day, the rule is silent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import shapely
from pydantic import Field

from analytics.calendar import city_day
from analytics.claims import FISHING, OTHER, ClaimParameters, Claims
from analytics.event import Event
from analytics.names import Names
from analytics.references import MarineZone
from analytics.register_on import RegistersByDay
from analytics.rule import Columns, Rule, State, register
from analytics.unregistered_evidence import Finding, tell
from analytics.vessels import (
    Block,
    Fix,
    Places,
    Said,
    fix_at,
    fixes_at,
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


class _Sights:
    """Positions of a batch in the watch area, by block."""

    def __init__(
        self, zones: Sequence[MarineZone], blocks: Sequence[Block], places: Places, columns: Columns
    ) -> None:
        self._zones, self._places, self._columns = zones, places, columns
        self._within = np.asarray(places.inside.any(axis=0))
        self._last: dict[int, Fix] = {}
        self._latest: dict[int, Sight] = {}
        own = [n for n, block in enumerate(blocks) if len(block.fixes)]
        if not own:
            return
        rows = np.concatenate([blocks[n].fixes for n in own])
        ends = np.cumsum([len(blocks[n].fixes) for n in own])
        firsts = np.append(0, ends[:-1])
        self._last = dict(zip(own, fixes_at(columns, rows[ends - 1]), strict=True))
        at = np.maximum.accumulate(np.where(self._within[rows], np.arange(len(rows)), -1))[ends - 1]
        seen = np.flatnonzero(at >= firsts)
        at, begins = at[seen], at[seen] == firsts[seen]
        sights = zip(
            fixes_at(columns, rows[at]),
            fixes_at(columns, rows[at - 1]),
            begins.tolist(),
            places.inside[:, rows[at]].T.tolist(),
            strict=True,
        )
        for n, (fix, before, begins_block, inside) in zip(seen.tolist(), sights, strict=True):
            self._latest[own[n]] = Sight(fix, None if begins_block else before, self._ids(inside))

    def _ids(self, inside: Sequence[bool]) -> tuple[str, ...]:
        return tuple(zone.zone_id for zone, own in zip(self._zones, inside, strict=True) if own)

    def last(self, number: int) -> Fix:
        """Last position of a block that has one."""
        return self._last[number]

    def latest(self, number: int) -> Sight | None:
        """Latest position of a block inside, with the one before it in the block."""
        return self._latest.get(number)

    def first_of_days(self, block: Block) -> Iterator[Sight]:
        """First position inside on each day of the city."""
        inside = np.flatnonzero(self._within[block.fixes])
        days = self._places.days[block.fixes[inside]]
        for at in inside[np.unique(days, return_index=True)[1]].tolist():
            row = int(block.fixes[at])
            before = fix_at(self._columns, int(block.fixes[at - 1])) if at else None
            zones = self._ids(self._places.inside[:, row].tolist())
            yield Sight(fix_at(self._columns, row), before, zones)


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
        sights = _Sights(self._zones, blocks, places, columns)
        events: list[Event] = []
        for number, block in enumerate(blocks):
            if block.claim == OTHER:
                mover = state["movers"].get(block.mover, {})
                mover.pop("last", None)
                mover.pop("pending", None)
                continue
            mover = state["movers"].setdefault(block.mover, {"raised": {}})
            events += self._block(mover, block, number, sights)
            if len(block.fixes):
                mover["last"] = list(sights.last(number))
        return events

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget what no later row can touch; findings are complete when they are made."""
        oldest = int(min(watermark_ms, _FAR_MS) - self.parameters.identity_window_s * 1000)
        since = city_day(oldest, self.references.zone)
        silent = watermark_ms - self._claims.silence_ms
        for name, mover in list(state["movers"].items()):
            if mover["raised"]:
                mover["raised"] = {n: day for n, day in mover["raised"].items() if day >= since}
            # Both begin with the time.
            if "pending" in mover and mover["pending"][0][0] < oldest:
                del mover["pending"]
            if "last" in mover and mover["last"][0] < silent:
                del mover["last"]
            if len(mover) == 1 and not mover["raised"]:
                del state["movers"][name]
        self._claims.forget(state["said"], watermark_ms)
        return []

    def _block(self, mover: State, block: Block, number: int, sights: _Sights) -> list[Event]:
        if block.claim != FISHING or block.said is None or not block.said.name:
            sight = sights.latest(number)
            if sight is not None:
                mover["pending"] = self._behind(mover, sight).plain()
            return []
        found: list[Event | None] = []
        pending = mover.pop("pending", None)
        if pending is not None:
            sight = Sight.read(pending)
            if block.said.t - sight.fix.t <= self.parameters.identity_window_s * 1000:
                found.append(self._judge(mover, block.mover, block.said, sight))
        for sight in sights.first_of_days(block):
            found.append(self._judge(mover, block.mover, block.said, self._behind(mover, sight)))
        return [event for event in found if event is not None]

    def _behind(self, mover: State, sight: Sight) -> Sight:
        """A sight with what lay before it, which an earlier batch may have held."""
        before = sight.before
        if before is None and "last" in mover:
            before = Fix(*mover["last"])
        if before is not None and sight.fix.t - before.t > self._claims.silence_ms:
            before = None
        return sight._replace(before=before)

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
