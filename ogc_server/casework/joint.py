"""Joint tasks over HTTP: what belongs together, one task of it, its parts, the ruling, the end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast, get_args

from starlette.requests import Request
from starlette.responses import Response

from cases import case_log
from cases.actor import Actor
from cases.case_rows import CASE, TASK, Row
from cases.grouping import Basis, propose
from cases.joint import conclude_part, conclude_task, open_task, rule
from cases.joint_rows import need_right
from cases.messages import joint_messages
from cases.notices import read_notices
from cases.process import process_of
from cases.refusals import IncompleteError, UnknownCaseError
from cases.telling import title_of
from layers.query import Query, SortKey
from layers.store.base import Transaction
from layers.text import Text
from ogc_server.answers import data_answer
from ogc_server.asked import Asked
from ogc_server.casework.acting import needed
from ogc_server.casework.bodies import idempotency_key, known_only, member, read_json, text_of
from ogc_server.casework.joint_documents import (
    group_document,
    log_entry,
    task_summary,
    task_url,
)
from ogc_server.casework.joint_documents import member as member_document
from ogc_server.casework.notifying import tell
from ogc_server.casework.reading import rows_in, rows_of, scope_of
from ogc_server.casework.who import actor_of, entrance_of
from ogc_server.catalogue import Catalogue
from ogc_server.editing.feature_body import Json
from ogc_server.editing.turns import in_turn
from ogc_server.features import JSON

_MOST, _LOOKED_AT, _LONGEST_ID = 200, 5000, 200


def list_tasks(request: Request) -> Response:
    """``GET /joint``: tasks that one sees, those that run first, each by its deadline."""
    asked = Asked(request, ("json",))
    asked.refuse_parameters("unit")
    actor, now, catalogue = actor_of(asked), datetime.now(UTC), asked.catalogue
    catalogue.layer(TASK)
    query = Query(TASK, scope=scope_of(asked), sort=(SortKey("opened_at", descending=True),))
    rows = rows_of(catalogue, query.but(limit=_MOST))
    rows.sort(key=lambda row: row["state"] == "concluded")
    told = [task_summary(catalogue.city, actor, row, asked.base, now) for row in rows]
    return data_answer({"tasks": told, "numberReturned": len(told)}, JSON)


def proposals(request: Request) -> Response:
    """``GET /joint/proposals``: open cases that belong together and why, for who may dispatch."""
    asked = Asked(request, ("json",))
    asked.refuse_parameters("unit")
    actor, catalogue = actor_of(asked), asked.catalogue
    catalogue.layer(CASE)
    need_right(actor, "dispatch")
    process = process_of(catalogue.city)
    states = sorted(process.action("conclude").steps)
    where: dict[str, Any] = {
        "op": "and",
        "args": [
            {"op": "in", "args": [{"property": "state"}, states]},
            {"op": "isNull", "args": [{"property": "joint_task"}]},
        ],
    }
    newest = (SortKey("opened_at", descending=True),)
    asked_for = Query(CASE, where=where, scope=scope_of(asked), sort=newest, limit=_LOOKED_AT)
    frame = catalogue.store.frame(asked_for)
    rows = {row["case_id"]: row for row in rows_in(frame)}
    groups = propose(frame, process.joint, partial(title_of, catalogue.city))
    told = [group_document(catalogue.city, group, rows) for group in groups]
    return data_answer({"proposals": told, "numberReturned": len(told)}, JSON)


def one_task(request: Request) -> Response:
    """``GET /joint/{task}``: all of a task, with its members as one sees them, and its log."""
    asked = Asked(request, ("json",))
    asked.refuse_parameters()
    actor, catalogue = actor_of(asked), asked.catalogue
    key = _key(asked)
    _need_sight(catalogue, key)
    rows = rows_of(catalogue, Query(TASK, fids=(key,), scope=catalogue.audience.scope))
    if not rows:
        raise UnknownCaseError(key)
    return data_answer(_task_document(asked, actor, rows[0]), JSON)


async def open_one(request: Request) -> Response:
    """``POST /joint``: make one task of cases."""
    return await in_turn(_open, request, await read_json(request))


async def take_action(request: Request) -> Response:
    """``POST /joint/{task}/{action}``: ``part``, ``rule`` or ``conclude``."""
    return await in_turn(_act, request, await read_json(request))


def _open(request: Request, body: Json) -> Response:
    asked = Asked(request, ("json",))
    asked.refuse_parameters()
    actor, now, catalogue = actor_of(asked), datetime.now(UTC), asked.catalogue
    catalogue.layer(CASE)
    known_only(body, "cases", "departments", "title", "basis", "subject", "why")
    key = idempotency_key(request, needed=True)
    assert key is not None
    title = _texts(body)
    with catalogue.store.transaction() as unit:
        row = open_task(
            unit, catalogue.city, actor, _cases(body), departments=_departments(body),
            title=title, at=now, key=key, why=text_of(body, "why") or "", basis=_basis(body),
            subject=text_of(body, "subject"),
        )  # fmt: skip
        if row["opened_at"] == now:
            _tell(unit, asked, row, now)
    answer = data_answer(
        _task_document(asked, actor, row), JSON, Location=task_url(asked.base, row)
    )
    answer.status_code = 201 if row["opened_at"] == now else 200
    return answer


def _part(unit: Transaction, asked: Asked, actor: Actor, body: Json, now: datetime) -> Row:
    known_only(body, "department", "finding", "why")
    department = needed("department", text_of(body, "department"))
    return conclude_part(
        unit, asked.catalogue.city, actor, _key(asked), department,
        text_of(body, "finding") or "", at=now, why=text_of(body, "why") or "",
    )  # fmt: skip


def _rule(unit: Transaction, asked: Asked, actor: Actor, body: Json, now: datetime) -> Row:
    known_only(body, "finding", "why")
    return rule(
        unit, asked.catalogue.city, actor, _key(asked), text_of(body, "finding") or "", at=now,
        why=text_of(body, "why") or "",
    )  # fmt: skip


def _conclude(unit: Transaction, asked: Asked, actor: Actor, body: Json, now: datetime) -> Row:
    known_only(body, "why")
    why = text_of(body, "why") or ""
    return conclude_task(unit, asked.catalogue.city, actor, _key(asked), at=now, why=why)


_ACTIONS: dict[str, Callable[[Transaction, Asked, Actor, Json, datetime], Row]] = {
    "part": _part,
    "rule": _rule,
    "conclude": _conclude,
}


def _act(request: Request, body: Json) -> Response:
    asked = Asked(request, ("json",))
    asked.refuse_parameters()
    actor, now, catalogue = actor_of(asked), datetime.now(UTC), asked.catalogue
    step = _ACTIONS.get(request.path_params["action"])
    if step is None:
        known = ", ".join(_ACTIONS)
        raise IncompleteError("action", Text(en=f"expected one of {known}", zh=f"操作应为{known}"))
    _need_sight(catalogue, _key(asked))
    with catalogue.store.transaction() as unit:
        row = step(unit, asked, actor, body, now)
        if row["state"] == "conflict":
            _tell(unit, asked, row, now)
    return data_answer(_task_document(asked, actor, row), JSON)


def _tell(unit: Transaction, asked: Asked, row: Row, now: datetime) -> None:
    """Put into the inboxes what departments are to do, or that somebody has to rule."""
    city = asked.catalogue.city
    tell(unit, city, entrance_of(asked.request), read_notices(city), row,
         joint_messages(city, row, now), language=asked.language, at=now)  # fmt: skip


def _task_document(asked: Asked, actor: Actor, row: Row) -> Json:
    catalogue = asked.catalogue
    scope = catalogue.audience.scope
    short = task_summary(catalogue.city, actor, row, asked.base, datetime.now(UTC))
    wanted = Query(CASE, fids=tuple(row["members"] or ()), scope=scope)
    cases = [member_document(one) for one in rows_of(catalogue, wanted)]
    log = case_log.entries(catalogue.store, row["task_id"], scope)
    return short | {"cases": cases, "log": [log_entry(one) for one in log]}


def _need_sight(catalogue: Catalogue, key: str) -> None:
    """Answer who sees no tasks, or no cases, as if there were none; UnknownCaseError."""
    if not all(catalogue.audience.sees(catalogue.city.layer(layer)) for layer in (CASE, TASK)):
        raise UnknownCaseError(key)


def _key(asked: Asked) -> str:
    key: str = asked.request.path_params["task"]
    if not 0 < len(key) <= _LONGEST_ID or not key.isprintable():
        raise UnknownCaseError(key[:_LONGEST_ID])
    return key


def _cases(body: Json) -> list[str]:
    words = Text(en=f"a list of at most {_MOST} ids of cases", zh=f"工单编号列表，最多{_MOST}件")
    value = member(body, "cases", list, words) or []
    if len(value) > _MOST or not all(isinstance(one, str) and one.isprintable() for one in value):
        raise IncompleteError("cases", words)
    return value


def _departments(body: Json) -> dict[str, str]:
    """Parts by department, the lead first: a list, since members of an object have no order."""
    words = Text(en="a list of {id, task}, the lead first", zh="部门及分工列表，牵头部门在先")
    found: dict[str, str] = {}
    for one in member(body, "departments", list, words) or ():
        if not (
            isinstance(one, dict) and isinstance(one.get("id"), str) and one["id"] not in found
        ):
            raise IncompleteError("departments", words)
        task = text_of(one, "task")
        if not (task or "").strip():
            text = Text(en=f"say what {one['id']} is to do", zh=f"请填写部门{one['id']}的分工")
            raise IncompleteError("departments", text)
        found[one["id"]] = str(task).strip()
    return found


def _texts(body: Json) -> Text:
    words = Text(en="an object with 'en' and 'zh'", zh="含“en”和“zh”的对象")
    value = needed("title", member(body, "title", dict, words))
    given = [value.get(language) for language in ("en", "zh")]
    if not all(isinstance(one, str) and one.strip() for one in given):
        text = Text(en=f"'title' should be {words.en}", zh=f"“title”应为{words.zh}")
        raise IncompleteError("title", text)
    return Text(en=given[0].strip(), zh=given[1].strip())


def _basis(body: Json) -> Basis | None:
    value = text_of(body, "basis")
    if value is not None and value not in get_args(Basis):
        known = ", ".join(get_args(Basis))
        text = Text(en=f"'basis' should be one of {known}", zh=f"“basis”应为{known}之一")
        raise IncompleteError("basis", text)
    return cast("Basis | None", value)
