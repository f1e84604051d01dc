"""What a raster says inside of each polygon of a layer."""

from __future__ import annotations

from typing import Any

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
from analytics.reader import Choice, Reader, SceneSeen, chosen_rows
from analytics.table import FEATURES, Table
from layers.errors import QueryError, StoreError
from layers.query import Box
from layers.rasters.zonal import ZonalStatistics, zonal_statistics
from layers.text import Text

_LONGEST_FILTER = 20_000
_AT_ONCE = 100
_POLYGONAL = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
_FIGURES = ("count", "missing", "min", "max", "mean", "sum", "median", "area_m2")
# What can't be said of classes, whose numbers are names.
_OF_MEASURES = ("min", "max", "mean", "sum", "median")


class ZonalInputs(Inputs):
    """Which polygons, which band of which scene."""

    collection: str = given("Polygons of", "面图层", kind="layer", max_length=100)
    raster: str = given("Raster", "栅格", kind="raster", max_length=100)
    band: str | None = given(
        "Band, the first by default", "波段（默认第一个）", None, max_length=100
    )
    raster_datetime: str | None = given(
        "Time of the scene, the latest by default", "影像时间（默认最新）", None, max_length=100
    )
    filter: str | None = given(
        "Filter of the polygons", "面图层筛选条件（CQL2）", None, max_length=_LONGEST_FILTER
    )
    bbox: Box | None = given("Box of the polygons", "范围", None, kind="bbox")


@algorithm(
    "zonal-statistics",
    "1.0.0",
    Text(en="Zonal statistics", zh="分区统计"),
    Text(
        en="Number, least, greatest, mean and median value and sum of a raster's pixels inside of"
        " each polygon of a layer, and the ground that they cover; of a classified band the ground"
        " of each class. A pixel counts where its centre lies inside.",
        zh="统计图层中每个面内栅格像元的数量、最小、最大、平均、中位数和合计值及其覆盖的地面面积；分类"
        "波段给出各类别的面积。像元中心位于面内者计入。",
    ),
    ZonalInputs,
    {
        "zones": Output(
            Text(en="Polygons with figures", zh="分区统计结果"), FEATURES, (GEOJSON, CSV)
        )
    },
    keywords=("raster", "statistics"),
)
def zonal(reader: Reader, inputs: ZonalInputs, progress: Progress) -> Outputs:
    """Summarise a raster by the polygons of a layer."""
    seen = reader.scene(inputs.raster, inputs.raster_datetime)
    band, classified = _band(seen, inputs.band)
    progress(0.0, "reading")
    spec = reader.layer(inputs.collection)
    if spec.geometry not in ("Polygon", "MultiPolygon", "Geometry"):
        raise InputError("collection", f"'{spec.id}' has no polygons")
    rows = chosen_rows(reader, Choice(inputs.collection, inputs.filter, inputs.bbox), ())
    shapes = np.asarray(rows.geometry.values, object)
    polygonal = np.isin(shapely.get_type_id(shapes), _POLYGONAL)
    ids, shapes = rows["fid"].to_numpy(object)[polygonal], shapes[polygonal]
    found: list[ZonalStatistics] = []
    for start in range(0, len(shapes), _AT_ONCE):
        progress(start / len(shapes), f"{start:,} of {len(shapes):,}")
        part = seen_part(shapes[start : start + _AT_ONCE], seen.ground)
        try:
            found += zonal_statistics(seen.scene.path, part, band=band, classified=classified)
        except QueryError as failure:
            raise InputError("collection", str(failure)) from failure
        except StoreError as failure:
            raise InputError("raster", "the file of that scene can't be read") from failure
    return {"zones": _table(ids.tolist(), shapes, found, classified)}


def _band(seen: SceneSeen, name: str | None) -> tuple[int, bool]:
    """Number of a band, from 1, and whether its values are classes."""
    names = [band.name for band in seen.spec.bands]
    if name is not None and name not in names:
        raise InputError("band", f"'{seen.spec.id}' has {', '.join(names)}")
    at = 0 if name is None else names.index(name)
    return at + 1, seen.spec.bands[at].classified


def seen_part(
    shapes: npt.NDArray[np.object_], ground: shapely.Geometry | None
) -> list[shapely.Geometry | None]:
    """Parts of polygons on the ground that a reader sees, all of them where no wall stands."""
    if ground is None:
        return list(shapes)
    parts: list[shapely.Geometry | None] = []
    for shape in shapely.intersection(shapes, ground):
        # What is only touched is left over as points and lines, which have no pixels.
        areas = [p for p in shapely.get_parts(shape) if p.geom_type == "Polygon"]
        parts.append(shapely.MultiPolygon(areas) if areas else None)
    return parts


def _table(
    ids: list[str],
    shapes: npt.NDArray[np.object_],
    found: list[ZonalStatistics],
    classified: bool,
) -> Table:
    names = [name for name in _FIGURES if not classified or name not in _OF_MEASURES]
    columns: dict[str, list[Any]] = {"zone": ids}
    for name in names:
        columns[name] = [getattr(one, name) for one in found]
    if classified:
        columns["classes_m2"] = [
            {str(key): area for key, area in sorted((one.classes or {}).items())} for one in found
        ]
    return Table(ids, columns, shapes)
