"""The smallest unit that a place lies in."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from layers.city import City
from layers.jurisdictions import Locator, Units, representative_points
from layers.query import Query
from layers.spec import LayerSpec
from layers.store import Store
from tests.layers.conftest import DAY, MONDAY, make_rows, make_spec, put

MARK = make_spec()


def outlines(layer: str) -> LayerSpec:
    """A layer of outlines, declared as the city's own are."""
    return make_spec(layer, "Polygon", {"code": "string"}, None, 6)


def square(x: float, size: float) -> shapely.Geometry:
    return shapely.box(x, 0, x + size, size)


def codes(store: Store) -> list[str | None]:
    return list(store.frame(Query("mark"))["jurisdiction"])


class Nothing:
    """A store without outline layers."""

    def has_layer(self, layer: str) -> bool:
        return False

    def revision(self, layer: str) -> int:
        return 0

    def frame(self, query: Query) -> gpd.GeoDataFrame:
        raise AssertionError


def test_the_smallest_unit_wins_and_the_lowest_code_on_a_border(store: Store) -> None:
    district, town, village = map(outlines, ("adm_district", "adm_street_town", "adm_village"))
    for spec in (district, town, village, MARK):
        store.create(spec)
    put(store, district, make_rows(["D"], [square(0, 10)]))
    put(store, town, make_rows(["D2", "D1"], [square(1, 1), square(0, 1)]))
    put(store, village, make_rows(["D1-V"], [shapely.box(0, 0, 0.5, 0.5)]))
    places = [shapely.Point(x, 0.25) for x in (0.25, 0.75, 1.0, 1.5, 5, 11)]
    put(store, MARK, make_rows(list("abcdef"), places))
    assert codes(store) == ["D1-V", "D1", "D1", "D2", "D", None]
    assert list(store.frame(Query("adm_street_town"))["jurisdiction"]) == ["D1", "D2"]


def test_a_given_code_is_kept(store: Store) -> None:
    store.create(MARK)
    put(store, MARK, make_rows(["a"], jurisdiction=["X9"]))
    assert codes(store) == ["X9"]


def test_relocating_follows_the_outlines(store: Store) -> None:
    town = outlines("adm_street_town")
    store.create(MARK)
    put(store, MARK, make_rows(["a", "b"], [shapely.Point(0.5, 0.5), None]))
    assert codes(store) == [None, None]
    store.create(town)
    put(store, town, make_rows(["T"], [square(0, 1)]))
    before = store.revision("mark")
    assert store.relocate(MARK) == 1
    assert codes(store) == ["T", None]
    assert store.revision("mark") > before
    assert store.relocate(MARK) == 0
    put(store, town, make_rows(["T"], [square(20, 1)]), MONDAY + DAY)
    assert store.relocate(MARK) == 1
    assert codes(store) == [None, None]


def test_the_city_outline_stands_in_for_the_district(tiny_city: City) -> None:
    inside = shapely.from_geojson(
        tiny_city.path(tiny_city.declaration.outline or "").read_text(encoding="utf-8")
    )
    places = np.array([shapely.point_on_surface(inside), shapely.Point(0, 0), None], object)
    (district,) = [u.code for u in tiny_city.jurisdictions.values() if u.level == "district"]
    assert Locator(tiny_city, Nothing()).codes(places).tolist() == [district, None, None]


@pytest.mark.parametrize("n", [0, 1, 50])
def test_units_agree_with_a_loop(n: int) -> None:
    random = np.random.default_rng(n)
    areas = shapely.buffer(shapely.points(random.random(20), random.random(20)), 0.1)
    names = np.array([f"{i:02}" for i in random.permutation(20)], object)
    places = np.array(shapely.points(random.random(n), random.random(n)), object)
    expected = [
        min(
            (c for c, a in zip(names, areas, strict=True) if shapely.intersects(a, p)), default=None
        )
        for p in places
    ]
    assert Units.of(names, areas).find(places).tolist() == expected


def test_representative_points_lie_on_their_geometry() -> None:
    ring = shapely.Point(0, 0).buffer(2).difference(shapely.Point(0, 0).buffer(1))
    line = shapely.LineString([(0, 0), (2, 2)])
    found = representative_points(np.array([ring, line, shapely.Point(3, 3), None], object))
    assert shapely.intersects(ring, found[0])
    assert line.distance(found[1]) == 0
    assert found[2] == shapely.Point(3, 3)
    assert found[3] is None


def test_places_within_subtrees_are_those_whose_code_says_so() -> None:
    town = Units.of(
        np.array(["A1", "A2", "B1"], object),
        np.array([square(0, 1), square(1, 1), square(2, 1)], object),
    )
    village = Units.of(np.array(["A1x"], object), np.array([shapely.box(0, 0, 0.5, 0.5)], object))
    locator = Locator.__new__(Locator)
    locator._units = lambda: [village, town]  # type: ignore[method-assign]
    lon, lat = np.random.default_rng(7).uniform(-1, 4, 500), np.full(500, 0.25)
    lon[:4] = [1, 2, 0.5, 3]
    found = locator.codes(np.asarray(shapely.points(lon, lat), object))
    for prefixes in (("A",), ("A1",), ("A1x",), ("B", "A2"), ("zz",), ("",)):
        expected = [code is not None and code.startswith(prefixes) for code in found]
        assert locator.within(lon, lat, prefixes).tolist() == expected, prefixes
    assert locator.within(lon[:0], lat[:0], ("A",)).tolist() == []
