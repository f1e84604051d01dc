"""Endpoints of jobs: the list, a status, results, dismissal."""

from __future__ import annotations

import re

import orjson
from starlette.requests import Request
from starlette.responses import Response

from layers.query import TimeInterval
from layers.store.jobs import CLOSED, OPEN, Job
from ogc_server.answers import data_answer, html_answer
from ogc_server.asked import Asked
from ogc_server.editing.turns import in_turn
from ogc_server.features import JSON
from ogc_server.problem import RequestError, bad_parameter
from ogc_server.processes import documents, pages
from ogc_server.processes.answers import (
    NEVER_KEPT,
    failed,
    no_such_job,
    not_ready,
    results_answer,
    single_answer,
)
from ogc_server.processes.endpoints import DEFAULT_LIMIT, MAXIMUM_LIMIT, page_links, whole
from ogc_server.processes.visible import is_seen, seen_jobs
from ogc_server.times import parse_interval

_SEVERAL = ("type", "processID", "status")
_FILTERS = (*_SEVERAL, "datetime", "minDuration", "maxDuration", "limit", "offset")
_FURTHEST = 10**6
_LONGEST_S = 10**9
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def jobs(request: Request) -> Response:
    """``/jobs``: the reader's jobs, the newest first."""
    asked = Asked(request, several=_SEVERAL)
    asked.refuse_parameters(*_FILTERS)
    limit = whole(asked, "limit", DEFAULT_LIMIT, 1, MAXIMUM_LIMIT)
    offset = whole(asked, "offset", 0, 0, _FURTHEST)
    found = _found(asked)
    shown = found[offset : offset + limit]
    document = {
        "jobs": [documents.status(one, asked.base, asked.language) for one in shown],
        "links": page_links(asked, offset, limit, len(found)),
    }
    if asked.format == "html":
        return _fresh(html_answer(pages.jobs(asked, document), asked.language))
    return _fresh(data_answer(document, JSON, Content_Language=asked.language))


def _fresh(answer: Response) -> Response:
    answer.headers.update(NEVER_KEPT)
    return answer


def _found(asked: Asked) -> list[Job]:
    values = asked.values
    for name in _SEVERAL:
        if values.get(name) == "":
            raise bad_parameter(name, "is empty")
    processes = _names(values.get("processID"))
    statuses = _names(values.get("status"))
    for name in statuses or ():
        if name not in (*OPEN, *CLOSED):
            there = ", ".join((*OPEN, *CLOSED))
            raise bad_parameter("status", f"found {name[:40]!r}, expected some of {there}")
    for kind in _names(values.get("type")) or ():
        if kind != "process":
            raise bad_parameter("type", f"found {kind[:40]!r}, expected process")
    span = parse_interval(values["datetime"]) if "datetime" in values else None
    shortest = whole(asked, "minDuration", 0, 0) if "minDuration" in values else None
    longest = whole(asked, "maxDuration", 0, 0) if "maxDuration" in values else None
    now = asked.runs.clock()

    def kept(record: Job) -> bool:
        if span is not None and not _within(record, span):
            return False
        if shortest is None and longest is None:
            return True
        taken = documents.duration_s(record, now)
        return taken is not None and (shortest or 0) <= taken <= (
            _LONGEST_S if longest is None else longest
        )

    return [record for record in seen_jobs(asked, processes, statuses) if kept(record)]


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _within(record: Job, span: TimeInterval) -> bool:
    early = span.start is not None and record.created < span.start
    return not early and (span.end is None or record.created <= span.end)


def _job(asked: Asked) -> Job:
    """Return the job that the path names; one that is not the reader's is as one that never was."""
    key: str = asked.request.path_params["job"]
    record = asked.runs.get(key) if _ID.fullmatch(key) else None
    if record is None or not is_seen(asked, record):
        raise no_such_job(key)
    return record


def job(request: Request) -> Response:
    """``/jobs/{job}``: how far a job is."""
    asked = Asked(request)
    asked.refuse_parameters()
    return _status(asked, _job(asked))


def _status(asked: Asked, record: Job) -> Response:
    document = documents.status(record, asked.base, asked.language)
    document["inputs"] = orjson.loads(record.inputs)
    if asked.format == "html":
        return _fresh(html_answer(pages.job(asked, record, document), asked.language))
    return _fresh(data_answer(document, JSON, Content_Language=asked.language))


async def dismiss(request: Request) -> Response:
    """``DELETE /jobs/{job}``: stop a job, or remove a finished one with its results."""
    return await in_turn(_dismiss, request)


def _dismiss(request: Request) -> Response:
    asked = Asked(request)
    asked.refuse_parameters()
    return _status(asked, asked.runs.dismiss(_job(asked)))


def results(request: Request) -> Response:
    """``/jobs/{job}/results``: what a job gave, in the form that it was asked for."""
    asked = Asked(request)
    asked.refuse_parameters()
    record = _finished(asked)
    found = asked.runs.records.results(record.id)
    url = documents.job_url(asked.base, record.id)
    if asked.format == "html":
        return _fresh(html_answer(pages.results(asked, record, found), asked.language))
    accept = "application/json" if "f" in asked.values else request.headers.get("accept", "")
    return results_answer(found, orjson.loads(record.wishes), url, accept, {})


def result(request: Request) -> Response:
    """``/jobs/{job}/results/{output}``: one output as it is."""
    asked = Asked(request)
    asked.refuse_parameters()
    record = _finished(asked)
    name = request.path_params["output"]
    found = asked.runs.records.results(record.id).get(name)
    if found is None:
        raise RequestError(404, "NotFound", f"the job has no output '{name[:60]}'")
    return single_answer(found, NEVER_KEPT)


def _finished(asked: Asked) -> Job:
    record = _job(asked)
    if record.open:
        raise not_ready(record)
    if record.status == "failed":
        raise failed(record)
    if record.status == "dismissed":
        raise RequestError(410, "Dismissed", "the job was dismissed; it has no results")
    return record
