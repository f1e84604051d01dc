"""Endpoints of processes: the list, a description, and execution."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from analytics.algorithm import Algorithm, InputError, StoppedError
from analytics.algorithms import discover
from ogc_server.answers import data_answer, etag, html_answer, unchanged
from ogc_server.asked import Asked
from ogc_server.editing.turns import in_turn
from ogc_server.features import HTML, JSON, link
from ogc_server.problem import RequestError, bad_parameter
from ogc_server.processes import documents, pages
from ogc_server.processes.answers import (
    NEVER_KEPT,
    failed,
    monitor,
    no_such_process,
    results_answer,
)
from ogc_server.processes.pool import Order
from ogc_server.processes.requests import Execution, bad_input, parse_execution, read_body
from ogc_server.processes.results import ResultTooLargeError

DEFAULT_LIMIT, MAXIMUM_LIMIT = 10, 1000
_FURTHEST = 10**6


def whole(asked: Asked, name: str, default: int, low: int, high: int | None = None) -> int:
    """Read a whole number; RequestError 400 for anything else, more than ``high`` is ``high``."""
    text = asked.values.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 12 or int(text) < low:
        raise bad_parameter(name, f"found {text[:40]!r}, expected a whole number from {low}")
    return int(text) if high is None else min(int(text), high)


def page_links(asked: Asked, offset: int, limit: int, total: int) -> list[dict[str, str]]:
    """Links of a paged list: self, alternate, next and prev."""
    place = asked.place()
    links = [
        link("self", JSON, "This document", place.url(f="json")),
        link("alternate", HTML, "This document as HTML", place.url(f="html")),
    ]
    if offset + limit < total:
        links.append(link("next", JSON, "Next page", place.url(offset=offset + limit)))
    if offset > 0:
        links.append(link("prev", JSON, "Previous page", place.url(offset=max(0, offset - limit))))
    return links


def processes(request: Request) -> Response:
    """``/processes``: what can be executed."""
    asked = Asked(request)
    asked.refuse_parameters("limit", "offset")
    limit = whole(asked, "limit", DEFAULT_LIMIT, 1, MAXIMUM_LIMIT)
    offset = whole(asked, "offset", 0, 0, _FURTHEST)
    tag = etag(request)
    held = unchanged(request, tag)
    if held is not None:
        return held
    found = list(discover().values())
    document = {
        "processes": [
            documents.summary(one, asked.base, asked.language)
            for one in found[offset : offset + limit]
        ],
        "links": page_links(asked, offset, limit, len(found)),
    }
    if asked.format == "html":
        return html_answer(pages.processes(asked, document), asked.language, tag)
    return data_answer(document, JSON, tag, Content_Language=asked.language)


def process(request: Request) -> Response:
    """``/processes/{process}``: one process with its inputs and outputs."""
    asked = Asked(request)
    asked.refuse_parameters()
    algorithm = _named(request)
    tag = etag(request, algorithm.version)
    held = unchanged(request, tag)
    if held is not None:
        return held
    document = documents.description(algorithm, asked.base, asked.language)
    if asked.format == "html":
        return html_answer(pages.process(asked, algorithm, document), asked.language, tag)
    return data_answer(document, JSON, tag, Content_Language=asked.language)


def _named(request: Request) -> Algorithm:
    key = request.path_params["process"]
    algorithm = discover().get(key)
    if algorithm is None:
        raise no_such_process(key)
    return algorithm


async def execute(request: Request) -> Response:
    """``/processes/{process}/execution``: run one, and wait for it or not."""
    asked = Asked(request)
    asked.refuse_parameters()
    algorithm = _named(request)
    if not asked.audience.may("run"):
        raise RequestError(403, "Forbidden", "executing processes needs the right to run them")
    document = await read_body(request)
    prefer = ",".join(request.headers.getlist("prefer"))
    wanted = parse_execution(document, prefer, algorithm, asked.catalogue, asked.base)
    order = _order(asked, algorithm, wanted)
    if wanted.asynchronous:
        return await _accepted(asked, order)
    if "reference" in wanted.modes.values():
        return await _kept(asked, order)
    return await _waited(asked, order)


def _order(asked: Asked, algorithm: Algorithm, wanted: Execution) -> Order:
    wishes: dict[str, Any] = {"response": wanted.response, "modes": wanted.modes}
    return Order(algorithm, wanted.inputs, wanted.media, wishes, asked.actor, asked.audience)


async def _accepted(asked: Asked, order: Order) -> Response:
    record, _ = await in_turn(asked.runs.submit, order)
    body = documents.status(record, asked.base, asked.language)
    headers = NEVER_KEPT | {
        "Location": documents.job_url(asked.base, record.id),
        "Preference-Applied": "respond-async",
    }
    answer = data_answer(body, JSON)
    answer.status_code = 201
    answer.headers.update(headers)
    return answer


async def _waited(asked: Asked, order: Order) -> Response:
    """Run and answer with the results; nothing is kept."""
    try:
        results = await asyncio.wrap_future(asked.runs.run(order))
    except InputError as failure:
        raise bad_input(str(failure), failure.name or None) from failure
    except ResultTooLargeError as failure:
        raise bad_input(str(failure)) from failure
    except StoppedError as failure:
        words = f"{failure}; with the header 'Prefer: respond-async' it may take longer"
        raise RequestError(503, "RanTooLong", words) from failure
    accept = asked.request.headers.get("accept", "")
    return results_answer(results, order.wishes, None, accept, {})


async def _kept(asked: Asked, order: Order) -> Response:
    """Run as a job that keeps the results, so that they can be referred to, and wait for it."""
    record, ended = await in_turn(asked.runs.submit, order)
    await asyncio.wrap_future(ended)
    now = await run_in_threadpool(asked.runs.get, record.id)
    if now is None or now.status != "successful":
        raise failed(now or record)
    results = await run_in_threadpool(asked.runs.records.results, record.id)
    accept = asked.request.headers.get("accept", "")
    url = documents.job_url(asked.base, record.id)
    headers = {"Link": monitor(asked.base, record.id)}
    return results_answer(results, order.wishes, url, accept, headers)
