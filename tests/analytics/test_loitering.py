"""Loitering: limits to the second and the metre, what ends a run, what does not count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely

from analytics.rule import Rule
from tests.analytics.columns import ais, references, rule, said, zone
from tests.analytics.vessels_at_sea import MINUTE, START, found, path, straight

M = "412000001"
LIMITS = {"min_duration_s": 14_400}
SEA_BOX = shapely.box(122.0, 30.5, 122.8, 31.0)


def checked(*zones: Any, **parameters: Any) -> Rule:
    return rule("loitering", LIMITS | parameters, references(marine_zones=zones))


def drift(minutes: float, mps: float = 0.5, **more: Any) -> list[dict[str, Any]]:
    """To and fro over 600 m."""
    times = np.arange(0, minutes + 1e-9, 3)
    east = [abs((60 * mps * m + 600) % 1200 - 600) for m in times]
    return path(M, zip(times.tolist(), east, [0.0] * len(times), strict=True), **more)


def test_a_long_drift_is_told_once_when_the_limit_is_passed() -> None:
    (event,) = found(checked(), ais(*drift(600), said(M, START, "XIN HAI 1", 70)))
    assert event.subject == M
    assert (event.start_ms, event.end_ms) == (START, START + 243 * MINUTE)
    measures = {m.name: m for m in event.evidence.measures}
    assert measures["slow_time"].value == 14_580
    assert measures["mean_speed"].value < measures["mean_speed"].limit  # type: ignore[operator]
    assert "XIN HAI 1 (MMSI 412000001)" in event.sentence.en
    assert len(event.evidence.points) == 61


@pytest.mark.parametrize(("minutes", "events"), [(237, 0), (240, 0), (243, 1)])
def test_four_hours_are_silent_and_more_is_not(minutes: float, events: int) -> None:
    assert len(found(checked(), ais(*drift(minutes)))) == events


@pytest.mark.parametrize(("nav", "events"), [(0, 1), (7, 1), (1, 0), (5, 0), (6, 0)])
def test_who_says_that_he_lies_at_anchor_is_believed(nav: int, events: int) -> None:
    assert len(found(checked(), ais(*drift(300, nav=nav)))) == events


def test_a_ship_that_swings_round_its_anchor_is_silent() -> None:
    times = np.arange(0, 600, 3.0)
    swing = [(m, 90 * np.cos(m / 100), 90 * np.sin(m / 100)) for m in times.tolist()]
    assert found(checked(), ais(*path(M, swing))) == []


def test_ports_tugs_and_speed_are_silent() -> None:
    assert found(checked(zone("port", SEA_BOX)), ais(*drift(300))) == []
    tug = said(M, START, "TUO 1", 52)
    assert found(checked(exempt_ship_types=[52]), ais(*drift(300), tug)) == []
    assert found(checked(), ais(*straight(M, 300, 1.2))) == []


def test_a_net_buoy_is_silent() -> None:
    assert found(checked(), ais(*drift(600), said(M, START, "HUPUYU00358-80%"))) == []
    nameless = [row | {"nav": 15} for row in drift(600)]
    assert found(checked(), ais(*nameless)) == []


def test_three_fast_positions_end_a_run_and_two_do_not() -> None:
    rows = drift(300)
    for number, events in ((2, 1), (3, 0)):
        fast = [
            row | {"sog_mps": 5.0} if 40 <= k < 40 + number else row for k, row in enumerate(rows)
        ]
        assert len(found(checked(), ais(*fast))) == events


def test_a_long_silence_ends_a_run() -> None:
    rows = [row for k, row in enumerate(drift(300)) if not 30 <= k < 55]
    assert found(checked(), ais(*rows)) == []
