"""Overload by groups of axles: nothing at or below limit × (1 + error of axles)."""

from __future__ import annotations

import json
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.axles import kinds_of, read_groups
from analytics.event import Event
from analytics.feeds import weighing_columns
from analytics.references import WimStation
from tests.analytics.columns import (
    OVERLOAD,
    cut_by_row,
    found,
    frame,
    references,
    rule,
    stations,
    weighing,
)

LIMITS = {"single_steering": 7000, "single": 10_000, "drive": 11_500, "tandem": 18_000,
          "tridem": 24_000}  # fmt: skip
TABLE: dict[str, Any] = {
    "in_force_from": "2016-07-26",
    "source": {"en": "the standard", "zh": "标准"},
    "limits": [{"group": group, "limit_kg": limit} for group, limit in LIMITS.items()],
}
STATIONS = stations(W1=0.05)


def record(
    ident: str, groups: str, *masses: float, axles: tuple[float, ...] = (), **more: Any
) -> dict[str, Any]:
    """A weighing by the masses of its groups, each spread evenly over its axles."""
    sizes = read_groups(groups)
    each = axles or tuple(m / n for m, n in zip(masses, sizes, strict=True) for _ in range(n))
    row = {"axle_groups": groups, "axle_masses_kg": json.dumps(each), "axles": len(each)}
    return weighing(ident, sum(each), **(row | more))


def judged(*rows: dict[str, Any], known: Any = STATIONS, **more: Any) -> list[Event]:
    parameters = OVERLOAD | {"axle_tables": [TABLE], "default_axle_error_share": 0.08} | more
    checked = rule("overload", parameters, references(stations=known))
    return found(checked, weighing_columns(frame(rows)))


@pytest.mark.parametrize(
    ("groups", "kinds"),
    [
        ("1+1", "single_steering drive"),
        ("1+2", "single_steering tandem"),
        ("2+2", "single_steering tandem"),
        ("1+1+1", "single_steering drive single"),
        ("1+1+2", "single_steering drive tandem"),
        ("1+2+3", "single_steering tandem tridem"),
        ("1+2+4", "single_steering tandem None"),
        ("1", "single_steering"),
    ],
)
def test_what_each_group_is(groups: str, kinds: str) -> None:
    assert " ".join(map(str, kinds_of(read_groups(groups)))) == kinds


@pytest.mark.parametrize("text", ["", "1+", "+1", "0+2", "1-2", "12", "1+2+3 ", "a"])
def test_what_tells_no_groups(text: str) -> None:
    assert read_groups(text) == ()


@pytest.mark.parametrize(("tandem", "events"), [(18_000, 0), (19_440, 0), (19_441, 1)])
def test_two_axles_at_eight_percent(tandem: float, events: int) -> None:
    assert len(judged(record("r", "1+2+3", 5000, tandem, 12_000))) == events


def test_axles_alone_say_so() -> None:
    (event,) = judged(record("r", "1+2+3", 5000, 21_600, 12_000))
    measures = {m.name: m for m in event.evidence.measures}
    assert measures["gross_mass_less_error"].margin == pytest.approx(38_600 / 1.05 - 49_000, abs=1)
    group = measures["axle_group_2_mass_less_error"]
    assert (group.value, group.limit, group.margin) == (20_000, 18_000, 2000)
    assert "share_over_limit" not in measures
    assert "Suspected overload of axles" in event.sentence.en
    assert "axle group 2 of 1+2+3 (tandem) weighed 21,600 kg" in event.sentence.en
    assert "not above the limit of 49,000 kg" in event.sentence.en
    assert "疑似轴荷超限" in event.sentence.zh and "第2轴组（1+2+3，二轴组）" in event.sentence.zh
    assert [r["id"] for r in event.evidence.references] == ["W1", "the standard"]
    assert event.evidence.references[1]["limit_group_2_kg"] == 18_000
    assert event.evidence.references[1]["version"] == "2016-07-26"
    assert event.confidence == 0.8 and "air suspension" in event.evidence.doubts[1].en
    assert event.evidence.quality["axle_judgement"] == "made"


def test_gross_mass_and_axles_are_one_event() -> None:
    (event,) = judged(record("r", "1+2+3", 7000, 25_000, 30_000))
    names = [m.name for m in event.evidence.measures]
    assert names == [
        "gross_mass", "gross_mass_less_error", "share_over_limit", "axle_group_2_mass",
        "axle_group_2_mass_less_error", "axle_group_3_mass", "axle_group_3_mass_less_error",
    ]  # fmt: skip
    assert event.sentence.en.startswith("Suspected overload: ")
    assert "axle group 3 of 1+2+3 (tridem)" in event.sentence.en
    assert [r["id"] for r in event.evidence.references] == [
        "W1", "Regulation, art. 3", "the standard",
    ]  # fmt: skip
    assert event.confidence == 0.95


def test_a_truck_without_a_limit_of_gross_mass_is_judged_by_its_axles() -> None:
    row = record("r", "1+1+1+1+1", 5000, 13_000, 8000, 8000, 8000, vehicle_kind="rigid")
    (event,) = judged(row)
    assert "its gross mass is not judged" in event.sentence.en
    assert [m.name for m in event.evidence.measures][1] == "axle_group_2_mass"


@pytest.mark.parametrize(
    ("groups", "reason"),
    [("", "left out: the record tells no groups"),
     ("1+2", "left out: 3 axles in the groups, 6 were weighed")],
)  # fmt: skip
def test_groups_that_do_not_add_up_leave_the_axles_out(groups: str, reason: str) -> None:
    heavy = weighing("r", 90_000.0, axle_groups=groups)
    (event,) = judged(heavy)
    assert event.evidence.quality["axle_judgement"] == reason
    assert len(event.evidence.measures) == 3
    one_axle = json.dumps([1000, 30_000, 1000, 1000, 1000, 1000])
    assert judged(weighing("r", 35_000.0, axle_groups=groups, axle_masses_kg=one_axle)) == []


@given(kind=st.sampled_from([*LIMITS]), percent=st.integers(0, 30), beyond=st.integers(-30, 30))
def test_the_border_is_exact(kind: str, percent: int, beyond: int) -> None:
    shapes = {"single_steering": "1+2+3", "single": "1+1+1", "drive": "1+1+1", "tandem": "1+2+3",
              "tridem": "1+2+3"}  # fmt: skip
    groups = shapes[kind]
    number = [str(k) for k in kinds_of(read_groups(groups))].index(kind)
    border = Fraction(LIMITS[kind]) * Fraction(100 + percent, 100)
    mass = int(border) + beyond
    masses = [1000.0] * 3
    masses[number] = float(mass)
    sizes = read_groups(groups)
    axles = [float(m) if k == 0 else 0.0 for m, n in zip(masses, sizes, strict=True)
             for k in range(n)]  # fmt: skip
    row = record("r", groups, axles=tuple(axles), error_share=None)
    events = judged(row, known={}, default_axle_error_share=percent / 100, default_error_share=0)
    assert bool(events) == (mass > border)


def test_a_coarser_instrument_errs_as_much_on_axles() -> None:
    row = record("r", "1+2+3", 5000, 19_700, 12_000)
    assert len(judged(row)) == 1
    assert judged(row, known=stations(W1=0.10)) == []


def test_steering_axles_count_each() -> None:
    rigid = {"vehicle_kind": "rigid"}
    assert judged(record("r", "2+2", 15_120, 10_000, **rigid)) == []
    assert len(judged(record("r", "2+2", 15_121, 10_000, **rigid))) == 1


def test_the_limits_are_those_of_the_day() -> None:
    before = record("a", "1+2+3", 5000, 21_600, 12_000, time="2016-07-25T23:59:59+08:00")
    after = record("b", "1+2+3", 5000, 21_600, 12_000, time="2016-07-26T00:00:00+08:00")
    assert [e.evidence.points for e in judged(before, after)] == [("b",)]


def test_an_expired_verification_lowers_it_further() -> None:
    expired = {"W1": WimStation("W1", 0.05, date(2020, 6, 30))}
    (event,) = judged(record("r", "1+2+3", 5000, 21_600, 12_000), known=expired)
    assert event.confidence == 0.5 and "2020-06-30" in event.evidence.doubts[0].en


def test_cuts_change_nothing() -> None:
    rows = [
        record(f"r{k:02d}", "1+2+3", 5000, 19_000 + 100 * (k % 9), 12_000, plate=f"沪A{k % 4}",
               time=f"2020-07-01T08:{k:02d}:00+08:00")
        for k in range(40)
    ]  # fmt: skip
    columns = weighing_columns(frame(rows))
    parameters = OVERLOAD | {"axle_tables": [TABLE]}
    known = references(stations=STATIONS)
    whole = found(rule("overload", parameters, known), columns)
    parts = found(rule("overload", parameters, known), *cut_by_row(columns, [3, 11, 12, 30]))
    assert [e.id for e in whole] == [e.id for e in parts] and len(whole) > 10


def test_garbage_is_harmless() -> None:
    for masses in ("[]", "null", "[1, 2]"):
        assert judged(weighing("r", 30_000.0, axle_groups="1+2+3", axle_masses_kg=masses)) == []
    assert judged(record("r", "1+2+3", axles=(1.0, float("nan"), 99_000, 1, 1, 1),
                         gross_kg=30_000.0)) == []  # fmt: skip
