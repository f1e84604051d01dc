"""Other nodes that a city exchanges cases with (``peers.yaml``), and what proves who speaks.

::

    node: tiny
    most_hand_overs: 3
    clock_tolerance_s: 300
    peers:
      - id: mainland
        title: {en: The mainland, zh: 大陆}
        url: https://mainland.example
        secret_env: ONEMAP_PEER_MAINLAND
        kinds: {"0506": STREET-1}
    sources: {most_hand_overs: proposal, clock_tolerance_s: Standard Webhooks}

``node`` is this node's name among its peers; ``kinds`` gives the city's own code for each code of
the peer that is taken. Both sides hold the same secret in an environment variable. Requests are
signed as webhooks are (see `cases.channels.http`), and name their sender in ``onemap-node``.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cases.channels.channel import secret
from cases.channels.http import sign
from layers.city import City
from layers.declaration import read
from layers.errors import OnemapError
from layers.text import Text

FILE = "peers.yaml"
NODE_HEADER = "onemap-node"
_ID = r"^[a-z][a-z0-9_]{0,40}$"


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Peer(_Declared):
    """Another node.

    Attributes
    ----------
    id : the name that it gives itself.
    url : of its server, https or http on this machine.
    secret_env : environment variable with the secret that both sides hold.
    kinds : the city's own code by the code of the peer; no others are taken from it.
    """

    id: str = Field(pattern=_ID)
    title: Text
    url: str = Field(pattern=r"^(https://|http://(127\.0\.0\.1|localhost|\[::1\])(:|/|$)).*")
    secret_env: str = Field(pattern=r"^[A-Z][A-Z0-9_]{2,60}$")
    kinds: dict[str, str] = {}
    timeout_s: float = Field(default=10, gt=0, le=120)

    @property
    def channel(self) -> str:
        """Id of its channel in the outbox."""
        return f"peer:{self.id}"


class Peers(_Declared):
    """The content of ``peers.yaml`` (see the module).

    Attributes
    ----------
    most_hand_overs : a case that was handed over so often stays where it is.
    clock_tolerance_s : by how much the time of a request may differ from the clock here.
    """

    node: str = Field(pattern=_ID)
    most_hand_overs: int = Field(default=3, ge=1)
    clock_tolerance_s: float = Field(default=300, gt=0)
    peers: tuple[Peer, ...] = ()
    sources: dict[str, str] = {}

    @model_validator(mode="after")
    def _ids_once(self) -> Peers:
        ids = [self.node, *(peer.id for peer in self.peers)]
        if len(set(ids)) < len(ids):
            raise ValueError("two nodes have the same id")
        return self

    def find(self, ident: str) -> Peer | None:
        """Peer of an id, None where none is declared."""
        return next((peer for peer in self.peers if peer.id == ident), None)


class UntrustedError(OnemapError):
    """Nothing proves that a request comes from a declared peer; the reason is for the log only."""


@lru_cache(maxsize=16)
def read_peers(city: City) -> Peers:
    """Read with whom a city exchanges cases; nobody where it says nothing.

    Raises
    ------
    DeclarationError
        naming file, line and field of what does not fit.
    """
    path = city.folder / FILE
    if not path.exists():
        return Peers(node=city.declaration.id)
    declaration = read(path)
    declared = declaration.into(Peers)
    for number, peer in enumerate(declared.peers):
        for theirs, ours in peer.kinds.items():
            if ours not in city.event_types:
                at = ("peers", number, "kinds", theirs)
                raise declaration.error(at, f"no event type '{ours}' in event_types.yaml")
    return declared


def proven(
    declared: Peers,
    headers: Mapping[str, str],
    body: bytes,
    environment: Mapping[str, str],
    now: datetime,
) -> Peer:
    """Find the peer that signed a request.

    Parameters
    ----------
    headers : of the request, by names in lower case.
    now : the clock (aware).

    Raises
    ------
    UntrustedError
        where nothing proves it.
    """
    peer = declared.find(headers.get(NODE_HEADER, ""))
    if peer is None:
        raise UntrustedError("no such peer is declared")
    key = secret(environment, peer.secret_env) or ""
    ident, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 12):
        raise UntrustedError("no time")
    if abs(now.timestamp() - int(stamp)) > declared.clock_tolerance_s:
        raise UntrustedError("signed too long ago, or the clocks differ")
    own = sign(key, ident, stamp, body).encode()
    given = headers.get("webhook-signature", "").split(" ")
    if not any(hmac.compare_digest(own, one.encode()) for one in given):
        raise UntrustedError("another signature")
    return peer
