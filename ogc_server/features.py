"""Feature collections as text: rows of the store with their links.

Written without a detour over objects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote

import orjson

from layers.errors import TooSlowError
from layers.store import FeaturePage, Page
from ogc_server.catalogue import Catalogue
from ogc_server.negotiation import WHOLE_FORMATS
from ogc_server.paging import write_token
from ogc_server.parameters import ItemsRequest
from ogc_server.places import readable_rows
from ogc_server.problem import not_found
from ogc_server.reference import CRS84, texts_in
from ogc_server.times import write_instant

GEOJSON = "application/geo+json"
HTML = "text/html"
JSON = "application/json"
_PLAIN = re.compile(r"[A-Za-z0-9_.,:/-]*", re.ASCII)
_OPTIONS = orjson.OPT_UTC_Z
# Larger answers are written in pieces of this many rows.
PIECE = 2000


@dataclass(frozen=True)
class Place:
    """Where a document stands: links are made from it.

    Attributes
    ----------
    base : URL of the server without a slash at its end.
    path : path below ``base``.
    values : query parameters as they were given.
    """

    base: str
    path: str
    values: dict[str, str]

    def url(self, **changes: str | int | None) -> str:
        """Return this document's URL with some parameters changed, None taking one away."""
        parts = dict(self._parts)
        for name, value in changes.items():
            if value is None:
                parts.pop(name, None)
            else:
                parts[name] = f"{_quoted(name)}={_quoted(str(value))}"
        text = "&".join(parts.values())
        return f"{self.base}{self.path}" + (f"?{text}" if text else "")

    @cached_property
    def _parts(self) -> dict[str, str]:
        """What was given, quoted once for all links of a document."""
        return {n: f"{_quoted(n)}={_quoted(v)}" for n, v in self.values.items()}


def _quoted(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else quote(text, safe=",:/")


def collection_url(base: str, layer: str) -> str:
    """URL of a collection."""
    return f"{base}/collections/{layer}"


def link(rel: str, media: str, title: str, href: str) -> dict[str, str]:
    """One link as OGC API – Common writes it."""
    return {"rel": rel, "type": media, "title": title, "href": href}


def feature_texts(request: ItemsRequest, page: Page) -> bytes:
    """GeoJSON features of a page, as the inside of a JSON array."""
    names, dumps, fragment = page.names, orjson.dumps, orjson.Fragment
    geometries = texts_in(page.geometries, request.crs)
    features = [
        {
            "type": "Feature",
            "id": fid,
            "geometry": None if geometry is None else fragment(geometry),
            "properties": dict(zip(names, row, strict=True)),
        }
        for fid, geometry, row in zip(page.fids, geometries, readable_rows(page), strict=True)
    ]
    return dumps(features, option=_OPTIONS)[1:-1]


def feature_dicts(request: ItemsRequest, page: Page) -> list[dict[str, Any]]:
    """GeoJSON features of a page as plain dicts, equal to `feature_texts`."""
    read: list[dict[str, Any]] = orjson.loads(b"[" + feature_texts(request, page) + b"]")
    return read


def matched(
    catalogue: Catalogue,
    request: ItemsRequest,
    page: Page | FeaturePage | None,
    revision: int | None = None,
) -> int:
    """Return number of all rows that meet the request; counted only where the page can't tell."""
    query = request.query
    if isinstance(page, FeaturePage) and page.matched is not None:
        return page.matched
    if page is not None and page.next is None and query.after is None and page.returned:
        return query.offset + page.returned
    return catalogue.count(query, revision)


def items_links(
    place: Place, request: ItemsRequest, page: Page | FeaturePage | None
) -> list[dict[str, str]]:
    """Links of an items document: self, alternate, next, prev, collection."""
    spec, limit, at = request.spec, request.query.limit or 0, request.at
    links = [
        link("self", GEOJSON, "This document", place.url()),
        link("alternate", HTML, "This document as HTML", place.url(f="html")),
        *_alternates(place),
    ]
    if page is not None and page.next is not None:
        # The key makes deep pages cheap; the number is for clients that know only numbers.
        href = place.url(limit=limit, offset=at + limit, after=write_token(page.next))
        links.append(link("next", GEOJSON, "Next page", href))
    if at > 0:
        href = place.url(limit=limit, offset=max(0, at - limit), after=None)
        links.append(link("prev", GEOJSON, "Previous page", href))
    href = collection_url(place.base, spec.id)
    links.append(link("collection", JSON, spec.title.en, href))
    return links


def _alternates(place: Place) -> list[dict[str, str]]:
    """The same rows in the formats of whole layers."""
    url = place.url(f=None)
    start = f"{url}&f=" if "?" in url else f"{url}?f="
    return [
        link("alternate", media, f"These rows as {title}", start + name)
        for name, (media, title) in WHOLE_FORMATS.items()
    ]


def items_document(
    catalogue: Catalogue,
    request: ItemsRequest,
    place: Place,
    now: datetime,
    revision: int,
    patience_s: float | None = None,
) -> Iterator[bytes]:
    """Return an items document in pieces; a page of usual size is one piece.

    Parameters
    ----------
    now : the document's time stamp, aware.
    revision : the layer's, read before its rows: what is counted under it is kept under it.
    patience_s : see `Store.features`; TooSlowError for what it doesn't suffice for.
    """
    limit = request.query.limit or 0
    if request.hits:
        yield _frame(b"", catalogue.count(request.query), 0, items_links(place, request, None), now)
    elif limit <= PIECE:
        page = _features(catalogue, request, patience_s)
        links = items_links(place, request, page)
        if patience_s is not None and page.matched is None:
            raise TooSlowError("the rows would have to be counted")
        total = matched(catalogue, request, page, revision)
        yield _frame(page.features, total, page.returned, links, now)
    else:
        yield from _pieces(catalogue, request, place, now)


def _features(
    catalogue: Catalogue, request: ItemsRequest, patience_s: float | None = None
) -> FeaturePage:
    """Ask for a page as text, written by the store where its own CRS is wanted."""
    if request.crs == CRS84:
        return catalogue.store.features(request.query, patience_s)
    page = catalogue.store.page(request.query)
    return FeaturePage(feature_texts(request, page), page.returned, page.next)


def _frame(
    features: bytes, total: int, returned: int, links: list[dict[str, str]], now: datetime
) -> bytes:
    tail = _tail(total, returned, links, now)
    return b'{"type":"FeatureCollection","features":[' + features + b"]," + tail[1:]


def _tail(total: int, returned: int, links: list[dict[str, str]], now: datetime) -> bytes:
    members = {
        "numberMatched": total,
        "numberReturned": returned,
        "timeStamp": write_instant(now),
        "links": links,
    }
    return orjson.dumps(members)


def _pieces(
    catalogue: Catalogue, request: ItemsRequest, place: Place, now: datetime
) -> Iterator[bytes]:
    total, returned = catalogue.count(request.query), 0
    query, wanted = request.query, request.query.limit or 0
    yield b'{"type":"FeatureCollection","features":['
    page = None
    while returned < wanted:
        part = replace(request, query=query.but(limit=min(PIECE, wanted - returned)))
        page = _features(catalogue, part)
        if page.returned:
            yield b"," + page.features if returned else page.features
        returned += page.returned
        if page.next is None:
            break
        query = query.but(after=page.next, offset=0)
    yield b"]," + _tail(total, returned, items_links(place, request, page), now)[1:]


def item_document(
    catalogue: Catalogue, request: ItemsRequest, fid: str, place: Place
) -> dict[str, Any]:
    """One feature with its links; RequestError 404 where there is none for the reader."""
    page = catalogue.store.page(request.query.but(fids=(fid,), limit=1))
    if not page.fids:
        raise not_found(f"item '{fid}' of collection '{request.spec.id}'")
    feature = feature_dicts(request, page)[0]
    home = collection_url(place.base, request.spec.id)
    feature["links"] = [
        link("self", GEOJSON, "This document", place.url()),
        link("alternate", HTML, "This document as HTML", place.url(f="html")),
        link("collection", JSON, request.spec.title.en, home),
        link("version-history", GEOJSON, "All versions", f"{home}/items/{quote(fid)}/history"),
    ]
    return feature
