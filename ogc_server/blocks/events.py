"""Live events: changes of alerts, cases, last positions and measurements, as they happen."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from layers.spec import LayerSpec
from layers.store.changes import is_logged
from layers.text import Text
from ogc_server.asked import Asked
from ogc_server.block import Block, Definition, Door, Links
from ogc_server.catalogue import Catalogue
from ogc_server.cells.dggs_asked import whole
from ogc_server.features import collection_url, link
from ogc_server.live.live_events import AT_ONCE, Wanted, events, reset_event, written
from ogc_server.live.pulse import Pulse, pulse_of
from ogc_server.openapi import query_parameter, ref
from ogc_server.problem import RequestError, bad_parameter, not_found

EVENT_STREAM = "text/event-stream"
_TITLE = Text(en="Changes as they happen", zh="实时变更")
_PARAMETERS = ("last_id", "collections", "bbox", "follow")
# A proxy that hears nothing for long closes the connection.
HEARTBEAT_S = 15.0
# Then the client comes again and is asked anew who he is.
_LIFE_S = 900.0
_MOST_CLIENTS, _MOST_OF_ONE = 500, 20
_LARGEST = 2**63 - 1
_listening: Counter[str] = Counter()


async def stream(request: Request) -> Response:
    """``/events`` and ``/collections/{layer}/events``: changes that the reader may know of."""
    asked, wanted, follow = await run_in_threadpool(_asked, request)
    last = _last_id(asked)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Vary": "Authorization"}
    if request.method == "HEAD":
        return Response(media_type=EVENT_STREAM, headers=headers)
    if not follow:
        pieces = _catch_up(asked, wanted, last or 0)
    else:
        _refuse_too_many(asked.actor)
        pieces = _follow(asked, wanted, last)
    return StreamingResponse(pieces, media_type=EVENT_STREAM, headers=headers)


def _asked(request: Request) -> tuple[Asked, Wanted, bool]:
    asked = Asked(request, ("json",))
    asked.refuse_parameters(*_PARAMETERS)
    follow = asked.values.get("follow", "true")
    if follow not in ("true", "false"):
        raise bad_parameter("follow", f"found {follow[:40]!r}, expected true or false")
    layers = frozenset(spec.id for spec in _layers(asked))
    return asked, Wanted(layers, _boxes(asked), asked.base), follow == "true"


def _layers(asked: Asked) -> list[LayerSpec]:
    if "layer" in asked.request.path_params:
        if "collections" in asked.values:
            raise bad_parameter("collections", "is for the events of all collections")
        return [_logged(asked.catalogue, asked.request.path_params["layer"])]
    if "collections" in asked.values:
        names = dict.fromkeys(asked.values["collections"].split(","))
        return [_logged(asked.catalogue, name) for name in names]
    return [spec for spec in asked.catalogue if is_logged(spec)]


def _logged(catalogue: Catalogue, layer: str) -> LayerSpec:
    spec = catalogue.layer(layer)
    if not is_logged(spec):
        raise not_found(f"events of collection '{layer}'")
    return spec


def _boxes(asked: Asked) -> tuple[tuple[float, float, float, float], ...]:
    text = asked.values.get("bbox")
    if text is None:
        return ()
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 4 or not all(abs(n) <= 360 for n in numbers) or numbers[1] > numbers[3]:
        raise bad_parameter("bbox", f"found {text[:80]!r}, expected minx,miny,maxx,maxy")
    minx, miny, maxx, maxy = numbers
    if minx <= maxx:
        return ((minx, miny, maxx, maxy),)
    return ((minx, miny, 180.0, maxy), (-180.0, miny, maxx, maxy))


def _last_id(asked: Asked) -> int | None:
    """Place to go on from: what the browser's own reconnecting sends comes before the address."""
    header = asked.request.headers.get("last-event-id", "")
    given = {"last_id": header} if header else asked.values
    if "last_id" not in given:
        return None
    return whole(given, "last_id", 0, 0, _LARGEST)


def _refuse_too_many(actor: str) -> None:
    if _listening.total() >= _MOST_CLIENTS or _listening[actor] >= _MOST_OF_ONE:
        raise RequestError(503, "TooManyClients", "too many clients listen already; come later")


async def _catch_up(asked: Asked, wanted: Wanted, after: int) -> AsyncIterator[bytes]:
    """What there is, and then the end."""
    after, lost = await run_in_threadpool(_start, asked, after)
    if lost:
        yield lost
    while True:
        after, text, more = await run_in_threadpool(_next, asked, wanted, after)
        if text:
            yield text
        if not more:
            return


async def _follow(asked: Asked, wanted: Wanted, last: int | None) -> AsyncIterator[bytes]:
    """What there is beyond a place, and then what comes."""
    _listening[asked.actor] += 1
    try:
        after, lost = await run_in_threadpool(_start, asked, last)
        yield b"retry: 2000\n: listening\n\n" + lost
        clock = asyncio.get_running_loop().time
        end = clock() + _LIFE_S
        async with pulse_of(asked.catalogue.store) as pulse:
            while clock() < end:
                after, text = await _once(asked, wanted, after, pulse)
                yield text
    finally:
        _listening[asked.actor] -= 1
        if not _listening[asked.actor]:
            del _listening[asked.actor]


async def _once(asked: Asked, wanted: Wanted, after: int, pulse: Pulse) -> tuple[int, bytes]:
    """What comes next, or a sign of life."""
    after, text, more = await run_in_threadpool(_next, asked, wanted, after)
    if text or more:
        return after, text
    if await pulse.beyond(after, HEARTBEAT_S):
        return after, b""
    return after, b": alive\n\n"


def _start(asked: Asked, last: int | None) -> tuple[int, bytes]:
    """Where to begin, and what to tell a client whose place is no longer kept."""
    oldest, newest = asked.catalogue.store.change_ends()
    if last is None:
        return newest, b""
    if oldest - 1 <= last <= newest:
        return last, b""
    # Beyond the newest is a place in another store.
    if last == 0 and oldest > 1 and asked.values.get("follow") == "false":
        return oldest - 1, b""
    return newest, written(newest, reset_event(asked.base, newest))


def _next(asked: Asked, wanted: Wanted, after: int) -> tuple[int, bytes, bool]:
    """Events beyond a place, the place behind them, and whether there may be more."""
    changes = asked.catalogue.store.changes(after, AT_ONCE)
    if not changes:
        return after, b"", False
    told = events(asked.catalogue, changes, wanted)
    text = b"".join(written(number, event) for number, event in told)
    return changes[-1].number, text, len(changes) == AT_ONCE


def _landing(catalogue: Catalogue, base: str, language: str) -> Links:
    return [link("monitor", EVENT_STREAM, _TITLE.say(language), f"{base}/events")]


def _collection(catalogue: Catalogue, spec: LayerSpec, base: str, language: str) -> dict[str, Any]:
    if not is_logged(spec):
        return {}
    href = f"{collection_url(base, spec.id)}/events"
    return {"links": [link("monitor", EVENT_STREAM, _TITLE.say(language), href)]}


def _definition(catalogue: Catalogue, language: str) -> Definition:
    text = {"type": "string"}
    number = {"type": "integer", "minimum": 0}
    own = {
        "last_id": query_parameter("last_id", "Id of the last event that was seen.", number),
        "follow": query_parameter(
            "follow", "Whether to wait for what comes.", {"type": "boolean", "default": True}
        ),
    }
    # OpenAPI 3.0 can't say what one event of a stream is.
    answer = {"description": _TITLE.say(language), "content": {EVENT_STREAM: {}}}
    identifier = {"name": "collectionId", "in": "path", "required": True, "schema": text}
    collections = query_parameter("collections", "Names of collections.", text)
    paths = {}
    for path, key, extra in (
        ("/events", "events", [ref("collections")]),
        ("/collections/{collectionId}/events", "events.collection", [ref("collectionId")]),
    ):
        responses = {
            "200": answer,
            "400": {"$ref": "#/components/responses/InvalidParameter"},
            "404": {"$ref": "#/components/responses/NotFound"},
        }
        entry = {
            "operationId": key,
            "summary": _TITLE.say(language),
            "tags": ["data"],
            "parameters": [ref("last_id"), ref("follow"), ref("bbox"), *extra],
            "responses": responses,
        }
        paths[path] = {"get": entry}
    named = {**own, "collections": collections, "collectionId": identifier}
    return Definition(paths=paths, parameters=named)


BLOCK = Block(
    name="events",
    doors=(
        Door("/events", {"GET": stream}),
        Door("/collections/{layer}/events", {"GET": stream}),
    ),
    landing=_landing,
    collection=_collection,
    definition=_definition,
)
