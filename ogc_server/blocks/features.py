"""OGC API – Features: rows of a layer, what filters may name, what a row holds."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ogc_server import handlers
from ogc_server.block import Block, Definition, Door
from ogc_server.catalogue import Catalogue
from ogc_server.conformance import uris_of
from ogc_server.editing import openapi_edit, transactions
from ogc_server.features import collection_url
from ogc_server.gate import BASE_KEY
from ogc_server.metadata import SCHEMA, SORTABLES
from ogc_server.openapi import layer_paths


async def _items(request: Request) -> Response:
    """``/collections/{layer}/items``, with the link to what it can be sorted by as a header."""
    answer = await handlers.items(request)
    href = collection_url(request.scope[BASE_KEY], request.path_params["layer"]) + "/sortables"
    answer.headers.append("Link", f'<{href}>; rel="{SORTABLES}"; type="{SCHEMA}"')
    return answer


def _definition(catalogue: Catalogue, language: str) -> Definition:
    return Definition(
        paths=openapi_edit.with_edits(layer_paths(catalogue, language), catalogue, language),
        parameters=openapi_edit.parameters(),
        responses=openapi_edit.responses(),
    )


BLOCK = Block(
    name="features",
    classes=uris_of(
        "ogcapi-features-1/1.0/conf/core",
        "ogcapi-features-1/1.0/conf/oas30",
        "ogcapi-features-1/1.0/conf/html",
        "ogcapi-features-1/1.0/conf/geojson",
        "ogcapi-features-2/1.0/conf/crs",
        "ogcapi-features-3/1.0/conf/queryables",
        "ogcapi-features-3/1.0/conf/queryables-query-parameters",
        "ogcapi-features-3/1.0/conf/filter",
        "ogcapi-features-3/1.0/conf/features-filter",
        "ogcapi-features-4/1.0/conf/create-replace-delete",
        "ogcapi-features-4/1.0/conf/update",
        "ogcapi-features-4/1.0/conf/optimistic-locking-etags",
        "ogcapi-features-4/1.0/conf/features",
        "ogcapi-features-5/1.0/conf/schemas",
        "ogcapi-features-5/1.0/conf/core-roles-features",
        "ogcapi-features-5/1.0/conf/returnables-and-receivables",
        "cql2/1.0/conf/cql2-text",
        "cql2/1.0/conf/cql2-json",
        "cql2/1.0/conf/basic-cql2",
        "cql2/1.0/conf/advanced-comparison-operators",
        "cql2/1.0/conf/case-insensitive-comparison",
        "cql2/1.0/conf/accent-insensitive-comparison",
        "cql2/1.0/conf/basic-spatial-functions",
        "cql2/1.0/conf/basic-spatial-functions-plus",
        # Its name in the drafts, by which QGIS before 3.44 decides to send S_INTERSECTS.
        "cql2/1.0/conf/basic-spatial-operators",
        "cql2/1.0/conf/spatial-functions",
        "cql2/1.0/conf/temporal-functions",
        "cql2/1.0/conf/array-functions",
        "cql2/1.0/conf/property-property",
        "cql2/1.0/conf/functions",
        "cql2/1.0/conf/arithmetic",
    ),
    doors=(
        Door("/collections/{layer}/queryables", {"GET": handlers.queryables}),
        Door("/collections/{layer}/schema", {"GET": handlers.schema}),
        Door(
            "/collections/{layer}/items",
            {"GET": _items, "POST": transactions.create},
            allowed=transactions.allowed_on_items,
            told=transactions.ACCEPTED,
        ),
        Door(
            "/collections/{layer}/items/{fid:path}",
            {
                "GET": handlers.item,
                "PUT": transactions.replace_item,
                "PATCH": transactions.patch_item,
                "DELETE": transactions.delete_item,
            },
            allowed=transactions.allowed_on_item,
            told=transactions.ACCEPTED,
        ),
    ),
    definition=_definition,
)
