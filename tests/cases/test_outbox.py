"""Notices: made from declared words, sent at least once, told apart by their key."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cases.channels import open_channels
from cases.channels.channel import Channel, DeliveryError
from cases.notices import UnknownTemplateError, compose, read_notices
from cases.outbox import Delivered, Outbox
from layers.city import City
from layers.errors import DeclarationError, OnemapError
from layers.store import Store, open_store
from layers.store.notice import Notice
from layers.store.notices import NoticeRecords
from layers.text import Text
from tests.cases.receiver import receiving
from tests.postgis import fresh_database

AT = datetime(2021, 3, 5, 12, tzinfo=UTC)
CHANNELS = """
channels:
  - {{id: inbox, kind: inbox}}
  - {{id: sms, kind: sms, url: "{url}", secret_env: SMS_TOKEN}}
  - {{id: hook, kind: webhook, url: "{url}", secret_env: HOOK_SECRET}}
retry: {{first_s: 5, longest_s: 60, attempts: 3}}
templates:
  put_right:
    subject: {{en: "Put right", zh: "整改"}}
    body: {{en: "{{matter}} at {{place}}", zh: "{{place}}：{{matter}}"}}
"""
SECRETS = {"SMS_TOKEN": "token", "HOOK_SECRET": "whsec_" + base64.b64encode(b"key").decode()}


class Clock:
    def __init__(self) -> None:
        self.now = AT

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def city(tiny_folder: Path) -> City:
    return City(tiny_folder)


@pytest.fixture(params=["geopackage", pytest.param("postgis", marks=pytest.mark.postgis)])
def store(request: pytest.FixtureRequest, city: City, tmp_path: Path) -> Iterator[Store]:
    if request.param == "postgis":
        with fresh_database(request.getfixturevalue("postgis_server")) as url:
            opened = open_store(url, city)
            yield opened
            opened.close()
    else:
        opened = open_store(str(tmp_path / "s.gpkg"), city)
        yield opened
        opened.close()


def notice(number: int = 1, channel: str = "sms", due: datetime = AT) -> Notice:
    return Notice(f"k{number:04d}", channel, "13800000000", "case", "t", "s", "b", AT, due)


class TestWords:
    def test_a_language_is_chosen_and_texts_are_said_in_it(self, city: City) -> None:
        declared = read_notices(city)
        fields = {"matter": Text(en="Goods outside", zh="跨门经营"), "place": "406", "case": "c1"}
        made = {
            language: compose(
                declared, "put_right", channel="inbox", recipient="li", about="c1", occasion="3",
                fields=fields, language=language, at=AT,
            )
            for language in ("en", "zh")
        }  # fmt: skip
        assert "跨门经营" in made["zh"].body and "Goods outside" in made["en"].body
        assert made["zh"].key == made["en"].key

    def test_another_occasion_is_another_notice(self, city: City) -> None:
        declared = read_notices(city)
        keys = {
            compose(
                declared, "closed", channel="inbox", recipient=who, about="c1", occasion=occasion,
                fields={}, language="zh", at=AT,
            ).key
            for who in ("li", "wang") for occasion in ("1", "2")
        }  # fmt: skip
        assert len(keys) == 4

    def test_unknown_words_are_told(self, city: City) -> None:
        with pytest.raises(UnknownTemplateError, match="put_right"):
            compose(
                read_notices(city), "thanks", channel="inbox", recipient="li", about="c",
                occasion="1", fields={}, language="en", at=AT,
            )  # fmt: skip

    @pytest.mark.parametrize(
        ("find", "put", "reason"),
        [
            ("{matter} at", "{phone} at", "no field '{phone}'"),
            ("kind: inbox", "kind: pigeon", "pigeon"),
            ("id: sms", "id: inbox", "same id"),
            ("127.0.0.1", "gateway.example", "https"),
        ],
    )
    def test_mistakes_are_told_with_their_place(
        self, tiny_copy: Path, find: str, put: str, reason: str
    ) -> None:
        text = CHANNELS.format(url="http://127.0.0.1:9/").replace(find, put)
        (tiny_copy / "notices.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(DeclarationError, match=reason):
            read_notices(City(tiny_copy))

    def test_a_secret_that_is_not_set_is_named(self, tiny_copy: Path) -> None:
        text = CHANNELS.format(url="http://127.0.0.1:9/")
        (tiny_copy / "notices.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(OnemapError, match="SMS_TOKEN"):
            open_channels(read_notices(City(tiny_copy)), {})


class TestOutbox:
    def outbox(self, store: Store, tiny_copy: Path, url: str, clock: Clock) -> Outbox:
        (tiny_copy / "notices.yaml").write_text(CHANNELS.format(url=url), encoding="utf-8")
        declared = read_notices(City(tiny_copy))
        channels = open_channels(declared, SECRETS)
        return Outbox(NoticeRecords(store), channels, declared.retry, clock)

    def test_a_notice_is_kept_with_the_change_or_not_at_all(self, store: Store) -> None:
        with pytest.raises(RuntimeError), store.transaction() as unit:
            unit.put_notices([notice(1)])
            raise RuntimeError
        with store.transaction() as unit:
            assert unit.put_notices([notice(2), notice(3)]) == 2
            assert unit.put_notices([notice(3)]) == 0
        assert [one.key for one in NoticeRecords(store).listed()] == ["k0002", "k0003"]

    def test_goes_out_once(self, store: Store, tiny_copy: Path) -> None:
        records, clock = NoticeRecords(store), Clock()
        records.put([notice(n) for n in range(120)])
        with receiving() as receiver:
            outbox = self.outbox(store, tiny_copy, receiver.url, clock)
            assert outbox.deliver() == Delivered(sent=120)
            assert outbox.deliver() == Delivered()
            outbox.close()
        assert sorted(receiver.keys) == [f"k{n:04d}" for n in range(120)]
        assert receiver.came[0][1] == {"to": "13800000000", "text": "b", "key": receiver.keys[0]}
        assert receiver.came[0][0]["authorization"] == "Bearer token"

    def test_is_tried_again_later_and_later_and_then_given_up(
        self, store: Store, tiny_copy: Path
    ) -> None:
        records, clock = NoticeRecords(store), Clock()
        records.put([notice()])
        with receiving() as receiver:
            receiver.answers = [503, 500, 429]
            outbox = self.outbox(store, tiny_copy, receiver.url, clock)
            assert outbox.deliver() == Delivered(postponed=1)
            assert outbox.deliver() == Delivered()
            first = records.next_due(["sms"])
            assert first is not None and timedelta(seconds=4) <= first - AT < timedelta(seconds=7)
            clock.now = first
            assert outbox.deliver() == Delivered(postponed=1)
            second = records.next_due(["sms"])
            assert second is not None and second - first > timedelta(seconds=7)
            clock.now = second
            assert outbox.deliver() == Delivered(failed=1)
            failed = records.listed(status="failed")
            assert failed[0].attempts == 3 and "429" in str(failed[0].fault)
            assert records.again(["k0001"], clock.now) == 1
            assert outbox.deliver() == Delivered(sent=1)
            outbox.close()

    def test_a_refusal_is_not_repeated(self, store: Store, tiny_copy: Path) -> None:
        records = NoticeRecords(store)
        records.put([notice()])
        with receiving() as receiver:
            receiver.answers = [422]
            outbox = self.outbox(store, tiny_copy, receiver.url, Clock())
            assert outbox.deliver() == Delivered(failed=1)
            outbox.close()

    def test_nobody_home_is_no_loss(self, store: Store, tiny_copy: Path) -> None:
        records = NoticeRecords(store)
        records.put([notice()])
        outbox = self.outbox(store, tiny_copy, "http://127.0.0.1:9/", Clock())
        assert outbox.deliver() == Delivered(postponed=1)
        outbox.close()
        assert records.counts() == {"waiting": 1}

    def test_what_is_being_sent_is_not_sent_by_another(self, store: Store) -> None:
        records = NoticeRecords(store)
        records.put([notice(1), notice(2, due=AT + timedelta(hours=1))])
        hold = timedelta(minutes=10)
        assert [one.key for one in records.take(["sms"], AT, hold, 10)] == ["k0001"]
        assert records.take(["sms"], AT + timedelta(minutes=9), hold, 10) == []
        later = records.take(["sms"], AT + timedelta(minutes=10), hold, 10)
        assert [one.key for one in later] == ["k0001"], "its sender died"

    def test_a_webhook_is_signed(self, store: Store, tiny_copy: Path) -> None:
        NoticeRecords(store).put([notice(channel="hook")])
        with receiving() as receiver:
            outbox = self.outbox(store, tiny_copy, receiver.url, Clock())
            assert outbox.deliver() == Delivered(sent=1)
            outbox.close()
        headers = receiver.came[0][0]
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode()
        own = hmac.new(b"key", signed + receiver.raw[0], hashlib.sha256).digest()
        assert headers["webhook-signature"] == "v1," + base64.b64encode(own).decode()
        assert headers["webhook-id"] == "k0001"

    def test_the_inbox_shows_what_is_ones_own_until_it_is_seen(
        self, store: Store, tiny_copy: Path
    ) -> None:
        records = NoticeRecords(store)
        records.put([notice(1, "inbox"), notice(2, "inbox"), notice(3)])
        with receiving() as receiver:
            outbox = self.outbox(store, tiny_copy, receiver.url, Clock())
            outbox.deliver()
            outbox.close()
        mine = records.inbox("inbox", "13800000000")
        assert [one.key for one in mine] == ["k0001", "k0002"]
        assert records.inbox("inbox", "somebody") == []
        assert records.seen("somebody", ["k0001"], AT) == 0
        assert records.seen("13800000000", ["k0001"], AT) == 1
        assert [one.seen for one in records.inbox("inbox", "13800000000")] == [AT, None]

    def test_one_fault_does_not_hold_up_the_others(self, store: Store) -> None:
        class Broken(Channel):
            def send(self, notice: Notice) -> None:
                if notice.key == "k0002":
                    raise DeliveryError("broken")

        records = NoticeRecords(store)
        records.put([notice(n) for n in (1, 2, 3)])
        retry = read_notices(City(Path("tests/cities/tiny"))).retry
        outbox = Outbox(records, {"sms": Broken()}, retry, Clock())
        assert outbox.deliver() == Delivered(sent=2, postponed=1)
