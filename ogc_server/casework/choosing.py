"""Who could be sent to a case, ranked, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from cases.candidates import candidates
from cases.dispatch import Candidate
from cases.refusals import NotAllowedError
from layers.city import City
from layers.text import Text
from ogc_server.access.entrance import Entrance
from ogc_server.answers import data_answer
from ogc_server.asked import Asked
from ogc_server.casework.documents import both
from ogc_server.casework.reading import needed_row
from ogc_server.casework.who import actor_of, entrance_of
from ogc_server.features import JSON


def ranked(request: Request) -> Response:
    """``GET /cases/{case}/candidates``: the best first, for who may dispatch."""
    asked = Asked(request, ("json",))
    asked.refuse_parameters()
    actor, key = actor_of(asked), request.path_params["case"]
    catalogue = asked.catalogue
    row = needed_row(catalogue, key)
    if not actor.audience.may("dispatch"):
        text = Text(en="candidates are for who may dispatch", zh="仅派遣人员可查看处置人选")
        raise NotAllowedError(text)
    now, city = datetime.now(UTC), catalogue.city
    found = candidates(catalogue.store, city, catalogue.audience, row, at=now)
    told = [_document(city, entrance_of(request), one) for one in found]
    return data_answer({"case": key, "candidates": told}, JSON)


def _document(city: City, entrance: Entrance, one: Candidate) -> dict[str, Any]:
    """Return a candidate; assigned by name is only who can sign in and take the case."""
    accounts = entrance.accounts
    known = one.kind == "officer" and (accounts is None or accounts.find(one.id) is not None)
    department = city.departments.get(one.department or "")
    return {
        "kind": one.kind,
        "id": one.id,
        "title": _title(city, one),
        "department": None
        if department is None
        else {"id": department.id, "title": both(department.title)},
        "unit": one.unit,
        "assignee": one.id if known else None,
        "minutes": one.minutes,
        "distance_m": one.distance_m,
        "reasons": [both(reason) for reason in one.reasons],
    }


def _title(city: City, one: Candidate) -> dict[str, str]:
    declared = city.jurisdictions if one.kind == "centre" else city.departments
    known = declared.get(one.id)
    return {"en": one.id, "zh": one.id} if known is None else both(known.title)
