"""How a case that was handed over stands: told back by who has it, followed by who gave it.

Each step of a taken case is told to the node it came from. There a suspended case is closed when
the peer's is, goes back to where it stood when the peer rejects it, and else notes what it hears.
What comes late, twice or in another order changes nothing: only a newer entry counts.
"""

from __future__ import annotations

from datetime import datetime

from cases.acting import Acted
from cases.actor import Actor
from cases.case_log import entries
from cases.case_rows import CASE, Row, read_rows
from cases.exchange import ACTION, Receipt, check_parties
from cases.exchange_document import StatusDocument
from cases.exchange_rows import put_exchange, read_exchange
from cases.messages import messages
from cases.peers import Peer, Peers
from cases.process import process_of
from cases.recording import Step, record
from cases.refusals import UnknownCaseError
from cases.states import PAUSED
from layers.city import City
from layers.store.base import Transaction
from layers.store.tables import to_ms

_ACTIONS = {"closed": "peer_closed", "merged": "peer_closed", "rejected": "peer_gave_back"}


def receive_status(
    unit: Transaction,
    city: City,
    declared: Peers,
    peer: Peer,
    document: StatusDocument,
    digest: str,
    *,
    at: datetime,
) -> Receipt:
    """Take what a peer tells of a case that was handed over to it.

    Parameters
    ----------
    unit : the caller's transaction.
    peer : who has proven to be the sender.
    digest : SHA-256 of the bytes that came, in hexadecimal.
    at : the clock (aware).

    Raises
    ------
    CaseError
        `UnknownCaseError` where no such case was handed over to this peer.
    """
    check_parties(declared, peer, document.sender, document.receiver)
    kept = read_exchange(unit, document.exchange)
    if kept is None or (kept["direction"], kept["peer"]) != ("out", peer.id):
        raise UnknownCaseError(document.case)
    if kept["case_id"] != document.case or kept["peer_case"] not in (None, document.peer_case):
        raise UnknownCaseError(document.case)
    acted = None
    if document.entry > (kept["peer_entry"] or 0):
        acted = _followed(unit, city, kept, document, at)
        kept |= {"peer_case": document.peer_case, "peer_state": document.state}
        kept |= {"peer_entry": document.entry, "peer_digest": document.digest}
        put_exchange(unit, city, kept, at)
    return Receipt(document.exchange, document.case, digest, to_ms(at), acted)


def _followed(
    unit: Transaction, city: City, kept: Row, document: StatusDocument, at: datetime
) -> Acted | None:
    """Move the own case on; None where it does not wait for this peer any more."""
    case_id = kept["case_id"]
    found = read_rows(unit, city.layer(CASE), [case_id]).get(case_id)
    if found is None or not _waits(unit, found, kept["exchange_id"]):
        return None
    process = process_of(city)
    action = _ACTIONS.get(document.state, "peer_told")
    after = process.step(action, found["state"], found["resumes_to"])
    row = found | {"state": after}
    details = {"peer": kept["peer"], "peer_state": document.state}
    actor = Actor.platform()
    (entry,) = record(
        unit, city, [Step(action, found, row, actor, document.said, details=details)], at=at
    )
    told = messages(city, process.action(action), row, entry)
    return Acted(case_id, action, found["state"], after, row["version"], entry, told)


def _waits(unit: Transaction, row: Row, exchange: str) -> bool:
    """Whether a case is suspended since it was handed over, and by this hand-over."""
    if row["state"] != PAUSED:
        return False
    for entry in reversed(entries(unit, row["case_id"])):
        if entry["before"] != PAUSED:
            named = (entry["details"] or {}).get("exchange")
            return (entry["action"], named) == (ACTION, exchange)
    return False
