"""The schematic geography of a demo city: shapes in metres, before they become layers."""

from __future__ import annotations

from dataclasses import dataclass, field

import shapely
from shapely.geometry.base import BaseGeometry


class NoPlaceError(ValueError):
    """Something planted fits nowhere in this city."""


@dataclass(frozen=True)
class Road:
    """A piece of road between two junctions.

    Attributes
    ----------
    id : stable id, such as ``R000123``.
    road_class : expressway, arterial, collector or local.
    line : in the city's projected CRS, metres; trucks may drive both ways.
    start, end : numbers of its junctions in `Geography.junctions`.
    town : code of the town it lies in.
    street : number of the named street it is a piece of.
    truck_ban : closed to trucks at all hours; ``ban_hours`` are spans of the city's clock.
    limit_t, limit_h_m : of the road, None without one; ``bridge_t`` and ``bridge_h_m`` of the
        bridge that carries it over water.
    """

    id: str
    name_en: str
    name_zh: str
    road_class: str
    line: shapely.LineString
    start: int
    end: int
    speed_limit_kmh: int
    town: str
    street: int = -1
    truck_ban: bool = False
    ban_hours: str = ""
    limit_t: float | None = None
    limit_h_m: float | None = None
    bridge_t: float | None = None
    bridge_h_m: float | None = None

    @property
    def limited(self) -> bool:
        """Whether some trucks may not use it; ordinary trucks never do."""
        limits = self.limit_t, self.limit_h_m, self.bridge_t, self.bridge_h_m
        return self.truck_ban or bool(self.ban_hours) or any(v is not None for v in limits)


@dataclass(frozen=True)
class Ground:
    """A place where muck is dug up or dumped, beside a junction.

    Attributes
    ----------
    area : metres; the truck stands on its middle.
    junction : number of the junction that it is reached from.
    """

    id: str
    name_zh: str
    area: shapely.Polygon
    junction: int


@dataclass(frozen=True)
class MuckPermit:
    """A permit to haul muck from a site to a dump by one way.

    Attributes
    ----------
    hours : spans of the city's clock, such as ``20:00-06:00``.
    junctions, roads : numbers of what the way passes; one road less than junctions.
    line : of the way, metres.
    tip : a spot beside the way, off every road, that stays free of sites; None where there is none.
    tip_m : metres along the way where the tip is beside it.
    """

    id: str
    plate: str
    site: Ground
    dump: Ground
    hours: str
    junctions: tuple[int, ...]
    roads: tuple[int, ...]
    line: shapely.LineString
    tip: tuple[float, float] | None = None
    tip_m: float = 0.0


@dataclass(frozen=True)
class Haulage:
    """Where muck comes from, where it goes and who may haul it."""

    sites: tuple[Ground, ...] = ()
    dumps: tuple[Ground, ...] = ()
    permits: tuple[MuckPermit, ...] = ()


@dataclass(frozen=True)
class Shop:
    """A shop on a street: its door line, the pavement lies on the ``outside`` of it.

    Attributes
    ----------
    road : id of the piece of road that it stands on.
    outdoor_permit : whether it may put goods outside.
    """

    id: str
    name_zh: str
    address_zh: str
    door_line: shapely.LineString
    outside: str  # "left" or "right" of the direction of the door line
    town: str
    road: str = ""
    outdoor_permit: bool = False


@dataclass(frozen=True)
class Camera:
    """A street camera: where it stands and how its pixels lie on the ground.

    Attributes
    ----------
    homography : 3×3 rows; takes (u, v, 1) in pixels to homogeneous metres in the projected CRS.
    width_px, height_px : of the image; v grows downwards.
    sees : ids of the shops whose door line and the pavement before it are in view.
    azimuth_deg : looking direction, clockwise from grid north; tilt_deg is below the horizon.
    """

    id: str
    point: shapely.Point
    homography: tuple[tuple[float, float, float], ...]
    width_px: int
    height_px: int
    sees: tuple[str, ...]
    azimuth_deg: float = 0.0
    height_m: float = 0.0
    tilt_deg: float = 0.0
    focal_px: float = 1000.0


@dataclass(frozen=True)
class Station:
    """A weigh-in-motion station: a line across a road, for one or both directions of it."""

    id: str
    line: shapely.LineString
    road: str
    lanes: int
    error_share: float
    direction: str = "both"

    def covers(self, forward: bool) -> bool:
        """Whether a truck in the direction of the road's line, or against it, is weighed."""
        return self.direction in ("both", "forward" if forward else "backward")


@dataclass(frozen=True)
class Waterway:
    """A river or canal: its middle line, the area is the same place in `Geography.water`."""

    name_en: str
    name_zh: str
    kind: str
    line: BaseGeometry


@dataclass(frozen=True)
class Geography:
    """All that feeds need to know of the place.

    Shapes are in the city's projected CRS, metres. ``towns`` and ``villages`` map code to area;
    ``water`` is rivers and canals; ``sea`` is what lies off the coast inside the city's bounds;
    ``zones`` are the declared marine zones by id.

    Attributes
    ----------
    density : how built-up each block's place is, 0–1, in the order of ``blocks``.
    block_villages : code of the village of each block.
    waterways : named rivers and canals, in the order of ``water``.
    names : (English, Chinese) of each town and village by code.
    """

    crs: str
    land: shapely.Polygon
    sea: BaseGeometry
    towns: dict[str, shapely.Polygon]
    villages: dict[str, shapely.Polygon]
    water: tuple[shapely.Polygon, ...]
    junctions: tuple[tuple[float, float], ...]
    roads: tuple[Road, ...]
    blocks: tuple[shapely.Polygon, ...]
    shops: tuple[Shop, ...]
    cameras: tuple[Camera, ...]
    stations: tuple[Station, ...]
    zones: dict[str, BaseGeometry]
    density: tuple[float, ...] = ()
    block_villages: tuple[str, ...] = ()
    waterways: tuple[Waterway, ...] = ()
    names: dict[str, tuple[str, str]] = field(default_factory=dict)
    haulage: Haulage = Haulage()
