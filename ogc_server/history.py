"""The versions of one row as features: what was true, from when to when.

``time`` is that of JSON-FG (OGC 21-045r1): an interval whose end is open for what still stands.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from ogc_server.catalogue import Catalogue
from ogc_server.features import GEOJSON, JSON, Place, collection_url, feature_dicts, link
from ogc_server.parameters import ItemsRequest
from ogc_server.problem import not_found
from ogc_server.times import write_instant

_MOST = 1000


def history_document(
    catalogue: Catalogue, request: ItemsRequest, fid: str, place: Place
) -> dict[str, Any]:
    """Return the versions of a row, the newest first, as far as the reader may see them.

    Raises
    ------
    RequestError
        404 where there is and was none for the reader.
    """
    query = request.query.but(fids=(fid,), limit=_MOST)
    page, spans = catalogue.store.versions(query)
    if not page.fids:
        raise not_found(f"item '{fid}' of collection '{request.spec.id}'")
    features = feature_dicts(replace(request, query=query), page)
    for feature, span in zip(features, spans, strict=True):
        feature["time"] = {"interval": [write_instant(span.start), write_instant(span.end) or ".."]}
    home = collection_url(place.base, request.spec.id)
    links = [
        link("self", GEOJSON, "This document", place.url()),
        link("collection", JSON, request.spec.title.en, home),
    ]
    if spans[0].end is None:
        href = f"{home}/items/{quote(fid)}"
        links.append(link("latest-version", GEOJSON, "The row as it stands", href))
    return {
        "type": "FeatureCollection",
        "features": features,
        "numberReturned": len(features),
        "links": links,
    }
