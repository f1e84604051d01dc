"""A year of daily electricity readings of firms, with planted falls."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import shapely
from pyarrow import csv

from ingest.simulator.declaration import MeterSection
from ingest.simulator.elements import LayerRows
from ingest.simulator.placed import Floats, Ints
from ingest.simulator.truth import Planted
from ingest.simulator.world import World
from layers.text import Text

_NOISE = 0.09
_HOLIDAY = 0.55
_MISSING_SHARE = 0.003
_LATEST_FALL_DAYS = 120
_SHORTEST_FALL_DAYS = 30
_DROP = Text(en="Use falls to under 40 % and stays there", zh="用电量降至四成以下并持续")
_SHORT = Text(en="Use falls for two days only", zh="用电量仅下降两天")
_MILD = Text(
    en="Use falls by a tenth, less than its own scatter", zh="用电量下降一成，小于自身波动"
)


@dataclass(frozen=True)
class Readings:
    """Readings of all meters.

    Attributes
    ----------
    firms : credit code of each firm, n.
    days : m dates, oldest first.
    kwh : shape (n, m); NaN where a reading is missing.
    """

    firms: list[str]
    days: list[date]
    kwh: Floats


def make_readings(
    world: World, section: MeterSection, entities: LayerRows, scale: float
) -> tuple[Readings, list[Planted]]:
    """Return readings of the firms of the market entity layer, and what was planted in them.

    Parameters
    ----------
    entities : rows with ``uscc18``; those at the end (in buildings, not shops) have meters first.
    scale : share of the firms; planted ones are always there.
    """
    rng = world.rng("meters")
    total = len(entities.shapes)
    planted_count = section.drops + section.near_misses
    number = min(total, max(round(section.firms * scale), planted_count))
    rows = np.arange(total - number, total)
    codes = [entities.columns["uscc18"][i] for i in rows.tolist()]
    days = [world.day - timedelta(days=d) for d in range(section.days, 0, -1)]
    kwh = _usual(number, days, section, rng)
    chosen = rng.choice(number, min(planted_count, number), replace=False)
    planted: list[Planted] = []
    for order, firm in enumerate(chosen.tolist()):
        kind = _kind(order, section)
        first = _plant(kwh, firm, kind, rng)
        point = shapely.centroid(entities.shapes[rows[firm]])
        planted.append(_truth(world, order, codes[firm], days, first, kind, point))
    kwh[rng.uniform(size=kwh.shape) < _MISSING_SHARE] = np.nan
    return Readings(codes, days, kwh), planted


def _usual(
    number: int, days: list[date], section: MeterSection, rng: np.random.Generator
) -> Floats:
    """Return base use × weekday × season × holiday × scatter, shape (number, days)."""
    weekend = np.array([d.weekday() >= 5 for d in days])
    holiday = np.array([d in section.holidays for d in days])
    season = np.array([d.timetuple().tm_yday for d in days]) / 365.25 * 2 * np.pi
    base = rng.lognormal(5.2, 0.9, (number, 1))
    shop = rng.uniform(size=(number, 1)) < 0.4
    week = np.where(weekend, np.where(shop, 1.15, 0.55), 1.0)
    # Heating and cooling: two peaks a year, the hot one higher.
    year = 1 + rng.uniform(0.05, 0.25, (number, 1)) * (
        np.cos(2 * (season - 0.4)) + 0.4 * np.cos(season - 3.6)
    )
    rest = np.where(holiday & ~shop, _HOLIDAY, 1.0)
    scatter = rng.lognormal(0, _NOISE, (number, len(days)))
    return np.asarray(base * week * year * rest * scatter)


Kind = Literal["drop", "short", "mild"]


def _kind(order: int, section: MeterSection) -> Kind:
    if order < section.drops:
        return "drop"
    return "short" if order % 2 else "mild"


def _plant(kwh: Floats, firm: int, kind: Kind, rng: np.random.Generator) -> int:
    days = kwh.shape[1]
    low = max(0, days - _LATEST_FALL_DAYS)
    first = int(rng.integers(low, max(low + 1, days - _SHORTEST_FALL_DAYS)))
    if kind == "drop":
        kwh[firm, first:] *= rng.uniform(0.08, 0.38)
    elif kind == "short":
        kwh[firm, first : first + 2] *= 0.3
    else:
        kwh[firm, first:] *= 0.9
    return first


def _truth(
    world: World,
    order: int,
    code: str,
    days: list[date],
    first: int,
    kind: Kind,
    point: shapely.Point,
) -> Planted:
    last = min(first + 1, len(days) - 1) if kind == "short" else len(days) - 1
    zone = world.city.zone
    return Planted(
        id=f"meter-{order + 1:03d}",
        rule="power_drop",
        subject=code,
        start=datetime.combine(days[first], time(), zone).timestamp(),
        end=datetime.combine(days[last] + timedelta(days=1), time(), zone).timestamp(),
        lon=float(point.x),
        lat=float(point.y),
        expect="event" if kind == "drop" else "silent",
        why={"drop": _DROP, "short": _SHORT, "mild": _MILD}[kind],
    )


def write_readings(path: Path, readings: Readings) -> int:
    """Write ``meter_id,uscc18,date,kwh`` as gzip CSV, by meter and day; returns the rows."""
    number, days = readings.kwh.shape
    firm: Ints = np.repeat(np.arange(number), days)
    table = pa.table(
        {
            "meter_id": pa.array([f"M{i + 1:06d}" for i in range(number)]).take(pa.array(firm)),
            "uscc18": pa.array(readings.firms).take(pa.array(firm)),
            "date": pa.array([d.isoformat() for d in readings.days] * number),
            "kwh": pa.array(np.round(readings.kwh.ravel(), 2), from_pandas=True),
        }
    )
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
        csv.write_csv(table, file, csv.WriteOptions(quoting_style="needed"))
    return int(number * days)
