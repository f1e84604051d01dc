"""Where rasters lie: a folder of Cloud Optimized GeoTIFFs beside the store.

::

    rasters/<raster>/<time>.<digest>.tif     one scene; ``timeless`` where the raster has no time

A scene's name carries the digest of its content, so a file never changes under its name, and
readers and caches can hold on to it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import rasterio
from rasterio.errors import RasterioIOError
from rasterio.shutil import copy

from layers.query import TimeInterval
from layers.rasters.grid import Grid
from layers.rasters.moment import Moment, parse_moment
from layers.rasters.spec import RasterSpec
from layers.rasters.window import grid_of

FOLDER = "rasters"
# Formats without references to other files or to the network.
READABLE = ("GTiff", "AAIGrid", "HFA", "SRTMHGT")
_TIMELESS = "timeless"
_NAME = re.compile(r"(?P<time>[0-9A-Za-z_-]+)\.(?P<digest>[0-9a-f]{24})\.tif")
_CHUNK = 1 << 20
_BLOCK = 256
_DIGEST_BYTES = 12


@dataclass(frozen=True)
class Scene:
    """One file of a raster.

    Attributes
    ----------
    raster : id of the raster.
    moment : time that it shows; None for a raster without time.
    path : the GeoTIFF.
    digest : of its content, hexadecimal.
    """

    raster: str
    moment: Moment | None
    path: Path
    digest: str

    @property
    def grid(self) -> Grid:
        """Its pixels; StoreError where the file can't be read."""
        return grid_of(self.path)


class RasterArchive:
    """The scenes of all rasters.

    Parameters
    ----------
    home : folder beside the store; the archive is its folder ``rasters``.
    """

    def __init__(self, home: Path) -> None:
        self.folder = home / FOLDER

    def scenes(self, spec: RasterSpec) -> list[Scene]:
        """Scenes of a raster in the order of time; files of other names are left alone."""
        found: dict[str, tuple[float, Scene]] = {}
        try:
            entries = list(os.scandir(self.folder / spec.id))
        except OSError:
            return []
        for entry in entries:
            scene = _scene(spec, Path(entry.path))
            if scene is not None:
                # After a crash between writing and tidying the newest of two is the valid one.
                written = entry.stat().st_mtime_ns
                key = scene.path.name.partition(".")[0]
                found[key] = max(found.get(key, (0, scene)), (written, scene), key=_age)
        return [scene for _, scene in (found[key] for key in sorted(found))]

    def put(self, spec: RasterSpec, source: Path, moment: Moment | None) -> Scene:
        """Keep a checked GeoTIFF as a scene, in place of the one of the same time.

        Parameters
        ----------
        source : a file with the bands, type and reference system of the declaration, north up.

        Returns
        -------
        the scene: a Cloud Optimized GeoTIFF with overviews, by majority where values are classes,
        else by mean, and the declared nodata value.
        """
        folder = self.folder / spec.id
        folder.mkdir(parents=True, exist_ok=True)
        plain, fresh = folder / ".plain.part", folder / ".cog.part"
        try:
            _write_plain(spec, source, plain)
            _write_cog(spec, plain, fresh)
            digest = _digest(fresh)
            name = _file_name(moment)
            path = folder / f"{name}.{digest}.tif"
            fresh.replace(path)
        finally:
            plain.unlink(missing_ok=True)
            fresh.unlink(missing_ok=True)
        for other in folder.glob(f"{name}.*.tif"):
            if other != path:
                other.unlink()
        return Scene(spec.id, moment, path, digest)


def open_source(path: Path) -> Any:
    """Open a file of any of the formats that are taken in; others could lead elsewhere.

    Raises
    ------
    RasterioIOError
        where it is of none of them.
    """
    for driver in READABLE[:-1]:
        try:
            return rasterio.open(path, driver=driver)
        except RasterioIOError:
            continue
    return rasterio.open(path, driver=READABLE[-1])


def scene_at(scenes: list[Scene], span: TimeInterval | None) -> Scene | None:
    """Return the latest scene that a span of time meets, None where none does.

    Parameters
    ----------
    scenes : in the order of time.
    span : None for any time. A scene without time meets every span.
    """
    for scene in reversed(scenes):
        moment = scene.moment
        if span is None or moment is None:
            return scene
        if (span.end is None or moment.start <= span.end) and (
            span.start is None or moment.end >= span.start
        ):
            return scene
    return None


def _age(row: tuple[float, Scene]) -> float:
    return row[0]


def _file_name(moment: Moment | None) -> str:
    return _TIMELESS if moment is None else moment.text.replace(":", "")


def _scene(spec: RasterSpec, path: Path) -> Scene | None:
    match = _NAME.fullmatch(path.name)
    if match is None:
        return None
    if spec.time is None:
        moment = None
        if match["time"] != _TIMELESS:
            return None
    else:
        # A colon may not stand in file names everywhere.
        text = re.sub(r"T(\d\d)(\d\d)(\d\d)?Z", _clock, match["time"])
        try:
            moment = parse_moment(text, spec.time)
        except ValueError:
            return None
    return Scene(spec.id, moment, path, match["digest"])


def _clock(match: re.Match[str]) -> str:
    return "T" + ":".join(part for part in match.groups() if part) + "Z"


def _write_plain(spec: RasterSpec, source: Path, target: Path) -> None:
    """Copy the pixels and write down what the declaration says of them."""
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        with open_source(source) as file:
            copy(file, target, driver="GTiff", tiled=True, compress="deflate", bigtiff="if_safer")
        with rasterio.open(target, "r+", driver="GTiff") as file:
            if spec.nodata is not None:
                file.nodata = spec.nodata
            for number, band in enumerate(spec.bands, start=1):
                file.set_band_description(number, band.name)
                if band.unit is not None:
                    file.set_band_unit(number, band.unit)


def _write_cog(spec: RasterSpec, source: Path, target: Path) -> None:
    resampling = "mode" if spec.classified else "average"
    copy(
        source,
        target,
        driver="COG",
        blocksize=_BLOCK,
        compress="deflate",
        overviews="ignore_existing",
        overview_resampling=resampling,
        bigtiff="if_safer",
    )


def _digest(path: Path) -> str:
    state = blake2b(digest_size=_DIGEST_BYTES)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            state.update(chunk)
    return state.hexdigest()
