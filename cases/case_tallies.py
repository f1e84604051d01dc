"""What a step of a case adds to the tallies that statistics are read from."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from cases.case_rows import Row
from cases.states import DONE
from cases.units import Units
from layers.city import City
from layers.store.tallies import TallyKey

SUBJECT = "case"
DIMENSIONS = ("all", "department", "event_type", "origin", "level")
# Durations are told apart by a quarter of an octave, 19 %, from one minute on.
_FIRST_S, _PER_OCTAVE = 60, 4
# Durations by month, apart from the numbers by month, which are asked for much more often.
HELD = "held_month"


def bucket_of(seconds: float) -> int:
    """Bucket of a duration; 0 for all up to a minute."""
    return max(0, math.ceil(_PER_OCTAVE * math.log2(max(seconds, _FIRST_S) / _FIRST_S)))


def median_s(buckets: Mapping[int, int]) -> float:
    """Median of durations, s, from how many there are in each bucket.

    It is read off within its bucket as if durations were spread evenly there by their logarithm; so
    it is in the right bucket, at most 19 % off and usually much less.
    """
    half, passed = sum(buckets.values()) / 2, 0
    for bucket in sorted(buckets):
        if passed + buckets[bucket] >= half:
            share = (half - passed) / buckets[bucket]
            if bucket == 0:
                return _FIRST_S * share
            return float(_FIRST_S * 2 ** ((bucket - 1 + share) / _PER_OCTAVE))
        passed += buckets[bucket]
    raise ValueError("no durations")


def counted(
    city: City,
    units: Units,
    before: Row | None,
    row: Row,
    at: datetime,
    held_s: float | None,
    returned: bool,
) -> Counter[TallyKey]:
    """Numbers that a step adds, in the day and month of the city's zone.

    Parameters
    ----------
    before, row : the case before and after; None for a new one.
    at : when (aware).
    held_s : time in the state before, where that ended.
    returned : whether the step sends the case back.
    """
    local = at.astimezone(city.zone)
    measures = _measures(before, row, returned)
    stay = None
    if before is not None and held_s is not None and before["state"] != row["state"]:
        stay = before["state"], bucket_of(held_s)
    day, month = f"{local:%Y-%m-%d}", f"{local:%Y-%m}"
    found: Counter[TallyKey] = Counter()
    for unit, dimension, value in _keys(units, row):
        for measure in measures:
            found[TallyKey(unit, dimension, "day", day, value, measure)] += 1
            found[TallyKey(unit, dimension, "month", month, value, measure)] += 1
        if stay is not None:
            found[TallyKey(unit, dimension, HELD, month, value, *stay)] += 1
    _move(found, units, before, -1)
    _move(found, units, row, 1)
    return found


def _measures(before: Row | None, row: Row, returned: bool) -> list[str]:
    was, state = None if before is None else before["state"], row["state"]
    found = ["opened"] if before is None else []
    if was == state:
        return [*found, *(["returned"] if returned else [])]
    if returned:
        found.append("returned")
    if was == "verified" and state == "filed":
        found.append("filed")
    if state in DONE and was not in DONE:
        due = row.get("due_at")
        found.append("in_time" if due is None or row["done_at"] <= due else "late")
    if was in ("closed", "rejected"):
        found.append("reopened")
    if state in ("closed", "rejected", "merged"):
        found.append(state)
    return found


def _keys(units: Units, row: Row) -> list[tuple[str, str, str]]:
    values = {"all": "", **{name: row.get(name) or "" for name in DIMENSIONS[1:]}}
    codes = units.counted(row.get("jurisdiction"))
    return [(code, name, value) for code in codes for name, value in values.items()]


def _move(found: Counter[TallyKey], units: Units, row: Row | None, number: int) -> None:
    if row is None:
        return
    for unit, dimension, value in _keys(units, row):
        found[TallyKey(unit, dimension, "now", "", value, row["state"])] += number
