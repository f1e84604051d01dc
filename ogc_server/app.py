"""The server as one ASGI application: hot routes in front, pygeoapi behind."""

from __future__ import annotations

import re
import traceback
import uuid
from collections.abc import Iterable
from pathlib import Path

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from layers.city import City
from layers.errors import OnemapError
from layers.store import Store
from ogc_server import handlers
from ogc_server.answers import problem_answer
from ogc_server.catalogue import LOCAL, Audience, Catalogue
from ogc_server.engine import Engine
from ogc_server.gate import LOOPBACK_ORIGIN, Gate
from ogc_server.map_page import map_page
from ogc_server.missing import MissingPages, missing_page
from ogc_server.problem import RequestError

STATIC = Path(__file__).parent / "static"
_LIGHT_COMPRESSION = 2
_LOG = structlog.get_logger(__name__)


def create_app(
    city: City,
    store: Store,
    *,
    base_url: str | None = None,
    audience: Audience = LOCAL,
    hosts: Iterable[str] = (),
    origins: Iterable[str] = (),
) -> Starlette:
    """Make the server of a city.

    Parameters
    ----------
    base_url : URL that links start with, such as ``https://map.example.gov.cn``. None follows the
        host that each
        request names, which must then be this machine itself or one of ``hosts``.
    audience : who reads; layers above it don't exist for him.
    hosts : further host names that are answered.
    origins : sites whose pages may read answers in a browser (CORS), beside those of this machine.
    """
    catalogue = Catalogue(city, store, audience)
    engine = Engine(catalogue)
    app = Starlette(
        routes=[*_routes(), Mount("/", app=MissingPages(engine))],
        middleware=[
            Middleware(Gate, base_url=base_url, hosts=tuple(hosts)),
            _cross_origin(audience, origins),
            Middleware(GZipMiddleware, minimum_size=1000, compresslevel=_LIGHT_COMPRESSION),
        ],
        exception_handlers={
            RequestError: _refuse,
            HTTPException: _refuse_http,
            OnemapError: _refuse_failure,
            Exception: _fail,
        },
    )
    app.state.catalogue, app.state.engine = catalogue, engine
    return app


def _routes() -> list[Route | Mount]:
    item = "/collections/{layer}/items/{fid:path}"
    rows = (
        ("/", handlers.landing),
        ("/conformance", handlers.conformance),
        ("/openapi", handlers.openapi),
        ("/api", handlers.openapi),
        ("/collections", handlers.collections),
        ("/collections/{layer}", handlers.collection),
        ("/collections/{layer}/queryables", handlers.queryables),
        ("/collections/{layer}/schema", handlers.schema),
        ("/collections/{layer}/items", handlers.items),
        (item, handlers.item),
        ("/map", map_page),
    )
    methods = [*handlers.READ, *handlers.WRITE]
    routes: list[Route | Mount] = [
        Route(path, handlers.reading(endpoint), methods=methods) for path, endpoint in rows
    ]
    routes.append(Mount("/static", StaticFiles(directory=STATIC), name="static"))
    return routes


def _cross_origin(audience: Audience, origins: Iterable[str]) -> Middleware:
    open_data = audience.sensitivities == {"public"}
    return Middleware(
        CORSMiddleware,
        allow_origins=["*"] if open_data else list(origins),
        allow_origin_regex=None if open_data else LOOPBACK_ORIGIN,
        allow_methods=handlers.READ,
        allow_headers=["*"],
        expose_headers=["ETag", "Link", "Content-Crs", "Content-Language"],
    )


def _refuse(request: Request, failure: Exception) -> Response:
    assert isinstance(failure, RequestError)
    return missing_page(request, failure) or problem_answer(failure)


def _refuse_http(request: Request, failure: Exception) -> Response:
    assert isinstance(failure, HTTPException)
    code = "NotFound" if failure.status_code == 404 else "NoApplicableCode"
    problem = RequestError(failure.status_code, code, failure.detail)
    answer = missing_page(request, problem) or problem_answer(problem)
    answer.headers.update(failure.headers or {})
    return answer


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
