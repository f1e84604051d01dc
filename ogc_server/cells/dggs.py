"""Endpoints of OGC API – DGGS: the same for the whole server and for one collection."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from layers.aggregates import finest_resolution
from layers.h3grid import format_cell
from layers.spec import LayerSpec
from ogc_server.answers import data_answer, etag, html_answer, unchanged
from ogc_server.asked import Asked
from ogc_server.cells import dggs_data, dggs_documents, dggs_pages, h3_definition, zone_lists, zones
from ogc_server.cells.dggs_asked import ZONE_DATA, ZONE_LIST, parse_depths, parse_zone_list, whole
from ogc_server.features import GEOJSON, HTML, JSON, collection_url, feature_dicts, link
from ogc_server.map_page import opening_view
from ogc_server.problem import bad_parameter
from ogc_server.times import write_instant


@dataclass(frozen=True)
class Origin:
    """What the grid holds data of.

    Attributes
    ----------
    home : URL that ``/dggs`` hangs below.
    spec : the collection's layer, None for the whole server.
    """

    home: str
    spec: LayerSpec | None

    @classmethod
    def of(cls, asked: Asked) -> Origin:
        """Return the origin that the path names; RequestError 404 for one the reader lacks."""
        if "layer" not in asked.request.path_params:
            return cls(asked.base, None)
        spec = asked.catalogue.counted(asked.request.path_params["layer"])
        return cls(collection_url(asked.base, spec.id), spec)

    def layers(self, asked: Asked, *, counted: bool = False) -> list[LayerSpec]:
        """Layers that are asked."""
        if self.spec is None:
            return dggs_data.chosen(asked.catalogue, asked.values, counted=counted)
        if "collections" in asked.values:
            raise bad_parameter("collections", "is for the grid of all collections")
        return [self.spec]

    def finest(self, specs: list[LayerSpec]) -> int:
        """Level of the finest zones in which the layers are told apart."""
        return max((finest_resolution(spec) or 0 for spec in specs), default=0)


def grids(request: Request) -> Response:
    """``…/dggs``: the grids, which is H3."""
    asked = Asked(request)
    asked.refuse_parameters()
    origin = Origin.of(asked)
    document = dggs_documents.grids(asked.base, origin.home, asked.language)
    return _told(asked, document, document["title"])


def grid(request: Request) -> Response:
    """``…/dggs/H3``: the grid over this data."""
    asked = Asked(request)
    asked.refuse_parameters()
    origin = Origin.of(asked)
    finest = origin.finest(origin.layers(asked, counted=True))
    document = dggs_documents.grid(asked.base, origin.home, finest, asked.language)
    return _told(asked, document, document["title"])


def definition(request: Request) -> Response:
    """``/dggs/H3/definition``: what H3 is."""
    asked = Asked(request)
    asked.refuse_parameters()
    document = h3_definition.definition(asked.base, asked.language)
    return _told(asked, document, document["title"])


def _told(asked: Asked, document: dict[str, Any], title: str) -> Response:
    if asked.format == "html":
        return html_answer(dggs_pages.description(asked, document, title), asked.language)
    return data_answer(document, JSON, Content_Language=asked.language)


def zone_list(request: Request) -> Response:
    """``…/dggs/H3/zones``: zones that hold data."""
    asked = Asked(request, ("json", "geojson", "html", "uint64"), several=("subset",))
    asked.refuse_parameters(*ZONE_LIST)
    origin = Origin.of(asked)
    specs = origin.layers(asked)
    wanted = parse_zone_list(asked.catalogue, asked.values, origin.finest(specs))
    tag = _tag(asked, specs)
    held = unchanged(request, tag)
    if held is not None:
        return held
    page = zone_lists.listed(asked.catalogue, specs, wanted, asked.values)
    if asked.format == "html":
        return html_answer(dggs_pages.zone_list(asked, origin.home, page), asked.language, tag)
    if asked.format == "uint64":
        return data_answer(zone_lists.integers(page), dggs_documents.UINT64, tag)
    if asked.format == "geojson":
        return data_answer(zone_lists.features(asked.place(), page), GEOJSON, tag)
    return data_answer(zone_lists.document(asked.place(), page), JSON, tag)


def _tag(asked: Asked, specs: list[LayerSpec]) -> str:
    revisions = asked.catalogue.store.revisions()
    return etag(asked.request, [(spec.id, revisions.get(spec.id)) for spec in specs])


def zone(request: Request) -> Response:
    """``…/dggs/H3/zones/{zone}``: one zone."""
    asked = Asked(request, ("json", "geojson", "html"))
    asked.refuse_parameters()
    origin = Origin.of(asked)
    cell = zones.parse_zone(request.path_params["zone"])
    document = dggs_documents.zone(origin.home, cell, asked.language)
    if asked.format == "geojson":
        feature = dggs_documents.zone_feature(document)
        return data_answer(feature, GEOJSON, Content_Language=asked.language)
    if asked.format == "html":
        return html_answer(dggs_pages.zone(asked, origin.home, document), asked.language)
    return data_answer(document, JSON, Content_Language=asked.language)


def zone_data(request: Request) -> Response:
    """``…/dggs/H3/zones/{zone}/data``: what is there."""
    usual = "json" if "zone-depth" in request.query_params else "geojson"
    asked = Asked(request, ("geojson", "json", "html"))
    if "f" not in asked.values and request.headers.get("accept", "*/*") in ("", "*/*"):
        asked.format = usual
    asked.refuse_parameters(*ZONE_DATA)
    origin = Origin.of(asked)
    cell = zones.parse_zone(request.path_params["zone"])
    limit = whole(asked.values, "limit", _usual_rows(origin), 1, None)
    limit = min(limit, dggs_data.MOST_ROWS)
    depths = parse_depths(asked.values)
    specs = origin.layers(asked, counted=asked.format == "json")
    if origin.spec is not None and asked.format != "json":
        dggs_data.refuse_rows_of_persons(asked.catalogue, origin.spec)
    tag = _tag(asked, specs)
    held = unchanged(request, tag)
    if held is not None:
        return held
    if asked.format == "json":
        home = (asked.base, origin.home, asked.language)
        document = dggs_data.numbers_document(
            asked.catalogue, specs, cell, depths, asked.values, home
        )
        return data_answer(document, JSON, tag)
    found = dggs_data.held(asked.catalogue, specs, cell, asked.values, limit)
    if asked.format == "html":
        page = dggs_pages.content(asked, origin.home, cell, found)
        return html_answer(page, asked.language, tag)
    return data_answer(_features(asked, origin, cell, found), GEOJSON, tag)


def _usual_rows(origin: Origin) -> int:
    return dggs_data.DEFAULT_ROWS if origin.spec is None else 10 * dggs_data.DEFAULT_ROWS


def _features(asked: Asked, origin: Origin, cell: int, found: list[dggs_data.Held]) -> bytes:
    """Rows of all layers as one collection; each tells its layer in ``featureType``."""
    rows = [feature for one in found for feature in _typed(one)]
    own = f"{origin.home}/dggs/H3/zones/{format_cell(cell)}"
    place = asked.place()
    return orjson.dumps(
        {
            "type": "FeatureCollection",
            "features": rows,
            "numberMatched": sum(one.number for one in found),
            "numberReturned": len(rows),
            "timeStamp": write_instant(datetime.now(UTC)),
            "collections": [
                {
                    "id": one.spec.id,
                    "title": one.spec.title.say(asked.language),
                    "numberMatched": one.number,
                    "numberReturned": len(one.page.fids),
                }
                for one in found
            ],
            "links": [
                link("self", GEOJSON, "This document", place.url()),
                link("alternate", HTML, "This document as HTML", place.url(f="html")),
                link("describedby", JSON, format_cell(cell), f"{own}?f=json"),
            ],
        }
    )


def _typed(one: dggs_data.Held) -> Iterator[dict[str, Any]]:
    for feature in feature_dicts(one.request, one.page):
        yield {**feature, "featureType": one.spec.id}


def here(request: Request) -> Response:
    """``/here?lon=…&lat=…``: to the page that tells what is around a point.

    Without a point, around the middle of where the map opens.
    """
    asked = Asked(request, ("html", "json", "geojson"))
    asked.refuse_parameters("lon", "lat", "level")
    if "lon" not in asked.values and "lat" not in asked.values:
        minx, miny, maxx, maxy = opening_view(asked.catalogue)
        asked.values |= {"lon": str((minx + maxx) / 2), "lat": str((miny + maxy) / 2)}
    lon, lat = (_degrees(asked, name, most) for name, most in (("lon", 180), ("lat", 90)))
    level = whole(asked.values, "level", zones.HERE_LEVEL, 0, zones.FINEST)
    text = format_cell(zones.at_point(lon, lat, level))
    kept = {"f": "html"} | {n: asked.values[n] for n in asked.values if n in ("f", "lang")}
    url = f"{asked.base}/dggs/H3/zones/{text}/data?{urlencode(kept)}"
    return RedirectResponse(url, 303)


def _degrees(asked: Asked, name: str, most: int) -> float:
    text = asked.values.get(name, "")
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not abs(number) <= most:
        raise bad_parameter(name, f"found {text[:40]!r}, expected degrees from -{most} to {most}")
    return number
