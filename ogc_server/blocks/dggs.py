"""OGC API – Discrete Global Grid Systems (21-038r1) on H3: zones, and what they hold."""

from __future__ import annotations

from typing import Any

from layers.spec import LayerSpec
from layers.text import Text
from ogc_server.block import Block, Card, Definition, Door, Links
from ogc_server.catalogue import Catalogue
from ogc_server.cells import dggs
from ogc_server.cells.dggs_asked import DEEPEST, MOST_ZONES
from ogc_server.cells.dggs_documents import list_link
from ogc_server.conformance import uris_of
from ogc_server.features import GEOJSON, HTML, JSON, collection_url, link
from ogc_server.openapi import operation, query_parameter, ref

_CLASSES = (
    "core", "zone-query", "data-retrieval", "root-dggs", "collection-dggs", "data-custom-depths",
    "zone-query-cql2-filter", "data-cql2-filter", "zone-json", "zone-geojson", "zone-html",
    "zone-uint64", "data-json", "data-geojson", "operation-ids",
)  # fmt: skip


_HERE = Text(en="What is around a point", zh="某点周围有什么")


def _doors(home: str) -> tuple[Door, ...]:
    own = f"{home}/dggs"
    return (
        Door(own, {"GET": dggs.grids}),
        Door(f"{own}/H3", {"GET": dggs.grid}),
        Door(f"{own}/H3/zones", {"GET": dggs.zone_list}),
        Door(f"{own}/H3/zones/{{zone}}", {"GET": dggs.zone}),
        Door(f"{own}/H3/zones/{{zone}}/data", {"GET": dggs.zone_data}),
    )


def _landing(catalogue: Catalogue, base: str, language: str) -> Links:
    return [list_link(base, language), link("related", HTML, _HERE.say(language), f"{base}/here")]


def _collection(catalogue: Catalogue, spec: LayerSpec, base: str, language: str) -> dict[str, Any]:
    if not spec.has_geometry:
        return {}
    return {"links": [list_link(collection_url(base, spec.id), language)]}


def _definition(catalogue: Catalogue, language: str) -> Definition:
    whole, text = {"type": "integer", "minimum": 0}, {"type": "string"}
    limit = {"type": "integer", "minimum": 1, "maximum": MOST_ZONES, "default": 1000}
    zone = {"name": "zoneId", "in": "path", "required": True, "schema": text}
    own = (
        query_parameter("zone-level", "Level of the zones.", {**whole, "maximum": 15}),
        query_parameter("parent-zone", "Only this zone and its sub-zones.", text),
        query_parameter(
            "compact-zones", "Whether seven children may be told as their parent.",
            {"type": "boolean", "default": True},
        ),
        query_parameter("zone-depth", f"Levels down, 0 to {DEEPEST}: n, low-high or a,b,c.", text),
        query_parameter("subset", "Axes and their ends: Lat(a:b),Lon(c:d),time(…).", text),
        query_parameter("subset-crs", "Reference system of subset.", text),
        query_parameter("collections", "Names of collections.", text),
    )  # fmt: skip
    shared = [ref(name) for name in ("filter", "filter-lang", "filter-crs", "datetime")]
    data = [ref("zoneId"), ref("zone-depth"), ref("limit"), *shared]
    lists = [
        *(ref(n) for n in ("zone-level", "parent-zone", "compact-zones", "zoneLimit", "offset")),
        *(ref(n) for n in ("bbox", "bbox-crs", "subset", "subset-crs")),
        *shared,
    ]
    paths: dict[str, Any] = {}
    for origin, home, extra in (
        ("dataset", "", [ref("collections")]),
        ("collection", "/collections/{collectionId}", []),
    ):
        path = [ref("collectionId")] if home else []
        for name, tail, media, parameters in (
            ("DGGRSList", "", JSON, []),
            ("DGGRS", "/H3", JSON, []),
            ("DGGRSZones", "/H3/zones", JSON, [*lists, *extra]),
            ("DGGRSZoneInfo", "/H3/zones/{zoneId}", JSON, [ref("zoneId")]),
            ("DGGRSZoneData", "/H3/zones/{zoneId}/data", GEOJSON, [*data, *extra]),
        ):
            key = f"dggs.{origin}.get{name}"
            paths[f"{home}/dggs{tail}"] = operation(
                key, f"DGGS: {name}", media, "anything", tag="data", parameters=[*path, *parameters]
            )
    named = {row["name"]: row for row in own}
    zone_limit = query_parameter("limit", "Zones on one page.", limit)
    identifier = {"name": "collectionId", "in": "path", "required": True, "schema": text}
    return Definition(
        paths=paths,
        parameters={**named, "zoneId": zone, "zoneLimit": zone_limit, "collectionId": identifier},
    )


BLOCK = Block(
    name="dggs",
    classes=uris_of(*(f"ogcapi-dggs-1/1.0/conf/{name}" for name in _CLASSES)),
    doors=(
        *_doors(""),
        *_doors("/collections/{layer}"),
        Door("/dggs/H3/definition", {"GET": dggs.definition}),
        Door("/here", {"GET": dggs.here}),
    ),
    landing=_landing,
    collection=_collection,
    definition=_definition,
    cards=(
        Card(
            Text(en="What is here?", zh="这里有什么？"),
            Text(
                en="All layers at one place, by H3 cell.", zh="按 H3 格网查看同一地点的所有图层。"
            ),
            "/here",
        ),
    ),
)
