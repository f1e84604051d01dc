"""Weights as JSON: the same answers as scikit-learn, refused when broken, and explained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from analytics.fishing.evaluation import auc, leave_one_vessel_out, macro_f1, recall
from analytics.fishing.features import FEATURES, Matrix, update
from analytics.fishing.model import Trees, WeightsError, load, lying, parse
from analytics.fishing.training import balanced, exported, fitted, train
from layers.errors import OnemapError
from tests.analytics.fishing.tracks import made_up


@pytest.fixture(scope="module")
def rows() -> tuple[Matrix, np.ndarray, np.ndarray]:
    columns = made_up(movers=3, rows=300, step_s=(30, 120))
    features = update({}, columns)
    slow = (np.arange(len(features)) // 37) % 2 == 0
    return features, slow, columns["mover"].astype(str)


def test_json_gives_what_scikit_learn_gives(rows: tuple[Matrix, np.ndarray, np.ndarray]) -> None:
    features, labels, vessels = rows
    machine = fitted(features, labels, vessels, seed=3)
    read = parse(exported(machine, {"seed": 3}).dump())
    expected = machine.predict_proba(features)[:, 1]
    np.testing.assert_allclose(read.score(features), expected, rtol=0, atol=1e-12)
    assert read.meta == {"seed": 3}
    assert read.dump() == exported(machine, {"seed": 3}).dump()


def test_training_repeats(rows: tuple[Matrix, np.ndarray, np.ndarray]) -> None:
    assert train(*rows, 3, {}).dump() == train(*rows, 3, {}).dump()
    assert train(*rows, 3, {}).meta["vessels"] == 3


def test_reasons_add_up(rows: tuple[Matrix, np.ndarray, np.ndarray]) -> None:
    trees, features = load(), rows[0]
    adds = trees.contributions(features)
    np.testing.assert_allclose(trees.expected + adds.sum(axis=1), trees.log_odds(features))
    reasons = trees.reasons(features[50], most=4)
    assert len(reasons) == 4
    assert sorted((abs(r.adds) for r in reasons), reverse=True) == [abs(r.adds) for r in reasons]
    for reason in reasons:
        assert reason.value == features[50, FEATURES.index(reason.feature)]
        assert ("speaks for" in reason.text.en) == (reason.adds > 0)
        assert ("：支持" in reason.text.zh) == (reason.adds > 0)


def test_shipped_weights_tell_hauling_from_steaming() -> None:
    n = 120
    speed = np.where((np.arange(n) >= 60) & (np.arange(n) < 90), 0.6, 3.5)
    columns = {
        "mover": np.repeat("m", n),
        "t": 1_600_000_000_000 + np.arange(n) * 60_000,
        "x": np.cumsum(speed * 60),
        "y": np.zeros(n),
        "sog_mps": speed,
        "cog_deg": np.full(n, 90.0),
    }
    trees = load()
    score = trees.score(update({}, columns))
    assert score.min() >= 0
    assert score.max() <= 1
    assert score[70:90].mean() > 0.8
    assert score[20:60].mean() < 0.2
    assert trees.meta["licence"] == "MIT"
    assert trees.meta["vessels"] == 6


def test_a_moored_boat_is_told() -> None:
    columns = made_up(movers=1, rows=50, step_s=(60, 61))
    columns["sog_mps"] = np.zeros(50)
    assert lying(update({}, columns))[-1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "other"}, "format 'other'"),
        ({"features": ["speed"]}, "other features"),
        ({"base": None}, "not weights of ours"),
        ({"roots": [10**6]}, "broken"),
        ({"value": [0.0]}, "broken"),
        ({"left": None}, "not weights of ours|broken"),
    ],
)
def test_broken_weights_are_refused(change: dict[str, Any], said: str) -> None:
    whole = {**orjson.loads(load().dump()), **change}
    with pytest.raises(WeightsError, match=said):
        parse(orjson.dumps(whole))


def test_trees_that_would_never_end_are_refused() -> None:
    whole = orjson.loads(load().dump())
    whole["left"][0] = 0
    with pytest.raises(WeightsError, match="follow their parents"):
        parse(orjson.dumps(whole))


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="No such file"):
        load(tmp_path / "none.json")
    (tmp_path / "text.json").write_text("[1")
    with pytest.raises(WeightsError, match="not weights"):
        load(tmp_path / "text.json")


def test_a_matrix_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="expected"):
        load().score(np.zeros((3, 2), np.float32))


def test_training_needs_both_labels(rows: tuple[Matrix, np.ndarray, np.ndarray]) -> None:
    features, labels, vessels = rows
    with pytest.raises(OnemapError, match="both labels"):
        fitted(features, np.ones(len(labels), bool), vessels, 0)
    with pytest.raises(OnemapError, match="two vessels"):
        leave_one_vessel_out(features, labels, np.repeat("m", len(labels)))


def test_weights_of_rows_count_labels_of_vessels_alike() -> None:
    labels = np.array([True, True, True, False, True, False])
    vessels = np.array(["a", "a", "a", "a", "b", "b"])
    found = balanced(labels, vessels)
    assert found.mean() == pytest.approx(1)
    assert found[:3].sum() == pytest.approx(found[3])
    assert found[3] == pytest.approx(found[5])


def test_the_area_under_the_curve_counts_pairs() -> None:
    draw = np.random.default_rng(2)
    labels = draw.random(200) < 0.3
    scores = np.round(draw.random(200) + labels * 0.3, 1)
    a, b = scores[labels][:, None], scores[~labels][None, :]
    assert auc(labels, scores) == pytest.approx(((a > b) + 0.5 * (a == b)).mean())
    assert np.isnan(auc(np.ones(3, bool), np.zeros(3)))
    assert recall(np.array([True, True, False]), np.array([0.7, 0.2, 0.5])) == (0.5, 1.0)


def test_macro_f1_is_a_plain_mean_over_classes() -> None:
    truth = np.array(["a", "a", "b", "c"])
    assert macro_f1(truth, truth) == 1
    assert macro_f1(truth, np.array(["a", "b", "b", "b"])) == pytest.approx((2 / 3 + 0.5 + 0) / 3)


def test_trees_are_flat_arrays() -> None:
    trees = load()
    assert isinstance(trees, Trees)
    assert (trees.feature < len(FEATURES)).all()
