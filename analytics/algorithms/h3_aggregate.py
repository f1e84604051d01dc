"""Count, sum, mean, least and greatest value of a layer's rows in each H3 cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

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
from analytics.reader import Choice, Reader
from analytics.table import FEATURES, Table
from layers import h3grid
from layers.query import Box, Query
from layers.text import Text

Statistic = Literal["count", "sum", "mean", "min", "max"]
_BATCH = 50_000
_LONGEST_FILTER = 20_000
_MOST_CELLS = 300_000


class H3AggregateInputs(Inputs):
    """Which rows, which cells, which figures."""

    collection: str = given("Layer", "图层", kind="layer", max_length=100)
    resolution: int = given("H3 resolution", "H3 分辨率", ge=0, le=15)
    statistics: list[Statistic] = given("Figures", "统计项", ["count"], most=5, min_length=1)
    property: str | None = given("Property", "属性", None, max_length=100)
    filter: str | None = given(
        "Filter (CQL2 text)", "筛选条件（CQL2）", None, max_length=_LONGEST_FILTER
    )
    bbox: Box | None = given("Box", "范围", None, kind="bbox")
    datetime: str | None = given("Time", "时间", None, max_length=100)


class Figures:
    """Sums over cells, added up batch by batch so that memory holds the cells alone."""

    def __init__(self) -> None:
        self._cells = np.empty(0, np.int64)
        self._values: dict[str, npt.NDArray[np.float64]] = {
            name: np.empty(0) for name in ("rows", "values", "sum", "min", "max")
        }

    def add(self, cells: npt.NDArray[np.int64], values: npt.NDArray[np.float64]) -> None:
        """Take rows in.

        Parameters
        ----------
        cells : cell of each row, shape (n,).
        values : value of each row, NaN where it has none, shape (n,).
        """
        all_cells, of = np.unique(np.concatenate([self._cells, cells]), return_inverse=True)
        n, own, new = len(all_cells), of[: len(self._cells)], of[len(self._cells) :]
        known = ~np.isnan(values)
        at, some = new[known], values[known]
        made = {
            "rows": np.bincount(new, minlength=n).astype(float),
            "values": np.bincount(at, minlength=n).astype(float),
            "sum": np.bincount(at, weights=some, minlength=n),
            "min": np.full(n, np.inf),
            "max": np.full(n, -np.inf),
        }
        np.minimum.at(made["min"], at, some)
        np.maximum.at(made["max"], at, some)
        for name in ("rows", "values", "sum"):
            made[name][own] += self._values[name]
        made["min"][own] = np.minimum(made["min"][own], self._values["min"])
        made["max"][own] = np.maximum(made["max"][own], self._values["max"])
        self._cells, self._values = all_cells, made

    def columns(self, statistics: Sequence[Statistic]) -> tuple[list[int], dict[str, list[object]]]:
        """Cells in order, and the wanted figures of each; None where no row has a value."""
        v, none = self._values, self._values["values"] == 0
        with np.errstate(invalid="ignore", divide="ignore"):
            made: dict[str, list[object]] = {
                "count": [int(n) for n in v["rows"]],
                "sum": _known(v["sum"], none),
                "mean": _known(v["sum"] / v["values"], none),
                "min": _known(v["min"], none),
                "max": _known(v["max"], none),
            }
        return self._cells.tolist(), {name: made[name] for name in dict.fromkeys(statistics)}


def _known(values: npt.NDArray[np.float64], none: npt.NDArray[np.bool_]) -> list[object]:
    return [None if missing else float(value) for value, missing in zip(values, none, strict=True)]


@algorithm(
    "h3-aggregate",
    "1.0.0",
    Text(en="Figures by H3 cell", zh="H3 格网统计"),
    Text(
        en="Number of rows of a layer in each H3 cell, and sum, mean, least and greatest value of a"
        " property. Each row is counted in the cell of its representative point. Of layers of"
        " personal data there are counts only, without cells of fewer than 10.",
        zh="按 H3 格网统计图层的数量，以及某一属性的合计、平均、最小和最大值。每个要素按其代表点"
        "计入一个格网。个人数据图层只提供计数，少于 10 的格网不予显示。",
    ),
    H3AggregateInputs,
    {"cells": Output(Text(en="Cells", zh="格网"), FEATURES, (GEOJSON, CSV))},
    keywords=("H3", "statistics"),
)
def h3_aggregate(reader: Reader, inputs: H3AggregateInputs, progress: Progress) -> Outputs:
    """Add up a layer's rows by cell."""
    choice = Choice(inputs.collection, inputs.filter, inputs.bbox, inputs.datetime)
    progress(0.0)
    if set(inputs.statistics) == {"count"}:
        if inputs.property is not None:
            raise InputError("property", "is given, but only rows are counted")
        counts = reader.cell_counts(choice, inputs.resolution)
        return {"cells": cells_table(list(counts), {"count": list(counts.values())})}
    figures = _figures(reader, choice, inputs, progress)
    return {"cells": cells_table(*figures.columns(inputs.statistics))}


def _figures(
    reader: Reader, choice: Choice, inputs: H3AggregateInputs, progress: Progress
) -> Figures:
    query = _numbers(reader, choice, inputs)
    name, figures, done = str(inputs.property), Figures(), 0
    total = max(1, reader.count(query))
    after: tuple[str, ...] | None = None
    while True:
        frame = reader.frame(query.but(limit=_BATCH, after=after))
        placed = frame["h3"].notna().to_numpy()
        cells = frame["h3"][placed].to_numpy(np.int64)
        values = frame[name][placed].to_numpy(np.float64, na_value=np.nan)
        figures.add(h3grid.parents(cells, inputs.resolution), values)
        done += len(frame)
        progress(min(1.0, done / total), f"{done:,} of {total:,} rows")
        if len(frame) < _BATCH:
            return figures
        after = (str(frame["fid"].iloc[-1]),)


def _numbers(reader: Reader, choice: Choice, inputs: H3AggregateInputs) -> Query:
    """Return the question for a property's values; InputError where it has no numbers."""
    spec = reader.layer(inputs.collection)
    if spec.h3_resolution is None:
        raise InputError("collection", f"'{spec.id}' is a register without places")
    if inputs.resolution > spec.h3_resolution:
        raise InputError("resolution", f"'{spec.id}' is kept at resolution {spec.h3_resolution}")
    numeric = [p.name for p in spec.properties if p.type in ("integer", "number")]
    if inputs.property not in numeric:
        there = ", ".join(numeric) or "none"
        raise InputError("property", f"must be a number of '{spec.id}'; there are {there}")
    query = reader.select(choice)
    return query.but(properties=(inputs.property,), skip_geometry=True)


def cells_table(
    cells: Sequence[int], columns: dict[str, list[object]] | dict[str, list[int]]
) -> Table:
    """Rows of figures by cell, each with the cell's own outline and true area.

    InputError where there are more cells than a result may have.
    """
    if len(cells) > _MOST_CELLS:
        words = f"{len(cells):,} cells, at most {_MOST_CELLS:,}; take coarser ones"
        raise InputError("resolution", words)
    texts = [h3grid.format_cell(cell) for cell in cells]
    areas = [round(h3grid.cell_area_km2(cell), 6) for cell in cells]
    shapes = np.empty(len(cells), object)
    shapes[:] = [h3grid.cell_polygon(cell) for cell in cells]
    return Table(texts, {"cell": texts, **columns, "area_km2": areas}, shapes)
