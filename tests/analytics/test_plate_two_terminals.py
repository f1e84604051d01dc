"""Two terminals on one plate: in turns and far apart, or replaced for good."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from analytics.event import Event
from analytics.truck_references import Haulage
from layers.positions import Quality
from tests.analytics.columns import references, rule
from tests.analytics.truck_fixes import LAW, PLATE, START, Row, drive, found, gps, row, truck

HOUR = 3600
PARAMETERS: dict[str, Any] = {
    "within_s": 600, "apart_m": 2000, "max_mps": 45, "times": 3, "law": LAW,
}  # fmt: skip
KNOWN = references(haulage=Haulage(trucks={PLATE: (truck(terminal_id="T1"),)}))


def told(*rows: Row, **changes: Any) -> list[Event]:
    return found(rule("plate_two_terminals", PARAMETERS | changes, KNOWN), gps(*rows))


def both(metres: float, minutes: float = 30, **more: Any) -> list[Row]:
    """Two terminals that drive side by side, some way apart, reporting in turns."""
    other = {"terminal": "T2"} | more
    return [
        *drive(PLATE, 0, minutes * 60, every=60),
        *drive(PLATE, 30, minutes * 60, every=60, east=450, north=metres, **other),
    ]


@pytest.mark.parametrize(("metres", "events"), [(0, 0), (1900, 0), (2600, 1), (30_000, 1)])
def test_two_terminals_far_apart_are_told_once_a_day(metres: float, events: int) -> None:
    assert len(told(*both(metres))) == events


def test_what_it_says() -> None:
    (event,) = told(*both(5000))
    # The third row that contradicts the one before: at 30, 60 and 90 s.
    assert (event.start_ms, event.end_ms) == (START, START + 90_000)
    measures = {m.name: m for m in event.evidence.measures}
    assert (measures["contradictions"].value, measures["contradictions"].limit) == (3, 3)
    assert measures["least_distance"].value == pytest.approx(5000, rel=0.01)
    assert measures["least_implied_speed"].limit == 45
    assert len(event.evidence.points) == 4
    assert event.evidence.quality == {"terminals": ["T1", "T2"], "registered_terminal": "T1"}
    assert "T1 is registered" in event.sentence.en and "登记终端为T1" in event.sentence.zh
    assert [r["layer"] for r in event.evidence.references] == ["truck_registry", ""]


def test_a_terminal_that_is_replaced_is_one_change() -> None:
    old = drive(PLATE, 0, HOUR)
    here = drive(PLATE, HOUR + 60, 2 * HOUR, east=15 * HOUR, terminal="T2")
    assert told(*old, *here) == []
    # Even if the new one was set up in an office far away.
    there = drive(PLATE, HOUR + 60, 2 * HOUR, east=90_000, terminal="T2")
    assert told(*old, *there) == []


def test_two_terminals_in_one_cab_agree() -> None:
    assert told(*drive(PLATE, 0, HOUR), *drive(PLATE, 0, HOUR, terminal="T2")) == []


@pytest.mark.parametrize(("turns", "events"), [(2, 0), (3, 1)])
def test_times(turns: int, events: int) -> None:
    rows = [row(PLATE, 60 * k, 9000 * (k % 2), terminal=f"T{k % 2}") for k in range(turns + 1)]
    assert len(told(*rows)) == events


def test_a_way_that_can_be_driven_is_no_contradiction() -> None:
    # 9 km in five minutes, back and forth.
    rows = [row(PLATE, 300 * k, 9000 * (k % 2), terminal=f"T{k % 2}") for k in range(12)]
    assert told(*rows) == []
    assert len(told(*rows, max_mps=29.9)) == 1


def test_beyond_ten_minutes_nothing_is_said() -> None:
    rows = [row(PLATE, 601 * k, 90_000 * (k % 2), terminal=f"T{k % 2}") for k in range(12)]
    assert told(*rows) == []


def test_contradictions_of_different_weeks_do_not_add_up() -> None:
    weeks = [7 * 86_400 * k for k in range(5)]
    rows = [row(PLATE, w, 0, terminal="T0") for w in weeks]
    rows += [row(PLATE, w + 30, 9000, terminal="T1") for w in weeks]
    assert told(*rows) == []


def test_the_next_day_is_told_again_and_another_pair_by_itself() -> None:
    assert len(told(*both(5000, minutes=60 * 20))) == 2
    assert len(told(*both(5000), *both(9000, terminal="T3"))) >= 2


def test_a_wrong_clock_is_no_second_truck() -> None:
    off = int(Quality.CLOCK_OFF)
    assert told(*both(30_000, quality=off)) == []


def test_positions_that_the_stage_set_aside_count() -> None:
    assert len(told(*both(30_000, aside=1))) == 1


def test_garbage_is_harmless() -> None:
    assert told(row(PLATE, 0, 0)) == []
    assert told(*both(30_000, terminal="")) == []
    assert told(*both(np.nan)) == []
    same = [row(PLATE, 0, 9000 * k, terminal=f"T{k % 2}", pid=f"p{k}") for k in range(4)]
    (event,) = told(*same)
    assert event.start_ms == event.end_ms == START
