"""Whom a step is told: data for the outbox, which finds the words and the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cases.case_rows import Row
from cases.process import Action, Telling, Whom, process_of
from layers.city import City
from layers.text import Text


@dataclass(frozen=True)
class Message:
    """One thing to be told to one recipient.

    Attributes
    ----------
    whom : what the recipient is.
    recipient : account of an officer, id of a department, code of a unit, what a report gave as
        its reporter, or the subject that a rule found.
    template : id of the words.
    about : id of the case.
    occasion : id of the entry in the log; with template and recipient it tells the message from
        all others.
    fields : what templates name: case, matter, place, time, due, why, who, unit.
    """

    whom: Whom
    recipient: str
    template: str
    about: str
    occasion: str
    fields: Mapping[str, Text | str]


def messages(city: City, action: Action, row: Row, entry: Row) -> tuple[Message, ...]:
    """Messages that a step gives rise to.

    Parameters
    ----------
    row : the case after the step; ``entry`` its entry in the log.
    """
    fields = _fields(city, row, entry)
    found = []
    for telling in action.tells:
        recipient = _recipient(city, telling, row)
        if recipient and recipient != entry["actor"]:
            about, occasion = row["case_id"], entry["log_id"]
            found.append(
                Message(telling.whom, recipient, telling.template, about, occasion, fields)
            )
    return tuple(found)


def _recipient(city: City, telling: Telling, row: Row) -> str | None:
    told = process_of(city).told_subjects
    if telling.whom == "subject" and not row["event_type"].startswith(told or ("\0",)):
        return None
    named = {
        "officer": "assignee",
        "department": "department",
        "unit": "unit",
        "reporter": "reporter",
        "subject": "subject",
    }
    found: str | None = row.get(named[telling.whom])
    # Who is sent himself needs no second word through his department.
    if telling.whom == "department" and row.get("assignee"):
        return None
    return found


def _fields(city: City, row: Row, entry: Row) -> dict[str, Text | str]:
    unit = city.jurisdictions.get(row.get("unit") or "")
    code = row.get("jurisdiction") or ""
    place = city.jurisdictions.get(code)
    due = row.get("due_at")
    return {
        "case": row["case_id"],
        "matter": Text(en=row.get("title_en") or "", zh=row.get("title_zh") or ""),
        "place": place.title if place is not None else code,
        "time": f"{entry['at'].astimezone(city.zone):%Y-%m-%d %H:%M}",
        "due": "" if due is None else f"{due.astimezone(city.zone):%Y-%m-%d %H:%M}",
        "why": entry["why"] or "",
        "who": entry["actor"],
        "unit": unit.title if unit is not None else "",
    }


def joint_messages(city: City, task: Row, at: datetime) -> tuple[Message, ...]:
    """Messages of a joint task as it now stands: each department's part, or that they differ.

    Parameters
    ----------
    task : open, for all departments that have not concluded; in conflict, for the unit that the
        task belongs to.
    at : when (aware).
    """
    occasion, unit = f"{task['task_id']}.{task['version']}", task.get("jurisdiction")
    shared = _fields(city, task | {"case_id": task["task_id"], "unit": unit},
                     {"at": at, "why": "", "actor": ""})  # fmt: skip

    def message(whom: Whom, recipient: str, template: str, why: str) -> Message:
        about = task["task_id"]
        return Message(whom, recipient, template, about, occasion, {**shared, "why": why})

    if task["state"] == "conflict":
        said = [f"{part['department']}: {part['finding']}" for part in task["parts"]
                if part["state"] == "concluded"]  # fmt: skip
        return (message("unit", unit, "joint_conflict", "; ".join(said)),) if unit else ()
    return tuple(
        message("department", part["department"], "joint_part", part["task"] or "")
        for part in task["parts"]
        if part["state"] == "open"
    )
