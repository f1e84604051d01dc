"""The one module that touches pygeoapi's inside.

Each touch has a tripwire in `tests/ogc_server/test_engine.py`:

1. pygeoapi reads its configuration when it is imported, from files named in the environment: a
   generated stub.
2. Its handlers use one global API object: ours is handed over with each request instead.
3. Its configuration holds ``resources`` as a dict: ours is a lazy mapping over the catalogue.
4. Its set-up adds a log handler to the root logger: it is kept from doing so.

pygeoapi answers here what the routes in front leave to it, never with HTML: its pages load scripts
from other hosts, and its cache of translated configurations is shared by all API objects.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from layers.spec import LayerSpec
from ogc_server.catalogue import CATALOGUE_KEY, Catalogue, Memory
from ogc_server.gate import BASE_KEY
from ogc_server.parameters import DEFAULT_LIMIT, MAXIMUM_LIMIT
from ogc_server.problem import RequestError
from ogc_server.reference import CRS84, uris

API_KEY = "onemap.pygeoapi"
_APIS_KEPT = 64
_ENVIRONMENT = ("PYGEOAPI_CONFIG", "PYGEOAPI_OPENAPI")


def configuration(title: Mapping[str, str], url: str, resources: Any) -> dict[str, Any]:
    """Return the least configuration that pygeoapi starts with."""
    return {
        "server": {
            "bind": {"host": "127.0.0.1", "port": 0},
            "url": url,
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "languages": ["en-US", "zh-CN"],
            "limits": {
                "default_items": DEFAULT_LIMIT,
                "max_items": MAXIMUM_LIMIT,
                "on_exceed": "throttle",
            },
            "map": {"url": "", "attribution": ""},
        },
        "logging": {"level": "CRITICAL"},
        "metadata": {
            "identification": {
                "title": dict(title),
                "description": dict(title),
                "keywords": {"en": [], "zh": []},
                "terms_of_service": url,
                "url": url,
            },
            "license": {"name": "Apache-2.0", "url": url},
            "provider": {"name": "Onemap", "url": url},
            "contact": {"name": "Onemap", "email": ""},
        },
        "resources": resources,
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep ``logging.basicConfig`` from doing anything.

    It leaves a root logger with a handler alone.
    """
    handler, root = logging.NullHandler(), logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


@lru_cache(maxsize=1)
def load() -> ModuleType:
    """Import pygeoapi's Starlette module with a stub configuration.

    The environment is left as it was.
    """
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    with tempfile.TemporaryDirectory() as folder, _quiet():
        stub = configuration({"en": "Onemap"}, "http://127.0.0.1", {})
        for name, content in zip(_ENVIRONMENT, (stub, {}), strict=True):
            path = Path(folder) / f"{name.lower()}.json"
            path.write_bytes(orjson.dumps(content))
            os.environ[name] = str(path)
        try:
            module = import_module("pygeoapi.starlette_app")
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
    logging.getLogger("pygeoapi").setLevel(logging.ERROR)
    _hand_over_api(module)
    return module


def _hand_over_api(module: ModuleType) -> None:
    original = module.execute_from_starlette
    if original.__module__ == __name__:
        return

    async def execute(api_function: Any, request: Any, *args: Any, **options: Any) -> Any:
        options["alternative_api"] = request.scope.get(API_KEY)
        return await original(api_function, request, *args, **options)

    module.execute_from_starlette = execute  # type: ignore[attr-defined]


class Resources(Mapping[str, dict[str, Any]]):
    """The catalogue as pygeoapi's ``resources``; entries are made when asked for."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def __getitem__(self, layer: str) -> dict[str, Any]:
        try:
            spec = self._catalogue.layer(layer)
        except RequestError:
            raise KeyError(layer) from None
        return resource(self._catalogue, spec)

    def __iter__(self) -> Iterator[str]:
        return (spec.id for spec in self._catalogue)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Resources:
        """Return itself: pygeoapi copies its configuration, the catalogue stays one."""
        return self


def resource(catalogue: Catalogue, spec: LayerSpec) -> dict[str, Any]:
    """One layer as an entry of ``resources``.

    The extent is the city's, and there is none in time: pygeoapi refuses a ``datetime`` outside of
    the extent that it was configured with, which is not an error.
    """
    return {
        "type": "collection",
        "title": {"en": spec.title.en, "zh": spec.title.zh},
        "description": {"en": spec.description.en, "zh": spec.description.zh},
        "keywords": {"en": [spec.domain], "zh": [spec.domain]},
        "links": [],
        "extents": {"spatial": {"bbox": list(catalogue.city.bounds), "crs": CRS84}},
        "providers": [
            {
                "type": "feature",
                "name": "ogc_server.provider.StoreProvider",
                "data": catalogue,
                "layer": spec.id,
                "id_field": spec.id_field,
                "time_field": spec.time_field,
                "crs": uris(catalogue.city),
                "storage_crs": CRS84,
            }
        ],
    }


class Engine:
    """pygeoapi as an ASGI application, with an API object for each audience.

    Catalogue and URL of the server are taken from the request (see `ogc_server.access.sign_in` and
    `ogc_server.gate`); API objects are kept for the latest.
    """

    def __init__(self) -> None:
        self._module = load()
        self._apis = Memory(_APIS_KEPT)

    def api(self, catalogue: Catalogue, base: str) -> Any:
        """Pygeoapi's API object for the readers of a catalogue, with links below ``base``."""
        key = (catalogue.edition, catalogue.audience, base)
        return self._apis.get(key, lambda: self._make(catalogue, base))

    def _make(self, catalogue: Catalogue, base: str) -> Any:
        title = {"en": catalogue.city.title.en, "zh": catalogue.city.title.zh}
        config = configuration(title, base, Resources(catalogue))
        with _quiet():
            return self._module.API(config, {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request in JSON or JSON-LD, whatever else was asked for."""
        if scope["type"] != "http":
            await Response(status_code=404)(scope, receive, send)
            return
        inner = dict(scope)
        inner[API_KEY] = self.api(scope[CATALOGUE_KEY], scope[BASE_KEY])
        values = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        if values.get("f") != "jsonld":
            values["f"] = "json"
        inner["query_string"] = urlencode(values).encode("latin-1")
        await self._module.APP(inner, receive, send)
