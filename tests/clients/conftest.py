"""A real server on a free port, with a layer of 20,000 rows, for real clients."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from layers.city import City
from ogc_server import create_app
from tests.absent import absent
from tests.served import LAYER, Served, filled_store, running

__all__ = ["LAYER", "Served"]

SYSTEM_PYTHON = "/usr/bin/python3"


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Find a program by name, or skip."""

    def find(name: str) -> str:
        found = shutil.which(name)
        if found is None:
            absent(f"{name} is not installed")
        return found

    return find


@pytest.fixture(scope="session")
def qgis_python() -> str:
    """The system's Python, where it has QGIS."""
    if not Path(SYSTEM_PYTHON).exists():
        absent(f"there is no {SYSTEM_PYTHON}")
    done = subprocess.run(
        [SYSTEM_PYTHON, "-c", "import qgis.core"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        absent("QGIS for Python (python3-qgis) is not installed")
    return SYSTEM_PYTHON


@pytest.fixture(scope="session")
def served(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    city = City(tiny_folder)
    store = filled_store(city, tmp_path_factory.mktemp("served") / "city.gpkg")
    with running(create_app(city, store)) as url:
        yield Served(url, city, store)
    store.close()
