"""Positions that no vessel can have: jumps that last, circles, way over dry land.

Three signs, each told by itself and once for each MMSI and day of the city:

* ``jump``: faster than ``max_speed_mps`` to another place, and staying there (`analytics.jumps`).
* ``circle``: ``min_turns`` rounds of one radius, one way (`analytics.kernels.circle`), as forged or
  disturbed satellite positions show them.
* ``land``: ``land_fixes`` positions in a row under way more than ``land_tolerance_m`` inland, by
  the land and the waters that the city declares.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import shapely
from pydantic import Field

from analytics.calendar import city_day
from analytics.event import Event, Evidence, Measure, above, below
from analytics.jumps import JumpLimits, forget_silent, jumps
from analytics.kernels import circle as kernel
from analytics.kernels.circle import CircleLimits, circles, roundness
from analytics.rule import Columns, Parameters, Rule, State, register
from analytics.tracks import Tracks, distance_m, forget, load, store, tracks_of
from analytics.vessel_wording import between, knots, told, who
from analytics.vessels import Fix, fix_at
from analytics.wording import place
from layers.text import Text

_FORGET_S = 86_400.0


class KinematicSpoofParameters(Parameters):
    """See the module; ``under_way_mps`` is the speed from which a vessel is under way."""

    max_speed_mps: float = Field(default=30.9, gt=0)
    min_distance_m: float = Field(default=3000, ge=0)
    confirm_fixes: int = Field(default=5, ge=1)
    confirm_s: float = Field(default=600, ge=0)
    min_turns: float = Field(default=3, ge=2)
    circle_fixes: int = Field(default=24, ge=8)
    min_radius_m: float = Field(default=150, gt=0)
    max_radius_m: float = Field(default=5000, gt=0)
    max_spread: float = Field(default=0.1, gt=0, lt=1)
    circle_gap_s: float = Field(default=900, gt=0)
    land_tolerance_m: float = Field(default=1000, ge=0)
    land_fixes: int = Field(default=5, ge=2)
    under_way_mps: float = Field(default=0.5, ge=0)
    confidence: float = Field(default=0.7, ge=0, le=1)


class Sign(NamedTuple):
    """What was seen: which sign, since when, the row that completes it, points, numbers, words."""

    kind: str
    start_ms: int
    row: int
    points: tuple[str, ...]
    measures: tuple[Measure, ...]
    shape: shapely.Geometry
    words: Text


@register
class KinematicSpoof(Rule):
    """See the module."""

    kind = "kinematic_spoof"
    feed = "ais"
    title = Text(en="Positions that no vessel can have", zh="船位运动学异常")
    parameters_model = KinematicSpoofParameters

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        p = self.parameters
        self._jumps = JumpLimits(p.max_speed_mps, p.min_distance_m, p.confirm_fixes, p.confirm_s)
        self._circles = CircleLimits(
            p.min_turns,
            p.circle_fixes,
            p.min_radius_m,
            p.max_radius_m,
            p.max_spread,
            p.circle_gap_s,
        )
        land = self.references.land
        self._land = None if land is None else shapely.buffer(land, -p.land_tolerance_m)
        if self._land is not None:
            shapely.prepare(self._land)

    def start(self) -> State:
        """Nobody was heard."""
        return {"movers": {}, "tracks": {}, "ashore": {}, "told": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take prepared AIS rows in."""
        tracks = tracks_of(columns)
        signs = [*self._jumped(state, columns)]
        signs += self._circled(state, tracks)
        signs += self._ashore(state, tracks)
        events = [self._tell(state["told"], columns, sign) for sign in signs]
        return [event for event in events if event is not None]

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget what no later row belongs to."""
        oldest = watermark_ms - _FORGET_S * 1000
        forget_silent(state["movers"], oldest)
        forget(state["tracks"], watermark_ms - self.parameters.circle_gap_s * 1000, kernel.LAST_T)
        forget(state["ashore"], oldest, 1)
        if watermark_ms < 2**61:
            since = city_day(int(oldest), self.references.zone)
            state["told"] = {key: day for key, day in state["told"].items() if day >= since}
        return []

    def _jumped(self, state: State, columns: Columns) -> list[Sign]:
        signs = []
        for jump in jumps(self._jumps, state["movers"], columns):
            far, seconds = (
                distance_m(jump.before, jump.after),
                (jump.after.t - jump.before.t) / 1000,
            )
            speed = far / seconds if seconds > 0 else float("inf")
            measures = [above("distance", far, "m", self.parameters.min_distance_m)]
            if seconds > 0:
                measures.append(above("implied_speed", speed, "m/s", self.parameters.max_speed_mps))
            there = place(jump.after.lon, jump.after.lat)
            words = Text(
                en=f"was {far / 1000:,.1f} km away after {seconds:,.0f} s, at {there.en}, to stay"
                + (f" ({knots(speed)} would be needed)" if seconds > 0 else ""),
                zh=f"{seconds:,.0f}秒后出现在{far / 1000:,.1f}公里外（{there.zh}）并停留"
                + (f"，所需航速{knots(speed)}" if seconds > 0 else ""),
            )
            points = (jump.before.pid, jump.after.pid, str(columns["pid"][jump.row]))
            signs.append(
                Sign(
                    "jump",
                    jump.before.t,
                    jump.row,
                    points,
                    tuple(measures),
                    _line(jump.before, jump.after),
                    words,
                )
            )
        return signs

    def _circled(self, state: State, tracks: Tracks) -> list[Sign]:
        p, records = self.parameters, load(state["tracks"], tracks.keys, kernel.WIDTH)
        t, x, y = (tracks.take(name) for name in ("t", "x", "y"))
        places, found = circles(self._circles, tracks.bounds, t, x, y, records)
        store(state["tracks"], tracks.keys, records)
        signs = []
        for at, record in zip(places.tolist(), found, strict=True):
            _, _, radius, spread = roundness(record)
            turns = abs(float(record[kernel.TURN])) / (2 * np.pi)
            fix = tracks.fix(at)
            measures = (
                above("turns", turns, "1", p.min_turns),
                below("spread_of_radius", spread, "1", p.max_spread),
                Measure("radius", round(radius, 1), "m"),
            )
            words = Text(
                en=f"went round {turns:.1f} times on one circle of {radius:,.0f} m radius"
                f" (spread {100 * spread:.1f} %)",
                zh=f"沿半径{radius:,.0f}米的同一圆周绕行{turns:.1f}圈（离散度{100 * spread:.1f}%）",
            )
            shape = shapely.Point(fix.lon, fix.lat)
            row, start = int(tracks.rows[at]), int(record[kernel.START])
            signs.append(Sign("circle", start, row, (fix.pid,), measures, shape, words))
        return signs

    def _ashore(self, state: State, tracks: Tracks) -> list[Sign]:
        if self._land is None or not len(tracks.rows):
            return []
        with np.errstate(invalid="ignore"):
            moving = tracks.take("sog_mps") > self.parameters.under_way_mps
        x, y = tracks.take("x"), tracks.take("y")
        dry = np.zeros(len(x), bool)
        dry[moving] = shapely.contains_xy(self._land, x[moving], y[moving])
        held = np.array([key in state["ashore"] for key in tracks.keys])
        busy = (np.add.reduceat(dry, tracks.bounds[:-1]) > 0) | held
        t, pids, signs = tracks.take("t"), tracks.take("pid"), []
        for track in np.flatnonzero(busy).tolist():
            key = tracks.keys[track]
            for at in range(int(tracks.bounds[track]), int(tracks.bounds[track + 1])):
                if not dry[at]:
                    state["ashore"].pop(key, None)
                    continue
                when = int(t[at])
                own = state["ashore"].setdefault(key, [when, when, []])
                own[1] = when
                if len(own[2]) < self.parameters.land_fixes:
                    own[2].append(str(pids[at]))
                    if len(own[2]) == self.parameters.land_fixes:
                        signs.append(self._aground(tracks, at, own))
        return signs

    def _aground(self, tracks: Tracks, at: int, own: list[Any]) -> Sign:
        p, row = self.parameters, int(tracks.rows[at])
        land, point = (
            self.references.land,
            shapely.Point(tracks.columns["x"][row], tracks.columns["y"][row]),
        )
        assert land is not None
        inland, fix = float(shapely.distance(shapely.boundary(land), point)), tracks.fix(at)
        measures = (
            above("distance_inland", inland, "m", p.land_tolerance_m),
            above("fixes_ashore", float(len(own[2])), "1", float(p.land_fixes)),
        )
        words = Text(
            en=f"was under way {inland:,.0f} m inland, {len(own[2])} positions in a row",
            zh=f"在距岸{inland:,.0f}米的陆地上航行，连续{len(own[2])}个船位",
        )
        shape = shapely.Point(fix.lon, fix.lat)
        return Sign("land", int(own[0]), row, tuple(own[2]), measures, shape, words)

    def _tell(self, done: State, columns: Columns, sign: Sign) -> Event | None:
        fix, mmsi = fix_at(columns, sign.row), str(columns["mover"][sign.row])
        day, key = city_day(fix.t, self.references.zone), f"{mmsi}/{sign.kind}"
        if done.get(key) == day or not self.applies(np.array([day]))[0]:
            return None
        done[key] = day
        said = columns["said"][sign.row]
        evidence = Evidence(
            measures=sign.measures,
            points=sign.points,
            quality={**told(said), "sign": sign.kind},
            doubts=_DOUBTS,
        )
        name, when = who(said, mmsi), between(sign.start_ms, fix.t, self.references.zone)
        sentence = Text(
            en=f"Suspected false positions: {name.en} {sign.words.en}, {when.en}.",
            zh=f"疑似虚假船位：{name.zh}{sign.words.zh}，{when.zh}。",
        )
        span = (sign.start_ms, fix.t)
        confidence = self.parameters.confidence
        return self.event(mmsi, span, sign.shape, confidence, evidence, sentence, apart=sign.kind)


def _line(a: Fix, b: Fix) -> shapely.LineString:
    return shapely.LineString([(a.lon, a.lat), (b.lon, b.lat)])


_DOUBTS = (
    Text(
        en="Satellite navigation may be disturbed for all vessels there: look at the neighbours.",
        zh="卫星导航可能在该区域整体受扰，请比对周边船舶。",
    ),
    Text(
        en="A receiver's clock may be wrong, or two vessels share the MMSI.",
        zh="接收站时钟可能有误，或两船共用同一MMSI。",
    ),
)
