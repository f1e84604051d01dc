"""Joint cases in the store: what they tell, what people did with them, how fast they are found."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from analytics.event import Event, Evidence
from cases.episodes import case_id
from cases.opening import Written, open_cases, write_cases
from layers.city import City
from layers.query import Query
from layers.store import Store, open_store
from layers.text import Text
from tests.postgis import fresh_database

AT = datetime(2021, 3, 5, 12, tzinfo=UTC)
HOUR = 3_600_000
MIN = 60_000
T0 = 1_600_000_000_000


def event(start: float = 0, **changed: Any) -> Event:
    """Alert of a joint rule ``start`` hours after the beginning."""
    at = T0 + round(start * HOUR)
    made = Event(
        rule="loitering",
        rule_version="1",
        event_type="SEA-2",
        subject="725000001",
        start_ms=at,
        end_ms=at + 10 * MIN,
        geometry=shapely.Point(-75.1, -42.6),
        severity="moderate",
        confidence=0.9,
        evidence=Evidence(),
        sentence=Text(en="said", zh="说"),
        departments=("harbour_master",),
    )
    return replace(made, **changed)


@pytest.fixture(scope="module")
def city(tiny_folder: Path) -> City:
    return City(tiny_folder)


@pytest.fixture(params=["geopackage", pytest.param("postgis", marks=pytest.mark.postgis)])
def store(request: pytest.FixtureRequest, city: City, tmp_path: Path) -> Iterator[Store]:
    if request.param == "postgis":
        with fresh_database(request.getfixturevalue("postgis_server")) as url:
            yield from _opened(url, city)
    else:
        yield from _opened(str(tmp_path / "t.gpkg"), city)


def _opened(url: str, city: City) -> Iterator[Store]:
    opened = open_store(url, city)
    opened.create(*map(city.layer, ("case_event", "case_log", "alert")))
    yield opened
    opened.close()


def write(store: Store, city: City, *events: Event, at: datetime = AT) -> Written:
    with store.transaction() as unit:
        return write_cases(unit, city, events, at=at)


def rows(store: Store) -> list[dict[str, Any]]:
    return list(store.frame(Query("case_event")).sort_values("case_id").to_dict("records"))


def change(store: Store, city: City, case: str, **values: Any) -> None:
    """What a person does to a case."""
    frame = store.frame(Query("case_event", fids=(case,)))
    names = [p.name for p in city.layer("case_event").properties]
    for name, value in values.items():
        frame[name] = value
    with store.transaction() as unit:
        chosen = gpd.GeoDataFrame(frame[[*names, "geometry"]])
        unit.upsert(city.layer("case_event"), chosen, at=AT, source="person")


def test_a_case_holds_all_of_its_episode(store: Store, city: City) -> None:
    first = event()
    worst = event(
        4,
        rule="unregistered_vessel",
        event_type="SEA-1",
        severity="severe",
        departments=("police", "harbour_master"),
    )
    third = event(5, end_ms=T0 + 6 * HOUR)
    assert write(store, city, third, first, worst).opened == (first.id,)
    (row,) = rows(store)
    assert row["case_id"] == case_id(first.id)
    assert (row["alert_id"], row["subject"], row["joint"]) == (first.id, "725000001", "vessel")
    assert row["alerts"] == [first.id, worst.id, third.id]
    assert (row["event_type"], row["event_types"]) == ("SEA-1", ["SEA-1", "SEA-2"])
    assert (row["severity"], row["department"]) == ("severe", "police")
    assert row["departments"] == "police,harbour_master"
    assert row["first_time"] == pd.Timestamp(T0, unit="ms", tz="UTC")
    assert row["last_time"] == pd.Timestamp(T0 + 6 * HOUR, unit="ms", tz="UTC")
    assert row["due_at"] == AT + timedelta(hours=2)
    assert row["title_en"] == (
        "3 findings (1 × Vessel that no register knows, 2 × Presence in a closed zone): 725000001"
    )
    assert row["title_zh"] == "3项发现（登记册中没有的船舶1项、进入封闭海域2项）：725000001"


def test_a_further_alert_joins_and_widens(store: Store, city: City) -> None:
    first = event(event_type="unheard")
    write(store, city, first)
    (before,) = rows(store)
    assert str(before["due_at"]) == "NaT"
    later = event(6, severity="extreme", departments=("police",))
    at = AT + timedelta(hours=6)
    assert write(store, city, later, at=at) == Written((), 1)
    (row,) = rows(store)
    assert (row["case_id"], row["opened_at"]) == (before["case_id"], AT)
    assert row["due_at"] == AT + timedelta(hours=2), "counted from the opening"
    assert (row["severity"], row["departments"]) == ("extreme", "police,harbour_master")
    assert write(store, city, first, later, at=at) == Written()


def test_beyond_the_gap_or_on_another_mover_is_another_case(store: Store, city: City) -> None:
    write(store, city, event())
    assert len(write(store, city, event(6.2)).opened) == 1
    assert len(write(store, city, event(subject="725000002")).opened) == 1
    assert len(rows(store)) == 3


def test_alerts_of_other_rules_keep_a_case_each(store: Store, city: City) -> None:
    assert len(write(store, city, *(event(h, rule="overload") for h in (0, 1, 2))).opened) == 3
    assert [row["joint"] for row in rows(store)] == [None] * 3
    assert write(store, city, *(event(h, rule="overload") for h in (0, 1, 2))) == Written()


def test_the_gap_is_declared(tiny_copy: Path) -> None:
    with (tiny_copy / "city.yaml").open("a", encoding="utf-8") as file:
        file.write("cases: {joint_gap_hours: 1}\n")
    (tiny_copy / "rules" / "loitering.yaml").write_text(
        'id: loitering\ntitle: {en: L, zh: 徊}\nversion: "1"\nevent_type: SEA-2\n'
        "joint: vessel\nparameters: {}\n",
        "utf-8",
    )
    events = [event(), event(1.1), event(2.5)]
    assert len(open_cases(City(tiny_copy), events, at=AT)) == 2


def test_a_later_alert_that_began_earlier_joins_and_the_id_stays(store: Store, city: City) -> None:
    first = event(10)
    write(store, city, first)
    late = event(2, end_ms=T0 + 11 * HOUR)
    latest = event(1)
    assert write(store, city, late).opened == write(store, city, latest).opened == ()
    (row,) = rows(store)
    assert (row["case_id"], row["alert_id"]) == (case_id(first.id), first.id)
    assert row["alerts"] == [latest.id, late.id, first.id]
    # All at once, the one that was completed first opens it: same alerts, another id; what the last
    # one joins was another case until then.
    table = open_cases(city, [first, late, latest], at=AT).set_index("alert_id")
    assert dict(table["state"]) == {latest.id: "found", first.id: "merged"}
    assert table.loc[latest.id, "alerts"] == row["alerts"]


def test_an_alert_between_two_cases_merges_them(store: Store, city: City) -> None:
    write(store, city, event(), event(12))
    bridge = event(1, end_ms=T0 + 13 * HOUR)
    assert write(store, city, bridge) == Written((), 2)
    states = {row["alert_id"]: row for row in rows(store)}
    merged, kept = states[event(12).id], states[event().id]
    assert (kept["state"], len(kept["alerts"])) == ("found", 3)
    assert (merged["state"], merged["parent_case"]) == ("merged", kept["case_id"])
    # What comes to the merged one goes on in the one it lives on in.
    assert write(store, city, event(15)) == Written((), 1)
    assert write(store, city, event(), event(12), bridge, event(15)) == Written()


def test_what_people_took_up_is_not_merged_but_joined(store: Store, city: City) -> None:
    write(store, city, event(), event(12))
    theirs = case_id(event(12).id)
    change(store, city, theirs, state="verified")
    write(store, city, event(1, end_ms=T0 + 13 * HOUR))
    states = {row["case_id"]: row["state"] for row in rows(store)}
    assert states == {theirs: "verified", case_id(event().id): "merged"}
    joined = next(row for row in rows(store) if row["case_id"] == theirs)
    assert len(joined["alerts"]) == 3


def test_two_vessels_that_meet_share_a_case(store: Store, city: City) -> None:
    write(store, city, event())
    both = ("725000001", "725000002")
    meeting = event(3, rule="encounter", subjects=both)
    write(store, city, meeting)
    write(store, city, event(5, subject="725000002"))
    (row,) = rows(store)
    assert row["subjects"] == list(both) and len(row["alerts"]) == 3
    # Close to the other vessel's findings only.
    assert len(write(store, city, event(11, subject="725000001")).opened) == 1


def test_a_case_that_is_over_is_followed_by_another(store: Store, city: City) -> None:
    write(store, city, event())
    ended = case_id(event().id)
    change(store, city, ended, state="closed", assignee="officer")
    before = next(row for row in rows(store) if row["case_id"] == ended)
    assert write(store, city, event(), event(2)).opened == (event(2).id,)
    assert write(store, city, event(3), event(0), event(2)) == Written((), 1)
    table = {row["case_id"]: row for row in rows(store)}
    assert len(table) == 2
    after = table[case_id(event(2).id)]
    assert (after["follows"], after["state"], len(after["alerts"])) == (ended, "found", 2)
    assert table[ended]["alerts"] == before["alerts"] and table[ended]["state"] == "closed"


def test_what_people_did_stays(store: Store, city: City) -> None:
    write(store, city, event())
    key = case_id(event().id)
    due = AT + timedelta(days=2)
    change(
        store,
        city,
        key,
        state="handling",
        assignee="officer",
        severity="minor",
        departments="council,harbour_master",
        department="council",
        due_at=due,
    )
    assert write(store, city, event(2, severity="extreme", departments=("police",))).changed == 1
    (row,) = rows(store)
    assert (row["state"], row["assignee"], row["severity"]) == ("handling", "officer", "minor")
    assert (row["department"], row["due_at"]) == ("council", due)
    assert row["departments"] == "council,harbour_master,police"
    assert len(row["alerts"]) == 2 and row["title_en"].startswith("2 findings")


def test_a_rule_that_becomes_joint_opens_no_second_case(
    store: Store, city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = {key: rule.model_copy(update={"joint": None}) for key, rule in city.rules.items()}
    with monkeypatch.context() as patch:
        patch.setattr(city, "rules", alone)
        assert len(write(store, city, event(), event(1)).opened) == 2
    assert write(store, city, event(), event(1)) == Written()


def test_batches_in_order_give_the_same_rows_as_one(
    store: Store, city: City, tmp_path: Path
) -> None:
    events = [
        event(h, subject=f"72500000{n}", severity=s, subjects=both)
        for h, n, s, both in (
            (0, 1, "minor", ()),
            (1, 2, "severe", ()),
            (9, 3, "minor", ()),
            (13, 2, "moderate", ("725000002", "725000003")),
            (20, 1, "minor", ()),
            (24, 1, "extreme", ("725000001", "725000003")),
        )
    ]
    for single in events:
        write(store, city, single)
    other = next(_opened(str(tmp_path / "other.gpkg"), city))
    write(other, city, *reversed(events))
    names = [p.name for p in city.layer("case_event").properties]
    one, whole = (
        [json.dumps([row[n] for n in names], sort_keys=True, default=str) for row in rows(place)]
        for place in (store, other)
    )
    assert one == whole
    other.close()


def test_among_a_hundred_thousand_cases_one_is_found_in_time(store: Store, city: City) -> None:
    number = 100_000
    like = open_cases(city, [event()], at=AT)
    many = like.loc[[0] * number].reset_index(drop=True)
    many["case_id"] = many["alert_id"] = [f"{n:09d}" for n in range(number)]
    many["subject"] = many["alert_id"]
    many["subjects"] = many["alerts"] = [[key] for key in many["subject"]]
    for name in ("first_time", "last_time"):
        many[name] = like[name].iloc[0] + pd.to_timedelta(many.index * 0.4, unit="min")
    with store.transaction() as unit:
        unit.upsert(city.layer("case_event"), many, at=AT, source="test")
    first, further = (event(666 + hour, subject="mover") for hour in (0, 1))
    taken = []
    for one in (first, further):
        begun = time.perf_counter()
        write(store, city, one)
        taken.append(time.perf_counter() - begun)
    print(f"{store.url.partition(':')[0][:8]}: {[round(t * 1000) for t in taken]} ms")
    assert max(taken) < 5
    # A whole history, whose time takes in all of them.
    begun = time.perf_counter()
    assert write(store, city, event(subject="mover"), event(665, subject="mover")).changed == 1
    print(f"all: {round((time.perf_counter() - begun) * 1000)} ms")
    assert time.perf_counter() - begun < 20
