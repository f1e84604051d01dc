"""Join two layers by the cells that they share, and say how far that join can err."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import h3.api.basic_int as h3
import numpy as np
import numpy.typing as npt
import shapely

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
from analytics.reader import Choice, Reader, chosen_rows
from analytics.table import FEATURES, Table
from layers import h3cover
from layers.crs import STORAGE, project, transformer
from layers.spec import LayerSpec
from layers.text import Text

Shapes = npt.NDArray[np.object_]
Integers = npt.NDArray[np.int64]
_LONGEST_FILTER = 20_000
_MOST_PAIRS = 2_000_000
_MOST_CELLS = 5_000_000
_CHECKED_AT_ONCE = 20_000


class CellJoinInputs(Inputs):
    """Which two layers, on which cells, and whether pairs are looked at again."""

    collection: str = given("Features of", "图层", kind="layer", max_length=100)
    other: str = given(
        "Share cells with features of", "与之共享格网的图层", kind="layer", max_length=100
    )
    resolution: int | None = given("H3 resolution", "H3 分辨率", None, ge=0, le=15)
    filter: str | None = given(
        "Filter of the first", "筛选条件（CQL2）", None, max_length=_LONGEST_FILTER
    )
    other_filter: str | None = given(
        "Filter of the other", "另一图层筛选条件（CQL2）", None, max_length=_LONGEST_FILTER
    )
    recheck: Literal["none", "intersects", "within_distance"] = given(
        "Look at each pair again", "逐对复核", "none"
    )
    distance_m: float = given(
        "Distance of the second look (m)", "复核距离（米）", 0.0, ge=0, le=50_000
    )


def shared_cells(
    first: list[Integers], other: list[Integers]
) -> tuple[Integers, Integers, Integers]:
    """Pairs that share a cell.

    Parameters
    ----------
    first, other : cells of each feature, n and m arrays, each cell once.

    Returns
    -------
    index of the first, index of the other and number of cells shared, ordered by both indexes.

    Raises
    ------
    InputError
        where there would be too many.
    """
    a_row, a_cell = _flat(first)
    b_row, b_cell = _flat(other)
    order = np.argsort(b_cell, kind="stable")
    b_row, b_cell = b_row[order], b_cell[order]
    low, high = (np.searchsorted(b_cell, a_cell, side=side) for side in ("left", "right"))
    counts = high - low
    if int(counts.sum()) > 4 * _MOST_PAIRS:
        raise InputError("resolution", "too many pairs share cells; take finer cells or a filter")
    a = np.repeat(a_row, counts)
    at = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    b = b_row[np.repeat(low, counts) + at]
    pairs, shared = np.unique(a * max(1, len(other)) + b, return_counts=True)
    return pairs // max(1, len(other)), pairs % max(1, len(other)), shared.astype(np.int64)


def _flat(cells: list[Integers]) -> tuple[Integers, Integers]:
    sizes = [len(own) for own in cells]
    if sum(sizes) > _MOST_CELLS:
        raise InputError("resolution", f"more than {_MOST_CELLS:,} cells; take coarser ones")
    flat = np.concatenate(cells) if cells else np.empty(0, np.int64)
    return np.repeat(np.arange(len(cells)), sizes).astype(np.int64), flat.astype(np.int64)


def widest_m(cells: Iterable[int], crs: str) -> float:
    """Longest line inside any one of some cells, metres in a projected CRS; 0 for none.

    Two features that share a cell are never farther from each other.
    """
    to_metres, widest = transformer(STORAGE, crs), 0.0
    for cell in cells:
        ring = h3.cell_to_boundary(cell)
        x, y = to_metres.transform([lon for _, lon in ring], [lat for lat, _ in ring])
        corners = np.column_stack([x, y])
        apart = np.hypot(*(corners[:, None] - corners[None]).transpose(2, 0, 1))
        widest = max(widest, float(apart.max()))
    return widest


@algorithm(
    "cell-join",
    "1.0.0",
    Text(en="Join by H3 cell", zh="H3 格网关联"),
    Text(
        en="Which features of a layer share H3 cells with which features of another. It misses"
        " nothing that touches, and finds nothing that lies farther apart than a cell is wide: that"
        " width is stated. A second look at each pair can make it exact.",
        zh="查找两个图层中共享 H3 格网的要素。凡相交的要素都不会遗漏，找到的要素相距不超过格网的"
        "最大宽度（结果中注明）。可对每一对再作几何复核，使结果精确。",
    ),
    CellJoinInputs,
    {
        "pairs": Output(Text(en="Pairs", zh="要素对"), FEATURES, (GEOJSON, CSV)),
        "summary": Output(
            Text(en="Numbers and error of the join", zh="关联数量与误差"),
            {
                "type": "object",
                "properties": {
                    "resolution": {"type": "integer"},
                    "first": {"type": "integer"},
                    "other": {"type": "integer"},
                    "pairs_by_cell": {"type": "integer"},
                    "pairs": {"type": "integer"},
                    "error_m": {"type": "number"},
                    "precision": {"type": "number", "nullable": True},
                },
            },
        ),
    },
    keywords=("H3", "join"),
)
def cell_join(reader: Reader, inputs: CellJoinInputs, progress: Progress) -> Outputs:
    """Join two layers by cell."""
    resolution = _resolution(reader, inputs)
    if inputs.distance_m and inputs.recheck != "within_distance":
        raise InputError("distance_m", "is for the second look 'within_distance' alone")
    progress(0.0, "reading")
    firsts = chosen_rows(reader, Choice(inputs.collection, inputs.filter), ())
    others = chosen_rows(
        reader,
        Choice(inputs.other, inputs.other_filter, named="other", filtered_by="other_filter"),
        (),
    )
    a_shapes, b_shapes = (np.asarray(f.geometry.values, object) for f in (firsts, others))
    progress(0.2, "cells")
    cells = [h3cover.cover(shapes, resolution) for shapes in (a_shapes, b_shapes)]
    progress(0.5, "pairs")
    a, b, shared = shared_cells(*cells)
    a_ids, b_ids = firsts["fid"].to_numpy(object), others["fid"].to_numpy(object)
    if inputs.collection == inputs.other:
        a, b, shared = _apart(a, b, shared, a_ids[a] != b_ids[b])
    by_cell = len(a)
    error_m = widest_m(_common(*cells), reader.city.crs)
    if inputs.recheck != "none":
        true = _rechecked(reader, inputs, (a_shapes, b_shapes), (a, b), progress)
        a, b, shared = _apart(a, b, shared, true)
    if len(a) > _MOST_PAIRS:
        raise InputError("", f"{len(a):,} pairs, at most {_MOST_PAIRS:,}; choose fewer by a filter")
    columns = {
        "first": a_ids[a].tolist(),
        "other": b_ids[b].tolist(),
        "shared_cells": shared.tolist(),
    }
    ids = [f"{x}|{y}" for x, y in zip(columns["first"], columns["other"], strict=True)]
    exact = inputs.recheck != "none"
    summary = {
        "resolution": resolution,
        "first": len(firsts),
        "other": len(others),
        "pairs_by_cell": by_cell,
        "pairs": len(a),
        "error_m": 0.0 if exact else round(error_m, 1),
        "precision": round(len(a) / by_cell, 4) if exact and by_cell else None,
    }
    return {"pairs": Table(ids, columns, a_shapes[a]), "summary": summary}


def _apart(
    a: Integers, b: Integers, shared: Integers, kept: npt.NDArray[np.bool_]
) -> tuple[Integers, Integers, Integers]:
    return a[kept], b[kept], shared[kept]


def _common(first: list[Integers], other: list[Integers]) -> list[int]:
    return [int(cell) for cell in np.intersect1d(_flat(first)[1], _flat(other)[1])]


def _resolution(reader: Reader, inputs: CellJoinInputs) -> int:
    """Resolution to join at: the coarser of the two layers' own where none is asked for."""
    finest = min(
        _own(reader.layer(inputs.collection), "collection"),
        _own(reader.layer(inputs.other, "other"), "other"),
    )
    wanted = finest if inputs.resolution is None else inputs.resolution
    if wanted > finest:
        raise InputError("resolution", f"found {wanted}, both layers are kept at {finest} or finer")
    return wanted


def _own(spec: LayerSpec, named: str) -> int:
    if spec.h3_resolution is None:
        raise InputError(named, f"'{spec.id}' is a register without places")
    return spec.h3_resolution


def _rechecked(
    reader: Reader,
    inputs: CellJoinInputs,
    shapes: tuple[Shapes, Shapes],
    pairs: tuple[Integers, Integers],
    progress: Progress,
) -> npt.NDArray[np.bool_]:
    """Whether each pair really touches, or lies within the distance."""
    first, other = shapes
    if inputs.recheck == "within_distance":
        first, other = (project(side, reader.city.crs) for side in shapes)
    parts = []
    for start in range(0, len(pairs[0]), _CHECKED_AT_ONCE):
        progress(0.6 + 0.4 * start / len(pairs[0]), "looking at pairs again")
        a, b = (side[start : start + _CHECKED_AT_ONCE] for side in pairs)
        if inputs.recheck == "intersects":
            parts.append(shapely.intersects(first[a], other[b]))
        else:
            parts.append(shapely.dwithin(first[a], other[b], inputs.distance_m))
    return np.concatenate(parts) if parts else np.empty(0, bool)
