"""OGC API – Coverages: rasters as collections, their fields, and their values."""

from __future__ import annotations

from collections.abc import Hashable

from starlette.requests import Request
from starlette.responses import Response

from layers.rasters.spec import Band
from ogc_server import pages
from ogc_server.answers import data_answer, etag, unchanged
from ogc_server.asked import Asked
from ogc_server.block import Block, Definition, Door, Links
from ogc_server.catalogue import Catalogue
from ogc_server.conformance import uris_of
from ogc_server.coverages.coverage import COVJSON, GEOTIFF, MOST_NUMBERS, covjson, geotiff, headers
from ogc_server.coverages.coverage_grid import OLD_SIZE, coverage_grid, modern
from ogc_server.coverages.coverage_grid import PARAMETERS as SCALES
from ogc_server.coverages.raster_definition import coverage_definition
from ogc_server.coverages.raster_metadata import raster_collection, raster_schema, systems
from ogc_server.coverages.rasters import Raster, owns, rasters, wanted_raster
from ogc_server.coverages.subsets import PARAMETERS as PARTS
from ogc_server.coverages.subsets import parse_part
from ogc_server.handlers import described
from ogc_server.metadata import SCHEMA
from ogc_server.problem import RequestError, bad_parameter
from ogc_server.reference import parse_crs, proj_name, uri_of

_FIELDS = ("properties", "exclude-properties")


def schema(request: Request) -> Response:
    """Answer ``/collections/{raster}/schema``: the fields of a raster."""
    asked = Asked(request)
    asked.refuse_parameters()
    spec = wanted_raster(asked.catalogue, request.path_params["layer"]).spec
    return described(
        asked,
        None,
        lambda: raster_schema(spec, asked.base, asked.language),
        lambda asked, document: pages.fields(asked, spec, document),
        SCHEMA,
    )


def coverage(request: Request) -> Response:
    """Answer ``/collections/{raster}/coverage``: values of a part, at a scale, in a CRS."""
    asked = Asked(request, ("geotiff", "covjson"), several=("subset",))
    asked.refuse_parameters("crs", OLD_SIZE, *PARTS, *SCALES, *_FIELDS)
    raster = wanted_raster(asked.catalogue, request.path_params["layer"])
    values, city = modern(asked.values), asked.catalogue.city
    known = systems(asked.catalogue, raster) if raster.scenes else []
    part = parse_part(values, city, *known)
    bands = _bands(raster, asked)
    scenes = raster.at(part.time)
    uri = parse_crs(values["crs"], "crs", city, *known) if "crs" in values else None
    uri = uri or uri_of(scenes[-1].grid.crs)
    if asked.format == "geotiff" or "time" in part.sliced:
        # A GeoTIFF has no axis of time: the latest of several scenes stands for all.
        scenes = scenes[-1:]
    _check_preference(request, raster)
    tag = etag(request, raster.state, request.headers.get("prefer"))
    held = unchanged(request, tag)
    if held is not None:
        return held
    grid = coverage_grid(scenes[-1].grid, proj_name(uri), part, values, len(bands))
    numbers = tuple(raster.spec.number(band.name) for band in bands)
    about = headers(scenes, grid, uri)
    if asked.format == "covjson":
        if grid.size * len(bands) * len(scenes) > MOST_NUMBERS:
            words = f"CoverageJSON holds at most {MOST_NUMBERS:,} values; ask for less, or GeoTIFF"
            raise RequestError(413, "ContentTooLarge", words)
        windows = [raster.window(scene, grid, numbers, raster.method) for scene in scenes]
        return data_answer(covjson(scenes, windows, bands, uri), COVJSON, tag, **about)
    window = raster.window(scenes[-1], grid, numbers, raster.method)
    name = f'attachment; filename="{raster.spec.id}.tif"'
    body = geotiff(raster, window, bands)
    return data_answer(body, GEOTIFF, tag, Content_Disposition=name, **about)


def _bands(raster: Raster, asked: Asked) -> list[Band]:
    spec, values = raster.spec, asked.values
    for name in _FIELDS:
        for field in _names(values.get(name, "")):
            if field not in [band.name for band in spec.bands]:
                known = ", ".join(band.name for band in spec.bands)
                raise bad_parameter(
                    name, f"'{field}' is no field of '{spec.id}'; there are {known}"
                )
    if all(name in values for name in _FIELDS):
        raise bad_parameter("exclude-properties", "is given beside properties; give one of them")
    if "properties" in values:
        wanted = [spec.band(name) for name in dict.fromkeys(_names(values["properties"]))]
    else:
        without = _names(values.get("exclude-properties", ""))
        wanted = [band for band in spec.bands if band.name not in without]
    if not wanted:
        raise bad_parameter(next(n for n in _FIELDS if n in values), "leaves no field")
    return wanted


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _check_preference(request: Request, raster: Raster) -> None:
    """Refuse what a client insists on and we don't do (RFC 7240, ``handling=strict``)."""
    prefer = request.headers.get("prefer", "").replace(";", ",").lower()
    wishes = dict(part.strip().partition("=")[::2] for part in prefer.split(","))
    if wishes.get("handling") != "strict" or "interpolation" not in wishes:
        return
    own = {"nearest": "nearest-neighbor", "bilinear": "linear"}[raster.method]
    if wishes["interpolation"].strip('"') != own:
        raise bad_parameter(
            "Prefer", f"values of '{raster.spec.id}' are interpolated by {own} only"
        )


def _others(catalogue: Catalogue, base: str, language: str) -> Links:
    return [raster_collection(catalogue, one, base, language) for one in rasters(catalogue)]


def _state(catalogue: Catalogue) -> Hashable:
    return tuple(one.state for one in rasters(catalogue))


def _definition(catalogue: Catalogue, language: str) -> Definition:
    return coverage_definition([one.spec for one in rasters(catalogue)])


BLOCK = Block(
    name="coverages",
    classes=uris_of(
        "ogcapi-coverages-1/1.0/conf/core",
        "ogcapi-coverages-1/1.0/conf/subsetting-spatial",
        "ogcapi-coverages-1/1.0/conf/subsetting-temporal",
        "ogcapi-coverages-1/1.0/conf/scaling-spatial",
        "ogcapi-coverages-1/1.0/conf/field-selection",
        "ogcapi-coverages-1/1.0/conf/crs",
        "ogcapi-coverages-1/1.0/conf/geotiff",
        "ogcapi-coverages-1/1.0/conf/coveragejson",
    ),
    doors=(
        Door("/collections/{layer}/schema", {"GET": schema}, owns=owns),
        Door("/collections/{layer}/coverage", {"GET": coverage}, owns=owns),
    ),
    others=_others,
    state=_state,
    definition=_definition,
)
