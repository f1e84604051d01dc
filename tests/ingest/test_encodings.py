"""Tables in another encoding than UTF-8: what to do is said, and doing it works."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.rejects import RejectStore
from layers.city import City
from tests.ingest.conftest import HARBOUR, Office

ADVICE = "encoding: gb18030, and pass --source ID"
VESSELS = "registry_id,name_zh,mmsi,loa_m,registered_from\nR1,海星,{mmsi},24.5,2019-01-01\n"
MARKS = f"mark_id,kind,lon,lat,名称\nM1,buoy,{HARBOUR[0]},{HARBOUR[1]},海星\n"


@pytest.fixture
def abroad(office: Office, tiny_folder: Path, tmp_path: Path) -> Office:
    """The office, with sources that write GB18030."""
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "abroad"))
    with (folder / "sources.yaml").open("a", encoding="utf-8") as file:
        for feed in ("register", "layer"):
            file.write(
                f"  - {{id: old_{feed}, title: {{en: Old, zh: 旧}}, feed: {feed}, "
                "encoding: gb18030, crs: EPSG:4326, zone: UTC, provenance: invented}\n"
            )
    return replace(office, city=City(folder))


def test_a_register_in_gb18030(abroad: Office) -> None:
    path = abroad.file("r.csv", VESSELS.format(mmsi="701000001").encode("gb18030"))
    feed = "register:vessel_registry"
    assert abroad.take(feed, path).rejected == {"bad_encoding": 1}
    assert ADVICE in abroad.rejects()[0].detail
    assert abroad.take(feed, path, source="old_register").accepted == {"vessel_registry": 1}
    assert list(abroad.frame("vessel_registry")["name_zh"]) == ["海星"]
    assert abroad.rejects() == []


def test_a_layer_in_gb18030_with_a_header_in_it(abroad: Office) -> None:
    path = abroad.file("m.csv", MARKS.encode("gb18030"))
    feed = "layer:navigation_mark"
    assert abroad.take(feed, path, crs="EPSG:4326").rejected == {"not_a_table": 1}
    assert ADVICE in abroad.rejects()[0].detail
    assert abroad.take(feed, path, source="old_layer").accepted == {"navigation_mark": 1}
    assert abroad.rejects() == []


def test_what_was_refused_of_it_is_exported_in_utf8_and_read_as_such(abroad: Office) -> None:
    feed, out = "register:vessel_registry", abroad.home / "out.csv"
    path = abroad.file("r.csv", VESSELS.format(mmsi="7010").encode("gb18030"))
    assert abroad.take(feed, path, source="old_register").rejected == {"bad_value": 1}
    assert RejectStore(abroad.home / "rejects").export(feed, out) == 1
    out.write_bytes(out.read_bytes().replace(b"7010,", b"701000001,"))
    assert abroad.take(feed, out, source="old_register").accepted == {"vessel_registry": 1}
    assert list(abroad.frame("vessel_registry")["name_zh"]) == ["海星"]
    assert abroad.rejects() == []
