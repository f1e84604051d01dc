"""OGC API – Tiles (20-057): vector tiles of each layer and of all, their sets, TileJSON."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from layers.spec import LayerSpec
from layers.text import Text
from layers.tiles.matrix import MATRIX_SETS
from ogc_server import pages
from ogc_server.asked import Asked
from ogc_server.block import Block, Card, Definition, Door, Links
from ogc_server.catalogue import Catalogue
from ogc_server.conformance import uris_of
from ogc_server.features import JSON, link
from ogc_server.handlers import described
from ogc_server.openapi import operation, ref
from ogc_server.problem import bad_parameter
from ogc_server.tiling import tiles
from ogc_server.tiling.tilesets import (
    MVT,
    SCHEMES,
    TileSets,
    links_to,
    matrix_set,
    matrix_set_of,
    matrix_sets,
)


def _matrix_sets(request: Request) -> Response:
    """``/tileMatrixSets``: the sets that tiles are offered in."""
    asked = Asked(request)
    asked.refuse_parameters()
    return described(asked, None, lambda: matrix_sets(asked.base), pages.linked)


def _matrix_set(request: Request) -> Response:
    """``/tileMatrixSets/{tms}``: one of them."""
    asked = Asked(request)
    asked.refuse_parameters()
    one = matrix_set_of(request.path_params["tms"])
    page = {"description": one.uri}
    return described(
        asked,
        None,
        lambda: matrix_set(one, asked.base),
        lambda asked, document: pages.linked(asked, document | page),
    )


def _asked_sets(request: Request, formats: tuple[str, ...]) -> tuple[Asked, TileSets, object]:
    asked = Asked(request, formats)
    asked.refuse_parameters()
    spec = asked.catalogue.counted(request.path_params["layer"]) if _of_layer(request) else None
    state = asked.catalogue.state() if spec is None else asked.catalogue.revision(spec.id)
    return asked, TileSets(asked.catalogue, spec, asked.base, asked.language), state


def _of_layer(request: Request) -> bool:
    return "layer" in request.path_params


def _tilesets(request: Request) -> Response:
    """``…/tiles``: the tile sets of a layer, or of all."""
    asked, sets, state = _asked_sets(request, ("json", "html"))
    return described(asked, state, sets.listed, pages.linked)


def _tileset(request: Request) -> Response:
    """``…/tiles/{tms}``: one tile set, also as TileJSON."""
    asked, sets, state = _asked_sets(request, ("json", "html", "tilejson"))
    one = matrix_set_of(request.path_params["tms"])
    if asked.format == "tilejson":
        if one.columns != 1:
            raise bad_parameter("f", f"TileJSON is for WebMercatorQuad, '{one.id}' has other tiles")
        return described(asked, state, lambda: sets.tilejson(one), pages.linked)
    return described(asked, state, lambda: sets.described(one), pages.linked)


def _landing(catalogue: Catalogue, base: str, language: str) -> Links:
    schemes = link(SCHEMES, JSON, "Tile matrix sets", f"{base}/tileMatrixSets?f=json")
    return [*links_to(base), schemes]


def _collection(catalogue: Catalogue, spec: LayerSpec, base: str, language: str) -> dict[str, Any]:
    return {"links": links_to(base, spec)} if spec.has_geometry else {}


def _path(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _definition(catalogue: Catalogue, language: str) -> Definition:
    whole = {"type": "integer", "minimum": 0}
    named = [spec.id for spec in catalogue if spec.has_geometry]
    one_of = {"enum": named} if named else {}
    words = {"type": "array", "items": {"type": "string"}}
    parameters = {
        "tileMatrixSetId": _path("tileMatrixSetId", {"type": "string", "enum": list(MATRIX_SETS)}),
        "tileMatrix": _path("tileMatrix", {"type": "string"}),
        "tileRow": _path("tileRow", whole),
        "tileCol": _path("tileCol", whole),
        "tiledCollection": _path("tiledCollection", {"type": "string"} | one_of),
        "collections": {
            "name": "collections", "in": "query", "required": False, "style": "form",
            "explode": False, "description": "Collections in the tile; all, if left out.",
            "schema": words,
        },
    }  # fmt: skip
    tms, layer = ref("tileMatrixSetId"), ref("tiledCollection")
    whole_tile = [tms, *(ref(name) for name in ("tileMatrix", "tileRow", "tileCol"))]
    rows: tuple[tuple[str, str, str, list[Any]], ...] = (
        ("/tileMatrixSets", "getTileMatrixSetsList", "Tile matrix sets", []),
        ("/tileMatrixSets/{tileMatrixSetId}", "getTileMatrixSet", "A tile matrix set", [tms]),
        ("/tiles", "dataset.vector.getTileSetsList", "Tile sets of all layers", []),
        ("/tiles/{tileMatrixSetId}", "dataset.vector.getTileSet", "A tile set", [tms]),
        (f"{_COLLECTION}/tiles", "collection.vector.getTileSetsList", "Tile sets", [layer]),
        (f"{_COLLECTION}/tiles/{{tileMatrixSetId}}", "collection.vector.getTileSet",
         "A tile set", [layer, tms]),
    )  # fmt: skip
    paths: dict[str, Any] = {
        path: operation(key, summary, JSON, "anything", tag="data", parameters=more)
        for path, key, summary, more in rows
    }
    times = [ref("datetime"), ref("as_of")]
    filters = [ref(name) for name in ("filter", "filter-lang", "filter-crs")]
    tile = "/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}"
    paths[tile] = _tile(
        "dataset.vector.getTile", [*whole_tile, ref("collections"), *times], "Layers in one tile"
    )
    paths[_COLLECTION + tile] = _tile(
        "collection.vector.getTile", [layer, *whole_tile, *times, *filters], "A tile of a layer"
    )
    return Definition(paths=paths, parameters=parameters)


_COLLECTION = "/collections/{tiledCollection}"


def _tile(key: str, parameters: list[Any], summary: str) -> dict[str, Any]:
    made = operation(key, summary, MVT, "anything", tag="data", parameters=parameters)
    f = {"name": "f", "in": "query", "schema": {"type": "string", "enum": ["mvt"]}}
    made["get"]["parameters"][0] = f
    binary = {"schema": {"type": "string", "format": "binary"}}
    made["get"]["responses"]["200"]["content"] = {MVT: binary}
    made["get"]["responses"]["204"] = {"description": "Nothing lies in this tile."}
    return made


_TILE = "/tiles/{tms}/{level}/{row}/{column}"

BLOCK = Block(
    name="tiles",
    classes=uris_of(
        "ogcapi-tiles-1/1.0/conf/core",
        "ogcapi-tiles-1/1.0/conf/tileset",
        "ogcapi-tiles-1/1.0/conf/tilesets-list",
        "ogcapi-tiles-1/1.0/conf/dataset-tilesets",
        "ogcapi-tiles-1/1.0/conf/geodata-tilesets",
        "ogcapi-tiles-1/1.0/conf/collections-selection",
        "ogcapi-tiles-1/1.0/conf/datetime",
        "ogcapi-tiles-1/1.0/conf/oas30",
        "ogcapi-tiles-1/1.0/conf/mvt",
        "tms/2.0/conf/tilematrixset",
        "tms/2.0/conf/json-tilematrixset",
    ),
    doors=(
        Door("/tileMatrixSets", {"GET": _matrix_sets}),
        Door("/tileMatrixSets/{tms}", {"GET": _matrix_set}),
        Door("/tiles", {"GET": _tilesets}),
        Door("/tiles/{tms}", {"GET": _tileset}),
        Door(_TILE, {"GET": tiles.all_tile}),
        Door("/collections/{layer}/tiles", {"GET": _tilesets}),
        Door("/collections/{layer}/tiles/{tms}", {"GET": _tileset}),
        Door("/collections/{layer}" + _TILE, {"GET": tiles.layer_tile}),
    ),
    landing=_landing,
    collection=_collection,
    definition=_definition,
    cards=(
        Card(
            Text(en="Vector tiles", zh="矢量切片"),
            Text(
                en="Large layers, drawn fast at any scale.", zh="大型图层在任意比例尺下快速显示。"
            ),
            "/tiles",
        ),
    ),
)
