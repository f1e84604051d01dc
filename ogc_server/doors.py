"""Routes made of doors: methods that are offered, HEAD and OPTIONS beside, 405 for the rest."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from ogc_server.block import Block, Door, Endpoint
from ogc_server.catalogue import CATALOGUE_KEY, Catalogue
from ogc_server.problem import not_found

# Every method is taken by the route, so that no such request falls through to pygeoapi.
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")


def routes(blocks: Iterable[Block]) -> list[Route]:
    """One route for each path; of paths that fit alike, the most specific comes first.

    Doors on one path stand behind one another: the first that owns the collection answers, else
    the one that answers for all, else the next path that fits.
    """
    paths: dict[str, list[Door]] = {}
    for block in blocks:
        for door in block.doors:
            paths.setdefault(door.path, []).append(door)
    table: list[Route] = []
    for path in sorted(paths, key=_rank):
        table.append(Route(path, _answer(paths[path], table, len(table)), methods=METHODS))
    return table


def _rank(path: str) -> list[tuple[int, str]]:
    """Fixed parts before parameters, parameters before those that swallow more of a path."""
    ranks, parts = [], path.split("/")
    for number, part in enumerate(parts):
        swallows = 2 if number < len(parts) - 1 else 3
        kind = swallows if part.endswith(":path}") else 1 if "{" in part else 0
        ranks.append((kind, part))
    return ranks


def _answer(
    doors: list[Door], table: list[Route], at: int
) -> Callable[[Request], Awaitable[Response]]:
    """Answer at one path, the route number ``at`` of the table."""
    owning = [door for door in doors if door.owns is not None]
    general = [door for door in doors if door.owns is None]
    if len(general) > 1:
        raise ValueError(f"two blocks answer at {general[0].path} for the same collections")

    async def answer(request: Request) -> Response:
        door = None
        if owning and request.path_params["layer"] not in request.scope[CATALOGUE_KEY].city.layers:
            door = await run_in_threadpool(_owner, owning, request)
        if door is None and not general:
            return await _next(table[at + 1 :], request)
        door = door or general[0]
        if request.method in ("GET", "HEAD") and "GET" in door.methods:
            return await run(door.methods["GET"], request)
        offered = door.methods if door.allowed is None else await _allowed(door, request)
        if request.method == "OPTIONS":
            told = [door.told[method] for method in offered if method in door.told]
            headers = {"Allow": _allow(offered), **{k: v for row in told for k, v in row.items()}}
            return Response(status_code=200, headers=headers)
        if request.method not in offered:
            words = f"{request.method} is not offered here"
            raise HTTPException(405, words, {"Allow": _allow(offered)})
        return await run(door.methods[request.method], request)

    return answer


def _owner(doors: list[Door], request: Request) -> Door | None:
    catalogue: Catalogue = request.scope[CATALOGUE_KEY]
    collection = request.path_params["layer"]
    owning = (door for door in doors if door.owns is not None and door.owns(catalogue, collection))
    return next(owning, None)


async def _next(table: list[Route], request: Request) -> Response:
    for route in table:
        match, found = route.matches(request.scope)
        if match is Match.FULL:
            scope = {**request.scope, **found}
            answer: Response = await route.endpoint(Request(scope, request.receive))
            return answer
    raise not_found(f"collection '{request.path_params['layer']}'")


async def _allowed(door: Door, request: Request) -> list[str]:
    assert door.allowed is not None
    named = set(await run_in_threadpool(door.allowed, request))
    return [method for method in door.methods if method in named]


async def run(endpoint: Endpoint, request: Request) -> Response:
    """Answer by a coroutine on the event loop, or by a plain function in a worker thread."""
    if inspect.iscoroutinefunction(endpoint):
        answer: Response = await endpoint(request)
        return answer
    return await run_in_threadpool(endpoint, request)  # type: ignore[arg-type]


def _allow(methods: Iterable[str]) -> str:
    named = set(methods)
    return ", ".join(
        name
        for name in METHODS
        if name in named or name == "OPTIONS" or (name == "HEAD" and "GET" in named)
    )
