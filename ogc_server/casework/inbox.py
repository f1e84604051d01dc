"""The inbox of who asks: what he was told, and that he has seen it."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from cases.notices import read_notices
from cases.refusals import IncompleteError
from layers.store.notices import NoticeRecords
from layers.text import Text
from ogc_server.answers import data_answer
from ogc_server.asked import Asked
from ogc_server.casework.bodies import known_only, member, read_json
from ogc_server.casework.who import actor_of
from ogc_server.editing.feature_body import Json
from ogc_server.editing.turns import in_turn
from ogc_server.features import JSON
from ogc_server.times import write_instant

_MOST = 100


def inbox(request: Request) -> Response:
    """``GET /inbox``: one's own notices, the newest first."""
    asked = Asked(request, ("json",))
    asked.refuse_parameters()
    actor = actor_of(asked)
    channel = read_notices(asked.catalogue.city).inbox
    records = NoticeRecords(asked.catalogue.store)
    found = [] if channel is None else records.inbox(channel, actor.name, _MOST)
    rows = [
        {
            "key": one.key,
            "case": one.about,
            "template": one.template,
            "subject": one.subject,
            "body": one.body,
            "at": write_instant(one.created),
            "seen": write_instant(one.seen),
        }
        for one in found
    ]
    unseen = sum(one.seen is None for one in found)
    return data_answer({"notices": rows, "unseen": unseen}, JSON)


async def mark_seen(request: Request) -> Response:
    """``POST /inbox``: notices of one's own that were opened."""
    return await in_turn(_mark, request, await read_json(request))


def _mark(request: Request, body: Json) -> Response:
    asked = Asked(request, ("json",))
    asked.refuse_parameters()
    actor = actor_of(asked)
    known_only(body, "seen")
    words = Text(en=f"a list of at most {_MOST} keys", zh=f"不超过{_MOST}个键的列表")
    keys = member(body, "seen", list, words) or []
    if len(keys) > _MOST or not all(isinstance(key, str) and key.isprintable() for key in keys):
        raise IncompleteError("seen", words)
    number = NoticeRecords(asked.catalogue.store).seen(actor.name, keys, datetime.now(UTC))
    return data_answer({"seen": number}, JSON)
