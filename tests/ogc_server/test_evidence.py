"""Evidence over HTTP: for whoever sees the case, of what he sees, and of nobody else's rows."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely
from starlette.testclient import TestClient

from cases.evidence import folder
from cases.evidence.verification import verify_files
from layers.access import LOCAL, PUBLIC, Audience
from layers.city import City
from layers.query import Scope
from layers.store import open_store
from ogc_server import create_app
from tests.cases.evidence.yard import LOADED, MMSI, PLATE, RECORD, STATION, Yard, build

BASE = "http://127.0.0.1:5000"


@pytest.fixture(scope="module")
def yard(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    city = City(tiny_folder)
    at = tmp_path_factory.mktemp("yard")
    opened = open_store(str(at / "city.gpkg"), city)
    yield build(city, opened, at)
    opened.close()


def client(yard: Yard, audience: Audience = LOCAL) -> TestClient:
    app = create_app(yard.city, yard.store, audience=audience, folder=yard.folder)
    return TestClient(app, base_url=BASE, raise_server_exceptions=False)


def files_of(answer: Any) -> dict[str, bytes]:
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def test_the_page_is_the_report(yard: Yard) -> None:
    answer = client(yard).get(f"/cases/{yard.truck}/evidence")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    for said in (PLATE, RECORD, STATION, "证据材料", "Evidence package"):
        assert said in answer.text


def test_the_zip_has_all_files_and_no_seal(yard: Yard) -> None:
    answer = client(yard).get(f"/cases/{yard.vessel}/evidence.zip")
    assert answer.headers["content-type"] == "application/zip"
    files = files_of(answer)
    assert set(files) == {*folder.FILES, folder.MANIFEST}
    verdict = verify_files(files)
    assert not verdict.sealed
    assert [one.kind for one in verdict.differences] == ["chain"]
    held = json.loads(files[folder.PACKAGE])
    assert held["whole"] and held["tracks"][0]["subject"] == MMSI and not held["missing"]


def test_nothing_is_written_by_reading(yard: Yard) -> None:
    before = yard.store.revisions()
    client(yard).get(f"/cases/{yard.truck}/evidence.zip")
    assert yard.store.revisions() == before


@pytest.mark.parametrize("end", ["", ".zip"])
@pytest.mark.parametrize("case", ["nothing", "%00", "..%2F..", "'%20OR%201=1", "静"])
def test_what_is_no_case_is_not_there(yard: Yard, case: str, end: str) -> None:
    assert client(yard).get(f"/cases/{case}/evidence{end}").status_code == 404


def test_unknown_parameters_and_methods_are_refused(yard: Yard) -> None:
    path = f"/cases/{yard.truck}/evidence"
    assert client(yard).get(f"{path}?colour=red").status_code == 400
    assert client(yard).post(path).status_code == 405


INSIDE = frozenset({"public", "internal", "restricted"})
STRANGERS = {
    "public": PUBLIC,
    "another town": Audience("a", INSIDE, Scope(("PS-SS",))),
    "another department": Audience("b", INSIDE, Scope(None, ("council",)), frozenset({"council"})),
}


@pytest.mark.parametrize("who", STRANGERS)
def test_who_may_not_see_the_case_may_not_see_its_evidence(yard: Yard, who: str) -> None:
    stranger = client(yard, STRANGERS[who])
    for end in ("", ".zip"):
        answer = stranger.get(f"/cases/{yard.vessel}/evidence{end}")
        assert answer.status_code == 404
        assert MMSI not in answer.text


def test_what_a_reader_may_not_see_is_not_in_it_and_is_said(yard: Yard) -> None:
    """A viewer sees cases, not the restricted weighings and positions of trucks."""
    viewer = Audience("viewer", frozenset({"public", "internal"}))
    files = files_of(client(yard, viewer).get(f"/cases/{yard.truck}/evidence.zip"))
    held = json.loads(files[folder.PACKAGE])
    assert not held["whole"] and held["records"] == [] and held["tracks"] == []
    (gone,) = held["missing"]
    assert gone["en"] == f"Cited record {RECORD} is not there, or not within your view."
    assert b"axle_masses_kg" not in b"".join(files.values())
    page = client(yard, viewer).get(f"/cases/{yard.truck}/evidence").text
    assert "不在您的查看范围内" in page


EDGE = -75.171


@pytest.fixture
def divided(tiny_folder: Path, tmp_path: Path) -> Iterator[Yard]:
    """The vessel's case lies in one town, and its track goes on into another."""
    city = City(tiny_folder)
    store = open_store(str(tmp_path / "city.gpkg"), city)
    store.create(*city.layers.values())
    west, east = ((-75.2, EDGE), (EDGE, -75.0))
    towns = gpd.GeoDataFrame(
        {"code": ["PS-OH", "PS-LP"], "name_zh": ["旧港", "灯塔角"]},
        geometry=[shapely.box(a, -42.65, b, -42.55) for a, b in (west, east)],
        crs="EPSG:4326",
    )
    with store.transaction() as unit:
        unit.upsert(city.layer("adm_street_town"), towns, at=LOADED, source="test")
    yield build(city, store, tmp_path)
    store.close()


def test_fixes_outside_of_a_readers_ground_are_not_in_it(divided: Yard) -> None:
    clerk = Audience("clerk", INSIDE, Scope(("PS-OH",)))
    path = f"/cases/{divided.vessel}/evidence.zip"
    held, whole = (
        json.loads(files_of(client(divided, who).get(path))[folder.PACKAGE])
        for who in (clerk, LOCAL)
    )
    fixes, every = (
        [fix["lon"] for track in one["tracks"] for fix in track["fixes"]] for one in (held, whole)
    )
    assert fixes == [lon for lon in every if lon <= EDGE]
    assert 0 < len(fixes) < len(every)
    assert held["messages"] == [] and not held["whole"]


def test_a_cases_page_leads_to_its_evidence(yard: Yard) -> None:
    page = client(yard).get(f"/collections/case_event/items/{yard.truck}?f=html&lang=zh").text
    assert f"/cases/{yard.truck}/evidence" in page and "证据材料" in page
    alert = json.loads(
        files_of(client(yard).get(f"/cases/{yard.truck}/evidence.zip"))[folder.PACKAGE]
    )["alerts"][0]["id"]
    other = client(yard).get(f"/collections/alert/items/{alert}?f=html").text
    assert "/evidence.zip" not in other


def test_the_definition_knows_it(yard: Yard) -> None:
    paths = client(yard).get("/openapi?f=json").json()["paths"]
    assert "/cases/{caseId}/evidence" in paths
    assert "/cases/{caseId}/evidence" not in client(yard, PUBLIC).get("/openapi").json()["paths"]
