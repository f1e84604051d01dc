"""Real labelled tracks: the score beats speed alone on vessels it has not seen; gear is guessed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analytics.fishing.evaluation import auc, figures, leave_one_vessel_out, recall
from analytics.fishing.gear import cross_validated, gear_features, position_features
from analytics.fishing.labels import Labels, read_labels
from analytics.fishing.model import load
from tests.analytics.fishing.tracks import portugal, scotland

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def folder(real_data: Path) -> Path:
    return real_data / "fishing_labels"


@pytest.fixture(scope="module")
def labelled(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Labels, np.ndarray]:
    """Rows of both sets, and what each boat was doing in the words of its set."""
    tables = {"portugal": portugal(folder), "scotland": scotland(folder)}
    made = tmp_path_factory.mktemp("labels")
    for name, table in tables.items():
        table.to_parquet(made / f"{name}.parquet")
    both = read_labels([made / f"{name}.parquet" for name in tables])
    rows = pd.concat(tables.values())
    rows = rows.sort_values(["vessel_id", "time"], kind="stable")
    return both, rows.loc[rows["label"] != "", "kind"].to_numpy(str)


def test_unseen_vessels_are_scored_better_than_by_speed(
    labelled: tuple[Labels, np.ndarray],
) -> None:
    both, kind = labelled
    assert not both.rejected
    assert len(both.labels) == len(kind) == 4452
    scores = leave_one_vessel_out(both.features, both.labels, both.vessels)
    scotch = np.char.startswith(both.vessels, "AR")
    parts = {
        "portugal": ~scotch,
        "scotland": scotch,
        "hauling": scotch & (kind != "shooting"),
        "shooting": scotch & (kind != "hauling"),
    }
    found = {
        name: figures(name, both.labels[own], scores[own], both.speed_mps[own])
        for name, own in parts.items()
    }
    for one in found.values():
        assert one.auc > one.auc_speed + 0.01, one
    assert found["portugal"].auc > 0.965
    assert found["scotland"].auc > 0.90
    assert found["hauling"].auc > 0.921
    assert found["shooting"].auc > 0.78
    # Speed finds slow boats; a boat that shoots its gear is as fast as one that steams.
    shooting = parts["shooting"]
    high, false = recall(both.labels[shooting], scores[shooting])
    assert high > 2 * false


def test_shipped_weights_know_what_they_were_trained_on(
    labelled: tuple[Labels, np.ndarray],
) -> None:
    both, _ = labelled
    trees = load()
    assert trees.meta["rows"] == len(both.labels)
    assert trees.meta["rows_fishing"] == both.labels.sum()
    assert auc(both.labels, trees.score(both.features)) > 0.98


def test_gear_is_guessed_without_knowing_the_place(folder: Path) -> None:
    fixes = pd.read_parquet(folder / "tianchi_gear_tracks.parquet")
    vessel = fixes["vessel_id"].to_numpy()
    t = fixes["time_local"].astype("datetime64[ms]").astype("int64").to_numpy()
    x, y = fixes["x_m"].to_numpy(), fixes["y_m"].to_numpy()
    speed = fixes["speed_kn"].to_numpy(float) * 1852 / 3600
    course = fixes["course_deg"].to_numpy(float)
    first = np.concatenate(([0], np.flatnonzero(vessel[1:] != vessel[:-1]) + 1))
    parts = [slice(a, b) for a, b in zip(first, [*first[1:], len(vessel)], strict=True)]
    gear = fixes["gear"].astype(str).to_numpy(str)[first]
    shape = np.array([gear_features(t[p], x[p], y[p], speed[p], course[p]) for p in parts])
    place = np.array([position_features(x[p], y[p]) for p in parts])
    assert len(gear) == 3167
    without, _ = cross_validated(shape, gear, trees=100)
    with_place, _ = cross_validated(np.hstack([shape, place]), gear, trees=30)
    assert without >= 0.70
    assert with_place > without


def test_gear_features_do_not_know_the_place() -> None:
    draw = np.random.default_rng(1)
    n = 300
    t = 1_573_000_000_000 + np.arange(n) * 600_000
    x, y = (
        np.cumsum(draw.integers(-900, 900, n)) * 1.0,
        np.cumsum(draw.integers(-900, 900, n)) * 1.0,
    )
    speed, course = draw.uniform(0, 5, n), draw.uniform(0, 360, n)
    here = gear_features(t, x, y, speed, course)
    there = gear_features(t + 30 * 86_400_000, x + 2**20, y - 2**21, speed, course)
    np.testing.assert_allclose(here, there, rtol=1e-6, atol=1e-6)
    assert np.isfinite(gear_features(t[:1], x[:1], y[:1], speed[:1], course[:1])).all()
