"""Where things are: the city's folder, its store, and what is kept beside the store."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

from layers.city import City
from layers.errors import OnemapError

DATABASE_SCHEMES = ("postgresql://", "postgres://", "postgresql+psycopg://")


@dataclass(frozen=True)
class Home:
    """Addresses of one installation.

    Attributes
    ----------
    city_folder : folder of declarations.
    store_url : a GeoPackage's path or a PostgreSQL URL.
    folder : positions, rasters and refused rows are kept here.
    """

    city_folder: Path
    store_url: str
    folder: Path

    @property
    def shown(self) -> str:
        """The store's address for people, without its password."""
        if not self.store_url.startswith(DATABASE_SCHEMES):
            return self.store_url
        return make_url(self.store_url).render_as_string(hide_password=True)

    @property
    def positions(self) -> Path:
        """Folder of the Parquet files of positions."""
        return self.folder / "positions"

    @property
    def rejects(self) -> Path:
        """Folder of the refused lines and rows."""
        return self.folder / "rejects"

    @property
    def access(self) -> Path:
        """Folder of accounts and of the key that signs tokens."""
        return self.folder / "access"

    @property
    def demo(self) -> Path:
        """Folder of the city's generated demo inputs."""
        return self.city_folder / "demo"


def find_city(given: Path | None = None) -> Path:
    """Folder of the city: the given one, or the only one under ``data/``.

    Raises
    ------
    OnemapError
        where there is none, or more than one to choose from.
    """
    if given is not None:
        if not (given / "city.yaml").is_file():
            raise OnemapError(f"{given} holds no city.yaml; a city is a folder of declarations")
        return given
    found = sorted(path.parent for path in Path("data").glob("*/city.yaml"))
    if len(found) == 1:
        return found[0]
    if not found:
        raise OnemapError("no city under data/; name one with --city DIR or ONEMAP_CITY")
    names = ", ".join(str(path) for path in found)
    raise OnemapError(f"several cities under data/ ({names}); choose one with --city DIR")


def locate(city_folder: Path | None = None, store: str | None = None) -> Home:
    """Resolve city and store; the store is ``var/<city>/onemap.gpkg`` unless one is named.

    What is kept beside the store lies in the GeoPackage's own folder, or for PostGIS in
    ``ONEMAP_HOME`` (``var/<city>`` by default).

    Raises
    ------
    OnemapError
        where there is no such city, or the store is another kind of URL.
    """
    city = find_city(city_folder)
    default = Path(os.environ.get("ONEMAP_HOME") or Path("var") / city.resolve().name)
    if store is None:
        return Home(city, str(default / "onemap.gpkg"), default)
    if store.startswith(DATABASE_SCHEMES):
        return Home(city, store, default)
    if "://" in store:
        raise OnemapError(f"'{store}' is no store: name a GeoPackage or a postgresql:// URL")
    file = Path(store.removeprefix("gpkg:"))
    return Home(city, str(file), Path(os.environ.get("ONEMAP_HOME") or file.parent))


def read_city(home: Home) -> City:
    """Read and check the city's declarations."""
    return City(home.city_folder)
