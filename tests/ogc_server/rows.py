"""Rows for any layer, made from its declaration and a seed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import geopandas as gpd
import numpy as np
import orjson
import shapely
from numpy.random import Generator

from layers.city import City
from layers.spec import LayerSpec, PropertySpec
from layers.store import Store

AT = datetime(2026, 1, 1, tzinfo=UTC)
_WORDS = ["静港", "Serene", "'; DROP TABLE x; --", "<script>alert(1)</script>", 'a&b "c"', "ñandú"]
_START = datetime(2020, 7, 1, tzinfo=UTC)


# Lists for properties that are declared as such.
_LISTS = ([4000, 6000], [4000.0, 6000, 9000.5], [6000], [], [7000, 8000])


def _values(p: PropertySpec, n: int, random: Generator) -> list[Any]:
    if p.items in ("integer", "number"):
        return [orjson.dumps(_LISTS[i]).decode() for i in random.integers(0, len(_LISTS), n)]
    if p.values:
        return [p.values[i] for i in random.integers(0, len(p.values), n)]
    low = 0 if p.minimum is None else p.minimum
    high = 100 if p.maximum is None else p.maximum
    made: dict[str, Any] = {
        "string": lambda: [_WORDS[i] for i in random.integers(0, len(_WORDS), n)],
        "integer": lambda: [int(v) for v in random.integers(int(low), int(high) + 1, n)],
        "number": lambda: [float(v) for v in np.round(random.uniform(low, high, n), 3)],
        "boolean": lambda: [bool(v) for v in random.integers(0, 2, n)],
        "date": lambda: [
            date(2020, 7, 1) + timedelta(days=int(v)) for v in random.integers(0, 30, n)
        ],
        "datetime": lambda: [
            _START + timedelta(minutes=int(v)) for v in random.integers(0, 1440, n)
        ],
        "json": lambda: ['{"measures": [1, 2.5], "words": "静"}'] * n,
    }
    return list(made[p.type]())


def _places(spec: LayerSpec, city: City, n: int, random: Generator) -> Any:
    minx, miny, maxx, maxy = city.bounds
    x = random.uniform(minx + 0.05, maxx - 0.05, n)
    y = random.uniform(miny + 0.05, maxy - 0.05, n)
    points = shapely.points(x, y)
    shapes: dict[str, Any] = {
        "Point": lambda: points,
        "LineString": lambda: [
            shapely.LineString([(a, b), (a + 0.01, b + 0.01)]) for a, b in zip(x, y, strict=True)
        ],
        "Polygon": lambda: shapely.buffer(points, 0.005, quad_segs=2),
        "MultiPoint": lambda: [
            shapely.MultiPoint([(a, b), (a + 0.01, b)]) for a, b in zip(x, y, strict=True)
        ],
        "MultiLineString": lambda: [
            shapely.MultiLineString([[(a, b), (a + 0.01, b)]]) for a, b in zip(x, y, strict=True)
        ],
        "MultiPolygon": lambda: [
            shapely.MultiPolygon([shapely.box(a, b, a + 0.01, b + 0.01)])
            for a, b in zip(x, y, strict=True)
        ],
        "Geometry": lambda: [p if i % 2 else p.buffer(0.01) for i, p in enumerate(points)],
    }
    return shapes[spec.geometry]()


def rows(spec: LayerSpec, city: City, n: int, seed: int = 7) -> gpd.GeoDataFrame:
    """``n`` rows with ids ``<layer>-000001`` and so on; some optional values are missing."""
    random = np.random.default_rng(seed)
    columns: dict[str, list[Any]] = {}
    for p in spec.properties:
        values = _values(p, n, random)
        if not p.required:
            values = [None if i % 5 == 4 else value for i, value in enumerate(values)]
        columns[p.name] = values
    columns[spec.id_field] = [f"{spec.id}-{i:06d}" for i in range(n)]
    geometry = _places(spec, city, n, random) if spec.has_geometry else [None] * n
    return gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries(list(geometry), crs="EPSG:4326"))


def fill(store: Store, city: City, n: int, layers: list[str] | None = None) -> None:
    """Create every layer and write ``n`` rows to those named, or to all.

    The towns take turns: the number in a row's id tells whose it is (see `town_of`).
    """
    store.create(*city.layers.values())
    with store.transaction() as writing:
        for spec in city.layers.values():
            if layers is None or spec.id in layers:
                made = rows(spec, city, n)
                made["jurisdiction"] = [town_of(city, fid) for fid in made[spec.id_field]]
                writing.upsert(spec, made, at=AT, source="test")


def town_of(city: City, fid: str) -> str:
    """Code of the town that a row of `fill` belongs to, from the number in its id."""
    towns = [unit.code for unit in city.jurisdictions.values() if unit.level == "town"]
    return towns[int(fid.rpartition("-")[2]) % len(towns)]
