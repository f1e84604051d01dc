"""QGIS draws the server's vector tiles, and opens internal layers by name and password."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pyproj
import pytest

from layers.query import Query
from tests.clients import pages
from tests.clients.conftest import INTERNAL, LAYER, Guarded, Served

pytestmark = pytest.mark.client
SCRIPT = Path(__file__).parent / "qgis_tiles_script.py"
BOX = (-75.11, -42.61, -75.09, -42.59)
RED, SIZE = (200, 0, 0), 600


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiles") / "tiles.png"


@pytest.fixture(scope="module")
def seen(qgis_python: str, served: Served, guarded: Guarded, picture: Path) -> Any:
    home = str(picture.parent)
    surroundings = {"PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8"}
    surroundings |= {"QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": home}
    drawn = [served.url, LAYER, ",".join(map(str, BOX)), str(picture)]
    done = subprocess.run(
        [qgis_python, str(SCRIPT), *drawn, guarded.url, INTERNAL, guarded.name, guarded.secret],
        capture_output=True, text=True, check=False, timeout=300, env=surroundings,
    )  # fmt: skip
    results = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert results, done.stdout + done.stderr
    return json.loads(results[-1].removeprefix("RESULT "))


def test_tiles_are_drawn_where_the_store_has_features(
    seen: Any, served: Served, picture: Path
) -> None:
    assert seen["tiles"]["valid"] and not seen["tiles"]["errors"]
    red = pages.coloured(picture, RED, near=80)
    minx, miny, maxx, maxy = seen["tiles"]["extent"]
    places = served.store.frame(Query(LAYER, bbox=BOX)).geometry
    to_metres = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:3857", always_xy=True)
    hits = []
    for point in places:
        x, y = to_metres.transform(point.x, point.y)
        column = int((x - minx) / (maxx - minx) * SIZE)
        line = int((maxy - y) / (maxy - miny) * SIZE)
        hits.append(red[max(0, line - 2) : line + 3, max(0, column - 2) : column + 3].any())
    assert len(hits) > 20 and sum(hits) > 0.95 * len(hits), "dots lie where the features are"
    assert 0 < red.mean() < 0.5, "and not everywhere"


def test_an_app_password_opens_an_internal_layer(seen: Any, guarded: Guarded) -> None:
    assert seen["with"] == {"valid": True, "seen": guarded.count(INTERNAL)}
    assert guarded.count(INTERNAL) > 0


def test_without_one_or_with_a_wrong_one_it_stays_shut(seen: Any) -> None:
    assert not seen["without"]["valid"] and not seen["wrong"]["valid"]
