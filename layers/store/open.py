"""Open a store by its URL."""

from __future__ import annotations

from pathlib import Path

from layers.city import City
from layers.store.base import Store


def open_store(url: str, city: City) -> Store:
    """Open a store, making it where it does not exist.

    Parameters
    ----------
    url : path of a GeoPackage (``var/city.gpkg`` or ``gpkg:var/city.gpkg``), or ``postgresql://user@host/database``.
    city : declares the layers and the jurisdictions that rows are given.
    """
    if url.startswith(("postgresql://", "postgres://", "postgresql+psycopg://")):
        from layers.store.postgis import PostgisStore

        return PostgisStore(url, city)
    from layers.store.geopackage import GeoPackageStore

    return GeoPackageStore(Path(url.removeprefix("gpkg:")), city)
