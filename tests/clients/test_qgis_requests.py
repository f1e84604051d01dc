"""What QGIS from 3.44 on asks of the server and writes to it, replayed; the store is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import shapely

from layers.access import PUBLIC
from layers.accounts import Accounts
from layers.city import City
from layers.query import Query
from layers.roles import Account
from layers.store import Store
from ogc_server import create_app
from ogc_server.access.entrance import Entrance
from ogc_server.reference import CRS84
from tests.clients.conftest import INTERNAL, LAYER, Guarded, Served
from tests.clients.qgis_session import QgisSession
from tests.served import filled_store, running

pytestmark = pytest.mark.client
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"


@pytest.fixture(scope="module")
def edited(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A store of its own, with a commander who may edit and a viewer who may not."""
    folder = tmp_path_factory.mktemp("edited")
    city = City(tiny_folder)
    store = filled_store(city, folder / "city.gpkg", many=50)
    accounts = Accounts(folder)
    accounts.put(Account(name="chief", role="commander"))
    accounts.put(Account(name="ana", role="viewer"))
    entrance = Entrance(accounts, city.roles, anonymous=PUBLIC, alone=PUBLIC)
    with running(create_app(city, store, entrance=entrance)) as url:
        yield Served(url, city, store)
    store.close()


@pytest.fixture(scope="module")
def secrets(edited: Served, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = next(p for p in tmp_path_factory.getbasetemp().glob("edited*") if p.is_dir())
    accounts = Accounts(folder)
    return {name: accounts.new_secret(name) for name in ("chief", "ana")}


def row(store: Store, fid: str) -> Any:
    frame = store.frame(Query(LAYER, fids=(fid,)))
    return None if frame.empty else frame.iloc[0]


def test_it_reads_what_the_server_can_do(served: Served) -> None:
    layer = QgisSession(served.url).open(LAYER)
    assert layer.page >= 1000 and layer.pushes_cql2
    assert layer.queryables["geometry"]["format"] == "geometry-point"
    assert layer.queryables["checked_on"]["format"] == "date"
    assert {"kind", "height_m"} <= layer.schema.keys()
    assert {CRS84, f"{EPSG}4326", f"{EPSG}3857"} <= set(layer.systems) and layer.crs == CRS84


def test_20000_rows_come_in_few_pages(served: Served) -> None:
    session = QgisSession(served.url)
    layer = session.open(LAYER)
    found = session.read(layer)
    assert len({feature["id"] for feature in found}) == len(found) == served.count()
    assert served.count() / layer.page <= 20


@pytest.mark.parametrize(
    ("expression", "keeps"),
    [
        ("(kind = 'buoy')", lambda p: p["kind"] == "buoy"),
        ("(\"height_m\" >= 50.5)", lambda p: (p["height_m"] or 0) >= 50.5),
        ("((kind = 'buoy') AND (\"height_m\" < 20))",
         lambda p: p["kind"] == "buoy" and p["height_m"] is not None and p["height_m"] < 20),
        ("(NOT (kind = 'buoy'))", lambda p: p["kind"] is not None and p["kind"] != "buoy"),
        ("(\"height_m\" IS NULL)", lambda p: p["height_m"] is None),
        ("(\"height_m\" IS NOT NULL)", lambda p: p["height_m"] is not None),
        ("(kind LIKE 'bu%')", lambda p: (p["kind"] or "").startswith("bu")),
        ("(CASEI(kind) LIKE CASEI('BU%'))", lambda p: (p["kind"] or "").startswith("bu")),
        ("(kind IN ('buoy','light'))", lambda p: p["kind"] in ("buoy", "light")),
        ("(\"height_m\" BETWEEN 10 AND 20)", lambda p: 10 <= (p["height_m"] or -1) <= 20),
        ("((\"height_m\" * 2) > 100)", lambda p: (p["height_m"] or 0) * 2 > 100),
        ("(\"checked_on\" > DATE('2020-07-15'))",
         lambda p: (p["checked_on"] or "") > "2020-07-15"),
    ],
)  # fmt: skip
def test_filters_are_evaluated_by_the_server(served: Served, expression: str, keeps: Any) -> None:
    session = QgisSession(served.url)
    layer = session.open(LAYER)
    kept = {f["id"] for f in session.read(layer) if keeps(f["properties"])}
    assert {f["id"] for f in session.filtered(layer, expression)} == kept
    assert 0 < len(kept) < served.count(), "the rows do not try it"


def test_a_box_in_a_filter_has_the_axes_of_its_system(served: Served) -> None:
    session = QgisSession(served.url)
    layer = session.open(LAYER)
    west, south, east, north = box = (-75.2, -42.7, -75.15, -42.65)
    expected = set(served.store.page(Query(LAYER, bbox=box)).fids)
    plain = f"S_INTERSECTS(geometry,BBOX({west},{south},{east},{north}))"
    swapped = f"S_INTERSECTS(geometry,BBOX({south},{west},{north},{east}))"
    in_4326 = {"filter-crs": f"{EPSG}4326"}
    assert {f["id"] for f in session.filtered(layer, plain)} == expected
    assert {f["id"] for f in session.filtered(layer, swapped, **in_4326)} == expected


def test_the_window_is_asked_for_in_the_layers_system(served: Served) -> None:
    session = QgisSession(served.url)
    layer = session.open(LAYER)
    box = (-75.2, -42.7, -75.15, -42.65)
    expected = set(served.store.page(Query(LAYER, bbox=box)).fids)
    system = f"{EPSG}4326"
    asked = {"bbox": "-42.7,-75.2,-42.65,-75.15", "bbox-crs": system, "crs": system}
    found = session.read(layer, **asked)
    assert {f["id"] for f in found} == expected
    assert all(-43 < f["geometry"]["coordinates"][0] < -42 for f in found), "latitude comes first"


def test_times_without_an_end_are_written_with_far_years(served: Served) -> None:
    session = QgisSession(served.url)
    layer = session.open(LAYER)
    late = session.read(layer, datetime="2020-07-20/9999-12-31T00:00:00Z")
    early = session.read(layer, datetime="0000-01-01T00:00:00Z/2020-07-10T00:00:00.000Z")
    assert all((f["properties"]["checked_on"] or "9") >= "2020-07-20" for f in late)
    assert all((f["properties"]["checked_on"] or "") <= "2020-07-10" for f in early)
    assert late and early


def test_editing_is_offered_only_to_those_who_may(edited: Served, secrets: dict[str, str]) -> None:
    for name, may in (("chief", True), ("ana", False)):
        layer = QgisSession(edited.url, (name, secrets[name])).open(LAYER)
        offered = (layer.creates, layer.patches, layer.replaces, layer.deletes)
        assert offered == (may,) * 4, name
    nameless = QgisSession(edited.url).open(LAYER)
    assert not nameless.creates and not nameless.deletes
    with pytest.raises(httpx.HTTPStatusError):
        QgisSession(edited.url).create(nameless, nameless.first[0])


def test_a_feature_is_added_moved_changed_replaced_and_deleted(
    edited: Served, secrets: dict[str, str]
) -> None:
    session = QgisSession(edited.url, ("chief", secrets["chief"]))
    layer, before = session.open(LAYER), edited.count()
    # QGIS sends every field it knows, those that the server works out too, and no id.
    blank = dict.fromkeys(layer.first[0]["properties"])
    point = {"type": "Point", "coordinates": [-75.1, -42.6]}
    feature = {
        "type": "Feature",
        "geometry": point,
        "properties": blank | {"mark_id": "qgis-1", "kind": "buoy", "height_m": 4.5},
    }
    fid = session.create(layer, feature)
    made = row(edited.store, fid)
    assert edited.count() == before + 1 and made["kind"] == "buoy" and made["height_m"] == 4.5
    assert shapely.equals_exact(made.geometry, shapely.Point(-75.1, -42.6), 1e-9)

    # Content-Crs is sent without angle brackets, with the axes of the system.
    there = {"type": "Point", "coordinates": [-42.61, -75.11]}
    session.change(layer, fid, {"geometry": there}, crs=f"{EPSG}4326")
    assert shapely.equals_exact(
        row(edited.store, fid).geometry, shapely.Point(-75.11, -42.61), 1e-6
    )

    session.change(layer, fid, {"properties": {"height_m": 6, "checked_on": "2020-07-02"}})
    changed = row(edited.store, fid)
    assert changed["height_m"] == 6 and str(changed["checked_on"])[:10] == "2020-07-02"
    assert changed["kind"] == "buoy"

    asked = httpx.get(f"{layer.items}/{fid}", auth=("chief", secrets["chief"])).json()
    whole = {key: asked[key] for key in ("type", "geometry", "properties")}
    whole["properties"] = whole["properties"] | {"height_m": 9.25}
    session.replace(layer, fid, whole)
    assert row(edited.store, fid)["height_m"] == 9.25

    session.delete(layer, fid)
    assert row(edited.store, fid) is None and edited.count() == before


def test_with_an_app_password_an_internal_layer_opens(guarded: Guarded) -> None:
    session = QgisSession(guarded.url, (guarded.name, guarded.secret))
    layer = session.open(INTERNAL)
    assert len(session.read(layer)) == guarded.count(INTERNAL) > 0
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        QgisSession(guarded.url).open(INTERNAL)
    with pytest.raises(httpx.HTTPStatusError, match="401"):
        QgisSession(guarded.url, (guarded.name, "wrong")).open(LAYER)
