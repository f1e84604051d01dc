"""What rules must know of the city, read once: registers, zones, shops and stations."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import shapely

from analytics.content import content_version
from analytics.reception_model import Reception
from analytics.truck_references import Haulage
from layers.crs import project

Area = shapely.Polygon | shapely.MultiPolygon
_EDGE_STEP_DEG = 0.01


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
    """A weigh-in-motion station.

    Attributes
    ----------
    error_share : share of the mass by which it may err.
    verify_until : last day of its verification.
    line : across the road, metres of the city's CRS; None where it is not known.
    road_id : piece of road that it stands on, ``direction`` the traffic that it weighs, along the
        line of that road: forward, backward or both.
    """

    station_id: str
    error_share: float | None = None
    verify_until: date | None = None
    line: shapely.Geometry | None = None
    road_id: str = ""
    direction: str = "both"
    name_zh: str = ""

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
    haulage : what rules on trucks must know.
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
    haulage: Haulage = field(default_factory=Haulage)

    def zones_of(self, kinds: tuple[str, ...]) -> tuple[MarineZone, ...]:
        """Marine zones of some kinds, ordered by id."""
        chosen = (zone for zone in self.marine_zones if zone.kind in kinds)
        return tuple(sorted(chosen, key=lambda zone: zone.zone_id))


def marine_zone(geometry: Area, crs: str, **attributes: Any) -> MarineZone:
    """Make a zone from its EPSG:4326 geometry; its shape in metres follows from the CRS."""
    # Edges are straight in degrees; short pieces keep them so in the projected shape.
    fine = shapely.segmentize(geometry, _EDGE_STEP_DEG)
    shape = project(np.array([fine], object), crs)[0]
    return MarineZone(geometry=geometry, shape=shape, **attributes)
