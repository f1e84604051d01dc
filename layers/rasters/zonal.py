"""Zonal statistics: what the pixels of a raster say inside of polygons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import shapely
from rasterio.features import geometry_mask

from layers.crs import STORAGE, project
from layers.errors import QueryError
from layers.query import Box
from layers.rasters.areas import pixel_areas
from layers.rasters.grid import Grid
from layers.rasters.window import MOST_VALUES, Values, Window, grid_of, read

# Edges are straight in lon/lat; in pieces no longer than this they bend with the projection.
_PIECE_DEG = 0.01
_POLYGONAL = ("Polygon", "MultiPolygon")


@dataclass(frozen=True)
class ZonalStatistics:
    """Statistics of the pixels whose centre lies inside of one polygon.

    Attributes
    ----------
    count : pixels with a value.
    missing : pixels without value, such as nodata or beyond the raster's edge.
    min, max, mean, sum, median : of the values in the band's unit; None where ``count`` is 0.
    area_m2 : ground that the counted pixels cover, on the ellipsoid.
    classes : of a classified band, m² on the ellipsoid by pixel value; only classes that occur.
    """

    count: int
    missing: int
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    sum: float | None = None
    median: float | None = None
    area_m2: float = 0.0
    classes: dict[int, float] | None = None


def zonal_statistics(
    raster: Window | Path,
    polygons: Iterable[shapely.Geometry | None],
    *,
    band: int = 1,
    crs: str = STORAGE,
    classified: bool = False,
    most: int = MOST_VALUES,
) -> list[ZonalStatistics]:
    """Summarise a band inside of each polygon; a pixel counts where its centre lies inside.

    The same rule as GDAL's and rasterstats' default. Of a file only the window around each polygon
    is read, at full resolution, so memory depends on the largest polygon alone.

    Parameters
    ----------
    raster : a window in memory, or a file of the archive (`layers.rasters.archive.Scene.path`).
    polygons : shapely polygons or multipolygons in ``crs``, x/y (lon/lat); None and empty ones
        have no pixels.
    band : 1-based number; of a window, number of its row in ``values``.
    crs : of the polygons.
    classified : whether values name classes (`RasterSpec.band(name).classified`): then ``classes``
        tells the area of each.
    most : pixels that the window around one polygon may have.

    Returns
    -------
    one result for each polygon, in their order.

    Raises
    ------
    QueryError
        for a geometry that is no polygon, or one whose window has more pixels than ``most``.
    StoreError
        where the file can't be read.
    """
    grid = raster.grid if isinstance(raster, Window) else grid_of(raster)
    results = []
    for polygon in _moved(polygons, crs, grid.crs):
        part = None if polygon is None else grid.part(_bounds(polygon))
        if part is None or polygon is None:
            results.append(_of(np.empty(0), np.empty(0), 0, classified))
            continue
        if part.size > most:
            raise QueryError(f"a polygon spans {part.size:,} pixels, at most {most:,} are read")
        values = _values(raster, grid, part, band, most)
        results.append(_inside(values, part, polygon, classified))
    return results


def _bounds(polygon: shapely.Geometry) -> Box:
    west, south, east, north = shapely.bounds(polygon).tolist()
    return west, south, east, north


def _moved(
    polygons: Iterable[shapely.Geometry | None], source: str, target: str
) -> Sequence[shapely.Geometry | None]:
    shapes = np.asarray([*polygons, None], object)[:-1]
    for shape in shapes:
        if shape is not None and not shapely.is_empty(shape) and shape.geom_type not in _POLYGONAL:
            raise QueryError(f"zones are polygons, found a {shape.geom_type}")
    if source == target or not len(shapes):
        return list(shapes)
    if source != STORAGE:
        raise QueryError(f"polygons come in {STORAGE} or the raster's {target}, found {source}")
    return list(project(shapely.segmentize(shapes, _PIECE_DEG), target))


def _values(raster: Window | Path, grid: Grid, part: Grid, band: int, most: int) -> Values:
    if not isinstance(raster, Window):
        own: Values = read(raster, part, bands=(band,), most=most).values[0]
        return own
    west, _, _, north = grid.bounds
    left = round((part.transform.c - west) / grid.pixel[0])
    top = round((north - part.transform.f) / grid.pixel[1])
    rows, columns = slice(top, top + part.height), slice(left, left + part.width)
    inside: Values = raster.values[band - 1, rows, columns]
    return inside


def _inside(
    values: Values,
    part: Grid,
    polygon: shapely.Geometry,
    classified: bool,
) -> ZonalStatistics:
    inside = geometry_mask([polygon], values.shape, part.transform, invert=True)
    valid = inside & ~np.ma.getmaskarray(values)
    missing = int(np.count_nonzero(inside & ~valid))
    return _of(np.asarray(values.data[valid]), pixel_areas(part)[valid], missing, classified)


def _of(
    values: npt.NDArray[np.float64],
    areas: npt.NDArray[np.float64],
    missing: int,
    classified: bool,
) -> ZonalStatistics:
    if not len(values):
        return ZonalStatistics(0, missing, classes={} if classified else None)
    classes = None
    if classified:
        kinds, which = np.unique(values, return_inverse=True)
        sums = np.bincount(which, weights=areas)
        classes = {int(kind): float(area) for kind, area in zip(kinds, sums, strict=True)}
    # Sums of small integers overflow, and of float32 lose digits.
    wide = values.astype(np.float64)
    return ZonalStatistics(
        count=len(wide),
        missing=missing,
        min=float(wide.min()),
        max=float(wide.max()),
        mean=float(wide.mean()),
        sum=float(wide.sum()),
        median=float(np.median(wide)),
        area_m2=float(areas.sum()),
        classes=classes,
    )
