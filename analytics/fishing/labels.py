"""Labelled tracks from CSV or Parquet, made ready for training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyproj

from analytics.fishing.evaluation import step_speed
from analytics.fishing.features import Floats, Matrix, update
from analytics.fishing.training import Truths, Words
from layers.errors import CrsError, OnemapError

_NEEDED = ("vessel_id", "time", "lon", "lat", "label")
_KNOT_MPS = 1852 / 3600


@dataclass(frozen=True)
class Labels:
    """Labelled rows with what their tracks say, sorted by (vessel, time).

    Attributes
    ----------
    features : (n, len(FEATURES)), made from labelled and unlabelled rows alike.
    labels : (n,) whether fishing.
    vessels : (n,) ids.
    speed_mps : (n,) as sent, else of the step that led to the row; NaN where there is neither.
    read : rows of the files.
    rejected : one line for each row refused: file, row, what was found, what was expected.
    """

    features: Matrix
    labels: Truths
    vessels: Words
    speed_mps: Floats
    read: int
    rejected: list[str]


def read_labels(paths: Sequence[Path], crs: str | None = None) -> Labels:
    """Read files of labelled positions.

    Parameters
    ----------
    paths : ``.csv`` or ``.parquet`` with ``vessel_id``, ``time`` (UTC where no zone is given),
        ``lon``, ``lat`` (EPSG:4326) and ``label``: ``fishing``, ``other`` or empty; ``speed_kn``
        and ``course_deg`` where there are. A vessel is one within all files.
    crs : projected CRS to measure in; None for an azimuthal equidistant plane around the middle of
        each vessel's track.
    """
    rejected: list[str] = []
    frames = [_checked(_read(path), path.name, rejected) for path in paths]
    read = sum(total for _, total in frames)
    frame = pd.concat([f for f, _ in frames], ignore_index=True)
    frame = frame.sort_values(["vessel_id", "t"], kind="stable", ignore_index=True)
    mover = frame["vessel_id"].to_numpy(str)
    t = frame["t"].to_numpy(np.int64)
    x, y = _metres(frame, mover, crs)
    sog = frame["speed_kn"].to_numpy(np.float64) * _KNOT_MPS
    cog = frame["course_deg"].to_numpy(np.float64)
    features = update({}, {"mover": mover, "t": t, "x": x, "y": y, "sog_mps": sog, "cog_deg": cog})
    speed = np.where(np.isfinite(sog), sog, step_speed(t, x, y, mover))
    said = frame["label"].to_numpy(str)
    used = said != ""
    return Labels(features[used], said[used] == "fishing", mover[used], speed[used], read, rejected)


def _read(path: Path) -> pd.DataFrame:
    try:
        if path.suffix == ".parquet":
            frame = pd.read_parquet(path)
        else:
            text = {"vessel_id": str, "label": str}
            frame = pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as failure:
        raise OnemapError(f"{path}: can't be read as a table ({failure})") from failure
    missing = [name for name in _NEEDED if name not in frame]
    if missing:
        raise OnemapError(f"{path}: no column {', '.join(missing)}; there are {list(frame)}")
    return frame


def _checked(frame: pd.DataFrame, name: str, rejected: list[str]) -> tuple[pd.DataFrame, int]:
    """Rows that can be used, in one set of columns; the others are added to ``rejected``."""
    raw = frame.reset_index(drop=True)
    label = raw["label"].astype(object).where(raw["label"].notna(), "").astype(str)
    time = pd.to_datetime(raw["time"], utc=True, errors="coerce", format="ISO8601")
    made = pd.DataFrame(
        {
            "vessel_id": raw["vessel_id"].astype(str),
            "lon": pd.to_numeric(raw["lon"], errors="coerce"),
            "lat": pd.to_numeric(raw["lat"], errors="coerce"),
            "label": label.str.strip().str.lower(),
        }
    )
    for column in ("speed_kn", "course_deg"):
        known = raw[column] if column in raw else pd.Series(np.nan, index=raw.index)
        made[column] = pd.to_numeric(known, errors="coerce")
    faults = {
        "vessel_id": (raw["vessel_id"].isna(), "a vessel"),
        "time": (time.isna(), "a time such as 2026-01-31T12:00:00Z"),
        "lon": (~made["lon"].between(-180, 180), "degrees, -180 to 180"),
        "lat": (~made["lat"].between(-90, 90), "degrees, -90 to 90"),
        "label": (~made["label"].isin(["fishing", "other", ""]), "fishing, other or empty"),
    }
    bad = np.zeros(len(raw), np.bool_)
    for column, (wrong, expected) in faults.items():
        fresh = wrong.to_numpy(np.bool_) & ~bad
        rejected += [
            f"{name}: row {k + 1}: {column}: found {raw[column].iloc[k]!r}, expected {expected}"
            for k in np.flatnonzero(fresh)
        ]
        bad |= fresh
    made = made[~bad].copy()
    made["t"] = time[~bad].dt.as_unit("ms").astype("int64")
    return made, len(raw)


def _metres(frame: pd.DataFrame, mover: Words, crs: str | None) -> tuple[Floats, Floats]:
    lon, lat = frame["lon"].to_numpy(np.float64), frame["lat"].to_numpy(np.float64)
    x, y = np.zeros(len(lon)), np.zeros(len(lon))
    for name in np.unique(mover) if crs is None else [None]:
        own = np.ones(len(lon), np.bool_) if name is None else mover == name
        plane = crs or (
            f"+proj=aeqd +lon_0={np.median(lon[own]):.6f} +lat_0={np.median(lat[own]):.6f}"
        )
        try:
            there = pyproj.Transformer.from_crs("EPSG:4326", plane, always_xy=True)
        except pyproj.exceptions.CRSError as failure:
            raise CrsError(f"'{plane}' is no coordinate reference system: {failure}") from failure
        if crs is not None and not pyproj.CRS.from_user_input(crs).is_projected:
            raise CrsError(f"'{crs}' is not projected; metres are needed")
        x[own], y[own] = there.transform(lon[own], lat[own])
    return x, y
