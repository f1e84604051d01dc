"""Declared rasters: what they may say, and how each mistake is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from layers.city import City
from layers.errors import DeclarationError, UnknownLayerError
from layers.rasters.moment import parse_moment


def test_rasters_of_both_cities_load(pudong_folder: Path, tiny_folder: Path) -> None:
    for folder in (pudong_folder, tiny_folder):
        city = City(folder)
        assert {path.stem for path in (folder / "rasters").glob("*.yaml")} == set(city.rasters)
        cover = city.raster("land_cover")
        assert cover.time == "year" and cover.classified and cover.type == "uint8"
        assert cover.bands[0].classes[0].title.zh == "水体"
        assert city.raster("elevation").bands[0].limits == (-2, 7)


def test_a_city_without_rasters_is_a_city(tiny_copy: Path) -> None:
    for path in (tiny_copy / "rasters").glob("*"):
        path.unlink()
    assert City(tiny_copy).rasters == {}


def test_an_unknown_raster_is_named(tiny_folder: Path) -> None:
    with pytest.raises(UnknownLayerError, match="no raster 'moon' is declared; declared are"):
        City(tiny_folder).raster("moon")


COVER, HEIGHT = "land_cover", "elevation"
MISTAKES = {
    "id unlike the file's": (COVER, "id: land_cover", "id: cover", "id", "file is named"),
    "unknown domain": (COVER, "domain: town", "domain: moon", "domain", "no domain 'moon'"),
    "unknown owner": (COVER, "owner: council", "owner: king", "owner", "no department"),
    "personal": (COVER, "sensitivity: public", "sensitivity: personal", "sensitivity", "'public'"),
    "unknown step": (COVER, "time: year", "time: decade", "time", "'year'"),
    "unknown type": (COVER, "type: uint8", "type: byte", "bands.0.type", "'uint8'"),
    "class twice": (COVER, "{value: 2,", "{value: 1,", "bands.0", "class 1 is given twice"),
    "class too large": (COVER, "{value: 6,", "{value: 256,", "bands.0", "does not fit into uint8"),
    "class of a measure": (COVER, "type: uint8", "type: float32", "bands.0", "whole numbers"),
    "nodata that is a class": (COVER, "nodata: 0", "nodata: 6", "", "also a class of 'cover'"),
    "nodata too small": (COVER, "nodata: 0", "nodata: -1", "", "-1 does not fit into uint8"),
    "colour by name": (COVER, '"#8fb8de"', "blue", "bands.0.classes.0.colour", "match pattern"),
    "unknown key": (COVER, "synthetic: true", "made_up: true", "made_up", "no such field"),
    "ramp that falls": (HEIGHT, "value: 2.5", "value: -1", "bands.0", "rising values"),
    "ramp misspelt": (HEIGHT, "    ramp:", "    rump:", "bands.0.rump", "no such field"),
    "band without a name": (HEIGHT, "name: height_m", "nome: height_m", "bands.0.name", "required"),
    "composite of nothing": (
        HEIGHT, "nodata: -9999", "nodata: -9999\ncomposite: [r, g, b]", "", "'r' is no band"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_file_and_field(name: str, tiny_copy: Path) -> None:
    raster, old, new, field, reason = MISTAKES[name]
    path = tiny_copy / "rasters" / f"{raster}.yaml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(DeclarationError, match=re.escape(reason)) as refused:
        City(tiny_copy)
    assert (refused.value.file, refused.value.field) == (path, field)


def test_a_rasters_id_is_never_a_layers(tiny_copy: Path) -> None:
    old = (tiny_copy / "rasters" / "land_cover.yaml").read_text("utf-8")
    path = tiny_copy / "rasters" / "camera.yaml"
    path.write_text(old.replace("id: land_cover", "id: camera"), "utf-8")
    with pytest.raises(DeclarationError, match="'camera' is a layer; choose another id"):
        City(tiny_copy)


@pytest.mark.parametrize(
    ("text", "step", "end"),
    [
        ("2020", "year", "2020-12-31T23:59:59.999999+00:00"),
        ("2020-02", "month", "2020-02-29T23:59:59.999999+00:00"),
        ("2020-12", "month", "2020-12-31T23:59:59.999999+00:00"),
        ("2020-07-01", "day", "2020-07-01T23:59:59.999999+00:00"),
        ("2020-07-01T08:00:00Z", "instant", "2020-07-01T08:00:00+00:00"),
    ],
)
def test_a_scene_lasts_as_long_as_its_step(text: str, step: str, end: str) -> None:
    moment = parse_moment(text, step)  # type: ignore[arg-type]
    assert moment.end.isoformat() == end
    assert moment.start <= moment.end and moment.text == text


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("2020-13", "month"),
        ("2020-02-30", "day"),
        ("20", "year"),
        ("0000", "year"),
        ("9999", "year"),
        ("../../etc", "year"),
        ("٢٠٢٠", "year"),
        ("2020", "day"),
        ("2020-07-01T25:00Z", "instant"),
    ],
)
def test_a_time_of_no_calendar_is_refused(text: str, step: str) -> None:
    with pytest.raises(ValueError, match=r"expected a|no time of the calendar|end of the calendar"):
        parse_moment(text, step)  # type: ignore[arg-type]
