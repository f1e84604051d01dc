"""Cases at the size of a district: lists, map, statistics and steps, on both stores.

100,000 cases that were brought through 1,000,000 steps, written by the code that writes them in
earnest, some thousands in one transaction. Places, kinds, sources, towns and times are drawn from a
fixed seed over one year; the figures say nothing about a real city. Run ``python -m
benchmarks.bench_cases``.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import shapely

from cases.acting import act
from cases.actor import Actor
from cases.case_log import entries, verify
from cases.case_rows import Row
from cases.process import process_of
from cases.recording import Step, record
from cases.reporting import set_unit
from cases.states import OPENING
from cases.statistics import statistics
from layers.city import City
from layers.query import Query, SortKey
from layers.roles import Account
from layers.store import Store, open_store
from layers.store.tables import instant_text
from tests.postgis import NoServer, fresh_database, running_server

CITY = Path(__file__).parents[1] / "data" / "pudong"
CASES = int(os.environ.get("ONEMAP_BENCH_CASES", "100000"))
SEED = 11
START, NOW = datetime(2025, 7, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
_BATCH, _ROUNDS = 5000, 15
_OPEN_SHARE = 0.05
# The usual way, with one return, so that a closed case has ten steps.
_WAY = (
    ("confirm", "verified"),
    ("file", "filed"),
    ("dispatch", "dispatched"),
    ("return", "filed"),
    ("dispatch", "dispatched"),
    ("take", "accepted"),
    ("start", "handling"),
    ("done", "handled"),
    ("verify", "checked"),
    ("close", "closed"),
)


def made_steps(city: City, number: int) -> Iterator[list[Step]]:
    """Steps of so many cases, in batches; each batch holds all steps of its cases."""
    draw = np.random.default_rng(SEED)
    kinds, actor, process = sorted(city.event_types), Actor.platform(), process_of(city)
    towns = [u for u in city.jurisdictions.values() if u.level == "town" and u.centre]
    spec = city.layer("case_event")
    blank: Row = {p.name: None for p in spec.properties}
    for first in range(0, number, _BATCH):
        batch: list[Step] = []
        for n in range(first, min(first + _BATCH, number)):
            town = towns[int(draw.integers(len(towns)))]
            kind = kinds[int(draw.integers(len(kinds)))]
            departments = process.departments_for(kind)
            opened = START + (NOW - START) * float(draw.random())
            assert town.centre is not None
            lon, lat = np.asarray(town.centre) + draw.normal(0, 0.01, 2)
            row = blank | {
                "case_id": f"bench-{n:07d}",
                "event_type": kind,
                "event_types": [kind],
                "origin": ("public", "active", "smart")[int(draw.integers(3))],
                "state": OPENING,
                "severity": "minor",
                "opened_at": opened,
                "due_at": opened + timedelta(hours=24),
                "department": departments[0],
                "departments": ",".join(departments),
                "title_en": city.event_types[kind].title.en,
                "title_zh": city.event_types[kind].title.zh,
                "geometry": shapely.Point(lon, lat),
                "jurisdiction": town.code,
            }
            set_unit(city, row)
            way = len(_WAY) if draw.random() > _OPEN_SHARE else int(draw.integers(len(_WAY)))
            batch += _life(row, way, draw, actor)
        yield batch


def _life(row: Row, way: int, draw: np.random.Generator, actor: Actor) -> Iterator[Step]:
    at = row["opened_at"]
    yield Step("report", None, row, actor, at=at)
    for action, state in _WAY[:way]:
        before, row = row, row | {"state": state}
        at += timedelta(hours=float(draw.exponential(2.0)))
        yield Step(action, before, row, actor, why="made up", at=at)


def fill(city: City, store: Store, number: int) -> int:
    """Write cases; return how many steps they took."""
    store.create(*map(city.layer, ("case_event", "case_log", "joint_task")))
    steps = 0
    for batch in made_steps(city, number):
        with store.transaction() as unit:
            steps += len(record(unit, city, batch, at=NOW))
    return steps


def questions(city: City, store: Store) -> dict[str, Callable[[], Any]]:
    """What is asked of the cases, by name; each call asks as a desk or a commander does."""
    chief = Actor.local().audience
    towns = sorted(u.code for u in city.jurisdictions.values() if u.level == "town")
    account = Account(name="desk", role="duty_desk", jurisdictions=(towns[3],))
    town = city.roles.audience(account)
    draw = np.random.default_rng(SEED)
    minx, miny, maxx, maxy = 121.48, 30.95, 121.85, 31.33

    def listed(state: str, **more: Any) -> Any:
        where = {"op": "=", "args": [{"property": "state"}, state]}
        return store.page(Query("case_event", where=where, limit=50, **more))

    def waiting(scope: Any) -> Any:
        until = {"timestamp": instant_text(NOW)}
        where = {"op": "<", "args": [{"property": "deadline"}, until]}
        order = (SortKey("deadline"),)
        return store.page(Query("case_event", where=where, sort=order, limit=50, scope=scope))

    def on_map() -> Any:
        x, y = draw.uniform(minx, maxx), draw.uniform(miny, maxy)
        return store.features(Query("case_event", bbox=(x, y, x + 0.03, y + 0.03), limit=1000))

    district = next(u.code for u in city.jurisdictions.values() if u.level == "district")

    def counted(audience: Any, by: Any, last: date, **more: Any) -> Any:
        first = START.date()
        return statistics(store, city, audience, by=by, first=first, last=last, at=NOW, **more)

    return {
        "list: 50 dispatched cases": lambda: listed("dispatched"),
        "list: 50 dispatched cases of a town": lambda: listed("dispatched", scope=town.scope),
        "list: 50 cases by deadline": lambda: waiting(chief.scope),
        "list: 50 cases by deadline of a town": lambda: waiting(town.scope),
        "map: up to 1,000 cases in a box of 3 km": on_map,
        "statistics: whole city, a year": lambda: counted(chief, "all", NOW.date()),
        "statistics: by town, a year": lambda: counted(chief, "unit", NOW.date(), unit=district),
        "statistics: by department, a year": lambda: counted(chief, "department", NOW.date()),
        "statistics: by event type, a year": lambda: counted(chief, "event_type", NOW.date()),
        "statistics: one department with medians, a year": lambda: counted(
            chief, "department", NOW.date(), value="D02"),
        "statistics: by event type, a year and a half month": lambda: counted(
            chief, "event_type", date(2026, 6, 16)),
        "statistics: by event type with medians, a year": lambda: counted(
            chief, "event_type", NOW.date(), medians=True),
        "statistics: by source of a town, a year": lambda: counted(town, "origin", NOW.date()),
        "log: one case read": lambda: entries(store, f"bench-{draw.integers(CASES):07d}"),
        "log: one chain verified": lambda: verify(store, f"bench-{draw.integers(CASES):07d}"),
    }  # fmt: skip


def stepping(city: City, store: Store) -> list[float]:
    """Seconds of single steps, each in its own transaction."""
    chief, found = Actor.local(), []
    where = {"op": "=", "args": [{"property": "state"}, "verified"]}
    for case in store.page(Query("case_event", where=where, limit=_ROUNDS * 2)).fids:
        start = time.perf_counter()
        with store.transaction() as unit:
            act(unit, city, chief, case, "file", at=NOW, key="bench")
        found.append(time.perf_counter() - start)
    return found


def _timed(work: Callable[[], Any]) -> list[float]:
    work()
    found = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return found


def _rows(name: str, city: City, store: Store) -> Iterator[dict[str, Any]]:
    start = time.perf_counter()
    steps = fill(city, store, CASES)
    data = f"{CASES:,} synthetic cases, {steps:,} steps, seed {SEED}"

    def row(what: str, value: float, unit: str) -> dict[str, Any]:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        return {"what": f"{name}: {what}", "data": data, "value": value, "unit": unit,
                "peak_mb": peak}  # fmt: skip

    yield row("steps written in bulk", round(steps / (time.perf_counter() - start)), "steps/s")
    for what, work in questions(city, store).items():
        found = _timed(work)
        yield row(f"{what}, median", round(1000 * median(found), 1), "ms")
        yield row(f"{what}, slowest of {_ROUNDS}", round(1000 * max(found), 1), "ms")
    found = stepping(city, store)
    yield row("one step in its own transaction, median", round(1000 * median(found), 1), "ms")


def run() -> list[dict[str, Any]]:
    """Measure both stores; rows for the table of results. PostGIS is left out where it is not."""
    city = City(CITY)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"{folder}/bench.gpkg", city)
        try:
            found = list(_rows("GeoPackage", city, store))
        finally:
            store.close()
    try:
        with running_server() as server, fresh_database(server) as url:
            store = open_store(url, city)
            try:
                found += list(_rows("PostGIS", city, store))
            finally:
                store.close()
    except NoServer as reason:
        print(f"without PostGIS: {reason}", file=sys.stderr)
    return found


if __name__ == "__main__":
    print(json.dumps(run(), ensure_ascii=False, indent=1))
