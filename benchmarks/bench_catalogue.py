"""The catalogue with many layers: collections, one collection, the API definition, records.

The city is the tiny one of the tests with one layer declared again and again; each of these layers
has some rows. The figures say nothing about real data.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import yaml
from starlette.testclient import TestClient

from layers.city import City
from layers.store import open_store
from ogc_server import create_app

LAYERS, ROWS, SEED = 2000, 20, 1
AT = datetime(2026, 1, 1, tzinfo=UTC)
_TINY = Path(__file__).parents[1] / "tests" / "cities" / "tiny"
_MODEL = "navigation_mark"


def _city(folder: Path, number: int) -> City:
    copy = folder / "city"
    shutil.copytree(_TINY, copy)
    model = yaml.safe_load((copy / "layers" / f"{_MODEL}.yaml").read_text("utf-8"))
    for i in range(number - len(list((copy / "layers").glob("*.yaml")))):
        key = f"layer_{i:04d}"
        text = yaml.safe_dump({**model, "id": key}, allow_unicode=True)
        (copy / "layers" / f"{key}.yaml").write_text(text, "utf-8")
    return City(copy)


def _fill(store: Any, city: City) -> None:
    random = np.random.default_rng(SEED)
    minx, miny, maxx, maxy = city.bounds
    model = city.layer(_MODEL)
    chosen = next(p.values for p in model.properties if p.values)
    names = {p.name: p for p in model.properties if p.required}
    store.create(*city.layers.values())
    with store.transaction() as transaction:
        for spec in city.layers.values():
            if not spec.id.startswith("layer_"):
                continue
            columns: dict[str, Any] = {
                name: [chosen[0]] * ROWS if p.values else [f"x{i}" for i in range(ROWS)]
                for name, p in names.items()
            }
            columns[spec.id_field] = [f"{i:03d}" for i in range(ROWS)]
            places = gpd.points_from_xy(
                random.uniform(minx, maxx, ROWS), random.uniform(miny, maxy, ROWS)
            )
            rows = gpd.GeoDataFrame(columns, geometry=places, crs="EPSG:4326")
            transaction.upsert(spec, rows, at=AT, source="benchmark")


def _median_ms(work: Callable[[], Any], times: int = 9) -> float:
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        spent.append((time.perf_counter() - start) * 1e3)
    return round(sorted(spent)[times // 2], 1)


def run(layers: int = LAYERS) -> list[dict[str, Any]]:
    """Measure with this many declared layers."""
    with tempfile.TemporaryDirectory() as folder:
        city = _city(Path(folder), layers)
        store = open_store(f"{folder}/many.gpkg", city)
        try:
            _fill(store, city)
            return _rows(city, TestClient(create_app(city, store), base_url="http://127.0.0.1:1"))
        finally:
            store.close()


def _rows(city: City, client: TestClient) -> list[dict[str, Any]]:
    data = f"{len(city.layers):,} declared layers of {ROWS} synthetic points, seed {SEED}"
    found = []
    for what, path in (
        ("first page of collections", "/collections"),
        ("last page of collections", f"/collections?offset={len(city.layers) - 100}"),
        ("one collection", "/collections/layer_0042"),
        ("definition of the whole API", "/openapi"),
        ("definition for one collection", "/openapi?collections=layer_0042"),
        ("records searched", "/collections/catalogue/items?q=0042&limit=10"),
    ):
        start = time.perf_counter()
        answer = client.get(path)
        first = round((time.perf_counter() - start) * 1e3, 1)
        assert answer.status_code == 200, answer.text
        median = _median_ms(lambda path=path: client.get(path))
        size = round(len(answer.content) / 1e6, 3)
        found += [
            {"what": f"catalogue: {what}", "data": data, "value": median, "unit": "ms"},
            {"what": f"catalogue: {what}, the first time", "data": data, "value": first,
             "unit": "ms"},
            {"what": f"catalogue: {what}, size", "data": data, "value": size, "unit": "MB"},
        ]  # fmt: skip
    return found
