"""A vessel moves slowly within an area for hours, without being at anchor or in a port.

A run begins with a position slower than ``max_speed_mps`` that counts: outside of ``exempt_kinds``
and not told to be at anchor, moored or aground. It ends after ``exit_fixes`` positions in a row
that do not count, or a silence beyond ``max_gap_s``. It is told once it is longer than
``min_duration_s``, has ``min_fixes`` positions and has gone over ``min_extent_m``: less is a vessel
at anchor that does not say so. The event is fixed at that position. Method: runs of slow time as in
Global Fishing Watch's loitering (2 kn; 4 hours by other services), on positions instead of hourly
buckets.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from pydantic import Field

from analytics.event import Event, Evidence, above, below
from analytics.kernels import loiter as kernel
from analytics.kernels.loiter import LoiterLimits, loiter
from analytics.rule import Columns, Parameters, Rule, State, register
from analytics.tracks import Tracks, forget, load, name_of, store, tracks_of
from analytics.vessel_wording import between, duration, knots, told, who
from analytics.vessels import LYING
from analytics.wording import place
from analytics.zones import inside
from layers.text import Text

_MOST_POINTS = 60


class LoiteringParameters(Parameters):
    """See the module.

    Attributes
    ----------
    exempt_ship_types : AIS types whose work it is to wait or tow, such as pilots and tugs.
    """

    max_speed_mps: float = Field(default=1.03, gt=0)
    min_duration_s: float = Field(gt=0)
    min_fixes: int = Field(default=10, ge=2)
    min_extent_m: float = Field(default=400, ge=0)
    max_gap_s: float = Field(default=3600, gt=0)
    exit_fixes: int = Field(default=3, ge=1)
    exempt_kinds: tuple[str, ...] = ("port", "anchorage")
    exempt_ship_types: tuple[int, ...] = ()
    confidence: float = Field(default=0.7, ge=0, le=1)


@register
class Loitering(Rule):
    """See the module."""

    kind = "loitering"
    feed = "ais"
    title = Text(en="Loitering vessels", zh="船舶异常徘徊")
    parameters_model = LoiteringParameters

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        p = self.parameters
        self._limits = LoiterLimits(
            p.max_speed_mps,
            p.min_duration_s,
            p.min_fixes,
            p.min_extent_m,
            p.max_gap_s,
            p.exit_fixes,
        )
        self._exempt = self.references.zones_of(p.exempt_kinds)

    def start(self) -> State:
        """Nobody is slow."""
        return {"tracks": {}, "points": {}}

    def update(self, state: State, columns: Columns) -> list[Event]:
        """Take prepared AIS rows in."""
        tracks = tracks_of(columns)
        records = load(state["tracks"], tracks.keys, kernel.WIDTH)
        places, completed, marks = loiter(
            self._limits,
            tracks.bounds,
            tracks.take("t"),
            tracks.take("x"),
            tracks.take("y"),
            tracks.take("sog_mps"),
            self._barred(tracks),
            records,
        )
        store(state["tracks"], tracks.keys, records)
        points = _Points(state["points"], tracks, marks)
        events = [
            self._tell(tracks, int(at), record, points)
            for at, record in zip(places, completed, strict=True)
        ]
        points.keep(records)
        return [event for event in events if event is not None]

    def flush(self, state: State, watermark_ms: int) -> list[Event]:
        """Forget runs that no later row prolongs."""
        forget(state["tracks"], watermark_ms - self.parameters.max_gap_s * 1000, kernel.LAST_T)
        for key in [name for name in state["points"] if name not in state["tracks"]]:
            del state["points"][key]
        return []

    def _barred(self, tracks: Tracks) -> npt.NDArray[np.bool_]:
        days = tracks.days(self.references.zone)
        barred = ~self.applies(days) | np.isin(tracks.take("nav"), LYING)
        if self._exempt:
            barred |= inside(self._exempt, tracks.columns, tracks.rows, days).any(axis=0)
        return np.asarray(barred)

    def _tell(
        self, tracks: Tracks, at: int, record: npt.NDArray[Any], points: _Points
    ) -> Event | None:
        row = int(tracks.rows[at])
        said = tracks.columns["said"][row]
        if said is not None and said.ship_type in self.parameters.exempt_ship_types:
            return None
        p, fix, track = self.parameters, tracks.fix(at), tracks.track_of(at)
        mmsi, span = tracks.movers[track], (int(record[kernel.START]), fix.t)
        seconds = (span[1] - span[0]) / 1000
        extent = float(
            np.hypot(
                record[kernel.MAX_X] - record[kernel.MIN_X],
                record[kernel.MAX_Y] - record[kernel.MIN_Y],
            )
        )
        mean = float(record[kernel.SPEED] / record[kernel.FIXES])
        evidence = Evidence(
            measures=(
                above("slow_time", seconds, "s", p.min_duration_s),
                below("mean_speed", mean, "m/s", p.max_speed_mps),
                above("extent", extent, "m", p.min_extent_m),
            ),
            points=points.until(track, at),
            quality={
                **told(said),
                "track": name_of(tracks.keys[track]),
                "fixes": int(record[kernel.FIXES]),
                "worst_gap_s": round(float(record[kernel.WORST]), 3),
            },
            doubts=_DOUBTS,
        )
        name, when = who(said, mmsi), between(*span, self.references.zone)
        lasted, where = duration(seconds), place(fix.lon, fix.lat)
        sentence = Text(
            en=(
                f"Suspected loitering: {name.en} moved slowly ({knots(mean)} on average) within"
                f" {extent:,.0f} m for {lasted.en}, {when.en}, last at {where.en}; neither at"
                " anchor nor in a port."
            ),
            zh=(
                f"疑似异常徘徊：{name.zh}于{when.zh}在{extent:,.0f}米范围内低速（平均{knots(mean)}）"
                f"徘徊{lasted.zh}，最后位置{where.zh}；未报告锚泊，亦不在港区锚地内。"
            ),
        )
        point = shapely.Point(fix.lon, fix.lat)
        return self.event(mmsi, span, point, p.confidence, evidence, sentence)


class _Points:
    """Ids of the first positions of each run, for the evidence."""

    def __init__(self, kept: State, tracks: Tracks, marks: npt.NDArray[np.uint8]) -> None:
        self._kept, self._tracks, self._marks = kept, tracks, marks
        self._pids = tracks.take("pid")

    def until(self, track: int, at: int) -> tuple[str, ...]:
        """Ids of a run's first positions and of the one that completes it."""
        ids, last = self._upto(track, at)[:_MOST_POINTS], str(self._pids[at])
        return tuple(ids if last in ids else [*ids, last])

    def keep(self, records: npt.NDArray[np.float64]) -> None:
        """Keep what the next batch needs of the runs that are open."""
        if not len(records):
            return
        begun = np.logical_or.reduceat(self._marks == 1, self._tracks.bounds[:-1])
        for track in np.flatnonzero(records[:, kernel.FIXES] > 0).tolist():
            if not begun[track] and len(self._kept[self._tracks.keys[track]]) >= _MOST_POINTS:
                continue
            ids = self._upto(track, int(self._tracks.bounds[track + 1]) - 1)
            self._kept[self._tracks.keys[track]] = ids[:_MOST_POINTS]
        for track in np.flatnonzero(records[:, kernel.FIXES] == 0).tolist():
            self._kept.pop(self._tracks.keys[track], None)

    def _upto(self, track: int, at: int) -> list[str]:
        first = int(self._tracks.bounds[track])
        own = self._marks[first : at + 1]
        begun = np.flatnonzero(own == 1)
        ids = [] if len(begun) else list(self._kept.get(self._tracks.keys[track], []))
        since = int(begun[-1]) if len(begun) else 0
        chosen = first + since + np.flatnonzero(own[since:])
        return ids + [str(pid) for pid in self._pids[chosen[:_MOST_POINTS]]]


_DOUBTS = (
    Text(
        en="The vessel may be waiting, drifting with engine trouble, or lying at anchor without"
        " saying so.",
        zh="船舶可能在候泊、因故障漂航，或锚泊而未更新航行状态。",
    ),
    Text(
        en="Tide and wind move a vessel without way: its track is that of the water.",
        zh="无动力船舶随潮流和风漂移，其航迹即水流。",
    ),
)
