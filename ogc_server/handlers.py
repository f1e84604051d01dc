"""Endpoints of the hot routes. They run in worker threads: the store is synchronous."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from layers.errors import QueryError, TooSlowError
from layers.spec import LayerSpec
from ogc_server import metadata, pages, schemas
from ogc_server import openapi as definition
from ogc_server.answers import data_answer, etag, html_answer, streamed, unchanged
from ogc_server.asked import Asked
from ogc_server.cells.dggs_asked import whole
from ogc_server.editing.versions import form_of, tag_of, version_of, whole_row
from ogc_server.exporting.csv_text import CSV, csv_text
from ogc_server.exporting.exports import EXPORTS, exported
from ogc_server.features import (
    GEOJSON,
    JSON,
    PIECE,
    collection_url,
    item_document,
    items_document,
    items_links,
)
from ogc_server.findings import FINDINGS
from ogc_server.found_values import with_found_values
from ogc_server.parameters import (
    MAXIMUM_LIMIT,
    ItemsRequest,
    parse_item,
    parse_items,
    refusal,
)
from ogc_server.problem import bad_parameter, not_found
from ogc_server.revisions import Revisions

_ALL_FORMATS = ("json", "html", "jsonld", *EXPORTS)
# What the event loop may wait for the store, and parameters whose reading takes no time either.
_PATIENCE_S = 0.004
_LIGHT = frozenset(("f", "lang", "limit", "offset", "after", "bbox", "properties", "skipGeometry"))


def described(
    asked: Asked,
    state: object,
    make: Callable[[], dict[str, Any]],
    page: Callable[[Asked, dict[str, Any]], str],
    media: str = JSON,
) -> Response:
    """Return a document made from the catalogue alone, as JSON or as a page."""
    tag = etag(asked.request, state)
    held = unchanged(asked.request, tag)
    if held is not None:
        return held
    if asked.format == "html":
        return html_answer(page(asked, make()), asked.language, tag)
    return data_answer(make(), media, tag, Content_Language=asked.language)


def landing(request: Request) -> Response:
    """``/``: what this server is and where to go on."""
    asked = Asked(request)
    asked.refuse_parameters()
    return described(
        asked,
        asked.catalogue.state(),
        lambda: metadata.landing(asked.catalogue, asked.blocks, asked.base, asked.language),
        pages.landing,
    )


def conformance(request: Request) -> Response:
    """``/conformance``: the classes that tests prove."""
    asked = Asked(request)
    asked.refuse_parameters()
    return described(
        asked, None, lambda: metadata.conformance(asked.blocks, asked.base), pages.conformance
    )


def openapi(request: Request) -> Response:
    """``/openapi``: the API definition, made once for each set of layers.

    ``collections=`` names the layers whose own paths are wanted; of many layers these are left out
    where none is named.
    """
    asked = Asked(request)
    asked.refuse_parameters("collections")
    catalogue = asked.catalogue
    if "collections" in asked.values:
        names = dict.fromkeys(asked.values["collections"].split(","))
        layers = tuple(catalogue.layer(name).id for name in names)
    else:
        layers = tuple(spec.id for spec in catalogue)
        layers = layers if len(layers) <= metadata.MOST_LAYERS else ()
    key = ("openapi", layers, asked.base, asked.language)
    return described(
        asked,
        layers,
        lambda: catalogue.remember(
            key,
            lambda: definition.document(
                catalogue.only(layers), asked.blocks, asked.base, asked.language
            ),
        ),
        pages.openapi,
        metadata.OPENAPI,
    )


def collections(request: Request) -> Response:
    """Answer ``/collections``: all layers that the audience may see, a long list in pages."""
    asked = Asked(request)
    asked.refuse_parameters("limit", "offset")
    limit = whole(asked.values, "limit", metadata.COLLECTIONS, 1, None)
    offset = whole(asked.values, "offset", 0, 0, 10**9)
    revisions, others = asked.catalogue.store.revisions(), _others_state(asked)
    paged = metadata.Paged(min(limit, metadata.MOST_COLLECTIONS), offset, revisions, others)
    state = (tuple((spec.id, revisions.get(spec.id)) for spec in asked.catalogue), others)
    place = asked.place()
    key = ("collections", state, place.url(), asked.language)
    return described(
        asked,
        state,
        lambda: asked.catalogue.remember(
            key,
            lambda: metadata.collections(
                asked.catalogue, asked.blocks, place, asked.language, paged
            ),
        ),
        pages.collections,
    )


def collection(request: Request) -> Response:
    """``/collections/{layer}``: one layer, or another collection."""
    asked = Asked(request)
    asked.refuse_parameters()
    other = _other(asked, request.path_params["layer"])
    if other is not None:
        return described(asked, _others_state(asked), lambda: other, pages.other_collection)
    spec = asked.layer()
    return described(
        asked,
        asked.catalogue.revision(spec.id),
        lambda: metadata.collection(
            asked.catalogue, asked.blocks, spec, asked.base, asked.language
        ),
        lambda asked, document: pages.collection(asked, spec, document),
    )


def _other(asked: Asked, key: str) -> dict[str, Any] | None:
    """Return the description of a collection that is no layer, None where there is none."""
    if key in asked.catalogue.city.layers:
        return None
    rows = metadata.others(asked.catalogue, asked.blocks, asked.base, asked.language)
    return next((row for row in rows if row["id"] == key), None)


def _others_state(asked: Asked) -> tuple[Hashable, ...]:
    return tuple(block.state(asked.catalogue) for block in asked.blocks)


def queryables(request: Request) -> Response:
    """``/collections/{layer}/queryables``: what filters may name, with values found in rows."""
    asked = Asked(request)
    asked.refuse_parameters()
    spec = asked.layer()
    revision = asked.catalogue.revision(spec.id)
    return described(
        asked,
        revision,
        lambda: with_found_values(
            asked.catalogue, spec, schemas.queryables(spec, asked.base, asked.language), revision
        ),
        lambda asked, document: pages.fields(asked, spec, document),
        metadata.SCHEMA,
    )


def schema(request: Request) -> Response:
    """``/collections/{layer}/schema``: what a feature holds."""
    return schema_answer(Asked(request), schemas.schema)


def schema_answer(asked: Asked, make: Callable[[LayerSpec, str, str], dict[str, Any]]) -> Response:
    """Return a schema made of a layer's declaration alone."""
    asked.refuse_parameters()
    spec = asked.layer()
    return described(
        asked,
        None,
        lambda: make(spec, asked.base, asked.language),
        lambda asked, document: pages.fields(asked, spec, document),
        metadata.SCHEMA,
    )


async def items(request: Request) -> Response:
    """``/collections/{layer}/items``: rows of a layer.

    A store inside of this process answers a usual page sooner than a worker thread takes over; what
    turns out to take longer than `_PATIENCE_S` is left to a thread all the same.
    """
    asked = Asked(request, _ALL_FORMATS)
    if asked.format == "json" and _LIGHT.issuperset(asked.values):
        if not asked.catalogue.store.prompt:
            held = await _held(asked)
            return held if held is not None else await run_in_threadpool(_items_of, asked, None)
        try:
            return _items_of(asked, _PATIENCE_S)
        except TooSlowError:
            pass
    return await run_in_threadpool(_items_of, asked, None)


async def _held(asked: Asked) -> Response | None:
    """304 for a client that holds the page already, by one question for all who ask meanwhile."""
    request, layer = asked.request, asked.request.path_params["layer"]
    if "if-none-match" not in request.headers or not asked.catalogue.at_hand(layer):
        return None
    spec = asked.layer()
    parse_items(asked.catalogue, spec, asked.values)
    revisions: Revisions = request.app.state.catalogues.revisions
    return unchanged(request, etag(request, spec.id, await revisions.of(spec.id)))


def _items_of(asked: Asked, patience_s: float | None) -> Response:
    request, spec = asked.request, asked.layer()
    wanted = parse_items(asked.catalogue, spec, asked.values)
    if asked.format == "jsonld":
        return _linked_data(request, asked, wanted)
    revision = asked.catalogue.revision(spec.id)
    tag = etag(request, spec.id, revision)
    held = unchanged(request, tag)
    if held is not None:
        return held
    try:
        return _items(asked, wanted, tag, revision, patience_s)
    except QueryError as failure:
        raise refusal(failure, asked.values) from failure


def _items(
    asked: Asked, wanted: ItemsRequest, tag: str, revision: int, patience_s: float | None
) -> Response:
    if asked.format == "html":
        return html_answer(pages.items(asked, wanted), asked.language, tag)
    crs = f"<{wanted.crs}>"
    if asked.format in EXPORTS and not (asked.format == "csv" and _is_page(asked)):
        return exported(asked, wanted, tag)
    if asked.format == "csv":
        page = asked.catalogue.store.page(wanted.query)
        links = items_links(asked.place(), wanted, page)
        more = ", ".join(f'<{x["href"]}>; rel="{x["rel"]}"' for x in links if x["rel"] == "next")
        headers = {"Content_Crs": crs} | ({"Link": more} if more else {})
        return data_answer(csv_text(wanted, page), CSV, tag, **headers)
    now = datetime.now(UTC)
    pieces = items_document(asked.catalogue, wanted, asked.place(), now, revision, patience_s)
    if (wanted.query.limit or 0) <= PIECE or wanted.hits:
        return data_answer(b"".join(pieces), GEOJSON, tag, Content_Crs=crs)
    if patience_s is not None:
        raise TooSlowError("a stream is written by a worker thread")
    # The first rows are asked for now, so that a question that fails is refused in good form.
    asked.catalogue.store.page(wanted.query.but(limit=1))
    return streamed(pieces, GEOJSON, tag, Content_Crs=crs)


def _is_page(asked: Asked) -> bool:
    """Whether the client pages by itself, as with GeoJSON."""
    return "limit" in asked.values and int(asked.values["limit"]) <= MAXIMUM_LIMIT


def item(request: Request) -> Response:
    """``/collections/{layer}/items/{fid}``: one row."""
    asked = Asked(request, ("json", "html", "jsonld"))
    spec = asked.layer()
    wanted = parse_item(asked.catalogue, spec, asked.values)
    if asked.format == "jsonld":
        return _left_to_engine(request)
    fid = request.path_params["fid"]
    try:
        tag = _item_tag(asked, spec, wanted, fid)
        held = unchanged(request, tag)
        if held is not None:
            return held
        document = item_document(asked.catalogue, wanted, fid, asked.place())
    except QueryError as failure:
        raise not_found(f"item '{fid}' of collection '{spec.id}'") from failure
    if asked.format == "html":
        return html_answer(pages.item(asked, spec, document), asked.language, tag)
    return data_answer(document, GEOJSON, tag, Content_Crs=f"<{wanted.crs}>")


def _item_tag(asked: Asked, spec: LayerSpec, wanted: ItemsRequest, fid: str) -> str:
    """Tag of one item: by its own content as JSON, so that it can be given back to change it.

    A page tells of findings in other layers too.
    """
    if asked.format == "html":
        revisions = [asked.catalogue.revision(one) for one in (spec.id, *FINDINGS)]
        return etag(asked.request, revisions)
    stored = asked.catalogue.city.layers[spec.id]
    query = whole_row(asked.catalogue, stored, fid).but(as_of=wanted.query.as_of)
    page = asked.catalogue.store.page(query)
    if not page.fids:
        raise not_found(f"item '{fid}' of collection '{spec.id}'")
    return tag_of(version_of(page), form_of(asked.base, asked.values))


def _linked_data(request: Request, asked: Asked, wanted: ItemsRequest) -> Response:
    """Items as JSON-LD by pygeoapi, whose page without rows is no JSON and is written here."""
    answer = _left_to_engine(request)
    try:
        page = asked.catalogue.store.page(wanted.query.but(limit=1, skip_geometry=True))
    except QueryError as failure:
        raise refusal(failure, asked.values) from failure
    if page.fids and not wanted.hits:
        return answer
    names = {"features": "schema:itemListElement", "FeatureCollection": "schema:itemList"}
    document = {
        "@context": [{"schema": "https://schema.org/", "type": "@type", **names}],
        "type": "FeatureCollection",
        "@id": collection_url(asked.base, wanted.spec.id),
        "features": [],
    }
    return data_answer(document, "application/ld+json")


class _Left(Response):
    """An answer that pygeoapi gives, in the format that was negotiated here."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        asked = {**scope, "query_string": scope["query_string"] + b"&f=jsonld"}
        await scope["app"].state.engine(asked, receive, send)


def _left_to_engine(request: Request) -> Response:
    unsupported = {"filter", "filter-lang", "filter-crs", "after", "as_of", "cells"}
    for name in request.query_params:
        if name in unsupported:
            raise bad_parameter(name, "is not for JSON-LD")
    return _Left()
