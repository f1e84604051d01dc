"""Map tilesets of OGC API – Maps: images of a collection, cut as a tile matrix set says."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from layers.crs import STORAGE
from layers.rasters.grid import Grid, box_between
from layers.spec import LayerSpec
from ogc_server import pages
from ogc_server.asked import Asked
from ogc_server.block import Block, Definition, Door
from ogc_server.catalogue import Catalogue
from ogc_server.conformance import uris_of
from ogc_server.coverages.rasters import Raster, rasters
from ogc_server.coverages.subsets import parse_part
from ogc_server.handlers import described
from ogc_server.images import map_tilesets, maps
from ogc_server.images.map_answer import FORMATS, map_answer
from ogc_server.images.map_definition import tile_definition
from ogc_server.images.maps import Subject
from ogc_server.images.painting import PARAMETERS as COLOURS
from ogc_server.images.viewport import Viewport
from ogc_server.tiling.tiles import asked_tile
from ogc_server.tiling.tilesets import matrix_set_of

_PIXELS = 256


def _subject(asked: Asked) -> tuple[Subject, str, str]:
    key = asked.request.path_params["layer"]
    subject = maps.one(asked, key)
    drawn = subject.drawn[0]
    spec = drawn.spec if isinstance(drawn, Raster) else drawn
    return subject, key, spec.title.say(asked.language)


def _listed(request: Request) -> Response:
    """Answer ``…/map/tiles``: the tile sets of a collection's images."""
    asked = Asked(request)
    asked.refuse_parameters()
    _, key, title = _subject(asked)
    return described(asked, None, lambda: map_tilesets.listed(asked.base, key, title), pages.linked)


def _described(request: Request) -> Response:
    """Answer ``…/map/tiles/{tms}``: one of them."""
    asked = Asked(request)
    asked.refuse_parameters()
    one = matrix_set_of(request.path_params["tms"])
    subject, key, title = _subject(asked)
    box, crs = maps.home_box(asked, subject)
    around = box_between(box, crs, STORAGE) or asked.catalogue.city.bounds
    return described(
        asked,
        maps.state(asked, subject),
        lambda: map_tilesets.described(asked.base, key, title, around, one),
        pages.linked,
    )


def _tile(request: Request) -> Response:
    """Answer ``…/map/tiles/{tms}/{level}/{row}/{column}``: one image of 256 × 256 pixels."""
    asked = Asked(request, FORMATS, several=("subset",))
    asked.refuse_parameters("datetime", "subset", *COLOURS)
    subject, _, _ = _subject(asked)
    tile = asked_tile(request.path_params)
    part = parse_part(asked.values, asked.catalogue.city)
    grid = Grid.over(tile.bounds, _PIXELS, _PIXELS, f"EPSG:{tile.matrix_set.srid}")
    return map_answer(asked, subject, part, Viewport(grid, tile.matrix_set.crs))


def _members(catalogue: Catalogue, spec: LayerSpec, base: str, language: str) -> dict[str, Any]:
    links = map_tilesets.map_tileset_links(base, spec.id) if spec.has_geometry else []
    return {"links": links}


def _definition(catalogue: Catalogue, language: str) -> Definition:
    layers = [spec for spec in catalogue if spec.has_geometry]
    return tile_definition([*layers, *(one.spec for one in rasters(catalogue))])


BLOCK = Block(
    name="map tiles",
    classes=uris_of("ogcapi-maps-1/1.0/conf/tilesets"),
    doors=(
        Door("/collections/{layer}/map/tiles", {"GET": _listed}),
        Door("/collections/{layer}/map/tiles/{tms}", {"GET": _described}),
        Door("/collections/{layer}/map/tiles/{tms}/{level}/{row}/{column}", {"GET": _tile}),
    ),
    collection=_members,
    definition=_definition,
)
