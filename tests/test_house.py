"""The house itself: documents, names, sizes; a repository that speaks of the project alone."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("layers", "analytics", "ingest", "cases", "ogc_server", "onemap")
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_everything_public_is_documented(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "the module says nothing"
    missing = []
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            missing.append(node.name)
        if isinstance(node, ast.ClassDef):
            bases = {ast.unparse(base) for base in node.bases}
            overrides = bool(bases - {"ABC", "Protocol", "object"})
            missing += [
                f"{node.name}.{inner.name}"
                for inner in node.body
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)
                and not inner.name.startswith("_")
                and not overrides
                and not ast.get_docstring(inner)
            ]
    assert not missing, f"without a docstring: {', '.join(missing)}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_is_one_idea(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    assert path.stem not in {"util", "utils", "helper", "helpers", "common", "misc", "manager"}


def test_no_code_knows_a_city() -> None:
    city_words = re.compile(r"pudong|浦东|浦東|310115|HUPUYU|121\.912", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in SOURCES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if city_words.search(line)
    ]
    assert not found


def test_nothing_dangerous_is_called() -> None:
    banned = re.compile(
        r"\b(pickle|marshal|shelve)\b|(?<![\w.])eval\(|(?<![\w.])exec\(|yaml\.load\("
    )
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in SOURCES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if banned.search(line)
    ]
    assert not found


def test_the_repository_speaks_of_the_project_alone() -> None:
    # Addresses of package hosts and absolute paths of a machine have no place in it.
    places = re.compile(r"(?<![\w.])/(?:home|root|work)/\w|/tmp/(?!\.)\w", re.ASCII)
    vendored = ROOT / "ogc_server" / "static"
    found = []
    for path in tracked():
        if path == Path(__file__) or vendored in path.parents or path.stat().st_size > 2_000_000:
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(ROOT)}:{number}"
            for number, line in enumerate(text.splitlines(), 1)
            if places.search(line)
        ]
    assert not found


def test_the_rooms_are_where_they_were_promised() -> None:
    for name in ("layers", "analytics", "ingest", "ogc_server", "notebooks", "data", "tests"):
        assert (ROOT / name).is_dir(), name
    assert (ROOT / "setup.cfg").is_file()
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("install", "run", "test", "bench", "clean"):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_command_teaches() -> None:
    import typer
    from typer.testing import CliRunner

    from onemap.cli import app

    runner = CliRunner()
    group: Any = typer.main.get_command(app)

    def walk(command: Any, path: list[str]) -> None:
        answer = runner.invoke(app, [*path, "--help"])
        assert answer.exit_code == 0, path
        assert command.help, f"onemap {' '.join(path)} explains nothing"
        for name in command.list_commands(None) if hasattr(command, "list_commands") else ():
            walk(command.get_command(None, name), [*path, name])

    walk(group, [])
