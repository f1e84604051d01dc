"""Stores with cases, people who act on them, and matters to report."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cases.acting import Acted, act
from cases.actor import Actor
from cases.reporting import report
from layers.city import City
from layers.roles import Account
from layers.store import Store, open_store
from tests.postgis import fresh_database

LAYERS = ("case_event", "case_log", "joint_task", "adm_street_town", "adm_district")
AT = datetime(2021, 3, 5, 12, tzinfo=UTC)
# In the towns PS-OH and PS-LP, and at sea beyond both.
OLD_HARBOUR, LIGHTHOUSE, SEA = (-75.125, -42.605), (-75.075, -42.585), (-75.3, -42.45)


def person(city: City, name: str, role: str, *units: str, departments: str = "") -> Actor:
    """Somebody with an account."""
    named = tuple(departments.split(",")) if departments else ()
    return Actor.of(Account(name=name, role=role, jurisdictions=units, departments=named), city)


class Desk:
    """A store of cases and what people do in it, each in a transaction of its own."""

    def __init__(self, store: Store, city: City) -> None:
        self.store, self.city = store, city
        self.chief = person(city, "chief", "commander")
        self.desk = person(city, "desk", "duty_desk", "PS-OH")
        self.ana = person(city, "ana", "officer", "PS-OH", departments="council")
        self.eva = person(city, "eva", "inspector", "PS-OH")

    def report(self, key: str = "1", where: tuple[float, float] = OLD_HARBOUR, **more: Any) -> str:
        """Report a matter; the case's id."""
        asked = {"kind": "STREET-1", "where": where, "at": AT, "key": key} | more
        with self.store.transaction() as unit:
            return report(unit, self.city, asked.pop("actor", self.desk), **asked).case_id

    def act(self, actor: Actor, case: str, action: str, **more: Any) -> Acted:
        """Do one action."""
        with self.store.transaction() as unit:
            return act(unit, self.city, actor, case, action, **{"at": AT, **more})

    def bring(self, case: str, state: str) -> None:
        """Bring a case that was reported to a state, by the usual way."""
        photo: dict[str, Any] = {"why": "done", "photos": ["p/1"], "where": OLD_HARBOUR}
        steps: list[tuple[Actor, str, dict[str, Any], str]] = [
            (self.desk, "confirm", {}, "verified"),
            (self.desk, "file", {}, "filed"),
            (self.desk, "dispatch", {"details": {"department": "council"}}, "dispatched"),
            (self.ana, "take", {}, "accepted"),
            (self.ana, "start", {}, "handling"),
            (self.ana, "done", photo, "handled"),
            (self.eva, "verify", {}, "checked"),
            (self.eva, "close", {}, "closed"),
        ]
        for actor, action, more, after in steps:
            self.act(actor, case, action, **more)
            if after == state:
                return


@pytest.fixture(scope="session")
def city(tiny_folder: Path) -> City:
    """The invented city."""
    return City(tiny_folder)


@pytest.fixture(params=["geopackage", pytest.param("postgis", marks=pytest.mark.postgis)])
def cases_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty store of each back end."""
    if request.param == "postgis":
        with fresh_database(request.getfixturevalue("postgis_server")) as url:
            yield url
    else:
        yield str(tmp_path / "cases.gpkg")


@pytest.fixture
def desk(cases_url: str, city: City) -> Iterator[Desk]:
    """An empty store with towns, and people."""
    store = open_store(cases_url, city)
    furnish(store, city)
    yield Desk(store, city)
    store.close()


def furnish(store: Store, city: City) -> None:
    """Make the tables, and towns around their centres."""
    import geopandas as gpd
    import shapely

    store.create(*map(city.layer, LAYERS))
    towns = {"PS-OH": OLD_HARBOUR, "PS-LP": LIGHTHOUSE}
    spec = city.layer("adm_street_town")
    names = {p.name for p in spec.properties}
    columns: dict[str, Any] = {spec.id_field: list(towns)}
    if "code" in names:
        columns["code"] = list(towns)
    shapes = [shapely.box(x - 0.02, y - 0.009, x + 0.02, y + 0.009) for x, y in towns.values()]
    if spec.geometry == "MultiPolygon":
        shapes = [shapely.multipolygons([shape]) for shape in shapes]
    rows = gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4326")
    with store.transaction() as unit:
        unit.upsert(spec, rows, at=AT, source="test")
