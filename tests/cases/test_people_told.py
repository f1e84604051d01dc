"""Who reported a case, and its subject, are told by a way that reaches them, or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cases.open311 import read_open311
from cases.people_told import CONTACTS
from cases.service_requests import submit
from layers.city import City
from layers.store.notice import Notice
from layers.store.notices import NoticeRecords
from tests.cases.conftest import AT, Desk
from tests.cases.test_service_requests import SENT, WHO

TEXT = """
channels:
  - {id: inbox, kind: inbox}
  - {id: hook, kind: webhook, url: "https://system.example/"}
  - {id: shops, kind: webhook, url: "https://shops.example/"}
  - {id: post, kind: mail, host: mail.example, sender: onemap@city.example}
retry: {first_s: 5, longest_s: 60, attempts: 3}
templates: {}
subscriptions: [{id: other, channel: hook, states: [merged]}]
"""


@pytest.fixture
def telling(desk: Desk, tiny_copy: Path) -> Desk:
    (tiny_copy / "notices.yaml").write_text(TEXT, encoding="utf-8")
    desk.store.create(desk.city.layer(CONTACTS))
    return Desk(desk.store, City(tiny_copy))


def sent(desk: Desk, email: str) -> str:
    """A report through Open311; the case's id."""
    one = replace(SENT, contact=replace(WHO, email=email))
    with desk.store.transaction() as unit:
        return submit(unit, desk.city, read_open311(desk.city), "app", one, at=AT).case_id


def told(desk: Desk, case: str) -> list[Notice]:
    return [one for one in NoticeRecords(desk.store).listed() if one.about == case]


def test_a_reporter_with_an_address_is_mailed_in_both_languages(telling: Desk) -> None:
    case = sent(telling, "mar@example.net")
    telling.bring(case, "closed")
    (notice,) = told(telling, case)
    assert (notice.channel, notice.recipient, notice.status) == (
        "post", "mar@example.net", "waiting",
    )  # fmt: skip
    assert "已办结" in notice.subject and "Done" in notice.subject
    assert "您反映的事项" in notice.body and "that you reported" in notice.body


def test_a_reporter_without_an_address_is_told_nothing(telling: Desk) -> None:
    case = sent(telling, "")
    telling.bring(case, "closed")
    assert told(telling, case) == []


def test_an_account_reads_it_in_its_inbox(telling: Desk) -> None:
    case = telling.report(reporter="juan")
    telling.bring(case, "closed")
    (notice,) = told(telling, case)
    assert (notice.channel, notice.recipient, notice.status) == ("inbox", "juan", "sent")


def test_another_node_has_no_inbox_here(telling: Desk) -> None:
    case = telling.report(reporter="peer:mainland")
    telling.bring(case, "closed")
    assert told(telling, case) == []
