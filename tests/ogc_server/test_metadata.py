"""Descriptions: landing page, collections, schemas, pages for people."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from layers.city import City
from layers.query import Query
from layers.store import Store, open_store
from ogc_server import create_app
from ogc_server.catalogue import Catalogue
from ogc_server.provider import StoreProvider
from tests.ogc_server.conftest import BASE, EMPTY, ROWS
from tests.ogc_server.rows import AT, rows


def collection(client: TestClient, layer: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/collections/{layer}").json()
    return found


def test_a_collection_tells_where_and_when_its_rows_are(client: TestClient, store: Store) -> None:
    entry = collection(client, "navigation_mark")
    assert entry["extent"]["spatial"]["bbox"][0] == pytest.approx(
        store.extent(Query("navigation_mark"))
    )
    start, end = entry["extent"]["temporal"]["interval"][0]
    assert start.startswith("2020-07-") and end.startswith("2020-0") and start < end


def test_a_register_has_no_spatial_extent(client: TestClient) -> None:
    entry = collection(client, "vessel_registry")
    assert "spatial" not in entry["extent"] and "storageCrs" not in entry


def test_an_empty_layer_is_described_with_the_city_as_its_extent(
    client: TestClient, city: City
) -> None:
    assert collection(client, EMPTY)["extent"]["spatial"]["bbox"] == [list(city.bounds)]


def test_titles_are_said_in_the_language_asked_for(client: TestClient) -> None:
    asked = (("/collections?lang=zh", {}), ("/collections", {"Accept-Language": "zh-CN,en;q=0.5"}))
    for path, headers in asked:
        answer = client.get(path, headers=headers)
        titles = {c["id"]: c["title"] for c in answer.json()["collections"]}
        assert titles["navigation_mark"] == "航标"
        assert answer.headers["content-language"] == "zh"
    fallback = client.get("/collections", headers={"Accept-Language": "fr, en;q=0.1"})
    assert fallback.headers["content-language"] == "en"


def test_descriptions_are_not_sent_again_while_nothing_changed(client: TestClient) -> None:
    for path in ("/", "/collections", "/openapi", "/collections/ferry", "/map"):
        tag = client.get(path).headers["etag"]
        assert client.get(path, headers={"If-None-Match": tag}).status_code == 304, path
        other = {"If-None-Match": tag, "Accept-Language": "zh"}
        assert client.get(path, headers=other).status_code == 200, path


def test_a_write_shows_at_once(city: City, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "city.gpkg"), city)
    client = TestClient(create_app(city, store), base_url=BASE)
    path = "/collections/navigation_mark"
    assert client.get(path).status_code == 404, "no table yet"
    spec = city.layer("navigation_mark")
    store.create(spec)
    empty = client.get(f"{path}/items")
    assert empty.json()["numberMatched"] == 0
    with store.transaction() as writing:
        writing.upsert(spec, rows(spec, city, 5), at=AT, source="test")
    again = client.get(f"{path}/items", headers={"If-None-Match": empty.headers["etag"]})
    assert again.status_code == 200 and again.json()["numberMatched"] == 5
    assert client.get(path).json()["extent"]["spatial"]["bbox"] != [list(city.bounds)]
    store.close()


def test_describing_many_layers_makes_no_provider_and_counts_nothing_twice(
    city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = city.layer("navigation_mark")
    for number in range(150):
        one = spec.model_copy(update={"id": f"mark_{number:03d}"})
        monkeypatch.setitem(city.layers, one.id, one)
    store = open_store(str(tmp_path / "many.gpkg"), city)
    for one in city.layers.values():
        store.create(one)
    monkeypatch.setattr(StoreProvider, "__init__", _never)
    client = TestClient(create_app(city, store), base_url=BASE)
    asked: list[str] = []
    measure = type(store).extent

    def extent(self: Store, query: Query) -> Any:
        asked.append(query.layer)
        return measure(self, query)

    monkeypatch.setattr(type(store), "extent", extent)
    for path in ("/collections", "/collections", "/openapi?collections=mark_149",
                 "/collections?lang=zh"):  # fmt: skip
        answer = client.get(path)
        assert answer.status_code == 200 and "mark_149" in answer.text
    assert len(asked) == len(set(asked)) > 150
    assert len(client.get("/openapi").content) < 1_000_000
    store.close()


def _never(*arguments: object) -> None:
    pytest.fail("a description made a provider")


def test_formats_are_chosen_by_parameter_then_by_header(client: TestClient) -> None:
    def kind(path: str, accept: str) -> str:
        return client.get(path, headers={"Accept": accept}).headers["content-type"]

    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    assert kind("/", browser).startswith("text/html")
    assert kind("/?f=json", browser) == "application/json"
    assert kind("/", "application/json, text/html;q=0.5") == "application/json"
    assert kind("/", "*/*") == "application/json"
    assert kind("/", "image/png") == "application/json"


def test_the_start_page_tells_how_to_connect(client: TestClient) -> None:
    for language, words in (("en", "Use it in your own tools"), ("zh", "在您自己的工具中使用")):
        text = client.get(f"/?f=html&lang={language}").text
        assert words in text and f"OAPIF:{BASE}" in text and "/map?lang=" in text


def test_every_link_of_every_page_leads_somewhere(client: TestClient) -> None:
    pages = ["/?f=html", "/collections?f=html", "/collections/navigation_mark?f=html", "/map"]
    pages += ["/collections/navigation_mark/items?f=html&limit=5&lang=zh"]
    for page in pages:
        for address in set(re.findall(r'href="([^"]+)"', client.get(page).text)):
            assert client.get(address.replace("&amp;", "&")).status_code == 200, (page, address)


def test_a_page_of_rows_shows_them_and_links_on(client: TestClient) -> None:
    text = client.get("/collections/navigation_mark/items?f=html&limit=5").text
    assert text.count("<tr>") == 6 and 'rel="next"' in text and f">{ROWS}<" in text
    assert "data-items=" in text
    register = client.get("/collections/vessel_registry/items?f=html").text
    assert "data-items=" not in register
    assert "no rows" in client.get(f"/collections/{EMPTY}/items?f=html").text


def test_the_map_page_can_be_embedded_and_opened_with_chosen_layers(client: TestClient) -> None:
    whole, embedded = client.get("/map"), client.get("/map?embed=1")
    assert 'id="bar"' in whole.text and 'id="bar"' not in embedded.text
    assert "frame-ancestors 'self'" in whole.headers["content-security-policy"]
    assert "frame-ancestors" not in embedded.headers["content-security-policy"]
    assert client.get("/map?layers=navigation_mark,ferry").status_code == 200
    assert client.get("/map?layers=nothing").json()["parameter"] == "layers"


def test_unknown_paths_are_not_found(client: TestClient) -> None:
    for path in ("/nothing", "/collections/ferry/nothing", "/admin/config", "/static/nothing.js"):
        assert client.get(path).status_code == 404, path


def test_two_catalogues_do_not_share_what_they_remember(city: City, store: Store) -> None:
    one, other = Catalogue(city, store), Catalogue(city, store)
    assert one.remember("x", lambda: 1) == 1 and other.remember("x", lambda: 2) == 2
