"""Columns that kernels read, made from what the stores hold: one function for each feed.

``ais``
    mover (MMSI), t, kind (0 fix, 1 identity), pid; of fixes lon, lat, x, y, sog_mps, cog_deg, nav,
    quality (bits of `layers.positions.Quality`); of identities name, callsign, ship_type,
    destination, imo, length_m. `analytics.preparation` adds segment, aside and said.
``gps``
    mover (plate), t, kind (0 fix, 1 weighing), pid (of the fix, or id of the weighing record), lon,
    lat, x, y (of a weighing its station's), acc (1 on, 0 off, 255 unknown), load (`EMPTY` …),
    terminal, quality; of fixes sog_mps, cog_deg, and of some recorder_mps, mileage_m; of weighings
    station_id, gross_kg, error_share.
    `analytics.roads.stage` adds arc, along_m, off_m, chain, via, route_m, still_since and aside.
``weighing``
    mover (plate), t, record_id, station_id, lon, lat, vehicle_kind, axles, gross_kg, axle_sum_kg,
    error_share, single_drive_axle, axle_masses_kg (tuples), axle_groups, image_ref
``camera_detection``
    mover (camera), t, detection_id, track, label, confidence, lon, lat (middle of the foot edge),
    x0, y0, x1, y1 (its ends)

``t`` is ms since 1970 (UTC), ``lon`` and ``lat`` are EPSG:4326, ``x`` and ``y`` metres in the
city's CRS; missing numbers are NaN, missing texts "". Rows are sorted by mover and time, ties by
their id, so that a set of rows has one order only.
"""

from __future__ import annotations

import json
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import shapely

from analytics.rule import Columns, rows
from layers.crs import STORAGE, transformer
from layers.positions import order_of

FIX, IDENTITY, WEIGHING = 0, 1, 1
# How full a truck says it is (JT/T 808, bits 8 and 9 of the status).
EMPTY, HALF, FULL, UNKNOWN_LOAD = 0, 1, 3, 15
Floats = npt.NDArray[np.float64]
Objects = npt.NDArray[np.object_]


def ais_columns(fixes: pa.Table, identities: pa.Table, crs: str) -> Columns:
    """Merge vessel positions and what vessels say of themselves into one sequence.

    Parameters
    ----------
    fixes : rows of `layers.positions.FIXES`, n of them, in any order.
    identities : rows of `layers.positions.IDENTITIES`, m of them.
    crs : projected CRS of the city.

    Returns
    -------
    columns of length n + m, sorted by (mover, t, kind, pid).
    """
    n, m = fixes.num_rows, identities.num_rows
    movers, codes = _encode(_strings(fixes["mover"], identities["mover"]))
    t = np.concatenate([_numbers(fixes["t"], np.int64), _numbers(identities["t"], np.int64)])
    kind = np.repeat(np.array([FIX, IDENTITY], np.int8), [n, m])
    pid = _strings(fixes["pid"], identities["pid"])
    order = order_of((codes, t, kind), pid)
    at = np.empty(n + m, np.int64)
    at[order] = np.arange(n + m)
    # Where each position and each message comes to stand.
    of_fixes, of_said = at[:n], at[n:]

    def fixed(name: str, dtype: Any = np.float64, missing: float = np.nan) -> npt.NDArray[Any]:
        return _placed(_reals_of(fixes[name], missing), of_fixes, n + m, dtype, missing)

    def told(name: str, dtype: Any, missing: float = 0) -> npt.NDArray[Any]:
        return _placed(_reals_of(identities[name], missing), of_said, n + m, dtype, missing)

    lon, lat = fixed("lon"), fixed("lat")
    x, y = _metres(lon, lat, crs)
    return {
        "mover": movers[codes[order]],
        "t": t[order],
        "kind": kind[order],
        "pid": _texts(pid)[order],
        "lon": lon,
        "lat": lat,
        "x": x,
        "y": y,
        "sog_mps": fixed("sog_mps"),
        "cog_deg": fixed("cog_deg"),
        "nav": fixed("nav", np.uint8, 15),
        "quality": fixed("quality", np.uint16, 0),
        "imo": told("imo", np.int64),
        "length_m": told("length_m", np.float64),
        "ship_type": told("ship_type", np.int16),
        **{name: _placed(_texts(identities[name]), of_said, n + m, object, "") for name in _SAID},
    }


_SAID = ("name", "callsign", "destination")


def gps_columns(fixes: pa.Table, weighings: gpd.GeoDataFrame, crs: str) -> Columns:
    """Merge truck positions and the weighings of trucks into one sequence.

    Parameters
    ----------
    fixes : rows of `layers.positions.TRUCK_FIXES`, n of them, in any order; columns that `FIXES`
        lacks may be missing.
    weighings : rows of the ``weighing`` layer, m of them.
    crs : projected CRS of the city.

    Returns
    -------
    columns of length n + m, sorted by (mover, t, kind, pid).
    """
    n, m = fixes.num_rows, len(weighings)
    place = shapely.get_coordinates(_points(weighings))
    plates, records = (pa.array(_words(weighings, name)) for name in ("plate", "record_id"))
    movers, codes = _encode(_strings(fixes["mover"], plates))
    t = np.concatenate([_numbers(fixes["t"], np.int64), _milliseconds(weighings["time"])])
    kind = np.repeat(np.array([FIX, WEIGHING], np.int8), [n, m])
    pid = _strings(fixes["pid"], records)
    order = order_of((codes, t, kind), pid)
    lon = np.concatenate([_padded(fixes["lon"], 0, 0), place[:, 0]])[order]
    lat = np.concatenate([_padded(fixes["lat"], 0, 0), place[:, 1]])[order]
    x, y = _metres(lon, lat, crs)
    blank = np.full(n, "", object)
    unknown = np.full(n, np.nan)
    return {
        "mover": movers[codes[order]],
        "t": t[order],
        "kind": kind[order],
        "pid": _texts(pid)[order],
        "lon": lon,
        "lat": lat,
        "x": x,
        "y": y,
        "sog_mps": _padded(fixes["sog_mps"], 0, m)[order],
        "cog_deg": _padded(fixes["cog_deg"], 0, m)[order],
        "acc": _padded(fixes["acc"], 0, m, 255)[order].astype(np.uint8),
        "load": _padded(fixes["nav"], 0, m, UNKNOWN_LOAD)[order].astype(np.uint8),
        "terminal": np.concatenate([_repeated(fixes["receiver"]), np.full(m, "", object)])[order],
        "quality": _padded(fixes["quality"], 0, m, 0)[order].astype(np.uint16),
        "recorder_mps": _optional(fixes, "recorder_mps", m)[order],
        "mileage_m": _optional(fixes, "mileage_m", m)[order],
        "station_id": np.concatenate([blank, _words(weighings, "station_id")])[order],
        "gross_kg": np.concatenate([unknown, _reals(weighings, "gross_kg")])[order],
        "error_share": np.concatenate([unknown, _reals(weighings, "error_share")])[order],
    }


def weighing_columns(frame: gpd.GeoDataFrame) -> Columns:
    """Columns of weighing records from rows of the ``weighing`` layer; n rows in any order."""
    place = shapely.get_coordinates(_points(frame))
    single = _column(frame, "single_drive_axle")
    axles = _column(frame, "axle_masses_kg")
    return _sorted(
        {
            "mover": _words(frame, "plate"),
            "t": _milliseconds(frame["time"]),
            "record_id": _words(frame, "record_id"),
            "station_id": _words(frame, "station_id"),
            "lon": place[:, 0],
            "lat": place[:, 1],
            "vehicle_kind": _words(frame, "vehicle_kind"),
            "axles": _column(frame, "axles").to_numpy(np.float64, na_value=np.nan),
            "gross_kg": _reals(frame, "gross_kg"),
            "axle_sum_kg": np.array([_sum(v) for v in axles], float),
            "error_share": _reals(frame, "error_share"),
            "single_drive_axle": np.array([not pd.isna(v) and v == 1 for v in single], bool),
            "axle_masses_kg": np.fromiter((_masses(v) for v in axles), object),
            "axle_groups": _words(frame, "axle_groups"),
            "image_ref": _words(frame, "image_ref"),
        },
        "record_id",
    )


def detection_columns(frame: gpd.GeoDataFrame, crs: str) -> Columns:
    """Columns of camera detections from rows of the ``camera_detection`` layer.

    Parameters
    ----------
    frame : n rows, geometry the foot edge of the box on the ground (EPSG:4326); rows without one
        are left out.
    crs : projected CRS of the city.
    """
    edges = np.asarray(frame.geometry.values, object)
    usable = ~(shapely.is_missing(edges) | shapely.is_empty(edges))
    frame, edges = frame.loc[usable], edges[usable]
    first, last = (shapely.get_coordinates(shapely.get_point(edges, i)) for i in (0, -1))
    middle = (first + last) / 2
    x0, y0 = _metres(first[:, 0], first[:, 1], crs)
    x1, y1 = _metres(last[:, 0], last[:, 1], crs)
    return _sorted(
        {
            "mover": _words(frame, "camera_id"),
            "t": _milliseconds(frame["time"]),
            "detection_id": _words(frame, "detection_id"),
            "track": _words(frame, "track"),
            "label": _words(frame, "label"),
            "confidence": _reals(frame, "confidence"),
            "lon": middle[:, 0],
            "lat": middle[:, 1],
            "x0": x0,
            "y0": y0,
            "x1": x1,
            "y1": y1,
        },
        "detection_id",
    )


def take(columns: Columns, index: npt.NDArray[Any] | slice) -> Columns:
    """Take some rows of columns, by index, mask or slice."""
    return {name: values[index] for name, values in columns.items()}


def segments(columns: Columns) -> npt.NDArray[np.int64]:
    """Bounds of movers: mover k has the rows [bounds[k], bounds[k + 1]); shape (movers + 1,)."""
    n = rows(columns)
    if not n:
        return np.zeros(1, np.int64)
    mover = columns["mover"]
    inner = np.flatnonzero(mover[1:] != mover[:-1]) + 1
    return np.concatenate([[0], inner, [n]]).astype(np.int64)


def _sorted(columns: Columns, ident: str) -> Columns:
    _, codes = np.unique(columns["mover"].astype(str), return_inverse=True)
    idents = _strings(pa.array(columns[ident]))
    return take(columns, order_of((codes.reshape(-1), columns["t"]), idents))


def _strings(*columns: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray:
    """Texts of some columns, one behind the other, missing ones as ""."""
    chunks: list[pa.Array] = []
    for column in columns:
        texts = column.cast(pa.string()).fill_null("")
        chunks += texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    return pa.chunked_array(chunks, pa.string())


def _encode(texts: pa.ChunkedArray) -> tuple[Objects, npt.NDArray[np.int64]]:
    """Distinct texts, sorted, and which of them each text is."""
    encoded = texts.combine_chunks().dictionary_encode()
    names = np.array(encoded.dictionary.to_pylist(), object)
    by_name = np.argsort(names.astype(str), kind="stable")
    rank = np.empty(len(names), np.int64)
    rank[by_name] = np.arange(len(names))
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return names[by_name], rank[codes]


def _numbers(column: pa.ChunkedArray, dtype: Any) -> npt.NDArray[Any]:
    return np.asarray(column.to_numpy(), dtype)


def _padded(
    column: pa.ChunkedArray, before: int, after: int, missing: float = float("nan")
) -> Floats:
    values = _reals_of(column, missing)
    return np.concatenate([np.full(before, missing), values, np.full(after, missing)])


def _reals_of(column: pa.ChunkedArray, missing: float) -> Floats:
    values = np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)
    return values if missing != missing else np.where(np.isnan(values), missing, values)


def _optional(fixes: pa.Table, name: str, after: int) -> Floats:
    if name not in fixes.column_names:
        return np.full(fixes.num_rows + after, np.nan)
    return _padded(fixes[name], 0, after)


def _texts(column: pa.ChunkedArray) -> Objects:
    return np.asarray(_strings(column).to_numpy(), object)


def _repeated(column: pa.ChunkedArray) -> Objects:
    """Texts that are the same again and again: equal ones are one object."""
    names, codes = _encode(_strings(column))
    return names[codes]


def _placed(
    values: npt.NDArray[Any], at: npt.NDArray[np.int64], length: int, dtype: Any, missing: Any
) -> npt.NDArray[Any]:
    """A column of a length with values at places, and what is missing elsewhere."""
    column = np.full(length, missing, dtype)
    column[at] = values
    return column


def _metres(lon: Floats, lat: Floats, crs: str) -> tuple[Floats, Floats]:
    x, y = np.full(len(lon), np.nan), np.full(len(lon), np.nan)
    known = np.isfinite(lon) & np.isfinite(lat)
    x[known], y[known] = transformer(STORAGE, crs).transform(lon[known], lat[known])
    return x, y


def _points(frame: gpd.GeoDataFrame) -> Objects:
    points: Objects = np.array(frame.geometry.values, object)
    points[shapely.is_missing(points)] = shapely.Point(np.nan, np.nan)
    return points


def _column(frame: gpd.GeoDataFrame, name: str) -> pd.Series[Any]:
    if name in frame:
        return frame[name]
    return pd.Series([None] * len(frame), index=frame.index, dtype=object)


def _words(frame: gpd.GeoDataFrame, name: str) -> Objects:
    return np.array(["" if pd.isna(v) else str(v) for v in _column(frame, name)], object)


def _reals(frame: gpd.GeoDataFrame, name: str) -> Floats:
    return pd.to_numeric(_column(frame, name), errors="coerce").to_numpy(
        np.float64, na_value=np.nan
    )


def _milliseconds(times: pd.Series[Any]) -> npt.NDArray[np.int64]:
    utc = pd.DatetimeIndex(pd.to_datetime(times, utc=True)).tz_localize(None)
    return utc.to_numpy().astype("datetime64[ms]").astype(np.int64)


def _sum(masses: Any) -> float:
    values = _masses(masses)
    return float(sum(values)) if values else float("nan")


def _masses(masses: Any) -> tuple[float, ...]:
    values = json.loads(masses) if isinstance(masses, str) else masses
    return tuple(float(value) for value in values) if isinstance(values, list | tuple) else ()
