"""Reporting: a person opens a case, with a place, a kind and photos."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import shapely

from cases.acting import Acted, answered
from cases.actor import Actor
from cases.asking import asking, checked_text
from cases.case_rows import CASE, Row
from cases.episodes import NAMESPACE
from cases.process import Process, process_of
from cases.recording import Step, record
from cases.refusals import IncompleteError
from cases.states import OPENING
from cases.telling import due, title_of
from cases.units import units_of
from layers.city import City
from layers.store.base import Transaction
from layers.text import Text

ACTION = "report"
Origin = Literal["active", "public", "unknown"]


def report(
    unit: Transaction,
    city: City,
    actor: Actor,
    *,
    kind: str,
    where: tuple[float, float],
    at: datetime,
    key: str,
    note: str = "",
    photos: Sequence[str] = (),
    origin: Origin = "public",
    reporter: str | None = None,
    severity: Literal["minor", "moderate", "severe", "extreme"] = "minor",
    follows: str | None = None,
    beyond: bool = False,
) -> Acted:
    """Open a case from what somebody reports.

    Parameters
    ----------
    unit : the caller's transaction.
    kind : code of the event type.
    where : (lon, lat) of the matter, EPSG:4326, within the city's bounds.
    at : the clock (aware); the time allowed runs from then.
    key : idempotency key of the report; with the name of who reports it makes the case's id.
    note : what was seen, in the reporter's words.
    origin : ``active`` for staff, ``public`` for people.
    reporter : whom to tell what became of it, as the outbox names people; no contact of a person
        belongs here.
    follows : ended case that it goes on from.
    beyond : the place may lie outside of the city, as those of cases of other nodes may.

    Raises
    ------
    IncompleteError
        naming what is missing or not known.
    KeyReusedError
        where the key was used for another report.
    """
    details = {"kind": kind, "origin": origin, "severity": severity, "reporter": reporter,
               "follows": follows}  # fmt: skip
    asked = asking(ACTION, where, note, photos, details, key)
    case_id = report_id(actor.name, key)
    again = answered(unit, case_id, asked, actor)
    if again is not None:
        return again
    place = asked.where
    assert place is not None
    _check(city, kind, place, beyond)
    process = process_of(city)
    shape = shapely.Point(place)
    row: Row = {p.name: None for p in city.layer(CASE).properties} | {
        "case_id": case_id,
        "event_type": kind,
        "event_types": [kind],
        "origin": origin,
        "state": OPENING,
        "severity": severity,
        "opened_at": at,
        "due_at": due(city, [kind], at),
        "note": checked_text("note", asked.why) or None,
        "photos": list(asked.photos) or None,
        "reporter": reporter,
        "follows": follows,
        "geometry": shape,
        "jurisdiction": unit.locate([shape])[0],
        **_duty(city, process, kind),
    }
    set_unit(city, row)
    title = title_of(city, kind)
    row |= {"title_en": title.en, "title_zh": title.zh}
    step = Step(ACTION, None, row, actor, asked.why, place, asked.photos, dict(asked.details),
                key, asked.request(actor.name))  # fmt: skip
    (entry,) = record(unit, city, [step], at=at)
    return Acted(case_id, ACTION, None, OPENING, row["version"], entry)


def report_id(name: str, key: str) -> str:
    """Id of the case that a report opens: uuid5 of who reports and the key."""
    return str(uuid.uuid5(NAMESPACE, f"report\n{name}\n{key}"))


def set_unit(city: City, row: Row) -> None:
    """Give a new case to the unit that has it in hand first."""
    unit = units_of(city).in_hand(row.get("jurisdiction"), process_of(city).opens_at)
    row["unit"] = None if unit is None else unit.code
    row["level"] = "district" if unit is None else unit.level


def _duty(city: City, process: Process, kind: str) -> dict[str, str | None]:
    departments = process.departments_for(kind)
    if not departments:
        declared = (rule.departments for rule in city.rules.values() if rule.event_type == kind)
        departments = next(filter(None, declared), ())
    return {
        "department": departments[0] if departments else None,
        "departments": ",".join(departments),
    }


def _check(city: City, kind: str, place: tuple[float, float], beyond: bool) -> None:
    if city.event_types and kind not in city.event_types:
        text = Text(en=f"no event type '{kind}' is declared", zh=f"没有事件类型“{kind}”")
        raise IncompleteError("kind", text)
    minx, miny, maxx, maxy = city.bounds
    if not beyond and not (minx <= place[0] <= maxx and miny <= place[1] <= maxy):
        text = Text(en="the place lies outside of the city", zh="地点不在本市范围内")
        raise IncompleteError("where", text)
