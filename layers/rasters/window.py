"""Parts of rasters, read on any grid: only what is needed, through overviews, within a limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.errors import RasterioError, RasterioIOError
from rasterio.vrt import WarpedVRT

from layers.errors import QueryError, StoreError
from layers.query import Box
from layers.rasters.grid import Grid, box_between

# Values (pixels times bands) that one reading may hold: 64 MB of float32.
MOST_VALUES = 1 << 24
Method = Literal["nearest", "bilinear"]
Values = np.ma.MaskedArray[Any, np.dtype[Any]]
_GDAL = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_CACHEMAX": 64}
_FILES_KNOWN = 512


@dataclass(frozen=True)
class Window:
    """A part of a raster in memory.

    Attributes
    ----------
    values : shape (bands, rows, columns); pixels without value are masked.
    grid : where the pixels are.
    """

    values: Values
    grid: Grid

    @property
    def empty(self) -> bool:
        """Whether no pixel has a value."""
        return bool(np.ma.getmaskarray(self.values).all())


@contextmanager
def opened(path: Path, overview: int | None = None) -> Iterator[Any]:
    """Open one of our GeoTIFFs to be read.

    Parameters
    ----------
    overview : number of the overview to read instead of the full resolution.

    Raises
    ------
    StoreError
        where the file is missing or broken, when it is opened or read.
    """
    more = {} if overview is None else {"overview_level": overview}
    try:
        with rasterio.Env(**_GDAL), rasterio.open(path, driver="GTiff", **more) as file:
            yield file
    except (RasterioIOError, RasterioError) as failure:
        reason = f"the raster file {path.name} can't be read; take it in again"
        raise StoreError(reason) from failure


@lru_cache(maxsize=_FILES_KNOWN)
def grid_of(path: Path) -> Grid:
    """Grid of a file at full resolution.

    A file of the archive never changes: another content has another name.

    Raises
    ------
    StoreError
        where the file can't be read or names no reference system.
    """
    with opened(path) as file:
        code = None if file.crs is None else file.crs.to_epsg()
        if code is None:
            raise StoreError(f"the raster file {path.name} names no EPSG reference system")
        return Grid(f"EPSG:{code}", file.transform, file.width, file.height)


def read(
    path: Path,
    grid: Grid,
    *,
    bands: Sequence[int] = (1,),
    method: Method = "nearest",
    most: int = MOST_VALUES,
) -> Window:
    """Read bands of a file on a grid of any CRS, position and pixel size.

    Where the grid is coarser than the file, the nearest finer overview is read, so that time and
    memory depend on the grid, not on the file. Pixels beyond the file are masked.

    Parameters
    ----------
    bands : 1-based numbers.
    method : how values between pixels are found: ``nearest`` for classes.
    most : values (pixels times bands) that may be read.

    Raises
    ------
    QueryError
        for a grid of more values than ``most``.
    StoreError
        where the file can't be read.
    """
    if grid.width < 1 or grid.height < 1 or grid.size * len(bands) > most:
        asked = f"{grid.width} × {grid.height} pixels in {len(bands)} bands"
        raise QueryError(f"{asked} are more than the {most:,} values read at once")
    with opened(path, _overview(path, grid)) as file:
        options = {} if file.nodata is not None else {"add_alpha": True}
        with WarpedVRT(
            file,
            crs=grid.crs,
            transform=grid.transform,
            width=grid.width,
            height=grid.height,
            resampling=Resampling[method],
            **options,
        ) as warped:
            values = warped.read(list(bands), masked=True)
    if values.dtype.kind == "f":
        values = np.ma.masked_invalid(values, copy=False)
    return Window(values, grid)


def _overview(path: Path, grid: Grid) -> int | None:
    """Number of the coarsest overview that is still as fine as a grid."""
    own = grid_of(path)
    box = box_between(grid.bounds, grid.crs, own.crs)
    if box is None:
        return None
    step = min(
        (box[2] - box[0]) / grid.width / own.pixel[0],
        (box[3] - box[1]) / grid.height / own.pixel[1],
    )
    fitting = [n for n, factor in enumerate(_factors(path)) if factor <= step * 1.001]
    return fitting[-1] if fitting else None


@lru_cache(maxsize=_FILES_KNOWN)
def _factors(path: Path) -> tuple[int, ...]:
    with opened(path) as file:
        return tuple(file.overviews(1))


def blocks(path: Path, box: Box | None = None, bands: Sequence[int] = (1,)) -> Iterator[Window]:
    """Read a file, or the part of it in a box of its CRS, at full resolution in bands of rows.

    Windows hold at most `MOST_VALUES` values, so memory stays flat whatever the file's size.
    """
    whole = grid_of(path)
    part = whole if box is None else whole.part(box)
    if part is None:
        return
    rows = max(1, MOST_VALUES // 4 // (part.width * len(bands)))
    west, _, east, north = part.bounds
    step = part.pixel[1]
    for first in range(0, part.height, rows):
        last = min(part.height, first + rows)
        piece = part.part((west, north - last * step, east, north - first * step))
        assert piece is not None
        yield read(path, piece, bands=bands)
