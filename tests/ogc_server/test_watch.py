"""The watch: what the rules found, newest first, for each reader what he may see."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
from starlette.testclient import TestClient

from layers.city import City
from tests.ogc_server.test_pages import _text


def _settings(page: str) -> dict[str, object]:
    found = re.search(r'id="watch-settings">(.*?)</script>', page, re.S)
    assert found is not None
    settings: dict[str, object] = json.loads(found[1])
    return settings


def _shown(page: str) -> list[str]:
    return re.findall(r'<li data-id="([^"]+)"', page)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_alerts_are_listed_newest_first_without_any_script(
    client: TestClient, language: str
) -> None:
    page = client.get(f"/watch?lang={language}")
    assert page.status_code == 200
    rows = client.get("/collections/alert/items?limit=200&sortby=-start_time").json()["features"]
    assert rows
    assert sorted(_shown(page.text)) == sorted(row["id"] for row in rows)
    times = [row["properties"]["start_time"] for row in rows]
    by_id = {row["id"]: row["properties"]["start_time"] for row in rows}
    assert [by_id[key] for key in _shown(page.text)] == times
    for row in rows:
        assert (row["properties"][f"sentence_{language}"] or "") in unescape(_text(page.text))


def test_one_rule_alone(client: TestClient, city: City) -> None:
    rows = client.get("/collections/alert/items?limit=200").json()["features"]
    assert city.rules
    for rule in city.rules:
        page = client.get(f"/watch?rules={rule}").text
        own = {row["id"] for row in rows if row["properties"]["rule"] == rule}
        assert set(_shown(page)) == own
        assert _settings(page)["chosen"] == [rule]


@pytest.mark.parametrize("query", ["rules=nothing", "live=maybe", "colour=red"])
def test_what_is_not_known_is_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/watch?{query}").status_code == 400


def test_it_stands_on_the_start_page_and_knows_the_rules(client: TestClient, city: City) -> None:
    assert "/watch?f=html" in client.get("/?f=html&lang=en").text
    settings = _settings(client.get("/watch").text)
    assert set(settings["rules"]) == set(city.rules)  # type: ignore[call-overload]
    assert settings["live"] is True
    assert _settings(client.get("/watch?live=false").text)["live"] is False
