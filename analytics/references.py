"""What rules must know of the city, read once: registers, zones, shops and stations."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol, TypeVar

import geopandas as gpd
import numpy as np
import orjson
import pandas as pd
import shapely

from analytics.reception_model import Reception, of_rows
from layers.city import City
from layers.crs import project
from layers.query import Query
from layers.store.base import Store

LAYERS = (
    "vessel_registry", "marine_zone", "shopfront", "wim_station", "camera", "ais_reception",
)  # fmt: skip
# Water that a chart of water bodies does not show well: how far around one it may reach.
_BANK_M = 300.0
Area = shapely.Polygon | shapely.MultiPolygon
_Shape = TypeVar("_Shape", bound=shapely.Geometry)
_DIGEST = 12
_EDGE_STEP_DEG = 0.01


def content_version(content: object) -> str:
    """Short hash of plain data: equal content gives the equal version on any machine."""
    packed = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(packed).hexdigest()[:_DIGEST]


@dataclass(frozen=True)
class RegisterEntry:
    """One registered vessel; both dates belong to the registration, None is open."""

    registry_id: str
    name_zh: str = ""
    name_pinyin: str = ""
    mmsi: str = ""
    callsign: str = ""
    registered_from: date | None = None
    registered_to: date | None = None
    gear: str = ""

    def valid_on(self, day: date) -> bool:
        """Whether the vessel is registered on a day."""
        return (self.registered_from is None or self.registered_from <= day) and (
            self.registered_to is None or day <= self.registered_to
        )

    def plain(self) -> dict[str, Any]:
        """Content as texts, for hashing."""
        return {key: None if value is None else str(value) for key, value in vars(self).items()}


@dataclass(frozen=True)
class RegisterOn:
    """The register as it stood on one day.

    Attributes
    ----------
    version : ``vessel_registry@<day>#<12 hexadecimal digits>``, made from the entries' content.
    """

    day: date
    version: str
    entries: tuple[RegisterEntry, ...]


@dataclass(frozen=True)
class VesselRegister:
    """All entries ever known, each with its dates."""

    entries: tuple[RegisterEntry, ...] = ()

    def on(self, day: date) -> RegisterOn:
        """Entries valid on a day, ordered by id, and their version."""
        valid = sorted((e for e in self.entries if e.valid_on(day)), key=lambda e: e.registry_id)
        digest = content_version([entry.plain() for entry in valid])
        return RegisterOn(day, f"vessel_registry@{day.isoformat()}#{digest}", tuple(valid))


@dataclass(frozen=True, eq=False)
class MarineZone:
    """A dated area at sea.

    Attributes
    ----------
    geometry : EPSG:4326.
    shape : the same in the city's CRS, metres.
    in_force_from, in_force_to : both days belong to it, None is open.
    """

    zone_id: str
    kind: str
    name_zh: str
    name_en: str
    legal_basis: str
    in_force_from: date | None
    in_force_to: date | None
    geometry: Area
    shape: Area

    def __post_init__(self) -> None:
        shapely.prepare(self.geometry)

    def reference(self) -> dict[str, Any]:
        """How evidence cites the zone: with dates, legal basis and a hash of its content."""
        dates = {
            "in_force_from": None if self.in_force_from is None else self.in_force_from.isoformat(),
            "in_force_to": None if self.in_force_to is None else self.in_force_to.isoformat(),
        }
        content = [self.zone_id, self.kind, self.geometry.wkb_hex, dates, self.legal_basis]
        return {
            "layer": "marine_zone",
            "id": self.zone_id,
            "version": content_version(content),
            "name_zh": self.name_zh,
            "name_en": self.name_en,
            "legal_basis": self.legal_basis,
            **dates,
        }


@dataclass(frozen=True, eq=False)
class Shopfront:
    """A shop's door line.

    Attributes
    ----------
    line : in the city's CRS, metres.
    outside : side of the line's direction where the pavement lies, ``left`` or ``right``.
    allowed_offset_m : how far past the line this shop may go; None for the rule's own limit.
    """

    shop_id: str
    name_zh: str
    address_zh: str
    line: shapely.LineString
    outside: str
    allowed_offset_m: float | None = None
    outdoor_permit: bool = False

    def reference(self) -> dict[str, Any]:
        """How evidence cites the door line: with a hash of its content."""
        content = [self.shop_id, self.line.wkb_hex, self.outside, self.allowed_offset_m]
        return {
            "layer": "shopfront",
            "id": self.shop_id,
            "version": content_version([*content, self.outdoor_permit]),
            "name_zh": self.name_zh,
            "address_zh": self.address_zh,
        }


@dataclass(frozen=True)
class WimStation:
    """A weigh-in-motion station: share of the mass by which it may err, and verified until when."""

    station_id: str
    error_share: float | None = None
    verify_until: date | None = None

    def reference(self) -> dict[str, Any]:
        """How evidence cites the instrument: with its error and the end of its verification."""
        until = None if self.verify_until is None else self.verify_until.isoformat()
        return {
            "layer": "wim_station",
            "id": self.station_id,
            "version": content_version([self.station_id, self.error_share, until]),
            "error_share": self.error_share,
            "verify_until": until,
        }


@dataclass(frozen=True)
class Camera:
    """A camera whose homography brought what it saw to the ground; None where it is not known."""

    camera_id: str
    homography: str | None = None
    calibrated_at: str | None = None

    def reference(self) -> dict[str, Any]:
        """How evidence cites the camera: with a hash of its calibration."""
        return {
            "layer": "camera",
            "id": self.camera_id,
            "version": content_version([self.camera_id, self.homography, self.calibrated_at]),
            "calibrated_at": self.calibrated_at,
        }


@dataclass(frozen=True, eq=False)
class References:
    """All of it.

    Attributes
    ----------
    zone : IANA time zone of the city.
    crs : projected CRS of shapes and of x, y in columns.
    reception : what was learned of AIS reception.
    land : dry land as the city declares it, metres; None where it does not.
    """

    zone: str
    crs: str
    register: VesselRegister = VesselRegister()
    marine_zones: tuple[MarineZone, ...] = ()
    shopfronts: tuple[Shopfront, ...] = ()
    stations: dict[str, WimStation] = field(default_factory=dict)
    cameras: dict[str, Camera] = field(default_factory=dict)
    reception: Reception = field(default_factory=Reception)
    land: shapely.Geometry | None = None

    def zones_of(self, kinds: tuple[str, ...]) -> tuple[MarineZone, ...]:
        """Marine zones of some kinds, ordered by id."""
        chosen = (zone for zone in self.marine_zones if zone.kind in kinds)
        return tuple(sorted(chosen, key=lambda zone: zone.zone_id))


def marine_zone(geometry: Area, crs: str, **attributes: Any) -> MarineZone:
    """Make a zone from its EPSG:4326 geometry; its shape in metres follows from the CRS."""
    # Edges are straight in degrees; short pieces keep them so in the projected shape.
    fine = shapely.segmentize(geometry, _EDGE_STEP_DEG)
    return MarineZone(geometry=geometry, shape=_projected(fine, crs), **attributes)


class Rows(Protocol):
    """Where rows are read from: a store, or what one reader sees of it."""

    def layers(self) -> list[str]:
        """Ids of the layers that there are."""

    def frame(self, query: Query) -> gpd.GeoDataFrame:
        """All rows of a query."""


def load_references(city: City, store: Rows, *, as_of: datetime | None = None) -> References:
    """Read what rules must know from the city's layers.

    Parameters
    ----------
    as_of : the layers as they stood then; None for now. Layers that the city does not declare give
        nothing.
    """
    register = [_entry(row) for row in _rows(city, store, "vessel_registry", as_of)]
    zones = [_zone(row, city.crs) for row in _rows(city, store, "marine_zone", as_of)]
    shops = [_shop(row, city.crs) for row in _rows(city, store, "shopfront", as_of)]
    stations = [_station(row) for row in _rows(city, store, "wim_station", as_of)]
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
    )


def state_of_layers(city: City, store: Store) -> tuple[int, ...]:
    """Give numbers that differ once `load_references` would read something else."""
    present = set(store.layers())
    names = (*LAYERS, *city.preparation.land, *city.preparation.water)
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


def _date(value: Any) -> date | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _projected(geometry: _Shape, crs: str) -> _Shape:
    projected: _Shape = project(np.array([geometry], object), crs)[0]
    return projected


def _entry(row: dict[str, Any]) -> RegisterEntry:
    return RegisterEntry(
        registry_id=_text(row["registry_id"]),
        name_zh=_text(row.get("name_zh")),
        name_pinyin=_text(row.get("name_pinyin")),
        mmsi=_text(row.get("mmsi")),
        callsign=_text(row.get("callsign")),
        registered_from=_date(row.get("registered_from")),
        registered_to=_date(row.get("registered_to")),
        gear=_text(row.get("gear")),
    )


def _zone(row: dict[str, Any], crs: str) -> MarineZone:
    return marine_zone(
        row["geometry"],
        crs,
        zone_id=_text(row["zone_id"]),
        kind=_text(row["kind"]),
        name_zh=_text(row.get("name_zh")),
        name_en=_text(row.get("name_en")) or _text(row.get("name_zh")),
        legal_basis=_text(row.get("legal_basis")),
        in_force_from=_date(row.get("in_force_from")),
        in_force_to=_date(row.get("in_force_to")),
    )


def _shop(row: dict[str, Any], crs: str) -> Shopfront:
    allowed = row.get("allowed_offset_m")
    return Shopfront(
        shop_id=_text(row["shop_id"]),
        name_zh=_text(row.get("name_zh")),
        address_zh=_text(row.get("address_zh")),
        line=_projected(row["geometry"], crs),
        outside=_text(row["outside"]),
        allowed_offset_m=None if allowed is None else float(allowed),
        outdoor_permit=bool(row.get("outdoor_permit") or False),
    )


def _station(row: dict[str, Any]) -> WimStation:
    error = row.get("error_share")
    return WimStation(
        station_id=_text(row["station_id"]),
        error_share=None if error is None else float(error),
        verify_until=_date(row.get("verify_until")),
    )


def _camera(row: dict[str, Any]) -> Camera:
    homography, calibrated = row.get("homography"), row.get("calibrated_at")
    return Camera(
        camera_id=_text(row["device_id"]),
        homography=None if homography is None else _packed(homography),
        calibrated_at=None if calibrated is None else pd.Timestamp(calibrated).isoformat(),
    )


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
