"""Who acts on cases by a request."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request

from cases.actor import Actor
from ogc_server.access.entrance import Entrance
from ogc_server.asked import Asked
from ogc_server.problem import RequestError


def entrance_of(request: Request) -> Entrance:
    """Rules at the entrance of this server."""
    entrance: Entrance = request.app.state.entrance
    return entrance


def actor_of(asked: Asked) -> Actor:
    """Return who acts.

    Raises
    ------
    RequestError
        401 for whoever comes without a name where names are needed.
    """
    entrance = entrance_of(asked.request)
    if not entrance.guarded:
        return replace(Actor.local(), audience=asked.audience)
    account = None if entrance.accounts is None else entrance.accounts.find(asked.actor)
    if account is None:
        raise RequestError(401, "Unauthorized", "sign in with an account and its app password")
    return Actor(account.name, asked.audience, account.role)
