"""Run a rule again over a span of time, and hold what it finds against the alerts that are kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import geopandas as gpd
import numpy as np
import orjson
import pandas as pd
import shapely
from pydantic import AwareDatetime

from analytics import registry
from analytics.algorithm import (
    CSV,
    GEOJSON,
    InputError,
    Inputs,
    Output,
    Outputs,
    Progress,
    algorithm,
    given,
)
from analytics.detect import run_batches
from analytics.event import to_frame
from analytics.history import ROWS_AT_ONCE, row_batches, truck_batches, vessel_batches
from analytics.reader import Reader
from analytics.reference_rows import load_references
from analytics.rule import Columns, Rule
from analytics.table import FEATURES, Table
from layers.query import Query, SortKey, TimeInterval
from layers.text import Text

_HOUR_MS = 3_600_000
_MOST_HOURS = 168.0
_SHOWN = ("subject", "start_time", "end_time", "severity", "sentence_en", "sentence_zh")
_TIMES = ("start_time", "end_time")


class RuleRerunInputs(Inputs):
    """Which rule, which span of time, and what is known of the time around it."""

    rule: str = given("Rule", "规则", max_length=100)
    start: AwareDatetime = given("From", "起始时间")
    end: AwareDatetime = given("To, excluded", "结束时间（不含）")
    margin_h: float = given(
        "Hours read before and after", "前后延伸小时数", 24.0, ge=0, le=_MOST_HOURS
    )
    as_of: AwareDatetime | None = given("Registers as kept at", "登记簿时点", None)


@algorithm(
    "rule-rerun",
    "1.0.0",
    Text(en="Run a rule again", zh="规则重演"),
    Text(
        en="Runs a declared rule again over the records of a span of time, with the thresholds and"
        " registers in force on each day, and says of each alert that began in the span whether the"
        " one that is kept is equal. It writes nothing. A rule reads the whole city, so only a"
        " reader of the whole city can run one.",
        zh="对某一时段的记录重新运行已声明的规则，采用当日有效的阈值和登记簿，并逐条比对该时段内开始的"
        "预警与库中所存是否一致。不写入任何数据。规则需读取全市数据，仅全市权限可运行。",
    ),
    RuleRerunInputs,
    {
        "alerts": Output(Text(en="Alerts", zh="预警"), FEATURES, (GEOJSON, CSV)),
        "summary": Output(
            Text(en="Numbers of the comparison", zh="比对统计"),
            {
                "type": "object",
                "properties": {
                    "rule_version": {"type": "string"},
                    **{
                        name: {"type": "integer"}
                        for name in ("rows", "equal", "differs", "new", "missing")
                    },
                },
            },
        ),
    },
    keywords=("rule", "replay"),
)
def rule_rerun(reader: Reader, inputs: RuleRerunInputs, progress: Progress) -> Outputs:
    """Find again, and compare."""
    if inputs.end <= inputs.start:
        raise InputError("end", "is not after start")
    if not reader.whole:
        raise InputError("", "a rule reads the whole city; you may see a part of it")
    if inputs.rule not in reader.city.rules:
        there = ", ".join(sorted(reader.city.rules))
        raise InputError("rule", f"no such rule is declared; there are {there}")
    progress(0.0, "registers")
    references = load_references(reader.city, reader, as_of=inputs.as_of)
    rule = registry.build(reader.city, references, only=[inputs.rule])[0]
    stage = registry.stage(reader.city, references, rule.feed)
    batches = _told(_batches(reader, rule, inputs), inputs, progress)
    by_rule, read = run_batches([rule], batches, stage)
    events = by_rule[rule.declaration.id]
    start, end = (_ms(moment) for moment in (inputs.start, inputs.end))
    found = to_frame([event for event in events if start <= event.start_ms < end])
    kept = _kept(reader, rule, inputs)
    progress(0.95, "comparing")
    states = compare(found, kept)
    summary: dict[str, Any] = {"rule_version": rule.declaration.version, "rows": read}
    for state in ("equal", "differs", "new", "missing"):
        summary[state] = sum(1 for own, _ in states.values() if own == state)
    return {"alerts": _table(found, kept, states), "summary": summary}


def _ms(moment: AwareDatetime) -> int:
    return round(moment.timestamp() * 1000)


def _batches(reader: Reader, rule: Rule, inputs: RuleRerunInputs) -> Iterator[Columns]:
    """Columns of the rule's feed in the span and around it."""
    around = pd.Timedelta(hours=inputs.margin_h)
    start, end = inputs.start - around, inputs.end + around
    crs = reader.city.crs
    if rule.feed == "ais":
        yield from vessel_batches(reader.all_positions(), crs, _ms(start), _ms(end))
    elif rule.feed == "gps":
        yield from truck_batches(reader.all_positions(), reader, crs, _ms(start), _ms(end))
    elif rule.feed in reader.layers():
        span = TimeInterval(start, end - pd.Timedelta(milliseconds=1))
        query = Query(rule.feed, time=span, sort=(SortKey("time"),))
        yield from row_batches(rule.feed, reader.frames(query, ROWS_AT_ONCE), crs)


def _told(
    batches: Iterator[Columns], inputs: RuleRerunInputs, progress: Progress
) -> Iterator[Columns]:
    """Tell of the progress with each batch, by how far its time is in the span."""
    first = _ms(inputs.start) - inputs.margin_h * _HOUR_MS
    length = _ms(inputs.end) + inputs.margin_h * _HOUR_MS - first
    for batch in batches:
        at = float(batch["t"].min()) if len(batch["t"]) else first
        progress(0.9 * min(1.0, max(0.0, (at - first) / length)), "records")
        yield batch


def _kept(reader: Reader, rule: Rule, inputs: RuleRerunInputs) -> gpd.GeoDataFrame:
    """Alerts of the rule in its version that began in the span, as they are kept."""
    declared = rule.declaration
    where = {
        "op": "and",
        "args": [
            {"op": "=", "args": [{"property": "rule"}, declared.id]},
            {"op": "=", "args": [{"property": "rule_version"}, declared.version]},
        ],
    }
    frame = reader.frame(Query("alert", where=where, time=TimeInterval(inputs.start, inputs.end)))
    start, end = pd.Timestamp(inputs.start), pd.Timestamp(inputs.end)
    begun = pd.to_datetime(frame["start_time"], utc=True)
    return frame[(begun >= start) & (begun < end)]


def compare(
    found: gpd.GeoDataFrame, kept: gpd.GeoDataFrame
) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Say of each alert how what was found and what is kept go together.

    Returns
    -------
    by id, sorted: ``equal``, ``differs``, ``new`` (found only) or ``missing`` (kept only), and the
    names of what differs.
    """
    now, before = (_by_id(frame) for frame in (found, kept))
    states: dict[str, tuple[str, tuple[str, ...]]] = {}
    for key in sorted({*now, *before}):
        if key not in before or key not in now:
            states[key] = ("new" if key in now else "missing", ())
            continue
        other = before[key]
        differing = tuple(n for n, value in now[key].items() if not _same(value, other.get(n)))
        states[key] = ("differs" if differing else "equal", differing)
    return states


def _by_id(frame: gpd.GeoDataFrame) -> dict[str, dict[str, Any]]:
    rows = {}
    for row in frame.to_dict("records"):
        rows[str(row["alert_id"])] = {str(k): _plain(str(k), v) for k, v in row.items()}
    return rows


def _plain(name: str, value: Any) -> Any:
    if name == "evidence":
        return orjson.loads(value) if isinstance(value, str) else value
    if name in _TIMES:
        return None if pd.isna(value) else pd.Timestamp(value).value // 1_000_000
    return value


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, shapely.Geometry):
        return isinstance(other, shapely.Geometry) and bool(shapely.equals_exact(one, other, 1e-9))
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) < 1e-9
    return bool(one == other)


def _table(
    found: gpd.GeoDataFrame,
    kept: gpd.GeoDataFrame,
    states: dict[str, tuple[str, tuple[str, ...]]],
) -> Table:
    """One row for each alert: what was found, or what is kept where nothing was."""
    rows = {str(row["alert_id"]): row for row in kept.to_dict("records")}
    rows |= {str(row["alert_id"]): row for row in found.to_dict("records")}
    columns: dict[str, list[Any]] = {"alert_id": list(states)}
    for name in _SHOWN:
        columns[name] = [_shown(name, rows[key][name]) for key in states]
    columns["state"] = [state for state, _ in states.values()]
    columns["differing"] = [",".join(names) for _, names in states.values()]
    shapes = np.empty(len(states), object)
    shapes[:] = [rows[key]["geometry"] for key in states]
    return Table(list(states), columns, shapes)


def _shown(name: str, value: Any) -> Any:
    if name not in _TIMES:
        return value
    return None if pd.isna(value) else pd.Timestamp(value).isoformat().replace("+00:00", "Z")
