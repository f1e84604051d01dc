"""Stores to test, the same for every back end, and layers to keep in them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import psycopg
import pytest
import shapely

from layers.city import City
from layers.spec import GeometryType, LayerSpec, PropertySpec, PropertyType
from layers.store import Store, open_store
from layers.text import Text

BACK_ENDS = ["geopackage", pytest.param("postgis", marks=pytest.mark.postgis)]
MONDAY = datetime(2020, 6, 29, 12, tzinfo=UTC)
DAY = timedelta(days=1)

_ALL_TYPES: dict[str, PropertyType] = {
    "code": "string",
    "name": "string",
    "lamps": "integer",
    "height_m": "number",
    "lit": "boolean",
    "built": "date",
    "seen_at": "datetime",
    "notes": "json",
}


def make_spec(
    layer: str = "mark",
    geometry: GeometryType = "Point",
    properties: dict[str, PropertyType] | None = None,
    time_field: str | None = "seen_at",
    resolution: int = 8,
) -> LayerSpec:
    """A layer declared on the fly, with a property of every type."""
    types = properties or _ALL_TYPES
    return LayerSpec(
        id=layer,
        title=Text(en=layer, zh=layer),
        description=Text(en=layer, zh=layer),
        domain="test",
        kind="thing",
        geometry=geometry,
        properties=tuple(
            PropertySpec(name=n, type=t, title=Text(en=n, zh=n)) for n, t in types.items()
        ),
        id_field="code",
        time_field=time_field,
        h3_resolution=None if geometry == "None" else resolution,
        owner="test",
    )


def make_rows(codes: list[str], shapes: list[Any] | None = None, **columns: Any) -> Any:
    """Rows of a layer; places are near (121.5, 31.2) unless given."""
    if shapes is None:
        shapes = [shapely.Point(121.5 + i / 1000, 31.2) for i in range(len(codes))]
    return gpd.GeoDataFrame({"code": codes, **columns}, geometry=shapes, crs="EPSG:4326")


Put = Callable[..., Any]


def put(store: Store, spec: LayerSpec, rows: Any, at: datetime = MONDAY) -> Any:
    """Write rows in a transaction of their own."""
    with store.transaction() as tx:
        return tx.upsert(spec, rows, at=at, source="test")


@pytest.fixture(scope="session")
def tiny_city(tiny_folder: Path) -> City:
    """The declarations that the stores are opened with."""
    return City(tiny_folder)


@contextmanager
def own_schema(database: str) -> Iterator[str]:
    """URL of an empty store that shares a database with others."""
    schema = f"s_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f'CREATE SCHEMA "{schema}"')
    yield f"{database}?options=-csearch_path%3D{schema},public"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f'DROP SCHEMA "{schema}" CASCADE')


@pytest.fixture(params=BACK_ENDS)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty store of each back end."""
    if request.param == "geopackage":
        yield str(tmp_path / "city.gpkg")
        return
    with own_schema(request.getfixturevalue("postgis_database")) as url:
        yield url


@pytest.fixture
def store(store_url: str, tiny_city: City) -> Iterator[Store]:
    """An empty store of each back end."""
    opened = open_store(store_url, tiny_city)
    yield opened
    opened.close()
