"""Other systems are told of steps that meet their filter, once each, and of nothing personal."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from cases.acting import act
from cases.channels.http import Webhook
from cases.joint import conclude_part, conclude_task, open_task
from cases.notices import HttpChannel, NoticeDeclaration, read_notices
from cases.opening import write_cases
from cases.subscriptions import notices_of
from layers.city import City
from layers.errors import DeclarationError
from layers.store.notices import NoticeRecords
from layers.text import Text
from tests.cases.conftest import AT, OLD_HARBOUR, Desk
from tests.cases.receiver import receiving
from tests.cases.test_opening import event

TEXT = """
channels: [{id: inbox, kind: inbox}, {id: hook, kind: webhook, url: "https://system.example/"}]
retry: {first_s: 5, longest_s: 60, attempts: 3}
templates: {}
subscriptions:
  - {id: everything, channel: hook}
  - {id: streets, channel: hook, event_types: [STREET]}
  - {id: sea, channel: hook, event_types: [SEA]}
  - {id: sent, channel: hook, states: [dispatched, closed]}
  - {id: council, channel: hook, departments: [council]}
  - {id: harbour, channel: hook, unit: PS-OH}
  - {id: point, channel: hook, unit: PS-LP}
"""


def declared_in(folder: Path, text: str = TEXT) -> NoticeDeclaration:
    (folder / "notices.yaml").write_text(text, encoding="utf-8")
    return read_notices(City(folder))


@pytest.fixture
def telling(desk: Desk, tiny_copy: Path) -> Desk:
    """The same store, of a city that other systems want to know of."""
    declared_in(tiny_copy)
    return Desk(desk.store, City(tiny_copy))


def told_of(desk: Desk) -> list[tuple[str, str]]:
    """Subscribers and what they were told, without what they were told of reports."""
    listed = [one for one in NoticeRecords(desk.store).listed() if one.channel == "hook"]
    said = [(one.recipient, one.subject.partition(" ")[0]) for one in listed]
    return sorted(one for one in said if one[1] != "report")


def test_filters_choose_who_is_told(desk: Desk, tiny_copy: Path) -> None:
    declared, case = declared_in(tiny_copy), desk.report()
    told = {}
    for action, more in (
        ("confirm", {}),
        ("file", {}),
        ("dispatch", {"details": {"department": "council"}}),
    ):
        acted = desk.act(desk.desk, case, action, **more)
        told[action] = [one.recipient for one in notices_of(desk.city, acted.entry, declared)]
    always = ["everything", "streets", "council", "harbour"]
    assert told["confirm"] == always
    assert told["dispatch"] == ["everything", "streets", "sent", "council", "harbour"]


def test_a_step_is_told_once(telling: Desk) -> None:
    case = telling.report()
    for _ in range(2):
        telling.act(telling.desk, case, "confirm", key="a")
    always = ("everything", "harbour", "streets")
    assert told_of(telling) == [(one, "confirm") for one in always]


def test_a_step_that_failed_tells_nobody(telling: Desk) -> None:
    case = telling.report()
    with pytest.raises(RuntimeError), telling.store.transaction() as unit:
        act(unit, telling.city, telling.desk, case, "confirm", at=AT)
        raise RuntimeError
    assert told_of(telling) == []


def test_what_a_rule_found_and_a_joint_task_closed_is_told(telling: Desk) -> None:
    case = telling.report()
    telling.act(telling.chief, case, "confirm")
    with telling.store.transaction() as unit:
        write_cases(unit, telling.city, [event("725000001")], at=AT)
        task = open_task(unit, telling.city, telling.chief, [case], departments={"council": "x"},
                         title=Text(en="t", zh="t"), at=AT, key="t")  # fmt: skip
        conclude_part(unit, telling.city, telling.chief, task["task_id"], "council", "done",
                      at=AT, why="done")  # fmt: skip
        conclude_task(unit, telling.city, telling.chief, task["task_id"], at=AT)
    told = told_of(telling)
    assert ("sea", "find") in told and ("streets", "find") not in told
    assert ("streets", "conclude") in told and ("sent", "conclude") in told


def test_a_webhook_is_sent_a_document_without_people(desk: Desk, tiny_copy: Path) -> None:
    declared = declared_in(tiny_copy)
    case = desk.report(note="SECRET words", reporter="open311:private")
    desk.bring(case, "handling")
    acted = desk.act(desk.ana, case, "return", why="SECRET reason")
    notice = notices_of(desk.city, acted.entry, declared)[0]
    with receiving() as receiver:
        hook = Webhook(HttpChannel(id="hook", kind="webhook", url=receiver.url), {})
        hook.send(notice)
        hook.close()
    (_, told) = receiver.came[0]
    assert told["type"] == "case.transition"
    content = told["data"]
    assert isinstance(content, dict)
    assert (content["before"], content["after"]) == ("handling", "filed")
    assert content["place"] == pytest.approx(list(OLD_HARBOUR))
    assert content["digest"] == acted.entry["digest"] and content["entry"] == acted.version
    for private in (b"SECRET", b"ana", b"private"):
        assert private not in orjson.dumps(told)


@pytest.mark.parametrize(
    ("find", "put", "reason"),
    [
        ("channel: hook, unit: PS-LP", "channel: inbox", "no webhook"),
        ("channel: hook, unit: PS-LP", "channel: nowhere", "no webhook"),
        ("PS-LP", "PS-XX", "no unit 'PS-XX'"),
        ("[council]", "[nobody]", "no department 'nobody'"),
        ("[dispatched, closed]", "[gone]", "states"),
        ("id: sea", "id: streets", "same id"),
    ],
)
def test_mistakes_are_told_with_their_place(
    tiny_copy: Path, find: str, put: str, reason: str
) -> None:
    with pytest.raises(DeclarationError, match=reason):
        declared_in(tiny_copy, TEXT.replace(find, put))
