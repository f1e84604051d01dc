"""What algorithms on alerts are asked alike: which alerts, and other numbers than the declared."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import geopandas as gpd
from pydantic import BaseModel

from analytics.algorithm import Inputs, given
from analytics.enforcement import alerts
from analytics.reader import Choice, Reader, chosen_rows
from layers.query import Box

ALERT = "alert"
_LONGEST_FILTER = 20_000


class AlertInputs(Inputs):
    """Which alerts."""

    filter: str | None = given(
        "Filter of the alerts (CQL2 text)", "预警筛选条件（CQL2）", None, max_length=_LONGEST_FILTER
    )
    bbox: Box | None = given("Box", "范围", None, kind="bbox")
    datetime: str | None = given("Time", "时间", None, max_length=100)


def chosen_alerts(reader: Reader, inputs: AlertInputs) -> gpd.GeoDataFrame:
    """Alerts that are asked for and that the reader sees, for `alerts.alerts_of`."""
    choice = Choice(ALERT, inputs.filter, inputs.bbox, inputs.datetime, named="")
    return chosen_rows(reader, choice, alerts.COLUMNS)


def changes(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers that were asked for, by the name of the declared one; None asks for none."""
    return {name: value for name, value in asked.items() if value is not None}


def told_parameters(
    parameters: BaseModel, changed: Collection[str], section: str, sources: Mapping[str, str]
) -> dict[str, Any]:
    """Tell which numbers were used and where each is from.

    Parameters
    ----------
    changed : names of those that were asked for.
    section : of the declaration; ``sources`` are its, by ``section.name``.
    """
    return {
        "parameters": parameters.model_dump(mode="json"),
        "sources": {
            name: "as asked for" if name in changed else sources[f"{section}.{name}"]
            for name in type(parameters).model_fields
        },
    }
