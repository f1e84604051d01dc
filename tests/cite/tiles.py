"""Abstract test suite of OGC API – Tiles – Part 1: Core (OGC 20-057, Annex A)."""

from __future__ import annotations

from collections.abc import Iterator

import httpx

from tests.cite.suite import NotApplicable, Suite
from tests.cite.web import Document, Web, link, links

SUITE = Suite(
    "tiles-1", "OGC API – Tiles – Part 1: Core", "http://www.opengis.net/spec/ogcapi-tiles-1/1.0"
)
MVT = "application/vnd.mapbox-vector-tile"
VECTOR = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector"
SCHEME = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"


def tilesets(web: Web) -> Iterator[tuple[str, Document]]:
    """Every tile set that the dataset or a collection lists, described."""
    homes = [("the dataset", web.landing)] + [(one["id"], one) for one in web.collections]
    for what, home in homes:
        listed = link(home, VECTOR, "application/json")
        if listed is None:
            continue
        for entry in web.json(listed["href"])["tilesets"]:
            own = link(entry, "self", "application/json")
            assert own is not None, f"{what}: a tile set in the list has no link to itself"
            yield what, web.json(own["href"])


def deepest(tileset: Document) -> Iterator[tuple[str, int, int]]:
    """A tile in the middle of the limits, at some levels."""
    limits = tileset.get("tileMatrixSetLimits", [])
    for one in limits[::6]:
        row = (one["minTileRow"] + one["maxTileRow"]) // 2
        yield one["tileMatrix"], row, (one["minTileCol"] + one["maxTileCol"]) // 2


def tile_url(tileset: Document, level: str, row: int, column: int) -> str:
    """Address of a tile by its set's template."""
    item = link(tileset, "item", MVT)
    assert item is not None, f"{tileset.get('title')} has no link item as {MVT}"
    url: str = item["href"]
    values = {"tileMatrix": level, "tileRow": str(row), "tileCol": str(column)}
    for name, value in values.items():
        assert f"{{{name}}}" in url, f"the template {url} lacks {name}"
        url = url.replace(f"{{{name}}}", value)
    return url


@SUITE.check("core", "tc-op")
def _(web: Web) -> Iterator[str]:
    tried = 0
    for what, tileset in tilesets(web):
        for place in deepest(tileset):
            answer = web.get(tile_url(tileset, *place), MVT)
            tried += 1
            if answer.status_code not in (200, 204):
                yield f"{what}: tile {place} answers {answer.status_code}"
    if not tried:
        raise NotApplicable("there are no tile sets with limits")


@SUITE.check("core", "tc-success")
def _(web: Web) -> Iterator[str]:
    found = 0
    for what, tileset in tilesets(web):
        for place in deepest(tileset):
            answer = web.get(tile_url(tileset, *place), MVT)
            if answer.status_code == 204:
                continue
            found += 1
            if answer.headers["content-type"].partition(";")[0] != MVT or not answer.content:
                yield f"{what}: tile {place} is {answer.headers['content-type']}"
    if not found:
        yield "every tile is empty"


@SUITE.check("core", "tc-error")
def _(web: Web) -> Iterator[str]:
    for what, tileset in tilesets(web):
        for place in (("0", 99, 0), ("0", 0, 99), ("99", 0, 0), ("none", 0, 0)):
            status = web.get(tile_url(tileset, *place), MVT).status_code
            if status not in (400, 404):
                yield f"{what}: tile {place} outside of the set answers {status}"


@SUITE.check("tileset", "desc-links")
def _(web: Web) -> Iterator[str]:
    for what, tileset in tilesets(web):
        for rel in ("self", SCHEME):
            if link(tileset, rel) is None:
                yield f"{what}: a tile set has no link {rel}"
        item = link(tileset, "item", MVT)
        if item is None or not item.get("templated"):
            yield f"{what}: a tile set has no templated link to its tiles"
        for key in ("title", "dataType", "crs", "tileMatrixSetURI"):
            if not tileset.get(key):
                yield f"{what}: a tile set has no {key}"


@SUITE.check("tileset", "desc-tilematrixset")
def _(web: Web) -> Iterator[str]:
    for what, tileset in tilesets(web):
        scheme = link(tileset, SCHEME)
        assert scheme is not None, f"{what} names no tiling scheme"
        matrices = {one["id"]: one for one in web.json(scheme["href"])["tileMatrices"]}
        for limit in tileset.get("tileMatrixSetLimits", []):
            matrix = matrices.get(limit["tileMatrix"])
            if matrix is None:
                yield f"{what}: limits of level {limit['tileMatrix']}, which the set lacks"
            elif not (
                0 <= limit["minTileRow"] <= limit["maxTileRow"] < matrix["matrixHeight"]
                and 0 <= limit["minTileCol"] <= limit["maxTileCol"] < matrix["matrixWidth"]
            ):
                yield f"{what}: limits {limit} lie outside of the matrix"


@SUITE.check("tilesets-list", "tileset-links")
def _(web: Web) -> Iterator[str]:
    for home in [web.landing, *web.collections]:
        listed = link(home, VECTOR, "application/json")
        for entry in web.json(listed["href"])["tilesets"] if listed else []:
            for key in ("dataType", "crs", "links"):
                if not entry.get(key):
                    yield f"{home.get('id', 'dataset')}: a listed tile set has no {key}"


@SUITE.check("dataset-tilesets", "landingpage")
def _(web: Web) -> Iterator[str]:
    found = links(web.landing, VECTOR)
    if not found:
        yield "the landing page leads to no tile sets"
    yield from (f"{one['href']} has no type" for one in found if not one.get("type"))


@SUITE.check("geodata-tilesets", "desc")
def _(web: Web) -> Iterator[str]:
    if not any(links(one, VECTOR) for one in web.collections):
        yield "no collection leads to tile sets"


@SUITE.check("mvt", "tile")
def _(web: Web) -> Iterator[str]:
    for what, tileset in tilesets(web):
        for place in deepest(tileset):
            answer = web.get(tile_url(tileset, *place), MVT)
            # Field 3, layers, comes first in a tile of Mapbox Vector Tile 2.1.
            if answer.status_code == 200 and answer.content[:1] != b"\x1a":
                yield f"{what}: tile {place} is no vector tile"


@SUITE.check("oas30", "operation-id")
def _(web: Web) -> Iterator[str]:
    ids = [
        operation.get("operationId", "")
        for item in web.api["paths"].values()
        for method, operation in item.items()
        if method == "get"
    ]
    for suffix in (".getTile", ".getTileSet", ".getTileSetsList"):
        if not any(one.endswith(suffix) for one in ids):
            yield f"no operation of the API definition is a {suffix}"


@SUITE.check("core", "tc-conditional")
def _(web: Web) -> Iterator[str]:
    for what, tileset in tilesets(web):
        place = next(deepest(tileset), None)
        url = None if place is None else tile_url(tileset, *place)
        tag = None if url is None else web.get(url, MVT).headers.get("etag")
        if url is None or tag is None:
            continue
        again = web.ask("GET", url, headers={"Accept": MVT, "If-None-Match": tag})
        if again.status_code != httpx.codes.NOT_MODIFIED:
            yield f"{what}: a tile that is held is sent again ({again.status_code})"
