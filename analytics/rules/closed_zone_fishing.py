"""A fishing vessel moves as boats do that fish, inside a zone or season where that is forbidden.

Each position of a vessel that claims to be a fishing boat gets a score (`analytics.fishing`): how
alike its way over the last minutes and hours is to that of boats that were seen fishing. Positions
with a score of at least ``min_score``, not lying, at a speed within ``speed_mps``, in a zone of
``zone_kinds`` in force on that day and outside of ``exempt_kinds``, make a spell. ``exit_fixes``
others in a row, or a silence beyond ``max_gap_s``, end it. It is told, once, where it is longer
than ``min_duration_s`` with ``min_fixes`` positions over ``min_length_m``; these three are what
Global Fishing Watch asks of its fishing events. The event is fixed at that position and gives the
reasons of its score.

Where ``exempt_gears`` are declared, as for a moratorium that leaves hooks alone, only boats are
told whose entry in that day's register names another gear; of boats in no register
`unregistered_vessel` tells.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from pydantic import Field

from analytics.calendar import city_day
from analytics.claims import ClaimParameters, Claims
from analytics.content import content_version
from analytics.event import Event, Evidence, Measure, above
from analytics.fishing import features as features_of
from analytics.fishing.boats import boats_of
from analytics.fishing.features import Floats, Matrix
from analytics.fishing.model import Reason, load, lying
from analytics.names import Names
from analytics.preparation.statics import Statics
from analytics.references import MarineZone, RegisterEntry
from analytics.register_on import RegistersByDay
from analytics.rule import Columns, Rule, State, register
from analytics.tracks import Longs, Tracks, name_of
from analytics.vessel_wording import between, duration, knots, told, who
from analytics.wording import place
from analytics.zones import inside
from layers.text import Text

_MOST_POINTS = 60
Bools = npt.NDArray[np.bool_]
# A position of work: ms, x and y in metres, score, id, metres from the one before it in its track
# (NaN where that is none of this batch), and whether it lies in each zone.
Work = tuple[int, float, float, float, str, float, list[bool]]


class ClosedZoneFishingParameters(ClaimParameters):
    """Parameters of `ClosedZoneFishing`, besides those of `ClaimParameters`; see the module."""

    zone_kinds: tuple[str, ...] = ("fishing_ban",)
    exempt_kinds: tuple[str, ...] = ("port",)
    exempt_gears: tuple[str, ...] = ()
    min_score: float = Field(default=0.5, gt=0, lt=1)
    speed_mps: tuple[float, float] = (0.25, 3.1)
    min_duration_s: float = Field(default=1200, ge=0)
    min_fixes: int = Field(default=6, ge=2)
    min_length_m: float = Field(default=500, ge=0)
    max_gap_s: float = Field(default=1800, gt=0)
    exit_fixes: int = Field(default=5, ge=1)
    confidence: float = Field(default=0.6, ge=0, le=1)


@register
class ClosedZoneFishing(Rule):
    """See the module."""

    kind = "closed_zone_fishing"
    feed = "ais"
    title = Text(en="Fishing-like motion in closed zones and seasons", zh="禁捕区与休渔期疑似捕捞")
    parameters_model = ClosedZoneFishingParameters

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._names = Names.under(self.parameters.names)
        self._claims = Claims(self._names, self.parameters)
        self._registers = RegistersByDay(self.references, self._names)
        self._closed = self.references.zones_of(self.parameters.zone_kinds)
        self._exempt = self.references.zones_of(self.parameters.exempt_kinds)
        self._model = load()
        self._version = content_version(self._model.dump().decode())

    def start(self) -> State:
        """Nobody fishes: what features need of the past, and spells by track."""
        return {"past": {}, "spells": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take prepared AIS rows in."""
        boats = boats_of(columns, self._claims, state["past"], self._version)
        tracks, features = boats.tracks, boats.features
        if not len(tracks.rows):
            return []
        within, zones = self._within(tracks)
        speed = tracks.take("sog_mps")
        slow, fast = self.parameters.speed_mps
        with np.errstate(invalid="ignore"):
            at_work = np.isnan(speed) | ((speed >= slow) & (speed <= fast))
        score = boats.score(self._model, within & at_work & ~lying(features))
        fishes = score >= self.parameters.min_score
        chosen = np.flatnonzero(fishes)
        places, works = chosen.tolist(), _works(tracks, chosen, score, zones)
        cuts = np.searchsorted(chosen, tracks.bounds).tolist()
        events = []
        for track, key in enumerate(tracks.keys):
            first, end = int(tracks.bounds[track]), int(tracks.bounds[track + 1])
            own = slice(*cuts[track : track + 2])
            if own.start == own.stop and key not in state["spells"]:
                continue
            for at, fix in zip(places[own], works[own], strict=True):
                if at > first:
                    self._rest(state["spells"], key, at - first)
                first = at + 1
                if self._work(state["spells"], key, fix):
                    spell = state["spells"][key]
                    events.append(self._tell(tracks, track, at, spell, features[at]))
            self._rest(state["spells"], key, end - first)
        return [event for event in events if event is not None]

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget spells that no later row prolongs, and tracks that are silent for a day."""
        features_of.forget(state["past"], watermark_ms)
        oldest = watermark_ms - self.parameters.max_gap_s * 1000
        for key in [name for name, one in state["spells"].items() if one["last"] < oldest]:
            del state["spells"][key]
        return []

    def _within(self, tracks: Tracks) -> tuple[Bools, Bools]:
        days = tracks.days(self.references.zone)
        zones = inside(self._closed, tracks.columns, tracks.rows, days)
        exempt = inside(self._exempt, tracks.columns, tracks.rows, days).any(axis=0)
        within: Bools = zones.any(axis=0) & ~exempt & self.applies(days)
        return within, zones

    def _rest(self, spells: State, key: str, fixes: int) -> None:
        """Take in a number of positions in a row that are no work."""
        one = spells.get(key)
        if one is not None:
            one["away"] += fixes
            if one["away"] >= self.parameters.exit_fixes:
                del spells[key]

    def _work(self, spells: State, key: str, fix: Work) -> bool:
        """Take a position of work in; whether it completes a spell."""
        p, (t, x, y, score, pid, step_m, zones) = self.parameters, fix
        one = spells.get(key)
        if one is None or t - one["last"] > p.max_gap_s * 1000:
            one = spells[key] = {
                "start": t, "last": t, "away": 0, "told": 0,
                "x": x, "y": y, "length": 0.0, "fixes": 0, "scores": 0.0,
                "zones": [], "points": [],
            }  # fmt: skip
            step_m = 0.0
        one["last"], one["away"] = t, 0
        if one["told"]:
            return False
        if step_m != step_m:
            step_m = float(np.hypot(x - one["x"], y - one["y"]))
        one["length"] += step_m
        one["fixes"] += 1
        one["scores"] += score
        one["x"], one["y"] = x, y
        for zone, within in zip(self._closed, zones, strict=True):
            if within and zone.zone_id not in one["zones"]:
                one["zones"] = sorted({*one["zones"], zone.zone_id})
        if len(one["points"]) < _MOST_POINTS:
            one["points"].append(pid)
        enough = (
            t - one["start"] > p.min_duration_s * 1000
            and one["fixes"] >= p.min_fixes
            and one["length"] >= p.min_length_m
        )
        one["told"] = int(enough)
        return bool(enough)

    def _entry(self, said: Statics, mmsi: str, day: int) -> RegisterEntry | None:
        index = self._registers.on(day)
        found = [index.by_name(key) for key in self._names.keys(said.name)]
        return next((entry for entry in found if entry is not None), index.by_mmsi(mmsi))

    def _tell(
        self, tracks: Tracks, track: int, at: int, spell: State, features: Matrix
    ) -> Event | None:
        p, fix, mmsi = self.parameters, tracks.fix(at), tracks.movers[track]
        said: Statics = tracks.columns["said"][int(tracks.rows[at])]
        day = city_day(fix.t, self.references.zone)
        entry = self._entry(said, mmsi, day)
        gear = "" if entry is None else entry.gear
        if p.exempt_gears and (not gear or gear in p.exempt_gears):
            return None
        zones = [zone for zone in self._closed if zone.zone_id in spell["zones"]]
        if not zones:
            # The spell was held while its zone was taken off the map.
            return None
        seconds = (fix.t - spell["start"]) / 1000
        reasons = self._model.reasons(features, 3)
        evidence = Evidence(
            measures=(
                above("fishing_like_time", seconds, "s", p.min_duration_s),
                above("mean_score", spell["scores"] / spell["fixes"], "1", p.min_score),
                above("way", spell["length"], "m", p.min_length_m),
                Measure("mean_speed", round(spell["length"] / max(seconds, 1), 3), "m/s"),
            ),
            points=tuple(spell["points"]),
            references=(*(zone.reference() for zone in zones), *self._cited(entry, day)),
            quality={
                **told(said),
                "track": name_of(tracks.keys[track]),
                "fixes": spell["fixes"],
                "registered_gear": gear or None,
                "model": f"fishing#{self._version}",
                "reasons": [
                    {"feature": r.feature, "value": round(r.value, 4), "adds": round(r.adds, 4)}
                    for r in reasons
                ],
            },
            doubts=_DOUBTS,
        )
        sentence = self._sentence(who(said, mmsi), spell, zones, gear, reasons, fix)
        point, span = shapely.Point(fix.lon, fix.lat), (int(spell["start"]), fix.t)
        return self.event(mmsi, span, point, p.confidence, evidence, sentence)

    def _cited(self, entry: RegisterEntry | None, day: int) -> tuple[dict[str, Any], ...]:
        if entry is None:
            return ()
        version = self._registers.on(day).register.version
        return ({"layer": "vessel_registry", "id": entry.registry_id, "version": version},)

    def _sentence(
        self,
        name: Text,
        spell: State,
        zones: list[MarineZone],
        gear: str,
        reasons: list[Reason],
        fix: Any,
    ) -> Text:
        seconds = (fix.t - spell["start"]) / 1000
        when, lasted = between(spell["start"], fix.t, self.references.zone), duration(seconds)
        mean, where = spell["scores"] / spell["fixes"], place(fix.lon, fix.lat)
        pace = knots(spell["length"] / max(seconds, 1))
        en = ", ".join(zone.name_en for zone in zones)
        zh = "、".join(zone.name_zh for zone in zones)
        why = Text(
            en="; ".join(reason.text.en for reason in reasons),
            zh="；".join(reason.text.zh for reason in reasons),
        )
        with_gear = Text(
            en=f", registered gear {gear}" if gear else "", zh=f"，登记作业{gear}" if gear else ""
        )
        return Text(
            en=(
                f"Suspected fishing in {en}: {name.en}{with_gear.en} moved as boats that fish, for"
                f" {lasted.en}, {when.en}, at {pace}, mean score {mean:.2f} (limit"
                f" {self.parameters.min_score:g}), last at {where.en}; because of: {why.en}."
                " Motion is no proof: look."
            ),
            zh=(
                f"疑似在{zh}内捕捞：{name.zh}{with_gear.zh}于{when.zh}呈捕捞运动特征{lasted.zh}，"
                f"航速{pace}，平均评分{mean:.2f}（限值{self.parameters.min_score:g}），最后位置"
                f"{where.zh}；依据：{why.zh}。运动特征不等于证据，须现场核实。"
            ),
        )


def _works(tracks: Tracks, places: Longs, score: Floats, zones: Bools) -> list[Work]:
    """Take the positions at places of the tracks' rows."""
    rows = tracks.rows[places]
    t, x, y, pid = (tracks.columns[name][rows] for name in ("t", "x", "y", "pid"))
    step_m = np.hypot(np.diff(x, prepend=np.nan), np.diff(y, prepend=np.nan))
    first = np.searchsorted(places, tracks.bounds[:-1])
    step_m[first[first < len(places)]] = np.nan
    values = (t, x, y, score[places], pid, step_m, zones[:, places].T)
    return list(zip(*(value.tolist() for value in values), strict=True))


_DOUBTS = (
    Text(
        en="The score was learned from small boats with pots and dredges elsewhere; of other gears"
        " it knows little.",
        zh="评分模型由外地小型笼壶与耙刺渔船数据训练，对其他作业类型了解有限。",
    ),
    Text(
        en="Drifting, sheltering or searching looks alike; whether gear was set must be seen.",
        zh="漂航、避风或搜寻的运动特征相似，是否放网须现场查看。",
    ),
)
