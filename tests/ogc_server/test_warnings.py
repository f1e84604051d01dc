"""Public warnings over HTTP: the feed of what is in force, each message as CAP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from defusedxml.ElementTree import fromstring
from starlette.testclient import TestClient

from cases.cap import read_cap
from cases.warnings import LAYER, ended, publish
from layers.city import City
from layers.store import open_store
from layers.text import Text
from ogc_server import create_app
from tests.cases.test_warnings import message
from tests.ogc_server.conftest import BASE

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def client(city: City, tmp_path: Path) -> Iterator[TestClient]:
    store, now = open_store(str(tmp_path / "s.gpkg"), city), datetime.now(UTC)
    store.create(city.layer(LAYER))
    spans = {"holds": (-1, 5), "over": (-9, -1), "ended": (-2, 5)}
    with store.transaction() as unit:
        for ident, (first, last) in spans.items():
            start = now + timedelta(hours=first)
            made = message(
                ident=ident, sent=start, effective=start, onset=None,
                expires=now + timedelta(hours=last),
            )  # fmt: skip
            publish(unit, city, made, at=start)
        publish(unit, city, ended(made, "end", now, Text(en="over", zh="结束")), at=now)
    with TestClient(create_app(city, store, base_url=BASE), base_url=BASE) as made_client:
        yield made_client
    store.close()


def test_the_feed_tells_what_is_in_force(client: TestClient) -> None:
    answer = client.get("/cap")
    assert answer.headers["content-type"].startswith("application/atom+xml")
    entries = fromstring(answer.content).findall(f"{ATOM}entry")
    links = [entry.find(f"{ATOM}link").attrib["href"] for entry in entries]
    assert links == [f"{BASE}/cap/end", f"{BASE}/cap/holds"]
    assert client.get("/cap", headers={"if-none-match": answer.headers["etag"]}).status_code == 304


def test_titles_are_in_the_readers_language(client: TestClient) -> None:
    assert "大风蓝色预警" in client.get("/cap?lang=zh").text
    assert "Gale warning" in client.get("/cap?lang=en").text


def test_each_message_is_cap(client: TestClient) -> None:
    answer = client.get("/cap/ended")
    assert answer.headers["content-type"].startswith("application/cap+xml")
    assert read_cap(answer.content).ident == "ended"
    assert client.get("/cap/unknown").status_code == 404


def test_the_landing_page_links_to_the_feed(client: TestClient) -> None:
    client.get("/collections")
    links = client.get("/?f=json").json()["links"]
    assert [link["href"] for link in links if link.get("type") == "application/atom+xml"] == [
        f"{BASE}/cap"
    ]


def test_warnings_are_a_layer_of_the_one_map(client: TestClient) -> None:
    found = client.get(f"/collections/{LAYER}/items?bbox=-75.15,-42.65,-75.1,-42.6").json()
    assert found["numberMatched"] == 4
