"""The ArcGIS Maps SDK for JavaScript reads the server with its OGCFeatureLayer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from layers.query import Query
from tests.clients import pages
from tests.clients.conftest import INTERNAL, LAYER, Guarded, Served

pytestmark = [pytest.mark.client, pytest.mark.xdist_group("web")]
BOX = (-75.2, -42.7, -75.15, -42.65)
RED = (200, 0, 0)


@pytest.fixture
def layer(web: str, look: Callable[..., pages.Looked]) -> Callable[..., pages.Looked]:
    pages.bundle("arcgis")

    def call(server: str, collection: str, **more: str) -> pages.Looked:
        box = ",".join(map(str, BOX))
        return look("arcgis", server=server, collection=collection, box=box, **more)

    return call


def test_a_layer_of_20000_points_loads_is_asked_by_extent_and_drawn(
    layer: Callable[..., pages.Looked], served: Served
) -> None:
    looked = layer(served.url, LAYER)
    seen = looked.seen
    assert seen.get("geometryType") == "point", (seen, looked.said)
    assert seen["title"] == served.city.layer(LAYER).title.en
    assert {"mark_id", "kind", "height_m"} <= set(seen["fields"])
    extent = [seen["extent"][key] for key in ("xmin", "ymin", "xmax", "ymax")]
    assert extent == pytest.approx(served.extent(), abs=1e-6)
    assert seen["within"] == served.store.count(Query(LAYER, bbox=BOX)) > 0
    # It draws by tiles, which may reach over the edge of the view.
    assert seen["drawn"] > served.count() * 0.5
    red = pages.coloured(looked.picture, RED)
    assert red.mean() > 0.3, "20,000 points cover much of the view"
    asked = looked.asked(served.url)
    assert any("bbox=" in one and "limit=" in one for one in asked)
    assert looked.hosts() == {"127.0.0.1"}
    assert not [one for one in looked.said if one.startswith("status") and served.url in one]


@pytest.mark.parametrize("way", ["header", "parameter"])
def test_with_a_token_an_internal_layer_is_drawn(
    layer: Callable[..., pages.Looked], guarded: Guarded, way: str
) -> None:
    told = {"token": guarded.token} if way == "header" else {"parameter": guarded.token}
    looked = layer(guarded.url, INTERNAL, **told)
    assert looked.seen.get("drawn") == guarded.count(INTERNAL) > 0, (looked.seen, looked.said)
    assert pages.coloured(looked.picture, RED).any()


def test_without_one_it_does_not_exist(
    layer: Callable[..., pages.Looked], guarded: Guarded
) -> None:
    looked = layer(guarded.url, INTERNAL)
    assert "failure" in looked.seen and not pages.coloured(looked.picture, RED).any()
