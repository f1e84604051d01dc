"""What can be asked for beside the queryables of a collection (these stand with its items).

Functions of filters and queryables of all collections (OGC API – Features Part 3), sortables
(Part 8, draft 24-030), and the choice of properties (Part 6, draft 24-019), which items take.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from layers.spec import LayerSpec
from ogc_server import pages, schemas
from ogc_server.asked import Asked
from ogc_server.block import Block, Definition, Door, Links
from ogc_server.catalogue import Catalogue
from ogc_server.conformance import uris_of
from ogc_server.features import JSON, collection_url, link
from ogc_server.filter_functions import functions
from ogc_server.handlers import described, schema_answer
from ogc_server.metadata import SCHEMA, SORTABLES
from ogc_server.openapi import operation

_REL = "http://www.opengis.net/def/rel/ogc/1.0/"


def _functions(request: Request) -> Response:
    """``/functions``: what filters may call."""
    asked = Asked(request)
    asked.refuse_parameters()
    return described(asked, None, lambda: functions(asked.language), pages.functions)


def _queryables(request: Request) -> Response:
    """``/queryables``: what filters may name in any collection of the reader."""
    asked = Asked(request)
    asked.refuse_parameters()
    specs = list(asked.catalogue)
    return described(
        asked,
        [spec.id for spec in specs],
        lambda: schemas.united_queryables(specs, asked.base, asked.language),
        pages.all_fields,
        SCHEMA,
    )


def _sortables(request: Request) -> Response:
    """``/collections/{layer}/sortables``: what rows can be sorted by."""
    return schema_answer(Asked(request), schemas.sortables)


def _landing(catalogue: Catalogue, base: str, language: str) -> Links:
    return [
        link(f"{_REL}functions", JSON, "Functions of filters", f"{base}/functions?f=json"),
        link(f"{_REL}queryables", SCHEMA, "Queryables", f"{base}/queryables?f=json"),
    ]


def _collection(catalogue: Catalogue, spec: LayerSpec, base: str, language: str) -> dict[str, Any]:
    href = f"{collection_url(base, spec.id)}/sortables"
    return {"links": [link(SORTABLES, SCHEMA, "Sortables", href)]}


def _definition(catalogue: Catalogue, language: str) -> Definition:
    rows = (
        ("/functions", "getFunctions", "Functions of filters", JSON),
        ("/queryables", "getQueryables", "Queryables of all collections", SCHEMA),
    )
    paths = {
        path: operation(key, summary, media, "anything", tag="server", parameters=[])
        for path, key, summary, media in rows
    }
    for spec in catalogue:
        paths[f"/collections/{spec.id}/sortables"] = operation(
            f"sortables.{spec.id}",
            f"{spec.title.say(language)}: sortables",
            SCHEMA,
            "anything",
            tag="data",
            parameters=[],
        )
    return Definition(paths=paths)


BLOCK = Block(
    name="filtering",
    classes=uris_of(
        "ogcapi-features-6/1.0/conf/properties",
        "ogcapi-features-6/1.0/conf/properties-features",
        "ogcapi-features-8/1.0/conf/sortables",
        "ogcapi-features-8/1.0/conf/sorting",
        "ogcapi-features-8/1.0/conf/features-sorting",
    ),
    doors=(
        Door("/functions", {"GET": _functions}),
        Door("/queryables", {"GET": _queryables}),
        Door("/collections/{layer}/sortables", {"GET": _sortables}),
    ),
    landing=_landing,
    collection=_collection,
    definition=_definition,
)
