"""GDAL reads rasters of the server by OGC API – Coverages and OGC API – Maps."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio

from layers.city import City
from layers.rasters.grid import box_between
from layers.store import open_store
from ogc_server import create_app
from tests.ogc_server import scenes
from tests.served import running

pytestmark = pytest.mark.client


@pytest.fixture(scope="session")
def url(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    city, home = City(tiny_folder), tmp_path_factory.mktemp("rasters")
    store = open_store(str(home / "city.gpkg"), city)
    store.create(*city.layers.values())
    scenes.put_scenes(city, home)
    with running(create_app(city, store, folder=home)) as address:
        yield address
    store.close()


def run(program: Callable[[str], str], folder: Path, name: str, *arguments: str) -> str:
    done = subprocess.run(
        [program(name), *arguments], capture_output=True, text=True, check=False, timeout=300,
        cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_values_come_as_a_coverage(url: str, program: Callable[[str], str], tmp_path: Path) -> None:
    copy = tmp_path / "heights.tif"
    source = f"OGCAPI:{url}/collections/elevation"
    size = ("-outsize", "120", "80")
    run(program, tmp_path, "gdal_translate", "-q", "-oo", "API=COVERAGE", *size, source, str(copy))
    with rasterio.open(copy) as file:
        assert file.crs == "EPSG:4326"
        for row, column in [(5, 5), (20, 30), (35, 55)]:
            x = scenes.WEST + (column + 0.5) * scenes.PIXEL
            y = scenes.NORTH - (row + 0.5) * scenes.PIXEL
            place = box_between((x, y, x, y), scenes.CRS, "EPSG:4326")
            assert place is not None
            found = next(file.sample([place[:2]]))[0]
            assert found == pytest.approx(scenes.heights()[row, column], abs=0.15)


def test_a_picture_comes_as_a_map(url: str, program: Callable[[str], str], tmp_path: Path) -> None:
    copy = tmp_path / "cover.tif"
    source = f"OGCAPI:{url}/collections/land_cover"
    size = ("-outsize", "120", "80")
    run(program, tmp_path, "gdal_translate", "-q", "-oo", "API=MAP", *size, source, str(copy))
    with rasterio.open(copy) as file:
        pixels = file.read()
    assert pixels.shape[0] in (3, 4)
    assert len(np.unique(pixels[:3].reshape(3, -1), axis=1).T) >= 6, "the colours of classes"


def test_rasters_do_not_disturb_the_reading_of_layers(
    url: str, program: Callable[[str], str], tmp_path: Path
) -> None:
    assert "navigation_mark" in run(program, tmp_path, "ogrinfo", f"OAPIF:{url}")
    told = run(program, tmp_path, "ogrinfo", "-so", f"OAPIF:{url}", "navigation_mark")
    assert "Feature Count: 0" in told
