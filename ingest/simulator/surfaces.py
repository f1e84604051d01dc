"""Height and population as GeoTIFF: smooth surfaces over the place of the layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.features import rasterize
from scipy.ndimage import distance_transform_edt, gaussian_filter

from ingest.simulator.world import World

Heights = npt.NDArray[np.float32]
Persons = npt.NDArray[np.uint16]
NO_HEIGHT, NO_PERSONS = -9999.0, 65535
# A coastal plain: the ground rises from the shore to about this height, within about this reach.
_PLAIN_M, _REACH_M = 4.5, 2500.0
_RELIEF_M, _SWELL_M = 0.6, 1500.0
_BED_M = -2.0
# The most crowded place has about as many people on a square kilometre as an inner city.
_CROWDED_KM2 = 22_500
_BLUR_M = 250.0


def elevation(world: World, pixel_m: float) -> tuple[Heights, rasterio.Affine]:
    """Metres above the sea: land rises behind the shore, rivers lie below it, sea has no value.

    Returns
    -------
    heights, shape (rows, columns), and the transform to the city's projected CRS.
    """
    shape, transform = _frame(world, pixel_m)
    land = _burnt([world.geography.land], shape, transform)
    water = _burnt(list(world.geography.water), shape, transform)
    rng = world.rng("elevation")
    waves = gaussian_filter(rng.standard_normal(shape), _SWELL_M / pixel_m)
    waves *= _RELIEF_M / max(float(waves.std()), 1e-9)
    inland = np.asarray(distance_transform_edt(np.pad(land, 1)))[1:-1, 1:-1] * pixel_m
    heights = _PLAIN_M * (1 - np.exp(-inland / _REACH_M)) + waves
    heights[water] = _BED_M
    heights[~land & ~water] = NO_HEIGHT
    return np.round(heights, 2).astype(np.float32), transform


def population(world: World, pixel_m: float) -> tuple[Persons, rasterio.Affine]:
    """Persons in each pixel: many where the place is built up, none on water; sea has no value.

    Returns
    -------
    persons, shape (rows, columns), and the transform to the city's projected CRS.
    """
    shape, transform = _frame(world, pixel_m)
    land = _burnt([world.geography.land], shape, transform)
    water = _burnt(list(world.geography.water), shape, transform)
    density = np.zeros(shape)
    pairs = list(zip(world.blocks, world.block_density.tolist(), strict=True))
    if pairs:
        rasterize(pairs, out=density, transform=transform)
    smooth = gaussian_filter(density, _BLUR_M / pixel_m)
    expected = _CROWDED_KM2 * smooth**1.5 * (pixel_m / 1000) ** 2
    persons = world.rng("population").poisson(expected).clip(0, NO_PERSONS - 1)
    persons[water] = 0
    persons[~land & ~water] = NO_PERSONS
    return persons.astype(np.uint16), transform


def write_surface(
    path: Path,
    pixels: Heights | Persons,
    transform: rasterio.Affine,
    crs: str,
    nodata: float,
) -> int:
    """Write a surface as a compressed, tiled GeoTIFF; returns the number of pixels."""
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=pixels.shape[1],
        height=pixels.shape[0],
        count=1,
        dtype=pixels.dtype.name,
        crs=crs,
        transform=transform,
        compress="deflate",
        tiled=True,
        blockxsize=256,
        blockysize=256,
        nodata=nodata,
    ) as file:
        file.write(pixels, 1)
        file.update_tags(SYNTHETIC="true")
    return int(pixels.size)


def _frame(world: World, pixel_m: float) -> tuple[tuple[int, int], rasterio.Affine]:
    west, south, east, north = world.geography.land.bounds
    rows, columns = int(np.ceil((north - south) / pixel_m)), int(np.ceil((east - west) / pixel_m))
    transform = rasterio.Affine(pixel_m, 0.0, np.floor(west), 0.0, -pixel_m, np.ceil(north))
    return (rows, columns), transform


def _burnt(
    shapes: list[object], shape: tuple[int, int], transform: rasterio.Affine
) -> npt.NDArray[np.bool_]:
    out = np.zeros(shape, np.uint8)
    if shapes:
        rasterize([(one, 1) for one in shapes], out=out, transform=transform)
    return out.astype(bool)
