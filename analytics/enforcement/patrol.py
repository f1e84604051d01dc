"""Where and when teams would have met most offenders, and whether they still would have.

A place is an H3 cell, a window a part of the week by the city's clock; a shift is one team in one
place for one window, every week. A shift catches an alert whose event passes the cell during the
window. Shifts are chosen on the first part of the history and shown against the later part, which
the choice has not seen, beside what shifts at random and last week's hottest ones catch there.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from analytics.calendar import city_days, city_hours, date_of
from analytics.enforcement.alerts import Alerts
from analytics.enforcement.coverage import Cover, expected_by_chance, greedy
from analytics.enforcement.parameters import PatrolParameters

_HOUR_MS = 3_600_000
_WEEK_H, _WEEK_DAYS = 168, 7
# 1970-01-01 was a Thursday.
_THURSDAY = 3
# Window of the week, counted from Monday midnight, and cell.
Shift = tuple[int, int]


@dataclass(frozen=True)
class Proposed:
    """One shift of a proposal.

    Attributes
    ----------
    weekday : 1 for Monday.
    from_h, to_h : of the day, by the city's clock.
    cell : H3.
    fit, held : ids of the alerts of the first and the later part that it catches and no shift
        before it does.
    fit_alone, held_alone : how many it catches in all.
    """

    weekday: int
    from_h: int
    to_h: int
    cell: int
    fit: tuple[str, ...]
    held: tuple[str, ...]
    fit_alone: int
    held_alone: int


@dataclass(frozen=True)
class Shares:
    """What a number of shifts catches, of alerts in all; shares are None where there are none.

    Attributes
    ----------
    alerts, caught : numbers.
    """

    alerts: int
    caught: float

    @property
    def share(self) -> float | None:
        """Caught of all."""
        return None if not self.alerts else self.caught / self.alerts


@dataclass(frozen=True)
class Proposal:
    """Shifts a week, and what they would have caught.

    Attributes
    ----------
    shifts : best first.
    held_from : first day of the city that is held out; None where there are no alerts.
    fit, held : what the shifts catch of the first and of the later part.
    held_by_chance : what as many shifts at random catch of the later part on average: cells with an
        alert in the first part, any window, teams not counted.
    held_by_hottest : what the shifts with most alerts in the last week before catch of it.
    fit_at_most : no choice of as many shifts catches more of the first part.
    guarantee : share of the best choice's that is caught for sure (see `coverage`).
    """

    shifts: tuple[Proposed, ...]
    held_from: date | None
    fit: Shares
    held: Shares
    held_by_chance: Shares
    held_by_hottest: Shares
    fit_at_most: int
    guarantee: float


def propose(alerts: Alerts, parameters: PatrolParameters, zone: str) -> Proposal:
    """Choose shifts, and hold them against what came later.

    Parameters
    ----------
    alerts : with cells of the parameters' resolution.
    zone : IANA time zone of the city.
    """
    days = city_days(alerts.start_ms, zone)
    split = _split(days, parameters.fit_share)
    first = np.flatnonzero(days < split) if split is not None else np.empty(0, np.int64)
    later = np.flatnonzero(days >= split) if split is not None else np.empty(0, np.int64)
    passes = _Passes(alerts, parameters, zone)
    sets = passes.sets(first)
    cover = _chosen(sets, parameters)
    held_sets = passes.sets(later)
    hottest = _hottest(passes.sets(first[days[first] >= (split or 0) - _WEEK_DAYS]), parameters)
    cells = {cell for _, cell in sets}
    windows = _WEEK_H // parameters.shift_h
    holders = [sum(cell in cells for _, cell in passes.of(k)) for k in later.tolist()]
    chance = expected_by_chance(holders, len(cells) * windows, parameters.places)
    caught = _caught(held_sets, cover.chosen)
    return Proposal(
        shifts=_proposed(alerts, cover, sets, held_sets, parameters.shift_h),
        held_from=None if split is None else date_of(split),
        fit=Shares(len(first), len(cover.covered)),
        held=Shares(len(later), len(caught)),
        held_by_chance=Shares(len(later), chance if cells else 0.0),
        held_by_hottest=Shares(len(later), len(_caught(held_sets, hottest))),
        fit_at_most=cover.at_most,
        guarantee=cover.guarantee,
    )


def _split(days: npt.NDArray[np.int64], fit_share: float) -> int | None:
    """First day that is held out: the first part always has one day at least."""
    if not len(days):
        return None
    first, last = int(days.min()), int(days.max())
    return max(first + 1, first + round((last - first + 1) * fit_share))


class _Passes:
    """Which shifts catch which alerts."""

    def __init__(self, alerts: Alerts, parameters: PatrolParameters, zone: str) -> None:
        self._cells, self._shift_h = alerts.cells, parameters.shift_h
        long = alerts.end_ms - alerts.start_ms > parameters.longest_h * _HOUR_MS
        end = np.where(long, alerts.start_ms, alerts.end_ms)
        self._first = city_hours(alerts.start_ms, zone) + _THURSDAY * 24
        # Where a clock is set back, an end may be shown before its start.
        self._last = np.maximum(self._first, city_hours(end, zone) + _THURSDAY * 24)

    def of(self, k: int) -> list[Shift]:
        """Shifts that catch an alert."""
        low, high = int(self._first[k]) // self._shift_h, int(self._last[k]) // self._shift_h
        windows = dict.fromkeys(w % (_WEEK_H // self._shift_h) for w in range(low, high + 1))
        return [(window, cell) for window in windows for cell in self._cells[k].tolist()]

    def sets(self, members: npt.NDArray[np.int64]) -> dict[Shift, frozenset[int]]:
        """Alerts of a part that each shift catches, in the order of window and cell."""
        found: dict[Shift, set[int]] = defaultdict(set)
        for k in members.tolist():
            for shift in self.of(k):
                found[shift].add(k)
        return {shift: frozenset(found[shift]) for shift in sorted(found)}


def _chosen(sets: Mapping[Shift, frozenset[int]], parameters: PatrolParameters) -> Cover[Shift]:
    windows = {shift: shift[0] for shift in sets}
    return greedy(sets, parameters.places, groups=windows, most_in_group=parameters.teams)


def _hottest(sets: Mapping[Shift, frozenset[int]], parameters: PatrolParameters) -> list[Shift]:
    """Shifts with most alerts, whether or not others catch the same ones."""
    chosen: list[Shift] = []
    taken: Counter[int] = Counter()
    for shift in sorted(sets, key=lambda one: (-len(sets[one]), one)):
        if len(chosen) < parameters.places and taken[shift[0]] < parameters.teams:
            chosen.append(shift)
            taken[shift[0]] += 1
    return chosen


def _caught(sets: Mapping[Shift, frozenset[int]], shifts: Iterable[Shift]) -> frozenset[int]:
    return frozenset().union(*(sets.get(shift, frozenset()) for shift in shifts))


def _proposed(
    alerts: Alerts,
    cover: Cover[Shift],
    fit: Mapping[Shift, frozenset[int]],
    held: Mapping[Shift, frozenset[int]],
    shift_h: int,
) -> tuple[Proposed, ...]:
    rows, before = [], frozenset[int]()
    for shift, gain in zip(cover.chosen, cover.gains, strict=True):
        window, cell = shift
        later = held.get(shift, frozenset())
        from_h = window * shift_h
        rows.append(
            Proposed(
                weekday=from_h // 24 + 1,
                from_h=from_h % 24,
                to_h=from_h % 24 + shift_h,
                cell=cell,
                fit=tuple(alerts.ids[k] for k in sorted(gain)),
                held=tuple(alerts.ids[k] for k in sorted(later - before)),
                fit_alone=len(fit[shift]),
                held_alone=len(later),
            )
        )
        before |= later
    return tuple(rows)
