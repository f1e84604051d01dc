"""Joint tasks and proposals of them as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from cases.actor import Actor
from cases.case_rows import Row
from cases.grouping import Group
from cases.joint import findings, parts_of
from cases.states import TITLES
from layers import h3grid
from layers.city import City
from ogc_server.casework.documents import both, point_of
from ogc_server.times import write_instant

Json = dict[str, Any]
_TIMES = ("opened_at", "due_at", "closed_at")
_PLAIN = ("event_type", "basis", "subject", "state", "conclusion", "ruling")


def group_document(city: City, group: Group, rows: Mapping[str, Row]) -> Json:
    """Return a proposal: what joins its cases, and the cases."""
    members = [rows[one] for one in group.members]
    named = [one["department"] for one in members] + [
        part for one in members for part in (one.get("departments") or "").split(",")
    ]
    return {
        "basis": group.basis,
        "event_type": group.event_type,
        "subject": group.subject,
        "cell": None if group.cell is None else h3grid.format_cell(group.cell),
        "first": write_instant(group.first),
        "last": write_instant(group.last),
        "why": both(group.why),
        "departments": departments(city, dict.fromkeys(named)),
        "cases": [member(one) for one in members],
    }


def member(row: Row) -> Json:
    """Return what a group or a task shows of one of its cases."""
    return {
        "id": row["case_id"],
        "title": {"en": row.get("title_en") or "", "zh": row.get("title_zh") or ""},
        "state": row["state"],
        "state_title": both(TITLES[row["state"]]),
        "event_type": row["event_type"],
        "point": point_of(row),
        "opened_at": write_instant(row.get("opened_at")),
        "note": row.get("note"),
    }


def departments(city: City, ids: Iterable[str | None]) -> list[Json]:
    """Declared departments with their titles."""
    known = [city.departments[one] for one in ids if one in city.departments]
    return [{"id": one.id, "title": both(one.title)} for one in known]


def task_summary(city: City, actor: Actor, row: Row, base: str, at: datetime) -> Json:
    """Return a joint task with its parts, what they found, and what somebody may do with it.

    Parameters
    ----------
    at : now (aware), for what is overdue.
    """
    due = row.get("due_at")
    unit = city.jurisdictions.get(row.get("jurisdiction") or "")
    return {
        "id": row["task_id"],
        "title": {"en": row.get("title_en") or "", "zh": row.get("title_zh") or ""},
        **{name: row.get(name) for name in _PLAIN},
        **{name: write_instant(row.get(name)) for name in _TIMES},
        "overdue": bool(row["state"] != "concluded" and due is not None and due < at),
        "lead": next(iter(departments(city, [row.get("department")])), None),
        "unit": None if unit is None else {"code": unit.code, "title": both(unit.title)},
        "parts": [_part(city, part) for part in parts_of(row)],
        "findings": findings(row),
        "members": row.get("members") or [],
        "version": row.get("version") or 0,
        "actions": possible(actor, row),
        "links": [{"rel": "self", "type": "application/json", "href": task_url(base, row)}],
    }


def possible(actor: Actor, row: Row) -> list[Json]:
    """Steps that somebody may do now: ``part`` of a department, ``rule``, ``conclude``."""
    state, audience = row["state"], actor.audience
    mine = audience.departments
    found: list[Json] = []
    if state in ("open", "conflict") and (audience.may("handle") or audience.may("dispatch")):
        found += [
            {"id": "part", "department": part["department"]}
            for part in parts_of(row)
            if mine is None or part["department"] in mine
        ]
    if audience.may("dispatch") and (mine is None or row.get("department") in mine):
        done = all(part["state"] == "concluded" for part in parts_of(row))
        if state == "conflict":
            found.append({"id": "rule"})
        elif state == "open" and done:
            found.append({"id": "conclude"})
    return found


def task_url(base: str, row: Row) -> str:
    """Address of a task."""
    return f"{base}/joint/{quote(row['task_id'], safe='')}"


def log_entry(entry: Mapping[str, Any]) -> Json:
    """Return an entry of a task's log."""
    plain = ("seq", "action", "before", "after", "actor", "role", "why", "details", "digest")
    return {name: entry.get(name) for name in plain} | {"at": write_instant(entry["at"])}


def _part(city: City, part: Mapping[str, Any]) -> Json:
    plain = ("task", "state", "finding", "why", "actor")
    named = next(iter(departments(city, [part["department"]])), None)
    return {"department": named or {"id": part["department"]}} | {
        name: part.get(name) for name in plain
    }
