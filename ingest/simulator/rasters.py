"""Land cover of several years as GeoTIFF, drawn from the same place as the layers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
import shapely
from rasterio.features import rasterize

from ingest.simulator.declaration import RasterSection
from ingest.simulator.placed import Floats, Shapes
from ingest.simulator.truth import Planted
from ingest.simulator.world import World
from layers.crs import geometries_to_lonlat
from layers.text import Text

# What lies outside of the land, sea or neighbours, is not classified.
OUTSIDE = 0
WATER, CROPLAND, GREEN, BUILT, ROAD, BARE = 1, 2, 3, 4, 5, 6
CLASS_NAMES = {
    WATER: "water",
    CROPLAND: "cropland",
    GREEN: "green",
    BUILT: "built",
    ROAD: "road",
    BARE: "bare",
}
Pixels = npt.NDArray[np.uint8]


def scenes(world: World, section: RasterSection) -> dict[int, tuple[Pixels, rasterio.Affine]]:
    """Land cover of each year: the later scenes hold the changes.

    Returns
    -------
    by year: classes of shape (rows, columns) and the transform to the city's projected CRS.
    """
    base, transform = _base(world, section.pixel_m)
    changed = base.copy()
    new = [*world.changes.illegal, *world.changes.permitted]
    if new:
        rasterize([(shape, BUILT) for shape in new], out=changed, transform=transform)
    first = min(section.years)
    return {year: (base if year == first else changed, transform) for year in section.years}


def _base(world: World, pixel_m: float) -> tuple[Pixels, rasterio.Affine]:
    west, south, east, north = world.geography.land.bounds
    columns, rows = int(np.ceil((east - west) / pixel_m)), int(np.ceil((north - south) / pixel_m))
    transform = rasterio.Affine(pixel_m, 0.0, np.floor(west), 0.0, -pixel_m, np.ceil(north))
    rng = world.rng("land cover")
    pixels: Pixels = np.full((rows, columns), OUTSIDE, np.uint8)
    cover = _cover_of_blocks(world.block_density, rng)
    for wet in (*world.changes.illegal, *world.changes.permitted):
        cover[shapely.STRtree(world.blocks).query(wet.centroid, predicate="within")] = CROPLAND
    widths = np.array([16.0, 12.0, 8.0, 5.0])[world.road_ranks]
    layers: list[tuple[Shapes, npt.NDArray[np.uint8]]] = [
        (np.array([world.geography.land], object), np.array([GREEN], np.uint8)),
        (world.blocks, cover),
        (world.buildings.shapes, np.full(len(world.buildings.shapes), BUILT, np.uint8)),
        (
            shapely.buffer(world.road_lines, widths, quad_segs=1, cap_style="flat"),
            np.full(len(widths), ROAD, np.uint8),
        ),
        (
            np.array(world.geography.water, object),
            np.full(len(world.geography.water), WATER, np.uint8),
        ),
    ]
    for shapes, values in layers:
        pairs = list(zip(shapes, values.tolist(), strict=True))
        if pairs:
            rasterize(pairs, out=pixels, transform=transform)
    return pixels, transform


def _cover_of_blocks(density: Floats, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    draw = rng.uniform(size=len(density))
    cover = np.where(draw < density, BUILT, np.where(density < 0.35, CROPLAND, GREEN))
    return np.where(rng.uniform(size=len(density)) < 0.015, BARE, cover).astype(np.uint8)


def write_scene(path: Path, pixels: Pixels, transform: rasterio.Affine, crs: str, year: int) -> int:
    """Write one scene as a compressed, tiled GeoTIFF; returns the number of pixels."""
    tags = {f"CLASS_{value}": name for value, name in CLASS_NAMES.items()}
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=pixels.shape[1],
        height=pixels.shape[0],
        count=1,
        dtype="uint8",
        crs=crs,
        transform=transform,
        compress="deflate",
        tiled=True,
        blockxsize=256,
        blockysize=256,
        nodata=OUTSIDE,
    ) as file:
        file.write(pixels, 1)
        file.set_band_description(1, "land cover")
        file.update_tags(YEAR=str(year), SYNTHETIC="true", **tags)
    return int(pixels.size)


def planted_changes(world: World, section: RasterSection) -> list[Planted]:
    """Return what a comparison of the scenes must find: new buildings without a permit."""
    start, end = (
        datetime(year, 7, 1, tzinfo=UTC).timestamp()
        for year in (min(section.years), max(section.years))
    )
    groups = (
        ("event", world.changes.illegal, Text(en="Built without a permit", zh="未经许可建造")),
        (
            "silent",
            world.changes.permitted,
            Text(en="Built on a site with a permit", zh="有许可的工地上建造"),
        ),
    )
    planted = []
    for expect, shapes, why in groups:
        middles = geometries_to_lonlat(shapely.centroid(shapes), world.geography.crs)
        for number, point in enumerate(middles, start=1):
            planted.append(
                Planted(
                    id=f"land-cover-{expect}-{number:03d}",
                    rule="illegal_building",
                    subject=f"patch-{expect}-{number:03d}",
                    start=start,
                    end=end,
                    lon=float(point.x),
                    lat=float(point.y),
                    expect="event" if expect == "event" else "silent",
                    why=why,
                )
            )
    return planted
