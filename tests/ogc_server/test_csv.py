"""Rows as CSV: complete, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import geopandas as gpd
import pytest
import shapely
from starlette.testclient import TestClient

from layers.city import City
from layers.store import Store, open_store
from ogc_server import create_app
from tests.ogc_server.conftest import BASE, EMPTY, ROWS
from tests.ogc_server.rows import AT

MARKS = "/collections/navigation_mark/items"


def table(client: TestClient, url: str, **headers: str) -> list[dict[str, str]]:
    answer = client.get(url, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_the_rows_are_those_of_the_json(client: TestClient) -> None:
    features = client.get(f"{MARKS}?sortby=-mark_id").json()["features"]
    rows = table(client, f"{MARKS}?sortby=-mark_id&f=csv")
    assert [row["mark_id"] for row in rows] == [f["id"] for f in features] and len(rows) == ROWS
    for row, feature in zip(rows, features, strict=True):
        assert [float(row["x"]), float(row["y"])] == feature["geometry"]["coordinates"]


def test_a_client_may_ask_by_header(client: TestClient) -> None:
    assert len(table(client, MARKS, Accept="text/csv")) == ROWS


def test_lines_and_areas_are_wkt_in_the_system_asked_for(client: TestClient) -> None:
    url = "/collections/ferry/items"
    document = client.get(f"{url}?limit=1&crs=EPSG:4326").json()
    row = table(client, f"{url}?limit=1&crs=EPSG:4326&f=csv")[0]
    wanted = shapely.geometry.shape(document["features"][0]["geometry"])
    assert shapely.equals_exact(shapely.from_wkt(row["wkt"]), wanted, 1e-6)


def test_the_past_and_filters_can_be_asked_for(client: TestClient) -> None:
    assert table(client, f"{MARKS}?f=csv&as_of=1999-01-01") == []
    kept = table(client, f"{MARKS}?f=csv&filter=kind='buoy'&properties=kind")
    assert kept and {row["kind"] for row in kept} == {"buoy"} and set(kept[0]) == {"kind", "x", "y"}


def test_an_empty_layer_has_its_header(client: TestClient) -> None:
    text = client.get(f"/collections/{EMPTY}/items?f=csv").text
    assert "key,length_m,h3,jurisdiction,wkt" in text


def test_the_next_page_is_a_link_header(client: TestClient) -> None:
    answer = client.get(f"{MARKS}?f=csv&limit=10")
    assert 'rel="next"' in answer.headers["link"] and "f=csv" in answer.headers["link"]
    assert 'rel="next"' not in client.get(f"{MARKS}?f=csv").headers["link"]


@pytest.fixture
def odd(city: City, tmp_path: Path) -> Iterator[TestClient]:
    """Rows with a first one without place, a formula as name, and ids that addresses must quote."""
    store: Store = open_store(str(tmp_path / "odd.gpkg"), city)
    spec = city.layer("buoy_chain")
    store.create(spec)
    rows = gpd.GeoDataFrame(
        {"key": ["=cmd|' /C calc'!A1", "a?b#c%d", "船 1"], "length_m": [1.0, 2.0, 3.0]},
        geometry=[None, shapely.MultiPoint([(-75, -42.5)]), shapely.MultiPoint([(-75, -42.6)])],
        crs="EPSG:4326",
    )
    with store.transaction() as writing:
        writing.upsert(spec, rows, at=AT, source="test")
    yield TestClient(create_app(city, store), base_url=BASE)
    store.close()


def test_no_text_runs_as_a_formula(odd: TestClient) -> None:
    rows = table(odd, "/collections/buoy_chain/items?f=csv")
    assert len(rows) == 3
    assert all(not row["key"].startswith(("=", "+", "-", "@")) for row in rows)


def test_links_to_odd_ids_lead_back_to_them(odd: TestClient) -> None:
    url = "/collections/buoy_chain/items"
    for feature in odd.get(url).json()["features"]:
        fid = feature["id"]
        document = odd.get(f"{url}/{quote(fid)}").json()
        href = next(link["href"] for link in document["links"] if link["rel"] == "self")
        assert href.isascii() and odd.get(href).json()["id"] == fid
        assert odd.get(f"{url}/{quote(fid)}?f=html").status_code == 200
