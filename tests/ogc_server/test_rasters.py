"""Rasters on the server: who sees which pixels, what hostile requests get, and when 304 is said."""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from rasterio.io import MemoryFile
from starlette.testclient import TestClient

from layers.access import PUBLIC, Audience
from layers.city import City
from layers.query import Scope
from layers.rasters.archive import RasterArchive
from layers.rasters.grid import box_between
from layers.rasters.moment import parse_moment
from layers.store import Store, open_store
from ogc_server import create_app
from tests.ogc_server import scenes
from tests.ogc_server.conftest import BASE
from tests.ogc_server.rows import AT, fill
from tests.ogc_server.scenes import CRS, EAST, NORTH, SOUTH, WEST

RASTERS = ("land_cover", "elevation", "photo")
TOWN = "PS-OH"


def served(city: City, store: Store, home: Path | None, audience: Audience) -> TestClient:
    app = create_app(city, store, folder=home, audience=audience)
    return TestClient(app, base_url=BASE, raise_server_exceptions=False)


@pytest.fixture
def home(raster_home: Path, tmp_path: Path) -> Path:
    """A copy of the scenes, free to be spoilt."""
    return Path(shutil.copytree(raster_home, tmp_path / "home"))


@pytest.fixture
def own_store(city: City, tmp_path: Path) -> Any:
    store = open_store(str(tmp_path / "own.gpkg"), city)
    fill(store, city, 3, [])
    yield store
    store.close()


def ids(client: TestClient) -> set[str]:
    rows = client.get("/collections").json()["collections"]
    return {row["id"] for row in rows}


def test_a_restricted_raster_is_not_there_for_the_public(
    city: City, store: Store, raster_home: Path, shown: TestClient
) -> None:
    public = served(city, store, raster_home, PUBLIC)
    assert ids(public) & set(RASTERS) == {"land_cover", "photo"}
    assert "elevation" in ids(shown)
    for path in ("", "/schema", "/coverage", "/coverage?f=covjson", "/map", "/schema?f=html"):
        hidden = public.get(f"/collections/elevation{path}")
        nothing = public.get(f"/collections/no_such_thing{path}")
        assert hidden.status_code == nothing.status_code == 404, path
        assert hidden.text.replace("elevation", "no_such_thing") == nothing.text
    assert "elevation" not in public.get("/openapi").text
    refused = public.get("/collections/land_cover/coverage?collections=elevation")
    assert "height_m" not in refused.text


def test_a_restricted_raster_is_there_for_its_department_only(
    city: City, store: Store, raster_home: Path
) -> None:
    levels = frozenset({"public", "internal", "restricted"})
    own = Audience("own", levels, departments=frozenset({"harbour_master"}))
    other = Audience("other", levels, departments=frozenset({"police"}))
    assert "elevation" in ids(served(city, store, raster_home, own))
    assert "elevation" not in ids(served(city, store, raster_home, other))


def test_a_reader_of_one_town_sees_the_pixels_of_his_town(
    city: City, own_store: Store, raster_home: Path
) -> None:
    halves = {TOWN: (WEST, SOUTH, WEST + 500, NORTH), "PS-LP": (WEST + 500, SOUTH, EAST, NORTH)}
    spec = city.layer("adm_street_town")
    boxes = [box_between(box, CRS, "EPSG:4326") for box in halves.values()]
    outlines = gpd.GeoSeries([shapely.box(*box) for box in halves.values()], crs=CRS)
    assert all(boxes)
    rows = gpd.GeoDataFrame(
        {
            p.name: [f"{p.name}-{code}" for code in halves] if p.type == "string" else None
            for p in spec.properties
        }
        | {"code": list(halves)},
        geometry=outlines.to_crs("EPSG:4326"),
    )
    with own_store.transaction() as unit:
        unit.upsert(spec, rows, at=AT, source="test")
    scoped = Audience("town", frozenset({"public"}), scope=Scope(jurisdictions=(TOWN,)))
    client = served(city, own_store, raster_home, scoped)
    with (
        MemoryFile(client.get("/collections/land_cover/coverage").content) as memory,
        memory.open() as file,
    ):
        pixels = file.read(1)
    expected = scenes.cover(2021)
    assert (pixels[:, :20] == expected[:, :20]).all()
    assert not pixels[:, 20:].any(), "not a pixel of the neighbour"
    box = client.get("/collections/land_cover").json()["extent"]["spatial"]["storageCrsBbox"][0]
    assert box[2] < WEST + 520
    document = client.get("/collections/land_cover/coverage?f=covjson&datetime=2021").json()
    seen = np.array(document["ranges"]["cover"]["values"], float).reshape(40, 60)
    assert np.isnan(seen[:, 20:]).all() and not np.isnan(seen[1:, :20]).any()


def test_without_outlines_a_reader_of_one_town_sees_no_raster(
    city: City, own_store: Store, raster_home: Path
) -> None:
    scoped = Audience("town", frozenset({"public"}), scope=Scope(jurisdictions=(TOWN,)))
    client = served(city, own_store, raster_home, scoped)
    assert not ids(client) & set(RASTERS)
    assert client.get("/collections/land_cover/coverage").status_code == 404


def test_without_a_folder_there_are_no_rasters(client: TestClient) -> None:
    assert not ids(client) & set(RASTERS)
    assert client.get("/collections/land_cover").status_code == 404


@pytest.mark.parametrize("content", [b"", b"no tiff", b"II*\0\xff\xff\xff\x7f"])
def test_a_broken_file_is_told_and_the_others_are_served(
    content: bytes, city: City, store: Store, home: Path
) -> None:
    archive = RasterArchive(home)
    before, after = archive.scenes(city.raster("land_cover"))
    after.path.with_name(f"2021.{'0' * 24}.tif").write_bytes(content)
    after.path.unlink()
    for scene in archive.scenes(city.raster("photo")):
        scene.path.with_name(f"timeless.{'f' * 24}.tif").write_bytes(content)
        scene.path.unlink()
    client = served(city, store, home, PUBLIC)
    assert ids(client) & set(RASTERS) == {"land_cover"}
    entry = client.get("/collections/land_cover").json()
    assert entry["extent"]["temporal"]["grid"]["coordinates"] == ["2019-01-01T00:00:00Z"]
    assert client.get("/collections/land_cover/coverage?datetime=2019").status_code == 200
    for url in ("land_cover/coverage?datetime=2021", "photo/coverage", "photo/coverage?f=covjson"):
        answer = client.get(f"/collections/{url}")
        assert answer.status_code == 404
        assert "can't be read; take it in again" in answer.json()["description"]
        assert str(home) not in answer.text
    assert before.path.exists()


def test_a_file_cut_off_after_its_header_is_told(city: City, store: Store, home: Path) -> None:
    archive, spec = RasterArchive(home), city.raster("land_cover")
    noise = np.random.default_rng(1).integers(1, 7, (scenes.ROWS, scenes.COLUMNS)).astype(np.uint8)
    whole = archive.put(spec, scenes.write(home / "in.tif", noise), parse_moment("2020", "year"))
    content = whole.path.read_bytes()
    whole.path.with_name(f"2020.{'0' * 24}.tif").write_bytes(content[: len(content) - 400])
    whole.path.unlink()
    answer = served(city, store, home, PUBLIC).get("/collections/land_cover/coverage?datetime=2020")
    assert answer.status_code == 404 and "take it in again" in answer.text


def test_a_client_keeps_what_has_not_changed(city: City, store: Store, home: Path) -> None:
    client = served(city, store, home, PUBLIC)
    for url in ("/collections/land_cover/coverage", "/collections/land_cover", "/collections"):
        first = client.get(url)
        held = {"If-None-Match": first.headers["etag"]}
        assert client.get(url, headers=held).status_code == 304
    new = scenes.write(home / "in.tif", scenes.cover(5))
    RasterArchive(home).put(city.raster("land_cover"), new, parse_moment("2022", "year"))
    for url in ("/collections/land_cover/coverage", "/collections/land_cover", "/collections"):
        assert client.get(url, headers=held).status_code == 200
    latest = client.get("/collections/land_cover/coverage").headers["content-datetime"]
    assert latest.startswith("2022")


def test_a_raster_has_a_page_in_both_languages(shown: TestClient) -> None:
    for language, title in (("en", "Land cover"), ("zh", "土地覆盖")):
        for path in ("", "/schema"):
            answer = shown.get(f"/collections/land_cover{path}?f=html&lang={language}")
            assert answer.headers["content-language"] == language
            assert title in answer.text


def test_a_rasters_page_shows_its_picture_its_legend_and_its_times(shown: TestClient) -> None:
    page = shown.get("/collections/land_cover?f=html&lang=zh").text
    sources = re.findall(r'<img src="([^"]+/map[^"]+)"', page)
    assert len(sources) == 1
    picture = shown.get(html.unescape(sources[0]))
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    assert "background: #c9705f" in page and "建成区" in page
    for year in ("2019", "2021"):
        [link] = re.findall(rf'href="([^"]+datetime={year})"', page)
        assert shown.get(html.unescape(link)).status_code == 200
    heights = shown.get("/collections/elevation?f=html").text
    assert "4.5 m" in heights and "datetime=" not in heights


def test_more_than_one_answer_holds_is_refused(
    shown: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ogc_server.coverages.coverage_grid.MOST_VALUES", 2000)
    whole = shown.get("/collections/land_cover/coverage")
    assert whole.status_code == 413 and "ask for a bbox" in whole.json()["description"]
    assert shown.get("/collections/land_cover/coverage?scale-factor=2").status_code == 200
    assert shown.get("/collections/land_cover/coverage?width=60&height=40").status_code == 400
    monkeypatch.setattr("ogc_server.blocks.coverages.MOST_NUMBERS", 100)
    assert shown.get("/collections/land_cover/coverage?f=covjson&width=9").status_code == 413


def test_unknown_parameters_and_formats_are_refused(shown: TestClient) -> None:
    for query in ("colour=red", "f=netcdf", "limit=3", "f=json", "width=1&width=2"):
        answer = shown.get(f"/collections/land_cover/coverage?{query}")
        assert answer.status_code == 400, query
    assert shown.post("/collections/land_cover/coverage").status_code == 405
    assert shown.get("/collections/land_cover/items").status_code == 404


WORDS = st.text(alphabet='LatonEN():,*".-0123456789 eZT/naif', max_size=30)


@given(
    st.sampled_from(["bbox", "subset", "datetime", "scale-size", "scale-axes", "resolution",
                     "width", "scale-factor", "crs", "bbox-crs", "properties", "subset-crs"]),
    WORDS,
)  # fmt: skip
def test_no_request_makes_the_server_fail(shown: TestClient, name: str, value: str) -> None:
    answer = shown.get("/collections/photo/coverage", params={name: value})
    assert answer.status_code in (200, 400, 404, 413), (name, value, answer.text)


@given(st.lists(st.floats(width=32), min_size=4, max_size=4), st.sampled_from(
    ["EPSG:4326", "EPSG:3857", "EPSG:32718", "OGC:CRS84"]))  # fmt: skip
def test_no_box_makes_the_server_fail(shown: TestClient, box: list[float], crs: str) -> None:
    query = {"bbox": ",".join(map(str, box)), "bbox-crs": crs, "width": "5", "height": "5"}
    answer = shown.get("/collections/photo/coverage", params=query)
    assert answer.status_code in (200, 400, 404), (box, crs, answer.text)
