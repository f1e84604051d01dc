"""What other systems and other nodes are told of entries of the log, in the transaction of each.

`cases.recording.record` calls it for every step, whoever made it: people, rules, joint tasks.
Subscribers are told what their filter lets through (see `cases.subscriptions`), reporters and
subjects what the process declares (see `cases.people_told`), and a node that handed a case over
each of its steps here (see `cases.exchange_status`). Staff are told by the door that knows their
accounts.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import orjson

from cases import people_told, subscriptions
from cases.case_rows import Row
from cases.exchange_document import STATUS_FORMAT
from cases.exchange_rows import CASES, NAMESPACE, STATUS, taken_of
from cases.notices import read_notices
from cases.peers import Peer, read_peers
from cases.process import process_of
from layers.city import City
from layers.store.base import Transaction
from layers.store.notice import Notice
from layers.store.tables import instant_text


def announce(unit: Transaction, city: City, entries: Sequence[Row], rows: Mapping[str, Row]) -> int:
    """Put into the outbox what all but the staff are told of entries.

    Parameters
    ----------
    unit : the transaction that writes the entries: either both are there or neither.
    rows : the cases after the steps, by id.

    Returns
    -------
    how many notices there were.
    """
    declared = read_notices(city)
    told = []
    for entry in entries:
        told += subscriptions.notices_of(city, entry, declared)
        told += people_told.notices_of(unit, city, rows[entry["case_id"]], entry, declared)
    return unit.put_notices(told) + tell_givers(unit, city, entries)


def tell_givers(unit: Transaction, city: City, entries: Sequence[Row]) -> int:
    """Put into the outbox what the nodes that handed cases over are told of entries."""
    peers = read_peers(city)
    if not peers.peers or not entries:
        return 0
    taken = taken_of(unit, {entry["case_id"] for entry in entries})
    return unit.put_notices(
        [
            _status(city, entry, kept, peer, peers.node)
            for entry in entries
            for kept in taken.get(entry["case_id"], ())
            if (peer := peers.find(kept["peer"])) is not None
        ]
    )


def _status(city: City, entry: Row, kept: Row, peer: Peer, node: str) -> Notice:
    public = process_of(city).action(entry["action"]).tells_any("reporter")
    # The id of a taken hand-over begins with who handed it over.
    exchange = kept["exchange_id"].removeprefix(f"in.{peer.id}.")
    document = {
        "format": STATUS_FORMAT,
        "version": 1,
        "exchange": exchange,
        "sender": node,
        "receiver": peer.id,
        "case": kept["peer_case"],
        "peer_case": entry["case_id"],
        "action": entry["action"],
        "state": entry["after"],
        "at": instant_text(entry["at"]),
        "entry": entry["seq"],
        "digest": entry["digest"],
        "said": (entry["why"] or "") if public else "",
    }
    return Notice(
        key=str(uuid.uuid5(NAMESPACE, f"status\n{exchange}\n{entry['log_id']}")),
        channel=peer.channel,
        recipient=f"{CASES}/{quote(kept['peer_case'], safe='')}/status",
        about=entry["case_id"],
        template=STATUS,
        subject=f"{entry['after']} {entry['case_id']}",
        body=orjson.dumps(document).decode(),
        created=entry["at"],
        due=entry["at"],
    )
