"""Rows of joint tasks: read, checked against who asks, and written with their log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cases.actor import Actor
from cases.asking import checked_text
from cases.case_log import entry
from cases.case_rows import LOG, TASK, Row, frame_of, read_rows
from cases.recording import SOURCE
from cases.refusals import NotAllowedError, TransitionError, UnknownCaseError
from layers.access import Right
from layers.city import City
from layers.store.base import Transaction
from layers.store.tables import to_ms
from layers.text import Text


def read_task(unit: Transaction, city: City, actor: Actor, task_id: str) -> Row:
    """Row of a joint task that somebody sees; UnknownCaseError where there is none."""
    found = read_rows(unit, city.layer(TASK), [task_id], actor.audience.scope).get(task_id)
    if found is None:
        raise UnknownCaseError(task_id)
    return found


def write_task(
    unit: Transaction,
    city: City,
    action: str,
    before: Row | None,
    row: Row,
    actor: Actor,
    *,
    at: datetime,
    why: str = "",
    photos: Sequence[str] = (),
    details: dict[str, Any] | None = None,
) -> Row:
    """Write a task as it has become, with an entry in the log; return the row.

    Parameters
    ----------
    action : ``joint_…``, as the log names it.
    """
    moment = to_ms(at)
    row["version"] = (row.get("version") or 0) + 1
    content = {
        "case_id": row["task_id"],
        "action": action,
        "before": None if before is None else before["state"],
        "after": row["state"],
        "actor": actor.name,
        "role": actor.role or None,
        "at": moment,
        "why": checked_text("why", why) or None,
        "lon": None,
        "lat": None,
        "photos": list(photos) or None,
        "details": details or None,
        "event_type": row.get("event_type"),
        "origin": None,
        "level": None,
        "unit": None,
        "department": row.get("department"),
        "departments": row.get("departments"),
        "due_at": row.get("due_at"),
        "key": None,
    }
    # Without a place, so that its unit stays the one of the task, which has no single place.
    made = entry(content, row["version"], row.get("log_digest"), None)
    row["log_digest"] = made["digest"]
    log = made | {"jurisdiction": row.get("jurisdiction")}
    for layer, one in ((TASK, row), (LOG, log)):
        spec = city.layer(layer)
        unit.upsert(spec, frame_of(spec, [one]), at=at, source=SOURCE)
    return row


def need_right(actor: Actor, *rights: Right) -> None:
    """Refuse who has none of some rights; NotAllowedError."""
    if not any(actor.audience.may(right) for right in rights):
        named = ", ".join(rights)
        raise NotAllowedError(
            Text(en=f"joint tasks need the right {named}", zh=f"联合任务需要权限：{named}")
        )


def need_department(actor: Actor, department: str | None) -> None:
    """Refuse who does not work for a department; NotAllowedError."""
    mine = actor.audience.departments
    if mine is not None and department not in mine:
        raise NotAllowedError(Text(en=f"this is for {department}", zh=f"限部门{department}"))


def need_state(row: Row, *states: str) -> None:
    """Refuse a task in another state; TransitionError."""
    if row["state"] not in states:
        raise TransitionError(
            Text(
                en=f"the joint task is {row['state']}, expected {' or '.join(states)}",
                zh=f"联合任务状态为{row['state']}，应为{'或'.join(states)}",
            )
        )
