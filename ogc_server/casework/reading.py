"""Reading cases: who may act on which, one with its log, whether the log is whole, figures."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import cast, get_args

import geopandas as gpd
from starlette.requests import Request
from starlette.responses import Response

from cases import case_log
from cases.actor import Actor
from cases.case_rows import CASE, Row, plain
from cases.process import process_of
from cases.refusals import UnknownCaseError
from cases.states import FINAL, TITLES
from cases.statistics import By, statistics
from cases.units import units_of
from layers.query import EVERYTHING, Query, Scope, SortKey
from ogc_server.answers import data_answer
from ogc_server.asked import Asked
from ogc_server.casework.documents import public_document, staff_document, summary
from ogc_server.casework.handing_over import nodes_for
from ogc_server.casework.who import actor_of
from ogc_server.catalogue import Catalogue
from ogc_server.features import JSON
from ogc_server.problem import bad_parameter
from ogc_server.times import write_instant

_LIMIT, _MOST = 100, 500
# Of open cases the most urgent are looked at; more than that nobody has on his list.
_LOOKED_AT = 2000
_LONGEST_ID = 200


def list_cases(request: Request) -> Response:
    """``GET /cases``: open cases by their next deadline, or by distance from ``near``."""
    asked = Asked(request, ("json",))
    asked.refuse_parameters("mine", "near", "state", "limit", "unit", "overdue")
    actor, now = actor_of(asked), datetime.now(UTC)
    catalogue = asked.catalogue
    catalogue.layer(CASE)
    mine, near = _truth(asked, "mine"), _near(asked)
    states = _states(asked, actor, mine=mine)
    rows = _urgent(catalogue, states, scope_of(asked))
    found = [summary(catalogue.city, actor, row, asked.base, now, near) for row in rows]
    if mine:
        found = [one for one in found if one["actions"]]
    if _truth(asked, "overdue"):
        found = [one for one in found if one["overdue"]]
    if near is not None:
        found.sort(key=lambda one: (one["distance_m"] is None, one["distance_m"] or 0, one["id"]))
    shown = found[: _number(asked, "limit", _LIMIT, _MOST)]
    document = {
        "cases": shown,
        "numberReturned": len(shown),
        "numberMatched": len(found),
        "timeStamp": write_instant(now),
        "links": [{"rel": "self", "type": JSON, "href": asked.place().url()}],
    }
    return data_answer(document, JSON)


def one_case(request: Request) -> Response:
    """``GET /cases/{case}``: all of it for who sees cases, the public part for who reported it."""
    asked = Asked(request, ("json",))
    asked.refuse_parameters("near")
    actor, key = actor_of(asked), request.path_params["case"]
    catalogue, near = asked.catalogue, _near(asked)
    row = seen_row(catalogue, key)
    if row is None:
        reported = reported_row(catalogue, key, actor.name)
        if reported is None:
            raise UnknownCaseError(key[:_LONGEST_ID])
        return data_answer(public_document(catalogue.city, reported, asked.base), JSON)
    short = summary(catalogue.city, actor, row, asked.base, datetime.now(UTC), near)
    log = case_log.entries(catalogue.store, key, catalogue.audience.scope)
    document = staff_document(short, row, log, asked.base)
    document["nodes"] = nodes_for(catalogue.city, actor, row)
    return data_answer(document, JSON)


def chain(request: Request) -> Response:
    """``GET /cases/{case}/verify``: whether its log is as it was written."""
    asked = Asked(request, ("json",))
    asked.refuse_parameters()
    actor_of(asked)
    key = request.path_params["case"]
    needed_row(asked.catalogue, key)
    found = case_log.verify(asked.catalogue.store, key)
    return data_answer(asdict(found) | {"case": key, "whole": found.whole}, JSON)


def figures(request: Request) -> Response:
    """``GET /cases/statistics``: numbers of one's units, of the last 30 days by default."""
    asked = Asked(request, ("json",))
    asked.refuse_parameters("by", "first", "last", "unit")
    actor_of(asked)
    catalogue, now = asked.catalogue, datetime.now(UTC)
    catalogue.layer(CASE)
    by = _by(asked)
    today = now.astimezone(catalogue.city.zone).date()
    last = _day(asked, "last", today)
    first = _day(asked, "first", last - timedelta(days=29))
    found = statistics(
        catalogue.store, catalogue.city, catalogue.audience,
        by=by, first=first, last=last, at=now, unit=asked.values.get("unit"),
    )  # fmt: skip
    rows = [asdict(one) | {"share_in_time": one.share_in_time} for one in found]
    document = {"by": by, "first": str(first), "last": str(last), "figures": rows}
    return data_answer(document, JSON)


def seen_row(catalogue: Catalogue, key: str) -> Row | None:
    """Row of a case that the reader may see, None where there is none for him."""
    if not catalogue.audience.sees(catalogue.city.layer(CASE)):
        return None
    return _row(catalogue, key, catalogue.audience.scope)


def needed_row(catalogue: Catalogue, key: str) -> Row:
    """Row of a case that the reader may see; UnknownCaseError where there is none for him."""
    row = seen_row(catalogue, key)
    if row is None:
        raise UnknownCaseError(key[:_LONGEST_ID])
    return row


def reported_row(catalogue: Catalogue, key: str, name: str) -> Row | None:
    """Row of a case that somebody reported himself, whatever else he sees."""
    row = _row(catalogue, key, EVERYTHING)
    return row if row is not None and row.get("reporter") == name else None


def _row(catalogue: Catalogue, key: str, scope: Scope) -> Row | None:
    if not 0 < len(key) <= _LONGEST_ID or not key.isprintable():
        return None
    rows = rows_of(catalogue, Query(CASE, fids=(key,), scope=scope))
    return rows[0] if rows else None


def scope_of(asked: Asked) -> Scope:
    """Return what the reader sees, or of it what lies in the unit that he asks for.

    Raises
    ------
    NotAllowedError
        for a unit that is not within his subtrees.
    """
    scope, unit = asked.catalogue.audience.scope, asked.values.get("unit")
    return scope if unit is None else units_of(asked.catalogue.city).within(scope, unit)


def _urgent(catalogue: Catalogue, states: list[str], scope: Scope) -> list[Row]:
    """Cases in some states, those with the nearest deadline first, without one last."""
    if not states:
        return []
    where = {"op": "in", "args": [{"property": "state"}, states]}
    asked = catalogue.everything(CASE).but(
        where=where, sort=(SortKey("deadline"),), limit=_LOOKED_AT, scope=scope
    )
    rows = rows_of(catalogue, asked)
    never = datetime.max.replace(tzinfo=UTC)
    return sorted(rows, key=lambda row: (row.get("deadline") or never, row["case_id"]))


def rows_of(catalogue: Catalogue, asked: Query) -> list[Row]:
    """Rows of a question as plain values."""
    return rows_in(catalogue.store.frame(asked))


def rows_in(frame: gpd.GeoDataFrame) -> list[Row]:
    """Rows of a frame as plain values."""
    return [{str(k): plain(v) for k, v in row.items()} for row in frame.to_dict("records")]


def _states(asked: Asked, actor: Actor, *, mine: bool) -> list[str]:
    """States that are asked for; of ``mine`` those in which the actor's rights allow anything."""
    given = asked.values.get("state")
    still_open: list[str] = [state for state in TITLES if state not in FINAL]
    states = given.split(",") if given else still_open
    for state in states:
        if state not in TITLES:
            known = ", ".join(TITLES)
            raise bad_parameter("state", f"found {state[:40]!r}, expected some of {known}")
    if not mine:
        return states
    actions = process_of(asked.catalogue.city).actions
    able = {
        state
        for action in actions
        if action.right is not None and actor.audience.may(action.right)
        for state in action.steps
    }
    return [state for state in states if state in able]


def _truth(asked: Asked, name: str) -> bool:
    value = asked.values.get(name, "false")
    if value not in ("true", "false"):
        raise bad_parameter(name, f"found {value[:40]!r}, expected true or false")
    return value == "true"


def _number(asked: Asked, name: str, default: int, most: int) -> int:
    value = asked.values.get(name)
    if value is None:
        return default
    if not (value.isascii() and value.isdigit() and 0 < len(value) < 10 and int(value) > 0):
        raise bad_parameter(name, f"found {value[:40]!r}, expected a whole number from 1")
    return min(int(value), most)


def _near(asked: Asked) -> tuple[float, float] | None:
    value = asked.values.get("near")
    if value is None:
        return None
    try:
        lon, lat = (float(part) for part in value.split(","))
    except ValueError:
        lon = lat = float("nan")
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise bad_parameter("near", f"found {value[:60]!r}, expected lon,lat in degrees")
    return lon, lat


def _by(asked: Asked) -> By:
    value, ways = asked.values.get("by", "all"), get_args(By)
    for way in ways:
        if way == value:
            return cast(By, way)
    raise bad_parameter("by", f"found {value[:40]!r}, expected one of {', '.join(ways)}")


def _day(asked: Asked, name: str, default: date) -> date:
    value = asked.values.get(name)
    if value is None:
        return default
    try:
        return date.fromisoformat(value)
    except ValueError as failure:
        words = f"found {value[:40]!r}, expected a day such as 2026-07-01"
        raise bad_parameter(name, words) from failure
