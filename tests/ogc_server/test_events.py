"""Live events: whole, in order, each once, within each reader's walls, for many."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely
from starlette.applications import Starlette
from starlette.testclient import TestClient

from layers.access import LOCAL, Audience
from layers.city import City
from layers.query import Scope
from layers.store import Store, open_store
from layers.store import changes as log
from ogc_server import PUBLIC, create_app
from ogc_server.blocks import events as block
from ogc_server.live import pulse
from tests.ogc_server.conftest import BASE
from tests.ogc_server.rows import AT, rows
from tests.postgis import fresh_database

EAST, WEST = "zz-east", "zz-west"


@pytest.fixture(params=["geopackage", pytest.param("postgis", marks=pytest.mark.postgis)])
def live(request: pytest.FixtureRequest, city: City, tmp_path: Path) -> Iterator[Store]:
    """A store with empty layers of operation, written to by the test."""
    if request.param == "postgis":
        with fresh_database(request.getfixturevalue("postgis_server")) as url:
            yield from _opened(url, city)
    else:
        yield from _opened(str(tmp_path / "live.gpkg"), city)


def _opened(url: str, city: City) -> Iterator[Store]:
    store = open_store(url, city)
    for layer in ("alert", "case_event", "vessel_position", "navigation_mark"):
        store.create(city.layer(layer))
    yield store
    store.close()


def alerts(city: City, names: list[str], *, unit: str = EAST, **columns: Any) -> gpd.GeoDataFrame:
    made = rows(city.layer("alert"), city, len(names))
    made["alert_id"] = names
    made["jurisdiction"] = [unit] * len(names)
    for name, value in columns.items():
        made[name] = value
    return made


def write(store: Store, city: City, names: list[str], *, minutes: int = 0, **more: Any) -> None:
    with store.transaction() as tx:
        at = AT + timedelta(minutes=minutes)
        tx.upsert(city.layer("alert"), alerts(city, names, **more), at=at, source="test")


def remove(store: Store, city: City, names: list[str]) -> None:
    with store.transaction() as tx:
        tx.delete(city.layer("alert"), names, at=AT + timedelta(days=1))


def served(city: City, store: Store, audience: Audience = LOCAL) -> TestClient:
    app = create_app(city, store, audience=audience)
    return TestClient(app, base_url=BASE, raise_server_exceptions=False)


def parsed(text: str) -> list[tuple[int, dict[str, Any]]]:
    found = []
    for part in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in part.splitlines() if not line.startswith(":"))
        if "data" in fields:
            assert fields["event"] == "change"
            found.append((int(fields["id"]), json.loads(fields["data"])))
    return found


def caught_up(client: TestClient, path: str = "/events", **values: Any) -> list[tuple[int, Any]]:
    answer = client.get(path, params={"follow": "false", **values})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    return parsed(answer.text)


def told(found: list[tuple[int, Any]]) -> list[tuple[str, str]]:
    return [(event["type"].rsplit(".", 1)[1], event["subject"]) for _, event in found]


class TestCatchingUp:
    def test_each_change_is_a_cloud_event_with_the_row(self, city: City, live: Store) -> None:
        write(live, city, ["a"])
        client = served(city, live)
        ((number, event),) = caught_up(client)
        assert event["specversion"] == "1.0" and event["id"] == str(number)
        assert event["source"] == f"{BASE}/collections/alert" and event["subject"] == "a"
        assert (
            event["type"] == "org.onemap.feature.created"
            and event["time"] == "2026-01-01T00:00:00Z"
        )
        assert event["datacontenttype"] == "application/geo+json"
        item = client.get("/collections/alert/items/a").json()
        assert event["data"] == {key: item[key] for key in event["data"]}

    def test_going_on_from_an_id_loses_and_repeats_nothing(self, city: City, live: Store) -> None:
        client = served(city, live)
        write(live, city, ["a", "b"])
        write(live, city, ["b"], minutes=1, unit=WEST)
        first = caught_up(client)
        assert sorted(told(first)) == [("created", "a"), ("created", "b")], "b as it is now, once"
        remove(live, city, ["a"])
        write(live, city, ["c"], minutes=2)
        more = caught_up(client, last_id=first[-1][0])
        assert told(more) == [("deleted", "a"), ("created", "c")]
        assert "data" not in more[0][1]
        headers = {"Last-Event-ID": str(more[0][0])}
        answer = client.get("/events?follow=false&last_id=0", headers=headers)
        assert told(parsed(answer.text)) == [("created", "c")], "the header comes first"
        assert caught_up(client, last_id=more[-1][0]) == []

    def test_what_came_and_went_is_not_told(self, city: City, live: Store) -> None:
        write(live, city, ["a", "b"])
        remove(live, city, ["a"])
        assert told(caught_up(served(city, live))) == [("created", "b")]

    def test_a_place_that_is_no_longer_kept_is_told(
        self, city: City, live: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(log, "KEPT", 3)
        write(live, city, list("abcdef"))
        client = served(city, live)
        ((number, event),) = caught_up(client, last_id=1)
        assert event["type"] == "org.onemap.reset" and event["id"] == str(number)
        assert caught_up(client, last_id=number) == []
        assert caught_up(client, last_id=10**9)[0][1]["type"] == "org.onemap.reset"
        assert [fid for _, fid in told(caught_up(client))] == ["d", "e", "f"]

    def test_more_than_one_reading_holds(
        self, city: City, live: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(block, "AT_ONCE", 4)
        names = [f"{i:02d}" for i in range(11)]
        write(live, city, names)
        assert [fid for _, fid in told(caught_up(served(city, live)))] == names

    def test_layers_and_places_can_be_chosen(self, city: City, live: Store) -> None:
        places = [shapely.Point(-75.2, -42.6), shapely.Point(-75.0, -42.4)]
        made = alerts(city, ["near", "far"]).set_geometry(gpd.GeoSeries(places, crs="EPSG:4326"))
        with live.transaction() as tx:
            tx.upsert(city.layer("alert"), made, at=AT, source="test")
            ships = rows(city.layer("vessel_position"), city, 2)
            tx.upsert(city.layer("vessel_position"), ships, at=AT, source="test")
            marks = rows(city.layer("navigation_mark"), city, 2)
            tx.upsert(city.layer("navigation_mark"), marks, at=AT, source="test")
        client = served(city, live)
        assert len(caught_up(client)) == 4, "layers that come in bulk have no events"
        box = "-75.21,-42.61,-75.19,-42.59"
        assert told(caught_up(client, "/collections/alert/events", bbox=box)) == [
            ("created", "near")
        ]
        assert len(caught_up(client, collections="vessel_position")) == 2
        assert len(caught_up(client, collections="vessel_position,alert")) == 4
        links = client.get("/collections/alert").json()["links"]
        assert any(row["rel"] == "monitor" and row["type"] == "text/event-stream" for row in links)


class TestWalls:
    def test_a_reader_is_told_of_his_rows_only(self, city: City, live: Store) -> None:
        reader = Audience("east", frozenset({"public", "internal"}), Scope((EAST,)))
        client = served(city, live, reader)
        write(live, city, ["mine"], unit=EAST)
        write(live, city, ["theirs"], unit=WEST)
        first = caught_up(client)
        assert told(first) == [("created", "mine")] and "theirs" not in str(first)
        write(live, city, ["mine"], unit=WEST, minutes=1)
        gone = caught_up(client, last_id=first[-1][0])
        assert told(gone) == [("deleted", "mine")] and "data" not in gone[0][1]
        write(live, city, ["theirs"], unit=EAST, minutes=2)
        come = caught_up(client, last_id=gone[-1][0])
        assert told(come) == [("created", "theirs")]
        remove(live, city, ["mine"])
        assert caught_up(client, last_id=come[-1][0]) == [], "a row of others was removed"

    def test_the_public_hears_nothing_of_what_is_internal(self, city: City, live: Store) -> None:
        write(live, city, ["a"])
        client = served(city, live, PUBLIC)
        assert caught_up(client) == []
        assert client.get("/collections/alert/events?follow=false").status_code == 404
        assert client.get("/events?follow=false&collections=alert").status_code == 404
        assert "alert" not in client.get("/events?follow=false").text


@pytest.mark.parametrize(
    "question",
    ["last_id=-1", "last_id=x", "last_id=99999999999999999999", "follow=1", "bbox=1",
     "bbox=0,9,1,1",
     "bbox=nan,0,1,1", "f=html", "unknown=1", "follow=true&follow=false"],
)  # fmt: skip
def test_a_request_is_read_strictly(client: TestClient, question: str) -> None:
    for path in ("/events", "/collections/alert/events"):
        answer = client.get(f"{path}?{question}")
        assert answer.status_code == 400 and answer.json()["parameter"]


def test_what_has_no_events_is_not_found(client: TestClient) -> None:
    for path in ("/collections/none/events", "/collections/navigation_mark/events",
                 "/events?collections=none", "/events?collections="):  # fmt: skip
        assert client.get(path).status_code == 404
    assert client.get("/collections/alert/events?collections=alert").status_code == 400
    answer = client.head("/events")
    assert answer.status_code == 200 and answer.content == b""


class Listening:
    """One client at the application's door, heard without a network."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.status = 0

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message.get("body"):
            await self.heard.put(message["body"])

    async def next(self) -> list[tuple[int, Any]]:
        """The next piece that holds events."""
        while True:
            found = parsed((await self.heard.get()).decode())
            if found:
                return found


@asynccontextmanager
async def listening(app: Starlette, query: str = "", **headers: str) -> AsyncIterator[Listening]:
    client = Listening()
    named = {"host": "127.0.0.1:5000", **headers}
    scope = {
        "type": "http", "method": "GET", "path": "/events", "raw_path": b"/events",
        "scheme": "http",
        "query_string": query.encode(), "root_path": "", "http_version": "1.1",
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in named.items()],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 5000),
    }  # fmt: skip
    task = asyncio.create_task(app(scope, client.receive, client.send))
    first = await client.heard.get()
    assert b"listening" in first or b"too many" in first, first
    yield client
    client.gone.set()
    await task


class TestFollowing:
    @pytest.fixture(autouse=True)
    def _by_hand(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The store is looked at only when a test says so."""
        monkeypatch.setattr(pulse, "EVERY_S", 3600)

    def test_many_clients_hear_what_another_process_writes_by_one_look(
        self, city: City, live: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        app = create_app(city, live)
        write(live, city, ["before"])
        looks = 0
        real = type(live).change_ends

        async def scene() -> None:
            nonlocal looks
            async with listening(app) as one, listening(app) as two, listening(app) as three:
                heart = pulse.pulse_of(live)
                other = open_store(live.url, city)
                await asyncio.to_thread(write, other, city, ["new"])
                other.close()
                looks = 0
                await heart.look()
                assert looks == 1
                for client in (one, two, three):
                    assert told(await client.next()) == [("created", "new")]
                await asyncio.to_thread(remove, live, city, ["new"])
                await heart.look()
                for client in (one, two, three):
                    assert told(await client.next()) == [("deleted", "new")]
            assert not heart.beats, "nobody listens any more"
            assert not block._listening

        def counted(store: Store) -> tuple[int, int]:
            nonlocal looks
            looks += 1
            return real(store)

        monkeypatch.setattr(type(live), "change_ends", counted)
        asyncio.run(asyncio.wait_for(scene(), 60))

    def test_a_client_that_comes_again_goes_on_where_it_was(self, city: City, live: Store) -> None:
        app = create_app(city, live)

        async def scene() -> None:
            async with listening(app) as client:
                await asyncio.to_thread(write, live, city, ["a"])
                await pulse.pulse_of(live).look()
                ((number, _),) = await client.next()
            await asyncio.to_thread(write, live, city, ["b", "c"])
            async with listening(app, last_event_id=str(number)) as client:
                assert told(await client.next()) == [("created", "b"), ("created", "c")]
            async with listening(app, f"last_id={number}&collections=case_event") as client:
                await asyncio.to_thread(write, live, city, ["d"])
                await pulse.pulse_of(live).look()
                assert client.heard.empty()

        asyncio.run(asyncio.wait_for(scene(), 60))

    def test_a_quiet_stream_gives_signs_of_life(
        self, city: City, live: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(block, "HEARTBEAT_S", 0.001)

        async def scene() -> None:
            async with listening(create_app(city, live)) as client:
                assert await client.heard.get() == b": alive\n\n"

        asyncio.run(asyncio.wait_for(scene(), 60))

    def test_a_stream_ends_in_time_and_readers_are_few(
        self, city: City, live: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(block, "_LIFE_S", 0.0)
        client = served(city, live)
        answer = client.get("/events")
        assert answer.status_code == 200 and answer.text.startswith("retry: 2000\n")
        monkeypatch.setattr(block, "_MOST_OF_ONE", 0)
        assert client.get("/events").status_code == 503
        assert client.get("/events?follow=false").status_code == 200
