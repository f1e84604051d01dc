"""What one OGC building block adds to the server: doors, claims, links, and its part of the API.

A block is one file in `ogc_server/blocks/` with a `BLOCK`; `ogc_server.blocks.discover` finds it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from layers.spec import LayerSpec
from ogc_server.catalogue import Catalogue

Endpoint = Callable[[Request], Response] | Callable[[Request], Awaitable[Response]]
Links = list[dict[str, Any]]


@dataclass(frozen=True)
class Door:
    """One path and what answers there.

    Attributes
    ----------
    path : in Starlette's form, such as ``/collections/{layer}/items``.
    methods : endpoint by method. HEAD and OPTIONS are added; other methods answer 405. Plain
        functions run in worker threads, coroutines on the event loop.
    allowed : methods of ``methods`` that this client may use, for what only some may do; None for
        all. What isn't allowed answers as if it did not exist.
    """

    path: str
    methods: Mapping[str, Endpoint]
    allowed: Callable[[Request], Iterable[str]] | None = None


@dataclass(frozen=True)
class Definition:
    """A part of the OpenAPI document.

    Attributes
    ----------
    paths : operations by path. Paths of all collections are written once, with
        ``{collectionId}``, so that the document stays small.
    parameters, schemas, responses : components by name.
    """

    paths: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    schemas: Mapping[str, Any] = field(default_factory=dict)
    responses: Mapping[str, Any] = field(default_factory=dict)


def _no_links(catalogue: Catalogue, base: str, language: str) -> Links:
    return []


def _no_members(catalogue: Catalogue, spec: LayerSpec, base: str, language: str) -> dict[str, Any]:
    return {}


def _no_definition(catalogue: Catalogue, language: str) -> Definition:
    return Definition()


@dataclass(frozen=True)
class Block:
    """One OGC building block.

    Attributes
    ----------
    name : short name.
    classes : conformance classes that it claims, as URIs; each has a test named after it.
    doors : its paths.
    landing : links on the landing page; takes catalogue, base URL and language.
    collection : members added to the description of a layer's collection, ``links`` to its links;
        takes catalogue, layer, base URL and language.
    others : whole descriptions of collections that are no layers, such as rasters; takes
        catalogue, base URL and language.
    definition : its part of the OpenAPI document; takes catalogue and language.
    """

    name: str
    classes: tuple[str, ...] = ()
    doors: tuple[Door, ...] = ()
    landing: Callable[[Catalogue, str, str], Links] = _no_links
    collection: Callable[[Catalogue, LayerSpec, str, str], dict[str, Any]] = _no_members
    others: Callable[[Catalogue, str, str], Links] = _no_links
    definition: Callable[[Catalogue, str], Definition] = _no_definition
