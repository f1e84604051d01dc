"""Rows of cases, their log and joint tasks as plain values, and back into frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from layers.query import EVERYTHING, Query, Scope
from layers.spec import LayerSpec
from layers.store.base import Transaction

CASE, LOG, TASK = "case_event", "case_log", "joint_task"
# Values by property, with ``geometry`` (shapely, EPSG:4326) and ``jurisdiction``; times are aware.
Row = dict[str, Any]
_CHUNK = 5000


def plain(value: Any) -> Any:
    """A cell as a plain value; None for what is missing."""
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    if value is pd.NaT or value is pd.NA or (isinstance(value, float) and value != value):
        return None
    return value


def read_rows(
    unit: Transaction, spec: LayerSpec, ids: Iterable[str], scope: Scope = EVERYTHING
) -> dict[str, Row]:
    """Rows by id as they stand inside a transaction; those that a scope hides are missing.

    Parameters
    ----------
    spec : the layer.
    """
    names = [*(p.name for p in spec.properties), "jurisdiction", "geometry"]
    wanted, found = sorted(set(ids)), {}
    for start in range(0, len(wanted), _CHUNK):
        asked = Query(spec.id, fids=tuple(wanted[start : start + _CHUNK]), scope=scope)
        for record in unit.frame(asked).to_dict("records"):
            found[str(record[spec.id_field])] = {name: plain(record[name]) for name in names}
    return found


def frame_of(spec: LayerSpec, rows: Sequence[Row]) -> gpd.GeoDataFrame:
    """Rows as a frame that a store takes, sorted by id; absent values are null."""
    ordered = sorted(rows, key=lambda row: str(row[spec.id_field]))
    given = dict.fromkeys(name for row in ordered for name in row)
    times = {p.name for p in spec.properties if p.type == "datetime"}
    columns: dict[str, Any] = {spec.id_field: pd.Series([], dtype=object)}
    for name in given:
        if name == "geometry":
            continue
        values = pd.Series([row.get(name) for row in ordered], dtype=object)
        columns[name] = pd.to_datetime(values, utc=True) if name in times else values
    shapes = np.empty(len(ordered), object)
    shapes[:] = [row.get("geometry") for row in ordered]
    return gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4326")
