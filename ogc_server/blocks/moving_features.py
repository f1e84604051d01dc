"""OGC API – Moving Features: vessels and trucks over time, to be read.

Collections are those of the feeds that the city's sources declare. Of the standard's classes only
``common`` is claimed: the others ask for writing, and positions come in by `ingest` alone.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from layers.movers import Kind
from ogc_server.block import Block, Definition, Door, Links
from ogc_server.catalogue import Catalogue
from ogc_server.conformance import uris_of
from ogc_server.features import GEOJSON, JSON
from ogc_server.moving import documents, endpoints
from ogc_server.moving.movers import kinds, movers_of
from ogc_server.moving.parameters import DEFAULT_LIMIT, MAXIMUM_LIMIT
from ogc_server.openapi import operation, ref

# Plates may hold slashes.
_ITEM = "/collections/{layer}/items/{fid:path}"


def _owns(catalogue: Catalogue, collection: str) -> bool:
    return any(kind.collection == collection for kind in kinds(catalogue))


def _others(catalogue: Catalogue, base: str, language: str) -> Links:
    movers = movers_of(catalogue)
    if movers is None:
        return []
    return [
        documents.collection(catalogue, movers, kind, base, language) for kind in kinds(catalogue)
    ]


def _state(catalogue: Catalogue) -> Hashable:
    movers = movers_of(catalogue)
    return () if movers is None else tuple(movers.state(kind) for kind in kinds(catalogue))


def _definition(catalogue: Catalogue, language: str) -> Definition:
    paths = {
        path: entry for kind in kinds(catalogue) for path, entry in _paths(kind, language).items()
    }
    return Definition(paths=paths, parameters=_PARAMETERS if paths else {})


def _paths(kind: Kind, language: str) -> dict[str, Any]:
    home, title = f"/collections/{kind.collection}", kind.title.say(language)
    page = ["mfLimit", "offset"]
    rows: tuple[tuple[str, str, str, str, list[str]], ...] = (
        ("", "describe", "collection", JSON, []),
        (
            "/items",
            "items",
            "moving features",
            GEOJSON,
            ["bbox", "bbox-crs", "datetime", *page, "subTrajectory"],
        ),
        ("/items/{mFeatureId}", "item", "one moving feature", GEOJSON, []),
        (
            "/items/{mFeatureId}/tgsequence",
            "tgsequence",
            "temporal geometries",
            JSON,
            ["bbox", "bbox-crs", "datetime", *page, "leaf", "subTrajectory"],
        ),
        (
            "/items/{mFeatureId}/tproperties",
            "tproperties",
            "temporal properties",
            JSON,
            ["datetime", *page, "subTemporalValue"],
        ),
        (
            "/items/{mFeatureId}/tproperties/{tPropertyName}",
            "tproperty",
            "one temporal property",
            JSON,
            ["datetime", "leaf", "subTemporalValue"],
        ),
        *(
            (
                f"/items/{{mFeatureId}}/tgsequence/{{tGeometryId}}/{name}",
                name,
                name,
                JSON,
                ["datetime", "leaf", "subTemporalValue"],
            )
            for name in documents.DERIVED
        ),
    )
    return {
        home + path: operation(
            f"{verb}.{kind.collection}",
            f"{title}: {what}",
            media,
            "anything",
            tag="data",
            parameters=[
                ref(name) for name in (*(n for n in _IN_PATH if f"{{{n}}}" in path), *names)
            ],
        )
        for path, verb, what, media, names in rows
    }


def _query(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "description": description,
        "required": False,
        "style": "form",
        "explode": False,
        "schema": schema,
    }


_TEXT, _TRUTH = {"type": "string"}, {"type": "boolean", "default": False}
_LIMIT = {"type": "integer", "minimum": 1, "maximum": MAXIMUM_LIMIT, "default": DEFAULT_LIMIT}
_INSTANTS = {"type": "array", "items": {"type": "string", "format": "date-time"}}
_IN_PATH = ("mFeatureId", "tGeometryId", "tPropertyName")
_PARAMETERS = {
    **{n: {"name": n, "in": "path", "required": True, "schema": _TEXT} for n in _IN_PATH},
    "mfLimit": _query("limit", "Entries on one page.", _LIMIT),
    "leaf": _query("leaf", "Instants whose values are wanted, ascending.", _INSTANTS),
    "subTrajectory": _query("subTrajectory", "Cut paths to the interval of datetime.", _TRUTH),
    "subTemporalValue": _query("subTemporalValue", "Cut values to that interval.", _TRUTH),
}

BLOCK = Block(
    name="moving_features",
    classes=uris_of("ogcapi-movingfeatures-1/1.0/conf/common"),
    doors=(
        Door("/collections/{layer}/items", {"GET": endpoints.items}, owns=_owns),
        Door(_ITEM, {"GET": endpoints.item}, owns=_owns),
        Door(f"{_ITEM}/tgsequence", {"GET": endpoints.sequence}, owns=_owns),
        # Single primitives and values are for deleting alone, which nobody may.
        Door(f"{_ITEM}/tgsequence/{{tg}}", {}, owns=_owns),
        Door(f"{_ITEM}/tgsequence/{{tg}}/{{query}}", {"GET": endpoints.derived}, owns=_owns),
        Door(f"{_ITEM}/tproperties", {"GET": endpoints.properties}, owns=_owns),
        Door(f"{_ITEM}/tproperties/{{name}}", {"GET": endpoints.temporal_property}, owns=_owns),
        Door(f"{_ITEM}/tproperties/{{name}}/{{value}}", {}, owns=_owns),
    ),
    others=_others,
    state=_state,
    definition=_definition,
)
