"""What everybody may know of service requests: their public steps, never the staff's notes.

Of the log only the entries count whose action tells the reporter (see ``process.yaml``): their
words are meant for him. Names, reasons of returns and all else that staff write stay inside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
import pyproj
import shapely

from cases.case_log import Reader
from cases.case_rows import CASE, LOG, Row
from cases.open311 import Open311
from cases.people_told import CONTACTS, OPEN311
from cases.process import process_of
from cases.states import FINAL, TITLES
from cases.telling import title_of
from layers.city import City
from layers.query import Query, SortKey, TimeInterval
from layers.text import Text

Status = Literal["open", "closed"]
_READ = ("case_id", "event_type", "state", "opened_at", "state_since", "closed_at", "due_at",
         "department", "note")  # fmt: skip
_CHUNK = 500
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_NUMBER = re.compile(r"\+?\d(?:[ -]?\d){6,}")
_HIDDEN = "•••"


@dataclass(frozen=True)
class Wanted:
    """Which service requests are asked for; all conditions hold together.

    Attributes
    ----------
    ids, codes : the only ones; empty for all.
    start, end : when they were made (aware).
    statuses : ``open``, ``closed``; empty for all.
    near : (lon, lat, radius in m), EPSG:4326.
    """

    ids: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    statuses: tuple[Status, ...] = ()
    near: tuple[float, float, float] | None = None
    offset: int = 0
    limit: int = 1000


@dataclass(frozen=True)
class ServiceRequest:
    """A report as everybody may see it; places in EPSG:4326, times aware."""

    case_id: str
    status: Status
    notes: Text
    code: str
    name: Text
    description: str
    agency: Text | None
    requested: datetime
    updated: datetime
    expected: datetime | None
    address: str
    address_id: str
    media_url: str
    lon: float | None
    lat: float | None


def find(source: Reader, city: City, declared: Open311, wanted: Wanted) -> list[ServiceRequest]:
    """Service requests, the newest first."""
    where = [{"op": "like", "args": [{"property": "reporter"}, f"{OPEN311}%"]}]
    if wanted.codes:
        where.append(_among("event_type", wanted.codes))
    if set(wanted.statuses) == {"open"}:
        where.append({"op": "not", "args": [_among("state", sorted(FINAL))]})
    elif set(wanted.statuses) == {"closed"}:
        where.append(_among("state", sorted(FINAL)))
    asked = Query(
        CASE,
        fids=wanted.ids or None,
        where=where[0] if len(where) == 1 else {"op": "and", "args": where},
        time=TimeInterval(wanted.start, wanted.end) if wanted.start or wanted.end else None,
        geometry=None if wanted.near is None else _circle(city, wanted.near),
        sort=(SortKey("opened_at", descending=True),),
        offset=wanted.offset,
        limit=wanted.limit,
        properties=_READ,
    )
    page = source.page(asked)
    rows = [dict(zip(page.names, row, strict=True)) for row in page.rows]
    said = _said(source, city, [row["case_id"] for row in rows if row["state"] in FINAL])
    given = _given(source, [row["case_id"] for row in rows])
    return [
        _shown(city, declared, row, geometry, said, given)
        for row, geometry in zip(rows, page.geometries, strict=True)
    ]


def public_text(text: str) -> str:
    """Hide e-mail addresses and numbers as long as a phone's in what somebody wrote."""
    return _NUMBER.sub(_HIDDEN, _EMAIL.sub(_HIDDEN, text))


def _shown(
    city: City,
    declared: Open311,
    row: Row,
    geometry: str | None,
    said: dict[str, str],
    given: dict[str, Row],
) -> ServiceRequest:
    state, own = row["state"], given.get(row["case_id"], {})
    title, why = TITLES[state], public_text(said.get(row["case_id"], ""))
    unscreened = state in ("found", "triage")
    shown = state != "rejected" and (declared.shown_unscreened or not unscreened)
    department = city.departments.get(row["department"] or "")
    closed = state in FINAL
    point = None if geometry is None else shapely.centroid(shapely.from_geojson(geometry))
    return ServiceRequest(
        case_id=row["case_id"],
        status="closed" if closed else "open",
        notes=Text(en=_joined(title.en, why, ": "), zh=_joined(title.zh, why, "：")),
        code=row["event_type"],
        name=title_of(city, row["event_type"]),
        description=public_text(row["note"] or "") if shown else "",
        agency=None if department is None else department.title,
        requested=row["opened_at"],
        updated=(row["closed_at"] if closed else None) or row["state_since"] or row["opened_at"],
        expected=row["due_at"],
        address=public_text(own.get("address") or "") if shown else "",
        address_id=own.get("address_id") or "",
        media_url=(own.get("media_url") or "") if shown else "",
        lon=None if point is None else float(point.x),
        lat=None if point is None else float(point.y),
    )


def _joined(title: str, why: str, between: str) -> str:
    return f"{title}{between}{why}" if why else title


def _said(source: Reader, city: City, cases: Sequence[str]) -> dict[str, str]:
    """Last words of the log that are meant for the reporter, by case."""
    process = process_of(city)
    told = [a.id for a in process.actions if a.tells_any("reporter")]
    found: dict[str, str] = {}
    if not told:
        return found
    for chunk in _chunks(cases):
        where = {"op": "and", "args": [_among("case_id", chunk), _among("action", told)]}
        names = ("case_id", "seq", "why")
        asked = Query(LOG, where=where, properties=names, sort=(SortKey("seq"),),
                      skip_geometry=True)  # fmt: skip
        page = source.page(asked)
        for row in page.rows:
            values = dict(zip(page.names, row, strict=True))
            found[values["case_id"]] = values["why"] or ""
    return found


def _given(source: Reader, cases: Sequence[str]) -> dict[str, Row]:
    """What reports said of the matter's place and picture, by case; nothing of who reported."""
    found: dict[str, Row] = {}
    for chunk in _chunks(cases):
        names = ("case_id", "address", "address_id", "media_url")
        page = source.page(Query(CONTACTS, where=_among("case_id", chunk), properties=names))
        for row in page.rows:
            values = dict(zip(page.names, row, strict=True))
            found[values["case_id"]] = values
    return found


def _chunks(cases: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(cases), _CHUNK):
        yield cases[start : start + _CHUNK]


def _among(name: str, values: Sequence[str]) -> dict[str, Any]:
    return {"op": "in", "args": [{"property": name}, list(values)]}


def _circle(city: City, near: tuple[float, float, float]) -> shapely.Geometry:
    """Points within a radius, drawn in the city's UTM zone, in EPSG:4326."""
    lon, lat, radius_m = near
    crs = city.declaration.crs
    there = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    back = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    circle = shapely.Point(there.transform(lon, lat)).buffer(radius_m)

    def unprojected(xy: np.ndarray) -> np.ndarray:
        return np.column_stack(back.transform(xy[:, 0], xy[:, 1]))

    return shapely.transform(circle, unprojected)
