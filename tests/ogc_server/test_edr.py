"""Observed values are those of the rows, stay behind the reader's walls, and no question breaks."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import numpy as np
import pyproj
import pytest
import shapely
from starlette.testclient import TestClient

from layers import h3grid
from layers.access import PUBLIC
from layers.city import City
from layers.query import Scope
from layers.store import Store
from ogc_server import Audience, create_app
from tests.ogc_server.conftest import BASE, EMPTY
from tests.ogc_server.moving import CROSSING, DARK, FAR, OWN, Harbour, build, clerk, town
from tests.ogc_server.test_conformance_edr import coverages

MARKS = "/collections/navigation_mark"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
GEOD = pyproj.Geod(ellps="WGS84")


@pytest.fixture(scope="module")
def harbour(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Harbour:
    return build(tiny_folder, tmp_path_factory.mktemp("harbour"))


def ask(client: TestClient, path: str, status: int = 200, **query: str) -> dict[str, Any]:
    text = urlencode({name.replace("_", "-"): value for name, value in query.items()})
    answer = client.get(f"{path}?{text}" if text else path)
    assert answer.status_code == status, answer.text
    read: dict[str, Any] = answer.json()
    return read


def marks(client: TestClient) -> dict[str, dict[str, Any]]:
    """Rows of the layer by id."""
    features = client.get(f"{MARKS}/items?limit=1000").json()["features"]
    return {f["id"]: f for f in features}


def heights(document: dict[str, Any]) -> list[float | None]:
    return [c["ranges"]["height_m"]["values"][0] for c in coverages(document)]


def test_a_position_has_the_value_of_the_nearest_row(client: TestClient) -> None:
    for mark in list(marks(client).values())[:8]:
        x, y = mark["geometry"]["coordinates"]
        document = ask(
            client, f"{MARKS}/position", coords=f"POINT({x} {y})", parameter_name="height_m"
        )
        (found,) = coverages(document)
        assert found["ranges"]["height_m"]["values"] == [mark["properties"]["height_m"]]
        axes = found["domain"]["axes"]
        assert (axes["x"]["values"], axes["y"]["values"]) == ([x], [y])
        day = mark["properties"]["checked_on"]
        assert axes.get("t", {}).get("values") == (None if day is None else [f"{day}T00:00:00Z"])
    nowhere = ask(client, f"{MARKS}/position", coords="POINT(0 0)", parameter_name="height_m")
    assert nowhere["type"] == "CoverageCollection" and nowhere["coverages"] == []


def test_counts_are_those_of_the_cells(client: TestClient) -> None:
    for mark in list(marks(client).values())[:5]:
        x, y = mark["geometry"]["coordinates"]
        cell = h3grid.cells_of_points([x], [y], 8)[0]
        expected = sum(
            h3grid.cells_of_points(*[[v] for v in m["geometry"]["coordinates"]], 8)[0] == cell
            for m in marks(client).values()
        )
        document = ask(
            client, f"{MARKS}/position", coords=f"POINT({x} {y})", parameter_name="count"
        )
        assert document["ranges"]["count"]["values"] == [expected]


def test_a_radius_keeps_what_is_nearer(client: TestClient) -> None:
    x, y = -75.1, -42.6
    for metres, within, unit in ((5000, "5", "km"), (8000, "8000", "m"), (1609.344 * 4, "4", "mi")):
        expected = sorted(
            key
            for key, m in marks(client).items()
            if GEOD.inv(x, y, *m["geometry"]["coordinates"])[2] <= metres
        )
        document = ask(
            client,
            f"{MARKS}/radius",
            coords=f"POINT({x} {y})",
            within=within,
            within_units=unit,
            parameter_name="height_m",
            f="GeoJSON",
        )
        assert sorted(f["id"] for f in document["features"]) == expected != []


def test_an_area_keeps_what_is_inside(client: TestClient) -> None:
    area = shapely.box(-75.2, -42.7, -75.0, -42.5)
    inside = {
        key
        for key, m in marks(client).items()
        if area.intersects(shapely.geometry.shape(m["geometry"]))
    }
    assert 0 < len(inside) < len(marks(client))
    for path, query in (
        ("area", {"coords": area.wkt}),
        ("cube", {"bbox": "-75.2,-42.7,-75,-42.5"}),
    ):
        rows = ask(client, f"{MARKS}/{path}", parameter_name="height_m", f="GeoJSON", **query)
        assert {f["id"] for f in rows["features"]} == inside
        cells = ask(client, f"{MARKS}/{path}", parameter_name="count", f="GeoJSON", **query)
        assert sum(f["properties"]["count"] for f in cells["features"]) == len(inside)


def test_a_corridor_is_half_its_width_on_each_side(client: TestClient) -> None:
    line = shapely.LineString([(-75.3, -42.6), (-74.9, -42.6)])
    document = ask(
        client,
        f"{MARKS}/corridor",
        coords=line.wkt,
        corridor_width="10",
        width_units="km",
        parameter_name="height_m",
        f="GeoJSON",
    )
    found = {f["id"] for f in document["features"]}
    for key, mark in marks(client).items():
        x, y = mark["geometry"]["coordinates"]
        # A parallel this short is a straight line to within metres.
        away = GEOD.inv(x, y, x, -42.6)[2]
        if -75.3 < x < -74.9 and abs(away - 5000) > 100:
            assert (key in found) == (away < 5000), key


def test_a_trajectory_has_a_value_at_each_step(client: TestClient) -> None:
    first, second = (m["geometry"]["coordinates"] for m in list(marks(client).values())[:2])
    line = f"LINESTRINGM({first[0]} {first[1]} 1593561600,{second[0]} {second[1]} 1593565200)"
    document = ask(client, f"{MARKS}/trajectory", coords=line)
    axis = document["domain"]["axes"]["composite"]
    assert document["domain"]["domainType"] == "Trajectory"
    assert axis["coordinates"] == ["t", "x", "y"]
    assert axis["values"][0] == ["2020-07-01T00:00:00.000Z", *first]
    assert axis["values"][-1] == ["2020-07-01T01:00:00.000Z", *second]
    known = list(marks(client).values())
    values = document["ranges"]["height_m"]["values"]
    assert values[0] == known[0]["properties"]["height_m"]
    assert document["ranges"]["count"]["values"][0] >= 1
    steps = np.array([row[1:] for row in axis["values"]])
    apart = GEOD.inv(steps[:-1, 0], steps[:-1, 1], steps[1:, 0], steps[1:, 1])[2]
    assert max(apart) < 600, "no cell is passed over"


def test_a_time_keeps_what_was_observed_in_it(client: TestClient) -> None:
    days = sorted({m["properties"]["checked_on"] for m in marks(client).values()} - {None})
    document = ask(
        client,
        f"{MARKS}/cube",
        bbox="-180,-90,180,90",
        datetime=days[0],
        parameter_name="height_m",
        f="GeoJSON",
    )
    assert {f["properties"]["datetime"] for f in document["features"]} == {f"{days[0]}T00:00:00Z"}


@pytest.mark.parametrize("code", ["4326", "3857", "32718"])
def test_places_come_in_the_system_that_was_asked_for(client: TestClient, code: str) -> None:
    mark = next(iter(marks(client).values()))
    x, y = mark["geometry"]["coordinates"]
    moved = pyproj.Transformer.from_crs("EPSG:4326", f"EPSG:{code}", always_xy=True)
    a, b = moved.transform(x, y)
    first, second = (b, a) if code == "4326" else (a, b)
    document = ask(
        client,
        f"{MARKS}/position",
        coords=f"POINT({first} {second})",
        crs=EPSG + code,
        parameter_name="height_m",
    )
    assert heights(document) == [mark["properties"]["height_m"]]
    axes = document["domain"]["axes"]
    assert axes["x"]["values"] == [pytest.approx(a, abs=1e-2 if code != "4326" else 1e-6)]
    system = document["domain"]["referencing"][0]
    assert system["system"]["id"] == EPSG + code
    assert system["coordinates"] == (["y", "x"] if code == "4326" else ["x", "y"])


def test_locations_are_the_rows(client: TestClient) -> None:
    listed = ask(client, f"{MARKS}/locations", limit="1000")
    assert {f["id"] for f in listed["features"]} == set(marks(client))
    page = ask(client, f"{MARKS}/locations", limit="3", offset="2")
    assert page["features"] == listed["features"][2:5]
    assert page["numberMatched"] == len(marks(client))
    for feature in page["features"]:
        one = ask(client, f"{MARKS}/locations/{quote(feature['id'])}")
        assert heights(one) == [feature["properties"]["height_m"]]
    assert client.get(f"{MARKS}/locations/none").status_code == 404


def test_a_layer_without_measures_has_counts_only(client: TestClient) -> None:
    entry = client.get("/collections/ferry").json()
    assert set(entry["parameter_names"]) == {"count"} and "locations" not in entry["data_queries"]
    assert client.get("/collections/ferry/locations").status_code == 404
    empty = ask(client, f"/collections/{EMPTY}/cube", bbox="-180,-90,180,90")
    assert empty["type"] == "CoverageCollection" and empty["coverages"] == []


def test_personal_layers_observe_nothing(client: TestClient) -> None:
    for layer in ("resident", "resident_home"):
        for query in ("position?coords=POINT(-75.1 -42.6)", "cube?bbox=-180,-90,180,90"):
            assert client.get(f"/collections/{layer}/{query}").status_code == 404


def test_a_scope_is_in_every_value(city: City, store: Store, client: TestClient) -> None:
    nobody = Audience("nobody", frozenset({"public", "internal"}), Scope(jurisdictions=("zzz",)))
    walled = TestClient(create_app(city, store, audience=nobody), base_url=BASE)
    key, mark = next(iter(marks(client).items()))
    x, y = mark["geometry"]["coordinates"]
    assert ask(walled, f"{MARKS}/cube", bbox="-180,-90,180,90")["coverages"] == []
    place = ask(walled, f"{MARKS}/position", coords=f"POINT({x} {y})")
    assert place["ranges"]["count"]["values"] == [0] and "height_m" not in place["ranges"]
    assert ask(walled, f"{MARKS}/locations")["features"] == []
    assert walled.get(f"{MARKS}/locations/{key}").status_code == 404
    way = ask(walled, f"{MARKS}/trajectory", coords=f"LINESTRING({x} {y},{x} {y + 0.001})")
    assert set(way["ranges"]["count"]["values"]) == {0}
    assert set(way["ranges"]["height_m"]["values"]) == {None}


def test_a_clerk_observes_his_town_only(harbour: Harbour) -> None:
    whole, own = harbour.client(), harbour.client(clerk("PS-OH"))
    layer = "/collections/vessel_position"
    box = ",".join(map(str, harbour.city.bounds))
    everything = str(ask(whole, f"{layer}/cube", bbox=box))
    walled = str(ask(own, f"{layer}/cube", bbox=box))
    assert "7.5" in everything and "7.5" not in walled and "1.5" in walled
    near = {"coords": "POINT(-75.05 -42.6)", "within": "50", "within_units": "km"}
    for document in (
        ask(own, f"{layer}/radius", f="GeoJSON", **near),
        ask(own, f"{layer}/locations"),
        ask(own, f"{layer}/area", f="GeoJSON", coords=town("PS-LP").wkt),
    ):
        assert FAR not in str(document)
    counted = ask(own, f"{layer}/cube", bbox=box, parameter_name="count")
    assert counted["ranges"]["count"]["values"] == [1]


def test_tracks_of_movers_are_trajectories(harbour: Harbour) -> None:
    client = harbour.client()
    document = ask(client, f"/collections/vessels/locations/{OWN}", parameter_name="sog,heading")
    axis = document["domain"]["axes"]["composite"]
    assert axis["coordinates"] == ["t", "x", "y"] and len(axis["values"]) == 12
    assert axis["values"][0] == ["2020-07-01T00:00:00Z", -75.19, -42.6]
    assert document["ranges"]["sog"]["values"][0] == 1
    assert set(document["ranges"]["heading"]["values"]) == {None}
    span = "2020-07-01T00:05:00Z/2020-07-01T00:10:00Z"
    part = ask(client, f"/collections/vessels/locations/{OWN}", datetime=span)
    assert len(part["domain"]["axes"]["composite"]["values"]) == 2
    dark = ask(client, f"/collections/vessels/locations/{DARK}")
    assert len(dark["coverages"]) == 2, "nothing goes over a silence"
    listed = ask(client, "/collections/vessels/locations", bbox="-75.2,-42.65,-75.13,-42.55")
    assert [f["id"] for f in listed["features"]] == [OWN, DARK]


def test_tracks_stay_behind_the_walls(harbour: Harbour) -> None:
    home, own = "/collections/vessels/locations", harbour.client(clerk("PS-OH"))
    assert [f["id"] for f in ask(own, home)["features"]] == [OWN, CROSSING, DARK]
    assert own.get(f"{home}/{FAR}").status_code == 404
    crossing = ask(own, f"{home}/{CROSSING}")
    assert len(crossing["coverages"]) == 2
    for coverage in crossing["coverages"]:
        for _, x, _ in coverage["domain"]["axes"]["composite"]["values"]:
            assert x <= -75.1
    public = harbour.client(PUBLIC)
    assert public.get(home).status_code == 404 and public.get(f"{home}/{OWN}").status_code == 404


STRANGE = [
    "",
    "POINT",
    "POINT EMPTY",
    "POINT(nan nan)",
    "POINT(inf 0)",
    "POINT(1e400 0)",
    "POINT(500 0)",
    "POINT(0)",
    "LINESTRING(0 0,1 1)",
    "GEOMETRYCOLLECTION(POINT(0 0))",
    "POINT(0 0); DROP TABLE x",
    "SRID=4326;POINT(0 0)",
    "💥",
    "(" * 1000,
    "POINT(" + "1" * 50_000 + " 0)",
    "MULTIPOINT(" + ",".join(["0 0"] * 10_001) + ")",
]


@pytest.mark.parametrize("coords", STRANGE, ids=range(len(STRANGE)))
def test_strange_places_are_refused(client: TestClient, coords: str) -> None:
    for path in ("position", "radius"):
        more = "&within=1&within-units=km" if path == "radius" else ""
        text = quote_plus(coords, safe=",()")
        found = client.get(f"{MARKS}/{path}?coords={text}{more}")
        assert found.status_code == 400 and found.json()["parameter"] == "coords"


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("position", {}, 400),
        ("position", {"coords": "POINT(0 0)", "z": "10"}, 400),
        ("position", {"coords": "POINT(0 0)", "unknown": "1"}, 400),
        ("position", {"coords": "POINT(0 0)", "parameter_name": "mood"}, 400),
        ("position", {"coords": "POINT(0 0)", "parameter_name": ""}, 400),
        ("position", {"coords": "POINT(0 0)", "crs": "EPSG:1"}, 400),
        ("position", {"coords": "POINT(0 0)", "f": "GRIB"}, 400),
        ("position", {"coords": "POINT(0 0)", "datetime": "yesterday"}, 400),
        ("position", {"coords": "POINT(0 0)", "datetime": "R5/2020-01-01T00:00:00Z/P1D"}, 400),
        ("position", {"coords": "POINT(1e30 1e30)", "crs": "EPSG:32718"}, 400),
        ("position", {"coords": "POINT(0 90)"}, 400),
        ("radius", {"coords": "POINT(0 0)"}, 400),
        ("radius", {"coords": "POINT(0 0)", "within": "1"}, 400),
        ("radius", {"coords": "POINT(0 0)", "within": "-1", "within_units": "km"}, 400),
        ("radius", {"coords": "POINT(0 0)", "within": "nan", "within_units": "km"}, 400),
        ("radius", {"coords": "POINT(0 0)", "within": "1e9", "within_units": "km"}, 400),
        ("radius", {"coords": "POINT(0 0)", "within": "1", "within_units": "parsec"}, 400),
        ("radius", {"coords": "POINT(180 0)", "within": "1", "within_units": "km"}, 400),
        ("area", {"coords": "POLYGON((0 0,1 1,0 1,1 0,0 0))"}, 400),
        ("area", {"coords": "POLYGON((0 0,1 1,0 0))"}, 400),
        ("area", {"coords": "POLYGON((-180 -90,180 -90,180 90,-180 90,-180 -90))"}, 200),
        ("cube", {}, 400),
        ("cube", {"bbox": "nan,0,1,1"}, 400),
        ("cube", {"bbox": "0,1,1,0"}, 400),
        ("cube", {"bbox": "170,-90,-170,90"}, 200),
        ("corridor", {"coords": "LINESTRING(0 0,1 1)"}, 400),
        (
            "corridor",
            {"coords": "LINESTRING(-170 0,170 0)", "corridor_width": "1", "width_units": "m"},
            400,
        ),
        (
            "corridor",
            {"coords": "LINESTRING(0 0,0 0)", "corridor_width": "1", "width_units": "m"},
            400,
        ),
        (
            "corridor",
            {
                "coords": "LINESTRING(0 0,1 1)",
                "corridor_width": "1",
                "width_units": "km",
                "corridor_height": "1",
                "height_units": "m",
            },
            200,
        ),
        ("trajectory", {"coords": "POINT(0 0)"}, 400),
        ("trajectory", {"coords": "LINESTRING(0 0,100 0)"}, 413),
        ("trajectory", {"coords": "LINESTRINGM(0 0 2,0 0.001 1)"}, 400),
        ("trajectory", {"coords": "LINESTRINGM(0 0 1,0 0.001 1e300)"}, 400),
        ("trajectory", {"coords": "LINESTRINGZM(0 0 5 1,0 0.001 5 2)"}, 200),
        ("locations", {"limit": "0"}, 400),
        ("locations", {"limit": "1000000000"}, 200),
        ("locations", {"offset": "99999999999999"}, 400),
        ("locations/..%2F..%2Fetc", {}, 404),
        ("locations/%00", {}, 404),
        ("locations/' OR 1=1 --", {}, 404),
    ],
)
def test_strange_questions_are_answered_in_good_form(
    client: TestClient, path: str, query: dict[str, str], status: int
) -> None:
    document = ask(client, f"{MARKS}/{path}", status, **query)
    assert status == 200 or "description" in document


def test_registers_and_unknown_layers_observe_nothing(client: TestClient) -> None:
    for layer in ("vessel_registry", "nothing"):
        answer = client.get(f"/collections/{layer}/position?coords=POINT(0 0)")
        assert answer.status_code == 404


def test_an_answer_is_not_sent_twice(client: TestClient) -> None:
    for path in ("position?coords=POINT(0 0)", "locations", "cube?bbox=-180,-90,180,90"):
        tag = client.get(f"{MARKS}/{path}").headers["etag"]
        again = client.get(f"{MARKS}/{path}", headers={"If-None-Match": tag})
        assert again.status_code == 304
