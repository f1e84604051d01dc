"""Scenes for the rasters of the small city: pixels that can be told by their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import from_origin

from layers.city import City
from layers.rasters.archive import RasterArchive
from layers.rasters.moment import parse_moment

CRS = "EPSG:32718"
URI = "http://www.opengis.net/def/crs/EPSG/0/32718"
WEST, NORTH, PIXEL = 490_000.0, 5_290_000.0, 25.0
COLUMNS, ROWS = 60, 40
EAST, SOUTH = WEST + COLUMNS * PIXEL, NORTH - ROWS * PIXEL

PHOTO: dict[str, Any] = {
    "id": "photo",
    "title": {"en": "Air photo", "zh": "航空影像"},
    "description": {"en": "Red, green, blue.", "zh": "红绿蓝。"},
    "domain": "town",
    "owner": "council",
    "sensitivity": "public",
    "composite": ["red", "green", "blue"],
    "bands": [
        {"name": name, "type": "uint8", "title": {"en": name, "zh": name}}
        for name in ("red", "green", "blue")
    ],
}


def cover(year: int) -> np.ndarray:
    """Classes 1 to 6 in blocks of five by five pixels; the first row has no value."""
    random = np.random.default_rng(year)
    blocks = random.integers(1, 7, (ROWS // 5, COLUMNS // 5), dtype=np.uint8)
    values = np.kron(blocks, np.ones((5, 5), np.uint8))
    values[0] = 0
    return values


def heights() -> np.ndarray:
    """Metres that rise to the east by 0.1 and to the south by 0.01 a pixel."""
    rows, columns = np.mgrid[0:ROWS, 0:COLUMNS]
    return (columns * 0.1 + rows * 0.01).astype(np.float32)


def photo() -> np.ndarray:
    """Red rises to the east, green to the south, blue is even."""
    rows, columns = np.mgrid[0:ROWS, 0:COLUMNS]
    bands = [columns * 4, rows * 6, np.full((ROWS, COLUMNS), 128)]
    return np.stack(bands).astype(np.uint8)


def write(path: Path, pixels: np.ndarray) -> Path:
    bands = pixels[None] if pixels.ndim == 2 else pixels
    with rasterio.open(
        path, "w", driver="GTiff", count=len(bands), width=COLUMNS, height=ROWS,
        dtype=bands.dtype.name, crs=CRS, transform=from_origin(WEST, NORTH, PIXEL, PIXEL),
    ) as file:  # fmt: skip
        file.write(bands)
    return path


def put_scenes(city: City, home: Path) -> Path:
    """Fill the archive of a home folder."""
    home.mkdir(parents=True, exist_ok=True)
    archive = RasterArchive(home)
    for year in (2019, 2021):
        scene = write(home / "scene.tif", cover(year))
        archive.put(city.raster("land_cover"), scene, parse_moment(str(year), "year"))
    archive.put(city.raster("elevation"), write(home / "scene.tif", heights()), None)
    if "photo" in city.rasters:
        archive.put(city.raster("photo"), write(home / "scene.tif", photo()), None)
    (home / "scene.tif").unlink()
    return home
