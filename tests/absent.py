"""What a test needs and this machine lacks."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def absent(reason: str) -> NoReturn:
    """Skip the test, saying why; fail it where ONEMAP_NO_SKIP=1 demands that nothing is skipped."""
    if os.environ.get("ONEMAP_NO_SKIP") == "1":
        pytest.fail(f"{reason}, and ONEMAP_NO_SKIP=1 forbids to skip")
    pytest.skip(reason)
