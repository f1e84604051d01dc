"""The entrance of an installation: its accounts, its tokens, its issuer."""

from __future__ import annotations

import os

from layers.access import LOCAL, PUBLIC
from layers.accounts import Accounts
from layers.city import City
from ogc_server.access.entrance import Entrance
from ogc_server.access.tokens import Issuer, LocalTokens
from onemap.home import Home


def local_tokens(home: Home) -> LocalTokens:
    """Tokens signed by the key in ``ONEMAP_TOKEN_KEY``, else by one kept beside the accounts."""
    return LocalTokens(home.access, os.environ.get("ONEMAP_TOKEN_KEY"))


def entrance_of(
    city: City, home: Home, *, issuer: Issuer | None = None, anonymous: bool = True
) -> Entrance:
    """Return who may come in.

    Whoever sits at the machine sees everything only as long as there are no accounts; a server
    that began with accounts never falls back to that.

    Parameters
    ----------
    anonymous : whether public layers are shown to those who don't sign in.
    """
    accounts = Accounts(home.access)
    others = PUBLIC if anonymous else None
    guarded = bool(accounts) or issuer is not None
    return Entrance(
        accounts=accounts,
        roles=city.roles,
        tokens=local_tokens(home),
        issuer=issuer,
        anonymous=others,
        alone=others if guarded else LOCAL,
    )
