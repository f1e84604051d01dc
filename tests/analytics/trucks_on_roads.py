"""Matched rows of trucks made by hand: small networks, and trucks driven along their arcs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from analytics.detect import END_OF_TIME_MS, run_step
from analytics.event import Event
from analytics.feeds import FIX, UNKNOWN_LOAD, WEIGHING, take
from analytics.rule import Columns, Prepared, Rule
from analytics.truck_references import Haulage
from layers.crs import transformer
from tests.analytics.columns import CRS, at, references

START = at("2020-07-01T08:00:00+08:00")
SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000
# The corner of all networks, metres in `CRS`.
CORNER = transformer("EPSG:4326", CRS).transform(121.6, 31.2)
PLATE = "沪A12345"


@dataclass(eq=False)
class Roads:
    """A network as `analytics.truck_references.Roads` describes it; all roads lead both ways."""

    road_id: npt.NDArray[np.object_]
    road_class: npt.NDArray[np.object_]
    name_zh: npt.NDArray[np.object_]
    name_en: npt.NDArray[np.object_]
    speed_limit_kmh: npt.NDArray[np.float64]
    limit_t: npt.NDArray[np.float64]
    limit_h_m: npt.NDArray[np.float64]
    truck_ban: npt.NDArray[np.bool_]
    truck_ban_hours: npt.NDArray[np.object_]
    line: npt.NDArray[np.object_]
    arc_road: npt.NDArray[np.int32]
    arc_start: npt.NDArray[np.int32]
    arc_end: npt.NDArray[np.int32]
    arc_length_m: npt.NDArray[np.float64]
    arc_forward: npt.NDArray[np.bool_]

    def reference(self, road: int) -> dict[str, Any]:
        return {"layer": "road", "id": str(self.road_id[road]), "version": "v"}

    def arc(self, name: str) -> int:
        """An arc by its road and direction: ``+a`` along its line, ``-a`` against it."""
        road = self.road_id.tolist().index(name[1:])
        return 2 * road + (name[0] == "-")


def roads(*rows: dict[str, Any]) -> Roads:
    """A network of roads given by ``id`` and ``at``, places in metres from `CORNER`."""
    n = len(rows)
    lines = np.empty(n, object)
    lines[:] = [shapely.LineString(np.add(row["at"], CORNER)) for row in rows]
    nodes: dict[Any, int] = {}
    ends = [[nodes.setdefault(tuple(row["at"][k]), len(nodes)) for row in rows] for k in (0, -1)]
    both = [np.array(e, np.int32) for e in ends]

    def column(name: str, nothing: Any, dtype: Any) -> Any:
        return np.array([row.get(name, nothing) for row in rows], dtype)

    return Roads(
        road_id=column("id", "", object),
        road_class=column("road_class", "local", object),
        name_zh=column("name_zh", "", object),
        name_en=column("name_en", "", object),
        speed_limit_kmh=column("speed_limit_kmh", np.nan, float),
        limit_t=column("limit_t", np.nan, float),
        limit_h_m=column("limit_h_m", np.nan, float),
        truck_ban=column("truck_ban", False, bool),
        truck_ban_hours=column("truck_ban_hours", "", object),
        line=lines,
        arc_road=np.repeat(np.arange(n, dtype=np.int32), 2),
        arc_start=np.column_stack(both).reshape(-1),
        arc_end=np.column_stack(both[::-1]).reshape(-1),
        arc_length_m=np.repeat(shapely.length(lines), 2),
        arc_forward=np.tile([True, False], n),
    )


def street(name: str, places: Sequence[tuple[float, float]], **more: Any) -> list[dict[str, Any]]:
    """A street of several roads ``name0``, ``name1`` … between places that follow each other."""
    own = {"name_zh": f"{name}路", "name_en": f"{name} Road"} | more
    return [{"id": f"{name}{k}", "at": [a, b]} | own for k, (a, b) in enumerate(pairwise(places))]


class Truck:
    """A truck that is driven along arcs and sends fixes.

    Parameters
    ----------
    arc : where it begins, such as ``+a0``, at ``along`` metres.
    minutes : after `START`.
    """

    def __init__(
        self,
        network: Roads,
        arc: str,
        along: float = 0,
        *,
        plate: str = PLATE,
        minutes: float = 0,
        load: int = UNKNOWN_LOAD,
    ) -> None:
        self.network, self.plate, self.load = network, plate, load
        self.t = float(START + minutes * MINUTE)
        self.arc, self.along = network.arc(arc), float(along)
        self.rows: list[dict[str, Any]] = []
        self.off_m = 3.0
        self.part()
        self.fix(0.0)

    def part(self) -> None:
        """Begin another chain."""
        self._chain, self._via, self._driven = round(self.t), [], float("nan")

    def fix(self, mps: float, **changes: Any) -> None:
        """Send where it is."""
        line = self.network.line[self.arc // 2]
        spot = line.interpolate(self.along if self.arc % 2 == 0 else line.length - self.along)
        row = {
            "kind": FIX,
            "x": spot.x,
            "y": spot.y,
            "sog_mps": mps,
            "load": self.load,
            "arc": self.arc,
            "along_m": self.along,
            "off_m": self.off_m,
            "chain": self._chain,
            "via": tuple(self._via),
            "route_m": self._driven,
            "still_since": round(self.t),
        }
        self._add(row | changes)
        self._via, self._driven, self._last_arc = [], 0.0, self.arc

    def go(
        self,
        *arcs: str,
        mps: float = 10,
        every: float = 30,
        to: float | None = None,
        told: float | None = None,
    ) -> Truck:
        """Drive through arcs, to ``to`` metres along the last (its end), with a fix at the end."""
        left, line = every, [self.arc, *(self.network.arc(name) for name in arcs)]
        for number, arc in enumerate(line):
            if number:
                if self.arc != self._last_arc or self._via:
                    self._via.append(self.arc)
                self.arc, self.along = arc, 0.0
            last = number == len(line) - 1
            end = to if last and to is not None else float(self.network.arc_length_m[arc])
            while (end - self.along) / mps >= left:
                self._move(left * mps, left)
                self.fix(mps if told is None else told)
                left = every
            left -= (end - self.along) / mps
            self._move(end - self.along, (end - self.along) / mps)
        if self._driven > 0:
            self.fix(mps if told is None else told)
        return self

    def stand(self, seconds: float, every: float = 60) -> Truck:
        """Stay where it is."""
        since, end = round(self.t), self.t + seconds * SECOND
        while self.t < end:
            self.t = min(end, self.t + every * SECOND)
            self.fix(0.0, still_since=since)
        return self

    def weigh(self, station: str, gross: float, error: float = np.nan, after_s: float = 0) -> Truck:
        """Be weighed, so long after the last fix."""
        t = round(self.t + after_s * SECOND)
        own = {"kind": WEIGHING, "t": t, "pid": f"w{t}", "x": 0.0, "y": 0.0}
        self._add(own | {"station_id": station, "gross_kg": gross, "error_share": error})
        return self

    def _move(self, far: float, seconds: float) -> None:
        self.along += far
        self._driven += far
        self.t += seconds * SECOND

    def _add(self, row: dict[str, Any]) -> None:
        t = round(self.t)
        self.rows.append({"mover": self.plate, "t": t, "pid": f"{self.plate[-3:]}{t}"} | row)


_UNKNOWN: dict[str, tuple[Any, Any]] = {
    "mover": ("", object), "t": (0, np.int64), "kind": (FIX, np.int8), "pid": ("", object),
    "x": (np.nan, float), "y": (np.nan, float), "sog_mps": (np.nan, float),
    "cog_deg": (np.nan, float), "acc": (255, np.uint8), "load": (UNKNOWN_LOAD, np.uint8),
    "terminal": ("", object), "quality": (0, np.uint16), "station_id": ("", object),
    "gross_kg": (np.nan, float), "error_share": (np.nan, float), "arc": (-1, np.int32),
    "along_m": (np.nan, float), "off_m": (np.nan, float), "chain": (-1, np.int64),
    "via": ((), object), "route_m": (np.nan, float), "still_since": (0, np.int64),
    "aside": (0, np.uint8), "recorder_mps": (np.nan, float),
}  # fmt: skip


def gps(*parts: Truck | Iterable[dict[str, Any]]) -> Columns:
    """Columns of rows of trucks, as the stage hands them on."""
    given = [row for part in parts for row in (part.rows if isinstance(part, Truck) else part)]
    ordered = sorted(given, key=lambda r: (r["mover"], r["t"], r["kind"], r["pid"]))
    columns: Columns = Prepared()
    for name, (nothing, dtype) in _UNKNOWN.items():
        values = np.empty(len(ordered), dtype)
        for k, row in enumerate(ordered):
            values[k] = row.get(name, nothing)
        columns[name] = values
    lon, lat = transformer(CRS, "EPSG:4326").transform(columns["x"], columns["y"])
    return Prepared(columns | {"lon": np.asarray(lon), "lat": np.asarray(lat)})


def city(network: Roads | None, stations: Any = None, **haulage: Any) -> Any:
    """References with a network and registers."""
    return references(haulage=Haulage(roads=network, **haulage), stations=stations or {})


def found(checked: Rule, *batches: Columns, watermarks: Sequence[int | None] = ()) -> list[Event]:
    """Events of batches taken in turn, each closed behind its watermark, the state kept as text."""
    events: list[Event] = []
    state: bytes | None = None
    for number, batch in enumerate(batches):
        mark = watermarks[number] if number < len(watermarks) else None
        more, state = run_step(checked, state, batch, mark)
        events += more
    more, _ = run_step(checked, state, take(batches[0], slice(0, 0)), END_OF_TIME_MS)
    return events + more
