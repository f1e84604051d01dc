"""What the documents say is what there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import typer

from layers.city import City
from onemap.cli import app
from tests.running import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_links_lead_somewhere() -> None:
    broken = []
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8")):
            if "://" not in target and not (document.parent / target).exists():
                broken.append(f"{document.relative_to(ROOT)}: {target}")
    assert not broken


def test_every_command_in_the_documents_exists() -> None:
    group = typer.main.get_command(app)
    unknown = []
    for document in DOCUMENTS:
        for line in re.findall(
            r"(?<!from )onemap ((?:[a-z]+ ?)+)", document.read_text(encoding="utf-8")
        ):
            command: Any = group
            for word in line.split():
                if not hasattr(command, "get_command"):
                    break
                command = command.get_command(None, word)
                if command is None:
                    unknown.append(f"{document.name}: onemap {line}")
                    break
    assert not unknown


def test_every_rule_is_explained(pudong_folder: Path) -> None:
    text = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    for rule in City(pudong_folder).rules:
        assert f"## {rule}" in text


def test_every_decision_is_numbered_once() -> None:
    numbers = [path.name[:4] for path in sorted((ROOT / "docs" / "adr").glob("*.md"))]
    assert numbers == [f"{n:04d}" for n in range(1, len(numbers) + 1)]


def test_the_city_of_the_guide_is_a_city(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "your-own-city.md").read_text(encoding="utf-8")
    city, layer, raster = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    (tmp_path / "layers").mkdir()
    (tmp_path / "rasters").mkdir()
    (tmp_path / "city.yaml").write_text(city, encoding="utf-8")
    (tmp_path / "layers" / "street_lamp.yaml").write_text(layer, encoding="utf-8")
    (tmp_path / "rasters" / "land_cover.yaml").write_text(raster, encoding="utf-8")
    read = City(tmp_path)
    assert read.layer("street_lamp").domain == read.raster("land_cover").domain == "streets"
