"""The server as one ASGI application: hot routes in front, pygeoapi behind."""

from __future__ import annotations

import gc
import re
import traceback
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from layers.access import LOCAL, Audience
from layers.city import City
from layers.errors import OnemapError, TooSlowError
from layers.store import Store
from ogc_server.access.entrance import Entrance
from ogc_server.access.sign_in import SignIn
from ogc_server.answers import problem_answer
from ogc_server.blocks import discover
from ogc_server.catalogue import Catalogues
from ogc_server.doors import METHODS, routes
from ogc_server.engine import Engine
from ogc_server.gate import LOOPBACK_ORIGIN, Gate
from ogc_server.missing import missing_page
from ogc_server.problem import RequestError
from ogc_server.processes.pool import Pool
from ogc_server.tiling.tiles import TileMemory

STATIC = Path(__file__).parent / "static"
_LIGHT_COMPRESSION = 2
LONGEST_QUESTION_S = 20.0
# See `gc.set_threshold`.
_COLLECTED_FROM = (50_000, 20, 100)
_LOG = structlog.get_logger(__name__)


def create_app(
    city: City,
    store: Store,
    *,
    base_url: str | None = None,
    audience: Audience = LOCAL,
    entrance: Entrance | None = None,
    folder: Path | None = None,
    hosts: Iterable[str] = (),
    origins: Iterable[str] = (),
    longest_question_s: float = LONGEST_QUESTION_S,
) -> Starlette:
    """Make the server of a city.

    Parameters
    ----------
    base_url : URL that links start with, such as ``https://map.example.gov.cn``. None follows the
        host that each
        request names, which must then be this machine itself or one of ``hosts``.
    audience : who reads where there are no accounts; layers above it don't exist for him.
    entrance : who else may come in, and how; see `ogc_server.access.entrance`.
    folder : where positions and what else is kept beside the store lie.
    hosts : further host names that are answered.
    origins : sites whose pages may read answers in a browser (CORS), beside those of this machine.
    longest_question_s : a question to the store that takes longer is stopped and answered 503, s.
    """
    bounded = store.bounded(longest_question_s)
    door = entrance or Entrance(alone=audience)
    catalogues, engine, blocks = Catalogues(city, bounded, folder), Engine(), discover()
    # Nobody waits at the door for a job: it reads for as long as it takes.
    runs = Pool(Catalogues(city, store, folder), still=door.standing)
    app = Starlette(
        lifespan=_lifespan(runs),
        routes=[
            *routes(blocks),
            Mount("/static", StaticFiles(directory=STATIC), name="static"),
        ],
        middleware=[
            Middleware(Gate, base_url=base_url, hosts=tuple(hosts), origins=tuple(origins)),
            Middleware(SignIn, catalogues=catalogues, entrance=door),
            _cross_origin(door.alone, origins),
            Middleware(GZipMiddleware, minimum_size=1000, compresslevel=_LIGHT_COMPRESSION),
        ],
        exception_handlers={
            RequestError: _refuse,
            HTTPException: _refuse_http,
            TooSlowError: _refuse_slow,
            OnemapError: _refuse_failure,
            Exception: _fail,
        },
    )
    app.state.catalogues, app.state.audience = catalogues, door.alone
    app.state.entrance = door
    app.state.engine, app.state.blocks = engine, blocks
    app.state.runs, app.state.tiles = runs, TileMemory()
    return app


def _lifespan(runs: Pool) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """At the start, end what an earlier server left running; at the end, what runs."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await run_in_threadpool(runs.recover)
        with _light_collection():
            yield
        await run_in_threadpool(runs.close)

    return lifespan


@contextmanager
def _light_collection() -> Iterator[None]:
    """Look for garbage among what requests leave, and not again among what stands since the start.

    Requests leave next to no cycles; going through all modules and declarations each time cost a
    third of the time of a small tile.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTED_FROM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _cross_origin(nameless: Audience | None, origins: Iterable[str]) -> Middleware:
    """What pages of other sites may read: all that whoever has no name may see, if that is open.

    Nothing that a browser sends along by itself opens more: there are no cookies.
    """
    open_data = nameless is None or nameless.sensitivities == {"public"}
    return Middleware(
        CORSMiddleware,
        allow_origins=["*"] if open_data else list(origins),
        allow_origin_regex=None if open_data else LOOPBACK_ORIGIN,
        allow_methods=METHODS,
        allow_headers=["*"],
        expose_headers=[
            "ETag",
            "Link",
            "Location",
            "Content-Crs",
            "Content-Language",
            "Preference-Applied",
        ],
    )


def _refuse(request: Request, failure: Exception) -> Response:
    assert isinstance(failure, RequestError)
    return missing_page(request, failure) or problem_answer(failure)


def _refuse_http(request: Request, failure: Exception) -> Response:
    assert isinstance(failure, HTTPException)
    code = "NotFound" if failure.status_code == 404 else "NoApplicableCode"
    words = f"nothing is at {request.url.path[:200]}" if code == "NotFound" else failure.detail
    problem = RequestError(failure.status_code, code, words)
    answer = missing_page(request, problem) or problem_answer(problem)
    answer.headers.update(failure.headers or {})
    return answer


def _refuse_slow(request: Request, failure: Exception) -> Response:
    return problem_answer(RequestError(503, "TooSlow", str(failure)))


def _refuse_failure(request: Request, failure: Exception) -> Response:
    return _with_id(request, failure)


def _fail(request: Request, failure: Exception) -> Response:
    return _with_id(request, failure)


def _with_id(request: Request, failure: Exception) -> Response:
    """Return a failure of ours: the client gets an id, the log the rest."""
    key = uuid.uuid4().hex[:12]
    # A plain trace: values of variables could be rows that the log's readers may not see.
    trace = "".join(traceback.format_exception(failure))
    path = re.sub(r"[\r\n]", " ", request.url.path)
    _LOG.error("request failed", id=key, path=path, trace=trace)
    words = f"the server failed; the details are in its log under {key}"
    return problem_answer(RequestError(500, "ServerError", words))
