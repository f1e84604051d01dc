"""Where muck may be loaded or dumped: sites and dump sites of a day, and those of a permit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

import shapely

from analytics.truck_references import Area, Haulage, MuckPermit, Site


class Nearest(NamedTuple):
    """The nearest permitted place: metres to it, its name, and how evidence cites it."""

    distance_m: float
    name: str
    reference: dict[str, Any]


class PermittedPlaces:
    """Places by where they lie; distances in metres of the city's CRS."""

    def __init__(self, haulage: Haulage) -> None:
        self._sites = haulage.sites
        self._by_id: dict[str, list[Site]] = {}
        for site in haulage.sites:
            self._by_id.setdefault(site.site_id, []).append(site)
        self._open = lru_cache(maxsize=16)(self._opened)

    def nearest(
        self, x: float, y: float, days: tuple[date, ...], permits: Sequence[MuckPermit]
    ) -> Nearest | None:
        """Find the place nearest to a point among those permitted on any of some days.

        Parameters
        ----------
        x, y : metres.
        permits : whose sites, however dated, and dump sites are permitted, too.

        Returns
        -------
        None where nothing is permitted.
        """
        point, found = shapely.Point(x, y), []
        sites, tree = self._open(days)
        if sites:
            numbers, metres = tree.query_nearest(point, return_distance=True)
            first = int(numbers.min())
            found.append(_of_site(sites[first], float(metres[0])))
        for permit in permits:
            for site in self._by_id.get(permit.site_id, ()):
                found.append(_of_site(site, _distance(site.shape, point)))
            if permit.dump is not None:
                far = _distance(permit.dump, point)
                found.append(Nearest(far, permit.permit_id, permit.reference()))
        return min(found, key=lambda one: one.distance_m, default=None)

    def _opened(self, days: tuple[date, ...]) -> tuple[list[Site], shapely.STRtree]:
        sites = [site for site in self._sites if any(site.valid_on(day) for day in days)]
        return sites, shapely.STRtree([site.shape for site in sites])


def _of_site(site: Site, distance_m: float) -> Nearest:
    return Nearest(distance_m, site.name_zh or site.site_id, site.reference())


def _distance(shape: Area, point: shapely.Point) -> float:
    return float(shapely.distance(shape, point))
