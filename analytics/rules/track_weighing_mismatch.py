"""A truck was weighed where its own terminal says that it can't have been.

At a weighing the last fix before and the first one after it, each at most ``max_gap_s`` away, are
held against the station: the truck would still have been more than ``apart_m`` from it, even if
driven at ``max_mps`` the straight way from the one and to the other. Both must say so, so that one
wild position tells nothing. The event is fixed at the fix after the weighing. Rows set aside and
rows of terminals whose clock is off are no fixes here.
"""

from __future__ import annotations

import numpy as np
import shapely
from pydantic import Field

from analytics.calendar import city_day
from analytics.event import Event, Evidence, Measure, above
from analytics.feeds import WEIGHING, segments
from analytics.law import Law
from analytics.references import WimStation
from analytics.rule import Columns, Parameters, Rule, State, register, rows
from analytics.tracks import Longs, distance_m, forget, haversine_m
from analytics.trails import needed_since, on_time
from analytics.truck_wording import kmh, moment, registered
from analytics.vessels import Fix, fix_at, fixes_at
from analytics.wording import kilograms, place
from layers.text import Text


class TrackWeighingMismatchParameters(Parameters):
    """See the module."""

    max_gap_s: float = Field(gt=0)
    apart_m: float = Field(gt=0)
    max_mps: float = Field(gt=0)
    law: Law
    confidence: float = Field(default=0.75, ge=0, le=1)


@register
class TrackWeighingMismatch(Rule):
    """See the module."""

    kind = "track_weighing_mismatch"
    feed = "gps"
    title = Text(en="Weighed away from its own track", zh="称重记录与轨迹不符")
    parameters_model = TrackWeighingMismatchParameters

    def start(self) -> State:
        """Nobody was heard.

        Kept by plate: its last fix, and weighings that await the next one: weighing, station,
        gross mass and the fix before.
        """
        return {"last": {}, "waiting": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take rows in."""
        if not rows(columns):
            return []
        placed = np.isfinite(columns["lon"])
        fixes = np.flatnonzero(on_time(columns) & placed)
        weighed = np.flatnonzero((columns["kind"] == WEIGHING) & placed)
        bounds = segments(columns)
        plates = [str(plate) for plate in columns["mover"][bounds[:-1]]]
        cuts = np.searchsorted(fixes, bounds)
        owner = np.searchsorted(bounds, weighed, side="right") - 1
        weighed = self._doubtful(columns, weighed, fixes, cuts[owner])
        pieces = np.searchsorted(weighed, bounds)
        waits = np.array([plate in state["waiting"] for plate in plates], bool)
        events = []
        for k in np.flatnonzero((np.diff(pieces) > 0) | waits).tolist():
            plate, own = plates[k], fixes[cuts[k] : cuts[k + 1]]
            if len(own):
                events += self._decide(state, plate, fix_at(columns, int(own[0])))
            for row in weighed[pieces[k] : pieces[k + 1]].tolist():
                number = int(np.searchsorted(own, row))
                before = fix_at(columns, int(own[number - 1])) if number else None
                self._await(state, plate, columns, row, before)
                if number < len(own):
                    events += self._decide(state, plate, fix_at(columns, int(own[number])))
        heard = np.flatnonzero(np.diff(cuts) > 0).tolist()
        lasts = map(tuple, fixes_at(columns, fixes[cuts[1:][heard] - 1]))
        state["last"].update(zip((plates[k] for k in heard), lasts, strict=True))
        return events

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget fixes and weighings that no later row is near enough to."""
        oldest = needed_since(watermark_ms, self.parameters.max_gap_s)
        forget(state["last"], oldest)
        for plate, waiting in list(state["waiting"].items()):
            state["waiting"][plate] = [one for one in waiting if one[0][0] >= oldest]
            if not state["waiting"][plate]:
                del state["waiting"][plate]
        return []

    def _doubtful(self, columns: Columns, weighed: Longs, fixes: Longs, first: Longs) -> Longs:
        """Leave out the weighings that the fix before them confirms, which most do.

        Parameters
        ----------
        first : place in ``fixes`` of the first one of each weighing's truck.
        """
        place = np.searchsorted(fixes, weighed) - 1
        known = np.flatnonzero(place >= first)
        row, before = weighed[known], fixes[place[known]]
        lon, lat, t = (columns[name] for name in ("lon", "lat", "t"))
        far = haversine_m(lon[row], lat[row], lon[before], lat[before])
        seconds = (t[row] - t[before]) / 1000
        beyond = far - self.parameters.max_mps * seconds > self.parameters.apart_m
        doubtful = np.ones(len(weighed), bool)
        doubtful[known] = beyond & (seconds <= self.parameters.max_gap_s)
        return weighed[doubtful]

    def _await(
        self, state: State, plate: str, columns: Columns, row: int, before: Fix | None
    ) -> None:
        """Keep a weighing that the fix before it contradicts."""
        held = state["last"].get(plate)
        if before is None and held is not None:
            before = Fix(*held)
        record = fix_at(columns, row)
        if before is not None and self._beyond(record, before) > self.parameters.apart_m:
            told = [str(columns["station_id"][row]), float(columns["gross_kg"][row])]
            state["waiting"].setdefault(plate, []).append([list(record), *told, list(before)])

    def _decide(self, state: State, plate: str, after: Fix) -> list[Event]:
        """Hold the weighings that wait against the fix that follows them."""
        events = []
        for record, station, gross, held in state["waiting"].pop(plate, ()):
            one, before = Fix(*record), Fix(*held)
            day = np.array([city_day(one.t, self.references.zone)])
            far = self._beyond(one, after) > self.parameters.apart_m
            if far and self.applies(day)[0]:
                events.append(self._tell(plate, one, (station, gross), before, after))
        return events

    def _beyond(self, record: Fix, fix: Fix) -> float:
        """How far from the station the truck was at least; 0 where the fix is too long ago."""
        seconds = abs(fix.t - record.t) / 1000
        if seconds > self.parameters.max_gap_s:
            return 0.0
        return float(distance_m(record, fix) - self.parameters.max_mps * seconds)

    def _tell(
        self, plate: str, record: Fix, told: tuple[str, float], before: Fix, after: Fix
    ) -> Event:
        p, (name, gross) = self.parameters, told
        station = self.references.stations.get(name) or WimStation(name)
        gaps = [abs(fix.t - record.t) / 1000 for fix in (before, after)]
        far = [distance_m(record, fix) for fix in (before, after)]
        least = [self._beyond(record, fix) for fix in (before, after)]
        evidence = Evidence(
            measures=(
                above("least_distance_by_fix_before", least[0], "m", p.apart_m),
                above("least_distance_by_fix_after", least[1], "m", p.apart_m),
                Measure("distance_before", round(far[0], 1), "m"),
                Measure("distance_after", round(far[1], 1), "m"),
            ),
            points=(before.pid, record.pid, after.pid),
            references=(
                station.reference(),
                *registered(self.references, plate, record.t),
                p.law.reference(),
            ),
            quality={"gap_before_s": gaps[0], "gap_after_s": gaps[1], "gross_kg": gross},
            doubts=_DOUBTS,
        )
        when, there = moment(record.t, self.references.zone), place(before.lon, before.lat)
        mass = kilograms(gross)
        sentence = Text(
            en=(
                f"Suspected false plate or terminal: {plate} was weighed ({mass}) at station"
                f" {name}, {when.en}, record {record.pid}, while its terminal was"
                f" {far[0] / 1000:,.1f} km away {gaps[0]:.0f} s before, at {there.en}, and"
                f" {far[1] / 1000:,.1f} km away {gaps[1]:.0f} s after; at {kmh(p.max_mps)} it"
                f" would still have been {min(least) / 1000:,.1f} km away, limit"
                f" {p.apart_m / 1000:,.1f} km."
            ),
            zh=(
                f"疑似套牌或终端移装：{plate}于{when.zh}在检测点{name}称重（{mass}，记录号"
                f"{record.pid}），而其终端在此前{gaps[0]:.0f}秒位于{far[0] / 1000:,.1f}公里外"
                f"（{there.zh}），此后{gaps[1]:.0f}秒位于{far[1] / 1000:,.1f}公里外；即使以"
                f"{kmh(p.max_mps)}行驶仍相距{min(least) / 1000:,.1f}公里，"
                f"限值{p.apart_m / 1000:,.1f}公里。"
            ),
        )
        line = shapely.LineString([(before.lon, before.lat), (record.lon, record.lat)])
        return self.event(
            plate, (record.t, after.t), line, p.confidence, evidence, sentence, apart=record.pid
        )


_DOUBTS = (
    Text(
        en="The plate may have been misread: look at the image of the weighing.",
        zh="号牌可能识别有误，请核对称重图像。",
    ),
    Text(
        en="A station or terminal with a wrong clock gives the same: if many trucks disagree with"
        " this station, it is the station.",
        zh="检测点或终端时钟错误亦可致此：若多车与该检测点不符，应先核查检测点。",
    ),
)
