"""Features of a track: against a plain second calculation, and the same under any split."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.fishing import features as module
from analytics.fishing.features import FEATURES, SPACING_MS, WINDOWS_H, forget, update
from analytics.fishing.wording import TITLES
from analytics.rule import Columns, State, dump_state, load_state
from tests.analytics.fishing.tracks import made_up

HOUR = 3_600_000


def taken(columns: Columns, rows: np.ndarray) -> Columns:
    return {name: column[rows] for name, column in columns.items()}


@pytest.mark.parametrize("parts", [2, 23, 1600])
def test_any_split_gives_the_same_bits(parts: int) -> None:
    columns = made_up()
    whole = update({}, columns)
    order = np.argsort(columns["t"], kind="stable")
    state: State = {}
    split = np.zeros_like(whole)
    for chunk in np.array_split(order, parts):
        rows = np.sort(chunk)
        split[rows] = update(state, taken(columns, rows))
        state = load_state(dump_state(state))
    assert split.tobytes() == whole.tobytes()


def test_a_feature_does_not_know_what_comes() -> None:
    columns = made_up(movers=1)
    whole = update({}, columns)
    for end in (1, 17, 200):
        assert update({}, taken(columns, np.arange(end))).tobytes() == whole[:end].tobytes()


def test_movers_do_not_mix() -> None:
    columns = made_up()
    whole = update({}, columns)
    own = np.flatnonzero(columns["mover"] == "m2")
    assert update({}, taken(columns, own)).tobytes() == whole[own].tobytes()


def test_features_are_finite_even_of_nothing() -> None:
    columns = made_up()
    assert np.isfinite(update({}, columns)).all()
    nowhere = {**columns, "x": np.full(len(columns["t"]), np.nan)}
    assert not update({}, nowhere).any()
    assert update({}, {name: c[:0] for name, c in columns.items()}).shape == (0, len(FEATURES))


def test_the_state_holds_a_day_and_forgets() -> None:
    columns = made_up()
    state: State = {}
    update(state, columns)
    for kept in (np.array(one["kept"]) for one in state.values()):
        t = kept[:, 0]
        assert (np.diff(t) >= SPACING_MS).all()
        assert (t > t[-1] - 24 * HOUR).sum() >= len(t) - 2
    forget(state, int(columns["t"].max()))
    assert state
    forget(state, int(columns["t"].max()) + 25 * HOUR)
    assert not state


def used_rows(columns: Columns) -> list[int]:
    """Rows that are measured, by the rule as it is written."""
    used: list[int] = []
    for i, t in enumerate(columns["t"]):
        known = np.isfinite(columns["x"][i]) and np.isfinite(columns["y"][i])
        if known and (not used or t - columns["t"][used[-1]] >= SPACING_MS):
            used.append(i)
    return used


def derived(columns: Columns, used: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Speed (m/s) and course (rad) of the rows used, sent or made from the step."""
    speed, course = np.zeros(len(used)), np.zeros(len(used))
    for j, i in enumerate(used):
        speed[j], course[j] = columns["sog_mps"][i], np.radians(columns["cog_deg"][i])
        before = used[max(j - 1, 0)]
        dx, dy = (columns[k][i] - columns[k][before] for k in ("x", "y"))
        if np.isnan(speed[j]):
            seconds = (columns["t"][i] - columns["t"][before]) / 1000
            speed[j] = min(np.hypot(dx, dy) / seconds, 60) if j else 0
        if np.isnan(course[j]):
            course[j] = np.arctan2(dx, dy) if dx or dy else (course[j - 1] if j else 0)
    return speed, course


def test_windows_are_what_a_plain_calculation_gives() -> None:
    columns = made_up(movers=1)
    whole = update({}, columns)
    used = used_rows(columns)
    speed, course = derived(columns, used)
    t = columns["t"][used]
    for j, i in enumerate(used):
        for k, hours in enumerate(WINDOWS_H):
            inside = (t > t[j] - hours * HOUR) & (t <= t[j])
            spread = np.cos(course[inside]).std() + np.sin(course[inside]).std()
            expected = [speed[inside].mean(), speed[inside].std(), spread]
            np.testing.assert_allclose(whole[i, 3 * k : 3 * k + 3], expected, atol=2e-3)


def test_short_features_are_what_a_plain_calculation_gives() -> None:
    columns = made_up(movers=1)
    whole = update({}, columns)
    used = used_rows(columns)
    speed, course = derived(columns, used)
    t, x, y = (columns[name][used] for name in ("t", "x", "y"))
    at = {name: k for k, name in enumerate(FEATURES)}
    slow = np.zeros(len(used), bool)
    step = np.concatenate([[0], np.hypot(np.diff(x), np.diff(y))])
    turn = np.concatenate([[0], np.abs(np.degrees(np.angle(np.exp(1j * np.diff(course)))))])
    for j, i in enumerate(used):
        got = dict(zip(FEATURES, whole[i].tolist(), strict=True))
        day = np.floor(np.round(speed[(t > t[j] - 24 * HOUR) & (t <= t[j])], 3) * 10 + 1e-9)
        rank = int(np.ceil(0.9 * len(day) - 1e-9))
        cruise = max(np.sort(day)[rank - 1] / 10, 2.0)
        slow[j] = round(speed[j] * 1000) < cruise * 500
        assert got["cruise_speed"] == pytest.approx(cruise, abs=1e-6)
        assert got["speed_of_cruise"] == pytest.approx(speed[j] / cruise, abs=1e-3)
        for minutes in (5, 10, 20):
            first = max(min(int(np.searchsorted(t, t[j] - minutes * 60_000, "right")), j - 2), 0)
            net, path = np.hypot(x[j] - x[first], y[j] - y[first]), step[first + 1 : j + 1].sum()
            assert got[f"straight_{minutes}min"] == pytest.approx(
                min(net / path, 1) if path > 0.01 else 0, abs=1e-3
            )
            passed = (t[j] - t[first]) / 60_000
            if minutes != 10 and passed:
                turned = turn[first + 1 : j + 1].sum() / passed
                assert got[f"turning_{minutes}min"] == pytest.approx(turned, abs=0.02)
            if minutes == 5:
                change = speed[j] - speed[first : j + 1].mean()
                assert got["speed_change"] == pytest.approx(change, abs=2e-3)
        for hours, name in ((0.5, "30min"), (3, "3h")):
            inside = (t > t[j] - hours * HOUR) & (t <= t[j])
            assert got[f"slow_share_{name}"] == pytest.approx(slow[inside].mean(), abs=1e-6)
    assert at["speed"] == 18


def test_a_last_haul_is_remembered() -> None:
    # East at 4 m/s for 20 min, slow for 10 min, then back west along the same line.
    speed = np.repeat([4.0, 0.5, 4.0], [20, 10, 5])
    x = np.cumsum(speed * np.repeat([1, 1, -1], [20, 10, 5]) * 60)
    n = len(speed)
    columns: Columns = {
        "mover": np.repeat("m", n),
        "t": 1_600_000_000_000 + np.arange(n) * 60_000,
        "x": x,
        "y": np.zeros(n),
        "sog_mps": speed,
    }
    out = update({}, columns)
    before, last = (dict(zip(FEATURES, out[k].tolist(), strict=True)) for k in (10, -1))
    assert before["since_haul"] == 1440
    assert before["from_haul_end"] == 20_000
    assert last["since_haul"] == 5
    assert last["haul_length"] == 9
    assert last["from_haul_end"] == pytest.approx(1200)
    assert last["from_haul_start"] == pytest.approx(1200 - 270)
    assert last["off_haul_line"] == pytest.approx(930)
    assert last["along_haul"] == pytest.approx(-1, abs=1e-6)
    assert last["towards_haul"] == pytest.approx(-1, abs=1e-6)


def test_every_feature_has_its_words() -> None:
    assert set(TITLES) == set(FEATURES)
    assert len(module.WINDOWS_H) * 3 == 18
