"""GDAL reads the server as OGC API – Features."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.conftest import LAYER, Served

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


def test_ogrinfo_lists_the_layers(run: Callable[..., str], served: Served) -> None:
    listed = run("ogrinfo", f"OAPIF:{served.url}")
    for spec in served.city.layers.values():
        assert re.search(rf"^\d+: {spec.id}\b", listed, re.M), listed


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
