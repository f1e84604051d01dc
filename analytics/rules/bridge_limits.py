"""A truck passes a bridge, an underpass or a road that it is too heavy or too high for.

Whether it passed is read from the matched way between fixes (see `analytics.road_limits`). Its mass
is that of its last weighing in the ``mass_valid_s`` before, divided by (1 + instrument error), as
`overload` reads it; a truck that said it was loaded when it was weighed, and has said that it is
empty since, has no known mass. Its height is that of its entry in the register of that day; up to
``height_tolerance_m`` above the limit nothing is told. Passing the same limit again within
``repeat_s`` belongs to the passing before. The event is fixed at the fix that follows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from pydantic import Field

from analytics.calendar import city_day, date_of, local_time, utc_offset
from analytics.event import Event, Evidence, Measure, above
from analytics.feeds import EMPTY, FULL, HALF, UNKNOWN_LOAD, WEIGHING
from analytics.law import Law
from analytics.references import WimStation
from analytics.road_limits import Checkpoints, Crossings, Limited
from analytics.road_shapes import place_on
from analytics.road_wording import MATCHED, fixes_quality
from analytics.routes import Steps, steps_of
from analytics.rule import Columns, Parameters, Rule, State, register, rows
from analytics.tracks import forget
from analytics.truck_references import TruckEntry
from analytics.truck_wording import registered
from analytics.wording import kilograms
from layers.text import Text

# Masses are told in whole kilograms, heights in whole millimetres; less is arithmetic.
_ROUNDING_KG, _ROUNDING_M = 1e-6, 1e-9
_LOADED = (HALF, FULL)


class BridgeLimitsParameters(Parameters):
    """See the module.

    Attributes
    ----------
    default_error_share : instrument error where neither record nor station gives one.
    """

    mass_valid_s: float = Field(default=14_400, gt=0)
    default_error_share: float = Field(ge=0, lt=1)
    height_tolerance_m: float = Field(default=0.05, ge=0)
    repeat_s: float = Field(default=600, ge=0)
    max_off_m: float = Field(default=20, gt=0)
    max_step_s: float = Field(default=600, gt=0)
    law: Law
    confidence: float = Field(default=0.75, ge=0, le=1)


class _Weighed(NamedTuple):
    """A weighing: ms, kg, share, ids, the load told then and since when it is told as empty."""

    t: int
    gross_kg: float
    error: float
    record_id: str
    station_id: str
    load: int
    empty_from: int | None

    @property
    def least_kg(self) -> float:
        """Mass with the instrument's error taken off."""
        return self.gross_kg / (1 + self.error)


@register
class BridgeLimits(Rule):
    """See the module."""

    kind = "bridge_limits"
    feed = "gps"
    title = Text(en="Bridge load and height limits", zh="桥梁限载限高")
    parameters_model = BridgeLimitsParameters

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        haulage = self.references.haulage
        if haulage.roads is not None:
            self._checkpoints = Checkpoints(haulage.roads, haulage)
        self._highest = {
            plate: max((entry.height_m or 0.0 for entry in entries), default=0.0)
            for plate, entries in haulage.trucks.items()
        }

    def start(self) -> State:
        """Nobody drives: kept are each truck's last fix, weighings and what was passed lately."""
        return {"last": {}, "weighed": {}, "passed": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take matched rows and weighings in."""
        p, roads = self.parameters, self.references.haulage.roads
        if roads is None or not rows(columns):
            return []
        steps = steps_of(columns, roads, state["last"], p.max_step_s, p.max_off_m)
        self._weigh(state, columns, steps)
        chosen = np.flatnonzero(steps.touching(self._checkpoints.arcs))
        passed = self._checkpoints.crossings(steps.pieces(chosen))
        events = []
        for k in self._suspects(state, steps, chosen, passed):
            events += self._judge(state, steps, int(chosen[passed.step[k]]), passed, k)
        steps.keep(state["last"])
        for mover in set(steps.fixes.movers) & set(state["weighed"]):
            _supersede(state["weighed"], mover, state["last"][mover][0])
        return events

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget what no later fix can make use of."""
        p = self.parameters
        oldest = watermark_ms - p.max_step_s * 1000
        forget(state["last"], oldest)
        for name, valid_s, place in (("weighed", p.mass_valid_s, 0), ("passed", p.repeat_s, 1)):
            since = oldest - valid_s * 1000
            kept = {m: [v for v in own if v[place] >= since] for m, own in state[name].items()}
            state[name] = {mover: own for mover, own in kept.items() if own}
        return []

    def _weigh(self, state: State, columns: Columns, steps: Steps) -> None:
        """Note weighings, and which loads were told to be gone."""
        gross, truck_of = columns["gross_kg"], {m: k for k, m in enumerate(steps.fixes.movers)}
        load, t = steps.take("load"), steps.take("t")
        for row in np.flatnonzero((columns["kind"] == WEIGHING) & (gross > 0)).tolist():
            mover = str(columns["mover"][row])
            before = int(np.searchsorted(steps.fixes.rows, row)) - 1
            told, truck = UNKNOWN_LOAD, truck_of.get(mover)
            if truck is not None and before >= steps.fixes.bounds[truck]:
                told = int(load[before])
            elif mover in state["last"]:
                told = int(state["last"][mover][6])
            one = _Weighed(
                int(columns["t"][row]),
                float(gross[row]),
                self._error(columns, row),
                str(columns["pid"][row]),
                str(columns["station_id"][row]),
                told,
                None,
            )
            state["weighed"].setdefault(mover, []).append(list(one))
        for mover, own in state["weighed"].items():
            truck = truck_of.get(mover)
            full = [one for one in own if one[5] in _LOADED and one[6] is None]
            if truck is None or not full:
                continue
            part = slice(*steps.fixes.bounds[truck : truck + 2].tolist())
            gone = t[part][load[part] == EMPTY]
            for one in full:
                if (gone >= one[0]).any():
                    one[6] = int(gone[gone >= one[0]][0])

    def _error(self, columns: Columns, row: int) -> float:
        """Larger of the record's and the station's error: doubt is in the truck's favour."""
        station = self.references.stations.get(str(columns["station_id"][row]))
        declared = None if station is None else station.error_share
        told = [float(columns["error_share"][row]), np.nan if declared is None else declared]
        known = [error for error in told if error == error]
        return max(known, default=float(self.parameters.default_error_share))

    def _suspects(self, state: State, steps: Steps, chosen: Any, passed: Crossings) -> list[int]:
        """Crossings by trucks that were ever too heavy or too high for what they pass."""
        movers = steps.fixes.movers
        high = np.array([self._highest.get(mover, 0.0) for mover in movers])
        heavy = np.array(
            [max((_Weighed(*w).least_kg for w in state["weighed"].get(m, ())), default=0)
             for m in movers]
        )  # fmt: skip
        if not len(passed.step):
            return []
        owner = steps.fixes.owner[chosen][passed.step]
        limits = np.array([(one.limit_t, one.limit_h_m) for one in self._checkpoints.limited])
        own = limits[passed.limited]
        perhaps = (heavy[owner] > own[:, 0] * 1000) | (high[owner] > own[:, 1])
        return [int(k) for k in np.flatnonzero(perhaps)]

    def _judge(self, state: State, steps: Steps, at: int, passed: Crossings, k: int) -> list[Event]:
        p, t = self.parameters, int(passed.t[k])
        plate = steps.fixes.movers[int(steps.fixes.owner[at])]
        limited = self._checkpoints.limited[int(passed.limited[k])]
        day = city_day(t, self.references.zone)
        if not self.applies(np.array([day]))[0]:
            return []
        weighed = self._too_heavy(state["weighed"].get(plate, []), t, limited)
        entry = self.references.haulage.truck_on(plate, date_of(day))
        if entry is not None and not self._too_high(entry, limited):
            entry = None
        if weighed is None and entry is None:
            return []
        recent = state["passed"].setdefault(plate, [])
        known = [one for one in recent if one[0] == limited.key]
        recent[:] = [one for one in recent if one[0] != limited.key] + [[limited.key, t]]
        if known and t - known[0][1] <= p.repeat_s * 1000:
            return []
        return [self._tell(plate, steps, at, passed, k, weighed, entry)]

    def _too_heavy(self, weighings: list[list[Any]], t: int, limited: Limited) -> _Weighed | None:
        before = [_Weighed(*one) for one in weighings if one[0] <= t]
        if not before or (t - before[-1].t) / 1000 > self.parameters.mass_valid_s:
            return None
        last = before[-1]
        if last.empty_from is not None and last.empty_from <= t:
            return None
        return last if last.least_kg > limited.limit_t * 1000 + _ROUNDING_KG else None

    def _too_high(self, entry: TruckEntry, limited: Limited) -> bool:
        allowed = limited.limit_h_m + self.parameters.height_tolerance_m + _ROUNDING_M
        return entry.height_m is not None and entry.height_m > allowed

    def _tell(
        self,
        plate: str,
        steps: Steps,
        at: int,
        passed: Crossings,
        k: int,
        weighed: _Weighed | None,
        entry: TruckEntry | None,
    ) -> Event:
        limited, arc, t = (
            self._checkpoints.limited[int(passed.limited[k])],
            passed.arc[k],
            passed.t[k],
        )
        fixes = [steps.seen_before(at), steps.seen(at)]
        measures: list[Measure] = []
        cited = [limited.reference]
        road = steps.roads.reference(int(steps.roads.arc_road[arc]))
        cited += [road] if road != limited.reference else []
        if weighed is not None:
            measures += _mass_measures(weighed, limited.limit_t)
            station = self.references.stations.get(weighed.station_id)
            cited.append((station or WimStation(weighed.station_id)).reference())
        if entry is not None:
            measures.append(above("height", float(entry.height_m or 0), "m", limited.limit_h_m))
        cited += registered(self.references, plate, int(t))
        quality = fixes_quality(fixes)
        if weighed is not None:
            quality["instrument_error_share"] = weighed.error
            quality["weighed_before_s"] = (int(t) - weighed.t) / 1000
        evidence = Evidence(
            measures=tuple(measures),
            points=(*(one.pid for one in fixes), *([weighed.record_id] if weighed else [])),
            references=(*cited, self.parameters.law.reference()),
            quality=quality,
            doubts=_DOUBTS[: None if weighed is not None else -1],
        )
        return self.event(
            plate,
            (int(t), fixes[1].t),
            place_on(steps.roads, int(arc), float(passed.at_m[k]), self.references.crs),
            self.parameters.confidence,
            evidence,
            self._sentence(plate, int(t), limited, weighed, entry),
            apart=limited.key,
        )

    def _sentence(
        self,
        plate: str,
        t: int,
        limited: Limited,
        weighed: _Weighed | None,
        entry: TruckEntry | None,
    ) -> Text:
        zone = self.references.zone
        when = f"{local_time(t, zone)} ({utc_offset(t, zone)})"
        when_zh = f"{local_time(t, zone)}（{utc_offset(t, zone)}）"
        en, zh = [], []
        if weighed is not None:
            at, least = local_time(weighed.t, zone), kilograms(weighed.least_kg)
            en.append(
                f"it weighed {kilograms(weighed.gross_kg)} at station {weighed.station_id}, {at};"
                f" less the instrument error of {weighed.error:.1%} this is {least}, limit"
                f" {limited.limit_t:g} t"
            )
            zh.append(
                f"该车{at}在检测点{weighed.station_id}称重{kilograms(weighed.gross_kg)}，扣除仪器误差"
                f"{weighed.error:.1%}后为{least}，限载{limited.limit_t:g}吨"
            )
        if entry is not None:
            en.append(
                f"it is registered as {entry.height_m:g} m high, limit {limited.limit_h_m:g} m"
            )
            zh.append(f"该车登记高度{entry.height_m:g}米，限高{limited.limit_h_m:g}米")
        return Text(
            en=(
                f"Suspected passing of a limit: {plate} passed {limited.name.en}, {when};"
                f" {'; '.join(en)}."
            ),
            zh=f"疑似违反限载限高：{plate}于{when_zh}通过{limited.name.zh}；{'；'.join(zh)}。",
        )


def _mass_measures(weighed: _Weighed, limit_t: float) -> list[Measure]:
    limit = limit_t * 1000
    least = weighed.least_kg
    return [
        Measure("gross_mass", weighed.gross_kg, "kg"),
        Measure("gross_mass_less_error", round(least, 1), "kg", limit, round(least - limit, 1)),
    ]


def _supersede(weighed: State, mover: str, until: int) -> None:
    """Drop weighings that a later one, still before the last fix, has replaced."""
    own = weighed[mover]
    older = sum(one[0] <= until for one in own)
    weighed[mover] = own[max(0, older - 1) :]


_DOUBTS = (
    MATCHED,
    Text(
        en="The limit may be that of the level beneath, or have been changed; special permits are"
        " not known.",
        zh="限值可能属于下层道路或已变更；特别通行许可未掌握。",
    ),
    Text(
        en="The load may have changed between the weighing and the passing.",
        zh="称重后至通过前载荷可能已变化。",
    ),
)
