"""Raster files are taken in as declared, or refused with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine, from_origin

from ingest.take_in import raster
from layers.errors import UnknownLayerError
from layers.feeds import Tally
from layers.rasters.archive import RasterArchive
from tests.ingest.conftest import AT, Office

CRS = "EPSG:32718"
PLACE = from_origin(490_000, 5_290_000, 25, 25)


def scene(
    path: Path, values: Any = None, crs: str | None = CRS, transform: Affine = PLACE, **more: Any
) -> Path:
    pixels = np.full((1, 30, 40), 4, np.uint8) if values is None else values
    with rasterio.open(
        path, "w", driver="GTiff", count=len(pixels), height=pixels.shape[1],
        width=pixels.shape[2], dtype=pixels.dtype.name, crs=crs, transform=transform, **more,
    ) as file:  # fmt: skip
        file.write(pixels)
    return path


def take(office: Office, path: Path, time: str | None = "2019", name: str = "land_cover") -> Tally:
    return raster.take_in(office.city, office.store, office.home, name, path, time=time, at=AT)


def kept(office: Office, name: str = "land_cover") -> int:
    return len(RasterArchive(office.home).scenes(office.city.raster(name)))


def test_a_scene_as_declared_is_kept_with_its_lineage(office: Office) -> None:
    tally = take(office, scene(office.home / "cover.tif"))
    assert tally.sentence() == "read 1 = accepted 1 (scene 1) + rejected 0"
    assert kept(office) == 1
    [row] = office.frame("lineage").to_dict("records")
    assert (row["feed"], row["file"], row["accepted_rows"]) == ("raster:land_cover", "cover.tif", 1)
    assert len(row["sha256"]) == 64


def test_a_raster_without_time_is_one_scene(office: Office) -> None:
    heights = np.full((1, 30, 40), 2.5, np.float32)
    take(office, scene(office.home / "a.tif", heights), None, "elevation")
    take(office, scene(office.home / "b.tif", heights + 1), None, "elevation")
    assert kept(office, "elevation") == 1


REFUSED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "two bands": ("bands", "found 2 bands, declared are 1", {"values": np.ones((2, 9, 9), "u1")}),
    "another type": ("type", "uint16, declared is uint8", {"values": np.ones((1, 9, 9), "u2")}),
    "another nodata": ("nodata", "nodata is 9, declared is 0", {"nodata": 9}),
    "no system": ("no_crs", "gdalwarp -t_srs", {"crs": None}),
    "a system of nobody": ("no_crs", "EPSG code", {"crs": "+proj=laea +lat_0=-42 +lon_0=-75"}),
    "other degrees": ("bad_crs", "EPSG:4269 is neither", {"crs": "EPSG:4269"}),
    "feet": ("bad_crs", "EPSG:2263", {"crs": "EPSG:2263"}),
    "upside down": (
        "not_north_up", "north to south", {"transform": Affine(25, 0, 490_000, 0, 25, 5_280_000)}
    ),
    "turned": (
        "not_north_up", "north to south", {"transform": PLACE @ Affine.rotation(10)}
    ),
    "another place": ("outside_city", "the city within", {"crs": "EPSG:32632"}),
    "unknown classes": (
        "classes", "without a declared class: 7, 200", {"values": np.array([[[7, 1, 200]]], "u1")}
    ),
    "nothing": ("empty", "no pixel has a value", {"values": np.zeros((1, 9, 9), "u1")}),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_as_declared_is_refused_with_the_reason(name: str, office: Office) -> None:
    reason, words, made = REFUSED[name]
    tally = take(office, scene(office.home / "bad.tif", **made))
    assert (tally.read, dict(tally.rejected)) == (1, {reason: 1})
    [reject] = office.rejects("raster:land_cover")
    assert words in reject.detail and reject.file == "bad.tif"
    assert kept(office) == 0


@pytest.mark.parametrize(
    ("time", "name"),
    [
        (None, "land_cover"),
        ("yesterday", "land_cover"),
        ("2019-13", "land_cover"),
        ("2019", "elevation"),
    ],
)
def test_a_time_that_does_not_fit_is_refused(time: str | None, name: str, office: Office) -> None:
    tally = take(office, scene(office.home / "cover.tif"), time, name)
    assert dict(tally.rejected) == {"bad_time": 1}


@pytest.mark.parametrize(
    "content",
    [b"", b"GIF89a", b"<VRTDataset rasterXSize='4' rasterYSize='4'></VRTDataset>", b"\0" * 5000],
)
def test_what_is_no_raster_is_refused(content: bytes, office: Office) -> None:
    tally = take(office, office.file("cover.tif", content))
    assert dict(tally.rejected) == {"unreadable": 1}


def test_a_file_cut_off_is_refused_and_nothing_kept(office: Office) -> None:
    noise = np.random.default_rng(1).integers(1, 7, (1, 600, 600)).astype(np.uint8)
    whole = scene(office.home / "whole.tif", noise).read_bytes()
    assert dict(take(office, office.file("cut.tif", whole[:150_000])).rejected) == {"unreadable": 1}
    assert kept(office) == 0


def test_a_bomb_is_refused_before_it_is_read(office: Office) -> None:
    path = office.home / "bomb.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=300_000, width=300_000, dtype="uint8", crs=CRS,
        transform=PLACE, sparse_ok=True, tiled=True, bigtiff="yes",
    ):  # fmt: skip
        pass
    assert dict(take(office, path).rejected) == {"too_large": 1}


def test_a_refused_file_leaves_the_scene_that_was_there(office: Office) -> None:
    take(office, scene(office.home / "cover.tif"))
    take(office, scene(office.home / "bad.tif", np.full((1, 9, 9), 99, np.uint8)))
    assert kept(office) == 1


def test_a_missing_file_and_an_unknown_raster_are_told(office: Office) -> None:
    assert dict(take(office, office.home / "nowhere.tif").rejected) == {"unreadable": 1}
    with pytest.raises(UnknownLayerError, match="no raster 'moon'"):
        take(office, office.home / "nowhere.tif", name="moon")
