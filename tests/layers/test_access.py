"""Roles, subtrees and accounts: who is let in, as what."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import geopandas as gpd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from layers.accounts import FILE, Accounts
from layers.city import City
from layers.errors import DeclarationError, OnemapError
from layers.query import Query, Scope
from layers.roles import Account
from layers.store import Store
from layers.subtrees import prefixes

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("parents", "expected"),
    [
        ({"12": None, "1201": "12", "1202": "12"}, {"12": "12", "1201": "1201", "1202": "1202"}),
        # Zeros at the end stand for the whole unit.
        ({"120000": None, "120400": "120000", "120401": "120400", "120500": "120000"},
         {"120000": "12", "120400": "1204", "120401": "120401", "120500": "1205"}),
        # 1210 without its zero would take in its neighbour 1211.
        ({"12": None, "1210": "12", "1211": "12"}, {"12": "12", "1210": "1210", "1211": "1211"}),
        ({"PS": None, "PS-A": "PS", "PS-AB": "PS"}, {"PS": "PS", "PS-A": None, "PS-AB": "PS-AB"}),
    ],
)  # fmt: skip
def test_a_prefix_marks_a_subtree_and_nothing_else(
    parents: dict[str, str | None], expected: dict[str, str | None]
) -> None:
    assert prefixes(parents) == expected


@given(st.sets(st.text("0123", min_size=1, max_size=5), min_size=1, max_size=30))
def test_what_a_prefix_takes_in_is_the_subtree(codes: set[str]) -> None:
    parents = {
        code: max((c for c in codes if c != code and code.startswith(c)), key=len, default=None)
        for code in codes
    }

    def lies_in(code: str | None, unit: str) -> bool:
        return code is not None and (code == unit or lies_in(parents[code], unit))

    for unit, prefix in prefixes(parents).items():
        if prefix is not None:
            assert {c for c in codes if c.startswith(prefix)} == {
                c for c in codes if lies_in(c, unit)
            }


def test_a_city_whose_codes_mark_off_no_subtree_is_refused(tiny_copy: Path) -> None:
    path = tiny_copy / "jurisdictions.yaml"
    units = yaml.safe_load(path.read_text("utf-8"))
    town = {"code": "PS-OHX", "title": {"en": "X", "zh": "X"}, "level": "town", "parent": "PS"}
    units["jurisdictions"].append(town)
    path.write_text(yaml.safe_dump(units, allow_unicode=True), "utf-8")
    with pytest.raises(DeclarationError, match="PS-OH"):
        City(tiny_copy)


def test_an_audience_is_role_subtree_and_department(tiny_folder: Path) -> None:
    city = City(tiny_folder)
    account = Account(
        name="ana", role="officer", jurisdictions=("PS-OH",), departments=("harbour_master",)
    )
    audience = city.roles.audience(account)
    assert audience.scope == Scope(("PS-OH",), ("harbour_master",))
    marks, camera = city.layer("navigation_mark"), city.layer("camera")
    own = camera.model_copy(update={"sensitivity": "restricted", "owner": "harbour_master"})
    other = own.model_copy(update={"owner": "police"})
    assert audience.sees(marks) and audience.sees(own) and not audience.sees(other)
    assert audience.edits(own) and not audience.edits(other)
    viewer = city.roles.audience(Account(name="bo", role="viewer"))
    assert viewer.scope == Scope() and not viewer.sees(own) and not viewer.edits(marks)
    assert audience.name != viewer.name


@pytest.mark.parametrize(
    "wrong",
    [{"role": "king"}, {"jurisdictions": ("PS-XX",)}, {"departments": ("navy",)}],
    ids=["role", "unit", "department"],
)
def test_an_account_that_names_what_is_not_declared_lets_nobody_in(
    tiny_folder: Path, wrong: dict[str, object]
) -> None:
    account = Account.model_validate({"name": "x", "role": "viewer"} | wrong)
    with pytest.raises(OnemapError, match="declared"):
        City(tiny_folder).roles.audience(account)


def test_a_role_never_reads_persons(tiny_copy: Path) -> None:
    role = {"id": "spy", "title": {"en": "Spy", "zh": "间谍"}, "reads": ["personal"]}
    (tiny_copy / "access.yaml").write_text(yaml.safe_dump({"roles": [role]}), "utf-8")
    with pytest.raises(DeclarationError, match="personal"):
        City(tiny_copy)


def test_app_passwords_are_kept_as_digests_in_a_private_file(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path / "access")
    assert not accounts and accounts.all() == []
    accounts.put(Account(name="ana", role="viewer"))
    first, second = accounts.new_secret("ana"), accounts.new_secret("ana")
    file = tmp_path / "access" / FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert first not in file.read_text() and second not in file.read_text()
    for secret in (first, second):
        assert accounts.verify("ana", secret) == accounts.find("ana")
    assert accounts.verify("ana", first[:-1]) is accounts.verify("bo", first) is None
    assert accounts.verify("bo", "") is accounts.verify("ana", "") is None
    # Another process sees a change at once.
    assert Accounts(tmp_path / "access").drop_secrets("ana") == 2
    assert accounts.verify("ana", first) is None and accounts


def test_a_file_that_cannot_be_read_opens_no_door(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{")
    with pytest.raises(OnemapError, match="can't be read"):
        bool(Accounts(tmp_path))


def test_an_account_ends(tmp_path: Path) -> None:
    account = Account(name="ana", role="viewer", expires=NOW)
    assert account.stands(NOW - timedelta(seconds=1)) and not account.stands(NOW)
    assert not account.model_copy(update={"disabled": True, "expires": None}).stands(NOW)


def test_findings_are_seen_by_the_departments_that_they_are_routed_to(
    store: Store, tiny_city: City
) -> None:
    spec = tiny_city.layer("alert")
    routed = {"a": "police,council", "b": "council", "c": None, "d": "police_2", "e": "x%,_"}
    rows = gpd.GeoDataFrame(
        {
            "alert_id": list(routed),
            "departments": list(routed.values()),
            **dict.fromkeys(("rule", "rule_version", "event_type", "subject"), "x"),
            "start_time": NOW,
        },
        geometry=gpd.GeoSeries([None] * len(routed), crs="EPSG:4326"),
    )
    store.create(spec)
    with store.transaction() as writing:
        writing.upsert(spec, rows, at=NOW, source="test")

    def seen(*departments: str) -> list[str]:
        query = Query("alert", scope=Scope(departments=departments))
        assert store.count(query) == len(store.page(query).fids)
        return store.page(query).fids

    assert seen("police") == ["a"] and seen("council") == ["a", "b"]
    assert seen("police", "police_2") == ["a", "d"]
    assert seen() == seen("%") == seen("p_lice") == seen("") == []
    assert len(store.page(Query("alert")).fids) == 5
