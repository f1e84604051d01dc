"""Numbers of a subtree: counted right, never beyond it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.case_tallies import bucket_of, median_s
from cases.refusals import IncompleteError, NotAllowedError
from cases.statistics import Figures, periods, statistics
from layers.access import Audience
from tests.cases.conftest import AT, LIGHTHOUSE, OLD_HARBOUR, SEA, Desk, person

HOUR, DAY = timedelta(hours=1), date(2021, 3, 5)


def asked(desk: Desk, audience: Audience, by: str = "all", **more: object) -> list[Figures]:
    given = {"by": by, "first": DAY, "last": DAY, "at": AT} | more
    return statistics(desk.store, desk.city, audience, **given)  # type: ignore[arg-type]


def test_what_happened_is_counted(desk: Desk) -> None:
    late, quick, sea = desk.report("1"), desk.report("2"), desk.report("3", SEA)
    desk.bring(quick, "closed")
    desk.bring(late, "handling")
    desk.act(desk.ana, late, "return", why="no", at=AT + HOUR)
    for actor, action, more in (
        (desk.desk, "dispatch", {"details": {"department": "council"}}),
        (desk.ana, "take", {}),
        (desk.ana, "start", {}),
        (desk.ana, "done", {"why": "w", "photos": ["p"], "where": OLD_HARBOUR}),
    ):
        desk.act(actor, late, action, at=AT + 9 * HOUR, **more)
    desk.act(desk.chief, sea, "reject_false", why="a wave")
    (city,) = asked(desk, desk.chief.audience)
    assert (city.opened, city.filed, city.closed, city.rejected) == (3, 2, 1, 1)
    assert (city.in_time, city.late, city.returned) == (1, 1, 1)
    assert city.share_in_time == 0.5
    assert city.now == {"closed": 1, "handled": 1, "rejected": 1}
    (town,) = asked(desk, desk.desk.audience)
    assert (town.unit, town.opened, town.rejected) == ("PS-OH", 2, 0)
    assert 0 < town.median_hours["filed"] < 60 / 3600


def test_medians_are_of_the_time_in_each_state(desk: Desk) -> None:
    for number, wait in enumerate((1, 2, 30)):
        case = desk.report(str(number))
        desk.act(desk.desk, case, "confirm", at=AT + wait * HOUR)
    (found,) = asked(desk, desk.desk.audience, last=DAY + timedelta(days=2))
    assert found.median_hours["found"] == pytest.approx(2, rel=0.19)
    (town,) = asked(desk, desk.chief.audience, "unit", last=DAY + timedelta(days=2), medians=True)
    assert town.median_hours["found"] == found.median_hours["found"]
    assert not asked(desk, desk.chief.audience, "unit")[0].median_hours


def test_by_source_kind_department_level_and_unit(desk: Desk) -> None:
    desk.report("1")
    desk.report("2", origin="active", kind="ROAD-1")
    desk.report("3", LIGHTHOUSE)
    told = desk.chief.audience
    assert {one.value: one.opened for one in asked(desk, told, "origin")} == {
        "public": 2, "active": 1,
    }  # fmt: skip
    assert {one.value: one.opened for one in asked(desk, told, "event_type")} == {
        "STREET-1": 2, "ROAD-1": 1,
    }  # fmt: skip
    assert {one.value: one.opened for one in asked(desk, told, "level")} == {"town": 3}
    assert {one.unit: one.opened for one in asked(desk, told, "unit")} == {"PS": 3}
    inside = asked(desk, told, "unit", unit="PS")
    assert {one.unit: one.opened for one in inside} == {"PS-OH": 2, "PS-LP": 1}
    total = sum(one.opened for one in asked(desk, told, "department"))
    assert total == 3


def test_never_beyond_the_subtree(desk: Desk) -> None:
    desk.report("1")
    desk.report("2", LIGHTHOUSE)
    mine = desk.desk.audience
    for by in ("all", "unit", "department", "event_type", "origin", "level"):
        assert all(one.unit.startswith("PS-OH") for one in asked(desk, mine, by))
    for unit in ("PS", "PS-LP", "XX", "*"):
        with pytest.raises(NotAllowedError, match="not within yours"):
            asked(desk, mine, unit=unit)
    two = person(desk.city, "two", "duty_desk", "PS-OH", "PS-LP").audience
    assert {one.unit: one.opened for one in asked(desk, two)} == {"PS-OH": 1, "PS-LP": 1}


def test_readers_of_a_department_are_told_of_it_alone(desk: Desk) -> None:
    for key, department in (("1", "council"), ("2", "police")):
        case = desk.report(key)
        desk.act(desk.desk, case, "confirm")
        desk.act(desk.desk, case, "file")
        desk.act(desk.desk, case, "dispatch", details={"department": department})
    mine = desk.ana.audience
    with pytest.raises(NotAllowedError, match="by department"):
        asked(desk, mine)
    (own,) = asked(desk, mine, "department")
    assert own.value == "council" and own.now == {"dispatched": 1}
    (same,) = asked(desk, mine, "department", value="council")
    assert same.now == own.now and same.median_hours and not own.median_hours
    assert asked(desk, mine, "department", value="police") == []


def test_overdue_is_what_waits_too_long(desk: Desk) -> None:
    desk.report("1")
    closed = desk.report("2")
    desk.bring(closed, "closed")
    assert asked(desk, desk.desk.audience, at=AT + HOUR / 4)[0].overdue == 0
    later = AT + 2 * HOUR
    assert asked(desk, desk.desk.audience, at=later)[0].overdue == 1
    by_kind = asked(desk, desk.desk.audience, "event_type", at=later)
    assert [(one.value, one.overdue) for one in by_kind] == [("STREET-1", 1)]
    assert asked(desk, desk.chief.audience, "unit", unit="PS", at=later)[0].overdue == 1


def test_days_are_those_of_the_city(desk: Desk) -> None:
    # Two in the morning UTC is the evening before in the city.
    desk.report("1", at=datetime(2021, 4, 1, 2, tzinfo=UTC))
    day = date(2021, 3, 31)
    assert asked(desk, desk.desk.audience, first=day, last=day)[0].opened == 1
    after = asked(desk, desk.desk.audience, first=date(2021, 4, 1), last=date(2021, 4, 1))
    assert after[0].opened == 0
    month = asked(desk, desk.desk.audience, first=date(2021, 3, 1), last=day)
    assert month[0].opened == 1
    with pytest.raises(IncompleteError):
        asked(desk, desk.desk.audience, first=day, last=DAY)


@given(st.dates(date(2019, 1, 1), date(2022, 1, 1)), st.integers(0, 800))
def test_a_span_is_its_months_and_days(first: date, length: int) -> None:
    last = first + timedelta(days=length)
    parts = periods(first, last, date(2030, 1, 1))
    days = [first + timedelta(days=n) for n in range(length + 1)]
    assert all(text[:7] not in parts["month"] for text in parts["day"])
    covered = {f"{day:%Y-%m-%d}" for day in days if f"{day:%Y-%m}" in parts["month"]}
    assert covered | set(parts["day"]) == {f"{day:%Y-%m-%d}" for day in days}
    assert len(parts["day"]) <= 60


def test_the_running_month_is_whole() -> None:
    today = date(2021, 3, 5)
    assert periods(date(2021, 2, 1), today, today) == {"day": [], "month": ["2021-02", "2021-03"]}
    assert periods(today, today, today)["day"][0] == "2021-03-05"
    yesterday = today - timedelta(days=1)
    assert len(periods(date(2021, 3, 1), yesterday, today)["day"]) == 4


@given(st.lists(st.floats(61, 1e8), min_size=1, max_size=60))
def test_a_median_is_in_the_right_bucket(durations: list[float]) -> None:
    told = median_s(Counter(map(bucket_of, durations)))
    assert told == pytest.approx(sorted(durations)[(len(durations) - 1) // 2], rel=0.19)


def test_medians_of_many_are_close() -> None:
    durations = np.random.default_rng(3).lognormal(9, 1.2, 5000)
    told = median_s(Counter(bucket_of(one) for one in durations.tolist()))
    assert told == pytest.approx(float(np.median(durations)), rel=0.02)
