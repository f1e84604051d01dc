"""MapLibre GL draws the server's vector tiles in the server's style."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from layers.query import Query
from tests.clients import pages
from tests.clients.conftest import INTERNAL, LAYER, Guarded, Served

pytestmark = [pytest.mark.client, pytest.mark.xdist_group("web")]
NEAR = (-75.11, -42.61, -75.09, -42.59)


def colour_of(style: str) -> tuple[int, int, int]:
    """Colour of points in a style."""
    layers = httpx.get(style).raise_for_status().json()["layers"]
    text = next(one["paint"]["circle-color"] for one in layers if one["type"] == "circle")
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def told(box: tuple[float, ...]) -> str:
    return ",".join(map(str, box))


def test_points_are_drawn_where_the_store_has_them(
    look: Callable[..., pages.Looked], served: Served
) -> None:
    style = f"{served.url}/styles/{LAYER}?f=mapbox"
    looked = look("maplibre", style=style, box=told(NEAR))
    seen = looked.seen
    assert not seen.get("failures"), (seen, looked.said)
    inside = served.store.count(Query(LAYER, bbox=NEAR))
    assert seen["rendered"] >= inside > 20
    drawn = pages.coloured(looked.picture, colour_of(style), near=70)
    hit = [
        drawn[int(p["y"]), int(p["x"])]
        for p in seen["points"]
        if 0 <= p["x"] < drawn.shape[1] and 0 <= p["y"] < drawn.shape[0]
    ]
    assert len(hit) > 20 and sum(hit) > 0.9 * len(hit), "a dot has its colour where its place is"
    assert drawn.mean() < 0.5, "and not everywhere"
    tiles = [one for one in looked.asked(served.url) if f"/collections/{LAYER}/tiles/" in one]
    assert any(one.endswith("f=mvt") for one in tiles) and looked.hosts() == {"127.0.0.1"}


def test_far_out_20000_points_are_drawn_as_cells(
    look: Callable[..., pages.Looked], served: Served
) -> None:
    west, south, east, north = served.extent()
    wide = (west - 8, south - 8, east + 8, north + 8)
    style = f"{served.url}/styles/{LAYER}?f=mapbox"
    looked = look("maplibre", style=style, box=told(wide))
    assert not looked.seen.get("failures"), (looked.seen, looked.said)
    assert 0 < looked.seen["rendered"] < 2000, "not each point by itself"


@pytest.mark.parametrize("way", ["header", "address"])
def test_with_a_token_an_internal_layer_is_drawn(
    look: Callable[..., pages.Looked], guarded: Guarded, way: str
) -> None:
    style = f"{guarded.url}/styles/{INTERNAL}?f=mapbox"
    values = {"token": guarded.token} if way == "header" else {}
    style += f"&token={guarded.token}" if way == "address" else ""
    looked = look("maplibre", style=style, box=told(guarded.extent(INTERNAL)), **values)
    assert not looked.seen.get("failures"), (looked.seen, looked.said)
    assert looked.seen["rendered"] > 0


def test_without_one_it_does_not_exist(look: Callable[..., pages.Looked], guarded: Guarded) -> None:
    style = f"{guarded.url}/styles/{INTERNAL}?f=mapbox"
    looked = look("maplibre", style=style, box=told(guarded.extent(INTERNAL)))
    assert not looked.seen.get("rendered") and looked.seen["failures"]
