"""Open311 GeoReport v2 (https://wiki.open311.org/GeoReport_v2): doors and definition."""

from __future__ import annotations

from typing import Any

from layers.text import Text
from ogc_server.block import Block, Definition, Door, Links
from ogc_server.catalogue import Catalogue
from ogc_server.georeport import endpoints
from ogc_server.georeport.asking import FORM
from ogc_server.georeport.documents import MEDIA
from ogc_server.georeport.endpoints import HOME, NEEDED

_TITLE = Text(
    en="Report and follow (Open311 GeoReport v2)", zh="上报与跟踪（Open311 GeoReport v2）"
)
_PARAMETERS: dict[str, tuple[str, ...]] = {
    "discovery": (),
    "services": ("jurisdiction_id",),
    "requests": (
        "jurisdiction_id", "service_request_id", "service_code", "start_date", "end_date",
        "status", "lat", "long", "radius", "page", "page_size",
    ),
}  # fmt: skip
_FIELDS = (
    "api_key", "jurisdiction_id", "service_code", "lat", "long", "address_string", "address_id",
    "email", "device_id", "account_id", "first_name", "last_name", "phone", "description",
    "media_url",
)  # fmt: skip


def _landing(catalogue: Catalogue, base: str, language: str) -> Links:
    if not all(map(catalogue.at_hand, NEEDED)):
        return []
    link = {"href": f"{base}{HOME}/discovery.json", "rel": "service", "type": "application/json"}
    return [link | {"title": _TITLE.say(language)}]


def _definition(catalogue: Catalogue, language: str) -> Definition:
    if not all(map(catalogue.at_hand, NEEDED)):
        return Definition()
    title = _TITLE.say(language)
    paths: dict[str, Any] = {}
    for name, parameters in _PARAMETERS.items():
        entry = _operation(f"open311.{name}", title, [*map(_query, parameters)])
        paths[f"{HOME}/{name}.{{format}}"] = {"get": entry}
    for name, ident in (("services", "code"), ("requests", "id"), ("tokens", "token")):
        own = [_path(ident), _query("jurisdiction_id")]
        entry = _operation(f"open311.{name}.one", title, own)
        paths[f"{HOME}/{name}/{{{ident}}}.{{format}}"] = {"get": entry}
    form = {"type": "object", "properties": {name: {"type": "string"} for name in _FIELDS}}
    body = {"required": True, "content": {FORM: {"schema": form}}}
    posted = _operation("open311.report", title, []) | {"requestBody": body}
    for status, words in (("403", "no key"), ("413", "too large"), ("429", "too often")):
        posted["responses"][status] = _answer(words)
    paths[f"{HOME}/requests.{{format}}"]["post"] = posted
    return Definition(paths=paths)


def _operation(key: str, summary: str, parameters: list[Any]) -> dict[str, Any]:
    said = {"200": summary, "400": "not as expected", "404": "not found"}
    return {
        "operationId": key,
        "summary": summary,
        "tags": ["data"],
        "parameters": [_path("format", ["json", "xml"]), *parameters],
        "responses": {
            **{status: _answer(words) for status, words in said.items()},
            "500": {"$ref": "#/components/responses/ServerError"},
        },
    }


def _answer(words: str) -> dict[str, Any]:
    content: dict[str, Any] = {media: {"schema": {}} for media in MEDIA.values()}
    return {"description": words, "content": content}


def _path(name: str, values: list[str] | None = None) -> dict[str, Any]:
    schema = {"type": "string"} | ({"enum": values} if values else {})
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _query(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": {"type": "string"}}


def _doors() -> tuple[Door, ...]:
    """Lists are named with their format, ``services.json``, and so are single ones below them."""
    return (
        Door(f"{HOME}/discovery{{tail}}", {"GET": endpoints.discovery}),
        Door(f"{HOME}/services{{tail}}", {"GET": endpoints.services}),
        Door(f"{HOME}/services/{{tail}}", {"GET": endpoints.definition}),
        Door(
            f"{HOME}/requests{{tail}}",
            {"GET": endpoints.requests, "POST": endpoints.post_request},
        ),
        Door(f"{HOME}/requests/{{tail}}", {"GET": endpoints.one_request}),
        Door(f"{HOME}/tokens/{{tail}}", {"GET": endpoints.token}),
    )


BLOCK = Block(name="open311", doors=_doors(), landing=_landing, definition=_definition)
