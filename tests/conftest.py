"""Fixtures shared by all rooms."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REAL_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real data sets kept beside the project."""
    if not REAL_DATA.is_dir():
        pytest.skip("the real data sets are not beside the project (../shared/data)")
    return REAL_DATA


@pytest.fixture(scope="session")
def tiny_folder() -> Path:
    """A second, tiny city: nothing in code may know the demo city."""
    return ROOT / "tests" / "cities" / "tiny"


@pytest.fixture(scope="session")
def pudong_folder() -> Path:
    """The demo city."""
    return ROOT / "data" / "pudong"
