"""Identities that are shared, doubled and borrowed."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from analytics.references import RegisterEntry, VesselRegister
from analytics.rule import Rule
from analytics.rules.multi_mmsi import is_imo
from tests.analytics.columns import NAMES, ais, references, rule, said
from tests.analytics.vessels_at_sea import MINUTE, START, found, path, straight

A, B = "412000001", "413000002"
REGISTER = VesselRegister(
    (
        RegisterEntry("R1", name_pinyin="HUPUYU00358", mmsi=A, callsign="BX01"),
        RegisterEntry("R2", name_pinyin="HUPUYU00359", mmsi=B, callsign="BX02"),
        RegisterEntry("R3", name_pinyin="HUPUYU00360"),
        RegisterEntry(
            "R4", name_pinyin="HUPUYU00361", mmsi="412000004", registered_to=date(2020, 6, 30)
        ),
    )
)


def mismatch() -> Rule:
    return rule("name_mmsi_mismatch", {"names": NAMES}, references(register=REGISTER))


@pytest.mark.parametrize(
    ("name", "events"),
    [
        ("HUPUYU00358", 0),
        ("HUPUYU00359", 1),
        ("HU PU YU 00359@@@", 1),
        ("HUPUYU00360", 0),
        ("HUPUYU00361", 0),
        ("HUPUYU00777", 0),
        ("XIN HAI 1", 0),
    ],
)
def test_a_name_registered_for_another_mmsi(name: str, events: int) -> None:
    told = found(mismatch(), ais(*straight(A, 30, 2), said(A, START, name, 30)))
    assert len(told) == events


def test_a_borrowed_name_cites_both_entries_and_is_told_once_a_day() -> None:
    rows = straight(A, 30 * 60, 0.5, every=10)
    events = found(mismatch(), ais(*rows, said(A, START, "HUPUYU00359", 30)))
    assert len(events) == 2
    assert [r["id"] for r in events[0].evidence.references] == ["R2", "R1"]
    assert "MMSI 413000002" in events[0].sentence.en


def shared(**parameters: Any) -> Rule:
    return rule("shared_mmsi", parameters, references())


def taking_turns(minutes: float, y: float = 40_000) -> list[dict[str, Any]]:
    return straight(A, minutes, 3, every=2) + straight(A, minutes, 3, every=2, start=1, y=y)


def test_two_vessels_that_take_turns_are_told_once() -> None:
    (event,) = found(shared(), ais(*taking_turns(120), said(A, START, "XIN HAI 1", 70)))
    assert event.subject == A
    assert event.evidence.measures[1].value == pytest.approx(40_000, rel=0.01)
    assert len(event.evidence.quality["tracks"]) == 2


def test_wild_positions_and_one_jump_are_no_sharing() -> None:
    wild = path(A, [(20.5, 40_000, 0), (50.5, 40_000, 0), (51.5, 40_100, 0)])
    assert found(shared(), ais(*straight(A, 120, 3), *wild)) == []
    moved = straight(A, 60, 3) + straight(A, 60, 3, start=61, y=40_000)
    assert found(shared(), ais(*moved)) == []


def several(**parameters: Any) -> Rule:
    return rule("multi_mmsi", parameters, references())


def test_one_call_sign_under_two_numbers_is_told_of_the_later_one() -> None:
    rows = straight(A, 60, 3) + straight(B, 60, 3, start=65, x=11_700)
    names = [
        said(A, START, "X", 70, callsign="BX12"),
        said(B, START + 65 * MINUTE, "X", 70, callsign="bx12 "),
    ]
    (event,) = found(several(), ais(*rows, *names))
    assert event.subject == B
    assert event.evidence.quality["subjects"] == [A, B]
    assert "call sign BX12" in event.sentence.en


@pytest.mark.parametrize("callsign", ["", "0", "0000", "AB", "@@@@"])
def test_placeholders_are_no_call_signs(callsign: str) -> None:
    rows = straight(A, 60, 3) + straight(B, 60, 3, y=5000)
    names = [said(m, START, "X", 70, callsign=callsign) for m in (A, B)]
    assert found(several(), ais(*rows, *names)) == []


def test_imo_numbers_count_if_their_last_digit_checks() -> None:
    assert is_imo(9_074_729)
    assert not is_imo(9_074_728)
    assert not is_imo(1234)
    rows = straight(A, 60, 3) + straight(B, 60, 3, y=5000)
    for imo, events in ((9_074_729, 1), (9_074_728, 0)):
        names = [said(m, START, "X", 70, imo=imo) for m in (A, B)]
        assert len(found(several(), ais(*rows, *names))) == events


def test_after_a_day_a_number_may_have_been_handed_on() -> None:
    rows = straight(A, 30, 3) + straight(B, 30, 3, start=25 * 60)
    names = [
        said(A, START, "X", 70, callsign="BX12"),
        said(B, START + 25 * 60 * MINUTE, "X", 70, callsign="BX12"),
    ]
    assert found(several(), ais(*rows, *names)) == []
