"""The schematic geography of a demo city: shapes in metres, before they become layers."""

from __future__ import annotations

from dataclasses import dataclass, field

import shapely
from shapely.geometry.base import BaseGeometry


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
    """A weigh-in-motion station: a line across a road."""

    id: str
    line: shapely.LineString
    road: str
    lanes: int
    error_share: float


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
