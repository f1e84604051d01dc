"""Alerts made up for counting."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import orjson
import pandas as pd
import shapely

ZONE = "Asia/Shanghai"
# A Monday.
MONDAY = datetime(2020, 6, 1, tzinfo=ZoneInfo(ZONE))
HERE, THERE, FAR = (121.50, 31.20), (121.60, 31.20), (121.70, 31.30)


def alert(
    key: str,
    subject: str = "A",
    *,
    day: int = 0,
    hour: float = 8.0,
    lasts_h: float = 0.0,
    at: tuple[float, float] | shapely.Geometry = HERE,
    rule: str = "overload",
    subjects: tuple[str, ...] = (),
    references: tuple[tuple[str, str], ...] = (),
) -> dict[str, Any]:
    """One row; the day is counted from `MONDAY`, the hour is the city's."""
    start = MONDAY + timedelta(days=day, hours=hour)
    evidence = {
        "subjects": list(subjects or (subject,)),
        "references": [{"layer": layer, "id": one, "version": "1"} for layer, one in references],
    }
    return {
        "alert_id": key,
        "rule": rule,
        "subject": subject,
        "start_time": start,
        "end_time": start + timedelta(hours=lasts_h),
        "evidence": orjson.dumps(evidence).decode(),
        "geometry": shapely.Point(at) if isinstance(at, tuple) else at,
    }


def frame(*rows: dict[str, Any]) -> gpd.GeoDataFrame:
    names = ("alert_id", "rule", "subject", "start_time", "end_time", "evidence")
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in names}
    for name in ("start_time", "end_time"):
        columns[name] = pd.to_datetime(pd.Series(columns[name], dtype=object), utc=True)
    shapes = np.array([row["geometry"] for row in rows], object)
    return gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4326")
