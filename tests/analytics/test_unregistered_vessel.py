"""Suspected unregistered vessels: names, registers of the day, watch areas."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import shapely

from analytics.event import Event
from analytics.rule import Rule
from tests.analytics.columns import (
    UNREGISTERED,
    ais,
    at,
    fix,
    found,
    references,
    register,
    rule,
    said,
    zone,
)

SEED_LON, SEED_LAT = 121.912727, 30.858462
SEED_TIME = at("2020-07-01T03:42:20+08:00")
WATCH = zone("watch", shapely.box(121.8, 30.8, 122.0, 30.95))
M = "412990358"


def watcher(*registered: str, parameters: dict[str, Any] | None = None, **dates: date) -> Rule:
    known = register(*(registered or ("HUPUYU00312", "HUPUYU00357")), **dates)
    refs = references(register=known, marine_zones=(WATCH,))
    return rule("unregistered_vessel", {**UNREGISTERED, **(parameters or {})}, refs)


def seed(name: str = "HUPUYU00358", static_after_s: float = 60) -> list[dict[str, Any]]:
    return [
        fix(M, SEED_TIME, SEED_LON, SEED_LAT),
        said(M, SEED_TIME + round(static_after_s * 1000), name, 30),
    ]


def only(events: list[Event]) -> Event:
    assert len(events) == 1
    return events[0]


@pytest.mark.parametrize("static_after_s", [-300, -1, 0, 60, 3600])
def test_the_seed_vessel_raises_exactly_one(static_after_s: float) -> None:
    event = only(found(watcher(), ais(*seed(static_after_s=static_after_s))))
    assert (event.geometry.x, event.geometry.y) == (SEED_LON, SEED_LAT)
    assert event.start_ms == SEED_TIME
    assert event.subject == M
    assert event.departments == ("D1", "D2")
    assert "疑似" in event.sentence.zh and "2020-07-01 03:42:20" in event.sentence.zh
    assert "Suspected" in event.sentence.en and "UTC+08:00" in event.sentence.en


def test_evidence_names_register_version_and_nearest_names() -> None:
    event = only(found(watcher("HUPUYU00357", "HUPUYU90000", "ZHEDAIYU1"), ais(*seed())))
    held = event.evidence.as_dict()
    register_used = held["references"][0]
    assert register_used["version"].startswith("vessel_registry@2020-07-01#")
    assert register_used["entries"] == 3
    assert [(c["name"], c["distance"]) for c in register_used["nearest"]][:2] == [
        ("HUPUYU00357", 1),
        ("HUPUYU90000", 4),
    ]
    assert held["references"][1]["id"] == "z-watch"
    assert held["quality"]["said_since_s"] == -60.0
    assert len(held["points"]) == 2
    assert {c["check"] for c in held["comparisons"]} == {
        "position",
        "speed",
        "course",
        "name",
        "destination",
        "track",
    }
    assert event.confidence == 0.9


@pytest.mark.parametrize(
    "sent",
    [
        "HUPUYU00358",
        "HU PU YU 00358",
        "hupuyu-00358",
        "滬浦漁00358-HUPUYU00358",
        "沪浦渔00358",
        "ＨＵＰＵＹＵ００３５８",
        "HUPUYU00358@@@@",
    ],
)
def test_a_registered_name_raises_none_however_it_is_written(sent: str) -> None:
    assert found(watcher("HUPUYU00358"), ais(*seed(sent))) == []


def test_two_names_in_one_must_both_be_registered() -> None:
    checked = watcher("HUPUYU00358")
    event = only(found(checked, ais(*seed("滬浦漁00399-HUPUYU00358"))))
    assert "HUPUYU00399 / HUPUYU00358" in event.sentence.en


def test_the_letter_o_for_a_zero_is_a_near_match_and_less_sure() -> None:
    event = only(found(watcher("HUPUYU00358", "HUPUYU10358"), ais(*seed("HUPUYU0O358"))))
    nearest = event.evidence.as_dict()["references"][0]["nearest"][0]
    assert nearest == {
        "name": "HUPUYU00358",
        "registry_id": "R0",
        "distance": 1,
        "confusable": True,
    }
    assert event.confidence == 0.5
    assert "near match" in event.sentence.en and "近似匹配" in event.sentence.zh


def test_a_registered_mmsi_under_another_name_is_told() -> None:
    refs = references(register=register("HUPUYU11111"), marine_zones=(WATCH,))
    checked = rule("unregistered_vessel", UNREGISTERED, refs)
    mover = "412000000"
    rows = [fix(mover, SEED_TIME, SEED_LON, SEED_LAT), said(mover, SEED_TIME, "HUPUYU00358", 30)]
    event = only(found(checked, ais(*rows)))
    held = event.evidence.as_dict()
    assert held["quality"]["second_keys_matched"] == ["MMSI"]
    assert held["references"][1]["matched_by"] == "MMSI"
    assert event.confidence == 0.6


@pytest.mark.parametrize(
    ("dates", "events"),
    [
        ({"registered_from": date(2020, 7, 1)}, 0),
        ({"registered_from": date(2020, 7, 2)}, 1),
        ({"registered_to": date(2020, 7, 1)}, 0),
        ({"registered_to": date(2020, 6, 30)}, 1),
    ],
)
def test_the_register_is_that_of_the_city_day_not_of_the_utc_day(
    dates: dict[str, date], events: int
) -> None:
    known = register("HUPUYU00358", **dates).entries + register("HUPUYU77777").entries
    refs = references(register=type(register())(known), marine_zones=(WATCH,))
    checked = rule("unregistered_vessel", UNREGISTERED, refs)
    assert len(found(checked, ais(*seed()))) == events


def test_an_empty_register_says_nothing() -> None:
    refs = references(register=register(), marine_zones=(WATCH,))
    assert found(rule("unregistered_vessel", UNREGISTERED, refs), ais(*seed())) == []


def test_outside_of_the_watch_area_nothing_is_said() -> None:
    rows = [fix(M, SEED_TIME, 121.7, SEED_LAT), said(M, SEED_TIME, "HUPUYU00358", 30)]
    assert found(watcher(), ais(*rows)) == []


@pytest.mark.parametrize(
    ("name", "ship_type"),
    [("XIN HAI 12", 70), ("HUPUYU00358-85%", 0), ("HUPUYU00358-11.4V", 30), ("", 30), ("  ", 30)],
)
def test_cargo_ships_net_buoys_and_nameless_ones_are_silent(name: str, ship_type: int) -> None:
    rows = [fix(M, SEED_TIME, SEED_LON, SEED_LAT), said(M, SEED_TIME, name, ship_type)]
    assert found(watcher(), ais(*rows)) == []


def test_the_name_or_the_type_alone_claims_to_be_a_fishing_boat() -> None:
    inside = fix(M, SEED_TIME, SEED_LON, SEED_LAT)
    assert len(found(watcher(), ais(inside, said(M, SEED_TIME, "HUPUYU00358", 0)))) == 1
    assert len(found(watcher(), ais(inside, said(M, SEED_TIME, "LUCKY STAR", 30)))) == 1


def test_name_and_type_may_come_in_two_messages() -> None:
    rows = [
        fix(M, SEED_TIME, SEED_LON, SEED_LAT),
        said(M, SEED_TIME + 1000, "LUCKY STAR"),
        said(M, SEED_TIME + 2000, "", 30, callsign="B1"),
    ]
    assert len(found(watcher(), ais(*rows))) == 1


def test_a_name_that_comes_too_late_does_not_count_backwards() -> None:
    assert found(watcher(), ais(*seed(static_after_s=3601))) == []


def test_one_event_a_day_however_many_positions() -> None:
    rows = [said(M, SEED_TIME - 1000, "HUPUYU00358", 30)]
    rows += [fix(M, SEED_TIME + k * 60_000, SEED_LON, SEED_LAT) for k in range(2000)]
    events = found(watcher(), ais(*rows))
    # 03:42 on the first day until 13:02 on the second.
    assert [e.start_ms for e in sorted(events, key=lambda e: e.start_ms)] == [
        SEED_TIME,
        at("2020-07-02T00:00:20+08:00"),
    ]


def test_a_declaration_not_yet_in_force_raises_none() -> None:
    refs = references(register=register("HUPUYU1"), marine_zones=(WATCH,))
    checked = rule("unregistered_vessel", UNREGISTERED, refs, in_force_from=date(2020, 7, 2))
    assert found(checked, ais(*seed())) == []


def test_comparisons_tell_what_is_notable() -> None:
    rows = [
        said(M, SEED_TIME - 90_000, "HUPUYU00358", 30, destination="LUCHAO"),
        fix(M, SEED_TIME - 60_000, 121.7, SEED_LAT),
        fix(M, SEED_TIME, SEED_LON, SEED_LAT, sog=9.0),
    ]
    checks = {c.check: c for c in only(found(watcher(), ais(*rows))).evidence.comparisons}
    assert checks["speed"].notable is False
    # 20 km in a minute is no ship; it went east as its course says.
    assert checks["track"].notable is True
    assert checks["course"].notable is False
    assert checks["destination"].notable is None


def test_a_replay_gives_the_same_ids() -> None:
    first, again = (only(found(watcher(), ais(*seed()))) for _ in range(2))
    assert first == again and first.id == again.id
