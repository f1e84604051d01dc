"""Other systems are told of steps that meet their filter, once each, and of nothing personal."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from cases.acting import act
from cases.channels.http import Webhook
from cases.notices import HttpChannel, NoticeDeclaration, read_notices
from cases.subscriptions import notices_of
from layers.city import City
from layers.errors import DeclarationError
from layers.store.notices import NoticeRecords
from tests.cases.conftest import AT, OLD_HARBOUR, Desk
from tests.cases.receiver import receiving

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


def test_filters_choose_who_is_told(desk: Desk, tiny_copy: Path) -> None:
    declared, case = declared_in(tiny_copy), desk.report()
    told = {}
    for action, more in (
        ("confirm", {}),
        ("file", {}),
        ("dispatch", {"details": {"department": "council"}}),
    ):
        acted = desk.act(desk.desk, case, action, **more)
        told[action] = [one.recipient for one in notices_of(desk.city, acted, declared)]
    always = ["everything", "streets", "council", "harbour"]
    assert told["confirm"] == always
    assert told["dispatch"] == ["everything", "streets", "sent", "council", "harbour"]


def test_a_step_is_told_once(desk: Desk, tiny_copy: Path) -> None:
    declared, case = declared_in(tiny_copy), desk.report()
    for key in ("a", "a", None):
        with desk.store.transaction() as unit:
            action = "confirm" if key else "file"
            acted = act(unit, desk.city, desk.desk, case, action, at=AT, key=key)
            unit.put_notices(notices_of(desk.city, acted, declared))
    listed = NoticeRecords(desk.store).listed()
    assert len(listed) == len({one.key for one in listed}) == 8


def test_a_step_that_failed_tells_nobody(desk: Desk, tiny_copy: Path) -> None:
    declared, case = declared_in(tiny_copy), desk.report()
    with pytest.raises(RuntimeError), desk.store.transaction() as unit:
        acted = act(unit, desk.city, desk.desk, case, "confirm", at=AT)
        unit.put_notices(notices_of(desk.city, acted, declared))
        raise RuntimeError
    assert NoticeRecords(desk.store).listed() == []


def test_a_webhook_is_sent_a_document_without_people(desk: Desk, tiny_copy: Path) -> None:
    declared = declared_in(tiny_copy)
    case = desk.report(note="SECRET words", reporter="open311:private")
    desk.bring(case, "handling")
    acted = desk.act(desk.ana, case, "return", why="SECRET reason")
    notice = notices_of(desk.city, acted, declared)[0]
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
