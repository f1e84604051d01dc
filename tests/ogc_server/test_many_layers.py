"""A catalogue of many layers: in pages, described one by one, not spoilt by one of them."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from layers.access import Audience
from layers.city import City
from layers.errors import StoreError
from layers.query import Query, Scope
from layers.store import Store
from ogc_server import create_app, metadata
from tests.ogc_server.conftest import BASE
from tests.ogc_server.test_conformance import body


def rels(document: dict[str, Any]) -> dict[str, str]:
    return {link["rel"]: link["href"] for link in document["links"]}


def test_collections_come_in_pages(client: TestClient) -> None:
    whole = body(client, "/collections")
    assert "next" not in rels(whole), "a city's layers stand on one page"
    every = [c["id"] for c in whole["collections"]]
    assert whole["numberMatched"] == whole["numberReturned"] == len(every) > 5
    seen: list[str] = []
    url = "/collections?limit=3"
    while url:
        page = body(client, url)
        assert page["numberReturned"] == len(page["collections"]) <= 3
        seen += [c["id"] for c in page["collections"]]
        shown = client.get(f"{url}&f=html").text
        for c in page["collections"]:
            if c["itemType"] == "feature":
                assert f"<code>{c['id']}</code>" in shown
        url = rels(page).get("next", "")
    assert seen == every
    last = body(client, f"/collections?limit=3&offset={len(every) - 1}")
    before = body(client, rels(last)["prev"])
    assert [c["id"] for c in before["collections"]] == every[-4:-1]
    assert body(client, "/collections?offset=99999")["collections"] == []
    assert body(client, "/collections?limit=99999")["numberReturned"] == len(every)


@pytest.mark.parametrize(
    "question", ["limit=0", "limit=x", "limit=-1", "offset=-1", "offset=1e3", "page=2"]
)
def test_a_page_is_asked_strictly(client: TestClient, question: str) -> None:
    answer = client.get(f"/collections?{question}")
    assert answer.status_code == 400 and answer.json()["parameter"] == question.split("=")[0]


def test_a_change_of_one_layer_describes_that_layer_anew(
    city: City, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = TestClient(create_app(city, store), base_url=BASE)
    measured: list[str] = []
    real, revisions = type(store).extent, dict(store.revisions())

    def extent(self: Store, query: Query) -> Any:
        measured.append(query.layer)
        return real(self, query)

    # The server reads through a copy of the store whose questions end in time.
    monkeypatch.setattr(type(store), "extent", extent)
    monkeypatch.setattr(type(store), "revisions", lambda self: revisions)
    client.get("/collections")
    assert len(measured) == len(set(measured)) > 5
    measured.clear()
    first = client.get("/collections")
    revisions["navigation_mark"] += 1
    second = client.get("/collections?lang=en")
    assert measured == ["navigation_mark"]
    assert first.json()["collections"] == second.json()["collections"]
    assert first.headers["etag"] != client.get("/collections").headers["etag"]


def test_the_definition_of_many_layers_is_small_and_each_has_its_own(
    city: City, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pygeoapi.openapi import validate_openapi_document

    monkeypatch.setattr(metadata, "MOST_LAYERS", 3)
    client = TestClient(create_app(city, store), base_url=BASE)
    whole = body(client, "/openapi")
    assert validate_openapi_document(whole)
    assert "/collections/{collectionId}/items" in whole["paths"]
    assert not [path for path in whole["paths"] if path.startswith("/collections/ferry")]
    assert whole["components"]["parameters"]["limit"]["schema"]["maximum"]
    names = [op["operationId"] for entry in whole["paths"].values() for op in entry.values()]
    assert len(names) == len(set(names))
    own = rels(body(client, "/collections/navigation_mark"))["service-desc"]
    assert own == f"{BASE}/openapi?collections=navigation_mark"
    single = body(client, own)
    assert validate_openapi_document(single)
    asked = single["paths"]["/collections/navigation_mark/items"]["get"]["parameters"]
    assert "height_m" in {p.get("name") for p in asked}
    assert "/collections/ferry/items" not in single["paths"]
    both = body(client, "/openapi?collections=ferry,navigation_mark")["paths"]
    assert {"/collections/ferry/items", "/collections/navigation_mark/items"} <= both.keys()
    for hidden in ("none", "resident", "", "ferry,none"):
        assert client.get(f"/openapi?collections={hidden}").status_code == 404
    assert client.get("/openapi?layers=ferry").status_code == 400


def test_a_layer_that_can_not_be_read_spoils_no_list(
    city: City, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(method: Any) -> Any:
        def ask(self: Store, query: Query, *more: Any, **named: Any) -> Any:
            if query.layer == "ferry":
                raise StoreError("no such table: ferry")
            return method(self, query, *more, **named)

        return ask

    for name in ("extent", "time_extent", "count", "page"):
        monkeypatch.setattr(type(store), name, broken(getattr(type(store), name)))
    client = TestClient(create_app(city, store), base_url=BASE, raise_server_exceptions=False)
    listed = {c["id"]: c for c in body(client, "/collections")["collections"]}
    assert listed["ferry"]["extent"]["spatial"]["bbox"] == [list(city.bounds)]
    assert listed["navigation_mark"]["extent"]["spatial"]["bbox"] != [list(city.bounds)]
    records = "/collections/catalogue/items"
    for path in ("/", "/openapi", "/collections?f=html", "/collections/ferry",
                 records, f"{records}/ferry?f=html"):  # fmt: skip
        answer = client.get(path)
        assert answer.status_code == 200 and "no such table" not in answer.text, path


def test_descriptions_are_each_readers_own(city: City, store: Store) -> None:
    """One memory of descriptions for each audience, with the walls' own extents."""
    nobody = Audience("nobody", frozenset({"public"}), Scope(("zzz",)))
    outside = TestClient(create_app(city, store, audience=nobody), base_url=BASE)
    inside = TestClient(create_app(city, store), base_url=BASE)
    boxes = [
        {c["id"]: c["extent"] for c in body(client, "/collections")["collections"]}
        for client in (inside, outside, inside)
    ]
    assert boxes[0] == boxes[2]
    assert boxes[1]["navigation_mark"]["spatial"]["bbox"] == [list(city.bounds)]
    assert "temporal" not in boxes[1]["navigation_mark"]
