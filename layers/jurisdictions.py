"""Which unit of the tree a place belongs to."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from layers.city import City
from layers.query import Query

# Layers that hold the outlines of units, the smallest first.
ADMINISTRATIVE_LAYERS = ("adm_village", "adm_street_town", "adm_district")
Codes = npt.NDArray[np.object_]


class UnitSource(Protocol):
    """Where the outlines come from: a store."""

    def has_layer(self, layer: str) -> bool:
        """Whether the layer can be read."""

    def revision(self, layer: str) -> int:
        """Grows with each change of the layer."""

    def frame(self, query: Query) -> gpd.GeoDataFrame:
        """Rows of the layer."""


@dataclass(frozen=True)
class Units:
    """Outlines of the units of one level, sorted by code."""

    codes: Codes
    tree: shapely.STRtree

    @classmethod
    def of(cls, codes: Codes, outlines: npt.NDArray[np.object_]) -> Units:
        """Sort and index the outlines."""
        order = np.argsort(codes.astype(str), kind="stable")
        return cls(codes[order], shapely.STRtree(outlines[order]))

    def bounds(self, prefixes: tuple[str, ...]) -> tuple[float, float, float, float] | None:
        """Box around the units of some subtrees, by code prefixes; None where there are none."""
        chosen = [str(code).startswith(prefixes) for code in self.codes]
        if not any(chosen):
            return None
        minx, miny, maxx, maxy = shapely.total_bounds(self.tree.geometries[chosen]).tolist()
        return minx, miny, maxx, maxy

    def find(self, points: npt.NDArray[np.object_]) -> Codes:
        """Code of the unit each point lies in (border included), None outside; shape (n,).

        On a shared border the lowest code wins.
        """
        found = np.full(len(points), len(self.codes), np.int64)
        at, unit = self.tree.query(points, predicate="intersects")
        np.minimum.at(found, at, unit)
        with_none = np.empty(len(self.codes) + 1, object)
        with_none[:-1] = self.codes
        codes: Codes = with_none[found]
        return codes


class Locator:
    """Finds the smallest declared unit of places.

    Parameters
    ----------
    city : its outline stands in for the district until an outline layer is written.
    source : store with the outline layers; read again when their revision has changed.
    """

    def __init__(self, city: City, source: UnitSource) -> None:
        self._city, self._source = city, source
        self._cache: tuple[tuple[tuple[str, int], ...], list[Units]] | None = None
        self._lock = threading.Lock()

    def codes(self, points: npt.NDArray[np.object_]) -> Codes:
        """Code of the smallest unit that each point lies in.

        Parameters
        ----------
        points : shapely points in EPSG:4326 or None, shape (n,).

        Returns
        -------
        codes or None, shape (n,): village, else town, else district.
        """
        found = np.full(len(points), None, object)
        for units in self._units():
            open_ = np.flatnonzero([code is None for code in found])
            if not len(open_):
                break
            found[open_] = units.find(points[open_])
        return found

    def units(self, geometries: Sequence[shapely.Geometry | None]) -> list[str | None]:
        """Code of the smallest unit of geometries in EPSG:4326, by a point that lies on each."""
        shapes = np.empty(len(geometries), object)
        shapes[:] = geometries
        codes: list[str | None] = self.codes(representative_points(shapes)).tolist()
        return codes

    def boxes(self, prefixes: tuple[str, ...]) -> list[tuple[float, float, float, float]]:
        """Boxes in EPSG:4326 outside of which no place is in one of some subtrees."""
        return [box for units in self._units() if (box := units.bounds(prefixes)) is not None]

    def within(
        self, lon: npt.NDArray[np.float64], lat: npt.NDArray[np.float64], prefixes: tuple[str, ...]
    ) -> npt.NDArray[np.bool_]:
        """Whether the smallest unit that each place lies in is one of some subtrees.

        Parameters
        ----------
        lon, lat : degrees (EPSG:4326), shape (n,).
        prefixes : code prefixes of the subtrees.

        Returns
        -------
        truths, shape (n,): the same as those of `codes`, but places far off are not looked up.
        """
        inside = np.zeros(len(lon), bool)
        for minx, miny, maxx, maxy in self.boxes(prefixes):
            inside |= (lon >= minx) & (lon <= maxx) & (lat >= miny) & (lat <= maxy)
        near = np.flatnonzero(inside)
        codes = self.codes(np.asarray(shapely.points(lon[near], lat[near]), object).reshape(-1))
        inside[near] = [code is not None and code.startswith(prefixes) for code in codes]
        return inside

    def _units(self) -> list[Units]:
        present = [layer for layer in ADMINISTRATIVE_LAYERS if self._source.has_layer(layer)]
        key = tuple((layer, self._source.revision(layer)) for layer in present)
        with self._lock:
            if self._cache is None or self._cache[0] != key:
                self._cache = (key, self._read(present))
            return self._cache[1]

    def _read(self, present: list[str]) -> list[Units]:
        levels = [self._level(layer) for layer in present]
        found = [units for units in levels if units is not None]
        if "adm_district" not in present or levels[present.index("adm_district")] is None:
            outline = self._outline()
            found += [outline] if outline is not None else []
        return found

    def _level(self, layer: str) -> Units | None:
        rows = self._source.frame(Query(layer))
        rows = rows[rows.geometry.notna()]
        if not len(rows):
            return None
        codes = rows["code"] if "code" in rows else rows["fid"]
        return Units.of(codes.to_numpy(object), np.asarray(rows.geometry.array, object))

    def _outline(self) -> Units | None:
        """Take the city's outline under its one district's code, if both are declared."""
        districts = [u.code for u in self._city.jurisdictions.values() if u.level == "district"]
        relative = self._city.declaration.outline
        if len(districts) != 1 or relative is None:
            return None
        path = self._city.path(relative)
        if not path.exists():
            return None
        area = shapely.union_all([shapely.from_geojson(path.read_text(encoding="utf-8"))])
        return Units.of(np.array(districts, object), np.array([area], object))


def representative_points(geometries: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Find a point that surely lies on each geometry; a point stands for itself, None for None."""
    points = np.asarray(geometries, object).copy()
    others = np.flatnonzero(shapely.get_type_id(points) > 0)
    points[others] = shapely.point_on_surface(points[others])
    return points
