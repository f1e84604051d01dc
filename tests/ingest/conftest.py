"""A harbour office: the tiny city's store, its folder, and words to bring files in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import orjson
import pyais
import pytest

from ingest.decoders.ais_sentence import checksum
from ingest.rejects import RejectStore
from ingest.take_in import ais, camera, gps, layer, register, wim
from layers.city import City
from layers.feeds import Reject, Tally
from layers.positions import PositionStore
from layers.query import Query
from layers.store import Store, open_store

AT = datetime(2020, 7, 2, tzinfo=UTC)
T0 = 1_593_561_600  # 2020-07-01T00:00:00Z
HARBOUR = (-75.095, -42.603)
EASTING, NORTHING = 492_200.0, 5_283_200.0  # in the harbour, EPSG:32718
MARKS = ("mark_id", "kind", "height_m", "lit", "checked_on")


@dataclass
class Office:
    """What a test needs of the tiny city."""

    city: City
    store: Store
    home: Path

    def file(self, name: str, content: bytes | str) -> Path:
        path = self.home / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def take(self, feed: str, path: Path, *, source: str | None = None, **more: Any) -> Tally:
        """Take a file in: ais, gps, wim, camera, ``layer:<id>`` or ``register:<id>``."""
        kind, _, name = feed.partition(":")
        chosen = self.city.sources[source] if source else None
        common = {"source": chosen, "at": AT, **more}
        if kind in ("layer", "register"):
            door = layer.take_in if kind == "layer" else register.take_in
            return door(self.city, self.store, self.home, name, [path], **common)
        doors = {
            "ais": ais.take_in,
            "gps": gps.take_in,
            "wim": wim.take_in,
            "camera": camera.take_in,
        }
        return doors[kind](self.city, self.store, self.home, [path], **common)

    def rejects(self, feed: str | None = None) -> list[Reject]:
        return RejectStore(self.home / "rejects").rows(feed)

    def frame(self, layer: str) -> gpd.GeoDataFrame:
        return self.store.frame(Query(layer)).set_index("fid").sort_index()

    def positions(self, feed: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = PositionStore(self.home / "positions").scan(feed).to_pylist()
        return rows


@pytest.fixture(scope="session")
def empty_store(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with all layers and no rows; each test works on a copy of the file."""
    path = tmp_path_factory.mktemp("empty") / "store.gpkg"
    city = City(tiny_folder)
    store = open_store(str(path), city)
    store.create(*city.layers.values())
    store.close()
    return path


@pytest.fixture
def office(tiny_folder: Path, empty_store: Path, tmp_path: Path) -> Iterator[Office]:
    city = City(tiny_folder)
    shutil.copy(empty_store, tmp_path / "store.gpkg")
    store = open_store(str(tmp_path / "store.gpkg"), city)
    yield Office(city, store, tmp_path)
    store.close()


@pytest.fixture
def equipped(office: Office) -> Office:
    """With a weigh station of two lanes and a camera whose pixels are centimetres."""
    line = {"type": "LineString", "coordinates": [HARBOUR, (-75.094, -42.603)]}
    station = feature({"station_id": "W1", "lanes": 2}, line)
    office.take("layer:wim_station", office.file("stations.geojson", collection([station])))
    corner = HARBOUR[0] + 0.001
    ring = [HARBOUR, (corner, HARBOUR[1]), (corner, HARBOUR[1] + 0.001), HARBOUR]
    properties = {
        "device_id": "C1", "width_px": 1920, "height_px": 1080,
        "homography": [[0.01, 0, EASTING], [0, -0.01, NORTHING], [0, 0, 1]],
        "calibrated_at": "2020-01-01T00:00:00Z", "valid_until": "2021-01-01T00:00:00Z",
    }  # fmt: skip
    view = feature(properties, {"type": "Polygon", "coordinates": [ring]})
    office.take("layer:camera", office.file("cameras.geojson", collection([view])))
    return office


def feature(properties: dict[str, Any], geometry: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def point(lon: float, lat: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [lon, lat]}


def mark(name: str, geometry: Any = None, **properties: Any) -> dict[str, Any]:
    """A navigation mark in the harbour."""
    return feature({"mark_id": name, "kind": "buoy", **properties}, geometry or point(*HARBOUR))


def collection(features: list[dict[str, Any]], crs: str | None = None) -> bytes:
    content: dict[str, Any] = {"type": "FeatureCollection", "features": features}
    if crs:
        content["crs"] = {"type": "name", "properties": {"name": crs}}
    return orjson.dumps(content)


def tagged(t: float, sentence: str) -> bytes:
    """A sentence with the receiver's time, Unix seconds."""
    tag, body = b"s:HARBOUR,c:%d" % t, sentence[1:-3].replace("AIVDO", "AIVDM").encode()
    return b"\\%s*%02X\\!%s*%02X" % (tag, checksum(tag), body, checksum(body))


def report(mmsi: int, t: float, lon: float, lat: float, speed: float = 5.0) -> bytes:
    """A position report of type 1."""
    fields = {"type": 1, "mmsi": mmsi, "lon": lon, "lat": lat, "speed": speed, "course": 90}
    return tagged(t, pyais.encode_dict(fields)[0])


def voyage(mmsi: int, t: float, name: str, **more: Any) -> list[bytes]:
    """A static message of type 5, in its two parts."""
    fields = {"type": 5, "mmsi": mmsi, "shipname": name, "ship_type": 30, **more}
    return [tagged(t, part) for part in pyais.encode_dict(fields, seq_id=1)]
