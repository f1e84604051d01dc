"""Cases as JSON: what a list shows of one, and all of it for staff and for who reported it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import numpy as np
import pyproj

from cases.acting import possible
from cases.actor import Actor
from cases.case_rows import Row
from cases.process import Action
from cases.states import FINAL, PAUSED, TITLES
from layers.city import City
from layers.jurisdictions import representative_points
from layers.text import Text
from ogc_server.times import write_instant

Json = dict[str, Any]
_GEOD = pyproj.Geod(ellps="WGS84")
# Of a case, what who reported it is told: how far it is, not who does it.
_PUBLIC = ("opened_at", "due_at", "closed_at")


def both(text: Text) -> dict[str, str]:
    """Return a text in both languages: a phone that is offline may still change its language."""
    return {"en": text.en, "zh": text.zh}


def point_of(row: Row) -> tuple[float, float] | None:
    """Place of a case as one point (lon, lat)."""
    shape = row.get("geometry")
    if shape is None or shape.is_empty:
        return None
    point = representative_points(np.array([shape], object))[0]
    return round(float(point.x), 7), round(float(point.y), 7)


def distance_m(row: Row, near: tuple[float, float] | None) -> float | None:
    """Geodesic distance of a case from a place, metres."""
    point = point_of(row)
    if near is None or point is None:
        return None
    return round(float(_GEOD.inv(*near, *point)[2]), 1)


def action_document(action: Action) -> Json:
    """Return an action that can be taken, with what must be given."""
    return {
        "id": action.id,
        "title": both(action.title),
        "needs": list(action.needs),
        "right": action.right,
    }


def summary(
    city: City,
    actor: Actor,
    row: Row,
    base: str,
    at: datetime,
    near: tuple[float, float] | None = None,
) -> Json:
    """Return what a list shows of a case.

    Parameters
    ----------
    at : now (aware), for what is overdue.
    near : (lon, lat) that distances are taken from.
    """
    deadline, key = row.get("deadline"), row["case_id"]
    runs = row["state"] not in FINAL and row["state"] != PAUSED
    return {
        "id": key,
        **_what(city, row),
        "severity": row.get("severity"),
        "origin": row.get("origin"),
        "point": point_of(row),
        "distance_m": distance_m(row, near),
        "opened_at": write_instant(row.get("opened_at")),
        "due_at": write_instant(row.get("due_at")),
        "deadline": write_instant(deadline),
        "overdue": bool(runs and deadline is not None and deadline < at),
        "department": _department(city, row.get("department")),
        "unit": _unit(city, row.get("unit")),
        "assignee": row.get("assignee"),
        "version": row.get("version") or 0,
        "actions": [action_document(one) for one in possible(city, actor, row)],
        "links": [
            {"rel": "self", "type": "application/json", "href": case_url(base, key)},
            {
                "rel": "item",
                "type": "application/geo+json",
                "href": f"{base}/collections/case_event/items/{quote(key, safe='')}",
            },
        ],
    }


def case_url(base: str, key: str) -> str:
    """Address of a case."""
    return f"{base}/cases/{quote(key, safe='')}"


def staff_document(short: Json, row: Row, log: Iterable[Row], base: str) -> Json:
    """Return all of a case: its summary, what was reported, its log."""
    return short | {
        "part": "staff",
        "note": row.get("note"),
        "photos": photo_urls(base, row["case_id"], row.get("photos")),
        "reporter": row.get("reporter"),
        "parent_case": row.get("parent_case"),
        "follows": row.get("follows"),
        "joint_task": row.get("joint_task"),
        "alerts": row.get("alerts") or [],
        "log": [_entry(base, entry) for entry in log],
    }


def public_document(city: City, row: Row, base: str) -> Json:
    """Return what who reported a case is told of it: no names, no reasons, no other's photos."""
    key = row["case_id"]
    return {
        "id": key,
        "part": "public",
        **_what(city, row),
        "point": point_of(row),
        **{name: write_instant(row.get(name)) for name in _PUBLIC},
        "note": row.get("note"),
        "photos": photo_urls(base, key, row.get("photos")),
        "links": [{"rel": "self", "type": "application/json", "href": case_url(base, key)}],
    }


def photo_urls(base: str, case: str, digests: Iterable[str] | None) -> list[Json]:
    """Photos with the addresses under which readers of a case may have them."""
    query = f"?case={quote(case, safe='')}"
    return [
        {"digest": one, "href": f"{base}/photos/{quote(one, safe='')}{query}"}
        for one in digests or ()
    ]


def _what(city: City, row: Row) -> Json:
    place = city.jurisdictions.get(row.get("jurisdiction") or "")
    return {
        "title": {"en": row.get("title_en") or "", "zh": row.get("title_zh") or ""},
        "state": row["state"],
        "state_title": both(TITLES[row["state"]]),
        "event_type": row["event_type"],
        "place": None if place is None else both(place.title),
    }


def _department(city: City, key: str | None) -> Json | None:
    known = city.departments.get(key or "")
    return None if known is None else {"id": known.id, "title": both(known.title)}


def _unit(city: City, code: str | None) -> Json | None:
    known = city.jurisdictions.get(code or "")
    return None if known is None else {"code": known.code, "title": both(known.title)}


def _entry(base: str, entry: Mapping[str, Any]) -> Json:
    plain = ("seq", "action", "before", "after", "actor", "role", "why", "lon", "lat",
             "distance_m", "details", "digest")  # fmt: skip
    return {name: entry.get(name) for name in plain} | {
        "at": write_instant(entry["at"]),
        "photos": photo_urls(base, entry["case_id"], entry.get("photos")),
    }
