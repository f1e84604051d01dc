"""Prepared AIS rows made by hand, and tracks that move in metres."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from analytics.detect import END_OF_TIME_MS, distinct, run_step
from analytics.event import Event
from analytics.feeds import take
from analytics.preparation.parameters import PreparationParameters
from analytics.preparation.stage import Preparation
from analytics.rule import Columns, Rule, dump_state, load_state
from layers.crs import transformer
from tests.analytics.columns import CRS, NAMES, ais, at, fix

START = at("2020-07-01T08:00:00+08:00")
MINUTE = 60_000
# A place in the open sea, metres in `CRS`.
SEA = transformer("EPSG:4326", CRS).transform(122.4, 30.8)


def stage(**parameters: Any) -> Preparation:
    """The preparation with the tables about names that tests use."""
    return Preparation(PreparationParameters.model_validate({"names": NAMES} | parameters))


def prepared(*rows: dict[str, Any], **parameters: Any) -> Columns:
    """Rows in any order as rules get them."""
    made = stage(**parameters)
    return made.update(made.start(), ais(*rows))


def found(checked: Rule, *batches: Columns, watermarks: Iterable[int] = ()) -> list[Event]:
    """Events of raw batches, prepared one by one, all states stored as text between them."""
    made, marks = stage(), list(watermarks)
    events: list[Event] = []
    held = state = None
    for number, batch in enumerate(batches):
        own = load_state(held) or made.start()
        ready = made.update(own, batch)
        mark = marks[number] if number < len(marks) else None
        if mark is not None:
            made.flush(own, mark)
        held = dump_state(own)
        more, state = run_step(checked, state, ready, mark)
        events += more
    rest = made.update(load_state(held), take(batches[0], slice(0, 0)))
    newest = max((int(batch["t"].max()) for batch in batches if len(batch["t"])), default=None)
    more, state = run_step(checked, state, rest, None if newest is None else newest + 1)
    last, _ = run_step(checked, state, rest, END_OF_TIME_MS)
    return distinct([*events, *more, *last])


def path(
    mover: str, points: Iterable[tuple[float, float, float]], **more: Any
) -> list[dict[str, Any]]:
    """Positions as (minutes after START, metres east, metres north of SEA).

    Speed and course are those of the way to each position.
    """
    back = transformer(CRS, "EPSG:4326")
    rows: list[dict[str, Any]] = []
    before: tuple[float, float, float] | None = None
    for minute, east, north in points:
        lon, lat = back.transform(SEA[0] + east, SEA[1] + north)
        row = fix(mover, START + round(minute * MINUTE), lon, lat, 0.0) | {"nav": 0} | more
        if before is not None and minute > before[0]:
            step = (east - before[1], north - before[2])
            row["sog_mps"] = float(np.hypot(*step) / (60 * (minute - before[0])))
            row["cog_deg"] = float(np.degrees(np.arctan2(*step)) % 360)
        if "sog_mps" in more:
            row["sog_mps"] = more["sog_mps"]
        rows.append(row)
        before = (minute, east, north)
    return rows


def straight(
    mover: str, minutes: float, mps: float, *, every: float = 1, start: float = 0, x: float = 0,
    y: float = 0, **more: Any,
) -> list[dict[str, Any]]:  # fmt: skip
    """Eastward at a steady speed."""
    times = np.arange(start, start + minutes + 1e-9, every)
    return path(mover, ((m, x + 60 * mps * (m - start), y) for m in times.tolist()), **more)


Place = Callable[[float], tuple[float, float]]


def along(mover: str, times: Iterable[float], place: Place, **more: Any) -> list[dict[str, Any]]:
    """Positions at minutes, by a function that gives metres east and north."""
    return path(mover, ((m, *place(m)) for m in times), **more)
