"""Rows of the feed ``gps`` made by hand, as the stage on roads would give them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import numpy as np
import shapely

from analytics.detect import END_OF_TIME_MS, run_step
from analytics.event import Event
from analytics.feeds import FIX, UNKNOWN_LOAD, WEIGHING, take
from analytics.rule import Columns, Prepared, Rule
from analytics.truck_references import MuckPermit, Site, TruckEntry
from layers.crs import transformer
from tests.analytics.columns import CRS, at

START = at("2020-07-01T08:00:00+08:00")
PLATE = "沪A10001"
# A crossing of two roads, metres in `CRS`.
TOWN = transformer("EPSG:4326", CRS).transform(121.6, 31.2)
STILL_M = 30.0
CITED = "the law, art. 62"
LAW = {"title": {"en": CITED, "zh": "条例第六十二条"}, "in_force_from": "2004-05-01"}

Row = dict[str, Any]


def row(plate: str, s: float, east: float, north: float = 0.0, **more: Any) -> Row:
    """A fix, seconds after START, metres from TOWN."""
    made = {
        "mover": plate, "t": START + round(s * 1000), "kind": FIX, "x": TOWN[0] + east,
        "y": TOWN[1] + north, "sog_mps": np.nan, "cog_deg": np.nan, "acc": 255,
        "load": UNKNOWN_LOAD, "terminal": "T1", "quality": 0, "station_id": "",
        "gross_kg": np.nan, "error_share": np.nan, "aside": 0,
    } | more  # fmt: skip
    made.setdefault("pid", f"{plate[-3:]}-{made['terminal']}-{s:g}")
    return made


def weighed(plate: str, s: float, record: str, east: float = 0.0, **more: Any) -> Row:
    """A weighing at a station."""
    more = {"station_id": "W1", "gross_kg": 20_000.0, "terminal": "", "pid": record} | more
    return row(plate, s, east, kind=WEIGHING, **more)


def drive(
    plate: str, start_s: float, end_s: float, *, mps: float = 15.0, every: float = 30.0,
    east: float = 0.0, north: float = 0.0, **more: Any,
) -> list[Row]:  # fmt: skip
    """Eastward at a steady speed, both ends included."""
    times = np.arange(start_s, end_s + 1e-6, every).tolist()
    told = {"sog_mps": mps} | more
    return [row(plate, s, east + mps * (s - start_s), north, **told) for s in times]


def stand(
    plate: str, start_s: float, end_s: float, *, every: float = 60.0, east: float = 0.0,
    north: float = 0.0, **more: Any,
) -> list[Row]:  # fmt: skip
    """At one place, both ends included."""
    times = np.arange(start_s, end_s + 1e-6, every).tolist()
    return [row(plate, s, east, north, **({"sog_mps": 0.0} | more)) for s in times]


def gps(*rows: Row) -> Columns:
    """Columns of rows in any order, with ``still_since`` as the stage gives it."""
    ordered = sorted(rows, key=lambda r: (r["mover"], r["t"], r["kind"], r["pid"]))
    back = transformer(CRS, "EPSG:4326")
    dtypes = {"mover": object, "pid": object, "terminal": object, "station_id": object,
              "t": np.int64, "kind": np.int8, "acc": np.uint8, "load": np.uint8,
              "quality": np.uint16, "aside": np.uint8}  # fmt: skip
    names = ordered[0] if ordered else row(PLATE, 0, 0)
    columns = {n: np.array([r[n] for r in ordered], dtypes.get(n, np.float64)) for n in names}
    columns["lon"], columns["lat"] = back.transform(columns["x"], columns["y"])
    return Prepared(columns | {"still_since": _still_since(columns)})


def _still_since(columns: Columns) -> np.ndarray[Any, np.dtype[np.int64]]:
    since = columns["t"].copy()
    anchors: dict[str, tuple[float, float, int]] = {}
    for i, plate in enumerate(columns["mover"].tolist()):
        if columns["kind"][i] != FIX or columns["aside"][i]:
            continue
        x, y, t = float(columns["x"][i]), float(columns["y"][i]), int(columns["t"][i])
        held = anchors.get(plate)
        if held is None or not np.hypot(x - held[0], y - held[1]) <= STILL_M:
            held = anchors[plate] = (x, y, t)
        since[i] = held[2]
    return since


def found(checked: Rule, *batches: Columns, watermarks: Iterable[int] = ()) -> list[Event]:
    """Events of batches taken in turn, the state stored as text between them, then closed."""
    marks = [*watermarks]
    events: list[Event] = []
    state: bytes | None = None
    for number, batch in enumerate(batches):
        mark = marks[number] if number < len(marks) else None
        more, state = run_step(checked, state, batch, mark)
        events += more
    more, _ = run_step(checked, state, take(batches[0], slice(0, 0)), END_OF_TIME_MS)
    return events + more


def box(east: float, north: float, half: float = 50.0) -> shapely.Polygon:
    """A square around a place, metres."""
    x, y = TOWN[0] + east, TOWN[1] + north
    return shapely.box(x - half, y - half, x + half, y + half)


def truck(plate: str = PLATE, **more: Any) -> TruckEntry:
    """An entry of the register."""
    return TruckEntry(**({"truck_id": f"T-{plate}", "plate": plate, "version": "v1"} | more))


def site(
    name: str,
    shape: shapely.Polygon,
    start: date | None = None,
    end: date | None = None,
    layer: str = "construction_site",
) -> Site:
    """A place where muck is loaded or dumped, open always but for dates."""
    return Site(layer, name, "工地", shape, start, end, "v1")


def permit(plate: str = PLATE, **more: Any) -> MuckPermit:
    """A permit that is always in force, but for changes."""
    route = shapely.LineString([TOWN, (TOWN[0] + 20_000, TOWN[1])])
    made: dict[str, Any] = {
        "permit_id": "P1", "plate": plate, "route": route, "dump": None, "site_id": "",
        "hours": (), "hours_text": "", "permitted_from": None, "permitted_to": None,
        "version": "v1",
    }  # fmt: skip
    return MuckPermit(**(made | more))
