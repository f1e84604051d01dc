"""What one OGC building block adds to the server: doors, claims, links, and its part of the API.

A block is one file in `ogc_server/blocks/` with a `BLOCK`; `ogc_server.blocks.discover` finds it.

Collections that are no layers, such as records, moving features or rasters, stand beside those that
are, and share paths with them: ``/collections/{layer}/items`` lists rows of a layer, but records of
a catalogue. A block that has such collections describes them in ``others`` and puts a door of its
own on the very same path, with ``owns`` to say for which collections it answers there::

    def _owns(catalogue: Catalogue, collection: str) -> bool:
        return collection == "city_records"

    Door("/collections/{layer}/items", {"GET": records}, owns=_owns)

The endpoint finds the collection's id in ``request.path_params["layer"]``. Layers need no such
door: an id that a layer has is always the layer's, whoever else claims it. ``owns`` must be false
for a collection that the reader may not know of; then the request goes on to the door that answers
for all, or to the next path that fits, as if there were none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from layers.spec import LayerSpec
from layers.text import Text
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
        all. What isn't allowed answers as if it did not exist. GET is not asked about.
    told : headers of the answer to OPTIONS by the method that they are about, such as
        ``Accept-Patch`` for PATCH; sent where that method is allowed.
    owns : whether a collection, no layer, is this door's; takes catalogue and id. Such a door
        answers for these collections alone, and leaves the path to other doors for the rest; the
        path must have the parameter ``{layer}``. None for a door that answers for all.
    """

    path: str
    methods: Mapping[str, Endpoint]
    allowed: Callable[[Request], Iterable[str]] | None = None
    told: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    owns: Callable[[Catalogue, str], bool] | None = None


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


@dataclass(frozen=True)
class Card:
    """A way in for people, on the start page.

    Attributes
    ----------
    path : below the server's base URL; a page.
    """

    title: Text
    words: Text
    path: str


def _no_links(catalogue: Catalogue, base: str, language: str) -> Links:
    return []


def _no_members(catalogue: Catalogue, spec: LayerSpec, base: str, language: str) -> dict[str, Any]:
    return {}


def _no_state(catalogue: Catalogue) -> Hashable:
    return ()


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
    state : what these descriptions depend on beside the layers' revisions; equal states have
        equal descriptions. Takes the catalogue, and is asked with each request: it must be cheap.
    definition : its part of the OpenAPI document; takes catalogue and language.
    cards : ways in for people, on the start page.
    """

    name: str
    classes: tuple[str, ...] = ()
    doors: tuple[Door, ...] = ()
    landing: Callable[[Catalogue, str, str], Links] = _no_links
    collection: Callable[[Catalogue, LayerSpec, str, str], dict[str, Any]] = _no_members
    others: Callable[[Catalogue, str, str], Links] = _no_links
    state: Callable[[Catalogue], Hashable] = _no_state
    definition: Callable[[Catalogue, str], Definition] = _no_definition
    cards: tuple[Card, ...] = ()
