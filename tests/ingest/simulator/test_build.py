"""A demo build: whole, the same every time, and it goes on after an interruption."""

from __future__ import annotations

import shutil
from pathlib import Path

import orjson
import pytest

from ingest.simulator.build import TRUTH, build, demo_day
from ingest.simulator.manifest import MANIFEST, PARTIAL, Manifest, digest
from layers.city import City

SCALE = 0.2


class Interrupted(Exception):
    """Stands for a killed process."""


@pytest.fixture(scope="module")
def city(tiny_folder: Path) -> City:
    return City(tiny_folder)


def _build(city: City, folder: Path, seed: int = 7, **options: object) -> Manifest:
    return build(city, folder, seed=seed, day=demo_day(city), scale=SCALE, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def built(city: City, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, _build(city, folder)


def _files(folder: Path) -> dict[str, str]:
    names = [p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST]
    return {p.relative_to(folder).as_posix(): digest(p) for p in names}


def test_the_manifest_lists_every_file_with_its_digest(built: tuple[Path, Manifest]) -> None:
    folder, manifest = built
    assert _files(folder) == {entry.file: entry.sha256 for entry in manifest.entries}
    assert not (folder / PARTIAL).exists()
    written = orjson.loads((folder / MANIFEST).read_bytes())
    assert written["synthetic"] is True
    assert [entry["file"] for entry in written["entries"]] == [e.file for e in manifest.entries]


def test_units_are_taken_in_before_everything_else(built: tuple[Path, Manifest]) -> None:
    layers = [entry.layer for entry in built[1].entries]
    assert layers[:2] == ["adm_district", "adm_street_town"]


def test_all_kinds_of_feeds_are_there(built: tuple[Path, Manifest]) -> None:
    feeds = {entry.feed for entry in built[1].entries}
    assert feeds == {"layer", "ais", "register", "gps", "wim", "camera", "raster", "truth"}


def test_the_same_seed_gives_the_same_bytes(
    city: City, built: tuple[Path, Manifest], tmp_path: Path
) -> None:
    assert _build(city, tmp_path / "again") == built[1]


def test_a_second_build_finds_everything_there(city: City, built: tuple[Path, Manifest]) -> None:
    folder, manifest = built
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    steps: list[str] = []
    again = _build(city, folder, progress=lambda done, total, what: steps.append(what))
    assert again.entries == manifest.entries
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == before
    assert steps == []


@pytest.mark.parametrize("at", ["adm_street_town", "camera", "trucks", "land cover"])
def test_an_interrupted_build_goes_on(
    city: City, built: tuple[Path, Manifest], tmp_path: Path, at: str
) -> None:
    def stop(done: int, total: int, what: str) -> None:
        if what == at:
            raise Interrupted

    with pytest.raises(Interrupted):
        _build(city, tmp_path, progress=stop)
    assert not (tmp_path / MANIFEST).exists()
    first = tmp_path / "layers" / "adm_district.geojson"
    written = first.stat().st_mtime_ns
    assert _build(city, tmp_path).entries == built[1].entries
    assert first.stat().st_mtime_ns == written


def test_a_spoiled_file_is_written_again(
    city: City, built: tuple[Path, Manifest], tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(built[0], folder)
    spoiled = folder / "layers" / "shopfront.geojson"
    spoiled.write_bytes(b"{")
    assert _build(city, folder).entries == built[1].entries
    assert spoiled.stat().st_size > 1


def test_another_seed_makes_another_demo(
    city: City, built: tuple[Path, Manifest], tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(built[0], folder)
    other = _build(city, folder, seed=8)
    assert {e.file for e in other.entries} == {e.file for e in built[1].entries}
    assert other.entries != built[1].entries


def test_progress_counts_up_to_its_total(city: City, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    _build(city, tmp_path, progress=lambda done, total, what: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]
    assert len({total for _, total in seen}) == 1


def test_a_scale_of_nothing_is_refused(city: City, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="above 0"):
        build(city, tmp_path, seed=1, day=demo_day(city), scale=0)


def test_the_truth_is_labelled_synthetic(built: tuple[Path, Manifest]) -> None:
    truth = orjson.loads((built[0] / TRUTH).read_bytes())
    assert truth["synthetic"] is True
    assert {p["expect"] for p in truth["planted"]} == {"event", "silent"}
