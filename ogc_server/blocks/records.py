"""OGC API – Records (20-004r1): the catalogue of collections as a collection of records."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from layers.text import Text
from ogc_server import pages
from ogc_server.answers import data_answer, etag, html_answer, unchanged
from ogc_server.asked import Asked
from ogc_server.block import Block, Card, Definition, Door, Links
from ogc_server.catalogue import Catalogue
from ogc_server.catalogued import dcat
from ogc_server.catalogued.record_pages import record_page, records_page
from ogc_server.catalogued.record_search import PARAMETERS, SORTABLES, Found, search
from ogc_server.catalogued.records import (
    CATALOGUE,
    JSON_LD,
    TITLE,
    Record,
    described,
    owns,
    records,
)
from ogc_server.conformance import uris_of
from ogc_server.features import GEOJSON, HTML, JSON, collection_url, link
from ogc_server.metadata import SCHEMA
from ogc_server.openapi import operation, query_parameter, ref
from ogc_server.problem import not_found

_FORMATS = ("json", "html", "jsonld")


def _all(asked: Asked) -> tuple[Record, ...]:
    return records(asked.catalogue, asked.blocks, asked.base, asked.language)


def _tag(asked: Asked) -> str:
    return etag(asked.request, sorted(asked.catalogue.store.revisions().items()))


def items(request: Request) -> Response:
    """``/collections/catalogue/items``: records that are searched for."""
    asked = Asked(request, _FORMATS)
    asked.refuse_parameters(*PARAMETERS)
    tag = _tag(asked)
    found = search(_all(asked), asked.values)
    held = unchanged(request, tag)
    if held is not None:
        return held
    home = f"{collection_url(asked.base, CATALOGUE)}/items"
    if asked.format == "jsonld":
        document = dcat.catalog(TITLE.say(asked.language), found.records, home)
        return data_answer(document, JSON_LD, tag)
    links = _links(asked, found)
    if asked.format == "html":
        return html_answer(records_page(asked, found, links), asked.language, tag)
    document = {
        "type": "FeatureCollection",
        "numberMatched": found.total,
        "numberReturned": len(found.records),
        "features": [record.document for record in found.records],
        "links": links,
    }
    return data_answer(document, GEOJSON, tag, Content_Language=asked.language)


def _links(asked: Asked, found: Found) -> Links:
    place = asked.place()
    links = [
        link("self", GEOJSON, "This document", place.url()),
        link("alternate", HTML, "This document as HTML", place.url(f="html")),
        link("alternate", JSON_LD, "This document as DCAT", place.url(f="dcat")),
        link("collection", JSON, TITLE.say(asked.language), collection_url(asked.base, CATALOGUE)),
    ]
    after = found.offset + found.limit
    if after < found.total:
        href = place.url(limit=found.limit, offset=after)
        links.append(link("next", GEOJSON, "Next page", href))
    if found.offset:
        href = place.url(limit=found.limit, offset=max(0, found.offset - found.limit))
        links.append(link("prev", GEOJSON, "Previous page", href))
    return links


def item(request: Request) -> Response:
    """``/collections/catalogue/items/{record}``: one record."""
    asked = Asked(request, _FORMATS)
    asked.refuse_parameters()
    wanted = request.path_params["fid"]
    found = next((one for one in _all(asked) if one.document["id"] == wanted), None)
    if found is None:
        raise not_found("the record")
    tag = _tag(asked)
    held = unchanged(request, tag)
    if held is not None:
        return held
    place = asked.place()
    own = [
        link("self", GEOJSON, "This document", place.url()),
        link("alternate", HTML, "This document as HTML", place.url(f="html")),
        link("alternate", JSON_LD, "This document as DCAT", place.url(f="dcat")),
    ]
    if asked.format == "jsonld":
        return data_answer(dcat.dataset(found, place.url(f=None, lang=None)), JSON_LD, tag)
    home = collection_url(asked.base, CATALOGUE)
    document = {**found.document, "links": [*own, *found.document["links"]]}
    document["links"].append(link("collection", JSON, TITLE.say(asked.language), home))
    if asked.format == "html":
        return html_answer(record_page(asked, document), asked.language, tag)
    return data_answer(document, GEOJSON, tag, Content_Language=asked.language)


def sortables(request: Request) -> Response:
    """``/collections/catalogue/sortables``: what records can be sorted by."""
    return _schema(Asked(request), "sortables", SORTABLES)


def queryables(request: Request) -> Response:
    """``/collections/catalogue/queryables``: what records are searched by."""
    return _schema(Asked(request), "queryables", (*SORTABLES, "description", "keywords"))


def schema(request: Request) -> Response:
    """``/collections/catalogue/schema``: what a record tells."""
    return _schema(Asked(request), "schema", (*SORTABLES, "description", "keywords"))


def _schema(asked: Asked, what: str, names: tuple[str, ...]) -> Response:
    asked.refuse_parameters()
    url = f"{collection_url(asked.base, CATALOGUE)}/{what}"
    text = {"type": "string"}
    properties: dict[str, Any] = {name: {**text, "title": name} for name in names}
    properties["updated"]["format"] = "date-time"
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": url,
        "type": "object",
        "title": TITLE.say(asked.language),
        "description": TITLE.say(asked.language),
        "properties": properties,
        "additionalProperties": what == "schema",
    }
    if asked.format == "html":
        return html_answer(_fields(asked, document), asked.language)
    return data_answer(document, SCHEMA, Content_Language=asked.language)


def _fields(asked: Asked, document: dict[str, Any]) -> str:
    return pages.other_collection(asked, {**document, "links": []})


def _others(catalogue: Catalogue, base: str, language: str) -> Links:
    if CATALOGUE in catalogue.city.layers:
        return []
    return [described(catalogue, base, language)]


def _landing(catalogue: Catalogue, base: str, language: str) -> Links:
    href = f"{collection_url(base, CATALOGUE)}/items?f=json"
    rel = "http://www.opengis.net/def/rel/ogc/1.0/ogc-catalog"
    return [link(rel, GEOJSON, TITLE.say(language), href)]


def _definition(catalogue: Catalogue, language: str) -> Definition:
    words = {"type": "array", "items": {"type": "string"}}
    named = {
        "q": "Words that records hold: a,b for one of them, a b for both in this order.",
        "type": "Types of resources.",
        "ids": "Ids of records.",
        "externalIds": "Ids given elsewhere: scheme:value, value, or scheme.",
        "recordSortby": "Sortables in order, - before one for descending.",
    }
    own = {
        name: query_parameter(name.replace("recordS", "s"), text, words)
        for name, text in named.items()
    }
    home = f"/collections/{CATALOGUE}"
    shared = [ref(name) for name in ("bbox", "datetime", "limit", "offset", *named)]
    title = TITLE.say(language)
    record = {"name": "recordId", "in": "path", "required": True, "schema": {"type": "string"}}
    return Definition(
        paths={
            home: operation(
                "describe.catalogue", title, JSON, "collection", tag="data", parameters=[]
            ),
            f"{home}/items": operation(
                "records", title, GEOJSON, "featureCollection", tag="data", parameters=shared
            ),
            f"{home}/items/{{recordId}}": operation(
                "record", title, GEOJSON, "feature", tag="data", parameters=[ref("recordId")]
            ),
            f"{home}/sortables": operation(
                "sortables.catalogue", title, SCHEMA, "anything", tag="data", parameters=[]
            ),
            f"{home}/queryables": operation(
                "queryables.catalogue", title, SCHEMA, "anything", tag="data", parameters=[]
            ),
        },
        parameters={**own, "recordId": record},
    )


BLOCK = Block(
    name="records",
    classes=uris_of(
        "ogcapi-records-1/1.0/conf/record-core",
        "ogcapi-records-1/1.0/conf/record-collection",
        "ogcapi-records-1/1.0/conf/record-core-query-parameters",
        "ogcapi-records-1/1.0/conf/searchable-catalog",
        "ogcapi-records-1/1.0/conf/sorting",
        "ogcapi-records-1/1.0/conf/json",
        "ogcapi-records-1/1.0/conf/html",
    ),
    doors=(
        Door("/collections/{layer}/items", {"GET": items}, owns=owns),
        Door("/collections/{layer}/items/{fid:path}", {"GET": item}, owns=owns),
        Door("/collections/{layer}/sortables", {"GET": sortables}, owns=owns),
        Door("/collections/{layer}/queryables", {"GET": queryables}, owns=owns),
        Door("/collections/{layer}/schema", {"GET": schema}, owns=owns),
    ),
    landing=_landing,
    others=_others,
    definition=_definition,
    cards=(
        Card(
            Text(en="Catalogue", zh="数据目录"),
            Text(
                en="Search the layers: who answers for them, how fresh they are.",
                zh="搜索图层：谁负责，数据有多新。",
            ),
            f"/collections/{CATALOGUE}/items",
        ),
    ),
)
