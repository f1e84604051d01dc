"""Real servers on free ports, with a layer of 20,000 rows, for real clients.

One is open to whoever sits at the machine; at the other, which stands over the same store, a name
is needed to see more than what is public.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from layers.access import PUBLIC
from layers.accounts import Accounts
from layers.city import City
from layers.roles import Account
from ogc_server import create_app
from ogc_server.access.entrance import Entrance
from ogc_server.access.tokens import LocalTokens
from tests.absent import absent
from tests.clients import pages
from tests.served import LAYER, Served, filled_store, running

__all__ = ["LAYER", "Served"]

# A layer of points that does not exist for whoever has no name.
INTERNAL = "vessel_position"
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


@dataclass(frozen=True)
class Guarded(Served):
    """A server with accounts: the name of one, its app password and a token of it."""

    name: str
    secret: str
    token: str


@pytest.fixture(scope="session")
def guarded(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("accounts")
    accounts, tokens = Accounts(folder), LocalTokens(folder)
    accounts.put(Account(name="ana", role="viewer"))
    secret, token = accounts.new_secret("ana"), tokens.issue("ana", time.time(), 1)
    entrance = Entrance(accounts, served.city.roles, tokens, anonymous=PUBLIC, alone=PUBLIC)
    with running(create_app(served.city, served.store, entrance=entrance)) as url:
        yield Guarded(url, served.city, served.store, "ana", secret, token)


@pytest.fixture(scope="session")
def web(program: Callable[[str], str]) -> Iterator[str]:
    """Address of the pages of the web clients, whose packages are there by now."""
    pages.install(program("npm"))
    with pages.pages() as home:
        yield home


@pytest.fixture
def look(program: Callable[[str], str], web: str, tmp_path: Path) -> Callable[..., pages.Looked]:
    """Open one of the pages in a browser."""

    def call(page: str, **values: str) -> pages.Looked:
        address = f"{web}/{page}.html"
        picture = tmp_path / f"{page}.png"
        return pages.look(program("node"), program("chromium"), address, picture, **values)

    return call
