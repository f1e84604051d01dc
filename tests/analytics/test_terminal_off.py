"""Silent terminals: driving on, alarms before the silence, and what explains it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from analytics.event import Event
from analytics.truck_references import Haulage
from layers.positions import Quality
from tests.analytics.columns import references, rule
from tests.analytics.truck_fixes import (
    LAW,
    PLATE,
    START,
    Row,
    drive,
    found,
    gps,
    row,
    stand,
    truck,
)

MINUTE, HOUR = 60, 3600
PARAMETERS: dict[str, Any] = {
    "min_gap_s": 2700, "min_gap_alarm_s": 300, "min_moved_m": 1000, "min_mps": 4, "law": LAW,
}  # fmt: skip


def told(*rows: Row, **changes: Any) -> list[Event]:
    haulage = Haulage(trucks={PLATE: (truck(),)})
    checked = rule("terminal_off", PARAMETERS | changes, references(haulage=haulage))
    return found(checked, gps(*rows))


def silent(gap_s: float, mps: float = 10.0, quality: int = 0, **more: Any) -> list[Row]:
    """An hour of driving, a silence in which the truck goes on, and another hour."""
    before = drive(PLATE, 0, HOUR, mps=15)
    before[-1] |= {"quality": quality} | more
    end = HOUR + gap_s
    return before + drive(PLATE, end, end + HOUR, mps=15, east=15 * HOUR + mps * gap_s)


@pytest.mark.parametrize(
    ("minutes", "events"), [(1, 0), (40, 0), (44.9, 0), (45, 1), (90, 1), (24 * 60 + 1, 0)]
)
def test_a_silence_of_forty_five_minutes_while_driving_on(minutes: float, events: int) -> None:
    assert len(told(*silent(minutes * MINUTE))) == events


def test_what_it_says() -> None:
    (event,) = told(*silent(50 * MINUTE))
    assert (event.start_ms, event.end_ms) == (START + 3_600_000, START + 6_600_000)
    silence, moved, mean = event.evidence.measures
    assert (silence.value, silence.limit, silence.margin) == (3000, 2700, 300)
    assert moved.value == pytest.approx(30_000, rel=0.002)
    assert (mean.value, mean.limit) == (pytest.approx(10, rel=0.002), 4)
    assert event.evidence.points == ("001-T1-3600", "001-T1-6600")
    assert [r["layer"] for r in event.evidence.references] == ["truck_registry", ""]
    assert "0 h 50 min 0 s" in event.sentence.en and "km away" in event.sentence.en
    assert "疑似关闭车载终端" in event.sentence.zh and PLATE in event.sentence.zh


def test_a_truck_that_is_silent_where_it_is_parked_is_not_told() -> None:
    parked = [*drive(PLATE, 0, HOUR), row(PLATE, HOUR + 60, 15 * HOUR, sog_mps=0.0)]
    assert told(*parked, *drive(PLATE, 12 * HOUR, 13 * HOUR, east=15 * HOUR)) == []
    # Nor one that sleeps, drives off and is heard when it has gone some way.
    assert told(*parked, *drive(PLATE, 12 * HOUR, 13 * HOUR, east=15 * HOUR + 20_000)) == []


def test_slowly_or_not_far_is_not_driving_on() -> None:
    assert told(*silent(50 * MINUTE, mps=3.9)) == []
    assert told(*silent(50 * MINUTE, mps=0.3)) == []


@pytest.mark.parametrize("bit", [Quality.POWER_CUT, Quality.ANTENNA_CUT])
@pytest.mark.parametrize(
    ("gap_s", "mps", "events"), [(299, 10, 0), (300, 10, 1), (300, 3, 0), (HOUR, 1, 1)]
)
def test_five_minutes_after_an_alarm(bit: Quality, gap_s: float, mps: float, events: int) -> None:
    assert len(told(*silent(gap_s, mps, int(bit)))) == events


def test_an_alarm_says_what_was_cut() -> None:
    (event,) = told(*silent(600, 10, int(Quality.POWER_CUT)))
    assert event.confidence == 0.8
    assert "its power was cut" in event.sentence.en and "主电源断开" in event.sentence.zh
    assert event.evidence.measures[0].limit == 300


def test_a_power_cut_in_the_yard_is_no_driving_on() -> None:
    parked = stand(PLATE, 0, HOUR, quality=int(Quality.POWER_CUT))
    assert told(*parked, *drive(PLATE, 9 * HOUR, 10 * HOUR)) == []


def test_a_clock_that_is_off_at_one_end_measures_nothing() -> None:
    assert told(*silent(50 * MINUTE, quality=int(Quality.CLOCK_OFF))) == []
    off = [r | {"quality": int(Quality.CLOCK_OFF)} for r in silent(50 * MINUTE)]
    (event,) = told(*off)
    assert event.evidence.quality["clock_off"] is True


def test_garbage_is_harmless() -> None:
    assert len(told(*silent(50 * MINUTE, sog_mps=np.nan))) == 1
    standing = [*stand(PLATE, 0, HOUR, sog_mps=np.nan)]
    assert told(*standing, *drive(PLATE, 2 * HOUR, 3 * HOUR, east=40_000)) == []
    assert told(row(PLATE, 0, 0)) == []
    assert told(row(PLATE, 0, 0), row(PLATE, 0, 50_000, pid="b")) == []
    heard = [row(PLATE, s, 900_000, aside=1) for s in range(HOUR, HOUR + 3000, 60)]
    assert told(*silent(50 * MINUTE), *heard) == []
    nowhere = silent(50 * MINUTE)
    nowhere[121] |= {"x": np.nan, "y": np.nan}
    assert told(*nowhere) == []


def test_another_terminal_on_the_plate_breaks_the_silence() -> None:
    other = drive(PLATE, HOUR, HOUR + 3000, mps=10, east=15 * HOUR, terminal="T2")
    assert told(*silent(50 * MINUTE), *other) == []
