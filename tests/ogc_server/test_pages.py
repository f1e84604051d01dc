"""Every page in both languages: words where words belong, and a way home where there is nothing."""

from __future__ import annotations

import re
from collections import Counter
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from starlette.testclient import TestClient

from layers.city import City
from layers.store import Store, open_store
from ogc_server import create_app
from ogc_server.words import WORDS
from tests.ogc_server.conftest import BASE
from tests.ogc_server.rows import fill
from tests.ogc_server.test_conformance import feature_collections

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
LANGUAGES = ("en", "zh")


def _paths(client: TestClient) -> list[str]:
    paths = ["/", "/conformance", "/openapi", "/collections"]
    for row in feature_collections(client):
        home = f"/collections/{row['id']}"
        paths += [home, f"{home}/queryables", f"{home}/schema", f"{home}/items"]
        features = client.get(f"{home}/items?limit=1").json()["features"]
        paths += [f"{home}/items/{feature['id']}" for feature in features]
    return paths


def _text(page: str) -> str:
    return re.sub(r"<[^>]*>", " ", re.sub(r"(?s)<(script|style).*?</\1>", " ", page))


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_shows_the_insides_of_the_program(client: TestClient, language: str) -> None:
    for path in _paths(client):
        answer = client.get(f"{path}?f=html&lang={language}")
        assert answer.status_code == 200, path
        leaked = re.search(
            r"built-in|&lt;(bound )?method|object at 0x|\bNone\b|\bUndefined\b|\bnan\b",
            _text(answer.text),
        )
        assert leaked is None, f"{path} ({language}) shows {leaked[0] if leaked else ''}"


def test_a_word_named_like_a_method_of_a_dict_is_shown(client: TestClient) -> None:
    assert {"update", "values"} <= WORDS.keys()
    fields = client.get("/collections/navigation_mark/schema?f=html&lang=en").text
    assert "<th>Values</th>" in fields


@pytest.mark.parametrize("path", ["/nothing", "/collections/nothing", "/static/nothing.js"])
def test_a_browser_gets_a_page_with_a_way_home(client: TestClient, path: str) -> None:
    answer = client.get(path, headers=BROWSER | {"Accept-Language": "zh-CN,zh;q=0.9"})
    assert answer.status_code == 404 and answer.headers["content-type"].startswith("text/html")
    assert "未找到" in answer.text and f'href="{BASE}/?f=html&amp;lang=zh"' in answer.text
    assert "Not found" in client.get(f"{path}?f=html&lang=en").text
    assert client.get(path).headers["content-type"].startswith("application/")


def test_what_was_asked_for_stays_text_on_the_page(client: TestClient) -> None:
    for path in ("/<script>alert(1)</script>", "/collections/<script>alert(1)</script>"):
        answer = client.get(path, headers=BROWSER)
        assert answer.status_code == 404 and "<script>" not in answer.text


def test_a_colon_is_of_the_language(client: TestClient) -> None:
    path = "/collections/navigation_mark/items?f=html&lang="
    assert "总数：<strong>" in client.get(path + "zh").text
    assert "Rows in all: <strong>" in client.get(path + "en").text


def _switched_on(city: City, store: Store) -> set[str]:
    text = TestClient(create_app(city, store), base_url=BASE).get("/map").text
    return set(re.findall(r'"id":"(\w+)"(?:(?!"id":).)*?"on":true', text))


def test_a_map_without_findings_opens_with_layers_of_its_own(city: City, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "new.gpkg"), city)
    fill(store, city, 3, ["navigation_mark", "ferry"])
    assert {"navigation_mark", "ferry"} <= _switched_on(city, store)
    fill(store, city, 1, ["alert"])
    assert not {"navigation_mark", "ferry"} & _switched_on(city, store)
    store.close()


def test_a_map_opens_where_the_rows_are(city: City, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "new.gpkg"), city)
    client = TestClient(create_app(city, store), base_url=BASE)

    def view() -> list[float]:
        found = re.search(r'"view":\[([^\]]*)\]', client.get("/map").text)
        assert found is not None
        return [float(number) for number in found[1].split(",")]

    assert view() == list(city.bounds)
    fill(store, city, 3, ["navigation_mark"])
    west, south, east, north = city.bounds
    a, b, c, d = view()
    assert west <= a <= c <= east and south <= b <= d <= north and view() != list(city.bounds)
    store.close()


def _pattern(url: str) -> str:
    """Addresses of one kind: of these a few are followed."""
    parts = urlsplit(url)
    names = sorted(name for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    kind = re.sub(r"(collections|items|zones|styles|processes|tiles)/[^/?]+", r"\1/*", parts.path)
    return f"{kind}?{names}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_link_on_a_page_leads_somewhere(client: TestClient, language: str) -> None:
    home = f"{BASE}/?f=html&lang={language}"
    followed: Counter[str] = Counter()
    seen, waiting = {home}, [home]
    while waiting:
        url = waiting.pop(0)
        answer = client.get(url, headers=BROWSER | {"Accept-Language": language})
        assert answer.status_code == 200, f"{url}: {answer.text[:200]}"
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        for found in re.findall(r'<a [^>]*href="([^"]*)"', answer.text):
            link = unescape(found).partition("#")[0]
            if not link.startswith(BASE) or link in seen:
                continue
            seen.add(link)
            followed[_pattern(link)] += 1
            if followed[_pattern(link)] <= 2:
                waiting.append(link)
    kinds = {_pattern(url).partition("?")[0].removeprefix("/") for url in seen}
    assert {"dggs/H3", "dggs/H3/zones/*", "collections/*/items", "styles", "processes/*"} <= kinds
