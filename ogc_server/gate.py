"""The wall at the door: which hosts the server answers for, and for which pages of a browser.

Without accounts the server is for whoever sits at the machine. A page of another site could still
reach it through the user's browser, by cross-origin requests or by a host name that points to
127.0.0.1; so only loopback origins may read answers, and only known host names are answered, unless
the city is published under a URL of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ogc_server.problem import MEDIA_TYPE, RequestError

BASE_KEY = "onemap.base"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
# Links are made of it, so nothing but a name and a port may pass.
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", re.ASCII)
LOOPBACK_ORIGIN = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"
_SAFE = ("GET", "HEAD", "OPTIONS")
_ALWAYS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}


class Gate:
    """Refuse unknown hosts, and tell the inside below which URL it stands.

    Parameters
    ----------
    app : the application inside.
    base_url : URL that links start with; None to follow the host of each request.
    hosts : names answered beside those of the machine itself.
    origins : sites whose pages may change things here, beside our own pages.
    """

    def __init__(
        self,
        app: ASGIApp,
        base_url: str | None,
        hosts: Iterable[str] = (),
        origins: Iterable[str] = (),
    ) -> None:
        self._origins = frozenset(origins)
        self._app, self._base = app, base_url.rstrip("/") if base_url else None
        own = _name(urlsplit(base_url).netloc.rpartition("@")[2]) if base_url else None
        self._hosts = {*LOOPBACK, *(name.lower() for name in hosts), *([own] if own else [])}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer 400 to one for another host."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")
        if _name(host) not in self._hosts:
            words = "this server does not answer for that host name"
            await _refused(400, "InvalidHost", words)(scope, receive, send)
            return
        if scope["method"] not in _SAFE and not self._ours(Headers(scope=scope), host):
            words = "pages of other sites change nothing here"
            await _refused(403, "ForeignPage", words)(scope, receive, send)
            return
        scope[BASE_KEY] = self._base or f"{scope['scheme']}://{host}"

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _ALWAYS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _ours(self, headers: Headers, host: str) -> bool:
        """Whether a request that changes something comes from no page, or from one of ours.

        A browser sends along what it signed in with, whoever's page it was that asked.
        """
        origin = headers.get("origin")
        if origin is None:
            return headers.get("sec-fetch-site", "none") in ("none", "same-origin")
        own = {f"http://{host}", f"https://{host}", self._base}
        return origin in own or origin in self._origins


def _refused(status: int, code: str, words: str) -> JSONResponse:
    document = RequestError(status, code, words).document()
    return JSONResponse(document, status, media_type=MEDIA_TYPE)


def _name(host: str) -> str | None:
    match = _HOST.fullmatch(host)
    return match[1].lower() if match else None
