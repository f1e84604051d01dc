"""Cases from other nodes: ``POST /exchange/cases`` and ``/exchange/cases/{case}/status``.

Who sends proves himself by the signature of his request (see `cases.peers`), not by an account. The
answer is a receipt with the digest of what came.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from starlette.requests import Request
from starlette.responses import Response

from cases.case_rows import CASE, LOG
from cases.exchange import Receipt, receive
from cases.exchange_document import read_case, read_status
from cases.exchange_rows import CASES, LAYER
from cases.exchange_status import receive_status
from cases.peers import Peer, Peers, proven, read_peers
from cases.refusals import CaseError, NotAllowedError, UnknownCaseError
from layers.errors import OnemapError
from layers.store.base import Transaction
from ogc_server.answers import data_answer
from ogc_server.block import Block, Door
from ogc_server.bodies import bounded_body, media_type
from ogc_server.catalogue import CATALOGUE_KEY, Catalogue
from ogc_server.editing.turns import in_turn
from ogc_server.problem import RequestError, not_found

LARGEST = 1024 * 1024
_MEDIA = "application/json"
_STATUS: dict[type[CaseError], int] = {UnknownCaseError: 404, NotAllowedError: 403}
_LOG = structlog.get_logger(__name__)
_Taken = Callable[[Transaction, Peers, Peer, str], Receipt]


async def _case(request: Request) -> Response:
    """Take a case."""
    body = await _body(request)

    def work() -> Response:
        city, now = _catalogue(request).city, datetime.now(UTC)

        def take(unit: Transaction, declared: Peers, peer: Peer, digest: str) -> Receipt:
            return receive(unit, city, declared, peer, read_case(body), digest, at=now)

        return _answer(request, body, now, take)

    return await in_turn(work)


async def _status(request: Request) -> Response:
    """Take the state of a case that was handed over."""
    body = await _body(request)

    def work() -> Response:
        city, now = _catalogue(request).city, datetime.now(UTC)

        def take(unit: Transaction, declared: Peers, peer: Peer, digest: str) -> Receipt:
            document = read_status(body)
            if document.case != request.path_params["case"]:
                raise UnknownCaseError(request.path_params["case"])
            return receive_status(unit, city, declared, peer, document, digest, at=now)

        return _answer(request, body, now, take)

    return await in_turn(work)


def _answer(request: Request, body: bytes, now: datetime, take: _Taken) -> Response:
    catalogue = _catalogue(request)
    declared = read_peers(catalogue.city)
    if not {CASE, LOG, LAYER} <= set(catalogue.store.layers()):
        raise not_found("the table of cases")
    peer = _peer(request, declared, body, now)
    try:
        with catalogue.store.transaction() as unit:
            receipt = take(unit, declared, peer, hashlib.sha256(body).hexdigest())
    except CaseError as refusal:
        status = _STATUS.get(type(refusal), 422)
        raise RequestError(status, type(refusal).__name__, refusal.text.en) from refusal
    return data_answer(receipt.as_dict(), _MEDIA)


def _peer(request: Request, declared: Peers, body: bytes, now: datetime) -> Peer:
    headers = dict(request.headers.items())
    try:
        return proven(declared, headers, body, os.environ, now)
    except OnemapError as failure:
        # One answer for every reason, so that nothing can be learned from it.
        _LOG.warning("peer refused", reason=str(failure))
        words = "nothing proves that this comes from a known node"
        raise RequestError(401, "Unauthorized", words) from failure


def _catalogue(request: Request) -> Catalogue:
    found: Catalogue = request.scope[CATALOGUE_KEY]
    return found


async def _body(request: Request) -> bytes:
    if media_type(request) != _MEDIA:
        raise RequestError(415, "UnsupportedMediaType", f"expected Content-Type: {_MEDIA}")
    words = f"more than {LARGEST:,} bytes in one request"
    return await bounded_body(request, LARGEST, RequestError(413, "BodyTooLarge", words))


BLOCK = Block(
    name="exchange",
    doors=(
        Door(CASES, {"POST": _case}),
        Door(f"{CASES}/{{case}}/status", {"POST": _status}),
    ),
)
