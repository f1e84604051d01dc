"""Hours of the day as declarations write them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from analytics.hours import parse_hours, within_hours

ZONE = "Asia/Shanghai"


def at(clock: str) -> int:
    hour, minute = (int(part) for part in clock.split(":"))
    moment = datetime(2020, 7, 1, hour, minute, tzinfo=ZoneInfo(ZONE))
    return int(moment.timestamp() * 1000)


def inside(text: str, clock: str) -> bool:
    return bool(within_hours(np.array([at(clock)]), parse_hours(text), ZONE)[0])


def test_a_span_holds_its_first_minute_and_not_its_last() -> None:
    assert [inside("07:00-20:00", c) for c in ("06:59", "07:00", "19:59", "20:00")] == [
        False, True, True, False,
    ]  # fmt: skip


def test_a_span_may_cross_midnight() -> None:
    assert parse_hours("20:00-06:00") == ((0, 360), (1200, 1440))
    assert inside("20:00-06:00", "00:30")
    assert not inside("20:00-06:00", "12:00")


def test_no_hours_hold_nothing() -> None:
    assert parse_hours(" ") == ()
    assert not inside("", "12:00")


@pytest.mark.parametrize("text", ["7-20", "07:00-25:00", "07:00", "24:30-06:00"])
def test_what_is_no_span_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        parse_hours(text)
