"""A browser without any way to the internet shows the pages of the server."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.absent import absent
from tests.clients.conftest import LAYER, Served

pytestmark = pytest.mark.client
SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--window-size=1400,900",
    "--virtual-time-budget=8000",
    "--enable-logging=stderr",
    # No name is resolved and nothing but this machine is reached.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@dataclass(frozen=True)
class Shown:
    """A page as the browser shows it: its elements, what its console said, what it asked for."""

    document: str
    console: list[str]
    requests: list[str]


@pytest.fixture(scope="module")
def show(
    program: Callable[[str], str], served: Served, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Shown]:
    def call(path: str, *more: str) -> Shown:
        folder = tmp_path_factory.mktemp("chromium")
        net = folder / "net.json"
        done = subprocess.run(
            [
                program("chromium"), *SWITCHES, *more, f"--user-data-dir={folder}",
                f"--log-net-log={net}", "--dump-dom", served.url + path,
            ],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        console = re.findall(r"INFO:CONSOLE[^\]]*\] (.*)", done.stderr)
        return Shown(done.stdout, console, _requests_of_page(net, served.url))

    return call


def _requests_of_page(net: Path, own: str) -> list[str]:
    events = json.loads(net.read_text("utf-8"))["events"]
    asked = [event["params"] for event in events if "url" in event.get("params", {})]
    return [
        params["url"]
        for params in asked
        if params.get("initiator", "").startswith(own) or params["url"].startswith(own)
    ]


@pytest.fixture(scope="module")
def map_page(show: Callable[[str], Shown]) -> Shown:
    return show("/map?lang=en")


def test_the_map_is_drawn(map_page: Shown, served: Served) -> None:
    assert 'data-ready="yes"' in map_page.document
    assert "<canvas" in map_page.document
    for spec in served.city.layers.values():
        listed = f'data-layer="{spec.id}"' in map_page.document
        assert listed == spec.has_geometry, spec.id


def test_the_console_is_silent(map_page: Shown) -> None:
    assert map_page.console == []


def test_rows_come_from_the_items_addresses(map_page: Shown) -> None:
    rows = [url for url in map_page.requests if "/items?" in url]
    assert any("/collections/alert/items?" in url for url in rows)
    assert all("limit=" in url for url in rows)


@pytest.mark.parametrize(
    "path",
    ["/map?lang=zh", "/map?embed=1", "/?f=html", "/collections/navigation_mark/items?f=html"],
)
def test_nothing_is_asked_of_another_machine(show: Callable[[str], Shown], path: str) -> None:
    page = show(path)
    assert page.requests and page.console == []
    assert {urlsplit(url).hostname for url in page.requests} == {"127.0.0.1"}


def test_the_map_speaks_chinese(show: Callable[[str], Shown]) -> None:
    page = show("/map?lang=zh")
    assert 'lang="zh-CN"' in page.document and "图层" in page.document and "预警" in page.document


def test_on_a_phone_the_map_is_not_covered_by_its_panel(
    show: Callable[..., Shown], map_page: Shown
) -> None:
    phone = show("/map?lang=en", "--window-size=500,844")
    assert 'id="panel" class="folded"' in phone.document
    assert 'aria-expanded="false"' in phone.document
    assert 'class="folded"' not in map_page.document


def test_made_up_data_are_said_to_be_made_up(map_page: Shown, served: Served) -> None:
    synthetic = served.city.declaration.synthetic
    assert synthetic is not None and synthetic.en in map_page.document


def test_a_link_to_a_row_opens_it_and_its_text_stays_text(
    show: Callable[[str], Shown], served: Served
) -> None:
    from layers.query import Query

    frame = served.store.frame(Query("alert"))
    hit = frame[frame["sentence_en"].fillna("").str.contains("<script>")].iloc[0]
    page = show(f"/map?lang=en#alert/{hit['fid']}")
    assert "leaflet-popup-content" in page.document
    popup = page.document.split("leaflet-popup-content", 1)[1]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in popup
    assert "<script>alert(1)" not in page.document and page.console == []


def test_a_large_layer_is_drawn_from_vector_tiles(show: Callable[..., Shown]) -> None:
    page = show(
        f"/map?lang=en&layers={LAYER}",
        "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist",
    )  # fmt: skip
    assert 'data-ready="yes"' in page.document
    tiles = [url for url in page.requests if f"/{LAYER}/tiles/WebMercatorQuad/" in url]
    if not tiles and "leaflet-gl-layer" not in page.document:
        absent("Chromium has no WebGL here")
    assert tiles and "leaflet-gl-layer" in page.document
    assert not [url for url in page.requests if f"/{LAYER}/items?" in url]


def test_the_watch_is_drawn(show: Callable[[str], Shown], served: Served) -> None:
    page = show("/watch?lang=en&live=false")
    assert 'data-ready="yes"' in page.document
    assert "<canvas" in page.document
    assert page.console == []
    assert all(url.startswith(served.url) for url in page.requests)
