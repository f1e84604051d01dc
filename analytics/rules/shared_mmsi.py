"""Two vessels send under one MMSI at the same time.

The preparation finds that the positions of an MMSI belong to several vessels (see
`analytics.kernels.segmenter`). This rule tells of it once they *take turns*: a vessel whose place
was taken by another comes back, ``resumptions`` times within ``window_s``, from at least
``min_distance_m`` away, both heard ``min_fixes`` times. One jump is none of that (see
`kinematic_spoof`). One event for each MMSI and day of the city.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import shapely
from pydantic import Field

from analytics.calendar import city_day
from analytics.event import Event, Evidence, above
from analytics.preparation.statics import Statics
from analytics.rule import Columns, Parameters, Rule, State, register
from analytics.tracks import Longs, Tracks, by_mover, distance_m, haversine_m, name_of
from analytics.vessel_wording import between, told, who
from analytics.vessels import Fix, fix_at
from layers.text import Text

_MOST_TURNS = 20


class SharedMmsiParameters(Parameters):
    """See the module."""

    resumptions: int = Field(default=2, ge=1)
    window_s: float = Field(default=21_600, gt=0)
    min_distance_m: float = Field(default=5000, gt=0)
    min_fixes: int = Field(default=5, ge=1)
    confidence: float = Field(default=0.85, ge=0, le=1)


class Switch(NamedTuple):
    """A position in another segment than the one before it, which is metres away.

    Of both there are row, time and id; of the one before row -1 where it came in an earlier batch,
    and time None where there is none.
    """

    row: int
    row_before: int
    segment: int
    t: int
    pid: str
    t_before: int | None
    pid_before: str
    away_m: float


def _switches(heard: Tracks, places: Longs) -> Iterator[Switch]:
    """Switches at places of the tracks' rows, behind the row before each."""
    now, before = heard.rows[places], heard.rows[places - 1]
    lon, lat, t, pid = (heard.columns[name] for name in ("lon", "lat", "t", "pid"))
    values = (
        now,
        before,
        heard.columns["segment"][now],
        t[now],
        pid[now],
        t[before],
        pid[before],
        haversine_m(lon[now], lat[now], lon[before], lat[before]),
    )
    return map(Switch, *(value.tolist() for value in values))


def _entering(row: int, segment: int, fix: Fix, last: list[Any] | None) -> Switch:
    """A switch at an MMSI's first row of a batch, behind the position held of it."""
    if last is None:
        return Switch(row, -1, segment, fix.t, fix.pid, None, "", 0.0)
    before = Fix(*last)
    away_m = distance_m(fix, before)
    return Switch(row, -1, segment, fix.t, fix.pid, before.t, before.pid, away_m)


def _since(back: list[list[Any]], oldest: float) -> list[list[Any]]:
    """What came back at or after a time; they are in the order of time."""
    return [turn for turn in back if turn[0] >= oldest] if back and back[0][0] < oldest else back


@register
class SharedMmsi(Rule):
    """See the module."""

    kind = "shared_mmsi"
    feed = "ais"
    title = Text(en="Several vessels on one MMSI", zh="一码多船")
    parameters_model = SharedMmsiParameters

    def start(self) -> State:
        """Nobody was heard.

        Kept by MMSI: the segment heard last, how often in a row, and its last position; of the
        other segments the time and id of the last position, and how often they were heard; and
        what came back when, from how far.
        """
        return {"movers": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take prepared AIS rows in."""
        heard = by_mover(columns)
        if not len(heard.rows):
            return []
        segment = heard.take("segment")
        changed = np.append(False, segment[1:] != segment[:-1])
        changed[heard.bounds[:-1]] = False
        places = np.flatnonzero(changed)
        switches, cuts = _switches(heard, places), np.searchsorted(places, heard.bounds).tolist()
        at, bounds, entered = places.tolist(), heard.bounds.tolist(), segment[heard.bounds[:-1]]
        events: list[Event | None] = []
        ends = zip(heard.movers, heard.firsts, heard.lasts, entered.tolist(), strict=True)
        for k, (mmsi, fix, last, first_segment) in enumerate(ends):
            own = state["movers"].get(mmsi)
            if own is None:
                own = {"now": -1, "fixes": 0, "last": None, "others": {}, "back": []}
                state["movers"][mmsi] = own
            start, end, inner = bounds[k], bounds[k + 1], at[cuts[k] : cuts[k + 1]]
            if first_segment != own["now"]:
                entry = _entering(int(heard.rows[start]), first_segment, fix, own["last"])
                events.append(self._switch(mmsi, own, entry, columns))
            own["fixes"] += (inner[0] if inner else end) - start
            for place, stop in itertools.pairwise([*inner, end]):
                events.append(self._switch(mmsi, own, next(switches), columns))
                own["fixes"] += stop - place
            own["last"] = list(last)
        return [event for event in events if event is not None]

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget what is older than the window."""
        oldest = watermark_ms - self.parameters.window_s * 1000
        day = oldest - 86_400_000
        for mmsi, own in list(state["movers"].items()):
            if own["others"]:
                own["others"] = {s: one for s, one in own["others"].items() if one[0] >= oldest}
            own["back"] = _since(own["back"], oldest)
            if own["last"][0] < day:
                del state["movers"][mmsi]
        return []

    def _switch(self, mmsi: str, own: State, switch: Switch, columns: Columns) -> Event | None:
        """Another segment than before: note it, and tell once they have taken turns."""
        row, row_before, segment, t, pid, t_before, pid_before, away_m = switch
        p, heard, other = self.parameters, own["fixes"], own["now"]
        oldest = t - p.window_s * 1000
        if t_before is not None:
            own["others"][str(other)] = [t_before, pid_before, heard]
        own["now"] = segment
        seen = own["others"].pop(str(segment), None)
        if seen is not None and seen[0] < oldest:
            # As where a watermark passed in between: then it is forgotten.
            seen = None
        own["fixes"] = 0 if seen is None else seen[2]
        own["back"] = back = _since(own["back"], oldest)[-_MOST_TURNS:]
        if t_before is None or seen is None:
            return None
        if min(heard, own["fixes"]) >= p.min_fixes and away_m >= p.min_distance_m:
            back.append([t, away_m, seen[0], seen[1], pid_before, pid])
        day = city_day(t, self.references.zone)
        enough = len(back) >= p.resumptions
        if not enough or own.get("told") == day or not self.applies(np.array([day]))[0]:
            return None
        own["told"] = day
        pair = (f"{mmsi}/{other}", f"{mmsi}/{segment}")
        before = Fix(*own["last"]) if row_before < 0 else fix_at(columns, row_before)
        return self._tell(mmsi, columns["said"][row], pair, back, before, fix_at(columns, row))

    def _tell(
        self,
        mmsi: str,
        said: Statics | None,
        pair: tuple[str, str],
        back: list[list[Any]],
        before: Fix,
        fix: Fix,
    ) -> Event:
        p, span = self.parameters, (int(back[0][2]), fix.t)
        away = max(float(turn[1]) for turn in back)
        points = [str(pid) for turn in back for pid in turn[3:6]]
        evidence = Evidence(
            measures=(
                above("resumptions", float(len(back)), "1", float(p.resumptions)),
                above("distance", away, "m", p.min_distance_m),
            ),
            points=tuple(dict.fromkeys(points)),
            quality={**told(said), "tracks": [name_of(key) for key in pair]},
            doubts=_DOUBTS,
        )
        name, when = who(said, mmsi), between(*span, self.references.zone)
        sentence = Text(
            en=(
                f"Suspected sharing of an MMSI: {name.en} was sent from two places up to"
                f" {away / 1000:,.1f} km apart in turns, {len(back)} times, {when.en}."
            ),
            zh=(
                f"疑似一码多船：{name.zh}于{when.zh}在相距最远{away / 1000:,.1f}公里的两处"
                f"交替发送，共{len(back)}次往返。"
            ),
        )
        where = shapely.LineString([(before.lon, before.lat), (fix.lon, fix.lat)])
        return self.event(mmsi, span, where, p.confidence, evidence, sentence)


_DOUBTS = (
    Text(
        en="A receiver with a wrong clock shows one vessel in two places.",
        zh="接收站时钟错误会使同一船舶出现于两处。",
    ),
    Text(
        en="Factory-set numbers are shared by accident: to be corrected rather than punished.",
        zh="出厂默认码可能被无意共用，属纠正事项而非故意。",
    ),
)
