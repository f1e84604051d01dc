"""Joint tasks: many cases that several departments close together, and what they disagree about.

A task is ``open``, in ``conflict`` while departments have concluded differently, or ``concluded``.
Each department concludes its own part; where they differ, whoever leads the task rules, and says
why. The conclusion closes the members, each with an entry of its own log. A member that is reopened
reopens the task.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import shapely

from cases.actor import Actor
from cases.asking import MOST_KEY, checked_text
from cases.case_rows import CASE, TASK, Row, read_rows
from cases.episodes import NAMESPACE
from cases.grouping import Basis
from cases.joint_rows import need_department, need_right, need_state, read_task, write_task
from cases.process import process_of
from cases.recording import Step, record
from cases.refusals import IncompleteError, NotAllowedError, TransitionError, UnknownCaseError
from cases.states import FINAL
from cases.units import Units, units_of
from layers.city import City
from layers.store.base import Transaction
from layers.text import Text

CONCLUDE = "conclude"


def open_task(
    unit: Transaction,
    city: City,
    actor: Actor,
    members: Sequence[str],
    *,
    departments: Mapping[str, str],
    title: Text,
    at: datetime,
    key: str,
    why: str = "",
    basis: Basis | None = None,
    subject: str | None = None,
) -> Row:
    """Make one joint task of cases.

    Parameters
    ----------
    members : ids of cases that who asks sees, all confirmed and not over.
    departments : what each department is to do, the lead first.
    key : idempotency key; asked again, the task that stands is the answer.
    basis, subject : what joins the members; None where somebody chose them.

    Returns
    -------
    row of the task.

    Raises
    ------
    CaseError
        as in `cases.acting.act`.
    """
    need_right(actor, "dispatch")
    task_id = str(uuid.uuid5(NAMESPACE, f"joint\n{actor.name}\n{key}"))
    standing = read_rows(unit, city.layer(TASK), [task_id])
    if standing:
        return standing[task_id]
    process, units = process_of(city), units_of(city)
    parts = _parts(city, departments)
    cases = _members(unit, city, actor, members)
    kinds = [case["event_type"] for case in cases]
    kind = max(sorted(set(kinds)), key=kinds.count)
    calendar = process.calendar(city, kind)
    listed = ",".join(departments)
    points = [case["geometry"] for case in cases if case["geometry"] is not None]
    row: Row = {
        "task_id": task_id,
        "title_en": checked_text("title", title.en, MOST_KEY),
        "title_zh": checked_text("title", title.zh, MOST_KEY),
        "event_type": kind,
        "basis": basis or "chosen",
        "subject": subject,
        "state": "open",
        "opened_at": at,
        "due_at": calendar.add(at, process.joint.handle_hours),
        "department": next(iter(departments)),
        "departments": listed,
        "members": [case["case_id"] for case in cases],
        "parts": parts,
        "evidence": sorted({one for case in cases for one in case["alerts"] or ()}),
        "geometry": shapely.union_all(points) if points else None,
        "jurisdiction": _common(units, cases),
    }
    steps = []
    for case in cases:
        taken = case | {"joint_task": task_id}
        taken["departments"] = _joined(case["departments"], departments)
        steps.append(Step("join", case, taken, actor, why=why, details={"joint_task": task_id}))
    record(unit, city, steps, at=at)
    details = {"cases": row["members"], "departments": list(departments)}
    return write_task(unit, city, "joint_open", None, row, actor, at=at, why=why, details=details)


def conclude_part(
    unit: Transaction,
    city: City,
    actor: Actor,
    task_id: str,
    department: str,
    finding: str,
    *,
    at: datetime,
    why: str,
    photos: Sequence[str] = (),
) -> Row:
    """Conclude a department's part; another conclusion of its own replaces the earlier one.

    Parameters
    ----------
    finding : the conclusion in a word or a short sentence; departments that found the same give
        the same.
    """
    need_right(actor, "handle", "dispatch")
    need_department(actor, department)
    before = read_task(unit, city, actor, task_id)
    need_state(before, "open", "conflict")
    said = checked_text("finding", finding.strip(), MOST_KEY)
    _need(said, "finding", Text(en="a conclusion", zh="结论"))
    _need(why.strip(), "why", Text(en="a reason", zh="原因"))
    parts = [dict(part) for part in before["parts"]]
    own = [part for part in parts if part["department"] == department]
    if not own:
        raise NotAllowedError(
            Text(en=f"{department} has no part in it", zh=f"部门{department}未参与该任务")
        )
    own[0] |= {"state": "concluded", "finding": said, "why": why, "actor": actor.name}
    row = before | {"parts": parts, "ruling": None, "conclusion": None}
    row["state"] = "conflict" if len(findings(row)) > 1 else "open"
    details = {"department": department, "finding": said}
    return write_task(unit, city, "joint_part", before, row, actor, at=at, why=why, photos=photos,
                      details=details)  # fmt: skip


def findings(task: Row) -> dict[str, list[str]]:
    """Departments by what they concluded; more than one key is a conflict."""
    found: dict[str, list[str]] = {}
    for part in parts_of(task):
        if part["state"] == "concluded":
            found.setdefault(str(part.get("finding")), []).append(part["department"])
    return found


def parts_of(task: Row) -> list[dict[str, Any]]:
    """Parts of a task; what an import may have put beside them is left out."""
    return [
        part
        for part in task.get("parts") or ()
        if isinstance(part, dict) and {"department", "state"} <= part.keys()
    ]


def rule(
    unit: Transaction, city: City, actor: Actor, task_id: str, finding: str, *, at: datetime,
    why: str,
) -> Row:  # fmt: skip
    """Decide between departments that concluded differently; the reason stands in the task."""
    need_right(actor, "dispatch")
    before = read_task(unit, city, actor, task_id)
    need_department(actor, before["department"])
    need_state(before, "conflict")
    said = checked_text("finding", finding.strip(), MOST_KEY)
    _need(said, "finding", Text(en="a conclusion", zh="结论"))
    _need(why.strip(), "why", Text(en="a reason", zh="原因"))
    row = before | {"state": "open", "conclusion": said, "ruling": why}
    return write_task(unit, city, "joint_rule", before, row, actor, at=at, why=why,
                      details={"finding": said})  # fmt: skip


def conclude_task(
    unit: Transaction, city: City, actor: Actor, task_id: str, *, at: datetime, why: str = ""
) -> Row:
    """Conclude a task, all of whose parts are, and close its members.

    Raises
    ------
    TransitionError
        while a part is open, or departments differ and nobody has ruled.
    """
    need_right(actor, "dispatch")
    before = read_task(unit, city, actor, task_id)
    need_department(actor, before["department"])
    need_state(before, "open")
    open_parts = [part["department"] for part in before["parts"] if part["state"] == "open"]
    if open_parts:
        listed = ", ".join(open_parts)
        raise TransitionError(Text(en=f"open parts: {listed}", zh=f"尚未办结的部门：{listed}"))
    conclusion = before["conclusion"] or next(iter(findings(before)))
    process = process_of(city)
    cases = read_rows(unit, city.layer(CASE), before["members"]).values()
    steps = [
        Step(CONCLUDE, case, case | {"state": process.step(CONCLUDE, case["state"])}, actor,
             why=conclusion, details={"joint_task": task_id})
        for case in cases
        if case["state"] not in FINAL
    ]  # fmt: skip
    record(unit, city, steps, at=at)
    row = before | {"state": "concluded", "conclusion": conclusion, "closed_at": at}
    return write_task(unit, city, "joint_conclude", before, row, actor, at=at,
                      why=why or conclusion)  # fmt: skip


def reopen_task_of(
    unit: Transaction, city: City, actor: Actor, case: Row, *, at: datetime, why: str
) -> Row | None:
    """Reopen the task of a member that was reopened; None where it is not concluded.

    The part of the member's lead department is open again, or the leading one's.
    """
    before = read_rows(unit, city.layer(TASK), [case["joint_task"]]).get(case["joint_task"])
    if before is None or before["state"] != "concluded":
        return None
    parts = [dict(part) for part in before["parts"]]
    own = [part for part in parts if part["department"] == case["department"]]
    (own or parts)[0] |= {"state": "open", "finding": None}
    row = before | {
        "state": "open", "parts": parts, "conclusion": None, "ruling": None, "closed_at": None,
    }  # fmt: skip
    return write_task(unit, city, "joint_reopen", before, row, actor, at=at, why=why,
                      details={"case": case["case_id"]})  # fmt: skip


def left(task: Row, at: datetime) -> timedelta:
    """Time to the common deadline; negative where it has passed."""
    due: datetime = task["due_at"]
    return due - at


def _parts(city: City, departments: Mapping[str, str]) -> list[dict[str, str | None]]:
    _need(departments, "departments", Text(en="departments", zh="部门"))
    for one in departments:
        if one not in city.departments:
            text = Text(en=f"no department '{one}' is declared", zh=f"没有部门“{one}”")
            raise IncompleteError("departments", text)
    return [
        {"department": one, "task": checked_text("departments", what), "state": "open",
         "finding": None}
        for one, what in departments.items()
    ]  # fmt: skip


def _members(unit: Transaction, city: City, actor: Actor, members: Sequence[str]) -> list[Row]:
    found = read_rows(unit, city.layer(CASE), members, actor.audience.scope)
    process = process_of(city)
    _need(members, "members", Text(en="cases", zh="工单"))
    for one in members:
        if one not in found:
            raise UnknownCaseError(one)
        process.step(CONCLUDE, found[one]["state"])
        if found[one]["joint_task"]:
            task = found[one]["joint_task"]
            text = Text(en=f"'{one}' is in task '{task}' already", zh=f"“{one}”已在任务“{task}”中")
            raise TransitionError(text)
    return [found[one] for one in dict.fromkeys(members)]


def _joined(standing: str | None, more: Mapping[str, str]) -> str:
    named = [one for one in (standing or "").split(",") if one]
    return ",".join(dict.fromkeys([*named, *more]))


def _common(units: Units, cases: Sequence[Row]) -> str | None:
    """Smallest declared unit that holds all members."""
    chains = [[u.code for u in units.over(case["jurisdiction"])] for case in cases]
    shared = [code for code in chains[0] if all(code in chain for chain in chains)]
    return shared[-1] if shared else None


def _need(given: object, name: str, what: Text) -> None:
    if not given:
        raise IncompleteError(name, Text(en=f"needs {what.en}", zh=f"须提供{what.zh}"))
