"""A loaded muck truck leaves the route of its permit, or drives outside of its hours.

A truck is loaded where its terminal says half or full, and is not where it says empty. Where it
says nothing, a truck is loaded from the site of its permit until its dump. Permits count that are
in force on the city's day; a truck with several keeps to any of them.

*Route*: a fix is outside if it is more than ``corridor_m`` from every permit's line, its matched
road does not lie within a corridor over all of its length, and it is at no permit's site or dump.
Fixes outside that follow each other in one chain are one run, told once the way by road between
them reaches ``min_outside_m``. *Hours*: the time spent driving (``moving_mps`` along the road)
outside of every permit's hours, told once it is more than ``grace_s``; standing does not count, and
a silence beyond ``max_step_s`` begins anew. Both are fixed at the fix that completes them;
``apart`` of the event says which it is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import shapely
from pydantic import Field

from analytics.calendar import city_days, date_of
from analytics.event import Event, Evidence, Measure, above
from analytics.feeds import EMPTY, FIX, FULL, HALF, UNKNOWN_LOAD, segments
from analytics.hours import within_hours
from analytics.law import Law
from analytics.muck_plans import Plan, Plans
from analytics.road_wording import (
    CLOCK,
    MATCHED,
    fixes_quality,
    metres,
    points_of,
    road_name,
)
from analytics.routes import Seen, Steps, steps_of
from analytics.rule import Columns, Parameters, Rule, State, register, rows
from analytics.tracks import forget
from analytics.truck_wording import registered
from analytics.vessel_wording import between
from analytics.wording import minutes
from layers.text import Text

Bools = npt.NDArray[np.bool_]
Longs = npt.NDArray[np.int64]

ROUTE, HOURS = "route", "hours"


class MuckRouteDepartureParameters(Parameters):
    """See the module.

    Attributes
    ----------
    confidence_inferred : where the terminal did not say that the truck was loaded.
    """

    corridor_m: float = Field(default=50, gt=0)
    min_outside_m: float = Field(default=300, gt=0)
    grace_s: float = Field(default=600, ge=0)
    moving_mps: float = Field(default=1.5, gt=0)
    max_off_m: float = Field(default=20, gt=0)
    max_step_s: float = Field(default=600, gt=0)
    law: Law
    confidence: float = Field(default=0.75, ge=0, le=1)
    confidence_inferred: float = Field(default=0.5, ge=0, le=1)


class _Judged(NamedTuple):
    """Matched fixes of one truck; shape (n,) each.

    Attributes
    ----------
    off_m : from the nearest route, of fixes outside; ``nearest`` is its number in ``plans``.
    late : driving then is outside of all hours.
    """

    plans: list[Plan]
    outside: Bools
    off_m: npt.NDArray[np.float64]
    nearest: Longs
    late: Bools


@register
class MuckRouteDeparture(Rule):
    """See the module."""

    kind = "muck_route_departure"
    feed = "gps"
    title = Text(en="Muck trucks off their permitted route or hours", zh="渣土车偏离许可路线或时段")
    parameters_model = MuckRouteDepartureParameters

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        haulage = self.references.haulage
        if haulage.roads is not None:
            self._plans = Plans(haulage.roads, haulage, self.parameters.corridor_m)

    def start(self) -> State:
        """Nobody drives: kept are each truck's last matched fix, load, and runs of both kinds."""
        return {"last": {}, "loaded": {}, ROUTE: {}, HOURS: {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take matched rows in."""
        p, haulage = self.parameters, self.references.haulage
        if haulage.roads is None or not rows(columns) or not haulage.permits:
            return []
        steps = steps_of(columns, haulage.roads, state["last"], p.max_step_s, p.max_off_m)
        truck_of = {mover: k for k, mover in enumerate(steps.fixes.movers)}
        bounds = segments(columns)
        events: list[Event] = []
        for k, mover in enumerate(map(str, columns["mover"][bounds[:-1]])):
            if mover in haulage.permits:
                own = slice(int(bounds[k]), int(bounds[k + 1]))
                events += self._drive(state, mover, columns, own, steps, truck_of.get(mover))
        steps.keep(state["last"])
        return events

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget runs that no later fix prolongs; who is loaded is kept while a permit is known."""
        forget(state["last"], watermark_ms - self.parameters.max_step_s * 1000)
        for kind in (ROUTE, HOURS):
            state[kind] = {m: run for m, run in state[kind].items() if m in state["last"]}
        return []

    def _drive(
        self,
        state: State,
        mover: str,
        columns: Columns,
        own: slice,
        steps: Steps,
        truck: int | None,
    ) -> list[Event]:
        """Take in the rows of one truck, those of a slice."""
        fixes = own.start + np.flatnonzero(
            (columns["kind"][own] == FIX) & (columns["aside"][own] == 0)
        )
        days = city_days(columns["t"][fixes], self.references.zone)
        in_force = {int(day): self._in_force(mover, int(day)) for day in np.unique(days)}
        loaded = self._loaded(state["loaded"], mover, columns, fixes, days, in_force)
        if truck is None:
            return []
        first, end = steps.fixes.bounds[truck : truck + 2].tolist()
        place = np.searchsorted(fixes, steps.fixes.rows[first:end])
        events: list[Event] = []
        runs = {kind: state[kind].pop(mover, None) for kind in (ROUTE, HOURS)}
        judged = self._judge(steps, (first, end), loaded[place], days[place], in_force)
        for k in np.flatnonzero(judged.outside | judged.late).tolist():
            for kind, held in ((ROUTE, judged.outside), (HOURS, judged.late)):
                if held[k]:
                    goes_on = held[k - 1] if k else runs[kind] is not None
                    run = self._follow(runs[kind] if goes_on else None, kind, steps, first + k)
                    runs[kind] = run
                    self._add(run, kind, steps, first + k, judged, k)
                    events += self._complete(run, kind, mover)
        for kind, held in ((ROUTE, judged.outside), (HOURS, judged.late)):
            if held[-1]:
                state[kind][mover] = runs[kind]
        return events

    def _in_force(self, mover: str, day: int) -> list[Plan]:
        if not self.applies(np.array([day]))[0]:
            return []
        permits = self.references.haulage.permits_on(mover, date_of(day))
        return [self._plans.of(permit) for permit in permits]

    def _loaded(
        self,
        kept: State,
        mover: str,
        columns: Columns,
        fixes: Longs,
        days: Longs,
        in_force: dict[int, list[Plan]],
    ) -> Bools:
        """Whether the truck is loaded at each of its fixes."""
        load = columns["load"][fixes]
        told = np.where(np.isin(load, (HALF, FULL)), 1, np.where(load == EMPTY, 0, -1))
        unknown = np.flatnonzero(told < 0)
        x, y = columns["x"][fixes[unknown]], columns["y"][fixes[unknown]]
        for day, plans in in_force.items() if len(unknown) else ():
            for plan in plans:
                then = days[unknown] == day
                told[unknown[then & plan.in_site(x, y)]] = 1
                told[unknown[then & plan.at_dump(x, y)]] = 0
        since = np.maximum.accumulate(np.where(told >= 0, np.arange(len(told)), -1))
        loaded = np.where(since >= 0, told[since], kept.get(mover, 0)) == 1
        if len(loaded):
            kept[mover] = int(loaded[-1])
        return np.asarray(loaded, bool)

    def _judge(
        self,
        steps: Steps,
        span: tuple[int, int],
        loaded: Bools,
        days: Longs,
        in_force: dict[int, list[Plan]],
    ) -> _Judged:
        part, n = slice(*span), len(loaded)
        plans = list(dict.fromkeys(plan for own in in_force.values() for plan in own))
        judged = _Judged(
            plans,
            np.zeros(n, bool),
            np.full(n, np.inf),
            np.zeros(n, np.int64),
            np.zeros(n, bool),
        )
        matched = loaded & (steps.take("off_m")[part] <= self.parameters.max_off_m)
        for day, own in in_force.items():
            then = np.flatnonzero(matched & (days == day))
            if own and len(then):
                self._outside(judged, steps, span[0], then, own)
            if own and all(plan.permit.hours for plan in own):
                then = np.flatnonzero(loaded & (days == day))
                within = np.zeros(len(then), bool)
                for plan in own:
                    t = steps.take("t")[span[0] + then]
                    within |= within_hours(t, plan.permit.hours, self.references.zone)
                judged.late[then[~within]] = True
        return judged

    def _outside(
        self, judged: _Judged, steps: Steps, first: int, then: Longs, own: list[Plan]
    ) -> None:
        """Mark fixes that are outside of the corridors of all plans of a day."""
        for plan in own:
            then = then[~plan.arcs[steps.take("arc")[first + then]]]
        x, y = steps.take("x")[first + then], steps.take("y")[first + then]
        outside = np.isfinite(x) & np.isfinite(y)
        for plan in own:
            outside &= ~plan.at_ends(x, y)
        then, x, y = then[outside], x[outside], y[outside]
        for plan in own:
            off = plan.off_m(x, y)
            nearer = off < judged.off_m[then]
            judged.off_m[then[nearer]] = off[nearer]
            judged.nearest[then[nearer]] = judged.plans.index(plan)
        judged.outside[then] = judged.off_m[then] > self.parameters.corridor_m

    def _follow(self, run: State | None, kind: str, steps: Steps, at: int) -> State:
        """The run that a fix belongs to: the one before it, or a new one."""
        waited = int(steps.take("t")[at]) - int(steps.before("t")[at])
        silent = waited > self.parameters.max_step_s * 1000
        if run is None or silent or (kind == ROUTE and not steps.joined[at]):
            return {"fixes": [], "mm": 0, "ms": 0, "worst": None, "told": False, "known": True}
        return run

    def _add(self, run: State, kind: str, steps: Steps, at: int, judged: _Judged, k: int) -> None:
        """Prolong a run by a fix and, if it is not the first, by the step that leads to it."""
        if run["told"]:
            return
        seconds = (int(steps.take("t")[at]) - int(steps.before("t")[at])) / 1000
        way = float(np.nan_to_num(steps.take("route_m")[at]))
        follows = bool(run["fixes"]) and bool(steps.joined[at])
        moving = follows and way >= self.parameters.moving_mps * seconds and seconds > 0
        if moving:
            run["ms"] += round(seconds * 1000)
        if follows:
            run["mm"] += round(way * 1000)
        if kind == HOURS and not moving:
            # The beginning of a drive, or a truck that stands.
            if run["ms"] == 0:
                run["fixes"] = [list(steps.seen(at))]
            return
        run["fixes"].append(list(steps.seen(at)))
        run["known"] &= bool(steps.take("load")[at] != UNKNOWN_LOAD)
        off = float(judged.off_m[k]) if kind == ROUTE else 0.0
        if kind == HOURS or run["worst"] is None or off > run["worst"][0]:
            plan = judged.plans[int(judged.nearest[k])] if kind == ROUTE else judged.plans[0]
            road = int(steps.roads.arc_road[steps.take("arc")[at]])
            name = road_name(steps.roads, road)
            cited = [plan.permit.reference(), steps.roads.reference(road)]
            run["worst"] = [off, name.en, name.zh, cited]

    def _complete(self, run: State, kind: str, mover: str) -> list[Event]:
        p = self.parameters
        if run["told"] or len(run["fixes"]) < 2:
            return []
        if kind == ROUTE and run["mm"] / 1000 < p.min_outside_m:
            return []
        if kind == HOURS and run["ms"] / 1000 <= p.grace_s:
            return []
        event = self._tell(run, kind, mover)
        run.update(told=True, fixes=[], worst=None)
        return [event]

    def _tell(self, run: State, kind: str, plate: str) -> Event:
        p, fixes = self.parameters, [Seen(*one) for one in run["fixes"]]
        off, *_, cited = run["worst"]
        span = (fixes[0].t, fixes[-1].t)
        measures: tuple[Measure, ...]
        if kind == ROUTE:
            measures = (
                above("length_outside", run["mm"] / 1000, "m", p.min_outside_m),
                above("distance_from_route", off, "m", p.corridor_m),
            )
        else:
            measures = (above("driving_outside_hours", run["ms"] / 1000, "s", p.grace_s),)
        evidence = Evidence(
            measures=measures,
            points=points_of(fixes),
            references=(
                *cited,
                *registered(self.references, plate, span[0]),
                p.law.reference(),
            ),
            quality=fixes_quality(fixes) | {"load_told": run["known"]},
            doubts=_DOUBTS if run["known"] else (_INFERRED, *_DOUBTS),
        )
        return self.event(
            plate,
            span,
            shapely.LineString([(one.lon, one.lat) for one in fixes]),
            p.confidence if run["known"] else p.confidence_inferred,
            evidence,
            self._sentence(run, kind, plate, span),
            apart=kind,
        )

    def _sentence(self, run: State, kind: str, plate: str, span: tuple[int, int]) -> Text:
        p, when = self.parameters, between(*span, self.references.zone)
        off, en, zh, cited = run["worst"]
        permit = f"{cited[0]['id']}"
        if kind == ROUTE:
            far, away = metres(run["mm"] / 1000), metres(off)
            return Text(
                en=(
                    f"Suspected leaving of the permitted muck route: {plate}, loaded, drove"
                    f" {far.en} up to {away.en} away from the route of permit {permit}, {when.en},"
                    f" at {en}; told from {p.min_outside_m:g} m more than {p.corridor_m:g} m away."
                ),
                zh=(
                    f"渣土车疑似偏离许可路线：{plate}于{when.zh}载货偏离许可证{permit}路线行驶{far.zh}，"
                    f"最远偏离{away.zh}（{zh}）；限值为偏离{p.corridor_m:g}米以上行驶"
                    f"{p.min_outside_m:g}米。"
                ),
            )
        lasted, grace, hours = minutes(run["ms"] / 1000), minutes(p.grace_s), cited[0]["hours"]
        return Text(
            en=(
                f"Suspected muck transport outside of the permitted hours: {plate}, loaded, drove"
                f" for {lasted.en} outside of {hours} (permit {permit}), {when.en}, last at {en};"
                f" limit {grace.en}."
            ),
            zh=(
                f"渣土车疑似超出许可时段运输：{plate}于{when.zh}在许可证{permit}许可时段（{hours}）之外"
                f"载货行驶{lasted.zh}，最后位于{zh}；限值{grace.zh}。"
            ),
        )


_INFERRED = Text(
    en="The terminal did not say that the truck was loaded: that follows from where it had been.",
    zh="终端未报送载重状态，载货状态由其途经工地推断。",
)
_DOUBTS = (
    Text(
        en="A temporary permit, works or the police may have led the truck there.",
        zh="可能持有临时许可，或因施工、交警指挥绕行。",
    ),
    Text(
        en="The terminal's load status may be wrong; the permit's line may be drawn coarsely.",
        zh="终端载重状态可能有误；许可路线可能绘制粗略。",
    ),
    MATCHED,
    CLOCK,
)
