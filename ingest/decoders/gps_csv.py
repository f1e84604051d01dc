"""Truck positions in CSV or JSON lines to columns: whole chunks at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from ingest.decoders.ais_clock import EARLIEST_MS, LATEST_MS
from ingest.decoders.table import Chunk
from layers import crs as systems
from layers import h3grid
from layers.feeds import Reject, Tally
from layers.positions import FIXES, each_once, fix_ids

REQUIRED = ("plate", "time", "lon", "lat")
FEED = "gps"
OPTIONAL = ("speed_kmh", "course_deg", "ignition", "receiver", "load")
_LONGEST_PLATE = 16
_FASTEST_KMH = 250.0
_IGNITION = {"1": 1, "true": 1, "on": 1, "0": 0, "false": 0, "off": 0, "": 255}
# Numbers as JT/T 808 has them.
_LOAD = {"empty": 0, "half": 1, "full": 3, "0": 0, "1": 1, "3": 3, "": 15}
_H3_RESOLUTION = 8
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class GpsBatch:
    """Positions of one chunk, in the columns of `layers.positions.FIXES`, and its account."""

    fixes: pa.Table
    tally: Tally
    rejects: list[Reject]


class GpsDecoder:
    """Checks and converts chunks of one file.

    Parameters
    ----------
    file : name for the rejects.
    crs : datum of the coordinates as sent: EPSG code, ``GCJ-02`` or ``BD-09``.
    zone : zone of times sent without one; None refuses them.
    """

    def __init__(self, file: str, crs: str = "EPSG:4326", zone: ZoneInfo | None = None) -> None:
        self.file, self.crs, self.zone = file, crs, zone

    def decode(self, chunk: Chunk) -> GpsBatch:
        """Decode one chunk; rows out of bounds are refused, each with its first fault."""
        n = len(chunk.numbers)
        columns = {k: pd.Series(v, dtype="str").str.strip() for k, v in chunk.columns.items()}
        for name in OPTIONAL:
            columns.setdefault(name, pd.Series([""] * n, dtype="str"))
        faults = _Faults(n)
        plate = columns["plate"]
        faults.mark(plate == "", "missing_value", "plate")
        faults.mark(plate.str.len() > _LONGEST_PLATE, "bad_value", "plate")
        t = self._times(columns["time"], faults)
        x, y = _numbers(columns["lon"], "lon", faults), _numbers(columns["lat"], "lat", faults)
        lon, lat = self._places(x, y, faults)
        speed = _numbers(columns["speed_kmh"], "speed_kmh", faults, optional=True)
        with np.errstate(invalid="ignore"):
            faults.mark((speed < 0) | (speed > _FASTEST_KMH), "bad_value", "speed_kmh")
            course = _numbers(columns["course_deg"], "course_deg", faults, optional=True)
            faults.mark((course < 0) | (course > 360), "bad_value", "course_deg")
        ignition = columns["ignition"].str.lower().map(_IGNITION)
        faults.mark(ignition.isna(), "bad_value", "ignition")
        load = columns["load"].str.lower().map(_LOAD)
        faults.mark(load.isna(), "bad_value", "load")
        good = np.flatnonzero(faults.reason == "")
        fixes = _fixes(
            plate.to_numpy(object)[good], t[good], lon[good], lat[good], speed[good],
            course[good] % 360, ignition.to_numpy(float)[good].astype(np.uint8),
            columns["receiver"].to_numpy(object)[good], load.to_numpy(float)[good].astype(np.uint8),
        )  # fmt: skip
        return self._batch(fixes, chunk, faults)

    def _batch(self, fixes: pa.Table, chunk: Chunk, faults: _Faults) -> GpsBatch:
        kept = each_once(fixes)
        accepted = Counter(position=kept.num_rows)
        if chunk.blank:
            accepted["blank"] = chunk.blank
        if fixes.num_rows > kept.num_rows:
            accepted["duplicate"] = fixes.num_rows - kept.num_rows
        rejects = list(chunk.rejects)
        for row in np.flatnonzero(faults.reason != "").tolist():
            field, reason = str(faults.field[row]), str(faults.reason[row])
            found = chunk.columns.get(field, [""] * (row + 1))[row]
            detail = f"found {found!r}"[:300]
            number, raw = chunk.numbers[row], chunk.raws[row]
            rejects.append(Reject(FEED, self.file, number, field, reason, detail, raw))
        return GpsBatch(kept, Tally(accepted, Counter(r.reason for r in rejects)), rejects)

    def _times(self, texts: pd.Series[str], faults: _Faults) -> npt.NDArray[np.int64]:
        zoned = texts.str.contains(r"(?:[zZ]|[+-]\d\d:?\d\d)$", regex=True).to_numpy(bool)
        ms = np.full(len(texts), np.iinfo(np.int64).min)
        ms[zoned] = _ms(pd.to_datetime(texts[zoned], format="ISO8601", utc=True, errors="coerce"))
        plain = texts[~zoned]
        if self.zone is not None and len(plain):
            local = pd.to_datetime(plain, format="ISO8601", errors="coerce")
            known = local.dt.tz_localize(self.zone, ambiguous="NaT", nonexistent="NaT")
            ms[~zoned] = _ms(known.dt.tz_convert("UTC"))
        elif len(plain):
            faults.mark(~zoned & (texts != "").to_numpy(bool), "no_zone", "time")
        faults.mark((ms < EARLIEST_MS) | (ms >= LATEST_MS), "bad_time", "time")
        return ms

    def _places(self, x: Floats, y: Floats, faults: _Faults) -> tuple[Floats, Floats]:
        faults.mark((x == 0) & (y == 0), "no_position", "lon")
        with np.errstate(invalid="ignore"):
            lon, lat = systems.to_lonlat(x, y, self.crs)
            swapped = (np.abs(y) > 90) & (np.abs(y) <= 180) & (np.abs(x) <= 90)
            faults.mark(swapped, "swapped_lon_lat", "lat")
            faults.mark(~(np.abs(lon) <= 180), "off_the_globe", "lon")
            faults.mark(~(np.abs(lat) <= 90), "off_the_globe", "lat")
        return lon, lat


class _Faults:
    """First fault of each row."""

    def __init__(self, n: int) -> None:
        self.reason: npt.NDArray[np.object_] = np.full(n, "", object)
        self.field: npt.NDArray[np.object_] = np.full(n, "", object)

    def mark(self, wrong: pd.Series[bool] | Flags, reason: str, field: str) -> None:
        """Mark rows that have no fault yet."""
        fresh = np.asarray(wrong, bool) & (self.reason == "")
        self.reason[fresh], self.field[fresh] = reason, field


def _numbers(
    texts: pd.Series[str], field: str, faults: _Faults, *, optional: bool = False
) -> Floats:
    values = np.asarray(pd.to_numeric(texts, errors="coerce"), np.float64)
    empty = (texts == "").to_numpy(bool)
    if optional:
        faults.mark(~np.isfinite(values) & ~empty, "bad_value", field)
    else:
        faults.mark(empty, "missing_value", field)
        faults.mark(~np.isfinite(values), "not_finite", field)
    return values


def _ms(times: pd.Series[pd.Timestamp]) -> npt.NDArray[np.int64]:
    stamps = times.dt.as_unit("ms").to_numpy("datetime64[ms]")
    return np.asarray(stamps.astype(np.int64))


def _fixes(
    plate: npt.NDArray[np.object_],
    t: npt.NDArray[np.int64],
    lon: Floats,
    lat: Floats,
    speed_kmh: Floats,
    course: Floats,
    ignition: npt.NDArray[np.uint8],
    receiver: npt.NDArray[np.object_],
    load: npt.NDArray[np.uint8],
) -> pa.Table:
    n = len(t)
    mover = pa.array(plate.tolist(), pa.string())
    sog, cog = (speed_kmh / 3.6).astype(np.float32), course.astype(np.float32)
    columns = [
        mover, t, lon, lat, sog, cog, np.full(n, np.nan, np.float32), load,
        ignition, pa.array(receiver.tolist(), pa.string()), np.zeros(n, np.uint16),
        h3grid.cells_of_points(lon, lat, _H3_RESOLUTION), fix_ids(mover, t, lon, lat, sog, cog),
    ]  # fmt: skip
    return pa.table(columns, schema=FIXES)
