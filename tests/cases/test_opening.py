"""Alerts of other rules open a case each; people's work on it is never undone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import shapely

from analytics.event import Event, Evidence
from cases.episodes import case_id
from cases.opening import open_cases, write_cases
from cases.states import OPENING
from layers.city import City
from layers.query import Query
from layers.store import Store, open_store
from layers.text import Text

AT = datetime(2021, 3, 5, 12, tzinfo=UTC)


def event(subject: str, start: int = 1_600_000_000_000, event_type: str = "SEA-1") -> Event:
    return Event(
        rule="r",
        rule_version="1",
        event_type=event_type,
        subject=subject,
        start_ms=start,
        end_ms=start,
        geometry=shapely.Point(-75.1, -42.6),
        severity="severe",
        confidence=0.9,
        evidence=Evidence(),
        sentence=Text(en="said", zh="说"),
        departments=("harbour_master", "police"),
    )


@pytest.fixture
def city(tiny_folder: Path) -> City:
    return City(tiny_folder)


@pytest.fixture
def store(city: City, tmp_path: Path) -> Store:
    opened = open_store(str(tmp_path / "t.gpkg"), city)
    opened.create(city.layer("case_event"), city.layer("case_log"))
    return opened


def write(store: Store, city: City, events: list[Event], at: datetime = AT) -> tuple[int, int]:
    with store.transaction() as unit:
        written = write_cases(unit, city, events, at=at)
    assert not written.changed
    return len(written.opened), len(events) - len(written.opened)


def test_a_case_says_what_where_who_and_until_when(city: City) -> None:
    found = event("725000001")
    (case,) = open_cases(city, [found], at=AT).to_dict("records")
    assert case["case_id"] == case_id(found.id)
    assert case["alert_id"] == found.id
    assert case["state"] == OPENING and case["origin"] == "smart"
    assert case["opened_at"] == AT
    assert case["due_at"] == AT + timedelta(hours=2)
    assert (case["department"], case["departments"]) == ("harbour_master", "harbour_master,police")
    assert case["title_en"] == "Vessel that no register knows: 725000001"
    assert case["geometry"] == found.geometry


def test_no_events_are_no_cases(city: City, store: Store) -> None:
    assert len(open_cases(city, [], at=AT)) == 0
    assert write(store, city, []) == (0, 0)


def test_an_event_type_without_a_time_limit_has_no_due_time(city: City) -> None:
    frame = open_cases(city, [event("a", event_type="unheard"), event("b")], at=AT)
    due = dict(zip(frame["subject"], frame["due_at"], strict=True))
    assert str(due["a"]) == "NaT" and due["b"] == AT + timedelta(hours=2)


def test_the_same_event_twice_is_one_case(city: City, store: Store) -> None:
    assert len(open_cases(city, [event("a"), event("a")], at=AT)) == 1
    assert write(store, city, [event("a"), event("b")]) == (2, 0)
    assert write(store, city, [event("a"), event("b"), event("c")], AT + timedelta(days=1)) == (
        1,
        2,
    )
    assert store.count(Query("case_event")) == 3


def test_what_people_did_with_a_case_stays(city: City, store: Store) -> None:
    write(store, city, [event("a")])
    moved = store.frame(Query("case_event"))
    moved["state"], moved["assignee"] = "handling", "officer"
    names = [p.name for p in city.layer("case_event").properties]
    with store.transaction() as unit:
        unit.upsert(city.layer("case_event"), moved[[*names, "geometry"]], at=AT, source="p")
    assert write(store, city, [event("a")], AT + timedelta(days=1)) == (0, 1)
    (row,) = store.frame(Query("case_event")).to_dict("records")
    assert (row["state"], row["assignee"]) == ("handling", "officer")
    assert row["opened_at"] == AT


def test_many_cases_at_once(city: City, store: Store) -> None:
    events = [event(f"v{n}") for n in range(1200)]
    assert write(store, city, events[:700]) == (700, 0)
    assert write(store, city, events) == (500, 700)
