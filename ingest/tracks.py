"""Tracks out of positions: cut where a mover was silent for long or jumped, simplified for drawing.

A track starts where the silence before it is longer than the gap, so midnight cuts nothing, and its
id is the mover and the time of its first position: the same positions give the same tracks, however
they came in.
"""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import shapely

from layers import crs as systems
from layers.trajectory import GAP_MS, breaks

TOLERANCE_M = 20.0
_FAR_DEG = 0.05
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def within(fixes: pa.Table, spans: Mapping[str, tuple[int, int]]) -> pa.Table:
    """Fixes of each mover inside its own closed span of ms; movers without a span are left out."""
    encoded = fixes["mover"].combine_chunks().dictionary_encode()
    limits = np.array(
        [spans.get(mover, (1, 0)) for mover in encoded.dictionary.to_pylist()], np.int64
    ).reshape(-1, 2)
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    t = fixes["t"].to_numpy()
    inside = (t >= limits[codes, 0]) & (t <= limits[codes, 1])
    return fixes.filter(pa.array(inside))


def tracks_of(
    fixes: pa.Table,
    crs: str,
    *,
    key: str,
    gap_ms: int = GAP_MS,
    tolerance_m: float = TOLERANCE_M,
) -> gpd.GeoDataFrame:
    """Build the tracks of movers.

    Parameters
    ----------
    fixes : columns ``mover``, ``t`` (ms), ``lon``, ``lat``, sorted by mover and time.
    crs : the city's projected CRS: lengths and simplification are in its metres.
    key : name of the column that holds the mover, such as ``mmsi``.
    gap_ms : a longer silence cuts.
    tolerance_m : largest distance of the drawn line from the real one (Douglas & Peucker 1973).

    Returns
    -------
    One row a track, in the columns of the platform's track layers; geometry in EPSG:4326. A mover
    that did not move, or has one position only, has no track. Far outside of the CRS's area lengths
    are NaN and lines are not simplified.
    """
    mover = fixes["mover"].combine_chunks().dictionary_encode()
    codes = mover.indices.to_numpy(zero_copy_only=False)
    t = fixes["t"].to_numpy()
    lon, lat = fixes["lon"].to_numpy(), fixes["lat"].to_numpy()
    first, count = _segments(codes, t, lon, lat, gap_ms)
    if not len(first):
        return _frame(key, np.empty(0, object), {})
    x, y = systems.transformer(systems.STORAGE, crs).transform(lon, lat)
    step = np.hypot(np.diff(x, append=np.nan), np.diff(y, append=np.nan))
    wait = np.diff(t, append=0)
    rows = np.concatenate([np.arange(f, f + n) for f, n in zip(first, count, strict=True)])
    number = np.repeat(np.arange(len(first)), count)
    lines = _lines(
        np.column_stack([lon, lat])[rows], np.column_stack([x, y])[rows], number, crs, tolerance_m
    )
    length = np.array([step[f : f + n - 1].sum() for f, n in zip(first, count, strict=True)])
    worst = np.array([wait[f : f + n - 1].max() for f, n in zip(first, count, strict=True)])
    start, end = t[first], t[first + count - 1]
    length = np.where(np.isfinite(length), length, np.nan)
    names = np.array(mover.dictionary.to_pylist(), object)[codes[first]]
    moved = ~shapely.is_missing(lines)
    columns = {
        key: names,
        "start": start,
        "end": end,
        "fixes": count,
        "length_m": np.round(length, 1),
        "mean_speed_mps": np.round(length / np.maximum((end - start) / 1000, 1e-3), 3),
        "worst_gap_s": worst / 1000,
    }
    return _frame(key, lines[moved], {name: values[moved] for name, values in columns.items()})


def _segments(
    codes: npt.NDArray[np.integer], t: Ints, lon: Floats, lat: Floats, gap_ms: int
) -> tuple[Ints, Ints]:
    """First row and number of rows of each run of at least two positions."""
    if not len(t):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    cut = (np.diff(codes) != 0) | breaks(t, lon, lat, gap_ms)
    first = np.concatenate([[0], np.flatnonzero(cut) + 1])
    count = np.diff(np.append(first, len(t)))
    return first[count > 1], count[count > 1]


def _lines(
    lonlat: Floats, metric: Floats, number: Ints, crs: str, tolerance_m: float
) -> npt.NDArray[np.object_]:
    """Lines in EPSG:4326, simplified in metres where the CRS reaches; None where nothing moved."""
    whole = np.asarray(shapely.linestrings(lonlat, indices=number), object)
    size = len(whole)
    finite = np.ones(size, bool)
    finite[np.unique(number[~np.isfinite(metric).all(axis=1)])] = False
    safe = np.where(np.isfinite(metric), metric, 0.0)
    simple = shapely.simplify(shapely.linestrings(safe, indices=number), tolerance_m)
    back = systems.geometries_to_lonlat(np.asarray(simple, object), crs)
    # Far from its zone a projection may not come back to where it started.
    moved = np.abs(shapely.bounds(back) - shapely.bounds(whole)).max(axis=1)
    chosen = np.where(finite & (moved < _FAR_DEG), back, whole)
    chosen[shapely.length(chosen) == 0] = None
    return np.asarray(chosen, object)


def _frame(
    key: str, lines: npt.NDArray[np.object_], columns: dict[str, npt.NDArray[np.generic]]
) -> gpd.GeoDataFrame:
    names = [key, "start", "end", "fixes", "length_m", "mean_speed_mps", "worst_gap_s"]
    frame = pd.DataFrame({name: columns.get(name, np.empty(0)) for name in names})
    start = pd.to_datetime(frame.pop("start").astype(np.int64), unit="ms", utc=True)
    frame["start_time"] = start
    frame["end_time"] = pd.to_datetime(frame.pop("end").astype(np.int64), unit="ms", utc=True)
    stamps = start.dt.strftime("%Y%m%dT%H%M%S.%f").str[:-3]
    first = frame[key].astype(str) + "-" + stamps + "Z"
    # Positions far apart at one instant, as of two vessels on one identity, begin tracks alike.
    again = first.groupby(first).cumcount()
    frame["track_id"] = first.where(again == 0, first + "-" + (again + 1).astype(str))
    return gpd.GeoDataFrame(frame, geometry=lines, crs="EPSG:4326")
