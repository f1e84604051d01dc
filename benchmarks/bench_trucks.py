"""Speed of the demo city's rules on trucks, each by itself, on rows as the stage gives them.

Trucks drive, stop, load, unload and are weighed over a day. What is measured is processor time of
this process, so that other work on the machine does not count; the first run, which loads compiled
code, is left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from analytics import registry
from analytics.detect import run_batches
from analytics.feeds import EMPTY, FIX, FULL, WEIGHING
from analytics.references import References, WimStation
from analytics.rule import Columns, Prepared
from analytics.truck_references import Haulage, MuckPermit, Site, TruckEntry
from layers.city import City
from layers.crs import to_lonlat

CITY = Path(__file__).parents[1] / "data" / "pudong"
SEED, FIXES_IN_ALL, TRUCKS, WEIGHINGS = 1, 1_000_000, 2_000, 10_000
MUCK_SHARE, SITES, STATIONS = 0.2, 400, 16
DATA = f"{FIXES_IN_ALL:,} fixes, {WEIGHINGS:,} weighings, {TRUCKS:,} trucks, {MUCK_SHARE:.0%} muck"
_START_MS, _CENTRE, _HALF_M = 1_593_532_800_000, (370_000.0, 3_440_000.0), 20_000.0
_LEG, _STOP = 24, 6
Floats = np.ndarray[Any, np.dtype[np.float64]]


def plate(number: int) -> str:
    """Plate of a truck."""
    return f"沪A{number:05d}"


def make_columns(crs: str) -> Columns:
    """Columns of the feed ``gps`` as the stage on roads leaves them, sorted by (mover, t)."""
    rng = np.random.default_rng(SEED)
    each = FIXES_IN_ALL // TRUCKS
    step = np.arange(each)
    still = step % (_LEG + _STOP) >= _LEG
    every = np.where(still, 300, 30) * 1000
    begins = _START_MS + rng.integers(0, 6 * 3_600_000, TRUCKS)
    t = begins[:, None] + np.cumsum(every) + rng.integers(0, 1000, (TRUCKS, each))
    leg = step // (_LEG + _STOP)
    course = rng.uniform(0, 2 * np.pi, (TRUCKS, leg[-1] + 1))[:, leg]
    speed = np.where(still, 0.0, rng.uniform(6, 20, (TRUCKS, leg[-1] + 1))[:, leg])
    first = rng.uniform(-_HALF_M, _HALF_M, (TRUCKS, 2))
    x = _CENTRE[0] + first[:, :1] + np.cumsum(speed * np.cos(course) * 30, axis=1)
    y = _CENTRE[1] + first[:, 1:] + np.cumsum(speed * np.sin(course) * 30, axis=1)
    arrival = np.maximum.accumulate(np.where(still, np.where(step % (_LEG + _STOP) == _LEG,
                                                             step - 1, 0), step))  # fmt: skip
    since = np.where(still, t[:, arrival], t)
    load = np.where((leg % 2 == 0)[None, :] & (rng.random((TRUCKS, 1)) < 0.5), FULL, EMPTY)
    fixes = {
        "mover": np.repeat(np.array([plate(n) for n in range(TRUCKS)], object), each),
        "t": t.ravel(), "kind": np.full(FIXES_IN_ALL, FIX, np.int8), "x": x.ravel(),
        "y": y.ravel(), "sog_mps": speed.ravel().astype(np.float64), "load": load.ravel(),
        "still_since": since.ravel(),
        "terminal": np.array([f"T{n // each}" for n in range(FIXES_IN_ALL)], object),
        "station_id": np.full(FIXES_IN_ALL, "", object), "gross_kg": np.full(FIXES_IN_ALL, np.nan),
    }  # fmt: skip
    at = np.sort(rng.choice(FIXES_IN_ALL, WEIGHINGS, replace=False))
    weighed = {name: values[at] for name, values in fixes.items()} | {
        "kind": np.full(WEIGHINGS, WEIGHING, np.int8),
        "station_id": np.array([f"W{n % STATIONS}" for n in range(WEIGHINGS)], object),
        "gross_kg": rng.uniform(8_000, 30_000, WEIGHINGS),
        "terminal": np.full(WEIGHINGS, "", object),
    }
    order = np.argsort(np.concatenate([np.arange(FIXES_IN_ALL), at + 0.5]), kind="stable")
    joined = {name: np.concatenate([fixes[name], weighed[name]])[order] for name in fixes}
    return _with_the_rest(joined, crs)


def _with_the_rest(columns: Columns, crs: str) -> Columns:
    n = len(columns["t"])
    lon, lat = to_lonlat(columns["x"], columns["y"], crs)
    unknown = np.full(n, np.nan)
    return Prepared(
        columns,
        pid=np.array([f"{k:016x}" for k in range(n)], object),
        lon=np.asarray(lon), lat=np.asarray(lat), cog_deg=unknown, error_share=unknown,
        load=columns["load"].astype(np.uint8), acc=np.full(n, 255, np.uint8),
        quality=np.zeros(n, np.uint16), aside=np.zeros(n, np.uint8), arc=np.full(n, -1, np.int32),
        along_m=unknown, off_m=unknown, chain=np.full(n, -1, np.int64), route_m=unknown,
        via=np.full(n, None, object),
    )  # fmt: skip


def references(city: City) -> References:
    """A register of all trucks, permits of some, and sites all over the place."""
    rng = np.random.default_rng(SEED)
    muck = round(MUCK_SHARE * TRUCKS)
    places = _CENTRE + rng.uniform(-2 * _HALF_M, 2 * _HALF_M, (SITES, 2))
    shapes = [shapely.box(x - 80, y - 80, x + 80, y + 80) for x, y in places.tolist()]
    sites = [Site("construction_site", f"S{n}", "", shape, None, None, "1")
             for n, shape in enumerate(shapes)]  # fmt: skip
    line = shapely.LineString(places[:2])
    permits = {
        plate(n): (MuckPermit(f"P{n}", plate(n), line, shapes[n % SITES], "", (), "", None, None,
                              "1"),)
        for n in range(0, muck, 2)
    }  # fmt: skip
    trucks = {
        plate(n): (TruckEntry(f"R{n}", plate(n), use="muck" if n < muck else "general"),)
        for n in range(TRUCKS)
    }
    return References(
        zone=city.declaration.zone,
        crs=city.crs,
        stations={f"W{n}": WimStation(f"W{n}", 0.05) for n in range(STATIONS)},
        haulage=Haulage(trucks=trucks, permits=permits, sites=tuple(sites)),
    )


def seconds(work: Callable[[], Any], times: int = 3) -> tuple[float, Any]:
    """Shortest processor time of some runs, and what the last one gave."""
    work()
    best, result = float("inf"), None
    for _ in range(times):
        start = time.process_time()
        result = work()
        best = min(best, time.process_time() - start)
    return best, result


def row(what: str, spent: float, events: int) -> dict[str, Any]:
    """One row of the table of results."""
    return {
        "what": what,
        "data": f"{DATA}, {events:,} events, {spent:.2f} s of processor time",
        "value": round(FIXES_IN_ALL / spent),
        "unit": "fixes/s",
    }


def run() -> list[dict[str, Any]]:
    """Measure; a row for each rule, and one for all of them."""
    city = City(CITY)
    columns, known = make_columns(city.crs), references(city)
    measured, total, every = [], 0.0, 0
    for rule in registry.build(city, known):
        if rule.feed != "gps":
            continue
        spent, (found, _) = seconds(partial(run_batches, [rule], [columns]))
        events = len(found[rule.declaration.id])
        measured.append(row(f"rule {rule.declaration.id}", spent, events))
        total, every = total + spent, every + events
    return [*measured, row("all rules on trucks, one after another", total, every)]


if __name__ == "__main__":
    print(pd.DataFrame(run()).to_string(index=False))
