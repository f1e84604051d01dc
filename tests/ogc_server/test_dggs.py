"""What is here: for people, for other readers, for hostile ones."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import h3.api.basic_int as cells
import h3.api.basic_str as h3
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from layers.access import LOCAL, Audience
from layers.aggregates import SMALLEST
from layers.city import City
from layers.errors import StoreError
from layers.h3grid import format_cell
from layers.query import Query, Scope
from layers.store import Store
from ogc_server import PUBLIC, create_app
from ogc_server.cells import zones
from tests.ogc_server.conftest import BASE
from tests.ogc_server.test_conformance import body

MARKS = "/collections/navigation_mark"
PERSONS = "/collections/resident_home"
LEVELS = st.integers(0, 15)


def served(city: City, store: Store, audience: Audience) -> TestClient:
    app = create_app(city, store, audience=audience)
    return TestClient(app, base_url=BASE, raise_server_exceptions=False)


def zone_of_a_mark(client: TestClient, level: int) -> str:
    row = body(client, f"{MARKS}/items?limit=1")["features"][0]
    return str(h3.cell_to_parent(row["properties"]["h3"], level))


class TestZones:
    @given(st.floats(-180, 180), st.floats(-90, 90), LEVELS)
    def test_an_outline_holds_its_centre_and_is_valid(
        self, lon: float, lat: float, level: int
    ) -> None:
        cell = zones.at_point(lon, lat, level)
        outline = zones.outline(cell)
        assert outline.is_valid and outline.area > 0
        assert shapely.intersects(outline.buffer(1e-9), shapely.Point(*zones.centroid(cell)))

    @pytest.mark.parametrize("level", [0, 1, 2])
    def test_outlines_cover_the_world_once(self, level: int) -> None:
        every = [c for base in cells.get_res0_cells() for c in zones.sub_zones(base, level)]
        assert sum(zones.outline(cell).area for cell in every) == pytest.approx(360 * 180)
        assert zones.compact(every).tolist() == sorted(cells.get_res0_cells())

    def test_the_area_is_the_zones_own(self) -> None:
        """Near the mouth of the Yangtze a zone of level 8 is a quarter below the mean."""
        assert zones.area_m2(zones.at_point(121.5, 31.2, 8)) == pytest.approx(564_000, rel=0.01)

    @given(st.sets(st.integers(0, 342), max_size=300), st.integers(0, 5))
    def test_a_compact_list_is_the_same_ground(self, chosen: set[int], coarsest: int) -> None:
        parent = zones.at_point(121.5, 31.2, 5)
        children = zones.sub_zones(parent, 3)
        own = [children[i] for i in chosen]
        compact = zones.compact(own, coarsest)
        unfolded = zones.at_level(compact, 8, 1000)
        assert unfolded.tolist() == sorted(own)
        if coarsest == 0 and own:
            expected = cells.compact_cells(own)
            assert compact.tolist() == sorted(expected)

    def test_what_lies_in_a_larger_zone_of_the_list_goes(self) -> None:
        parent = zones.at_point(121.5, 31.2, 5)
        nested = zones.sub_zones(parent, 2)[:3]
        assert zones.compact([parent, *nested]).tolist() == [parent]


class TestPages:
    @pytest.mark.parametrize(
        ("language", "words"), [("en", "What is here?"), ("zh", "这里有什么？")]
    )
    def test_one_address_tells_people_what_is_around_a_point(
        self, client: TestClient, language: str, words: str
    ) -> None:
        x, y = body(client, f"{MARKS}/items?limit=1")["features"][0]["geometry"]["coordinates"]
        first = client.get(f"/here?lon={x}&lat={y}&lang={language}", follow_redirects=False)
        assert first.status_code == 303
        answer = client.get(first.headers["location"])
        assert answer.status_code == 200 and words in answer.text
        assert "navigation_mark-" in answer.text and 'id="small-map"' in answer.text
        assert answer.headers["content-language"] == language
        title = {"en": "Navigation mark", "zh": "航标"}[language]
        assert title in answer.text

    def test_pages_link_to_kin_and_load_nothing_from_elsewhere(self, client: TestClient) -> None:
        zone = zone_of_a_mark(client, 7)
        for path in (
            f"/dggs/H3/zones/{zone}",
            f"/dggs/H3/zones/{zone}/data",
            "/dggs",
            "/dggs/H3",
            "/dggs/H3/definition",
            "/dggs/H3/zones",
            f"{MARKS}/dggs/H3/zones/{zone}/data",
        ):
            text = client.get(f"{path}?f=html").text
            assert "<!doctype html>" in text
            for address in re.findall(r"<(?:script|img|link)[^>]+(?:src|href)=\"([^\"]+)\"", text):
                assert address.startswith(f"{BASE}/static/"), address
                assert client.get(address).status_code == 200
        text = client.get(f"/dggs/H3/zones/{zone}?f=html").text
        for kin in (h3.cell_to_parent(zone), *h3.cell_to_children(zone), *h3.grid_ring(zone, 1)):
            assert kin in text

    def test_script_in_a_row_never_becomes_script_in_a_page(self, client: TestClient) -> None:
        # Rows of the tests hold scripts and quotes in their texts.
        for row in body(client, f"{MARKS}/items?limit=1000")["features"]:
            zone = h3.cell_to_parent(row["properties"]["h3"], 5)
            text = client.get(f"/dggs/H3/zones/{zone}/data?f=html&limit=1000").text
            assert "<script>alert" not in text

    @pytest.mark.parametrize(
        "where",
        [
            "level=16",
            "lon=1",
            "lon=x&lat=1",
            "lon=nan&lat=1",
            "lon=181&lat=1",
            "lon=1&lat=91",
            "lon=1&lat=1&level=16",
            "lon=1&lat=1&x=1",
        ],
    )
    def test_a_place_that_is_none_is_refused(self, client: TestClient, where: str) -> None:
        assert client.get(f"/here?{where}", follow_redirects=False).status_code == 400


class TestWalls:
    def test_a_scoped_reader_finds_his_rows_only(self, city: City, store: Store) -> None:
        everybody = served(city, store, LOCAL)
        rows = body(everybody, f"{MARKS}/items?limit=1000")["features"]
        codes = {row["properties"]["jurisdiction"] for row in rows} - {None}
        code = sorted(codes)[0]
        own = {
            row["id"] for row in rows if (row["properties"]["jurisdiction"] or "").startswith(code)
        }
        scoped = Audience("scoped", frozenset({"public", "internal"}), Scope((code,)))
        client = served(city, store, scoped)
        assert 0 < len(own) < len(rows)
        seen: set[str] = set()
        counted = 0
        places = [shapely.geometry.shape(row["geometry"]) for row in rows if row["geometry"]]
        for zone in sorted({zones.at_point(p.x, p.y, 6) for p in places}):
            url = f"/dggs/H3/zones/{format_cell(zone)}/data?collections=navigation_mark&limit=1000"
            document = body(client, f"{url}&f=geojson")
            seen |= {f["id"] for f in document["features"]}
            assert document["numberMatched"] == len(document["features"])
            page = client.get(f"{url}&f=html").text
            assert not [row["id"] for row in rows if row["id"] not in own and row["id"] in page]
        for text in body(client, f"{MARKS}/dggs/H3/zones?zone-level=6&compact-zones=false")[
            "zones"
        ]:
            url = f"/dggs/H3/zones/{text}/data?collections=navigation_mark&f=json"
            counted += body(client, url)["values"]["navigation_mark"][0]["data"][0]
        assert seen == own and counted == len(own)

    def test_what_the_public_may_not_see_is_not_there(self, city: City, store: Store) -> None:
        client = served(city, store, PUBLIC)
        hidden = [
            s.id for s in city.layers.values() if s.sensitivity != "public" and s.has_geometry
        ]
        zone = zone_of_a_mark(client, 2)
        named = set(hidden) - {"alert"}  # a row of the tests holds that word
        for form in ("geojson", "json", "html"):
            text = client.get(f"/dggs/H3/zones/{zone}/data?f={form}&limit=1000").text
            assert not [layer for layer in named if layer in text]
        for layer in hidden:
            for tail in ("", "/H3", "/H3/zones", f"/H3/zones/{zone}", f"/H3/zones/{zone}/data"):
                assert client.get(f"/collections/{layer}/dggs{tail}").status_code == 404
            asked = client.get(f"/dggs/H3/zones/{zone}/data?collections={layer}")
            assert asked.status_code == 404

    def test_persons_are_numbers_of_whole_zones(
        self, city: City, store: Store, client: TestClient
    ) -> None:
        whole = store.cell_counts(Query("resident_home"), 2)
        for cell, number in whole.items():
            zone = format_cell(cell)
            told = body(client, f"{PERSONS}/dggs/H3/zones/{zone}/data?f=json&zone-depth=0-2")
            for entry in told["values"]["resident_home"]:
                for count in entry["data"]:
                    assert count is None or SMALLEST <= count <= number
            dataset = body(client, f"/dggs/H3/zones/{zone}/data?f=json")
            assert dataset["values"]["resident_home"] == [told["values"]["resident_home"][0]]
            for refused in (
                "f=geojson",
                "f=html",
                "f=json&datetime=2020-01-01",
                "f=json&filter=key='x'",
            ):
                answer = client.get(f"{PERSONS}/dggs/H3/zones/{zone}/data?{refused}")
                assert answer.status_code == 400 and "resident_home-0" not in answer.text
            for form in ("geojson", "html"):
                assert (
                    "resident_home" not in client.get(f"/dggs/H3/zones/{zone}/data?f={form}").text
                )
            filtered = client.get(f"/dggs/H3/zones/{zone}/data?f=json&filter=key IS NOT NULL")
            assert "resident_home" not in filtered.json()["values"]
        finer = body(client, f"{PERSONS}/dggs/H3")
        assert finer["maxRefinementLevel"] == 9
        for wrong in ("zone-level=10", "datetime=2020-01-01", "filter=key IS NOT NULL"):
            assert client.get(f"{PERSONS}/dggs/H3/zones?{wrong}").status_code == 400

    def test_a_layer_that_can_not_be_read_spoils_no_other(
        self, city: City, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = type(store).meeting

        def broken(self: Store, layers: Any, *rest: Any, **more: Any) -> Any:
            if "ferry" in layers:
                raise StoreError("no such table: ferry")
            return real(self, layers, *rest, **more)

        monkeypatch.setattr(type(store), "meeting", broken)
        client = served(city, store, LOCAL)
        zone = zone_of_a_mark(client, 3)
        found = body(client, f"/dggs/H3/zones/{zone}/data?f=geojson")
        assert "navigation_mark" in {row["id"] for row in found["collections"]}
        alone = client.get(f"/collections/ferry/dggs/H3/zones/{zone}/data?f=geojson")
        assert alone.status_code == 500 and "no such table" not in alone.text


class TestHostileRequests:
    @pytest.mark.parametrize(
        "path",
        ["/dggs/S2", "/dggs/H3/zones/x", "/dggs/H3/zones/88309badbbfffff0", "/dggs/H3/zones/0",
         "/dggs/H3/zones/%00", "/dggs/H3/zones/x/data", "/collections/none/dggs",
         f"/dggs/H3/zones/{quote('<script>')}", f"{MARKS}/dggs/H3/zones/ffffffffffffffff"],
    )  # fmt: skip
    def test_what_is_no_zone_is_not_found(self, client: TestClient, path: str) -> None:
        assert client.get(path).status_code == 404

    @pytest.mark.parametrize(
        "question",
        ["zone-level=16", "zone-level=-1", "zone-level=x", "parent-zone=x", "compact-zones=1",
         "limit=0", "limit=x", "offset=-1", "bbox=1,2,3", "bbox=a,b,c,d", "bbox=0,9,1,8",
         "bbox=nan,0,1,1", "bbox=0,0,1e300,1", "bbox=0,0,1,1&bbox-crs=EPSG:9", "subset=Lat(1:x)",
         "subset=Lat(1:2:3)", "subset=Lat", "subset=Lat(0:1),Lat(0:1)", "subset=E(1:2)",
         "subset=Lat((((", "subset=time(x)", "datetime=x", "filter=(", "geometry=x", "f=csv",
         "collections=navigation_mark&unknown=1", "limit=1&limit=2", "subset=Lat(nan:1)"],
    )  # fmt: skip
    def test_a_list_is_asked_strictly(self, client: TestClient, question: str) -> None:
        for home in ("", MARKS):
            answer = client.get(f"{home}/dggs/H3/zones?{question}")
            assert answer.status_code == 400 and answer.json()["parameter"], question

    @pytest.mark.parametrize(
        "question",
        [
            "limit=0",
            "zone-depth=99",
            "zone-depth=0-99999999",
            "f=csv",
            "x=1",
            "filter=(",
            "datetime=x",
        ],
    )
    def test_data_are_asked_strictly(self, client: TestClient, question: str) -> None:
        answer = client.get(f"/dggs/H3/zones/88309badbbfffff/data?{question}")
        assert answer.status_code == 400 and answer.json()["parameter"]

    def test_collections_are_named_for_the_whole_only(self, client: TestClient) -> None:
        assert client.get("/dggs/H3/zones?collections=none").status_code == 404
        assert client.get("/dggs/H3/zones?collections=").status_code == 404
        assert client.get(f"{MARKS}/dggs/H3/zones?collections=ferry").status_code == 400

    def test_depth_ends_with_the_finest_zones(self, client: TestClient) -> None:
        zone = h3.latlng_to_cell(-42.6, -75.2, 14)
        assert client.get(f"/dggs/H3/zones/{zone}/data?zone-depth=1").status_code == 200
        assert client.get(f"/dggs/H3/zones/{zone}/data?zone-depth=2").status_code == 400

    @settings(max_examples=20)
    @given(st.floats(-180, 180), st.floats(-90, 90), LEVELS)
    def test_every_zone_of_the_world_is_answered(
        self, client: TestClient, lon: float, lat: float, level: int
    ) -> None:
        zone = format_cell(zones.at_point(lon, lat, level))
        for tail in ("", "/data?f=geojson", "/data?f=json", "?f=geojson"):
            assert client.get(f"/dggs/H3/zones/{zone}{tail}").status_code == 200
        listed = client.get(f"/dggs/H3/zones?parent-zone={zone}")
        assert listed.status_code in (200, 400)

    def test_an_answer_is_not_sent_twice(self, client: TestClient) -> None:
        zone = zone_of_a_mark(client, 7)
        for path in ("/dggs/H3/zones", f"/dggs/H3/zones/{zone}/data?f=json"):
            first = client.get(path)
            again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
            assert again.status_code == 304


def test_numbers_of_parts_add_up(client: TestClient) -> None:
    zone = zone_of_a_mark(client, 4)
    document = body(client, f"/dggs/H3/zones/{zone}/data?f=json&zone-depth=0-3")
    for layer, entries in document["values"].items():
        sums = [np.nansum(np.array(entry["data"], float)) for entry in entries]
        if layer != "resident_home" and None not in entries[-1]["data"]:
            assert len(set(sums)) == 1, layer
