"""Tile sets of map images as documents (OGC 20-058, tilesets, on OGC 20-057)."""

from __future__ import annotations

from typing import Any

from layers.query import Box
from layers.tiles.matrix import FINEST, MATRIX_SETS, TileMatrixSet
from ogc_server.block import Links
from ogc_server.features import JSON, collection_url, link
from ogc_server.images.painting import JPEG, PNG
from ogc_server.metadata import describes_itself
from ogc_server.reference import CRS84

_REL = "http://www.opengis.net/def/rel/ogc/1.0/"
_ANY_TILE = "{tileMatrix}/{tileRow}/{tileCol}"


def map_tileset_links(base: str, key: str) -> Links:
    """Link of a collection to the tile sets of its images."""
    url = f"{collection_url(base, key)}/map/tiles?f=json"
    return [link(f"{_REL}tilesets-map", JSON, "Map tile sets", url)]


def listed(base: str, key: str, title: str) -> dict[str, Any]:
    """Return the list of a collection's map tile sets."""
    url = f"{collection_url(base, key)}/map/tiles"
    return {
        "title": title,
        "description": "Map tiles.",
        "links": [
            *describes_itself(url),
            *(link("item", JSON, x.title, f"{url}/{x.id}?f=json") for x in MATRIX_SETS.values()),
        ],
        "tilesets": [_summary(base, key, title, one) for one in MATRIX_SETS.values()],
    }


def described(base: str, key: str, title: str, box: Box, one: TileMatrixSet) -> dict[str, Any]:
    """Return one map tile set with its limits.

    Parameters
    ----------
    box : around what is drawn, EPSG:4326.
    """
    corners = {"lowerLeft": list(box[:2]), "upperRight": list(box[2:]), "crs": CRS84}
    limits = []
    for level in range(FINEST + 1):
        first_row, last_row, first_column, last_column = one.limits(level, box)
        limits.append(
            {
                "tileMatrix": str(level),
                "minTileRow": first_row,
                "maxTileRow": last_row,
                "minTileCol": first_column,
                "maxTileCol": last_column,
            }
        )
    return {
        **_summary(base, key, title, one),
        "description": f"Map tiles, {one.title}.",
        "tileMatrixSetLimits": limits,
        "boundingBox": corners,
    }


def _summary(base: str, key: str, title: str, one: TileMatrixSet) -> dict[str, Any]:
    url = f"{collection_url(base, key)}/map/tiles/{one.id}"
    matrix_set = f"{base}/tileMatrixSets/{one.id}?f=json"
    images = (("Tiles as PNG", PNG, "png"), ("Tiles as JPEG", JPEG, "jpeg"))
    links: Links = [
        *describes_itself(url),
        link(f"{_REL}tiling-scheme", JSON, one.title, matrix_set),
        *(
            {**link("item", media, said, f"{url}/{_ANY_TILE}?f={f}"), "templated": True}
            for said, media, f in images
        ),
    ]
    return {
        "title": title,
        "dataType": "map",
        "crs": one.crs,
        "tileMatrixSetURI": one.uri,
        "links": links,
    }
