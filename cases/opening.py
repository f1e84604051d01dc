"""Alerts open cases or join them, once each: what people have done since is left alone.

An alert of a rule that declares ``joint`` joins the case of its episode (see `cases.episodes`);
any other opens one of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import geopandas as gpd

from analytics.event import Event
from cases.actor import Actor
from cases.case_rows import CASE, Row, frame_of, read_rows
from cases.episodes import Case, Episodes, Finding, case_id
from cases.recording import Step, record
from cases.reporting import set_unit
from cases.states import OPENING
from cases.telling import tell
from layers.city import City
from layers.query import Query, SortKey
from layers.store.base import Transaction
from layers.store.tables import instant_of, instant_text

# How events that a rule found are called in the table of origins.
_ORIGIN = "smart"
# Ids asked for in one question.
_CHUNK = 5000
_HELD = ("case_id", "alert_id", "state", "assignee", "parent_case", "joint", "follows", "findings")
# What people may have put right; the machine goes on with it only where they have not.
_SHARED = (
    "event_type",
    "severity",
    "department",
    "departments",
    "title_en",
    "title_zh",
    "due_at",
)


# A case that is not there yet, its family, and the event whose alert opens it.
_New = tuple[str | None, Case, Event]


@dataclass(frozen=True)
class Written:
    """What became of events.

    Attributes
    ----------
    opened : ids of the alerts that opened a case.
    changed : cases that stood and were added to or merged.
    """

    opened: tuple[str, ...] = ()
    changed: int = 0


def open_cases(city: City, events: Sequence[Event], *, at: datetime) -> gpd.GeoDataFrame:
    """Rows of the ``case_event`` layer that events open where there are no cases, sorted by id.

    Parameters
    ----------
    at : when the cases are opened (aware); the time allowed for handling runs from then.
    """
    rows: list[dict[str, Any]] = []
    for family, own in _families(city, events).items():
        cases = _gathered(city, family, own.values(), Episodes(_gap_ms(city))).values()
        rows += [_new_row(city, family, case, own[case.alert], at) for case in cases]
    return frame_of(city.layer(CASE), rows)


def write_cases(unit: Transaction, city: City, events: Sequence[Event], *, at: datetime) -> Written:
    """Open the cases that are not there yet, and add to those that are.

    Parameters
    ----------
    unit : the transaction of the alerts, so that no alert is without its case. Cases are looked
        up inside of it; writers wait for one another, so that none opens a second one meanwhile.
    events : those whose alert has a case already change nothing.
    at : when this became true (aware).
    """
    new: list[_New] = []
    changed: dict[str, tuple[str | None, Case]] = {}
    for family, own in _families(city, events).items():
        standing = _own(unit, own)
        episodes = Episodes(_gap_ms(city), known=set(standing))
        if family is not None:
            episodes.stand(_standing(unit, city, family, own.values()))
        for case in _gathered(city, family, own.values(), episodes).values():
            if case.standing:
                changed[case.id] = family, case
            else:
                new.append((family, case, own[case.alert]))
    new.sort(key=lambda one: one[1].id)
    steps = _openings(unit, city, new, at)
    standing_rows = read_rows(unit, city.layer(CASE), changed)
    for key, row in standing_rows.items():
        after = _changed_row(city, changed[key][1], dict(row))
        if after != row:
            action = "merge" if after["state"] != row["state"] else "join"
            logged = action == "merge"
            steps.append(Step(action, row, after, Actor.platform(), logged=logged))
    record(unit, city, steps, at=at)
    return Written(tuple(case.alert for _, case, _ in new), len(changed))


def _openings(unit: Transaction, city: City, new: Sequence[_New], at: datetime) -> list[Step]:
    """Steps that open cases, and merge those that another one took in at once."""
    codes = unit.locate([event.geometry for _, _, event in new])
    steps = []
    for (family, case, event), code in zip(new, codes, strict=True):
        first = [one for one in case.findings if one.alert == case.alert]
        row = _new_row(city, family, replace(case, findings=first), event, at)
        row |= {"jurisdiction": code, "state": OPENING, "parent_case": None}
        set_unit(city, row)
        steps.append(Step("find", None, row, Actor.platform()))
        if len(case.findings) > 1:
            before, row = row, row | tell(city, case.findings, event.subject, at)
            steps.append(Step("join", before, row, Actor.platform(), logged=False))
        if case.state != OPENING:
            before, row = row, row | {"state": case.state, "parent_case": case.parent}
            steps.append(Step("merge", before, row, Actor.platform()))
    return steps


def _gap_ms(city: City) -> int:
    return round(city.declaration.cases.joint_gap_hours * 3_600_000)


def _families(city: City, events: Iterable[Event]) -> dict[str | None, dict[str, Event]]:
    """Events by the family of their rule, each once, under the id of its alert."""
    families: dict[str | None, dict[str, Event]] = {}
    for event in events:
        rule = city.rules.get(event.rule)
        families.setdefault(rule.joint if rule else None, {})[event.id] = event
    return families


def _gathered(
    city: City, family: str | None, events: Iterable[Event], episodes: Episodes
) -> dict[str, Case]:
    """Cases that events open or change."""
    findings = [Finding.of(event) for event in events]
    if family is not None:
        episodes.add(findings)
        return episodes.changed
    fresh = (Case.opened_by(one) for one in findings if one.alert not in episodes.known)
    return {case.id: case for case in fresh}


def _pages(unit: Transaction, ids: Iterable[str], names: tuple[str, ...]) -> Iterator[Any]:
    wanted = sorted(set(ids))
    for start in range(0, len(wanted), _CHUNK):
        asked = Query(CASE, fids=tuple(wanted[start : start + _CHUNK]), skip_geometry=True)
        page = unit.page(asked.but(properties=names))
        yield from (dict(zip(page.names, row, strict=True)) for row in page.rows)


def _own(unit: Transaction, events: Mapping[str, Event]) -> list[str]:
    """Ids of the alerts that opened a case, whatever their rule declared at that time."""
    ids = map(case_id, events)
    return [row["alert_id"] for row in _pages(unit, ids, ("alert_id",)) if row["alert_id"]]


def _standing(unit: Transaction, city: City, family: str, events: Iterable[Event]) -> list[Case]:
    """Cases of a family that events may join, and those that they were merged into."""
    findings = [Finding.of(event) for event in events]
    gap = _gap_ms(city)
    start = min(one.start_ms for one in findings) - gap
    end = max(one.end_ms for one in findings) + gap
    movers = {subject for one in findings for subject in one.subjects}
    where = {
        "op": "and",
        "args": [
            {"op": ">=", "args": [{"property": "last_time"}, _timestamp(start)]},
            {"op": "<=", "args": [{"property": "first_time"}, _timestamp(end)]},
            {"op": "=", "args": [{"property": "joint"}, family]},
        ],
    }
    # Sorted by what is indexed: sorted by id, SQLite would go through all of them.
    asked = Query(CASE, where=where, sort=(SortKey("last_time"),), skip_geometry=True)
    page = unit.page(asked.but(properties=("subject", "subjects")))
    who, whom = page.names.index("subject"), page.names.index("subjects")
    wanted = {
        fid
        for fid, row in zip(page.fids, page.rows, strict=True)
        if row[who] in movers or not movers.isdisjoint(row[whom] or ())
    }
    cases: dict[str, Case] = {}
    while wanted:
        rows = [row for row in _pages(unit, wanted, _HELD) if row["joint"] == family]
        found = {row["case_id"]: _case(row) for row in rows if row["findings"]}
        cases |= found
        wanted = {case.parent for case in found.values() if case.parent} - cases.keys() - wanted
    return list(cases.values())


def _timestamp(t_ms: int) -> dict[str, str]:
    return {"timestamp": instant_text(instant_of(t_ms))}


def _case(row: Mapping[str, Any]) -> Case:
    findings = tuple(Finding.from_dict(one) for one in row["findings"])
    return Case(
        id=row["case_id"],
        alert=row["alert_id"],
        findings=list(findings),
        state=row["state"],
        held=row["state"] != OPENING or bool(row["assignee"]),
        parent=row["parent_case"],
        follows=row["follows"],
        standing=findings,
    )


def _new_row(city: City, family: str | None, case: Case, event: Event, at: datetime) -> Row:
    return tell(city, case.findings, event.subject, at) | {
        "case_id": case.id,
        "origin": _ORIGIN,
        "alert_id": event.id,
        "subject": event.subject,
        "joint": family,
        "state": case.state,
        "parent_case": case.parent,
        "follows": case.follows,
        "opened_at": at,
        "geometry": event.geometry,
    }


def _changed_row(city: City, case: Case, row: dict[str, Any]) -> dict[str, Any]:
    """A row that stands, with what the machine has to add and nothing that people did undone."""
    subject, opened_at = row["subject"], row["opened_at"]
    before = tell(city, case.standing, subject, opened_at)
    after = tell(city, case.findings, subject, opened_at)
    for name in _SHARED:
        if row[name] != before[name]:
            after[name] = row[name]
    if row["departments"] != before["departments"]:
        theirs = [one for one in (row["departments"] or "").split(",") if one]
        joined = {one for new in case.findings[len(case.standing) :] for one in new.departments}
        after["departments"] = ",".join([*theirs, *sorted(joined - set(theirs))])
    row |= after
    if case.state == "merged":
        row |= {"state": case.state, "parent_case": case.parent}
    return row
