"""Where muck may be loaded or dumped: sites and dump sites of a day, and those of a permit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import shapely

from analytics.truck_references import Area, Haulage, MuckPermit


class Nearest(NamedTuple):
    """The nearest permitted place: how evidence cites it, its name, metres to it."""

    reference: dict[str, Any]
    name: str
    distance_m: float


class PermittedPlaces:
    """Places by where they lie; distances in metres of the city's CRS."""

    def __init__(self, haulage: Haulage) -> None:
        self._sites = haulage.sites
        self._tree = shapely.STRtree([site.shape for site in haulage.sites])

    def allow(
        self,
        x: float,
        y: float,
        within_m: float,
        days: Sequence[date],
        permits: Sequence[MuckPermit],
    ) -> bool:
        """Whether a place is permitted: within a distance of one that is so on any of the days."""
        point = shapely.Point(x, y)
        near = self._tree.query(point, predicate="dwithin", distance=within_m)
        own = {permit.site_id for permit in permits}
        if any(self._open(int(number), days, own) for number in near):
            return True
        return any(bool(shapely.dwithin(dump, point, within_m)) for _, dump in _dumps(permits))

    def nearest(
        self, x: float, y: float, days: Sequence[date], permits: Sequence[MuckPermit]
    ) -> Nearest | None:
        """The nearest place that is permitted; None where nothing is."""
        point, own = shapely.Point(x, y), {permit.site_id for permit in permits}
        sites = [s for n, s in enumerate(self._sites) if self._open(n, days, own)]
        dumps = [*_dumps(permits)]
        shapes = [*(site.shape for site in sites), *(dump for _, dump in dumps)]
        if not shapes:
            return None
        metres = shapely.distance(np.array(shapes, object), point)
        which = int(np.argmin(metres))
        if which < len(sites):
            site = sites[which]
            return Nearest(site.reference(), site.name_zh or site.site_id, float(metres[which]))
        permit = dumps[which - len(sites)][0]
        return Nearest(permit.reference(), permit.permit_id, float(metres[which]))

    def _open(self, number: int, days: Sequence[date], own: set[str]) -> bool:
        site = self._sites[number]
        return site.site_id in own or any(site.valid_on(day) for day in days)


def _dumps(permits: Sequence[MuckPermit]) -> list[tuple[MuckPermit, Area]]:
    return [(permit, permit.dump) for permit in permits if permit.dump is not None]
