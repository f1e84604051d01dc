"""OGC API – Environmental Data Retrieval: values at places, in areas, along paths, of movers.

Layers of points with numbers in units observe these; every layer with places observes how many rows
its cells have. Movers are locations whose values are trajectories; rasters have values at places
and along paths.
"""

from __future__ import annotations

from typing import Any

from layers.covjson import MEDIA_TYPE
from layers.spec import LayerSpec
from ogc_server.block import Block, Definition, Door, Endpoint
from ogc_server.catalogue import Catalogue
from ogc_server.conformance import uris_of
from ogc_server.coverages import rasters
from ogc_server.edr import endpoints, pixels, tracks
from ogc_server.edr.observed import COUNT, FORMATS, QUERIES, WITHIN_UNITS, members, parameters
from ogc_server.features import GEOJSON
from ogc_server.moving.movers import kinds
from ogc_server.openapi import ref

_QUERIES: dict[str, tuple[Endpoint, tuple[str, ...]]] = {
    "position": (endpoints.position, ("coords",)),
    "radius": (endpoints.radius, ("coords", "within", "within-units")),
    "area": (endpoints.area, ("coords",)),
    "cube": (endpoints.cube, ("cubeBbox", "bbox-crs")),
    "trajectory": (endpoints.trajectory, ("coords",)),
    "corridor": (
        endpoints.corridor,
        ("coords", "corridor-width", "width-units", "corridor-height", "height-units"),
    ),
    "locations": (endpoints.locations, ("bbox", "bbox-crs", "limit", "offset")),
}


def _collection(catalogue: Catalogue, spec: LayerSpec, base: str, language: str) -> dict[str, Any]:
    observed = parameters(spec)
    queries = tuple(
        name for name in QUERIES if observed and (name != "locations" or observed.keys() - {COUNT})
    )
    return members(spec.id, observed, (*queries, "items"), base, language)


def _is_mover(catalogue: Catalogue, collection: str) -> bool:
    return any(kind.collection == collection for kind in kinds(catalogue))


def _definition(catalogue: Catalogue, language: str) -> Definition:
    home = "/collections/{collectionId}"
    paths = {
        f"{home}/{name}": _operation(name, parameters) for name, (_, parameters) in _QUERIES.items()
    }
    paths[f"{home}/locations/{{locationId}}"] = _operation("location", ("locationId",))
    return Definition(paths=paths, parameters=_PARAMETERS)


def _operation(name: str, parameters: tuple[str, ...]) -> dict[str, Any]:
    names = ("edrCollectionId", *parameters, "parameter-name", "datetime", "crs", "edrFormat")
    schema = {"schema": {"$ref": "#/components/schemas/anything"}}
    return {
        "get": {
            "operationId": f"edr.{name}",
            "summary": f"Observed values: {name}",
            "tags": ["data"],
            "parameters": [ref(one) for one in names],
            "responses": {
                "200": {
                    "description": "Observed values",
                    "content": {MEDIA_TYPE: schema, GEOJSON: schema},
                },
                "400": {"$ref": "#/components/responses/InvalidParameter"},
                "404": {"$ref": "#/components/responses/NotFound"},
                "500": {"$ref": "#/components/responses/ServerError"},
            },
        }
    }


def _query(name: str, description: str, schema: dict[str, Any], required: bool) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "description": description,
        "required": required,
        "style": "form",
        "explode": False,
        "schema": schema,
    }


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


_TEXT, _NUMBER = {"type": "string"}, {"type": "number", "exclusiveMinimum": True, "minimum": 0}
_NAMES = {"type": "array", "items": _TEXT}
_UNITS = {"type": "string", "enum": list(WITHIN_UNITS)}
_PARAMETERS = {
    "edrCollectionId": _in_path("collectionId"),
    "locationId": _in_path("locationId"),
    "coords": _query("coords", "Well-known text in the system named by crs.", _TEXT, True),
    "cubeBbox": _query("bbox", "minx,miny,maxx,maxy", _TEXT, True),
    "parameter-name": _query("parameter-name", "Parameters wanted.", _NAMES, False),
    "within": _query("within", "Distance from the place.", _NUMBER, True),
    "within-units": _query("within-units", "Unit of within.", _UNITS, True),
    "corridor-width": _query("corridor-width", "Whole width.", _NUMBER, True),
    "width-units": _query("width-units", "Unit of the width.", _UNITS, True),
    "corridor-height": _query("corridor-height", "Of no effect.", _NUMBER, False),
    "height-units": _query("height-units", "Unit of the height.", _UNITS, False),
    "edrFormat": _query("f", "Form of the answer.", {**_TEXT, "enum": list(FORMATS)}, False),
}

BLOCK = Block(
    name="edr",
    classes=uris_of(
        "ogcapi-edr-1/1.0/conf/core",
        "ogcapi-edr-1/1.1/conf/core",
        "ogcapi-edr-1/1.1/conf/collections",
        "ogcapi-edr-1/1.1/conf/json",
        "ogcapi-edr-1/1.1/conf/geojson",
        "ogcapi-edr-1/1.1/conf/edr-geojson",
        "ogcapi-edr-1/1.1/conf/covjson",
        "ogcapi-edr-1/1.1/conf/oas30",
        "ogcapi-edr-1/1.1/conf/queries",
    ),
    doors=(
        *(
            Door(f"/collections/{{layer}}/{name}", {"GET": endpoint})
            for name, (endpoint, _) in _QUERIES.items()
        ),
        Door("/collections/{layer}/locations/{fid:path}", {"GET": endpoints.location}),
        Door("/collections/{layer}/position", {"GET": pixels.position}, owns=rasters.owns),
        Door("/collections/{layer}/trajectory", {"GET": pixels.trajectory}, owns=rasters.owns),
        Door("/collections/{layer}/locations", {"GET": tracks.locations}, owns=_is_mover),
        Door("/collections/{layer}/locations/{fid:path}", {"GET": tracks.location}, owns=_is_mover),
    ),
    collection=_collection,
    definition=_definition,
)
