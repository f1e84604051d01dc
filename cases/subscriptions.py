"""Other systems that want to know of cases: each transition becomes one notice for each of them.

Declared in ``notices.yaml``::

    subscriptions:
      - {id: sanitation, channel: hook, event_types: ["01"], departments: [D09],
         states: [dispatched, closed], unit: "3101"}

What is told is `content`: what happened to which case, where and when, and the digest of the log's
entry. Names of people, reasons and reports in people's own words are not told.
"""

from __future__ import annotations

import uuid
from typing import Any

import orjson

from cases.case_rows import Row
from cases.notices import NAMESPACE, TRANSITION, NoticeDeclaration, Subscription
from cases.telling import title_of
from cases.units import units_of
from layers.city import City
from layers.store.notice import Notice
from layers.store.tables import instant_text


def notices_of(city: City, entry: Row, declared: NoticeDeclaration) -> list[Notice]:
    """Notices for all subscribers whose filter an entry of the log meets.

    Parameters
    ----------
    entry : as `cases.recording.record` returns it.
    """
    meeting = [one for one in declared.subscriptions if meets(city, one, entry)]
    if not meeting:
        return []
    body = orjson.dumps(content(city, entry)).decode()
    return [
        Notice(
            key=str(uuid.uuid5(NAMESPACE, f"subscription\n{one.id}\n{entry['log_id']}")),
            channel=one.channel,
            recipient=one.id,
            about=entry["case_id"],
            template=TRANSITION,
            subject=f"{entry['action']} {entry['case_id']}",
            body=body,
            created=entry["at"],
            due=entry["at"],
        )
        for one in meeting
    ]


def meets(city: City, one: Subscription, entry: Row) -> bool:
    """Whether a subscriber wants to know of an entry; an empty filter lets everything through."""
    departments = set((entry["departments"] or "").split(",")) | {entry["department"]}
    return (
        (not one.event_types or (entry["event_type"] or "").startswith(one.event_types))
        and (not one.departments or bool(departments & set(one.departments)))
        and (not one.states or entry["after"] in one.states)
        and (one.unit is None or units_of(city).holds(one.unit, entry["jurisdiction"]))
    )


def content(city: City, entry: Row) -> dict[str, Any]:
    """What a subscriber is told; times in UTC, the place as (lon, lat) in EPSG:4326."""
    title, point, due = title_of(city, entry["event_type"]), entry["geometry"], entry["due_at"]
    return {
        "case": entry["case_id"],
        "entry": entry["seq"],
        "action": entry["action"],
        "before": entry["before"],
        "after": entry["after"],
        "at": instant_text(entry["at"]),
        "event_type": entry["event_type"],
        "title": {"en": title.en, "zh": title.zh},
        "department": entry["department"],
        "departments": [one for one in (entry["departments"] or "").split(",") if one],
        "level": entry["level"],
        "unit": entry["unit"],
        "jurisdiction": entry["jurisdiction"],
        "due_at": None if due is None else instant_text(due),
        "place": None if point is None else [point.x, point.y],
        "digest": entry["digest"],
    }
