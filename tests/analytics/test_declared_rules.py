"""The stories of the public description, under the demo city's own declarations."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from analytics import registry
from analytics.detect import run_batch
from analytics.event import Event
from analytics.feeds import weighing_columns
from analytics.references import MarineZone, References, VesselRegister, marine_zone
from analytics.rule import Columns
from layers.city import City
from tests.analytics.columns import (
    ais,
    at,
    detections,
    fix,
    frame,
    register,
    said,
    seen,
    shop,
    stations,
    weighing,
)

SEED_TIME = at("2020-07-01T03:42:20+08:00")
SEED_FIX = fix("412990358", SEED_TIME, 121.912727, 30.858462)


@pytest.fixture(scope="module")
def city(pudong_folder: Path) -> City:
    return City(pudong_folder)


def zones(city: City) -> tuple[MarineZone, ...]:
    rows = gpd.read_file(city.path("content/marine_zone.geojson")).to_dict("records")
    return tuple(_zone(row, city.crs) for row in rows)


def _zone(row: dict[str, Any], crs: str) -> MarineZone:
    names = ("zone_id", "kind", "name_zh", "name_en", "legal_basis")
    dates = {f"in_force_{side}": _day(row.get(f"in_force_{side}")) for side in ("from", "to")}
    return marine_zone(row["geometry"], crs, **{n: row[n] for n in names}, **dates)


def _day(value: Any) -> Any:
    missing = value is None or value != value
    return None if missing else pd.Timestamp(value).date()


def detect(city: City, columns: dict[str, Columns], *names: str) -> list[Event]:
    known = References(
        zone=city.declaration.zone,
        crs=city.crs,
        register=VesselRegister(
            tuple(
                replace(entry, mmsi="412990358") if number else entry
                for number, entry in enumerate(register("HUPUYU00312", *names).entries)
            )
        ),
        marine_zones=zones(city),
        shopfronts=(shop("S1"),),
        stations=stations(W1=0.05),
    )
    if "ais" in columns:
        stage = registry.preparation(city)
        columns = columns | {"ais": stage.update(stage.start(), columns["ais"])}
    return run_batch(registry.build(city, known), columns)


@pytest.mark.parametrize("sent", ["HUPUYU00358", "滬浦漁00358-HUPUYU00358"])
@pytest.mark.parametrize("static_s", [-200, 200])
def test_the_vessel_raises_one_event_outside_of_the_ban(
    city: City, sent: str, static_s: int
) -> None:
    columns = ais(SEED_FIX, said("412990358", SEED_TIME + static_s * 1000, sent, 30))
    (event,) = detect(city, {"ais": columns})
    assert (event.rule, event.event_type) == ("unregistered_vessel", "2101")
    assert event.departments == ("D10", "D07", "D03", "D11")
    assert event.evidence.references[-1]["id"] == "fishery_watch"
    assert detect(city, {"ais": columns}, "HUPUYU00358") == []


def test_the_ban_of_the_day_is_the_older_one(city: City) -> None:
    def stay(lon: float, day: str) -> list[str]:
        start = at(f"{day}T10:00:00+08:00")
        rows = [fix("412000000", start + k * 60_000, lon, 31.1) for k in range(30)]
        rows_said = said("412000000", start, "HUPUYU00312", 30)
        events = detect(city, {"ais": ais(*rows, rows_said)})
        return [e.evidence.references[0]["id"] for e in events]

    # West of 122° E in 2020; between 122° and 122° 15' E only since the notice of November 2020.
    assert stay(121.97, "2020-07-01") == ["yangtze_ban_2016"]
    assert stay(122.15, "2020-07-01") == []
    assert stay(122.15, "2021-07-01") == ["yangtze_ban_2021"]


@pytest.mark.parametrize(("gross", "found"), [(51_450, 0), (51_451, 1)])
def test_six_axles(city: City, gross: float, found: int) -> None:
    events = detect(city, {"weighing": weighing_columns(frame([weighing("r", gross)]))})
    assert [e.event_type for e in events] == ["2110"] * found


def test_goods_out_for_four_minutes_but_no_passer_by_and_nothing_inside(city: City) -> None:
    def look(out: float, **more: Any) -> list[str]:
        rows = [seen(20 * k, out, **more) for k in range(13)]
        return [e.event_type for e in detect(city, {"camera_detection": detections(*rows)})]

    assert look(0.8) == ["0504"]
    assert look(0.8, label="person") == []
    assert look(-0.4) == []


def test_the_seed_lies_in_the_watch_area_and_in_no_ban(city: City) -> None:
    point = shapely.Point(121.912727, 30.858462)
    kinds = {zone.kind for zone in zones(city) if zone.geometry.covers(point)}
    assert "watch" in kinds and "fishing_ban" not in kinds


def test_laws_that_rules_cite_were_in_force_on_the_demo_day(city: City) -> None:
    day = date(2020, 7, 1)
    laws = {
        name: date.fromisoformat(str(rule.parameters["law"]["in_force_from"]))
        for name, rule in city.rules.items()
        if "law" in rule.parameters
    }
    assert len(laws) > 8
    assert [name for name, since in laws.items() if since > day] == []
