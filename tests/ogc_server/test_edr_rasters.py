"""Rasters have values at places and along paths, those of their pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import shapely
from starlette.testclient import TestClient

from layers.access import PUBLIC, Audience
from layers.city import City
from layers.query import Scope
from layers.store import open_store
from ogc_server import create_app
from tests.ogc_server.conftest import BASE
from tests.ogc_server.rows import AT, fill
from tests.ogc_server.scenes import COLUMNS, CRS, NORTH, PIXEL, SOUTH, URI, WEST, cover, heights
from tests.ogc_server.test_conformance_edr import ask, check, coverages

HEIGHTS, COVER = "/collections/elevation", "/collections/land_cover"
LONLAT = pyproj.Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)


def middle(column: int, row: int) -> tuple[float, float]:
    """Lon and lat of the middle of a pixel."""
    x, y = WEST + (column + 0.5) * PIXEL, NORTH - (row + 0.5) * PIXEL
    lon, lat = LONLAT.transform(x, y)
    return float(lon), float(lat)


def wkt(*pixels: tuple[int, int]) -> str:
    places = [middle(*pixel) for pixel in pixels]
    kind = shapely.Point if len(places) == 1 else shapely.LineString
    return str(kind(places[0] if len(places) == 1 else places).wkt)


def test_a_raster_tells_its_queries(shown: TestClient) -> None:
    entry = shown.get(HEIGHTS).json()
    assert set(entry["data_queries"]) == {"position", "trajectory"}
    (parameter,) = entry["parameter_names"].values()
    assert parameter["unit"]["symbol"]["value"] == "m"


@pytest.mark.parametrize("pixel", [(0, 0), (7, 3), (59, 39)])
def test_a_place_has_the_value_of_its_pixel(shown: TestClient, pixel: tuple[int, int]) -> None:
    document = ask(shown, f"{HEIGHTS}/position", coords=wkt(pixel))
    check(document)
    (values,) = (one["values"] for one in document["ranges"].values())
    assert values == [pytest.approx(float(heights()[pixel[1], pixel[0]]), abs=1e-4)]
    x, y = WEST + (pixel[0] + 0.5) * PIXEL, NORTH - (pixel[1] + 0.5) * PIXEL
    own = ask(shown, f"{HEIGHTS}/position", coords=f"POINT({x} {y})", crs=URI)
    assert next(iter(own["ranges"].values()))["values"] == values
    assert own["domain"]["axes"]["x"]["values"] == [pytest.approx(x, abs=0.01)]


def test_each_scene_is_a_time(shown: TestClient) -> None:
    document = ask(shown, f"{COVER}/position", coords=wkt((12, 8)))
    check(document)
    found = {
        c["domain"]["axes"]["t"]["values"][0][:4]: next(iter(c["ranges"].values()))["values"][0]
        for c in coverages(document)
    }
    assert found == {str(year): int(cover(year)[8, 12]) for year in (2019, 2021)}
    one = ask(shown, f"{COVER}/position", coords=wkt((12, 8)), datetime="2019-06-01")
    assert len(coverages(one)) == 1
    assert shown.get(f"{COVER}/position?coords=POINT(0 0)&datetime=1990").status_code in (400, 404)


def test_where_there_is_no_pixel_there_is_no_value(shown: TestClient) -> None:
    for coords in (wkt((12, 0)), "POINT(0 0)", "POINT(-75.1 -42.6)"):
        document = ask(shown, f"{COVER}/position", coords=coords, datetime="2021-01-01")
        assert next(iter(document["ranges"].values()))["values"] == [None], coords


def test_a_path_has_the_values_that_it_crosses(shown: TestClient) -> None:
    document = ask(shown, f"{HEIGHTS}/trajectory", coords=wkt((0, 10), (COLUMNS - 1, 10)))
    check(document)
    values = next(iter(document["ranges"].values()))["values"]
    assert values == sorted(values) and len(values) >= COLUMNS
    assert values[0] == pytest.approx(0.1, abs=1e-4)
    assert values[-1] == pytest.approx(6.0, abs=1e-4)
    steps = np.diff(np.array(values))
    assert steps.max() < 0.11, "no pixel is passed over"


def test_a_hidden_raster_observes_nothing(city: City, store: Any, raster_home: Path) -> None:
    public = TestClient(create_app(city, store, folder=raster_home, audience=PUBLIC), base_url=BASE)
    for path in ("position?coords=POINT(0 0)", "trajectory?coords=LINESTRING(0 0,1 1)"):
        assert public.get(f"{HEIGHTS}/{path}").status_code == 404


def test_a_clerk_sees_the_pixels_of_his_town_only(
    city: City, raster_home: Path, tmp_path: Path
) -> None:
    own = open_store(str(tmp_path / "own.gpkg"), city)
    fill(own, city, 1, [])
    outline = gpd.GeoSeries([shapely.box(WEST, SOUTH, WEST + 500, NORTH)], crs=CRS)
    rows = gpd.GeoDataFrame({"code": ["PS-OH"], "name_zh": ["旧港"]}, geometry=outline)
    with own.transaction() as unit:
        unit.upsert(city.layer("adm_street_town"), rows.to_crs("EPSG:4326"), at=AT, source="test")
    scoped = Audience("town", frozenset({"public"}), scope=Scope(jurisdictions=("PS-OH",)))
    client = TestClient(create_app(city, own, folder=raster_home, audience=scoped), base_url=BASE)
    for column, seen in ((5, True), (50, False)):
        document = ask(client, f"{COVER}/position", coords=wkt((column, 8)), datetime="2021-01-01")
        values = next(iter(document["ranges"].values()))["values"]
        assert values == [int(cover(2021)[8, column]) if seen else None]
    way = ask(client, f"{COVER}/trajectory", coords=wkt((0, 8), (COLUMNS - 1, 8)))
    values = next(iter(way["ranges"].values()))["values"]
    assert values[0] is not None and set(values[-10:]) == {None}
    own.close()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("position", 400),
        ("position?coords=POINT(nan 0)", 400),
        ("position?coords=POINT(0 0)&parameter-name=mood", 400),
        ("position?coords=POINT(0 0)&z=1", 400),
        ("trajectory?coords=POINT(0 0)", 400),
        ("trajectory?coords=LINESTRING(-179 -80,179 80)", 200),
        ("area?coords=POLYGON((0 0,1 0,1 1,0 0))", 404),
        ("locations", 404),
    ],
)
def test_strange_questions_are_answered_in_good_form(
    shown: TestClient, path: str, status: int
) -> None:
    assert shown.get(f"{COVER}/{path}").status_code == status
