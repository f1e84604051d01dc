"""Who and what has alerts again and again: by subject, firm, station, site, corridor, hour."""

from __future__ import annotations

from typing import Any

import numpy as np

from analytics.algorithm import (
    CSV,
    GEOJSON,
    InputError,
    Output,
    Outputs,
    Progress,
    algorithm,
    given,
)
from analytics.enforcement.asked import AlertInputs, changes, chosen_alerts, told_parameters
from analytics.enforcement.offenders import KINDS, By
from analytics.enforcement.offenders import repeat_offenders as count
from analytics.enforcement.parameters import enforcement_of
from analytics.reader import Choice, Reader, chosen_rows
from analytics.table import FEATURES, Table
from layers.text import Text

_LISTED = ("rules", "cells", "alert_ids")


class RepeatOffendersInputs(AlertInputs):
    """Which alerts, counted by what, and when something is one of repeat."""

    by: list[By] = given("Counted by", "统计维度", list(KINDS), most=len(KINDS), min_length=1)
    times: int | None = given("Times that make one of repeat", "屡犯次数", None, ge=2, le=10_000)
    period_days: float | None = given("Within days", "期限（天）", None, gt=0, le=36_600)
    resolution: int | None = given(
        "H3 resolution of corridors", "路段格网分辨率", None, ge=0, le=12
    )
    trucks: str | None = given(
        "Register of trucks", "车辆登记图层", None, kind="layer", max_length=100
    )
    plate_property: str = given("Its property with the plate", "号牌属性", "plate", max_length=63)
    firm_property: str = given("Its property with the firm", "企业属性", "firm_name", max_length=63)


@algorithm(
    "repeat-offenders",
    "1.0.0",
    Text(en="Repeat offenders", zh="屡犯识别"),
    Text(
        en="Alerts counted by subject, firm (from a register of trucks), weighing station, site,"
        " corridor of H3 cells and hour of the week by the city's clock, and which of these have as"
        " many within one period as the city declares. Alerts are suspicions: filter out what was"
        " rejected.",
        zh="按对象、企业（依据车辆登记）、检测点、源头场所、路段格网及城市时间的周内小时统计预警，并标出"
        "在一个期限内达到规定次数者。预警仅为疑似，请先剔除已否定的预警。",
    ),
    RepeatOffendersInputs,
    {
        "offenders": Output(Text(en="Rows", zh="统计结果"), FEATURES, (GEOJSON, CSV)),
        "summary": Output(
            Text(en="What was counted, and how", zh="统计说明"),
            {
                "type": "object",
                "properties": {
                    "alerts": {"type": "integer"},
                    "rows": {"type": "integer"},
                    "repeat": {"type": "integer"},
                    "parameters": {"type": "object"},
                    "sources": {"type": "object"},
                },
            },
        ),
    },
    keywords=("enforcement", "H3", "statistics"),
)
def repeat_offenders(reader: Reader, inputs: RepeatOffendersInputs, progress: Progress) -> Outputs:
    """Count the alerts that the reader sees."""
    declared = enforcement_of(reader.city)
    changed = changes(
        {
            "times": inputs.times,
            "period_days": inputs.period_days,
            "corridor_resolution": inputs.resolution,
        }
    )
    parameters = declared.repeat.model_copy(update=changed)
    progress(0.0, "reading")
    frame = chosen_alerts(reader, inputs)
    firms = None if inputs.trucks is None else _firms(reader, inputs)
    progress(0.5, f"{len(frame):,} alerts")
    zone = reader.city.declaration.zone
    found = count(frame, parameters, zone, by=tuple(inputs.by), firms=firms)
    summary: dict[str, Any] = {
        "alerts": len(frame),
        "rows": len(found),
        "repeat": int(found["repeat"].sum()),
        **told_parameters(parameters, changed, "repeat", declared.sources),
    }
    progress(1.0)
    rows = found.drop(columns="geometry").to_dict("list")
    told: dict[str, list[Any]] = {
        str(name): [_shown(str(name), value) for value in values] for name, values in rows.items()
    }
    keys = [f"{by}:{key}" for by, key in zip(told["by"], told["key"], strict=True)]
    shapes = np.asarray(found.geometry.values, object)
    return {"offenders": Table(keys, told, shapes), "summary": summary}


def _shown(name: str, value: Any) -> Any:
    if name in _LISTED:
        return ",".join(value)
    if name in ("first", "last"):
        return value.isoformat().replace("+00:00", "Z")
    return None if value is None or value != value else value


def _firms(reader: Reader, inputs: RepeatOffendersInputs) -> dict[str, str]:
    """Firm of each plate of the register; InputError where it has no such properties."""
    spec = reader.layer(str(inputs.trucks), "trucks")
    known = [p.name for p in spec.properties if p.type == "string"]
    for named, name in (
        ("plate_property", inputs.plate_property),
        ("firm_property", inputs.firm_property),
    ):
        if name not in known:
            there = ", ".join(known)
            raise InputError(named, f"'{spec.id}' has no text '{name}'; there are {there}")
    wanted = (inputs.plate_property, inputs.firm_property)
    rows = chosen_rows(reader, Choice(spec.id, named="trucks"), wanted)
    pairs = zip(rows[wanted[0]], rows[wanted[1]], strict=True)
    return {str(plate): str(firm) for plate, firm in pairs if plate and firm}
