"""Writing down steps: case, log, tallies and what others are told change together or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cases.actor import Actor
from cases.announcing import announce
from cases.case_log import entry
from cases.case_rows import CASE, LOG, Row, frame_of
from cases.case_tallies import SUBJECT, counted
from cases.clocks import set_clocks
from cases.process import process_of
from cases.units import units_of
from layers.city import City
from layers.store.base import Transaction
from layers.store.tables import to_ms
from layers.store.tallies import TallyKey

SOURCE = "cases"
_SENDS_BACK = ("give_back", "rework")


@dataclass(frozen=True)
class Step:
    """One step of one case.

    Attributes
    ----------
    action : id of the action.
    before, row : the case before, None for a new one, and after, without what follows from the
        step (clocks, version, digest), which is set here.
    where : (lon, lat) of who acted, EPSG:4326.
    key, request : idempotency key, and the digest of what was asked.
    logged : False for what changes a case without being a step of its life: findings that join, so
        that the log is the same however they came, in one batch or in many.
    at : when (aware), where that is not the time of writing, as for a log taken over.
    """

    action: str
    before: Row | None
    row: Row
    actor: Actor
    why: str = ""
    where: tuple[float, float] | None = None
    photos: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
    key: str | None = None
    request: str | None = None
    logged: bool = True
    at: datetime | None = None


# What an earlier step of the same batch has set.
_CARRIED = ("version", "log_digest", "state_since", "deadline", "process_version")


def record(unit: Transaction, city: City, steps: Sequence[Step], *, at: datetime) -> list[Row]:
    """Write down steps in their order.

    Parameters
    ----------
    unit : the caller's transaction; writers wait for one another, so that no two steps of a case
        get the same number.
    steps : several of one case follow one another.
    at : when (aware).

    Returns
    -------
    the entries of the log, one for each step that is logged.
    """
    if not steps:
        return []
    process, units = process_of(city), units_of(city)
    rows: dict[str, Row] = {}
    log: list[Row] = []
    numbers: Counter[TallyKey] = Counter()
    for step in steps:
        row, before, moment = step.row, step.before, to_ms(step.at or at)
        earlier = rows.get(row["case_id"])
        if earlier is not None:
            row |= {name: earlier[name] for name in _CARRIED}
        since = None if before is None else before.get("state_since")
        held_s = None if since is None else max(0.0, (moment - since).total_seconds())
        set_clocks(city, process, row, before, moment)
        rows[row["case_id"]] = row
        back = process.action(step.action).effect in _SENDS_BACK
        numbers.update(counted(city, units, before, row, moment, held_s, back))
        if step.logged:
            row["process_version"] = process.version
            log.append(_entry(step, moment) | {"held_s": held_s})
    unit.upsert(city.layer(CASE), frame_of(city.layer(CASE), list(rows.values())), at=at,
                source=SOURCE)  # fmt: skip
    if log:
        unit.upsert(city.layer(LOG), frame_of(city.layer(LOG), log), at=at, source=SOURCE)
    unit.add_tallies(SUBJECT, numbers)
    announce(unit, city, log, rows)
    return log


def _entry(step: Step, at: datetime) -> Row:
    """Entry of a step; the case then names it as its last."""
    row = step.row
    row["version"] = (row.get("version") or 0) + 1
    made = entry(_content(step, at), row["version"], row.get("log_digest"), row.get("geometry"))
    row["log_digest"] = made["digest"]
    return made | {"request": step.request, "jurisdiction": row.get("jurisdiction")}


def _content(step: Step, at: datetime) -> Row:
    row, before = step.row, step.before
    lon, lat = step.where or (None, None)
    shared = ("event_type", "origin", "level", "unit", "department", "departments", "due_at")
    return {
        "case_id": row["case_id"],
        "action": step.action,
        "before": None if before is None else before["state"],
        "after": row["state"],
        "actor": step.actor.name,
        "role": step.actor.role or None,
        "at": at,
        "why": step.why or None,
        "lon": lon,
        "lat": lat,
        "photos": list(step.photos) or None,
        "details": step.details or None,
        "key": step.key,
        **{name: row.get(name) for name in shared},
    }
