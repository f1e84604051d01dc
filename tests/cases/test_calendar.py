"""Working time against an oracle that counts minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.calendar import ALWAYS, Calendar, CalendarError, WorkingTime
from cases.process import process_of
from layers.city import City

MIN = timedelta(minutes=1)
DECLARED = WorkingTime(
    hours=(("08:30", "11:30"), ("13:00", "17:30")),
    weekdays=("monday", "tuesday", "wednesday", "thursday", "friday"),
    holidays=(date(2026, 10, 1), date(2026, 10, 2)),
    workdays=(date(2026, 10, 10),),
    source="t",
)
# One zone without and one with summer time; the second changes its clocks within these days.
ZONES = ("Asia/Shanghai", "Europe/Paris")
NIGHT = WorkingTime(
    hours=(("00:00", "06:00"), ("22:00", "24:00")), weekdays=("saturday", "sunday"), source="t"
)
_FIRST = datetime(2026, 10, 1, tzinfo=UTC)
moments = st.integers(0, 40 * 24 * 60).map(lambda minutes: _FIRST + minutes * MIN)
calendars = st.tuples(st.sampled_from((DECLARED, NIGHT)), st.sampled_from(ZONES))


def works(declared: WorkingTime, zone: str, moment: datetime) -> bool:
    """Whether the minute that begins then is one of work."""
    local = moment.astimezone(ZoneInfo(zone))
    names = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    day = names[local.weekday()] in declared.weekdays
    if local.date() in declared.holidays:
        day = False
    if local.date() in declared.workdays:
        day = True
    return day and any(a <= f"{local:%H:%M}" < b for a, b in declared.hours)


@settings(max_examples=30)
@given(calendars, moments, st.integers(1, 9 * 60))
def test_due_is_when_the_minutes_have_passed(
    made: tuple[WorkingTime, str], start: datetime, minutes: int
) -> None:
    declared, zone = made
    due = Calendar.of(declared, zone).add(start, minutes / 60)
    left, now = minutes, start
    while left:
        left -= works(declared, zone, now)
        now += MIN
    assert abs(due - now) < timedelta(milliseconds=1)


@settings(max_examples=30)
@given(calendars, moments, moments)
def test_work_between_two_moments(
    made: tuple[WorkingTime, str], start: datetime, end: datetime
) -> None:
    declared, zone = made
    end = min(end, start + timedelta(days=4))
    counted, now = 0, start
    while now < end:
        counted += works(declared, zone, now)
        now += MIN
    assert Calendar.of(declared, zone).between(start, end) == counted * MIN


@given(calendars, moments, st.floats(0, 100))
def test_between_is_the_inverse_of_add(
    made: tuple[WorkingTime, str], start: datetime, hours: float
) -> None:
    calendar = Calendar.of(*made)
    passed = calendar.between(start, calendar.add(start, hours))
    assert abs(passed - timedelta(hours=hours)) < timedelta(milliseconds=1)


@given(calendars, moments, st.floats(0, 60), st.floats(0, 60))
def test_adding_twice_is_adding_the_sum(
    made: tuple[WorkingTime, str], start: datetime, a: float, b: float
) -> None:
    calendar = Calendar.of(*made)
    twice = calendar.add(calendar.add(start, a), b)
    assert abs(calendar.between(twice, calendar.add(start, a + b))) < timedelta(milliseconds=1)
    assert calendar.add(start, a) <= calendar.add(start, a + b)


def test_all_hours_count_where_none_are_declared() -> None:
    assert ALWAYS.add(_FIRST, 30) == _FIRST + timedelta(hours=30)
    assert ALWAYS.between(_FIRST, _FIRST + timedelta(days=2)) == timedelta(days=2)
    assert ALWAYS.between(_FIRST, _FIRST - MIN) == timedelta(0)


def test_a_holiday_is_passed_over_and_made_up_for() -> None:
    calendar = Calendar.of(DECLARED, "Asia/Shanghai")
    # Wednesday 30 September, 17:00 by local clocks, and one hour: the half hour on Monday the 5th.
    due = calendar.add(datetime(2026, 9, 30, 9, tzinfo=UTC), 1)
    assert due == datetime(2026, 10, 5, 1, tzinfo=UTC)
    friday = datetime(2026, 10, 9, 9, 30, tzinfo=UTC)
    assert calendar.add(friday, 0.5) == datetime(2026, 10, 10, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "wrong",
    [
        {"hours": (("09:00", "08:00"),)},
        {"hours": (("09:00", "12:00"), ("11:00", "13:00"))},
        {"hours": (("9", "12:00"),)},
        {"hours": ()},
        {"weekdays": ("someday",)},
        {"weekdays": ()},
        {"holidays": (date(2026, 10, 10),)},
    ],
)
def test_working_time_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        WorkingTime.model_validate(DECLARED.model_dump() | wrong)


def test_what_can_not_be_counted_is_refused() -> None:
    calendar = Calendar.of(DECLARED, "Asia/Shanghai")
    for hours in (-1, float("nan"), float("inf")):
        with pytest.raises(CalendarError, match="hours"):
            calendar.add(_FIRST, hours)
    with pytest.raises(CalendarError, match="zone"):
        calendar.add(datetime(2026, 1, 1), 1)
    with pytest.raises(CalendarError, match="ten years"):
        calendar.add(_FIRST, 1e6)


def test_some_events_have_all_hours(pudong_folder: Path) -> None:
    city = City(pudong_folder)
    process = process_of(city)
    assert process.calendar(city, "0403") is ALWAYS
    assert process.calendar(city, "0504") is not ALWAYS
