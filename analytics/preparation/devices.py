"""What a sender is: a vessel, a net buoy, a base station, an aid to navigation, another device.

The form of an MMSI says most of it (ITU-R M.585-9, annex 1): 2–7 ships, 00 coast stations, 111
aircraft, 98 craft of a mother ship, 99 aids to navigation, 970/972/974 search-and-rescue devices, 8
hand-held radios. Net buoys use numbers of ships, invented ones, and the forms of other devices;
they give themselves away by a name that is a charge or a voltage, or, where they send as class B
does, by drifting for hours without ever telling a type, a size, a call sign or a number of a hull.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from analytics.feeds import FIX, IDENTITY
from analytics.names import Names
from analytics.preparation.parameters import BuoyParameters
from analytics.rule import Columns

VESSEL, NOISE, BUOY, BASE_STATION, AID, OTHER_DEVICE = range(6)
ASIDE = ("", "noise", "net_buoy", "base_station", "aid_to_navigation", "other_device")
Longs = npt.NDArray[np.int64]
# Counted of each sender: whether its last name was a buoy's, positions with a speed, fast ones, and
# whether anything of a hull was told.
Counts = npt.NDArray[np.int32]
# What class B senders, which have no navigational status, are given instead of one.
NO_STATUS = 15
NOTHING_COUNTED = (0, 0, 0, 0)


@lru_cache(maxsize=65_536)
def device_of(mmsi: str) -> int:
    """Kind of sender by the form of its MMSI: one of the constants of this module."""
    number = mmsi.zfill(9)
    if number.startswith("00"):
        return BASE_STATION
    if number.startswith("99"):
        return AID
    if number.startswith("98") or number[0] in "234567":
        return VESSEL
    # 0 begins groups of ships, 1 aircraft, 8 hand-held radios, 9 the rest.
    return OTHER_DEVICE


def count(names: Names, columns: Columns, bounds: Longs, held: Longs, drift_mps: float) -> Counts:
    """Count for each row what its sender had shown by then.

    Parameters
    ----------
    columns : of the feed ``ais``.
    bounds : rows of each sender, shape (m + 1,).
    held : what was counted before, shape (m, 4).
    drift_mps : speed from which a position counts as fast.

    Returns
    -------
    shape (4, n).
    """
    n = len(columns["t"])
    counts = np.zeros((len(NOTHING_COUNTED), n), np.int32)
    if not n:
        return counts
    fix = columns["kind"] == FIX
    said = np.flatnonzero(columns["kind"] == IDENTITY)
    speed = columns["sog_mps"]
    told = np.zeros(n, bool)
    told[said] = (
        (columns["ship_type"][said] > 0)
        | (columns["length_m"][said] > 0)
        | (columns["callsign"][said] != "")
        | (columns["imo"][said] > 0)
    )
    with np.errstate(invalid="ignore"):
        # A navigational status is something that only class A transponders have.
        told |= fix & (columns["nav"] != NO_STATUS)
        shown = (fix & np.isfinite(speed), fix & (speed > drift_mps), told)
    own = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    counts[0] = _named(names, columns, said, bounds, own, held[:, 0])
    for number, flags in enumerate(shown, 1):
        running = np.cumsum(flags, dtype=np.int32)
        before = np.append(np.int32(0), running)[bounds[:-1]]
        counts[number] = running + (held[:, number] - before)[own]
    return counts


def _named(
    names: Names, columns: Columns, said: Longs, bounds: Longs, own: Longs, held: Longs
) -> Longs:
    """Whether the last name that each row's sender had told is a net buoy's."""
    rows = said[columns["name"][said] != ""]
    is_buoy = {name: names.is_buoy(name) for name in set(columns["name"][rows].tolist())}
    flags = np.zeros(len(own), np.int64)
    flags[rows] = [is_buoy[name] for name in columns["name"][rows].tolist()]
    last = np.full(len(own), -1, np.int64)
    last[rows] = rows
    last = np.maximum.accumulate(last)
    known = last >= bounds[:-1][own]
    return np.where(known, flags[np.maximum(last, 0)], held[own])


def aside_of(
    movers: list[str], own: Longs, counts: Counts, limits: BuoyParameters
) -> npt.NDArray[np.uint8]:
    """Say of each row why it is none of a vessel, 0 where it is one.

    Parameters
    ----------
    movers : MMSI of each sender; ``own`` is the sender of each row, shape (n,).
    counts : from `count`, shape (4, n).
    """
    form = np.array([device_of(mover) for mover in movers], np.uint8)
    kind = form[own] if len(movers) else np.zeros(0, np.uint8)
    named, fixes, fast, hull = counts
    drifts = (fixes >= limits.fixes) & (fast <= limits.fast_share * fixes) & (hull == 0)
    buoy = (named > 0) | drifts
    ship = (kind == VESSEL) | (kind == OTHER_DEVICE)
    return np.where(ship & buoy, BUOY, kind).astype(np.uint8)
