"""Descriptions of rasters: their collection, and the schema of their fields."""

from __future__ import annotations

from typing import Any

from layers.rasters.spec import Band, RasterSpec
from ogc_server.block import Links
from ogc_server.catalogue import Catalogue
from ogc_server.coverages.coverage import COVJSON, GEOTIFF
from ogc_server.coverages.rasters import Raster
from ogc_server.edr.observed import RASTER_QUERIES, members, raster_parameters
from ogc_server.features import HTML, JSON, collection_url, link
from ogc_server.images.map_tilesets import map_tileset_links
from ogc_server.metadata import SCHEMA, describes_itself
from ogc_server.reference import CRS84, swaps_axes, uri_of, uris
from ogc_server.times import write_instant

_REL = "http://www.opengis.net/def/rel/ogc/1.0/"
_GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
# Scenes of which a collection lists each time.
_TIMES_LISTED = 400


def raster_collection(
    catalogue: Catalogue, raster: Raster, base: str, language: str
) -> dict[str, Any]:
    """One raster as a collection (OGC 19-087, collection-description)."""
    spec = raster.spec
    department = catalogue.city.departments.get(spec.owner)
    asked = members(spec.id, raster_parameters(spec), RASTER_QUERIES, base, language)
    links = asked.pop("links")
    return {
        **asked,
        "id": spec.id,
        "title": spec.title.say(language),
        "description": spec.description.say(language),
        "keywords": [spec.domain, "raster", *(["synthetic"] if spec.synthetic else [])],
        "attribution": department.title.say(language) if department else spec.owner,
        "itemType": "coverage",
        "dataType": "coverage",
        "extent": _extent(raster),
        "crs": systems(catalogue, raster),
        "storageCrs": uri_of(raster.crs),
        "links": [*_links(spec, base), *links],
    }


def systems(catalogue: Catalogue, raster: Raster) -> list[str]:
    """URIs of the systems that a raster can be asked for in: the city's and its own."""
    return list(dict.fromkeys([*uris(catalogue.city), uri_of(raster.crs)]))


def _extent(raster: Raster) -> dict[str, Any]:
    grid, own = raster.scenes[-1].grid, list(raster.box(raster.crs))
    axes = [
        {"cellsCount": grid.width, "resolution": grid.pixel[0]},
        {"cellsCount": grid.height, "resolution": grid.pixel[1]},
    ]
    if swaps_axes(uri_of(raster.crs)):
        own, axes = [own[1], own[0], own[3], own[2]], axes[::-1]
    box = list(raster.box())
    answer: dict[str, Any] = {
        "spatial": {"bbox": [box], "crs": CRS84, "storageCrsBbox": [own], "grid": axes}
    }
    moments = [scene.moment for scene in raster.scenes if scene.moment is not None]
    if moments:
        starts = [write_instant(moment.start) for moment in moments]
        answer["temporal"] = {
            "interval": [[starts[0], write_instant(moments[-1].end.replace(microsecond=0))]],
            "trs": _GREGORIAN,
            "grid": {"cellsCount": len(starts), "coordinates": starts[-_TIMES_LISTED:]},
        }
    return answer


def _links(spec: RasterSpec, base: str) -> Links:
    url = collection_url(base, spec.id)
    return [
        *describes_itself(url),
        link(f"{_REL}coverage", GEOTIFF, "Coverage as GeoTIFF", f"{url}/coverage?f=geotiff"),
        link(f"{_REL}coverage", COVJSON, "Coverage as CoverageJSON", f"{url}/coverage?f=covjson"),
        link(f"{_REL}map", "image/png", "Map as PNG", f"{url}/map?f=png"),
        link(f"{_REL}map", "image/jpeg", "Map as JPEG", f"{url}/map?f=jpeg"),
        *map_tileset_links(base, spec.id),
        link(f"{_REL}schema", SCHEMA, "Schema", f"{url}/schema?f=json"),
        link("root", JSON, "Landing page", f"{base}/?f=json"),
        link("describedby", HTML, "Schema as HTML", f"{url}/schema?f=html"),
    ]


def raster_schema(spec: RasterSpec, base: str, language: str) -> dict[str, Any]:
    """JSON Schema of a raster's fields, its bands in their order (OGC 23-058r1)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{collection_url(base, spec.id)}/schema",
        "type": "object",
        "title": spec.title.say(language),
        "description": spec.description.say(language),
        "properties": {
            band.name: _field(band, number, language)
            for number, band in enumerate(spec.bands, start=1)
        },
    }


def _field(band: Band, number: int, language: str) -> dict[str, Any]:
    whole = not band.type.startswith("float")
    entry: dict[str, Any] = {
        "title": band.title.say(language),
        "type": "integer" if whole else "number",
        "format": band.type,
        "x-ogc-propertySeq": number,
    }
    if band.description is not None:
        entry["description"] = band.description.say(language)
    if band.unit is not None:
        entry["x-ogc-unit"] = band.unit
    if band.classes:
        entry["oneOf"] = [
            {"const": row.value, "title": row.title.say(language)} for row in band.classes
        ]
    return entry
