"""A real server on a free port, with a layer of 20,000 rows, for real clients."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn

from layers.city import City
from layers.query import Box, Query
from layers.store import Store, open_store
from ogc_server import create_app
from tests.absent import absent
from tests.ogc_server.rows import AT, rows

ROWS = 20_000
LAYER = "navigation_mark"
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


@dataclass(frozen=True)
class Served:
    """A running server and what its store holds."""

    url: str
    city: City
    store: Store

    def count(self, layer: str = LAYER) -> int:
        return self.store.count(Query(layer))

    def extent(self, layer: str = LAYER) -> Box:
        box = self.store.extent(Query(layer))
        assert box is not None
        return box


@pytest.fixture(scope="session")
def served(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    city = City(tiny_folder)
    store = open_store(str(tmp_path_factory.mktemp("served") / "city.gpkg"), city)
    for spec in city.layers.values():
        store.create(spec)
    with store.transaction() as writing:
        for spec in city.layers.values():
            number = ROWS if spec.id == LAYER else 50
            writing.upsert(spec, rows(spec, city, number), at=AT, source="test")
    with _running(city, store) as url:
        yield Served(url, city, store)
    store.close()


class _running:
    """uvicorn in a thread, from the first answer to the end of the block."""

    def __init__(self, city: City, store: Store) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        app = create_app(city, store)
        settings = uvicorn.Config(app, host="127.0.0.1", port=self._port, log_level="warning")
        self._server = uvicorn.Server(settings)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        url = f"http://127.0.0.1:{self._port}"
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                httpx.get(f"{url}/conformance", timeout=5).raise_for_status()
            except httpx.TransportError:
                continue
            return url
        raise TimeoutError("the server did not start")

    def __exit__(self, *failure: object) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)
