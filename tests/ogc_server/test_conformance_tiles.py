"""One test for each conformance class of tiles and tile matrix sets."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import mapbox_vector_tile
import pytest
from starlette.testclient import TestClient

from layers.tiles.matrix import FINEST, MATRIX_SETS
from ogc_server.tiling.tilesets import MVT, SCHEME, SCHEMES, TILESETS
from tests.ogc_server.conftest import BASE
from tests.ogc_server.test_conformance import feature_collections

MARKS = "/collections/navigation_mark"


def body(client: TestClient, url: str) -> dict[str, Any]:
    answer = client.get(url)
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


def one(document: dict[str, Any], rel: str, **more: str) -> str:
    """The only address of a document's links that fits."""
    wanted = {"rel": rel, **more}
    found = [
        link["href"]
        for link in document["links"]
        if all(link.get(name) == value for name, value in wanted.items())
    ]
    assert len(found) == 1, (wanted, document["links"])
    return str(found[0])


def features(content: bytes) -> dict[str, list[dict[str, Any]]]:
    read = mapbox_vector_tile.decode(content, default_options={"y_coord_down": True})
    return {name: layer["features"] for name, layer in read.items()}


def fids(content: bytes, layer: str) -> set[str]:
    return {f["properties"]["fid"] for f in features(content).get(layer, [])}


def whole(client: TestClient, home: str = MARKS, query: str = "") -> bytes:
    """The tiles of the first level, which hold everything."""
    answer = client.get(f"{home}/tiles/WebMercatorQuad/0/0/0?f=mvt{query}")
    assert answer.status_code in (200, 204), answer.text
    return bytes(answer.content)


def test_ogcapi_tiles_1_core(client: TestClient) -> None:
    for name in MATRIX_SETS:
        tileset = body(client, f"{MARKS}/tiles/{name}?f=json")
        template = one(tileset, "item", type=MVT)
        deep = next(row for row in tileset["tileMatrixSetLimits"] if row["tileMatrix"] == "12")
        found: set[str] = set()
        for row in range(deep["minTileRow"], deep["maxTileRow"] + 1):
            for column in range(deep["minTileCol"], deep["maxTileCol"] + 1):
                url = template.replace("{tileMatrix}", "12").replace("{tileRow}", str(row))
                answer = client.get(url.replace("{tileCol}", str(column)))
                assert answer.status_code in (200, 204)
                if answer.status_code == 200:
                    assert answer.headers["content-type"] == MVT
                    found |= fids(answer.content, "navigation_mark")
        items = body(client, f"{MARKS}/items?limit=1000")["features"]
        assert found == {feature["id"] for feature in items}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("WebMercatorQuad/3/8/0", 404),
        ("WebMercatorQuad/3/0/8", 404),
        (f"WebMercatorQuad/{FINEST + 1}/0/0", 404),
        ("WorldCRS84Quad/0/0/2", 404),
        ("NoSuchQuad/0/0/0", 404),
        ("WebMercatorQuad/x/0/0", 400),
        ("WebMercatorQuad/0/-1/0", 400),
        ("WebMercatorQuad/0/0/0.5", 400),
        ("WebMercatorQuad/0/0/٣", 400),
        ("WebMercatorQuad/0/0/99999999999999999999", 400),
        ("WebMercatorQuad/0/0/0?limit=1", 400),
        ("WebMercatorQuad/0/0/0?f=png", 400),
        ("WebMercatorQuad/0/0/0?filter=no+such", 400),
        ("WebMercatorQuad/0/0/0?datetime=yesterday", 400),
        ("WebMercatorQuad/0/0/0?bbox=1,2,3,4", 400),
        ("WebMercatorQuad/0/0/0?f=mvt&f=mvt", 400),
    ],
)
def test_tiles_that_are_not_there_are_refused(client: TestClient, path: str, status: int) -> None:
    answer = client.get(f"{MARKS}/tiles/{path}")
    assert answer.status_code == status and answer.json()["code"]


def test_ogcapi_tiles_1_tileset(client: TestClient) -> None:
    for home in (MARKS, ""):
        for name, registered in MATRIX_SETS.items():
            tileset = body(client, f"{home}/tiles/{name}?f=json")
            assert tileset["dataType"] == "vector" and tileset["crs"] == registered.crs
            assert tileset["tileMatrixSetURI"] == registered.uri
            assert client.get(one(tileset, SCHEME)).json()["id"] == name
            assert client.get(one(tileset, "self")).json() == tileset
            assert [row["tileMatrix"] for row in tileset["tileMatrixSetLimits"]] == [
                str(level) for level in range(FINEST + 1)
            ]
            assert tileset["layers"] and tileset["boundingBox"]["lowerLeft"]
    html = client.get(f"{MARKS}/tiles/WebMercatorQuad?f=html")
    assert html.headers["content-type"].startswith("text/html")


def test_ogcapi_tiles_1_tilesets_list(client: TestClient) -> None:
    for home in (MARKS, ""):
        listed = body(client, f"{home}/tiles?f=json")["tilesets"]
        assert [row["tileMatrixSetURI"] for row in listed] == [m.uri for m in MATRIX_SETS.values()]
        for row in listed:
            full = client.get(one(row, "self")).json()
            assert row.items() <= full.items()


def test_ogcapi_tiles_1_dataset_tilesets(client: TestClient) -> None:
    assert one(body(client, "/"), TILESETS, type="application/json") == f"{BASE}/tiles?f=json"
    assert one(body(client, "/"), SCHEMES) == f"{BASE}/tileMatrixSets?f=json"
    layers = features(whole(client, ""))
    assert {"navigation_mark", "alert"} <= set(layers)
    for name in ("navigation_mark", "ferry"):
        alone = features(whole(client, f"/collections/{name}"))
        assert layers.get(name) == alone.get(name)


def test_ogcapi_tiles_1_geodata_tilesets(client: TestClient) -> None:
    for collection in feature_collections(client):
        href = f"{BASE}/collections/{collection['id']}/tiles?f=json"
        named = [row["href"] for row in collection["links"] if row["rel"] == TILESETS]
        if collection.get("itemType") == "feature":
            assert (href in named) == ("storageCrs" in collection)
        for address in named:
            assert client.get(address).status_code == 200
    assert client.get("/collections/vessel_registry/tiles").status_code == 404


def test_ogcapi_tiles_1_collections_selection(client: TestClient) -> None:
    layers = features(whole(client, "", "&collections=navigation_mark"))
    assert set(layers) == {"navigation_mark"}
    for wrong in ("no_such", "resident_home", "navigation_mark,no_such", ""):
        answer = client.get(f"/tiles/WebMercatorQuad/0/0/0?collections={wrong}")
        assert answer.status_code == 400 and answer.json()["parameter"] == "collections"


def test_ogcapi_tiles_1_datetime(client: TestClient) -> None:
    layer = "/collections/alert"
    for span in ("2020-07-01T06:00:00Z/..", "../2020-07-01T06:00:00Z"):
        items = body(client, f"{layer}/items?limit=1000&skipGeometry=true&datetime={span}")
        expected = {f["id"] for f in items["features"]}
        everything = body(client, f"{layer}/items?limit=1000")
        assert 0 < len(expected) < everything["numberMatched"]
        found = fids(whole(client, layer, f"&datetime={span}"), "alert")
        assert found <= expected and found
        assert found == fids(whole(client, "", f"&collections=alert&datetime={span}"), "alert")


def test_ogcapi_tiles_1_oas30(client: TestClient) -> None:
    paths = body(client, "/openapi?f=json")["paths"]
    names = {entry["get"]["operationId"] for entry in paths.values() if "get" in entry}
    for of in ("dataset", "collection"):
        for what in ("getTileSetsList", "getTileSet", "getTile"):
            assert f"{of}.vector.{what}" in names
    assert {"getTileMatrixSetsList", "getTileMatrixSet"} <= names
    tile = paths["/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}"]["get"]
    assert MVT in tile["responses"]["200"]["content"]


def test_ogcapi_tiles_1_mvt(client: TestClient) -> None:
    answer = client.get(f"{MARKS}/tiles/WebMercatorQuad/0/0/0", headers={"Accept": MVT})
    assert answer.headers["content-type"] == MVT
    read = mapbox_vector_tile.decode(answer.content)["navigation_mark"]
    assert (read["version"], read["extent"]) == (2, 4096)
    assert len({feature["id"] for feature in read["features"]}) == len(read["features"])


def test_tms_tilematrixset(client: TestClient) -> None:
    for listed in body(client, "/tileMatrixSets?f=json")["tileMatrixSets"]:
        document = body(client, one(listed, "self"))
        for name in ("id", "title", "uri", "crs"):
            assert document[name] == listed[name]
        cells = [matrix["cellSize"] for matrix in document["tileMatrices"]]
        for matrix, cell in zip(document["tileMatrices"], cells, strict=True):
            assert matrix["tileWidth"] == matrix["tileHeight"] == 256
            width = matrix["matrixWidth"] * 256 * cell
            assert width == pytest.approx(
                cells[0] * 256 * document["tileMatrices"][0]["matrixWidth"]
            )
        assert all(a == pytest.approx(2 * b) for a, b in pairwise(cells))
    assert client.get("/tileMatrixSets/NoSuchQuad").status_code == 404


def test_tms_json_tilematrixset(client: TestClient) -> None:
    answer = client.get("/tileMatrixSets/WebMercatorQuad", headers={"Accept": "application/json"})
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    assert {"crs", "tileMatrices"} <= set(document)
    for matrix in document["tileMatrices"]:
        assert isinstance(matrix["id"], str)
        assert {"scaleDenominator", "cellSize", "pointOfOrigin", "matrixWidth"} <= set(matrix)
    assert client.get("/tileMatrixSets?f=html").headers["content-type"].startswith("text/html")
    assert client.get("/tileMatrixSets/WebMercatorQuad?f=html").status_code == 200
