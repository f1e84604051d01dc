"""A fishing vessel enters controlled water by a way that avoids the place of control.

An entry is a position inside a zone of ``zone_kinds`` after one outside of it, at most
``max_gap_s`` before. It is told after ``min_fixes`` positions inside in a row, unless the vessel
was in a zone of ``control_kinds`` within ``window_s`` before it entered. A vessel first heard
inside has not entered. The event is fixed at the position that makes the entry sure.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from pydantic import Field

from analytics.claims import ClaimParameters, Claims
from analytics.event import Event, Evidence, Measure, above
from analytics.names import Names
from analytics.preparation.statics import Statics
from analytics.rule import Columns, Rule, State, register
from analytics.tracks import Tracks, name_of, tracks_of
from analytics.vessel_wording import between, duration, told, who
from analytics.vessels import Fix
from analytics.wording import place
from analytics.zones import inside
from layers.text import Text

Bools = npt.NDArray[np.bool_]


class ControlAvoidanceParameters(ClaimParameters):
    """Parameters of `ControlAvoidance`, besides those of `ClaimParameters`; see the module."""

    zone_kinds: tuple[str, ...] = ("controlled",)
    control_kinds: tuple[str, ...] = ("control",)
    window_s: float = Field(default=14_400, gt=0)
    min_fixes: int = Field(default=3, ge=1)
    max_gap_s: float = Field(default=1800, gt=0)
    confidence: float = Field(default=0.7, ge=0, le=1)


@register
class ControlAvoidance(Rule):
    """See the module."""

    kind = "control_avoidance"
    feed = "ais"
    title = Text(en="Entries that avoid control", zh="绕避管控进入")
    parameters_model = ControlAvoidanceParameters

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._claims = Claims(Names.under(self.parameters.names), self.parameters)
        self._controlled = self.references.zones_of(self.parameters.zone_kinds)
        self._control = self.references.zones_of(self.parameters.control_kinds)

    def start(self) -> State:
        """Nobody was heard.

        Kept by track: its last position and whether inside, when it was last in a place of control
        (0 for never), and its entry: positions inside, the one before and the first.
        """
        return {"tracks": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take prepared AIS rows in."""
        tracks = tracks_of(columns)
        if not len(tracks.rows) or not self._controlled:
            return []
        days = tracks.days(self.references.zone)
        within = inside(self._controlled, columns, tracks.rows, days)
        counts = self.applies(days) & self._claims.fishing(columns)[tracks.rows]
        entered = np.asarray(within.any(axis=0))
        checked = np.asarray(inside(self._control, columns, tracks.rows, days).any(axis=0))
        busy = np.logical_or.reduceat(entered | checked, tracks.bounds[:-1]).tolist()
        events = []
        for track, key in enumerate(tracks.keys):
            first, end = int(tracks.bounds[track]), int(tracks.bounds[track + 1])
            own = state["tracks"].setdefault(key, {"last": None, "in": False, "seen": 0})
            if busy[track]:
                for at in range(first, end):
                    known = self._step(own, tracks, at, bool(entered[at]), bool(checked[at]))
                    if known and counts[at]:
                        zones = np.flatnonzero(within[:, at]).tolist()
                        events.append(self._tell(tracks, track, at, own, zones))
            else:
                own.pop("entry", None)
                own["last"], own["in"] = list(tracks.lasts[track]), False
        return events

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget tracks whose next position is no entry and whose control is long ago."""
        oldest = watermark_ms - max(self.parameters.window_s, self.parameters.max_gap_s) * 1000
        for key in [k for k, own in state["tracks"].items() if own["last"][0] < oldest]:
            del state["tracks"][key]
        return []

    def _step(self, own: State, tracks: Tracks, at: int, within: bool, checked: bool) -> bool:
        """Take a position in; whether it makes an entry sure that avoided control."""
        fix, p = tracks.fix(at), self.parameters
        last, was_in = own["last"], own["in"]
        own["last"], own["in"] = list(fix), within
        if checked:
            own["seen"] = fix.t
        if not within:
            own.pop("entry", None)
            return False
        if last is not None and not was_in and fix.t - last[0] <= p.max_gap_s * 1000:
            clean = own["seen"] and fix.t - own["seen"] <= p.window_s * 1000
            if not clean:
                own["entry"] = [0, last, list(fix)]
        entry = own.get("entry")
        if entry is None:
            return False
        entry[0] += 1
        return bool(entry[0] == p.min_fixes)

    def _tell(self, tracks: Tracks, track: int, at: int, own: State, zones: list[int]) -> Event:
        p, fix, mmsi = self.parameters, tracks.fix(at), tracks.movers[track]
        before, first = (Fix(*one) for one in own["entry"][1:])
        said: Statics = tracks.columns["said"][int(tracks.rows[at])]
        entered = [self._controlled[number] for number in zones]
        seen = int(own["seen"])
        since = (first.t - seen) / 1000 if seen else None
        control = [] if since is None else [above("time_since_control", since, "s", p.window_s)]
        evidence = Evidence(
            measures=(
                above("fixes_inside", float(p.min_fixes), "1", float(p.min_fixes - 1)),
                Measure("time_of_crossing", (first.t - before.t) / 1000, "s", p.max_gap_s),
                *control,
            ),
            points=(before.pid, first.pid, fix.pid),
            references=tuple(zone.reference() for zone in (*entered, *self._control)),
            quality={**told(said), "track": name_of(tracks.keys[track])},
            doubts=_DOUBTS,
        )
        name, when = who(said, mmsi), between(before.t, fix.t, self.references.zone)
        where = place(first.lon, first.lat)
        en = ", ".join(zone.name_en for zone in entered)
        zh = "、".join(zone.name_zh for zone in entered)
        window = duration(p.window_s)
        sentence = Text(
            en=(
                f"Suspected avoidance of control: {name.en} entered {en} at {where.en}, {when.en},"
                f" without having been at a place of control in the {window.en} before."
            ),
            zh=(
                f"疑似绕避管控：{name.zh}于{when.zh}在{where.zh}进入{zh}，此前{window.zh}内"
                "未经过管控点。"
            ),
        )
        line = shapely.LineString([(before.lon, before.lat), (first.lon, first.lat)])
        shape = line if line.length else shapely.Point(first.lon, first.lat)
        return self.event(mmsi, (before.t, fix.t), shape, p.confidence, evidence, sentence)


_DOUBTS = (
    Text(
        en="The vessel may have passed the place of control while it was not heard.",
        zh="船舶可能在未被接收期间经过管控点。",
    ),
    Text(
        en="Ice, works or traffic may close the usual way.",
        zh="施工、交通等原因可能致常规航路不通。",
    ),
)
