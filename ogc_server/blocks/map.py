"""The one map as a page."""

from __future__ import annotations

from ogc_server.block import Block, Door, Links
from ogc_server.catalogue import Catalogue
from ogc_server.features import HTML, link
from ogc_server.map_page import map_page


def _landing(catalogue: Catalogue, base: str, language: str) -> Links:
    return [link("related", HTML, "The one map", f"{base}/map")]


BLOCK = Block(name="map", doors=(Door("/map", {"GET": map_page}),), landing=_landing)
