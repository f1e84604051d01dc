"""Documents to other nodes: posted signed, and sent only once the other side has answered for it.

What is told is in the notice's body; where to, below the peer's URL, is its recipient.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

import httpx
import orjson

from cases.channels.channel import Channel, DeliveryError, secret
from cases.channels.http import Clock, post, sign
from cases.peers import NODE_HEADER, Peer, Peers
from layers.store.notice import Notice


class PeerChannel(Channel):
    """Another node of Onemap."""

    def __init__(
        self,
        node: str,
        peer: Peer,
        environment: Mapping[str, str],
        clock: Clock = lambda: datetime.now(UTC),
    ) -> None:
        self._node, self._url, self._clock = node, peer.url.rstrip("/"), clock
        self._secret = secret(environment, peer.secret_env) or ""
        self._client = httpx.Client(timeout=peer.timeout_s, follow_redirects=False)

    def send(self, notice: Notice) -> None:
        """See `Channel.send`."""
        body = notice.body.encode()
        stamp = str(int(self._clock().timestamp()))
        headers = {
            "content-type": "application/json",
            "idempotency-key": notice.key,
            "webhook-id": notice.key,
            "webhook-timestamp": stamp,
            "webhook-signature": sign(self._secret, notice.key, stamp, body),
            NODE_HEADER: self._node,
        }
        answer = post(self._client, f"{self._url}{notice.recipient}", body, headers)
        if _receipt(answer.content) != hashlib.sha256(body).hexdigest():
            raise DeliveryError("the receipt is not for what was sent")

    def close(self) -> None:
        """See `Channel.close`."""
        self._client.close()


def _receipt(content: bytes) -> object:
    """Digest that an answer names; a page of a proxy with status 200 names none."""
    try:
        read = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return read.get("digest") if isinstance(read, dict) else None


def peer_channels(declared: Peers, environment: Mapping[str, str]) -> dict[str, Channel]:
    """Make the channels of all peers by id, for the outbox.

    Raises
    ------
    OnemapError
        naming a variable that is not set.
    """
    return {peer.channel: PeerChannel(declared.node, peer, environment) for peer in declared.peers}
