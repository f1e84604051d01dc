"""The track of one mover between two times: its runs, and the silences between them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import shapely
from pydantic import AwareDatetime

from analytics.algorithm import (
    CSV,
    GEOJSON,
    InputError,
    Inputs,
    Output,
    Outputs,
    Progress,
    algorithm,
    given,
)
from analytics.reader import Reader
from analytics.table import FEATURES, Table
from layers import mfjson
from layers.movers import KINDS, Kind
from layers.text import Text
from layers.trajectory import GAP_MS, Run, Series

_LONGEST_DAYS = 366
_MOST_FIXES = 1_000_000


class MoverTrackInputs(Inputs):
    """Whose track, and between which times."""

    mover: str = given("MMSI or plate", "MMSI 或车牌号", min_length=1, max_length=60)
    start: AwareDatetime = given("From", "起始时间")
    end: AwareDatetime = given("To", "结束时间")
    feed: Literal["ais", "gps"] = given("Feed", "数据源", "ais")


@algorithm(
    "mover-track",
    "1.0.0",
    Text(en="Track of a mover", zh="移动对象轨迹"),
    Text(
        en="Where a vessel or truck was between two times: lines cut where it was silent for more"
        " than half an hour or jumped, each fix, and all of it as a moving feature (MF-JSON)."
        " Nothing is interpolated across a silence; what lies on land that the reader may not see"
        " is not there.",
        zh="船舶或货车在两个时间之间的轨迹：静默超过半小时或发生跳变处断开的线、每个定位点，以及移动要素"
        "格式（MF-JSON）。静默期间不作内插；读者无权查看的辖区内的位置不予显示。",
    ),
    MoverTrackInputs,
    {
        "track": Output(Text(en="Runs", zh="航段"), FEATURES, (GEOJSON, CSV)),
        "fixes": Output(Text(en="Fixes", zh="定位点"), FEATURES, (GEOJSON, CSV)),
        "moving_feature": Output(
            Text(en="Moving feature (MF-JSON)", zh="移动要素（MF-JSON）"),
            {"type": "object", "required": ["type", "temporalGeometry"]},
        ),
        "summary": Output(
            Text(en="Numbers of the track", zh="轨迹统计"),
            {
                "type": "object",
                "properties": {
                    "runs": {"type": "integer"},
                    "fixes": {"type": "integer"},
                    "length_m": {"type": "number"},
                    "silent_s": {"type": "number"},
                },
            },
        ),
    },
    keywords=("trajectory",),
)
def mover_track(reader: Reader, inputs: MoverTrackInputs, progress: Progress) -> Outputs:
    """Read the fixes of a mover and tell its track."""
    if inputs.end < inputs.start:
        raise InputError("end", "is before start")
    if (inputs.end - inputs.start).days > _LONGEST_DAYS:
        raise InputError("end", f"is more than {_LONGEST_DAYS} days after start")
    progress(0.0, "reading")
    start, end = (round(moment.timestamp() * 1000) for moment in (inputs.start, inputs.end))
    kind = next(kind for kind in KINDS if kind.feed == inputs.feed)
    runs = within(reader.runs(kind, inputs.mover, (start, end)), start, end)
    number = sum(len(run.t) for run in runs)
    if number > _MOST_FIXES:
        words = f"{number:,} fixes, at most {_MOST_FIXES:,}; take a shorter time"
        raise InputError("end", words)
    progress(0.5, f"{number:,} fixes")
    track = _track(inputs.mover, runs)
    return {
        "track": track,
        "fixes": _fixes(inputs.mover, kind, runs),
        "moving_feature": _moving(inputs.mover, kind, runs),
        "summary": {
            "runs": len(runs),
            "fixes": number,
            "length_m": round(sum(track.columns["length_m"]), 1),
            "silent_s": round(sum(gap or 0.0 for gap in track.columns["gap_before_s"]), 3),
        },
    }


def within(runs: list[Run], start: int, end: int) -> list[Run]:
    """Runs with their fixes in a closed span of ms alone; nothing is made up at its ends."""
    kept = []
    for run in runs:
        inside = (run.t >= start) & (run.t <= end)
        if inside.any():
            t = run.t[inside]
            columns = {name: values[inside] for name, values in run.columns.items()}
            lon, lat = (Series(t, part.values[inside]) for part in (run.lon, run.lat))
            kept.append(Run(int(t[0]), lon, lat, columns))
    return kept


def _track(mover: str, runs: list[Run]) -> Table:
    """A row for each run: a line, or a point where it is one fix."""
    shapes = np.empty(len(runs), object)
    for at, run in enumerate(runs):
        places = np.column_stack([run.lon.values, run.lat.values])
        shapes[at] = shapely.LineString(places) if len(places) > 1 else shapely.Point(places[0])
    starts = [int(run.t[0]) for run in runs]
    ends = [int(run.t[-1]) for run in runs]
    gaps = [(start - end) / 1000 for start, end in zip(starts[1:], ends, strict=False)]
    columns: dict[str, list[Any]] = {
        "mover": [mover] * len(runs),
        "start_time": _times(starts),
        "end_time": _times(ends),
        "fixes": [len(run.t) for run in runs],
        "length_m": [round(float(run.distance().values[-1]), 1) for run in runs],
        "gap_before_s": [None, *gaps][: len(runs)],
    }
    return Table([f"{mover}|{mfjson.write_id(start)}" for start in starts], columns, shapes)


def _times(t: list[int]) -> list[str]:
    return mfjson.write_times(np.array(t, np.int64)) if t else []


def _fixes(mover: str, kind: Kind, runs: list[Run]) -> Table:
    """A row for each fix, with what was measured; None where it was not."""
    t = np.concatenate([np.empty(0, np.int64), *(run.t for run in runs)])
    lon, lat = (
        np.concatenate([np.empty(0), *(getattr(run, axis).values for run in runs)])
        for axis in ("lon", "lat")
    )
    columns: dict[str, list[Any]] = {
        "mover": [mover] * len(t),
        "time": _times(t.tolist()),
        "run": [at for at, run in enumerate(runs) for _ in run.t],
    }
    for what in kind.measured:
        values = np.concatenate([np.empty(0), *(run.columns[what.column] for run in runs)])
        missing = np.isnan(values) | (values == what.missing)
        columns[what.column] = [
            None if gone else float(f"{value:.7g}")
            for value, gone in zip(values.tolist(), missing, strict=True)
        ]
    shapes = np.asarray(shapely.points(lon, lat), object).reshape(len(t))
    return Table([f"{mover}|{at}" for at in range(len(t))], columns, shapes)


def _moving(mover: str, kind: Kind, runs: list[Run]) -> dict[str, Any]:
    """The track as a *MovingFeature* (OGC 19-045r3)."""
    measured = [
        (
            what,
            [
                part
                for run in runs
                for part in run.measured(what.column, what.interpolation, what.missing, GAP_MS)
            ],
        )
        for what in kind.measured
    ]
    return {
        "type": "Feature",
        "id": mover,
        "crs": mfjson.CRS,
        "trs": mfjson.TRS,
        "temporalGeometry": mfjson.temporal_geometry(runs),
        "temporalProperties": mfjson.parametric_values(measured),
        "properties": {kind.key: mover},
    }
