"""Fatigue: what is a rest, what counts as driving, and the row that passes the limit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from analytics.detect import END_OF_TIME_MS
from analytics.event import Event
from analytics.roads.network import NO_ROADS
from analytics.roads.parameters import MatchingParameters
from analytics.roads.stage import RoadMatching
from analytics.rule import Columns
from tests.analytics.columns import at, references, rule
from tests.analytics.truck_fixes import LAW, PLATE, START, Row, drive, found, gps, row, stand

HOUR, MINUTE = 3600, 60
PARAMETERS: dict[str, Any] = {"max_drive_s": 14_400, "min_rest_s": 1200, "law": LAW}


def told(*rows: Row, **changes: Any) -> list[Event]:
    return judged(gps(*rows), **changes)


def judged(columns: Columns, **changes: Any) -> list[Event]:
    return found(rule("fatigue", PARAMETERS | changes, references()), columns)


def halves(first_s: float, rest_s: float, second_s: float, every: float = 60) -> list[Row]:
    """Two drives with a stop between."""
    end = first_s + rest_s
    where = 15.0 * first_s
    return [
        *drive(PLATE, 0, first_s),
        *stand(PLATE, first_s + every, end - 1, every=every, east=where),
        *drive(PLATE, end, end + second_s, east=where + 450),
    ]


@pytest.mark.parametrize(
    ("hours", "events"), [(3.8, 0), (4.0, 0), (4.0 + 30 / HOUR, 1), (4.5, 1), (9, 1)]
)
def test_more_than_four_hours_is_told_once(hours: float, events: int) -> None:
    assert len(told(*drive(PLATE, 0, hours * HOUR))) == events


def test_it_is_fixed_at_the_row_that_passes_the_limit() -> None:
    (event,) = told(*drive(PLATE, 0, 6 * HOUR))
    assert (event.start_ms, event.end_ms) == (START, START + (4 * HOUR + 30) * 1000)
    measures = {m.name: m for m in event.evidence.measures}
    assert measures["time_driven"].value == 14_430 and measures["time_driven"].margin == 30
    assert measures["longest_rest"].limit == 1200
    assert event.evidence.points == ("001-T1-0", "001-T1-14430")
    assert event.evidence.quality["fixes_per_h"] == 120.0
    assert event.evidence.quality["worst_gap_s"] == 30.0
    assert "沪A10001" in event.sentence.en and "4 h 0 min 30 s" in event.sentence.en
    assert "2020-07-01 08:00:00" in event.sentence.zh and "疑似疲劳驾驶" in event.sentence.zh


@pytest.mark.parametrize(
    ("rest_s", "events"), [(15 * MINUTE, 1), (1199, 1), (1200, 0), (21 * MINUTE, 0)]
)
def test_twenty_minutes_are_a_rest_and_a_second_less_is_none(rest_s: float, events: int) -> None:
    assert len(told(*halves(3.9 * HOUR, rest_s, 1 * HOUR))) == events


def test_short_rests_are_no_driving() -> None:
    # 4.2 hours from end to end, 3.95 of them at the wheel.
    assert told(*halves(2 * HOUR, 15 * MINUTE, 1.95 * HOUR)) == []
    (event,) = told(*halves(2 * HOUR, 15 * MINUTE, 2.5 * HOUR))
    measures = {m.name: m.value for m in event.evidence.measures}
    assert measures["longest_rest"] == pytest.approx(900, abs=61)
    assert measures["time_since_rest"] - measures["time_driven"] == measures["longest_rest"]


def test_a_light_is_driving() -> None:
    rows: list[Row] = []
    for k in range(40):
        start, where = 400.0 * k, 4500.0 * k
        rows += drive(PLATE, start, start + 270, east=where)
        rows += stand(PLATE, start + 300, start + 370, every=35, east=where + 4050)
    (event,) = told(*rows)
    assert event.end_ms == pytest.approx(START + 4 * HOUR * 1000, abs=120_000)


@pytest.mark.parametrize(("silence_s", "events"), [(1170, 1), (1200, 0), (8 * HOUR, 0)])
def test_a_silence_as_long_as_a_rest_is_one(silence_s: float, events: int) -> None:
    second = 3 * HOUR + silence_s
    rows = drive(PLATE, 0, 3 * HOUR) + drive(PLATE, second, second + 1.5 * HOUR, east=15 * second)
    assert len(told(*rows)) == events


def test_a_parked_truck_that_reports_each_five_minutes_rests() -> None:
    assert told(*halves(3 * HOUR, 26 * MINUTE, 3 * HOUR, every=300)) == []
    assert len(told(*halves(3 * HOUR, 16 * MINUTE, 3 * HOUR, every=300))) == 1


def test_the_rest_ends_with_the_first_row_that_moves() -> None:
    # The last report from the place is 18 minutes after the first; the truck left later.
    where = 15.0 * 3.9 * HOUR
    rows = drive(PLATE, 0, 3.9 * HOUR) + stand(PLATE, 3.9 * HOUR + 540, 3.9 * HOUR + 1080,
                                               every=540, east=where)  # fmt: skip
    assert told(*rows, *drive(PLATE, 3.9 * HOUR + 1201, 5 * HOUR, east=where + 400)) == []


def test_after_a_rest_a_second_drive_is_another_event() -> None:
    events = told(*halves(4.2 * HOUR, 30 * MINUTE, 4.2 * HOUR))
    assert len({event.id for event in events}) == 2


def test_midnight_and_a_night_in_the_yard() -> None:
    evening = (at("2020-07-01T22:00:00+08:00") - START) / 1000
    (event,) = told(*drive(PLATE, evening, evening + 4.1 * HOUR))
    assert event.end_ms > at("2020-07-02T02:00:00+08:00")
    day = [*drive(PLATE, 0, 3 * HOUR), *stand(PLATE, 3 * HOUR + 60, 15 * HOUR, every=300,
           east=15 * 3 * HOUR), *drive(PLATE, 15 * HOUR + 30, 18 * HOUR)]  # fmt: skip
    assert told(*day) == []


def test_a_drive_begins_with_the_truck_not_with_its_terminal() -> None:
    parked = stand(PLATE, -900, -60, every=120)
    (event,) = told(*parked, *drive(PLATE, 0, 5 * HOUR))
    # The last report from the place it left is where it began.
    assert (event.start_ms, event.end_ms) == (START - 60_000, START + 14_370_000)
    assert event.evidence.measures[1].value == 0


def test_garbage_is_harmless() -> None:
    unknown = told(*drive(PLATE, 0, 5 * HOUR, sog_mps=np.nan))
    assert len(unknown) == 1
    assert told(row(PLATE, 0, 0)) == []
    twice = [r | {"pid": r["pid"] + "b"} for r in drive(PLATE, 0, 5 * HOUR)]
    assert len(told(*twice, *drive(PLATE, 0, 5 * HOUR))) == 1
    wild = [row(PLATE, s + 15, 900_000, aside=1, sog_mps=20.0) for s in range(0, 5 * HOUR, 600)]
    plain = told(*drive(PLATE, 0, 5 * HOUR))
    assert [e.end_ms for e in told(*drive(PLATE, 0, 5 * HOUR), *wild)] == [e.end_ms for e in plain]
    nowhere = [row(PLATE, s, np.nan, np.nan) for s in range(0, 5 * HOUR, 60)]
    assert told(*nowhere) == []


def test_a_speed_in_place_is_driving_only_where_it_moves() -> None:
    # A terminal that goes on telling the last speed while it stands still for hours.
    assert told(*stand(PLATE, 0, 5 * HOUR, sog_mps=15.0)) == []


def test_pauses_must_be_shorter_than_rests() -> None:
    with pytest.raises(ValidationError, match="pause_s must be shorter"):
        rule("fatigue", PARAMETERS | {"pause_s": 1200}, references())


def test_a_rest_begun_short_of_where_a_fix_was_on_the_move_is_a_rest() -> None:
    """Noise takes a parked truck out of reach of its last fix on the move, 45 m before."""
    first, noise = 3.9 * HOUR, np.random.default_rng(5).normal(0, 4, 22)
    stop = 15 * first + 45
    parked = [
        row(PLATE, first + 30 + MINUTE * k, stop + float(east), sog_mps=0.0)
        for k, east in enumerate(noise)
    ]
    left = first + 30 + MINUTE * len(noise)
    going = drive(PLATE, left, left + 3 * HOUR, east=stop)
    columns = gps(*drive(PLATE, 0, first), *parked, *going)
    stage = RoadMatching(NO_ROADS, MatchingParameters())
    state = stage.start()
    rows = [stage.update(state, columns), stage.flush(state, END_OF_TIME_MS)]
    assert [event for part in rows for event in judged(part)] == []
