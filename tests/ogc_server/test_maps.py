"""Map images: what they may not show, what hostile requests get, and when they are made anew."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import geopandas as gpd
import h3.api.basic_int as h3
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from starlette.testclient import TestClient

from layers.access import LOCAL, PUBLIC, Audience
from layers.city import City
from layers.query import Box, Scope
from layers.rasters.grid import Grid
from layers.store import Store, open_store
from ogc_server import create_app
from ogc_server.cells.cell_picture import BREAKS, RAMP, around, fitting_resolution, paint_counts
from ogc_server.images.painting import Background, on_background, over
from ogc_server.images.viewport import Viewport
from ogc_server.reference import CRS84
from tests.ogc_server.conftest import BASE
from tests.ogc_server.rows import AT, rows

HOME = "resident_home"
HARBOUR = (-75.095, -42.603)
SIDE = 0.2
WHOLE = f"bbox={HARBOUR[0] - SIDE},{HARBOUR[1] - SIDE},{HARBOUR[0] + SIDE},{HARBOUR[1] + SIDE}"


def served(city: City, store: Store, audience: Audience, home: Path | None = None) -> TestClient:
    app = create_app(city, store, folder=home, audience=audience)
    return TestClient(app, base_url=BASE, raise_server_exceptions=False)


def image(client: TestClient, url: str) -> np.ndarray:
    answer = client.get(url)
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))


def crowd(city: City, layer: str, places: list[tuple[float, float]], unit: str = "PS-OH") -> Any:
    """Rows of a layer of points, one at each place."""
    made = rows(city.layer(layer), city, len(places))
    made["jurisdiction"] = unit
    return made.set_geometry(gpd.GeoSeries(shapely.points(places), crs="EPSG:4326"))


@pytest.fixture
def homes(city: City, tmp_path: Path) -> Any:
    """A store in which twelve people live in one cell, and nine in another, far from it."""
    store = open_store(str(tmp_path / "homes.gpkg"), city)
    store.create(*city.layers.values())
    with store.transaction() as unit:
        many, few = HARBOUR, (HARBOUR[0] + 0.1, HARBOUR[1])
        unit.upsert(city.layer(HOME), crowd(city, HOME, [many] * 12 + [few] * 9), at=AT, source="t")
    yield store
    store.close()


def test_a_personal_layer_shows_no_cell_of_fewer_than_ten(city: City, homes: Store) -> None:
    client = served(city, homes, LOCAL)
    drawn = image(client, f"/collections/{HOME}/map?{WHOLE}&width=400&height=400")
    rows_, columns = np.nonzero(drawn[..., 3])
    assert len(rows_), "the cell of twelve is there"
    assert columns.max() < 260, "the cell of nine, a hundred pixels to the east, is not"
    for zoom in (0.001, 0.01, 0.05, 1, 10):
        lon, lat = HARBOUR[0] + 0.1, HARBOUR[1]
        box = f"{lon - zoom / 3},{lat - zoom / 3},{lon + zoom / 3},{lat + zoom / 3}"
        near = image(client, f"/collections/{HOME}/map?bbox={box}&width=300&height=300")
        level = near[150, 150]
        assert level[3] == 0 or zoom >= 1, "at no scale are nine told apart from none"


def test_coarser_cells_of_a_personal_layer_are_sums_of_what_is_shown(
    city: City, homes: Store
) -> None:
    client = served(city, homes, LOCAL)
    far = image(client, f"/collections/{HOME}/map?bbox=-85,-50,-65,-35&width=100")
    colours = {tuple(c[:3]) for c in far[far[..., 3] > 0].tolist()}
    level = int(np.searchsorted(BREAKS, 12, side="right"))
    assert colours == {tuple(bytes.fromhex(RAMP[level - 1][1:]))}, "twelve, not twenty-one"


def test_a_personal_layer_is_not_there_for_the_public(city: City, homes: Store) -> None:
    public = served(city, homes, PUBLIC)
    hidden = public.get(f"/collections/{HOME}/map")
    nothing = public.get("/collections/no_such_thing/map")
    assert hidden.status_code == nothing.status_code == 404
    assert hidden.text.replace(HOME, "no_such_thing") == nothing.text
    for name in (HOME, "no_such_thing"):
        refused = public.get(f"/map?f=png&collections={name}")
        assert refused.status_code == 400
        assert "that can be drawn" in refused.text
    assert f"/collections/{HOME}/map" not in public.get("/openapi").text


def test_the_frame_of_a_personal_layer_tells_nothing_of_its_rows(city: City, homes: Store) -> None:
    answer = served(city, homes, LOCAL).get(f"/collections/{HOME}/map")
    assert answer.headers["content-bbox"] == ",".join(f"{edge:g}" for edge in city.bounds)


def test_times_of_a_personal_layer_can_not_be_asked_for(city: City, homes: Store) -> None:
    timed = city.layer(HOME).time_field
    answer = served(city, homes, LOCAL).get(f"/collections/{HOME}/map?datetime=2020-01-01")
    assert answer.status_code == (200 if timed is None else 400)


def test_a_reader_of_one_town_sees_its_rows_only(city: City, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "towns.gpkg"), city)
    store.create(*city.layers.values())
    east = (HARBOUR[0] + 0.1, HARBOUR[1])
    spec = city.layer("navigation_mark")
    own = crowd(city, spec.id, [HARBOUR] * 5)
    other = crowd(city, spec.id, [east] * 40, "PS-LP")
    other[spec.id_field] = [f"other-{n}" for n in range(len(other))]
    with store.transaction() as unit:
        unit.upsert(spec, own, at=AT, source="t")
        unit.upsert(spec, other, at=AT, source="t")
    town = Audience("town", frozenset({"public"}), scope=Scope(jurisdictions=("PS-OH",)))
    url = f"/collections/{spec.id}/map?{WHOLE}&width=400&height=400"
    for audience, furthest in ((LOCAL, 300), (town, 200)):
        client = served(city, store, audience)
        columns = np.nonzero(image(client, url)[..., 3])[1]
        assert abs(int(columns.max()) - furthest) < 35, audience.name
        whole = image(client, f"/map?f=png&{WHOLE}&width=400&height=400")
        assert abs(int(np.nonzero(whole[..., 3])[1].max()) - furthest) < 40, audience.name
    frame = served(city, store, town).get(f"/collections/{spec.id}/map").headers["content-bbox"]
    assert float(frame.split(",")[2]) < east[0], "the frame is that of his rows"
    store.close()


def test_an_image_is_made_once_for_each_state(
    city: City, homes: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    paint = paint_counts
    monkeypatch.setattr(
        "ogc_server.images.maps.paint_counts", lambda *a: made.append(1) or paint(*a)
    )
    client, spec = served(city, homes, LOCAL), city.layer("navigation_mark")
    url = f"/collections/{spec.id}/map?width=200"
    first = client.get(url)
    assert client.get(url).content == first.content and len(made) == 1
    held = {"If-None-Match": first.headers["etag"]}
    assert client.get(url, headers=held).status_code == 304
    with homes.transaction() as unit:
        unit.upsert(spec, crowd(city, spec.id, [HARBOUR] * 3), at=AT, source="t")
    changed = client.get(url, headers=held)
    assert changed.status_code == 200 and changed.content != first.content
    assert served(city, homes, PUBLIC).get(url).status_code == 200
    assert len(made) == 3, "nobody is given an image made for others"


def view(box: Box, width: int = 800, height: int = 600) -> Viewport:
    return Viewport(Grid.over(box, width, height, "EPSG:4326"), CRS84)


def test_cells_fit_the_scale() -> None:
    levels = [
        fitting_resolution(view((121.5 - d, 31 - d, 121.5 + d, 31 + d)), 15)
        for d in (40, 10, 3, 1, 0.3, 0.1, 0.03, 0.01, 0.003)
    ]
    assert levels == sorted(levels) and levels[0] <= 2 and levels[-1] >= 11
    assert fitting_resolution(view((121, 31, 121.01, 31.01)), 9) == 9, "never finer than the layer"


@given(st.floats(-170, 170), st.floats(-70, 70), st.floats(0.001, 5), st.integers(1, 12), st.data())
def test_rows_of_every_cell_in_view_are_read(
    lon: float, lat: float, side: float, resolution: int, data: st.DataObject
) -> None:
    box = (lon, lat, lon + side, lat + side)
    place = data.draw(st.tuples(st.floats(box[0], box[2]), st.floats(box[1], box[3])))
    cell = h3.latlng_to_cell(place[1], place[0], resolution)
    wide = around(box, resolution)
    if wide is None:
        return
    for y, x in h3.cell_to_boundary(cell):
        assert wide[0] <= x <= wide[2] and wide[1] <= y <= wide[3]


def test_a_cell_is_drawn_where_it_is() -> None:
    cell = h3.latlng_to_cell(31.2, 121.5, 8)
    frame = view((121.48, 31.185, 121.52, 31.215))
    drawn = paint_counts({cell: 5}, frame)[..., 3] > 0
    lat, lon = h3.cell_to_latlng(cell)
    column = int((lon - 121.48) / 0.04 * 800)
    row = int((31.215 - lat) / 0.03 * 600)
    assert drawn[row, column] and not drawn[0].any()
    area = h3.cell_area(cell, "m^2") / frame.ground_pixel_m2()
    assert drawn.sum() == pytest.approx(area, rel=0.04)


def test_colours_mix_as_light_does() -> None:
    red = np.full((1, 1, 4), (255, 0, 0, 128), np.uint8)
    blue = np.full((1, 1, 4), (0, 0, 255, 255), np.uint8)
    assert over(blue, red)[0, 0].tolist() == pytest.approx([128, 0, 127, 255], abs=1)
    assert over(red, np.zeros((1, 1, 4), np.uint8))[0, 0].tolist() == [255, 0, 0, 128]
    grid = Grid.over((0, 0, 1, 1), 1, 1, "EPSG:4326")
    opaque = Background((0, 0, 255), False, (0, 0, 0), False)
    assert on_background(red, grid, opaque)[0, 0].tolist() == pytest.approx(
        [128, 0, 127, 255], abs=1
    )


def test_hostile_sizes_are_refused_before_anything_is_drawn(shown: TestClient) -> None:
    for query in (
        "width=1000000", "height=99999999999999999999", "width=8192&height=8192", "width=-1",
        "width=%D9%A3", "width=", "height=1e9", "scale-denominator=1e-9",
        "scale-denominator=1&bbox=-75.12,-42.56,-75.0,-42.5", "mm-per-pixel=0",
    ):  # fmt: skip
        for path in ("/collections/navigation_mark/map", "/collections/land_cover/map"):
            assert shown.get(f"{path}?{query}").status_code == 400, (path, query)
    assert shown.get("/map?f=png&width=1000000").status_code == 400
    assert shown.get("/map?f=tiff").status_code == 400
    assert shown.get("/map?f=png&layers=x").status_code == 400
    assert shown.get("/map?f=html&width=3").status_code == 400
    assert shown.post("/collections/land_cover/map").status_code == 405


NAMES = [
    "bbox", "subset", "center", "datetime", "width", "height", "scale-denominator", "crs",
    "mm-per-pixel", "bgcolor", "void-color", "transparent", "bbox-crs", "collections",
]  # fmt: skip
WORDS = st.text(alphabet='LatonEN():,*".-0123456789 ezTf#xi', max_size=24)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(NAMES), WORDS, min_size=1, max_size=3))
def test_no_request_makes_the_server_fail(shown: TestClient, query: dict[str, str]) -> None:
    for path in ("/collections/photo/map", "/collections/ferry/map", "/map"):
        answer = shown.get(path, params={"f": "png", "width": "20", "height": "20", **query})
        assert answer.status_code in (200, 400, 404), (path, query, answer.text)


@settings(max_examples=60)
@given(
    st.tuples(*[st.floats(width=32)] * 4), st.sampled_from(["EPSG:4326", "EPSG:3857", "EPSG:32718"])
)
def test_no_box_makes_the_server_fail(shown: TestClient, box: Box, crs: str) -> None:
    query = {"bbox": ",".join(map(str, box)), "bbox-crs": crs, "crs": crs, "width": "20"}
    for path in ("/collections/photo/map", "/collections/navigation_mark/map"):
        answer = shown.get(path, params=query)
        assert answer.status_code in (200, 400, 404), (path, query, answer.text)


def test_an_empty_layer_is_an_empty_image(shown: TestClient) -> None:
    assert not image(shown, "/collections/berth/map?width=50")[..., 3].any()
