"""The part of the OpenAPI document on map images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from layers.rasters.spec import RasterSpec
from layers.spec import LayerSpec
from ogc_server.block import Definition
from ogc_server.coverages.raster_definition import binary_answers, choice, query
from ogc_server.features import JSON
from ogc_server.images.painting import PARAMETERS as COLOURS
from ogc_server.images.viewport import MOST_SIDE
from ogc_server.openapi import operation, ref

_TEXT = {"type": "string"}
_SIDE = {"type": "integer", "minimum": 1, "maximum": MOST_SIDE}
_TRUTH = {"type": "boolean"}
_MAP = (
    ("width", "Columns of the image.", _SIDE),
    ("height", "Rows of the image.", _SIDE),
    ("subset", "Part by axis, such as Lat(31:32),Lon(121:122),time(2020).", _TEXT),
    ("subset-crs", "Reference system of subset; CRS84 by default.", _TEXT),
    ("center", "Middle of the map.", {"type": "array", "items": {"type": "number"}}),
    ("center-crs", "Reference system of center; CRS84 by default.", _TEXT),
    ("scale-denominator", "Scale 1 to so many.", {"type": "number"}),
    ("mm-per-pixel", "Size of a pixel on the screen; 0.28 by default.", {"type": "number"}),
    ("bgcolor", "Colour behind the map: 0xRRGGBB or a name.", _TEXT),
    ("transparent", "Whether there is no background.", _TRUTH),
    ("void-color", "Colour beyond where the reference system is valid.", _TEXT),
    ("void-transparent", "Whether there is nothing beyond it.", _TRUTH),
)


def map_definition(specs: Sequence[LayerSpec | RasterSpec]) -> Definition:
    """Paths of map images: of the whole city and of each collection."""
    words = {"type": "array", "items": _TEXT}
    chosen = query("collections", "Collections drawn, the lowest first; all by default.", words)
    names = {f"map-{name}": query(name, said, schema) for name, said, schema in _MAP}
    formats = choice("f", "Format of the image.", "png", "jpeg")
    page = choice("f", "The page for people, or an image.", "html", "png", "jpeg")
    shared: list[Any] = [ref(name) for name in ("bbox", "bbox-crs", "datetime", "crs")]
    shared += [ref(name) for name in names]
    image = {"type": "string", "format": "binary"}
    images = {"image/png": {"schema": image}, "image/jpeg": {"schema": image}}
    whole = {"text/html": _TEXT, "image/png": image, "image/jpeg": image}
    answers = {"$ref": "#/components/responses/MapImage"}
    each = binary_answers({"image/png": image}) | {"200": answers}
    paths: dict[str, Any] = {
        "/map": _operation("map", "The whole city", [page, chosen, *shared], binary_answers(whole))
    }
    for spec in specs:
        key, title = f"map.{spec.id}", f"{spec.title.en}: map image"
        paths[f"/collections/{spec.id}/map"] = _operation(key, title, [formats, *shared], each)
    described = {"MapImage": {"description": "The image.", "content": images}}
    return Definition(paths=paths, parameters=names, responses=described)


def tile_definition(specs: Sequence[LayerSpec | RasterSpec]) -> Definition:
    """Paths of map tiles, written once for all collections that are drawn."""
    drawn = {
        "name": "drawnCollection",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "enum": [spec.id for spec in specs]},
    }
    home = "/collections/{drawnCollection}/map/tiles"
    one, tms = [ref("drawnCollection")], "{tileMatrixSetId}"
    rows = (
        (home, "collection.map.getTileSetsList", "Map tile sets", one),
        (f"{home}/{tms}", "collection.map.getTileSet", "A map tile set",
         [*one, ref("tileMatrixSetId")]),
    )  # fmt: skip
    paths: dict[str, Any] = {
        path: operation(key, said, JSON, "anything", tag="data", parameters=more)
        for path, key, said, more in rows
    }
    image = {"type": "string", "format": "binary"}
    place = [ref(n) for n in ("tileMatrixSetId", "tileMatrix", "tileRow", "tileCol", "datetime")]
    colours = [ref(f"map-{name}") for name in COLOURS]
    paths[f"{home}/{tms}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}"] = _operation(
        "collection.map.getTile",
        "A map tile",
        [choice("f", "Format of the image.", "png", "jpeg"), *one, *place, *colours],
        binary_answers({"image/png": image, "image/jpeg": image}),
    )
    return Definition(paths=paths, parameters={"drawnCollection": drawn})


def _operation(
    key: str, summary: str, parameters: list[Any], answers: dict[str, Any]
) -> dict[str, Any]:
    return {
        "get": {
            "operationId": key,
            "summary": summary,
            "tags": ["data"],
            "parameters": parameters,
            "responses": answers,
        }
    }
