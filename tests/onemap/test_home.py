"""Where city, store and what lies beside it are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from layers.errors import OnemapError
from onemap.commands.serve import is_loopback
from onemap.home import find_city, locate


def city_at(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "city.yaml").write_text("id: x\n", encoding="utf-8")
    return folder


def test_the_only_city_under_data_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OnemapError, match="no city under data"):
        find_city()
    city_at(tmp_path / "data" / "one")
    assert find_city() == Path("data/one")
    city_at(tmp_path / "data" / "two")
    with pytest.raises(OnemapError, match="several cities"):
        find_city()


def test_a_folder_without_a_declaration_is_no_city(tmp_path: Path) -> None:
    with pytest.raises(OnemapError, match=r"holds no city\.yaml"):
        find_city(tmp_path)


def test_a_geopackage_has_its_positions_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ONEMAP_HOME", raising=False)
    city = city_at(tmp_path / "city")
    home = locate(city, f"gpkg:{tmp_path}/somewhere/a.gpkg")
    assert home.store_url == f"{tmp_path}/somewhere/a.gpkg"
    assert home.positions == tmp_path / "somewhere" / "positions"


def test_a_database_has_its_positions_in_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONEMAP_HOME", str(tmp_path / "home"))
    home = locate(city_at(tmp_path / "city"), "postgresql://user@host/db")
    assert home.store_url == "postgresql://user@host/db"
    assert home.rejects == tmp_path / "home" / "rejects"


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.1", False),
        ("localhost.example.org", False),
        ("", False),
    ],
)
def test_only_this_machine_is_loopback(host: str, local: bool) -> None:
    assert is_loopback(host) is local
