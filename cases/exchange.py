"""Two nodes exchange a case: one hands it over, the other opens it as its own, once.

The sender's case is suspended and follows the state of the peer's (see `cases.exchange_status`).
All is written in the caller's transaction, with the notice that takes the document to the peer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson

from cases.acting import Acted, answered
from cases.actor import Actor
from cases.announcing import tell_givers
from cases.asking import MOST_PHOTOS, MOST_TEXT, asking
from cases.case_log import entries
from cases.case_rows import CASE, Row, read_rows
from cases.exchange_document import CaseDocument, case_document
from cases.exchange_rows import (
    CASES,
    exchange_id,
    exchanges_of,
    put_exchange,
    read_exchange,
    taken_id,
)
from cases.guards import check_allowed
from cases.peers import Peer, Peers
from cases.process import process_of
from cases.recording import Step, record
from cases.refusals import IncompleteError, KeyReusedError, NotAllowedError, UnknownCaseError
from cases.reporting import report
from cases.units import units_of
from layers.access import PUBLIC
from layers.city import City
from layers.store.base import Transaction
from layers.store.notice import Notice
from layers.store.tables import instant_text, to_ms
from layers.text import Text

ACTION, TEMPLATE = "hand_over", "exchange_case"
_ORIGINS: dict[str, Literal["active", "public", "unknown"]] = {
    "active": "active",
    "public": "public",
}


@dataclass(frozen=True)
class Receipt:
    """What a node answers for: the digest is that of the bytes that came.

    Attributes
    ----------
    case_id : the receiver's own case.
    acted : how it was opened or moved on; None where it had been before, or nothing came of it.
    """

    exchange: str
    case_id: str
    digest: str
    received: datetime
    acted: Acted | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as the sender gets them; equal for the same document sent again."""
        return {
            "exchange": self.exchange,
            "case": self.case_id,
            "digest": self.digest,
            "received": instant_text(self.received),
        }


def hand_over(
    unit: Transaction,
    city: City,
    declared: Peers,
    actor: Actor,
    case_id: str,
    peer: str,
    *,
    why: str,
    at: datetime,
    key: str | None = None,
    digests: Mapping[str, str] | None = None,
) -> Acted:
    """Hand a case over to another node.

    Parameters
    ----------
    unit : the caller's transaction; the document is put into its outbox.
    actor : who may suspend the case may hand it over.
    peer : id of the node.
    at : the clock (aware).
    key : idempotency key.
    digests : SHA-256 of photos by their reference, as far as known.

    Raises
    ------
    CaseError
        one of `cases.refusals`; `NotAllowedError` where it was handed over too often.
    """
    asked = asking(ACTION, None, why, (), {"peer": peer}, key)
    process, spec = process_of(city), city.layer(CASE)
    found = read_rows(unit, spec, [case_id], actor.audience.scope).get(case_id)
    if found is None:
        raise UnknownCaseError(case_id)
    again = answered(unit, case_id, asked, actor)
    if again is not None:
        return again
    to = declared.find(peer)
    if to is None:
        raise IncompleteError("peer", Text(en=f"no node '{peer}'", zh=f"没有平台“{peer}”"))
    if not asked.why:
        raise IncompleteError("why", Text(en="'hand_over' needs a reason", zh="移交须提供原因"))
    check_allowed(process.action("suspend"), actor, units_of(city), found)
    after = process.step(ACTION, found["state"])
    hops, number = _hops(unit, declared, case_id)
    ident = exchange_id(declared.node, case_id, number)
    row = found | {"state": after}
    details = {"peer": peer, "exchange": ident}
    step = Step(ACTION, found, row, actor, asked.why, details=details, key=key,
                request=asked.request(actor.name))  # fmt: skip
    (entry,) = record(unit, city, [step], at=at)
    document = case_document(
        found,
        entries(unit, case_id),
        exchange=ident,
        hops=hops,
        receiver=peer,
        reason=asked.why,
        digests=digests or {},
    )
    body = orjson.dumps(document)
    kept: Row = {"exchange_id": ident, "case_id": case_id, "direction": "out", "peer": peer}
    kept |= {"hops": hops, "digest": hashlib.sha256(body).hexdigest(), "handed_at": at}
    put_exchange(unit, city, kept, at)
    unit.put_notices([_notice(to, ident, case_id, body, at)])
    return Acted(case_id, ACTION, found["state"], after, row["version"], entry)


def receive(
    unit: Transaction,
    city: City,
    declared: Peers,
    peer: Peer,
    document: CaseDocument,
    digest: str,
    *,
    at: datetime,
) -> Receipt:
    """Open a case that a peer hands over; the same again gives the same receipt.

    Parameters
    ----------
    unit : the caller's transaction.
    peer : who has proven to be the sender.
    digest : SHA-256 of the bytes that came, in hexadecimal.
    at : the clock (aware).

    Raises
    ------
    CaseError
        one of `cases.refusals`, saying what is not taken.
    """
    ident = taken_id(peer.id, document.exchange)
    earlier = read_exchange(unit, ident)
    if earlier is not None:
        if earlier["digest"] != digest:
            raise KeyReusedError(document.exchange)
        return Receipt(document.exchange, earlier["case_id"], digest, earlier["handed_at"])
    _check(declared, peer, document)
    matter = document.case
    kind = peer.kinds.get(matter.event_type)
    if kind is None:
        code = matter.event_type
        text = Text(en=f"no cases of type '{code}' are taken", zh=f"不接收“{code}”类工单")
        raise IncompleteError("case.event_type", text)
    acted = report(
        unit,
        city,
        Actor(peer.channel, PUBLIC, "peer"),
        kind=kind,
        where=matter.place,
        at=at,
        key=document.exchange,
        note=_note(peer, document),
        photos=[photo.ref for photo in document.photos[:MOST_PHOTOS]],
        origin=_ORIGINS.get(matter.origin, "unknown"),
        reporter=peer.channel,
        severity=matter.severity,
        beyond=True,
    )
    row: Row = {"exchange_id": ident, "case_id": acted.case_id, "direction": "in"}
    row |= {"peer": peer.id, "peer_case": matter.id, "hops": list(document.hops)}
    row |= {"digest": digest, "handed_at": at, "peer_state": matter.state}
    put_exchange(unit, city, row, at)
    # Whose it was could not be told when the entry was written: it was not yet kept.
    tell_givers(unit, city, [acted.entry])
    return Receipt(document.exchange, acted.case_id, digest, to_ms(at), acted)


def check_parties(declared: Peers, peer: Peer, sender: str, receiver: str) -> None:
    """Refuse a document from another sender or for another receiver; IncompleteError."""
    for name, found, expected in (
        ("sender", sender, peer.id),
        ("receiver", receiver, declared.node),
    ):
        if found != expected:
            text = Text(en=f"{name}: expected '{expected}'", zh=f"{name}：应为“{expected}”")
            raise IncompleteError(name, text)


def _check(declared: Peers, peer: Peer, document: CaseDocument) -> None:
    check_parties(declared, peer, document.sender, document.receiver)
    if document.hops[-1] != peer.id:
        text = Text(en="hops: the sender is the last", zh="hops：末位应为发送方")
        raise IncompleteError("hops", text)
    if len(document.hops) > declared.most_hand_overs:
        raise _too_often(declared)


def _hops(unit: Transaction, declared: Peers, case_id: str) -> tuple[list[str], int]:
    """Nodes that have handed the case over, this one the last; the number of the hand-over."""
    came = exchanges_of(unit, case_id, "in")
    gone = exchanges_of(unit, case_id, "out")
    before = list(came[-1]["hops"]) if came else []
    if len(before) + len(gone) >= declared.most_hand_overs:
        raise _too_often(declared)
    return [*before, declared.node], len(gone) + 1


def _too_often(declared: Peers) -> NotAllowedError:
    most = declared.most_hand_overs
    return NotAllowedError(
        Text(
            en=f"it was handed over {most} times already; it stays, and the level above decides",
            zh=f"已移交{most}次，不再移交，由上级协调处理",
        )
    )


def _note(peer: Peer, document: CaseDocument) -> str:
    """Words of the case: why it comes, then what was reported, cut to what a case keeps."""
    reason = f"{peer.title.zh} {peer.title.en}: {document.reason}"
    text = "\n".join(part for part in (reason, document.case.note) if part)
    return text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 1]}…"


def _notice(peer: Peer, ident: str, case_id: str, body: bytes, at: datetime) -> Notice:
    return Notice(
        key=ident,
        channel=peer.channel,
        recipient=CASES,
        about=case_id,
        template=TEMPLATE,
        subject=f"{ACTION} {case_id}",
        body=body.decode(),
        created=at,
        due=at,
    )
