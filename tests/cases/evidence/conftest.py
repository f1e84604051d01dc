"""Yards on both stores."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import make_url

from layers.city import City
from layers.positions import PositionStore
from layers.store import open_store
from tests.cases.evidence.yard import Yard, build
from tests.layers.conftest import BACK_ENDS
from tests.postgis import fresh_database


@pytest.fixture(scope="session")
def city(tiny_folder: Path) -> City:
    return City(tiny_folder)


@pytest.fixture(scope="session")
def built(city: City, tmp_path_factory: pytest.TempPathFactory) -> Yard:
    """A yard in a GeoPackage that is closed, to be copied."""
    folder = tmp_path_factory.mktemp("yard")
    opened = open_store(str(folder / "city.gpkg"), city)
    made = build(city, opened, folder)
    opened.close()
    return made


@pytest.fixture(scope="session")
def built_postgis(
    city: City, postgis_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Yard]:
    """A yard in a PostGIS database that nobody is connected to, to be copied."""
    with fresh_database(postgis_server) as url:
        opened = open_store(url, city)
        made = build(city, opened, tmp_path_factory.mktemp("yard"))
        opened.close()
        yield made


@pytest.fixture(params=BACK_ENDS)
def yard(request: pytest.FixtureRequest, city: City, built: Yard, tmp_path: Path) -> Iterator[Yard]:
    """A yard that a test may change, on each store."""
    folder = tmp_path / "yard"
    if request.param == "geopackage":
        shutil.copytree(built.folder, folder)
        opened = open_store(str(folder / "city.gpkg"), city)
        positions = PositionStore(folder / "positions")
        yield replace(built, store=opened, folder=folder, positions=positions)
        opened.close()
        return
    server = request.getfixturevalue("postgis_server")
    template = request.getfixturevalue("built_postgis").store.url
    with fresh_database(server, make_url(template).database) as url:
        opened = open_store(url, city)
        shutil.copytree(built.folder, folder)
        positions = PositionStore(folder / "positions")
        yield replace(built, store=opened, folder=folder, positions=positions)
        opened.close()
