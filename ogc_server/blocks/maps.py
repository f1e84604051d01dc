"""OGC API – Maps: images of rasters and of H3 aggregates, of one collection or the whole city."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from layers.spec import LayerSpec
from ogc_server.asked import Asked
from ogc_server.block import Block, Definition, Door, Links
from ogc_server.catalogue import Catalogue
from ogc_server.conformance import uris_of
from ogc_server.coverages.raster_metadata import systems
from ogc_server.coverages.rasters import Raster, rasters
from ogc_server.coverages.subsets import PARAMETERS as PARTS
from ogc_server.coverages.subsets import parse_part
from ogc_server.features import collection_url, link
from ogc_server.images import maps
from ogc_server.images.map_answer import FORMATS, map_answer
from ogc_server.images.map_definition import map_definition
from ogc_server.images.maps import Subject
from ogc_server.images.painting import JPEG, PNG
from ogc_server.images.painting import PARAMETERS as COLOURS
from ogc_server.images.viewport import PARAMETERS as VIEWS
from ogc_server.images.viewport import parse_viewport
from ogc_server.map_page import map_page

_REL = "http://www.opengis.net/def/rel/ogc/1.0/map"


def collection_map(request: Request) -> Response:
    """Answer ``/collections/{id}/map``: one collection as an image."""
    asked = Asked(request, FORMATS, several=("subset",))
    asked.refuse_parameters(*VIEWS, *PARTS, *COLOURS)
    return _image(asked, maps.one(asked, request.path_params["layer"]))


def city_map(request: Request) -> Response:
    """Answer ``/map``: the page for people, or the whole city as an image for who wants one."""
    asked = Asked(request, ("html", *FORMATS), several=("subset",))
    if asked.format == "html":
        return map_page(request)
    asked.refuse_parameters("collections", *VIEWS, *PARTS, *COLOURS)
    return _image(asked, maps.whole(asked))


def _image(asked: Asked, subject: Subject) -> Response:
    values, city = asked.values, asked.catalogue.city
    known = tuple(
        uri
        for drawn in subject.drawn
        if isinstance(drawn, Raster) and drawn.scenes
        for uri in systems(asked.catalogue, drawn)
    )
    part = parse_part(values, city, *known)
    view = parse_viewport(
        values,
        part,
        city,
        maps.home_box(asked, subject),
        storage=maps.storage(subject),
        pixel_m=maps.own_pixel_m(subject),
        systems=known,
    )
    return map_answer(asked, subject, part, view)


def _members(catalogue: Catalogue, spec: LayerSpec, base: str, language: str) -> dict[str, Any]:
    return {"links": map_links(base, spec.id)} if spec.has_geometry else {}


def map_links(base: str, key: str) -> Links:
    """Links of a collection to its images."""
    url = collection_url(base, key)
    return [
        link(_REL, PNG, "Map as PNG", f"{url}/map?f=png"),
        link(_REL, JPEG, "Map as JPEG", f"{url}/map?f=jpeg"),
    ]


def _landing(catalogue: Catalogue, base: str, language: str) -> Links:
    return [
        link("related", "text/html", "The one map", f"{base}/map"),
        link(_REL, PNG, "The whole city as an image", f"{base}/map?f=png"),
    ]


def _definition(catalogue: Catalogue, language: str) -> Definition:
    layers = [spec for spec in catalogue if spec.has_geometry]
    return map_definition([*layers, *(one.spec for one in rasters(catalogue))])


BLOCK = Block(
    name="maps",
    classes=uris_of(
        "ogcapi-maps-1/1.0/conf/core",
        "ogcapi-maps-1/1.0/conf/collection-map",
        "ogcapi-maps-1/1.0/conf/dataset-map",
        "ogcapi-maps-1/1.0/conf/collections-selection",
        "ogcapi-maps-1/1.0/conf/background",
        "ogcapi-maps-1/1.0/conf/scaling",
        "ogcapi-maps-1/1.0/conf/display-resolution",
        "ogcapi-maps-1/1.0/conf/spatial-subsetting",
        "ogcapi-maps-1/1.0/conf/datetime",
        "ogcapi-maps-1/1.0/conf/crs",
        "ogcapi-maps-1/1.0/conf/png",
        "ogcapi-maps-1/1.0/conf/jpeg",
    ),
    doors=(
        Door("/map", {"GET": city_map}),
        Door("/collections/{layer}/map", {"GET": collection_map}),
    ),
    landing=_landing,
    collection=_members,
    definition=_definition,
)
