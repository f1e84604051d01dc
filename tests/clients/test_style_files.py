"""QGIS opens the styles that the server writes."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.clients.conftest import LAYER, Served

pytestmark = pytest.mark.client
_SCRIPT = """
import json, sys
from qgis.core import QgsApplication, QgsVectorLayer
application = QgsApplication([], False)
application.initQgis()
layer = QgsVectorLayer(f"{sys.argv[1]}|layername={sys.argv[2]}", "layer", "ogr")
found = {"valid": layer.isValid()}
found["qml"] = layer.loadNamedStyle(sys.argv[3])[1]
found["renderer"] = layer.renderer().type()
found["sld"] = layer.loadSldStyle(sys.argv[4])[1]
print(json.dumps(found))
"""


def test_qgis_loads_qml_and_sld(qgis_python: str, served: Served, tmp_path: Path) -> None:
    files = [tmp_path / f"style.{kind}" for kind in ("qml", "sld")]
    for file in files:
        answer = httpx.get(f"{served.url}/styles/{LAYER}?f={file.suffix[1:]}")
        file.write_bytes(answer.raise_for_status().content)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [qgis_python, "-c", _SCRIPT, served.store.url, LAYER, *map(str, files)],
        capture_output=True, text=True, check=False, timeout=120,
        env={**environment, "QT_QPA_PLATFORM": "offscreen"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.strip().splitlines()[-1])
    by = served.city.layer(LAYER).style.by
    renderer = "categorizedSymbol" if by else "singleSymbol"
    assert found == {"valid": True, "qml": True, "renderer": renderer, "sld": True}
