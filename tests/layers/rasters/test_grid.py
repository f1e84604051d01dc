"""Boxes between reference systems."""

from __future__ import annotations

import pytest

from layers.rasters.grid import box_between


def test_a_box_is_followed_into_another_system() -> None:
    found = box_between((0.0, 0.0, 1.0, 1.0), "EPSG:4326", "EPSG:3857")
    assert found == pytest.approx((0, 0, 111319.49, 111325.14), abs=0.01)


@pytest.mark.parametrize("box", [(-5e16, 0.0, 0.0, 8e15), (float("nan"), 0.0, 1.0, 1.0)])
def test_a_box_beyond_every_system_is_none_at_once(box: tuple[float, float, float, float]) -> None:
    # PROJ would count turns round the globe for minutes.
    assert box_between(box, "EPSG:3857", "EPSG:4326") is None
