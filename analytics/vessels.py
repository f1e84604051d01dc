"""What vessels say of themselves: which claim holds for which stretch of fixes.

Names, types and positions come in separate messages, in any order. `follow` cuts a batch into
*blocks*, stretches of one mover's rows under one identity, and leaves out the movers that a fishing
rule has no interest in, so that its work is in proportion to the few that claim to be fishing
boats.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import shapely

from analytics.calendar import city_days, in_force
from analytics.claims import OTHER, Claims
from analytics.feeds import FIX, IDENTITY, segments
from analytics.references import MarineZone
from analytics.rounding import rounded
from analytics.rule import Columns, Rule, State, once

# Navigational status (ITU-R M.1371-5, table 44): at anchor, moored, aground.
LYING = (1, 5, 6)
Longs = npt.NDArray[np.int64]
_TOLD = ("name", "callsign", "ship_type", "destination")
_NO_INDEX: Longs = np.empty(0, np.int64)


class Said(NamedTuple):
    """What a vessel last said of itself; ``t`` and ``pid`` are of the message that changed it.

    A state keeps it as a tuple, with the time of the mover's last row behind it.
    """

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


@dataclass(frozen=True)
class Block:
    """Rows [start, end) of one mover, under one identity.

    Attributes
    ----------
    said : what holds from ``start`` on, None as long as nothing was said.
    claim : what that claims.
    fixes : indices of the block's position rows; rows set aside (net buoys, noise …) are not among
        them.
    segment : which of the vessels on the MMSI it is (see `analytics.preparation`); 0 for all.
    """

    mover: str
    start: int
    end: int
    said: Said | None
    claim: str
    fixes: Longs
    segment: int = 0


def follow(
    claims: Claims, known: State, columns: Columns, *, by_segment: bool = False
) -> list[Block]:
    """Cut rows into blocks, and keep what each mover said last.

    Parameters
    ----------
    known : what each mover said and when it was last heard, by mover; changed in place.
    columns : of the feed ``ais``.
    by_segment : whether a block holds the positions of one segment only, so that two vessels on
        one MMSI are two.

    Returns
    -------
    blocks in order of rows, of the movers that claim or may claim to be fishing boats at some time
    in these rows.
    """
    bounds = segments(columns)
    movers = columns["mover"][bounds[:-1]].tolist()
    before = [known.get(mover) for mover in movers]

    def make() -> tuple[list[Any], list[_Spans], list[Any]]:
        return before, *_followed(claims, before, columns, bounds)

    # Rules that decide alike follow the same, unless one began later and knows less.
    held, spans, after = once(columns, f"said {claims.key} {claims.silence_ms}", make)
    if held != before:
        _, spans, after = make()
    for mover, said in zip(movers, after, strict=True):
        if said is None:
            known.pop(mover, None)
        else:
            known[mover] = said
    fixes = _Fixes(columns, bounds, by_segment)
    blocks: list[Block] = []
    for k, own in enumerate(spans):
        if any(claim != OTHER for *_, claim in own):
            ends = [start for start, *_ in own[1:]] + [int(bounds[k + 1])]
            blocks += _blocks(movers[k], own, ends, fixes, k)
    return blocks


# Rows of a mover from which on something is said, and what that claims.
_Spans = list[tuple[int, Said | None, str]]


def _followed(
    claims: Claims, before: Sequence[Any], columns: Columns, bounds: Longs
) -> tuple[list[_Spans], list[Any]]:
    """What each mover says from which row on, and what is kept of it afterwards."""
    t = columns["t"]
    lapses = 1 + np.flatnonzero(np.diff(t) > claims.silence_ms)
    said_rows = _telling(columns, bounds, lapses)
    said = _Said(columns, said_rows)
    told = np.searchsorted(said_rows, bounds).tolist()
    silences = np.searchsorted(lapses, bounds, side="right").tolist()
    starts, lasts = t[bounds[:-1]].tolist(), t[bounds[1:] - 1].tolist()
    rows, spans, after = bounds.tolist(), [], []
    for k, held in enumerate(before):
        own = _still_held(held, starts[k] - claims.silence_ms)
        changes: list[tuple[int, Said | None]] = [(rows[k], own)]
        if told[k] < told[k + 1] or silences[k] < silences[k + 1]:
            silent = lapses[silences[k] : silences[k + 1]]
            silent = silent[silent < rows[k + 1]].tolist()
            changes += said.changes(own, told[k], told[k + 1], silent)
        spans.append([(row, now, claims.of(now)) for row, now in changes])
        last = changes[-1][1]
        after.append(None if last is None else (*last, lasts[k]))
    return spans, after


def _telling(columns: Columns, bounds: Longs, lapses: Longs) -> Longs:
    """Identity rows that do not just repeat their mover's last one since a long silence."""
    said = np.flatnonzero(columns["kind"] == IDENTITY)
    if not len(said):
        return said
    cuts = np.union1d(bounds, lapses)
    stretch = np.searchsorted(cuts, said, side="right")
    repeats = stretch[1:] == stretch[:-1]
    for name in _TOLD:
        values = columns[name][said]
        repeats &= np.asarray(values[1:] == values[:-1], bool)
    telling: Longs = said[np.append(True, ~repeats)]
    return telling


def _still_held(held: Any, oldest_ms: int) -> Said | None:
    return None if held is None or held[-1] < oldest_ms else Said(*held[:-1])


def usable_fixes(columns: Columns) -> npt.NDArray[np.bool_]:
    """Whether a row is a vessel's position; rows that no preparation saw are all taken for such."""
    fixes = np.asarray(columns["kind"] == FIX, np.bool_)
    return fixes & (columns["aside"] == 0) if "aside" in columns else fixes


def _blocks(
    mover: str, spans: _Spans, ends: Sequence[int], fixes: _Fixes, number: int
) -> Iterator[Block]:
    for (start, said, claim), end in zip(spans, ends, strict=True):
        if claim == OTHER:
            yield Block(mover, start, end, said, claim, _NO_INDEX)
            continue
        own = fixes.of(number) if len(spans) == 1 else fixes.between(start, end)
        for segment, rows in fixes.parts(own, number):
            yield Block(mover, start, end, said, claim, rows, segment)


class _Fixes:
    """Rows of vessels' positions in a batch, found by mover and by span."""

    def __init__(self, columns: Columns, bounds: Longs, by_segment: bool) -> None:
        self._rows = np.flatnonzero(usable_fixes(columns))
        self._cuts = np.searchsorted(self._rows, bounds).tolist()
        self._segment: Longs | None = None
        self._mixed: list[bool] = []
        if by_segment and "segment" in columns:
            self._segment = own = columns["segment"][self._rows]
            another = np.append(False, own[1:] != own[:-1])
            another[[cut for cut in self._cuts if cut < len(own)]] = False
            changes = np.append(0, np.cumsum(another))[self._cuts]
            self._mixed = (changes[1:] != changes[:-1]).tolist()

    def of(self, number: int) -> slice:
        """Places of a mover's rows."""
        return slice(self._cuts[number], self._cuts[number + 1])

    def between(self, start: int, end: int) -> slice:
        """Places of the rows in [start, end)."""
        return slice(*np.searchsorted(self._rows, (start, end)).tolist())

    def parts(self, places: slice, number: int) -> Iterator[tuple[int, Longs]]:
        """Rows of each segment, in the order in which they begin; once without rows where none is.

        Parameters
        ----------
        places : of one mover, whose number it is.
        """
        rows = self._rows[places]
        if self._segment is None or not len(rows):
            yield 0, rows
            return
        own = self._segment[places]
        if not self._mixed[number]:
            yield int(own[0]), rows
            return
        for segment in dict.fromkeys(own.tolist()):
            yield segment, rows[own == segment]


class _Said:
    """The identity rows of a batch as plain lists, since they are walked one by one."""

    def __init__(self, columns: Columns, rows: Longs) -> None:
        self._rows = rows.tolist()
        self._values = [columns[name][rows].tolist() for name in (*_TOLD, "t", "pid")]

    def changes(
        self, before: Said | None, first: int, last: int, lapses: Sequence[int]
    ) -> Iterator[tuple[int, Said | None]]:
        """Row and new identity wherever identity rows [first, last) say something new.

        A message may carry only a part (type 24 comes in two); what it leaves out stays as it was.
        From each row of ``lapses`` on, first rows after a long silence, nothing is known.
        """
        known, silent = before, deque(lapses)
        names, callsigns, types, destinations, times, pids = self._values
        for i in range(first, last):
            while silent and silent[0] <= self._rows[i]:
                known = None
                yield silent.popleft(), None
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
        for row in silent:
            yield row, None


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


def fixes_at(columns: Columns, rows: Longs) -> list[Fix]:
    """Take the positions from many rows, as `fix_at` takes one."""
    speed, course = (
        [None if value != value else value for value in rounded(columns[name][rows], 3).tolist()]
        for name in ("sog_mps", "cog_deg")
    )
    t, lon, lat, pid = (columns[name][rows].tolist() for name in ("t", "lon", "lat", "pid"))
    return list(map(Fix._make, zip(t, lon, lat, speed, course, pid, strict=True)))


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
