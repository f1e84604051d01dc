"""Days and clock times of the city."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.calendar import (
    city_day,
    city_days,
    date_of,
    day_of,
    in_force,
    local_time,
    utc_offset,
)

ZONES = ["Asia/Shanghai", "America/Santiago", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]


@given(
    zone=st.sampled_from(ZONES),
    times=st.lists(st.integers(-(10**11), 4 * 10**12), min_size=1, max_size=20),
)
def test_days_are_those_of_the_city(zone: str, times: list[int]) -> None:
    days = city_days(np.array(times, np.int64), zone)
    for t, day in zip(times, days.tolist(), strict=True):
        local = datetime.fromtimestamp(t / 1000, UTC).astimezone(ZoneInfo(zone)).date()
        if abs(local.year - 1970) < 3:
            continue  # offsets with odd seconds and minutes ended long before any feed
        assert date_of(day) == local
        assert city_day(t, zone) == day


def test_the_seed_is_on_the_first_of_july() -> None:
    t = 1_593_546_140_000
    assert date_of(city_day(t, "Asia/Shanghai")) == date(2020, 7, 1)
    assert local_time(t, "Asia/Shanghai") == "2020-07-01 03:42:20"
    assert utc_offset(t, "Asia/Shanghai") == "UTC+08:00"


@pytest.mark.parametrize(
    ("start", "end", "held"),
    [
        (None, None, [True] * 3),
        (date(2020, 7, 1), None, [False, True, True]),
        (None, date(2020, 7, 1), [True, True, False]),
        (date(2020, 7, 1), date(2020, 7, 1), [False, True, False]),
    ],
)
def test_both_dates_belong(start: date | None, end: date | None, held: list[bool]) -> None:
    days = np.array([day_of(date(2020, 6, 30)) + k for k in range(3)], np.int64)
    assert in_force(days, start, end).tolist() == held
