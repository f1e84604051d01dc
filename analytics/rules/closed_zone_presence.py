"""A fishing vessel stays inside a zone where fishing is banned for longer than the limit.

Presence is not fishing: the rule tells of a stay, and says so.

A stay begins with a position inside any zone in force on that day of the city. It ends after
``exit_fixes`` positions outside in a row (so that one wild position does not cut it), or where
positions inside are further apart than ``max_gap_s``. It counts once it is longer than
``min_duration_s`` with at least ``min_fixes`` positions inside (so that one wild position inside is
none). **The event is fixed at that moment**: it is early, and its content depends on no later row,
so that history and live give the same event. How long the vessel then stays is seen on its track.

A vessel whose name and type are not known yet is followed too; if within ``identity_window_s`` it
turns out to be a fishing vessel, the event is raised then, with the content it had when the limit
was passed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import shapely
from pydantic import Field

from analytics.calendar import local_time, utc_offset
from analytics.claims import FISHING, OTHER, ClaimParameters, Claims
from analytics.event import Event, Evidence, Measure
from analytics.names import Names
from analytics.references import MarineZone
from analytics.rule import Columns, Rule, State, register
from analytics.vessels import (
    Block,
    Said,
    follow,
    locate,
)
from analytics.wording import minutes, place
from layers.text import Text

Bools = npt.NDArray[np.bool_]
_MOST_POINTS = 60


class ClosedZonePresenceParameters(ClaimParameters):
    """Parameters of `ClosedZonePresence`, besides those of `ClaimParameters`.

    Attributes
    ----------
    zone_kinds : kinds of marine zones that are closed.
    exempt_kinds : kinds inside of which a position does not count, such as ports.
    min_duration_s : longest stay that is not told.
    max_gap_s : longest silence within one stay.
    min_fixes : positions inside that a stay needs.
    exit_fixes : positions outside in a row that end a stay.
    confidence : of each finding.
    """

    zone_kinds: tuple[str, ...] = ("fishing_ban",)
    exempt_kinds: tuple[str, ...] = ()
    min_duration_s: float = Field(ge=0)
    max_gap_s: float = Field(gt=0)
    min_fixes: int = Field(default=3, ge=2)
    exit_fixes: int = Field(default=2, ge=1)
    confidence: float = Field(default=0.8, ge=0, le=1)


class Row(NamedTuple):
    """A position as the walk over a stay sees it: ms, id, place, depth, ids of zones, speed."""

    t: int
    pid: str
    lon: float
    lat: float
    depth_m: float
    zones: list[str]
    sog_mps: float


class Where(NamedTuple):
    """Whether each row of a batch lies in each closed zone, or in any; and how deep, metres."""

    inside: Bools
    anywhere: Bools
    depth_m: npt.NDArray[np.float64]


@register
class ClosedZonePresence(Rule):
    """See the module."""

    kind = "closed_zone_presence"
    feed = "ais"
    title = Text(en="Stay of fishing vessels in closed zones", zh="渔船在禁捕区内停留")
    parameters_model = ClosedZonePresenceParameters

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._claims = Claims(Names.under(self.parameters.names), self.parameters)
        closed = self.references.zones_of(self.parameters.zone_kinds)
        self._closed = len(closed)
        self._zones = (*closed, *self.references.zones_of(self.parameters.exempt_kinds))

    def start(self) -> State:
        """Nothing said, nobody inside."""
        return {"said": {}, "movers": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take AIS rows in (see `analytics.feeds`)."""
        blocks = follow(self._claims, state["said"], columns, by_segment=True)
        places = locate(self, self._zones, blocks, columns)
        exempt = places.inside[self._closed :].any(axis=0)
        inside = places.inside[: self._closed] & ~exempt
        depth = _depths(self._zones[: self._closed], inside, columns)
        where = Where(inside, np.asarray(inside.any(axis=0)), depth)
        events: list[Event] = []
        for block in blocks:
            if block.claim == OTHER:
                state["movers"].pop(block.mover, None)
                continue
            tracks = state["movers"].setdefault(block.mover, {})
            own = tracks.setdefault(str(block.segment), {"held": []})
            self._walk(own, block, where, columns)
            if block.claim == FISHING and block.said is not None:
                for track in tracks.values():
                    events += self._release(track, block.mover, block.said)
            _tidy(state["movers"], block.mover)
        return events

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget stays that no later row can prolong; findings are complete when they are made."""
        oldest = watermark_ms - self.parameters.identity_window_s * 1000
        gone = watermark_ms - self.parameters.max_gap_s * 1000
        for name, tracks in list(state["movers"].items()):
            for track in tracks.values():
                track["held"] = [stay for stay in track["held"] if stay["end"] >= oldest]
                if "stay" in track and track["stay"]["last"] < gone:
                    del track["stay"]
            _tidy(state["movers"], name)
        self._claims.forget(state["said"], watermark_ms)
        return []

    def _walk(self, mover: State, block: Block, where: Where, columns: Columns) -> None:
        """Prolong, end and begin stays; a stay that passes the limit is held until it is told."""
        within = where.anywhere[block.fixes]
        if "stay" not in mover and not within.any():
            return
        for row in block.fixes[_matters(within, self.parameters.exit_fixes)].tolist():
            zones = [self._zones[z].zone_id for z in np.flatnonzero(where.inside[:, row])]
            if not zones:
                self._step_outside(mover)
                continue
            at = Row(
                int(columns["t"][row]),
                str(columns["pid"][row]),
                float(columns["lon"][row]),
                float(columns["lat"][row]),
                round(float(where.depth_m[row]), 1),
                zones,
                float(columns["sog_mps"][row]),
            )
            self._step_inside(mover, at)

    def _step_outside(self, mover: State) -> None:
        stay = mover.get("stay")
        if stay is not None:
            stay["outside"] += 1
            if stay["outside"] >= self.parameters.exit_fixes:
                del mover["stay"]

    def _step_inside(self, mover: State, row: Row) -> None:
        stay = mover.get("stay")
        if stay is None or row.t - stay["last"] > self.parameters.max_gap_s * 1000:
            mover["stay"] = _new_stay(row)
            return
        _prolong(stay, row)
        long_enough = row.t - stay["start"] > self.parameters.min_duration_s * 1000
        if not stay["told"] and long_enough and stay["fixes"] >= self.parameters.min_fixes:
            mover["held"].append({**stay, "end": row.t, "points": [*stay["points"], row.pid]})
            stay.update(told=True, points=[])

    def _release(self, mover: State, subject: str, said: Said) -> list[Event]:
        """Events of the stays that were held until the vessel was known to claim fishing."""
        window = self.parameters.identity_window_s * 1000
        stays = [stay for stay in mover["held"] if said.t - stay["end"] <= window]
        mover["held"] = []
        told = [self._tell(subject, said, stay) for stay in stays]
        return [event for event in told if event is not None]

    def _tell(self, subject: str, said: Said, stay: State) -> Event | None:
        zones = [zone for zone in self._zones if zone.zone_id in stay["zones"]]
        if not zones:
            # The stay was held while its zone was taken off the map.
            return None
        seconds = (stay["end"] - stay["start"]) / 1000
        limit = self.parameters.min_duration_s
        lon, lat, deep = stay["worst"]
        evidence = Evidence(
            measures=(
                Measure("stay", seconds, "s", limit, round(seconds - limit, 3)),
                Measure("distance_inside_zone", deep, "m", 0.0, deep),
            ),
            points=tuple(dict.fromkeys(stay["points"])),
            references=tuple(zone.reference() for zone in zones),
            quality=_quality(said, stay, seconds),
            doubts=_DOUBTS,
        )
        span = (stay["start"], stay["end"])
        sentence = self._sentence(subject, said, stay, zones)
        at = shapely.Point(lon, lat)
        return self.event(subject, span, at, self.parameters.confidence, evidence, sentence)

    def _sentence(self, subject: str, said: Said, stay: State, zones: list[MarineZone]) -> Text:
        zone = self.references.zone
        who = said.name or "-"
        start, end = local_time(stay["start"], zone), local_time(stay["end"], zone)
        stayed = minutes((stay["end"] - stay["start"]) / 1000)
        limit = minutes(self.parameters.min_duration_s)
        lon, lat, deep = stay["worst"]
        where = place(lon, lat)
        names = ", ".join(z.name_en for z in zones), "、".join(z.name_zh for z in zones)
        offset = utc_offset(stay["start"], zone)
        return Text(
            en=(
                f"Suspected stay of a fishing vessel in a closed zone: {who} (MMSI {subject}) was"
                f" inside {names[0]} for {stayed.en}, more than {limit.en}, from {start} to {end}"
                f" ({offset}), up to {deep:,.0f} m inside, at {where.en}; a stay, not proof of"
                " fishing."
            ),
            zh=(
                f"疑似渔船在禁捕区内停留：{who}（MMSI {subject}）于{start}至{end}（{offset}）"
                f"在{names[1]}内停留{stayed.zh}，超过{limit.zh}，最深处距边界{deep:,.0f}米（{where.zh}）；"
                "仅为停留，疑似捕捞须另行核实。"
            ),
        )


_DOUBTS = (
    Text(
        en="The vessel may be in passage, sheltering or on official duty: a stay is not fishing.",
        zh="船舶可能为过境、避风或公务：停留不等于捕捞。",
    ),
    Text(
        en="The vessel type comes from AIS static data, which are entered by hand.",
        zh="船舶类型来自人工录入的AIS静态信息。",
    ),
)


def _tidy(movers: State, mover: str) -> None:
    """Keep of a mover only the segments that something is known of."""
    kept = {name: track for name, track in movers[mover].items() if track != {"held": []}}
    movers[mover] = kept
    if not kept:
        del movers[mover]


def _matters(within: Bools, exit_fixes: int) -> Bools:
    """Rows that can change a stay: inside, and the first few outside after that; shape (n,)."""
    at = np.arange(len(within))
    last = np.maximum.accumulate(np.where(within, at, -1)) if len(within) else at
    return np.asarray(at - last <= exit_fixes)


def _depths(
    zones: tuple[MarineZone, ...], inside: npt.NDArray[np.bool_], columns: Columns
) -> npt.NDArray[np.float64]:
    """Metres to the edge of the zone that each row lies deepest in; 0 outside; shape (n,)."""
    depth = np.zeros(inside.shape[1])
    for number, zone in enumerate(zones):
        rows = np.flatnonzero(inside[number])
        if len(rows):
            points = shapely.points(columns["x"][rows], columns["y"][rows])
            edge = zone.shape.boundary
            shapely.prepare(edge)
            depth[rows] = np.maximum(depth[rows], shapely.distance(edge, points))
    return depth


def _new_stay(row: Row) -> State:
    return {
        "start": row.t,
        "last": row.t,
        "outside": 0,
        "fixes": 1,
        "gap": 0,
        "zones": row.zones,
        "worst": [row.lon, row.lat, row.depth_m],
        "points": [row.pid],
        "speeds": [0.0, 0] if row.sog_mps != row.sog_mps else [row.sog_mps, 1],
        "told": False,
    }


def _prolong(stay: State, row: Row) -> None:
    stay["gap"] = max(stay["gap"], row.t - stay["last"])
    stay.update(last=row.t, outside=0, fixes=stay["fixes"] + 1)
    if stay["told"]:
        return
    stay["zones"] = sorted({*stay["zones"], *row.zones})
    if row.depth_m > stay["worst"][2]:
        stay["worst"] = [row.lon, row.lat, row.depth_m]
    if len(stay["points"]) < _MOST_POINTS:
        stay["points"].append(row.pid)
    if row.sog_mps == row.sog_mps:
        stay["speeds"] = [stay["speeds"][0] + row.sog_mps, stay["speeds"][1] + 1]


def _quality(said: Said, stay: State, seconds: float) -> dict[str, Any]:
    total, counted = stay["speeds"]
    return {
        "name_sent": said.name,
        "ship_type_sent": said.ship_type or None,
        "fixes_inside": stay["fixes"],
        "fixes_an_hour": round(stay["fixes"] / (seconds / 3600), 1) if seconds else None,
        "worst_gap_s": round(stay["gap"] / 1000, 3),
        "mean_speed_mps": round(total / counted, 2) if counted else None,
    }
