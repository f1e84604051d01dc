"""Options that every command has, said once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from layers.city import City
from layers.errors import OnemapError
from layers.store import Store, open_store
from onemap.home import DATABASE_SCHEMES, Home, locate, read_city

CityOption = Annotated[
    Path | None,
    typer.Option(
        "--city", envvar="ONEMAP_CITY", help="Folder that declares the city.", metavar="DIR"
    ),
]
StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="ONEMAP_STORE",
        help="GeoPackage path or postgresql:// URL; var/<city>/onemap.gpkg by default.",
        metavar="URL",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer with JSON instead of a table.")]


@dataclass(frozen=True)
class Opened:
    """A city with its store open."""

    home: Home
    city: City
    store: Store


@contextmanager
def opened(
    city_folder: Path | None, store_url: str | None, *, make: bool = False
) -> Iterator[Opened]:
    """Read the city and open its store for the length of a command.

    Parameters
    ----------
    make : make the store where it does not exist; commands that only read don't.
    """
    home = locate(city_folder, store_url)
    city = read_city(home)
    is_file = not home.store_url.startswith(DATABASE_SCHEMES)
    if is_file and not make and not Path(home.store_url).exists():
        raise OnemapError(f"there is no store {home.store_url}; onemap init or demo makes one")
    store = open_store(home.store_url, city)
    try:
        yield Opened(home, city, store)
    finally:
        store.close()


def now() -> datetime:
    """The clock, read at the edge and passed inwards."""
    return datetime.now(UTC)
