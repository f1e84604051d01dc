"""What a browser gets where there is nothing: a page with a way home instead of JSON."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ogc_server import pages
from ogc_server.answers import html_answer, problem_answer
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


class MissingPages:
    """Put a page, or for programs a refusal in good form, in the place of another's bare 404."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; only an answer that begins as a 404 is exchanged."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        failure = RequestError(404, "NotFound", f"{scope['path']} was not found")
        page: Response | None = None

        async def send_or_keep(message: Message) -> None:
            nonlocal page
            if message["type"] == "http.response.start" and message["status"] == 404:
                page = missing_page(Request(scope), failure)
                if page is None and not _is_json(message):
                    page = problem_answer(failure)
            if page is None:
                await send(message)

        await self._app(scope, receive, send_or_keep)
        if page is not None:
            await page(scope, receive, send)


def _is_json(start: Message) -> bool:
    return "json" in Headers(raw=start["headers"]).get("content-type", "")
