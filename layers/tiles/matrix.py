"""Tile matrix sets: how a map of the world is cut into tiles (OGC 17-083r4, annex D)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from layers.query import Box

Floats = npt.NDArray[np.float64]
# Units along an edge of a tile, and how many of them beside it a tile holds too, so that a symbol
# on the edge is drawn whole: the usual values of the Mapbox Vector Tile Specification.
EXTENT, BUFFER = 4096, 64
# Finest matrix that is served: 4 cm to a pixel of 256 to a tile.
FINEST = 22
_DEFINED = 25
_TILE_PIXELS = 256
_HALF_WORLD_M = 20037508.342789244
# Mean size of a pixel on a screen by which scales are counted (OGC 17-083r4, 6.1).
_PIXEL_M = 0.00028
_METRES_A_DEGREE = 111319.49079327358
# Web Mercator has no poles; beyond this latitude nothing reaches into a tile.
_HIGHEST = 89.9


@dataclass(frozen=True)
class TileMatrixSet:
    """One way of cutting the world.

    Attributes
    ----------
    id : its name in the OGC's register.
    title : name for people.
    crs : URI of the system that its tiles are in.
    srid : number of that system; 4326 stands for CRS84, whose axes are lon, lat.
    scale_set : URI of its well-known scale set.
    bounds : (minx, miny, maxx, maxy) of the whole set, in its system.
    columns : tiles beside each other at level 0; one above the other there is one.
    """

    id: str
    title: str
    crs: str
    srid: Literal[3857, 4326]
    scale_set: str
    bounds: Box
    columns: int

    @property
    def uri(self) -> str:
        """URI in the OGC's register."""
        return f"http://www.opengis.net/def/tilematrixset/OGC/1.0/{self.id}"

    def size(self, level: int) -> tuple[int, int]:
        """Columns and rows of a level."""
        return self.columns << level, 1 << level

    def span(self, level: int) -> float:
        """Width of a tile of a level, in units of the system."""
        return (self.bounds[2] - self.bounds[0]) / (self.columns << level)

    def holds(self, level: int, row: int, column: int) -> bool:
        """Whether there is such a tile among those that are served."""
        if not 0 <= level <= FINEST:
            return False
        columns, rows = self.size(level)
        return 0 <= column < columns and 0 <= row < rows

    def forward(self, xy: Floats) -> Floats:
        """Positions, lon/lat in degrees, in the system; shape (n, 2)."""
        if self.srid == 4326:
            return xy
        lat = np.radians(np.clip(xy[:, 1], -_HIGHEST, _HIGHEST))
        y = np.arcsinh(np.tan(lat)) * (_HALF_WORLD_M / math.pi)
        return np.column_stack([xy[:, 0] * (_HALF_WORLD_M / 180), y])

    def to_lonlat(self, x: float, y: float) -> tuple[float, float]:
        """Position in the system as lon, lat in degrees."""
        if self.srid == 4326:
            return x, y
        lat = math.degrees(math.atan(math.sinh(y * math.pi / _HALF_WORLD_M)))
        return x * 180 / _HALF_WORLD_M, lat

    def limits(self, level: int, box: Box) -> tuple[int, int, int, int]:
        """First and last row, first and last column of the tiles that meet a lon/lat box."""
        corners = self.forward(np.array([(box[0], box[3]), (box[2], box[1])], np.float64))
        span, (columns, rows) = self.span(level), self.size(level)
        left, top = self.bounds[0], self.bounds[3]
        column = np.clip(np.floor((corners[:, 0] - left) / span), 0, columns - 1).astype(int)
        row = np.clip(np.floor((top - corners[:, 1]) / span), 0, rows - 1).astype(int)
        return int(row[0]), int(row[1]), int(column[0]), int(column[1])

    def document(self) -> dict[str, Any]:
        """Return the definition as OGC 17-083r4 writes it in JSON.

        Beside stand the members that version 1 (OGC 17-083r2) names otherwise: GDAL before 3.8
        knows these alone.
        """
        minx, miny, maxx, maxy = self.bounds
        metres = 1.0 if self.srid == 3857 else _METRES_A_DEGREE
        matrices = []
        for level in range(_DEFINED):
            cell = self.span(level) / _TILE_PIXELS
            columns, rows = self.size(level)
            matrices.append(
                {
                    "id": str(level),
                    "identifier": str(level),
                    "scaleDenominator": cell * metres / _PIXEL_M,
                    "cellSize": cell,
                    "cornerOfOrigin": "topLeft",
                    "pointOfOrigin": [minx, maxy],
                    "topLeftCorner": [minx, maxy],
                    "tileWidth": _TILE_PIXELS,
                    "tileHeight": _TILE_PIXELS,
                    "matrixWidth": columns,
                    "matrixHeight": rows,
                }
            )
        return {
            "id": self.id,
            "type": "TileMatrixSetType",
            "identifier": self.id,
            "title": self.title,
            "uri": self.uri,
            "crs": self.crs,
            "supportedCRS": self.crs,
            "boundingBox": {
                "crs": self.crs,
                "lowerLeft": [minx, miny],
                "upperRight": [maxx, maxy],
                "lowerCorner": [minx, miny],
                "upperCorner": [maxx, maxy],
            },
            "orderedAxes": ["X", "Y"] if self.srid == 3857 else ["Lon", "Lat"],
            "wellKnownScaleSet": self.scale_set,
            "tileMatrices": matrices,
        }


WEB_MERCATOR = TileMatrixSet(
    id="WebMercatorQuad",
    title="Google Maps Compatible for the World",
    crs="http://www.opengis.net/def/crs/EPSG/0/3857",
    srid=3857,
    scale_set="http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
    bounds=(-_HALF_WORLD_M, -_HALF_WORLD_M, _HALF_WORLD_M, _HALF_WORLD_M),
    columns=1,
)
WORLD_CRS84 = TileMatrixSet(
    id="WorldCRS84Quad",
    title="CRS84 for the World",
    crs="http://www.opengis.net/def/crs/OGC/1.3/CRS84",
    srid=4326,
    scale_set="http://www.opengis.net/def/wkss/OGC/1.0/GoogleCRS84Quad",
    bounds=(-180.0, -90.0, 180.0, 90.0),
    columns=2,
)
MATRIX_SETS = {one.id: one for one in (WEB_MERCATOR, WORLD_CRS84)}


@dataclass(frozen=True)
class Tile:
    """One tile of a set that `TileMatrixSet.holds`."""

    matrix_set: TileMatrixSet
    level: int
    row: int
    column: int

    @cached_property
    def bounds(self) -> Box:
        """Box of the tile itself in the set's system."""
        span = self.matrix_set.span(self.level)
        left = self.matrix_set.bounds[0] + self.column * span
        top = self.matrix_set.bounds[3] - self.row * span
        return left, top - span, left + span, top

    @cached_property
    def unit(self) -> float:
        """Size of a tile unit in the set's system."""
        return self.matrix_set.span(self.level) / EXTENT

    @cached_property
    def envelope(self) -> Box:
        """Box of the tile with its buffer, lon/lat in degrees."""
        minx, miny, maxx, maxy = self.bounds
        beside = BUFFER * self.unit
        west, south = self.matrix_set.to_lonlat(minx - beside, miny - beside)
        east, north = self.matrix_set.to_lonlat(maxx + beside, maxy + beside)
        return west, south, east, north

    @property
    def scale_level(self) -> int:
        """Level of Web Mercator whose tiles are as wide in degrees, on which detail depends."""
        return self.level + (self.matrix_set.columns - 1)

    def degrees(self, units: float) -> float:
        """So many tile units in degrees of longitude."""
        return units * 360 / (self.matrix_set.columns << self.level) / EXTENT

    def place(self, xy: Floats) -> Floats:
        """Positions, lon/lat in degrees, in tile units: x to the right, y down; shape (n, 2)."""
        moved = self.matrix_set.forward(np.asarray(xy, np.float64))
        left, _, _, top = self.bounds
        return np.column_stack([moved[:, 0] - left, top - moved[:, 1]]) / self.unit
