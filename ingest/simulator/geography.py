"""The schematic geography that a demo city is drawn on: shapes in metres, before they become layers."""

from __future__ import annotations

from dataclasses import dataclass

import shapely


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


@dataclass(frozen=True)
class Shop:
    """A shop on a street: its door line, the pavement lies on the ``outside`` of it."""

    id: str
    name_zh: str
    address_zh: str
    door_line: shapely.LineString
    outside: str  # "left" or "right" of the direction of the door line
    town: str


@dataclass(frozen=True)
class Camera:
    """A street camera: where it stands and how its pixels lie on the ground.

    Attributes
    ----------
    homography : 3×3 rows; takes (u, v, 1) in pixels to homogeneous metres in the city's projected CRS.
    width_px, height_px : of the image; v grows downwards.
    sees : ids of the shops in view.
    """

    id: str
    point: shapely.Point
    homography: tuple[tuple[float, float, float], ...]
    width_px: int
    height_px: int
    sees: tuple[str, ...]


@dataclass(frozen=True)
class Station:
    """A weigh-in-motion station: a line across a road."""

    id: str
    line: shapely.LineString
    road: str
    lanes: int
    error_share: float


@dataclass(frozen=True)
class Geography:
    """All that feeds need to know of the place.

    Shapes are in the city's projected CRS, metres. ``towns`` and ``villages`` map code to area; ``water`` is rivers and
    canals; ``sea`` is what lies off the coast inside the city's bounds; ``zones`` are the declared marine zones by id.
    """

    crs: str
    land: shapely.Polygon
    sea: shapely.Geometry
    towns: dict[str, shapely.Polygon]
    villages: dict[str, shapely.Polygon]
    water: tuple[shapely.Polygon, ...]
    junctions: tuple[tuple[float, float], ...]
    roads: tuple[Road, ...]
    blocks: tuple[shapely.Polygon, ...]
    shops: tuple[Shop, ...]
    cameras: tuple[Camera, ...]
    stations: tuple[Station, ...]
    zones: dict[str, shapely.Geometry]
