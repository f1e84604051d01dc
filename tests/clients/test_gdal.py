"""GDAL reads the server as OGC API – Features."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from layers.query import Query
from tests.clients.conftest import INTERNAL, LAYER, Guarded, Served

pytestmark = pytest.mark.client


@pytest.fixture(scope="session")
def run(program: Callable[[str], str]) -> Callable[..., str]:
    def call(name: str, *arguments: str) -> str:
        done = subprocess.run(
            [program(name), *arguments], capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call


def public(served: Served) -> list[str]:
    """Layers that whoever asks is told of: personal ones are not."""
    layers = served.city.layers.values()
    return [spec.id for spec in layers if spec.sensitivity != "personal"]


def test_ogrinfo_lists_the_layers(run: Callable[..., str], served: Served) -> None:
    listed = run("ogrinfo", f"OAPIF:{served.url}")
    for layer in public(served):
        assert re.search(rf"^\d+: {layer}\b", listed, re.M), listed
    assert "service_request" not in listed


def test_ogrinfo_counts_all_rows_and_finds_their_extent(
    run: Callable[..., str], served: Served
) -> None:
    told = run("ogrinfo", "-so", f"OAPIF:{served.url}", LAYER)
    count = re.search(r"Feature Count: (\d+)", told)
    box = re.search(r"Extent: \(([-\d.]+), ([-\d.]+)\) - \(([-\d.]+), ([-\d.]+)\)", told)
    assert count and int(count[1]) == served.count() == 20_000
    assert box and [float(v) for v in box.groups()] == pytest.approx(served.extent(), abs=1e-6)


def test_ogr2ogr_pages_through_all_rows(
    run: Callable[..., str], served: Served, tmp_path: Path
) -> None:
    target = tmp_path / "copy.geojsonl"
    run("ogr2ogr", "-f", "GeoJSONSeq", str(target), f"OAPIF:{served.url}", LAYER)
    features = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    marks = {feature["properties"]["mark_id"] for feature in features}
    assert len(features) == len(marks) == served.count()


def test_gdal_pushes_a_box_and_an_attribute_down(run: Callable[..., str], served: Served) -> None:
    told = run(
        "ogrinfo", "-so", "-spat", "-75.2", "-42.7", "-75.1", "-42.6",
        "-where", "kind = 'buoy'", f"OAPIF:{served.url}", LAYER,
    )  # fmt: skip
    count = re.search(r"Feature Count: (\d+)", told)
    assert count and 0 < int(count[1]) < served.count()


def test_a_register_without_places_is_read(run: Callable[..., str], served: Served) -> None:
    told = run("ogrinfo", "-al", f"OAPIF:{served.url}", "vessel_registry")
    assert told.count("OGRFeature(vessel_registry)") == served.count("vessel_registry")


def test_the_other_driver_lists_and_reads_the_collections(
    run: Callable[..., str], served: Served
) -> None:
    listed = run("ogrinfo", f"OGCAPI:{served.url}")
    assert all(f"/collections/{layer}?" in listed for layer in public(served))
    source = f"OGCAPI:{served.url}/collections/wim_station"
    told = run("ogrinfo", "-so", "-al", "-oo", "API=ITEMS", source)
    count = re.search(r"Feature Count: (\d+)", told)
    assert count and int(count[1]) == served.count("wim_station")


def test_tiles_are_read_one_by_one(run: Callable[..., str], served: Served) -> None:
    minx, miny, maxx, maxy = served.extent()
    tile = tile_of(minx + (maxx - minx) / 2, miny + (maxy - miny) / 2, 14)
    url = f"{served.url}/collections/{LAYER}/tiles/WebMercatorQuad/{tile}?f=mvt"
    told = run("ogrinfo", "-so", "-al", f"MVT:/vsicurl/{url}")
    count = re.search(rf"Layer name: {LAYER}\b.*?Feature Count: (\d+)", told, re.S)
    assert count and int(count[1]) > 0


def tile_of(lon: float, lat: float, level: int) -> str:
    """Level, row and column of the tile that a place lies in."""
    x = (lon + 180) / 360
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
    return f"{level}/{int(y * 2**level)}/{int(x * 2**level)}"


@pytest.mark.parametrize("way", ["GDAL_HTTP_USERPWD", "GDAL_HTTP_HEADERS"])
def test_with_credentials_an_internal_layer_is_read(
    run: Callable[..., str], guarded: Guarded, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {
        "GDAL_HTTP_USERPWD": f"{guarded.name}:{guarded.secret}",
        "GDAL_HTTP_HEADERS": f"Authorization: Bearer {guarded.token}",
    }
    monkeypatch.setenv(way, told[way])
    seen = run("ogrinfo", "-so", f"OAPIF:{guarded.url}", INTERNAL)
    count = re.search(r"Feature Count: (\d+)", seen)
    assert count and int(count[1]) == guarded.count(INTERNAL) > 0


def test_without_them_it_does_not_exist(run: Callable[..., str], guarded: Guarded) -> None:
    listed = run("ogrinfo", f"OAPIF:{guarded.url}")
    assert LAYER in listed and INTERNAL not in listed


_NEWER = """
import json, sys, pyogrio
found = pyogrio.read_dataframe(
    f"OGCAPI:{sys.argv[1]}", layer=0, API="TILES", TILEMATRIXSET="WebMercatorQuad"
)
print(json.dumps({"version": pyogrio.__gdal_version__, "fids": sorted(set(found["fid"])),
                  "crs": found.crs.to_epsg()}))
"""


def test_the_gdal_of_pyogrio_reads_vector_tiles_as_a_layer(served: Served) -> None:
    # Debian's GDAL 3.6 opens no vector tiles by this driver.
    address = f"{served.url}/collections/{INTERNAL}"
    done = subprocess.run(
        [sys.executable, "-c", _NEWER, address],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["crs"] == 3857 and found["version"] >= [3, 9]
    assert found["fids"] == sorted(served.store.page(Query(INTERNAL)).fids)
