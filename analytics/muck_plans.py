"""Where a muck permit lets a truck go: its route with a corridor, its site and its dump."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from analytics.truck_references import Haulage, MuckPermit, Roads

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_PLANS = 4096


class Plan:
    """What a permit says, ready to be held against fixes.

    Attributes
    ----------
    arcs : which arcs of the network lie within the corridor over all of their length.
    """

    def __init__(
        self,
        permit: MuckPermit,
        roads: Roads,
        lines: shapely.STRtree,
        haulage: Haulage,
        wide: float,
    ) -> None:
        self.permit = permit
        shapely.prepare(permit.route)
        within = np.zeros(len(roads.road_id), bool)
        within[_roads_within(permit.route, wide, lines)] = True
        self.arcs: Bools = within[roads.arc_road]
        own = [one.shape for one in haulage.sites if one.site_id == permit.site_id]
        self._site = _area(shapely.union_all(own) if own and permit.site_id else None, 0)
        self._around = _area(self._site, wide)
        self._dump = _area(permit.dump, wide)

    def off_m(self, x: Floats, y: Floats) -> Floats:
        """Distance of places from the route, metres; shape (n,)."""
        return np.asarray(shapely.distance(self.permit.route, shapely.points(x, y)), np.float64)

    def in_site(self, x: Floats, y: Floats) -> Bools:
        """Whether places lie in the site that muck is taken from."""
        return _within(self._site, x, y)

    def at_dump(self, x: Floats, y: Floats) -> Bools:
        """Whether places lie on the dump, or as close to it as the corridor is wide."""
        return _within(self._dump, x, y)

    def at_ends(self, x: Floats, y: Floats) -> Bools:
        """Whether places lie on the dump or the site, or as close as the corridor is wide."""
        return _within(self._around, x, y) | self.at_dump(x, y)


class Plans:
    """Plans of permits, made when they are first asked for."""

    def __init__(self, roads: Roads, haulage: Haulage, corridor_m: float) -> None:
        lines = shapely.STRtree(roads.line)

        def make(permit: MuckPermit) -> Plan:
            return Plan(permit, roads, lines, haulage, corridor_m)

        self.of = lru_cache(maxsize=_PLANS)(make)


def _roads_within(route: shapely.Geometry, wide: float, lines: shapely.STRtree) -> Any:
    """Numbers of the roads whose whole line lies no further from a route than a width, metres."""
    xy = shapely.get_coordinates(route)
    ends = np.append(xy[1:], xy[-1:], axis=0)
    # By its pieces, since most roads in the box of a long route are far from it.
    pieces = shapely.box(*(np.minimum(xy, ends) - wide).T, *(np.maximum(xy, ends) + wide).T)
    near = np.unique(lines.query(pieces)[1])
    corridor = shapely.buffer(route, wide)
    shapely.prepare(corridor)
    return near[shapely.covers(corridor, lines.geometries[near])]


def _area(shape: Any, wider_m: float) -> Any:
    if shape is None:
        return None
    area = shapely.buffer(shape, wider_m) if wider_m else shape
    shapely.prepare(area)
    return area


def _within(area: Any, x: Floats, y: Floats) -> Bools:
    if area is None:
        return np.zeros(len(x), bool)
    return np.asarray(shapely.contains_xy(area, x, y), bool)
