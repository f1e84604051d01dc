"""Pages of items past the usual way: nothing that a client sees tells which way it was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from layers.city import City
from layers.errors import TooSlowError
from layers.store import Store, open_store
from ogc_server import PUBLIC, create_app
from tests.ogc_server.conftest import BASE
from tests.ogc_server.rows import AT, rows
from tests.postgis import fresh_database

LAYER = "navigation_mark"
ITEMS = f"/collections/{LAYER}/items"


@pytest.fixture(params=["geopackage", pytest.param("postgis", marks=pytest.mark.postgis)])
def own_store(request: pytest.FixtureRequest, city: City, tmp_path: Path) -> Iterator[Store]:
    """A store that a test may write to."""
    if request.param == "postgis":
        with fresh_database(request.getfixturevalue("postgis_server")) as url:
            yield from _opened(url, city)
    else:
        yield from _opened(str(tmp_path / "city.gpkg"), city)


def _opened(url: str, city: City) -> Iterator[Store]:
    opened = open_store(url, city)
    spec = city.layer(LAYER)
    opened.create(spec)
    with opened.transaction() as writing:
        writing.upsert(spec, rows(spec, city, 60), at=AT, source="test")
    yield opened
    opened.close()


def _next(answer: Any) -> str | None:
    links = [link["href"] for link in answer.json()["links"] if link["rel"] == "next"]
    return links[0] if links else None


@pytest.mark.parametrize("question", ["limit=7", "limit=7&bbox=-76,-43,-74,-42", "limit=7&f=json"])
def test_next_links_give_every_standing_row_once_beside_a_writer(
    own_store: Store, city: City, question: str
) -> None:
    client, spec = TestClient(create_app(city, own_store), base_url=BASE), city.layer(LAYER)
    steady = [f"{LAYER}-{i:06d}" for i in range(60)]
    seen: list[str] = []
    following: str | None = f"{ITEMS}?{question}"
    step = 0
    while following is not None:
        answer = client.get(following)
        seen += [feature["id"] for feature in answer.json()["features"]]
        following, step = _next(answer), step + 1
        fresh = rows(spec, city, 3, seed=step)
        # Behind and before the reader, and over one that stands.
        fresh[spec.id_field] = [f"{seen[-1]}-{step}", f"a-{step}", steady[step * 7 % 60]]
        with own_store.transaction() as writing:
            writing.upsert(spec, fresh, at=AT + timedelta(minutes=step), source="test")
            gone = [f"a-{step - 1}", *(fid for fid in seen[-1:] if fid not in steady)]
            writing.delete(spec, gone, at=AT + timedelta(minutes=step))
    assert [fid for fid in seen if fid in set(steady)] == steady
    assert len(set(seen)) == len(seen)


def test_a_number_finds_the_same_rows_as_the_key_of_the_link(own_store: Store, city: City) -> None:
    client = TestClient(create_app(city, own_store), base_url=BASE)
    for question in ("limit=9", "limit=9&bbox=-76,-43,-74,-42"):
        linked, number = client.get(f"{ITEMS}?{question}"), 9
        while (following := _next(linked)) is not None:
            assert f"offset={number}" in following and "after=" in following
            linked = client.get(following)
            numbered = client.get(f"{ITEMS}?{question}&offset={number}")
            assert linked.json()["features"] == numbered.json()["features"] != []
            assert linked.json()["numberMatched"] == numbered.json()["numberMatched"] == 60
            number += 9


def test_whoever_holds_the_page_already_costs_no_row(
    own_store: Store, city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = TestClient(create_app(city, own_store), base_url=BASE)
    for url in (f"{ITEMS}?limit=5", f"{ITEMS}?limit=5&bbox=-76,-43,-74,-42", f"{ITEMS}?kind=buoy"):
        tag = client.get(url).headers["ETag"]

        def asked(*arguments: object, **options: object) -> None:
            raise AssertionError("rows were asked for")

        with monkeypatch.context() as patch:
            for name in ("features", "page", "count", "frames", "reading"):
                patch.setattr(type(own_store), name, asked)
            assert client.get(url, headers={"If-None-Match": tag}).status_code == 304
        spec = city.layer(LAYER)
        with own_store.transaction() as writing:
            writing.delete(spec, [client.get(url).json()["features"][0]["id"]], at=AT)
        changed = client.get(url, headers={"If-None-Match": tag})
        assert changed.status_code == 200 and changed.headers["ETag"] != tag


def test_a_question_that_takes_too_long_is_refused_as_that(
    own_store: Store, city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(city, own_store, longest_question_s=0.25)
    client = TestClient(app, base_url=BASE, raise_server_exceptions=False)
    spec = city.layer(LAYER)
    with own_store.transaction() as writing:
        many = rows(spec, city, 4000)
        writing.upsert(spec, many, at=AT, source="test")
    endless = " OR ".join(f"CASEI(mark_id) LIKE '%{i}x%y%z%'" for i in range(300))
    for path in (f"{ITEMS}?f=json", f"{ITEMS}?f=csv", f"{ITEMS}?resulttype=hits"):
        answer = client.get(path, params={"filter": endless})
        assert answer.status_code == 503, path
        document = answer.json()
        assert document["code"] == "TooSlow" and "stopped after 0.25 s" in document["detail"]
    assert client.get(ITEMS).status_code == 200

    def slow(*arguments: object, **options: object) -> None:
        raise TooSlowError("stopped")

    monkeypatch.setattr(type(own_store), "features", slow)
    assert client.get(ITEMS).status_code == 503


def test_what_one_audience_has_read_is_not_another_ones(own_store: Store, city: City) -> None:
    """The same store, so the same memory: what is remembered shows nobody more than his own."""
    hidden = city.layer("alert")
    own_store.create(hidden)
    with own_store.transaction() as writing:
        writing.upsert(hidden, rows(hidden, city, 20), at=AT, source="test")
    local = TestClient(create_app(city, own_store), base_url=BASE)
    public = TestClient(create_app(city, own_store, audience=PUBLIC), base_url=BASE)
    for _ in range(3):
        assert local.get("/collections/alert/items").json()["numberReturned"] == 20
        assert public.get("/collections/alert/items").status_code == 404
        assert public.get("/collections/alert/items?bbox=-76,-43,-74,-42").status_code == 404


@pytest.mark.parametrize(
    "wrong",
    ["after=W10", "after=WzFd", "after=W251bGxd", "after=WyJhIiwiYiJd", "after=x", "offset=-1",
     "limit=0", "bbox=1,2,3", "bbox=1,2,1,1", "bbox=nan,0,1,1", "limit=9999999999999999999"],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_on_the_quick_way_too(
    own_store: Store, city: City, wrong: str
) -> None:
    client = TestClient(create_app(city, own_store), base_url=BASE, raise_server_exceptions=False)
    for _ in range(2):
        assert client.get(ITEMS).status_code == 200
        assert client.get(f"{ITEMS}?{wrong}").status_code == 400
