"""All suites of abstract tests."""

from __future__ import annotations

from tests.cite import edr, features_core, features_crs, processes, tiles

SUITES = (features_core.SUITE, features_crs.SUITE, tiles.SUITE, processes.SUITE, edr.SUITE)
