"""References read from a city's layers, as they stand or as they stood."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Protocol, TypeVar

import geopandas as gpd
import numpy as np
import orjson
import pandas as pd
import shapely

from analytics import truck_references as trucks
from analytics.reception_model import of_rows
from analytics.references import (
    Camera,
    MarineZone,
    References,
    RegisterEntry,
    Shopfront,
    VesselRegister,
    WimStation,
    marine_zone,
)
from analytics.roads.network import RoadNetwork, network_of
from analytics.truck_rows import bridge, day_in, permit, projected, site, text_in, truck
from layers.city import City
from layers.crs import project
from layers.query import Query
from layers.store.base import Store

LAYERS = (
    "vessel_registry", "marine_zone", "shopfront", "wim_station", "camera", "ais_reception",
)  # fmt: skip
ROADS = "road"
# Water that a chart of water bodies does not show well: how far around one it may reach.
_BANK_M = 300.0
_Entry = TypeVar("_Entry")


class Rows(Protocol):
    """Where rows are read from: a store, or what one reader sees of it."""

    def layers(self) -> list[str]:
        """Ids of the layers that there are."""

    def frame(self, query: Query) -> gpd.GeoDataFrame:
        """All rows of a query."""


def load_references(
    city: City, store: Rows, *, as_of: datetime | None = None, haulage: bool = True
) -> References:
    """Read what rules must know from the city's layers.

    Parameters
    ----------
    as_of : the layers as they stood then; None for now. Layers that the city does not declare give
        nothing.
    haulage : whether any rule is on trucks: their roads and registers are many rows.
    """
    register = [_entry(row) for row in _rows(city, store, "vessel_registry", as_of)]
    zones = [_zone(row, city.crs) for row in _rows(city, store, "marine_zone", as_of)]
    shops = [_shop(row, city.crs) for row in _rows(city, store, "shopfront", as_of)]
    stations = [_station(row, city.crs) for row in _rows(city, store, "wim_station", as_of)]
    cameras = [_camera(row) for row in _rows(city, store, "camera", as_of)]
    return References(
        zone=city.declaration.zone,
        crs=city.crs,
        register=VesselRegister(tuple(register)),
        marine_zones=tuple(zones),
        shopfronts=tuple(shops),
        stations={station.station_id: station for station in stations},
        cameras={camera.camera_id: camera for camera in cameras},
        reception=of_rows(_rows(city, store, "ais_reception", as_of)),
        land=_land(city, store, as_of),
        haulage=_haulage(city, store, as_of) if haulage else trucks.Haulage(),
    )


def state_of_layers(city: City, store: Store, *, haulage: bool = True) -> tuple[int, ...]:
    """Give numbers that differ once `load_references` would read something else."""
    present = set(store.layers())
    own = trucks.LAYERS if haulage else ()
    names = (*LAYERS, *own, *city.preparation.land, *city.preparation.water)
    return tuple(
        store.revision(name) if name in city.layers and name in present else 0 for name in names
    )


def _rows(city: City, store: Rows, layer: str, as_of: datetime | None) -> Iterator[dict[str, Any]]:
    if layer not in city.layers or layer not in store.layers():
        return
    frame: gpd.GeoDataFrame = store.frame(Query(layer, as_of=as_of))
    for row in frame.to_dict("records"):
        yield {str(key): _plain(value) for key, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, shapely.Geometry):
        return value
    return None if pd.api.types.is_scalar(value) and pd.isna(value) else value


def _entry(row: dict[str, Any]) -> RegisterEntry:
    return RegisterEntry(
        registry_id=text_in(row["registry_id"]),
        name_zh=text_in(row.get("name_zh")),
        name_pinyin=text_in(row.get("name_pinyin")),
        mmsi=text_in(row.get("mmsi")),
        callsign=text_in(row.get("callsign")),
        registered_from=day_in(row.get("registered_from")),
        registered_to=day_in(row.get("registered_to")),
        gear=text_in(row.get("gear")),
    )


def _zone(row: dict[str, Any], crs: str) -> MarineZone:
    return marine_zone(
        row["geometry"],
        crs,
        zone_id=text_in(row["zone_id"]),
        kind=text_in(row["kind"]),
        name_zh=text_in(row.get("name_zh")),
        name_en=text_in(row.get("name_en")) or text_in(row.get("name_zh")),
        legal_basis=text_in(row.get("legal_basis")),
        in_force_from=day_in(row.get("in_force_from")),
        in_force_to=day_in(row.get("in_force_to")),
    )


def _shop(row: dict[str, Any], crs: str) -> Shopfront:
    allowed = row.get("allowed_offset_m")
    return Shopfront(
        shop_id=text_in(row["shop_id"]),
        name_zh=text_in(row.get("name_zh")),
        address_zh=text_in(row.get("address_zh")),
        line=projected(row["geometry"], crs),
        outside=text_in(row["outside"]),
        allowed_offset_m=None if allowed is None else float(allowed),
        outdoor_permit=bool(row.get("outdoor_permit") or False),
    )


def _station(row: dict[str, Any], crs: str) -> WimStation:
    error, line = row.get("error_share"), row.get("geometry")
    return WimStation(
        station_id=text_in(row["station_id"]),
        error_share=None if error is None else float(error),
        verify_until=day_in(row.get("verify_until")),
        line=None if line is None else projected(line, crs),
        road_id=text_in(row.get("road_id")),
        direction=text_in(row.get("direction")) or "both",
        name_zh=text_in(row.get("name_zh")),
    )


def _camera(row: dict[str, Any]) -> Camera:
    homography, calibrated = row.get("homography"), row.get("calibrated_at")
    return Camera(
        camera_id=text_in(row["device_id"]),
        homography=None if homography is None else _packed(homography),
        calibrated_at=None if calibrated is None else pd.Timestamp(calibrated).isoformat(),
    )


def _haulage(city: City, store: Rows, as_of: datetime | None) -> trucks.Haulage:
    def read(layer: str, make: Callable[[dict[str, Any], str], _Entry]) -> Iterator[_Entry]:
        return (make(row, city.crs) for row in _rows(city, store, layer, as_of))

    sites = [
        site(layer, row, city.crs)
        for layer in trucks.SITES
        for row in _rows(city, store, layer, as_of)
    ]
    return trucks.Haulage(
        roads=_roads(city, store, as_of),
        trucks=trucks.by_plate(read("truck_registry", truck)),
        permits=trucks.by_plate(read("muck_permit_route", permit)),
        bridges=tuple(b for b in read("bridge_tunnel", bridge) if b.limit_t or b.limit_h_m),
        sites=tuple(sites),
    )


def _roads(city: City, store: Rows, as_of: datetime | None) -> RoadNetwork | None:
    if ROADS not in city.layers or ROADS not in store.layers():
        return None
    return network_of(store.frame(Query(ROADS, as_of=as_of)), city.crs)


def _land(city: City, store: Rows, as_of: datetime | None) -> shapely.Geometry | None:
    """Land of the declared layers without the declared waters and their banks."""
    declared = city.preparation
    dry = [row["geometry"] for name in declared.land for row in _rows(city, store, name, as_of)]
    if not dry:
        return None
    wet = [row["geometry"] for name in declared.water for row in _rows(city, store, name, as_of)]
    land: shapely.Geometry = shapely.union_all(project(np.array(dry, object), city.crs))
    if wet:
        banks = shapely.buffer(project(np.array(wet, object), city.crs), _BANK_M, quad_segs=2)
        land = shapely.difference(land, shapely.union_all(banks))
    return land


def _packed(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
