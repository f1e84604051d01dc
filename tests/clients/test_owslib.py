"""OWSLib reads the server with its clients of the OGC APIs, with and without credentials."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import owslib.ogcapi
import pytest
import rasterio
from owslib.ogcapi.coverages import Coverages
from owslib.ogcapi.edr import EnvironmentalDataRetrieval
from owslib.ogcapi.features import Features
from owslib.ogcapi.maps import Maps
from owslib.ogcapi.processes import Processes
from owslib.ogcapi.records import Records
from owslib.util import Authentication
from PIL import Image

from layers.city import City
from layers.query import Query
from ogc_server import create_app
from tests.clients.conftest import INTERNAL, LAYER, Guarded, Served
from tests.ogc_server import scenes
from tests.served import filled_store, running

pytestmark = pytest.mark.client
BOX = [-75.2, -42.7, -75.15, -42.65]


@pytest.fixture(autouse=True)
def no_shared_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    """OWSLib keeps the headers of all its clients, and so their credentials, in one place."""
    monkeypatch.setattr("owslib.ogcapi.REQUEST_HEADERS", dict(owslib.ogcapi.REQUEST_HEADERS))


def test_features_are_listed_described_and_asked_for(served: Served) -> None:
    api = Features(served.url)
    assert set(served.city.layers) - set(api.feature_collections()) <= {
        spec.id for spec in served.city.layers.values() if not spec.has_geometry
    }
    assert "kind" in api.collection_queryables(LAYER)["properties"]
    page = api.collection_items(LAYER, limit=7, bbox=BOX)
    assert page["numberMatched"] == served.store.count(Query(LAYER, bbox=tuple(BOX))) > 7
    assert len(page["features"]) == 7
    one = page["features"][0]
    assert api.collection_item(LAYER, one["id"])["geometry"] == one["geometry"]


def test_a_filter_is_passed_on(served: Served) -> None:
    found = Features(served.url).collection_items(LAYER, filter="kind = 'buoy'", limit=50)
    assert {f["properties"]["kind"] for f in found["features"]} == {"buoy"}
    assert 50 < found["numberMatched"] < served.count()


def test_records_tell_of_every_layer(served: Served) -> None:
    api = Records(served.url)
    (catalogue,) = api.records()
    found = api.collection_items(catalogue, limit=100)
    told = {spec.id for spec in served.city.layers.values() if spec.sensitivity != "personal"}
    assert {record["id"] for record in found["features"]} >= told
    words = api.collection_items(catalogue, q="buoy")
    assert LAYER in {record["id"] for record in words["features"]}


def test_processes_are_described_and_executed(served: Served) -> None:
    api = Processes(served.url)
    assert "echo" in {process["id"] for process in api.processes()}
    assert api.process("echo")["inputs"]
    done = api.execute("h3-aggregate", {"collection": LAYER, "resolution": 5})
    assert done


def test_environmental_data_are_queried_by_area(served: Served) -> None:
    api = EnvironmentalDataRetrieval(served.url)
    assert LAYER in {one if isinstance(one, str) else one["id"] for one in api.data()}
    west, south, east, north = BOX
    corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
    ring = ", ".join(f"{x} {y}" for x, y in corners)
    answer = api.query_data(LAYER, "area", coords=f"POLYGON(({ring}))")
    inside = served.store.count(Query(LAYER, bbox=tuple(BOX)))
    points = [one for one in answer["coverages"] if one["domain"]["domainType"] == "Point"]
    assert answer["type"] == "CoverageCollection" and len(points) == inside


@pytest.fixture(scope="module")
def rasters(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    city, home = City(tiny_folder), tmp_path_factory.mktemp("rasters")
    store = filled_store(city, home / "city.gpkg", many=1, few=1)
    scenes.put_scenes(city, home)
    with running(create_app(city, store, folder=home)) as url:
        yield url
    store.close()


def test_a_coverage_comes_as_a_file(rasters: str) -> None:
    api = Coverages(rasters)
    assert {"elevation", "land_cover"} <= set(api.coverages())
    with rasterio.open(api.coverage("elevation", scale_size="x(60),y(40)")) as file:
        values = file.read(1, masked=True)
    heights = scenes.heights()
    assert values.count() and heights.min() - 1 <= values.min() <= values.max() <= heights.max() + 1


def test_a_map_comes_as_a_picture(rasters: str) -> None:
    api = Maps(rasters)
    assert "land_cover" in api.maps()
    picture = Image.open(api.map("land_cover", width=120, height=80)).convert("RGB")
    assert picture.size == (120, 80) and len(picture.getcolors(120 * 80) or []) >= 4


def test_with_an_app_password_an_internal_layer_is_read(guarded: Guarded) -> None:
    auth = Authentication(username=guarded.name, password=guarded.secret)
    page = Features(guarded.url, auth=auth).collection_items(INTERNAL, limit=1)
    assert page["numberMatched"] == guarded.count(INTERNAL) > 0


def test_with_a_token_too(guarded: Guarded) -> None:
    api = Features(guarded.url, headers={"Authorization": f"Bearer {guarded.token}"})
    assert INTERNAL in api.feature_collections()


def test_without_them_it_does_not_exist(guarded: Guarded) -> None:
    api = Features(guarded.url)
    assert INTERNAL not in api.feature_collections() and LAYER in api.feature_collections()
    with pytest.raises(RuntimeError, match=r"NotFound|404"):
        api.collection_items(INTERNAL)
