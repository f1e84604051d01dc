"""Positions that no vessel can have: jumps that last, circles, way over land."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely

from analytics.rule import Rule
from tests.analytics.columns import ais, references, rule
from tests.analytics.vessels_at_sea import SEA, along, found, path, straight

M = "412000001"


def checked(**more: Any) -> Rule:
    return rule("kinematic_spoof", {}, references(**more))


def signs(events: list[Any]) -> list[str]:
    return [event.evidence.quality["sign"] for event in events]


@pytest.mark.parametrize("away", [6000.0, 80_000.0])
def test_a_jump_that_lasts_is_told_once(away: float) -> None:
    rows = straight(M, 60, 3) + straight(M, 60, 3, start=61, x=10_800, y=away)
    (event,) = found(checked(), ais(*rows))
    assert event.evidence.quality["sign"] == "jump"
    assert event.evidence.measures[0].value == pytest.approx(away, rel=0.01)


def test_wild_positions_and_fast_craft_are_silent() -> None:
    wild = path(M, [(20.5, 40_000, 0), (50.5, 40_000, 0)])
    assert found(checked(), ais(*straight(M, 120, 3), *wild)) == []
    assert found(checked(), ais(*straight(M, 60, 20))) == []


def test_two_vessels_that_take_turns_are_no_jump() -> None:
    rows = straight(M, 119, 3, every=2) + straight(M, 119, 3, every=2, start=1, y=40_000)
    assert found(checked(), ais(*rows)) == []


def circle(turns: float, radius: float, noise: float = 0.0) -> list[dict[str, Any]]:
    rng = np.random.default_rng(1)

    def place(minute: float) -> tuple[float, float]:
        angle = 3.0 * 60 * minute / radius
        r = radius + rng.normal(0, noise) if noise else radius
        return r * np.cos(angle), r * np.sin(angle)

    minutes = turns * 2 * np.pi * radius / 180
    return along(M, np.arange(0, minutes, 0.75).tolist(), place)


@pytest.mark.parametrize(("turns", "events"), [(1.5, 0), (2.9, 0), (3.2, 1), (8, 1)])
def test_three_rounds_of_one_circle_are_told(turns: float, events: int) -> None:
    told = found(checked(), ais(*circle(turns, 700)))
    assert signs(told) == ["circle"] * events
    if told:
        radius = next(m.value for m in told[0].evidence.measures if m.name == "radius")
        assert radius == pytest.approx(700, rel=0.02)


def test_what_is_not_round_is_no_circle() -> None:
    assert found(checked(), ais(*circle(8, 700, noise=200))) == []

    def eight(minute: float) -> tuple[float, float]:
        angle = minute / 5
        return 700 * np.sin(angle), 700 * np.sin(2 * angle)

    assert found(checked(), ais(*along(M, np.arange(0, 300, 0.75).tolist(), eight))) == []


def test_a_ship_at_anchor_is_no_circle() -> None:
    def swing(minute: float) -> tuple[float, float]:
        return 60 * np.cos(minute / 40), 60 * np.sin(minute / 40)

    assert found(checked(), ais(*along(M, np.arange(0, 3000, 3.0).tolist(), swing))) == []


def test_way_over_land_is_told_and_near_the_shore_is_not() -> None:
    land = shapely.box(SEA[0] - 50_000, SEA[1] + 5000, SEA[0] + 50_000, SEA[1] + 50_000)
    inland, shore = (straight(M, 60, 3, y=y) for y in (7000.0, 5800.0))
    assert signs(found(checked(land=land), ais(*inland))) == ["land"]
    assert found(checked(land=land), ais(*shore)) == []
    assert found(checked(land=land), ais(*straight(M, 3, 3, y=7000.0))) == []
    assert found(checked(), ais(*inland)) == []
