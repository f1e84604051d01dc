"""Tiles behind the readers' walls, their validators, their memory, TileJSON."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import pytest
import shapely
from starlette.testclient import TestClient

from layers.access import Audience
from layers.city import City
from layers.query import Query, Scope
from layers.store import Store, open_store
from layers.tiles.matrix import WEB_MERCATOR
from ogc_server import PUBLIC, create_app
from ogc_server.tiling.tiles import TileMemory
from ogc_server.tiling.tilesets import MVT
from tests.ogc_server.conftest import BASE
from tests.ogc_server.rows import AT, rows
from tests.ogc_server.test_conformance_tiles import MARKS, features, fids, whole


def reader(city: City, store: Store, audience: Audience) -> TestClient:
    return TestClient(
        create_app(city, store, audience=audience), base_url=BASE, raise_server_exceptions=False
    )


def of_town(code: str) -> Audience:
    return Audience(f"town-{code}", frozenset({"public", "internal"}), Scope(jurisdictions=(code,)))


@pytest.fixture(scope="module")
def towns(store: Store) -> list[str]:
    """Two towns that hold navigation marks."""
    found = store.distinct(Query("navigation_mark"), "jurisdiction")
    codes = sorted({str(code) for code in found if code})
    assert len(codes) > 1
    return codes[:2]


def test_a_town_sees_no_row_of_another(city: City, store: Store, towns: list[str]) -> None:
    for code in towns:
        own = set(store.frame(Query("navigation_mark", scope=Scope(jurisdictions=(code,))))["fid"])
        client = reader(city, store, of_town(code))
        assert fids(whole(client), "navigation_mark") == own
        assert fids(whole(client, ""), "navigation_mark") == own
        assert fids(whole(client, MARKS, "&filter=mark_id+is+not+null"), "navigation_mark") <= own


def test_readers_of_one_server_never_share_a_tile(
    city: City, store: Store, towns: list[str]
) -> None:
    app = create_app(city, store)
    local = TestClient(app, base_url=BASE)
    everything = fids(whole(local), "navigation_mark")
    for code in towns:
        other = create_app(city, store, audience=of_town(code))
        other.state.tiles = app.state.tiles
        client = TestClient(other, base_url=BASE)
        found = fids(whole(client), "navigation_mark")
        assert found < everything
        tags = [
            one.get(f"{MARKS}/tiles/WebMercatorQuad/0/0/0").headers["etag"]
            for one in (local, client)
        ]
        assert tags[0] != tags[1]


def test_the_public_finds_no_tiles_of_hidden_layers(city: City, store: Store) -> None:
    client = reader(city, store, PUBLIC)
    hidden = [s.id for s in city.layers.values() if s.sensitivity != "public"]
    assert hidden
    for layer in hidden:
        for path in ("", "/WebMercatorQuad", "/WebMercatorQuad/0/0/0"):
            answer = client.get(f"/collections/{layer}/tiles{path}")
            assert answer.status_code == 404, layer
            assert answer.json()["code"] == "NotFound"
        assert client.get(f"/tiles/WebMercatorQuad/0/0/0?collections={layer}").status_code == 400
    seen = set(features(whole(client, "")))
    assert not seen & {name for layer in hidden for name in (layer, f"{layer}_cells")}
    for path in ("/tiles/WebMercatorQuad?f=json", "/tiles/WebMercatorQuad?f=tilejson"):
        text = client.get(path).text
        assert not any(f'"{layer}' in text for layer in hidden)


def test_a_hidden_layer_and_none_are_refused_alike(city: City, store: Store) -> None:
    client = reader(city, store, PUBLIC)
    hidden = next(s.id for s in city.layers.values() if s.sensitivity == "internal")
    texts = [
        client.get(f"/collections/{name}/tiles/WebMercatorQuad/0/0/0").text.replace(name, "x")
        for name in (hidden, "no_such_layer")
    ]
    assert texts[0] == texts[1]


@pytest.fixture
def homes(city: City, tmp_path: Any) -> Any:
    """A store with homes: twelve in one cell, three in another far off."""
    opened = open_store(str(tmp_path / "homes.gpkg"), city)
    spec = city.layer("resident_home")
    opened.create(spec)
    minx, miny, maxx, maxy = city.bounds
    x, y = (minx + maxx) / 2, (miny + maxy) / 2
    frame = rows(spec, city, 15)
    places = [shapely.Point(x, y)] * 12 + [shapely.Point(x + 0.05, y)] * 3
    frame = gpd.GeoDataFrame(frame.drop(columns="geometry"), geometry=places, crs="EPSG:4326")
    with opened.transaction() as writing:
        writing.upsert(spec, frame, at=AT, source="test")
    yield opened
    opened.close()


def test_personal_layers_are_counts_and_small_cells_never_add_up(city: City, homes: Store) -> None:
    client = reader(city, homes, of_all())
    box = homes.extent(Query("resident_home"))
    assert box is not None
    for level in range(17):
        total, keys = 0, set[str]()
        first, last, left, right = WEB_MERCATOR.limits(level, box)
        for row in range(first - 1, last + 2):
            for column in range(left - 1, right + 2):
                path = f"/collections/resident_home/tiles/WebMercatorQuad/{level}/{row}/{column}"
                answer = client.get(path)
                if answer.status_code != 200:
                    continue
                for name, found in features(answer.content).items():
                    assert name == "resident_home_cells"
                    for feature in found:
                        assert set(feature["properties"]) == {"h3", "count"}
                        if feature["properties"]["h3"] not in keys:
                            total += feature["properties"]["count"]
                        keys.add(feature["properties"]["h3"])
        assert total == 12, level


def of_all() -> Audience:
    return Audience("office", frozenset({"public", "internal"}))


def test_personal_layers_take_no_question(city: City, homes: Store) -> None:
    client = reader(city, homes, of_all())
    home = "/collections/resident_home/tiles/WebMercatorQuad/0/0/0"
    for query in ("filter=length_m>1", "as_of=2026-02-01", "datetime=2026-02-01", "length_m=3"):
        assert client.get(f"{home}?{query}").status_code == 400
    assert "resident_home" not in whole(client, "").decode("latin-1")
    assert reader(city, homes, PUBLIC).get(home).status_code == 404
    document = client.get("/collections/resident_home/tiles/WebMercatorQuad?f=json").json()
    assert document["boundingBox"]["lowerLeft"] == list(city.bounds[:2])


def test_a_filter_holds_in_tiles(client: TestClient) -> None:
    items = client.get(f"{MARKS}/items?limit=1000").json()["features"]
    kinds = {f["properties"]["kind"] for f in items if f["properties"]["kind"]}
    kind = sorted(kinds)[0]
    expected = {f["id"] for f in items if f["properties"]["kind"] == kind}
    assert 0 < len(expected) < len(items)
    for query in (f"&filter=kind%3D'{kind}'", f"&kind={kind}"):
        assert fids(whole(client, MARKS, query), "navigation_mark") == expected


def test_a_tile_that_the_client_has_is_not_sent_again(client: TestClient) -> None:
    url = f"{MARKS}/tiles/WebMercatorQuad/0/0/0"
    first = client.get(url)
    again = client.get(url, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304 and again.content == b""
    assert client.get(f"{url}?lit=true").headers["etag"] != first.headers["etag"]
    head = client.head(url)
    assert head.headers["etag"] == first.headers["etag"] and head.content == b""


def test_a_change_makes_a_new_tile(city: City, tmp_path: Any) -> None:
    store = open_store(str(tmp_path / "city.gpkg"), city)
    spec = city.layer("navigation_mark")
    store.create(spec)
    client = TestClient(create_app(city, store), base_url=BASE)
    url = f"{MARKS}/tiles/WebMercatorQuad/0/0/0"
    empty = client.get(url)
    assert empty.status_code == 204 and empty.content == b""
    with store.transaction() as writing:
        writing.upsert(spec, rows(spec, city, 3), at=AT, source="test")
    full = client.get(url, headers={"If-None-Match": empty.headers["etag"]})
    assert full.status_code == 200 and len(fids(full.content, "navigation_mark")) == 3
    assert len(fids(client.get("/tiles/WebMercatorQuad/0/0/0").content, "navigation_mark")) == 3
    store.close()


def test_large_tiles_are_sent_compressed(client: TestClient) -> None:
    url = f"{MARKS}/tiles/WebMercatorQuad/0/0/0"
    plain = client.get(url, headers={"Accept-Encoding": "identity"})
    small = client.get(url, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == "gzip" and small.content == plain.content
    assert "Accept-Encoding" in small.headers["vary"]


def test_the_memory_of_tiles_is_bounded() -> None:
    memory = TileMemory(size=10_000)
    for key in range(100):
        memory.put(key, bytes([key]) * 300)
        memory.put(key, bytes([key]) * 300)
    kept = [key for key in range(100) if memory.get(key) is not None]
    assert kept == list(range(100 - len(kept), 100)) and 0 < len(kept) < 20
    assert memory.put("large", b"x" * 20_000) == b"x" * 20_000 and memory.get("large") is None


def test_tilejson_leads_to_tiles(client: TestClient) -> None:
    document = client.get(f"{MARKS}/tiles/WebMercatorQuad?f=tilejson").json()
    assert document["tilejson"] == "3.0.0"
    url = document["tiles"][0].replace("{z}", "0").replace("{x}", "0").replace("{y}", "0")
    answer = client.get(url)
    assert answer.headers["content-type"] == MVT
    declared = {row["id"]: row["fields"] for row in document["vector_layers"]}
    for name, found in features(answer.content).items():
        for feature in found:
            assert set(feature["properties"]) <= set(declared[name])
    everything = client.get("/tiles/WebMercatorQuad?f=tilejson").json()
    assert {row["id"] for row in everything["vector_layers"]} >= set(declared)
    assert client.get(f"{MARKS}/tiles/WorldCRS84Quad?f=tilejson").status_code == 400
