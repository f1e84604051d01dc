"""Timelines: how things move, and how often they report."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.simulator.motion import (
    INTERVALS_A,
    KNOT,
    Timeline,
    along,
    motion_at,
    report_times,
    shuttle,
    wander,
)


def straight(speed_kn: float, lasts: float = 3600.0) -> Timeline:
    end = speed_kn * KNOT * lasts
    return Timeline(np.array([0.0, lasts]), np.array([[0.0, 0.0], [0.0, end]]))


@pytest.mark.parametrize(("knots", "every"), [(0.1, 180), (5.0, 45), (15.0, 30), (25.0, 10)])
def test_faster_ships_report_more_often(knots: float, every: int) -> None:
    times = report_times(straight(knots), INTERVALS_A, 0.0)
    assert set(np.diff(times)) == {every}


def test_a_first_report_can_be_asked_for_at_once() -> None:
    assert report_times(straight(5), INTERVALS_A, 0.0)[0] == 0
    assert report_times(straight(5), INTERVALS_A, 0.25)[0] > 0


def test_the_interval_follows_the_speed_on_the_way() -> None:
    slow, fast = straight(0.0, 1800), straight(20, 1800)
    both = Timeline(
        np.concatenate((slow.t, fast.t[1:] + 1800)), np.concatenate((slow.xy, fast.xy[1:]))
    )
    times = report_times(both, INTERVALS_A, 0.0)
    assert (times < 1800).sum() == 10
    assert (times >= 1800).sum() >= 60


def test_a_path_is_kept_at_a_steady_speed() -> None:
    way = along(np.array([[0, 0], [30, 40], [30, 140]], float), 1000.0, 5.0)
    assert way.t.tolist() == [1000, 1010, 1030]
    speed, course = motion_at(way, np.array([1005, 1020]))
    assert speed * KNOT == pytest.approx([5, 5])
    assert course == pytest.approx([36.87, 0], abs=0.01)


@given(st.floats(0, 0.99), st.floats(1, 12))
def test_a_shuttle_stays_on_its_path_the_whole_day(phase: float, speed: float) -> None:
    path = np.array([[0, 0], [4000, 0]], float)
    line = shuttle(path, 0.0, 20_000.0, speed, 600.0, phase)
    assert (line.t[0], line.t[-1]) == (0.0, 20_000.0)
    assert np.all(np.diff(line.t) >= 0)
    assert line.xy[:, 0].min() >= -1e-6
    assert line.xy[:, 0].max() <= 4000 + 1e-6


@given(st.integers(0, 1000))
def test_a_wanderer_never_leaves_its_disc(seed: int) -> None:
    rng = np.random.default_rng(seed)
    way = wander(np.array([100.0, 200.0]), 900.0, 0.0, 7200.0, (2.0, 4.0), rng)
    times = np.arange(0, 7200, 30.0)
    assert np.hypot(*(way.at(times) - [100, 200]).T).max() <= 900 + 1e-6
    assert way.speed().max() <= 4.01 * KNOT
