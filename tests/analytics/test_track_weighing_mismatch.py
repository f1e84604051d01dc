"""Weighings that a truck's own track contradicts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from analytics.event import Event
from layers.positions import Quality
from tests.analytics.columns import references, rule, stations
from tests.analytics.truck_fixes import LAW, PLATE, START, Row, drive, found, gps, row, weighed

PARAMETERS: dict[str, Any] = {"max_gap_s": 600, "apart_m": 3000, "max_mps": 45, "law": LAW}
KNOWN = references(stations=stations(W1=0.05))


def told(*rows: Row, **changes: Any) -> list[Event]:
    return found(rule("track_weighing_mismatch", PARAMETERS | changes, KNOWN), gps(*rows))


def passes(north: float, at_s: float = 600.0, **more: Any) -> list[Row]:
    """A truck that drives by a station, some way north of it, and is weighed there."""
    return [*drive(PLATE, 0, 1200, east=-9000, north=north, **more), weighed(PLATE, at_s, "R1")]


@pytest.mark.parametrize(("north", "events"), [(0, 0), (2900, 0), (3001, 1), (20_000, 1)])
def test_more_than_three_kilometres_from_the_station(north: float, events: int) -> None:
    # A fix at that moment, and the next one 30 s later and 450 m on.
    assert len(told(*passes(north), max_mps=1e-6)) == events


def test_what_it_says() -> None:
    (event,) = told(*passes(20_000, 615))
    assert (event.start_ms, event.end_ms, event.apart) == (START + 615_000, START + 630_000, "R1")
    before, after, far, _ = event.evidence.measures
    assert far.value == pytest.approx(20_000, rel=0.01)
    assert before.value == pytest.approx(far.value - 45 * 15, abs=0.1) and before.limit == 3000
    assert after.margin == pytest.approx(after.value - 3000)
    assert event.evidence.points == ("001-T1-600", "R1", "001-T1-630")
    assert [r["id"] for r in event.evidence.references] == ["W1", "the law, art. 62"]
    assert event.evidence.quality == {
        "gap_before_s": 15.0, "gap_after_s": 15.0, "gross_kg": 20_000.0,
    }  # fmt: skip
    assert "20,000 kg" in event.sentence.en and "检测点W1" in event.sentence.zh


def test_passing_the_station_at_that_moment_is_right() -> None:
    assert told(*passes(0)) == [] and told(*passes(40, 613)) == []


def test_who_can_have_driven_there_and_back_is_not_told() -> None:
    # 10 km away four minutes before and four minutes after.
    rows = [row(PLATE, 0, 10_000), weighed(PLATE, 240, "R1"), row(PLATE, 480, 10_000)]
    assert told(*rows) == []
    assert len(told(*rows, max_mps=25)) == 1


@pytest.mark.parametrize(("gap_s", "events"), [(600, 1), (601, 0)])
def test_fixes_must_be_near_on_both_sides(gap_s: float, events: int) -> None:
    near = row(PLATE, -10, 90_000), weighed(PLATE, 0, "R1"), row(PLATE, gap_s, 90_000)
    assert len(told(*near)) == events
    turned = row(PLATE, -gap_s, 90_000), weighed(PLATE, 0, "R1"), row(PLATE, 10, 90_000)
    assert len(told(*turned)) == events


def test_one_side_is_not_enough() -> None:
    assert told(row(PLATE, -30, 9000), weighed(PLATE, 0, "R1"), row(PLATE, 30, 100)) == []
    assert told(row(PLATE, -30, 100), weighed(PLATE, 0, "R1"), row(PLATE, 30, 9000)) == []
    assert told(row(PLATE, -30, 90_000), weighed(PLATE, 0, "R1")) == []
    assert told(weighed(PLATE, 0, "R1"), row(PLATE, 30, 90_000)) == []


def test_each_weighing_by_itself() -> None:
    records = [weighed(PLATE, 605 + k, f"R{k}") for k in range(3)]
    events = told(*passes(20_000)[:-1], *records)
    assert [e.apart for e in events] == ["R0", "R1", "R2"]
    assert len({e.id for e in events}) == 3


def test_a_wrong_clock_and_wild_positions_say_nothing() -> None:
    assert told(*passes(20_000, quality=int(Quality.CLOCK_OFF))) == []
    assert told(*passes(20_000, aside=1)) == []


def test_garbage_is_harmless() -> None:
    assert told(weighed(PLATE, 0, "R1")) == [] and told(row(PLATE, 0, 0)) == []
    assert told(*passes(np.nan)) == []
    nowhere = passes(20_000)
    nowhere[-1] |= {"x": np.nan, "y": np.nan}
    assert told(*nowhere) == []
    at_once = [row(PLATE, 0, 9000), weighed(PLATE, 0, "R1"), row(PLATE, 0, 9000, pid="b")]
    # Fixes of the same moment count as before.
    assert told(*at_once) == [] and len(told(*at_once, row(PLATE, 1, 9000))) == 1
    unknown = [*passes(20_000)[:-1], weighed(PLATE, 600, "R1", station_id="", gross_kg=np.nan)]
    assert len(told(*unknown)) == 1
