"""OGC API – Features Part 3: what filters may say beyond names, and which functions they may call.

Queryables of a collection stand in the block of features.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ogc_server import pages
from ogc_server.asked import Asked
from ogc_server.block import Block, Definition, Door, Links
from ogc_server.catalogue import Catalogue
from ogc_server.features import JSON, link
from ogc_server.filter_functions import functions
from ogc_server.handlers import described
from ogc_server.openapi import operation

_FUNCTIONS = "http://www.opengis.net/def/rel/ogc/1.0/functions"


def _functions(request: Request) -> Response:
    """``/functions``: what filters may call."""
    asked = Asked(request)
    asked.refuse_parameters()
    return described(asked, None, lambda: functions(asked.language), pages.functions)


def _landing(catalogue: Catalogue, base: str, language: str) -> Links:
    return [link(_FUNCTIONS, JSON, "Functions of filters", f"{base}/functions?f=json")]


def _definition(catalogue: Catalogue, language: str) -> Definition:
    said = operation(
        "getFunctions", "Functions of filters", JSON, "anything", tag="server", parameters=[]
    )
    return Definition(paths={"/functions": said})


BLOCK = Block(
    name="filtering",
    doors=(Door("/functions", {"GET": _functions}),),
    landing=_landing,
    definition=_definition,
)
