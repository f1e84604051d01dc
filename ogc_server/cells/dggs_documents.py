"""Descriptions of OGC API – DGGS (OGC 21-038r1): the grid, its definition, one zone."""

from __future__ import annotations

from typing import Any

import shapely

from layers.h3grid import format_cell
from layers.text import Text
from ogc_server.block import Links
from ogc_server.cells import zones
from ogc_server.cells.dggs_asked import DEEPEST
from ogc_server.cells.h3_definition import DESCRIPTION, TITLE
from ogc_server.features import GEOJSON, HTML, JSON, link
from ogc_server.reference import CRS84

REL = "http://www.opengis.net/def/rel/ogc/1.0/"
UINT64 = "application/x-binary"
_LIST = Text(en="Grids of this data", zh="本数据的格网系统")
_WHERE_FROM = {
    "dataset": Text(en="Landing page", zh="首页"),
    "geodata": Text(en="Collection", zh="图层"),
}
_ZONES = Text(en="Zones that hold data", zh="有数据的格网")
_DATA = Text(en="What is in the zone", zh="格网内的内容")
_COUNTS = Text(en="Numbers of rows in the zone and its parts", zh="格网及其子格网内的数量")
_ZONE = Text(en="Zone", zh="格网")


def origin_link(base: str, home: str, language: str) -> dict[str, str]:
    """Link to what the grid holds data of: the whole server, or one collection."""
    rel = "dataset" if home == base else "geodata"
    href = f"{home}/?f=json" if home == base else f"{home}?f=json"
    return link(REL + rel, JSON, _WHERE_FROM[rel].say(language), href)


def list_link(home: str, language: str) -> dict[str, str]:
    """Link to the list of grids."""
    return link(REL + "dggrs-list", JSON, _LIST.say(language), f"{home}/dggs?f=json")


def grids(base: str, home: str, language: str) -> dict[str, Any]:
    """List of the grids, which is H3 alone.

    Parameters
    ----------
    home : URL that ``/dggs`` hangs below: the server's or a collection's.
    """
    own = f"{home}/dggs"
    return {
        "title": _LIST.say(language),
        "links": [
            link("self", JSON, "This document", f"{own}?f=json"),
            link("alternate", HTML, "This document as HTML", f"{own}?f=html"),
            origin_link(base, home, language),
        ],
        "dggs": [
            {
                "id": "H3",
                "title": TITLE.say(language),
                "links": [
                    link("self", JSON, TITLE.say(language), f"{own}/H3?f=json"),
                    _definition_link(base, language),
                ],
            }
        ],
    }


def _definition_link(base: str, language: str) -> dict[str, str]:
    href = f"{base}/dggs/H3/definition?f=json"
    return link(REL + "dggrs-definition", JSON, TITLE.say(language), href)


def grid(base: str, home: str, finest: int, language: str) -> dict[str, Any]:
    """Description of H3 over some data.

    Parameters
    ----------
    finest : level of the finest zones that data are told apart in.
    """
    own = f"{home}/dggs/H3"
    zone = f"{own}/zones/{{zoneId}}"
    return {
        "id": "H3",
        "title": TITLE.say(language),
        "description": DESCRIPTION.say(language),
        "crs": CRS84,
        "defaultDepth": 0,
        "maxRefinementLevel": finest,
        "maxRelativeDepth": DEEPEST,
        "links": [
            link("self", JSON, "This document", f"{own}?f=json"),
            link("alternate", HTML, "This document as HTML", f"{own}?f=html"),
            _definition_link(base, language),
            link(REL + "dggrs-zone-query", JSON, _ZONES.say(language), f"{own}/zones?f=json"),
            link(REL + "dggrs-zone-query", GEOJSON, _ZONES.say(language), f"{own}/zones?f=geojson"),
            origin_link(base, home, language),
        ],
        "linkTemplates": [
            _template("dggrs-zone-info", JSON, _ZONE.say(language), f"{zone}?f=json"),
            _template("dggrs-zone-data", GEOJSON, _DATA.say(language), f"{zone}/data?f=geojson"),
            _template("dggrs-zone-data", JSON, _COUNTS.say(language), f"{zone}/data?f=json"),
            _template("dggrs-zone-data", HTML, _DATA.say(language), f"{zone}/data?f=html"),
        ],
    }


def _template(rel: str, media: str, title: str, href: str) -> dict[str, str]:
    return {"rel": REL + rel, "type": media, "title": title, "uriTemplate": href}


def zone_links(home: str, cell: int, language: str) -> Links:
    """Links of one zone: itself, its data, its grid, its kin."""
    own = f"{home}/dggs/H3/zones/{format_cell(cell)}"
    links = [
        link("self", JSON, "This document", f"{own}?f=json"),
        link("alternate", GEOJSON, "This document as GeoJSON", f"{own}?f=geojson"),
        link("alternate", HTML, "This document as HTML", f"{own}?f=html"),
        link(REL + "dggrs", JSON, TITLE.say(language), f"{home}/dggs/H3?f=json"),
        link(REL + "dggrs-zone-data", GEOJSON, _DATA.say(language), f"{own}/data?f=geojson"),
        link(REL + "dggrs-zone-data", JSON, _COUNTS.say(language), f"{own}/data?f=json"),
        link(REL + "dggrs-zone-data", HTML, _DATA.say(language), f"{own}/data?f=html"),
    ]
    above = zones.ancestors(cell)[:1]
    for rel, kin in (("up", above), ("related", zones.neighbours(cell))):
        for one in kin:
            text = format_cell(one)
            href = f"{home}/dggs/H3/zones/{text}?f=json"
            links.append(link(rel, JSON, f"{_ZONE.say(language)} {text}", href))
    return links


def zone(home: str, cell: int, language: str) -> dict[str, Any]:
    """One zone: how large it really is, where it lies, what is above, below and beside it."""
    level, shape = zones.level_of(cell), zones.outline(cell)
    children = [] if level == zones.FINEST else zones.sub_zones(cell, 1)
    return {
        "id": format_cell(cell),
        "level": level,
        "shapeType": zones.shape(cell),
        "crs": CRS84,
        "centroid": list(zones.centroid(cell)),
        "bbox": [float(number) for number in shapely.bounds(shape)],
        "areaMetersSquare": zones.area_m2(cell),
        "geometry": zones.geojson(cell),
        "parents": [format_cell(one) for one in zones.ancestors(cell)],
        "children": [format_cell(one) for one in children],
        "neighbours": [format_cell(one) for one in zones.neighbours(cell)],
        "links": zone_links(home, cell, language),
    }


def zone_feature(document: dict[str, Any]) -> dict[str, Any]:
    """Return a zone's description as a GeoJSON feature."""
    outside = ("id", "geometry", "links", "bbox")
    inside = {key: value for key, value in document.items() if key not in outside}
    kept = {key: document[key] for key in outside}
    return {"type": "Feature", **kept, "properties": {"zoneID": document["id"], **inside}}
