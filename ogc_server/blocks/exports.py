"""Whole layers as files: CSV, GeoJSON text sequence, GeoParquet, Arrow, FlatGeobuf.

They are formats of items (``f=`` or Accept); this block tells each collection's links to them.
"""

from __future__ import annotations

from typing import Any

from layers.spec import LayerSpec
from ogc_server.block import Block
from ogc_server.catalogue import Catalogue
from ogc_server.exporting.exports import EXPORTS
from ogc_server.features import collection_url, link


def _collection(catalogue: Catalogue, spec: LayerSpec, base: str, language: str) -> dict[str, Any]:
    home, title = f"{collection_url(base, spec.id)}/items", spec.title.say(language)
    return {
        "links": [
            link("enclosure", export.media, f"{title} ({export.title})", f"{home}?f={name}")
            for name, export in EXPORTS.items()
        ]
    }


BLOCK = Block(name="exports", collection=_collection)
