"""One test for each conformance class of OGC API – Maps that is claimed, named after it."""

from __future__ import annotations

import io
from typing import Any

import h3.api.basic_int as h3
import numpy as np
import pyproj
import pytest
from PIL import Image
from starlette.testclient import TestClient

from layers.city import City
from layers.query import Query
from layers.rasters.grid import box_between
from layers.store import Store
from ogc_server.blocks.maps import BLOCK
from ogc_server.cells.cell_picture import BREAKS, RAMP
from tests.ogc_server import scenes
from tests.ogc_server.scenes import COLUMNS, EAST, NORTH, PIXEL, ROWS, SOUTH, URI, WEST

COVER, PHOTO = "/collections/land_cover/map", "/collections/photo/map"
MARKS = "/collections/navigation_mark/map"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
REL = "http://www.opengis.net/def/rel/ogc/1.0/map"
NATIVE = f"bbox={WEST},{SOUTH},{EAST},{NORTH}&bbox-crs={URI}"


def body(client: TestClient, url: str) -> dict[str, Any]:
    answer = client.get(url)
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


def image(client: TestClient, url: str) -> np.ndarray:
    """Pixels of an image answer, red, green, blue, alpha; shape (rows, columns, 4)."""
    answer = client.get(url)
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))


def edges(client: TestClient, url: str) -> list[float]:
    """``Content-Bbox`` of an answer."""
    return [float(edge) for edge in client.get(url).headers["content-bbox"].split(",")]


def colour(city: City, value: int) -> tuple[int, ...]:
    rows = city.raster("land_cover").bands[0].classes
    text = next(row.colour for row in rows if row.value == value)
    return (*bytes.fromhex(text[1:]), 255)


def at(pixels: np.ndarray, box: list[float], place: tuple[float, float]) -> tuple[int, ...]:
    """Colour at a place, of an image whose box is in x, y order."""
    rows, columns = pixels.shape[:2]
    column = int((place[0] - box[0]) / (box[2] - box[0]) * columns)
    row = int((box[3] - place[1]) / (box[3] - box[1]) * rows)
    return tuple(pixels[row, column].tolist())


def spot(row: int, column: int, crs: str) -> tuple[float, float]:
    x, y = WEST + (column + 0.5) * PIXEL, NORTH - (row + 0.5) * PIXEL
    box = box_between((x, y, x, y), scenes.CRS, crs)
    assert box is not None
    return box[0], box[1]


def test_ogcapi_maps_1_core(shown: TestClient, city: City) -> None:
    assert set(BLOCK.classes) <= set(body(shown, "/conformance")["conformsTo"])
    answer = shown.get(COVER, headers={"Accept": "image/png,image/jpeg"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.headers["content-crs"] == f"<{URI}>", "the storage CRS"
    assert answer.headers["content-bbox"] == "490000,5289000,491500,5290000"
    assert answer.headers["content-datetime"] == "2021-01-01T00:00:00Z/2021-12-31T23:59:59Z"
    marks = shown.get(MARKS)
    assert "content-crs" not in marks.headers, "CRS84, as the layer is stored"
    west, south, east, north = edges(shown, MARKS)
    assert -76 < west < east < -74 and -43 < south < north < -42
    assert "/" in marks.headers["content-datetime"]
    assert shown.get(f"{COVER}?unknown=1").status_code == 400


def test_ogcapi_maps_1_collection_map(shown: TestClient, city: City) -> None:
    every = body(shown, "/collections")["collections"]
    for entry in (row for row in every if row["id"] in {**city.layers, **city.rasters}):
        links = [link for link in entry["links"] if link["rel"] == REL]
        drawn = "spatial" in entry["extent"]
        assert {link["type"] for link in links} == ({"image/png", "image/jpeg"} if drawn else set())
        if entry["storageCrs"] != CRS84 if "storageCrs" in entry else False:
            assert "storageCrsBbox" in entry["extent"]["spatial"]
        for link in links:
            answer = shown.get(f"{link['href']}&width=64")
            assert (answer.status_code, answer.headers["content-type"]) == (200, link["type"])
    assert shown.get("/collections/vessel_registry/map").status_code == 404, "no place to be drawn"
    assert shown.get("/collections/nothing/map").status_code == 404


def test_ogcapi_maps_1_dataset_map(shown: TestClient) -> None:
    landing = body(shown, "/")
    assert landing["extent"]["spatial"]["bbox"] and CRS84 in landing["crs"]
    href = next(link["href"] for link in landing["links"] if link["rel"] == REL)
    assert shown.get(f"{href}&width=300").headers["content-type"] == "image/png"
    for accept, media in (
        ("image/png", "image/png"),
        ("image/jpeg", "image/jpeg"),
        ("image/avif,image/webp,image/*,*/*;q=0.8", "image/png"),
        ("text/html,*/*;q=0.8", "text/html; charset=utf-8"),
        ("*/*", "text/html; charset=utf-8"),
    ):
        answer = shown.get("/map", headers={"Accept": accept})
        assert answer.headers["content-type"] == media, accept
    drawn = image(shown, "/map?f=png&width=400")
    assert (drawn[..., 3] > 0).any() and (drawn[..., 3] == 0).any()


def test_ogcapi_maps_1_collections_selection(shown: TestClient) -> None:
    place = f"{NATIVE}&width=60&height=40&crs={URI}&f=png"
    cover = image(shown, f"{COVER}?{place}")
    photo = image(shown, f"{PHOTO}?{place}")
    assert (image(shown, f"/map?collections=land_cover&{place}") == cover).all()
    assert (image(shown, f"/map?collections=land_cover,photo&{place}") == photo).all()
    above = image(shown, f"/map?collections=photo,land_cover&{place}")
    assert (above[1:] == cover[1:]).all(), "the last is on top"
    assert (above[0] == photo[0]).all(), "and shows what it has no value for"
    url = "http://127.0.0.1:5000/collections/land_cover"
    assert (image(shown, f"/map?collections={url}&{place}") == cover).all()
    for bad in ("nothing", "land_cover,nothing", "", "vessel_registry"):
        assert shown.get(f"/map?f=png&collections={bad}").status_code == 400, bad


def test_ogcapi_maps_1_tilesets(shown: TestClient, city: City) -> None:
    for key in ("land_cover", "navigation_mark"):
        links = body(shown, f"/collections/{key}")["links"]
        [href] = [x["href"] for x in links if x["rel"].endswith("/tilesets-map")]
        for summary in body(shown, href)["tilesets"]:
            [own] = [x["href"] for x in summary["links"] if x["rel"] == "self"]
            described = body(shown, own)
            assert described["dataType"] == "map" and described["crs"] == summary["crs"]
            [scheme] = [x for x in described["links"] if x["rel"].endswith("tiling-scheme")]
            matrices = body(shown, scheme["href"])["tileMatrices"]
            for link in (x for x in described["links"] if x.get("templated")):
                limits = described["tileMatrixSetLimits"][14]
                address = link["href"].format(
                    tileMatrix=matrices[14]["id"],
                    tileRow=limits["minTileRow"], tileCol=limits["minTileCol"],
                )  # fmt: skip
                answer = shown.get(address)
                assert (answer.status_code, answer.headers["content-type"]) == (200, link["type"])
                assert Image.open(io.BytesIO(answer.content)).size == (256, 256)
    tiles_have_the_colours_of_the_map(shown, city)
    for bad, status in (("/0/0/x", 400), ("/0/0/1", 404), ("/99/0/0", 404)):
        assert shown.get(f"{COVER}/tiles/WebMercatorQuad{bad}").status_code == status
    assert shown.get(f"{COVER}/tiles/Mars").status_code == 404
    assert shown.get(f"{COVER}/tiles/WebMercatorQuad/0/0/0?width=3").status_code == 400


def tiles_have_the_colours_of_the_map(client: TestClient, city: City) -> None:
    for row, column in [(7, 7), (22, 33), (37, 52)]:
        x, y = spot(row, column, "EPSG:3857")
        side = 2 * 20_037_508.342789244 / 2**16
        left, top = int((x + side * 2**15) / side), int((side * 2**15 - y) / side)
        box = [left * side - side * 2**15, 0, (left + 1) * side - side * 2**15, 0]
        box[1], box[3] = side * 2**15 - (top + 1) * side, side * 2**15 - top * side
        address = f"{COVER}/tiles/WebMercatorQuad/16/{top}/{left}"
        expected = colour(city, int(scenes.cover(2021)[row, column]))
        assert at(image(client, address), box, (x, y)) == expected
        old = colour(city, int(scenes.cover(2019)[row, column]))
        assert at(image(client, f"{address}?datetime=2019"), box, (x, y)) == old
        beside = f"{COVER}/tiles/WebMercatorQuad/16/0/0"
        assert tuple(image(client, f"{beside}?bgcolor=red")[9, 9]) == (255, 0, 0, 255)


def test_ogcapi_maps_1_background(shown: TestClient) -> None:
    wide = f"bbox={WEST - 1500},{SOUTH},{EAST},{NORTH}&bbox-crs={URI}&width=120&height=40&crs={URI}"
    data = image(shown, f"{COVER}?{wide}")[1:, 60:]
    assert (data[..., 3] == 255).all()

    def empty(query: str) -> tuple[int, ...]:
        pixels = image(shown, f"{COVER}?{wide}{query}")
        assert (pixels[1:, 60:] == data).all(), query
        colours = np.unique(pixels[:, :60].reshape(-1, 4), axis=0)
        assert len(colours) == 1, query
        return tuple(colours[0].tolist())

    assert empty("") == (255, 255, 255, 0)
    assert empty("&bgcolor=0xFF8800") == (255, 136, 0, 255)
    assert empty("&bgcolor=DarkSlateGray") == (47, 79, 79, 255)
    assert empty("&bgcolor=%23102030&transparent=true")[3] == 0
    assert empty("&transparent=false") == (255, 255, 255, 255)
    assert empty("&transparent=true") == (255, 255, 255, 0)
    voids(shown)
    for bad in ("bgcolor=nocolour", "bgcolor=12345", "transparent=perhaps", "void-color=-1"):
        assert shown.get(f"{COVER}?{bad}").status_code == 400, bad


def voids(client: TestClient) -> None:
    """The world and beyond: where there is no latitude, there is the void."""
    world = "bbox=-180,-90,180,90&crs=OGC:CRS84"
    beyond = "bbox=-20037508,-40000000,20037508,40000000&bbox-crs=EPSG:3857&crs=EPSG:3857"
    pixels = image(client, f"{COVER}?{beyond}&width=40&height=80&bgcolor=red&void-color=blue")
    assert tuple(pixels[2, 20]) == (0, 0, 255, 255) and tuple(pixels[40, 30]) == (255, 0, 0, 255)
    same = image(client, f"{COVER}?{beyond}&width=40&height=80&bgcolor=red")
    assert tuple(same[2, 20]) == (255, 0, 0, 255), "as the background where nothing else is said"
    clear = image(client, f"{COVER}?{beyond}&width=40&height=80&bgcolor=red&void-transparent=true")
    assert clear[2, 20, 3] == 0 and clear[40, 30, 3] == 255
    assert (image(client, f"{COVER}?{world}&width=36&height=18&void-color=blue")[..., 2] > 0).any()


def test_ogcapi_maps_1_scaling(shown: TestClient) -> None:
    assert image(shown, f"{COVER}?width=300").shape[:2] == (200, 300)
    assert image(shown, f"{COVER}?height=100").shape[:2] == (100, 150)
    assert image(shown, f"{COVER}?width=50&height=70").shape[:2] == (70, 50)
    assert max(image(shown, COVER).shape[:2]) == 1024
    scaled = image(shown, f"{COVER}?{NATIVE}&scale-denominator=50000")
    assert scaled.shape[:2] == (71, 107), "14 m a pixel of 0.28 mm"
    west, south, east, north = edges(shown, f"{COVER}?scale-denominator=50000&width=200&height=100")
    assert (east - west, north - south) == pytest.approx((2800, 1400), rel=1e-3)
    assert ((west + east) / 2, (south + north) / 2) == pytest.approx((490_750, 5_289_500))
    for bad in (
        "width=0", "width=-1", "width=1.5", "height=x", "width=99999", "width=8000&height=8000",
        "scale-denominator=0", "scale-denominator=nan", f"{NATIVE}&scale-denominator=5000&width=5",
        f"{NATIVE}&scale-denominator=0.001",
    ):  # fmt: skip
        assert shown.get(f"{COVER}?{bad}").status_code == 400, bad


def test_ogcapi_maps_1_display_resolution(shown: TestClient) -> None:
    fine = image(shown, f"{COVER}?{NATIVE}&scale-denominator=50000&mm-per-pixel=0.14")
    assert fine.shape[:2] == (143, 214), "pixels half as wide, twice as many"
    west, _, east, _ = edges(shown, f"{COVER}?scale-denominator=50000&width=200&mm-per-pixel=0.56")
    assert east - west == pytest.approx(5600, rel=1e-3)
    for bad in ("0", "-1", "x", "inf"):
        assert shown.get(f"{COVER}?mm-per-pixel={bad}").status_code == 400


def test_ogcapi_maps_1_spatial_subsetting(shown: TestClient, city: City) -> None:
    part = f"bbox={WEST},{NORTH - 500},{WEST + 750},{NORTH}&bbox-crs={URI}&crs={URI}"
    size = "&width=30&height=20"
    whole = image(shown, f"{COVER}?width={COLUMNS}&height={ROWS}")
    expected = whole[:20, :30]
    assert (image(shown, f"{COVER}?{part}{size}") == expected).all()
    axes = f"subset=E({WEST}:{WEST + 750}),N({NORTH - 500}:{NORTH})&subset-crs={URI}&crs={URI}"
    assert (image(shown, f"{COVER}?{axes}{size}") == expected).all()
    apart = axes.replace("),N(", ")&subset=N(")
    assert (image(shown, f"{COVER}?{apart}{size}") == expected).all()
    middle = f"center={WEST + 375},{NORTH - 250}&center-crs={URI}{size}"
    around = f"{COVER}?{middle}&scale-denominator={PIXEL / 0.00028}"
    assert edges(shown, around) == pytest.approx(
        [WEST, NORTH - 500, WEST + 750, NORTH], abs=1
    )  # fmt: skip
    assert (image(shown, f"{COVER}?{middle}")[5, 5] == expected[5, 5]).all(), "the native scale"
    lon, lat = spot(10, 15, "EPSG:4326")
    assert edges(shown, f"{COVER}?center={lon},{lat}{size}") == pytest.approx(
        edges(shown, f"{COVER}?center={lat},{lon}&center-crs=EPSG:4326{size}")
    )
    degrees = spot(40, 0, "EPSG:4326") + spot(-1, 60, "EPSG:4326")
    lonlat = f"bbox={','.join(map(str, degrees))}"
    swapped = f"bbox={degrees[1]},{degrees[0]},{degrees[3]},{degrees[2]}&bbox-crs=EPSG:4326"
    assert (image(shown, f"{COVER}?{lonlat}") == image(shown, f"{COVER}?{swapped}")).all()
    assert (image(shown, f"{MARKS}?bbox=10,10,11,11")[..., 3] == 0).all(), "nothing is there"
    for bad in (
        "bbox=1,2,3", "bbox=nan,1,2,3", "bbox=1,5,2,4", "bbox=1,1,1,1", "center=1", "center=x,y",
        "center=500,100", "bbox=1,1,2,2&center=1,1", "bbox=1,1,2,2&subset=Lat(1:2)",
        "subset=h(1:2)", "center-crs=EPSG:1", "subset=Lat(1:2)&center=1,1", "bbox=0,95,1,99",
    ):  # fmt: skip
        assert shown.get(f"{COVER}?{bad}").status_code == 400, bad
    assert shown.get(f"{COVER}?subset=Lat(100:120)").status_code == 404


def test_ogcapi_maps_1_datetime(shown: TestClient) -> None:
    native = f"width={COLUMNS}&height={ROWS}"
    old, new = (image(shown, f"{COVER}?{native}&datetime={y}") for y in (2019, 2021))
    assert (old != new).any() and (image(shown, f"{COVER}?{native}") == new).all()
    for query in ("datetime=2019-05-01T00:00:00Z", "datetime=../2020-06-01", "subset=time(2019)",
                  "subset=time(2019-03:2020)", "datetime=2018-01-01/2019-12-31"):  # fmt: skip
        assert (image(shown, f"{COVER}?{native}&{query}") == old).all(), query
    times = shown.get("/collections/navigation_mark/items?limit=1").json()["features"]
    day = times[0]["properties"]["checked_on"]
    every, some = (
        image(shown, f"{MARKS}?width=500"),
        image(shown, f"{MARKS}?width=500&datetime={day}"),
    )
    assert 0 < (some[..., 3] > 0).sum() < (every[..., 3] > 0).sum()
    timeless = image(shown, "/collections/ferry/map?width=500&datetime=1950")
    assert (timeless == image(shown, "/collections/ferry/map?width=500")).all()
    for bad in ("datetime=never", "subset=time(x)", "datetime=2019&subset=time(2019)",
                "subset=when(2019)"):  # fmt: skip
        assert shown.get(f"{COVER}?{bad}").status_code == 400, bad
    assert shown.get(f"{COVER}?datetime=1950").status_code == 404
    assert shown.get(f"{MARKS}?subset=time(1950)").status_code == 404


def test_ogcapi_maps_1_crs(shown: TestClient, city: City, store: Store) -> None:
    """Known places have known colours in every system."""
    for uri in body(shown, "/collections/land_cover")["crs"]:
        crs = "EPSG:4326" if uri == CRS84 else "EPSG:" + uri.rsplit("/", 1)[1]
        for name in (uri, f"[EPSG:{crs[5:]}]" if uri != CRS84 else "[OGC:CRS84]"):
            url = f"{COVER}?crs={name}&width=900"
            box = edges(shown, url)
            if uri.rsplit("/", 1)[1] in ("4326", "4490"):
                box = [box[1], box[0], box[3], box[2]]
            pixels = image(shown, url)
            for row, column in [(7, 7), (22, 33), (37, 52), (12, 2), (2, 57)]:
                expected = colour(city, int(scenes.cover(2021)[row, column]))
                assert at(pixels, box, spot(row, column, crs)) == expected, (uri, row, column)
    cells_are_where_they_are(shown, store)
    assert shown.get(f"{COVER}?crs=EPSG:27700").status_code == 400


def cells_are_where_they_are(client: TestClient, store: Store) -> None:
    resolution = 7
    counts = store.cell_counts(Query("navigation_mark"), resolution)
    assert len(counts) > 3
    for crs in ("EPSG:4326", "EPSG:3857", "EPSG:32718"):
        url = f"{MARKS}?width=240&crs={'OGC:CRS84' if crs == 'EPSG:4326' else crs}"
        pixels, box = image(client, url), edges(client, url)
        shown = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True)
        for cell, number in counts.items():
            lat, lon = h3.cell_to_latlng(cell)
            level = int(np.searchsorted(BREAKS, number, side="right"))
            expected = tuple(bytes.fromhex(RAMP[level - 1][1:]))
            assert at(pixels, box, shown.transform(lon, lat))[:3] == expected, (crs, number)


def test_ogcapi_maps_1_png(shown: TestClient) -> None:
    answer = shown.get(COVER, headers={"Accept": "image/png"})
    picture = Image.open(io.BytesIO(answer.content))
    assert (picture.format, picture.mode) == ("PNG", "RGBA")
    assert shown.get(COVER).content == answer.content, "the same each time"


def test_ogcapi_maps_1_jpeg(shown: TestClient, city: City) -> None:
    answer = shown.get(f"{COVER}?width=600", headers={"Accept": "image/jpeg"})
    assert answer.headers["content-type"] == "image/jpeg"
    picture = Image.open(io.BytesIO(answer.content))
    assert (picture.format, picture.mode) == ("JPEG", "RGB")
    pixels = np.asarray(picture).astype(int)
    assert (pixels[3, 300] > 250).all(), "the row without value is white"
    expected = np.array(colour(city, int(scenes.cover(2021)[22, 32]))[:3])
    assert (abs(pixels[225, 325] - expected) < 12).all()


@pytest.mark.parametrize("path", ["/map", COVER, MARKS])
def test_the_definition_knows_the_images(path: str, shown: TestClient) -> None:
    from pygeoapi.openapi import validate_openapi_document

    document = body(shown, "/openapi")
    assert validate_openapi_document(document)
    entry = document["paths"][path]["get"]
    assert any("map-width" in parameter.get("$ref", "") for parameter in entry["parameters"])
