"""Routes made of doors: methods that are offered, HEAD and OPTIONS beside, 405 for the rest."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ogc_server.block import Block, Door, Endpoint

# Every method is taken by the route, so that no such request falls through to pygeoapi.
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")


def routes(blocks: Iterable[Block]) -> list[Route]:
    """One route for each path; of paths that fit alike, the most specific comes first."""
    doors = [door for block in blocks for door in block.doors]
    doors.sort(key=lambda door: _rank(door.path))
    return [Route(door.path, _answer(door), methods=METHODS) for door in doors]


def _rank(path: str) -> list[tuple[int, str]]:
    """Fixed parts before parameters, parameters before those that swallow the rest of a path."""
    ranks = []
    for part in path.split("/"):
        kind = 2 if part.endswith(":path}") else 1 if "{" in part else 0
        ranks.append((kind, part))
    return ranks


def _answer(door: Door) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        offered = door.methods if door.allowed is None else await _allowed(door, request)
        if request.method == "OPTIONS":
            return Response(status_code=200, headers={"Allow": _allow(offered)})
        method = "GET" if request.method == "HEAD" else request.method
        if method not in offered:
            words = f"{request.method} is not offered here"
            raise HTTPException(405, words, {"Allow": _allow(offered)})
        return await run(door.methods[method], request)

    return answer


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
