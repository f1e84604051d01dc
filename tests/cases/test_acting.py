"""What people do to cases: guarded, written down, told, once."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from cases import case_log
from cases.acting import act, possible
from cases.actor import Actor
from cases.refusals import (
    ConflictError,
    IncompleteError,
    KeyReusedError,
    NotAllowedError,
    TransitionError,
    UnknownCaseError,
)
from layers.query import Query
from tests.cases.conftest import AT, LIGHTHOUSE, OLD_HARBOUR, SEA, Desk, person

HOUR = timedelta(hours=1)


def row(desk: Desk, case: str) -> dict[str, object]:
    page = desk.store.page(Query("case_event", fids=(case,)))
    return dict(zip(page.names, page.rows[0], strict=True))


def test_from_report_to_close(desk: Desk) -> None:
    case = desk.report(note="boxes on the pavement", photos=["p/0"], reporter="r-17")
    first = row(desk, case)
    assert (first["state"], first["origin"], first["unit"]) == ("found", "public", "PS-OH")
    assert (first["level"], first["version"]) == ("town", 1)
    assert first["title_zh"] == "占用人行道" and first["note"] == "boxes on the pavement"
    assert first["due_at"] == AT + 4 * HOUR and first["deadline"] == AT + HOUR / 2
    desk.bring(case, "closed")
    last = row(desk, case)
    assert (last["state"], last["version"], last["assignee"]) == ("closed", 9, "ana")
    assert last["closed_at"] == last["done_at"] == AT and last["deadline"] is None
    told = case_log.entries(desk.store, case)
    assert [entry["action"] for entry in told] == [
        "report", "confirm", "file", "dispatch", "take", "start", "done", "verify", "close",
    ]  # fmt: skip
    assert [entry["actor"] for entry in told[-3:]] == ["ana", "eva", "eva"]
    assert (told[6]["lon"], told[6]["lat"]) == OLD_HARBOUR and told[6]["distance_m"] == 0
    assert case_log.verify(desk.store, case).whole


def test_who_is_told(desk: Desk) -> None:
    case = desk.report(reporter="r-17")
    desk.bring(case, "filed")
    (told,) = desk.act(desk.desk, case, "dispatch", details={"department": "council"}).notices
    assert (told.whom, told.recipient, told.template) == ("department", "council", "work_order")
    sent = desk.act(
        desk.desk, case, "dispatch", details={"department": "council", "assignee": "ana"}
    )
    (told,) = sent.notices
    assert (told.whom, told.recipient) == ("officer", "ana")
    assert told.occasion == sent.entry["log_id"] and told.about == case
    assert told.fields["due"] == "2021-03-05 13:00" and told.fields["who"] == "desk"
    for actor, action in ((desk.ana, "take"), (desk.ana, "start")):
        desk.act(actor, case, action)
    desk.act(desk.ana, case, "done", why="gone", photos=["p"], where=OLD_HARBOUR)
    desk.act(desk.eva, case, "verify")
    (told,) = desk.act(desk.eva, case, "close").notices
    assert (told.whom, told.recipient, told.template) == ("reporter", "r-17", "closed")


def test_a_step_that_the_process_lacks_changes_nothing(desk: Desk) -> None:
    case = desk.report()
    before = row(desk, case)
    with pytest.raises(TransitionError, match="possible: screen"):
        desk.act(desk.eva, case, "close")
    assert row(desk, case) == before
    assert desk.store.count(Query("case_log")) == 1


def test_rights_levels_units_departments_and_assignment(desk: Desk) -> None:
    case = desk.report()
    with pytest.raises(NotAllowedError, match="needs the right 'screen'"):
        desk.act(desk.ana, case, "confirm")
    with pytest.raises(NotAllowedError, match="platform itself"):
        desk.act(desk.chief, case, "join")
    desk.bring(case, "filed")
    desk.act(desk.desk, case, "dispatch", details={"department": "council", "assignee": "bo"})
    with pytest.raises(NotAllowedError, match="is for bo") as refused:
        desk.act(desk.ana, case, "take")
    assert "bo" in refused.value.text.zh
    other = person(desk.city, "cop", "officer", "PS-OH", departments="police")
    with pytest.raises(UnknownCaseError):
        desk.act(other, case, "take")
    desk.act(
        desk.desk, case, "dispatch", details={"department": "council", "departments": ["police"]}
    )
    with pytest.raises(NotAllowedError, match="is for department council"):
        desk.act(other, case, "take")


def test_nobody_reaches_beyond_his_subtree(desk: Desk) -> None:
    here, there, sea = desk.report("1"), desk.report("2", LIGHTHOUSE), desk.report("3", SEA)
    desk.act(desk.desk, here, "confirm")
    for case in (there, sea, "none"):
        with pytest.raises(UnknownCaseError, match="there is no case"):
            desk.act(desk.desk, case, "confirm")
    desk.act(desk.chief, sea, "confirm")
    assert row(desk, sea)["unit"] is None and row(desk, sea)["level"] == "district"


def test_hand_up_and_hand_down(desk: Desk) -> None:
    case = desk.report()
    desk.bring(case, "filed")
    done = desk.act(desk.desk, case, "escalate", why="beyond our means")
    assert done.after == "filed" and row(desk, case)["unit"] == "PS"
    assert done.notices[0].recipient == "PS"
    with pytest.raises(NotAllowedError, match="unit PS"):
        desk.act(desk.desk, case, "file" if done.after == "verified" else "merge",
                 details={"case": "x"})  # fmt: skip
    for again in range(3):
        desk.act(desk.chief, case, "hand_down", details={"unit": "PS-OH"})
        assert row(desk, case)["handed_down"] == again + 1
        desk.act(desk.desk, case, "escalate", why="still beyond our means")
    with pytest.raises(NotAllowedError, match="3 times"):
        desk.act(desk.chief, case, "hand_down", details={"unit": "PS-OH"})
    for wrong in ("PS-LP", "PS", "XX"):
        with pytest.raises(IncompleteError, match=wrong):
            desk.act(desk.chief, case, "hand_down", details={"unit": wrong})


def test_what_an_action_needs(desk: Desk) -> None:
    case = desk.report()
    desk.bring(case, "handling")
    given = {"why": "gone", "photos": ["p/1"], "where": OLD_HARBOUR}
    for lacking, field in (("why", "why"), ("photos", "photos"), ("where", "where")):
        with pytest.raises(IncompleteError) as refused:
            desk.act(desk.ana, case, "done", **{k: v for k, v in given.items() if k != lacking})
        assert refused.value.field == field and refused.value.text.zh
    desk.act(desk.ana, case, "done", **given)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"where": (200, 0)}, "where"),
        ({"where": (float("nan"), 0)}, "where"),
        ({"why": "a\x00b"}, "why"),
        ({"why": "x" * 4001}, "why"),
        ({"why": "\ud800"}, "why"),
        ({"photos": "p"}, "photos"),
        ({"photos": ["p"] * 21}, "photos"),
        ({"details": {"Bad Name": "x"}}, "details"),
        ({"details": {"x": {"nested": 1}}}, "x"),
        ({"details": {"x": 1.5}}, "x"),
        ({"key": ""}, "key"),
    ],
)
def test_what_can_not_be_kept_is_refused(desk: Desk, wrong: dict[str, object], field: str) -> None:
    case = desk.report()
    with pytest.raises(IncompleteError) as refused:
        desk.act(desk.desk, case, "confirm", **wrong)
    assert refused.value.field == field


def test_who_handled_does_not_verify(desk: Desk) -> None:
    case = desk.report()
    vera = person(desk.city, "vera", "village_worker", "PS-OH")
    desk.bring(case, "dispatched")
    desk.act(vera, case, "take")
    desk.act(vera, case, "start")
    desk.act(vera, case, "done", why="gone", photos=["p"], where=OLD_HARBOUR)
    with pytest.raises(NotAllowedError, match="who did 'done'"):
        desk.act(vera, case, "verify")
    desk.act(desk.eva, case, "verify")


def test_alone_at_the_machine_one_does_all(desk: Desk) -> None:
    alone = Actor.local()
    case = desk.report(actor=alone)
    for action in ("confirm", "file"):
        desk.act(alone, case, action)
    desk.act(alone, case, "dispatch", details={"department": "council"})
    for action in ("take", "start"):
        desk.act(alone, case, action)
    desk.act(alone, case, "done", why="gone", photos=["p"], where=OLD_HARBOUR)
    desk.act(alone, case, "verify")
    assert desk.act(alone, case, "close").after == "closed"


def test_the_clock_stands_still_while_suspended(desk: Desk) -> None:
    case = desk.report()
    desk.bring(case, "handling")
    desk.act(desk.desk, case, "suspend", why="waiting for the owner", at=AT + HOUR)
    assert row(desk, case)["deadline"] is None and row(desk, case)["hours_left"] == 3
    done = desk.act(desk.desk, case, "resume", at=AT + 10 * HOUR)
    assert done.after == "handling" and row(desk, case)["due_at"] == AT + 13 * HOUR
    assert row(desk, case)["hours_left"] is None and row(desk, case)["assignee"] == "ana"


def test_returned_and_reworked(desk: Desk) -> None:
    case = desk.report()
    desk.bring(case, "accepted")
    desk.act(desk.ana, case, "return", why="not ours")
    assert (row(desk, case)["assignee"], row(desk, case)["returned"]) == (None, 1)
    desk.act(desk.desk, case, "dispatch", details={"department": "council"})
    desk.act(desk.ana, case, "take")
    desk.act(desk.ana, case, "start")
    desk.act(desk.ana, case, "done", why="gone", photos=["p"], where=OLD_HARBOUR)
    told = desk.act(desk.eva, case, "rework", why="still there").notices
    assert [one.recipient for one in told] == ["ana"]
    assert row(desk, case)["done_at"] is None and row(desk, case)["returned"] == 2


def test_merged_into_another(desk: Desk) -> None:
    one, other, foreign = desk.report("1"), desk.report("2"), desk.report("3", LIGHTHOUSE)
    with pytest.raises(IncompleteError, match="another case"):
        desk.act(desk.desk, one, "merge")
    with pytest.raises(UnknownCaseError):
        desk.act(desk.desk, one, "merge", details={"case": foreign})
    with pytest.raises(TransitionError, match="merged into"):
        desk.act(desk.desk, one, "merge", details={"case": one})
    desk.act(desk.desk, one, "merge", details={"case": other})
    assert row(desk, one)["parent_case"] == other and row(desk, one)["state"] == "merged"
    joined = case_log.entries(desk.store, other)[-1]
    assert (joined["action"], joined["details"]) == ("join", {"case": one})
    with pytest.raises(TransitionError):
        desk.act(desk.desk, other, "merge", details={"case": one})
    assert case_log.verify(desk.store, one).whole and case_log.verify(desk.store, other).whole


def test_the_same_key_gives_the_same_answer(desk: Desk) -> None:
    case = desk.report()
    first = desk.act(desk.desk, case, "confirm", key="k-1", why="seen")
    again = desk.act(desk.desk, case, "confirm", key="k-1", why="seen", at=AT + HOUR)
    assert (again.before, again.after, again.version) == (first.before, first.after, first.version)
    assert again.replayed and not again.notices and again.entry["digest"] == first.entry["digest"]
    assert desk.store.count(Query("case_log")) == 2
    with pytest.raises(KeyReusedError):
        desk.act(desk.desk, case, "confirm", key="k-1", why="something else")
    with pytest.raises(KeyReusedError):
        desk.act(desk.desk, case, "file", key="k-1", why="seen")
    assert desk.report() == case and desk.store.count(Query("case_event")) == 1
    with pytest.raises(KeyReusedError):
        desk.report(note="another matter")


def test_who_saw_an_older_version_is_told_who_was_faster(desk: Desk) -> None:
    case = desk.report()
    desk.act(desk.chief, case, "screen", expected_version=1)
    with pytest.raises(ConflictError) as refused:
        desk.act(desk.desk, case, "confirm", expected_version=1)
    told = refused.value
    assert (told.actor, told.action, told.at, told.version) == ("chief", "screen", AT, 2)
    assert "chief" in told.text.en and "接单甄别" in told.text.zh
    desk.act(desk.desk, case, "confirm", expected_version=2)


def test_twenty_officers_race_and_one_wins(desk: Desk) -> None:
    case = desk.report()
    desk.bring(case, "dispatched")
    crowd = [
        person(desk.city, f"officer-{n}", "officer", "PS-OH", departments="council")
        for n in range(20)
    ]
    won: list[str] = []
    told: list[ConflictError] = []
    start = threading.Barrier(len(crowd))

    def take(officer: Actor) -> None:
        start.wait()
        try:
            desk.act(officer, case, "take")
            won.append(officer.name)
        except ConflictError as faster:
            told.append(faster)

    threads = [threading.Thread(target=take, args=(officer,)) for officer in crowd]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = won
    assert len(told) == 19 and {one.actor for one in told} == {winner}
    assert row(desk, case)["assignee"] == winner
    assert case_log.verify(desk.store, case) == case_log.Verified(5, None, True)


def test_what_is_possible_is_what_is_done(desk: Desk) -> None:
    case = desk.report()
    can = [action.id for action in possible(desk.city, desk.desk, row(desk, case))]
    assert can == ["screen", "confirm", "reject_false", "merge"]
    assert [a.id for a in possible(desk.city, desk.ana, row(desk, case))] == []
    desk.bring(case, "dispatched")
    assert [a.id for a in possible(desk.city, desk.ana, row(desk, case))] == ["take", "return"]


def test_an_error_of_the_caller_undoes_all(desk: Desk) -> None:
    case = desk.report()
    before = row(desk, case)
    with pytest.raises(RuntimeError), desk.store.transaction() as unit:
        act(unit, desk.city, desk.desk, case, "confirm", at=AT)
        raise RuntimeError
    assert row(desk, case) == before and case_log.verify(desk.store, case).entries == 1


def test_a_report_is_checked(desk: Desk) -> None:
    with pytest.raises(IncompleteError, match="no event type 'X'"):
        desk.report(kind="X")
    with pytest.raises(IncompleteError, match="outside"):
        desk.report(where=(121.5, 31.2))
