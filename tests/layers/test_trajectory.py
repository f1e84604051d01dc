"""The path of one mover: where it is cut, and what is between its fixes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.trajectory import GAP_MS, MOST_FIXES, Run, Series, breaks, runs_of

MINUTE = 60_000


def _run(minutes: list[float], lon: list[float], lat: float = 10.0) -> Run:
    t = np.array([int(m * MINUTE) for m in minutes], np.int64)
    return Run(int(t[0]), Series(t, np.array(lon)), Series(t, np.full(len(t), lat)))


def _runs(minutes: list[float], lon: list[float] | None = None, **more: object) -> list[Run]:
    t = np.array([int(m * MINUTE) for m in minutes], np.int64)
    x = np.linspace(0, 0.0005, len(t)) if lon is None else np.array(lon, float)
    return runs_of(t, x, np.full(len(t), 10.0), {"row": np.arange(len(t), dtype=float)}, **more)  # type: ignore[arg-type]


def test_silence_cuts() -> None:
    runs = _runs([0, 10, 41, 50])
    assert [run.t.tolist() for run in runs] == [[0, 10 * MINUTE], [41 * MINUTE, 50 * MINUTE]]
    assert [run.first for run in runs] == [0, 41 * MINUTE]
    assert len(_runs([0, 10, 40, 50])) == 1, "silence as long as the gap cuts nothing"
    assert len(_runs([0, 10, 40, 50], gap_ms=29 * MINUTE)) == 2


def test_a_jump_and_the_antimeridian_cut() -> None:
    assert len(_runs([0, 1, 2], [0, 0.001, 5])) == 2
    assert len(_runs([0, 1, 2], [179.999, 179.9999, -179.9999])) == 2
    assert breaks(np.array([0, 60_000]), np.array([0, 0.03]), np.zeros(2)).tolist() == [False]


def test_what_is_hidden_cuts_and_belongs_to_no_run() -> None:
    runs = _runs([0, 1, 2, 3, 4], visible=np.array([True, True, False, True, True]))
    assert [run.columns["row"].tolist() for run in runs] == [[0, 1], [3, 4]]
    assert _runs([0, 1], visible=np.zeros(2, bool)) == []


def test_of_several_fixes_at_one_instant_the_first_counts() -> None:
    (run,) = _runs([0, 1, 1, 2])
    assert run.columns["row"].tolist() == [0, 1, 3]


def test_a_long_run_goes_on_with_the_fix_it_ended_with() -> None:
    n = MOST_FIXES + 10
    t = np.arange(n, dtype=np.int64) * 1000
    first, second = runs_of(t, np.zeros(n), np.zeros(n), {})
    assert len(first.t) == MOST_FIXES and second.first == first.t[-1] and second.t[-1] == t[-1]


def test_a_cut_interpolates_its_ends() -> None:
    run = _run([0, 10, 20], [0.0, 1.0, 2.0])
    part = run.cut(5 * MINUTE, 15 * MINUTE)
    assert part.t.tolist() == [5 * MINUTE, 10 * MINUTE, 15 * MINUTE]
    assert part.lon.values.tolist() == [0.5, 1.0, 1.5] and part.first == run.first
    assert run.cut(30 * MINUTE, 40 * MINUTE).t.tolist() == []
    assert run.cut(0, 20 * MINUTE).lon.values.tolist() == run.lon.values.tolist()


def test_places_at_instants_are_inside_only() -> None:
    found = _run([0, 10], [0.0, 1.0]).at(np.array([-1, 0, 5 * MINUTE, 11 * MINUTE]))
    assert found.lon.values.tolist() == [0.0, 0.5] and found.lon.interpolation == "Discrete"


def test_steps_hold_and_discrete_values_stand_alone() -> None:
    t, values = np.array([0, 100]), np.array([359.0, 1.0])
    assert Series(t, values, "Step").at(np.array([99, 100])).values.tolist() == [359.0, 1.0]
    assert Series(t, values, "Discrete").at(np.array([50, 100])).values.tolist() == [1.0]
    assert Series(t, values, "Discrete").cut(50, 200).t.tolist() == [100]


def test_distance_and_velocity_are_those_of_the_geodesic() -> None:
    # 0.1 degrees of longitude on the equator, 11131.949 m (WGS 84: 6378137 m * 0.1 * pi / 180).
    run = _run([0, 10, 20], [0.0, 0.1, 0.1], lat=0.0)
    assert run.distance().values == pytest.approx([0, 11131.949, 11131.949], abs=1e-3)
    assert run.velocity().values == pytest.approx([18.5532, 0, 0], abs=1e-3)
    assert run.velocity().interpolation == "Step"
    assert run.acceleration().values == pytest.approx([-18.5532 / 600], abs=1e-5)
    assert run.acceleration().t.tolist() == [10 * MINUTE]


def test_one_fix_has_no_velocity() -> None:
    run = _run([0], [1.0])
    assert len(run.velocity().t) == 0 and len(run.acceleration().t) == 0
    assert run.distance().values.tolist() == [0]


def test_a_measure_is_cut_where_it_was_missing_for_long() -> None:
    t = np.arange(6, dtype=np.int64) * 10 * MINUTE
    column = np.array([1, np.nan, np.nan, np.nan, 15, 2.0])
    run = Run(0, Series(t, np.zeros(6)), Series(t, np.zeros(6)), {"nav": column})
    found = run.measured("nav", "Step", 15, GAP_MS)
    assert [part.values.tolist() for part in found] == [[1.0], [2.0]]


@given(st.lists(st.integers(0, 200), min_size=1, max_size=40), st.integers(0, 200))
def test_runs_hold_every_instant_once(minutes: list[int], gap: int) -> None:
    ordered = sorted(minutes)
    runs = _runs(list(ordered), gap_ms=gap * MINUTE)
    times = [value for run in runs for value in run.t.tolist()]
    assert times == [m * MINUTE for m in sorted(set(ordered))]
    for run in runs:
        assert (np.diff(run.t) <= gap * MINUTE).all()
