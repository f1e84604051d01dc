"""What is in a cell, over 50 layers: one statement for all, and the first rows of each.

The layers are the demo city's with synthetic rows; the biggest has 100,000, then 1,000,000 points.
A cell of level 8 (about half a km²) is asked for, among the rows of all layers.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from layers.city import City
from layers.query import EVERYTHING, Query
from layers.spec import LayerSpec
from layers.store import Store, open_store
from ogc_server.cells import zones
from tests.postgis import NoServer, fresh_database, running_server

SEED, LAYERS, ROWS = 1, 50, 2000
BIG = "vessel_position"
SIZES = (100_000, 1_000_000)
AT = datetime(2026, 1, 1, tzinfo=UTC)
_BOX = (121.3, 30.9, 121.9, 31.4)


def _shapes(spec: LayerSpec, n: int, random: Any) -> Any:
    minx, miny, maxx, maxy = _BOX
    points = shapely.points(random.uniform(minx, maxx, n), random.uniform(miny, maxy, n))
    if spec.geometry in ("Point", "Geometry"):
        return points
    xy = shapely.get_coordinates(points)
    if "Line" in spec.geometry:
        shapes = shapely.linestrings(np.stack([xy, xy + random.normal(0, 0.003, (n, 2))], 1))
    else:
        shapes = shapely.box(xy[:, 0], xy[:, 1], xy[:, 0] + 0.0008, xy[:, 1] + 0.0008)
    return shapely.multilinestrings(shapes[:, None]) if "MultiLine" in spec.geometry else shapes


def rows_of(spec: LayerSpec, n: int, first: int = 0) -> gpd.GeoDataFrame:
    """Synthetic rows of a layer, required properties filled."""
    random = np.random.default_rng([SEED, first])
    columns: dict[str, Any] = {}
    for p in spec.properties:
        if p.values:
            columns[p.name] = [p.values[0]] * n
        elif p.type in ("integer", "number"):
            columns[p.name] = np.full(n, max(p.minimum or 0, 0))
        elif p.type == "datetime":
            columns[p.name] = pd.to_datetime([AT] * n, utc=True)
        elif p.type == "string":
            columns[p.name] = ["x"] * n
    columns[spec.id_field] = [f"{first + i:09d}" for i in range(n)]
    return gpd.GeoDataFrame(columns, geometry=_shapes(spec, n, random), crs="EPSG:4326")


def _chosen(city: City) -> list[str]:
    kinds = ("Point", "LineString", "Polygon", "Geometry", "MultiLineString")
    fit = [s.id for s in city.layers.values() if s.geometry in kinds and s.id != BIG]
    return [BIG, *fit[: LAYERS - 1]]


def _median_ms(work: Callable[[int], Any], times: int = 60) -> float:
    spent = []
    for number in range(times):
        start = time.perf_counter()
        work(number)
        spent.append((time.perf_counter() - start) * 1e3)
    return round(sorted(spent)[times // 2], 2)


def measure(store: Store, layers: list[str]) -> dict[str, float]:
    """Median time of a cell over all layers: numbers and ids, then with the first ten rows."""
    random = np.random.default_rng(SEED)
    minx, miny, maxx, maxy = _BOX
    cells = [
        zones.at_point(float(x), float(y), 8)
        for x, y in zip(random.uniform(minx, maxx, 60), random.uniform(miny, maxy, 60), strict=True)
    ]
    outlines = [zones.outline(cell) for cell in cells]

    def found(number: int) -> Any:
        return store.meeting(layers, cells[number], outlines[number], EVERYTHING, 10)

    def with_rows(number: int) -> Any:
        met = zip(layers, found(number), strict=True)
        return [store.page(Query(name, fids=one.fids)) for name, one in met if one.number]

    found(0)
    return {"numbers and ids": _median_ms(found), "with rows": _median_ms(with_rows)}


def run(sizes: tuple[int, ...] = SIZES) -> list[dict[str, Any]]:
    """Measure both stores; PostGIS is left out where it is not."""
    city = City(Path(__file__).parents[1] / "data" / "pudong")
    with tempfile.TemporaryDirectory() as folder:
        found = _grown("GeoPackage", open_store(f"{folder}/cells.gpkg", city), city, sizes)
    try:
        with running_server() as server, fresh_database(server) as url:
            found += _grown("PostGIS", open_store(url, city), city, sizes)
    except NoServer as reason:
        print(f"without PostGIS: {reason}", file=sys.stderr)
    return found


def _grown(name: str, store: Store, city: City, sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    layers, found, written = _chosen(city), [], 0
    try:
        for layer in layers:
            store.create(city.layer(layer))
        with store.transaction() as transaction:
            for layer in layers[1:]:
                spec = city.layer(layer)
                transaction.upsert(spec, rows_of(spec, ROWS), at=AT, source="benchmark")
        for size in sizes:
            spec = city.layer(BIG)
            with store.transaction() as transaction:
                rows = rows_of(spec, size - written, written)
                transaction.upsert(spec, rows, at=AT, source="benchmark")
            written = size
            data = f"{len(layers)} layers, the biggest of {size:,} synthetic points, seed {SEED}"
            for what, value in measure(store, layers).items():
                row = {"what": f"{name}: a cell over all layers, {what}", "data": data}
                found.append({**row, "value": value, "unit": "ms"})
    finally:
        store.close()
    return found
