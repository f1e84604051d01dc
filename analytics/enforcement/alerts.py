"""Alerts as columns: who, when and where, for counting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd

from layers import h3cover
from layers.h3grid import Cells

Longs = npt.NDArray[np.int64]
# What `alerts_of` needs of the layer ``alert``.
COLUMNS = ("alert_id", "rule", "subject", "start_time", "end_time", "evidence")


@dataclass(frozen=True)
class Alerts:
    """Alerts in order of time.

    Attributes
    ----------
    ids, rules : n texts.
    subjects : of each alert, its own subject first.
    references : of each alert, as (layer, id).
    start_ms, end_ms : UTC, shape (n,); the end is never before the start.
    cells : H3 cells that its geometry touches, n sorted arrays.
    """

    ids: list[str]
    rules: list[str]
    subjects: list[tuple[str, ...]]
    references: list[tuple[tuple[str, str], ...]]
    start_ms: Longs
    end_ms: Longs
    cells: list[Cells]

    def __len__(self) -> int:
        return len(self.ids)


def alerts_of(frame: gpd.GeoDataFrame, resolution: int) -> Alerts:
    """Read rows of the layer ``alert``.

    Parameters
    ----------
    frame : with `COLUMNS` and the geometry, EPSG:4326; evidence as JSON text or as it was read.
    resolution : H3, of the cells.
    """
    start = _ms(frame["start_time"])
    order = np.lexsort((frame["alert_id"].astype(str).to_numpy(), start))
    rows = frame.iloc[order]
    held = [_evidence(value) for value in rows["evidence"]]
    start, end = start[order], _ms(rows["end_time"].fillna(rows["start_time"]))
    named = zip(rows["subject"].astype(str), held, strict=True)
    return Alerts(
        ids=rows["alert_id"].astype(str).tolist(),
        rules=rows["rule"].astype(str).tolist(),
        subjects=[tuple(dict.fromkeys((own, *_texts(one, "subjects")))) for own, one in named],
        references=[_references(one) for one in held],
        start_ms=start,
        end_ms=np.maximum(start, end),
        cells=h3cover.cover(np.asarray(rows.geometry.values, object), resolution),
    )


def _ms(times: pd.Series[Any]) -> Longs:
    utc = pd.to_datetime(times, utc=True).dt.tz_localize(None)
    return utc.to_numpy("datetime64[ms]").astype(np.int64)


def _evidence(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


def _texts(evidence: dict[str, Any], name: str) -> list[str]:
    found = evidence.get(name)
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _references(evidence: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    found = evidence.get("references")
    rows = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    pairs = ((str(one.get("layer") or ""), str(one.get("id") or "")) for one in rows)
    return tuple(dict.fromkeys(pair for pair in pairs if all(pair)))
