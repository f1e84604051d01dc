"""The standards' abstract test suites, put to the tiny test city, and whether they can fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from layers.city import City
from ogc_server import create_app
from tests.cite import team_engine
from tests.cite.__main__ import served_city
from tests.cite.suite import FAILED, PASSED, SKIPPED, Outcome, Suite
from tests.cite.suites import SUITES
from tests.cite.web import Web
from tests.served import filled_store, running

pytestmark = [pytest.mark.cite, pytest.mark.xdist_group("cite")]
KNOWN: dict[str, str] = yaml.safe_load((Path(__file__).parent / "known.yaml").read_text("utf-8"))


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with served_city() as url:
        client = Web(url)
        yield client
        client.close()


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.key)
def test_no_check_fails_but_those_that_are_explained(suite: Suite, web: Web) -> None:
    outcomes = suite.run(web)
    failed = {f"{suite.key}: {one.name}": one.reason for one in outcomes if one.verdict == FAILED}
    explained = {key for key in KNOWN if key.startswith(f"{suite.key}: ")}
    assert failed.keys() == explained, failed
    assert any(one.verdict == PASSED for one in outcomes), "the suite tried nothing"


def test_features_need_no_explanation() -> None:
    assert not [key for key in KNOWN if key.startswith("features")]


class _Spoilt:
    """The server with one thing about its items gone wrong."""

    def __init__(self, app: ASGIApp, spoil: Any) -> None:
        self._app, self._spoil = app, spoil

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].endswith("/items"):
            await self._app(scope, receive, send)
        elif self._spoil == "bbox":
            kept = [p for p in scope["query_string"].split(b"&") if not p.startswith(b"bbox")]
            await self._app({**scope, "query_string": b"&".join(kept)}, receive, send)
        else:
            await self._changed(scope, receive, send)

    async def _changed(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent: list[Any] = []

        async def keep(message: Any) -> None:
            sent.append(message)

        plain = [h for h in scope["headers"] if h[0] != b"accept-encoding"]
        await self._app({**scope, "headers": plain}, receive, keep)
        body = b"".join(one.get("body", b"") for one in sent[1:])
        headers = {k.decode(): v.decode() for k, v in sent[0]["headers"] if k != b"content-length"}
        if b"geo+json" in headers["content-type"].encode() and sent[0]["status"] == 200:
            body = json.dumps(self._spoil(json.loads(body))).encode()
        await Response(body, sent[0]["status"], headers)(scope, receive, send)


def _uncounted(page: Any) -> Any:
    return page | {"numberMatched": page["numberMatched"] + 1}


def _unlinked(page: Any) -> Any:
    return page | {"links": [one for one in page["links"] if one["rel"] != "self"]}


def _swapped(page: Any) -> Any:
    for feature in page["features"]:
        if feature["geometry"] and feature["geometry"]["type"] == "Point":
            feature["geometry"]["coordinates"].reverse()
    return page


@pytest.fixture(scope="module")
def good(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ASGIApp]:
    city = City(tiny_folder)
    store = filled_store(city, tmp_path_factory.mktemp("good") / "city.gpkg", many=10, few=10)
    yield create_app(city, store)
    store.close()


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (_uncounted, "core/fc-numberMatched"),
        (_unlinked, "core/fc-op"),
        (_swapped, "crs/crs-parameter-transform"),
        ("bbox", "core/fc-bbox-response"),
    ],
    ids=["count", "links", "axes", "bbox"],
)
def test_a_server_that_does_wrong_is_found_out(spoil: Any, expected: str, good: ASGIApp) -> None:
    with running(_Spoilt(good, spoil)) as url:
        spoilt = Web(url)
        ended = [suite.run(spoilt, only=expected) for suite in SUITES]
        spoilt.close()
    assert [one.verdict for outcomes in ended for one in outcomes] == [FAILED]


RESULTS = """<testng-results><suite><test><class name="x">
<test-method is-config="true" signature="before()[x]" status="PASS"/>
<test-method signature="landing()[x]" status="PASS"/>
<test-method signature="limit(Map)[x]" status="FAIL"><params><param index="0"><value>
<![CDATA[buoys]]></value></param></params>
<exception class="AssertionError"><message><![CDATA[expected [true]
but found [false]]]></message></exception></test-method>
<test-method signature="time()[x]" status="SKIP"/>
</class></test></suite></testng-results>"""


def test_results_of_the_official_suites_are_read() -> None:
    assert list(team_engine.outcomes(RESULTS)) == [
        Outcome("landing()", PASSED),
        Outcome("limit(buoys)", FAILED, "expected [true] but found [false]"),
        Outcome("time()", SKIPPED),
    ]


def test_arguments_of_the_official_suites_fetch_nothing() -> None:
    text = team_engine.properties("http://127.0.0.1:5000")
    assert '<entry key="iut">http://127.0.0.1:5000</entry>' in text and "DOCTYPE" not in text
