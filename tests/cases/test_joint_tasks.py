"""Many cases, several departments, one conclusion; what they disagree about stands in the open."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import geopandas as gpd
import h3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import case_log
from cases.grouping import propose
from cases.joint import conclude_part, conclude_task, findings, open_task, rule
from cases.process import default_process
from cases.refusals import IncompleteError, NotAllowedError, TransitionError, UnknownCaseError
from layers.query import Query
from layers.text import Text
from tests.cases.conftest import AT, LIGHTHOUSE, OLD_HARBOUR, Desk, person

HOUR = timedelta(hours=1)
PARTS = {"council": "clear the pavement", "police": "fine the owners"}
TITLE = Text(en="Goods all along the quay", zh="码头沿线占道")


def opened(desk: Desk, cases: list[str], **more: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {"departments": PARTS, "title": TITLE, "at": AT, "key": "t"} | more
    actor = asked.pop("actor", desk.chief)
    with desk.store.transaction() as unit:
        return open_task(unit, desk.city, actor, cases, **asked)


def done(desk: Desk, step: Any, *given: Any, **more: Any) -> dict[str, Any]:
    with desk.store.transaction() as unit:
        row: dict[str, Any] = step(unit, desk.city, *given, **{"at": AT, **more})
        return row


def confirmed(desk: Desk, number: int = 3) -> list[str]:
    cases = [desk.report(str(n), LIGHTHOUSE if n == 2 else OLD_HARBOUR) for n in range(number)]
    for case in cases:
        desk.act(desk.chief, case, "confirm")
    return cases


def states(desk: Desk) -> dict[str, str]:
    page = desk.store.page(Query("case_event", properties=("state",), skip_geometry=True))
    return dict(zip(page.fids, [row[0] for row in page.rows], strict=True))


def test_a_conclusion_closes_the_members(desk: Desk) -> None:
    cases = confirmed(desk)
    task = opened(desk, cases)
    assert (task["state"], task["department"], task["members"]) == ("open", "council", cases)
    assert task["jurisdiction"] == "PS", "members of two towns are the district's"
    assert task["due_at"] == AT + 72 * HOUR
    chief, key = desk.chief, task["task_id"]
    done(desk, conclude_part, chief, key, "council", "cleared", why="all gone")
    with pytest.raises(TransitionError, match="open parts: police"):
        done(desk, conclude_task, chief, key)
    done(desk, conclude_part, chief, key, "police", "cleared", why="warned")
    ended = done(desk, conclude_task, chief, key)
    assert (ended["state"], ended["conclusion"], ended["closed_at"]) == ("concluded", "cleared", AT)
    assert set(states(desk).values()) == {"closed"}
    for case in cases:
        last = case_log.entries(desk.store, case)[-1]
        assert (last["action"], last["why"], last["details"]) == (
            "conclude", "cleared", {"joint_task": key},
        )  # fmt: skip
        assert case_log.verify(desk.store, case).whole
    assert case_log.verify(desk.store, key) == case_log.Verified(4, None, True)


def test_departments_that_differ_are_seen_until_somebody_rules(desk: Desk) -> None:
    chief, key = desk.chief, opened(desk, confirmed(desk))["task_id"]
    done(desk, conclude_part, chief, key, "council", "no violation", why="permit shown")
    row = done(desk, conclude_part, chief, key, "police", "violation", why="permit expired")
    assert row["state"] == "conflict"
    assert findings(row) == {"no violation": ["council"], "violation": ["police"]}
    with pytest.raises(TransitionError, match="conflict"):
        done(desk, conclude_task, chief, key)
    row = done(desk, rule, chief, key, "violation", why="the permit ended in May")
    assert (row["state"], row["ruling"]) == ("open", "the permit ended in May")
    assert done(desk, conclude_task, chief, key)["conclusion"] == "violation"


def test_a_department_may_think_again(desk: Desk) -> None:
    chief, key = desk.chief, opened(desk, confirmed(desk))["task_id"]
    done(desk, conclude_part, chief, key, "council", "no violation", why="w")
    done(desk, conclude_part, chief, key, "police", "violation", why="w")
    row = done(desk, conclude_part, chief, key, "council", "violation", why="seen the papers")
    assert row["state"] == "open" and len(findings(row)) == 1


def test_a_member_that_is_reopened_reopens_the_task(desk: Desk) -> None:
    cases = confirmed(desk)
    chief, key = desk.chief, opened(desk, cases)["task_id"]
    for department in PARTS:
        done(desk, conclude_part, chief, key, department, "cleared", why="w")
    done(desk, conclude_task, chief, key)
    desk.act(chief, cases[0], "reopen", why="goods are back")
    page = desk.store.page(Query("joint_task"))
    row = dict(zip(page.names, page.rows[0], strict=True))
    assert (row["state"], row["conclusion"], row["closed_at"]) == ("open", None, None)
    assert [part["state"] for part in row["parts"]] == ["open", "concluded"]
    assert case_log.verify(desk.store, key).whole
    done(desk, conclude_part, chief, key, "council", "cleared", why="w")
    done(desk, conclude_task, chief, key)
    assert states(desk)[cases[0]] == "closed"
    assert [e["action"] for e in case_log.entries(desk.store, cases[1])].count("conclude") == 1


def test_who_may(desk: Desk) -> None:
    cases = confirmed(desk)
    with pytest.raises(NotAllowedError, match="dispatch"):
        opened(desk, cases, actor=desk.eva)
    with pytest.raises(UnknownCaseError):
        opened(desk, cases, actor=desk.desk)
    task = opened(desk, cases[:2], actor=desk.desk)
    assert task["jurisdiction"] == "PS-OH"
    cop = person(desk.city, "cop", "officer", "PS-OH", departments="police")
    with pytest.raises(NotAllowedError, match="council"):
        done(desk, conclude_part, cop, task["task_id"], "council", "x", why="w")
    done(desk, conclude_part, cop, task["task_id"], "police", "x", why="w")
    far = person(desk.city, "lars", "commander", "PS-LP")
    with pytest.raises(UnknownCaseError):
        done(desk, conclude_part, far, task["task_id"], "council", "x", why="w")


def test_what_makes_no_task(desk: Desk) -> None:
    fresh, cases = desk.report("fresh"), confirmed(desk)
    with pytest.raises(TransitionError, match="found"):
        opened(desk, [fresh])
    with pytest.raises(IncompleteError, match="navy"):
        opened(desk, cases, departments={"navy": "sail"})
    with pytest.raises(IncompleteError):
        opened(desk, cases, departments={})
    with pytest.raises(IncompleteError):
        opened(desk, [])
    first = opened(desk, cases)
    assert opened(desk, cases)["task_id"] == first["task_id"]
    assert desk.store.count(Query("joint_task")) == 1
    with pytest.raises(TransitionError, match="already"):
        opened(desk, cases, key="another")


JOINING = default_process().joint
hours = st.integers(0, 300)
made = st.lists(
    st.tuples(hours, st.sampled_from("AB"), st.sampled_from([None, "s1", "s2"]), st.integers(0, 2)),
    max_size=40,
)
CELLS = [h3.str_to_int(h3.latlng_to_cell(-42.6 + n / 20, -75.1, 10)) for n in range(3)]


def frame_of_cases(rows: list[tuple[int, str, str | None, int]]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {
            "case_id": [f"c{n:02d}" for n in range(len(rows))],
            "event_type": [row[1] for row in rows],
            "subject": [row[2] for row in rows],
            "opened_at": [AT + row[0] * HOUR for row in rows],
            "h3": [CELLS[row[3]] for row in rows],
        }
    ).astype({"h3": "Int64"})


@given(made)
def test_groups_are_large_enough_close_and_apart(
    rows: list[tuple[int, str, str | None, int]],
) -> None:
    frame = frame_of_cases(rows)
    groups = propose(frame, JOINING)
    known = frame.set_index("case_id")
    taken = [member for group in groups for member in group.members]
    assert len(taken) == len(set(taken))
    for group in groups:
        cases = known.loc[list(group.members)]
        assert len(cases) >= JOINING.at_least and group.why.zh
        assert group.last - group.first <= timedelta(hours=JOINING.window_hours)
        if group.basis == "subject":
            assert set(cases["subject"]) == {group.subject}
        else:
            assert set(cases["event_type"]) == {group.event_type}
            assert cases["h3"].nunique() == 1
    assert propose(frame.iloc[::-1], JOINING) == groups


@given(made)
def test_no_group_is_overlooked(rows: list[tuple[int, str, str | None, int]]) -> None:
    """Of what is left over, no window of any subject, or kind and cell, holds enough cases."""
    frame = frame_of_cases(rows)
    taken = {one for group in propose(frame, JOINING) for one in group.members}
    left = frame[~frame["case_id"].isin(taken)]
    window = timedelta(hours=JOINING.window_hours)
    for names in (["subject"], ["event_type", "h3"]):
        for _, part in left.dropna(subset=names).groupby(names):
            times = sorted(part["opened_at"])
            for start in times:
                assert sum(start <= one <= start + window for one in times) < JOINING.at_least


def test_nothing_is_no_group() -> None:
    assert propose(frame_of_cases([]), JOINING) == []
