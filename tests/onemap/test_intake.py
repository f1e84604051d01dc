"""The one door for inputs: rows know their unit, undated sentences get a time, ports are named."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from layers.city import City
from layers.errors import OnemapError
from layers.query import Query
from layers.store import open_store
from onemap.commands.serve import _listening
from onemap.home import Home
from onemap.intake import take_in
from onemap.setup import initialise

AT = datetime(2026, 1, 1, tzinfo=UTC)
PLACE = (-75.125, -42.605)


def collection(geometry: dict[str, object], properties: dict[str, object]) -> str:
    feature = {"type": "Feature", "geometry": geometry, "properties": properties}
    return json.dumps({"type": "FeatureCollection", "features": [feature]})


def test_rows_that_came_before_the_towns_are_located_when_these_come(
    tiny_folder: Path, tmp_path: Path
) -> None:
    city = City(tiny_folder)
    home = Home(city.folder, str(tmp_path / "onemap.gpkg"), tmp_path)
    x, y = PLACE
    ring = [[x - 0.01, y - 0.01], [x + 0.01, y - 0.01], [x + 0.01, y + 0.01], [x - 0.01, y - 0.01]]
    inside = {"type": "Point", "coordinates": [x + 0.005, y - 0.005]}
    town = {"type": "MultiPolygon", "coordinates": [[ring]]}
    named = {"code": "PS-OH", "name_en": "Old Harbour", "name_zh": "旧港", "parent": "PS"}
    with_store = open_store(home.store_url, city)
    initialise(city, with_store, home, at=AT)
    for layer, text in (
        ("navigation_mark", collection(inside, {"mark_id": "m1", "kind": "buoy"})),
        ("adm_street_town", collection(town, named)),
    ):
        file = tmp_path / f"{layer}.geojson"
        file.write_text(text, encoding="utf-8")
        tally = take_in(city, with_store, home, "layer", [file], layer=layer, at=AT)
        assert not tally.rejected, tally.sentence()
    marks = with_store.frame(Query("navigation_mark"))
    with_store.close()
    assert list(marks["jurisdiction"]) == ["PS-OH"]


def test_a_port_in_use_is_named_before_anything_is_promised() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OnemapError, match=f"can't listen on 127.0.0.1:{port}"):
            _listening("127.0.0.1", port)


def test_a_folder_is_not_taken_for_a_missing_file(tiny_folder: Path, tmp_path: Path) -> None:
    city = City(tiny_folder)
    home = Home(city.folder, str(tmp_path / "onemap.gpkg"), tmp_path)
    store = open_store(home.store_url, city)
    with pytest.raises(OnemapError, match=r"a folder, expected files: .*inbox"):
        (tmp_path / "inbox").mkdir()
        take_in(city, store, home, "ais", [tmp_path / "inbox"], at=AT)
    store.close()


@pytest.mark.real
def test_sentences_without_any_clock_are_taken_with_a_given_time(
    real_data: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    city = City(tiny_folder)
    home = Home(city.folder, str(tmp_path / "onemap.gpkg"), tmp_path)
    store = open_store(home.store_url, city)
    initialise(city, store, home, at=AT)
    log = real_data / "ais_nmea" / "aislib_decode_encode.nmea"
    undated = take_in(city, store, home, "ais", [log], at=AT)
    dated = take_in(city, store, home, "ais", [log], at=AT, base_time=AT)
    store.close()
    assert undated.rejected["no_time"] == 463
    assert not dated.rejected["no_time"]
    assert dated.accepted["position"] > 300
