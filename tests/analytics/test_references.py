"""Registers, zones, shops and stations, as rules know them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from analytics.reference_rows import load_references
from analytics.references import Camera, RegisterEntry, VesselRegister
from layers.city import City
from layers.store import Store, open_store

AT = datetime(2021, 3, 1, tzinfo=UTC)


def entry(number: int, start: date | None = None, end: date | None = None) -> RegisterEntry:
    return RegisterEntry(
        f"R{number}", name_pinyin=f"N{number}", registered_from=start, registered_to=end
    )


def test_the_version_depends_on_the_content_of_the_day_alone() -> None:
    a, b = entry(1), entry(2, date(2020, 7, 1))
    day = date(2020, 6, 30)
    assert VesselRegister((a, b)).on(day) == VesselRegister((a,)).on(day)
    assert VesselRegister((b, a)).on(date(2020, 7, 1)) == VesselRegister((a, b)).on(
        date(2020, 7, 1)
    )
    version = VesselRegister((a,)).on(day).version
    assert version.startswith("vessel_registry@2020-06-30#")
    assert len(version.split("#")[1]) == 12
    assert VesselRegister((entry(3),)).on(day).version != version


@pytest.mark.parametrize(
    ("day", "valid"),
    [
        (date(2020, 6, 30), False),
        (date(2020, 7, 1), True),
        (date(2020, 7, 31), True),
        (date(2020, 8, 1), False),
    ],
)
def test_both_days_of_a_registration_belong_to_it(day: date, valid: bool) -> None:
    assert entry(1, date(2020, 7, 1), date(2020, 7, 31)).valid_on(day) is valid


@pytest.fixture
def store(tiny_folder: Path, tmp_path: Path) -> Store:
    city = City(tiny_folder)
    opened = open_store(str(tmp_path / "t.gpkg"), city)
    for layer in ("vessel_registry", "marine_zone", "shopfront", "wim_station"):
        opened.create(city.layer(layer))
    return opened


def test_references_come_from_the_layers(tiny_folder: Path, store: Store) -> None:
    city = City(tiny_folder)
    box = shapely.MultiPolygon([shapely.box(-75.2, -42.7, -75.1, -42.6)])
    line = shapely.LineString([(-75.12, -42.60), (-75.1199, -42.60)])
    rows = {
        "vessel_registry": gpd.GeoDataFrame(
            {
                "registry_id": ["R1"],
                "name_zh": ["静港1"],
                "name_pinyin": [None],
                "mmsi": ["725000001"],
                "registered_from": [date(2020, 1, 1)],
                "registered_to": [None],
            },
            geometry=[None],
            crs="EPSG:4326",
        ),
        "marine_zone": gpd.read_file(tiny_folder / "content" / "marine_zone.geojson"),
        "shopfront": gpd.GeoDataFrame(
            {"shop_id": ["S1"], "name_zh": ["店"], "outside": ["left"], "outdoor_permit": [None]},
            geometry=[line],
            crs="EPSG:4326",
        ),
    }
    with store.transaction() as unit:
        for layer, frame in rows.items():
            unit.upsert(city.layer(layer), frame, at=AT, source="t")
    known = load_references(city, store)
    assert known.register.on(date(2020, 1, 1)).entries == (
        RegisterEntry("R1", "静港1", "", "725000001", "", date(2020, 1, 1), None),
    )
    assert {zone.zone_id for zone in known.marine_zones} >= {"Z-BAN", "Z-WATCH"}
    ban = next(zone for zone in known.marine_zones if zone.zone_id == "Z-BAN")
    assert ban.in_force_from == date(2019, 1, 1) and ban.in_force_to is None
    assert ban.shape.area == pytest.approx(163.8e6, rel=0.01)
    assert known.shopfronts[0].line.length == pytest.approx(8.2, abs=0.1)
    assert known.shopfronts[0].allowed_offset_m is None
    assert not known.shopfronts[0].outdoor_permit
    assert known.stations == {}
    assert box.is_valid
    before = load_references(city, store, as_of=datetime(2021, 2, 1, tzinfo=UTC))
    assert before.register.entries == () and before.marine_zones == ()


def test_a_city_without_these_layers_knows_nothing(tiny_copy: Path, tmp_path: Path) -> None:
    for file in (tiny_copy / "layers").glob("*.yaml"):
        file.unlink()
    (tiny_copy / "city.yaml").write_text(
        (tiny_copy / "city.yaml")
        .read_text(encoding="utf-8")
        .replace(
            "  - {layer: marine_zone, file: content/marine_zone.geojson, crs: EPSG:4326}\n", ""
        )
        .replace("contents:\n", ""),
        encoding="utf-8",
    )
    city = City(tiny_copy)
    known = load_references(city, open_store(str(tmp_path / "t.gpkg"), city))
    assert known.register.entries == () and known.shopfronts == ()


def test_a_camera_is_cited_with_its_calibration() -> None:
    before = Camera("C1", "[[1,0,0],[0,1,0],[0,0,1]]", "2020-05-01T00:00:00+00:00")
    after = Camera("C1", "[[1,0,0],[0,1,0],[0,0,2]]", "2020-06-01T00:00:00+00:00")
    assert before.reference()["id"] == "C1"
    assert len(before.reference()["version"]) == 12
    assert before.reference()["version"] != after.reference()["version"]
