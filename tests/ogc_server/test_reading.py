"""Pages for people: the city's clock, evidence as tables, alerts and cases that know each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import geopandas as gpd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from analytics.event import Comparison, Event, Evidence, Measure, to_frame
from cases.episodes import case_id
from cases.opening import open_cases
from layers.city import City
from layers.store import Store, open_store
from layers.text import Text
from ogc_server import PUBLIC, create_app
from ogc_server.reading import Reader, is_evidence
from tests.ogc_server.conftest import BASE
from tests.ogc_server.rows import AT, fill

SANTIAGO = ZoneInfo("America/Santiago")
SCRIPT = "<script>alert(1)</script>"
NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=9,
)
EVENT = Event(
    rule="overload",
    rule_version="7",
    event_type="none",
    subject="PLATE-1",
    start_ms=1_593_632_540_000,
    end_ms=1_593_632_540_000,
    geometry=shapely.Point(-75.1, -42.6),
    severity="severe",
    confidence=0.9,
    sentence=Text(en=f"Found {SCRIPT}", zh="发现"),
    departments=("police", "nobody"),
    evidence=Evidence(
        measures=(
            Measure("gross_mass", 28367.25, "kg", 27000, 1367.25),
            Measure("share", 0.06, "1"),
        ),
        points=("weighing-000001", "not-kept"),
        references=(
            {
                "layer": "wim_station",
                "id": "wim_station-000001",
                "version": "v1",
                "name_zh": "站",
                "name_en": "Station",
            },
            {"layer": "resident", "id": "r1"},
        ),
        quality={"worst_gap_s": 29.5, "tracks": ["a", "b"]},
        doubts=(Text(en="Scales err.", zh="秤有误差。"),),
        comparisons=(
            Comparison("speed", "2 m/s", "at most 3 m/s", True),
            Comparison("course", "", "any", None),
        ),
    ),
)


MOVED = replace(EVENT, rule="loitering", subject="725000001", severity="minor")
LATER = replace(MOVED, start_ms=MOVED.start_ms + 3_600_000, end_ms=MOVED.end_ms + 7_200_000)


@pytest.fixture(scope="module")
def found(city: City, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = open_store(str(tmp_path_factory.mktemp("found") / "city.gpkg"), city)
    fill(store, city, 3, ["weighing", "wim_station", "navigation_mark"])
    with store.transaction() as writing:
        for layer, rows in (
            ("alert", to_frame([EVENT, MOVED, LATER])),
            ("case_event", open_cases(city, [EVENT, MOVED, LATER], at=AT)),
        ):
            spec = city.layer(layer)
            store_rows: gpd.GeoDataFrame = rows
            writing.upsert(spec, store_rows, at=AT, source="test")
    yield store
    store.close()


@pytest.fixture(scope="module")
def pages(city: City, found: Store) -> TestClient:
    return TestClient(create_app(city, found), base_url=BASE)


def page(client: TestClient, path: str, language: str = "en") -> str:
    answer = client.get(f"/collections/{path}?f=html&lang={language}")
    assert answer.status_code == 200, answer.text
    assert SCRIPT not in answer.text
    return answer.text


def plain(text: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


def test_an_alert_tells_at_a_glance_what_it_rests_on(pages: TestClient) -> None:
    text = plain(page(pages, f"alert/items/{EVENT.id}"))
    assert "overload , version 7" in text
    assert "gross mass 28,367.25 kg 27,000 kg 1,367.25 kg" in text
    assert "speed 2 m/s at most 3 m/s yes" in text and "course – any ?" in text
    assert "Scales err." in text and "秤有误差。" not in text
    assert "worst gap s 29.5" in text and "a; b" in text
    assert "not-kept" in text and "Station" in text and "站" not in text
    assert "{" not in text, "nothing is dumped raw"


def test_it_speaks_the_language_of_the_page(pages: TestClient) -> None:
    text = plain(page(pages, f"alert/items/{EVENT.id}", "zh"))
    assert "秤有误差。" in text and "Scales err." not in text and "站" in text


def test_records_registers_and_cases_are_links_that_lead_somewhere(pages: TestClient) -> None:
    text = page(pages, f"alert/items/{EVENT.id}")
    links = {link.replace("&amp;", "&") for link in re.findall(r'href="([^"]+/items/[^"]+)"', text)}
    ends = {link.split("/collections/")[1].partition("?")[0] for link in links}
    assert {"weighing/items/weighing-000001", "wim_station/items/wim_station-000001"} <= ends
    case = next(link for link in links if "/case_event/" in link)
    assert all(pages.get(link).status_code == 200 for link in links)
    assert f"/collections/alert/items/{EVENT.id}" in pages.get(case).text
    assert not any("resident" in end or "not-kept" in end for end in ends)


def test_a_joint_case_and_its_alerts_lead_to_one_another(pages: TestClient) -> None:
    case = f"case_event/items/{case_id(MOVED.id)}"
    text = page(pages, case)
    assert all(f"/alert/items/{one.id}" in text for one in (MOVED, LATER))
    assert "2 findings (2 × none): 725000001" in plain(text)
    assert all(case in page(pages, f"alert/items/{one.id}") for one in (MOVED, LATER))
    assert case not in page(pages, f"alert/items/{EVENT.id}")


def test_a_reader_is_linked_only_to_what_he_may_see(city: City, found: Store) -> None:
    for layer, fid in (("alert", EVENT.id), ("case_event", "x")):
        client = TestClient(create_app(city, found, audience=PUBLIC), base_url=BASE)
        assert client.get(f"/collections/{layer}/items/{fid}?f=html").status_code == 404


def test_pages_tell_time_by_the_city_and_json_in_utc(pages: TestClient) -> None:
    address = f"alert/items/{EVENT.id}"
    assert "2020-07-01 15:42:20 -04:00" in page(pages, address)
    assert "2020-07-01 15:42:20 -04:00" in page(pages, "alert/items")
    assert "2020-07-01 15:42:20 -04:00" in page(pages, "alert")
    document = pages.get(f"/collections/{address}").json()
    assert document["properties"]["start_time"] == "2020-07-01T19:42:20Z"


def test_a_cell_of_a_table_holds_the_number_and_its_limit(pages: TestClient) -> None:
    assert "gross mass 28,367.25 kg (Limit 27,000 kg)" in plain(page(pages, "alert/items"))


def test_a_page_changes_when_the_case_does(city: City, found: Store, pages: TestClient) -> None:
    address = f"/collections/alert/items/{EVENT.id}?f=html"
    before = pages.get(address)
    spec = city.layer("case_event")
    rows = open_cases(city, [EVENT], at=AT)
    rows["state"] = "closed"
    with found.transaction() as writing:
        writing.upsert(spec, rows, at=AT, source="test")
    after = pages.get(address, headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200 and "Closed" in plain(after.text)


@given(NESTED)
def test_any_nested_value_can_be_read(value: Any) -> None:
    reader = Reader("en", SANTIAGO)
    assert isinstance(reader.value(value), str) and isinstance(reader.brief(value), str)


@given(st.dictionaries(st.sampled_from(["measures", "doubts", "references"]), NESTED))
def test_what_is_not_evidence_is_shown_as_it_is(value: dict[str, Any]) -> None:
    is_evidence(value)
    assert isinstance(Reader("zh", SANTIAGO).brief(value), str)


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_a_time_as_read_is_the_same_moment(moment: datetime) -> None:
    text = Reader("en", SANTIAGO).instant(moment.isoformat())
    day, clock, offset = text.split(" ")
    assert datetime.fromisoformat(f"{day}T{clock}{offset}") == moment.replace(microsecond=0)
