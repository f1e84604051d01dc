"""The clocks of a case: since when it is in its state, until when the next thing is to be done."""

from __future__ import annotations

from datetime import datetime, timedelta

from cases.case_rows import Row
from cases.process import Process
from cases.states import DONE, FINAL, PAUSED
from layers.city import City

_HOUR = timedelta(hours=1)


def set_clocks(city: City, process: Process, row: Row, before: Row | None, at: datetime) -> None:
    """Set what follows from a step that was made.

    ``state_since``, ``done_at``, ``closed_at``, ``deadline`` and, around a suspension,
    ``hours_left``, ``resumes_to`` and ``due_at``, which is moved on by as much as was left.

    Parameters
    ----------
    row : as it becomes; changed in place.
    before : as it was, None for a new case.
    at : when (aware).
    """
    state, was = row["state"], None if before is None else before["state"]
    if state == was and before is not None and row.get("level") == before.get("level"):
        if state not in DONE:
            row["deadline"] = _earliest(row.get("deadline"), row.get("due_at"))
        _still(row)
        return
    calendar = process.calendar(city, row["event_type"])
    if state != was:
        row["state_since"] = at
        if state == PAUSED:
            due = row.get("due_at")
            row["resumes_to"] = was
            row["hours_left"] = (
                None if due is None or due <= at else calendar.between(at, due) / _HOUR
            )
        elif was == PAUSED:
            if row.get("hours_left") is not None:
                row["due_at"] = calendar.add(at, row["hours_left"])
            row["hours_left"] = row["resumes_to"] = None
        if state in DONE and was not in DONE:
            row["done_at"] = at
        elif state not in DONE:
            row["done_at"] = None
        row["closed_at"] = at if state in FINAL else None
    hours = process.limit_hours(state, row.get("level"), row["event_type"])
    step = None if hours is None else calendar.add(at, hours)
    row["deadline"] = step if state in DONE else _earliest(step, row.get("due_at"))
    _still(row)


def _still(row: Row) -> None:
    if row["state"] in FINAL or row["state"] == PAUSED:
        row["deadline"] = None


def _earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    known = [moment for moment in (one, other) if moment is not None]
    return min(known, default=None)
