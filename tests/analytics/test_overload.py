"""Overload: nothing at or below limit × (1 + instrument error)."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.event import Event
from analytics.feeds import weighing_columns
from analytics.references import WimStation
from analytics.truck_references import Haulage
from tests.analytics.columns import (
    LIMITS,
    OVERLOAD,
    at,
    found,
    frame,
    references,
    rule,
    stations,
    weighing,
)
from tests.analytics.truck_fixes import truck

STATIONS = {"stations": stations(W1=0.05)}


def judged(*rows: dict[str, Any], refs: dict[str, Any] | None = None, **more: Any) -> list[Event]:
    known = references(**(STATIONS if refs is None else refs))
    parameters = {**OVERLOAD, **more}
    return found(rule("overload", parameters, known), weighing_columns(frame(rows)))


@pytest.mark.parametrize(("gross", "events"), [(49_000, 0), (51_450, 0), (51_451, 1)])
def test_six_axles_at_five_percent(gross: float, events: int) -> None:
    assert len(judged(weighing("r1", gross))) == events


def test_the_event_tells_number_limit_margin_record_station_and_law() -> None:
    (event,) = judged(weighing("r1", 60_000.0))
    held = event.evidence.as_dict()
    assert held["measures"][1] == {
        "name": "gross_mass_less_error",
        "value": 57_142.9,
        "unit": "kg",
        "limit": 49_000.0,
        "margin": 8_142.9,
    }
    assert held["points"] == ["r1"]
    assert [r["id"] for r in held["references"]] == ["W1", "Regulation, art. 3"]
    assert held["references"][0]["error_share"] == 0.05
    assert "60,000 kg" in event.sentence.en and "49,000 kg" in event.sentence.en
    assert "疑似超限超载" in event.sentence.zh and "2020-07-01 08:00:00" in event.sentence.zh
    assert event.start_ms == event.end_ms == at("2020-07-01T08:00:00+08:00")


def test_the_entry_of_the_plate_is_cited() -> None:
    record = weighing("r1", 60_000.0)
    known = Haulage(trucks={record["plate"]: (truck(record["plate"]),)})
    (event,) = judged(record, refs=STATIONS | {"haulage": known})
    cited = event.evidence.as_dict()["references"]
    assert [r["layer"] for r in cited] == ["wim_station", "", "truck_registry"]


@pytest.mark.parametrize(
    ("kind", "axles", "single", "limit"),
    [
        ("rigid", 2, False, 18_000),
        ("rigid", 3, False, 25_000),
        ("rigid", 4, False, 31_000),
        ("combination", 3, False, 27_000),
        ("combination", 4, False, 36_000),
        ("combination", 5, False, 43_000),
        ("combination", 5, True, 43_000),
        ("combination", 6, False, 49_000),
        ("combination", 6, True, 46_000),
        ("combination", 8, False, 49_000),
    ],
)
def test_each_row_of_the_table(kind: str, axles: int, single: bool, limit: int) -> None:
    truck = {"vehicle_kind": kind, "axles": axles, "single_drive_axle": single}
    at_limit = weighing("a", limit * 1.05, **truck)
    beyond = weighing("b", limit * 1.05 + 1, **truck, plate="沪B1")
    assert [e.subject for e in judged(at_limit, beyond)] == ["沪B1"]


def test_a_truck_that_the_table_does_not_know_is_not_judged() -> None:
    assert judged(weighing("r", 99_000.0, vehicle_kind="rigid", axles=5)) == []


@given(
    limit=st.sampled_from(LIMITS),
    percent=st.integers(0, 20),
    beyond=st.integers(-50, 50),
)
def test_the_border_is_exact(limit: dict[str, Any], percent: int, beyond: int) -> None:
    border = Fraction(limit["limit_kg"]) * Fraction(100 + percent, 100)
    gross = int(border) + beyond
    row = weighing(
        "r",
        float(gross),
        vehicle_kind=limit["vehicle_kind"],
        axles=limit["axles"],
        error_share=percent / 100,
    )
    assert bool(judged(row, refs={})) == (gross > border)


@pytest.mark.parametrize(
    ("own", "station", "used"),
    [(0.05, 0.07, 0.07), (0.05, None, 0.05), (None, 0.02, 0.02), (None, None, 0.05)],
)
def test_the_larger_error_counts(own: float | None, station: float | None, used: float) -> None:
    row = weighing("r", 60_000.0, error_share=own)
    (event,) = judged(row, refs={"stations": stations(W1=station)})
    assert event.evidence.quality["instrument_error_share"] == used


def test_an_expired_verification_is_a_doubt() -> None:
    expired = {"W1": WimStation("W1", 0.05, date(2020, 6, 30))}
    (event,) = judged(weighing("r", 60_000.0), refs={"stations": expired})
    assert event.confidence == 0.5
    assert "2020-06-30" in event.evidence.doubts[0].en


def test_axles_that_do_not_add_up_are_a_doubt() -> None:
    (event,) = judged(weighing("r", 60_000.0, axle_masses_kg="[1000, 2000]"))
    assert "3,000 kg" in event.evidence.doubts[0].en


def test_the_limits_are_those_of_the_day() -> None:
    old = {**OVERLOAD["tables"][0], "in_force_from": "2000-01-01"}
    old["limits"] = [{**row, "limit_kg": row["limit_kg"] * 2} for row in LIMITS]
    tables = [OVERLOAD["tables"][0], old]
    before = weighing("a", 60_000.0, time="2016-09-20T23:59:59+08:00")
    after = weighing("b", 60_000.0, time="2016-09-21T00:00:00+08:00")
    assert [e.evidence.points for e in judged(before, after, tables=tables)] == [("b",)]
    earlier = weighing("c", 60_000.0, time="1999-01-01T00:00:00+08:00")
    assert judged(earlier, tables=tables) == []


def test_one_weighing_under_two_record_ids_is_one() -> None:
    rows = [weighing("r1", 60_000.0), weighing("r2", 60_000.0)]
    assert [e.evidence.points for e in judged(*rows)] == [("r1",)]
