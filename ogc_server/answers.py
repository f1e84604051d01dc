"""Responses with what every one of them needs: validators, language, what the answer depends on."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import anyio
import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from ogc_server.catalogue import CATALOGUE_KEY
from ogc_server.gate import BASE_KEY
from ogc_server.problem import MEDIA_TYPE, RequestError

_VARY = "Accept, Accept-Language, Authorization"
_INLINE_SCRIPT = re.compile(r"<script(?:\s+type=\"?text/javascript\"?)?\s*>(.*?)</script>", re.S)
_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "worker-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'"
)


def etag(request: Request, *state: object) -> str:
    """Weak validator: the same for the same document at the same state of the data."""
    scope = request.scope
    catalogue = scope[CATALOGUE_KEY]
    reader = (catalogue.edition, catalogue.audience.name)
    text = repr((reader, scope[BASE_KEY], scope["path"], scope["query_string"], state))
    wishes = [request.headers.get(name, "") for name in ("accept", "accept-language")]
    digest = hashlib.blake2b((text + repr(wishes)).encode(), digest_size=12)
    return f'W/"{digest.hexdigest()}"'


def unchanged(request: Request, tag: str) -> Response | None:
    """304 for a client that holds the document already, else None."""
    held = [part.strip() for part in request.headers.get("if-none-match", "").split(",")]
    if "*" in held or tag.removeprefix("W/") in [part.removeprefix("W/") for part in held]:
        return Response(status_code=304, headers=_headers(tag))
    return None


def _headers(tag: str | None) -> dict[str, str]:
    headers = {"Vary": _VARY, "Cache-Control": "no-cache"}
    if tag is not None:
        headers["ETag"] = tag
    return headers


def data_answer(document: Any, media: str, tag: str | None = None, **headers: str) -> Response:
    """Return a JSON document, or bytes as they are."""
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    extra = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(body, media_type=media, headers=_headers(tag) | extra)


class _Streamed(StreamingResponse):
    """Pieces in turn, and an end that comes for sure, also where the reader goes away."""

    def __init__(self, *given: Any, ended: Callable[[], None] | None, **more: Any) -> None:
        super().__init__(*given, **more)
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            # A reader who goes away is no failure of ours.
            with suppress(ClientDisconnect):
                await super().__call__(scope, receive, send)
        finally:
            if self._ended is not None:
                with anyio.CancelScope(shield=True):
                    await run_in_threadpool(self._ended)


def streamed(
    pieces: Iterable[bytes],
    media: str,
    tag: str,
    ended: Callable[[], None] | None = None,
    **headers: str,
) -> Response:
    """Return a document in pieces.

    Parameters
    ----------
    ended : is called in a worker thread when the answer is over, whatever became of it.
    """
    extra = {name.replace("_", "-"): value for name, value in headers.items()}
    return _Streamed(pieces, media_type=media, headers=_headers(tag) | extra, ended=ended)


def html_answer(
    text: str, language: str, tag: str | None = None, *, inline: bool = False, embed: bool = False
) -> Response:
    """Return a page for people, which may run its own scripts only and talk to this server only.

    Parameters
    ----------
    inline : whether scripts stand in the text itself; else any that do are not run.
    embed : whether pages of other sites may show it in a frame.
    """
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in (_INLINE_SCRIPT.findall(text) if inline else ())
    )
    frames = "" if embed else "; frame-ancestors 'self'"
    policy = f"{_POLICY}; script-src 'self' {hashes}".rstrip() + frames
    headers = {"Content-Language": language, "Content-Security-Policy": policy}
    return HTMLResponse(text, headers=_headers(tag) | headers)


def problem_answer(problem: RequestError) -> Response:
    """Return a refusal in the exception form of OGC API."""
    body = orjson.dumps(problem.document())
    return Response(body, problem.status, media_type=MEDIA_TYPE)
