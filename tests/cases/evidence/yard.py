"""A weighed truck and a vessel in a closed zone: two cases with everything that they rest on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import shapely

from analytics.event import Event, Evidence, above
from analytics.reference_rows import load_references
from cases.episodes import case_id
from cases.evidence.package import Package, package
from cases.evidence.seals import Sealed, chain_of, seal
from cases.evidence.seen import WholeCity
from cases.evidence.verification import Verdict, verify_package
from layers.city import City
from layers.positions import IDENTITIES, PositionStore
from layers.query import Query
from layers.store import Store
from layers.text import Text
from onemap.home import Home
from onemap.pipeline import detect, write_findings
from tests.ogc_server.moving import DAY, fixes

EVENT = datetime(2020, 7, 1, 0, 30, tzinfo=UTC)
LOADED = datetime(2020, 6, 1, tzinfo=UTC)
FOUND = datetime(2020, 7, 1, 1, tzinfo=UTC)
SEALED = datetime(2020, 7, 2, tzinfo=UTC)
LATER = datetime(2020, 8, 1, tzinfo=UTC)
PLATE, MMSI = "ÑU·12/34", "725000009"
RECORD, STATION, ZONE = "W-1", "WIM-1", "Z-ban"
MESSAGE = "00000000000000aa"
VESSEL_FIXES = 12


def _table(geometry: Any, **columns: list[Any]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=geometry, crs="EPSG:4326")


def station(until: date = date(2021, 1, 1)) -> gpd.GeoDataFrame:
    line = shapely.LineString([(-75.101, -42.6), (-75.099, -42.6)])
    return _table(
        [line], station_id=[STATION], road_id=["R1"], lanes=[2], error_share=[0.05],
        verify_until=[until],
    )  # fmt: skip


def weighing(gross: float = 60_000.0) -> gpd.GeoDataFrame:
    return _table(
        [shapely.Point(-75.1, -42.6)], record_id=[RECORD], station_id=[STATION], time=[EVENT],
        plate=[PLATE], vehicle_kind=["combination"], axles=[5], gross_kg=[gross],
        axle_masses_kg=["[12000, 12000, 12000, 12000, 12000]"], error_share=[0.05],
        single_drive_axle=[False], image_ref=["wim/<1>.jpg"], speed_mps=[10.0],
    )  # fmt: skip


def zone() -> gpd.GeoDataFrame:
    outline = shapely.box(-75.2, -42.7, -75.05, -42.5)
    return _table(
        [outline], zone_id=[ZONE], kind=["fishing_ban"], name_zh=["禁捕区"], name_en=["Ban"],
        legal_basis=["Notice 9"], in_force_from=[date(2020, 1, 1)], in_force_to=[None],
    )  # fmt: skip


def lineage() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {
            "lineage_id": ["L1"], "feed": ["weighing"], "file": ["wim.csv"], "sha256": ["ab" * 32],
            "ingested_at": [EVENT],
        }
    ).set_geometry(gpd.GeoSeries([None], crs="EPSG:4326"))  # fmt: skip


@dataclass
class Yard:
    """A city with two cases."""

    city: City
    store: Store
    folder: Path
    positions: PositionStore
    truck: str = ""
    vessel: str = ""

    @property
    def seen(self) -> WholeCity:
        return WholeCity(self.city, self.store, self.positions)

    def put(
        self, layer: str, rows: gpd.GeoDataFrame, at: datetime = LOADED, source: str = "L1"
    ) -> None:
        with self.store.transaction() as unit:
            unit.upsert(self.city.layer(layer), rows, at=at, source=source)

    def delete(self, layer: str, fid: str, at: datetime = LATER) -> None:
        with self.store.transaction() as unit:
            assert unit.delete(self.city.layer(layer), [fid], at=at) == 1

    def row(self, layer: str, fid: str) -> gpd.GeoDataFrame:
        """One row as it stands, ready to be written back."""
        frame = self.store.frame(Query(layer, fids=(fid,)))
        names = [p.name for p in self.city.layer(layer).properties]
        return frame[[*names, *(["geometry"] if self.city.layer(layer).has_geometry else [])]]

    def change(self, layer: str, fid: str, name: str, value: Any, at: datetime = LATER) -> None:
        rows = self.row(layer, fid)
        rows[name] = pd.Series([value], index=rows.index, dtype=rows[name].dtype)
        self.put(layer, rows, at)

    def package(self, case: str, at: datetime = SEALED, **more: Any) -> Package:
        return package(self.seen, case, at, software="1.2.3", **more)

    def seal(self, case: str, at: datetime = SEALED, **more: Any) -> Sealed:
        made = self.package(case, at)
        return seal(self.store, self.city, made, at=at, by="ana", **more)

    def verify(self, files: dict[str, bytes], at: datetime = LATER, **more: Any) -> Verdict:
        case = self.truck if self.truck.encode() in files["manifest.json"] else self.vessel
        chain = chain_of(self.store, self.city, case)
        return verify_package(dict(files), self.seen, chain, at=at, **more)


def vessel_track() -> pa.Table:
    lon = [-75.19 + 0.004 * k for k in range(VESSEL_FIXES)]
    return fixes(MMSI, range(0, 5 * VESSEL_FIXES, 5), lon)


def said() -> pa.Table:
    row = {
        "mover": MMSI, "t": DAY, "name": "DARK HORSE", "callsign": "CB1", "imo": 0,
        "ship_type": 30, "length_m": 12.5, "width_m": 4.0, "destination": "", "receiver": "r",
        "pid": MESSAGE,
    }  # fmt: skip
    return pa.Table.from_pylist([row], schema=IDENTITIES)


def build(city: City, store: Store, folder: Path) -> Yard:
    """Fill a store with registers, records, positions, alerts and cases."""
    store.create(*city.layers.values())
    yard = Yard(city, store, folder, PositionStore(folder / "positions"))
    yard.put("lineage", lineage(), source="")
    yard.put("wim_station", station())
    yard.put("marine_zone", zone())
    yard.put("weighing", weighing(), FOUND - timedelta(minutes=20))
    truck = fixes(PLATE, range(0, 120, 5), [-75.12 + 0.001 * k for k in range(24)])
    yard.positions.write("gps", truck, "batch")
    yard.positions.write("ais", vessel_track(), "batch")
    yard.positions.write("ais_identity", said(), "batch")
    home = Home(city.folder, store.url, folder)
    detect(city, store, home, at=FOUND, rules=["overload"])
    (alert,) = store.frame(Query("alert"))["alert_id"]
    yard.truck = case_id(alert)
    with store.transaction() as unit:
        write_findings(unit, city, [_vessel_event(yard)], at=FOUND)
    yard.vessel = case_id(_vessel_event(yard).id)
    return yard


def _vessel_event(yard: Yard) -> Event:
    pids = vessel_track()["pid"].to_pylist()
    known = load_references(yard.city, yard.store)
    evidence = Evidence(
        measures=(above("stay", 900.0, "s", 600.0),),
        points=(*pids[2:5], MESSAGE),
        references=tuple(one.reference() for one in known.marine_zones),
        quality={"fixes": 3},
        doubts=(Text(en="It may have anchored.", zh="可能在锚泊。"),),
    )
    start = DAY + 10 * 60_000
    return Event(
        rule="closed_zone_presence", rule_version="1", event_type="SEA-2", subject=MMSI,
        start_ms=start, end_ms=start + 900_000, geometry=shapely.Point(-75.18, -42.6),
        severity="severe", confidence=0.8, evidence=evidence,
        sentence=Text(en="It stayed <b>inside</b>.", zh="其在禁区内停留。"),
        departments=("harbour_master",),
    )  # fmt: skip


Build = Callable[[], Yard]
