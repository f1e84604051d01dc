"""OGC API – Common: landing page, conformance, API definition, collections."""

from __future__ import annotations

from ogc_server import handlers
from ogc_server.block import Block, Definition, Door
from ogc_server.catalogue import Catalogue
from ogc_server.conformance import uris_of
from ogc_server.openapi import fixed_paths


def _definition(catalogue: Catalogue, language: str) -> Definition:
    return Definition(paths=fixed_paths())


BLOCK = Block(
    name="landing",
    classes=uris_of(
        "ogcapi-common-1/1.0/conf/core",
        "ogcapi-common-1/1.0/conf/landing-page",
        "ogcapi-common-1/1.0/conf/json",
        "ogcapi-common-1/1.0/conf/html",
        "ogcapi-common-1/1.0/conf/oas30",
        "ogcapi-common-2/1.0/conf/collections",
    ),
    doors=(
        Door("/", {"GET": handlers.landing}),
        Door("/conformance", {"GET": handlers.conformance}),
        Door("/openapi", {"GET": handlers.openapi}),
        Door("/api", {"GET": handlers.openapi}),
        Door("/collections", {"GET": handlers.collections}),
        Door("/collections/{layer}", {"GET": handlers.collection}),
    ),
    definition=_definition,
)
