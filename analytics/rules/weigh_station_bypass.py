"""A truck leaves the road shortly before a weigh station and comes back shortly behind it.

It was driving towards the station on its road, at most ``approach_m`` before it, with a fix there;
it left the road, had a fix elsewhere, and came back to the same road at most ``return_m`` behind
the station, driving away from it, with a fix there: all on one matched way, within
``max_detour_s``, and without coming back before the station. It did not stand still, and was not
silent, for ``max_stop_s`` in between, which would be a delivery. The way that it took is longer by
``min_extra_m`` than the way by road past the station between the same two junctions, so there was
no reason of distance. A weighing of the plate at the station within ``record_s`` before, during or
after shows that it was weighed all the same. Only directions of travel that the station weighs
count.

A record may come later than the return, so an event waits until no record of that time can come:
for a later row of the truck, or for the watermark.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from analytics.calendar import city_days
from analytics.event import Event, Evidence, Measure, above
from analytics.feeds import FIX, WEIGHING, segments
from analytics.law import Law
from analytics.road_shapes import arc_line, way_shape
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
from analytics.weigh_gates import Gates, Turns, notable
from layers.text import Text

Longs = npt.NDArray[np.int64]


class WeighStationBypassParameters(Parameters):
    """See the module.

    Attributes
    ----------
    max_turn_deg : how far a road without a name may turn at a junction and still be the same.
    """

    approach_m: float = Field(default=3000, gt=0)
    return_m: float = Field(default=3000, gt=0)
    max_detour_s: float = Field(default=1800, gt=0)
    max_stop_s: float = Field(default=600, gt=0)
    min_extra_m: float = Field(default=100, ge=0)
    record_s: float = Field(default=900, ge=0)
    max_turn_deg: float = Field(default=45, ge=0, le=180)
    max_off_m: float = Field(default=20, gt=0)
    law: Law
    confidence: float = Field(default=0.7, ge=0, le=1)


class _Left(NamedTuple):
    """Where a truck left the road.

    Attributes
    ----------
    t, place : of the junction, ms and metres.
    far_m : from there to the station.
    odometer_mm : what the truck had driven by then.
    fix, at_ms : the fix before, and the time of that behind.
    """

    t: int
    chain: int
    far_m: float
    odometer_mm: int
    at_ms: int
    fix: list[Any]
    place: list[float]


class _Back(NamedTuple):
    """Where it came back; as in `_Left`."""

    t: int
    far_m: float
    odometer_mm: int
    place: list[float]


@register
class WeighStationBypass(Rule):
    """See the module."""

    kind = "weigh_station_bypass"
    feed = "gps"
    title = Text(en="Avoiding weigh stations", zh="绕行逃避检测")
    parameters_model = WeighStationBypassParameters

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        p, roads = self.parameters, self.references.haulage.roads
        if roads is not None:
            stations = self.references.stations.values()
            self._gates = Gates(roads, stations, p.approach_m, p.return_m, p.max_turn_deg)
        self._wait_ms = round(p.record_s * 1000)
        # How long before its return a truck may have been weighed and still be silent.
        self._past_ms = round((p.max_detour_s + p.max_stop_s + p.record_s) * 1000)

    def start(self) -> State:
        """Nobody drives.

        Kept are by truck its last matched fix, what it has driven, when it last stood, where it
        left which gate's road, its weighings, and the returns that wait for their records.
        """
        return {"last": {}, "driven": {}, "stood": {}, "left": {}, "weighed": {}, "waiting": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take matched rows and weighings in."""
        p, roads = self.parameters, self.references.haulage.roads
        if roads is None or not rows(columns) or not self._gates.gates:
            return []
        # Far from the road or not: what shows that a truck came back is not to be overlooked.
        steps = steps_of(columns, roads, state["last"], p.max_stop_s, math.inf)
        self._weigh(state["weighed"], columns)
        odometer = _odometer(state["driven"], steps)
        stood = self._stood(columns, steps)
        chosen = np.flatnonzero(steps.touching(self._gates.arcs))
        pieces = steps.pieces(chosen)
        turns = self._gates.turns(steps, chosen, pieces, p.max_off_m)
        for k in self._notable(state, steps, turns):
            arcs = pieces.arc[turns.piece[k] : turns.piece[k] + 2].tolist()
            self._turn(state, steps, odometer, turns, k, arcs, stood)
        for mover, times in stood.items():
            state["stood"][mover] = int(times[-1])
        steps.keep(state["last"])
        bounds = segments(columns)
        return self._settle(
            state, columns["mover"][bounds[:-1]].tolist(), columns["t"][bounds[1:] - 1]
        )

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Tell the returns whose records can't come any more, and forget what is of no use."""
        waiting = list(state["waiting"])
        events = self._settle(state, waiting, np.full(len(waiting), watermark_ms))
        p, past = self.parameters, watermark_ms - self._past_ms
        forget(state["last"], watermark_ms - p.max_stop_s * 1000)
        state["driven"] = {m: far for m, far in state["driven"].items() if m in state["last"]}
        state["stood"] = {m: t for m, t in state["stood"].items() if t >= past}
        # After such a silence no way back is followed.
        state["left"] = {m: own for m, own in state["left"].items() if m in state["last"]}
        weighed = {
            mover: {
                record: one
                for record, one in own.items()
                if mover in state["waiting"] or one[0] >= past
            }
            for mover, own in state["weighed"].items()
        }
        state["weighed"] = {mover: own for mover, own in weighed.items() if own}
        return events

    def _weigh(self, weighed: State, columns: Columns) -> None:
        """Note the weighings at stations, by record."""
        for row in np.flatnonzero(columns["kind"] == WEIGHING).tolist():
            own = weighed.setdefault(str(columns["mover"][row]), {})
            record = f"{columns['t'][row]}/{columns['pid'][row]}"
            own[record] = (int(columns["t"][row]), str(columns["station_id"][row]))

    def _stood(self, columns: Columns, steps: Steps) -> dict[str, Longs]:
        """Times at which each truck stood still, or had been silent, for long; in order."""
        limit = round(self.parameters.max_stop_s * 1000)
        since, t, mover = columns["still_since"], columns["t"], columns["mover"]
        usable = (columns["kind"] == FIX) & (columns["aside"] == 0) & (since >= 0)
        still = usable & (t - since >= limit)
        waited = steps.take("t") - steps.before("t")
        still[steps.fixes.rows[(steps.before("chain") >= 0) & (waited >= limit)]] = True
        long = np.flatnonzero(still)
        inner = np.flatnonzero(mover[long][1:] != mover[long][:-1]) + 1
        edges = [0, *inner.tolist(), len(long)] if len(long) else []
        return {str(mover[long[a]]): t[long[a:b]] for a, b in pairwise(edges)}

    def _notable(self, state: State, steps: Steps, turns: Turns) -> list[int]:
        movers, ends = steps.fixes.movers, steps.fixes.bounds[1:] - 1
        held = np.array([mover in state["left"] for mover in movers], bool)
        limit = self.parameters.max_detour_s * 1000
        since = steps.take("t")[ends] - round(limit)
        found: list[int] = notable(turns, steps.fixes.owner[turns.at], held, since, limit).tolist()
        return found

    def _turn(
        self,
        state: State,
        steps: Steps,
        odometer: Longs,
        turns: Turns,
        k: int,
        arcs: list[int],
        stood: dict[str, Longs],
    ) -> None:
        """Take in that a truck left a zone or came into one, from one arc to another."""
        at, gate = int(turns.at[k]), self._gates.gates[int(turns.gate[k])]
        mover = steps.fixes.movers[int(steps.fixes.owner[at])]
        left = state["left"].setdefault(mover, {})
        t, driven = int(turns.t[k]), int(odometer[at] - turns.rest_mm[k])
        before = left.pop(gate.key, None)
        if turns.leaves[k]:
            record = _Left(
                t,
                int(steps.take("chain")[at]),
                gate.far_m[arcs[0]],
                driven,
                int(steps.take("t")[at]),
                list(steps.seen_before(at)),
                list(arc_line(steps.roads, arcs[0]).coords[-1]),
            )
            left[gate.key] = list(record)
        elif turns.returns[k] and before is not None:
            back = _Back(
                t, gate.far_m[arcs[1]], driven, list(arc_line(steps.roads, arcs[1]).coords[0])
            )
            self._return(state, steps, at, gate.key, _Left(*before), back, stood.get(mover))
        if not left:
            del state["left"][mover]

    def _return(
        self,
        state: State,
        steps: Steps,
        at: int,
        gate: str,
        left: _Left,
        back: _Back,
        stood: Longs | None,
    ) -> None:
        """Let a return wait for its records if it may be a bypass."""
        p = self.parameters
        mover = steps.fixes.movers[int(steps.fixes.owner[at])]
        past, taken = left.far_m + back.far_m, (back.odometer_mm - left.odometer_mm) / 1000
        last = state["stood"].get(mover, -1)
        if stood is not None:
            earlier = stood[stood <= int(steps.take("t")[at])]
            last = int(earlier[-1]) if len(earlier) else last
        if (
            left.chain != int(steps.take("chain")[at])
            # A detour without a fix on it is a guess.
            or left.at_ms > int(steps.before("t")[at])
            or back.t - left.t > p.max_detour_s * 1000
            or last >= left.t
            or taken < past + p.min_extra_m
        ):
            return
        arc = int(steps.before("arc")[at])
        fixes = [left.fix, list(steps.seen_before(at)), list(steps.seen(at))]
        x, y = (float(steps.before(name)[at]) for name in ("x", "y"))
        around = road_name(steps.roads, int(steps.roads.arc_road[arc]))
        found = {
            "gate": gate,
            "span": [left.t, int(steps.take("t")[at])],
            "back": back.t,
            "past": past,
            "taken": taken,
            "fixes": fixes,
            "way": [left.place, [x, y], back.place],
            "around": [around.en, around.zh],
        }
        state["waiting"].setdefault(mover, []).append(found)

    def _settle(self, state: State, movers: list[Any], until: Longs) -> list[Event]:
        """Tell or drop returns whose records must have come by a time, for each of some trucks."""
        events = []
        for mover, now in zip(map(str, movers), until.tolist(), strict=True):
            weighed = state["weighed"].get(mover, {})
            for one in state["waiting"].pop(mover, []):
                if one["back"] + self._wait_ms >= now:
                    state["waiting"].setdefault(mover, []).append(one)
                elif one["gate"] in self._gates.by_key and not self._recorded(one, weighed):
                    events += self._tell(mover, one)
            if weighed and mover not in state["waiting"]:
                kept = {key: v for key, v in weighed.items() if v[0] >= now - self._past_ms}
                state["weighed"][mover] = kept
        return events

    def _recorded(self, one: State, weighed: State) -> bool:
        """Whether the truck was weighed at the station around the time that it went by."""
        station = self._gates.by_key[one["gate"]].station.station_id
        first, last = one["span"][0] - self._wait_ms, one["back"] + self._wait_ms
        return any(at == station and first <= t <= last for t, at in weighed.values())

    def _tell(self, plate: str, one: State) -> list[Event]:
        p, roads = self.parameters, self.references.haulage.roads
        assert roads is not None
        span = (one["span"][0], one["span"][1])
        if not self.applies(city_days(np.array([span[0]]), self.references.zone))[0]:
            return []
        gate, fixes = self._gates.by_key[one["gate"]], [Seen(*fix) for fix in one["fixes"]]
        station, extra = gate.station, one["taken"] - one["past"]
        road = int(roads.arc_road[gate.arc])
        lasted = (one["back"] - span[0]) / 1000
        evidence = Evidence(
            measures=(
                above("extra_way", extra, "m", p.min_extra_m),
                Measure("way_taken", round(one["taken"], 1), "m"),
                Measure("way_past_the_station", round(one["past"], 1), "m"),
                Measure("duration", lasted, "s", p.max_detour_s, round(lasted - p.max_detour_s, 3)),
            ),
            points=points_of(fixes),
            references=(
                station.reference(),
                roads.reference(road),
                *registered(self.references, plate, span[0]),
                p.law.reference(),
            ),
            quality=fixes_quality(fixes) | {"direction": _direction(roads, gate.arc)},
            doubts=_DOUBTS,
        )
        name, when = road_name(roads, road), between(span[0], one["back"], self.references.zone)
        taken, past, more = metres(one["taken"]), metres(one["past"]), metres(extra)
        en, zh = one["around"]
        at = station.name_zh or station.station_id
        sentence = Text(
            en=(
                f"Suspected avoiding of a weigh station: {plate} left {name.en} before station"
                f" {station.station_id} and came back behind it, by {en}, {when.en}; the way taken"
                f" is {taken.en}, {more.en} longer than the {past.en} past the station (told from"
                f" {p.min_extra_m:g} m); no weighing there within {p.record_s / 60:g} min."
            ),
            zh=(
                f"疑似绕行逃避检测：{plate}于{when.zh}在检测点{at}之前驶离{name.zh}，经{zh}绕行后"
                f"在检测点之后驶回；实际路程{taken.zh}，经检测点路程{past.zh}，多行{more.zh}（限值"
                f"{p.min_extra_m:g}米）；前后{p.record_s / 60:g}分钟内无该点称重记录。"
            ),
        )
        shape = way_shape(one["way"], self.references.crs)
        event = self.event(
            plate, span, shape, p.confidence, evidence, sentence, apart=station.station_id
        )
        return [event]


def _odometer(driven: State, steps: Steps) -> Longs:
    """Whole millimetres that each truck has driven by each fix, on from what is kept of it."""
    way = np.nan_to_num(steps.take("route_m"), nan=0.0, posinf=0.0, neginf=0.0)
    total = np.cumsum(np.rint(way * 1000).astype(np.int64))
    first, own = steps.fixes.bounds[:-1], steps.fixes.bounds[1:] - 1
    held = np.array([driven.get(mover, 0) for mover in steps.fixes.movers], np.int64)
    before = np.where(first > 0, total[first - 1], 0) if len(first) else first
    odometer = total + (held - before)[steps.fixes.owner]
    driven.update(zip(steps.fixes.movers, odometer[own].tolist(), strict=True))
    return np.asarray(odometer, np.int64)


def _direction(roads: Any, arc: int) -> str:
    return "forward" if roads.arc_forward[arc] else "backward"


_DOUBTS = (
    Text(
        en="The driver may have called at a place beside the road, looked for fuel or food, or been"
        " led round works, an accident or a closed lane.",
        zh="驾驶人可能途中短暂停靠、加油、就餐，或因施工、事故、封道绕行。",
    ),
    Text(
        en="The station may have been out of order, or its record may lack the plate.",
        zh="检测点可能停用，或称重记录未识别号牌。",
    ),
    MATCHED,
    CLOCK,
)
