"""Answers of the doors of processes: the standard's problems, and results in each of its forms."""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from analytics.algorithm import CSV, JSON, TEXT
from layers.store.jobs import Job, Result
from ogc_server.block import Endpoint
from ogc_server.doors import run
from ogc_server.missing import missing_page
from ogc_server.problem import RequestError
from ogc_server.processes.documents import job_url
from ogc_server.processes.pool import BusyError

EXCEPTIONS = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
NEVER_KEPT = {"Cache-Control": "no-store", "Vary": "Accept, Accept-Language, Authorization"}
_AGAIN_S = "10"


def no_such_process(key: str) -> RequestError:
    """Refuse a process that isn't there (404)."""
    words = f"there is no process '{key[:60]}'"
    return RequestError(404, "NoSuchProcess", words, kind=EXCEPTIONS + "no-such-process")


def no_such_job(key: str) -> RequestError:
    """Refuse a job that isn't there, or isn't the reader's (404)."""
    words = f"there is no job '{key[:60]}'"
    return RequestError(404, "NoSuchJob", words, kind=EXCEPTIONS + "no-such-job")


def not_ready(record: Job) -> RequestError:
    """Refuse results that aren't there yet (404)."""
    words = f"the job is {record.status}; its results are not ready"
    return RequestError(404, "ResultNotReady", words, kind=EXCEPTIONS + "result-not-ready")


def standard(endpoint: Endpoint) -> Endpoint:
    """Have an endpoint refuse as the standard's own definition says: JSON by its plain media type.

    OGC 18-062r2, ``responses/NotFound.yaml`` and its like.
    """

    async def answer(request: Request) -> Response:
        try:
            return await run(endpoint, request)
        except RequestError as failure:
            return missing_page(request, failure) or _problem(failure)
        except BusyError as failure:
            answer = _problem(RequestError(429, "TooManyRuns", str(failure)))
            answer.headers["Retry-After"] = _AGAIN_S
            return answer

    assert not inspect.isclass(endpoint)
    return answer


def _problem(failure: RequestError) -> Response:
    body = orjson.dumps(failure.document())
    return Response(body, failure.status, NEVER_KEPT, media_type=JSON)


def results_answer(
    results: Mapping[str, Result],
    wishes: Mapping[str, Any],
    url: str | None,
    accept: str,
    headers: Mapping[str, str],
) -> Response:
    """Return results in the form that was wished for (7.11.4, 7.13).

    Parameters
    ----------
    results : what there is, by output.
    wishes : ``response`` (raw or document) and ``modes`` (value or reference, by output).
    url : of the job that keeps them; None where none does, and nothing goes by reference.
    accept : the client's ``Accept`` header.
    """
    modes: Mapping[str, str] = wishes["modes"]
    more = NEVER_KEPT | dict(headers)
    if wishes["response"] == "document":
        return Response(_document(results, modes, url), 200, more, media_type=JSON)
    if all(mode == "reference" for mode in modes.values()):
        links = ", ".join(
            f'<{url}/results/{name}>; rel="item"; type="{result.media}"; title="{name}"'
            for name, result in results.items()
        )
        held = f"{more['Link']}, {links}" if "Link" in more else links
        return Response(status_code=204, headers={**more, "Link": held})
    if len(modes) == 1:
        return single_answer(next(iter(results.values()), None), more)
    if _takes_multipart(accept):
        boundary = secrets.token_hex(16)
        body = _multipart(results, modes, url, boundary)
        more["Content-Type"] = f'multipart/related; boundary="{boundary}"'
        return Response(body, 200, more)
    return Response(_document(results, modes, url), 200, more, media_type=JSON)


def single_answer(result: Result | None, headers: Mapping[str, str]) -> Response:
    """Return one result as it is; 204 for one that the run did not give."""
    if result is None:
        return Response(status_code=204, headers=dict(headers))
    media = f"{result.media}; charset=utf-8" if result.media in (TEXT, CSV) else result.media
    # A result is data, whatever a browser takes it for.
    more = {"Content-Security-Policy": "sandbox; default-src 'none'"}
    return Response(result.body, 200, {**headers, **more, "Content-Type": media})


def _takes_multipart(accept: str) -> bool:
    """Whether a client takes several results as the parts of one message.

    One that takes JSON and not that is given the document instead, which says the same.
    """
    kinds = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    return not accept or not kinds.isdisjoint({"*/*", "multipart/*", "multipart/related"})


def _document(results: Mapping[str, Result], modes: Mapping[str, str], url: str | None) -> bytes:
    """The standard's ``results.yaml``: objects and texts in a format stand under ``value``."""
    written = {}
    for name, result in results.items():
        if modes.get(name) == "reference":
            written[name] = {"href": f"{url}/results/{name}", "type": result.media}
        else:
            written[name] = _inline(result)
    return orjson.dumps(written)


def _inline(result: Result) -> Any:
    if result.media == TEXT:
        return result.body.decode()
    if "json" not in result.media:
        return {"value": result.body.decode("utf-8-sig"), "mediaType": result.media}
    fragment = orjson.Fragment(result.body)
    if result.body[:1] != b"{" or result.body.startswith(b'{"bbox":'):
        return fragment
    return {"value": fragment, "mediaType": result.media}


def _multipart(
    results: Mapping[str, Result], modes: Mapping[str, str], url: str | None, boundary: str
) -> bytes:
    """Parts as RFC 2387 has them; a part by reference is empty and says where it is."""
    body = bytearray(f'Content-Type: multipart/related; boundary="{boundary}"\r\n'.encode())
    for name, result in results.items():
        body += f"\r\n--{boundary}\r\nContent-Type: {result.media}\r\n".encode()
        body += f"Content-ID: <{name}>\r\n".encode()
        if modes.get(name) == "reference":
            body += f"Content-Location: {url}/results/{name}\r\n\r\n".encode()
        else:
            body += b"\r\n" + result.body
    return bytes(body + f"\r\n--{boundary}--\r\n".encode())


def failed(record: Job) -> RequestError:
    """Return what the results of a failed job are: the reason of its failure."""
    if record.fault == "input":
        return RequestError(400, "InvalidParameterValue", record.message)
    if record.fault == "time":
        return RequestError(503, "RanTooLong", record.message)
    return RequestError(500, "ServerError", record.message)


def monitor(base: str, key: str) -> str:
    """``Link`` header to the job of a run."""
    return f'<{job_url(base, key)}>; rel="monitor"'
