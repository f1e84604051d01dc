"""Notices over HTTP: a gateway for short messages, and webhooks of other systems.

Both send the notice's key as ``Idempotency-Key``, so that what comes twice counts once. A webhook
is signed as the Standard Webhooks specification says: ``webhook-id``, ``webhook-timestamp`` and
``webhook-signature: v1,<base64 of HMAC-SHA256 over "id.timestamp.body">``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from abc import abstractmethod
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import httpx
import orjson

from cases.channels.channel import Channel, DeliveryError, secret
from cases.notices import TRANSITION, HttpChannel
from layers.store.notice import Notice

Clock = Callable[[], datetime]
# Answers that trying again can mend.
_PASSING = frozenset({408, 409, 425, 429})


def post(client: httpx.Client, url: str, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
    """Post a body and return the answer of a server that took it.

    Raises
    ------
    DeliveryError
        where it could not be reached or did not take it; for good where it will never do so.
    """
    try:
        answer = client.post(url, content=body, headers=headers)
    except httpx.HTTPError as failure:
        raise DeliveryError(f"{type(failure).__name__}: {failure}") from failure
    if not answer.is_success:
        refused = 400 <= answer.status_code < 500 and answer.status_code not in _PASSING
        reason = f"HTTP {answer.status_code}: {answer.text[:200]}"
        raise DeliveryError(reason, for_good=refused)
    return answer


class _Http(Channel):
    def __init__(self, declared: HttpChannel, environment: Mapping[str, str]) -> None:
        self._url = declared.url
        self._secret = secret(environment, declared.secret_env)
        self._client = httpx.Client(timeout=declared.timeout_s, follow_redirects=False)

    def close(self) -> None:
        """See `Channel.close`."""
        self._client.close()

    def send(self, notice: Notice) -> None:
        """See `Channel.send`."""
        body = orjson.dumps(self._content(notice))
        headers = {"content-type": "application/json", "idempotency-key": notice.key}
        headers |= self._headers(notice, body)
        post(self._client, self._url, body, headers)

    @abstractmethod
    def _content(self, notice: Notice) -> dict[str, object]:
        """What is posted."""

    @abstractmethod
    def _headers(self, notice: Notice, body: bytes) -> dict[str, str]:
        """What proves who sends it."""


class SmsGateway(_Http):
    """A gateway that takes ``{to, text, key}`` and sends a short message."""

    def _content(self, notice: Notice) -> dict[str, object]:
        return {"to": notice.recipient, "text": notice.body, "key": notice.key}

    def _headers(self, notice: Notice, body: bytes) -> dict[str, str]:
        return {} if self._secret is None else {"authorization": f"Bearer {self._secret}"}


class Webhook(_Http):
    """Another system that wants to know."""

    def __init__(
        self,
        declared: HttpChannel,
        environment: Mapping[str, str],
        clock: Clock = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(declared, environment)
        self._clock = clock

    def _content(self, notice: Notice) -> dict[str, object]:
        # What subscribers are told is a document, not words.
        told: object = (
            orjson.Fragment(notice.body)
            if notice.template == TRANSITION
            else {
                "case": notice.about,
                "recipient": notice.recipient,
                "subject": notice.subject,
                "body": notice.body,
            }
        )
        stamp = notice.created.isoformat()
        return {"type": f"case.{notice.template}", "timestamp": stamp, "data": told}

    def _headers(self, notice: Notice, body: bytes) -> dict[str, str]:
        stamp = str(int(self._clock().timestamp()))
        headers = {"webhook-id": notice.key, "webhook-timestamp": stamp}
        if self._secret is not None:
            headers["webhook-signature"] = sign(self._secret, notice.key, stamp, body)
        return headers


def sign(key: str, ident: str, stamp: str, body: bytes) -> str:
    """Sign a webhook (Standard Webhooks, symmetric signature).

    Parameters
    ----------
    key : the shared secret; as base64 after ``whsec_``, else as it is.
    ident, stamp : headers ``webhook-id`` and ``webhook-timestamp``.
    """
    plain = base64.b64decode(key[6:]) if key.startswith("whsec_") else key.encode()
    signed = b".".join((ident.encode(), stamp.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(plain, signed, hashlib.sha256)).decode()
