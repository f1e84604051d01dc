"""What rules on trucks must know of the city: roads, registered trucks, permits, bridges, sites."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import shapely

from analytics.hours import Hours, parse_hours

Area = shapely.Polygon | shapely.MultiPolygon
LAYERS = (
    "road", "truck_registry", "muck_permit_route", "bridge_tunnel", "construction_site",
    "dump_site",
)  # fmt: skip
# Layers of places where muck may be loaded or dumped.
SITES = ("construction_site", "dump_site")


class Roads(Protocol):
    """Roads as rules read them; see `analytics.roads.network.RoadNetwork`."""

    @property
    def arc_road(self) -> npt.NDArray[np.int32]:
        """Number of the road that each directed arc runs on."""

    @property
    def arc_start(self) -> npt.NDArray[np.int32]:
        """Node that each arc leaves."""

    @property
    def arc_end(self) -> npt.NDArray[np.int32]:
        """Node that each arc reaches."""

    @property
    def arc_length_m(self) -> npt.NDArray[np.float64]:
        """Length of each arc."""

    @property
    def arc_forward(self) -> npt.NDArray[np.bool_]:
        """Whether each arc runs along its road's line."""

    @property
    def road_id(self) -> npt.NDArray[np.object_]:
        """Id of each road."""

    @property
    def road_class(self) -> npt.NDArray[np.object_]:
        """Class of each road, "" where it is not known."""

    @property
    def name_zh(self) -> npt.NDArray[np.object_]:
        """Chinese name of each road, "" where it has none."""

    @property
    def name_en(self) -> npt.NDArray[np.object_]:
        """English name of each road."""

    @property
    def speed_limit_kmh(self) -> npt.NDArray[np.float64]:
        """Speed limit of each road, NaN where it is not known."""

    @property
    def limit_t(self) -> npt.NDArray[np.float64]:
        """Mass limit of each road, NaN without one."""

    @property
    def limit_h_m(self) -> npt.NDArray[np.float64]:
        """Height limit of each road, NaN without one."""

    @property
    def truck_ban(self) -> npt.NDArray[np.bool_]:
        """Whether each road is closed to trucks at all hours."""

    @property
    def truck_ban_hours(self) -> npt.NDArray[np.object_]:
        """Hours of the day in which each road is closed to trucks, as declared."""

    @property
    def line(self) -> npt.NDArray[np.object_]:
        """Centre line of each road, metres of the city's CRS."""

    def reference(self, road: int) -> dict[str, Any]:
        """How evidence cites a road."""


@dataclass(frozen=True)
class TruckEntry:
    """One registered truck; both dates belong to the registration, None is open.

    Attributes
    ----------
    height_m, registered_gross_kg : None where the register does not say.
    terminal_id : of its satellite terminal, "" where it is not known.
    """

    truck_id: str
    plate: str
    firm_name: str = ""
    firm_uscc: str = ""
    vehicle_kind: str = ""
    axles: int | None = None
    registered_gross_kg: float | None = None
    height_m: float | None = None
    use: str = ""
    terminal_id: str = ""
    registered_from: date | None = None
    registered_to: date | None = None
    version: str = ""

    def reference(self) -> dict[str, Any]:
        """How evidence cites the entry."""
        return {
            "layer": "truck_registry",
            "id": self.truck_id,
            "version": self.version,
            "plate": self.plate,
            "firm_name": self.firm_name,
        }


@dataclass(frozen=True, eq=False)
class MuckPermit:
    """A permit to haul muck by one route, in some hours, to one dump site.

    Attributes
    ----------
    route, dump : metres of the city's CRS; ``dump`` None where the permit has no readable outline.
    hours : of the day (city time); empty for all day.
    """

    permit_id: str
    plate: str
    route: shapely.Geometry
    dump: Area | None
    site_id: str
    hours: Hours
    hours_text: str
    permitted_from: date | None
    permitted_to: date | None
    version: str

    def valid_on(self, day: date) -> bool:
        """Whether the permit is in force on a day of the city."""
        return _within(day, self.permitted_from, self.permitted_to)

    def reference(self) -> dict[str, Any]:
        """How evidence cites the permit."""
        return {
            "layer": "muck_permit_route",
            "id": self.permit_id,
            "version": self.version,
            "hours": self.hours_text,
            "site_id": self.site_id,
            "permitted_from": _iso(self.permitted_from),
            "permitted_to": _iso(self.permitted_to),
        }


@dataclass(frozen=True, eq=False)
class Bridge:
    """A bridge, overpass or underpass with a limit; shape in metres of the city's CRS."""

    code: str
    kind: str
    name_zh: str
    limit_t: float | None
    limit_h_m: float | None
    shape: Area
    version: str

    def reference(self) -> dict[str, Any]:
        """How evidence cites the structure."""
        return {
            "layer": "bridge_tunnel",
            "id": self.code,
            "version": self.version,
            "name_zh": self.name_zh,
            "kind": self.kind,
            "limit_t": self.limit_t,
            "limit_h_m": self.limit_h_m,
        }


@dataclass(frozen=True, eq=False)
class Site:
    """A place where muck may be loaded or dumped; shape in metres of the city's CRS."""

    layer: str
    site_id: str
    name_zh: str
    shape: Area
    permitted_from: date | None
    permitted_to: date | None
    version: str

    def valid_on(self, day: date) -> bool:
        """Whether the site is open on a day of the city."""
        return _within(day, self.permitted_from, self.permitted_to)

    def reference(self) -> dict[str, Any]:
        """How evidence cites the site."""
        return {
            "layer": self.layer,
            "id": self.site_id,
            "version": self.version,
            "name_zh": self.name_zh,
        }


@dataclass(frozen=True, eq=False)
class Haulage:
    """All of it; registers are keyed by plate, entries in the order of their ids.

    Attributes
    ----------
    roads : None where the city declares none.
    """

    roads: Roads | None = None
    trucks: dict[str, tuple[TruckEntry, ...]] = field(default_factory=dict)
    permits: dict[str, tuple[MuckPermit, ...]] = field(default_factory=dict)
    bridges: tuple[Bridge, ...] = ()
    sites: tuple[Site, ...] = ()

    def truck_on(self, plate: str, day: date) -> TruckEntry | None:
        """Entry of a plate that is in force on a day of the city, None without one."""
        for entry in self.trucks.get(plate, ()):
            if _within(day, entry.registered_from, entry.registered_to):
                return entry
        return None

    def permits_on(self, plate: str, day: date) -> tuple[MuckPermit, ...]:
        """Permits of a plate that are in force on a day of the city."""
        return tuple(p for p in self.permits.get(plate, ()) if p.valid_on(day))


def by_plate(entries: Iterable[Any]) -> dict[str, tuple[Any, ...]]:
    """Entries by their plate, in the order given."""
    found: dict[str, list[Any]] = {}
    for entry in entries:
        found.setdefault(entry.plate, []).append(entry)
    return {plate: tuple(own) for plate, own in found.items()}


def permit_hours(text: str) -> Hours:
    """Hours of a permit; unreadable ones permit nothing less than the whole day."""
    try:
        return parse_hours(text)
    except ValueError:
        return ()


def _within(day: date, start: date | None, end: date | None) -> bool:
    return (start is None or start <= day) and (end is None or day <= end)


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
