"""For each feature of one layer, the nearest features of another."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
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
from layers.crs import geometries_to_lonlat, project
from layers.query import Box
from layers.text import Text

Shapes = npt.NDArray[np.object_]
Integers = npt.NDArray[np.int64]
_AT_ONCE, _PAIRS_AT_ONCE = 500, 4_000_000
_MOST_RESULTS = 1_000_000
_LONGEST_FILTER = 20_000


class NearestInputs(Inputs):
    """From which features, to which, how many and how far."""

    collection: str = given("From the features of", "起点图层", kind="layer", max_length=100)
    other: str = given("To the features of", "目标图层", kind="layer", max_length=100)
    k: int = given("How many for each", "每个起点的数量", 1, ge=1, le=100)
    distance_m: float = given("At most so far (m)", "最大距离（米）", 1000.0, gt=0, le=50_000)
    filter: str | None = given(
        "Filter of the first", "起点筛选条件（CQL2）", None, max_length=_LONGEST_FILTER
    )
    other_filter: str | None = given(
        "Filter of the other", "目标筛选条件（CQL2）", None, max_length=_LONGEST_FILTER
    )
    bbox: Box | None = given("Box of the first", "起点范围", None, kind="bbox")


def nearest_pairs(
    first: Shapes, other: Shapes, own: Integers, k: int, distance_m: float, progress: Progress
) -> tuple[Integers, Integers, npt.NDArray[np.float64], Integers]:
    """Nearest neighbours within a distance.

    Parameters
    ----------
    first, other : geometries in a CRS in metres, shapes (n,) and (m,); None has no neighbours.
    own : which of the others each of the first is itself, −1 for none; shape (n,). Nothing is its
        own neighbour.

    Returns
    -------
    index of the first, index of the other, distance (m) and rank (from 1), ordered by the first and
    rank; of equal distances the lower index comes first.
    """
    tree = shapely.STRtree(other)
    found: list[tuple[Integers, Integers, npt.NDArray[np.float64], Integers]] = []
    kept = 0
    # Where all of the others are near, each of the first meets them all.
    step = max(1, min(_AT_ONCE, _PAIRS_AT_ONCE // max(1, len(other))))
    for start in range(0, len(first), step):
        progress(start / len(first), f"{start:,} of {len(first):,}")
        part = first[start : start + step]
        a, b = tree.query(part, predicate="dwithin", distance=distance_m)
        apart = own[a + start] != b
        a, b = a[apart], b[apart]
        d = shapely.distance(part[a], other[b])
        order = np.lexsort((b, d, a))
        a, b, d = a[order], b[order], d[order]
        rank = np.arange(len(a)) - np.searchsorted(a, a) + 1
        near = rank <= k
        found.append((a[near] + start, b[near], d[near], rank[near]))
        kept += int(near.sum())
        if kept > _MOST_RESULTS:
            raise InputError("", f"more than {_MOST_RESULTS:,} pairs; choose fewer")
    if not found:
        none = np.empty(0, np.int64)
        return none, none, np.empty(0), none
    a, b, d, rank = (np.concatenate(column) for column in zip(*found, strict=True))
    return a, b, d, rank


@algorithm(
    "nearest",
    "1.0.0",
    Text(en="Nearest features", zh="最近要素"),
    Text(
        en="The k nearest features of another layer within a distance, for each feature of a layer."
        " Distances are metres in the city's projected reference system, between the nearest points"
        " of both features.",
        zh="为一个图层的每个要素查找另一图层中指定距离内最近的 k 个要素。距离按城市投影坐标系计算，"
        "单位为米，取两要素之间的最短距离。",
    ),
    NearestInputs,
    {"pairs": Output(Text(en="Pairs", zh="要素对"), FEATURES, (GEOJSON, CSV))},
    keywords=("distance",),
)
def nearest(reader: Reader, inputs: NearestInputs, progress: Progress) -> Outputs:
    """Find neighbours between two layers, or within one."""
    progress(0.0, "reading")
    firsts = chosen_rows(reader, Choice(inputs.collection, inputs.filter, inputs.bbox), ())
    others = chosen_rows(
        reader,
        Choice(inputs.other, inputs.other_filter, named="other", filtered_by="other_filter"),
        (),
    )
    crs = reader.city.crs
    a_shapes, b_shapes = (
        project(np.asarray(frame.geometry.values, object), crs) for frame in (firsts, others)
    )
    a_ids, b_ids = firsts["fid"].to_numpy(object), others["fid"].to_numpy(object)
    own = np.full(len(a_ids), -1, np.int64)
    if inputs.collection == inputs.other:
        own = pd.Index(b_ids).get_indexer(pd.Index(a_ids)).astype(np.int64)
    a, b, d, rank = nearest_pairs(a_shapes, b_shapes, own, inputs.k, inputs.distance_m, progress)
    lines = geometries_to_lonlat(shapely.shortest_line(a_shapes[a], b_shapes[b]), crs)
    columns = {
        "from": a_ids[a].tolist(),
        "to": b_ids[b].tolist(),
        "rank": rank.tolist(),
        "distance_m": np.round(d, 3).tolist(),
    }
    ids = [f"{x}|{y}" for x, y in zip(columns["from"], columns["to"], strict=True)]
    return {"pairs": Table(ids, columns, lines)}
