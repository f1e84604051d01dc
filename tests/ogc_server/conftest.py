"""A small city with a layer of every kind, served to a client in the same process."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from starlette.testclient import TestClient

from layers.city import City
from layers.store import Store, open_store
from ogc_server import create_app
from tests.ogc_server.rows import fill
from tests.ogc_server.scenes import PHOTO, put_scenes
from tests.postgis import fresh_database, postgis_server

__all__ = ["postgis_server"]

BASE = "http://127.0.0.1:5000"
ROWS = 25
EMPTY = "berth"


def _property(name: str, kind: str, zh: str) -> dict[str, object]:
    return {"name": name, "type": kind, "title": {"en": name, "zh": zh}}


def _layer(key: str, geometry: str, sensitivity: str = "public") -> dict[str, object]:
    return {
        "id": key,
        "title": {"en": f"Layer {key}", "zh": f"图层{key}"},
        "description": {"en": f"Rows of {key}.", "zh": f"{key}的数据。"},
        "domain": "harbour",
        "kind": "thing",
        "geometry": geometry,
        "sensitivity": sensitivity,
        "owner": "harbour_master",
        "id_field": "key",
        "provenance": "invented",
        "properties": [
            _property("key", "string", "编号") | {"required": True},
            _property("length_m", "number", "长度") | {"unit": "m"},
        ],
    } | ({"h3_resolution": 9} if geometry != "None" else {})  # fmt: skip


@pytest.fixture(scope="session")
def city_folder(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Path:
    folder = tmp_path_factory.mktemp("city") / "tiny"
    shutil.copytree(tiny_folder, folder)
    more = [
        _layer("buoy_chain", "MultiPoint"),
        _layer("ferry", "MultiLineString"),
        _layer(EMPTY, "Polygon"),
        _layer("resident", "None", "personal"),
        _layer("resident_home", "Point", "personal"),
    ]
    for layer in more:
        path = folder / "layers" / f"{layer['id']}.yaml"
        path.write_text(yaml.safe_dump(layer, allow_unicode=True), "utf-8")
    photo = folder / "rasters" / "photo.yaml"
    photo.write_text(yaml.safe_dump(PHOTO, allow_unicode=True), "utf-8")
    return folder


@pytest.fixture(scope="session")
def city(city_folder: Path) -> City:
    return City(city_folder)


@pytest.fixture(
    scope="session", params=["geopackage", pytest.param("postgis", marks=pytest.mark.postgis)]
)
def store(
    request: pytest.FixtureRequest, city: City, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    if request.param == "postgis":
        with fresh_database(request.getfixturevalue("postgis_server")) as url:
            yield from _filled(url, city)
    else:
        yield from _filled(str(tmp_path_factory.mktemp("store") / "city.gpkg"), city)


def _filled(url: str, city: City) -> Iterator[Store]:
    opened = open_store(url, city)
    fill(opened, city, ROWS, [key for key in city.layers if key != EMPTY])
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def client(city: City, store: Store) -> TestClient:
    return TestClient(create_app(city, store), base_url=BASE, raise_server_exceptions=False)


@pytest.fixture(scope="session")
def raster_home(city: City, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder beside the store with scenes of every raster."""
    return put_scenes(city, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def shown(city: City, store: Store, raster_home: Path) -> TestClient:
    """A client of a server with rasters."""
    app = create_app(city, store, folder=raster_home)
    return TestClient(app, base_url=BASE, raise_server_exceptions=False)
