"""Requests made to break the server: each is answered or refused, none fails, none gets through."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from starlette.testclient import TestClient

from layers.access import LOCAL
from layers.city import City
from layers.store import Store
from ogc_server import create_app
from tests.ogc_server.conftest import BASE

MARKS = "/collections/navigation_mark/items"
GEOMETRY = {"property": "geometry"}
DEEP = "[" * 900 + "]" * 900


def ask(client: TestClient, **values: Any) -> Any:
    texts = {
        name.replace("_", "-"): value if isinstance(value, str) else orjson.dumps(value).decode()
        for name, value in values.items()
    }
    return client.get(MARKS, params=texts)


def token(*key: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857"])
@pytest.mark.parametrize(
    "condition",
    [
        '{"bbox":5}',
        '{"op":"s_intersects","args":[{"property":"geometry"},{"bbox":["a","b","c","d"]}]}',
        '{"op":"s_intersects","args":[{"property":"geometry"},{"bbox":[1,2,3]}]}',
        '{"a":' * 900 + "1" + "}" * 900,
        '{"op":"and","args":[' + DEEP + "]}",
        '{"op":"in","args":[{"property":"kind"},' + DEEP + "]}",
        '{"op":"s_within","args":[{"property":"geometry"},{"type":"Point","coordinates":'
        + DEEP + "}]}",
        '{"op":"and","coordinates":1,"args":[' * 400 + "true" + "]}" * 400,
    ],
)  # fmt: skip
def test_a_filter_of_any_shape_is_refused_not_failed(
    client: TestClient, condition: str, crs: str
) -> None:
    for extra in ({}, {"filter_crs": crs}):
        answer = ask(client, filter=condition, filter_lang="cql2-json", **extra)
        assert answer.status_code == 400 and answer.json()["parameter"] == "filter"


def test_a_geometry_outside_of_its_system_is_refused(client: TestClient) -> None:
    far = {"type": "Point", "coordinates": [1e30, 1e30]}
    condition = {"op": "s_intersects", "args": [GEOMETRY, far]}
    crs = client.get("/collections/navigation_mark").json()["crs"][-1]
    answer = ask(client, filter=condition, filter_lang="cql2-json", filter_crs=crs)
    assert answer.status_code == 400


def test_a_box_of_six_numbers_in_a_filter_follows_its_system(client: TestClient) -> None:
    def matched(box: list[float], crs: str) -> int:
        condition = {"op": "s_intersects", "args": [GEOMETRY, {"bbox": box}]}
        answer = ask(client, filter=condition, filter_lang="cql2-json", filter_crs=crs)
        return int(answer.json()["numberMatched"])

    assert matched([-76, -43, 0, -75.1, -42, 9], "CRS84") > 0
    swapped = matched([-43, -76, 0, -42, -75.1, 9], "EPSG:4326")
    assert swapped == matched([-76, -43, 0, -75.1, -42, 9], "CRS84")


def test_a_chain_of_conditions_is_refused_where_it_is_too_long(client: TestClient) -> None:
    joined = " and ".join(["1=1"] * 2000)
    mixed = "(" + " or ".join(["1=1"] * 800) + ") and " + " and ".join(["2=2"] * 800)
    for text in (joined, mixed):
        assert ask(client, filter=text).status_code in (200, 400)


def test_a_filter_may_hold_hundreds_of_geometries(client: TestClient) -> None:
    text = "or ".join(f"S_WITHIN(geometry,POINT({i % 90} {i // 90}))" for i in range(580))
    assert ask(client, filter=text).status_code == 200


@pytest.mark.parametrize(
    ("order", "key"),
    [
        ("lights", (2**63 + 1, "x")),
        ("height_m", (True, "x")),
        ("checked_on", ({"date": "x"}, "x")),
        ("kind", ("\x00", "x")),
    ],
)
def test_a_made_up_token_is_answered_or_refused(client: TestClient, order: str, key: Any) -> None:
    assert ask(client, sortby=order, after=token(*key)).status_code in (200, 400)


def test_what_is_no_queryable_can_not_be_asked_by(client: TestClient) -> None:
    listed = client.get("/collections/alert/queryables").json()["properties"]
    for name in ("source", "updated_at", "valid_from", "fid", "evidence"):
        assert name not in listed
        answer = client.get("/collections/alert/items", params={"filter": f"{name} IS NOT NULL"})
        assert answer.status_code == 400 and "queryable" in answer.json()["description"]
    for name in listed:
        asked = client.get("/collections/alert/items", params={"filter": f"{name} IS NOT NULL"})
        assert asked.status_code == 200, name


@pytest.mark.parametrize(
    "host", ['127.0.0.1:"><script>alert(1)</script>', "127.0.0.1:x", "localhost:1@evil", "[::1]x"]
)
def test_a_host_is_a_name_and_a_port_and_nothing_else(client: TestClient, host: str) -> None:
    answer = client.get("/map", headers={"Host": host})
    assert answer.status_code == 400 and "<script" not in answer.text


def test_a_server_published_under_a_number_of_ipv6_answers(city: City, store: Store) -> None:
    app = create_app(city, store, base_url="http://[2001:db8::1]:8080", hosts=["Inner"])
    client = TestClient(app, base_url="http://[2001:db8::1]:8080")
    assert client.get("/").status_code == 200
    assert client.get("/", headers={"Host": "inner"}).status_code == 200


def test_only_the_map_runs_scripts_that_stand_in_the_page(client: TestClient) -> None:
    for path in ("/?f=html", f"{MARKS}?f=html"):
        assert "sha256" not in client.get(path).headers["content-security-policy"]
    assert "sha256" in client.get("/map").headers["content-security-policy"]


def test_descriptions_of_many_hosts_do_not_pile_up(city: City, store: Store) -> None:
    app = create_app(city, store)
    client = TestClient(app, base_url=BASE)
    for port in range(1, 40):
        assert client.get("/openapi", headers={"Host": f"127.0.0.1:{port}"}).status_code == 200
    assert len(app.state.catalogues.of(LOCAL)._documents._kept) <= 16


def test_an_edition_of_the_server_has_its_own_validators(city: City, store: Store) -> None:
    """After a restart declarations and pages may differ though no row does."""
    tags = set()
    for _ in range(2):
        client = TestClient(create_app(city, store), base_url=BASE)
        answers = [client.get("/openapi"), client.get("/openapi")]
        assert answers[0].headers["etag"] == answers[1].headers["etag"]
        tags.add(answers[0].headers["etag"])
    assert len(tags) == 2


def test_the_map_is_a_page_only(client: TestClient) -> None:
    assert client.get("/map?f=json").status_code == 400
    assert client.get("/map", headers={"Accept": "application/json"}).status_code == 200
