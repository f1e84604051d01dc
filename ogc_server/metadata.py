"""Landing page, conformance and collections as JSON, from the catalogue alone."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from layers.errors import StoreError
from layers.query import Box, TimeInterval
from layers.spec import LayerSpec
from ogc_server.block import Block, Links
from ogc_server.catalogue import Catalogue
from ogc_server.conformance import classes
from ogc_server.features import GEOJSON, HTML, JSON, Place, collection_url, link
from ogc_server.reference import CRS84, uris
from ogc_server.times import write_instant

Blocks = tuple[Block, ...]
# Enough for a city's layers on one page, for clients that read the first page only.
COLLECTIONS, MOST_COLLECTIONS = 200, 1000
# Paths of each layer tell clients its properties, at some kilobytes each; of more layers the API
# definition has them where they are asked for.
MOST_LAYERS = 150
_LOG = structlog.get_logger(__name__)
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
SCHEMA = "application/schema+json"
_QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
SORTABLES = "http://www.opengis.net/def/rel/ogc/1.0/sortables"
_SCHEMA_REL = "http://www.opengis.net/def/rel/ogc/1.0/schema"
_GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"


def describes_itself(url: str) -> Links:
    """Links of a document to itself, and to its page for people."""
    return [
        link("self", JSON, "This document", f"{url}?f=json"),
        link("alternate", HTML, "This document as HTML", f"{url}?f=html"),
    ]


def landing(catalogue: Catalogue, blocks: Blocks, base: str, language: str) -> dict[str, Any]:
    """Return the landing page (OGC 19-072)."""
    city = catalogue.city
    what = city.declaration.synthetic
    more = [one for block in blocks for one in block.landing(catalogue, base, language)]
    return {
        "title": f"Onemap – {city.title.say(language)}",
        "description": what.say(language) if what else city.title.say(language),
        "extent": {"spatial": {"bbox": [list(city.bounds)], "crs": CRS84}},
        "crs": uris(city),
        "links": [
            link("self", JSON, "This document", f"{base}/?f=json"),
            link("alternate", HTML, "This document as HTML", f"{base}/?f=html"),
            link("service-desc", OPENAPI, "API definition", f"{base}/openapi?f=json"),
            link("service-doc", HTML, "API definition for people", f"{base}/openapi?f=html"),
            link("conformance", JSON, "Conformance", f"{base}/conformance?f=json"),
            link("data", JSON, "Collections", f"{base}/collections?f=json"),
            link("data", HTML, "Collections as HTML", f"{base}/collections?f=html"),
            *more,
        ],
    }


def conformance(blocks: Blocks, base: str) -> dict[str, Any]:
    """Return the conformance declaration."""
    return {"links": describes_itself(f"{base}/conformance"), "conformsTo": list(classes(blocks))}


@dataclass(frozen=True)
class Paged:
    """Which collections of a long list are wanted.

    Attributes
    ----------
    limit, offset : the page.
    revisions : of the layers, as they were when the answer was begun.
    state : of everything else that descriptions depend on.
    """

    limit: int
    offset: int
    revisions: Mapping[str, int]
    state: Hashable


def collections(
    catalogue: Catalogue, blocks: Blocks, place: Place, language: str, paged: Paged
) -> dict[str, Any]:
    """Collections that the audience may see, layers before others; some of them and links on."""
    base, specs = place.base, list(catalogue)
    more = others(catalogue, blocks, base, language)
    at, end = paged.offset, paged.offset + paged.limit

    def described(spec: LayerSpec) -> dict[str, Any]:
        revision = paged.revisions.get(spec.id)
        key = (spec.id, revision, paged.state, base, language)
        return catalogue.describe(
            key, lambda: collection(catalogue, blocks, spec, base, language, revision)
        )

    rows = [described(spec) for spec in specs[at:end]]
    rows += more[max(0, at - len(specs)) : max(0, end - len(specs))]
    links = describes_itself(f"{base}/collections")
    total = len(specs) + len(more)
    if end < total:
        href = place.url(limit=paged.limit, offset=end)
        links.append(link("next", JSON, "Next page", href))
    if at:
        href = place.url(limit=paged.limit, offset=max(0, at - paged.limit))
        links.append(link("prev", JSON, "Previous page", href))
    return {
        "links": links,
        "collections": rows,
        "numberMatched": total,
        "numberReturned": len(rows),
        "crs": uris(catalogue.city),
    }


def others(catalogue: Catalogue, blocks: Blocks, base: str, language: str) -> Links:
    """Collections that are no layers."""
    return [one for block in blocks for one in block.others(catalogue, base, language)]


def collection(
    catalogue: Catalogue,
    blocks: Blocks,
    spec: LayerSpec,
    base: str,
    language: str,
    revision: int | None = None,
) -> dict[str, Any]:
    """One collection with its extents, reference systems and links.

    ``revision`` is the layer's where it is known already. A layer that can't be read at the moment
    is described without what only its rows could tell.
    """
    answer: dict[str, Any] = {
        "id": spec.id,
        "title": spec.title.say(language),
        "description": spec.description.say(language),
        "keywords": [spec.domain, spec.kind],
        "attribution": _owner(catalogue, spec, language),
        "itemType": "feature",
        "extent": _extent(catalogue, spec, revision),
        "crs": uris(catalogue.city),
        "storageCrs": CRS84,
        "links": _links(spec, base),
    }
    if len(catalogue.city.layers) > MOST_LAYERS:
        href = f"{base}/openapi?collections={spec.id}"
        answer["links"].append(link("service-desc", OPENAPI, "API definition", href))
    if not spec.has_geometry:
        # Features without places still have the list; a store of places they have not.
        del answer["storageCrs"]
    for block in blocks:
        members = block.collection(catalogue, spec, base, language)
        answer["links"] += members.pop("links", [])
        answer |= members
    return answer


def _owner(catalogue: Catalogue, spec: LayerSpec, language: str) -> str:
    department = catalogue.city.departments.get(spec.owner)
    return department.title.say(language) if department else spec.owner


def _extent(catalogue: Catalogue, spec: LayerSpec, revision: int | None) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    box: Box | None = None
    span: TimeInterval | None = None
    try:
        box = catalogue.extent(spec.id, revision) if spec.has_geometry else None
        span = catalogue.time_extent(spec, revision)
    except StoreError as failure:
        _LOG.warning("a layer can't be read", layer=spec.id, reason=str(failure))
    if spec.has_geometry:
        answer["spatial"] = {"bbox": [list(box or catalogue.city.bounds)], "crs": CRS84}
    if span is not None:
        ends = [write_instant(span.start), write_instant(span.end)]
        answer["temporal"] = {"interval": [ends], "trs": _GREGORIAN}
    return answer


def _links(spec: LayerSpec, base: str) -> Links:
    url = collection_url(base, spec.id)
    return [
        *describes_itself(url),
        link("items", GEOJSON, "Items as GeoJSON", f"{url}/items?f=json"),
        link("items", HTML, "Items as HTML", f"{url}/items?f=html"),
        link(_QUERYABLES, SCHEMA, "Queryables", f"{url}/queryables?f=json"),
        link(_SCHEMA_REL, SCHEMA, "Schema", f"{url}/schema?f=json"),
        link("root", JSON, "Landing page", f"{base}/?f=json"),
    ]
