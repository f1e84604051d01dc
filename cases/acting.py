"""Acting on a case: one declared step by somebody who may, written down with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cases.actor import Actor
from cases.asking import Asking, asking
from cases.case_log import last_entry
from cases.case_rows import CASE, LOG, Row, read_rows
from cases.effects import Setting, apply
from cases.guards import check_allowed, check_apart, check_complete, check_right
from cases.joint import reopen_task_of
from cases.messages import Message, messages
from cases.process import Action, Process, process_of
from cases.recording import Step, record
from cases.refusals import (
    CaseError,
    ConflictError,
    KeyReusedError,
    TransitionError,
    UnknownCaseError,
)
from cases.states import State
from cases.units import Units, units_of
from layers.city import City
from layers.query import Query, SortKey
from layers.store.base import Transaction
from layers.text import Text


@dataclass(frozen=True)
class Acted:
    """What was done.

    Attributes
    ----------
    before : None where the case was opened by it.
    version : of the case after it.
    entry : the row of the log.
    notices : whom to tell; to be put into the outbox in the same transaction.
    replayed : it had been done before under the same key; nothing has changed now.
    """

    case_id: str
    action: str
    before: State | None
    after: State
    version: int
    entry: Row
    notices: tuple[Message, ...] = ()
    replayed: bool = False


def act(
    unit: Transaction,
    city: City,
    actor: Actor,
    case_id: str,
    action: str,
    *,
    at: datetime,
    where: tuple[float, float] | None = None,
    why: str = "",
    photos: Sequence[str] = (),
    details: Mapping[str, Any] | None = None,
    key: str | None = None,
    expected_version: int | None = None,
) -> Acted:
    """Do one declared action on a case.

    Parameters
    ----------
    unit : the caller's transaction; an error leaves it as it was.
    at : the clock (aware).
    where : (lon, lat) of who acts, EPSG:4326.
    details : what else the action takes (see docs/cases.md).
    key : idempotency key; asked again under it, the answer is the same and nothing changes.
    expected_version : of the case as who acts has seen it.

    Raises
    ------
    CaseError
        one of `cases.refusals`.
    """
    process, units = process_of(city), units_of(city)
    wanted = process.action(action)
    asked = asking(action, where, why, photos, details or {}, key)
    found = read_rows(unit, city.layer(CASE), [case_id], actor.audience.scope).get(case_id)
    if found is None:
        raise UnknownCaseError(case_id)
    again = answered(unit, case_id, asked, actor)
    if again is not None:
        return again
    if expected_version is not None and expected_version != (found["version"] or 0):
        raise _overtaken(unit, process, found)
    check_right(wanted, actor)
    after = _step(unit, process, wanted, actor, found)
    check_allowed(wanted, actor, units, found)
    check_complete(wanted, asked)
    if wanted.apart_from is not None:
        check_apart(wanted, actor, _last_actor(unit, case_id, wanted.apart_from))
    row = found | {"state": after}
    setting = Setting(unit, city, process, units, actor, asked)
    others = apply(wanted, row, setting)
    step = Step(action, found, row, actor, asked.why, asked.where, asked.photos,
                dict(asked.details), asked.key, asked.request(actor.name))  # fmt: skip
    entry, *_ = record(unit, city, [step, *others], at=at)
    if found["closed_at"] is not None and row["closed_at"] is None and row.get("joint_task"):
        reopen_task_of(unit, city, actor, row, why=asked.why, at=at)
    told = messages(city, wanted, row, entry)
    return Acted(case_id, action, found["state"], after, row["version"], entry, told)


def possible(city: City, actor: Actor, row: Row) -> list[Action]:
    """Actions that somebody may take on a case as it stands, in the order of declaration.

    Parameters
    ----------
    row : values of the case; at least state, department, assignee, unit, level, resumes_to.
    """
    process, units = process_of(city), units_of(city)
    return [
        action
        for action in process.actions
        if row["state"] in action.steps and _may(action, actor, units, row)
    ]


def answered(unit: Transaction, case_id: str, asked: Asking, actor: Actor) -> Acted | None:
    """Answer that was given under the same key before, None where there is none.

    Raises
    ------
    KeyReusedError
        where something else was asked then.
    """
    if asked.key is None:
        return None
    same = [
        {"op": "=", "args": [{"property": "key"}, asked.key]},
        {"op": "=", "args": [{"property": "case_id"}, case_id]},
    ]
    page = unit.page(Query(LOG, where={"op": "and", "args": same}, limit=1, skip_geometry=True))
    if not page.rows:
        return None
    entry = dict(zip(page.names, page.rows[0], strict=True))
    if entry["request"] != asked.request(actor.name):
        raise KeyReusedError(asked.key)
    return Acted(case_id, entry["action"], entry["before"], entry["after"], entry["seq"], entry,
                 replayed=True)  # fmt: skip


def _may(action: Action, actor: Actor, units: Units, row: Row) -> bool:
    try:
        check_allowed(action, actor, units, row)
    except CaseError:
        return False
    return True


def _step(unit: Transaction, process: Process, action: Action, actor: Actor, row: Row) -> State:
    try:
        return process.step(action.id, row["state"], row.get("resumes_to"))
    except TransitionError:
        last = last_entry(unit, row["case_id"])
        if last is not None and last["action"] == action.id and last["actor"] != actor.name:
            raise _overtaken(unit, process, row) from None
        raise


def _overtaken(unit: Transaction, process: Process, row: Row) -> CaseError:
    last = last_entry(unit, row["case_id"])
    version = row["version"] or 0
    if last is None:
        text = Text(en=f"the case is at version {version}", zh=f"工单现为第{version}版")
        return TransitionError(text)
    title = process.action(last["action"]).title
    return ConflictError(last["actor"], last["action"], last["at"], version, title)


def _last_actor(unit: Transaction, case_id: str, action: str) -> str | None:
    same = [
        {"op": "=", "args": [{"property": "case_id"}, case_id]},
        {"op": "=", "args": [{"property": "action"}, action]},
    ]
    newest = (SortKey("seq", descending=True),)
    where = {"op": "and", "args": same}
    page = unit.page(Query(LOG, where=where, sort=newest, limit=1, skip_geometry=True))
    if not page.rows:
        return None
    actor: str = dict(zip(page.names, page.rows[0], strict=True))["actor"]
    return actor
