"""Fixtures shared by all rooms."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

# Warnings of workers are looked up by threads, and two that import pandas at once break it.
import movingpandas  # noqa: F401
import pytest
from hypothesis import settings

from tests.absent import absent
from tests.running import DemoCity, play_demo

pytest_plugins = ("tests.brokers", "tests.postgis")

# Examples are never timed; a change is judged by the same ones twice, people at work see new ones.
settings.register_profile("work", deadline=None)
settings.register_profile("judged", deadline=None, derandomize=True)
settings.load_profile("judged" if os.environ.get("CI") else "work")

ROOT = Path(__file__).parents[1]
REAL_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real data sets kept beside the project."""
    if not REAL_DATA.is_dir():
        absent("the real data sets are not beside the project (../shared/data)")
    return REAL_DATA


@pytest.fixture(scope="session")
def tiny_folder() -> Path:
    """A second, tiny city: nothing in code may know the demo city."""
    return ROOT / "tests" / "cities" / "tiny"


@pytest.fixture
def tiny_copy(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny city without its rules and its demo, free to be changed."""
    copy = tmp_path / "city"
    shutil.copytree(tiny_folder, copy, ignore=shutil.ignore_patterns("rules", "demo", "demo.yaml"))
    (copy / "rules").mkdir()
    return copy


@pytest.fixture(scope="session")
def pudong_folder() -> Path:
    """The demo city."""
    return ROOT / "data" / "pudong"


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, pudong_folder: Path) -> DemoCity:
    """The demo city, built and played at a small scale; its tests share one xdist group."""
    folder = tmp_path_factory.mktemp("demo")
    return play_demo(pudong_folder, folder / "store" / "onemap.gpkg", folder / "inputs")
