"""One test for each conformance class of OGC API – Coverages that is claimed, named after it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from rasterio.io import MemoryFile
from starlette.testclient import TestClient

from layers.rasters.grid import box_between
from ogc_server.blocks.coverages import BLOCK
from tests.ogc_server import scenes
from tests.ogc_server.scenes import COLUMNS, EAST, NORTH, PIXEL, ROWS, SOUTH, URI, WEST

COVER, HEIGHT = "/collections/land_cover/coverage", "/collections/elevation/coverage"
PHOTO = "/collections/photo/coverage"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
REL = "http://www.opengis.net/def/rel/ogc/1.0/"


def body(client: TestClient, url: str) -> dict[str, Any]:
    answer = client.get(url)
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


def values(client: TestClient, url: str, **headers: str) -> np.ndarray:
    """Pixels of a GeoTIFF answer, shape (bands, rows, columns)."""
    answer = client.get(url, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/tiff; application=geotiff"
    with MemoryFile(answer.content) as memory, memory.open() as file:
        pixels: np.ndarray = file.read()
        return pixels


def bounds(client: TestClient, url: str) -> tuple[float, ...]:
    answer = client.get(url)
    assert answer.status_code == 200, answer.text
    with MemoryFile(answer.content) as memory, memory.open() as file:
        return tuple(file.bounds)


def lonlat(*box: float) -> str:
    found = box_between((box[0], box[1], box[2], box[3]), scenes.CRS, "EPSG:4326")
    assert found is not None
    return ",".join(map(str, found))


def inner(left: int, top: int, right: int, bottom: int) -> tuple[float, float, float, float]:
    """A box in metres that lies inside of these columns and rows."""
    return (
        WEST + left * PIXEL + 1,
        NORTH - bottom * PIXEL + 1,
        WEST + right * PIXEL - 1,
        NORTH - top * PIXEL - 1,
    )


def native(*box: float) -> str:
    return f"bbox={','.join(map(str, box))}&bbox-crs={URI}"


def test_ogcapi_coverages_1_core(shown: TestClient) -> None:
    assert set(BLOCK.classes) <= set(body(shown, "/conformance")["conformsTo"])
    listed = {row["id"]: row for row in body(shown, "/collections")["collections"]}
    assert {"land_cover", "elevation", "photo"} <= set(listed)
    entry = body(shown, "/collections/land_cover")
    assert entry == listed["land_cover"]
    assert entry["storageCrs"] == URI in entry["crs"] and entry["crs"][0] == CRS84
    assert entry["extent"]["spatial"]["storageCrsBbox"] == [[WEST, SOUTH, EAST, NORTH]]
    assert entry["extent"]["spatial"]["grid"][0] == {"cellsCount": COLUMNS, "resolution": PIXEL}
    assert entry["extent"]["temporal"]["grid"]["coordinates"] == [
        "2019-01-01T00:00:00Z", "2021-01-01T00:00:00Z"
    ]  # fmt: skip
    links = {link["rel"]: link for link in reversed(entry["links"])}
    answer = shown.get(links[REL + "coverage"]["href"])
    assert answer.headers["content-type"] == links[REL + "coverage"]["type"]
    assert answer.headers["content-crs"] == f"<{URI}>"
    assert answer.headers["content-bbox"] == "490000,5289000,491500,5290000"
    assert answer.headers["content-datetime"] == "2021-01-01T00:00:00Z/2021-12-31T23:59:59Z"
    assert (values(shown, COVER)[0] == scenes.cover(2021)).all()
    fields_are_described(shown, links[REL + "schema"]["href"])
    preferences_are_heard(shown)


def fields_are_described(client: TestClient, url: str) -> None:
    schema = body(client, url)
    Draft202012Validator.check_schema(schema)
    cover = schema["properties"]["cover"]
    assert (cover["title"], cover["type"], cover["x-ogc-propertySeq"]) == (
        "Land cover class", "integer", 1
    )  # fmt: skip
    assert {row["const"]: row["title"] for row in cover["oneOf"]}[4] == "Built-up"
    bands = body(client, "/collections/photo/schema")["properties"]
    assert [entry["x-ogc-propertySeq"] for entry in bands.values()] == [1, 2, 3]
    height = body(client, "/collections/elevation/schema?lang=zh")["properties"]["height_m"]
    assert (height["title"], height["x-ogc-unit"], height["type"]) == ("高程", "m", "number")


def preferences_are_heard(client: TestClient) -> None:
    def asked(url: str, wish: str) -> int:
        return client.get(url, headers={"Prefer": wish}).status_code

    scaled = f"{HEIGHT}?width=10&height=10"
    assert asked(scaled, "interpolation=kriging") == 200
    assert asked(scaled, "handling=lenient, interpolation=kriging") == 200
    assert asked(scaled, "handling=strict, interpolation=kriging") == 400
    assert asked(scaled, "handling=strict, interpolation=linear") == 200
    assert asked(COVER, "handling=strict") == 200


def test_ogcapi_coverages_1_subsetting_spatial(shown: TestClient) -> None:
    whole, box = scenes.cover(2021), inner(10, 5, 22, 17)
    expected = whole[5:17, 10:22]
    east, north = f"E({box[0]}:{box[2]})", f"N({box[1]}:{box[3]})"
    for query in (
        native(*box),
        f"subset={east},{north}&subset-crs={URI}",
        f"subset={east}&subset={north}&subset-crs={URI}",
        f"subset=x({box[0]}:{box[2]}),Northing({box[1]}:{box[3]})&subset-crs=[EPSG:32718]",
    ):
        assert (values(shown, f"{COVER}?{query}")[0] == expected).all(), query
    in_degrees = values(shown, f"{COVER}?bbox={lonlat(*box)}")[0]
    rows, columns = in_degrees.shape
    assert 12 <= rows <= 14 and 12 <= columns <= 14, "the box of degrees is a little turned"
    west, south, east_, north_ = lonlat(*box).split(",")
    same = values(shown, f"{COVER}?subset=Lat({south}:{north_}),Lon({west}:{east_})")[0]
    swapped = f"bbox={south},{west},{north_},{east_}&bbox-crs=EPSG:4326"
    assert (same == in_degrees).all()
    assert (values(shown, f"{COVER}?{swapped}")[0] == in_degrees).all()
    one = values(shown, f"{COVER}?subset=E({box[0]}),N({box[3]})&subset-crs={URI}")
    assert one.shape == (1, 1, 1) and one[0, 0, 0] == whole[5, 10]
    half = values(shown, f"{COVER}?subset=E(*:{WEST + 30 * PIXEL})&subset-crs={URI}")[0]
    assert (half == whole[:, :30]).all()
    rest = values(shown, f"{COVER}?subset=N(*:*),E({WEST + 30 * PIXEL}:*)&subset-crs={URI}")[0]
    assert (rest == whole[:, 30:]).all()
    around = values(shown, f"{COVER}?bbox=170,-50,-70,-40")[0]
    assert (around == whole).all(), "a box across the antimeridian"
    for bad in (
        "subset=h(1:2)", "subset=Lat(1:2),Lat(3)", "subset=Lat(2:1)", "subset=Lat(nan)",
        f"bbox={lonlat(*box)}&subset=Lat(1:2)", "bbox=1,2", "bbox=nan,0,1,1", "bbox=0,5,1,1",
        "bbox-crs=EPSG:1&bbox=0,0,1,1", f"subset=E({box[0]})&subset-crs={URI}&width=4",
        f"subset=E({box[0]})&subset-crs={URI}&resolution=E(50)",
    ):  # fmt: skip
        assert shown.get(f"{COVER}?{bad}").status_code == 400, bad
    for outside in ("bbox=1,1,2,2", "subset=Lat(80:85)", "subset=Lon(10)", "subset=Lat(91:95)"):
        assert shown.get(f"{COVER}?{outside}").status_code == 404, outside


def test_ogcapi_coverages_1_subsetting_temporal(shown: TestClient) -> None:
    def year(query: str) -> int:
        found = values(shown, f"{COVER}?{query}")[0]
        return next(year for year in (2019, 2021) if (found == scenes.cover(year)).all())

    for query in (
        "datetime=2019-07-01", "datetime=2019-07-01T08:00:00Z", "datetime=2019", "datetime=../2020",
        "datetime=2018/2019", "subset=time(2019)", "subset=time(2019-05)", "subset=time(*:2020)",
        'subset=time("2019-01-01T00:00:00Z":"2019-12-31")', "subset=time(2019-07-01T00Z)",
    ):  # fmt: skip
        assert year(query) == 2019, query
    for query in ("", "subset=time(*)", "datetime=2019/..", "subset=time(2019:*)"):
        assert year(query) == 2021, query
    both = body(shown, f"{COVER}?f=covjson&subset=time(2019:2021)")
    assert both["domain"]["axes"]["t"]["values"] == ["2019-01-01T00:00:00Z", "2021-01-01T00:00:00Z"]
    one = body(shown, f"{COVER}?f=covjson&subset=time(2019)")["ranges"]["cover"]
    assert one["shape"] == [1, ROWS, COLUMNS]
    span = shown.get(f"{COVER}?f=covjson").headers["content-datetime"]
    assert span == "2019-01-01T00:00:00Z/2021-12-31T23:59:59Z"
    for bad in ("datetime=yesterday", "datetime=2020/2019", "subset=time(x)", "datetime=2019-13",
                "datetime=2019&subset=time(2019)", "subset=day(2)"):  # fmt: skip
        assert shown.get(f"{COVER}?{bad}").status_code == 400, bad
    for outside in ("datetime=2020", "subset=time(1999)", "datetime=2022/.."):
        assert shown.get(f"{COVER}?{outside}").status_code == 404, outside
    assert (values(shown, f"{HEIGHT}?datetime=1950")[0] == scenes.heights()).all(), "no time at all"


def test_ogcapi_coverages_1_scaling_spatial(shown: TestClient) -> None:
    blocks = scenes.cover(2021)[2::5, 2::5]
    for query in (
        "width=12&height=8", "scale-factor=5", "scale-axes=E(5),N(5)", "scale-size=E(12),N(8)",
        "resolution=E(125),N(125)",
    ):  # fmt: skip
        found = values(shown, f"{COVER}?{query}")[0]
        assert found.shape == (8, 12), query
        assert (found == blocks).all(), query
    assert values(shown, f"{COVER}?width=12")[0].shape == (ROWS, 12)
    for query in ("resolution=", "resolution=E(),N()"):
        assert (values(shown, f"{COVER}?{query}")[0] == scenes.cover(2021)).all()
    wide = (WEST - 500, SOUTH, EAST + 500, NORTH)
    beyond = f"{COVER}?{native(*wide)}&width=100&height=40"
    assert bounds(shown, beyond) == wide and values(shown, beyond)[0].shape == (40, 100)
    assert (values(shown, beyond)[0][:, 20:80] == scenes.cover(2021)).all()
    smooth = values(shown, f"{HEIGHT}?scale-factor=0.5")[0]
    assert smooth.shape == (80, 120) and len(np.unique(smooth)) > 1000
    for bad in (
        "width=0", "width=-5", "width=x", "width=1e3", "width=999999999&height=999999999",
        "scale-factor=0", "scale-factor=nan", "scale-factor=1e-300", "scale-axes=h(2)",
        "scale-size=E(12", "resolution=Q(3)", "width=3&scale-factor=2", "scale-size=E(1e9),N(1e9)",
    ):  # fmt: skip
        assert shown.get(f"{COVER}?{bad}").status_code == 400, bad


def test_ogcapi_coverages_1_field_selection(shown: TestClient) -> None:
    whole = scenes.photo()
    assert (values(shown, f"{PHOTO}?properties=blue,red") == whole[[2, 0]]).all()
    assert (values(shown, f"{PHOTO}?exclude-properties=red") == whole[[1, 2]]).all()
    assert (values(shown, f"{PHOTO}?exclude-properties=") == whole).all()
    document = body(shown, f"{PHOTO}?properties=green&f=covjson")
    assert list(document["parameters"]) == list(document["ranges"]) == ["green"]
    for bad in (
        "properties=infrared", "exclude-properties=infrared", "properties=",
        "properties=red&exclude-properties=blue", "exclude-properties=red,green,blue",
    ):  # fmt: skip
        assert shown.get(f"{PHOTO}?{bad}").status_code == 400, bad


def test_ogcapi_coverages_1_crs(shown: TestClient) -> None:
    for uri in body(shown, "/collections/land_cover")["crs"]:
        code = "4326" if uri == CRS84 else uri.rsplit("/", 1)[1]
        for name in (uri, f"[EPSG:{code}]" if uri != CRS84 else "[OGC:CRS84]"):
            answer = shown.get(f"{COVER}?crs={name}")
            assert answer.headers.get("content-crs") == (None if uri == CRS84 else f"<{uri}>")
        with MemoryFile(answer.content) as memory, memory.open() as file:
            assert file.crs.to_epsg() == int(code)
            right = total = 0
            for row, column in [(7, 7), (22, 33), (37, 52), (17, 2)]:
                spot = WEST + (column + 0.5) * PIXEL, NORTH - (row + 0.5) * PIXEL
                place = box_between((*spot, *spot), scenes.CRS, f"EPSG:{code}")
                assert place is not None
                found = next(file.sample([place[:2]]))[0]
                right += found == scenes.cover(2021)[row, column]
                total += 1
            assert right == total, uri
        edges = [float(edge) for edge in answer.headers["content-bbox"].split(",")]
        swapped = code in ("4326", "4490") and uri != CRS84
        assert (edges[0] < 0 > edges[1]) if code != "32718" else edges[0] == WEST
        assert (abs(edges[0]) < abs(edges[1])) == swapped or code in ("3857", "32718")
    assert shown.get(f"{COVER}?crs=EPSG:27700").status_code == 400


def test_ogcapi_coverages_1_geotiff(shown: TestClient) -> None:
    answer = shown.get(COVER, headers={"Accept": "image/tiff; application=geotiff"})
    with MemoryFile(answer.content) as memory, memory.open() as file:
        assert (file.driver, file.count, file.nodata, file.crs) == ("GTiff", 1, 0, scenes.CRS)
        assert file.tags()["AREA_OR_POINT"] == "Area"
        assert file.descriptions == ("cover",)
        assert file.colormap(1)[4] == (0xC9, 0x70, 0x5F, 255)
    with MemoryFile(shown.get(PHOTO).content) as memory, memory.open() as file:
        assert file.descriptions == ("red", "green", "blue")
        assert (file.read() == scenes.photo()).all()
    with MemoryFile(shown.get(HEIGHT).content) as memory, memory.open() as file:
        assert (file.dtypes, file.nodata, file.units) == (("float32",), -9999, ("m",))


def test_ogcapi_coverages_1_coveragejson(shown: TestClient) -> None:
    box = native(*inner(10, 0, 14, 3))
    answer = shown.get(f"{COVER}?{box}", headers={"Accept": "application/vnd.cov+json"})
    assert answer.headers["content-type"] == "application/vnd.cov+json"
    document = answer.json()
    domain, ranges = document["domain"], document["ranges"]["cover"]
    assert (document["type"], domain["domainType"]) == ("Coverage", "Grid")
    assert domain["axes"]["x"] == {"start": WEST + 262.5, "stop": WEST + 337.5, "num": 4}
    assert domain["axes"]["y"] == {"start": NORTH - 12.5, "stop": NORTH - 62.5, "num": 3}
    assert domain["referencing"][0] == {
        "coordinates": ["x", "y"], "system": {"type": "ProjectedCRS", "id": URI}
    }  # fmt: skip
    assert (ranges["axisNames"], ranges["shape"]) == (["t", "y", "x"], [2, 3, 4])
    numbers = np.array([-1 if v is None else v for v in ranges["values"]]).reshape(2, 3, 4)
    for number, year in enumerate((2019, 2021)):
        expected = scenes.cover(year)[:3, 10:14].astype(int)
        expected[expected == 0] = -1
        assert (numbers[number] == expected).all()
    cover = document["parameters"]["cover"]
    assert cover["observedProperty"]["label"] == {"en": "Land cover class", "zh": "地类"}
    assert cover["categoryEncoding"]["cover/4"] == 4
    heights = body(shown, f"{HEIGHT}?f=covjson&crs=EPSG:4326&width=3&height=2")
    assert heights["domain"]["referencing"][0]["coordinates"] == ["y", "x"]
    assert heights["parameters"]["height_m"]["unit"]["symbol"]["value"] == "m"
    exact = body(shown, f"{HEIGHT}?f=covjson&{native(*inner(1, 1, 2, 2))}")["ranges"]["height_m"]
    assert exact["values"] == [0.11], "a float32 as short as it can be told"


@pytest.mark.parametrize("path", ["/collections/photo/schema", COVER, HEIGHT])
def test_the_definition_knows_the_paths_of_rasters(path: str, shown: TestClient) -> None:
    from pygeoapi.openapi import validate_openapi_document

    document = body(shown, "/openapi")
    assert validate_openapi_document(document)
    assert path in document["paths"]
