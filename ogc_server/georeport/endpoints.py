"""Endpoints of GeoReport v2, https://wiki.open311.org/GeoReport_v2, below ``/open311/v2``."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from cases.case_rows import CASE, LOG
from cases.following import ServiceRequest, Wanted, find
from cases.open311 import Attribute, Open311, read_open311
from cases.people_told import CONTACTS
from cases.refusals import CaseError, IncompleteError
from cases.service_requests import UnknownServiceError, case_of_token, submit
from layers.city import City
from layers.city_declaration import EventType
from layers.errors import QueryError
from layers.text import Text
from ogc_server.access.sign_in import ACTOR_KEY
from ogc_server.catalogue import CATALOGUE_KEY, Catalogue
from ogc_server.editing.turns import in_turn
from ogc_server.gate import BASE_KEY
from ogc_server.georeport.asking import (
    Pairs,
    read_form,
    refused,
    single,
    submission,
    wanted,
)
from ogc_server.georeport.documents import MEDIA, document, errors
from ogc_server.georeport.rate import HourlyRate
from ogc_server.negotiation import wanted_language
from ogc_server.problem import RequestError, not_found

HOME = "/open311/v2"
SPECIFICATION = "http://wiki.open311.org/GeoReport_v2"
NEEDED = (CASE, LOG, CONTACTS)
_STATUS: dict[type[CaseError], int] = {UnknownServiceError: 404, IncompleteError: 400}
_Answer = Callable[["Visit"], Response]


class Visit:
    """One request: what every endpoint reads of it.

    Parameters
    ----------
    pairs : names and values of query and form.
    """

    def __init__(self, request: Request, extension: str, ident: str, pairs: Pairs) -> None:
        self.request, self.extension, self.ident = request, extension, ident
        self.pairs, self.values = pairs, single(pairs)
        self.catalogue: Catalogue = request.scope[CATALOGUE_KEY]
        self.city: City = self.catalogue.city
        self.now = datetime.now(UTC)
        accept = request.headers.get("accept-language", "")
        self.language = wanted_language(self.values, accept)

    @property
    def declared(self) -> Open311:
        """What the city lets people report, read once for each server."""
        state = self.request.app.state
        if not hasattr(state, "open311"):
            state.open311 = read_open311(self.city)
        found: Open311 = state.open311
        return found

    @property
    def rate(self) -> HourlyRate:
        """Who reported how often."""
        state = self.request.app.state
        if not hasattr(state, "open311_rate"):
            state.open311_rate = HourlyRate()
        found: HourlyRate = state.open311_rate
        return found

    def say(self, text: Text | None) -> str | None:
        """Words in the reader's language."""
        return None if text is None else text.say(self.language)

    def check(self) -> None:
        """Refuse another jurisdiction (404), or a store without cases (404)."""
        ident = self.values.get("jurisdiction_id")
        own = self.declared.jurisdiction_id or self.city.declaration.id
        if ident is not None and ident != own:
            raise not_found(f"jurisdiction_id '{ident}'")
        if not set(NEEDED) <= set(self.catalogue.store.layers()):
            raise not_found("the table of cases")

    def answer(self, name: str, value: Any, status: int = 200) -> Response:
        """Answer in the format that was asked for."""
        return document(name, value, self.extension, status)


def _endpoint(work: _Answer, form: bool = False) -> Callable[[Request], Awaitable[Response]]:
    """Make an endpoint whose refusals have the form of the specification."""

    @wraps(work)
    async def endpoint(request: Request) -> Response:
        tail = request.path_params.get("tail", "")
        ident, _, extension = tail.rpartition(".")
        if extension not in MEDIA:
            found = "expected the format json or xml, such as services.json"
            return errors(404, found, "xml")
        try:
            multi = request.query_params.multi_items()
            pairs = await read_form(request) if form else [p for p in multi if p[1].strip()]
            visit = Visit(request, extension, ident, pairs)
            if form:
                return await in_turn(_checked, work, visit)
            return await run_in_threadpool(_checked, work, visit)
        except RequestError as refusal:
            return errors(refusal.status, refusal.description, extension)

    return endpoint


def _checked(work: _Answer, visit: Visit) -> Response:
    try:
        visit.check()
        return work(visit)
    except CaseError as refusal:
        status = _STATUS.get(type(refusal), 400)
        return errors(status, refusal.text.say(visit.language), visit.extension)
    except QueryError as refusal:
        return errors(400, str(refusal), visit.extension)


def _discovery(visit: Visit) -> Response:
    base, declared = visit.request.scope[BASE_KEY], visit.declared
    endpoint = {
        "specification": SPECIFICATION,
        "url": f"{base}{HOME}",
        "changeset": declared.changeset,
        "type": "test" if visit.city.declaration.synthetic else "production",
        "formats": ["text/xml", "application/json"],
    }
    told = {
        "changeset": declared.changeset,
        "contact": visit.say(declared.contact),
        "key_service": visit.say(declared.key_service),
        "endpoints": [endpoint],
    }
    return visit.answer("discovery", told)


def _services(visit: Visit) -> Response:
    rows = [_service(visit, one) for one in visit.declared.services(visit.city)]
    return visit.answer("services", rows)


def _service(visit: Visit, kind: EventType) -> dict[str, Any]:
    words = [kind.code, kind.title.en, kind.title.zh]
    words += [kind.group.en, kind.group.zh] if kind.group else []
    return {
        "service_code": kind.code,
        "service_name": visit.say(kind.title),
        "description": visit.say(kind.title),
        "metadata": bool(visit.declared.questions(kind.code)),
        "type": "realtime",
        "keywords": ",".join(word.replace(",", " ") for word in words),
        "group": visit.say(kind.group) or "",
    }


def _definition(visit: Visit) -> Response:
    code = visit.ident
    if code not in visit.city.event_types or not visit.declared.takes(code):
        raise UnknownServiceError(code)
    rows = [
        _attribute(visit, place, one)
        for place, one in enumerate(visit.declared.questions(code), start=1)
    ]
    return visit.answer("service_definition", {"service_code": code, "attributes": rows})


def _attribute(visit: Visit, order: int, one: Attribute) -> dict[str, Any]:
    told: dict[str, Any] = {
        "variable": True,
        "code": one.code,
        "datatype": one.datatype,
        "required": one.required,
        "datatype_description": None,
        "order": order,
        "description": visit.say(one.title),
    }
    if one.values:
        told["values"] = [{"key": v.key, "name": visit.say(v.name)} for v in one.values]
    return told


def _post(visit: Visit) -> Response:
    application, sent = _application(visit), submission(visit.pairs)
    with visit.catalogue.store.transaction() as unit:
        made = submit(unit, visit.city, visit.declared, application, sent, at=visit.now)
    row = {
        "service_request_id": made.case_id,
        "service_notice": visit.say(visit.declared.service_notice),
        "account_id": sent.contact.account_id or None,
    }
    return visit.answer("service_requests", [row])


def _application(visit: Visit) -> str:
    """Who passes the report on; RequestError 403 for whom it is not taken, 429 when too often."""
    key, declared = visit.values.get("api_key"), visit.declared
    client = visit.request.client
    address = f"address {client.host if client else ''}"
    reader: str = visit.request.scope[ACTOR_KEY]
    audience = visit.catalogue.audience
    name = None if reader == audience.name and not audience.internal else reader
    if key is not None:
        name = declared.application(key, os.environ)
    if name is None and (key is not None or not declared.anonymous):
        # Guesses of keys are counted, too.
        _count(visit, address, declared.limits.address_per_hour)
        reason = "was not provided" if key is None else "is not known"
        raise refused("api_key", reason, 403)
    if name is None:
        _count(visit, address, declared.limits.address_per_hour)
        return "anonymous"
    _count(visit, f"key {name}", declared.limits.key_per_hour)
    return name


def _count(visit: Visit, name: str, most: int) -> None:
    if not visit.rate.allows(name, most, visit.now):
        raise RequestError(429, "TooManyRequests", f"more than {most:,} reports within an hour")


def _requests(visit: Visit) -> Response:
    return visit.answer("service_requests", _found(visit, wanted(visit.values, visit.now)))


def _request(visit: Visit) -> Response:
    rows = _found(visit, Wanted(ids=(visit.ident,), limit=1))
    if not rows:
        raise not_found(f"service_request_id '{visit.ident}'")
    return visit.answer("service_requests", rows)


def _found(visit: Visit, asked: Wanted) -> list[dict[str, Any]]:
    found = find(visit.catalogue.store, visit.city, visit.declared, asked)
    return [_row(visit, one) for one in found]


def _row(visit: Visit, one: ServiceRequest) -> dict[str, Any]:
    def told(moment: datetime | None) -> str | None:
        zone = visit.city.zone
        return None if moment is None else moment.astimezone(zone).isoformat(timespec="seconds")

    return {
        "service_request_id": one.case_id,
        "status": one.status,
        "status_notes": visit.say(one.notes),
        "service_name": visit.say(one.name),
        "service_code": one.code,
        "description": one.description or None,
        "agency_responsible": visit.say(one.agency),
        "service_notice": visit.say(visit.declared.service_notice),
        "requested_datetime": told(one.requested),
        "updated_datetime": told(one.updated),
        "expected_datetime": told(one.expected),
        "address": one.address or None,
        "address_id": one.address_id or None,
        "zipcode": None,
        "lat": one.lat,
        "long": one.lon,
        "media_url": one.media_url or None,
    }


def _token(visit: Visit) -> Response:
    case = case_of_token(visit.catalogue.store, visit.ident)
    if case is None:
        raise not_found(f"token '{visit.ident}'")
    row = {"service_request_id": case, "token": visit.ident}
    return visit.answer("service_requests", [row])


discovery = _endpoint(_discovery)
services = _endpoint(_services)
definition = _endpoint(_definition)
post_request = _endpoint(_post, form=True)
requests = _endpoint(_requests)
one_request = _endpoint(_request)
token = _endpoint(_token)
