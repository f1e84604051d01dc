"""Rows of a layer near a place, in an area or along a path, and how many there are in cells.

Rows are asked for through the reader's catalogue alone, so that his walls stand around every value
and every count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import h3.api.basic_int as h3
import numpy as np
import numpy.typing as npt
import orjson
import pyproj
import shapely
from shapely.geometry.base import BaseGeometry

from layers import h3grid
from layers.query import Box, Query, TimeInterval
from layers.spec import LayerSpec
from ogc_server.catalogue import Catalogue
from ogc_server.edr.observed import COUNT, resolution
from ogc_server.problem import RequestError, bad_parameter
from ogc_server.times import write_instant

# A place's value is that of the nearest row within this distance.
NEAREST_M = 1000.0
_MOST_ROWS = 5000
_MOST_CELLS = 10_000
_FEW_CELLS = 4
_MOST_SAMPLES = 1000
_SIDES = 64
_GEOD = pyproj.Geod(ellps="WGS84")
Floats = npt.NDArray[np.float64]
Geometry = BaseGeometry


@dataclass(frozen=True)
class Row:
    """What a row of a layer of points observes.

    Attributes
    ----------
    lon, lat : degrees (EPSG:4326).
    t : RFC 3339, None where the layer has no time or the row none.
    values : by parameter.
    """

    id: str
    lon: float
    lat: float
    t: str | None
    values: Mapping[str, float | int | None]


@dataclass(frozen=True)
class Layer:
    """A layer as it was asked about.

    Attributes
    ----------
    names : parameters wanted.
    time : span that rows must meet, None for all.
    """

    catalogue: Catalogue
    spec: LayerSpec
    names: Sequence[str]
    time: TimeInterval | None = None

    @property
    def measured(self) -> list[str]:
        """Wanted parameters that are properties of rows."""
        return [name for name in self.names if name != COUNT]

    @property
    def counted(self) -> bool:
        """Whether counts of cells are wanted."""
        return COUNT in self.names

    def rows(self, **conditions: Any) -> list[Row]:
        """Rows that meet conditions (see `layers.query.Query`).

        Raises
        ------
        RequestError
            413 where there are too many.
        """
        found = self._read(self._query().but(limit=_MOST_ROWS + 1, **conditions))
        if len(found) > _MOST_ROWS:
            raise _too_much(f"more than {_MOST_ROWS} rows")
        return found

    def page(self, box: Box | None, offset: int, limit: int) -> tuple[list[Row], int]:
        """Some of the rows in a box, and the number of all of them."""
        query = self._query().but(bbox=box)
        rows = self._read(query.but(offset=offset, limit=limit))
        return rows, self.catalogue.count(query)

    def everywhere(self, fid: str) -> int:
        """Rows of an id at any time that the reader sees: 1 or 0."""
        return self.catalogue.count(self.catalogue.everything(self.spec.id).but(fids=(fid,)))

    def _read(self, query: Query) -> list[Row]:
        spec, found = self.spec, []
        times = [spec.time_field] if spec.time_field else []
        page = self.catalogue.store.page(query.but(properties=(*self.measured, *times)))
        for fid, geometry, row in zip(page.fids, page.geometries, page.rows, strict=True):
            if geometry is None:
                continue
            told = dict(zip(page.names, row, strict=True))
            lon, lat = orjson.loads(geometry)["coordinates"][:2]
            t = told.get(spec.time_field) if spec.time_field else None
            values = {name: told.get(name) for name in self.measured}
            found.append(Row(fid, lon, lat, _instant(t), values))
        return found

    def counts(self, **conditions: Any) -> dict[int, int]:
        """Rows in each cell, of those that meet conditions; RequestError 413 for too many cells."""
        query = self._query().but(**conditions)
        found = self.catalogue.cell_counts(self.spec, query, resolution(self.spec))
        if len(found) > _MOST_CELLS:
            raise _too_much(f"more than {_MOST_CELLS} cells")
        return found

    def counts_of(self, cells: Sequence[int]) -> list[int]:
        """Rows in each of some cells."""
        wanted = tuple(dict.fromkeys(cells))
        if len(wanted) <= _FEW_CELLS:
            found = self.counts(cells=wanted)
        else:
            # All cells at once, remembered, cost less than many ranges of a cover.
            found = self.catalogue.cell_counts(self.spec, self._query(), resolution(self.spec))
        return [found.get(cell, 0) for cell in cells]

    def _query(self) -> Query:
        # A timeless row meets every time.
        time = self.time if self.spec.time_field else None
        return self.catalogue.everything(self.spec.id).but(time=time)

    def cell(self, lon: float, lat: float) -> int:
        """Cell that a place lies in."""
        return int(h3grid.cells_of_points([lon], [lat], resolution(self.spec))[0])

    def nearest(self, lon: Floats, lat: Floats) -> list[Row | None]:
        """Nearest row to each place within `NEAREST_M`, None where there is none."""
        near = shapely.union_all([circle(x, y, NEAREST_M) for x, y in zip(lon, lat, strict=True)])
        rows = self.rows(geometry=near)
        if not rows:
            return [None] * len(lon)
        x = np.array([row.lon for row in rows])
        y = np.array([row.lat for row in rows])
        found: list[Row | None] = []
        for at, beside in zip(lon, lat, strict=True):
            far = distances(x, y, float(at), float(beside))
            best = int(np.argmin(far))
            found.append(rows[best] if far[best] <= NEAREST_M else None)
        return found


def _instant(value: Any) -> str | None:
    if value is None:
        return None
    return write_instant(value) if hasattr(value, "astimezone") else f"{value}T00:00:00Z"


def _too_much(what: str) -> RequestError:
    return RequestError(413, "ContentTooLarge", f"{what} would be answered; ask for a smaller area")


def distances(lon: Floats, lat: Floats, at: float, beside: float) -> Floats:
    """Metres from places to one place along the geodesics of WGS 84, shape (n,)."""
    n = len(lon)
    return np.asarray(_GEOD.inv(lon, lat, np.full(n, at), np.full(n, beside))[2], np.float64)


def circle(lon: float, lat: float, radius_m: float) -> Geometry:
    """Return an outline around a circle on WGS 84: no place within it lies outside.

    Raises
    ------
    RequestError
        400 where it would hold a pole or cross the antimeridian.
    """
    turns = np.linspace(0, 360, _SIDES, endpoint=False)
    # A polygon of n sides around a circle is larger than it by this factor.
    reach = radius_m / np.cos(np.pi / _SIDES) * 1.0005
    x, y, _ = _GEOD.fwd(np.full(_SIDES, lon), np.full(_SIDES, lat), turns, np.full(_SIDES, reach))
    if np.ptp(np.asarray(x)) > 180 or abs(lat) > 89:
        raise bad_parameter("coords", "lies too near to a pole or to the antimeridian")
    return shapely.Polygon(np.column_stack([x, y]))


def corridor(line: Geometry, width_m: float) -> Geometry:
    """Area within half a width of a line, in EPSG:4326.

    The distance is taken in an azimuthal equidistant projection around the line's middle.

    Raises
    ------
    RequestError
        400 for a line too long for that, or too near to a pole or to the antimeridian.
    """
    middle = line.centroid
    if max(np.ptp(shapely.get_coordinates(line), axis=0)) > 10 or abs(middle.y) > 80:
        raise bad_parameter("coords", "a corridor's line must be within 10 degrees")
    local = f"+proj=aeqd +lat_0={middle.y} +lon_0={middle.x} +datum=WGS84 +units=m"
    there = pyproj.Transformer.from_crs("EPSG:4326", local, always_xy=True)
    flat = shapely.transform(line, lambda p: np.column_stack(there.transform(p[:, 0], p[:, 1])))
    wide = shapely.buffer(flat, width_m / 2)
    back = pyproj.Transformer.from_crs(local, "EPSG:4326", always_xy=True)
    area = shapely.transform(wide, lambda p: np.column_stack(back.transform(p[:, 0], p[:, 1])))
    minx, _, maxx, _ = area.bounds
    if maxx - minx > 180 or minx < -180 or maxx > 180:
        raise bad_parameter("coords", "lies too near to the antimeridian")
    return area


def samples(line: Geometry, t: Floats | None, step_m: float) -> tuple[Floats, Floats | None]:
    """Places along a line, its own and others between so that no step is longer; and their times.

    Returns
    -------
    Places of shape (n, 2) in lon, lat, and times of shape (n,) interpolated between the line's own.

    Raises
    ------
    RequestError
        413 where there would be too many.
    """
    own = shapely.get_coordinates(line)
    lengths = np.asarray(_GEOD.inv(own[:-1, 0], own[:-1, 1], own[1:, 0], own[1:, 1])[2])
    parts = np.maximum(1, np.ceil(lengths / step_m)).astype(np.int64)
    if parts.sum() + 1 > _MOST_SAMPLES:
        raise _too_much(f"more than {_MOST_SAMPLES} places along the path")
    at = np.concatenate([i + np.arange(n) / n for i, n in enumerate(parts)] + [[len(own) - 1.0]])
    whole = np.arange(len(own), dtype=np.float64)
    places = np.column_stack([np.interp(at, whole, own[:, i]) for i in (0, 1)])
    return places, None if t is None else np.interp(at, whole, t)


def step_of(spec: LayerSpec) -> float:
    """Metres between samples: the usual edge of the cells that are counted."""
    return float(h3.average_hexagon_edge_length(resolution(spec), "m"))
