"""Definition of the H3 grid reference system, in the form of OGC 21-038r1, Annex B.

Facts are from the H3 documentation ("Core library overview", "H3 index bit layout", "Tables of cell
statistics").
"""

from __future__ import annotations

from typing import Any

from layers.text import Text
from ogc_server.features import HTML, JSON, link

TITLE = Text(en="H3 hexagonal hierarchical index", zh="H3 六边形分层索引")
DESCRIPTION = Text(
    en="Hexagons (and twelve pentagons a level) on an icosahedron, each level seven times finer, "
    "levels 0 to 15. Zones are named by their 64-bit index in hexadecimal. Sub-zones are those "
    "that the index places below a zone; their outlines follow the larger one's only roughly. "
    "Zones of one level differ in area.",
    zh="以二十面体为基础的六边形格网（每级有十二个五边形），每级细分为七份，共 0–15 级。"
    "格网以 64 位索引的十六进制文本命名。"
    "子格网按索引归属于上级格网，其轮廓与上级格网仅大致吻合。同级格网的面积并不相等。",
)


def definition(base: str, language: str) -> dict[str, Any]:
    """Return the definition: the grid, its numbers, the order of sub-zones.

    Parameters
    ----------
    base : URL of the server.
    """
    own = f"{base}/dggs/H3/definition"
    return {
        "title": "H3",
        "description": DESCRIPTION.say(language),
        "links": [
            link("self", JSON, "This document", f"{own}?f=json"),
            link("alternate", HTML, "This document as HTML", f"{own}?f=html"),
            link("describedby", HTML, "H3", "https://h3geo.org/docs/"),
        ],
        "dggh": {
            "definition": {
                "spatialDimensions": 2,
                "temporalDimensions": 0,
                "basePolyhedron": "icosahedron",
                "refinementRatio": 7,
                "refinementStrategy": ["centredChildCell"],
                "constraints": {"cellEqualSized": False},
                "zoneTypes": ["hexagon", "pentagon"],
            },
            "parameters": {
                "orientation": {
                    "description": "Dymaxion orientation: all twelve vertices lie in the ocean."
                }
            },
        },
        "zirs": {
            "textZIRS": {
                "description": "The 64-bit index as 15 lower-case hexadecimal digits.",
            },
            "uint64ZIRS": {
                "description": "H3 index of mode 1 (cell): resolution in bits 52-55, base cell in "
                "bits 45-51, then three bits for the digit of each resolution, 7 where unused.",
            },
        },
        "subZoneOrder": {
            "description": "Ascending order of the 64-bit indexes, which is depth-first by digit: "
            "the centre child first, then the others by their direction; a pentagon has no "
            "child of digit 1.",
            "type": "spaceFillingCurve",
        },
    }
