"""Locations of JT/T 808 terminals to columns: whole batches at once.

The 28 bytes of a location, big endian: alarm bits u32, state bits u32, latitude and longitude u32
in millionths of a degree, altitude u16 in m, speed u16 in tenths of km/h, direction u16 in degrees,
time in six BCD bytes YYMMDDhhmmss, GMT+8. State: bit 0 ignition, 1 located, 2 south, 3 west, 5
coordinates encrypted, 8-9 load (0 empty, 1 half, 2 reserved, 3 full). Alarm: bit 4 module faulty,
5 antenna cut, 6 antenna shorted, 8 main power lost.

All verified in public sources: AIPorto/GPS-Tracker-SDK, G10LS_Protocol.md, 2.12, and
cuteLittleDevil/go-jt808, t_0x0200_location_item.go. The datum is stated by neither: WGS 84 unless
the source is declared otherwise. That years are of this century is taken for granted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.decoders.ais_clock import EARLIEST_MS, LATEST_MS
from ingest.decoders.jt808_frame import FEED
from ingest.decoders.jt808_messages import LOCATION_BYTES, Items, MessageError, read_items
from layers import crs as systems
from layers import h3grid
from layers.feeds import Reject, Tally
from layers.positions import TRUCK_FIXES, Quality, fix_ids

CLOCK_AHEAD_MS = 300_000
_LOCATION = np.dtype(
    [
        ("alarm", ">u4"),
        ("state", ">u4"),
        ("lat", ">u4"),
        ("lon", ">u4"),
        ("altitude", ">u2"),
        ("speed", ">u2"),
        ("direction", ">u2"),
        ("time", "u1", (6,)),
    ]
)
_IGNITION, _LOCATED, _SOUTH, _WEST, _ENCRYPTED = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 5
_LOAD_SHIFT, _LOAD = 8, 0b11
_NAV = np.array([0, 1, 15, 3], np.uint8)
_ANTENNA = 1 << 4 | 1 << 5 | 1 << 6
_POWER = 1 << 8
_ZONE_MS = 8 * 3_600_000
_DEGREE, _KMH_TENTHS = 1e6, 36.0
# The bound of positions in files: faster is no truck but noise.
_FASTEST_TENTHS = 2500
_CENTURY = 2000
_H3_RESOLUTION = 8
_NO_ITEMS = Items()
Flags = npt.NDArray[np.bool_]
Times = npt.NDArray[np.int64]


class Report(NamedTuple):
    """One location as it came.

    Attributes
    ----------
    body : 28 bytes and maybe additional items.
    mover, terminal : whose it is, and who says so.
    sender, offset : connection, and bytes of it before the frame.
    received_ms : when it came, ms since 1970 UTC.
    """

    body: bytes
    mover: str
    terminal: str
    sender: str
    offset: int
    received_ms: int


@dataclass(frozen=True)
class FixBatch:
    """Locations in the columns of `layers.positions.TRUCK_FIXES`, and their account."""

    fixes: pa.Table
    tally: Tally
    rejects: list[Reject]


class FixDecoder:
    """Checks and converts locations.

    Parameters
    ----------
    crs : datum of the coordinates as sent: ``EPSG:4326``, ``GCJ-02`` …
    clock_ahead_ms : how far a terminal's clock may run ahead before its fixes are marked.
    """

    def __init__(self, crs: str = "EPSG:4326", clock_ahead_ms: int = CLOCK_AHEAD_MS) -> None:
        self.crs, self.clock_ahead_ms = crs, clock_ahead_ms

    def decode(self, reports: Sequence[Report]) -> FixBatch:
        """Convert n reports; what is out of bounds is refused, each with its first fault."""
        whole = [report for report in reports if len(report.body) >= LOCATION_BYTES]
        rejects = [
            _reject(report, "", "truncated", f"{len(report.body)} bytes, expected {LOCATION_BYTES}")
            for report in reports
            if len(report.body) < LOCATION_BYTES
        ]
        rows = np.frombuffer(b"".join([r.body[:LOCATION_BYTES] for r in whole]), _LOCATION)
        t = _times(rows["time"])
        lon, lat = self._places(rows)
        good = np.ones(len(rows), bool)
        for wrong, field, reason in _faults(rows, t, lon, lat):
            for row in np.flatnonzero(wrong & good).tolist():
                detail = f"found {_found(rows[row], field)}"
                rejects.append(_reject(whole[row], field, reason, detail))
            good &= ~wrong
        kept = np.flatnonzero(good)
        chosen = [whole[row] for row in kept.tolist()]
        fixes = self._fixes(chosen, rows[kept], t[kept], lon[kept], lat[kept])
        tally = Tally(Counter(position=len(kept)), Counter(r.reason for r in rejects))
        return FixBatch(fixes, tally, rejects)

    def _places(self, rows: npt.NDArray[np.void]) -> systems.Pair:
        state = rows["state"]
        x = np.where(state & _WEST, -1.0, 1.0) * rows["lon"] / _DEGREE
        y = np.where(state & _SOUTH, -1.0, 1.0) * rows["lat"] / _DEGREE
        with np.errstate(all="ignore"):
            return systems.to_lonlat(x, y, self.crs)

    def _fixes(
        self,
        reports: list[Report],
        rows: npt.NDArray[np.void],
        t: Times,
        lon: systems.Floats,
        lat: systems.Floats,
    ) -> pa.Table:
        state, alarm, n = rows["state"].astype(np.int64), rows["alarm"], len(rows)
        mover = pa.array([report.mover for report in reports], pa.string())
        sog = (rows["speed"] / _KMH_TENTHS).astype(np.float32)
        cog = (rows["direction"] % 360).astype(np.float32)
        received = np.array([report.received_ms for report in reports], np.int64)
        quality = np.where(alarm & _POWER, int(Quality.POWER_CUT), 0)
        quality |= np.where(alarm & _ANTENNA, int(Quality.ANTENNA_CUT), 0)
        quality |= np.where(t - received > self.clock_ahead_ms, int(Quality.CLOCK_OFF), 0)
        columns = [
            mover, t, lon, lat, sog, cog, np.full(n, np.nan, np.float32),
            _NAV[state >> _LOAD_SHIFT & _LOAD], (state & _IGNITION).astype(np.uint8),
            pa.array([report.terminal for report in reports], pa.string()),
            quality.astype(np.uint16), h3grid.cells_of_points(lon, lat, _H3_RESOLUTION),
            fix_ids(mover, t, lon, lat, sog, cog), *_items(reports),
        ]  # fmt: skip
        return pa.table(columns, schema=TRUCK_FIXES)


def _items(reports: list[Report]) -> tuple[pa.Array, pa.Array]:
    """Speeds of the recorders and mileages, null where there are none or can't be read."""
    told = [_told(report.body[LOCATION_BYTES:]) for report in reports]
    return (
        pa.array([one.recorder_mps for one in told], pa.float32()),
        pa.array([one.mileage_m for one in told], pa.float64()),
    )


def _told(items: bytes) -> Items:
    if not items:
        return _NO_ITEMS
    try:
        return read_items(items)
    except MessageError:
        # The location itself is whole.
        return _NO_ITEMS


def _faults(
    rows: npt.NDArray[np.void], t: Times, lon: systems.Floats, lat: systems.Floats
) -> list[tuple[Flags, str, str]]:
    """What may be wrong, in the order in which it is told: rows, field and reason."""
    state = rows["state"]
    return [
        ((state & _LOCATED) == 0, "state", "not_located"),
        ((state & _ENCRYPTED) != 0, "state", "encrypted"),
        ((rows["lon"] == 0) & (rows["lat"] == 0), "lon", "no_position"),
        (~(np.abs(lon) <= 180), "lon", "off_the_globe"),
        (~(np.abs(lat) <= 90), "lat", "off_the_globe"),
        ((t < EARLIEST_MS) | (t >= LATEST_MS), "time", "bad_time"),
        (rows["speed"] > _FASTEST_TENTHS, "speed", "bad_value"),
        (rows["direction"] > 360, "direction", "bad_value"),
    ]


def _times(digits: npt.NDArray[np.uint8]) -> Times:
    """Ms UTC of BCD times in GMT+8, shape (n, 6); what is no time gives the smallest number."""
    high, low = digits >> 4, digits & 15
    decimal = np.asarray(((high <= 9) & (low <= 9)).all(axis=1))
    parts = (high.astype(np.int64) * 10 + low) * decimal[:, None]
    year, month, day, hour, minute, second = parts.T
    valid = np.asarray(decimal & (month >= 1) & (month <= 12))
    valid &= (hour < 24) & (minute < 60) & (second < 60)
    months = (_CENTURY + year - 1970) * 12 + np.where(valid, month, 1) - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    after = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    valid &= (day >= 1) & (day <= after - first)
    seconds = ((first + day - 1) * 24 + hour) * 3600 + minute * 60 + second
    return np.where(valid, seconds * 1000 - _ZONE_MS, np.iinfo(np.int64).min)


def _found(row: np.void, field: str) -> str:
    value = row[field]
    if field == "time":
        return str(value.tobytes().hex())
    return f"0x{int(value):08x}" if field == "state" else str(int(value))


def _reject(report: Report, field: str, reason: str, detail: str) -> Reject:
    where = f"terminal {report.terminal}, byte {report.offset}: {detail}"
    return Reject(FEED, report.sender, 0, field, reason, where, report.body.hex())
