"""Public warnings for subscribers: an Atom feed of what is in force, and each as CAP 1.2.

The feed follows "Example Practices: CAP Feeds" (OASIS 2013): an entry a message, linking to its CAP
document. What ended warnings stays readable by its own URL.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from starlette.requests import Request
from starlette.responses import Response

from cases.cap import MEDIA, write_cap
from cases.warnings import LAYER, Message, of_row
from layers.query import Query, SortKey
from layers.store.tables import instant_text
from layers.text import Text
from ogc_server.answers import data_answer, etag, unchanged
from ogc_server.asked import Asked
from ogc_server.block import Block, Definition, Door, Links
from ogc_server.catalogue import Catalogue
from ogc_server.openapi import ref
from ogc_server.problem import not_found

ATOM = "application/atom+xml"
_ATOM = "http://www.w3.org/2005/Atom"
_TITLE = Text(en="Public warnings in force", zh="生效中的公众预警")
_NEWEST = 200


def in_force(catalogue: Catalogue, at: datetime) -> list[Message]:
    """Messages that hold at a moment, the newest first, those that end a warning included."""
    catalogue.layer(LAYER)
    standing = {
        "op": "and",
        "args": [
            {"op": ">", "args": [{"property": "expires"}, {"timestamp": instant_text(at)}]},
            {"op": "isNull", "args": [{"property": "followed_by"}]},
        ],
    }
    newest = Query(
        LAYER,
        where=standing,
        sort=(SortKey("sent", descending=True),),
        limit=_NEWEST,
        scope=catalogue.audience.scope,
    )
    return [of_row(row) for row in _plain(catalogue.store.frame(newest))]


def _plain(rows: Any) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in rows.to_dict("records")]


def _feed(request: Request) -> Response:
    """``/cap``: what is in force, as Atom."""
    asked = Asked(request, ("json",))
    asked.refuse_parameters()
    now = datetime.now(UTC)
    messages = in_force(asked.catalogue, now)
    tag = etag(request, [message.ident for message in messages])
    return unchanged(request, tag) or data_answer(_atom(asked, messages, now), ATOM, tag)


def _atom(asked: Asked, messages: list[Message], now: datetime) -> bytes:
    ElementTree.register_namespace("", _ATOM)
    feed = ElementTree.Element(f"{{{_ATOM}}}feed")
    newest = max((message.sent for message in messages), default=now)
    _add(feed, "id", f"{asked.base}/cap")
    _add(feed, "title", _TITLE.say(asked.language))
    _add(feed, "updated", newest.isoformat(timespec="seconds"))
    _link(feed, "self", f"{asked.base}/cap", ATOM)
    _add(_add(feed, "author"), "name", asked.catalogue.city.title.say(asked.language))
    for message in messages:
        entry, url = _add(feed, "entry"), _url(asked.base, message.ident)
        _add(entry, "id", url)
        headline = message.headline.say(asked.language) or message.event.say(asked.language)
        _add(entry, "title", headline)
        _add(entry, "updated", message.sent.isoformat(timespec="seconds"))
        _add(entry, "summary", message.description.say(asked.language) or headline)
        _link(entry, "alternate", url, MEDIA)
    return bytes(ElementTree.tostring(feed, encoding="utf-8", xml_declaration=True))


def _message(request: Request) -> Response:
    """``/cap/{ident}``: one message as CAP 1.2."""
    asked = Asked(request, ("json",))
    asked.refuse_parameters()
    asked.catalogue.layer(LAYER)
    ident = request.path_params["ident"]
    wanted = Query(LAYER, fids=(ident,), scope=asked.catalogue.audience.scope)
    rows = _plain(asked.catalogue.store.frame(wanted))
    if not rows:
        raise not_found(f"warning '{ident}'")
    message = of_row(rows[0])
    tag = etag(request, message.reference)
    web = f"{asked.base}/collections/{LAYER}/items/{quote(ident, safe='')}"
    return unchanged(request, tag) or data_answer(write_cap(message, web), MEDIA, tag)


def _url(base: str, ident: str) -> str:
    return f"{base}/cap/{quote(ident, safe='')}"


def _add(parent: Any, name: str, text: str | None = None) -> Any:
    child = ElementTree.SubElement(parent, f"{{{_ATOM}}}{name}")
    child.text = text
    return child


def _link(parent: Any, rel: str, href: str, media: str) -> None:
    _add(parent, "link").attrib.update({"rel": rel, "href": href, "type": media})


def _landing(catalogue: Catalogue, base: str, language: str) -> Links:
    if not catalogue.at_hand(LAYER):
        return []
    link = {"href": f"{base}/cap", "rel": "alternate", "type": ATOM}
    return [link | {"title": _TITLE.say(language)}]


def _definition(catalogue: Catalogue, language: str) -> Definition:
    if not catalogue.at_hand(LAYER):
        return Definition()
    ident = {"name": "ident", "in": "path", "required": True, "schema": {"type": "string"}}
    return Definition(
        paths={
            "/cap": {"get": _operation("cap.feed", _TITLE.say(language), ATOM, [])},
            "/cap/{ident}": {"get": _operation("cap.message", "CAP 1.2", MEDIA, [ident])},
        }
    )


def _operation(key: str, summary: str, media: str, parameters: list[Any]) -> dict[str, Any]:
    answers: dict[str, Any] = {
        "200": {"description": summary, "content": {media: {"schema": {"type": "string"}}}},
        "304": {"description": "unchanged"},
        "400": _ref_of("InvalidParameter"),
        "404": _ref_of("NotFound"),
        "500": _ref_of("ServerError"),
    }
    common = [ref("f"), ref("lang")]
    return {
        "operationId": key,
        "summary": summary,
        "tags": ["data"],
        "parameters": [*parameters, *common],
        "responses": answers,
    }


def _ref_of(response: str) -> dict[str, str]:
    """Refer to a response of the API definition."""
    return {"$ref": f"#/components/responses/{response}"}


BLOCK = Block(
    name="warnings",
    doors=(Door("/cap", {"GET": _feed}), Door("/cap/{ident}", {"GET": _message})),
    landing=_landing,
    definition=_definition,
)
