"""Reports through Open311: opened once, followed by everybody, contacts told to few."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cases.case_log import entries, verify
from cases.following import Wanted, find, public_text
from cases.open311 import Open311, read_open311
from cases.people_told import CONTACTS
from cases.refusals import IncompleteError, NotAllowedError, UnknownCaseError
from cases.service_requests import (
    Contact,
    Submission,
    Submitted,
    UnknownServiceError,
    case_of_token,
    contact_of,
    submit,
)
from layers.city import City
from layers.errors import DeclarationError
from layers.query import Query
from tests.cases.conftest import AT, LIGHTHOUSE, OLD_HARBOUR, Desk, person

WHO = Contact("Mar", "Sol", "mar@example.net", "+56 9 1234 5678", "device-1", "acc")
SENT = Submission("STREET-1", OLD_HARBOUR, description="Crates on the pavement", contact=WHO)


@pytest.fixture
def declared(city: City) -> Open311:
    return read_open311(city)


@pytest.fixture
def door(desk: Desk, declared: Open311) -> Door:
    desk.store.create(desk.city.layer(CONTACTS))
    return Door(desk, declared)


class Door:
    def __init__(self, desk: Desk, declared: Open311) -> None:
        self.desk, self.declared = desk, declared

    def send(self, sent: Submission = SENT, app: str = "app", at: datetime = AT) -> Submitted:
        with self.desk.store.transaction() as unit:
            return submit(unit, self.desk.city, self.declared, app, sent, at=at)

    def seen(self, **wanted: object) -> list[str]:
        asked = Wanted(**wanted)  # type: ignore[arg-type]
        found = find(self.desk.store, self.desk.city, self.declared, asked)
        return [one.case_id for one in found]


class TestReporting:
    def test_a_report_becomes_a_case(self, door: Door) -> None:
        made = door.send()
        (row,) = door.desk.store.frame(Query("case_event")).to_dict("records")
        assert row["case_id"] == made.case_id and row["state"] == "found"
        assert row["origin"] == "public" and row["jurisdiction"] == "PS-OH"
        assert row["note"] == "Crates on the pavement"
        assert row["reporter"] == f"open311:{made.token}"
        assert verify(door.desk.store, made.case_id).whole
        assert case_of_token(door.desk.store, made.token) == made.case_id
        assert case_of_token(door.desk.store, "' OR 1=1 --") is None

    def test_nothing_personal_is_in_case_or_log(self, door: Door) -> None:
        made = door.send()
        door.desk.bring(made.case_id, "closed")
        rows = door.desk.store.frame(Query("case_event")).to_dict("records")
        text = str(rows) + str(entries(door.desk.store, made.case_id))
        for private in ("Mar", "Sol", "mar@example.net", "9 1234 5678", "device-1"):
            assert private not in text

    def test_the_same_again_is_one_report_for_a_while(self, door: Door) -> None:
        first, again = door.send(), door.send(at=AT + timedelta(minutes=59))
        assert (again.case_id, again.token, again.acted) == (first.case_id, first.token, None)
        others = [
            door.send(at=AT + timedelta(minutes=61)),
            door.send(app="another"),
            door.send(replace(SENT, description="More crates")),
            door.send(replace(SENT, contact=replace(WHO, device_id="device-2"))),
        ]
        assert len({first.case_id, *(one.case_id for one in others)}) == 5

    def test_what_does_not_fit_is_refused_and_leaves_nothing(self, door: Door) -> None:
        wrong = [
            (replace(SENT, place=None), "lat"),
            (replace(SENT, place=(10.0, 10.0)), "where"),
            (replace(SENT, place=None, address="Anchor Street 40"), "address_string"),
            (replace(SENT, place=None, address_id="'; DROP TABLE x"), "address_id"),
            (replace(SENT, description="x" * 4001), "description"),
            (replace(SENT, description="nul\x00"), "description"),
            (replace(SENT, contact=replace(WHO, email="no address")), "email"),
            (replace(SENT, contact=replace(WHO, phone="5" * 201)), "phone"),
            (replace(SENT, media_url="javascript:alert(1)"), "media_url"),
            (replace(SENT, media_url="http://user:secret@example.net/"), "media_url"),
            (replace(SENT, media_url="http://[broken"), "media_url"),
            (replace(SENT, attributes={"SIZE": ("1",)}), "attribute[SIZE]"),
        ]
        for sent, field in wrong:
            with pytest.raises(IncompleteError) as refusal:
                door.send(sent)
            assert refusal.value.field == field
        assert door.desk.store.count(Query("case_event")) == 0
        assert door.desk.store.count(Query(CONTACTS)) == 0

    def test_what_may_not_be_reported_is_not_found(self, door: Door) -> None:
        for code in ("NONE-1", "", "../STREET-1"):
            with pytest.raises(UnknownServiceError):
                door.send(replace(SENT, service_code=code))
        street = door.declared.model_copy(update={"kinds": ("STREET",)})
        with pytest.raises(UnknownServiceError):
            Door(door.desk, street).send(replace(SENT, service_code="SEA-1"))

    def test_texts_are_kept_as_they_are(self, door: Door) -> None:
        words = "Robert'); DROP TABLE case_event;-- <b>占道</b>\n{case} %s"
        made = door.send(replace(SENT, description=words))
        asked = Wanted(ids=(made.case_id,))
        (shown,) = find(door.desk.store, door.desk.city, door.declared, asked)
        assert shown.description == words


class TestContacts:
    def test_staff_who_screen_or_dispatch_are_told(self, door: Door) -> None:
        made, desk = door.send(), door.desk
        with desk.store.transaction() as unit:
            assert contact_of(unit, desk.city, desk.desk, made.case_id) == WHO
            with pytest.raises(NotAllowedError):
                contact_of(unit, desk.city, desk.ana, made.case_id)
            other = person(desk.city, "otto", "duty_desk", "PS-LP")
            with pytest.raises(UnknownCaseError):
                contact_of(unit, desk.city, other, made.case_id)

    def test_a_case_of_the_desk_has_none(self, door: Door) -> None:
        case = door.desk.report()
        with door.desk.store.transaction() as unit:
            assert contact_of(unit, door.desk.city, door.desk.desk, case) is None

    def test_no_audience_reads_the_layer(self, city: City) -> None:
        spec = city.layer(CONTACTS)
        assert not spec.has_geometry, "rows with places would be counted by cells"
        for role in city.roles.roles:
            assert not person(city, "x", role).audience.sees(spec)


class TestFollowing:
    def test_the_reporter_sees_public_steps_only(self, door: Door) -> None:
        made, desk = door.send(), door.desk
        desk.bring(made.case_id, "accepted")
        desk.act(desk.ana, made.case_id, "return", why="SECRET note of staff")
        (shown,) = find(desk.store, desk.city, door.declared, Wanted(ids=(made.case_id,)))
        assert (shown.status, shown.notes.en, shown.notes.zh) == ("open", "Filed", "立案")
        assert shown.agency is not None and shown.agency.en == "Town council"
        assert "SECRET" not in str(shown) and "ana" not in str(shown)

    def test_the_last_words_are_meant_for_the_reporter(self, door: Door) -> None:
        made, desk = door.send(), door.desk
        desk.bring(made.case_id, "checked")
        late = AT + timedelta(hours=3)
        desk.act(desk.eva, made.case_id, "close", why="Crates are gone", at=late)
        (shown,) = find(desk.store, desk.city, door.declared, Wanted(ids=(made.case_id,)))
        assert (shown.status, shown.notes.en) == ("closed", "Closed: Crates are gone")
        assert shown.updated == late and shown.requested == AT

    def test_words_of_a_rejected_report_are_not_shown(self, door: Door) -> None:
        made, desk = door.send(replace(SENT, media_url="https://example.net/a.jpg")), door.desk
        (before,) = find(desk.store, desk.city, door.declared, Wanted())
        assert before.description and before.media_url == "https://example.net/a.jpg"
        desk.act(desk.desk, made.case_id, "reject_false", why="abuse")
        (after,) = find(desk.store, desk.city, door.declared, Wanted())
        assert (after.status, after.description, after.media_url) == ("closed", "", "")

    def test_words_can_be_kept_back_until_somebody_has_looked(self, door: Door) -> None:
        made, desk = door.send(), door.desk
        strict = door.declared.model_copy(update={"shown_unscreened": False})
        (before,) = find(desk.store, desk.city, strict, Wanted())
        desk.act(desk.desk, made.case_id, "confirm")
        (after,) = find(desk.store, desk.city, strict, Wanted())
        assert (before.description, after.description) == ("", SENT.description)

    def test_only_reports_of_this_door_are_shown(self, door: Door) -> None:
        own, inside = door.send().case_id, door.desk.report()
        assert door.seen() == [own]
        assert door.seen(ids=(inside,)) == []

    def test_all_conditions_hold_together(self, door: Door) -> None:
        near = door.send().case_id
        far = door.send(replace(SENT, place=LIGHTHOUSE), at=AT + timedelta(days=1)).case_id
        sea = door.send(replace(SENT, service_code="SEA-1"), at=AT + timedelta(days=2)).case_id
        door.desk.bring(near, "closed")
        assert door.seen() == [sea, far, near]
        assert door.seen(offset=1, limit=1) == [far]
        assert door.seen(statuses=("closed",)) == [near]
        assert door.seen(statuses=("open",)) == [sea, far]
        assert door.seen(statuses=("open", "closed")) == [sea, far, near]
        assert door.seen(codes=("SEA-1", "' OR 1=1")) == [sea]
        assert door.seen(start=AT + timedelta(hours=1), end=AT + timedelta(days=1)) == [far]
        assert door.seen(near=(*OLD_HARBOUR, 500.0)) == [sea, near]
        assert door.seen(near=(*OLD_HARBOUR, 500.0), statuses=("open",)) == [sea]

    @pytest.mark.parametrize(
        ("said", "shown"),
        [
            ("call 13800000000, 请联系13800000000", "call •••, 请联系•••"),
            ("+86 138-0000-0000 or a.b+c@mail.example.cn.", "••• or •••."),
            ("at number 406, 20 crates since 2021", "at number 406, 20 crates since 2021"),
        ],
    )
    def test_ways_to_reach_somebody_are_hidden(self, said: str, shown: str) -> None:
        assert public_text(said) == shown


class TestDeclaration:
    def test_applications_are_known_by_the_digest_of_their_key(self, declared: Open311) -> None:
        import hashlib

        keys = [{"id": "app", "digest_env": "KEY_APP"}, {"id": "other", "digest_env": "KEY_OTHER"}]
        with_keys = Open311.model_validate(declared.model_dump() | {"keys": keys})
        environment = {"KEY_APP": hashlib.sha256(b"geheim").hexdigest(), "KEY_OTHER": ""}
        assert with_keys.application("geheim", environment) == "app"
        for wrong in ("", "-", "Geheim", environment["KEY_APP"], "geheim\n"):
            assert with_keys.application(wrong, environment) is None

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("kinds: [NONE]", "NONE"),
            ("keys: [{id: app, digest: abc}]", "digest_env"),
            ("addresses: {layer: nowhere, text: [road]}", "nowhere"),
            ("limits: {address_per_hour: 0, key_per_hour: 1}", "address_per_hour"),
            ("changeset: yesterday", "changeset"),
            ("attributes: [{kinds: [S], code: A, title: {en: a, zh: a}, datatype: multivaluelist}]",
             "values"),
        ],
    )  # fmt: skip
    def test_mistakes_are_told_with_their_place(
        self, tiny_copy: Path, text: str, reason: str
    ) -> None:
        (tiny_copy / "open311.yaml").write_text(text + "\n", encoding="utf-8")
        with pytest.raises(DeclarationError, match=reason):
            read_open311(City(tiny_copy))

    def test_further_questions_are_answered_or_the_report_is_refused(
        self, tiny_copy: Path, door: Door
    ) -> None:
        text = """
attributes:
  - {kinds: [STREET], code: SIZE, title: {en: How many, zh: 数量}, datatype: number, required: true}
  - kinds: [STREET]
    code: KIND
    title: {en: What, zh: 何物}
    datatype: singlevaluelist
    values: [{key: c, name: {en: Crates, zh: 箱子}}]
"""
        (tiny_copy / "open311.yaml").write_text(text, encoding="utf-8")
        asking = Door(door.desk, read_open311(City(tiny_copy)))
        for wrong in (
            {},
            {"SIZE": ("many",)},
            {"SIZE": ("1", "2")},
            {"SIZE": ("1",), "KIND": ("x",)},
        ):
            with pytest.raises(IncompleteError):
                asking.send(replace(SENT, attributes=wrong))
        asking.send(replace(SENT, attributes={"SIZE": ("3",), "KIND": ("c",)}))
        (shown,) = find(door.desk.store, door.desk.city, asking.declared, Wanted())
        assert shown.description.splitlines()[1:] == ["数量 How many: 3", "何物 What: 箱子 Crates"]

    def test_the_demo_city_declares_its_own(self, pudong_folder: Path) -> None:
        city = City(pudong_folder)
        codes = [one.code for one in read_open311(city).services(city)]
        assert "0504" in codes and "2164" in codes and "2101" not in codes


def test_addresses_lead_to_places(pudong_folder: Path, tmp_path: Path) -> None:
    import geopandas as gpd
    import shapely

    from cases.addresses import place_of_id, place_of_text
    from layers.store import open_store

    city = City(pudong_folder)
    addresses, spec = read_open311(city).addresses, city.layer("address")
    store = open_store(str(tmp_path / "s.gpkg"), city)
    store.create(spec)
    rows = gpd.GeoDataFrame(
        {"address_id": ["a", "b"], "road": ["春晖路", "晖路"], "number_zh": ["406号", "6号"]},
        geometry=[shapely.Point(121.57, 31.33), shapely.Point(121.5, 31.2)], crs="EPSG:4326",
    )  # fmt: skip
    with store.transaction() as unit:
        unit.upsert(spec, rows, at=datetime(2021, 1, 1, tzinfo=UTC), source="test")
    assert place_of_id(store, addresses, "b") == pytest.approx((121.5, 31.2))
    assert place_of_text(store, addresses, "高桥镇 春晖路 406号") == pytest.approx((121.57, 31.33))
    for unknown in ("春晖路407号", "406号", "", "x" * 500, "' OR 1=1"):
        with pytest.raises(IncompleteError):
            place_of_text(store, addresses, unknown)
    store.close()
