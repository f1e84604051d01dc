"""Opening cases and acting on them, with what people are told of it, in one transaction."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from cases.acting import Acted, act
from cases.actor import Actor
from cases.case_rows import CASE, read_rows
from cases.notices import read_notices
from cases.refusals import IncompleteError, UnknownCaseError
from cases.reporting import report
from layers.store.base import Transaction
from layers.text import Text
from ogc_server.answers import data_answer
from ogc_server.asked import Asked
from ogc_server.casework.bodies import (
    idempotency_key,
    known_only,
    member,
    photos_of,
    place_of,
    read_json,
    text_of,
)
from ogc_server.casework.documents import case_url, public_document, summary
from ogc_server.casework.notifying import tell
from ogc_server.casework.photo_files import photo_files
from ogc_server.casework.who import actor_of, entrance_of
from ogc_server.editing.feature_body import Json
from ogc_server.editing.turns import in_turn
from ogc_server.features import JSON

_SEVERITIES = ("minor", "moderate", "severe", "extreme")
_ACTION = re.compile(r"[a-z][a-z0-9_]{0,40}")


async def open_case(request: Request) -> Response:
    """``POST /cases``: report a matter."""
    return await in_turn(_open, request, await read_json(request))


async def take_action(request: Request) -> Response:
    """``POST /cases/{case}/{action}``: do one declared step."""
    return await in_turn(_act, request, await read_json(request))


def _open(request: Request, body: Json) -> Response:
    asked = Asked(request, ("json",))
    asked.refuse_parameters()
    actor, now = actor_of(asked), datetime.now(UTC)
    known_only(body, "kind", "where", "note", "photos", "severity", "follows")
    key, city = idempotency_key(request, needed=True), asked.catalogue.city
    assert key is not None
    where = needed("where", place_of(body))
    severity = text_of(body, "severity") or "minor"
    if severity not in _SEVERITIES:
        known = ", ".join(_SEVERITIES)
        text = Text(en=f"'severity' should be one of {known}", zh=f"“severity”应为{known}之一")
        raise IncompleteError("severity", text)
    photos = photos_of(body)
    _check_photos(asked, actor, photos)
    staff = actor.audience.internal
    with asked.catalogue.store.transaction() as unit:
        done = report(
            unit, city, actor, kind=needed("kind", text_of(body, "kind")), where=where, at=now,
            key=key, note=text_of(body, "note") or "", photos=photos,
            origin="active" if staff else "public", reporter=actor.name,
            severity=severity,  # type: ignore[arg-type]
            follows=text_of(body, "follows"),
        )  # fmt: skip
        document = answer_of(asked, actor, unit, done, now)
    answer = data_answer(document, JSON, Location=case_url(asked.base, done.case_id))
    answer.status_code = 200 if done.replayed else 201
    return answer


def _act(request: Request, body: Json) -> Response:
    asked = Asked(request, ("json",))
    asked.refuse_parameters()
    actor, now = actor_of(asked), datetime.now(UTC)
    known_only(body, "where", "why", "photos", "details", "expectedVersion")
    case, action = case_asked(asked), request.path_params.get("action", "verify")
    catalogue, photos = asked.catalogue, photos_of(body)
    if not _ACTION.fullmatch(action):
        raise IncompleteError("action", Text(en="no such action", zh="没有这一操作"))
    key, where = idempotency_key(request, needed=False), place_of(body)
    words = Text(en="an object", zh="对象")
    details: dict[str, Any] = member(body, "details", dict, words) or {}
    version = member(body, "expectedVersion", int, Text(en="a whole number", zh="整数"))
    with catalogue.store.transaction() as unit:
        _check_photos(asked, actor, photos)
        done = act(
            unit, catalogue.city, actor, case, action, at=now, where=where,
            why=text_of(body, "why") or "", photos=photos, details=details, key=key,
            expected_version=version,
        )  # fmt: skip
        document = answer_of(asked, actor, unit, done, now)
    return data_answer(document, JSON)


def case_asked(asked: Asked) -> str:
    """Id of the case that is to be acted on; UnknownCaseError for who sees no cases."""
    catalogue, case = asked.catalogue, asked.request.path_params["case"]
    if not catalogue.audience.sees(catalogue.city.layer(CASE)) or not case.isprintable():
        raise UnknownCaseError(case[:200])
    return str(case)


def answer_of(asked: Asked, actor: Actor, unit: Transaction, done: Acted, now: datetime) -> Json:
    """Tell whom it concerns, and return what was done with the case as it stands now.

    Parameters
    ----------
    unit : the transaction of the step.
    """
    catalogue = asked.catalogue
    city, spec = catalogue.city, catalogue.city.layer(CASE)
    row = read_rows(unit, spec, [done.case_id])[done.case_id]
    declared = read_notices(city)
    if done.notices:
        tell(
            unit, city, entrance_of(asked.request), declared, row, done.notices,
            language=asked.language, at=now,
        )  # fmt: skip
    seen = catalogue.audience.sees(spec) and bool(
        read_rows(unit, spec, [done.case_id], catalogue.audience.scope)
    )
    case = (
        summary(city, actor, row, asked.base, now)
        if seen
        else public_document(city, row, asked.base)
    )
    return {
        "case": case,
        "action": done.action,
        "before": done.before,
        "after": done.after,
        "version": done.version,
        "replayed": done.replayed,
    }


def _check_photos(asked: Asked, actor: Actor, photos: Sequence[Any]) -> None:
    """Refuse photos that who acts has not uploaded; IncompleteError."""
    if not photos:
        return
    kept = photo_files(asked.catalogue)
    for one in photos:
        if not isinstance(one, str) or not kept.is_from(one, actor.name):
            text = Text(
                en=f"there is no photo '{str(one)[:80]}' of yours; upload it first",
                zh=f"您没有上传过照片“{str(one)[:80]}”，请先上传",
            )
            raise IncompleteError("photos", text)


def needed(name: str, value: Any) -> Any:
    """Value of a member that has to be given; IncompleteError where it is missing."""
    if value is None:
        raise IncompleteError(name, Text(en=f"'{name}' is missing", zh=f"缺少“{name}”"))
    return value
