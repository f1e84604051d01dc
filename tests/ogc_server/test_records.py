"""The catalogue: for each reader his own, in every form, whatever is asked."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from layers.access import Audience
from layers.city import City
from layers.query import Scope
from layers.store import Store
from ogc_server import PUBLIC, create_app
from tests.ogc_server.conftest import BASE
from tests.ogc_server.test_conformance import body

HOME = "/collections/catalogue"


def served(city: City, store: Store, audience: Audience) -> TestClient:
    return TestClient(create_app(city, store, audience=audience), base_url=BASE)


def test_a_reader_finds_records_of_his_layers_only(city: City, store: Store) -> None:
    client = served(city, store, PUBLIC)
    listed = {c["id"] for c in body(client, "/collections")["collections"]}
    ids = {record["id"] for record in body(client, f"{HOME}/items?limit=1000")["features"]}
    assert ids == listed - {"catalogue"}
    for spec in city.layers.values():
        if spec.sensitivity != "public":
            assert client.get(f"{HOME}/items/{spec.id}").status_code == 404
            assert body(client, f"{HOME}/items?ids={spec.id}")["features"] == []


def test_figures_are_those_of_the_readers_rows(city: City, store: Store) -> None:
    nobody = served(city, store, Audience("nobody", frozenset({"public"}), Scope(("zzz",))))
    record = body(nobody, f"{HOME}/items/navigation_mark")
    assert record["properties"]["quality"]["rows"] == 0
    assert "updated" not in record["properties"] and record["time"] is None


def test_persons_have_no_record(client: TestClient) -> None:
    for layer in ("resident", "resident_home"):
        assert client.get(f"{HOME}/items/{layer}").status_code == 404
        assert layer not in client.get(f"{HOME}/items?limit=1000&f=html").text


@pytest.mark.parametrize(
    "question",
    ["limit=0", "limit=x", "offset=-1", "bbox=1,2", "bbox=a,b,c,d", "bbox=0,5,1,1",
     "bbox=nan,0,1,1", "datetime=x", "sortby=none", "sortby=-", "f=csv", "filter=x",
     "unknown=1", "q=a&q=b", "q=" + "a" * 3000],
)  # fmt: skip
def test_a_search_is_asked_strictly(client: TestClient, question: str) -> None:
    answer = client.get(f"{HOME}/items?{question}")
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize(
    "words", ["<script>alert(1)</script>", "'; DROP TABLE x; --", "\x00", "%", "（"]
)
def test_any_words_can_be_searched(client: TestClient, words: str) -> None:
    for form in ("json", "html", "dcat"):
        answer = client.get(f"{HOME}/items?{urlencode({'q': words, 'f': form})}")
        assert answer.status_code == 200 and "<script>alert" not in answer.text


def test_a_record_that_is_none_is_not_found(client: TestClient) -> None:
    for path in ("none", "catalogue", "a/b", "%00", "<script>"):
        assert client.get(f"{HOME}/items/{path}").status_code == 404


def test_dcat_tells_the_same(client: TestClient) -> None:
    for ask in ({"params": {"f": "dcat"}}, {"headers": {"Accept": "application/ld+json"}}):
        answer = client.get(f"{HOME}/items", **ask)  # type: ignore[arg-type]
        assert answer.headers["content-type"] == "application/ld+json"
        document: dict[str, Any] = answer.json()
        assert document["@type"] == "dcat:Catalog"
        names = {one["dct:identifier"] for one in document["dcat:dataset"]}
        assert names == {r["id"] for r in body(client, f"{HOME}/items?limit=1000")["features"]}
    one = client.get(f"{HOME}/items/navigation_mark?f=dcat").json()
    assert one["@id"] == f"{BASE}{HOME}/items/navigation_mark"
    assert one["dct:title"]["@value"] and one["dcat:distribution"] and one["dct:spatial"]
    assert one["dct:accessRights"]["@id"].endswith("/PUBLIC")


def test_an_answer_is_not_sent_twice(client: TestClient) -> None:
    first = client.get(f"{HOME}/items")
    again = client.get(f"{HOME}/items", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


def test_owslib_reads_the_catalogue(city: City, store: Store) -> None:
    records = pytest.importorskip("owslib.ogcapi.records")
    uvicorn = pytest.importorskip("uvicorn")
    config = uvicorn.Config(create_app(city, store), port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        client = records.Records(f"http://127.0.0.1:{port}/")
        assert client.records() == ["catalogue"]
        found = client.collection_items("catalogue", q="navigation mark", limit=5)
        assert [record["id"] for record in found["features"]] == ["navigation_mark"]
        by = {"bbox": [-76, -43, -75, -42], "sortby": ("title", "desc")}
        assert client.collection_items("catalogue", **by)["numberMatched"] > 1
        one = client.collection_item("catalogue", "navigation_mark")
        assert one["properties"]["title"] == city.layers["navigation_mark"].title.en
    finally:
        server.should_exit = True
        thread.join()
