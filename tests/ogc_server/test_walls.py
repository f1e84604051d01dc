"""What must not leave the server, and who may ask it."""

from __future__ import annotations

import html
import re

import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from layers.city import City
from layers.errors import StoreError
from layers.query import Query, Scope
from layers.store import Store
from ogc_server import PUBLIC, Audience, create_app
from tests.ogc_server.conftest import BASE, ROWS

SCRIPT = "<script>alert(1)</script>"


@pytest.mark.parametrize("layer", ["resident", "resident_home"])
def test_personal_layers_do_not_exist_for_readers(client: TestClient, layer: str) -> None:
    paths = ("", "/items", f"/items/{layer}-000001", "/queryables", "/schema", "/items?f=csv")
    for path in paths:
        assert client.get(f"/collections/{layer}{path}").status_code == 404
    for path in ("/collections", "/openapi", "/map", "/collections?f=html", "/?f=html"):
        assert layer not in client.get(path).text
    assert client.get(f"/map?layers={layer}").status_code == 400


def test_each_audience_sees_its_layers_only(city: City, store: Store) -> None:
    public = TestClient(create_app(city, store, audience=PUBLIC), base_url=BASE)
    rows = public.get("/collections").json()["collections"]
    listed = {c["id"] for c in rows if c["itemType"] == "feature"}
    assert listed == {s.id for s in city.layers.values() if s.sensitivity == "public"}


def test_the_scope_of_an_audience_is_in_every_answer(city: City, store: Store) -> None:
    nobody = Audience("nobody", frozenset({"public", "internal"}), Scope(jurisdictions=("zzz",)))
    client = TestClient(create_app(city, store, audience=nobody), base_url=BASE)
    whole = Query("navigation_mark", scope=nobody.scope)
    assert store.count(whole) == 0, "the scope under test hides every row"
    document = client.get("/collections/navigation_mark/items").json()
    assert document["features"] == [] and document["numberMatched"] == 0
    assert (
        client.get("/collections/navigation_mark/items/navigation_mark-000001").status_code == 404
    )
    assert "navigation_mark-0" not in client.get("/collections/navigation_mark/items?f=csv").text


def test_another_host_name_is_not_answered(client: TestClient, city: City, store: Store) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", ""):
        answer = client.get("/collections", headers={"Host": host})
        assert answer.status_code == 400 and "evil" not in answer.text
    for host in ("127.0.0.1:5000", "localhost:1", "[::1]:5000"):
        assert client.get("/", headers={"Host": host}).status_code == 200
    published = create_app(city, store, base_url="https://map.example/city/", hosts=["inner"])
    outside = TestClient(published, base_url="https://map.example")
    assert outside.get("/").json()["links"][0]["href"].startswith("https://map.example/city/")
    assert outside.get("/", headers={"Host": "inner"}).status_code == 200


def test_pages_of_other_sites_may_not_read(client: TestClient, city: City, store: Store) -> None:
    def allowed(asked: TestClient, origin: str) -> str | None:
        return asked.get("/", headers={"Origin": origin}).headers.get("access-control-allow-origin")

    assert allowed(client, "https://evil.example") is None
    assert allowed(client, "http://127.0.0.1.evil.example") is None
    assert allowed(client, "http://localhost:8080") == "http://localhost:8080"
    named = create_app(city, store, origins=["https://gis.example"])
    assert allowed(TestClient(named, base_url=BASE), "https://gis.example") == "https://gis.example"
    public = create_app(city, store, audience=PUBLIC)
    assert allowed(TestClient(public, base_url=BASE), "https://any.example") == "*"


def test_a_preflight_of_a_map_in_a_browser_is_answered(client: TestClient) -> None:
    headers = {"Origin": "http://localhost:8080", "Access-Control-Request-Method": "GET"}
    answer = client.options("/collections", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "http://localhost:8080"


def test_script_in_a_row_never_becomes_script_in_a_page(client: TestClient) -> None:
    layer = "/collections/vessel_registry/items"
    assert SCRIPT in client.get(f"{layer}?f=json").text
    holding = next(
        f["id"]
        for f in client.get(layer).json()["features"]
        if SCRIPT in (f["properties"]["name_zh"] or "")
    )
    for path in (f"{layer}?f=html", f"{layer}/{holding}?f=html"):
        text = client.get(path).text
        assert SCRIPT not in text and "&lt;script&gt;alert(1)" in text


def test_script_in_an_address_never_becomes_script_in_a_page(client: TestClient) -> None:
    for path in (
        f"/collections/ferry/items?f=html&name={SCRIPT}",
        f"/collections/ferry/items?f=html&after={SCRIPT}",
        f'/collections/navigation_mark/items?f=html&kind="><{SCRIPT}',
        f"/map?layers={SCRIPT}",
        f"/collections/{SCRIPT}?f=html",
    ):
        answer = client.get(path)
        assert "json" in answer.headers["content-type"] or SCRIPT not in answer.text


def test_a_page_may_run_its_own_scripts_and_talk_to_this_server_only(client: TestClient) -> None:
    for path in ("/?f=html", "/map", "/collections/navigation_mark/items?f=html"):
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        scripts = policy.split("script-src")[1].split(";")[0]
        assert "unsafe" not in scripts and "http" not in scripts
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_pages_load_nothing_from_elsewhere(client: TestClient) -> None:
    pages = ["/?f=html", "/collections?f=html", "/openapi?f=html", "/conformance?f=html", "/map"]
    pages += [f"/collections/navigation_mark{path}?f=html" for path in ("", "/items", "/schema")]
    for page in pages:
        text = client.get(page).text
        loaded = re.findall(r"<(?:script|img|link|iframe)[^>]+(?:src|href)=\"([^\"]+)\"", text)
        assert loaded, page
        for address in loaded:
            assert address.startswith(f"{BASE}/"), (page, address)
            assert client.get(html.unescape(address)).status_code == 200, address


def test_static_files_stay_in_their_folder(client: TestClient) -> None:
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py"):
        assert client.get(path).status_code in (400, 404)


def test_a_failure_tells_an_id_and_nothing_else(
    city: City, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(query: Query, patience_s: float | None = None) -> None:
        raise StoreError("/secret/path is locked")

    monkeypatch.setattr(store, "features", broken)
    monkeypatch.setattr(store, "bounded", lambda seconds: store)
    client = TestClient(create_app(city, store), base_url=BASE, raise_server_exceptions=False)
    with capture_logs() as log:
        answer = client.get("/collections/navigation_mark/items")
    assert answer.status_code == 500 and answer.json()["code"] == "ServerError"
    assert "secret" not in answer.text
    failure = next(entry for entry in log if entry["event"] == "request failed")
    assert failure["id"] in answer.text and "secret" in failure["trace"]


def test_rows_of_the_test_layer_are_there(client: TestClient) -> None:
    assert client.get("/collections/vessel_registry/items").json()["numberMatched"] == ROWS
