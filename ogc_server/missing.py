"""What a browser gets where there is nothing: a page with a way home instead of JSON."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ogc_server import pages
from ogc_server.answers import html_answer
from ogc_server.catalogue import CATALOGUE_KEY
from ogc_server.gate import BASE_KEY
from ogc_server.negotiation import wanted_format, wanted_language
from ogc_server.problem import RequestError


def missing_page(request: Request, failure: RequestError) -> Response | None:
    """Return the page for a 404 that a person reads, None for other refusals and for programs."""
    values, headers = request.query_params, request.headers
    if failure.status != 404 or request.method not in ("GET", "HEAD"):
        return None
    try:
        wanted = wanted_format(values, headers.get("accept", ""))
    except RequestError:
        return None
    if wanted != "html":
        return None
    language = wanted_language(values, headers.get("accept-language", ""))
    text = pages.missing(
        request.scope[CATALOGUE_KEY],
        request.scope[BASE_KEY],
        language,
        request.scope["path"],
        failure.description,
    )
    answer = html_answer(text, language)
    answer.status_code = 404
    return answer
