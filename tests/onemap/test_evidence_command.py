"""``onemap evidence`` as a user runs it."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from layers.city import City
from layers.store import open_store
from tests.cases.evidence.yard import RECORD, Yard, build
from tests.running import Run, onemap


@pytest.fixture(scope="module")
def built(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Yard:
    folder = tmp_path_factory.mktemp("yard")
    city = City(tiny_folder)
    opened = open_store(str(folder / "city.gpkg"), city)
    made = build(city, opened, folder)
    opened.close()
    return made


def run(yard: Yard, folder: Path, *arguments: str | Path) -> Run:
    return onemap("evidence", *arguments, city=yard.city.folder, store=folder / "city.gpkg")


def test_seal_and_verify(built: Yard, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    shutil.copytree(built.folder, folder)
    target = tmp_path / "out" / "package.zip"
    sealed = run(built, folder, "seal", built.truck, "-o", target, "--zip", "--by", "ana", "--json")
    assert sealed.status == 0, sealed.error
    assert sealed.data["seal"]["seq"] == 1 and sealed.data["missing"] == []
    held = run(built, folder, "verify", target, "--json")
    assert (held.status, held.data["holds"], held.data["differences"]) == (0, True, [])
    with sqlite3.connect(folder / "city.gpkg") as database:
        sql = "UPDATE weighing_history SET gross_kg = 1"
        database.execute(sql)
        triggers = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            # They call functions that only the store's own connections have.
            database.execute(f'DROP TRIGGER "{name}"')
        database.execute("UPDATE weighing SET gross_kg = 41000")
    database.close()
    broken = run(built, folder, "verify", target)
    assert broken.status == 1
    assert f"$.records[?@.id=='{RECORD}'].properties.gross_kg" in broken.text.replace("\n", "")
    assert "does NOT hold" in broken.text


def test_what_is_no_case_or_no_package_is_one_line(built: Yard, tmp_path: Path) -> None:
    refused = run(built, built.folder, "seal", "nothing", "-o", tmp_path / "x")
    assert refused.status == 1 and "there is no case 'nothing'" in refused.error
    assert not (tmp_path / "x").exists()
    (tmp_path / "text").write_text("hello")
    for source in (tmp_path / "text", tmp_path / "absent", tmp_path):
        refused = run(built, built.folder, "verify", source)
        assert refused.status == 1 and refused.error.startswith("error:")
