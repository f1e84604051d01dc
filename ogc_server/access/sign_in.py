"""Who asks: each request is given the name of its reader and the catalogue that he may see."""

from __future__ import annotations

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ogc_server.access.credentials import Credentials, MalformedError, take
from ogc_server.access.entrance import Entrance, Reader, RefusedError
from ogc_server.catalogue import CATALOGUE_KEY, Catalogues
from ogc_server.problem import MEDIA_TYPE, RequestError

ACTOR_KEY = "onemap.actor"
CHALLENGE = 'Basic realm="Onemap", charset="UTF-8"'
_LOG = structlog.get_logger(__name__)


class SignIn:
    """Put the reader and his catalogue into each request, or answer 401.

    Parameters
    ----------
    app : the application inside.
    entrance : who may come in.
    """

    def __init__(self, app: ASGIApp, catalogues: Catalogues, entrance: Entrance) -> None:
        self._app, self._catalogues, self._entrance = app, catalogues, entrance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its reader."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            reader = await self._reader(take(scope))
        except (RefusedError, MalformedError) as refused:
            _LOG.warning("sign-in refused", reason=str(refused))
            await _refusal()(scope, receive, send)
            return
        scope[ACTOR_KEY] = reader.name
        scope[CATALOGUE_KEY] = self._catalogues.of(reader.audience)
        await self._app(scope, receive, send)

    async def _reader(self, brought: Credentials | None) -> Reader:
        if brought is None or self._entrance.issuer is None:
            return self._entrance.admit(brought)
        # The issuer may have to be asked for its keys.
        return await run_in_threadpool(self._entrance.admit, brought)


def _refusal() -> JSONResponse:
    """One answer for every reason, so that nothing can be learned from it."""
    problem = RequestError(401, "Unauthorized", "these credentials let nobody in")
    headers = {"WWW-Authenticate": CHALLENGE, "Cache-Control": "no-store"}
    return JSONResponse(problem.document(), 401, headers, media_type=MEDIA_TYPE)
