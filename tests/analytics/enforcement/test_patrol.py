"""Shifts by the city's clock, chosen on what was, held against what the choice has not seen."""

from __future__ import annotations

from datetime import date
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from analytics.enforcement.alerts import Alerts, alerts_of
from analytics.enforcement.coverage import GREEDY
from analytics.enforcement.parameters import PatrolParameters
from analytics.enforcement.patrol import Proposal, propose
from layers.h3cover import cover
from tests.analytics.enforcement.made import FAR, HERE, THERE, ZONE, alert, frame

PARAMETERS = PatrolParameters(
    resolution=8, places=2, teams=1, shift_h=4, fit_share=0.5, longest_h=6
)


def proposed(*rows: dict[str, Any], zone: str = ZONE, **changes: Any) -> Proposal:
    parameters = PARAMETERS.model_copy(update=changes)
    return propose(alerts_of(frame(*rows), parameters.resolution), parameters, zone)


def cell(at: tuple[float, float]) -> int:
    return int(cover(np.array([shapely.Point(at)], object), 8)[0][0])


def weekly(key: str, day: int, hour: float, at: tuple[float, float], weeks: int = 4) -> list[Any]:
    """The same hour of each week."""
    return [alert(f"{key}{w}", day=day + 7 * w, hour=hour, at=at) for w in range(weeks)]


def test_a_habit_is_found_and_holds() -> None:
    rows = [*weekly("m", 0, 5, HERE), *weekly("t", 3, 22, THERE), alert("x", day=10, at=FAR)]
    found = proposed(*rows)
    assert [(s.weekday, s.from_h, s.to_h, s.cell) for s in found.shifts] == [
        (1, 4, 8, cell(HERE)),
        (4, 20, 24, cell(THERE)),
    ]
    assert found.shifts[0].fit == ("m0", "m1") and found.shifts[0].held == ("m2", "m3")
    assert found.held_from == date(2020, 6, 13)
    assert (found.fit.alerts, found.fit.caught) == (5, 4)
    assert (found.held.alerts, found.held.caught, found.held.share) == (4, 4, 1.0)
    # Three cells and 42 windows; each held alert is in one pair of 126, of which two are drawn.
    assert found.held_by_chance.caught == pytest.approx(4 * 2 / 126)
    # The last week had one alert of each; the chance one comes earlier in the week than the other.
    assert found.held_by_hottest.caught == 2


def test_windows_are_of_the_citys_clock_not_utc() -> None:
    """Monday 02:00 in Shanghai is still Sunday in UTC."""
    rows = weekly("n", 0, 2, HERE)
    (shift,) = proposed(*rows, places=1).shifts
    assert (shift.weekday, shift.from_h) == (1, 0)
    (shift,) = proposed(*rows, places=1, zone="UTC").shifts
    assert (shift.weekday, shift.from_h) == (7, 16)


def test_days_are_held_out_from_the_citys_midnight() -> None:
    rows = [alert("a", day=0, hour=12), alert("b", day=1, hour=0.5)]
    found = proposed(*rows)
    assert found.held_from == date(2020, 6, 2)
    assert (found.fit.alerts, found.held.alerts) == (1, 1), "in UTC both are of one day"


def test_two_thin_windows_beat_a_hot_cell_that_others_catch() -> None:
    """The hottest two catch the same alerts; covering chooses another for the second."""
    line = shapely.LineString([HERE, (121.506, 31.20)])
    rows = [alert(f"l{k}", day=0, hour=5 + k / 10, at=line) for k in range(5)]
    rows += [alert("o", day=0, hour=5, at=FAR), alert("later", day=9)]
    found = proposed(*rows, teams=2)
    assert found.fit.caught == 6 and {len(s.fit) for s in found.shifts} == {5, 1}


def test_teams_limit_the_shifts_of_a_window() -> None:
    rows = [alert(f"a{k}", hour=5, at=at) for k, at in enumerate((HERE, HERE, THERE, FAR))]
    rows.append(alert("later", day=9))
    one, two, three = (proposed(*rows, places=3, teams=teams) for teams in (1, 2, 3))
    assert [len(p.shifts) for p in (one, two, three)] == [1, 2, 3]
    assert (one.guarantee, three.guarantee) == (0.5, GREEDY)


def test_an_event_is_caught_wherever_it_passes_while_it_lasts() -> None:
    line = shapely.LineString([HERE, THERE])
    rows = [alert("a", hour=7, lasts_h=2, at=line), alert("later", day=9)]
    found = proposed(*rows, places=50, teams=50)
    assert len(found.shifts) == 1, "one shift catches it; more would gain nothing"
    for at in (HERE, THERE):
        for hour in (7, 9):
            own = [alert("o", hour=hour, at=at), *rows]
            assert len(proposed(*own, places=9, teams=9).shifts) == 1


def test_of_a_long_event_only_the_beginning_counts() -> None:
    rows = [alert("a", hour=1, lasts_h=30), alert("b", hour=12), alert("later", day=9)]
    shifts = proposed(*rows, longest_h=6, places=5, teams=5).shifts
    assert sorted((s.from_h, s.fit) for s in shifts) == [(0, ("a",)), (12, ("b",))]
    (shift,) = proposed(*rows, longest_h=48, places=5, teams=5).shifts
    assert shift.from_h == 12 and shift.fit == ("a", "b")


def test_no_alerts_and_one() -> None:
    none = proposed()
    assert none.shifts == () and none.held_from is None
    assert (none.fit.share, none.held.share, none.held_by_chance.share) == (None, None, None)
    one = proposed(alert("a"))
    assert [s.fit for s in one.shifts] == [("a",)]
    assert one.held.alerts == 0 and one.held.share is None


def test_an_alert_without_a_place_is_caught_by_nobody() -> None:
    found = proposed(alert("a", at=shapely.Point()), alert("b", day=1), alert("c", day=9))
    assert found.fit.alerts == 2 and found.fit.caught == 1


_ROWS = st.lists(
    st.tuples(st.integers(0, 27), st.integers(0, 23), st.sampled_from([HERE, THERE, FAR])),
    max_size=14,
)


def _made(rows: list[tuple[int, int, tuple[float, float]]]) -> list[dict[str, Any]]:
    return [alert(f"a{k}", day=d, hour=h, at=at) for k, (d, h, at) in enumerate(rows)]


@given(_ROWS, _ROWS)
def test_nothing_of_what_is_held_out_leaks_into_the_choice(rows: Any, others: Any) -> None:
    """Whatever comes later, the same shifts are chosen, as long as the split stays where it is."""
    first = [row for row in rows if row[0] < 14]
    ends = [(0, 0, HERE), (27, 23, FAR)]
    one = proposed(*_made([*ends, *first]))
    other = proposed(*_made([*ends, *first, *(row for row in others if row[0] >= 14)]))
    chosen = [[(s.weekday, s.from_h, s.cell, s.fit) for s in p.shifts] for p in (one, other)]
    assert chosen[0] == chosen[1]
    assert one.fit == other.fit and one.held_from == other.held_from == date(2020, 6, 15)


@given(_ROWS, st.integers(1, 3), st.integers(1, 2))
def test_the_choice_is_within_its_guarantee_of_the_best(rows: Any, places: int, teams: int) -> None:
    made = _made([*rows, (27, 23, FAR)])
    found = proposed(*made, places=places, teams=teams, fit_share=0.99)
    first = [row for row in made if found.held_from and _day(row) < found.held_from]
    optimum = _best(alerts_of(frame(*first), 8), places, teams) if first else 0
    assert found.guarantee * optimum <= found.fit.caught <= optimum <= found.fit_at_most


def _day(row: dict[str, Any]) -> date:
    day: date = row["start_time"].date()
    return day


def _best(alerts: Alerts, places: int, teams: int) -> int:
    sets: dict[tuple[int, int], set[int]] = {}
    for k in range(len(alerts)):
        local = alerts.start_ms[k] // 3_600_000 + 8 + 72
        sets.setdefault((int(local % 168) // 4, int(alerts.cells[k][0])), set()).add(k)
    best = 0
    for size in range(min(places, len(sets)) + 1):
        for keys in combinations(sets, size):
            windows = [window for window, _ in keys]
            if all(windows.count(window) <= teams for window in windows):
                best = max(best, len(set().union(*(sets[key] for key in keys))))
    return best


def test_a_habit_beats_chance_where_alerts_are_many() -> None:
    random = np.random.default_rng(5)
    rows = [row for d in (1, 4) for row in weekly(f"h{d}", d, 6, HERE, weeks=10)]
    for k in range(60):
        at = (121.4 + 0.3 * random.random(), 31.1 + 0.2 * random.random())
        day, hour = int(random.integers(0, 70)), int(random.integers(0, 24))
        rows.append(alert(f"r{k}", day=day, hour=hour, at=at))
    found = proposed(*rows, places=3, fit_share=0.7)
    assert found.held.share is not None and found.held_by_chance.share is not None
    assert found.held.share > 5 * found.held_by_chance.share
