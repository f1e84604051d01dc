"""The CQL2 standard's own abstract tests, on its own data, through both stores."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest

from layers.city import City
from layers.query import Query
from layers.spec import GeometryType, LayerSpec, PropertyType
from layers.store import Store, open_store
from layers.store.filter import parse_cql2_text
from tests.layers.conftest import BACK_ENDS, make_spec

pytestmark = pytest.mark.real
LAYERS: dict[str, GeometryType] = {
    "ne_110m_admin_0_countries": "MultiPolygon",
    "ne_110m_populated_places_simple": "Point",
    "ne_110m_rivers_lake_centerlines": "MultiLineString",
}
PLACES = "ne_110m_populated_places_simple"
COMBINED = "(NOT ({p2}) AND {p1}) OR ({p3} and {p4}) or not ({p1} OR {p4})"
# Tables of the standard that contradict its data, with what the data say: one place only
# (Chișinău) begins with "chis"; two would begin with "chi".
ERRATA = {"ACCENTI(CASEI(name)) LIKE accenti(casei('cHis%'))": 1}


def _type(name: str, dtype: str) -> PropertyType:
    if name == "boolean" or dtype == "bool":
        return "boolean"
    if dtype.startswith("datetime"):
        return "date" if dtype == "datetime64[D]" else "datetime"
    if dtype.startswith("int"):
        return "integer"
    return "number" if dtype.startswith("float") else "string"


def load(store: Store | None, file: Path, layer: str) -> LayerSpec:
    """Write a layer under our naming rules: lower case, geometry called ``geometry``."""
    information = pyogrio.read_info(file, layer=layer)
    pairs = zip(information["fields"], information["dtypes"], strict=True)
    types = {str(n).lower(): _type(str(n).lower(), str(t)) for n, t in pairs}
    rows = gpd.read_file(file, layer=layer)
    rows = rows.rename(columns={c: c.lower() for c in rows.columns if c != "geometry"})
    rows["code"] = [str(i) for i in range(len(rows))]
    for name, kind in types.items():
        if kind == "boolean":
            rows[name] = rows[name].astype("boolean")
        elif kind == "datetime":
            rows[name] = pd.to_datetime(rows[name], utc=True)
    spec = make_spec(layer, LAYERS[layer], {"code": "string", **types}, None, 2)
    if store is None:
        return spec
    store.create(spec)
    with store.transaction() as tx:
        tx.upsert(spec, rows, at=datetime(2024, 1, 1, tzinfo=UTC), source="test")
    return spec


@pytest.fixture(scope="module", params=BACK_ENDS)
def world(
    request: pytest.FixtureRequest,
    real_data: Path,
    tiny_city: City,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Store]:
    url = str(tmp_path_factory.mktemp("world") / "world.gpkg")
    if request.param == "postgis":
        url = request.getfixturevalue("postgis_database")
    store = open_store(url, tiny_city)
    for layer in LAYERS:
        load(store, real_data / "ogc" / "ne110m4cql2.gpkg", layer)
    yield store
    store.close()


def ours(node: Any) -> Any:
    if isinstance(node, list):
        return [ours(n) for n in node]
    if not isinstance(node, dict):
        return node
    if "property" in node:
        name = node["property"].lower()
        return {"property": "geometry" if name == "geom" else name}
    return {key: ours(value) for key, value in node.items()}


def read_table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "ogc" / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _count(store: Store, layer: str, text: str) -> int:
    return store.count(Query(layer, where=ours(parse_cql2_text(text))))


def test_every_predicate_of_the_standard_gives_its_count(world: Store, real_data: Path) -> None:
    rows = read_table(real_data, "cql2_predicates_expected.csv")
    assert len(rows) == 144
    wrong = []
    for row in rows:
        expected = ERRATA.get(row["predicate"], int(row["expected_items"]))
        answer = _count(world, row["data_source"], row["predicate"])
        if answer != expected:
            wrong.append((row["predicate"], expected, answer))
    assert not wrong


def test_every_combination_of_the_standard_gives_its_count(world: Store, real_data: Path) -> None:
    rows = read_table(real_data, "cql2_combinations_expected.csv")
    assert len(rows) == 51
    wrong = []
    for row in rows:
        answer = _count(world, PLACES, COMBINED.format(**row))
        if answer != int(row["expected_items"]):
            wrong.append((row, answer))
    assert not wrong
