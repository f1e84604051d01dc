"""Who asks: each request is given the name of its reader and the catalogue that he may see."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from layers.access import Audience
from ogc_server.catalogue import CATALOGUE_KEY, Catalogues

ACTOR_KEY = "onemap.actor"


class SignIn:
    """Put the catalogue of the reader into each request.

    Parameters
    ----------
    app : the application inside.
    audience : whoever comes without a name.
    """

    def __init__(self, app: ASGIApp, catalogues: Catalogues, audience: Audience) -> None:
        self._app, self._catalogues, self._audience = app, catalogues, audience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its catalogue."""
        if scope["type"] == "http":
            scope[ACTOR_KEY] = self._audience.name
            scope[CATALOGUE_KEY] = self._catalogues.of(self._audience)
        await self._app(scope, receive, send)
