"""All suites of abstract tests."""

from __future__ import annotations

from tests.cite import features_core, features_crs

SUITES = (features_core.SUITE, features_crs.SUITE)
