"""Where ships can be: the open water of a city, its zones of a day, and ways along it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from ingest.simulator.fairways import Fairways
from ingest.simulator.geography import Geography, NoPlaceError
from layers.city import City
from layers.crs import project

Floats = npt.NDArray[np.float64]
Area = BaseGeometry
SHORE_M = 300.0
BANK_M = 40.0
_EDGE_STEP_DEG = 0.01
_TRIES = 4000
_RIVER_M2 = 200_000.0


@dataclass(frozen=True)
class Zone:
    """A declared marine zone.

    Attributes
    ----------
    area : in the city's projected CRS; edges that are straight in degrees are followed closely.
    start, end : first and last day in force, None for open.
    """

    id: str
    kind: str
    area: Area
    start: date | None
    end: date | None

    def in_force(self, day: date) -> bool:
        """Whether the zone counts on a day."""
        return (self.start is None or self.start <= day) and (self.end is None or day <= self.end)


def read_zones(city: City) -> tuple[Zone, ...]:
    """Read the marine zones that the city declares as content."""
    zones: list[Zone] = []
    for content in city.declaration.contents:
        if content.layer != "marine_zone":
            continue
        frame = gpd.read_file(city.path(content.file)).to_crs("EPSG:4326")
        shapes = shapely.segmentize(np.asarray(frame.geometry.array, object), _EDGE_STEP_DEG)
        for row, area in zip(frame.to_dict("records"), project(shapes, city.crs), strict=True):
            start, end = (_day(row.get(f"in_force_{side}")) for side in ("from", "to"))
            zones.append(Zone(row["zone_id"], row["kind"], area, start, end))
    return tuple(zones)


def _day(value: object) -> date | None:
    text = "" if value is None else str(value)
    return None if text in ("", "nan", "NaT", "None") else date.fromisoformat(text[:10])


@dataclass(frozen=True)
class Edge:
    """A place on the edge of a zone with open water on both sides.

    Attributes
    ----------
    point, outward, along : shape (2,), the last two of length 1.
    """

    point: Floats
    outward: Floats
    along: Floats


class Waters:
    """The water of a city on a day.

    Attributes
    ----------
    all : the sea up to the shore.
    open : sea well off the shore.
    banned : fishing-ban zones in force.
    idle : fishing-ban zones not in force on the day, without those in force.
    watched : watch zones in force.
    harbours : ports and anchorages.
    control, controlled : places of control, and waters that are entered by them.
    free : open sea away from the fishing bans in force.
    """

    def __init__(self, geography: Geography, zones: tuple[Zone, ...], day: date) -> None:
        def union(kind: str) -> Area:
            return shapely.union_all([z.area for z in zones if z.kind == kind and z.in_force(day)])

        others = [z.area for z in zones if z.kind == "fishing_ban" and not z.in_force(day)]
        self.geography = geography
        self.all: Area = geography.sea
        self.open = self.all.buffer(-SHORE_M)
        self.banned = union("fishing_ban")
        self.watched = union("watch")
        self.idle = shapely.difference(shapely.union_all(others), self.banned)
        self.control, self.controlled = union("control"), union("controlled")
        self._zones = {z.id: z.area for z in zones if z.in_force(day)}
        self.harbours = shapely.union_all([union("port"), union("anchorage")])
        self.free = self.open.difference(self.banned.buffer(2 * SHORE_M))
        self._named: dict[str, Area] = {}
        self._rooms: dict[tuple[int, float], Area] = {}
        shapely.prepare([self.open, self.banned])

    @cached_property
    def sea(self) -> Fairways:
        """Ways along the open sea."""
        return Fairways(self.open)

    @cached_property
    def river(self) -> Fairways | None:
        """Ways along the largest river, None where no water is wide enough."""
        wide = [body for body in self.geography.water if body.area > _RIVER_M2]
        wet = shapely.union_all([self.all, *wide]).buffer(-BANK_M)
        # Where a river is broad enough to hold pieces of "open" water it must not be cut by them.
        offing = max(shapely.get_parts(self.open), key=shapely.area)
        narrow = shapely.get_parts(wet.difference(offing.buffer(SHORE_M)))
        if not len(narrow):
            return None
        network = Fairways(narrow[np.argmax(shapely.area(narrow))], 4000)
        return network if len(network.places) >= 30 else None

    def spot(self, area: Area, radius: float, rng: np.random.Generator) -> Floats:
        """The middle of a disc inside an area, shape (2,).

        Raises
        ------
        NoPlaceError
            where no such disc is found.
        """
        room = self._room(area, radius)
        if room.is_empty:
            raise NoPlaceError(f"no water has room for a circle of {radius:.0f} m")
        left, low, right, high = room.bounds
        for _ in range(50):
            xy = rng.uniform((left, low), (right, high), (512, 2))
            found = np.flatnonzero(shapely.contains_xy(room, xy[:, 0], xy[:, 1]))
            if len(found):
                return np.asarray(xy[found[0]])
        inside = room.representative_point()
        return np.array([inside.x, inside.y])

    def zone(self, zone_id: str) -> Area:
        """The area of a zone in force.

        Raises
        ------
        NoPlaceError
            where no such zone is in force.
        """
        if zone_id not in self._zones:
            raise NoPlaceError(f"no zone '{zone_id}' is in force on the day")
        return self._zones[zone_id]

    def named(self, name: str, make: Callable[[], Area]) -> Area:
        """An area made once and kept under a name."""
        if name not in self._named:
            self._named[name] = make()
            shapely.prepare(self._named[name])
        return self._named[name]

    def _room(self, area: Area, radius: float) -> Area:
        key = (id(area), radius)
        if key not in self._rooms:
            self._rooms[key] = area.buffer(-radius)
            shapely.prepare(self._rooms[key])
        return self._rooms[key]

    def leg(self, area: Area, length: float, rng: np.random.Generator) -> Floats:
        """A straight line inside an area, shape (2, 2).

        Raises
        ------
        NoPlaceError
            where none is found.
        """
        for _ in range(_TRIES // 10):
            middle = self.spot(area, 200.0, rng)
            angle = rng.uniform(0, 2 * np.pi)
            half = np.array([np.cos(angle), np.sin(angle)]) * length / 2
            ends = np.stack((middle - half, middle + half))
            if shapely.contains(area, shapely.LineString(ends)):
                return ends
        raise NoPlaceError(f"no straight line of {length:.0f} m fits the water")

    def edge(self, inside_m: float, outside_m: float, rng: np.random.Generator) -> Edge:
        """A straight piece of a fishing ban's edge with open water on both sides.

        Parameters
        ----------
        inside_m, outside_m : how far the open water reaches to either side and along the edge.

        Raises
        ------
        NoPlaceError
            where no such edge is found.
        """
        for _ in range(_TRIES):
            edge = self._try_edge(rng)
            if edge is not None and self._fits(edge, inside_m, outside_m):
                return edge
        raise NoPlaceError("no edge of a fishing ban has open water on both sides")

    @cached_property
    def _sea_edge(self) -> Area:
        edge = self.banned.boundary.intersection(self.open)
        return shapely.line_merge(edge) if edge.geom_type != "LineString" else edge

    def _try_edge(self, rng: np.random.Generator) -> Edge | None:
        lines = shapely.get_parts(self._sea_edge)
        if not len(lines):
            return None
        lengths = shapely.length(lines)
        line = lines[rng.choice(len(lines), p=lengths / lengths.sum())]
        at = rng.uniform(0, line.length)
        ends = shapely.get_coordinates(
            [line.interpolate(max(0, at - 500)), line.interpolate(min(line.length, at + 500))]
        )
        if np.hypot(*(ends[1] - ends[0])) < 1:
            return None
        along = (ends[1] - ends[0]) / np.hypot(*(ends[1] - ends[0]))
        point = shapely.get_coordinates(line.interpolate(at))[0]
        outward = np.array([along[1], -along[0]])
        if shapely.contains_xy(self.banned, *(point + outward * 60)):
            outward = -outward
        return Edge(point, outward, along)

    def _fits(self, edge: Edge, inside_m: float, outside_m: float) -> bool:
        def strip(near: float, far: float) -> shapely.Polygon:
            ahead = edge.along * max(outside_m, 1600)
            corners = [edge.point + edge.outward * d for d in (near, far)]
            return shapely.Polygon(
                [corners[0] - ahead, corners[0] + ahead, corners[1] + ahead, corners[1] - ahead]
            )

        out, within = strip(50, outside_m), strip(-50, -inside_m)
        return bool(
            self.open.contains(out)
            and self.open.contains(within)
            and not self.banned.intersects(out)
            and self.banned.contains(within)
        )
