"""What a raster says inside of a layer's polygons, held against each pixel's centre."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely

from analytics.algorithm import InputError, Silent, StoppedError
from analytics.algorithms import find
from layers.access import LOCAL, PUBLIC, Audience
from layers.city import City
from layers.query import Scope
from layers.store import Store, open_store
from ogc_server.catalogue import Catalogue
from ogc_server.processes.reader import CatalogueReader
from tests.ogc_server import scenes
from tests.ogc_server.rows import AT, fill, rows
from tests.ogc_server.scenes import CRS, EAST, NORTH, PIXEL, SOUTH, WEST

HALVES = {"PS-OH": (WEST, SOUTH, WEST + 500, NORTH), "PS-LP": (WEST + 500, SOUTH, EAST, NORTH)}
ZONES = {
    "square": shapely.box(WEST + 60, SOUTH + 60, WEST + 390, SOUTH + 500),
    "across": shapely.box(WEST + 310, SOUTH + 110, WEST + 910, SOUTH + 610),
    "slanting": shapely.Polygon(
        [(WEST + 700, SOUTH + 110), (WEST + 1300, SOUTH + 410), (WEST + 810, SOUTH + 910)]
    ),
    "beyond": shapely.box(EAST - 110, NORTH - 110, EAST + 200, NORTH + 200),
    "nowhere": shapely.box(EAST + 1000, NORTH + 1000, EAST + 2000, NORTH + 2000),
}


@pytest.fixture(scope="module")
def zoned(city: City, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store whose towns are the halves of the scenes, and whose berths are the zones."""
    store = open_store(str(tmp_path_factory.mktemp("zones") / "city.gpkg"), city)
    fill(store, city, 3, [])
    towns = rows(city.layer("adm_street_town"), city, len(HALVES))
    towns["code"] = list(HALVES)
    berths = rows(city.layer("berth"), city, len(ZONES))
    berths["key"] = list(ZONES)
    for layer, frame, shapes in (
        ("adm_street_town", towns, [shapely.box(*box) for box in HALVES.values()]),
        ("berth", berths, list(ZONES.values())),
    ):
        placed = gpd.GeoSeries(shapes, crs=CRS).to_crs("EPSG:4326")
        with store.transaction() as unit:
            unit.upsert(city.layer(layer), frame.set_geometry(placed), at=AT, source="test")
    yield store
    store.close()


def run(
    city: City, store: Store, home: Path | None, audience: Audience = LOCAL, **more: Any
) -> dict[str, dict[str, Any]]:
    chosen = find("zonal-statistics")
    inputs = chosen.read({"collection": "berth", "raster": "elevation"} | more)
    reader = CatalogueReader(Catalogue(city, store, audience, home))
    table = chosen.run(reader, inputs, Silent())["zones"]
    return {row["zone"]: row for row in table.rows()}


def inside(zone: str, values: np.ndarray, half: str | None = None) -> np.ndarray:
    """Values of the pixels whose centre lies in a zone, and in a half."""
    across, down = np.meshgrid(np.arange(scenes.COLUMNS), np.arange(scenes.ROWS))
    x, y = WEST + (across + 0.5) * PIXEL, NORTH - (down + 0.5) * PIXEL
    taken = shapely.contains_xy(ZONES[zone], x, y)
    if half is not None:
        taken &= shapely.contains_xy(shapely.box(*HALVES[half]), x, y)
    found: np.ndarray = values[taken]
    return found


def test_figures_of_a_measured_band(city: City, zoned: Store, raster_home: Path) -> None:
    found = run(city, zoned, raster_home)
    assert set(found) == set(ZONES)
    for zone, row in found.items():
        values = inside(zone, scenes.heights()).astype(float)
        assert row["count"] == len(values), zone
        if not len(values):
            assert row["mean"] is None and row["area_m2"] == 0.0
            continue
        expected = (values.min(), values.max(), values.mean(), values.sum(), np.median(values))
        told = tuple(row[name] for name in ("min", "max", "mean", "sum", "median"))
        assert told == pytest.approx(expected, rel=1e-6)
        assert row["area_m2"] == pytest.approx(len(values) * PIXEL**2, rel=0.01)


@pytest.mark.parametrize(("when", "year"), [(None, 2021), ("2019-06-01", 2019), ("../2020", 2019)])
def test_the_ground_of_each_class_at_a_time(
    city: City, zoned: Store, raster_home: Path, when: str | None, year: int
) -> None:
    more = {} if when is None else {"raster_datetime": when.replace("2020", "2020-12-31")}
    found = run(city, zoned, raster_home, raster="land_cover", **more)
    for zone, row in found.items():
        values = inside(zone, scenes.cover(year))
        kinds, counts = np.unique(values[values > 0], return_counts=True)
        assert "mean" not in row and row["count"] == counts.sum()
        expected = dict(zip(map(str, kinds.tolist()), counts * PIXEL**2, strict=True))
        assert row["classes_m2"] == pytest.approx(expected, rel=0.01)


def test_a_band_of_several(city: City, zoned: Store, raster_home: Path) -> None:
    found = run(city, zoned, raster_home, raster="photo", band="green")
    values = inside("slanting", scenes.photo()[1])
    assert found["slanting"]["mean"] == pytest.approx(values.mean())


def test_a_reader_of_one_town_is_told_of_the_pixels_of_his_town(
    city: City, zoned: Store, raster_home: Path
) -> None:
    levels = LOCAL.sensitivities
    for half in HALVES:
        own = Audience(f"clerk-{half}", levels, Scope(jurisdictions=(half,)))
        found = run(city, zoned, raster_home, own)
        assert set(found) < set(ZONES)
        for zone, row in found.items():
            values = inside(zone, scenes.heights(), half)
            assert row["count"] == len(values), (half, zone)
            assert row["sum"] == pytest.approx(values.astype(float).sum(), rel=1e-6)
    both = [inside("across", scenes.heights(), half) for half in HALVES]
    assert all(len(part) for part in both), "a zone lies in both towns"


def test_rasters_that_a_reader_has_not_are_refused_alike(
    city: City, zoned: Store, raster_home: Path
) -> None:
    told = []
    for raster in ("elevation", "nothing"):
        with pytest.raises(InputError) as refused:
            run(city, zoned, raster_home, PUBLIC, raster=raster)
        told.append(str(refused.value).replace(raster, "…"))
    assert len(set(told)) == 1
    assert run(city, zoned, raster_home, PUBLIC, raster="land_cover")
    with pytest.raises(InputError, match="no raster"):
        run(city, zoned, None)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"band": "nothing"}, "band"),
        ({"band": 1}, "band"),
        ({"collection": "navigation_mark"}, "collection"),
        ({"collection": "nothing"}, "collection"),
        ({"raster": "../../etc/passwd"}, "raster"),
        ({"raster": "land_cover", "raster_datetime": "1990"}, "raster_datetime"),
        ({"raster": "land_cover", "raster_datetime": "1990-01-01"}, "raster_datetime"),
        ({"filter": "("}, "filter"),
    ],
)
def test_inputs_that_do_not_fit(
    city: City, zoned: Store, raster_home: Path, values: dict[str, Any], name: str
) -> None:
    with pytest.raises(InputError) as refused:
        run(city, zoned, raster_home, **values)
    assert refused.value.name == name


def test_a_file_that_is_broken_is_no_failure_of_the_server(
    city: City, zoned: Store, raster_home: Path, tmp_path: Path
) -> None:
    import shutil

    home = Path(shutil.copytree(raster_home, tmp_path / "home"))
    for path in (home / "rasters" / "elevation").glob("*.tif"):
        path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError):
        run(city, zoned, home)


def test_a_run_stops_where_it_is_told_to(city: City, zoned: Store, raster_home: Path) -> None:
    class Stops(Silent):
        def __call__(self, fraction: float, words: str = "") -> None:
            if "of" in words:
                raise StoppedError("dismissed")

    chosen = find("zonal-statistics")
    reader = CatalogueReader(Catalogue(city, zoned, LOCAL, raster_home))
    with pytest.raises(StoppedError):
        chosen.run(reader, chosen.read({"collection": "berth", "raster": "elevation"}), Stops())
