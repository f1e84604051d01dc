"""QGIS, headless, reads the server with its OGC API – Features provider."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from layers.query import Query
from tests.clients.conftest import LAYER, Served

pytestmark = pytest.mark.client
SCRIPT = Path(__file__).parent / "qgis_script.py"
BOX = (-75.2, -42.7, -75.15, -42.65)


@pytest.fixture(scope="module")
def seen(qgis_python: str, served: Served, tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = tmp_path_factory.mktemp("qgis")
    surroundings = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
    surroundings |= {"QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": str(home)}
    names = ",".join(spec.id for spec in served.city.layers.values())
    box = ",".join(map(str, BOX))
    done = subprocess.run(
        [qgis_python, str(SCRIPT), served.url, names, LAYER, box],
        capture_output=True, text=True, check=False, timeout=600, env=surroundings,
    )  # fmt: skip
    results = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert results, done.stdout + done.stderr
    return json.loads(results[-1].removeprefix("RESULT "))


def test_every_layer_opens_with_all_its_rows(seen: Any, served: Served) -> None:
    for spec in served.city.layers.values():
        if spec.sensitivity == "personal":
            continue
        layer = seen[spec.id]
        assert layer["valid"], (spec.id, layer)
        assert layer["seen"] == served.count(spec.id), spec.id


def test_20000_rows_are_counted_and_lie_where_the_store_has_them(seen: Any, served: Served) -> None:
    layer = seen[LAYER]
    assert layer["counted"] == layer["seen"] == served.count() == 20_000
    assert layer["box"] == pytest.approx(served.extent(), abs=1e-6)
    assert layer["extent"] == pytest.approx(served.extent(), abs=1e-6)


def test_fields_are_the_declared_properties(seen: Any, served: Served) -> None:
    declared = {p.name for p in served.city.layer(LAYER).properties}
    assert declared <= set(seen[LAYER]["fields"])


def test_a_box_finds_the_same_rows_as_the_store(seen: Any, served: Served) -> None:
    assert seen["within"] == served.store.count(Query(LAYER, bbox=BOX)) > 0
