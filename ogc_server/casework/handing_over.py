"""Handing a case over to another node."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from cases.actor import Actor
from cases.case_rows import Row
from cases.exchange import ACTION, hand_over
from cases.guards import check_allowed
from cases.peers import read_peers
from cases.process import process_of
from cases.refusals import CaseError
from cases.units import units_of
from layers.city import City
from ogc_server.answers import data_answer
from ogc_server.asked import Asked
from ogc_server.casework.acting import answer_of, case_asked, needed
from ogc_server.casework.bodies import idempotency_key, known_only, read_json, text_of
from ogc_server.casework.documents import both
from ogc_server.casework.who import actor_of
from ogc_server.editing.feature_body import Json
from ogc_server.editing.turns import in_turn
from ogc_server.features import JSON


async def hand_over_case(request: Request) -> Response:
    """``POST /cases/{case}/hand_over``: give a case to another node, with the reason."""
    return await in_turn(_hand_over, request, await read_json(request))


def nodes_for(city: City, actor: Actor, row: Row) -> list[dict[str, Any]]:
    """Nodes to which somebody may hand a case over as it stands; none where he may not."""
    process, peers = process_of(city), read_peers(city).peers
    if not peers:
        return []
    try:
        process.step(ACTION, row["state"])
        check_allowed(process.action("suspend"), actor, units_of(city), row)
    except CaseError:
        return []
    return [{"id": peer.id, "title": both(peer.title)} for peer in peers]


def _hand_over(request: Request, body: Json) -> Response:
    asked = Asked(request, ("json",))
    asked.refuse_parameters()
    actor, now = actor_of(asked), datetime.now(UTC)
    known_only(body, "node", "why")
    case, city = case_asked(asked), asked.catalogue.city
    key = idempotency_key(request, needed=False)
    node = needed("node", text_of(body, "node"))
    with asked.catalogue.store.transaction() as unit:
        done = hand_over(
            unit, city, read_peers(city), actor, case, node, why=text_of(body, "why") or "",
            at=now, key=key,
        )  # fmt: skip
        document = answer_of(asked, actor, unit, done, now)
    return data_answer(document, JSON)
