"""The log shows whatever is done to it, and lets nothing be done to it by any door."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from cases import case_log
from layers.city import City
from layers.errors import StoreError
from layers.query import Query
from layers.store import Store
from layers.store.sql import SqlStore
from tests.cases.conftest import AT, Desk


def tamper(store: Store, statement: str) -> None:
    """What somebody with the database itself in his hands does."""
    assert isinstance(store, SqlStore)
    with store.writing() as connection:
        connection.execute(text(statement))


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE case_log SET why = 'other' WHERE seq = 3", 3),
        ("UPDATE case_log SET actor = 'eva' WHERE seq = 4", 4),
        ("UPDATE case_log SET at = at, lon = 1.5 WHERE seq = 2", 2),
        ("UPDATE case_log SET details = NULL WHERE seq = 4", 4),
        ("DELETE FROM case_log WHERE seq = 2", 2),
        ("UPDATE case_log SET seq = 9 - seq WHERE seq IN (4, 5)", 4),
        ("UPDATE case_log SET digest = previous WHERE seq = 5", 5),
    ],
)
def test_every_change_is_seen(desk: Desk, statement: str, broken: int) -> None:
    case = desk.report()
    desk.bring(case, "accepted")
    assert case_log.verify(desk.store, case) == case_log.Verified(5, None, True)
    tamper(desk.store, statement)
    found = case_log.verify(desk.store, case)
    assert not found.whole and found.broken == broken


def test_a_log_that_was_cut_off_does_not_agree_with_its_case(desk: Desk) -> None:
    case = desk.report()
    desk.bring(case, "filed")
    tamper(desk.store, "DELETE FROM case_log WHERE seq = 3")
    assert case_log.verify(desk.store, case) == case_log.Verified(2, None, False)


def test_the_store_refuses_to_change_or_delete(desk: Desk, city: City) -> None:
    case = desk.report()
    spec = city.layer("case_log")
    frame = desk.store.frame(Query("case_log"))
    names = [p.name for p in spec.properties]
    frame["why"] = "other"
    with pytest.raises(StoreError, match="never changed"), desk.store.transaction() as unit:
        unit.upsert(spec, frame[[*names, "geometry"]], at=AT, source="t")
    with pytest.raises(StoreError, match="never changed"), desk.store.transaction() as unit:
        unit.delete(spec, [f"{case}.0001"], at=AT)
    assert case_log.verify(desk.store, case).whole


def test_who_sees_the_case_sees_its_log(desk: Desk) -> None:
    case = desk.report()
    seen = case_log.entries(desk.store, case, desk.desk.audience.scope)
    assert [entry["action"] for entry in seen] == ["report"]
    other = desk.report("2", (-75.075, -42.585))
    assert case_log.entries(desk.store, other, desk.desk.audience.scope) == []


def test_entries_survive_the_store(desk: Desk) -> None:
    """Texts, whole numbers and lists come back as they were, or the chain would not hold."""
    case = desk.report(note="箱子 “boxes”\n½ 🚧")
    details: dict[str, Any] = {"department": "council", "n": 12, "yes": True, "l": ["a", "乙"]}
    desk.bring(case, "filed")
    desk.act(desk.desk, case, "dispatch", details=details, where=(-75.12345678901, -42.6))
    assert case_log.verify(desk.store, case).whole
    assert case_log.entries(desk.store, case)[-1]["details"] == details


def test_an_unknown_case_has_no_log(desk: Desk) -> None:
    assert case_log.verify(desk.store, "none") == case_log.Verified(0, None, True)


def test_a_geopackage_shows_the_log_as_any_layer(city: City, tmp_path: Path) -> None:
    from layers.store import open_store
    from tests.cases.conftest import furnish

    store = open_store(str(tmp_path / "t.gpkg"), city)
    furnish(store, city)
    Desk(store, city).report()
    store.close()
    with sqlite3.connect(tmp_path / "t.gpkg") as connection:
        found = connection.execute("SELECT count(*) FROM gpkg_contents WHERE table_name='case_log'")
        assert found.fetchone() == (1,)
