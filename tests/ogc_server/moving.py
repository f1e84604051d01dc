"""A harbour with three towns and vessels that move between them, served to different readers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import h3.api.basic_int as h3
import numpy as np
import pyarrow as pa
import shapely
from starlette.testclient import TestClient

from layers.access import LOCAL, Audience
from layers.city import City
from layers.positions import FIXES, PositionStore, fix_ids
from layers.query import Scope
from layers.store import Store, open_store
from ogc_server import create_app
from tests.ogc_server.rows import AT

BASE = "http://127.0.0.1:5000"
DAY = int(datetime(2020, 7, 1, tzinfo=UTC).timestamp() * 1000)
MINUTE = 60_000
# West to east: Old Harbour, Lighthouse Point, South Sands, each a tenth of a degree wide.
TOWNS = {"PS-OH": -75.2, "PS-LP": -75.1, "PS-SS": -75.0}
SOUTH, NORTH = -42.65, -42.55
OWN, FAR, CROSSING, DARK = "725000001", "725000002", "725000003", "725000004"
TRUCK = "ÑU·12/34"


def clerk(*prefixes: str) -> Audience:
    """A reader who sees everything of some jurisdictions and nothing beyond."""
    return Audience("clerk of " + " ".join(prefixes), LOCAL.sensitivities, Scope(prefixes))


def town(code: str) -> shapely.Polygon:
    """Outline of a town."""
    return shapely.box(TOWNS[code], SOUTH, TOWNS[code] + 0.1, NORTH)


def fixes(
    mover: str, minutes: Iterable[float], lon: Iterable[float], lat: float = -42.6, **more: Any
) -> pa.Table:
    """Fixes of one mover; minutes are counted from the start of the day."""
    t = np.array([DAY + int(m * MINUTE) for m in minutes], np.int64)
    n = len(t)
    x, y = np.array(list(lon), np.float64), np.full(n, lat)
    speed = np.asarray(more.get("sog", np.linspace(1, 2, n)), np.float32)
    course = np.asarray(more.get("cog", np.full(n, 90.0)), np.float32)
    columns = {
        "mover": [mover] * n,
        "t": t,
        "lon": x,
        "lat": y,
        "sog_mps": speed,
        "cog_deg": course,
        "heading_deg": np.full(n, np.nan, np.float32),
        "nav": np.asarray(more.get("nav", np.zeros(n)), np.uint8),
        "acc": np.asarray(more.get("acc", np.full(n, 255)), np.uint8),
        "receiver": [""] * n,
        "quality": np.zeros(n, np.uint16),
        "h3": [h3.latlng_to_cell(b, a, 8) for a, b in zip(x, y, strict=True)],
        "pid": fix_ids(pa.array([mover] * n), t, x, y, speed, course),
    }
    return pa.table(columns, schema=FIXES)


def vessels() -> pa.Table:
    """Fixes of the harbour's vessels.

    OWN stays in Old Harbour, FAR in Lighthouse Point, CROSSING goes from the one to the other and
    back within the hour, DARK is silent for two hours on the way.
    """
    steps = np.arange(0, 60, 5)
    there = np.concatenate([np.linspace(-75.12, -75.08, 6), np.linspace(-75.08, -75.12, 6)])
    return pa.concat_tables(
        [
            fixes(OWN, steps, np.linspace(-75.19, -75.15, 12)),
            fixes(FAR, steps, np.linspace(-75.09, -75.05, 12), sog=np.full(12, 7.5)),
            fixes(CROSSING, steps, there),
            fixes(DARK, [0, 10, 130, 140], [-75.18, -75.17, -75.12, -75.11]),
        ]
    )


@dataclass(frozen=True)
class Harbour:
    """A city with its store, positions and clients."""

    city: City
    store: Store
    folder: Path

    def client(self, audience: Audience = LOCAL) -> TestClient:
        """Return a client of one audience."""
        app = create_app(self.city, self.store, audience=audience, folder=self.folder)
        return TestClient(app, base_url=BASE, raise_server_exceptions=False)


def build(city_folder: Path, folder: Path) -> Harbour:
    """Fill a harbour."""
    city = City(city_folder)
    store = open_store(str(folder / "city.gpkg"), city)
    store.create(*city.layers.values())
    outlines = gpd.GeoDataFrame(
        {"code": list(TOWNS), "name_zh": list(TOWNS)},
        geometry=[town(code) for code in TOWNS],
        crs="EPSG:4326",
    )
    last = gpd.GeoDataFrame(
        {
            "mmsi": [OWN, FAR],
            "time": [datetime(2020, 7, 1, tzinfo=UTC)] * 2,
            "name": ["OWN SHIP", "FAR SHIP"],
            "ship_type": [70, 80],
            "sog_mps": [1.5, 7.5],
        },
        geometry=[shapely.Point(-75.15, -42.6), shapely.Point(-75.05, -42.6)],
        crs="EPSG:4326",
    )
    with store.transaction() as unit:
        unit.upsert(city.layer("adm_street_town"), outlines, at=AT, source="test")
    with store.transaction() as unit:
        unit.upsert(city.layer("vessel_position"), last, at=AT, source="test")
    positions = PositionStore(folder / "positions")
    positions.write("ais", vessels(), "batch")
    truck = fixes(TRUCK, [0, 1, 2], [-75.19, -75.189, -75.188], acc=[1, 0, 255])
    positions.write("gps", truck, "batch")
    return Harbour(city, store, folder)
