"""What vessels say of themselves: which claim holds for which stretch of fixes.

Names, types and positions come in separate messages, in any order. `follow` cuts a batch into
*blocks*, stretches of one mover's rows under one identity, and leaves out the movers that a fishing
rule has no interest in, so that its work is in proportion to the few that claim to be fishing
boats.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import shapely

from analytics.calendar import city_days, in_force
from analytics.feeds import FIX, IDENTITY, segments
from analytics.names import Names
from analytics.references import MarineZone
from analytics.rule import Columns, Rule, State

UNKNOWN, FISHING, OTHER = "unknown", "fishing", "other"
Longs = npt.NDArray[np.int64]
_NO_INDEX: Longs = np.empty(0, np.int64)


class Said(NamedTuple):
    """What a vessel last said of itself; ``t`` and ``pid`` are of the message that changed it."""

    name: str = ""
    callsign: str = ""
    ship_type: int = 0
    destination: str = ""
    t: int = 0
    pid: str = ""


class Fix(NamedTuple):
    """One position as evidence keeps it: ms, degrees, m/s, degrees; None where not available."""

    t: int
    lon: float
    lat: float
    sog_mps: float | None
    cog_deg: float | None
    pid: str


class Claims:
    """Decides what a vessel claims to be."""

    def __init__(self, names: Names, ship_types: Sequence[int]) -> None:
        self.names, self.ship_types = names, frozenset(ship_types)
        self._known: dict[tuple[str, int], str] = {}

    def of(self, said: Said | None) -> str:
        """``fishing``, ``other``, or ``unknown`` while name or type may still decide it."""
        if said is None:
            return UNKNOWN
        key = (said.name, said.ship_type)
        if key not in self._known:
            self._known[key] = self._decide(*key)
        return self._known[key]

    def _decide(self, name: str, ship_type: int) -> str:
        if name and self.names.is_buoy(name):
            return OTHER
        if ship_type in self.ship_types or (name and self.names.claims_fishing(name)):
            return FISHING
        return UNKNOWN if not name or not ship_type else OTHER


@dataclass(frozen=True)
class Block:
    """Rows [start, end) of one mover, under one identity.

    Attributes
    ----------
    said : what holds from ``start`` on, None as long as nothing was said.
    claim : what that claims.
    fixes : indices of the block's position rows.
    """

    mover: str
    start: int
    end: int
    said: Said | None
    claim: str
    fixes: Longs


def follow(claims: Claims, known: State, columns: Columns) -> list[Block]:
    """Cut rows into blocks, and keep what each mover said last.

    Parameters
    ----------
    known : what each mover said, by mover; changed in place.
    columns : of the feed ``ais``.

    Returns
    -------
    blocks in order of rows, of the movers that claim or may claim to be fishing boats at some time
    in these rows.
    """
    bounds = segments(columns)
    said_rows = np.flatnonzero(columns["kind"] == IDENTITY)
    said_bounds = np.searchsorted(said_rows, bounds)
    said = _Said(columns, said_rows)
    blocks: list[Block] = []
    for k in range(len(bounds) - 1):
        start, end = int(bounds[k]), int(bounds[k + 1])
        mover = str(columns["mover"][start])
        before = Said(*known[mover]) if mover in known else None
        changes = list(said.changes(before, int(said_bounds[k]), int(said_bounds[k + 1])))
        if changes:
            known[mover] = list(changes[-1][1])
        spans = [(start, before), *changes]
        if any(claims.of(at) != OTHER for _, at in spans):
            ends = [row for row, _ in changes] + [end]
            blocks += _blocks(claims, mover, spans, ends, columns["kind"])
    return blocks


def _blocks(
    claims: Claims,
    mover: str,
    spans: Sequence[tuple[int, Said | None]],
    ends: Sequence[int],
    kind: npt.NDArray[Any],
) -> Iterator[Block]:
    for (start, said), end in zip(spans, ends, strict=True):
        claim = claims.of(said)
        fixes = _NO_INDEX if claim == OTHER else start + np.flatnonzero(kind[start:end] == FIX)
        yield Block(mover, start, end, said, claim, fixes)


class _Said:
    """The identity rows of a batch as plain lists, since they are walked one by one."""

    def __init__(self, columns: Columns, rows: Longs) -> None:
        self._rows = rows.tolist()
        names = ("name", "callsign", "ship_type", "destination", "t", "pid")
        self._values = [columns[name][rows].tolist() for name in names]

    def changes(self, before: Said | None, first: int, last: int) -> Iterator[tuple[int, Said]]:
        """Row and new identity wherever identity rows [first, last) say something new.

        A message may carry only a part (type 24 comes in two); what it leaves out stays as it was.
        """
        known = before
        names, callsigns, types, destinations, times, pids = self._values
        for i in range(first, last):
            old = known or Said()
            new = (
                names[i] or old.name,
                callsigns[i] or old.callsign,
                types[i] or old.ship_type,
                destinations[i] or old.destination,
            )
            if known is None or new != known[:4]:
                known = Said(*new, times[i], pids[i])
                yield self._rows[i], known


def fix_at(columns: Columns, i: int) -> Fix:
    """Take the position from a row."""
    return Fix(
        int(columns["t"][i]),
        float(columns["lon"][i]),
        float(columns["lat"][i]),
        _number(columns["sog_mps"][i]),
        _number(columns["cog_deg"][i]),
        str(columns["pid"][i]),
    )


def _number(value: Any) -> float | None:
    number = round(float(value), 3)
    return None if number != number else number


@dataclass(frozen=True)
class Places:
    """Where the interesting fixes of a batch lie, by row of the batch.

    Attributes
    ----------
    days : city day; 0 in rows that no block holds.
    inside : for each zone, whether the row lies in it while it was in force, its border included;
        shape (zones, rows).
    """

    days: Longs
    inside: npt.NDArray[np.bool_]


def locate(
    rule: Rule, zones: Sequence[MarineZone], blocks: Sequence[Block], columns: Columns
) -> Places:
    """Find the city day and the zones of all fixes in blocks."""
    n = len(columns["t"])
    days, inside = np.zeros(n, np.int64), np.zeros((len(zones), n), bool)
    fixes = np.concatenate([block.fixes for block in blocks]) if blocks else _NO_INDEX
    days[fixes] = city_days(columns["t"][fixes], rule.references.zone)
    counts = rule.applies(days[fixes])
    lon, lat = columns["lon"], columns["lat"]
    for number, zone in enumerate(zones):
        minx, miny, maxx, maxy = zone.geometry.bounds
        x, y = lon[fixes], lat[fixes]
        near = counts & (x >= minx) & (x <= maxx) & (y >= miny) & (y <= maxy)
        chosen = fixes[near]
        held = in_force(days[chosen], zone.in_force_from, zone.in_force_to)
        chosen = chosen[held]
        inside[number, chosen] = shapely.intersects_xy(zone.geometry, lon[chosen], lat[chosen])
    return Places(days, inside)
