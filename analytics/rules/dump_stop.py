"""A muck truck stops where nothing may be dumped, and comes away empty.

Muck trucks are those that the register says haul muck, and those with a permit, on that day. A stop
of ``min_stop_s`` or more counts that lies further than ``site_tolerance_m`` from every place where
muck may be on the day it began or ended: construction sites and dump sites in force, and the site
and dump site of the truck's permits. With the load told within ``load_valid_s`` before and after,
it is told where the truck came full or half full and left empty; an unchanged load is silent.
Where no load is told, a stop of at most ``max_stop_s`` that lies ``off_road_m`` or more from every
road is told with less confidence. The event is fixed at the row after the stop that decides. A day
without any permitted place says nothing.
"""

from __future__ import annotations

from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from pydantic import Field

from analytics.calendar import city_day, date_of
from analytics.event import Event, Evidence, Measure, above
from analytics.feeds import EMPTY, FULL, HALF, segments
from analytics.law import Law
from analytics.permitted_places import Nearest, PermittedPlaces
from analytics.rule import Columns, Parameters, Rule, State, register, rows
from analytics.trails import needed_since
from analytics.truck_references import MuckPermit
from analytics.truck_stops import Stop, StopLimits, Stops
from analytics.truck_wording import registered
from analytics.vessel_wording import between
from analytics.vessels import usable_fixes
from analytics.wording import minutes, place
from layers.text import Text

MUCK = "muck"
_LOADS = {
    EMPTY: Text(en="empty", zh="空载"),
    HALF: Text(en="half full", zh="半载"),
    FULL: Text(en="full", zh="满载"),
}


class DumpStopParameters(Parameters):
    """See the module.

    Attributes
    ----------
    max_gap_s : a truck silent for longer begins anew.
    confidence, confidence_unknown : with a load that was told, and without.
    """

    min_stop_s: float = Field(gt=0)
    max_stop_s: float = Field(gt=0)
    site_tolerance_m: float = Field(ge=0)
    off_road_m: float = Field(gt=0)
    load_valid_s: float = Field(default=3600, gt=0)
    max_gap_s: float = Field(default=86_400, gt=0)
    law: Law
    confidence: float = Field(default=0.8, ge=0, le=1)
    confidence_unknown: float = Field(default=0.4, ge=0, le=1)


@register
class DumpStop(Rule):
    """See the module."""

    kind = "dump_stop"
    feed = "gps"
    title = Text(en="Stops at which muck is dumped", zh="偷倒渣土")
    parameters_model = DumpStopParameters

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        p, haulage = self.parameters, self.references.haulage
        self._limits = StopLimits(p.min_stop_s, p.load_valid_s, p.max_gap_s)
        self._places = PermittedPlaces(haulage)
        registered_so = {
            plate
            for plate, entries in haulage.trucks.items()
            if any(entry.use == MUCK for entry in entries)
        }
        self._plates = registered_so | haulage.permits.keys()

    def start(self) -> State:
        """Nobody was heard; by plate see `analytics.truck_stops.fresh`."""
        return {"trucks": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take rows in."""
        if not rows(columns):
            return []
        bounds = segments(columns)
        hauls = [str(plate) in self._plates for plate in columns["mover"][bounds[:-1]]]
        chosen = usable_fixes(columns) & np.repeat(np.array(hauls, bool), np.diff(bounds))
        stops = Stops(self._limits, state["trucks"], columns, chosen)
        events = [self._judge(plate, stop) for plate, stop in stops.follow()]
        return [event for event in events if event is not None]

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget trucks that begin anew in any case."""
        oldest = needed_since(watermark_ms, self.parameters.max_gap_s)
        for plate in [name for name, own in state["trucks"].items() if own["t"] < oldest]:
            del state["trucks"][plate]
        return []

    @cached_property
    def _roads(self) -> shapely.STRtree | None:
        roads = self.references.haulage.roads
        return None if roads is None or not len(roads.line) else shapely.STRtree(roads.line)

    def _judge(self, plate: str, stop: Stop) -> Event | None:
        p = self.parameters
        emptied = (
            stop.before is not None
            and stop.before.state in (HALF, FULL)
            and stop.after is not None
            and stop.after.state == EMPTY
        )
        untold = (
            stop.before is None
            and (stop.after is None or stop.after.state == EMPTY)
            and stop.until - stop.since <= p.max_stop_s * 1000
        )
        zone = self.references.zone
        days = tuple(date_of(city_day(t, zone)) for t in (stop.since, stop.until))
        if not (emptied or untold) or not self._hauls_muck(plate, days):
            return None
        permits = self._permits(plate, days)
        nearest = self._places.nearest(stop.x, stop.y, days, permits)
        if nearest is None or nearest.distance_m <= p.site_tolerance_m:
            return None
        off_road = None if emptied else self._off_road(stop)
        lonely = emptied or (off_road is not None and off_road >= p.off_road_m)
        held = self.applies(np.array([city_day(stop.since, zone)]))[0]
        if not lonely or not held:
            return None
        return self._tell(plate, stop, nearest, permits, off_road)

    def _hauls_muck(self, plate: str, days: tuple[date, ...]) -> bool:
        entries = [self.references.haulage.truck_on(plate, day) for day in days]
        muck = any(entry is not None and entry.use == MUCK for entry in entries)
        return muck or bool(self._permits(plate, days))

    def _permits(self, plate: str, days: tuple[date, ...]) -> tuple[MuckPermit, ...]:
        own = self.references.haulage.permits.get(plate, ())
        return tuple(permit for permit in own if any(permit.valid_on(day) for day in days))

    def _off_road(self, stop: Stop) -> float | None:
        """Metres to the nearest road; None where no roads are known."""
        if self._roads is None:
            return None
        point = shapely.Point(stop.x, stop.y)
        _, metres = self._roads.query_nearest(point, return_distance=True, all_matches=False)
        return float(metres[0])

    def _tell(
        self,
        plate: str,
        stop: Stop,
        nearest: Nearest,
        permits: tuple[MuckPermit, ...],
        off_road: float | None,
    ) -> Event:
        p, lasted = self.parameters, (stop.until - stop.since) / 1000
        far = above("distance_to_permitted_place", nearest.distance_m, "m", p.site_tolerance_m)
        stood = above("stop", lasted, "s", p.min_stop_s)
        off = () if off_road is None else (above("distance_to_road", off_road, "m", p.off_road_m),)
        cited = (stop.before, stop.at, stop.after, stop.left)
        citing = {str(one["id"]): one for one in (*(q.reference() for q in permits),
                                                  nearest.reference)}  # fmt: skip
        evidence = Evidence(
            measures=(stood, far, *off),
            points=tuple(dict.fromkeys(one.pid for one in cited if one is not None)),
            references=(
                *registered(self.references, plate, stop.since),
                *citing.values(),
                p.law.reference(),
            ),
            quality={
                "load_before": None if stop.before is None else _LOADS[stop.before.state].en,
                "load_after": None if stop.after is None else _LOADS[stop.after.state].en,
                "fixes_at_place": stop.fixes,
                "next_fix_after_s": (stop.left.t - stop.until) / 1000,
                "permits": len(permits),
            },
            doubts=_DOUBTS if stop.before is not None else (_NO_LOAD, *_DOUBTS),
        )
        sentence = self._sentence(plate, stop, far, off_road, nearest.name)
        sure = p.confidence_unknown if stop.before is None else p.confidence
        point = shapely.Point(stop.at.lon, stop.at.lat)
        return self.event(plate, (stop.since, stop.left.t), point, sure, evidence, sentence)

    def _sentence(
        self, plate: str, stop: Stop, far: Measure, off_road: float | None, name: str
    ) -> Text:
        p, when = self.parameters, between(stop.since, stop.until, self.references.zone)
        where, lasted = place(stop.at.lon, stop.at.lat), minutes((stop.until - stop.since) / 1000)
        if stop.before is None or stop.after is None:
            how = Text(
                en=f"{off_road or 0:,.0f} m from any road (limit {p.off_road_m:,.0f} m), its load"
                " not told",
                zh=f"距最近道路{off_road or 0:,.0f}米（限值{p.off_road_m:,.0f}米），未报载重状态",
            )
        else:
            came, left = _LOADS[stop.before.state], _LOADS[stop.after.state]
            how = Text(
                en=f"came {came.en} and left {left.en}", zh=f"到达时{came.zh}、离开时{left.zh}"
            )
        return Text(
            en=(
                f"Suspected dumping: muck truck {plate} stopped for {lasted.en}, {when.en}, at"
                f" {where.en}, {how.en}; the nearest permitted place ({name}) is"
                f" {far.value:,.0f} m away, limit {p.site_tolerance_m:,.0f} m."
            ),
            zh=(
                f"疑似偷倒渣土：渣土车{plate}于{when.zh}在{where.zh}停留{lasted.zh}，{how.zh}；"
                f"距最近许可地点（{name}）{far.value:,.0f}米，限值{p.site_tolerance_m:,.0f}米。"
            ),
        )


_NO_LOAD = Text(
    en="The truck does not tell its load: it may only have waited there.",
    zh="车辆未报载重状态，可能仅在此等候。",
)
_DOUBTS = (
    Text(
        en="The load is what a sensor or the driver says; a place may be permitted that no layer"
        " knows yet.",
        zh="载重状态来自传感器或驾驶人操作；该处可能已获许可而尚未入库。",
    ),
    Text(
        en="Where the truck stood is known; what it did there needs a look at the place or at a"
        " camera.",
        zh="仅知停留地点，倾倒行为须现场或视频核实。",
    ),
)
