"""Distances and rounding of many positions at once are those of each, to the bit."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analytics.rounding import rounded
from analytics.tracks import distance_m, haversine_m
from analytics.vessels import Fix, fix_at, fixes_at

NUMBERS = st.floats(-1e6, 1e6) | st.integers(-(10**9), 10**9).map(lambda n: n / 2000)


def fix(lon: float, lat: float) -> Fix:
    return Fix(0, lon, lat, None, None, "")


def test_distances_are_equal_one_by_one_and_together() -> None:
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(121, 123, 5000), rng.uniform(30, 32, 5000)
    lon2, lat2 = lon + rng.normal(0, 0.1, 5000), lat + rng.normal(0, 0.1, 5000)
    together = haversine_m(lon, lat, lon2, lat2).tolist()
    places = zip(lon.tolist(), lat.tolist(), lon2.tolist(), lat2.tolist(), strict=True)
    assert together == [distance_m(fix(a, b), fix(c, d)) for a, b, c, d in places]


@given(st.lists(NUMBERS, min_size=1, max_size=20), st.integers(0, 9))
def test_rounding_is_that_of_python(values: list[float], digits: int) -> None:
    assert rounded(np.array(values), digits).tolist() == [round(v, digits) for v in values]


def test_rounding_next_to_a_half_is_exact() -> None:
    values = [n / 1000 + 0.0005 for n in range(5000)]
    assert rounded(np.array(values), 3).tolist() == [round(v, 3) for v in values]


def test_rounding_keeps_what_is_no_number() -> None:
    kept = rounded(np.array([math.nan, math.inf, -math.inf]), 3).tolist()
    assert math.isnan(kept[0])
    assert kept[1:] == [math.inf, -math.inf]


def test_positions_are_equal_one_by_one_and_together() -> None:
    columns = {
        "t": np.array([1, 2, 3]),
        "lon": np.array([1.5, 2.5, 3.5]),
        "lat": np.array([4.5, 5.5, 6.5]),
        "sog_mps": np.array([0.0005, np.nan, 2.0015]),
        "cog_deg": np.array([np.nan, 359.9994, 12.0]),
        "pid": np.array(["a", "b", "c"], object),
    }
    rows = np.array([2, 0, 1])
    assert fixes_at(columns, rows) == [fix_at(columns, row) for row in rows.tolist()]
