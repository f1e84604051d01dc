"""Tripwires: each touch of pygeoapi's inside fails here first when a new version moves it."""

from __future__ import annotations

import copy
import html
import inspect
import json
import logging
import os
from typing import Any

import pytest
from starlette.testclient import TestClient

from layers.city import City
from layers.store import Store
from ogc_server import PUBLIC, create_app, engine
from ogc_server.catalogue import LOCAL, Catalogue
from ogc_server.provider import StoreProvider
from ogc_server.reference import CRS84
from tests.ogc_server.conftest import BASE
from tests.ogc_server.test_conformance import feature_collections


@pytest.fixture(scope="module")
def catalogue(city: City, store: Store) -> Catalogue:
    return Catalogue(city, store, LOCAL)


def asked_of_engine(client: TestClient, path: str) -> Any:
    """What pygeoapi itself answers, past the routes in front."""
    inside = TestClient(_inside(client.app.state), base_url=BASE)  # type: ignore[attr-defined]
    return inside.get(path)


def read(answer: Any) -> Any:
    """JSON of pygeoapi's answer; newer versions write markup in texts as entities."""
    return json.loads(answer.text, object_hook=_unescaped)


def _unescaped(value: dict[str, Any]) -> dict[str, Any]:
    return {k: html.unescape(v) if isinstance(v, str) else v for k, v in value.items()}


def _inside(state: Any) -> Any:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        scope["onemap.base"] = BASE
        scope["onemap.catalogue"] = state.catalogues.of(state.audience)
        await state.engine(scope, receive, send)

    return answer


def test_importing_leaves_the_environment_and_the_root_logger_alone() -> None:
    before, handlers = dict(os.environ), list(logging.getLogger().handlers)
    engine.load.cache_clear()
    engine.load()
    assert dict(os.environ) == before
    assert logging.getLogger().handlers == handlers


def test_handlers_look_up_the_function_that_is_handed_the_api() -> None:
    module = engine.load()
    parameters = inspect.signature(module.execute_from_starlette).parameters
    assert "options" in parameters, "execute_from_starlette was not replaced"
    original = inspect.getclosurevars(module.execute_from_starlette).nonlocals["original"]
    assert "alternative_api" in inspect.signature(inspect.unwrap(original)).parameters
    assert "execute_from_starlette" in module.landing_page.__code__.co_names


def test_the_api_takes_a_configuration_whose_resources_are_a_mapping(catalogue: Catalogue) -> None:
    api = engine.Engine().api(catalogue, BASE)
    assert isinstance(api.config["resources"], engine.Resources)
    assert api.tpl_config["resources"] is api.config["resources"]
    assert api.base_url == BASE


def test_resources_are_the_catalogue_and_follow_it(catalogue: Catalogue) -> None:
    resources = engine.Resources(catalogue)
    assert set(resources) == {spec.id for spec in catalogue} and len(resources) > 10
    assert "resident" not in resources and "nothing" not in resources
    assert copy.deepcopy(resources) is resources


def test_an_entry_names_our_provider_and_pygeoapi_can_load_it(catalogue: Catalogue) -> None:
    from pygeoapi.plugin import load_plugin

    entry = engine.Resources(catalogue)["navigation_mark"]["providers"][0]
    provider = load_plugin("provider", entry)
    assert isinstance(provider, StoreProvider)
    assert provider.fields["height_m"]["type"] == "number"


def test_the_provider_takes_what_pygeoapi_passes(catalogue: Catalogue) -> None:
    from pygeoapi.api import itemtypes

    source = inspect.getsource(itemtypes.get_collection_items)
    passed = "offset limit resulttype bbox datetime_ properties sortby skip_geometry"
    for name in [*passed.split(), "select_properties", "crs_transform_spec", "filterq"]:
        assert f"{name}=" in source, f"pygeoapi no longer passes {name}"


def test_pygeoapi_never_answers_with_html(client: TestClient) -> None:
    for path in ("/processes", "/collections/ferry/items?f=html", "/TileMatrixSets?f=html"):
        answer = asked_of_engine(client, path)
        assert answer.status_code == 200 and "json" in answer.headers["content-type"]


def test_links_follow_the_host_of_the_request(client: TestClient) -> None:
    for host in ("http://127.0.0.1:5000", "http://localhost:8123"):
        answer = client.get(f"{host}/collections/ferry/items?f=jsonld&limit=1")
        assert answer.status_code == 200
        inside = client.get(f"{host}/processes").json()
        assert all(link["href"].startswith(host) for link in inside["links"])


QUESTIONS = (
    "limit=100",
    "limit=7&offset=5",
    "bbox=-75.2,-42.75,-75.0,-42.5",
    "skipGeometry=true",
    "crs=http://www.opengis.net/def/crs/EPSG/0/3857",
    "crs=http://www.opengis.net/def/crs/EPSG/0/4326",
    "crs=http://www.opengis.net/def/crs/EPSG/0/4490",
    "crs={own}",
    "bbox=-8371000,-5278000,-8338000,-5239000&bbox-crs=http://www.opengis.net/def/crs/EPSG/0/3857",
    "bbox=-75.2,-42.75,-75.0,-42.5&limit=3&offset=2",
    "datetime=2020-07-01/..",
    "resulttype=hits",
)


@pytest.mark.parametrize("question", QUESTIONS)
def test_hot_route_and_pygeoapi_give_the_same_features(client: TestClient, question: str) -> None:
    for collection in feature_collections(client):
        asked = question.format(own=collection["crs"][-1])
        path = f"/collections/{collection['id']}/items?{asked}"
        hot, inside = client.get(path).json(), read(asked_of_engine(client, path))
        assert hot["features"] == inside["features"], path
        for member in ("numberMatched", "numberReturned"):
            assert hot[member] == inside[member], path


def test_hot_route_and_pygeoapi_agree_on_filters_and_order(client: TestClient) -> None:
    for question in ("kind=buoy&sortby=-height_m", "properties=kind,lit", "lit=true"):
        path = f"/collections/navigation_mark/items?{question}"
        hot, inside = client.get(path).json(), read(asked_of_engine(client, path))
        assert hot["features"] == inside["features"] and hot["features"]


def test_hot_route_and_pygeoapi_give_the_same_single_feature(client: TestClient) -> None:
    for collection in feature_collections(client):
        path = f"/collections/{collection['id']}/items/{collection['id']}-000001"
        hot, inside = client.get(path), asked_of_engine(client, path)
        assert hot.status_code == inside.status_code
        if hot.status_code == 200:
            for member in ("id", "geometry", "properties"):
                assert hot.json()[member] == read(inside)[member], path


def test_json_ld_comes_from_pygeoapi(client: TestClient) -> None:
    url, wish = "/collections/navigation_mark/items", {"Accept": "application/ld+json"}
    for linked in (client.get(f"{url}?f=jsonld"), client.get(url, headers=wish)):
        assert linked.headers["content-type"].startswith("application/ld+json")
        assert "@context" in linked.json()
    assert client.get("/collections/navigation_mark/items?f=jsonld&cells=x").status_code == 400


def test_two_audiences_live_side_by_side(client: TestClient, city: City, store: Store) -> None:
    public = TestClient(create_app(city, store, audience=PUBLIC), base_url=BASE)
    hidden = "/collections/alert/items"
    assert public.get(hidden).status_code == 404
    assert asked_of_engine(public, hidden).status_code == 404
    assert client.get(hidden).status_code == asked_of_engine(client, hidden).status_code == 200
    assert public.get(hidden).status_code == 404


def test_coordinates_are_stored_in_lon_lat_for_pygeoapi(catalogue: Catalogue) -> None:
    # EPSG:4326 as storage_crs makes pygeoapi swap a box before the provider sees it.
    for entry in engine.Resources(catalogue).values():
        assert entry["providers"][0]["storage_crs"] == CRS84
