"""A reader who follows every link there is finds nothing that lies beyond his walls.

The rows of the test city tell by the number in their id whose they are (`tests.ogc_server.rows`),
so a row of another town is recognised wherever it comes up: in a list, a tile, a cell, an error.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

import pytest
from starlette.testclient import TestClient

from layers.access import PUBLIC, Audience
from layers.city import City
from layers.query import Scope
from layers.store import Store
from ogc_server import create_app
from tests.ogc_server.conftest import BASE
from tests.ogc_server.rows import town_of

TOWN = "PS-OH"
CLERK = Audience(
    "clerk",
    frozenset({"public", "internal", "restricted"}),
    Scope((TOWN,), ("police",)),
    frozenset({"police"}),
    frozenset({"edit", "run"}),
)
# Paths of one form that are followed; the rest are the same again.
_OF_A_FORM = 4
_MOST = 700
_LINK = re.compile(r"""(?:href|src)=["']([^"']+)["']|"(https?://127\.0\.0\.1:5000[^"]*)\"""")
_MARKUP = {
    "&amp;": "&",
    "&quot;": '"',
    "&#39;": "'",
    "\\u003c": "<",
    "\\u003e": ">",
    "\\u0026": "&",
}


def links(text: str) -> list[str]:
    for entity, character in _MARKUP.items():
        text = text.replace(entity, character)
    found = [unquote(a or b) for a, b in _LINK.findall(text)]
    return [link.split("#")[0] for link in found if link.startswith((BASE, "/"))]


def form(url: str) -> str:
    """A path with ids and numbers taken out, and the names of its parameters."""
    parts = urlsplit(url)
    path = re.sub(r"[^/]*\d[^/]*", "*", parts.path)
    path = re.sub(r"^/collections/[^/]+", "/collections/*", path)
    names = sorted(pair.partition("=")[0] for pair in parts.query.split("&"))
    formats = re.findall(r"f=[a-z]+", parts.query)
    return f"{path}?{names}{formats}"


def starts(city: City) -> list[str]:
    """What no link leads to: every format, filters, foreign rows asked for by name, nonsense."""
    urls = ["/", "/openapi", "/map", "/queryables", "/conformance?f=html"]
    for spec in city.layers.values():
        home = f"/collections/{spec.id}"
        foreign = f"{spec.id}-000001"
        assert town_of(city, foreign) != TOWN
        urls += [home, f"{home}?f=html", f"{home}/queryables", f"{home}/schema"]
        urls += [f"{home}/items?limit=1000&f={f}" for f in ("json", "html", "csv", "geojsonseq")]
        urls += [
            f"{home}/items?resulttype=hits",
            f"{home}/items?filter={spec.id_field}='{foreign}'",
            f"{home}/items?filter=NOT ({spec.id_field} IS NULL)&filter-lang=cql2-text",
            f"{home}/items?{spec.id_field}={foreign}",
            f"{home}/items?as_of=2026-06-01T00:00:00Z&limit=1000",
            f"{home}/items?sortby=-{spec.id_field}&limit=1000",
            f"{home}/items/{foreign}",
            f"{home}/items/{foreign}?f=html",
            f"{home}/tiles/WebMercatorQuad/0/0/0",
            f"{home}/tiles/WebMercatorQuad/8/161/74",
            f"{home}/dggs/H3/zones",
            f"{home}/map?width=64&height=64",
            f"{home}/locations",
        ]
    return urls


@pytest.fixture
def foreign(city: City) -> re.Pattern[str]:
    """Ids of rows of other towns."""
    numbers = [f"{n:06d}" for n in range(30) if town_of(city, f"x-{n:06d}") != TOWN]
    names = "|".join(sorted(city.layers, key=len, reverse=True))
    return re.compile(rf"\b(?:{names})-(?:{'|'.join(numbers)})\b")


def crawl(client: TestClient, urls: list[str]) -> dict[str, str]:
    """What each address answers, the links of answers followed."""
    seen: dict[str, str] = {}
    forms: Counter[str] = Counter()
    waiting = deque(urls)
    while waiting and len(seen) < _MOST:
        url = waiting.popleft().removeprefix(BASE) or "/"
        if urlsplit(url).path.endswith("/events") and "follow=" not in url:
            # What has happened so far; what is to come would never end.
            url += ("&" if "?" in url else "?") + "follow=false"
        if url in seen or url.startswith("/static/"):
            continue
        forms[form(url)] += 1
        if forms[form(url)] > _OF_A_FORM and url not in urls:
            continue
        answer = client.get(url)
        assert answer.status_code < 500, (url, answer.text)
        text = answer.content.decode("utf-8", "replace")
        seen[url] = text
        if answer.headers.get("content-type", "").partition(";")[0] in (
            "text/html", "application/json", "application/geo+json",
        ):  # fmt: skip
            waiting.extend(links(text))
    return seen


def test_a_reader_finds_no_row_of_another_town(
    city: City, store: Store, foreign: re.Pattern[str]
) -> None:
    client = TestClient(
        create_app(city, store, audience=CLERK), base_url=BASE, raise_server_exceptions=False
    )
    pages = crawl(client, starts(city))
    assert len(pages) > 200
    for url, text in pages.items():
        # What was asked for by name may be named in the refusal.
        found = [one for one in foreign.findall(text) if one not in unquote(url)]
        assert not found, (url, found[:3])
    own = sum("navigation_mark-000000" in text for text in pages.values())
    assert own > 3, "his own rows are seen, so the walls are what is tested"


@pytest.mark.parametrize("audience", [CLERK, PUBLIC], ids=["clerk", "public"])
def test_a_layer_that_he_may_not_see_is_nowhere(
    city: City, store: Store, audience: Audience
) -> None:
    client = TestClient(
        create_app(city, store, audience=audience), base_url=BASE, raise_server_exceptions=False
    )
    hidden = {s.id for s in city.layers.values() if not audience.counts(s)}
    assert hidden
    # As an id or in an address; "alert" is a word of the pages too.
    name = re.compile(rf'(?:collections/|"id": ?"|layers=)(?:{"|".join(hidden)})\b')
    for url, text in crawl(
        client, ["/", "/collections", "/openapi", "/map", "/queryables"]
    ).items():
        assert not name.search(text), (url, name.search(text))


def test_hidden_and_missing_look_the_same(city: City, store: Store) -> None:
    client = TestClient(create_app(city, store, audience=PUBLIC), base_url=BASE)
    rests = ("", "/items", "/items/x", "/queryables", "/schema", "/tiles", "/map", "/styles")
    for rest in (*rests, "/tiles/WebMercatorQuad/0/0/0", "/dggs/H3/zones", "/items?f=csv"):
        for method in ("GET", "OPTIONS", "POST", "DELETE"):
            answers = [
                client.request(method, f"/collections/{key}{rest}") for key in ("alert", "zzzzz")
            ]
            first, second = (a.text.replace("alert", "zzzzz") for a in answers)
            assert answers[0].status_code == answers[1].status_code, (method, rest)
            assert first == second, (method, rest)
            assert set(answers[0].headers) == set(answers[1].headers)


def test_a_hidden_layer_takes_no_longer_to_refuse_than_a_missing_one(
    city: City, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time tells nothing where the same is done: neither asks the store anything."""
    asked: list[str] = []

    def told(name: str, method: Callable[..., object]) -> Callable[..., object]:
        def tell(*arguments: object, **options: object) -> object:
            asked.append(name)
            return method(*arguments, **options)

        return tell

    kept = ("close", "writing", "bounded")
    for name in dir(store):
        method = getattr(store, name)
        if not name.startswith("_") and callable(method) and name not in kept:
            monkeypatch.setattr(store, name, told(name, method), raising=True)
    monkeypatch.setattr(store, "bounded", lambda seconds: store)
    client = TestClient(create_app(city, store, audience=PUBLIC), base_url=BASE)
    client.get("/collections")
    assert asked
    questions: dict[str, list[str]] = {}
    for key in ("alert", "zzzzz"):
        asked.clear()
        for rest in ("", "/items", "/items/x", "/schema", "/items?f=csv", "/items?filter=a=1"):
            assert client.get(f"/collections/{key}{rest}").status_code == 404
        questions[key] = list(asked)
    assert questions["alert"] == questions["zzzzz"]
