"""Raster files into the archive of rasters: checked against their declaration, kept as COG."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.errors import RasterioError, RasterioIOError
from rasterio.windows import Window

from ingest.sources.file import Progress
from ingest.take_in.receipt import Receipt, receipt
from layers.city import City
from layers.crs import STORAGE, in_metres
from layers.feeds import Tally
from layers.query import Box
from layers.rasters.archive import READABLE, RasterArchive, open_source
from layers.rasters.grid import Grid, box_between
from layers.rasters.moment import EXAMPLES, Moment, parse_moment
from layers.rasters.spec import RasterSpec
from layers.store import Store

# Half a metre on a square of sixty kilometres.
MOST_PIXELS = 1 << 34
_VALUES_AT_ONCE = 1 << 22
_GEOGRAPHIC = ("EPSG:4326", "EPSG:4490")
_VALUES_SHOWN = 5


class _RefusalError(Exception):
    """Why a file is not taken in: short key for counting, and words."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason, self.detail = reason, detail
        super().__init__(detail)


def take_in(
    city: City,
    store: Store,
    home: Path,
    raster: str,
    path: Path,
    *,
    time: str | None = None,
    at: datetime,
    progress: Progress | None = None,
) -> Tally:
    """Take a raster file in as a scene, in place of the one of the same time.

    The file must be as declared: number and type of bands, nodata, classes; north up, in a known
    reference system, and it must meet the city. Else it is refused whole, with the reason.

    Parameters
    ----------
    raster : id of a declared raster.
    time : that the file shows, as the declaration's ``time`` wants it, such as ``2020``; None for
        a raster without time.
    at : the clock.
    progress : called with (rows read, rows in all, file name).

    Raises
    ------
    UnknownLayerError
        where the raster is not declared.
    """
    spec, total = city.raster(raster), Tally()
    with receipt(home, f"raster:{raster}", path, total) as note:
        if note.sha256:
            try:
                moment = _moment(spec, time)
                _check(spec, city, path, progress)
                RasterArchive(home).put(spec, path, moment)
            except _RefusalError as refused:
                note.refuse(0, refused.reason, refused.detail)
            else:
                note.tally.accepted["scene"] += 1
        _write_down(city, store, note, at)
    return total


def _write_down(city: City, store: Store, note: Receipt, at: datetime) -> None:
    with store.transaction() as unit:
        note.write_lineage(unit, city, at)


def _moment(spec: RasterSpec, time: str | None) -> Moment | None:
    if spec.time is None:
        if time is not None:
            raise _RefusalError("bad_time", f"'{spec.id}' has no time, found {time!r}")
        return None
    if time is None:
        example = EXAMPLES[spec.time]
        raise _RefusalError(
            "bad_time", f"'{spec.id}' needs the {spec.time} it shows, such as {example}"
        )
    try:
        return parse_moment(time, spec.time)
    except ValueError as failure:
        raise _RefusalError("bad_time", str(failure)) from failure


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with open_source(path) as file:
            yield file
    except (RasterioIOError, RasterioError) as failure:
        formats = ", ".join(READABLE)
        raise _RefusalError("unreadable", f"{failure}; expected one of {formats}") from failure


def _check(spec: RasterSpec, city: City, path: Path, progress: Progress | None) -> None:
    with _opened(path) as file:
        if file.width * file.height > MOST_PIXELS:
            raise _RefusalError(
                "too_large", f"{file.width} × {file.height} pixels; cut it into parts"
            )
        _check_bands(spec, file)
        _check_place(city, file)
        _check_values(spec, file, path.name, progress)


def _check_bands(spec: RasterSpec, file: Any) -> None:
    if file.count != len(spec.bands):
        raise _RefusalError("bands", f"found {file.count} bands, declared are {len(spec.bands)}")
    kinds = sorted(set(file.dtypes))
    if kinds != [spec.type]:
        raise _RefusalError("type", f"found pixels of {', '.join(kinds)}, declared is {spec.type}")
    for found in set(file.nodatavals) - {None}:
        # Not a number is no value, whatever is declared beside.
        if found != spec.nodata and not np.isnan(found):
            raise _RefusalError(
                "nodata", f"the file's nodata is {found:g}, declared is {spec.nodata}"
            )


def _check_place(city: City, file: Any) -> None:
    code = None if file.crs is None else file.crs.to_epsg()
    if code is None:
        detail = "no reference system with an EPSG code; write one into it with gdalwarp -t_srs"
        raise _RefusalError("no_crs", f"the file names {detail}")
    crs, transform = f"EPSG:{code}", file.transform
    if crs not in _GEOGRAPHIC and not in_metres(crs):
        detail = "neither EPSG:4326 nor EPSG:4490 nor projected in metres"
        raise _RefusalError("bad_crs", f"{crs} is {detail}; bring it there with gdalwarp -t_srs")
    if transform.b or transform.d or transform.a <= 0 or transform.e >= 0:
        raise _RefusalError("not_north_up", "rows don't run from north to south; use gdalwarp")
    box = box_between(Grid(crs, transform, file.width, file.height).bounds, crs, STORAGE)
    if box is None or not _meet(box, city.bounds):
        raise _RefusalError("outside_city", f"it lies at {box}, the city within {city.bounds}")


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _check_values(spec: RasterSpec, file: Any, name: str, progress: Progress | None) -> None:
    """Read all pixels once: they must be readable, some must have a value, classes be declared."""
    rows = max(1, _VALUES_AT_ONCE // (file.width * file.count))
    allowed = [
        None if not band.classes else [row.value for row in band.classes] for band in spec.bands
    ]
    some = False
    for first in range(0, file.height, rows):
        window = Window(0, first, file.width, min(rows, file.height - first))
        pixels = file.read(window=window)
        for values, known in zip(pixels, allowed, strict=True):
            valid = values[_valued(spec, values)]
            some = some or bool(len(valid))
            strange = np.setdiff1d(valid, valid if known is None else known)
            if len(strange):
                listed = ", ".join(map(str, strange[:_VALUES_SHOWN].tolist()))
                raise _RefusalError("classes", f"values without a declared class: {listed}")
        if progress:
            progress(first + window.height, file.height, name)
    if not some:
        raise _RefusalError("empty", "no pixel has a value")


def _valued(spec: RasterSpec, values: Any) -> Any:
    valid = np.isfinite(values)
    return valid if spec.nodata is None else valid & (values != spec.nodata)
