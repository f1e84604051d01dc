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
from analytics.tracks import Longs, distance_m, haversine_m, name_of
from analytics.vessel_wording import between, told, who
from analytics.vessels import Fix, fixes_at, usable_fixes
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
    """A position that may be in another segment than the one before it, metres away."""

    segment: int
    row: int
    fix: Fix
    before: Fix | None
    away_m: float

    def after(self, last: list[Any] | None) -> Switch:
        """The same behind a position held from an earlier batch."""
        before = None if last is None else Fix(*last)
        away_m = 0.0 if before is None else distance_m(self.fix, before)
        return self._replace(before=before, away_m=away_m)


def _switches(columns: Columns, rows: Longs, places: Longs) -> Iterator[Switch]:
    """Take switches from places of rows, with the row before each, whoever's it is."""
    own, before = rows[places], rows[places - 1]
    lon, lat = columns["lon"], columns["lat"]
    return map(
        Switch,
        columns["segment"][own].tolist(),
        own.tolist(),
        fixes_at(columns, own),
        fixes_at(columns, before),
        haversine_m(lon[own], lat[own], lon[before], lat[before]).tolist(),
    )


@register
class SharedMmsi(Rule):
    """See the module."""

    kind = "shared_mmsi"
    feed = "ais"
    title = Text(en="Several vessels on one MMSI", zh="一码多船")
    parameters_model = SharedMmsiParameters

    def start(self) -> State:
        """Nobody was heard.

        Kept by MMSI: the segment heard last and its last position, the last positions of the
        others, and what came back when, from how far.
        """
        return {"movers": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take prepared AIS rows in."""
        rows = np.flatnonzero(usable_fixes(columns))
        if not len(rows):
            return []
        mover, segment = columns["mover"][rows], columns["segment"][rows]
        bounds = [0, *(1 + np.flatnonzero(mover[1:] != mover[:-1])).tolist(), len(rows)]
        changed = np.concatenate([[True], segment[1:] != segment[:-1]])
        changed[bounds[:-1]] = True
        switches = _switches(columns, rows, np.flatnonzero(changed))
        lasts = fixes_at(columns, rows[np.array(bounds[1:]) - 1])
        events: list[Event] = []
        for (first, end), last in zip(itertools.pairwise(bounds), lasts, strict=True):
            mmsi = str(mover[first])
            own = state["movers"].setdefault(
                mmsi, {"now": -1, "fixes": 0, "last": None, "others": {}, "back": []}
            )
            starts = (first + np.flatnonzero(changed[first:end])).tolist()
            for at, stop in itertools.pairwise([*starts, end]):
                switch = next(switches)
                if at == first:
                    switch = switch.after(own["last"])
                if switch.segment != own["now"]:
                    event = self._switch(mmsi, own, switch, columns)
                    events += [] if event is None else [event]
                own["fixes"] += stop - at
            own["last"] = list(last)
        return events

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget what is older than the window."""
        oldest = watermark_ms - self.parameters.window_s * 1000
        day = oldest - 86_400_000
        for mmsi, own in list(state["movers"].items()):
            own["others"] = {s: fix for s, fix in own["others"].items() if fix[0] >= oldest}
            own["back"] = [turn for turn in own["back"] if turn[0] >= oldest]
            if own["last"][0] < day:
                del state["movers"][mmsi]
        return []

    def _switch(self, mmsi: str, own: State, switch: Switch, columns: Columns) -> Event | None:
        """Another segment than before: note it, and tell once they have taken turns."""
        segment, row, fix, before, away_m = switch
        oldest, many = fix.t - self.parameters.window_s * 1000, self.parameters.min_fixes
        heard = own["fixes"]
        if before is not None:
            own["others"][str(own["now"])] = [*before, heard]
        other, own["now"] = own["now"], segment
        seen = own["others"].pop(str(segment), None)
        if seen is not None and seen[0] < oldest:
            # As where a watermark passed in between: then it is forgotten.
            seen = None
        own["fixes"] = 0 if seen is None else seen[6]
        own["back"] = [turn for turn in own["back"] if turn[0] >= oldest][-_MOST_TURNS:]
        if before is None or seen is None:
            return None
        if min(heard, own["fixes"]) >= many and away_m >= self.parameters.min_distance_m:
            own["back"].append([fix.t, away_m, seen[0], seen[5], before.pid, fix.pid])
        day = city_day(fix.t, self.references.zone)
        enough = len(own["back"]) >= self.parameters.resumptions
        if not enough or own.get("told") == day or not self.applies(np.array([day]))[0]:
            return None
        own["told"] = day
        pair = (f"{mmsi}/{other}", f"{mmsi}/{segment}")
        return self._tell(mmsi, columns["said"][row], pair, own["back"], before, fix)

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
