"""Servers to be measured: ours on both stores, and peers from packages; one process each."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from layers.city import City

ROOT = Path(__file__).parents[1]
CITY = ROOT / "tests" / "cities" / "tiny"
OURS_GEOPACKAGE, OURS_POSTGIS = "onemap, GeoPackage", "onemap, PostGIS"
STOCK, TIPG = "pygeoapi stock, PostGIS", "tipg, PostGIS"
_START_S = 120


@dataclass(frozen=True)
class Server:
    """A server that runs.

    Attributes
    ----------
    name : for tables.
    collections : path of each layer's items.
    """

    name: str
    port: int
    pid: int
    collections: Mapping[str, str]

    @property
    def peak_mb(self) -> float:
        """Most memory that it has held, MB."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def described(name: str) -> str:
    """Name and version of a peer."""
    return f"{name}, {version('tipg' if name == TIPG else 'pygeoapi')}"


def missing(name: str) -> str | None:
    """Why a peer can't run here; None where it can."""
    needs = {STOCK: "psycopg2", TIPG: "tipg"}.get(name)
    return f"it needs {needs}" if needs and find_spec(needs) is None else None


@contextmanager
def running(name: str, url: str, layers: tuple[str, ...], folder: Path) -> Iterator[Server]:
    """Start a server on a store that is filled, until the end of the block."""
    environment, own = {}, "/collections/{}/items"
    if name == STOCK:
        environment = _stock(url, layers, folder)
    elif name == TIPG:
        environment, own = {"DATABASE_URL": url}, "/collections/public.{}/items"
    port = _free_port()
    command = [sys.executable, "-m", "benchmarks.servers", name, url, str(port)]
    process = subprocess.Popen(command, env={**os.environ, **environment}, cwd=ROOT)
    try:
        _wait_for(process, port)
        yield Server(name, port, process.pid, {layer: own.format(layer) for layer in layers})
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"{process.args!r} does not answer")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _stock(url: str, layers: tuple[str, ...], folder: Path) -> dict[str, str]:
    """Configuration of pygeoapi with its own PostgreSQL provider on our tables."""
    from ogc_server.engine import configuration

    place, database = url.removeprefix("postgresql://").rsplit("/", 1)
    user, address = place.split("@")
    host, port = address.split(":")
    data = {
        "host": host,
        "port": int(port),
        "dbname": database,
        "user": user,
        "password": "",
        "search_path": ["public"],
    }
    resources = {layer: _stock_resource(layer, data) for layer in layers}
    config = configuration({"en": "stock"}, "http://127.0.0.1", resources)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "openapi.json").write_text("{}")
    return {
        "PYGEOAPI_CONFIG": str(folder / "config.json"),
        "PYGEOAPI_OPENAPI": str(folder / "openapi.json"),
    }


def _stock_resource(layer: str, data: dict[str, Any]) -> dict[str, Any]:
    city = City(CITY)
    return {
        "type": "collection",
        "title": layer,
        "description": layer,
        "keywords": [],
        "links": [],
        "extents": {"spatial": {"bbox": list(city.bounds)}},
        "providers": [
            {
                "type": "feature",
                "name": "PostgreSQL",
                "data": data,
                "id_field": "fid",
                "table": layer,
                "geom_field": "geometry",
                "properties": [p.name for p in city.layer(layer).properties],
                "storage_crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
            }
        ],
    }


def _serve(name: str, url: str, port: int) -> None:
    import uvicorn

    app: Any
    if name == STOCK:
        from pygeoapi.starlette_app import APP as app  # noqa: N811
    elif name == TIPG:
        from tipg.main import app
    else:
        from layers.store import open_store
        from ogc_server import create_app

        city = City(CITY)
        app = create_app(city, open_store(url, city))
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))
