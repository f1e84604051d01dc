"""A real server on a free port of this machine, over a store filled from a seed."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn
from starlette.types import ASGIApp

from layers.city import City
from layers.query import Box, Query
from layers.store import Store, open_store
from tests.ogc_server.rows import AT, rows

FEW, MANY = 50, 20_000
LAYER = "navigation_mark"


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


def filled_store(city: City, path: Path, many: int = MANY, few: int = FEW) -> Store:
    """A GeoPackage with ``many`` rows of one layer and a ``few`` of each other."""
    store = open_store(str(path), city)
    store.create(*city.layers.values())
    with store.transaction() as writing:
        for spec in city.layers.values():
            number = many if spec.id == LAYER else few
            writing.upsert(spec, rows(spec, city, number), at=AT, source="test")
    return store


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def running(app: ASGIApp, port: int = 0) -> Iterator[str]:
    """Serve by uvicorn in a thread, from the first answer to the end of the block."""
    port = port or free_port()
    settings = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning")
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url)
        yield url
    finally:
        server.should_exit = True
        thread.join(timeout=10)


def _wait(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{url}/conformance", timeout=5)
        except httpx.TransportError:
            continue
        return
    raise TimeoutError("the server did not start")
